"""Graphs of ONNX: every layer and random networks, run by onnxruntime beside the layers; and what cannot be exported, by name.

What needs the packages is skipped without them: pip install '.[onnx]'.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnlit
from nnlit import (
    LSTM,
    RNN,
    BatchNorm,
    Bias,
    Block,
    Conv2D,
    Dropout,
    Embedding,
    Flatten,
    LastStep,
    LayerNorm,
    Linear,
    MaxPool2D,
    MeanPool2D,
    Module,
    ReLU,
    RMSNorm,
    SelfAttention,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    TiedOutput,
    Transformer,
    save,
)
from nnlit.graph import IR, NODES, OPSET, graph_of, to_onnx
from nnlit.module import inference_mode
from nnlit.transformer import OnRows, Positions, Residual

from _exported import BOUND, CASES, away, batch, made, opened, said

DTYPES = [np.float32, np.float64]
WITHOUT = {"Conv2D", "MeanPool2D", "RNN", "LSTM", "digit_reader"}  # a kernel for float64, in onnxruntime


@pytest.fixture
def onnx() -> Any:
    return pytest.importorskip("onnx")


@pytest.fixture
def runtime() -> Any:
    pytest.importorskip("onnx")
    return pytest.importorskip("onnxruntime")


# --- every layer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_a_layer_and_its_graph_say_the_same(name: str, dtype: Any, runtime: Any) -> None:
    model = made(name, dtype)
    proto = to_onnx(model, batch(name, dtype, 2))
    if dtype is np.float64 and name in WITHOUT:
        with pytest.raises(Exception, match=r"NOT_IMPLEMENTED|does not support double"):
            said(opened(proto), batch(name, dtype, 2))
        proto = to_onnx(model, batch(name, dtype, 2), dtype=np.float32)
        low = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in batch(name, dtype, 3)]
        with inference_mode(model):
            y = model(*batch(name, dtype, 3))
        assert np.abs(said(opened(proto), tuple(low)) - y).max() < BOUND["float32"] * np.abs(y).max()
        return
    session = opened(proto)
    for N in (1, 2, 7):
        assert away(session, model, batch(name, dtype, N, seed=N)) < BOUND[np.dtype(dtype).name]
    assert session.get_outputs()[0].name == "y" and session.get_inputs()[0].shape[0] == "N"


def test_every_layer_of_the_package_has_a_row() -> None:
    things = [getattr(nnlit, name) for name in nnlit.__all__]
    kinds = [t for t in things if isinstance(t, type) and issubclass(t, Module) and t.forward is not nnlit.module.Link.forward]
    assert len(kinds) > 20
    for kind in kinds:
        rows = [k for k in kind.__mro__ if k in NODES and k.forward is kind.forward]
        assert rows, f"{kind.__name__} has no row in NODES: give it one in 25a_graph.ipynb, and a case in nbs/_exported.py"
    shown = {type(made(name, np.float64)) for name in CASES}
    assert set(NODES) <= shown, f"no case in nbs/_exported.py: {set(NODES) - shown}"


def test_the_opset_is_the_oldest_that_will_do(onnx: Any) -> None:
    ops = {node.op for name in CASES for node in graph_of(made(name, np.float64), batch(name, np.float64, 2)).nodes}
    assert all(onnx.defs.get_schema(op, OPSET) for op in ops)
    with pytest.raises(onnx.defs.SchemaError):
        onnx.defs.get_schema("Trilu", OPSET - 1)
    proto = to_onnx(made("Linear", np.float32), batch("Linear", np.float32, 2))
    assert proto.ir_version == IR and [(o.domain, o.version) for o in proto.opset_import] == [("", OPSET)]


# --- random networks --------------------------------------------------------------------------------------------------

Layers = list[Module]
SEEDS = st.integers(0, 10_000)


def row_layers(draw: Any, D: int, t: Any, more: bool = True) -> tuple[Layers, int]:
    """Some layers of rows of width D, and the width at their end."""
    layers: Layers = []
    kinds = "linear bias relu sigmoid tanh batch layer rms dropout residual".split()[: None if more else -1]
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=6)):
        if kind == "linear":
            K = draw(st.integers(1, 7))
            layers.append(Linear(D, K, rng=draw(SEEDS), dtype=t))
            D = K
        elif kind == "residual":
            inner, K = row_layers(draw, D, t, more=False)
            layers.append(Residual(*inner, Linear(K, D, "xavier", draw(SEEDS), t)))
        elif kind in ("bias", "batch", "layer", "rms"):
            layers.append({"bias": Bias, "batch": BatchNorm, "layer": LayerNorm, "rms": RMSNorm}[kind](D, dtype=t))
        else:
            layers.append(Dropout(0.3, rng=0) if kind == "dropout" else {"relu": ReLU, "sigmoid": Sigmoid, "tanh": Tanh}[kind]())
    return layers, D


@st.composite
def on_rows(draw: Any) -> tuple[Module, Any]:
    t, D, rng = draw(st.sampled_from(DTYPES)), draw(st.integers(1, 6)), np.random.default_rng(draw(SEEDS))
    layers, _ = row_layers(draw, D, t)
    layers.append(draw(st.sampled_from([Softmax, Tanh]))())
    return Sequential(*layers), rng.normal(size=(4, D)).astype(t)


@st.composite
def on_images(draw: Any) -> tuple[Module, Any]:
    t, C, rng = np.float32, draw(st.integers(1, 3)), np.random.default_rng(draw(SEEDS))
    x, layers = rng.normal(size=(3, draw(st.integers(4, 9)), draw(st.integers(4, 9)), C)).astype(t), list[Module]()
    small = min(x.shape[1:3])
    for kind in draw(st.lists(st.sampled_from("conv max mean batch relu".split()), min_size=1, max_size=4)):
        size, stride, padding = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(0, 2))
        padding = padding if kind == "conv" else 0
        if kind in ("conv", "max", "mean"):
            if small + 2 * padding < size:
                continue
            small = (small + 2 * padding - size) // stride + 1
        if kind == "conv":
            K = draw(st.integers(1, 4))
            layers.append(Conv2D(C, K, size, stride, padding, rng=draw(SEEDS), dtype=t))
            C = K
        else:
            layers.append({"max": MaxPool2D, "mean": MeanPool2D}[kind](size, stride) if kind in ("max", "mean")
                          else BatchNorm(C, dtype=t) if kind == "batch" else ReLU())
    return Sequential(*(layers or [ReLU()]), Flatten()), x


def step_layer(kind: str, D: int, seed: int, t: Any) -> Module:
    """One layer of sequences that keeps the width."""
    if kind in ("rnn", "lstm"):
        return (RNN if kind == "rnn" else LSTM)(D, D, seed, t)
    if kind == "rows":
        return OnRows(Linear(D, 5, rng=seed, dtype=t), Tanh(), Linear(5, D, rng=seed, dtype=t))
    if kind == "attention":
        return SelfAttention(D, 2, bool(seed % 2), seed, t)
    others = {"block": lambda: Block(D, 2, 5, rng=seed, dtype=t), "layer": lambda: LayerNorm(D, dtype=t),
              "positions": lambda: Positions(7, D, seed, t), "dropout": lambda: Dropout(0.2, rng=0)}
    return others[kind]()


@st.composite
def on_steps(draw: Any) -> tuple[Module, Any]:
    D, rng = draw(st.sampled_from([4, 6])), np.random.default_rng(draw(SEEDS))
    some = "rnn lstm attention block layer rows positions dropout".split()
    kinds = draw(st.lists(st.sampled_from(some), min_size=1, max_size=4))
    t = draw(st.sampled_from(DTYPES)) if not {"rnn", "lstm"} & set(kinds) else np.float32
    layers = [step_layer(kind, D, draw(SEEDS), t) for kind in kinds]
    layers += [LastStep()] if draw(st.booleans()) else []
    return Sequential(*layers), rng.normal(size=(3, draw(st.integers(1, 7)), D)).astype(t)


@given(on_rows() | on_images() | on_steps(), SEEDS)
@settings(max_examples=60, deadline=None)
def test_random_networks_and_their_graphs_say_the_same(drawn: tuple[Module, Any], seed: int) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model, x = drawn
    rng = np.random.default_rng(seed)
    for p in model.parameters.values():
        p += 0.1 * rng.normal(size=p.shape)
    for b in model.buffers.values():
        b[...] = rng.uniform(0.5, 2, b.shape)
    with inference_mode(model):
        y = model(x)
    graph = said(opened(to_onnx(model, x[:1])), (x,))
    assert graph.shape == y.shape and graph.dtype == y.dtype
    assert np.abs(graph - y).max() <= 10 * BOUND[x.dtype.name] * max(1, np.abs(y).max())


# --- lengths that are free --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["RNN", "LSTM", "SelfAttention", "Block", "Positions", "OnRows", "Transformer"])
def test_sequences_of_any_length(name: str, runtime: Any) -> None:
    model = made(name, np.float32)
    session = opened(to_onnx(model, tuple(x[:, :3] for x in batch(name, np.float32, 2)), axes=("N", "T")))
    assert session.get_inputs()[0].shape[:2] == ["N", "T"]
    for T in (1, 2, 5):
        assert away(session, model, tuple(x[:, :T] for x in batch(name, np.float32, 4))) < BOUND["float32"]


def test_a_sequence_longer_than_the_table_is_an_error_there_too(runtime: Any) -> None:
    for length in (1, 3):
        session = opened(to_onnx(Positions(length, 4, rng=0, dtype=np.float32), np.ones((2, 1, 4), np.float32), axes=("N", "T")))
        with pytest.raises(Exception, match="cannot be reshaped"):
            said(session, (np.ones((2, length + 1, 4), np.float32),))


def test_ids_that_are_no_rows_are_an_error_there_too(runtime: Any) -> None:
    session = opened(to_onnx(Embedding(5, 3, rng=0, dtype=np.float32), np.array([[0, 1]])))
    assert session.get_inputs()[0].type == "tensor(int64)"
    with pytest.raises(Exception, match="indices element"):
        said(session, (np.array([[0, 5]]),))


# --- what is in the file ----------------------------------------------------------------------------------------------


def test_weights_keep_their_names_and_a_shared_table_stands_once(onnx: Any) -> None:
    model = Transformer(50, 6, 2, 1, 8, rng=0, dtype=np.float32)
    proto = to_onnx(model, np.array([[1, 2]]))
    there = {one.name: onnx.numpy_helper.to_array(one) for one in proto.graph.initializer}
    assert all((there[name] == p).all() for name, p in model.parameters.items())
    assert sum(a.size for a in there.values()) < sum(p.size for p in model.parameters.values()) + 100
    assert sum(a.shape == (50, 6) for a in there.values()) == 1 and not any(a.shape == (6, 50) for a in there.values())


def test_a_graph_is_of_the_moment_and_leaves_the_model_alone() -> None:
    model = Sequential(Linear(3, 4, rng=0), BatchNorm(4), Dropout(0.5, rng=0))
    before = {k: a.copy() for k, a in {**model.parameters, **model.buffers}.items()}
    model[1].eval()
    graph = graph_of(model, np.ones((2, 3)))
    assert [m.training for m in model] == [True, False, True] and model.training
    assert all((before[k] == a).all() for k, a in {**model.parameters, **model.buffers}.items())
    model.parameters["0.W"][...] = 0
    assert (graph.arrays["0.W"] == before["0.W"]).all()


def test_a_model_of_float64_in_float32(onnx: Any) -> None:
    proto = to_onnx(Sequential(Linear(3, 4, rng=0), LayerNorm(4)), np.ones((2, 3)), dtype=np.float32)
    kinds = {one.data_type for one in proto.graph.initializer} | {proto.graph.input[0].type.tensor_type.elem_type}
    assert kinds == {onnx.TensorProto.FLOAT}


# --- what cannot be exported ------------------------------------------------------------------------------------------


class Leaky(ReLU):
    """Of ReLU's family, and another function."""

    def forward(self, x: Any) -> Any:
        return np.where(x > 0, x, 0.1 * x)


