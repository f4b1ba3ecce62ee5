"""Checkpoints in TensorFlow's present format, the tensor bundle: an index and files of data.

`PREFIX.index` is a table. Its key "" has the header, and each name an entry: dtype, shape, and
where in `PREFIX.data-00000-of-00001` the bytes are, with their checksum. The entry of a partitioned
tensor lists its slices, which have entries of their own.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Iterator
from io import BufferedReader, BytesIO
from itertools import chain
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from tinygraph.errors import DataLossError, TinygraphError, about_file
from tinygraph.io.crc32c import crc32c, masked
from tinygraph.io.table import Table
from tinygraph.io.tensors import (
    NO_NUMPY, SHAPE, SLICE, array_of, decode_strings, joined, native, numpy_dtype, shape_of, sizes,
    slice_key, slices, type_of,
)
from tinygraph.io.wire import INT32, INT64, UFIXED32, Message, about_damage

VERSION = Message(producer=(1, INT32), min_consumer=(2, INT32), bad_consumers=(3, [INT32]))
HEADER = Message(num_shards=(1, INT32), endianness=(2, INT32), version=(3, VERSION))
ENTRY = Message(
    dtype=(1, INT32), shape=(2, SHAPE), shard_id=(3, INT32), offset=(4, INT64), size=(5, INT64),
    crc32c=(6, UFIXED32), slices=(7, [SLICE]),
)
PRODUCER = 1  # the version of the format
ATTEMPTS = 100  # to read a checkpoint that others write over again and again


class Entry(NamedTuple):
    """What the index tells of a tensor, or of one slice. They sort by their places."""

    shard: int
    offset: int
    size: int
    dtype: str
    shape: tuple[int, ...]
    crc: int
    slices: tuple[SimpleNamespace, ...]


def index_path(prefix: str) -> str:
    """The file that a bundle is known by.

    >>> from tinygraph.io.bundle import index_path
    >>> index_path("model-7")
    'model-7.index'
    """
    return f"{prefix}.index"


def data_path(prefix: str, shard: int, count: int) -> str:
    """The file of one of `count` shards.

    >>> from tinygraph.io.bundle import data_path
    >>> data_path("model-7", 0, 1)
    'model-7.data-00000-of-00001'
    """
    return f"{prefix}.data-{shard:05}-of-{count:05}"


def open_bundle(prefix: str) -> Bundle:
    """The bundle at `prefix`, as one save has left it.

    A save that goes on at the same time gives the data another file's name, replaces the index and
    removes the old data: so the index must still be the same once the data are open.
    """
    index = _index(prefix)
    for _ in range(ATTEMPTS):
        bundle: Any = None
        try:
            bundle = Bundle(prefix, index)
        except TinygraphError as error:
            fault = error
        now = _index(prefix)
        if now == index:
            if bundle is None:
                raise fault
            return bundle
        if bundle is not None:
            bundle.close()
        index = now
    raise DataLossError(f"{prefix}: it is written over all the time")


def _index(prefix: str) -> bytes:
    path = index_path(prefix)
    with about_file(path), open(path, "rb") as file:
        return file.read()


class Bundle:
    """A checkpoint whose files are open: `entries` by name, `read` for values.

    Raises
    ------
    DataLossError
        for an index that is damaged, and data that cannot be those of the index.
    NotFoundError
        where a file of data is missing.
    """

    def __init__(self, prefix: str, index: bytes):
        self.prefix, self.lock = prefix, threading.Lock()
        self.files: dict[int, BufferedReader] = {}
        self.entries: dict[str, Entry] = {}
        self.parts: dict[bytes, Entry] = {}
        weakref.finalize(self, _close, self.files)
        with about_damage(index_path(prefix)):
            table = Table(BytesIO(index))
            self.shards = shards_of(table)
            for key, value in table:
                if not key:
                    continue
                entry = _entry(value, self.shards)
                if key[0] == 0:
                    self.parts[key] = entry
                else:
                    self.entries[_name(key)] = entry
            _check_places(sorted(self._placed()))
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _placed(self) -> Iterator[Entry]:
        """The entries that have bytes in files of data."""
        entries = chain(self.entries.values(), self.parts.values())
        return (entry for entry in entries if not entry.slices)

    def _open(self) -> None:
        ends: dict[int, int] = {}
        for entry in self._placed():
            ends[entry.shard] = max(ends.get(entry.shard, 0), entry.offset + entry.size)
        for shard, end in ends.items():
            path = data_path(self.prefix, shard, self.shards)
            with about_file(path):
                self.files[shard] = file = open(path, "rb")
                if file.seek(0, 2) < end:
                    raise DataLossError(f"{path}: it has less than the {end} bytes of its index")

    def read(self, name: str) -> np.ndarray:
        """The value of a tensor."""
        entry = self.entries[name]
        with about_damage(f"{self.prefix}: '{name}'"):
            if not entry.slices:
                return native(self._values(entry))
            return native(self._joined(name.encode(), entry))

    def _joined(self, name: bytes, entry: Entry) -> np.ndarray:
        parts = [slices(part, entry.shape) for part in entry.slices]
        keys = [slice_key(name, part) for part in entry.slices]
        entries: list[Any] = [self.parts.get(key) for key in keys]
        for part, own in zip(parts, entries, strict=True):
            if own is None or own.slices or (own.dtype, own.shape) != (entry.dtype, shape_of(part)):
                raise DataLossError("a slice is missing, or has another dtype or shape")
        if len({*keys}) < len(keys):
            raise DataLossError("a slice is listed twice")

        def read(i: int, shape: tuple[int, ...]) -> np.ndarray:
            return self._values(entries[i])

        return joined(entry.shape, numpy_dtype(entry.dtype), parts, read)

    def _values(self, entry: Entry) -> np.ndarray:
        dtype = numpy_dtype(entry.dtype).newbyteorder("<")
        if entry.dtype == "string":
            data = memoryview(bytearray(entry.size))
            self._fill(entry, data)
            strings, crc = decode_strings(data, math.prod(entry.shape))
            array = array_of(strings, entry.shape)
        else:
            array = np.empty(entry.shape, dtype)
            units = array.reshape(-1).view(np.uint8)
            self._fill(entry, units)
            crc = crc32c(units)
        if masked(crc) != entry.crc:
            raise DataLossError("it does not have its checksum")
        if entry.dtype == "bool" and (array.view(np.uint8) > 1).any():
            raise DataLossError("a bool that is neither 0 nor 1")
        return array

    def _fill(self, entry: Entry, buffer: Any) -> None:
        file = self.files[entry.shard]
        with self.lock:
            file.seek(entry.offset)
            if file.readinto(buffer) != entry.size:
                raise DataLossError("the file became shorter while it was read")

    def close(self) -> None:
        """Close the files of data."""
        _close(self.files)


def _close(files: dict[int, BufferedReader]) -> None:
    for file in files.values():
        file.close()


def shards_of(table: Table) -> int:
    """The number of data files; DataLossError for a bundle that cannot be read here.

    All numbers are little-endian, on every machine.
    """
    value = table.get(b"")
    if value is None:
        raise DataLossError("it has no header")
    header = HEADER.parse(value)
    if header.endianness:
        raise DataLossError("it was written by a machine with big-endian numbers")
    needed = 0 if header.version is None else header.version.min_consumer
    if needed > PRODUCER:
        raise DataLossError(f"a format of version {needed}, which is newer than {PRODUCER}")
    if header.num_shards < 1:
        raise DataLossError(f"{header.num_shards} files of data")
    return header.num_shards


def _name(key: bytes) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError:
        raise DataLossError(f"the name {key!r} is no text") from None


def _entry(value: Any, shards: int) -> Entry:
    record = ENTRY.parse(value)
    entry = Entry(
        record.shard_id, record.offset, record.size, type_of(record.dtype), sizes(record.shape),
        record.crc32c, tuple(record.slices),
    )
    if not 0 <= entry.shard < shards or entry.offset < 0 or entry.size < 0:
        raise DataLossError(f"{entry.size} bytes at {entry.offset} of file {entry.shard}")
    return entry


def _check_places(entries: list[Entry]) -> None:
    """Each tensor has as many bytes as its shape and dtype say, and shares none with others."""
    shard, end = 0, 0
    for entry in entries:
        count, dtype = math.prod(entry.shape), entry.dtype
        if dtype == "string" or dtype in NO_NUMPY:
            fits = count <= entry.size
        else:
            fits = count * numpy_dtype(dtype).itemsize == entry.size
        if not fits:
            raise DataLossError(f"{entry.size} bytes for {dtype}{[*entry.shape]}")
        if entry.shard == shard and entry.offset < end:
            raise DataLossError("two tensors share bytes")
        shard, end = entry.shard, entry.offset + entry.size
