"""The estimators: scikit-learn's own checks of its contract, and laws that it does not ask for."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.estimator_checks import check_estimator

from nnlit.activations import ReLU, Tanh
from nnlit.diagnosis import check_gradients
from nnlit.estimators import (
    NetworkClassifier,
    NetworkRegressor,
    Watch,
    class_shares,
    counted,
    network_of,
    train_epoch,
)
from nnlit.losses import SoftmaxCrossEntropyLoss
from nnlit.module import past_the_door, walk
from nnlit.optimizers import SGD, Optimizer

SEED = {"random_state": 0}
BOTH = [NetworkClassifier, NetworkRegressor]
both = pytest.mark.parametrize("kind", BOTH)


def rows(N: int = 60, D: int = 5, K: int = 3, seed: int = 0) -> tuple[Any, Any]:
    """X (N, D) and labels (N,) that can be learnt; for the regressor they are numbers."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D))
    return X, (X @ rng.normal(size=(D, K))).argmax(axis=1)


def said(estimator: Any, X: Any) -> Any:
    return estimator.predict_proba(X) if hasattr(estimator, "predict_proba") else estimator.predict(X)


# the contract

VARIANTS = [
    NetworkClassifier(), NetworkRegressor(), NetworkClassifier(hidden_sizes=()), NetworkClassifier(activation="tanh"),
    NetworkClassifier(activation="sigmoid", solver="adamw"), NetworkClassifier(hidden_sizes=(16, 16), batch_size=None),
    NetworkClassifier(solver=partial(SGD, momentum=0.9), lr=0.1),
    NetworkRegressor(hidden_sizes=[8], activation="tanh", epochs=200),
]


@pytest.mark.filterwarnings("ignore")  # of scikit-learn's checks, not of ours
@pytest.mark.parametrize("estimator", VARIANTS, ids=lambda e: f"{type(e).__name__}-{VARIANTS.index(e)}")
def test_every_check_passes(estimator: Any) -> None:
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    assert len(results) >= 40
    failed = {r["check_name"]: repr(r["exception"])[:300] for r in results if r["status"] not in ("passed", "skipped")}
    assert not failed
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {"check_array_api_input"}  # see the next


@both
def test_no_check_is_skipped_where_scipy_takes_other_arrays(kind: type) -> None:
    program = (f"import warnings; warnings.simplefilter('ignore'); from nnlit.estimators import {kind.__name__} as kind; "
               "from sklearn.utils.estimator_checks import check_estimator; "
               "print({r['status'] for r in check_estimator(kind(), on_skip=None)})")
    env = {**os.environ, "SCIPY_ARRAY_API": "1"}
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, timeout=300)
    assert ran.stdout.strip() == "{'passed'}", ran.stdout + ran.stderr


def test_the_package_alone_needs_no_scikit_learn() -> None:
    program = "import sys, nnlit; sys.exit(any(m.split('.')[0] in ('sklearn', 'scipy', 'pandas') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0


@both
def test_init_keeps_what_came_and_makes_nothing(kind: type) -> None:
    widths, solver = [3, 4], partial(SGD, momentum=0.5)
    one = kind(hidden_sizes=widths, solver=solver, lr="no number", epochs=-1)  # not looked at before fit
    assert one.hidden_sizes is widths and one.solver is solver
    assert set(vars(one)) == set(one.get_params())
    assert clone(one).get_params()["hidden_sizes"] == widths


@both
def test_what_is_learnt_has_an_underscore_and_a_clone_has_none_of_it(kind: type) -> None:
    X, y = rows()
    one = kind(epochs=2, **SEED).fit(X, y)
    learnt = set(vars(one)) - set(one.get_params())
    assert {"network_", "optimizer_", "history_", "n_features_in_"} <= learnt
    assert all(name.endswith("_") or name.startswith("_") for name in learnt)
    assert set(vars(clone(one))) == set(one.get_params())
    with pytest.raises(NotFittedError):
        clone(one).predict(X)


