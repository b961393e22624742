"""The moving figures' arithmetic, in an engine that has no page, against the book's own layers; and five panels in a browser."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from conftest import ROOT
from moving import SCRIPTS, Figure, find, numbers
from py_mini_racer import MiniRacer

from nnlit.activations import ReLU, Tanh
from nnlit.addition import SIGNS, encode, load_adder
from nnlit.attention import DotProductAttention
from nnlit.digits import hold_out, load_digits, standardization
from nnlit.linear import Linear
from nnlit.losses import SoftmaxCrossEntropyLoss
from nnlit.module import Sequential, inference_mode, walk
from nnlit.optimizers import SGD, Adam
from nnlit.softmax import softmax
from nnlit.train import fit

from _packed import ALPHABET, packed

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@pytest.fixture(scope="module")
def engine() -> MiniRacer:
    engine = MiniRacer()
    for path in [SCRIPTS / "base.js", *sorted(SCRIPTS.glob("[!b]*.js"))]:
        engine.eval(path.read_text(encoding="utf-8"))
    return engine


def run(engine: MiniRacer, code: str, **values: Any) -> Any:
    """What an expression gives; in it are the values by their names, and `a`, the arithmetic of all figures."""
    given = "".join(f"const {name} = {json.dumps(value)};" for name, value in values.items())
    helpers = "const a = movable.arithmetic, plain = (key, v) => (ArrayBuffer.isView(v) ? Array.from(v) : v);" \
        "const network = (packed) => Object.fromEntries(Object.entries(packed).map(([n, p]) => [n, movable.unpacked(p)]));"
    return json.loads(engine.eval(f"(() => {{ {helpers} {given} return JSON.stringify({code}, plain); }})()"))


def saved(chapter: str, kind: str) -> Any:
    """The data of a figure, as it stands in the chapter's file."""
    text = json.dumps(nbformat.read(ROOT / "nbs" / chapter, as_version=4))
    found = re.search(rf'data-interactive=\\"{kind}\\".*?application/json\\">(.*?)</script>', text)
    assert found
    return json.loads(json.loads(f'"{found[1]}"'))


def unpacked(one: dict[str, Any]) -> np.ndarray:
    signs = np.array([ALPHABET.index(c) for c in one["text"]]).reshape(-1, 2)       # (numbers, 2)
    return ((signs @ [64, 1] - 2048) * one["step"]).reshape(one["shape"])


def test_packed_numbers_come_back(engine: MiniRacer) -> None:
    for values in (np.random.default_rng(0).normal(size=(5, 3)), np.array([7.0, -7.0, 0.0])):
        one = packed(values)
        assert np.abs(unpacked(one) - values).max() <= one["step"] / 2 < np.abs(values).max() / 4000
        assert np.allclose(run(engine, "movable.unpacked(one)", one=one), unpacked(one), rtol=0, atol=1e-15)


def test_temperature(engine: MiniRacer) -> None:
    x = saved("12_inference.ipynb", "temperature")["logits"]
    for T in (0.05, 1.0, 20.0):
        assert np.allclose(run(engine, "a.temperature.tempered(x, T)", x=x, T=T), softmax(np.array([x]) / T)[0], **CLOSE)


