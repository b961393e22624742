"""The release: sdist and wheel of the last commit, the same bytes in any folder, at any time, under any umask.

    python tools/dist.py           build into dist/, build once more elsewhere, compare, check
    python tools/dist.py --build   build into dist/ alone

setuptools dates what is in a wheel by SOURCE_DATE_EPOCH, here the time of the commit, and takes modes from the files, which are
laid out anew. An sdist it leaves with the times, the modes and the user of the machine: that archive is written again. Which
bytes deflate makes of it is zlib's affair: the same Python, and the setuptools of requirements.lock, give the same sums.
"""

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
LEFT_OUT = [f":(exclude){name}" for name in ("benchmarks", "cases", "tools", "tests/book")]  # large, and MANIFEST.in names none


class DistError(Exception):
    """A release that must not go out."""


def run(*command: str | Path, folder: Path = ROOT, **env: str) -> str:
    """Run a command; what it printed. Raises DistError, with all it said, if it failed."""
    done = subprocess.run(list(map(str, command)), cwd=folder, env={**os.environ, **env}, capture_output=True, text=True)
    if done.returncode:
        raise DistError(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def same_everywhere(sdist: Path, date: int) -> None:
    """Write an sdist again: in order of names, of one time, with plain modes and no user."""
    plain = io.BytesIO()
    with tarfile.open(sdist) as old, tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda m: m.name):
            entry = tarfile.TarInfo(member.name)
            entry.type, entry.size, entry.mtime = member.type, member.size, date
            entry.mode = 0o755 if member.isdir() else 0o644
            new.addfile(entry, old.extractfile(member) if member.isfile() else None)
    with sdist.open("wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=date) as packed:
        packed.write(plain.getvalue())


def build(target: Path, **env: str) -> dict[str, str]:
    """Build both of the last commit into a folder, the wheel from the sdist; their names and sums."""
    date = int(run("git", "log", "-1", "--format=%ct"))
    tree = subprocess.run(["git", "archive", "HEAD", "--", ".", *LEFT_OUT], cwd=ROOT, check=True, capture_output=True).stdout
    shutil.rmtree(target, ignore_errors=True)
    before = os.umask(0o022)  # what setuptools writes itself goes into the wheel with this
    try:
        with tempfile.TemporaryDirectory() as folder:
            with tarfile.open(fileobj=io.BytesIO(tree)) as archive:
                archive.extractall(folder, filter="data")
            for file in Path(folder).rglob("*"):
                file.chmod(0o755 if file.is_dir() else 0o644)
            run(sys.executable, "-m", "build", "--no-isolation", "--outdir", target, ".",
                folder=Path(folder), SOURCE_DATE_EPOCH=str(date), **env)
    finally:
        os.umask(before)
    same_everywhere(next(target.glob("*.tar.gz")), date)
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(target.iterdir())}


def check(sums: dict[str, str]) -> None:
    """Build once more and compare; what the index would refuse; download; install each into an empty environment and import."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        before = os.umask(0o077)
        again = build(here / "again", TZ="Pacific/Auckland")
        os.umask(before)
        if again != sums:
            raise DistError(f"built twice, two results: {sums} and {again}")
        files = [DIST / name for name in sums]
        run(sys.executable, "-m", "twine", "check", "--strict", *files)
        run(sys.executable, "-m", "check_wheel_contents", *(f for f in files if f.suffix == ".whl"))
        for wanted in ("--only-binary", "--no-binary"):
            run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
                "--find-links", DIST, wanted, "nnlit", "--dest", here / "loaded", "nnlit")
        if sorted(f.name for f in (here / "loaded").iterdir()) != sorted(sums):
            raise DistError(f"pip downloads {sorted((here / 'loaded').iterdir())}")
        for n, file in enumerate(files):
            run(sys.executable, "-m", "venv", here / f"empty-{n}")
            bin = here / f"empty-{n}" / ("Scripts" if os.name == "nt" else "bin")
            run(bin / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", file)
            version = run(bin / "python", "-c", "import nnlit; print(nnlit.__version__)", folder=here)
            if f"nnlit-{version}" != file.name.removesuffix(".tar.gz").removesuffix("-py3-none-any.whl"):
                raise DistError(f"{file.name} installs nnlit {version}")


if __name__ == "__main__":
    start = time.perf_counter()
    try:
        sums = build(DIST)
        if "--build" not in sys.argv[1:]:
            check(sums)
    except DistError as e:
        sys.exit(f"dist: {e}")
    for name, total in sums.items():
        print(f"{total}  {name}")
    print(f"the release of {run('git', 'log', '-1', '--format=%h')} in dist/, {time.perf_counter() - start:.0f} s")