# at work

def test_digits_in_a_pipeline_are_read() -> None:
    X, y = load_digits(return_X_y=True)
    model = make_pipeline(StandardScaler(), NetworkClassifier(epochs=20, **SEED))
    assert cross_val_score(model, X, y, cv=3).min() > 0.9


def test_a_search_reaches_the_network_and_tells_widths_apart() -> None:
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), NetworkClassifier(epochs=40, **SEED))
    grid = GridSearchCV(model, {"networkclassifier__hidden_sizes": [(1,), (16,)], "networkclassifier__lr": [1e-6, 0.02]}, cv=3)
    grid.fit(X, y)
    assert len(set(grid.cv_results_["mean_test_score"])) > 1
    assert grid.best_params_ == {"networkclassifier__hidden_sizes": (16,), "networkclassifier__lr": 0.02}
    assert grid.best_estimator_[-1].network_[0].parameters["W"].shape == (4, 16)
    assert grid.score(X, y) > 0.9


def test_a_regressor_learns_standardized_targets() -> None:
    X, y = load_diabetes(return_X_y=True)
    model = make_pipeline(StandardScaler(), NetworkRegressor((16,), epochs=50, solver="adamw", **SEED))
    assert cross_val_score(model, X, (y - y.mean()) / y.std(), cv=3).min() > 0.3


@both
def test_a_data_frame_gives_names_and_refuses_others(kind: type) -> None:
    pd = pytest.importorskip("pandas")
    X, y = rows()
    frame = pd.DataFrame(X, columns=list("abcde"))
    one = kind(epochs=3, **SEED).fit(frame, pd.Series(y))
    assert list(one.feature_names_in_) == list("abcde") and one.n_features_in_ == 5
    assert np.array_equal(said(one, frame), said(kind(epochs=3, **SEED).fit(X, y), X))
    with pytest.raises(ValueError, match="feature names should match"):
        one.predict(frame[list("edcba")])
    with pytest.raises(ValueError, match="feature names should match"):
        kind(warm_start=True).fit(frame, y).fit(frame[list("edcba")], y)


def test_labels_keep_their_names() -> None:
    wine = load_wine()
    names = np.array(["Barolo", "Grignolino", "Barbera"], dtype=object)[wine.target]
    model = make_pipeline(StandardScaler(), NetworkClassifier(epochs=60, **SEED)).fit(wine.data, names)
    assert list(model.classes_) == ["Barbera", "Barolo", "Grignolino"]
    assert model.score(wine.data, names) > 0.98
    proba = model.predict_proba(wine.data)
    assert np.allclose(proba.sum(axis=1), 1) and (model.classes_[proba.argmax(axis=1)] == model.predict(wine.data)).all()


FORMS = [sparse.csr_array, sparse.csc_array, sparse.coo_array, sparse.csr_matrix, sparse.lil_matrix]


@both
@pytest.mark.parametrize("form", FORMS)
def test_sparse_rows_are_the_same_rows(kind: type, form: Any) -> None:
    X, y = rows(N=80, D=30)
    X[np.abs(X) < 1.2] = 0
    w = np.random.default_rng(1).integers(0, 3, len(y))
    options = {"epochs": 4, "batch_size": 16, "early_stopping": True, "validation_fraction": 0.25, **SEED}
    thin, thick = kind(**options).fit(form(X), y, w), kind(**options).fit(X, y, w)
    assert np.allclose(said(thin, form(X)), said(thick, X), rtol=1e-9, atol=1e-12)
    for name, p in thin.network_.parameters.items():
        assert type(p) is np.ndarray and np.allclose(p, thick.network_.parameters[name], rtol=1e-9, atol=1e-12)


def test_a_sparse_row_is_never_made_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = sparse.random_array((20, 10_000), density=0.001, rng=0, format="csr"), np.arange(20) % 2
    monkeypatch.setattr(sparse.csr_array, "toarray", None)
    monkeypatch.setattr(sparse.csr_array, "todense", None)
    NetworkClassifier((4,), epochs=3, batch_size=8, **SEED).fit(X, y).predict(X)


