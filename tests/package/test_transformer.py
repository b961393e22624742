"""The transformer against the same model in plain PyTorch, its parts against the loops they replace, and bad input."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlit import AdamW, Linear, SoftmaxCrossEntropyLoss, check_gradients, cosine, fit, load, save, vital_signs, warm_up
from nnlit.transformer import Block, OnRows, Positions, Residual, TokenLoss, Transformer, generate

V, D, HEADS, DEPTH, LENGTH, N, T = 11, 8, 2, 3, 7, 5, 6


def small(**options: Any) -> Transformer:
    return Transformer(V, D, HEADS, DEPTH, LENGTH, **{"rng": 0, **options})


def data(seed: int = 1) -> tuple[Any, Any]:
    """Ids (N, T), and targets (N, T), a few of which do not count."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, V, (N, T)), rng.integers(-1, V, (N, T))


def shaken(model: Transformer, scale: float = 0.2) -> Transformer:
    """The model with parameters that are all different: zeros and ones could hide a mistake."""
    rng = np.random.default_rng(2)
    for p in model.parameters.values():
        p += rng.normal(scale=scale, size=p.shape)
    return model


@pytest.mark.parametrize("tied", [True, False])
def test_every_gradient_is_right(tied: bool) -> None:
    ids, target = data()
    report = check_gradients(shaken(small(tied=tied)), ids, loss=TokenLoss(), target=target)
    assert report.ok, report
    assert len(report.results) == 2 + 12 * DEPTH + 2 + (0 if tied else 2)


@pytest.mark.parametrize("layer", [
    Residual(Linear(D, 5, rng=0), Linear(5, D, rng=1)), OnRows(Linear(D, 9, rng=0)), Positions(LENGTH, D, rng=0),
    Block(D, HEADS, rng=0),
], ids=lambda layer: type(layer).__name__)
def test_the_gradients_of_a_part_are_right(layer: Any) -> None:
    shape = (N, D) if isinstance(layer, Residual) else (N, T, D)
    x = np.random.default_rng(3).normal(size=shape)
    assert check_gradients(layer, x).ok


def test_the_loss_is_that_of_the_rows_that_count() -> None:
    rng, (_, target) = np.random.default_rng(4), data()
    logits, ours, rows = 3 * rng.normal(size=(N, T, V)), TokenLoss(), SoftmaxCrossEntropyLoss()
    counted = target >= 0
    assert 0 < counted.sum() < counted.size
    assert math.isclose(ours(logits, target), rows(logits[counted], target[counted]), rel_tol=1e-14)
    grad = ours.backward()
    assert np.allclose(grad[counted], rows.backward(), rtol=1e-12, atol=1e-15)
    assert (grad[~counted] == 0).all() and (ours.backward() == grad).all()
    weights = np.array([1.0, 0, 2, 3, 0.5])
    several = np.repeat(weights, T).reshape(N, T)[counted]
    assert math.isclose(ours(logits, target, weights), rows(logits[counted], target[counted], several), rel_tol=1e-14)
    assert np.allclose(ours.backward()[counted], rows.backward(), rtol=1e-12, atol=1e-15)
    assert ours(logits, np.full((N, T), -1)) == 0 and (ours.backward() == 0).all()
    assert np.isfinite(ours(1000 * logits, target))


def test_a_loss_refuses_what_is_no_target() -> None:
    logits = np.zeros((N, T, V))
    for target, error, words in [
        (np.zeros((N, T)), TypeError, "integers, not float64"), (np.zeros((N, T + 1), int), ValueError, r"shape \(5, 6\)"),
        (np.full((N, T), V), ValueError, "between -1 and 10, but one is 11"), (np.full((N, T), -2), ValueError, "one is -2"),
    ]:
        with pytest.raises(error, match=words):
            TokenLoss()(logits, target)
    with pytest.raises(ValueError, match=r"prediction must have shape \(N, T, V\)"):
        TokenLoss()(logits[0], np.zeros(T, int))
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        TokenLoss().backward()


def test_no_position_sees_what_follows_it() -> None:
    model, (ids, _) = shaken(small()), data()
    before = model(ids)
    for t in range(T):
        other = ids.copy()
        other[:, t] = (other[:, t] + 1) % V
        changed = np.abs(model(other) - before).max(axis=(0, 2)) > 1e-9  # (T,)
        assert changed.tolist() == [i >= t for i in range(T)]


