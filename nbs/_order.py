"""The order of the book. The one list is the sidebar of _quarto.yml; titles, numbers and addresses follow from the notebooks."""

import json
import re
from configparser import ConfigParser
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / "nbs"
TESTS = ("selftest", "examination")  # how the pages are named that ask and do not teach
PREFIX = re.compile(r"\b\d+[a-z]?_(?=\w+)")  # of a notebook's file name, which its page has not: 02_softmax, 06a_selftest_one


def key(name: str) -> str:
    """The name of a notebook's page, without its ending: softmax for 02_softmax.ipynb."""
    return PREFIX.sub("", name.removesuffix(".ipynb"), count=1)


@dataclass
class Place:
    """A notebook and where it stands: in which part, under which number; appendices and pages between chapters have none.

    Who reads more of a notebook adds it: _weave.py what its cells define and use, tools/trees.py its text as a tree.
    """
    path: Path
    part: str = ""
    number: str = ""

    @property
    def key(self) -> str:
        return key(self.path.name)

    @property
    def page(self) -> str:
        return f"{self.key}.html"

    @cached_property
    def title(self) -> str:
        """What stands behind the # of its first cell; raises ValueError, with the notebook's name, if nothing does."""
        first = "".join(json.loads(self.path.read_text(encoding="utf-8"))["cells"][0]["source"])
        if not (found := re.match(r"# (.+)", first)):
            raise ValueError(f"{self.path.name} must begin with a cell `# Title`, not {first[:40]!r}")
        return found[1]

    @property
    def short(self) -> str:
        """The title without what follows its colon."""
        return self.title.split(":")[0]

    @property
    def appendix(self) -> bool:
        return self.part == "Appendices"


@cache
def config() -> Any:
    """_quarto.yml, read once."""
    return yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))


def particulars() -> dict[str, str]:
    """Title, author and the rest of the book, from where they are said."""
    book, settings = config(), ConfigParser(delimiters=["="])
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    site, cfg = book["website"], settings["DEFAULT"]
    return {"title": site["title"], "description": site["description"], "author": cfg["author"], "version": cfg["version"],
            "url": cfg["site_url"], "lang": book["format"]["html"].get("lang", "en"), "keywords": cfg["keywords"],
            "repository": cfg["git_url"], "branch": cfg["branch"],
            "licence": "Text and figures: CC BY 4.0. Code: Apache License 2.0."}


def order() -> list[Place]:
    """The notebooks that the sidebar names and that are there, in its order.

    Raises ValueError for one that is there and not named.
    """
    found: list[Place] = []

    def add(items: list[Any], part: str) -> None:
        for item in items:
            if isinstance(item, dict) and "contents" in item:
                add(item["contents"], part or item["section"])
                continue
            path = NBS / (item if isinstance(item, str) else item["href"])
            number = re.match(r"0*(\d+)_", path.name)
            found.append(Place(path, part, number[1] if number and part and part != "Appendices" else ""))

    add(config()["website"]["sidebar"]["contents"], "")
    for path in sorted(set(NBS.glob("*.ipynb")) - {p.path for p in found}):
        raise ValueError(f"_quarto.yml must name every notebook of nbs/ in its sidebar, but {path.name} is missing")
    return [place for place in found if place.path.exists()]


def entries(text: str) -> str:
    """_quarto.yml with every numbered chapter under its number and title, as the notebook says it."""
    texts = {p.path.name: f'"{p.number} · {p.title}"' for p in order() if p.number}
    for name, title in texts.items():
        plain = rf"^( *)- {re.escape(name)}$"
        text = re.sub(plain, lambda m, t=title, n=name: f"{m[1]}- text: {t}\n{m[1]}  href: {n}", text, flags=re.M)  # type: ignore[misc]
        named = rf"^( *- text: ).*(\n *href: {re.escape(name)})$"
        text = re.sub(named, lambda m, t=title: m[1] + t + m[2], text, flags=re.M)  # type: ignore[misc]
    return text


def parts() -> dict[str, list[tuple[str, str]]]:
    """The parts with their chapters as the map shows them, {part: [(number and short title, page)]}, without what only asks."""
    found: dict[str, list[tuple[str, str]]] = {}
    for place in order():
        if place.part and not place.appendix and not place.key.startswith(TESTS):
            found.setdefault(place.part, []).append((f"{place.number}  {place.short}".strip(), place.page))
    return found
