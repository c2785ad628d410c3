"""Other people's pickles, without running what they hold: numpy arrays and plain containers come in, nothing else.

A pickle is a program that may call anything that can be imported. Here a name in it is not imported: it is looked up in
`_ADMITTED`, and whatever is not there is refused by its name. What is there are functions of this file, which take what
numpy would be told and make the array themselves. numpy's own ``__setstate__`` is never called: it believes the flags
that a pickle gives a dtype, and so may be told to take numbers for pointers.
"""

from __future__ import annotations

import math
import pickle  # noqa: TID251  the one place that reads them
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np

from mmfeat.errors import FormatError
from mmfeat.formats.pickle_walk import require_possible

# First bytes of files that are taken for pickles, and what to do with them.
OTHER_FILES = (
    (b"\x1f\x8b", "compressed with gzip", "decompress it with 'gunzip' first"),
    (b"PK\x03\x04", "a zip archive", "unpack it first, or save it with pickle instead of torch"),
    (b"\x89HDF", "an HDF5 file", "read it with 'mmfeat info' or 'mmfeat import csd'"),
    (b"\x93NUMPY", "a numpy .npy file", "give the pickle that belongs to it"),
    (b"version https://git-lfs", "a pointer to a file that git-lfs has not fetched", "run 'git lfs pull'"),
)
# What the unpickler and the functions below raise where a file is no pickle, or is not a whole one.
BROKEN = (
    *(pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError),
    *(AttributeError, OverflowError, MemoryError, RecursionError, ImportError),
)
DTYPES = re.compile(r"[biufcSU]\d{1,9}|O\d?")  # numbers, text, and objects, which are looked at one by one
DEEPEST = 100  # containers inside one another


class _Refused(Exception):
    """A thing that is not admitted; its text says which."""


def load(path: Path) -> Any:
    """Read a pickle of numpy arrays and plain containers, and nothing else.

    Admitted are arrays and scalars of numbers and text, arrays of Python objects that are themselves admitted, dict,
    list, tuple, set, frozenset, OrderedDict, str, bytes, bytearray, int, float, complex, bool and None; from Python 2
    and 3, any protocol, any version of numpy. Text of Python 2 is read as Latin-1.

    Parameters
    ----------
    path : Path

    Returns
    -------
    object
        Arrays are read-only: they share the memory of the bytes that were read.

    Raises
    ------
    FormatError
        If the file cannot be read, is no pickle, is cut short, or holds anything else; what it was is named. Nothing
        of it has been executed.
    """
    try:
        with path.open("rb") as handle:
            _require_pickle(path, handle.read(32))
            handle.seek(0)
            require_possible(handle)
            handle.seek(0)
            return _Settler().settle(_Unpickler(handle, encoding="latin1").load())
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error.strerror}; expected a pickle; check the path") from None
    except _Refused as refused:
        raise FormatError(
            f"{path}: refused {refused}; expected numpy arrays and plain containers only (nothing was executed); "
            "save it again as such where you trust it"
        ) from None
    except BROKEN as error:
        raise FormatError(
            f"{path}: {type(error).__name__}: {error}; expected a whole pickle; the file is cut short or damaged: "
            "fetch it again"
        ) from None


def _require_pickle(path: Path, head: bytes) -> None:
    for first, what, remedy in OTHER_FILES:
        if head.startswith(first):
            raise FormatError(f"{path} is {what}; expected a pickle; {remedy}")


class _Admitted:
    """What a pickle gets instead of an importable thing: it can be called, and not be changed."""

    __slots__ = ("_make", "_name")

    def __init__(self, name: str, make: Callable[..., Any]) -> None:
        self._name = name
        self._make = make

    def __call__(self, *arguments: Any) -> Any:
        return self._make(*arguments)

    def __setstate__(self, state: Any) -> NoReturn:
        # Whatever a pickle would change goes through here, attributes too.
        raise _Refused(f"a change of {self._name}")


class _Described:
    """What becomes a dtype, an array or a scalar once all of it is there and has been checked."""

    def __init__(self, *first: Any) -> None:
        self.first = first
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Dtype(_Described):
    """``numpy.dtype(code, align, copy)`` and its state ``(version, byte order, subarray, names, fields, ...)``."""


class _Array(_Described):
    """``_reconstruct(ndarray, (0,), b'b')`` and the state ``(version, shape, dtype, column order, content)``."""


class _Scalar(_Described):
    """``scalar(dtype, content)``."""


class _Unpickler(pickle.Unpickler):
    """Looks names up in `_ADMITTED` and imports none."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        try:
            return _ADMITTED[module_name, global_name]
        except KeyError:
            name = f"{module_name}.{global_name}"[:100]  # of any letters at all
            raise _Refused(name.encode("unicode_escape").decode()) from None

    def persistent_load(self, pid: Any) -> NoReturn:
        raise _Refused(f"a reference to something outside the file ({str(pid)[:40]!r})")


def _reconstruct(kind: Any, shape: Any, code: Any) -> _Array:
    """Begin an array; its content follows."""
    if kind is not _NDARRAY:
        raise _Refused("an array that is not a plain numpy.ndarray")
    return _Array()


def _frombuffer(content: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    """Make an array in one go, as protocol 5 does."""
    array = _Array()
    array.state = (1, shape, dtype, order == "F", content)
    return array


def _encode(text: Any, encoding: Any) -> bytes:
    """Bytes as Python 3 writes them for old protocols; another encoding would be looked up among modules."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _Refused(f"_codecs.encode with {encoding!r}")
    return text.encode("latin1")


def _bytearray(content: Any = b"", encoding: Any = "latin-1") -> bytearray:
    """Make a bytearray of what it holds; of a number it would be as many zeros."""
    return bytearray(_encode(content, encoding) if isinstance(content, str) else memoryview(content))


