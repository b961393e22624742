"""Who notices a fault: the tests and the chapters that run its line, each in a forked process with a time limit."""

import codeop
import contextlib
import importlib
import json
import math
import os
import resource
import shutil
import signal
import sys
import time
import types
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coverage
import hypothesis
import nbformat
import pytest
from mutants import Mutant

WARM = ["autograd", "autograd.numpy", "hypothesis.extra.numpy", "hypothesis.strategies", "html5lib", "bs4", "IPython.display",
        "matplotlib.figure", "matplotlib.backends.backend_svg", "nbformat", "numpy.testing"]  # slow to import, and not ours
LEFT_BEHIND = shutil.ignore_patterns(".*", "_docs*", "_stage*", "_proc", "build", "dist", "*.egg-info", "__pycache__")
COLLECT = {"95_exercises.ipynb", "96_mutants.ipynb", "98_identifiers.ipynb"}  # pages that read the book's text alone
STILLBORN, KILLED, MEMORY = 9, 1, 4 * 2**30
Judges = dict[str, dict[int, list[str]]]  # for each module and line, the tests or chapters that run it


class Plugin:
    """Runs the tests asked for, in their order; says which failed, how long each takes and, while measuring, what it runs."""

    def __init__(self, order: dict[str, int] | None, measuring: coverage.Coverage | None = None) -> None:
        self.order, self.measuring, self.failed = order, measuring, ""
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.order is not None:
            items[:] = sorted((i for i in items if i.nodeid in self.order), key=lambda i: self.order[i.nodeid])  # type: ignore[index]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self.measuring:
            self.measuring.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed = report.nodeid