def test_paths_are_those_of_the_optimizers(engine: MiniRacer) -> None:
    """Every stop of every slider: to 1e-9 of the size of the numbers, thrown out or not."""
    valley, layer = saved("10_optimizers.ipynb", "valley"), Linear(1, 1, rng=0)
    stops = {name: [value for _, value in stop] for name, stop in run(engine, "a.valley.stops").items()}
    curvature = np.array(valley["curvature"], float)                                # (D,)

    def walked(optimizer: Any) -> np.ndarray:
        w, state = np.array(valley["start"], float), {}
        path = [w.copy()]
        for _ in range(valley["steps"]):
            optimizer.update(w, curvature * w, state)
            path.append(w.copy())
        return np.array(path)                                                       # (steps + 1, D)

    for lr, mu in itertools.product(stops["RATES"], stops["MOMENTA"]):
        seen = run(engine, "a.valley.paths(v, k)", v=valley, k={"lr": lr, "mu": mu, "adamLr": 1, "beta1": 0.9, "beta2": 0.9})
        assert np.allclose(seen[0], walked(SGD(layer, lr)), **CLOSE), lr
        assert np.allclose(seen[1], walked(SGD(layer, lr, momentum=mu)), **CLOSE), (lr, mu)
    for lr, one, two in itertools.product(stops["ADAM_RATES"], stops["BETA1"], stops["BETA2"]):
        seen = run(engine, "a.valley.paths(v, k)", v=valley, k={"lr": 0.1, "mu": 0, "adamLr": lr, "beta1": one, "beta2": two})
        assert np.allclose(seen[2], walked(Adam(layer, lr, one, two)), **CLOSE), (lr, one, two)
    start = [stops["RATES"].count(valley["lr"]), *(value in stops[n] for n, value in [("MOMENTA", valley["mu"]),
             ("ADAM_RATES", valley["adamLr"]), ("BETA1", valley["beta1"]), ("BETA2", valley["beta2"])])]
    assert all(start)                                                               # the still picture can be had again


KINDS: dict[str, Any] = {
    "ReLU": (ReLU, lambda y: np.maximum(y, 0), lambda y: 1.0 * (y > 0)),
    "tanh": (Tanh, np.tanh, lambda y: 1 - np.tanh(y) ** 2),
}


@pytest.mark.parametrize("gain", [0.5, 1.0, 2**0.5, 3.0])
@pytest.mark.parametrize("name", KINDS)
def test_twenty_layers(engine: MiniRacer, name: str, gain: float) -> None:
    """The network that is drawn is measured as the book's layers measure it; the law is (9.7), and it is near the network."""
    size, (make, f, slope) = saved("09_initialization.ipynb", "layers"), KINDS[name]
    N, H, depth = size["samples"], size["width"], size["depth"]
    drawn = run(engine, "a.layers.drawn(size, size.seed)", size=size)
    h, back = (np.array(drawn[key]).reshape(N, H) for key in ("x", "grad"))         # (N, H), (N, H)
    W = np.array(drawn["W"]).reshape(depth, H, H)
    assert abs(W.mean()) < 0.01 and np.isclose(W.std(), 1, rtol=0.01)
    layers, up, down = [], [], []
    for w in W * (gain / np.sqrt(H)):
        layers += [Linear(H, H, lambda *_, w=w: w), make()]
        y = layers[-2](h)                                                           # (N, H)
        h = layers[-1](y)                                                           # (N, H)
        up.append(np.sqrt((y**2).mean()))
    for layer in reversed(layers):
        back = layer.backward(back)                                                 # (N, H)
        down.append(np.sqrt((back**2).mean()))
    code = "a.layers.measured(size, a.layers.drawn(size, size.seed), name, gain)"
    seen = run(engine, code, size=size, name=name, gain=gain)
    assert np.allclose(seen["up"], up, rtol=1e-9) and np.allclose(seen["down"], down[1::2][::-1], rtol=1e-9)
    assert np.isclose(seen["flat"], (slope(y) < 0.01).mean())

    z = np.linspace(-10, 10, 20_000)                                                # an even number: none on ReLU's kink
    density = np.exp(-z * z / 2) / np.exp(-z * z / 2).sum()
    expected = [gain], [1.0]
    for _ in range(depth - 1):
        expected[0].append(gain * np.sqrt((density * f(expected[0][-1] * z) ** 2).sum()))
    for deviation in reversed(expected[0]):
        expected[1].append(expected[1][-1] * gain * np.sqrt((density * slope(deviation * z) ** 2).sum()))
    law = run(engine, "a.layers.law(depth, name, gain)", depth=depth, name=name, gain=gain)
    for way, right in [("up", expected[0]), ("down", expected[1][:0:-1])]:
        assert np.allclose(law[way], right, rtol=1e-6)
        assert np.abs(np.log(seen[way]) - np.log(law[way])).max() < 0.75            # a network of a hundred units, and its luck


