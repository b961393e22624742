"""The figures that the reader can move: driven by keyboard, their numbers against NumPy's; and still when they must be."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from moving import SCRIPTS, Figure, find, numbers

from nnlit.bias import Bias
from nnlit.softmax import softmax, softmax_jacobian

KINDS = sorted(path.stem for path in SCRIPTS.glob("*.js") if path.stem != "base")
MODES = [{}, {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}]


@pytest.fixture
def opened(site: Path, browser: Any, request: pytest.FixtureRequest) -> Iterator[Figure]:
    """The figure whose kind the test asks for with `parametrize(..., indirect=True)`, alone or with options of the browser."""
    kind, options = request.param if isinstance(request.param, tuple) else (request.param, {})
    page, anchor, _ = find(site, kind)
    figure = Figure(browser, page, anchor, **options)
    yield figure
    figure.close()


@pytest.fixture
def data(site: Path, request: pytest.FixtureRequest) -> Any:
    return find(site, request.param)[2]


def of(kind: str) -> Any:
    return pytest.mark.parametrize(("opened", "data"), [(kind, kind)], indirect=True, ids=[kind])


def test_every_script_has_a_figure_and_every_figure_a_script(site: Path) -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in site.glob("*.html"))
    assert set(KINDS) == set(re.findall(r'data-interactive="([^"]+)"', text))


@of("jacobian")
def test_jacobian(opened: Figure, data: Any) -> None:
    x = np.array(data["logits"])                                                # (K,)
    K = len(x)
    moves = [(None, 0), ("ArrowRight", 2), ("ArrowLeft", 0), ("PageUp", 1), ("End", 2), ("Home", 2), ("Home", 0), ("End", 1)]
    for key, k in moves:
        if key:
            opened.press(key, k)
            x[k] = float(opened.sliders.nth(k).input_value())
        shown = numbers(" ".join(opened.texts(".control > .value[aria-hidden]")))
        assert np.allclose(shown, x, atol=0.0051)
        s = softmax(x[None])[0]                                                 # (K,)
        J = softmax_jacobian(s)                                                 # (K, K)
        drawn = [numbers(" ".join(texts)) for texts in ([t.text_content() for t in svg.locator("text").all()]
                                                        for svg in opened.node.locator(".equation svg").all())]
        close = {"rtol": 0, "atol": 0.00051}
        assert np.allclose(np.reshape(drawn[0], (K, K)), np.diag(s), **close)
        assert np.allclose(drawn[1], s, **close) and np.allclose(drawn[2], s, **close)
        assert np.allclose(np.reshape(drawn[3][: K * K], (K, K)), J, **close)
        assert drawn[3][K * K :] == [0.0] * K                                   # the sums of J's rows
        assert np.allclose(numbers(opened.said.split("largest")[0]), s, **close)
        assert np.isclose(numbers(opened.said)[K], J.max(), **close)
        assert ("fades to zero" in opened.said) == (J.max() < 0.05)
    opened.press_button("Start again")
    assert np.allclose(numbers(opened.said)[:K], softmax(np.array([data["logits"]]))[0], rtol=0, atol=0.00051)


@of("axis-sum")
def test_axis_sum(opened: Figure, data: Any) -> None:
    grad, weighted = np.array(data["grad"]), np.array(data["weighted"])         # (N, K), (N, K)
    N, K = grad.shape
    layer = Bias(K)
    layer(grad)
    layer.backward(grad)
    assert f"({N}, {K}) → ({K},)" in opened.said
    assert np.allclose(numbers(opened.said.split("db")[1]), layer.gradients["b"], atol=0.0051)

    opened.press_button("axis 1")
    assert opened.node.get_by_role("button", name="axis 1").get_attribute("aria-pressed") == "true"
    assert f"({N}, {K}) → ({N}, 1)" in opened.said
    assert np.allclose(numbers(opened.said.split("average")[1]), weighted.sum(axis=1), atol=0.0051)

    for axis, array in [(0, grad), (1, weighted)]:                              # cell by cell
        opened.press_button(f"axis {axis}")
        opened.press("Home")
        assert "Nothing summed yet" in opened.said
        rows = array.T if axis == 0 else array                                  # (results, parts)
        for t in range(1, array.size):
            opened.press("ArrowRight")
            r, part = divmod(t - 1, rows.shape[1])
            head, *parts = opened.said.split("[")[1].replace("− ", "-").replace("+ ", "").split(" = ")
            assert head == f"{r}]" and f"{part + 1} of {rows.shape[1]}" in parts[1]
            terms = [float(n.replace("−", "-")) for n in parts[0].split()]
            assert np.allclose(terms, rows[r, : part + 1], atol=0.0051)
            assert np.isclose(numbers(parts[1])[0], rows[r, : part + 1].sum(), atol=0.0051)
            assert np.isclose(numbers(parts[1])[0], sum(terms), rtol=0, atol=1e-9)  # what is shown adds up
            marked = opened.node.locator(".box[style*='stroke: var']")
            assert marked.count() == part + 2                                   # the parts, and the result
        opened.press("End")


@of("v")
def test_v(opened: Figure, data: Any) -> None:
    x = data["x"]
    opened.press("Home")
    steps = []
    for _ in range(int(opened.sliders.get_attribute("max")) + 1):
        h = numbers(opened.node.locator(".control .value").inner_text())[0]
        steps.append(h)
        truth, u = np.cos(x), 1e-16 / (2 * h)
        expected = {
            "forward": ((np.sin(x + h) - np.sin(x)) / h - truth, h / 2 * np.sin(x)),
            "central": ((np.sin(x + h) - np.sin(x - h)) / (2 * h) - truth, h**2 / 6 * truth),
        }
        for line, (name, (error, truncation)) in zip(opened.texts(".reading p"), expected.items(), strict=True):
            shown = numbers(line)
            assert line.startswith(name)
            assert np.isclose(shown[0], abs(error), rtol=0.06, atol=4.5e-16 / h), (h, line)  # two sines, each to its last bit
            assert np.allclose(shown[1:3], [truncation, u], rtol=0.06)
            larger = "truncation" if truncation > 2 * u else "rounding" if u > 2 * truncation else None
            assert line.endswith(f" {larger} dominates." if larger else "about equal."), line
        opened.press("ArrowRight")
    assert steps[0] == 1e-13 and steps[-1] == 0.2 and np.all(np.diff(steps) > 0)


@of("boundary")
def test_boundary(opened: Figure, data: Any) -> None:
    from nnlit.losses import SoftmaxCrossEntropyLoss
    from nnlit.optimizers import SGD
    from nnlit.train import fit
    from nnlit.xor import LABELS, X, network

    assert np.array_equal(np.array(data["points"]), np.column_stack([X, LABELS]))
    model, loss, epoch = network(), SoftmaxCrossEntropyLoss(), 0
    optimizer = SGD(model, lr=0.1)
    opened.press("Home")
    for snapshot in data["snapshots"]:
        if snapshot["epoch"] > epoch:
            fit(model, loss, optimizer, X, LABELS, epochs=snapshot["epoch"] - epoch)
        epoch = snapshot["epoch"]
        p = softmax(model(X))[:, 1]                                             # (N,)
        assert opened.said.startswith(f"Epoch {epoch}: ")
        assert np.isclose(numbers(opened.said)[1], loss(model(X), LABELS), atol=2e-4)
        assert numbers(opened.said)[2] == (model(X).argmax(axis=1) == LABELS).sum()
        shown = [float(n) for n in re.findall(r"\): ([\d.]+\d)", opened.said)]
        assert np.allclose(shown, p, atol=0.0011)

        line = opened.node.locator(".boundary").get_attribute("d")
        at = np.array(re.findall(r"([\d.]+) ([\d.]+)", line), float)            # (P, 2) in the drawing
        assert len(at) > 10
        at = np.column_stack([at[:, 0] - 26, 306 - at[:, 1]]) / 150 - 0.5       # (P, D) in the plane
        around = 0.05 * np.array([[i, j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
        near = model((at[:, None] + around).reshape(-1, 2)).reshape(len(at), 9, 2)
        d = near[..., 1] - near[..., 0]                                         # (P, 9) a cell to each side of the line
        assert (d.min(axis=1) <= 1e-3).all() and (d.max(axis=1) >= -1e-3).all()
        opened.press("ArrowRight")


@pytest.mark.parametrize("opened", [(k, m) for k in KINDS for m in MODES], indirect=True)
def test_moved_figure_is_accessible(opened: Figure) -> None:
    from axe_playwright_python.sync_playwright import Axe

    assert opened.panel.is_visible() and not opened.still.is_visible()
    labels = "Array.from(document.querySelectorAll('.interactive [aria-label]'), (n) => n.ariaLabel).join()"
    before, label = opened.panel.inner_text(), opened.tab.evaluate(labels)
    opened.press("Home")
    assert opened.panel.inner_text() != before and opened.tab.evaluate(labels) != label
    assert opened.tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert opened.tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.node.evaluate("f => f.scrollWidth <= f.clientWidth")
    for control in [*opened.sliders.all(), *opened.buttons.all(), *opened.node.locator("select, input[type=number]").all()]:
        assert control.bounding_box()["height"] >= 24
    options = {"preload": False}  # it would read the stylesheets again, which a browser does not allow a file to do
    violations = Axe().run(opened.tab, f"#{opened.node.get_attribute('id')}", options).response["violations"]
    assert not violations, [(v["id"], v["nodes"][0]["html"][:200]) for v in violations]


@pytest.mark.parametrize("opened", [("jacobian", {"color_scheme": c}) for c in ("light", "dark")], indirect=True)
def test_text_in_drawings_has_contrast(opened: Figure) -> None:
    """axe looks at no text in SVG, so: ink on the strongest heat, and each colour that is used for text, on the page."""
    opened.tab.evaluate("document.body.append(Object.assign(document.createElement('i'), {id: 'probe'}))")

    def colour(name: str) -> np.ndarray:
        opened.tab.evaluate(f"document.getElementById('probe').style.color = 'var(--{name})'")
        rgb = opened.tab.evaluate("getComputedStyle(document.getElementById('probe')).color")
        return np.array(re.findall(r"[\d.]+", rgb)[:3], float) / 255

    def contrast(a: np.ndarray, b: np.ndarray) -> float:
        linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in (a, b)]
        low, high = sorted(float(c @ [0.2126, 0.7152, 0.0722]) + 0.05 for c in linear)
        return high / low

    paper, ink = colour("book-paper"), colour("book-ink")
    for name in ("positive", "negative"):
        assert contrast(ink, 0.45 * colour(f"fig-{name}") + 0.55 * paper) >= 4.5, name
    for name in ("fig-batch", "fig-input", "fig-output", "book-muted"):
        assert contrast(colour(name), paper) >= 4.5, name


@pytest.mark.parametrize("kind", KINDS)
def test_still_without_scripts_and_on_paper(site: Path, browser: Any, kind: str) -> None:
    page, anchor, _ = find(site, kind)
    silent = Figure(browser, page, anchor, java_script_enabled=False)
    assert silent.still.is_visible() and silent.panel.count() == 0
    assert len(silent.still.get_attribute("aria-label")) > 20
    silent.close()
    paper = Figure(browser, page, anchor)
    paper.tab.emulate_media(media="print")
    assert paper.still.is_visible() and not paper.panel.is_visible()
    paper.close()


def test_still_when_the_script_fails(site: Path, browser: Any) -> None:
    page, anchor, _ = find(site, "jacobian")
    tab = browser.new_context().new_page()
    broken = page.read_text(encoding="utf-8").replace('"logits"', '"no such"')
    tab.route("**/*.html", lambda route: route.fulfill(body=broken, content_type="text/html"))
    with tab.expect_console_message(lambda m: m.type == "error") as said:
        tab.goto(page.as_uri(), wait_until="load")
        tab.locator(anchor).scroll_into_view_if_needed()
    assert tab.locator(f"{anchor} > svg:not(.narrow)").is_visible() and tab.locator(f"{anchor} .interactive").count() == 0
    assert "stays still" in said.value.text
    tab.context.close()


PLAYED = {"axis-sum": 0, "boundary": 0, "valley": 5}                         # and which slider is played


@pytest.mark.parametrize(("opened", "slider"), PLAYED.items(), indirect=["opened"])
def test_play_and_pause(opened: Figure, slider: int) -> None:
    played = opened.sliders.nth(slider)
    last = int(played.get_attribute("max"))
    opened.press_button("Play")                                                 # at the end: begins anew
    assert int(played.input_value()) < last
    assert opened.node.locator(".reading").get_attribute("aria-live") == "off"
    opened.tab.wait_for_function(f"document.getElementById('{played.get_attribute('id')}').value >= 2")
    opened.press_button("Pause")
    stopped = played.input_value()
    opened.tab.wait_for_timeout(500)
    assert played.input_value() == stopped
    assert opened.node.locator(".reading").get_attribute("aria-live") == "polite"


QUIET = {"reduced_motion": "reduce"}


@pytest.mark.parametrize(("opened", "slider"), [((kind, QUIET), k) for kind, k in PLAYED.items()], indirect=["opened"])
def test_reduced_motion(opened: Figure, slider: int) -> None:
    """Nothing plays: the button goes from one end to the other."""
    played = opened.sliders.nth(slider)
    for name, value in [("To the start", "0"), ("To the end", played.get_attribute("max"))]:
        opened.press_button(name)
        assert played.input_value() == value
    opened.tab.wait_for_timeout(500)
    assert played.input_value() == played.get_attribute("max")


def test_a_script_is_loaded_where_it_is_needed_and_when_the_reader_comes_near(site: Path, browser: Any) -> None:
    page, anchor, _ = find(site, "boundary")                                    # far down its page
    asked: list[str] = []
    tab = browser.new_context().new_page()
    tab.on("request", lambda r: asked.append(r.url.rpartition("/interactive/")[2]) if "/interactive/" in r.url else None)
    tab.goto((site / "index.html").as_uri(), wait_until="load")
    tab.goto(page.as_uri(), wait_until="load")
    tab.wait_for_timeout(200)
    assert asked == []
    tab.locator(anchor).scroll_into_view_if_needed()
    tab.locator(f"{anchor} .interactive").wait_for()
    assert asked == ["base.js", "boundary.js"]
    tab.context.close()
