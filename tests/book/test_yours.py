"""The checker in the page, and exercises answered there: what is said of pasted programs and of answers, and how it is shown."""

import ast
import functools
import gc
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT, launched
from threadpoolctl import threadpool_limits
from yours import Exercise, answers, asked, exercises

from nnlit.mistakes import MISTAKES

from _live_check import LIMIT, check_source
from _live_examples import EXAMPLES
from _live_exercise import answer
from _order import order

LAYER = """
class Layer:
    def __init__(self, n_in, n_out):
        rng = np.random.default_rng(0)
        self.W, self.b = rng.normal(size=(n_in, n_out)), np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T
"""
LOSS = """
class Squares:
    def forward(self, y, t):
        self.d = y - t
        return (self.d ** 2).mean()

    def backward(self):
        return 2 * self.d / self.d.size
"""
PAIR = """
def {}_forward(x, w, b):
    return np.maximum(x @ w + b, 0), (x, w, x @ w + b)

def {}_backward(dout, cache):
    x, w, z = cache
    dz = dout * (z > 0)
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)
"""
SCRIPT = """
x, labels = np.random.default_rng(0).normal(size=(5, 3)), np.array([0, 2, 1, 3, 2])

def script(W1, b1, W2, b2):
    h = np.tanh(x @ W1 + b1)
    z = h @ W2 + b2
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    dz = (p - np.eye(4)[labels]) / 5
    dh = dz @ W2.T * (1 - h**2)
    loss = -np.log(p[np.arange(5), labels]).mean()
    return loss, {"dW1": x.T @ dh, "db1": dh.sum(axis=0), "dW2": h.T @ dz, "db2": dz.sum(axis=0)}
"""
TOKENS = """
class Embedding:
    def __init__(self, V, D):
        self.W = np.random.default_rng(0).normal(size=(V, D))

    def forward(self, ids):
        self.ids = ids
        return self.W[ids]

    def backward(self, grad):
        self.dW = np.zeros_like(self.W)
        self.dW[self.ids] += grad
"""
NOISY = LAYER.replace("self.x = x", 'self.x = x; print("forward " * 1000)') + 'print("y" * 10**6)\n'
CALLED = "from nnlit.diagnosis import check_gradients\n" + LAYER + (
    "x = np.random.default_rng(1).normal(size=(6, 5))\nreport = check_gradients(Layer(5, 2), x)\n")

EXAMPLE = list(EXAMPLES.values())

# what is pasted, and of each thing in it that is checked the mistakes that are named; None for a right gradient
PROGRAMS = {
    "a right layer": (LAYER, [{"x": None, "W": None, "b": None}]),
    "no sum": (LAYER.replace("grad.sum(axis=0)", "grad"), [{"x": None, "W": None, "b": "not summed over the batch"}]),
    "a transposed gradient": (LAYER.replace("self.x.T @ grad", "grad.T @ self.x"), [{"x": None, "W": "transposed", "b": None}]),
    "a sign": (LAYER.replace("return grad @", "return -grad @"), [{"x": "sign", "W": None, "b": None}]),
    "a right loss": (LOSS, [{"x": None}]),
    "a loss divided by too little": (LOSS.replace("self.d.size", "len(self.d)"), [{"x": "mean over other axes"}]),
    "two functions": (PAIR.replace("{}", "affine"), [{"x": None, "w": None, "b": None}]),
    "two pairs of functions": (PAIR.replace("{}", "one") + PAIR.replace("{}", "two").replace("x.T @ dz", "-x.T @ dz"),
                               [{"x": None, "w": None, "b": None}, {"x": None, "w": "sign", "b": None}]),
    "a script's loss": (SCRIPT, [{"W1": None, "b1": None, "W2": None, "b2": None}]),
    "tokens": (TOKENS, [{"W": "overwritten, not added"}]),
    "prints a lot": (NOISY, [{"x": None, "W": None, "b": None}]),
    "its own check": (CALLED, [{"x": None, "W": None, "b": None}]),
    "an example: layer": (EXAMPLE[0], [{"x": None, "W": None, "b": "mean instead of sum"}]),
    "an example: softmax": (EXAMPLE[1], [{"x": "softmax as element-wise"}]),
    "an example: product": (EXAMPLE[2], [{"x": None, "w": "transposed"}]),
    "an example: layer norm": (EXAMPLE[3], [{"x": "path through the variance", "gamma": None, "beta": None}]),
    "an example: a right one": (EXAMPLE[4], [{"x": None}]),
}


