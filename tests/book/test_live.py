"""Live cells in a browser: Python at the first click, edits, errors, a loop without end, and no network."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Served

PATIENCE = 180_000  # milliseconds: on a machine that is busy with other tests, Python takes its time to load
# In each of these all cells run, top to bottom; the others do too, but some train for minutes
CHAPTERS = ["bias", "linear", "activations", "losses", "gradcheck", "softmax"]


class Page:
    """A page with cells, as its reader has it."""

    def __init__(self, context: Any, address: str, name: str) -> None:
        self.tab, self.asked, self.faults = context.new_page(), list[str](), list[str]()
        self.tab.set_default_timeout(PATIENCE)
        self.tab.on("request", lambda r: self.asked.append(r.url))
        self.tab.on("pageerror", lambda e: self.faults.append(str(e)))
        self.address = f"{address}/{name}.html"
        self.tab.goto(self.address, wait_until="load")

    def bar(self, cell: str) -> Any:
        return self.tab.locator(f".live-bar[data-cell={cell}]")

    def press(self, cell: str, words: str = "Run") -> None:
        self.bar(cell).get_by_role("button", name=f"{words}, ").click()

    def ended(self, cell: str) -> str:
        """What a cell has put out, once its run is over."""
        self.tab.wait_for_function("""cell => {
          const bar = document.querySelector(`.live-bar[data-cell="${cell}"]`), whole = bar.closest(".cell");
          return !bar.classList.contains("busy") &&
            (/^Ran/.test(bar.querySelector(".live-status").textContent) || whole.querySelector(".live-error, .live-stopped"));
        }""", arg=cell)
        out = self.tab.locator(f".cell:has(.live-bar[data-cell={cell}]) .live-output")
        return str(out.inner_text()) if out.count() else ""

    def run(self, cell: str) -> str:
        self.tab.evaluate("document.querySelectorAll('.live-status').forEach(s => s.textContent = '')")
        self.press(cell)
        return self.ended(cell)

    def type(self, cell: str, text: str) -> None:
        """Put a text into a cell, by keyboard, and run it."""
        if self.bar(cell).get_by_role("button", name="Edit, ").count():
            self.press(cell, "Edit")
        self.tab.wait_for_selector(".cm-content:focus")
        self.tab.keyboard.press("Control+A")
        self.tab.keyboard.insert_text(text)
        self.tab.keyboard.press("Shift+Enter")

    def book(self, cell: str) -> str:
        """What the book itself shows under a cell."""
        return str(self.tab.evaluate("""cell => [...document.querySelector(`.live-bar[data-cell="${cell}"]`).closest(".cell")
          .querySelectorAll(".cell-output")].map(o => o.textContent).join("\\n").trim()""", cell))


@pytest.fixture(scope="module")
def page(browser: Any, served: Served) -> Page:
    """One page for most tests: Python loads once."""
    return Page(browser.new_context(), served.address, "softmax")


def test_nothing_loads_before_a_click(page: Page) -> None:
    page.tab.wait_for_timeout(300)
    assert not [url for url in page.asked if "/live/" in url or "service-worker" in url], page.asked
    assert page.tab.evaluate("navigator.serviceWorker.getRegistrations().then(r => r.length)") == 0
    assert page.bar("by-hand-code").get_by_role("button").all_inner_texts() == ["Run", "Run all above", "Edit"]


def test_the_first_click_shows_what_the_book_shows(page: Page) -> None:
    """Of a cell that needs others, which the page shows and does not show."""
    assert page.tab.evaluate("typeof SharedArrayBuffer") == "undefined"
    assert page.run("softmax-checks").strip() == page.book("softmax-checks") != ""
    assert page.tab.evaluate("navigator.serviceWorker.controller !== null")
    assert not page.faults, page.faults


def test_cells_share_a_session_in_order(page: Page) -> None:
    page.type("by-hand-code", "x = np.log([1.0, 1.0, 2.0])\ne = np.exp(x)\ns = e / e.sum()\ns")
    assert "0.25, 0.25, 0.5" in page.ended("by-hand-code")
    page.tab.keyboard.press("Escape")
    assert "0.1875" in page.run("raise-one-code").replace("0.1874", "0.1875") or "0.25" in page.run("raise-one-code")
    page.press("by-hand-code", "Undo edits")
    assert page.run("raise-one-code").strip() == page.book("raise-one-code")  # what it needs was run again
    page.press("by-hand-code", "Close")


def test_an_error_marks_its_line(page: Page) -> None:
    page.type("by-hand-code", "x = 1\nx.upside\nx = 2")
    assert "AttributeError: 'int' object has no attribute 'upside' (line 2)" in page.ended("by-hand-code")
    assert page.tab.locator(".cm-line.live-wrong").inner_text() == "x.upside"
    page.press("by-hand-code", "Close")
    assert "Not run: cell 1" in page.run("raise-one-code")
    strip = page.tab.locator("[data-cell=by-hand-code] span.live-wrong")
    code = page.tab.locator("div[data-cell=by-hand-code] code")
    line = strip.bounding_box()["y"] + strip.bounding_box()["height"] / 2 - code.bounding_box()["y"]
    assert 1 / 3 < line / code.bounding_box()["height"] < 2 / 3  # the second line of three


def test_an_edit_outlives_a_reload(page: Page) -> None:
    page.tab.reload()
    page.tab.wait_for_selector(".live-bar.edited")
    assert page.tab.locator("div[data-cell=by-hand-code] code").inner_text() == "x = 1\nx.upside\nx = 2"
    page.press("by-hand-code", "Undo edits")
    assert "np.log" in page.tab.locator("div[data-cell=by-hand-code] code").inner_text()
    page.tab.reload()
    page.tab.wait_for_timeout(300)
    assert not page.tab.locator(".live-bar.edited").count()


def test_the_editor_lets_one_out(page: Page) -> None:
    """By Tab and by Escape; and an accessibility checker minds nothing of editor, bars and outputs."""
    from axe_playwright_python.sync_playwright import Axe

    page.run("by-hand-code")
    page.press("by-hand-code", "Edit")
    page.tab.wait_for_selector(".cm-content:focus")
    where = "document.activeElement.getAttribute('aria-label')"
    assert "Code of cell 1. Python. Escape leaves" in page.tab.evaluate(where)
    page.tab.keyboard.press("Tab")
    assert page.tab.evaluate(where) == "Run, cell 1"
    page.tab.keyboard.press("Shift+Tab")
    page.tab.keyboard.press("Escape")
    assert page.tab.evaluate(where) == "Close, cell 1"
    faults = Axe().run(page.tab).response["violations"]
    assert not faults, [(v["id"], v["nodes"][0]["html"][:150]) for v in faults]
    page.press("by-hand-code", "Close")


def test_a_loop_without_end_is_stopped(page: Page) -> None:
    page.type("by-hand-code", "n = 0\nwhile True:\n    n += 1\n    print(n)")
    page.tab.wait_for_function("(document.querySelector('.live-output')?.textContent.length ?? 0) > 50")
    page.press("by-hand-code", "Stop")
    said = page.ended("by-hand-code")
    assert "Stopped" in said and "is gone" in said and "Run all above again" in said
    page.press("by-hand-code", "Undo edits")
    page.press("by-hand-code", "Close")
    assert page.run("jacobian-by-hand").strip() == page.book("jacobian-by-hand")


def test_reset_brings_the_books_outputs_back(page: Page) -> None:
    result = page.tab.evaluate("nnlitLive.run('kept = np.sum(s)\\nkept')")
    assert result["error"] is None and result["text"] == "np.float64(1.0)"
    page.bar("jacobian-by-hand").get_by_role("button", name="Reset session").click()
    page.tab.wait_for_function("!document.querySelector('.live-output')")
    assert page.tab.locator("[data-cell=jacobian-by-hand] ~ .cell-output").is_visible()
    assert page.tab.evaluate("nnlitLive.run('kept')")["error"]["message"] == "NameError: name 'kept' is not defined"


PASTED = """import js
class Sly:
    def _repr_html_(self):
        return ('<b onclick="x()">seen</b><img src="http://127.0.0.2/i" onerror="x()"><script>x()</script>'
                '<a href="javascript:x()">a</a><i style="background: url(http://127.0.0.2/s)">i</i>')
