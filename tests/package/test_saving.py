"""Saved weights: they come back, or everything stays as it was."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlit import Linear, Module, ReLU, Sequential, load, save


def network(seed: int = 0, width: int = 5, dtype: Any = np.float64) -> Sequential:
    return Sequential(Linear(3, width, rng=seed, dtype=dtype), ReLU(), Linear(width, 4, rng=seed + 1, dtype=dtype))


class Odd(Module):
    """Names that a zip file or NumPy could take amiss, and a buffer."""

    def __init__(self, count: Any) -> None:
        self.parameters = {name: np.full(2, float(count.size)) for name in ("allow_pickle", "file", "args", "a/b")}
        self.buffers = {"count": count}


def test_weights_come_back_bit_for_bit(tmp_path: Path) -> None:
    for dtype in (np.float64, np.float32):
        one, two, file = network(0, dtype=dtype), network(5, dtype=dtype), tmp_path / f"{np.dtype(dtype)}.npz"
        save(one, file)
        load(two, file)
        assert all((a == two.parameters[k]).all() and a.dtype == two.parameters[k].dtype for k, a in one.parameters.items())


def test_what_cannot_be_loaded_changes_nothing(tmp_path: Path) -> None:
    model, good = network(), tmp_path / "good.npz"
    save(network(5), good)
    foreign, short, other, pickled = (tmp_path / f"{n}.npz" for n in ("foreign", "short", "other", "pickled"))
    foreign.write_text("not weights")
    short.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    save(network(0, width=6), other)
    np.savez(pickled, **{k: np.array([{}], dtype=object) for k in model.parameters})
    before = {k: p.copy() for k, p in model.parameters.items()}
    for file in (foreign, short, other, pickled):
        with pytest.raises(ValueError, match=file.stem):
            load(model, file)
    with pytest.raises(FileNotFoundError):
        load(model, tmp_path / "missing.npz")
    assert all((before[k] == p).all() for k, p in model.parameters.items())


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "w.npz"
    save(network(), file)
    old = file.read_bytes()

    def full_disk(*args: Any, **arrays: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(np.lib.format, "write_array", full_disk)
    with pytest.raises(OSError, match="no space"):
        save(network(5), file)
    assert file.read_bytes() == old and [f.name for f in tmp_path.iterdir()] == ["w.npz"]


def test_save_writes_through_a_link_and_keeps_the_mode(tmp_path: Path) -> None:
    file, link = tmp_path / "w.npz", tmp_path / "link.npz"
    save(network(), file)
    file.chmod(0o640)
    link.symlink_to(file)
    save(network(5), link)
    assert link.is_symlink() and file.stat().st_mode & 0o777 == 0o640
    model = network()
    load(model, file)
    assert (model.parameters["0.W"] == network(5).parameters["0.W"]).all()


def test_save_refuses_what_is_no_plain_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, Path(os.devnull)):
        with pytest.raises(ValueError, match="path must lead to a plain file"):
            save(network(), path)
    for target in (tmp_path, pipe, Path(os.devnull), Path("/dev/zero")):  # the last has no end, and filled the memory
        link = tmp_path / "link.npz"
        link.symlink_to(target)
        with pytest.raises(ValueError, match="path must lead to a plain file"):
            load(network(), link)
        link.unlink()
    assert Path(os.devnull).is_char_device() and [f.name for f in tmp_path.iterdir()] == ["pipe"]


def test_what_a_killed_save_leaves_is_cleaned_up(tmp_path: Path) -> None:
    file = tmp_path / "w.npz"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / f".w.npz.{gone.pid}-00ff.part").write_text("half")
    (tmp_path / f".w.npz.{os.getpid()}-00ff.part").write_text("another thread is at it")
    save(network(), file)
    assert sorted(f.name for f in tmp_path.iterdir()) == [f".w.npz.{os.getpid()}-00ff.part", "w.npz"]


def test_any_name_of_a_parameter_can_be_saved(tmp_path: Path) -> None:
    one, two = Odd(np.array(3)), Odd(np.array(6))
    for p in two.parameters.values():
        p[...] = 2
    save(one, tmp_path / "odd.npz")
    load(two, tmp_path / "odd.npz")
    assert all((two.parameters[k] == 1).all() for k in one.parameters) and two.buffers["count"] == 3


def parts(folder: Path) -> list[str]:
    return sorted(f.name for f in folder.iterdir() if f.name.endswith(".part"))


def test_a_part_of_somebody_else_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / f".w.npz.{os.getpid()}-00ff.part"
    left.write_text("half")
    asked: list[tuple[int, int]] = []

    def not_ours(pid: int, signal: int) -> None:
        asked.append((pid, signal))
        raise PermissionError("of another user")

    monkeypatch.setattr(os, "kill", not_ours)
    save(network(), tmp_path / "w.npz")
    assert parts(tmp_path) == [left.name] and asked == [(os.getpid(), 0)]  # 0 asks, and does no harm


def test_a_part_that_names_no_process_goes(tmp_path: Path) -> None:
    (tmp_path / ".w.npz.somebody-00ff.part").write_text("half")
    (tmp_path / ".v.npz.somebody-00ff.part").write_text("of another file")
    save(network(), tmp_path / "w.npz")
    assert parts(tmp_path) == [".v.npz.somebody-00ff.part"]


def test_two_saves_may_clean_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f".w.npz.{os.getpid()}-00ff.part").write_text("half")

    def the_other_was_faster(pid: int, signal: int) -> None:
        for name in parts(tmp_path):
            (tmp_path / name).unlink()
        raise ProcessLookupError

    monkeypatch.setattr(os, "kill", the_other_was_faster)
    save(network(), tmp_path / "w.npz")
    assert [f.name for f in tmp_path.iterdir()] == ["w.npz"]


def test_the_file_is_whole_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, synced = tmp_path / "w.npz", list[bytes]()

    def look(number: int) -> None:
        assert not file.exists()
        synced.append((tmp_path / parts(tmp_path)[0]).read_bytes())

    monkeypatch.setattr(os, "fsync", look)
    save(network(), file)
    assert synced == [file.read_bytes()]


@pytest.mark.parametrize("mode", [0o640, 0o601, 0o777])
def test_a_file_keeps_its_mode(mode: int, tmp_path: Path) -> None:
    file = tmp_path / "w.npz"
    save(network(), file)
    file.chmod(mode)
    save(network(5), file)
    assert file.stat().st_mode & 0o7777 == mode


def test_arrays_longer_than_a_plain_zip_file_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)  # in place of 2 GiB
    save(network(), tmp_path / "w.npz")
    monkeypatch.undo()
    model = network(5)
    load(model, tmp_path / "w.npz")
    assert (model.parameters["0.W"] == network().parameters["0.W"]).all()


def test_objects_are_neither_written_nor_read(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "ran"),)

    model = network()
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, **{k: np.full(p.shape, Payload()) for k, p in model.parameters.items()})
    with pytest.raises(ValueError, match="is damaged, or was not written by save"):
        load(model, pickled)
    assert not (tmp_path / "ran").exists()
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        save(Odd(np.array([3], dtype=object)), tmp_path / "odd.npz")
    assert [f.name for f in tmp_path.iterdir()] == ["pickled.npz"]


def test_arrays_of_another_dtype_or_not_finite_change_nothing(tmp_path: Path) -> None:
    model, file = network(), tmp_path / "w.npz"
    before = {k: p.copy() for k, p in model.parameters.items()}
    other = network(5)
    last = [*other.parameters][-1]
    for bad, kind, words in [(lambda p: p.astype(np.float32), TypeError, "must be float64, not float32"),
                             (lambda p: p * np.nan, ValueError, "must be finite"),
                             (lambda p: p[:-1], ValueError, "must have shape")]:
        np.savez(file, **{k: bad(p) if k == last else p for k, p in other.parameters.items()})  # type: ignore[no-untyped-call]
        with pytest.raises(kind, match=f"{file}: {last} {words}"):
            load(model, file)
        assert all((before[k] == p).all() for k, p in model.parameters.items())


def test_what_is_not_finite_is_not_saved(tmp_path: Path) -> None:
    model = network()
    model.parameters["2.b"][1] = np.inf
    with pytest.raises(ValueError, match=r"parameter 2\.b must be finite"):
        save(model, tmp_path / "w.npz")
    assert not [*tmp_path.iterdir()]
