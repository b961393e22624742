"""Files of weights: they come back in both formats, and whatever is wrong with one is one clear error that changes nothing."""

import io
import json
import os
import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nnlit import SGD, BatchNorm, History, Linear, Module, ReLU, Sequential, checkpoint, load, save
from nnlit.files import DTYPES, FORMATS, HEADER, format_of, read_npz, read_safetensors, write_npz, write_safetensors
from nnlit.inference import read_arrays, write_arrays

Arrays = dict[str, Any]
DAMAGED = "is damaged, or was not written by save"


def network(seed: int = 0, dtype: Any = np.float64) -> Sequential:
    first, last = Linear(3, 5, rng=seed, dtype=dtype), Linear(5, 4, rng=seed + 1, dtype=dtype)
    return Sequential(first, BatchNorm(5, dtype=dtype), ReLU(), last)


def kept(model: Module) -> Arrays:
    return {k: a.copy() for k, a in {**model.parameters, **model.buffers}.items()}


def same(one: Arrays, two: Arrays) -> bool:
    """Names, dtypes, shapes and bits."""
    return set(one) == set(two) and all(
        one[k].dtype == two[k].dtype and one[k].shape == two[k].shape and one[k].tobytes() == two[k].tobytes() for k in one)


def bytes_of(arrays: Arrays, suffix: str = ".safetensors") -> bytes:
    stream = io.BytesIO()
    FORMATS[suffix].write(stream, arrays)
    return stream.getvalue()


def forged(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(begin: Any = 0, end: Any = 4, shape: Any = (1,), dtype: Any = "F32", **more: Any) -> Any:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end], **more}


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\\/:"), min_size=1, max_size=8).filter(
    lambda name: name != "__metadata__")
shapes = hnp.array_shapes(min_dims=0, min_side=0, max_side=4)
ARRAYS = st.dictionaries(names, st.sampled_from([*DTYPES.values()]).flatmap(lambda kind: hnp.arrays(kind, shapes)), max_size=5)
BOTH = pytest.mark.parametrize("suffix", FORMATS)


# --- they come back ---------------------------------------------------------------------------------------------------


@given(ARRAYS)
def test_any_arrays_come_back_from_safetensors(arrays: Arrays) -> None:
    assert same(read_safetensors(io.BytesIO(bytes_of(arrays))), arrays)


@given(ARRAYS)
def test_any_arrays_come_back_from_npz(arrays: Arrays) -> None:
    assert same(read_npz(io.BytesIO(bytes_of(arrays, ".npz"))), arrays)


@BOTH
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_model_comes_back(suffix: str, dtype: Any, tmp_path: Path) -> None:
    one, two, file = network(0, dtype), network(5, dtype), tmp_path / f"w{suffix}"
    one.buffers["1.mean"][...] = 7
    save(one, file)
    load(two, file)
    assert same(kept(one), kept(two)) and [f.name for f in tmp_path.iterdir()] == [file.name]
    assert zipfile.is_zipfile(file) == (suffix == ".npz")


def test_the_end_of_the_name_says_the_format(tmp_path: Path) -> None:
    assert format_of("a.SafeTensors") is FORMATS[".safetensors"] and format_of(Path("a")) is format_of("a.b") is FORMATS[".npz"]
    for call in (lambda path: write_arrays(path, {}), lambda path: load(network(), path)):
        with pytest.raises(ValueError, match=r"path must be \.npz or \.safetensors for arrays, not .*x\.onnx"):
            call(tmp_path / "x.onnx")
    for path, example in [("w.npz", np.ones((1, 3))), ("w.onnx", None)]:
        with pytest.raises(ValueError, match=r"example must be given for \.onnx, and for no other file"):
            save(network(), tmp_path / path, example)
    assert not [*tmp_path.iterdir()]


def test_any_layout_of_an_array_is_written_row_by_row() -> None:
    W = np.asfortranarray(np.random.default_rng(0).normal(size=(3, 4)))
    arrays = {"fortran": W, "part": W.T[::2, ::-1], "other order of bytes": W.astype(">f8")}
    found = read_safetensors(io.BytesIO(bytes_of(arrays)))
    assert all((found[k] == a).all() for k, a in arrays.items()) and all(a.flags.writeable for a in found.values())


