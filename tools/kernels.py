"""Execute the book as other processors would, and say where its outputs differ from those that are saved.

    python tools/kernels.py                  every kernel, without wide loops, and played roundings
    python tools/kernels.py Nehalem plain    these alone
    python tools/kernels.py 02 13 -- Nehalem these chapters alone
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import numpy as np  # noqa: F401  loads the kernel
from notebooks import ROOT, BookError, chapters, execute
from refresh import COLLECTED
from same import difference
from threadpoolctl import threadpool_info

WIDE = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR"
ALL_WIDE = f"AVX2 FMA3 {WIDE}"
WAYS: dict[str, dict[str, str]] = {
    **{kernel: {"OPENBLAS_CORETYPE": kernel}
       for kernel in ("Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX", "Cooperlake", "Sapphirerapids")},
    "no-avx512": {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": WIDE},
    "plain": {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": ALL_WIDE},
    **{f"rounding-{seed}": {"NNLIT_ROUNDING": str(seed)} for seed in (1, 2, 3)},
}


def look(names: list[str]) -> int:
    """Compare the chapters (all, or those whose names begin so) as this process computes them; how many cells differ."""
    found = 0

    def one(path: Path) -> list[str]:
        """The cells of a chapter that say something else here."""
        try:
            fresh = execute(path)[0]
        except BookError as error:
            return [str(error).splitlines()[0]]
        cells = zip(nbformat.read(path, as_version=4).cells, fresh.cells, strict=True)
        pairs = [(old, new) for old, new in cells if not COLLECTED.search(old.source)]
        return [f"{path.stem} {old.id}: {said}" for old, new in pairs if (said := difference(old, new))]

    paths = [p for p in chapters() if not names or any(p.name.startswith(n) for n in names)]
    with ThreadPoolExecutor(max_workers=int(os.environ.get("JOBS", "2"))) as pool:
        for said in pool.map(one, paths):
            found += len(said)
            print("".join(f"  {line}\n" for line in said), end="", flush=True)
    return found


if __name__ == "__main__":
    split = sys.argv.index("--") if "--" in sys.argv else 1
    names, ways = sys.argv[1:split], sys.argv[split:]
    ways = [w for w in ways if w != "--"]
    if ways == ["here"]:
        wanted = os.environ.get("OPENBLAS_CORETYPE")
        found = {pool.get("architecture") for pool in threadpool_info()}
        if wanted and wanted not in found:
            sys.exit(print(f"  not on this machine, whose kernel is {found}"))
        sys.exit(look(names) > 0)
    failed = 0
    for way in ways or WAYS:
        print(way, flush=True)
        env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
        env |= {**WAYS[way], "PYTHONWARNINGS": "ignore"}
        failed += subprocess.run([sys.executable, __file__, *names, "--", "here"], cwd=ROOT, env=env).returncode
    sys.exit(failed > 0)