class Pair(Module):
    """Two layers, put together by hand."""

    def __init__(self) -> None:
        self.one, self.two = Linear(3, 3, rng=0), ReLU()

    def forward(self, x: Any) -> Any:
        return self.two.forward(self.one.forward(x))


class Named(Sequential):
    """A Sequential with a name of its own is one."""


def test_what_has_no_row_is_refused_by_name_and_place() -> None:
    x = np.ones((2, 3))
    for model, what in [(Leaky(), "Leaky at ''"), (Sequential(Linear(3, 3), Sequential(ReLU(), Leaky())), "Leaky at '1.1'"),
                        (Pair(), "Pair at ''"), (Residual(Pair()), "Pair at '0'")]:
        with pytest.raises(TypeError, match=f"model: {what} has no row in NODES, which has BatchNorm, Bias, "):
            graph_of(model, x)
    assert len(graph_of(Named(Linear(3, 3), ReLU()), x).nodes) == 3


def test_a_layer_of_ones_own_needs_one_row(monkeypatch: pytest.MonkeyPatch, runtime: Any) -> None:
    monkeypatch.setitem(NODES, Leaky, lambda g, m, x: g("LeakyRelu", x, alpha=0.1))
    monkeypatch.setitem(NODES, Pair, lambda g, m, x: g.add("two", m.two, g.add("one", m.one, x)))
    model = Sequential(Pair(), Leaky())
    x = np.random.default_rng(0).normal(size=(5, 3))
    assert to_onnx(model, x)  # compared there; onnxruntime has LeakyRelu for float32 alone
    session = opened(to_onnx(model, x[:1], dtype=np.float32))
    assert np.abs(said(session, (x.astype(np.float32),)) - model(x)).max() < 1e-6
    assert sorted(graph_of(model, x).arrays) == ["0.one.W", "0.one.b"]