# weights

@both
@pytest.mark.parametrize("options", [{}, {"hidden_sizes": (6, 5), "activation": "tanh", "solver": "sgd"}])
def test_a_weight_is_a_count(kind: type, options: dict[str, Any]) -> None:
    X, y = rows()
    w = np.random.default_rng(1).integers(0, 4, len(y))
    one = kind(epochs=30, batch_size=None, **SEED, **options)
    weighted, copied = clone(one).fit(X, y, w), clone(one).fit(X.repeat(w, axis=0), y.repeat(w))
    assert np.allclose(said(weighted, X), said(copied, X), rtol=1e-6, atol=1e-9)
    assert not np.allclose(said(weighted, X), said(clone(one).fit(X, y), X), atol=1e-3)
    assert np.allclose(said(clone(one).fit(X, y, 7.5 * w), X), said(weighted, X), rtol=1e-6, atol=1e-9)  # in any unit


def test_class_weights_are_weights_of_their_samples() -> None:
    X, y = rows()
    names, given = np.array(["a", "b", "c"]), {"a": 2.0, "c": 0.25}
    one = NetworkClassifier(epochs=20, batch_size=16, **SEED)
    ours = clone(one).set_params(class_weight=given).fit(X, names[y]).predict_proba(X)
    assert np.allclose(ours, clone(one).fit(X, names[y], np.array([2, 1, 0.25])[y]).predict_proba(X), rtol=1e-9)
    n = np.bincount(y)
    balanced = clone(one).set_params(class_weight="balanced").fit(X, y).predict_proba(X)
    assert np.allclose(balanced, clone(one).fit(X, y, len(y) / (3 * n[y])).predict_proba(X), rtol=1e-6)


@pytest.mark.parametrize("given", [None, "balanced", {0: 3.0, 2: 0.5}])
def test_class_shares_are_scikit_learns(given: Any) -> None:
    _, y = rows(K=4)
    classes, labels = np.unique(y, return_inverse=True)
    theirs = compute_class_weight(given, classes=classes, y=y)
    assert np.allclose(class_shares(given, classes, labels, np.ones(len(y))), theirs)


def test_balanced_counts_by_the_weights_of_the_rows() -> None:
    classes, labels, w = np.arange(2), np.array([0, 0, 0, 1]), np.array([1.0, 2.0, 0.5, 7.0])
    shares = class_shares("balanced", classes, labels, w)
    assert np.allclose(shares * np.bincount(labels, w), w.sum() / 2)


class Spy(Optimizer):
    """Moves nothing and keeps the gradients."""

    seen: list[Any]

    def step(self) -> None:
        self.seen.append(np.concatenate([g.ravel() for g in (m.gradients[n] for m, n in self.held)]))


def test_an_epoch_in_batches_steps_by_what_each_batch_weighs() -> None:
    X, y = rows(N=10)
    w = np.random.default_rng(2).uniform(0.1, 3, 10)
    network, loss = network_of((5, 3), Tanh, np.random.default_rng(0)), SoftmaxCrossEntropyLoss()
    spy = Spy(network, 1.0)
    spy.seen = []
    with past_the_door():
        for data, size in [((X, y, w), 2), ((X, y, w), None)]:
            value = train_epoch(network, loss, spy, data, size, np.random.default_rng(5))
    *parts, full = spy.seen
    assert len(parts) == 5 and np.allclose(np.mean(parts, axis=0), full)  # nothing moved: they are parts of one sum
    assert np.isclose(value, loss(network(X), y, w))


# training

