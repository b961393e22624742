"""Slips planted in update rules, beside the right line: what the checker calls them, and what training shows of them."""

import numpy as np

from nnlit.activations import Tanh
from nnlit.linear import Linear
from nnlit.losses import SoftmaxCrossEntropyLoss
from nnlit.module import Sequential
from nnlit.steps import check_update

from _bank.updates import CODE, spoiled

STEPS = 100


def plant(*slips: tuple[str, str, str, str]) -> None:
    """For each slip the right line and the wrong one, what the checker says, and the loss after 10 and 100 steps by each.

    slips: (the name that the checker must give, rule, a piece of the rule's code, what stands there by mistake).
    """
    print("\n\n".join(told(*slip) for slip in slips))


def told(due: str, rule: str, old: str, new: str) -> str:
    """What `plant` prints about one slip. Raises AssertionError if the checker gives another name."""
    update, checked, options = spoiled(rule, old, new)
    named = {r.mistake for r in check_update(update, checked, **options).results} - {None}
    assert named == {due}, named
    code, said = CODE[rule], []
    for what, lines, others in ("right", code, code.replace(old, new)), ("wrong", code.replace(old, new), code):
        own = [line.strip() for line in lines.splitlines() if line not in others.splitlines()]
        said += [f"{what}  {line}" for line in own or ["(nothing there)"]]
    wrong, right = losses(rule, old, new), losses(rule)
    after = [f"{path[k]:.3g}" if k < len(path) else "nan" for path in (wrong, right) for k in (10, STEPS)]
    said += [f"       {due.upper()}", f"       loss {after[0]}, {after[1]} (right: {after[2]}, {after[3]})"]
    return "\n".join(said)


def losses(rule: str, old: str = "", new: str = "") -> list[float]:
    """The loss before each step of a training by this rule, with a piece of its code replaced.

    A small network, tanh(x @ W1) @ W2 with both weights (4, 4), 40 samples, 4 classes; all of them in every step.
    """
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 4                                            # (N,)
    x = 2 * np.eye(4)[labels] + rng.normal(size=(40, 4))                  # (N, D)
    model = Sequential(Linear(4, 4, "xavier", rng=1), Tanh(), Linear(4, 4, "xavier", rng=2))
    ends, loss, found = (model.layers[0], model.layers[2]), SoftmaxCrossEntropyLoss(), []
    update, _, _ = spoiled(rule, old, new)
    held = update.layers if rule == "object" else []
    for layer, end in zip(held, ends):
        layer.W, layer.dW = end.parameters["W"], np.zeros((4, 4))
    with np.errstate(all="ignore"):
        for _ in range(STEPS + 1):
            logits = model(x)                                             # (N, K)
            if not np.isfinite(logits).all():
                break  # the list ends here
            found.append(float(loss(logits, labels)))
            model.set_gradients(loss.backward())
            params = {f"W{k}": end.parameters["W"] for k, end in enumerate(ends, 1)}
            grads = {f"W{k}": end.gradients["W"].copy() for k, end in enumerate(ends, 1)}
            if rule == "object":
                for layer, g in zip(held, grads.values()):
                    layer.dW[...] = g
                update.step()
            else:
                update(params, grads)
    return found
