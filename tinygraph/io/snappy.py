"""Snappy's raw format, which compresses blocks of tables: decompression only."""

from __future__ import annotations

from tinygraph.errors import DataLossError
from tinygraph.io.wire import Bytes, varint


def decompress(data: Bytes, most: int) -> bytes:
    r"""What `data` was before compression; DataLossError where that is more than `most` bytes.

    A byte starts each element. Its low two bits are 0 for a literal, else the element copies what
    stands so many bytes before the end of the output, and may overlap with itself.

    >>> from tinygraph.io.snappy import decompress
    >>> decompress(b"\x07\x04ab\x05\x02", most=100)
    b'abababa'
    """
    size, at = varint(data, 0)
    if size > most:
        raise DataLossError(f"a block of {len(data)} bytes claims to hold {size}")
    out = bytearray()
    while at < len(data):
        tag, at = data[at], at + 1
        kind, length = tag & 3, (tag >> 2) + 1
        if kind == 0:
            extra = max(length - 60, 0)
            if extra:
                length = _number(data, at, extra) + 1
                at += extra
            piece = bytes(data[at : at + length])
            at += length
        else:
            extra = (0, 1, 2, 4)[kind]
            offset = _number(data, at, extra)
            at += extra
            if kind == 1:
                length, offset = (tag >> 2 & 7) + 4, offset | (tag >> 5) << 8
            if not 0 < offset <= len(out):
                raise DataLossError("a copy of what is not there")
            start = len(out) - offset
            piece = bytes(out[start : start + length])
            piece = (piece * (length // len(piece) + 1))[:length]
        if len(piece) != length or len(out) + length > size:
            raise DataLossError("a compressed block does not have the size that it claims")
        out += piece
    if len(out) != size:
        raise DataLossError("a compressed block does not have the size that it claims")
    return bytes(out)


def _number(data: Bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise DataLossError("a compressed block ends within an element")
    return int.from_bytes(data[at : at + size], "little")