def test_partial_fit_makes_the_epochs_of_fit() -> None:
    X, y = rows()
    whole = NetworkClassifier(epochs=4, batch_size=16, **SEED).fit(X, y)
    parts, numbers = NetworkClassifier(batch_size=16, **SEED), NetworkRegressor(batch_size=16, **SEED)
    for k in range(4):
        parts.partial_fit(X, y, classes=[2, 1, 0] if k == 0 else None)
        numbers.partial_fit(X, y)
        assert parts.history_.epoch == numbers.history_.epoch == k + 1
    assert np.array_equal(whole.predict_proba(X), parts.predict_proba(X))
    assert np.array_equal(NetworkRegressor(epochs=4, batch_size=16, **SEED).fit(X, y).predict(X), numbers.predict(X))
    assert whole.history_.losses == parts.history_.losses


def test_partial_fit_takes_rows_that_lack_a_class() -> None:
    X, y = rows()
    one = NetworkClassifier(**SEED).partial_fit(X[y == 1], y[y == 1], classes=np.arange(3))
    assert one.predict_proba(X).shape == (60, 3)
    for _ in range(60):
        one.partial_fit(X, y)
    assert one.score(X, y) > 0.9


@both
def test_warm_start_goes_on_and_fit_begins_anew(kind: type) -> None:
    X, y = rows()
    long, warm, cold = (kind(epochs=6, **SEED), kind(epochs=3, warm_start=True, **SEED), kind(epochs=3, **SEED))
    assert np.array_equal(said(long.fit(X, y), X), said(warm.fit(X, y).fit(X, y), X))
    assert np.array_equal(said(cold.fit(X, y).fit(X, y), X), said(clone(cold).fit(X, y), X))
    assert (warm.history_.epoch, cold.history_.epoch) == (6, 3)
    assert warm.set_params(lr=0.5).fit(X, y).optimizer_.lr == 0.5


@both
def test_early_stopping_ends_and_keeps_the_best(kind: type) -> None:
    X, y = rows(N=120)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, len(y))  # nothing to learn but by heart
    one = kind((64,), lr=0.02, epochs=300, early_stopping=True, validation_fraction=0.3, patience=5, **SEED).fit(X, y)
    history = one.history_
    assert history.epoch == history.best + 5 < 300 and len(history.validation) == history.epoch
    kept = said(one, X)
    again = clone(one).set_params(epochs=history.best).fit(X, y)
    assert np.array_equal(said(again, X), kept)


def test_the_watch_keeps_copies() -> None:
    X, y = rows()
    network = network_of((5, 3), Tanh, np.random.default_rng(0))
    watch = Watch(network, SoftmaxCrossEntropyLoss(), (X, y, np.ones(60)))
    first = watch.measure()
    before = network.parameters["0.W"].copy()
    network.parameters["0.W"][...] *= -9
    assert watch.measure() > first and watch.waited == 1
    watch.restore()
    assert (network.parameters["0.W"] == before).all() and watch.measure() == first


@both
def test_a_seed_is_a_seed(kind: type) -> None:
    X, y = rows()
    fits = [said(kind(epochs=2, random_state=s).fit(X, y), X) for s in (0, 0, 1, np.random.RandomState(0), None, None)]
    assert np.array_equal(fits[0], fits[1]) and np.array_equal(fits[0], fits[3])
    assert not np.array_equal(fits[0], fits[2]) and not np.array_equal(fits[4], fits[5])


@both
def test_float32_stays(kind: type) -> None:
    X, y = rows()
    one = kind(epochs=3, batch_size=16, **SEED).fit(X.astype(np.float32), y, np.linspace(0.5, 1, 60))
    assert {p.dtype for p in one.network_.parameters.values()} == {np.dtype(np.float32)}
    assert said(one, X).dtype == np.float32 and said(one, X.astype(np.float32)).dtype == np.float32
    assert one.partial_fit(X, y).network_[0].parameters["W"].dtype == np.float32