def test_every_array_stands_at_a_multiple_of_its_entries() -> None:
    data = bytes_of({"a": np.zeros(3, np.int8), "b": np.zeros(1), "c": np.zeros(5, np.float32), "d": np.zeros(2, np.float16)})
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert length % 8 == 0 and len(header) == 4
    assert all(e["data_offsets"][0] % DTYPES[e["dtype"]].itemsize == 0 for e in header.values())


# --- the library safetensors: pip install '.[safetensors]' ------------------------------------------------------------


@given(ARRAYS)
def test_the_library_reads_what_we_write(arrays: Arrays) -> None:
    library = pytest.importorskip("safetensors.numpy")
    assert same(library.load(bytes_of(arrays)), arrays)


@given(ARRAYS, st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), min_size=1))
def test_we_read_what_the_library_writes(arrays: Arrays, about: Any) -> None:
    library = pytest.importorskip("safetensors.numpy")
    assert same(read_safetensors(io.BytesIO(library.save(arrays, metadata=about))), arrays)


def test_files_of_the_library_by_name(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.numpy")
    one, two = network(0), network(5)
    library.save_file(kept(one), tmp_path / "theirs.safetensors")
    load(two, tmp_path / "theirs.safetensors")
    save(two, tmp_path / "ours.safetensors")
    assert same(library.load_file(tmp_path / "ours.safetensors"), kept(one))


# --- forged, cut, oversized: safetensors ------------------------------------------------------------------------------

FOUR = b"1234"
FORGED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "its header can have 0 bytes, not 0"),
    "seven bytes": (bytes(7), "its header can have 0 bytes, not 0"),
    "no header": (bytes(8), "its header must begin with {, not b''"),
    "header beyond the end": (forged({}, length=3), "its header can have 2 bytes, not 3"),
    "header of 2^64": (forged({}, length=2**64 - 1), "its header can have 2 bytes, not 18446744073709551615"),
    "header above the limit": (forged(b"{}" + b" " * HEADER), f"its header can have {HEADER} bytes, not {HEADER + 2}"),
    "a list": (forged(b"[]"), "its header must begin with {"),
    "a blank first": (forged(b" {}"), "its header must begin with {"),
    "no JSON": (forged(b"{'W'}"), "Expecting property name"),
    "more behind it": (forged(b"{}{}"), "Extra data"),
    "no UTF-8": (forged(b'{"\xff": 1}'), "codec can't decode"),
    "brackets": (forged(b'{"W": ' + b"[" * 200_000), "too many brackets|Exceeds|Expecting"),
    "digits": (forged(b'{"W": ' + b"9" * 5000 + b"}"), "Exceeds the limit|'W' must have"),
    "a name twice": (forged(b'{"W": 1, "b": 2, "W": 3}'), "'W' stands twice in its header"),
    "a shape twice": (forged(b'{"W": {"shape": [1], "shape": [2]}}'), "'shape' stands twice in its header"),
    "notes no dict": (forged({"__metadata__": ["a"]}), "its __metadata__ must be texts by name"),
    "notes text": (forged({"__metadata__": "a"}), "its __metadata__ must be texts by name"),
    "notes numbers": (forged({"__metadata__": {"a": 1, "b": "c"}}), "its __metadata__ must be texts by name"),
    "an entry no dict": (forged({"W": [0, 4]}, FOUR), "'W' must have dtype, shape and data_offsets alone"),
    "an entry short": (forged({"W": {"dtype": "F32"}}, FOUR), "'W' must have dtype, shape and data_offsets alone"),
    "an entry long": (forged({"W": entry(code="x")}, FOUR), "'W' must have dtype, shape and data_offsets alone"),
    "unknown dtype": (forged({"W": entry(dtype="BF16")}, FOUR), "'W' must be one of F64, F32, .*, not 'BF16'"),
    "objects": (forged({"W": entry(dtype="O")}, FOUR), "'W' must be one of F64, F32, .*, not 'O'"),
    "dtype a list": (forged({"W": entry(dtype=["F32"])}, FOUR), "'W' must be one of"),
    "shape a number": (forged({"W": entry(shape=1)}, FOUR), "'W': shape must be whole numbers, 32 at most"),
    "shape of parts": (forged({"W": entry(shape=[1.0])}, FOUR), "'W': shape must be whole numbers"),
    "shape of truth": (forged({"W": entry(shape=[True])}, FOUR), "'W': shape must be whole numbers"),
    "shape below 0": (forged({"W": entry(shape=[-1, -1])}, FOUR), "'W': shape must be whole numbers"),
    "nan": (forged(b'{"W": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, 4]}}', FOUR), "'W': shape must be whole numbers"),
    "axes": (forged({"W": entry(shape=[1] * 33)}, FOUR), "'W': shape must be whole numbers, 32 at most"),
    "wraps around": (forged({"W": entry(0, 0, [2**32, 2**32])}), "'W' must have a shape that can be"),
    "wraps to four": (forged({"W": entry(0, 4, [2**62 + 1, 1])}, FOUR), "'W' must have a shape that can be"),
    "nothing, wide": (forged({"W": entry(0, 0, [2**62, 2**62, 0])}), "'W' must have a shape that can be"),
    "shape and length": (forged({"W": entry(0, 4, [2])}, FOUR), r"'W', F32 \[2\], takes 8 bytes: \[0, 4\]"),
    "offsets one": (forged({"W": {**entry(), "data_offsets": [4]}}, FOUR), "'W': data_offsets must be begin and end"),
    "offsets three": (forged({"W": {**entry(), "data_offsets": [0, 4, 4]}}, FOUR), "'W': data_offsets must be .* 2 at most"),
    "offsets turned": (forged({"W": entry(4, 0)}, FOUR), r"'W': data_offsets must be begin and end, not \[4, 0\]"),
    "offsets below 0": (forged({"W": entry(-4, 0)}, FOUR), "'W': data_offsets must be whole numbers"),
    "offsets text": (forged({"W": entry("0", "4")}, FOUR), "'W': data_offsets must be whole numbers"),
    "outside": (forged({"W": entry(0, 2**40, [2**38])}, FOUR), f"its header speaks of {2**40} bytes of data, not of 4"),
    "overlapping": (forged({"W": entry(0, 8, [2]), "b": entry(4, 8)}, bytes(8)), "'b' overlaps what is before it, at 4"),
    "shared": (forged({"W": entry(), "b": entry()}, FOUR), "'b' overlaps what is before it, at 0"),
    "a hole": (forged({"W": entry(), "b": entry(8, 12)}, bytes(12)), "'b' leaves a hole before it, at 8"),
    "a hole first": (forged({"W": entry(4, 8)}, bytes(8)), "'W' leaves a hole before it, at 4"),
    "left over": (forged({"W": entry()}, b"12345"), "its header speaks of 4 bytes of data, not of 5"),
    "cut": (forged({"W": entry()}, b"123"), "its header speaks of 4 bytes of data, not of 3"),
    "neither true nor false": (forged({"W": entry(0, 2, [2], "BOOL")}, b"\1\2"), "'W' of BOOL must hold 0 and 1 alone"),
    "a pickle": (pickle.dumps({"W": np.ones(3)}, 4), "its header can have"),
    "a .npz": (bytes_of({"W": np.ones(3)}, ".npz"), "its header can have"),
}