def test_attention_rows(engine: MiniRacer) -> None:
    """Those of the book's network with the figure's numbers; these are nearly the network's own."""
    data, own, network = saved("21a_addition.ipynb", "attention"), load_adder(np.float64), load_adder(np.float64)
    assert data["signs"] == SIGNS
    mine = network.parameters
    for name, key in {"tokens": "0.W", "places": "1.W"}.items():
        mine[key][...] = unpacked(data[name])
    mine["2.0.0.gamma"][...], mine["2.0.0.beta"][...] = unpacked(data["norm"])
    mine["2.0.1.qkv.W"][:, :128], mine["2.0.1.qkv.b"][:128] = unpacked(data["W"]), unpacked(data["b"])[0]
    arrays = {name: data[name] for name in ("tokens", "places", "norm", "W", "b")}
    for first, second in [(data["first"], data["second"]), (5, 999), (0, 0)]:
        ids = encode([first], [second])[0]                                          # (1, T)
        text = "".join(SIGNS[i] for i in ids[0])
        assert run(engine, "a.attention.written(x, y)", x=first, y=second) == text
        rows = {}
        for which, model in [("own", own), ("mine", network)]:
            with inference_mode(model):
                model(ids)
            q, k, _, p = next(m for _, m in walk(model) if isinstance(m, DotProductAttention)).cache
            rows[which] = p[0]                                                      # (heads, T, T)
        code = "range.map((t) => a.attention.rowsOf(a.attention.queriesAndKeys(network(packed), ids), 4, t, how))"
        how: dict[str, Any] = {"range": list(range(11)), "ids": ids[0].tolist(), "packed": arrays}
        seen = np.array(run(engine, code, how={"causal": True, "scaled": True}, **how))
        assert np.allclose(seen.swapaxes(0, 1), rows["mine"], **CLOSE)
        assert np.abs(rows["own"] - rows["mine"]).max() < 0.01
        free = np.array(run(engine, code, how={"causal": False, "scaled": False}, **how)).swapaxes(0, 1)  # (heads, T, T)
        e = np.exp(4 * q[0] @ k[0].swapaxes(1, 2))                                  # q is divided by √16
        assert np.allclose(free, e / e.sum(axis=-1, keepdims=True), **CLOSE)


def scanned(strokes: list[Any], radius: float | None = None) -> np.ndarray:
    """The counts of ink (64,) of strokes on a 32 × 32 scan: the figure's rules once more, in NumPy."""
    strokes = [np.array(s, float) for s in strokes]
    if radius is None:
        every = np.concatenate(strokes)                                             # (points, 2)
        size, middle = np.ptp(every, axis=0), (every.min(axis=0) + every.max(axis=0)) / 2
        tall = 26.5 / max(size[1], 4)
        wide = min(tall if size[0] < 0.35 * size[1] else np.inf, 12.5 / max(size[0], 4))
        strokes = [16 + (s - middle) * [wide, tall] for s in strokes]
    at = np.stack(np.meshgrid(np.arange(32) + 0.5, np.arange(32) + 0.5), axis=-1).reshape(-1, 2)  # (1024, 2) x, y
    far = np.full(1024, np.inf)
    for s in strokes:
        for a, b in zip([s[0], *s[:-1]], s, strict=True):
            length = ((b - a) ** 2).sum() or 1.0
            t = np.clip((at - a) @ (b - a) / length, 0, 1)                          # (1024,)
            far = np.minimum(far, np.linalg.norm(a + t[:, None] * (b - a) - at, axis=1))
    radius = float(np.clip(np.sort(far)[307], 2, 4)) if radius is None else radius
    return (far <= radius).reshape(8, 4, 8, 4).sum(axis=(1, 3)).ravel()


