"""What a version must say of itself: one number everywhere, an entry in CHANGELOG.md, and no old way longer than promised.

    python tools/released.py          before a commit
    python tools/released.py v1.2.3   before that tag is published: it is this version, and its entry has a day

An old name goes on for one minor release and warns: `warnings.warn("nnlit.old is deprecated since 0.3: use nnlit.new",
DeprecationWarning, stacklevel=2)`, then the new call. That line is all of it. `warnings.deprecated` is Python 3.13's: for
3.11 it would be a requirement, and a decorator of our own would stand in the package for years before it is used.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "nbs"))

from _order import particulars  # noqa: E402

ENTRY = re.compile(r"^## (\d+)\.(\d+)\.(\d+), (unreleased|\d{4}-\d\d-\d\d)$")
WORDS = re.compile(r"nnlit\.[\w.]+(?:\(\w+=\))? is deprecated since (\d+)\.(\d+): use \S.*")


def entries(text: str) -> list[tuple[tuple[int, ...], str]]:
    """The versions of a changelog with their days, as they stand; ValueError for a heading that is none."""
    found = []
    for line in re.findall(r"^## .*$", text, re.M):
        if not (m := ENTRY.match(line)):
            raise ValueError(f"CHANGELOG.md: a heading must be as '## 1.2.3, 2027-01-31' or '…, unreleased', not {line!r}")
        found.append((tuple(map(int, m.groups()[:3])), m[4]))
    return found


def changelog(text: str, version: str, tag: str = "") -> Iterator[str]:
    """What is wrong with a changelog, or with publishing a version by a tag."""
    try:
        found = entries(text)
    except ValueError as e:
        yield str(e)
        return
    numbers, days = [n for n, _ in found], [day for _, day in found]
    if not found or ".".join(map(str, numbers[0])) != version:
        yield f"CHANGELOG.md must begin with an entry for {version}, the version of settings.ini"
    if numbers != sorted(set(numbers), reverse=True) or days[1:] != sorted(days[1:], reverse=True):
        yield "CHANGELOG.md must have each version once, the newest first, with its day"
    if "unreleased" in days[1:]:
        yield "CHANGELOG.md: only the newest version can be unreleased"
    if tag and tag != f"v{version}":
        yield f"the tag is {tag}, the version of settings.ini {version}"
    if tag and days[:1] == ["unreleased"]:
        yield f"CHANGELOG.md calls {version} unreleased: give it its day"


def deprecations(source: str, version: str) -> Iterator[str]:
    """What is wrong with the warnings of a module: words that do not say since when and what to use, or one that is overdue."""
    now = tuple(map(int, version.split(".")[:2]))
    for call in (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call)):
        given = [*call.args, *(k.value for k in call.keywords)]
        if not any(isinstance(a, ast.Name) and a.id == "DeprecationWarning" for a in given):
            continue
        words = call.args[0].value if isinstance(call.args[0], ast.Constant) else ""
        said = WORDS.fullmatch(str(words))
        if not said:
            yield f"line {call.lineno}: say 'nnlit.old is deprecated since 1.2: use nnlit.new', in one string, not {words!r}"
        elif now > (since := (int(said[1]), int(said[2]))) and now[0] == since[0] and now[1] - since[1] > 1:
            yield f"line {call.lineno}: deprecated since {said[1]}.{said[2]}, it goes on for one minor release: take it out"
        elif now[0] > since[0]:
            yield f"line {call.lineno}: deprecated since {said[1]}.{said[2]}, before this major release: take it out"
        if not any(k.arg == "stacklevel" and isinstance(k.value, ast.Constant) and k.value.value == 2 for k in call.keywords):
            yield f"line {call.lineno}: stacklevel=2 shows the line of whoever calls"


def complaints(tag: str = "") -> list[str]:
    """All that is wrong with this version of the project."""
    version = particulars()["version"]
    found = list(changelog((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version, tag))
    for name, said in [("nnlit/__init__.py", rf'^__version__ = "{version}"$'), ("CITATION.cff", rf"^version: {version}$")]:
        if not re.search(said, (ROOT / name).read_text(encoding="utf-8"), re.M):
            found.append(f"{name} must say {version}, as settings.ini does")
    for file in sorted((ROOT / "nnlit").glob("*.py")):
        found += [f"nnlit/{file.name}, {what}" for what in deprecations(file.read_text(encoding="utf-8"), version)]
    return found


if __name__ == "__main__":
    if wrong := complaints(*sys.argv[1:2]):
        sys.exit("released: " + "\nreleased: ".join(wrong))