@pytest.mark.parametrize("row", [
    lambda g, m, x: g("Identity", x), lambda g, m, x: g("Relu", g("Sub", x, 1e-3)), lambda g, m, x: g("ReduceMean", x, axes=[1])])
def test_a_wrong_row_is_found_while_exporting(row: Any, monkeypatch: pytest.MonkeyPatch, onnx: Any) -> None:
    monkeypatch.setitem(NODES, ReLU, row)
    with pytest.raises(ValueError, match=r"model: (the graph differs from its forward, by|ONNX does not)"):
        to_onnx(Sequential(ReLU()), np.random.default_rng(0).normal(size=(4, 3)))


def test_a_state_that_was_carried_over_is_refused() -> None:
    x = np.ones((2, 3, 4))
    for layer, start in [(RNN(4, 5, rng=0), np.zeros((2, 5))), (LSTM(4, 5, rng=0), (np.zeros((2, 5)), np.zeros((2, 5))))]:
        layer.start = start  # type: ignore[assignment]
        with pytest.raises(ValueError, match=rf"model: {type(layer).__name__}\.start must be None in a graph"):
            graph_of(layer, x)


def test_bad_arguments_are_named() -> None:
    model, x = Linear(3, 4, rng=0), np.ones((2, 3))
    for call, kind, words in [
        (lambda: graph_of(ReLU, x), TypeError, "model must be of type Module, not the class ReLU"),  # type: ignore[arg-type]
        (lambda: graph_of(model, "x"), TypeError, "example must be a NumPy array, not str"),
        (lambda: graph_of(model, None), TypeError, "example must be a NumPy array, not NoneType"),
        (lambda: graph_of(model, np.ones((2, 4))), ValueError, r"x must have shape \(N, 3\), not \(2, 4\)"),
        (lambda: graph_of(model, x, axes=()), ValueError, r"axes must be one name or more, not \(\)"),
        (lambda: graph_of(model, x, axes=("N", 2)), ValueError, "axes must be one name or more"),  # type: ignore[arg-type]
        (lambda: graph_of(model, x, dtype=np.int64), TypeError, "dtype must be float64 or float32, not int64"),
    ]:
        with pytest.raises(kind, match=words):
            call()


