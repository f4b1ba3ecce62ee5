"""The wire format of Protocol Buffers, without protobuf: messages as tables of their fields."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tinygraph.errors import DataLossError

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5  # the wire types, which a field's tag tells
DEEPEST = 100  # messages within one another, as in protobuf
CHUNK = 1 << 16  # bytes of an array of varints that are decoded together

Bytes: TypeAlias = bytes | memoryview


@contextmanager
def about_damage(where: str) -> Iterator[None]:
    """Have a DataLossError say what is damaged.

    >>> from tinygraph.errors import DataLossError
    >>> from tinygraph.io.wire import about_damage
    >>> with about_damage("model-7.index"):
    ...     raise DataLossError("its footer is damaged")
    Traceback (most recent call last):
    tinygraph.errors.DataLossError: model-7.index: its footer is damaged
    """
    try:
        yield
    except DataLossError as error:
        raise DataLossError(f"{where}: {error}") from None


def varint(data: Bytes, at: int) -> tuple[int, int]:
    r"""The unsigned number at `at`, 7 bits a byte, the lowest first; and where it ends.

    >>> from tinygraph.io.wire import varint
    >>> varint(b"\xac\x02", 0)
    (300, 2)
    """
    value = 0
    try:
        for shift in range(0, 70, 7):
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value & (1 << 64) - 1, at
    except IndexError:
        raise DataLossError("a number reaches beyond the end") from None
    raise DataLossError("a number of more than ten bytes")


def encode_varint(value: int) -> bytes:
    r"""A number as `varint` reads it; a negative one stands for its 64 bits.

    >>> from tinygraph.io.wire import encode_varint
    >>> encode_varint(300)
    b'\xac\x02'
    """
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def fields(data: Bytes) -> Iterator[tuple[int, int, Any]]:
    r"""The fields of a message as (number, wire type, value): an int for `VARINT`, else bytes.

    >>> from tinygraph.io.wire import fields
    >>> list(fields(b"\x08\x96\x01\x12\x02hi"))
    [(1, 0, 150), (2, 2, b'hi')]
    """
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == VARINT:
            value: Any
            value, at = varint(data, at)
        else:
            if kind == DELIMITED:
                size, at = varint(data, at)
            elif kind in (FIXED32, FIXED64):
                size = 4 if kind == FIXED32 else 8
            else:
                raise DataLossError(f"a field of the unknown wire type {kind}")
            if size > len(data) - at:
                raise DataLossError("a field reaches beyond its message")
            value, at = data[at : at + size], at + size
        if not 1 <= tag >> 3 < 1 << 29:
            raise DataLossError(f"a field has the number {tag >> 3}")
        yield tag >> 3, kind, value


# ---------------------------------------------------------------- kinds of values


class Kind(NamedTuple):
    """How values of a type are written. A field that has the default is not."""

    wire: int
    default: Any
    decode: Callable[[Any], Any]  # from what `fields` gives
    encode: Callable[[Any], bytes]
    dtype: Any = None  # of the array that a repeated field is


def present(kind: Kind) -> Kind:
    """The same kind for a field of which one can tell whether it is there: None if it is not."""
    return kind._replace(default=None)


def _integer(dtype: str) -> Kind:
    """Ints of a NumPy dtype, as varints; a negative one is sign-extended to 64 bits."""
    numpy = np.dtype(dtype)
    bits = 8 * numpy.itemsize

    def decode(value: int) -> int:
        value &= (1 << bits) - 1
        return value - (1 << bits) if numpy.kind == "i" and value >> (bits - 1) else value

    return Kind(VARINT, 0, decode, encode_varint, numpy)


def _fixed(code: str, dtype: str) -> Kind:
    """Numbers as `struct` packs them."""
    packing, numpy = struct.Struct(code), np.dtype(dtype)
    wire, zero = FIXED32 if packing.size == 4 else FIXED64, numpy.type(0).item()
    return Kind(wire, zero, lambda data: packing.unpack(data)[0], packing.pack, numpy)


def _text(value: Bytes) -> str:
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        raise DataLossError(f"{bytes(value[:60])!r} is no text") from None


def _delimited(data: bytes) -> bytes:
    return encode_varint(len(data)) + data


INT32, INT64 = _integer("int32"), _integer("int64")
UINT32, UINT64 = _integer("uint32"), _integer("uint64")
UFIXED32, FLOAT, DOUBLE = _fixed("<I", "u4"), _fixed("<f", "f4"), _fixed("<d", "f8")
BOOL = Kind(VARINT, False, bool, encode_varint, np.dtype(bool))
BYTES = Kind(DELIMITED, b"", bytes, _delimited)
STRING = Kind(DELIMITED, "", _text, lambda value: _delimited(value.encode()))


# ---------------------------------------------------------------- messages


class Message:
    r"""A type of messages: the name of each field with its number and kind.

    A kind in a list is a repeated field: a list, or for numbers an array. Called, it makes a
    message, a namespace of the fields' values, in which those that were not given have their
    defaults. Fields that the table does not name are passed over.

    >>> from tinygraph.io.wire import INT64, STRING, Message
    >>> dim = Message(size=(1, INT64), name=(2, STRING))
    >>> shape = Message(dim=(2, [dim]))
    >>> shape.encode(shape(dim=[dim(size=3), dim(size=4)]))
    b'\x12\x02\x08\x03\x12\x02\x08\x04'
    >>> [d.size for d in shape.parse(b"\x12\x02\x08\x03\x12\x02\x08\x04").dim]
    [3, 4]
    """

    def __init__(self, **table: tuple[int, Any]):
        numbered = sorted((number, name, kind) for name, (number, kind) in table.items())
        self.fields = {number: _field(number, name, kind) for number, name, kind in numbered}

    def __call__(self, **values: Any) -> SimpleNamespace:
        for field in self.fields.values():
            if field.name not in values:
                values[field.name] = field.default()
        assert len(values) == len(self.fields), f"no fields of the message: {[*values]}"
        return SimpleNamespace(**values)

    def parse(self, data: Bytes, depth: int = DEEPEST) -> SimpleNamespace:
        """The message in `data`; DataLossError where there is none."""
        if not depth:
            raise DataLossError(f"more than {DEEPEST} messages within one another")
        values: dict[str, Any] = {}
        arrays: dict[str, list[np.ndarray]] = {}
        for number, wire, value in fields(data):
            field = self.fields.get(number)
            if field is None:
                continue
            name, kind = field.name, field.kind
            if field.is_array and wire == DELIMITED:
                arrays.setdefault(name, []).append(_array(value, kind))
                continue
            if wire != field.wire:
                raise DataLossError(f"field {name} has the wire type {wire}, not {field.wire}")
            value = kind.parse(value, depth - 1) if type(kind) is Message else kind.decode(value)
            if field.is_array:
                arrays.setdefault(name, []).append(np.array([value], kind.dtype))
            elif field.repeated:
                values.setdefault(name, []).append(value)
            else:
                values[name] = value
        for name, parts in arrays.items():
            values[name] = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return self(**values)

    def encode(self, record: SimpleNamespace) -> bytes:
        """The bytes of a message."""
        parts: list[bytes] = []
        for field in self.fields.values():
            value, kind = getattr(record, field.name), field.kind
            if field.is_array:
                if len(value):
                    packed = b"".join(kind.encode(item) for item in np.asarray(value).tolist())
                    parts += [field.tag, _delimited(packed)]
                continue
            for item in value if field.repeated else [value] * (value != field.default()):
                if type(kind) is Message:
                    parts += [field.tag, _delimited(kind.encode(item))]
                else:
                    parts += [field.tag, kind.encode(item)]
        return b"".join(parts)


class Field(NamedTuple):
    """A field of a message."""

    name: str
    kind: Any  # a Kind or a Message
    repeated: bool
    is_array: bool  # repeated numbers
    wire: int
    tag: bytes
    default: Callable[[], Any]


def _field(number: int, name: str, kind: Any) -> Field:
    repeated = isinstance(kind, list)
    if repeated:
        (kind,) = kind
    wire, value = (kind.wire, kind.default) if isinstance(kind, Kind) else (DELIMITED, None)
    dtype = kind.dtype if isinstance(kind, Kind) and repeated else None
    tag = encode_varint(number << 3 | (wire if dtype is None else DELIMITED))
    if dtype is not None:
        return Field(name, kind, True, True, wire, tag, lambda: np.empty(0, dtype))
    return Field(name, kind, repeated, False, wire, tag, list if repeated else lambda: value)


def _array(data: Bytes, kind: Kind) -> np.ndarray:
    """The numbers of a packed field."""
    if kind.wire != VARINT:
        if len(data) % kind.dtype.itemsize:
            raise DataLossError(f"{len(data)} bytes are no whole {kind.dtype.name} numbers")
        return np.frombuffer(data, kind.dtype.newbyteorder("<"))
    units = np.frombuffer(data, np.uint8)
    chunks = range(0, units.size, CHUNK)
    values = np.empty(sum(np.count_nonzero(units[i : i + CHUNK] < 128) for i in chunks), kind.dtype)
    start = filled = 0
    while start < units.size:
        ends = np.flatnonzero(units[start : start + CHUNK] < 128) + 1
        if not ends.size:
            raise DataLossError("a number reaches beyond the end")
        values[filled : filled + ends.size] = _varints(units[start : start + ends[-1]], ends)
        start, filled = start + ends[-1], filled + ends.size
    return values


def _varints(units: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Varints that end at `ends`, as int64."""
    lengths = np.diff(ends, prepend=0)
    if lengths.max() > 10:
        raise DataLossError("a number of more than ten bytes")
    starts, values = ends - lengths, np.zeros(ends.size, np.uint64)
    for i in range(lengths.max()):
        has = np.flatnonzero(lengths > i)
        bits = (units[starts[has] + i] & 127).astype(np.uint64)
        values[has] |= bits << np.uint64(7 * i)
    return values.view(np.int64)
