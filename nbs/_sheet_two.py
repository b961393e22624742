"""The back of the cheat sheet: today's layers. Its lines are executed and compared with the package like those in front."""

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from nnlit.attention import DotProductAttention
from nnlit.convolution import Conv2D, sliding_windows
from nnlit.dropout import Dropout
from nnlit.embedding import Embedding, TiedOutput
from nnlit.gates import LSTM
from nnlit.layer_norm import LayerNorm, RMSNorm
from nnlit.normalization import BatchNorm
from nnlit.recurrence import RNN

from _sheet import block, code, table

EPS, RATE = 1e-5, 0.4
LETTERS = {1: "1", 2: "N", 7: "T", 6: "R", 12: "D", 3: "H", 11: "V", 4: "d", 5: "C", 8: "K", 9: "P"}  # by length


@dataclass
class Row:
    """One layer: its name, what makes it, what its lines begin with, the lines, and the loop around them."""
    name: str
    make: Callable[[], Any]
    given: Callable[[np.random.Generator, Any], dict[str, Any]]
    lines: list[str]
    keeps: str = ""
    program: str = ""
    inputs: tuple[str, ...] = ("x",)
    letters: dict[int, str] = field(default_factory=lambda: LETTERS)


def rows_of(rng: np.random.Generator, layer: Any) -> dict[str, Any]:
    """x and grad as rows (R, D)."""
    return {"x": rng.normal(size=(6, 12)), "grad": rng.normal(size=(6, 12))}


def dropped(rng: np.random.Generator, layer: Any) -> dict[str, Any]:
    """The layer's own draws, once more."""
    again = partial(np.random.default_rng(0).random, dtype=np.float32)
    return {**rows_of(rng, layer), "p": RATE, "rng": SimpleNamespace(random=again)}


def sequence(rng: np.random.Generator, layer: Any) -> dict[str, Any]:
    """x (T, N, D), time first, as the loop reads it, and states that begin at 0: h[-1] is the start."""
    zeros = {name: np.zeros((8, 2, 3)) for name in ("h", "c")}
    return {"x": rng.normal(size=(7, 2, 12)), "grad": rng.normal(size=(7, 2, 3)), **zeros}


SIGMOID = "s = lambda z: 1 / (1 + np.exp(-z))\n"
BACK = "for t in reversed(range(7)):\n"
RNN_LINES = ["h[t] = np.tanh(x[t] @ Wx + h[t - 1] @ Wh + b)", "dh = dh + grad[t]", "dz = dh * (1 - h[t] ** 2)",
             "dWh += h[t - 1].T @ dz", "dx[t] = dz @ Wx.T", "dh = dz @ Wh.T"]
LSTM_LINES = ["c[t] = f * c[t - 1] + i * g", "h[t] = o * np.tanh(c[t])", "dc = dc + dh * o * (1 - np.tanh(c[t]) ** 2)",
              "dzf = dc * c[t - 1] * f * (1 - f)", "dc = dc * f"]


def loop(lines: list[str], indent: str = "    ") -> str:
    return "".join(f"{indent}{line}\n" for line in lines)


RNN_PROGRAM = (
    f"dWh, dx, dh = np.zeros_like(Wh), np.zeros_like(x), 0\nfor t in range(7):\n{loop(RNN_LINES[:1])}"
    f"{BACK}{loop(RNN_LINES[1:])}")
