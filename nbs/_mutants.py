"""What `make mutate` found, and whether it still holds: nbs/mutants/results.json, and why the survivors there may live."""

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "mutants"
PACKAGE = FOLDER.parent.parent / "nnlit"  # not imported: tools/mutate.py imports it after its faults are planted
LEFT_OUT = {"__init__", "_modidx"}  # names, and nbdev's index of them


@dataclass(frozen=True)
class Found:
    """What became of the faults of one module."""
    module: str
    content: str  # a hash of the text that was measured
    planted: int
    every: int  # each n-th of them was judged
    judged: int
    stillborn: int
    both: int
    tests: int
    book: int
    survivors: list[str]
    seconds: int

    @property
    def equivalent(self) -> list[str]:
        """The survivors that nothing could notice; why is written down."""
        known = reasons()
        return [key for key in self.survivors if key in known]

    @property
    def unexplained(self) -> list[str]:
        """The survivors that somebody should have noticed."""
        known = reasons()
        return [key for key in self.survivors if key not in known]

    @property
    def killed(self) -> int:
        return self.both + self.tests + self.book

    @property
    def share(self) -> float:
        """Killed, of those that could be."""
        return self.killed / max(1, self.judged - len(self.equivalent))

    @property
    def current(self) -> bool:
        """Whether the module is still what was measured."""
        return content((PACKAGE / f"{self.module}.py").read_text(encoding="utf-8")) == self.content


def modules() -> list[str]:
    """The modules of the package that hold code."""
    return sorted(f.stem for f in PACKAGE.glob("*.py") if f.stem not in LEFT_OUT)


def content(text: str) -> str:
    """A hash of a module's text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def found() -> list[Found]:
    """What was found of every module that is still there."""
    results = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))
    return [Found(module=name, **entry) for name, entry in results.items() if name in modules()]


def reasons() -> dict[str, str]:
    """Why a surviving fault is none: for each, in the words that name it, one line."""
    text = (FOLDER / "equivalent.toml").read_text(encoding="utf-8")
    return {entry["fault"]: entry["why"] for entry in tomllib.loads(text).get("equivalent", [])}
