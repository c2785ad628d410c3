"""The one reader of pickles: what it admits, and what it refuses without running it."""

from __future__ import annotations

import builtins
import collections
import datetime
import fractions
import functools
import operator
import os
import pickle
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmfeat.errors import FormatError
from mmfeat.formats import pickle_writing
from mmfeat.formats.restricted_pickle import load

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
PLAIN = {
    "text": "é\U0001f600",
    "bytes": b"\x00\xff",
    "no bytes": b"",
    "bytearray": bytearray(b"\x01\xfe"),
    "numbers": [0, -1, 2**70, 2.5, 1 + 2j, True, None],
    "tuple": (1, (2, ())),
    "sets": [{1, 2}, frozenset({"a"})],
    "ordered": collections.OrderedDict(b=1, a=2),
    "default": collections.defaultdict(list, {"k": [1]}),
}
ARRAYS = {
    "float32": np.arange(6, dtype=np.float32).reshape(2, 3),
    "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(12.0)[::2],
    "big-endian": np.arange(3, dtype=">i4"),
    "bool": np.array([True, False]),
    "text": np.array(["ab", "é"]),
    "bytes": np.array([[b"ab", b"c"]]),
    "empty": np.zeros((0, 5), np.float32),
    "one number": np.array(5.0),
    "not finite": np.array([-np.inf, np.nan], np.float32),
    "objects": np.array([["a", None], ["b", 3]], dtype=object),
}


