"""A page of the site as a tree: read once, changed by whoever has something to change, written once."""

from typing import Any

from bs4 import BeautifulSoup, Tag
from bs4.dammit import EntitySubstitution
from bs4.element import PreformattedString
from bs4.formatter import HTMLFormatter


class Markup(PreformattedString):
    """HTML that goes into a page as it stands; as text of the page it does not count."""


class AsWritten(HTMLFormatter):
    """Attributes in the order in which the renderer wrote them, and no more entities than are needed."""

    def __init__(self) -> None:
        super().__init__(EntitySubstitution.substitute_xml, void_element_close_prefix="")

    def attributes(self, tag: Tag) -> list[tuple[str, Any]]:
        return list(tag.attrs.items())


def parse(text: str) -> BeautifulSoup:
    """A page as a tree. A browser reads the same from what `written` makes of it: lxml moves and drops nothing of ours."""
    return BeautifulSoup(text, "lxml")


def written(page: BeautifulSoup) -> str:
    """The page in HTML."""
    return page.decode(formatter=AsWritten())


def classes(tag: Tag) -> list[str]:
    """The classes of an element."""
    return list(tag.get("class") or [])