def refused(content: bytes, suffix: str, words: str, folder: Path) -> None:
    """load says what is wrong with a file of this content, and the model stays what it was."""
    file, model = folder / f"bad{suffix}", network()
    before = kept(model)
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"bad{suffix} {DAMAGED}: .*(?:{words})") as caught:
        load(model, file)
    assert same(before, kept(model)) and len(str(caught.value)) < 300 + len(str(folder))


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_safetensors_file_is_refused(case: str, tmp_path: Path) -> None:
    refused(FORGED[case][0], ".safetensors", FORGED[case][1], tmp_path)


def test_notes_and_blanks_are_no_fault() -> None:
    header = {"__metadata__": {"format": "np"}, "W": entry()}
    for text in (json.dumps(header).encode(), json.dumps(header).encode() + b"   "):
        assert list(read_safetensors(io.BytesIO(forged(text, FOUR)))) == ["W"]


def peak(content: bytes, suffix: str) -> int:
    """The most memory that reading takes beyond the file itself; whether it is refused does not matter."""
    stream = io.BytesIO(content)
    tracemalloc.start()
    try:
        FORMATS[suffix].read(stream)
    except Exception:
        pass
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return most


def test_no_file_asks_for_more_memory_than_it_is_long() -> None:
    shared = {f"W{i}": entry(0, 4_000_000, [1_000_000]) for i in range(100)}
    assert peak(forged(shared, bytes(4_000_000)), ".safetensors") < 1_000_000  # 400 MB were asked for
    for case, (content, _) in FORGED.items():
        assert peak(content, ".safetensors") < 100_000 + 30 * len(content), case
    for case, (content, _) in archives().items():
        assert peak(content, ".npz") < 200_000 + 5 * len(content), case
    honest = bytes_of({"W": np.zeros(500_000)})
    assert peak(honest, ".safetensors") < 3 * len(honest)


