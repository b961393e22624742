"""The words that the tools put around the text, in the language of the page that is being made.

`say("About {} minutes", 20)` is English; inside `with speaking(words):` it is what `words` has for it, {English: translated}.
tools/translate.py finds these calls, and their words stand in nbs/de/site.po.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_now: list[Mapping[str, str]] = [{}]


def say(words: str, *values: object) -> str:
    """These words, with the values in place of {}, in the language that is spoken now."""
    said = _now[-1].get(words, words)
    return said.format(*values) if values else said


@contextmanager
def speaking(words: Mapping[str, str]) -> Iterator[None]:
    """While this lasts, `say` gives these words; what is not among them stays English."""
    _now.append(words)
    try:
        yield
    finally:
        _now.pop()