print([name for name in ("fetch", "XMLHttpRequest", "WebSocket", "caches", "indexedDB") if hasattr(js, name)])
Sly()"""
IMPORTING = "import js\nwhere = js.eval(\"import('{}/m.js?secret').then(() => 'loaded', e => 'refused')\")"


def test_what_is_pasted_tells_nobody(page: Page, tmp_path: Path) -> None:
    """Python in the page has no way out, and HTML that a cell makes is shown without what runs in it or asks another host."""
    other = Served(tmp_path)
    result = page.tab.evaluate("code => nnlitLive.run(code)", PASTED)
    assert result["text"].strip() == "[]"
    assert result["html"] == "<b>seen</b><img><a>a</a><i>i</i>"
    page.tab.evaluate("code => nnlitLive.run(code)", IMPORTING.format(other.address))
    page.tab.wait_for_timeout(500)
    other.stop()
    assert not other.asked


def test_the_interface_for_other_scripts(page: Page) -> None:
    result = page.tab.evaluate("""async () => {
      const said = [];
      const ran = await nnlitLive.run("a = 2\\nprint('one')\\n1 / 0", { session: "apart", onText: (t) => said.push(t) });
      const other = await nnlitLive.run("a", { session: "another" });
      const place = document.createElement("div");
      document.querySelector("main").append(place);
      const editor = await nnlitLive.edit(place, { label: "Yours", text: "x = 1" });
      editor.value = "x = 2";
      const value = editor.value;
      await nnlitLive.show(place, ran);
      return { said, ran, other, value, shown: place.textContent };
    }""")
    assert result["said"] == ["one\n"] and result["ran"]["error"]["line"] == 3 and result["ran"]["text"] == "one\n"
    assert "NameError" in result["other"]["error"]["message"] and result["value"] == "x = 2"
    assert "ZeroDivisionError: division by zero (line 3)" in result["shown"]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_cell_of_a_chapter_runs(browser: Any, served: Served, chapter: str, request: pytest.FixtureRequest) -> None:
    """From top to bottom, and prints what the book prints, up to the last digit of a rounding."""
    context = getattr(request.module, "kept_context", None) or browser.new_context()
    request.module.kept_context = context  # Python comes from the browser's cache
    page = Page(context, served.address, chapter)
    bars = ".live-bar:not([data-why], [data-figure])"
    names = page.tab.evaluate("bars => [...document.querySelectorAll(bars)].map(b => b.dataset.cell)", bars)
    page.tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.press(names[-1], "Run all above")
    page.ended(names[-1])
    page.run(names[-1])
    errors = page.tab.locator(".live-error, .live-stopped").all_inner_texts()
    assert not errors, errors
    shown = {name: page.tab.evaluate("""cell => [...document.querySelector(`.live-bar[data-cell="${cell}"]`).closest(".cell")
      .querySelectorAll(".live-output > *")].map(o => o.textContent).join("\\n").trim()""", name) for name in names}
    differ = [(name, text, page.book(name)) for name, text in shown.items() if text.split() != page.book(name).split()]
    assert len(differ) <= len(names) / 8, differ
    page.tab.close()


def test_xor_is_learnt_in_the_page(browser: Any, served: Served) -> None:
    page = Page(browser.new_context(), served.address, "xor")
    assert "loss 1.0708 → 0.0021 in 5000 epochs" in page.run("train-code")


def test_without_a_network_after_one_visit(browser: Any, site: Path) -> None:
    """The server is gone: the page, Python, the editor and the cells are there."""
    served = Served(site)
    context = browser.new_context()
    page = Page(context, served.address, "bias")
    first = page.run("by-hand-code")
    page.tab.goto(f"{served.address}/linear.html", wait_until="load")  # a page that is visited, no cell of it run
    page.tab.wait_for_timeout(1000)
    served.stop()
    context.set_offline(True)
    page.tab.goto(page.address, wait_until="load")
    assert page.run("by-hand-code") == first
    page.type("by-hand-code", "6 * 7")
    page.tab.wait_for_function("document.querySelector('.live-output')?.textContent.trim() === '42'")
    page.tab.goto(f"{served.address}/linear.html", wait_until="load")
    assert page.run("by-hand-code").strip() == page.book("by-hand-code")
    assert not page.faults, page.faults


def test_a_new_build_takes_the_old_ones_place(browser: Any, site: Path, tmp_path: Path) -> None:
    """A page that was kept is the new one then, Python is not fetched again."""
    for name in ("bias.html", "live.js", "live.css", "service-worker.js"):
        (tmp_path / name).write_bytes((site / name).read_bytes())
    (tmp_path / "live").symlink_to(site / "live")
    served = Served(tmp_path)
    context = browser.new_context()
    page = Page(context, served.address, "bias")
    page.run("by-hand-code")
    kept = "caches.keys().then(names => names.map(n => n.split(' ').slice(-2).join(' ')).sort())"
    before = page.tab.evaluate(kept)
    script = (tmp_path / "service-worker.js").read_text(encoding="utf-8")
    build = before[0].split()[1]
    (tmp_path / "service-worker.js").write_text(script.replace(build, "0123456789ab"), encoding="utf-8")
    html = (tmp_path / "bias.html").read_text(encoding="utf-8")
    (tmp_path / "bias.html").write_text(html.replace("<h1", '<h1 data-new=""', 1), encoding="utf-8")
    page.tab.evaluate("navigator.serviceWorker.getRegistration().then(r => r.update())")
    for _ in range(100):
        if (after := page.tab.evaluate(kept)) != before and len(after) == 2:
            break
        page.tab.wait_for_timeout(200)
    assert after == ["pages 0123456789ab", before[1]]
    served.stop()
    page.tab.goto(page.address, wait_until="load")
    assert page.tab.locator("h1[data-new]").count() == 1


def test_opened_as_a_file_it_says_why_not(browser: Any, site: Path) -> None:
    page = Page(browser.new_context(), site.as_uri(), "bias")
    said = page.run("by-hand-code")
    assert "opened as a file" in said and "make serve" in said
    page.press("by-hand-code", "Edit")  # there is an editor all the same
    page.tab.wait_for_selector(".cm-content:focus")
    assert not page.faults, page.faults


def test_without_javascript_nothing_is_in_the_way(browser: Any, served: Served) -> None:
    tab = browser.new_context(java_script_enabled=False).new_page()
    tab.goto(f"{served.address}/bias.html", wait_until="load")
    assert tab.locator(".live-bar").first.bounding_box()["height"] == 0