@pytest.mark.parametrize("title", PROGRAMS)
def test_what_a_program_holds_is_found_and_named(title: str) -> None:
    source, due = PROGRAMS[title]
    found = check_source(source)
    assert not (found["trouble"] or found["failed"] or found["said"]), found
    assert [{r["name"]: r["mistake"] or None for r in f["rows"]} for f in found["found"]] == due
    assert [f["state"] == "right" for f in found["found"]] == [not any(one.values()) for one in due]
    for one in found["found"]:
        assert one["rows"], "right, though nothing was looked at"
        for row in one["rows"]:
            assert (row["verdict"] == "right") == (not row["mistake"])
            assert not row["mistake"] or (row["anchor"] and row["hint"] and row["advice"])


@pytest.mark.parametrize("source, line, words", [
    ("def f(x):\n    return x +\n", 2, "SyntaxError"),
    ("import torch\n", 1, "No module named 'torch'"),
    ("a = 1\nb = a / 0\n", 2, "ZeroDivisionError"),
    ("import sys\nsys.exit(1)\n", 2, "SystemExit"),
])
def test_code_that_does_not_run_is_told_with_its_line(source: str, line: int, words: str) -> None:
    trouble = check_source(source)["trouble"]
    assert trouble["line"] == line and words in f"{trouble['kind']}: {trouble['words']}"


@pytest.mark.parametrize("old, new, line", [("self.x = x", "self.x = self.y", 8), ("self.x.T @ grad", "self.missing @ grad", 12)])
def test_an_error_inside_forward_or_backward_has_its_line(old: str, new: str, line: int) -> None:
    found = check_source(LAYER.replace(old, new))
    assert not found["found"] and [(f["kind"], f["line"]) for f in found["failed"]] == [("AttributeError", line)]


def test_nothing_to_check_is_not_called_right() -> None:
    found = check_source("print('hello')\n")
    assert "Nothing here can be checked" in found["said"] and not found["found"] and found["printed"] == "hello\n"


def test_what_is_printed_is_kept_short() -> None:
    printed = check_source(NOISY)["printed"]
    assert len(printed) < LIMIT + 100 and "more characters" in printed


def test_the_reader_can_choose_shape_and_dtype() -> None:
    found = check_source(LAYER.replace("n_in, n_out):", "n_in=7, n_out=2):", 1), "4, 7", "float32")["found"][0]
    assert "x (4, 7) of float32" in found["given"] and found["state"] != "wrong"
    assert "the shape must be" in check_source(LAYER, "five")["said"]


def test_the_entries_that_differ_are_shown() -> None:
    found = check_source(LAYER.replace("grad.sum(axis=0)", "grad.mean(axis=0)"))["found"][0]
    row = next(r for r in found["rows"] if r["name"] == "b")
    assert row["entries"]["count"] == 4 == len(row["entries"]["worst"])
    for one in row["entries"]["worst"]:  # of five samples
        assert float(one["due"]) == pytest.approx(5 * float(one["got"]), rel=1e-2)


def pages() -> list[Path]:
    return [p.path for p in order() if p.path.stem in asked()]


EXERCISES = {f"{path.stem} {e.place}": e for path in pages() for e in exercises(path)}


def test_the_exercises_that_ask_for_code_are_answered_in_the_page() -> None:
    lacking = []
    for place in order():
        have = {e.place for e in exercises(place.path)}
        for name, kind, cells, _ in answers(place.path):
            code = "\n".join(source(place.path)[c] for c in cells)
            asserts = any(isinstance(n, ast.Assert) for n in ast.walk(ast.parse(code)))
            asserts &= not code.startswith("#| torch")  # which the page does not have
            if kind == "In code." and asserts and not place.appendix and name not in have:
                lacking.append(f"{place.path.stem} {name}")
    assert not lacking and len(EXERCISES) >= 70