def _defaultdict(factory: Any = None) -> dict[Any, Any]:
    """Make a dict; what it would give for a key that is not there is not kept."""
    return {}


def _not_called(*arguments: Any) -> NoReturn:
    raise _Refused("a call of numpy.ndarray")


_NDARRAY = _Admitted("numpy.ndarray", _not_called)
_BUILTINS: dict[str, Callable[..., Any]] = {
    "bytes": lambda: b"",
    "bytearray": _bytearray,
    **{kind.__name__: kind for kind in (list, tuple, dict, set, frozenset, int, float, complex)},
}
_ADMITTED: dict[tuple[str, str], _Admitted] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Admitted("numpy.dtype", _Dtype),
    ("_codecs", "encode"): _Admitted("_codecs.encode", _encode),
    ("collections", "OrderedDict"): _Admitted("collections.OrderedDict", dict),
    ("collections", "defaultdict"): _Admitted("collections.defaultdict", _defaultdict),
}
for _module in ("builtins", "__builtin__"):
    for _name, _make in _BUILTINS.items():
        _ADMITTED[_module, _name] = _Admitted(f"builtins.{_name}", _make)
for _core in ("numpy.core", "numpy._core"):
    _ADMITTED[f"{_core}.multiarray", "_reconstruct"] = _Admitted("_reconstruct", _reconstruct)
    _ADMITTED[f"{_core}.multiarray", "scalar"] = _Admitted("scalar", _Scalar)
    _ADMITTED[f"{_core}.numeric", "_frombuffer"] = _Admitted("_frombuffer", _frombuffer)


class _Settler:
    """Puts arrays in the place of their descriptions, and lets nothing through that is not plain."""

    def __init__(self) -> None:
        # By identity: what a pickle holds once and refers to a thousand times is made once. The key keeps its object.
        self._made: dict[int, tuple[Any, Any]] = {}
        self._open: set[int] = set()

    def settle(self, value: Any) -> Any:
        """Give the value itself, or what it becomes."""
        if type(value) in (str, bytes, bytearray, int, float, complex, bool, type(None)):
            return value
        if id(value) in self._made:
            return self._made[id(value)][1]
        if id(value) in self._open or len(self._open) == DEEPEST:
            raise _Refused(f"a container within itself, or containers more than {DEEPEST} deep")
        self._open.add(id(value))
        made = self._make(value)
        self._open.remove(id(value))
        self._made[id(value)] = value, made
        return made

    def _make(self, value: Any) -> Any:
        if type(value) is dict:
            return {self.settle(key): self.settle(item) for key, item in value.items()}
        for kind in (list, tuple, set, frozenset):
            if type(value) is kind:
                return kind(self.settle(item) for item in value)
        if isinstance(value, _Array):
            return self._array(value)
        if isinstance(value, _Scalar):
            dtype, content = value.first
            return _numbers(content, _dtype(dtype), (), "C")[()]
        if isinstance(value, _Dtype):
            return _dtype(value)
        raise _Refused(f"{value._name} as a value" if isinstance(value, _Admitted) else f"a {type(value).__name__}")

    def _array(self, array: _Array) -> Any:
        if not isinstance(array.state, tuple) or len(array.state) != 5:
            raise _Refused("an array without content")
        _, shape, described, columns, content = array.state
        array.state = None  # text of Python 2 is copied below, and would be kept twice
        dtype, shape = _dtype(described), _shape(shape)
        order: Literal["F", "C"] = "F" if columns else "C"
        if dtype.kind != "O":
            return _numbers(content, dtype, shape, order)
        if not isinstance(content, list) or len(content) != math.prod(shape):
            raise _Refused("an array of objects that is not a list of them")
        objects = np.empty(len(content), dtype=object)
        for position, value in enumerate(content):
            objects[position] = self.settle(value)
        return objects.reshape(shape, order=order)


def _dtype(described: Any) -> np.dtype[Any]:
    """Make a dtype from its code and byte order alone; all else that its state says follows from them."""
    if not isinstance(described, _Dtype) or not described.first or not isinstance(described.first[0], str):
        raise _Refused("an array whose dtype is not one")
    order = "<"
    if described.state is not None:
        _, order, subarray, names, fields = described.state[:5]
        if (subarray, names, fields) != (None, None, None):
            raise _Refused("an array of records")
    # numpy would read more out of a longer text: shapes, lists of fields.
    if not DTYPES.fullmatch(described.first[0]):
        raise _Refused(f"an array of dtype {described.first[0][:40]!r}")
    dtype = np.dtype(described.first[0])
    return dtype.newbyteorder(">") if order == ">" else dtype.newbyteorder("<")


def _shape(shape: Any) -> tuple[int, ...]:
    sizes = (shape,) if isinstance(shape, int) else shape
    if not isinstance(sizes, tuple) or not all(isinstance(size, int) and size >= 0 for size in sizes):
        raise _Refused("an array whose shape is not one")
    return sizes


def _numbers(content: Any, dtype: np.dtype[Any], shape: tuple[int, ...], order: Literal["F", "C"]) -> Any:
    """Make an array of numbers or text from its bytes, which it goes on sharing."""
    raw = content.encode("latin1") if isinstance(content, str) else content
    count = math.prod(shape)
    fits = isinstance(raw, bytes | bytearray) and len(raw) == count * dtype.itemsize and bool(raw) == bool(count)
    if not fits or dtype.kind == "O":
        raise _Refused(f"an array of shape {shape} and dtype {dtype} with other content than that")
    if not count:
        return np.zeros(shape, dtype)
    array = np.frombuffer(raw, dtype).reshape(shape, order=order)
    array.flags.writeable = False
    return array