# --- fuzzing ----------------------------------------------------------------------------------------------------------

THREE = {"W": np.arange(6.0).reshape(2, 3), "b": np.ones(3, np.float32), "n": np.array(7)}
GOOD = {suffix: bytes_of(THREE, suffix) for suffix in FORMATS}


@st.composite
def damaged(draw: Any, suffix: str) -> bytes:
    """A good file, with some bytes changed, taken out or put in, and perhaps cut."""
    content = bytearray(GOOD[suffix])
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content)))
        content[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)


numbers = st.integers(-1, 12) | st.sampled_from([2**31, 2**62, 2**63, 2**64, 1.0, True, None, "4"])
entries = st.fixed_dictionaries({
    "dtype": st.sampled_from(["F32", "F64", "U8", "BOOL", "F16", "BF16", "", None]),
    "shape": st.lists(numbers, max_size=3), "data_offsets": st.lists(numbers, min_size=1, max_size=3)})
likely = st.builds(lambda begin, n: entry(begin, begin + n, [n], "U8"), st.integers(0, 8), st.integers(0, 4))
headers = st.dictionaries(names, likely | entries | numbers, max_size=3)


def judged(content: bytes, suffix: str) -> Arrays | None:
    """The arrays, or None if the reader refuses; whatever else happens is a fault."""
    try:
        arrays = FORMATS[suffix].read(io.BytesIO(content))
    except (ValueError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, SyntaxError, Warning, KeyError):
        return None  # read_arrays makes one error of them all
    assert sum(a.nbytes for a in arrays.values()) <= len(content)
    assert all(a.dtype.kind in "fiub" and a.dtype.isnative for a in arrays.values()) or suffix == ".npz"
    return arrays


@given(damaged(".safetensors"))
def test_damage_is_seen_or_is_a_file(content: bytes) -> None:
    arrays = judged(content, ".safetensors")
    if arrays is not None:
        assert same(read_safetensors(io.BytesIO(bytes_of(arrays))), arrays)


@given(damaged(".npz"))
def test_damage_of_an_archive_is_seen(content: bytes) -> None:
    arrays = judged(content, ".npz")
    if arrays is not None and content != GOOD[".npz"]:  # names and dates are not in the sums
        assert sum(a.nbytes for a in arrays.values()) <= len(content)


@given(headers, st.binary(max_size=12))
def test_a_header_is_taken_only_if_its_arrays_tile_the_data(header: Any, data: bytes) -> None:
    arrays = judged(forged(header, data), ".safetensors")
    owners = [0] * len(data)
    if arrays is not None:
        for e in header.values():
            for at in range(*e["data_offsets"]):
                owners[at] += 1  # IndexError outside
        assert owners == [1] * len(data) and set(arrays) == set(header)


