"""What the chapters define and use, read from the notebooks themselves: for the index, and for the links in the pages' code.

Jedi, which finds definitions for editors, decides what a name in a cell means. It sees what the reader has seen, the cells up to
that one, so a name that a chapter gives to something of its own is not taken for the package's.
"""

import ast
import hashlib
import html
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from functools import cached_property
from pathlib import Path

import jedi
import numpy as np
import parso.cache
from parso.python.tree import Module, Name
from parso.tree import NodeOrLeaf

from _order import Place, order, particulars
from _table import Table

ROOT = Path(__file__).resolve().parent.parent
CACHE = tempfile.TemporaryDirectory()  # Jedi's, one for each process: what one is writing another must not read
jedi.settings.cache_directory = CACHE.name


def name_at(tree: Module, place: tuple[int, int]) -> NodeOrLeaf | None:
    """The name that begins at a place, found by halving, as leaves are: parso walks through the whole file for it."""
    leaf = tree.get_leaf_for_position((place[0], place[1] + 1))
    return leaf if isinstance(leaf, Name) else None


Module.get_name_of_position = name_at  # type: ignore[method-assign,assignment]
parso.cache._CACHED_SIZE_TRIGGER = 100_000  # from 600 files on parso would drop some that Jedi still holds
USES = ROOT / "_stage" / "uses"  # what Jedi has found, by a digest of what it has looked at
DIRECTIVE = re.compile(r"#\|\s*([\w-]+):?\s*(.*?)\s*$")
TERM = re.compile(r'<dfn(?: title="([^"]+)")?>(.*?)</dfn>', re.S)  # the title, if there is one, is how the index spells it
NOT_PROSE = re.compile(r"^(```|~~~).*?^\1|\$\$.*?\$\$|</?[a-z][^>]*>", re.S | re.M)
APPENDICES = "90"  # numbers from here on build on the whole book
WORDS_A_MINUTE, LINES_A_MINUTE = 180, 12  # of a text one thinks about; of code one follows


@dataclass(frozen=True)
class Use:
    """A name in a cell: which identifier or method it means, and where it stands in the cell's source."""
    target: str  # as nnlit.softmax.Softmax.backward
    name: str
    line: int  # from 1
    column: int
    importing: bool


