"""The cheat sheet: its lines as text, executed on random arrays, and laid out as one page of HTML.

A line of the sheet is a statement such as `dW = x.T @ grad`. `run` executes the lines of a layer in order, so that the page can
compare what they name with the package, and takes the shapes that stand beside them from the results.
"""

import ast
import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from nnlit.activations import ReLU, Sigmoid, Tanh
from nnlit.bias import Bias
from nnlit.gradcheck import BUG, EXCELLENT, relative_error
from nnlit.linear import Linear
from nnlit.losses import CrossEntropyLoss, MSELoss, SoftmaxCrossEntropyLoss, one_hot
from nnlit.softmax import Softmax, softmax

N, D, K = 5, 3, 4  # all different, so that a shape says which axes it has


@dataclass
class Row:
    """One layer: its name, what makes it, what forward keeps if anything, its lines, and what it is a function of."""
    name: str
    make: Callable[..., Any]
    keeps: str
    lines: list[str]
    of: str = "x"


LAYERS = [
    Row("Linear", lambda: Linear(D, K, rng=0), "x",
        ["y = x @ W + b", "dW = x.T @ grad", "db = grad.sum(axis=0)", "dx = grad @ W.T"]),
    Row("Bias", lambda: Bias(K), "", ["y = x + b", "db = grad.sum(axis=0)", "dx = grad"]),
    Row("ReLU", ReLU, "x > 0", ["y = np.maximum(x, 0)", "dx = grad * (x > 0)"]),
    Row("Sigmoid", Sigmoid, "y", ["y = 1 / (1 + np.exp(-x))", "dx = grad * y * (1 - y)"]),
    Row("Tanh", Tanh, "y", ["y = np.tanh(x)", "dx = grad * (1 - y * y)"]),
    Row("Softmax", Softmax, "y", ["e = np.exp(x - x.max(axis=1, keepdims=True))", "y = e / e.sum(axis=1, keepdims=True)",
                                  "dx = y * (grad - (grad * y).sum(axis=1, keepdims=True))"]),
    Row("Cross-entropy, on probabilities", CrossEntropyLoss, "p, t", ["L = -(t * np.log(p)).sum() / N", "dp = -t / p / N"], "p"),
    Row("Softmax and cross-entropy, on logits", SoftmaxCrossEntropyLoss, "p, t",
        ["z = x - x.max(axis=1, keepdims=True)", "Z = np.exp(z).sum(axis=1)", "L = (np.log(Z) - (t * z).sum(axis=1)).mean()",
         "p = softmax(x)", "dx = (p - t) / N"]),
    Row("Mean squared error", MSELoss, "x - t", ["L = ((x - t) ** 2).mean()", "dx = 2 * (x - t) / (N * K)"]),
]
STEP = ["value = loss(model(x), labels)", "model.set_gradients(loss.backward())", "optimizer.step()"]
HIGHEST_LR = "2 * (1 + mu) / curvature"
FORWARD_STEP = 1e-8
INFER = ["classes = model(x).argmax(axis=1)", "probs = softmax(model(x))"]
STARTS = {"he": ("ReLU", "2 / n_in", "6 / n_in"), "xavier": ("tanh, softmax", "2 / (n_in + n_out)", "6 / (n_in + n_out)")}
FACTORS = {"a factor of 2": 2, "a factor of 3": 3, "a mean over 4": 4, "a mean over 5": 5, "a mean over 32": 32}
RULES = [
    "<b>A parameter’s gradient sums over the batch:</b> explicitly for b, inside the matrix product for W.",
    "<b>The gradient of a layer’s input treats every sample by itself:</b> a product for ReLU, a Jacobian a sample for softmax.",
    "<b>Track shapes.</b> Every array line carries its shape, and a gradient has the shape of its array.",
]
CONFUSIONS = {
    "Axis 0 or axis 1?": "Ask what is being computed. Shared by the batch (b): sum over axis 0, (N, K) → (K,). Within a sample "
    "(softmax): axis 1, keepdims, (N, K) → (N, 1). Behind both: the gradient of a broadcast is a sum over the broadcast axes.",
    "Why has sigmoid no Jacobian?": "It has one, and it is diagonal: multiplying element by element is multiplying by it. "
    "Softmax’s has no zeros.",
    "What about cross-entropy’s backward?": "It is −t / p, and softmax’s Jacobian turns it into p − t. The two are computed in "
    "one step, from the logits.",
}
CHECK = ("Random <code>grad</code>, never constant. N, D, K different, N &gt; 1. float64. Not on a kink. dx as well as the "
         "parameters. Slope: (f(x + h) − f(x − h)) / 2h with h = 1e-5 · max(1, |x|); "
         f"forward, (f(x + h) − f(x)) / h, with h = {FORWARD_STEP:.0e} and half the digits.".replace("e-0", "e-"))
NOTATION = "grad = ∂L/∂y from above, t the target rows; N samples, D inputs, K outputs"


def run(row: Row) -> tuple[dict[str, Any], Any, list[tuple[str, str]]]:
    """Execute the lines of one layer: every array by its name, the layer itself, and each line with its shapes."""
    rng, layer = np.random.default_rng(0), row.make()
    x = rng.normal(size=(N, D if row.name == "Linear" else K))
    known: dict[str, Any] = {"np": np, "softmax": softmax, "N": N, "K": K, "x": x, "grad": rng.normal(size=(N, K))}
    known["t"] = rng.normal(size=(N, K)) if row.make is MSELoss else one_hot(rng.integers(0, K, N), K)
    if row.of == "p":
        known["p"] = softmax(x)
    for name, parameter in getattr(layer, "parameters", {}).items():
        parameter[...] = rng.normal(size=parameter.shape)
        known[name] = parameter
    shown = []
    for line in row.lines:
        exec(line, known)
        name, formula = line.split(" = ", 1)
        products = [p for p in ast.walk(ast.parse(formula)) if isinstance(p, ast.BinOp) and isinstance(p.op, ast.MatMult)]
        factors = [f"{shape(ast.unparse(p.left), known)} @ {shape(ast.unparse(p.right), known)} = " for p in products]
        before = f"{shape('grad', known)} → " if "axis=0" in formula else "".join(factors)
        shown.append((line, before + shape(name, known)))
    return known, layer, shown