LSTM_PROGRAM = (
    f"{SIGMOID}kept, dh, dc, dWf, dx = {{}}, 0, 0, 0, np.zeros_like(x)\nfor t in range(7):\n"
    "    zi, zf, zg, zo = (x[t] @ Wx[k] + h[t - 1] @ Wh[k] + b[k] for k in range(4))\n"
    f"    i, f, g, o = kept[t] = s(zi), s(zf), np.tanh(zg), s(zo)\n{loop(LSTM_LINES[:2])}"
    f"{BACK}    i, f, g, o = kept[t]\n    dh = dh + grad[t]\n{loop(LSTM_LINES[2:4])}"
    "    dz = dc * g * i * (1 - i), dzf, dc * i * (1 - g * g), dh * np.tanh(c[t]) * o * (1 - o)\n"
    "    dx[t] = sum(d @ W.T for d, W in zip(dz, Wx))\n    dh = sum(d @ W.T for d, W in zip(dz, Wh))\n" + loop(LSTM_LINES[4:])
)
NORMALIZED = ["dgamma = (grad * n).sum(axis=0)", "g = grad * gamma"]
LAYERS = [
    Row("Dropout, rate p", lambda: Dropout(RATE, rng=0), dropped,
        ["m = (rng.random(x.shape) < 1 - p) / (1 - p)", "y = x * m", "dx = grad * m"], "m"),
    Row("Batch norm", lambda: BatchNorm(12), rows_of,
        ["c = x - x.mean(axis=0)", "s = np.sqrt((c * c).mean(axis=0) + eps)", "n = c / s", "y = gamma * n + beta", *NORMALIZED,
         "dx = (g - g.mean(axis=0) - n * (g * n).mean(axis=0)) / s"], "n, s"),
    Row("Layer norm", lambda: LayerNorm(12), rows_of,
        ["c = x - mean(x)", "s = np.sqrt(mean(c * c) + eps)", "n = c / s", "y = gamma * n + beta", *NORMALIZED,
         "dx = (g - mean(g) - n * mean(g * n)) / s"], "n, s"),
    Row("RMS norm", lambda: RMSNorm(12), rows_of,
        ["s = np.sqrt(mean(x * x) + eps)", "n = x / s", "y = gamma * n", "g = grad * gamma",
         "dx = (g - n * mean(g * n)) / s"], "n, s"),
    Row("Embedding", lambda: Embedding(11, 12, rng=0),
        lambda rng, layer: {"x": rng.integers(0, 11, size=(2, 7)), "grad": rng.normal(size=(2, 7, 12))},
        ["y = W[x]", "dW = np.zeros_like(W)", "np.add.at(dW, x, grad)"], "x"),
    Row("Tied output", lambda: TiedOutput(Embedding(11, 12, rng=0)),
        lambda rng, layer: {"x": rng.normal(size=(6, 12)), "grad": rng.normal(size=(6, 11)),
                            "W": layer.embedding.parameters["W"]},
        ["y = x @ W.T", "dW = grad.T @ x", "dx = grad @ W"], "x"),
    Row("Convolution", lambda: Conv2D(5, 8, 3, rng=0),
        lambda rng, layer: {"x": rng.normal(size=(2, 11, 11, 5)), "grad": rng.normal(size=(2, 9, 9, 8))},
        ["w = sliding_windows(x, 3)", 'y = np.einsum("npqijc,ijck->npqk", w, W) + b',
         'dW = np.einsum("npqijc,npqk->ijck", w, grad)',
         "db = grad.sum(axis=(0, 1, 2))", 'back = np.einsum("npqk,ijck->npqijc", grad, W)', "dx = np.zeros_like(x)",
         "for i, j in np.ndindex(3, 3): dx[:, i:i + P, j:j + P] += back[:, :, :, i, j]"], "w",
        letters={**LETTERS, 11: "H", 3: "s"}),
    Row("Recurrence, step t", lambda: RNN(12, 3, rng=0), sequence, RNN_LINES, "x, h", RNN_PROGRAM),
    Row("LSTM, step t", lambda: LSTM(12, 3, rng=0), sequence, LSTM_LINES, "x, h, c, gates", LSTM_PROGRAM),
    Row("Attention, one head", lambda: DotProductAttention(), lambda rng, layer: {
        **{name: rng.normal(size=(7, 4)) for name in ("q", "k", "v", "grad")}, "d": 4,
        "mask": np.triu(np.full((7, 7), -np.inf), 1)},
        ["S = q @ k.T / np.sqrt(d) + mask", "P = softmax(S)", "y = P @ v", "dv = P.T @ grad", "dP = grad @ v.T",
         "dS = P * (dP - (P * dP).sum(axis=1, keepdims=True))", "dq = dS @ k / np.sqrt(d)",
         "dk = dS.T @ q / np.sqrt(d)"], "q, k, v, P",
        inputs=("q", "k", "v")),
]
FACTS = {
    "Over which axes": [
        ("γ, β, b, W: shared by all rows", "all axes before the last"),
        ("batch norm’s mean, variance", "all axes before the last"),
        ("layer norm’s, RMS norm’s, softmax", "the last axis, within a row"),
        ("a kernel, Wh: shared by places, steps", "places, steps, samples"),
        ("a table’s row, a tied table", "all its uses")],
    "How many": [
        ("places of a kernel", code("(n + 2 * padding - size) // stride + 1")), ("convolution", code("size * size * C * K + K")),
        ("LSTM", code("4 * (D * H + H * H + H)")),
        ("block of a transformer", code("12 * D * D") + " and biases, norms"),
        ("attention weights", code("N * heads * T * T") + " numbers, or N · heads · T log-sums"),
        ("a training step", "6 FLOPs a parameter and token")],
    "Before the first step": [
        ("γ 1, β 0", "the norm is a norm"), ("embedding", "deviation 0.02: first loss ln V"),
        ("last product of a branch", code("/ np.sqrt(2 * depth)")),
        ("Wh", "orthogonal: no length changes"), ("forget gate’s bias", "1: open")],
}
WORDS = {
    "A block": f"<p>{code('x = x + attention(norm1(x))')}<br>{code('x = x + down(relu(up(norm2(x))))')}<br>"
               f"Backward, a fork adds: {code('dx = grad + norm.backward(f.backward(grad))')}</p>",
    "Training and inference": "<p>Dropout draws in training and is x in inference. Batch norm takes the batch’s statistics "
                              "in training, the running ones in inference. Validate in inference mode.</p>",
    "Laws to check by": "<p>Layer norm: every row of dx sums to 0 and is at right angles to n. Batch norm: every column is. "
                        "Attention: rows of dS sum to 0; causal: output t does not move with inputs after t. Embedding: rows "
                        "that nobody read get 0.</p>",
    "Traps": f"<p>{code('dW[x] += grad')} loses repeated ids. A mask of 0 still looks ahead: −∞, before the softmax. Steps, "
             f"places, uses: {code('+=')}, not =. (N, C, H, W) to (N, H, W, C), heads out of a width: transpose, not "
             "reshape alone. Targets shifted by one.</p>",
}