def test_several_targets_come_back_in_their_shape() -> None:
    X, _ = rows()
    Y = X @ np.random.default_rng(1).normal(size=(5, 2))
    one = NetworkRegressor(epochs=200, **SEED)
    assert one.fit(X, Y).predict(X).shape == (60, 2) and one.score(X, Y) > 0.95
    assert one.fit(X, Y[:, :1]).predict(X).shape == (60, 1)
    assert one.fit(X, Y[:, 0]).predict(X).shape == (60,)


@both
def test_no_batch_is_pickled(kind: type) -> None:
    X, y = rows(N=5000)
    one = kind((2,), epochs=1, **SEED).fit(X, y)
    before = said(one, X)
    assert all(layer.cache is None for _, layer in walk(one.network_))
    again = pickle.loads(pickle.dumps(one))
    assert len(pickle.dumps(one)) < X.nbytes / 10
    assert np.array_equal(said(again, X), before)
    assert np.array_equal(said(again.partial_fit(X, y), X), said(one.partial_fit(X, y), X))  # with optimizer and generator


def test_threads_may_predict_at_once() -> None:
    X, y = rows(N=2000)
    one = NetworkClassifier(epochs=2, **SEED).fit(X, y)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(one.predict_proba, [X[i::8] for i in range(8)]))
    assert all(np.allclose(f, one.predict_proba(X)[i::8], rtol=1e-9) for i, f in enumerate(found))


def test_the_network_inside_is_one_that_the_checker_takes() -> None:
    X, y = rows()
    one = NetworkClassifier((6, 5), activation="tanh", epochs=5, **SEED).fit(X, y)
    assert check_gradients(one.network_, X[:7], loss=SoftmaxCrossEntropyLoss(), target=y[:7]).ok


# bad input

WRONG = [
    ({"hidden_sizes": 64}, TypeError, r"hidden_sizes must be widths, such as \(64,\), not 64"),
    ({"hidden_sizes": "64"}, TypeError, "hidden_sizes must be widths"),
    ({"hidden_sizes": (8, 0)}, ValueError, "hidden_sizes must be a whole number from 1 up, not 0"),
    ({"activation": "gelu"}, ValueError, "activation must be one of relu, tanh, sigmoid, not 'gelu'"),
    ({"solver": "lbfgs"}, ValueError, "solver must be one of sgd, adam, adamw, not 'lbfgs'"),
    ({"lr": 0}, ValueError, "lr must be a number in"),
    ({"epochs": 0}, ValueError, "epochs must be a whole number from 1 up, not 0"),
    ({"batch_size": 1.5}, ValueError, "batch_size must be a whole number from 1 up"),
    ({"patience": 0}, ValueError, "patience must be a whole number from 1 up"),
    ({"validation_fraction": 1.0}, ValueError, "validation_fraction must be a number in"),
    ({"random_state": "x"}, ValueError, "cannot be used to seed"),
]


@both
@pytest.mark.parametrize("options, error, words", WRONG)
def test_a_bad_parameter_is_named_at_fit(kind: type, options: dict[str, Any], error: type, words: str) -> None:
    X, y = rows()
    with pytest.raises(error, match=words):
        kind(**options).fit(X, y)


