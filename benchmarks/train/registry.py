"""Which peers run which work: name in the tables -> "module:maker" in peers/."""

TRAIN = {
    "nnlit layers": "nnlit_peer:layers",
    "nnlit fit": "nnlit_peer:fit",
    "nnlit compiled": "nnlit_peer:compiled",
    "nnlit compiled, Numba": "nnlit_peer:compiled_epochs",
    "NumPy, plain layers": "numpy_plain:train",
    "NumPy, fused by hand": "numpy_limit:train",
    "torch eager": "torch_peer:train",
    "JAX jit step": "jax_peer:train_step",
    "JAX scan": "jax_peer:train_scan",
}
PRODUCTS = {"the products alone": "numpy_limit:gemms"}
SMALL = {"NumPy, row of ones": "numpy_limit:train_augmented"}

PEERS = {
    "w1": {**TRAIN, **SMALL, "Numba, loops by hand": "numba_limit:loops"},
    "w2.f64": {**TRAIN, **SMALL, "Numba by hand": "numba_limit:blas", **PRODUCTS},
    "w2.f32": {**TRAIN, **SMALL, "Numba by hand": "numba_limit:blas", **PRODUCTS},
    "w3": {**TRAIN, **PRODUCTS},
}
WORK = {"w1": "XOR", "w2.f64": "digits, float64", "w2.f32": "digits, float32", "w3": "MNIST size, float32"}
LIMIT = {"w1": "Numba, loops by hand"} | dict.fromkeys(["w2.f64", "w2.f32", "w3"], "the products alone")
REFERENCE = "torch eager"