NOTATION = ("R rows: all axes before the last; T steps, D width in, H width out, V ids, d a head’s width; "
            "mean over the last axis, keepdims")


def softmax(S: Any) -> Any:
    e = np.exp(S - S.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def run(row: Row) -> tuple[dict[str, Any], Any]:
    """Execute the lines of one layer on random arrays: every array by its name, and the layer itself."""
    rng, layer = np.random.default_rng(1), row.make()
    known: dict[str, Any] = {"np": np, "eps": EPS, "softmax": softmax, "sliding_windows": sliding_windows, "P": 9,
                             "mean": lambda a: a.mean(axis=1, keepdims=True)}
    for name, parameter in vars(layer).get("parameters", {}).items():
        parameter[...] = rng.normal(size=parameter.shape)
        known[name] = parameter
    known |= row.given(rng, layer)
    exec(row.program or "\n".join(row.lines), known)
    assert all(line in (row.program or line) for line in row.lines)
    return known, layer


def shape(line: str, row: Row, known: dict[str, Any]) -> str:
    """The shape of what a line sets, in letters."""
    tree = ast.parse(line).body[0]
    target = tree.targets[0] if isinstance(tree, ast.Assign) else tree.target if isinstance(tree, ast.AugAssign) else None
    name = ast.unparse(target) if target else "dx" if isinstance(tree, ast.For) else "dW"
    lengths = np.shape(eval(name, {**known, "t": 0}))
    letters = [row.letters.get(n, "?") for n in lengths]
    return f"({letters[0]},)" if len(letters) == 1 else f"({(',' + chr(160)).join(letters)})"  # in one line


def layer_block(row: Row) -> str:
    """A layer's lines with their shapes, under its name."""
    known = run(row)[0]
    kept = f" <small>keeps {code(row.keeps)}</small>" if row.keeps else ""
    return block(row.name + kept, table((code(line), shape(line, row, known)) for line in row.lines))


class SecondSide:
    """Today's layers: HTML on a page, their lines where there is no HTML."""

    def _repr_html_(self) -> str:
        blocks = [*map(layer_block, LAYERS), *(block(head, table(rows)) for head, rows in FACTS.items())]
        blocks += [block(head, text) for head, text in WORDS.items()]
        title = f'<p class="sheet-title">nnlit: today’s layers <small>{NOTATION}</small></p>'
        return f'<div class="sheet sheet-two">\n{title}\n<div class="sheet-blocks">\n' + "\n".join(blocks) + "\n</div>\n</div>"

    def __repr__(self) -> str:
        return "\n".join(f"{row.name}: {line}" for row in LAYERS for line in row.lines)
