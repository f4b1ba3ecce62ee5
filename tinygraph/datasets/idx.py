"""IDX, the file format of MNIST: a header of big-endian integers, then the bytes of one array."""

from __future__ import annotations

import math
import os
import stat
import struct
import zlib
from typing import Any, BinaryIO

import numpy as np

from tinygraph import arguments
from tinygraph.errors import DataLossError, FileError, about_file

__all__ = ["gunzip", "read_idx"]

# Scanned digits pack about 5 to 1. Deflate could reach 1032 to 1, but only for a file made to
# fill the memory of whoever unpacks it. Small files may be as empty as they like.
MAX_RATIO = 100
SMALL = 1 << 20
HEAD = 1 << 16  # bytes read first: gzip's header, which may hold a name, and the IDX header


def read_idx(path: str | os.PathLike[str], rank: int) -> np.ndarray:
    """Read the array of unsigned bytes in an IDX file, plain or gzipped.

    Parameters
    ----------
    path : str or os.PathLike
        The file. Whether it is gzipped is seen from its first bytes, not from its name.
    rank : int
        The number of axes that the array must have: 3 for images, 1 for labels.

    Returns
    -------
    numpy.ndarray
        A read-only uint8 array.

    Raises
    ------
    DataLossError
        If the file is anything but one whole, undamaged IDX array of that rank.
    NotFoundError, PermissionDeniedError, FileError
        If there is no such file, or it cannot be read.

    Examples
    --------
    >>> tg.datasets.idx.read_idx(tg.datasets.mnist.SAMPLE, rank=2).shape
    (5000, 785)
    """
    path, rank = arguments.path(path), arguments.integer(rank, "rank", least=0, most=255)
    with about_file(path), open(path, "rb", opener=_without_waiting) as file:
        return _read_array(file, rank, path)


def _without_waiting(path: str, flags: int) -> int:
    """Open a file, also a pipe that nobody writes to."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _read_array(file: BinaryIO, rank: int, path: str) -> np.ndarray:
    """The array of an open file; no more is read, or unpacked, than its header accounts for."""
    info = os.fstat(file.fileno())
    if not stat.S_ISREG(info.st_mode):
        raise FileError(f"{path}: no regular file")
    start = 4 + 4 * rank
    head = file.read(HEAD)
    packed = head.startswith(b"\x1f\x8b")
    shape = _read_shape(_inflate(head, start, path)[0] if packed else head[:start], rank, path)
    expected = start + math.prod(shape)
    file.seek(0)
    data, size = b"", info.st_size
    if packed:
        _check_packed_size(size, expected, path)
        data = gunzip(file.read(size), expected, path)
    elif size == expected:
        data = file.read(size)
    actual = len(data) or size
    if actual != expected:
        raise DataLossError(
            f"{path}: {actual} bytes found, {expected} expected for a uint8 array of shape "
            f"{list(shape)}"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _check_packed_size(size: int, expected: int, path: str) -> None:
    """Whether a gzipped file can hold what its header claims; deflate adds 1 % at most."""
    if expected > max(SMALL, MAX_RATIO * size):
        raise DataLossError(
            f"{path}: {size} gzipped bytes claim to hold {expected}, more than {MAX_RATIO} to 1; "
            "unpack the file by hand if you trust it"
        )
    if size > HEAD + expected + expected // 100:
        raise DataLossError(f"{path}: {size} gzipped bytes claim to hold only {expected}")


def gunzip(packed: bytes, limit: int, path: str | os.PathLike[str]) -> bytes:
    """Unpack gzipped bytes that must be one whole member of at most `limit` bytes.

    `path` is what an error names. The memory taken is bounded by `limit`, whatever `packed` holds.

    Examples
    --------
    >>> import gzip
    >>> tg.datasets.idx.gunzip(gzip.compress(b"digits"), limit=6, path="example.gz")
    b'digits'
    """
    arguments.expect(packed, bytes | bytearray | memoryview, "packed", "bytes")
    data, unpacker = _inflate(packed, arguments.integer(limit, "limit", 0, 2**62) + 1, path)
    if len(data) > limit:
        raise DataLossError(f"{path}: unpacks to more than the {limit} bytes expected")
    if not unpacker.eof:
        raise DataLossError(f"{path}: the gzipped data is cut off after {len(packed)} bytes")
    if unpacker.unused_data:
        extra = len(unpacker.unused_data)
        raise DataLossError(f"{path}: {extra} bytes follow the end of the gzipped data")
    return data


def _inflate(packed: bytes, limit: int, path: str | os.PathLike[str]) -> tuple[bytes, Any]:
    """At most `limit` unpacked bytes, and zlib's object that knows how the stream went on."""
    unpacker = zlib.decompressobj(wbits=31)  # 31: a gzip wrapper, whose CRC zlib then checks
    try:
        return unpacker.decompress(packed, limit), unpacker
    except zlib.error as error:
        raise DataLossError(f"{path}: damaged gzip data ({error})") from error


def _read_shape(header: bytes, rank: int, path: str | os.PathLike[str]) -> tuple[int, ...]:
    magic, expected = header[:4], bytes([0, 0, 8, rank])  # 8 stands for unsigned bytes
    if magic != expected[: len(magic)]:
        wrong = f"magic number {magic.hex()} found, {expected.hex()} expected"
        if magic[:3] == expected[:3]:
            wrong += f" (rank {magic[3]}, not {rank}: are image and label files swapped?)"
        raise DataLossError(f"{path}: not the IDX file it should be: {wrong}")
    if len(header) < 4 + 4 * rank:
        raise DataLossError(
            f"{path}: ends after {len(header)} bytes, within the IDX header of {4 + 4 * rank}"
        )
    shape = struct.unpack(f">{rank}I", header[4:])
    if 0 in shape:
        raise DataLossError(f"{path}: an empty array, of shape {list(shape)}")
    return shape