def test_shorter_sequences_and_their_beginnings_agree() -> None:
    model, (ids, _) = shaken(small()), data()
    for t in (1, 3, T):
        assert np.allclose(model(ids[:, :t]), model(ids)[:, :t], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("tied", [True, False])
def test_the_dtype_is_kept(dtype: Any, tied: bool) -> None:
    model, loss, (ids, target) = small(dtype=dtype, tied=tied, dropout=0.2), TokenLoss(), data()
    optimizer = AdamW(model)
    logits = model(ids)
    loss(logits, target, np.ones(N))
    assert logits.dtype == dtype and loss.backward().dtype == dtype
    model.set_gradients(loss.backward())
    optimizer.step()
    assert {a.dtype for d in (model.parameters, model.gradients) for a in d.values()} == {np.dtype(dtype)}
    assert {a.dtype for kept in optimizer.state.values() for a in kept.values() if isinstance(a, np.ndarray)} == {np.dtype(dtype)}
    assert Positions(3, 4, dtype=dtype).parameters["W"].dtype == dtype


def test_the_start_is_that_of_gpt_2() -> None:
    model = Transformer(50, 64, 4, 8, 32, rng=0)
    for name, p in model.parameters.items():
        if name.endswith(".W"):
            last = name.endswith((".out.W", "1.1.2.W"))
            assert abs(p.std() / (0.02 / 4 if last else 0.02) - 1) < 0.1, name  # 4 = √(2 · 8)
        else:
            assert (p == (1 if name.endswith("gamma") else 0)).all(), name
    ids = np.random.default_rng(0).integers(0, 50, (8, 33))
    assert abs(TokenLoss()(model(ids[:, :-1]), ids[:, 1:]) / np.log(50) - 1) < 0.05


def test_the_count_of_parameters() -> None:
    count = sum(p.size for p in small().parameters.values())
    assert count == DEPTH * (12 * D * D + 13 * D) + V * D + LENGTH * D + 2 * D
    assert sum(p.size for p in small(tied=False).parameters.values()) == count + V * D + V


def test_one_batch_is_learnt_by_heart_and_kept(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    ids = rng.integers(0, V, (4, T + 1))
    model, loss = small(), TokenLoss()
    history = fit(model, loss, AdamW(model, 0.01), ids[:, :-1], ids[:, 1:], epochs=150, schedule=warm_up(cosine(0.01, 150), 10))
    assert abs(history.losses[0] / np.log(V) - 1) < 0.1 and min(history.losses) < 0.3 * history.losses[0]
    assert min(history.losses) == history.losses[-1] or history.losses[-1] < 0.3 * history.losses[0]
    save(model, tmp_path / "model.npz")
    again = small(rng=9)
    load(again, tmp_path / "model.npz")
    assert (again(ids[:, :-1]) == model(ids[:, :-1])).all()


def test_vital_signs_can_be_taken() -> None:
    ids, target = data()
    signs = vital_signs(small(), TokenLoss(), ids, target, steps=20)
    assert signs["loss at the start"].reading.endswith("guesses, as it should")
    noisy = vital_signs(small(dropout=0.3), TokenLoss(), ids, target, steps=5)
    assert noisy["two predictions differ by"].value == 0


def test_what_is_generated() -> None:
    model, (ids, _) = shaken(small(), 0.5), data()
    out = generate(model, ids, 4, rng=0)
    assert out.shape == (N, T + 4) and (out[:, :T] == ids).all() and out.min() >= 0 and out.max() < V
    assert (out == generate(model, ids, 4, rng=0)).all() and out.dtype.kind == "i"
    best = generate(model, ids, 3, temperature=0)
    for t in range(T, T + 3):
        seen = best[:, max(0, t - LENGTH):t]
        assert (best[:, t] == model(seen)[:, -1].argmax(axis=1)).all()
    assert (generate(model, ids, 3, temperature=1e-4, rng=1) == best).all()
    assert generate(model, ids, 0).shape == ids.shape


def test_drawing_follows_the_probabilities() -> None:
    model = shaken(small(), 0.5)
    ids = np.tile(data()[0][:1, :3], (4000, 1))
    drawn = np.bincount(generate(model, ids, 1, temperature=2.0, rng=0)[:, -1], minlength=V) / 4000
    logits = model(ids[:1])[0, -1] / 2
    p = np.exp(logits) / np.exp(logits).sum()
    assert np.abs(drawn - p).max() < 4 * np.sqrt(0.25 / 4000)


def test_generating_is_inference() -> None:
    model, (ids, _) = small(dropout=0.5), data()
    assert (generate(model, ids, 3, 0) == generate(model, ids, 3, 0)).all() and model.training


@pytest.mark.parametrize(("make", "error", "words"), [
    (lambda: small(rng=-1), TypeError, "rng must be"), (lambda: Transformer(V, 8, 3, 1, 4), ValueError, "heads"),
    (lambda: Transformer(V, 8, 2, 0, 4), ValueError, "depth must be a whole number from 1 up"),
    (lambda: Transformer(V, 8, 2, 1, 0), ValueError, "length must be a whole number from 1 up"),
    (lambda: Transformer(V, 0, 2, 1, 4), ValueError, "width must be a whole number from 1 up"),
    (lambda: small(dropout=1.0), ValueError, "dropout must be a number in"), (lambda: small(dtype=int), TypeError, "dtype"),
    (lambda: small(hidden=0), ValueError, "must be a whole number from 1 up"),
    (lambda: small()(np.zeros((2, 3))), TypeError, "x must"),
    (lambda: small()(np.zeros(3, int)), ValueError, "x must have shape"),
    (lambda: small()(np.full((2, 3), V)), ValueError, "x must"), (lambda: small()(np.full((2, 3), -1)), ValueError, "x must"),
    (lambda: small()(np.zeros((2, LENGTH + 1), int)), ValueError, "at most 7 positions, not 8"),
    (lambda: Positions(3, 4)(np.zeros((2, 5, 4))), ValueError, "at most 3 positions, not 5"),
    (lambda: generate(Linear(3, 4), np.zeros((2, 3), int), 1), TypeError, "model must be of type Transformer"),
    (lambda: generate(small(), np.zeros((2, 3), int), -1), ValueError, "count must be a whole number from 0 up"),
    (lambda: generate(small(), np.zeros((2, 3), int), 1, -1.0), ValueError, "temperature must be"),
    (lambda: generate(small(), np.zeros((2, 3)), 1), TypeError, "x must"),
])
def test_bad_input_gets_one_clear_error(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_ids_out_of_range_are_refused_when_the_shape_is_known() -> None:
    model = small()
    model(np.zeros((2, 3), int))
    for bad in (V, -1):
        with pytest.raises(ValueError, match="x must"):
            model(np.full((2, 3), bad))


def torch_model(torch: Any, ours: Transformer) -> tuple[Any, list[Any]]:
    """The same in plain torch modules, and its parameters in the order of ours, each with whether it is stored transposed."""
    nn, F = torch.nn, torch.nn.functional

    class TorchBlock(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.qkv, self.out = nn.LayerNorm(D), nn.Linear(D, 3 * D), nn.Linear(D, D)
            self.norm2, self.up, self.down = nn.LayerNorm(D), nn.Linear(D, 4 * D), nn.Linear(4 * D, D)

        def forward(self, x: Any) -> Any:
            n, t, _ = x.shape
            q, k, v = (a.reshape(n, t, HEADS, D // HEADS).transpose(1, 2) for a in self.qkv(self.norm1(x)).split(D, dim=2))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(n, t, D))
            return x + self.down(F.relu(self.up(self.norm2(x))))

    class TorchTransformer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.positions = nn.Embedding(V, D), nn.Embedding(LENGTH, D)
            self.blocks = nn.ModuleList([TorchBlock() for _ in range(DEPTH)])
            self.norm = nn.LayerNorm(D)

        def forward(self, ids: Any) -> Any:
            x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.norm(x) @ self.tokens.weight.T

    model = TorchTransformer().double()
    theirs = [model.tokens.weight, model.positions.weight]
    for b in model.blocks:
        theirs += [a for m in (b.norm1, b.qkv, b.out, b.norm2, b.up, b.down) for a in (m.weight, m.bias)]
    theirs += [model.norm.weight, model.norm.bias]
    names = list(ours.parameters)
    pairs = [(a, i > 1 and name.endswith("W")) for i, (a, name) in enumerate(zip(theirs, names, strict=True))]
    with torch.no_grad():
        for (a, turned), p in zip(pairs, ours.parameters.values(), strict=True):
            a.copy_(torch.tensor(p.T if turned else p))
    return model, pairs


def largest_gap(pairs: list[Any], arrays: Any, of: Any) -> float:
    """The largest difference between theirs and ours, relative to the largest entry of each array."""
    gaps = [np.abs(of(a).T - p if turned else of(a) - p).max() / np.abs(p).max()
            for (a, turned), p in zip(pairs, arrays, strict=True)]
    return float(max(gaps))


def test_a_hundred_steps_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    ours, loss = shaken(small(), 0.05), TokenLoss()
    theirs, pairs = torch_model(torch, ours)
    optimizer = AdamW(ours, 0.003, weight_decay=0.1)
    reference = torch.optim.AdamW(theirs.parameters(), lr=0.003, weight_decay=0.1)
    schedule = warm_up(cosine(0.003, 100), 10)
    for step in range(100):
        ids, target = data(step)
        optimizer.lr = reference.param_groups[0]["lr"] = schedule(step)
        value = loss(ours(ids), target)
        ours.set_gradients(loss.backward())
        logits = theirs(torch.tensor(ids))
        their_loss = torch.nn.functional.cross_entropy(logits.reshape(-1, V), torch.tensor(target).reshape(-1), ignore_index=-1)
        reference.zero_grad()
        their_loss.backward()
        assert math.isclose(value, their_loss.item(), rel_tol=1e-8)
        if step == 0:
            assert largest_gap(pairs, [ours.gradients[name] for name in ours.parameters], lambda a: a.grad.numpy()) < 1e-10
        optimizer.step()
        reference.step()
    gap = largest_gap(pairs, [*ours.parameters.values()], lambda a: a.detach().numpy())
    print(f"largest relative difference after 100 steps: {gap:.1e}")
    assert gap < 1e-6