SEVEN = [[[8, 6], [22, 7], [19, 15], [14, 27]]]
ONE = [[[30, 3], [29.5, 9]]]


def test_the_digit_is_read_as_in_the_book(engine: MiniRacer) -> None:
    data = saved("13_digits.ipynb", "digit")
    arrays = {name: data[name] for name in ("W", "b", "V", "c")}
    W, b, V, c = (unpacked(arrays[name]) for name in arrays)
    x, y, x_out, y_out = hold_out(*load_digits(), 450, rng=0)
    seen = run(engine, "images.map((x) => a.digit.read(network(packed), x))", images=x_out[:50].tolist(), packed=arrays)
    hidden, probs = (np.array([one[key] for one in seen]) for key in ("hidden", "probs"))
    every = softmax(np.maximum(x_out @ W + b, 0) @ V + c)                           # (N, K)
    assert np.allclose(hidden, np.maximum(x_out[:50] @ W + b, 0), **CLOSE) and np.allclose(probs, every[:50], **CLOSE)

    mean, scale = standardization(x)                                                # the chapter's training once more
    rng = np.random.default_rng(0)
    model = Sequential(Linear(64, 128, "he", rng), ReLU(), Linear(128, 10, "xavier", rng))
    optimizer = SGD(model, 0.05, momentum=0.9, weight_decay=1e-3)
    fit(model, SoftmaxCrossEntropyLoss(), optimizer, (x - mean) / scale, y, epochs=30, batch_size=32, rng=0)
    own = softmax(model((x_out - mean) / scale))
    assert np.abs(every - own).max() < 0.002 and (every.argmax(axis=1) == own.argmax(axis=1)).all()
    for line, label, read in data["images"]:
        ink = np.array(run(engine, "a.digit.inkOf(line)", line=line))
        (i,) = np.flatnonzero((x_out == ink).all(axis=1))
        assert (y_out[i], own[i].argmax()) == (label, read)
    assert [label for _, label, _ in data["images"][:10]] == list(range(10))


@pytest.mark.parametrize("strokes", [SEVEN, ONE, [[[5, 5]]], [[[4, 4], [28, 4]], [[4, 28], [28, 28], [16, 10]]]])
def test_drawings_get_the_form_of_the_data(engine: MiniRacer, strokes: list[Any]) -> None:
    for fitted, radius in [("true", None), ("false", 2.0)]:
        seen = run(engine, f"a.digit.counted(a.digit.scan(strokes, {fitted}))", strokes=strokes)
        assert np.abs(np.array(seen) - scanned(strokes, radius)).sum() <= 2, fitted  # a pixel's middle on the pen's very edge


# -------------------------------------------------------------------------------------------------------------- in a browser


@pytest.fixture
def opened(site: Path, browser: Any, request: pytest.FixtureRequest) -> Iterator[Figure]:
    page, anchor, _ = find(site, request.param)
    figure = Figure(browser, page, anchor, viewport={"width": 1300, "height": 1000})
    yield figure
    figure.close()


def of(kind: str) -> Any:
    return pytest.mark.parametrize("opened", [kind], indirect=True)


@of("temperature")
def test_temperature_in_words(opened: Figure, site: Path) -> None:
    x = np.array(find(site, "temperature")[2]["logits"])
    walk = [("Home", 0.05, "taken all"), ("End", 20.0, "nearly alike"), ("PageDown", None, ""), ("PageDown", None, "modest")]
    for key, T, words in walk:
        opened.press(key)
        told = numbers(opened.said)
        assert T is None or told[0] == T
        assert np.allclose(told[1 : len(x) + 1], softmax(x[None] / told[0])[0], atol=0.00051)
        assert words in opened.said and "The class is the same" in opened.said