class Calls:
    """Pickles itself as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, state: Any = None) -> None:
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> Any:
        return self.call


def saved(path: Path, value: Any, protocol: int = 4) -> Path:
    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol))
    return path


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_containers_come_back_as_they_were(tmp_path: Path, protocol: int):
    read = load(saved(tmp_path / "a.pkl", PLAIN, protocol))
    assert read == PLAIN
    assert list(read["ordered"]) == ["b", "a"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_back_as_they_were(tmp_path: Path, name: str, protocol: int):
    read = load(saved(tmp_path / "a.pkl", ARRAYS[name], protocol))
    np.testing.assert_array_equal(read, ARRAYS[name])
    assert (read.dtype, read.shape) == (ARRAYS[name].dtype, ARRAYS[name].shape)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", [np.float32(1.5), np.int64(-3), np.bool_(True), np.str_("é"), np.bytes_(b"x")])
def test_numpy_scalars_come_back_as_they_were(tmp_path: Path, value: np.generic, protocol: int):
    read = load(saved(tmp_path / "a.pkl", {value: value}, protocol))
    assert read == {value: value}
    assert type(read[value]) is type(value)


def test_arrays_of_objects_may_hold_arrays(tmp_path: Path):
    inner = np.empty(2, dtype=object)
    inner[:] = [np.arange(2), ["x"]]
    read = load(saved(tmp_path / "a.pkl", inner))
    assert read[0].tolist() == [0, 1]
    assert read[1] == ["x"]


def test_what_a_pickle_holds_once_is_made_once(tmp_path: Path):
    shared = np.arange(3)
    read = load(saved(tmp_path / "a.pkl", [shared, shared]))
    assert read[0] is read[1]


def test_a_pickle_of_python_2_and_old_numpy_is_read(tmp_path: Path):
    # As Python 2.7 with numpy 1.16 wrote {'id': array(['abc', 'd'])} by protocol 2.
    old = (
        b"\x80\x02}q\x01U\x02idq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b"
        b"\x87Rq\x05(K\x01K\x02\x85cnumpy\ndtype\nq\x06U\x02S3K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNK\x03K\x01K\x00tb\x89"
        b"U\x06abcd\x00\x00tbs."
    )
    assert load(saved(tmp_path / "a.pkl", old))["id"].tolist() == [b"abc", b"d"]


def test_text_of_python_2_is_read_as_latin_1(tmp_path: Path):
    old = b"c__builtin__\nset\np0\n((lp1\nS'caf\\xe9'\np2\natp3\nRp4\n."
    assert load(saved(tmp_path / "a.pkl", old)) == {"café"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("touch {marker}",), "system"),
        (eval, ("open({marker!r}, 'w')",), "eval"),
        (exec, ("open({marker!r}, 'w')",), "exec"),
        (getattr, (os, "system"), "getattr"),
        (open, ("{marker}", "w"), "open"),
        (subprocess.check_call, (["touch", "{marker}"],), "check_call"),
        (builtins.__import__, ("antigravity",), "__import__"),
        (operator.attrgetter, ("system",), "attrgetter"),
        (functools.partial, (os.system, "touch {marker}"), "partial"),
        (np.load, ("{marker}", None, True), "load"),
        (np.save, ("{marker}", np.zeros(1)), "save"),
        (np.fromfile, ("{marker}",), "fromfile"),
        (np.memmap, ("{marker}", "uint8", "w+", 0, 10), "memmap"),
        (pickle.loads, (b"cos\nsystem\n.",), "loads"),
    ],
)
def test_a_call_is_refused_by_its_name_and_not_made(tmp_path: Path, function, arguments, name: str, protocol: int):
    marker = tmp_path / "executed"
    filled = tuple(text.format(marker=str(marker)) if isinstance(text, str) else text for text in arguments)
    if name == "check_call":
        filled = (["touch", str(marker)],)
    if name == "getattr":
        filled = ("x", "upper")
    with pytest.raises(FormatError, match=rf"refused [\w.]*\.{name}; expected numpy arrays and plain containers"):
        load(saved(tmp_path / "a.pkl", {"audio": [Calls(function, *filled)]}, protocol))
    assert not marker.exists()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (b"cnumpy.f2py\ncompile\n(S'x'\ntR.", "numpy.f2py.compile"),
        (b"cnumpy.testing._private.utils\nrunstring\n(S'import os'\n}tR.", "numpy.testing._private.utils.runstring"),
        (b"(S'touch x'\nios\nsystem\n.", "os.system"),
        (b"(cos\nsystem\nS'touch x'\no.", "os.system"),
        # Names from the memo, and a name with dots that would walk to something else.
        (b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93\x8c\x01x\x85R.", "os.system"),
        (b"\x80\x04\x8c\x05numpy\x8c\x13ndarray.__class__.x\x93.", "numpy.ndarray.__class__.x"),
        (b"\x80\x04\x8c\x08builtins\x8c\x0cset.__init__\x93.", "builtins.set.__init__"),
        # A call whose argument is a call.
        (b"c__builtin__\nlist\n((cposix\nsystem\n(S'touch x'\ntRltR.", "posix.system"),
        (b"cpandas.core.frame\nDataFrame\n)R.", "pandas.core.frame.DataFrame"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n)R.", "torch._utils._rebuild_tensor_v2"),
    ],
)
def test_a_hand_made_trick_is_refused_by_its_name(tmp_path: Path, code: bytes, name: str):
    with pytest.raises(FormatError, match=f"refused {name.replace('.', '[.]')};"):
        load(saved(tmp_path / "a.pkl", code))


def array_with(dtype: bytes, content: bytes, shape: bytes = b"K\x01\x85") -> bytes:
    """An array of 8 bytes whose dtype is described by the caller."""
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
        + shape
        + dtype
        + b"\x89"
        + content
        + b"tb."
    )


def dtype_of(code: bytes, *state: bytes) -> bytes:
    text = b"U" + bytes([len(code)]) + code
    return b"cnumpy\ndtype\n" + text + b"K\x00K\x01\x87R(" + b"".join(state) + b"tb"


EIGHT = b"U\x08" + struct.pack("<Q", 0xDEADBEEF)
BEGIN = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n"
NO_RECORD = (b"K\x03", b"U\x01|", b"NNN")


@pytest.mark.parametrize(
    ("code", "what"),
    [
        # Flags that say that an array of objects is no such thing: numpy would take the bytes for a pointer.
        (array_with(dtype_of(b"O8", *NO_RECORD, b"K\x08K\x01K\x00"), EIGHT), "an array of objects that is not a list"),
        (array_with(dtype_of(b"f8", *NO_RECORD, b"K\x08K\x08K\x00"), EIGHT, b"M\xff\xff\x85"), "other content"),
        (array_with(dtype_of(b"f8", *NO_RECORD, b"K\x08K\x08K\x00"), EIGHT, b"J\xff\xff\xff\xff\x85"), "shape"),
        (array_with(dtype_of(b"V8", b"K\x03U\x01|NU\x01a\x85}U\x01aNsK\x08K\x01K\x00"), EIGHT), "an array of records"),
        (array_with(dtype_of(b"V8", *NO_RECORD, b"K\x08K\x01K\x00"), EIGHT), "an array of dtype 'V8'"),
        (array_with(dtype_of(b"M8[s]", *NO_RECORD, b"K\x08K\x08K\x00"), EIGHT), "an array of dtype"),
        (array_with(dtype_of(b"(8,)u1", *NO_RECORD, b"K\x08K\x01K\x00"), EIGHT), "an array of dtype"),
        (array_with(b"N", EIGHT), "an array whose dtype is not one"),
        (
            b"cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x02O8K\x00K\x01\x87R" + EIGHT + b"\x86R.",
            "object",
        ),
        (BEGIN + b"cnumpy\nndarray\nK\x00\x85U\x01b\x87R.", "without content"),
        (
            b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nc__builtin__\ndict\nK\x00\x85U\x01b\x87R.",
            "not a plain numpy",
        ),
        (b"cnumpy\nndarray\n(I9\ntR.", "a call of numpy.ndarray"),
        (b"cnumpy\nndarray\n.", "numpy.ndarray as a value"),
        # What is admitted may not be changed by the pickle, for this file or the next.
        (b"\x80\x02cnumpy\ndtype\nN}U\x05_makecnumpy\nndarray\ns\x86b.", "a change of numpy.dtype"),
        (b"\x80\x02cnumpy\ndtype\n}U\x05_makeNsb.", "a change of numpy.dtype"),
        (b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.", "_codecs.encode with 'rot13'"),
        (b"S'x'\nPsomewhere\n.", "a reference to something outside the file"),
    ],
)
def test_an_array_that_lies_about_itself_is_refused(tmp_path: Path, code: bytes, what: str):
    with pytest.raises(FormatError, match=f"refused .*{what}"):
        load(saved(tmp_path / "a.pkl", code))
    assert load(saved(tmp_path / "b.pkl", np.float64(2.5))) == 2.5


@pytest.mark.parametrize("value", [datetime.date(2020, 1, 1), fractions.Fraction(1, 2), Path("a"), print, int, Calls])
def test_other_things_are_refused(tmp_path: Path, value: Any):
    with pytest.raises(FormatError, match="refused "):
        load(saved(tmp_path / "a.pkl", [value]))


def test_records_and_dates_are_refused_as_python_writes_them(tmp_path: Path):
    for value in (np.zeros(2, dtype="f4,i4"), np.zeros(2, dtype="M8[s]")):
        with pytest.raises(FormatError, match="refused an array of"):
            load(saved(tmp_path / "a.pkl", value))


def test_a_dtype_by_itself_is_read(tmp_path: Path):
    assert load(saved(tmp_path / "a.pkl", np.dtype(">f4"))) == np.dtype(">f4")


def test_a_container_within_itself_is_refused(tmp_path: Path):
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(FormatError, match="within itself"):
        load(saved(tmp_path / "a.pkl", loop))


def test_lists_that_double_a_hundred_times_do_not_fill_the_memory(tmp_path: Path):
    bomb: list[Any] = ["ha"]
    for _ in range(90):
        bomb = [bomb, bomb]
    read = load(saved(tmp_path / "a.pkl", bomb))
    assert read[0] is read[1]


@pytest.mark.parametrize("kept", [0, 1, 2, 20, 100, -1])
def test_a_file_that_is_cut_short_says_so(tmp_path: Path, kept: int):
    whole = pickle.dumps({"audio": np.arange(1000.0)})
    with pytest.raises(FormatError, match="a.pkl: .*expected a whole pickle"):
        load(saved(tmp_path / "a.pkl", whole[:kept]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x1f\x8b\x08\x00rest", "compressed with gzip; expected a pickle; decompress it"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x93NUMPY\x01", "a numpy .npy file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-lfs has not fetched"),
        (b"<!DOCTYPE html><title>403</title>", "expected a whole pickle"),
        (b"id,text\na,hello\n", "expected a whole pickle"),
        (bytes(range(256)), "expected a whole pickle"),
    ],
)
def test_a_file_of_another_kind_is_told_by_name(tmp_path: Path, content: bytes, message: str):
    with pytest.raises(FormatError, match=message):
        load(saved(tmp_path / "a.pkl", content))


def test_a_file_that_is_not_there_and_a_folder_are_told_apart(tmp_path: Path):
    with pytest.raises(FormatError, match="No such file.*check the path"):
        load(tmp_path / "none.pkl")
    with pytest.raises(FormatError, match="Is a directory"):
        load(tmp_path)


@pytest.mark.parametrize(
    "code",
    [
        b"\x80\x02Nr\xff\xff\xff\x7f.",  # a place in the memo
        b"Np4000000000\n.",
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"x.",  # a length
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"x.",
        b"\x80\x02T\xff\xff\xff\xffx.",
    ],
)
def test_a_few_bytes_cannot_ask_for_all_the_memory(tmp_path: Path, code: bytes):
    with pytest.raises(FormatError, match=r"(PUT|BYTEARRAY8|BINBYTES8|BINSTRING) of \d+ where \d+ bytes are left"):
        load(saved(tmp_path / "a.pkl", code))


def test_random_bytes_never_do_anything_but_fail(tmp_path: Path, rng: np.random.Generator):
    whole = pickle.dumps({"audio": ARRAYS["float32"], "id": ["a", ("b", b"c")], "objects": ARRAYS["objects"]})
    failed = 0
    for _ in range(500):
        broken = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            broken[place] = rng.integers(0, 256)
        try:
            load(saved(tmp_path / "a.pkl", bytes(broken)))
        except FormatError:
            failed += 1
    assert failed > 100


@pytest.mark.parametrize("name", [name for name in ARRAYS if name != "objects"])
def test_what_is_written_is_what_pickle_reads(tmp_path: Path, name: str):
    pickle_writing.write({"array": ARRAYS[name]}, tmp_path / "a.pkl")
    read = pickle.loads((tmp_path / "a.pkl").read_bytes())["array"]  # noqa: S301  our own file
    np.testing.assert_array_equal(read, ARRAYS[name])
    assert read.dtype == ARRAYS[name].dtype.newbyteorder("<")


def test_containers_are_written_as_pickle_reads_them(tmp_path: Path):
    value = {"text": "é", "raw": b"\xff", "list": [1, -2, 2.5, None, True, False], "tuple": ("a", ())}
    pickle_writing.write(value, tmp_path / "a.pkl")
    assert pickle.loads((tmp_path / "a.pkl").read_bytes()) == value  # noqa: S301  our own file


def test_an_array_may_be_written_block_by_block(tmp_path: Path):
    blocks = (np.full((rows, 2), rows, dtype=np.float32) for rows in (3, 1))
    pickle_writing.write({"a": pickle_writing.Streamed((4, 2), blocks)}, tmp_path / "a.pkl")
    assert load(tmp_path / "a.pkl")["a"][:, 0].tolist() == [3, 3, 3, 1]


def test_written_files_name_only_what_every_numpy_has(tmp_path: Path):
    pickle_writing.write({"a": np.zeros(3)}, tmp_path / "a.pkl")
    written = (tmp_path / "a.pkl").read_bytes()
    assert written.startswith(b"\x80\x04")
    assert b"numpy.core.multiarray" in written
    assert b"numpy._core" not in written