@given(st.binary(max_size=64) | damaged(".safetensors") | st.builds(forged, headers, st.binary(max_size=12)))
def test_what_we_take_the_library_takes(content: bytes) -> None:
    """Not the other way round: it takes a name twice, and knows other dtypes."""
    library = pytest.importorskip("safetensors.numpy")
    arrays = judged(content, ".safetensors")
    if arrays is not None:
        assert same(library.load(content), arrays)


def test_the_library_takes_a_name_twice() -> None:
    """The reason, beside the page and the browser, for a reader of our own; if this fails, it may have gone."""
    library = pytest.importorskip("safetensors.numpy")
    one = json.dumps(entry()).encode()
    twice = forged(b'{"W": ' + one + b', "W": ' + one + b"}", FOUR)
    assert list(library.load(twice)) == ["W"] and judged(twice, ".safetensors") is None


@BOTH
@given(st.data())
def test_no_damage_reaches_the_model(suffix: str, tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    model = Linear(3, 2, rng=0)
    before, file = kept(model), tmp_path_factory.getbasetemp() / f"fuzzed{suffix}"
    file.write_bytes(data.draw(damaged(suffix)))
    with pytest.raises((ValueError, TypeError), match="fuzzed"):  # GOOD has a name more
        load(model, file)
    assert same(before, kept(model))


# --- forged, cut, oversized: .npz -------------------------------------------------------------------------------------


def packed(*files: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return stream.getvalue()


def npy(array: Any, old: bytes = b"", new: bytes = b"") -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    assert len(old) == len(new) and (not old or old in stream.getvalue())
    return stream.getvalue().replace(old, new)


def archives() -> dict[str, tuple[bytes, str]]:
    """Archives that must not pass, and what is said of each."""
    W = npy(np.ones(1000))
    sizes = packed(("W.npy", W)).replace(len(W).to_bytes(4, "little"), (2**31 - 1).to_bytes(4, "little"))
    return {
        "bomb": (packed(("W.npy", npy(np.zeros(10**6))), method=zipfile.ZIP_DEFLATED), "its arrays must be shorter than itself"),
        "compressed": (packed(("W.npy", npy(np.random.default_rng(0).normal(size=3))), ("b.npy", W), method=zipfile.ZIP_DEFLATED),
                       "must not be compressed|must be shorter"),
        "little compressed": (packed(("W.npy", npy(np.random.default_rng(0).bytes(500))), method=zipfile.ZIP_LZMA),
                              "must not be compressed"),
        "sizes": (sizes, "its arrays must be shorter than itself"),
        "no array": (packed(("W.txt", b"W")), "'W.txt' must be a .npy and stand once"),
        "no magic": (packed(("W.npy", b"W" * 100)), "magic string"),
        "version": (packed(("W.npy", W[:6] + b"\x09" + W[7:])), r"'W.npy' is of an unknown version, \(9, 0\)|format version"),
        "objects": (packed(("W.npy", npy(np.array([None])))), "'W.npy' holds objects, which are pickled"),
        "objects inside": (packed(("W.npy", npy(np.zeros(2, [("a", "O")])))), "'W.npy' holds objects, which are pickled"),
        "longer": (packed(("W.npy", npy(np.ones(1000), b"(1000,)", b"(9999,)"))), r"'W.npy', float64 \(9999,\), has 8000 bytes"),
        "shorter": (packed(("W.npy", npy(np.ones(1000), b"(1000,)", b"(0001,)"))), "'W.npy'|leading zeros|parse|malformed"),
        "below 0": (packed(("W.npy", npy(np.ones((20, 50)), b"(20, 50)", b"(-1,-1) "))), "'W.npy'"),
        "wraps around": (packed(("W.npy", npy(np.ones((10, 10, 10, 0)), b"(10, 10, 10, 0)", b"(2147483648, 8)"))), "'W.npy'"),
        "a program": (packed(("W.npy", npy(np.ones(10**6 // 8), b"(125000,)", b"(exit(),)"))), "malformed|parse"),
        "an array, no archive": (W, "File is not a zip file"),
    }


@pytest.mark.parametrize("case", archives())
def test_a_forged_archive_is_refused(case: str, tmp_path: Path) -> None:
    content, words = archives()[case]
    refused(content, ".npz", words, tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_in_an_archive_is_refused(tmp_path: Path) -> None:
    W = "W.npy", npy(np.ones(2))
    refused(packed(W, W), ".npz", "'W.npy' must be a .npy and stand once", tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_archive_is_refused(share: float, tmp_path: Path) -> None:
    whole = GOOD[".npz"]
    refused(whole[: int(share * len(whole))], ".npz", "", tmp_path)


def test_every_bit_of_the_arrays_in_an_archive_is_guarded(tmp_path: Path) -> None:
    start = GOOD[".npz"].index(np.arange(6.0).tobytes())
    for at in range(start, start + 48):
        content = bytearray(GOOD[".npz"])
        content[at] ^= 0x10
        refused(bytes(content), ".npz", "Bad CRC", tmp_path)


@BOTH
def test_nothing_runs_that_a_file_brings(suffix: str, tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "ran"),)

    run = pickle.dumps(Payload())
    inside = packed(("W.npy", npy(np.array([Payload()])))), packed(("0.W.npy", run))
    for content in (run, *inside, forged(run), forged({"W": entry()}, run)):
        refused(content, suffix, "", tmp_path)
    assert not (tmp_path / "ran").exists()


# --- a failed save ----------------------------------------------------------------------------------------------------


@BOTH
def test_a_failed_save_leaves_the_old_file(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / f"w{suffix}"
    save(network(), file)
    old = file.read_bytes()

    def full_disk(*args: Any) -> None:
        raise OSError("no space left")

    broken = network(5)
    broken.parameters["0.W"][0, 0] = np.nan
    with pytest.raises(ValueError, match=r"parameter 0\.W must be finite"):
        save(broken, file)
    with pytest.raises((TypeError, ValueError), match=r"no dtype|Object arrays"):
        write_arrays(file, {"a": np.ones(9), "b": np.array([None])})
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        save(network(5), file)
    assert file.read_bytes() == old and [f.name for f in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize(("arrays", "kind", "words"), [
    ({"W": np.array("text")}, TypeError, "safetensors has no dtype for 'W', <U4"),
    ({"W": np.ones(2, complex)}, TypeError, "safetensors has no dtype for 'W', complex128"),
    ({"__metadata__": np.ones(2)}, ValueError, "safetensors has another use for the name '__metadata__'"),
    ({"W" * HEADER: np.ones(2)}, ValueError, f"the header must be {HEADER} bytes or less"),
    ({"\ud800": np.ones(2)}, ValueError, "surrogates not allowed")])
def test_what_safetensors_cannot_hold(arrays: Arrays, kind: type[Exception], words: str, tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes(b"old")
    with pytest.raises(kind, match=words):
        write_arrays(file, arrays)
    assert file.read_bytes() == b"old" and [f.name for f in tmp_path.iterdir()] == [file.name]


def test_a_checkpoint_keeps_texts_and_so_is_no_safetensors_file(tmp_path: Path) -> None:
    model = network()
    with pytest.raises(TypeError, match="safetensors has no dtype for 'training:about'"):
        checkpoint(model, SGD(model, 0.1), History(), np.random.default_rng(0), tmp_path / "c.safetensors")
    assert not [*tmp_path.iterdir()]


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    for suffix in FORMATS:
        with pytest.raises(FileNotFoundError):
            read_arrays(tmp_path / f"w{suffix}")
    for bad in (3, None, b"w.npz"):
        with pytest.raises(TypeError, match="path must be a str or a Path"):
            read_arrays(bad)  # type: ignore[arg-type]
    assert callable(write_npz) and callable(write_safetensors)