@of("valley")
def test_valley_in_words(opened: Figure) -> None:
    sgd, momentum, adam = opened.texts(".reading p")
    assert "60 steps at (−0.07" in sgd and "below the edge 2.00" in sgd and "loss 2e-8" in momentum and "(−0.34, −0.04)" in adam
    opened.press("End")                                                             # the largest lr: two are thrown out
    sgd, momentum, same = opened.texts(".reading p")
    assert "thrown out" in sgd and "not below the edge" in sgd and "thrown out" in momentum and same == adam
    opened.press("Home", 5)                                                         # no steps: all at the start
    assert all("after 0 steps at (−9.00, 1.50)" in line for line in opened.texts(".reading p"))
    opened.press_button("Start again")
    assert "loss 2e-8" in opened.said


@of("layers")
def test_layers_in_words(opened: Figure) -> None:
    assert opened.said.count("keeps its size") == 2
    opened.press("Home")
    assert opened.said.count("vanishes") == 2 and numbers(opened.said)[0] == 0.5
    opened.press("End")
    assert opened.said.count("explodes") == 2
    opened.press_button("tanh")
    assert "flat" in opened.said and opened.said.count("explodes") == 1             # the gradient alone
    before = opened.said
    opened.press_button("Draw other weights")
    assert opened.said != before


@of("digit")
def test_a_digit_by_keyboard_and_by_pointer(opened: Figure) -> None:
    board, press = opened.node.locator(".board"), opened.tab.keyboard.press
    assert opened.said.startswith("Read as 3")
    board.focus()
    press("Space")
    for _ in range(6):
        press("ArrowRight")
    opened.tab.keyboard.down("ArrowLeft")                                           # two at once: aslant
    for _ in range(9):
        press("ArrowDown")
    opened.tab.keyboard.up("ArrowLeft")
    press("Space")
    assert opened.node.locator(".unseen").inner_text().startswith("Pen up")
    assert opened.said.startswith("Read as 7"), opened.said
    opened.press_button("Undo stroke")
    assert opened.said == "Nothing is drawn yet."

    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    for i, angle in enumerate(np.linspace(-np.pi / 2, 1.5 * np.pi, 30)):            # small, in the middle
        across, along = 0.5 + 0.12 * np.cos(angle), 0.5 + 0.2 * np.sin(angle)
        opened.tab.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * along)
        if i == 0:
            opened.tab.mouse.down()
    opened.tab.mouse.up()
    assert opened.said.startswith("Read as 0"), opened.said
    fit = opened.node.get_by_label("fitted")
    fit.press("Space")
    assert numbers(opened.said)[-1] < 15                                            # per cent of ink, as it was drawn
    fit.press("Space")

    opened.node.locator("select").select_option(index=12)                           # one that the network misreads
    assert re.search(r"held-out (\d), read as (\d)", opened.node.locator("option").nth(12).inner_text())
    opened.press("End")
    assert "Unit 128" in opened.sliders.get_attribute("aria-valuetext")


@of("attention")
def test_attention_in_words(opened: Figure) -> None:
    assert "From 5 (s₀), about to write s₁" in opened.said
    opened.press("Home")
    assert all(f"head {h}: 100 % on 3" in opened.said for h in range(4))            # the first sign sees itself alone
    causal, scaled = (opened.node.get_by_label(name) for name in ("causal mask", "divided by √d"))
    causal.press("Space")
    assert "yet to write" in opened.said and "head 0: 100 % on 3" not in opened.said
    scaled.press("Space")
    assert "four times as large" in opened.said
    field = opened.node.get_by_label("first number")
    field.fill("12")
    assert opened.said.startswith("From 0 (a₂)")
    field.fill("12.5")
    assert field.get_attribute("aria-invalid") == "true" and opened.said.startswith("From 0 (a₂)")
