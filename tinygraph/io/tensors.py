"""Tensors as TensorFlow's files hold them: dtypes, shapes, strings, slices of partitioned ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import TypeAlias

import numpy as np

from tinygraph.errors import DataLossError, DTypeError
from tinygraph.io.crc32c import crc32c, masked
from tinygraph.io.wire import BOOL, INT64, STRING, Bytes, Message, encode_varint, present, varint

DIM = Message(size=(1, INT64), name=(2, STRING))
SHAPE = Message(dim=(2, [DIM]), unknown_rank=(3, BOOL))
EXTENT = Message(start=(1, INT64), length=(2, present(INT64)))
SLICE = Message(extent=(1, [EXTENT]))  # an extent without a length is a whole axis

NAMES = dict(enumerate(
    "float32 float64 int32 uint8 int16 int8 string complex64 int64 bool qint8 quint8 qint32 "
    "bfloat16 qint16 quint16 uint16 complex128 float16 resource variant uint32 uint64".split(), 1
))
NUMBERS = {name: number for number, name in NAMES.items()}

NO_NUMPY = {"qint8", "quint8", "qint32", "bfloat16", "qint16", "quint16", "resource", "variant"}
DTYPES = {np.dtype(name): name for name in NUMBERS if name not in {*NO_NUMPY, "string"}}
MAX_RANK, MAX_BYTES = 64, 2**63 - 1  # of NumPy's arrays

Slices: TypeAlias = tuple[slice, ...]


def numpy_dtype(name: str) -> np.dtype:
    """The NumPy dtype of one that a file names: `object` for strings, which are bytes.

    >>> from tinygraph.io.tensors import numpy_dtype
    >>> numpy_dtype("float32"), numpy_dtype("string")
    (dtype('float32'), dtype('O'))
    """
    if name in NO_NUMPY:
        raise DTypeError(f"NumPy has no arrays of {name}")
    return np.dtype(object if name == "string" else name)


def dtype_name(dtype: np.dtype) -> str:
    """The name that a file gives to a NumPy dtype."""
    if dtype.kind in "OSU":
        return "string"
    if dtype.newbyteorder("=") not in DTYPES:
        raise DTypeError(f"a checkpoint has no arrays of {dtype}")
    return DTYPES[dtype.newbyteorder("=")]


def type_of(number: int) -> str:
    """The name of a dtype by its number."""
    if number not in NAMES:
        raise DataLossError(f"the unknown dtype {number}")
    return NAMES[number]


def sizes(record: SimpleNamespace | None) -> tuple[int, ...]:
    """The shape that a message SHAPE tells, which an array could have."""
    dims = () if record is None else tuple(dim.size for dim in record.dim)
    if len(dims) > MAX_RANK:
        raise DataLossError(f"a shape of {len(dims)} axes")
    if record is not None and record.unknown_rank or min(dims, default=0) < 0:
        raise DataLossError(f"a shape that is not known: {dims}")
    if math.prod(max(dim, 1) for dim in dims) * 16 > MAX_BYTES:
        raise DataLossError(f"a shape that no array has: {dims}")
    return dims


def shape_message(dims: Iterable[int]) -> SimpleNamespace:
    """The message SHAPE that tells a shape."""
    return SHAPE(dim=[DIM(size=dim) for dim in dims])


# ---------------------------------------------------------------- strings


def encode_strings(array: np.ndarray) -> tuple[bytes, int]:
    r"""A tensor of strings, and the checksum over it.

    The strings' lengths come first, and a masked checksum over them, as numbers of 4 bytes.

    >>> from tinygraph.io.tensors import encode_strings
    >>> encode_strings(np.array([b"ab", "c"], object))[0]
    b'\x02\x01\x03q|gabc'
    """
    strings = [x.encode() if isinstance(x, str) else bytes(x) for x in array.reshape(-1).tolist()]
    lengths = b"".join(encode_varint(len(x)) for x in strings)
    check, crc = _checked_lengths(len(x) for x in strings)
    data = b"".join(strings)
    return lengths + check + data, crc32c(data, crc)


def decode_strings(data: Bytes, count: int) -> tuple[list[bytes], int]:
    r"""`count` strings as `encode_strings` writes them, and the checksum.

    >>> from tinygraph.io.tensors import decode_strings
    >>> decode_strings(b"\x02\x01\x03q|gabc", 2)[0]
    [b'ab', b'c']
    """
    lengths, at = [], 0
    for _ in range(count):
        length, at = varint(data, at)
        lengths.append(length)
    if at + 4 + sum(lengths) != len(data):
        raise DataLossError("the strings do not have the size that the index tells")
    check, crc = _checked_lengths(lengths)
    if data[at : at + 4] != check:
        raise DataLossError("the lengths of strings do not have their checksum")
    at += 4
    crc = crc32c(data[at:], crc)
    strings = []
    for length in lengths:
        strings.append(bytes(data[at : at + length]))
        at += length
    return strings, crc


def _checked_lengths(lengths: Iterable[int]) -> tuple[bytes, int]:
    """The checksum over lengths as it is written, and the one with which that over all begins."""
    numbers = b"".join(n.to_bytes(4 if n < 1 << 32 else 8, "little") for n in lengths)
    check = masked(crc32c(numbers)).to_bytes(4, "little")
    return check, crc32c(check, crc32c(numbers))


def array_of(strings: list[bytes], shape: tuple[int, ...]) -> np.ndarray:
    """An array of bytes objects."""
    array = np.empty(len(strings), object)
    array[:] = strings
    return array.reshape(shape)


# ---------------------------------------------------------------- slices


def slices(record: SimpleNamespace, shape: tuple[int, ...]) -> Slices:
    """The part of an array that a message SLICE tells."""
    part = []
    if len(record.extent) != len(shape):
        raise DataLossError(f"a slice of {len(record.extent)} axes in a shape {shape}")
    for extent, size in zip(record.extent, shape, strict=True):
        length = size if extent.length is None else extent.length
        if not 0 <= extent.start <= extent.start + length <= size:
            raise DataLossError(f"a slice from {extent.start}, {length} long, of {size}")
        part.append(slice(extent.start, extent.start + length))
    return tuple(part)


def slice_key(name: bytes, record: SimpleNamespace) -> bytes:
    r"""The key under which a table holds a slice: its order is that of names, then of places.

    >>> from tinygraph.io.tensors import EXTENT, SLICE, slice_key
    >>> slice_key(b"w", SLICE(extent=[EXTENT(), EXTENT(start=3, length=100)]))
    b'\x00w\x00\x01\x01\x02\x80\x7f\x83\xc0d'
    """
    escaped = name.replace(b"\0", b"\0\xff") + b"\0\1"
    dims = len(record.extent)
    parts = [b"\0", escaped, b"\1" + bytes([dims]) if dims else b"\0"]
    for extent in record.extent:
        parts += [_ordered(extent.start), _ordered(-1 if extent.length is None else extent.length)]
    return b"".join(parts)


def _ordered(value: int) -> bytes:
    """A number whose bytes sort as numbers do: its length in ones, then its bits, sign first."""
    size = (value if value >= 0 else ~value).bit_length() // 7 + 1
    header = ((1 << size) - 1) << (8 * size - size)
    mask = (1 << 8 * size) - 1
    return (header ^ value & mask).to_bytes(size, "big")


def joined(
    shape: tuple[int, ...], dtype: np.dtype, parts: list[Slices],
    read: Callable[[int, tuple[int, ...]], np.ndarray],
) -> np.ndarray:
    """The array whose slices `read(i, shape)` gives; DataLossError unless they fill it once.

    The caller has made sure that a file has that much.
    """
    check_volume(shape, parts)
    if len(parts) == 1:
        return read(0, shape)
    array, missing = np.empty(shape, dtype), np.ones(shape, bool)
    for i, part in enumerate(parts):
        if not missing[part].all():
            raise DataLossError("slices of one tensor overlap")
        missing[part] = False
        array[part] = read(i, shape_of(part))
    return array


def shape_of(part: Slices) -> tuple[int, ...]:
    """The shape of a slice."""
    return tuple([s.stop - s.start for s in part])


def check_volume(shape: tuple[int, ...], parts: list[Slices]) -> None:
    """DataLossError unless slices have as many elements as a shape."""
    count = sum(math.prod(shape_of(part)) for part in parts)
    if count != math.prod(shape):
        raise DataLossError(f"slices of {count} elements for a tensor of {math.prod(shape)}")


def native(array: np.ndarray) -> np.ndarray:
    """An array in this machine's byte order."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)