@functools.cache
def source(path: Path) -> dict[str, str]:
    import nbformat

    return {c.id: c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Products as small as these are slower on several, where other tests run beside."""
    with threadpool_limits(1):
        yield


@pytest.fixture(autouse=True)
def tables_as_they_were() -> Iterator[None]:
    """An answer may add a row to a table of the package, and is run in this process: the tests after it must not meet the row."""
    tables = [t for name, module in list(sys.modules.items()) if name.split(".")[0] == "nnlit"
              for key, t in vars(module).items() if isinstance(t, dict | list | set) and not key.startswith("__")]
    kept = [t.copy() for t in tables]
    yield
    for table, before in zip(tables, kept, strict=True):
        table.clear()
        table.extend(before) if isinstance(table, list) else table.update(before)


@pytest.mark.parametrize("name", EXERCISES)
def test_the_books_answer_passes_its_check_and_the_starting_text_does_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "nbs")
    exercise = EXERCISES[name]
    said = answered(exercise, exercise.parts.answer)
    assert said["state"] == "right", said
    begun = answered(exercise, exercise.parts.start)
    assert begun["state"] == "unwritten" and all(n in " ".join(begun["said"]) for n in exercise.parts.write[:1]), begun


def answered(exercise: Exercise, text: str) -> dict[str, Any]:
    how = {key: exercise.entry[key] for key in ("run", "skip") if key in exercise.entry}
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):  # folders that a later cell clears away
        found = answer(exercise.above, exercise.parts, text, **how)
        sys.modules.pop("exercise", None)
        gc.collect()
    return found


@pytest.mark.parametrize("old, new, state, said", [
    ("grad3.sum(axis=0)", "grad3.mean(axis=0)", "wrong", "relative_error(gradient, numerical_gradient(loss, moved)) is 0.8"),
    ("grad3.sum(axis=0)", "grad3.sum(axis=1)", "wrong", "(5, 4), not (6, 4)"),
    ("(grad3 * x3).sum(axis=(0, 1))", "(0 * x3).sum(axis=(0, 1))", "wrong", "gradient is dg here"),
    ("grad3 * g", "grad3 * gg", "trouble", "name 'gg' is not defined"),
])
def test_a_wrong_answer_hears_what_differs(old: str, new: str, state: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "nbs")
    exercise = EXERCISES["04_bias exercise-4"]
    text = exercise.parts.answer
    assert old in text
    found = answered(exercise, text.replace(old, new))
    assert found["state"] == state and said in str(found)


# ---------------------------------------------------------------------------------------------------- in the page

def test_every_mistake_has_an_entry_that_a_report_can_lead_to(site: Path) -> None:
    from _live_check import anchor

    text = (site / "mistakes.html").read_text(encoding="utf-8")
    ids = re.findall(r'id="([^"]+)"', text)
    for name in MISTAKES:
        assert ids.count(anchor(name)) == 1, name


def test_without_scripts_the_page_says_what_to_do(site: Path) -> None:
    page = BeautifulSoup((site / "your_own.html").read_text(encoding="utf-8"), "html.parser")
    assert "make the call yourself" in page.select_one(".yours-check").get_text()
    bias = BeautifulSoup((site / "bias.html").read_text(encoding="utf-8"), "html.parser")
    place = bias.select_one("#exercise-4 .yours")
    assert not place.get_text().strip() and place.find_next_sibling("details")


@contextmanager
def opened(chromium: str, url: str, **options: Any) -> Iterator[Any]:
    with launched(chromium) as browser:
        tab = browser.new_context(**options).new_page()
        tab.set_default_timeout(60_000)
        faults: list[str] = []
        tab.on("pageerror", lambda e: faults.append(str(e)))
        tab.goto(url, wait_until="load")
        yield tab
        assert not faults


def loaded(tab: Any) -> str:
    """The addresses of all that the page has loaded."""
    return str(tab.evaluate("performance.getEntriesByType('resource').map(r => r.name).join(' ')"))


def press(tab: Any, holder: str, status: str) -> str:
    """Press the button that checks; the words of the status when they begin so."""
    tab.locator(f"{holder} .yours-go").click()
    tab.wait_for_function("([where, words]) => new RegExp(words).test(document.querySelector(where).textContent)",
                          arg=[f"{holder} .yours-status", status])
    return str(tab.locator(f"{holder} .yours-status").inner_text())


def write(tab: Any, holder: str, text: str) -> None:
    """Put a text into the editor, as a paste does."""
    tab.locator(f"{holder} :is(textarea, .cm-content)").click()
    tab.wait_for_selector(f"{holder} .cm-content")
    tab.keyboard.press("Control+a")
    tab.keyboard.insert_text(text)


def test_the_checker_names_what_is_pasted_and_a_link_carries_it(site: Path, address: str, chromium: str) -> None:
    asked_for: list[str] = []
    with opened(chromium, f"{address}/your_own.html") as tab:
        assert "pyodide" not in loaded(tab)
        tab.on("request", lambda r: asked_for.append(f"{r.method} {r.url}"))
        assert press(tab, ".yours-check", "^(Wrong|OK|No|The)") == "Wrong: b: mean instead of sum."
        wrong = tab.locator(".yours-check li.wrong")
        assert wrong.count() == 1 and "✗ wrong" in wrong.inner_text() and "4 of 4 entries differ" in wrong.inner_text()
        colour = "e => getComputedStyle(e).color"
        assert wrong.locator(".yours-verdict").evaluate(colour) != tab.locator(".yours-verdict.right").first.evaluate(colour)
        href = wrong.locator("a").get_attribute("href")
        page, place = href.split("#")
        assert f'id="{place}"' in (site / page).read_text(encoding="utf-8")

        pasted = LAYER.replace("return grad @", "return -grad @")
        tab.evaluate("text => { navigator.clipboard.writeText = async () => {}; }", "")
        write(tab, ".yours-check", pasted)
        assert press(tab, ".yours-check", "x: sign") == "Wrong: x: sign."
        tab.get_by_role("button", name="Link to this code").click()
        link = tab.locator(".yours-link input").input_value()
        assert all(r.startswith(f"GET {address}/") for r in asked_for), "something was sent elsewhere"
        assert "#code=" in link and not any("code=" in r for r in asked_for)

        write(tab, ".yours-check", "x = 1\nwhile True:\n    x += 1\n")
        tab.locator(".yours-go").click()
        tab.get_by_role("button", name="Stop").first.click()
        tab.wait_for_function("/stopped/i.test(document.querySelector('.yours-status').textContent)")
        write(tab, ".yours-check", "# " + "x" * 13000)
        tab.get_by_role("button", name="Link to this code").click()
        assert "too long" in tab.locator(".yours-link").inner_text()
    with opened(chromium, link) as tab:
        tab.locator(".yours-from", has_text="came with the link").wait_for()
        assert tab.locator(".yours-check textarea").input_value() == pasted
        tab.wait_for_timeout(500)
        assert tab.locator(".yours-result").is_hidden()
        assert "pyodide" not in loaded(tab), "it ran unasked"
    with opened(chromium, f"{address}/your_own.html#code=AAAA") as tab:
        tab.locator(".yours-from", has_text="no code that can be read").wait_for()


def test_an_exercise_is_answered_in_the_page(address: str, chromium: str) -> None:
    exercise = EXERCISES["04_bias exercise-4"]
    with opened(chromium, f"{address}/bias.html", color_scheme="dark", viewport={"width": 390, "height": 844}) as tab:
        holder = "#exercise-4 .yours"
        tab.locator(f"{holder} summary").click()
        tab.wait_for_selector(f"{holder} .cm-content")
        assert press(tab, holder, "Not yet") == "Not yet written."
        write(tab, holder, exercise.parts.answer.replace("grad3.sum(axis=0)", "grad3.mean(axis=0)"))
        assert press(tab, holder, "Not yet right") == "Not yet right."
        assert "relative_error(gradient" in tab.locator(f"{holder} .yours-result").inner_text()
        write(tab, holder, exercise.parts.answer)
        assert press(tab, holder, "^Right") == "Right."
        assert not tab.locator("#exercise-4 > details").evaluate("e => e.open"), "the answer stays folded"
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        tab.reload()
        tab.locator(f"{holder} summary").click()
        tab.wait_for_selector(f"{holder} .cm-content")
        assert "grad3.sum(axis=0)" in tab.locator(f"{holder} .cm-content").inner_text(), "the answer is kept on the device"


def test_as_a_file_the_page_says_why_not(site: Path, chromium: str) -> None:
    with opened(chromium, (site / "your_own.html").as_uri()) as tab:
        assert "opened as a file" in tab.locator(".yours-check").inner_text()
        assert "make the call yourself" in tab.locator(".yours-check").inner_text()