@dataclass
class Cell:
    """A code cell: its source below the directives, and what nbdev makes of it."""
    id: str
    code: str
    shown: bool
    exported: bool
    folded: bool = False  # named after `#| fold:` beside `#| default_exp`: its code is there for whoever opens it
    uses: list[Use] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """What stands for its code where that is folded: the names it defines, those of helpers if it has no others."""
        made = [node.name for node in ast.parse(self.code).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        names = [name for name in self.defines() if "." not in name] or made
        return "The code of " + ", ".join(names) if names else "The code"

    def defines(self) -> dict[str, str]:
        """The public names this cell gives to its module and the methods of its classes, each with its kind."""
        found = {}
        for node in ast.parse(self.code).body if self.exported else []:
            if isinstance(node, ast.FunctionDef):
                found[node.name] = "function"
            elif isinstance(node, ast.ClassDef):
                found[node.name] = "class"
                found |= {f"{node.name}.{f.name}": "method" for f in node.body if isinstance(f, ast.FunctionDef)}
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {n.id: "value" for t in targets for n in ast.walk(t)
                          if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        return {name: kind for name, kind in found.items() if not re.search(r"(^|\.)_", name)}


@dataclass(eq=False)  # each is itself
class Chapter(Place):
    """A notebook, as far as links need it."""
    module: str = ""  # if it exports anything
    prose: str = ""
    cells: list[Cell] = field(default_factory=list)

    @property
    def minutes(self) -> int:
        """How long it takes to read, to the nearest five minutes."""
        words = len(NOT_PROSE.sub(" ", self.prose).split())
        lines = sum(len(c.code.splitlines()) for c in self.cells if c.shown and not c.folded)
        return 5 * round((words / WORDS_A_MINUTE + lines / LINES_A_MINUTE) / 5)

    def first_use(self, target: str) -> Cell | None:
        """The first shown cell that uses an identifier; one that only imports it, if no other does."""
        using = [(u.importing, i) for i, c in enumerate(self.cells) if c.shown for u in c.uses if u.target == target]
        return self.cells[min(using)[1]] if using else None


@dataclass(frozen=True)
class Identifier:
    """A public name of the package, or a method, and the cell that defines it."""
    target: str
    name: str
    kind: str
    chapter: Chapter = field(compare=False)
    cell: Cell = field(compare=False)


def read_chapter(place: Place) -> Chapter:
    """One notebook; what its cells use is found later, when all definitions are known."""
    all_cells = json.loads(place.path.read_text(encoding="utf-8"))["cells"]
    prose = "\n\n".join("".join(c["source"]) for c in all_cells if c["cell_type"] == "markdown")
    module, cells, folded = "", [], set[str]()
    for c in all_cells:
        if c["cell_type"] == "code":
            lines = "".join(c["source"]).splitlines()
            directives = {}
            while lines and (m := DIRECTIVE.match(lines[0])):
                directives[m[1]] = m[2]
                del lines[0]
            module = directives.get("default_exp", module)
            hidden = directives.keys() & {"hide", "export", "exporti", "default_exp"} or "false" in (
                directives.get("echo"), directives.get("include"))
            exported = bool(directives.keys() & {"export", "exports", "exporti"})
            folded |= set(directives.get("fold", "").split())
            cells.append(Cell(c["id"], "\n".join(lines).strip("\n"), bool(lines) and not hidden, exported, c["id"] in folded))
    exports = any(c.exported for c in cells)
    return Chapter(place.path, place.part, place.number, module if exports else "", prose, cells)


class Book:
    """All chapters, what each defines and what each uses."""

    def __init__(self, places: list[Place] | None = None, backwards: bool = False) -> None:
        self.chapters = [read_chapter(place) for place in (order() if places is None else places)]
        self.targets: dict[str, Identifier] = {}
        for chapter in self.chapters:
            for cell in chapter.cells:
                for name, kind in cell.defines().items():
                    target = f"nnlit.{chapter.module}.{name}"
                    self.targets[target] = Identifier(target, name, kind, chapter, cell)
        self.project = jedi.Project(ROOT)
        known = "\0".join([jedi.__version__, *(f.read_text(encoding="utf-8") for f in sorted((ROOT / "nnlit").glob("*.py")))])
        self.known = hashlib.sha256((known + repr(sorted(self.targets))).encode())
        for chapter in reversed(self.chapters) if backwards else self.chapters:
            self._find_uses(chapter)

    @cached_property
    def identifiers(self) -> list[Identifier]:
        """The public names of the package, in the order of the alphabet."""
        return sorted((i for i in self.targets.values() if i.kind != "method"), key=lambda i: (i.name.lower(), i.name))

    @cached_property
    def _candidates(self) -> re.Pattern[str]:
        names = {t.name.split(".")[-1] for t in self.targets.values()}
        return re.compile(rf"\b(?:{'|'.join(sorted(names))})\b" if names else r"(?!)")

    def _find_uses(self, chapter: Chapter) -> None:
        """Fill in what the chapter's cells use, or read it from where it was put when the code was last looked at."""
        looked = self.known.copy()
        looked.update(repr([str(chapter.path), chapter.module, *((c.id, c.code) for c in chapter.cells)]).encode())
        kept = USES / f"{chapter.path.stem}-{looked.hexdigest()[:16]}.json"
        if kept.exists():
            uses = json.loads(kept.read_text(encoding="utf-8"))
            for cell in chapter.cells:
                cell.uses = [Use(*use) for use in uses[cell.id]]
            return
        self._look_for_uses(chapter)
        if chapter.path.is_relative_to(ROOT):
            keep(kept, json.dumps({cell.id: [astuple(use) for use in cell.uses] for cell in chapter.cells}))

    def _look_for_uses(self, chapter: Chapter) -> None:
        path = chapter.path.with_suffix(".py")  # there is no such file; it tells Jedi where imports are seen from
        seen, start, starts = "", 0, {}
        own = {i.name: i for i in self.targets.values() if i.chapter is chapter}
        for cell in chapter.cells:
            starts[cell.id] = start
            # a chapter opened alone finds the book by sys.path: Jedi has found it, and would look again for every name
            seen += ("\n" * cell.code.count("\n") if "sys.path" in cell.code else cell.code) + "\n\n\n"
            if self._candidates.search(cell.code):
                places = {name: (starts[i.cell.id], seen) for name, i in own.items() if i.cell.id in starts}
                here = {name: (first, first + own[name].cell.code.count("\n") + 1) for name, (first, _) in places.items()}
                cell.uses = self.uses(seen, path, start, here, chapter.module)
            start += cell.code.count("\n") + 3

    def uses(self, code: str, path: Path, after: int = 0, here: dict[str, tuple[int, int]] | None = None,
             module: str = "") -> list[Use]:
        """The names in `code` below line `after` that mean something of the package.

        here: what the code itself defines for its module of the package, and between which lines.
        """
        lines, found = code.splitlines(), []
        imports, certain = import_lines("\n".join(lines[after:])), self._imported(code, lines)
        script = jedi.Script(code, path=path, project=self.project, environment=jedi.InterpreterEnvironment())
        for number, text in enumerate(lines[after:], after + 1):
            for name in self._candidates.finditer(text):
                if re.search(r"\b(def|class)\s+$", text[:name.start()]):
                    continue
                if target := certain.get((number, name.start())):
                    found.append(Use(target, name[0], number - after, name.start(), number - after in imports))
                    continue
                if text[:name.start()].endswith(".") and name[0] in self._arrays:
                    continue
                targets = set()
                for d in script.goto(number, name.start(), follow_imports=True):  # nothing, in a comment or a string
                    target = d.full_name or ""
                    if d.module_path == path:
                        local = target.removeprefix(f"{d.module_name}.")
                        first, last = (here or {}).get(local, (0, 0))
                        itself = (d.line, d.column) == (number, name.start())
                        target = f"nnlit.{module}.{local}" if first < d.line <= last and not itself else ""
                    targets.add(target if target in self.targets else "")
                if len(targets) == 1 and (target := targets.pop()):
                    found.append(Use(target, name[0], number - after, name.start(), number - after in imports))
        return found

    def _imported(self, code: str, lines: list[str]) -> dict[tuple[int, int], str]:
        """Where a name stands that the code imports from the package and binds nowhere else: known without asking Jedi."""
        bound, origin, places = Counter[str](), dict[str, str](), list[tuple[str, int, int]]()
        for n in ast.walk(ast.parse(code)):
            match n:
                case ast.Name():
                    bound[n.id] += not isinstance(n.ctx, ast.Load)
                    places.append((n.id, n.lineno, n.col_offset))
                case ast.ImportFrom(module=str(module)) if module.split(".")[0] == "nnlit":
                    for a in n.names:
                        target = self._by_name.get(a.name, "")
                        bound[a.asname or a.name] += origin.setdefault(a.asname or a.name, target) != target
                        places.append((a.name, a.lineno, a.col_offset))
                case ast.Import() | ast.ImportFrom():
                    bound.update((a.asname or a.name).split(".")[0] for a in n.names)
                case ast.arg():
                    bound[n.arg] += 1
                case ast.FunctionDef() | ast.ClassDef() | ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar():
                    bound[n.name or ""] += 1
        return {(line, len(lines[line - 1].encode()[:column].decode())): origin[name]
                for name, line, column in places if origin.get(name) and not bound[name]}

    @cached_property
    def _arrays(self) -> set[str]:
        """What is taken for an array's after a dot, as `sum` is, though a class here has one too: Jedi takes long to say."""
        return {*dir(np), *dir(np.ndarray)} - self._offered

    @cached_property
    def _by_name(self) -> dict[str, str]:
        """The identifier that a name of the package means, where there is one alone, and no module of that name."""
        named: dict[str, list[str]] = {c.module: [""] for c in self.chapters}
        for i in self.targets.values():
            named.setdefault(i.name, []).append(i.target)
        return {name: targets[0] for name, targets in named.items() if len(targets) == 1}

    @cached_property
    def _offered(self) -> set[str]:
        """The names that the package offers itself: those that its first module takes from the others."""
        imports = [n for c in self.chapters if c.module == "__init__" for cell in c.cells if cell.exported
                   for n in ast.walk(ast.parse(cell.code)) if isinstance(n, ast.ImportFrom)]
        found = {a.name for n in imports if n.module != "nnlit" for a in n.names}
        whole = {n.module for n in imports if n.names[0].name == "*"}
        return found | {i.name for i in self.identifiers if f"nnlit.{i.chapter.module}" in whole}

    def label(self, identifier: Identifier) -> str:
        """How one gets at a name from the package: by itself, or through its module if the package does not offer it."""
        name = identifier.name
        return name if name in self._offered or not self._offered else f"{identifier.chapter.module}.{name}"

    def users(self, identifier: Identifier) -> list[tuple[Chapter, Cell]]:
        """The other chapters that use an identifier, each with its first use."""
        found = [(c, c.first_use(identifier.target)) for c in self.chapters if c is not identifier.chapter]
        return [(chapter, cell) for chapter, cell in found if cell]

    def prerequisites(self, chapter: Chapter) -> list[Chapter]:
        """The earlier chapters that one uses or links back to, without those that these build on in turn."""
        direct = self._direct

        def below(stem: str) -> set[str]:
            return direct[stem].union(*map(below, direct[stem])) if direct[stem] else set()

        needed = direct[chapter.path.stem]
        needed = needed - set().union(*map(below, needed))
        return [c for c in self.chapters if c.path.stem in needed]

    @cached_property
    def _direct(self) -> dict[str, set[str]]:
        return {c.path.stem: self._leads_back_to(c) for c in self.chapters}

    def _leads_back_to(self, chapter: Chapter) -> set[str]:
        before = {c.path.stem for c in self.chapters[:self.chapters.index(chapter)]} - {"index"}
        linked = set(re.findall(r"\]\((\d+[a-z]?_\w+)\.ipynb", chapter.prose))
        used = {self.targets[u.target].chapter.path.stem for c in chapter.cells if c.shown for u in c.uses}
        return (linked | used) & before if chapter.path.stem < APPENDICES else set()

    def checks(self, identifier: Identifier) -> list[tuple[Chapter, Cell]]:
        """The chapters that assert something with an identifier, each with its first such cell, preferably one that is shown."""
        found = []
        for chapter in self.chapters:
            cells = [c for c in chapter.cells if re.search(r"\bassert\b|\braises\(", c.code)
                     and any(u.target == identifier.target and not u.importing for u in c.uses)]
            found += [(chapter, c) for c in sorted(cells, key=lambda c: not c.shown)[:1]]
        return found

    def tests(self) -> dict[str, list[Path]]:
        """Each identifier with the test files that use it, themselves or through a helper they import."""
        files = {f.stem: f for f in sorted((ROOT / "tests").rglob("*.py"))}
        used = {stem: self._used_by(f) for stem, f in files.items()}
        found: dict[str, list[Path]] = {}
        for stem, f in files.items():
            if stem.startswith("test_"):
                imported = re.findall(r"^(?:from|import) (\w+)", f.read_text(encoding="utf-8"), re.M)
                for target in used[stem].union(*(used.get(i, set()) for i in imported)):
                    found.setdefault(target, []).append(f)
        return found

    def _used_by(self, file: Path) -> set[str]:
        """What a file of Python uses, kept as what a chapter uses is."""
        looked = self.known.copy()
        looked.update(code := file.read_bytes())
        kept = USES / f"{file.stem}-{looked.hexdigest()[:16]}.json"
        if not kept.exists():
            keep(kept, json.dumps(sorted({u.target for u in self.uses(code.decode(), file)})))
        return set(json.loads(kept.read_text(encoding="utf-8")))

    def terms(self) -> list[tuple[str, list[tuple[Chapter, str]]]]:
        """The terms that chapters define with <dfn>, in the order of the alphabet, each with where and its anchor."""
        found: dict[str, list[tuple[Chapter, str]]] = {}
        for chapter in self.chapters:
            for title, text in TERM.findall(chapter.prose):
                places = found.setdefault(spelt(title, text), [])
                if chapter not in (c for c, _ in places):
                    places.append((chapter, anchor(title, text)))
        return sorted(found.items(), key=lambda item: item[0].lower())

    def identifier_table(self) -> Table:
        """Every public name: where it is defined, used and tested."""
        tests, repository = self.tests(), Repository()
        rows = []
        for i in self.identifiers:
            used = ", ".join(link(c, cell) for c, cell in self.users(i))
            tested = [link(c, cell) for c, cell in self.checks(i)]
            tested += [repository.link(f, f.stem) for f in tests.get(i.target, [])]
            name = link(i.chapter, i.cell, f"<code>{self.label(i)}</code>")
            rows.append([name, i.kind, link(i.chapter, i.cell), used, ", ".join(tested)])
        return Table("Identifiers", ["name", "kind", "defined in", "used in", "tested in"], rows)

    def term_table(self) -> Table:
        """Every term, with the place that defines it."""
        rows = [[term, ", ".join(f'<a href="{c.path.name}#{a}">{html.escape(c.short)}</a>' for c, a in places)]
                for term, places in self.terms()]
        return Table("Terms", ["term", "defined in"], rows)


class Repository:
    """Addresses in the repository, from the names in settings.ini; its `url` is empty while the book is not published."""

    def __init__(self) -> None:
        about = particulars()
        self.url, self.branch = about["repository"], about["branch"]

    def file(self, path: Path) -> str:
        return f"{self.url}/blob/{self.branch}/{path.relative_to(ROOT).as_posix()}"

    def link(self, path: Path, text: str) -> str:
        """The text, leading to the file if there is a repository to lead to."""
        return f'<a href="{self.file(path)}">{text}</a>' if self.url else text

    def colab(self, notebook: Path) -> str:
        return self.file(ROOT / "nbs" / notebook.name).replace("https://github.com/", "https://colab.research.google.com/github/")


def keep(file: Path, text: str) -> None:
    """Write a file in place of older ones of its name, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):  # another process may be tidying up here too
        for old in sorted(file.parent.glob(f"{file.name.rsplit('-', 1)[0]}-*"), key=lambda f: f.stat().st_mtime)[:-3]:
            old.unlink(missing_ok=True)
    part = file.with_name(f"{file.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(file)


def import_lines(code: str) -> set[int]:
    """The lines that belong to import statements; none, if a cell holds something that only IPython understands."""
    try:
        nodes = [n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Import | ast.ImportFrom)]
    except SyntaxError:
        return set()
    return {line for n in nodes for line in range(n.lineno, (n.end_lineno or n.lineno) + 1)}


def spelt(title: str, text: str) -> str:
    """A term as the index spells it."""
    return " ".join((title or text).split())


def anchor(title: str, text: str) -> str:
    """The anchor of a term on its page."""
    return "term-" + re.sub(r"\W+", "-", spelt(title, text).lower()).strip("-")


def link(chapter: Chapter, cell: Cell, text: str = "") -> str:
    """A link to a cell as it is seen from a notebook; the site's lead to pages. Its words are HTML, or the chapter's name."""
    place = f"#{cell.id}" if cell.shown else ""
    return f'<a href="{chapter.path.name}{place}">{text or html.escape(chapter.short)}</a>'


def first_lines(module: Path) -> dict[str, int]:
    """For each cell of an exported module the line where it begins, as nbdev marks it: `# %% ../nbs/x.ipynb #id`."""
    lines: Iterable[str] = module.read_text(encoding="utf-8").splitlines() if module.is_file() else []
    marks = ((n, re.match(r"# %% \S+\.ipynb #(\S+)", line)) for n, line in enumerate(lines, 1))
    return {m[1]: n for n, m in marks if m}


if __name__ == "__main__":  # from the other end than the page that shows it: two processes share the work, and meet in the middle
    Book(backwards=True).tests()