@pytest.mark.parametrize("given, words", [
    ("even", "class_weight must be None, 'balanced' or a dict, not 'even'"), ([1, 2, 3], "must be None, 'balanced' or a dict"),
    ({"z": 1.0}, r"class_weight must be for \[0, 1, 2\], but is for 'z'"), ({0: -1.0}, "class_weight must be 0 or more"),
])
def test_bad_class_weights(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        NetworkClassifier(class_weight=given).fit(*rows())


@pytest.mark.parametrize("weights, error, words", [
    (np.zeros(60), ValueError, "sample_weight must not be zero for every sample"), (-np.ones(60), ValueError, "sample_weight"),
    (np.ones(59), ValueError, r"sample_weight must have shape \(60,\), not \(59,\)"), (["a"] * 60, TypeError, "must hold"),
    (np.full(60, np.nan), ValueError, "sample_weight must be finite"),
])
def test_bad_sample_weights(weights: Any, error: type, words: str) -> None:
    X, y = rows()
    with pytest.raises(error, match=words):
        counted(X, y, weights)
    for kind in BOTH:
        with pytest.raises(error, match=words):
            kind().fit(X, y, weights)


def test_classes_that_do_not_fit() -> None:
    X, y = rows()
    with pytest.raises(ValueError, match="two classes or more, but holds one class"):
        NetworkClassifier().fit(X, np.ones(60))
    with pytest.raises(ValueError, match="two classes or more"):  # the others count nothing
        NetworkClassifier().fit(X, y, (y == 1).astype(float))
    with pytest.raises(ValueError, match="classes must be given at the first call"):
        NetworkClassifier().partial_fit(X, y)
    begun = NetworkClassifier().partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"classes must be \[0 1 2\] again, not \[0 1\]"):
        begun.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"y must hold classes of \[0 1 2\], not 4"):
        begun.partial_fit(X, y + 3)
    with pytest.raises(ValueError, match="class_weight must be None or a dict for partial_fit"):
        NetworkClassifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="5 features"):
        begun.partial_fit(X[:, :4], y)


def test_targets_that_do_not_fit() -> None:
    X, _ = rows()
    begun = NetworkRegressor().partial_fit(X, X[:, :2])
    with pytest.raises(ValueError, match=r"y must have shape \(N, 2\), not \(60, 1\)"):
        begun.partial_fit(X, X[:, 0])
    with pytest.raises(ValueError, match=r"y must have shape \(N, 2\), not \(60, 3\)"):
        begun.partial_fit(X, X[:, :3])


@both
def test_a_training_that_diverges_says_so(kind: type) -> None:
    X, y = rows()
    with pytest.raises(FloatingPointError, match=r"training diverged in epoch \d+: .*lr is 1e\+200; a smaller one"):
        kind(solver="sgd", lr=1e200, epochs=5).fit(1e3 * X, y)


def test_relu_starts_as_he_and_others_as_glorot() -> None:
    wide = [network_of((400, 300, 2), kind, np.random.default_rng(0))[0].parameters["W"] for kind in (ReLU, Tanh)]
    assert np.allclose([W.std() for W in wide], [np.sqrt(2 / 400), np.sqrt(2 / 700)], rtol=0.02)


@both
def test_a_failed_first_fit_leaves_no_network(kind: type) -> None:
    X, y = rows()
    bad = kind(lr=-1)
    with pytest.raises(ValueError, match="lr must be"):
        bad.fit(X, y)
    with pytest.raises(NotFittedError):
        bad.predict(X)


def test_a_first_partial_fit_can_be_put_right() -> None:
    X, y = rows()
    one = NetworkClassifier(**SEED)
    with pytest.raises(ValueError, match=r"y must hold classes of \[0 1\], not 2"):
        one.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(NotFittedError):
        one.predict(X)
    assert one.partial_fit(X, y, classes=[0, 1, 2]).predict_proba(X).shape == (60, 3)


def test_balanced_where_a_class_is_not_here_now() -> None:
    X, y = rows()
    one = NetworkClassifier(epochs=2, warm_start=True, class_weight="balanced", **SEED).fit(X, y)
    with np.errstate(all="raise"):
        one.fit(X[y < 2], y[y < 2])
    assert class_shares("balanced", np.arange(3), np.array([0, 0, 1]), np.ones(3)).tolist() == [0.5, 1, 0]


@pytest.mark.filterwarnings("ignore:overflow")
def test_what_float32_cannot_hold_is_refused() -> None:
    X, y = rows()
    one = NetworkRegressor(epochs=2, **SEED).fit(X.astype(np.float32), y)
    with pytest.raises(ValueError, match="too large for dtype"):
        one.predict(np.full((1, 5), 1e300))
    with pytest.raises(TypeError, match="y must be dense"):
        one.fit(X, sparse.csr_matrix(np.ones((60, 2))))
