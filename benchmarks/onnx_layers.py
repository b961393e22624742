"""Each layer as a graph of ONNX, run by onnxruntime beside the layer: python benchmarks/onnx_layers.py, with both installed.

Writes benchmarks/results/onnx.json, of which the book's page "A graph beside code" makes its table. Every layer is exported with
a batch of two, in float32 and float64, and then asked about batches of one, two and seven; what is kept is the largest difference
as a share of the largest entry, or the kind of error if the runtime has no kernel. And the shipped reader of digits: all images,
its logits and classes beside the graph's.
"""

import json
import os
import platform
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ |= dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "1")  # before NumPy is imported
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "nbs")]

import numpy as np  # noqa: E402

from nnlit.addition import load_trained  # noqa: E402
from nnlit.digits import load_digits  # noqa: E402
from nnlit.digits_again import digit_reader, forms, standardized  # noqa: E402
from nnlit.graph import IR, OPSET, to_onnx  # noqa: E402
from nnlit.inference import predict  # noqa: E402

from _exported import BOUND, CASES, away, batch, made, opened  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "onnx.json"


def measured(name: str, dtype: Any) -> dict[str, Any]:
    """The difference of one layer's graph, or why there is none."""
    model = made(name, dtype)
    proto = to_onnx(model, batch(name, dtype, 2))
    try:
        session = opened(proto)
        return {"differ": max(away(session, model, batch(name, dtype, N, seed=N)) for N in (1, 2, 7))}
    except Exception as error:  # a kind of its own for each status
        return {"error": type(error).__name__}


def digits() -> dict[str, Any]:
    """The shipped reader of digits as a graph, asked about every image."""
    model, (images, labels) = digit_reader(0), load_digits()
    load_trained(model, "digits")
    known = forms(labels) < 10
    (_, *x) = standardized(images[known], images)
    proto = to_onnx(model, x[0][:2])
    session = opened(proto)
    (logits,) = session.run(None, {"x": x[0]})
    return {"images": len(labels), "same": int((logits.argmax(axis=1) == predict(model, x[0])).sum()),
            "differ": away(session, model, (x[0],)), "bytes": len(proto.SerializeToString()),
            "weights": sum(4 * p.size for p in model.parameters.values())}


if __name__ == "__main__":
    layers = {name: {dtype: measured(name, np.dtype(dtype)) for dtype in BOUND} for name in CASES}
    versions = {name: version(name) for name in ("numpy", "onnx", "onnxruntime")}
    result = {"date": str(date.today()), "python": platform.python_version(), "versions": versions, "opset": OPSET, "ir": IR,
              "layers": layers, "digits": digits()}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, row in layers.items():
        print(f"{name:20s}", row)
    print(result["digits"])
