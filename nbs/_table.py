"""A table made by a cell, that a phone shows row by row."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Table:
    """A table for the page; a line of text where HTML cannot be shown."""
    caption: str
    head: list[str]
    rows: list[list[str]]

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        head = "".join(f'<th scope="col">{h}</th>' for h in self.head)
        rows = "\n".join(self._row(*row) for row in self.rows)
        table = (f'<table class="index" data-quarto-disable-processing="true">\n<caption>{self.caption}</caption>\n'
                 f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>")
        return {"text/html": table, "text/plain": f"[table: {self.caption}, {len(self.rows)} rows]"}

    def _row(self, first: str, *rest: str) -> str:
        # a phone shows a row as a small block, with these labels for the head of the table
        cells = "".join(f'<td data-label="{h}">{cell}</td>' for h, cell in zip(self.head[1:], rest, strict=True))
        return f'<tr><th scope="row">{first}</th>{cells}</tr>'