class Judge:
    """Knows the tests and chapters, what they run and how long they take; judges faults in copies of the book."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        self.right = Path(shutil.copytree(root, folder / "right", ignore=LEFT_BEHIND))  # as it is now, whoever goes on writing
        self.chapters = {f.name: self.cells(f) for f in sorted((self.right / "nbs").glob("*.ipynb")) if f.name not in COLLECT}
        self.killed: Counter[str] = Counter()
        for name in WARM:
            importlib.import_module(name)
        assert not any(m.split(".")[0] == "nnlit" for m in sys.modules), "the package must be imported after the fork"

    @staticmethod
    def cells(path: Path) -> list[tuple[str, str]]:
        """What nbdev_test runs of a chapter: id and source."""
        cells = nbformat.read(path, as_version=4).cells
        return [(c.id, c.source) for c in cells if c.cell_type == "code" and "#| eval: false" not in c.source]

    # --- in a child -------------------------------------------------------------------------------------------------

    def enter(self, home: Path) -> None:
        """Make a copy of the book the one that is imported, by this process and those that it starts."""
        os.chdir(home)
        sys.path[:0] = [str(home), str(home / "nbs"), str(home / "tests" / "package")]
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:3])
        import nnlit
        assert Path(nnlit.__file__ or "").is_relative_to(home), nnlit.__file__

    def run_chapter(self, home: Path, name: str, mutant: Mutant | None = None) -> None:
        """Execute a chapter's cells; the mutant's cell in place of the right one."""
        os.chdir(home / "nbs")
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        compiled = codeop.Compile()  # remembers a cell's `from __future__`, as a notebook does
        for cell, source in self.chapters[name]:
            if mutant and (mutant.notebook, mutant.cell) == (name, cell):
                source = mutant.source
            exec(compiled(source, f"{name}#{cell}", "exec"), module.__dict__)

    def run_tests(self, plugin: Plugin) -> int:
        """pytest on tests/package, or on the tests in the plugin's order; without shrinking, always with the same examples."""
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("judge", derandomize=True, database=None, phases=phases)
        hypothesis.settings.load_profile("judge")
        files = sorted({i.split("::")[0] for i in plugin.order}) if plugin.order else ["tests/package"]
        quiet = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
        return int(pytest.main([*quiet, *files], plugins=[plugin]))

    # --- the right code ---------------------------------------------------------------------------------------------

    def measure(self) -> None:
        """Run everything on the right code: which test and chapter runs which line, and how long each takes."""
        home = self.right

        def tests() -> int:
            self.enter(home)
            measuring = coverage.Coverage(data_file=None, include=[f"{home}/nnlit/*"], config_file=False)
            plugin = Plugin(None, measuring)
            measuring.start()
            code = self.run_tests(plugin)
            measuring.stop()
            self.write("tests", measuring, plugin.seconds)
            return code

        def chapter(name: str) -> int:
            measuring = coverage.Coverage(data_file=None, include=[f"{home}/nnlit/*"], config_file=False, context=name)
            sys.dont_write_bytecode = True
            measuring.start()  # before the package is imported: the lines of its modules count
            self.enter(home)
            start = time.perf_counter()
            self.run_chapter(home, name)
            measuring.stop()
            self.write(name, measuring, {name: time.perf_counter() - start})
            return 0

        self.lines: Judges = defaultdict(lambda: defaultdict(list))
        self.seconds: dict[str, float] = {}
        for what, run in [("tests", tests), *((n, lambda n=n: chapter(n)) for n in self.chapters)]:
            if code := self.in_child(run, 600):
                log = (self.folder / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{what} must pass before a fault is planted, but ended with {code}:\n{log}")
            found = json.loads((self.folder / f"{what}.json").read_text())
            self.seconds.update(found["seconds"])
            for module, lines in found["lines"].items():
                for line, who in lines.items():
                    self.lines[module][int(line)] += who
        shutil.rmtree(home / "nnlit" / "__pycache__", ignore_errors=True)

    def write(self, what: str, measuring: coverage.Coverage, seconds: dict[str, float]) -> None:
        data = measuring.get_data()
        lines = {Path(f).stem: {str(n): [c for c in who if c] for n, who in data.contexts_by_lineno(f).items()}
                 for f in data.measured_files()}
        (self.folder / f"{what}.json").write_text(json.dumps({"lines": lines, "seconds": seconds}))

    # --- a fault ----------------------------------------------------------------------------------------------------

    def who_runs(self, mutant: Mutant) -> list[str]:
        """The tests and chapters that run the fault's line; of a line run by none of them, all that run its module."""
        lines = self.lines[mutant.module]
        found = {who for n in range(mutant.lines[0], mutant.lines[1] + 1) for who in lines.get(n, [])}
        tests = {w for w in found if "::" in w} or {w for n in lines.values() for w in n if "::" in w}
        if mutant.function == "module" or not any("::" in w for w in found):
            tests |= {w for w in self.seconds if "::" in w}  # run while importing, or by a program that a test starts
        return sorted({mutant.notebook} | tests | {w for w in found if "::" not in w},
                      key=lambda w: (w != mutant.notebook, -self.killed[w], self.seconds[w]))

    def judge_all(self, chosen: list[Mutant], workers: int) -> list[dict[str, Any]]:
        """The verdict on every fault, by several processes, each taking the next when it has done with one."""
        children = []
        queue, end = os.pipe()
        os.write(end, b"".join(i.to_bytes(4, "big") for i in range(len(chosen))))  # a pipe holds 16,000
        os.close(end)
        for number in range(workers):
            if not (pid := os.fork()):
                code = KILLED
                try:
                    self.work(chosen, queue, number)
                    code = 0
                finally:
                    os._exit(code)
            children.append(pid)
        if any([os.waitpid(pid, 0)[1] for pid in children]):
            raise RuntimeError("a worker failed")
        os.close(queue)
        files = [self.folder / f"verdicts-{number}" for number in range(workers)]
        return [json.loads(line) for f in files for line in f.read_text().splitlines()]

    def work(self, chosen: list[Mutant], queue: int, number: int) -> None:
        """Judge faults one after the other, in a copy of one's own."""
        home = self.folder / f"worker-{number}"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self.right, home)
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        with (self.folder / f"verdicts-{number}").open("w") as out:
            while place := os.read(queue, 4):
                mutant = chosen[int.from_bytes(place, "big")]
                file = home / "nnlit" / f"{mutant.module}.py"
                right = file.read_text(encoding="utf-8")
                file.write_text(mutant.text, encoding="utf-8")
                verdict = self.judge(mutant, home)
                file.write_text(right, encoding="utf-8")
                out.write(json.dumps({"key": mutant.key, **verdict}) + "\n")
                out.flush()

    def judge(self, mutant: Mutant, home: Path) -> dict[str, Any]:
        """Whether the package can be imported at all, and the first chapter and the first test that fail."""
        who = self.who_runs(mutant)
        order = {w: n for n, w in enumerate(w for w in who if "::" in w)}
        verdict: dict[str, Any] = {"born": True, "tests": "", "book": ""}

        def chapter(name: str) -> int:
            try:
                self.enter(home)
            except Exception:
                return STILLBORN
            self.run_chapter(home, name, mutant)
            return 0

        def tests() -> int:
            self.enter(home)
            plugin = Plugin(order)
            code = self.run_tests(plugin)
            (home / "failed").write_text(plugin.failed)
            return code

        for name in (w for w in who if "::" not in w):
            code = self.in_child(lambda name=name: chapter(name), self.seconds[name])  # type: ignore[misc]
            if code == STILLBORN:
                return {**verdict, "born": False}
            if code:
                self.killed[name] += 1
                verdict["book"] = name
                break
        (home / "failed").write_text("")
        if order and self.in_child(tests, sum(self.seconds[w] for w in order) + 5):
            verdict["tests"] = (home / "failed").read_text() or "time or a crash"
            self.killed[verdict["tests"]] += 1
        return verdict

    def in_child(self, run: Callable[[], int], seconds: float) -> int:
        """What the function returns in a process of its own; 1 if it raises, crashes, or takes five times as long as it may."""
        pid = os.fork()
        if not pid:
            os.setsid()
            signal.setitimer(signal.ITIMER_PROF, 5 * seconds + 5)  # of its own time: others may use the machine too
            signal.alarm(math.ceil(20 * seconds) + 60)  # and of waiting
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            log = os.open(self.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1), os.dup2(log, 2)
            code = KILLED
            try:
                code = run()
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
            finally:
                sys.stdout.flush(), sys.stderr.flush()
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # what it may have started
        return code if code >= 0 else KILLED