def shape(expression: str, known: dict[str, Any]) -> str:
    """The shape of what an expression gives, in letters: (N, K), (K,), or () for a number."""
    letters = [{N: "N", D: "D", K: "K"}[n] for n in np.shape(eval(expression, known))]
    return f"({letters[0]},)" if len(letters) == 1 else f"({', '.join(letters)})"


TABLE = '<table data-quarto-disable-processing="true"'  # Quarto would make its own table of it


def code(text: str) -> str:
    return f"<code>{html.escape(text, quote=False)}</code>"


def table(rows: Iterable[Iterable[str]], head: Iterable[str] = ()) -> str:
    top = "".join(f'<th scope="col">{c}</th>' for c in head)
    body = "\n".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
    return f"{TABLE}>" + (f"<thead><tr>{top}</tr></thead>" if top else "") + f"<tbody>\n{body}\n</tbody></table>"


def block(head: str, *body: str) -> str:
    return f'<div class="sheet-block"><p class="sheet-head">{head}</p>\n' + "\n".join(body) + "</div>"


def layers_table() -> str:
    """Every layer's lines with their shapes, a group of rows for each layer."""
    groups = []
    for row in LAYERS:
        rest = [f"<td>{code(line)}</td><td>{shapes}</td></tr>" for line, shapes in run(row)[2]]
        kept = f" <small>keeps {code(row.keeps)}</small>" if row.keeps else ""
        head = f'<th scope="rowgroup" rowspan="{len(rest)}">{row.name}{kept}</th>'
        groups.append(f"<tbody>\n<tr>{head}" + "\n<tr>".join(rest) + "\n</tbody>")
    head = "".join(f'<th scope="col">{c}</th>' for c in ("layer", "forward, then backward", "shapes"))
    return f'{TABLE} class="sheet-layers"><thead><tr>{head}</tr></thead>\n' + "\n".join(groups) + "\n</table>"


def fractions() -> list[tuple[str, str, str]]:
    """The relative error of a gradient with a plain mistake: as a decimal, as a fraction, what it means."""
    true = np.random.default_rng(0).normal(size=(N, K))
    wrong = {"the sign": -true, "zeros where there is a gradient": 0 * true, **{name: true / c for name, c in FACTORS.items()}}
    errors = {name: relative_error(g, true) for name, g in wrong.items()}
    rows = [(f"{e:.3g}", str(Fraction(e).limit_denominator(99)) if e < 1 else "", name) for name, e in errors.items()]
    return [*rows, ("", "1\u00a0−\u00a01/c", "c times too large, or too small")]


def blocks() -> list[str]:
    """What stands below the layers."""
    power = "{:.0e}".format
    bands = [(f"below {power(EXCELLENT)}", "excellent: rounding"), ("between", "look: a bad scale, one wrong entry"),
             (f"above {power(BUG)}", "a bug, or a kink")]
    starts = [(name.capitalize(), before, code(v), f"±√({u})") for name, (before, v, u) in STARTS.items()]
    return [
        block("Three rules", "<ol>" + "".join(f"<li>{r}</li>" for r in RULES) + "</ol>"),
        block("Three confusions", *(f"<p><b>{q}</b> {a}</p>" for q, a in CONFUSIONS.items())),
        block("The relative error, ‖a − b‖ / max(‖a‖, ‖b‖)", table((b.replace("e-0", "e-"), r) for b, r in bands)),
        block("Fractions that betray a mistake", table(fractions())),
        block("The check", f"<p>{CHECK}</p>"),
        block("Where weights start", table(starts, ("rule", "before", "variance", "uniform")),
              f"<p>Biases: zero. First loss: ln K, {np.log(2):.3f} for 2 classes, {np.log(10):.3f} for 10.</p>"),
        block("A training step", "<p>" + "<br>".join(map(code, STEP)) + "</p>",
              f"<p>SGD: {code('W -= lr * dW')}, in place, when all backward passes are done. Momentum: "
              f"{code('v = mu * v + dW')}, {code('W -= lr * v')}. It converges for lr below {code(HIGHEST_LR)}; "
              "μ = 0 is plain descent.</p>"),
        block("Afterwards", "<p>" + "<br>".join(map(code, INFER)) + "</p>",
              "<p>Softmax keeps the order within a row: the class needs no softmax, a probability does.</p>"),
    ]


class Sheet:
    """The whole sheet: HTML on a page, the layers' lines where there is no HTML."""

    def _repr_html_(self) -> str:
        about = 'tabindex="0" role="region" aria-label="every layer, forward and backward"'
        return (f'<div class="sheet">\n<p class="sheet-title">nnlit: backpropagation by hand <small>{NOTATION}</small></p>\n'
                f'<div class="sheet-scroll" {about}>\n{layers_table()}\n</div>\n'
                '<div class="sheet-blocks">\n' + "\n".join(blocks()) + "\n</div>\n</div>")

    def __repr__(self) -> str:
        return "\n".join(f"{row.name}: {line}    # {shapes}" for row in LAYERS for line, shapes in run(row)[2])