def test_without_the_package_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="to_onnx needs the package onnx"):
        save(Linear(3, 4), tmp_path / "w.onnx", np.ones((2, 3)))
    assert not [*tmp_path.iterdir()]
    assert len(graph_of(Linear(3, 4), np.ones((2, 3))).nodes) == 2


# --- save -------------------------------------------------------------------------------------------------------------


def test_save_writes_a_graph_whole_or_not_at_all(tmp_path: Path, runtime: Any) -> None:
    model, x, file = Sequential(Linear(3, 4, rng=0), ReLU()), np.random.default_rng(0).normal(size=(5, 3)), tmp_path / "w.ONNX"
    save(model, file, x[:2])
    old = file.read_bytes()
    (y,) = runtime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    assert np.allclose(y, model(x), rtol=1e-12)
    model.parameters["0.W"][0, 0] = np.nan
    with pytest.raises(ValueError, match=r"parameter 0\.W must be finite"):
        save(model, file, x[:2])
    with pytest.raises(TypeError, match="Leaky at ''"):
        save(Leaky(), file, x[:2])
    with pytest.raises(ValueError, match="example must be given for"):
        save(ReLU(), file)
    assert file.read_bytes() == old and [f.name for f in tmp_path.iterdir()] == ["w.ONNX"]


def test_tied_output_alone_has_its_table(onnx: Any) -> None:
    graph = graph_of(TiedOutput(Embedding(7, 4, rng=0)), np.ones((2, 4)))
    assert list(graph.arrays) == ["embedding.W"] and [n.op for n in graph.nodes] == ["Transpose", "MatMul"]
