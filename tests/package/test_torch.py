"""Models carried to PyTorch and back: forward and every gradient, both ways, in both precisions; and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnlit
from nnlit import (
    LSTM,
    RNN,
    BatchNorm,
    Bias,
    Block,
    BlockwiseAttention,
    Conv2D,
    Dropout,
    Embedding,
    Flatten,
    LastStep,
    LayerNorm,
    Linear,
    MaxPool2D,
    MeanPool2D,
    MSELoss,
    ReLU,
    RMSNorm,
    SelfAttention,
    Sequential,
    Sigmoid,
    Softmax,
    SoftmaxCrossEntropyLoss,
    Tanh,
    TiedOutput,
    TokenLoss,
    Transformer,
)
from nnlit.transformer import OnRows, Positions, Residual
from nnlit.twins import TWINS

torch = pytest.importorskip("torch")
nn = torch.nn
Draw = Callable[[np.random.Generator], Any]
BOUND = {np.float64: 1e-12, np.float32: 1e-6}
precisions = pytest.mark.parametrize("dtype", BOUND, ids=lambda t: t.__name__)


def floats(*shape: int) -> Draw:
    return lambda rng: rng.normal(size=shape)


def ids(*shape: int) -> Draw:
    return lambda rng: rng.integers(7, size=shape)


def attention(dtype: Any, **options: Any) -> SelfAttention:
    layer = SelfAttention(6, 2, rng=0, dtype=dtype, **options)
    layer.core = BlockwiseAttention(block=2, **options)
    return layer


def tied(dtype: Any) -> Sequential:
    table = Embedding(7, 4, rng=0, dtype=dtype)
    return Sequential(table, RNN(4, 4, rng=0, dtype=dtype), LastStep(), TiedOutput(table))


IMAGES, ROWS, STEPS = floats(4, 9, 8, 2), floats(6, 3), floats(3, 5, 6)
MODELS: dict[str, tuple[Callable[[Any], Any], Draw]] = {
    "linear": (lambda t: Linear(3, 4, rng=0, dtype=t), ROWS),
    "bias": (lambda t: Bias(3, t), ROWS),
    "activations": (lambda t: Sequential(Linear(3, 4, rng=0, dtype=t), ReLU(), Linear(4, 5, rng=1, dtype=t), Tanh(),
                                         Bias(5, t), Sigmoid(), Linear(5, 2, rng=2, dtype=t), Softmax()), ROWS),
    "rows normed": (lambda t: Sequential(BatchNorm(3, 0.3, 1e-3, t), Linear(3, 5, rng=0, dtype=t), LayerNorm(5, 1e-4, t),
                                         Linear(5, 4, rng=1, dtype=t), RMSNorm(4, 1e-4, t)), ROWS),
    "steps normed": (lambda t: Sequential(LayerNorm(6, dtype=t), RMSNorm(6, dtype=t)), STEPS),
    "convolution": (lambda t: Conv2D(2, 5, 3, stride=2, padding=1, rng=0, dtype=t), IMAGES),
    "images": (lambda t: Sequential(BatchNorm(2, dtype=t), Conv2D(2, 3, 3, padding=1, rng=0, dtype=t), ReLU(), MaxPool2D(3, 2),
                                    Conv2D(3, 4, 2, rng=1, dtype=t), MeanPool2D(2, 1), Flatten(), Tanh(), LayerNorm(8, dtype=t),
                                    Linear(8, 5, rng=2, dtype=t)), IMAGES),
    "images, nested": (lambda t: Sequential(Sequential(Conv2D(2, 3, 3, rng=0, dtype=t), MaxPool2D(2)),
                                            Sequential(Flatten(), Bias(27, t), Linear(27, 4, rng=1, dtype=t))), IMAGES),
    "pools": (lambda t: Sequential(MaxPool2D(2, 1), MeanPool2D(3, 2)), IMAGES),
    "flat rows": (lambda t: Sequential(Flatten(), Linear(30, 4, rng=0, dtype=t)), STEPS),
    "rnn": (lambda t: RNN(6, 4, rng=0, dtype=t), STEPS),
    "lstm": (lambda t: Sequential(LSTM(6, 4, rng=0, dtype=t), RNN(4, 5, rng=1, dtype=t), LastStep(),
                                  Linear(5, 2, rng=2, dtype=t)), STEPS),
    "embedding": (lambda t: Sequential(Embedding(7, 6, rng=0, dtype=t), Positions(9, 6, 1, t),
                                       OnRows(Linear(6, 4, rng=2, dtype=t), Tanh())), ids(3, 5)),
    "tied": (tied, ids(3, 5)),
    "attention, blockwise": (lambda t: attention(t, causal=False), STEPS),
    "attention": (lambda t: SelfAttention(6, 3, causal=False, rng=0, dtype=t), STEPS),
    "attention, causal": (lambda t: attention(t), STEPS),
    "residual": (lambda t: Residual(LayerNorm(6, dtype=t), attention(t)), STEPS),
    "dropout of nothing": (lambda t: Sequential(Linear(3, 4, rng=0, dtype=t), Dropout(0.0), Tanh()), ROWS),
    "block": (lambda t: Block(6, 3, hidden=7, rng=0, dtype=t), STEPS),
    "transformer": (lambda t: Transformer(7, 6, 2, 2, 8, hidden=5, rng=0, dtype=t), ids(3, 5)),
    "transformer, untied": (lambda t: Transformer(7, 6, 3, 1, 8, tied=False, rng=0, dtype=t), ids(3, 5)),
}
models = pytest.mark.parametrize("name", MODELS)


def case(name: str, dtype: Any, seed: int) -> tuple[Any, Any]:
    """A model with every parameter and buffer random, and an input."""
    make, draw = MODELS[name]
    rng = np.random.default_rng(seed)
    model, x = make(dtype), draw(rng)
    for p in model.parameters.values():
        p += 0.1 * rng.normal(size=p.shape)
    for b in model.buffers.values():
        b += 0.3 * rng.random(b.shape)
    return model, x.astype(dtype) if x.dtype.kind == "f" else x


def there(a: Any) -> Any:
    """Images with their channels first."""
    return torch.from_numpy(np.ascontiguousarray(a.transpose(0, 3, 1, 2)) if a.ndim == 4 else a.copy())


def gaps(model: Any, module: Any, x: Any, rng: np.random.Generator, call: Any = None) -> dict[str, float]:
    """The relative difference of the output, dx and each gradient; of a small gradient, relative to the largest.

    call: what a module does that returns more than its output, or takes it three times.
    """
    y = model(x)
    grad = rng.normal(size=y.shape).astype(y.dtype)
    dx = model.backward(grad)
    tensor = there(x).requires_grad_(x.dtype.kind == "f")
    out = (call or module)(tensor)
    module.zero_grad()
    out.backward(there(grad))
    pairs = {"y": (there(y).numpy(), out.detach().numpy())}
    if tensor.grad is not None:
        pairs["x"] = there(dx).numpy(), tensor.grad.numpy()
    theirs = nnlit.torch_gradients(model, module)
    assert set(theirs) == set(model.gradients) == set(model.parameters)
    pairs |= {n: (g, theirs[n]) for n, g in model.gradients.items()}
    assert all(a.shape == b.shape and a.dtype == b.dtype for a, b in pairs.values())
    large = max(np.linalg.norm(b) for n, (_, b) in pairs.items() if n != "y")
    least = large if y.dtype == np.float32 else 0.03 * large  # in float32, what nearly cancels has no seven digits of its own
    return {n: float(np.linalg.norm(a - b) / max(np.linalg.norm(b), least)) for n, (a, b) in pairs.items()}


@models
@precisions
@pytest.mark.parametrize("seed", range(3))
def test_both_ways(name: str, dtype: Any, seed: int) -> None:
    model, x = case(name, dtype, seed)
    rng = np.random.default_rng(seed + 100)
    module = nnlit.to_torch(model)
    back = nnlit.from_torch(module)
    for one in (model, back):
        found = gaps(one, module, x, rng)
        assert max(found.values()) < BOUND[dtype], found
    for kind in ("parameters", "buffers"):
        ours, again = getattr(model, kind), getattr(back, kind)
        assert set(ours) == set(again)
        assert all(np.allclose(ours[n], again[n], rtol=1e-5) and ours[n].dtype == again[n].dtype for n in ours)
    assert all(np.array_equal(p, back.parameters[n]) for n, p in model.parameters.items())


@models
def test_evaluation_after_training_is_the_same(name: str) -> None:
    model, x = case(name, np.float64, 5)
    module = nnlit.to_torch(model)
    model(x), module(there(x))  # a batch norm's running averages move
    model.eval(), module.eval()
    found = gaps(model, module, x, np.random.default_rng(6))
    assert max(found.values()) < 1e-12, found
    assert not any(m.training for m in nnlit.to_torch(model).modules()) and not nnlit.from_torch(module).training


@models
def test_the_state_dict_is_theirs_and_comes_back(name: str) -> None:
    model, x = case(name, np.float64, 7)
    state = nnlit.to_state_dict(model)
    module = nnlit.to_torch(case(name, np.float64, 8)[0])
    module.load_state_dict(state)  # strict: every name, and no other
    other = case(name, np.float64, 9)[0]
    nnlit.from_state_dict(other, {n: t.numpy() for n, t in module.state_dict().items()})
    assert all(np.array_equal(p, other.parameters[n]) for n, p in model.parameters.items())
    assert np.array_equal(model.eval()(x), other.eval()(x))
    assert all(not np.shares_memory(t.numpy(), p) for t in state.values() for p in model.parameters.values())


def test_every_kind_of_the_table_is_carried_here() -> None:
    seen = {type(m) for make, _ in MODELS.values() for _, m in nnlit.walk(make(np.float64))}
    assert {twin.here for twin in TWINS} <= seen | {type(make()) for make, *_ in LOSSES}


@pytest.mark.parametrize("seed", range(8))
def test_random_rows_of_layers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    D, layers = 4, []
    for k in range(rng.integers(2, 8)):
        K = int(rng.integers(2, 9))
        layers += [[Linear(D, K, rng=k)], [Bias(D)], [Tanh()], [LayerNorm(D)], [Sigmoid(), Linear(D, K, rng=k)],
                   [BatchNorm(D), ReLU()]][kind := rng.integers(6)]
        D = K if kind in (0, 4) else D
    model = Sequential(*layers)
    for p in model.parameters.values():
        p += 0.2 * rng.normal(size=p.shape)
    module, x = nnlit.to_torch(model), rng.normal(size=(11, 4))
    for one in (model, nnlit.from_torch(module)):
        y = one(x)
        out = module(there(x))
        assert nnlit.relative_error(y, out.detach().numpy()) < 1e-12
        found = gaps(one, module, x, rng)
        assert max(found.values()) < 1e-10, found  # a bias before a batch norm: what is left of its gradient is rounding


PLAIN: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "images": (lambda: nn.Sequential(nn.Conv2d(2, 5, (3, 3), stride=(2, 2), padding=1), nn.BatchNorm2d(5), nn.ReLU(inplace=True),
                                     nn.AvgPool2d((2, 2), stride=1), nn.Flatten(), nn.Linear(60, 4)), (4, 9, 8, 2)),
    "rows": (lambda: nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.RMSNorm(4), nn.Softmax(dim=1)), (5, 6)),
    "named": (lambda: nn.Sequential(*[]).extend([nn.LayerNorm((6,)), nn.Sigmoid(), nn.Linear(6, 2)]), (5, 6)),
    "lstm": (lambda: nn.LSTM(6, 4, batch_first=True), (3, 5, 6)),
    "rnn": (lambda: nn.RNN(6, 4, batch_first=True), (3, 5, 6)),
    "attention": (lambda: nn.MultiheadAttention(6, 3, batch_first=True), (3, 5, 6)),
}


@pytest.mark.parametrize("name", PLAIN)
@precisions
def test_their_own_modules_become_ours(name: str, dtype: Any) -> None:
    torch.manual_seed(1)
    make, shape = PLAIN[name]
    module = make().to(torch.float64 if dtype is np.float64 else torch.float32)
    for p in module.parameters():
        p.data += 0.1 * torch.randn_like(p)
    model, rng = nnlit.from_torch(module), np.random.default_rng(2)
    x = rng.normal(size=shape).astype(dtype)
    call = {"attention": lambda t: module(t, t, t)[0], "lstm": lambda t: module(t)[0], "rnn": lambda t: module(t)[0]}.get(name)
    found = gaps(model, module, x, rng, call)
    assert max(found.values()) < BOUND[dtype], found
    assert set(nnlit.to_state_dict(model)) == set(module.state_dict())


def test_weights_learnt_there_predict_here() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    x, t = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]), torch.tensor([0, 1, 1, 0])
    optimizer = torch.optim.Adam(module.parameters(), 0.05)
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x), t).backward()
        optimizer.step()
    model = nnlit.from_torch(module)
    assert model(x.numpy()).argmax(axis=1).tolist() == t.tolist()


LOSSES: list[tuple[Callable[[], Any], Draw, Draw]] = [
    (SoftmaxCrossEntropyLoss, floats(5, 7), ids(5)),
    (lambda: SoftmaxCrossEntropyLoss(np.arange(1.0, 8.0)), floats(5, 7), ids(5)),
    (MSELoss, floats(5, 3), floats(5, 3)),
    (TokenLoss, floats(3, 5, 7), lambda rng: rng.integers(-1, 7, size=(3, 5))),
]


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: type(row[0]()).__name__)
def test_losses(row: Any) -> None:
    make, draw, draw_target = row
    rng = np.random.default_rng(4)
    loss, y, target = make(), draw(rng), draw_target(rng)
    module = nnlit.to_torch(loss)
    for ours in (loss, nnlit.from_torch(module)):
        tensor = torch.from_numpy(y).requires_grad_()
        value = module(tensor, torch.from_numpy(target))
        value.backward()
        assert np.isclose(ours(y, target), float(value.detach()), rtol=1e-13)
        assert nnlit.relative_error(ours.backward(), tensor.grad.numpy()) < 1e-13


def hooked() -> Any:
    layer = nn.Linear(3, 4)
    layer.register_forward_hook(lambda module, args, out: 2 * out)
    return layer


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "reflect": (lambda: nn.Conv2d(2, 3, 3, padding_mode="reflect"), "Conv2d: padding_mode is 'reflect'"),
    "dilation": (lambda: nn.Conv2d(2, 3, 3, dilation=2), "dilation"),
    "groups": (lambda: nn.Conv2d(2, 4, 3, groups=2), "groups"),
    "oblong": (lambda: nn.Conv2d(2, 4, (3, 2)), r"kernel_size must be one number for both axes, not \(3, 2\)"),
    "same": (lambda: nn.Conv2d(2, 4, 3, padding="same"), "padding must be one number"),
    "bidirectional": (lambda: nn.LSTM(3, 4, batch_first=True, bidirectional=True), "LSTM: bidirectional is True"),
    "two layers": (lambda: nn.RNN(3, 4, 2, batch_first=True), "num_layers is 2"),
    "relu": (lambda: nn.RNN(3, 4, nonlinearity="relu", batch_first=True), "nonlinearity"),
    "time first": (lambda: nn.LSTM(3, 4), "batch_first"),
    "projection": (lambda: nn.LSTM(3, 4, proj_size=2, batch_first=True), "proj_size"),
    "no bias": (lambda: nn.Sequential(nn.ReLU(), nn.Linear(3, 4, bias=False)), "layer 1, Linear: state must have 'bias'"),
    "not affine": (lambda: nn.BatchNorm1d(3, affine=False), "BatchNorm1d: state must have 'weight'"),
    "no running": (lambda: nn.BatchNorm1d(3, track_running_stats=False), "running_mean"),
    "cumulative": (lambda: nn.BatchNorm1d(3, momentum=None), "momentum"),
    "ceil": (lambda: nn.MaxPool2d(2, ceil_mode=True), "ceil_mode"),
    "padded pool": (lambda: nn.AvgPool2d(3, padding=1), "padding is 1"),
    "divisor": (lambda: nn.AvgPool2d(3, divisor_override=2), "divisor_override"),
    "indices": (lambda: nn.MaxPool2d(2, return_indices=True), "return_indices"),
    "two axes": (lambda: nn.LayerNorm((4, 4)), "normalized_shape must be one axis"),
    "softmax": (lambda: nn.Softmax(dim=0), "dim is 0"),
    "padding id": (lambda: nn.Embedding(5, 3, padding_idx=0), "padding_idx is 0"),
    "max norm": (lambda: nn.Embedding(5, 3, max_norm=1.0), "max_norm"),
    "attention": (lambda: nn.MultiheadAttention(6, 2, dropout=0.1, batch_first=True), "dropout is 0.1"),
    "other keys": (lambda: nn.MultiheadAttention(6, 2, kdim=4, batch_first=True), "_qkv_same_embed_dim"),
    "gelu": (lambda: nn.Sequential(nn.Linear(3, 4), nn.GELU()), "layer 1, GELU: there is no counterpart"),
    "sum": (lambda: nn.MSELoss(reduction="sum"), "reduction is 'sum'"),
    "smoothing": (lambda: nn.CrossEntropyLoss(label_smoothing=0.1), "label_smoothing"),
    "half": (lambda: nn.Linear(3, 4).half(), "dtype must be"),
    "frozen": (lambda: nn.Linear(3, 4).requires_grad_(False), "frozen or shared"),
    "hooks": (hooked, "Linear: it has hooks"),
    "images by a batch norm": (lambda: nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 4)),
                               "layer 0, BatchNorm2d: a Conv2d or a pooling must stand in the row"),
    "no weight, no eps": (lambda: nn.RMSNorm(4, elementwise_affine=False), "RMSNorm: state must have 'weight'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_ours_has_not_is_refused(name: str) -> None:
    make, words = REFUSED[name]
    with pytest.raises((ValueError, TypeError), match=words):
        nnlit.from_torch(make())


def test_two_flattens_are_one() -> None:
    make = lambda: nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten(), nn.Flatten(), nn.Linear(32, 4))  # noqa: E731
    module, x = make().double(), torch.randn(2, 3, 4, 4, dtype=torch.float64)
    y = nnlit.from_torch(module)(x.numpy().transpose(0, 2, 3, 1))
    assert np.allclose(y, module(x).detach().numpy(), atol=1e-12)


def test_a_sum_of_rows_in_two_orders_is_refused() -> None:
    image = [Conv2D(2, 3, 3, rng=0), Flatten()]
    inner = Sequential(*image, Residual(Bias(12), Tanh()), Linear(12, 4, rng=0))  # stays in the order it came in
    x = np.random.default_rng(0).normal(size=(5, 4, 4, 2))
    assert np.allclose(nnlit.to_torch(inner)(there(x)).detach().numpy(), inner(x), atol=1e-12)
    with pytest.raises(ValueError, match="layer 2, Residual: it would add rows that were images to others"):
        nnlit.to_torch(Sequential(*image, Residual(Linear(12, 12, rng=0)), Linear(12, 4, rng=0)))


def test_what_is_written_by_the_reader_is_refused() -> None:
    class Mine(nn.Linear):  # type: ignore[misc,name-defined]
        pass

    class Ours(Linear):
        pass

    shared = nn.Linear(3, 3)
    for module, words in [(Mine(2, 3), "Mine: there is no counterpart"), (nn.Sequential(shared, nn.ReLU(), shared), "shared")]:
        with pytest.raises(ValueError, match=words):
            nnlit.from_torch(module)
    table = Embedding(7, 4)
    for model, words in [(Ours(2, 3), "Ours: there is no counterpart"), (TiedOutput(table), "must hold the embedding"),
                         (Sequential(Conv2D(2, 3, 3), LayerNorm(3)), "layer 1, LayerNorm: on images"),
                         (Sequential(RNN(2, 3), BatchNorm(3)), "layer 1, BatchNorm: on sequences"),
                         (Sequential(Conv2D(2, 3, 3), Flatten()), "must not end in rows that were images"),
                         (Sequential(MaxPool2D(2), Flatten(), Linear(8, 2)), "to know the channels"),
                         (nnlit.CrossEntropyLoss(), "CrossEntropyLoss: there is no counterpart")]:
        with pytest.raises(ValueError, match=words):
            nnlit.to_torch(model)
    with pytest.raises(TypeError, match="module must be"):
        nnlit.from_torch("a module")
    with pytest.raises(TypeError, match="model must be"):
        nnlit.to_torch(nn.Linear(2, 3))


def test_a_state_dict_that_does_not_fit_writes_nothing() -> None:
    model = Sequential(Linear(3, 4, rng=0), BatchNorm(4))
    before = {n: p.copy() for n, p in model.parameters.items()}
    good = nnlit.to_state_dict(nnlit.Sequential(Linear(3, 4, rng=5), BatchNorm(4)))
    short = {n: t for n, t in good.items() if n != "1.running_var"}
    for state, error, words in [
        (short, ValueError, "'1.running_var'"), ({**good, "2.weight": good["0.bias"]}, ValueError, "'2.weight'"),
        ({**good, "0.weight": good["0.weight"].T}, ValueError, r"must have shape \(4, 3\), not \(3, 4\)"),
        ({**good, "1.bias": torch.zeros(4, dtype=torch.int64)}, TypeError, "must be float64, not int64"),
        ([], TypeError, "state must be"),
    ]:
        with pytest.raises(error, match=words):
            nnlit.from_state_dict(model, state)
        assert all(np.array_equal(p, before[n]) for n, p in model.parameters.items())
    small = Linear(3, 4, dtype=np.float32)
    with pytest.raises(TypeError, match="must be float32, not float64"):
        nnlit.from_state_dict(small, nnlit.to_state_dict(Linear(3, 4)))
    nnlit.from_state_dict(small, {"weight": torch.ones(4, 3, dtype=torch.bfloat16), "bias": torch.zeros(4)})
    assert (small.parameters["W"] == 1).all()


def test_nothing_of_the_readers_is_changed() -> None:
    state = torch.get_rng_state()
    model, x = case("images", np.float64, 0)
    module = nnlit.to_torch(model)
    kept = {n: t.clone() for n, t in module.state_dict().items()}
    back = nnlit.from_torch(module)
    back(x), back.backward(back(x))
    for p in back.parameters.values():
        p += 1
    assert all(torch.equal(t, kept[n]) for n, t in module.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


def test_gradients_of_no_backward_or_of_another_model() -> None:
    model = Sequential(Linear(3, 4), ReLU())
    with pytest.raises(ValueError, match=r"0\.weight must have a gradient"):
        nnlit.torch_gradients(model, nnlit.to_torch(model))
    with pytest.raises(ValueError, match="twin of model"):
        nnlit.torch_gradients(model, nnlit.to_torch(Sequential(Linear(3, 4), Tanh())))
