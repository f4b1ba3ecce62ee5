"""LevelDB's tables as TensorFlow writes them: sorted maps from bytes to bytes, in one file.

A table is blocks of entries, an empty block (of LevelDB's filters), a block that tells where the
others are, and a footer. After each block come a byte, 1 where the block is compressed by Snappy,
and a masked CRC-32C. An entry leaves out what its key shares with the key before it.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from tinygraph.errors import DataLossError
from tinygraph.io.crc32c import crc32c, masked
from tinygraph.io.snappy import decompress
from tinygraph.io.wire import Bytes, encode_varint, varint

MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
FOOTER, TRAILER = 48, 5  # bytes
BLOCK = 1 << 18  # bytes after which a block ends
RESTART = 16  # entries after which a key is written in full
ALLOWANCE = 16 << 20  # bytes that a block's keys share, and that all take beyond the file's size


class Handle(NamedTuple):
    """Where a block is."""

    offset: int
    size: int

    @property
    def end(self) -> int:
        return self.offset + self.size + TRAILER

    def encode(self) -> bytes:
        return encode_varint(self.offset) + encode_varint(self.size)


class Table:
    """A table in a file, of which it reads a block at a time.

    Every byte of the file is covered by a checksum or by a check: that blocks follow one another
    without a gap, that the footer is as it is written.

    >>> import io
    >>> from tinygraph.io.table import Table, table
    >>> found = Table(io.BytesIO(table([(b"a", b"1"), (b"b", b"2")])))
    >>> bytes(found.get(b"b")), found.get(b"c"), [key for key, value in found]
    (b'2', None, [b'a', b'b'])

    Raises
    ------
    DataLossError
        where the file is no such table, or damaged.
    """

    def __init__(self, file: BinaryIO):
        self.file, self.size = file, file.seek(0, 2)
        if self.size < FOOTER:
            raise DataLossError(f"{self.size} bytes are no table")
        footer = self._bytes(self.size - FOOTER, FOOTER)
        filters, at = _handle(footer, 0)
        index, at = _handle(footer, at)
        if footer != _footer(filters, index):
            raise DataLossError("not a table, or its footer is damaged")
        self.last_keys: list[bytes] = []  # of each block, or a key between it and the next block
        self.blocks: list[Handle] = []
        for key, value in _entries(self._block(index)):
            handle, at = _handle(value, 0)
            if at != len(value):
                raise DataLossError("the index of the blocks is damaged")
            self.last_keys.append(key)
            self.blocks.append(handle)
        start = 0
        for handle in [*self.blocks, filters, index]:
            if handle.offset != start:
                raise DataLossError("the blocks do not follow one another")
            start = handle.end
        if start != self.size - FOOTER:
            raise DataLossError("the blocks do not fill the file")
        self._block(filters)

    def get(self, key: bytes) -> Bytes | None:
        """The value of a key, or None."""
        i = bisect_left(self.last_keys, key)
        if i == len(self.blocks):
            return None
        return next((value for k, value in _entries(self._block(self.blocks[i])) if k == key), None)

    def __iter__(self) -> Iterator[tuple[bytes, Bytes]]:
        """All entries, in the order of keys."""
        spent, last = 0, None
        for handle in self.blocks:
            block = self._block(handle)
            spent += len(block) - handle.size
            for key, value in _entries(block):
                if last is not None and key <= last:
                    raise DataLossError("the keys are not in order")
                spent, last = spent + len(key), key
                if spent > self.size + ALLOWANCE:
                    raise DataLossError("it holds far more than its size allows")
                yield key, value

    def _bytes(self, offset: int, size: int) -> bytes:
        if offset + size > self.size:
            raise DataLossError("a block reaches beyond the end of the file")
        self.file.seek(offset)
        data = self.file.read(size)
        if len(data) != size:
            raise DataLossError("the file became shorter while it was read")
        return data

    def _block(self, handle: Handle) -> Bytes:
        data = memoryview(self._bytes(handle.offset, handle.size + TRAILER))
        block, kind = data[: handle.size], data[handle.size]
        if masked(crc32c(data[: handle.size + 1])) != int.from_bytes(data[-4:], "little"):
            raise DataLossError("a block does not have its checksum")
        if kind > 1:
            raise DataLossError(f"a block is compressed in an unknown way, {kind}")
        return decompress(block, self.size + ALLOWANCE) if kind else block


def _handle(data: Bytes, at: int) -> tuple[Handle, int]:
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return Handle(offset, size), at


def _footer(filters: Handle, index: Handle) -> bytes:
    handles = filters.encode() + index.encode()
    return handles.ljust(FOOTER - len(MAGIC), b"\0") + MAGIC


def _entries(block: Bytes) -> Iterator[tuple[bytes, Bytes]]:
    """The entries of a block, which ends with the places where keys are whole, and their number."""
    end = len(block) - 4 - 4 * int.from_bytes(block[-4:], "little")
    if len(block) < 4 or end < 0:
        raise DataLossError("a block is damaged")
    at, key, spent = 0, b"", 0
    while at < end:
        shared, at = varint(block, at)
        spent += shared
        unshared, at = varint(block, at)
        size, at = varint(block, at)
        value = at + unshared
        if shared > len(key) or value + size > end:
            raise DataLossError("an entry reaches beyond its block")
        if spent > ALLOWANCE:
            raise DataLossError("its keys are far longer than its size allows")
        key = key[:shared] + bytes(block[at:value])
        at = value + size
        yield key, block[value:at]


# ---------------------------------------------------------------- writing


def table(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A table of entries, which are in the order of their keys: the bytes that TensorFlow writes.

    >>> from tinygraph.io.table import table
    >>> len(table([(b"a", b"1"), (b"ab", b"2")]))
    103
    """
    written, index, block = bytearray(), Block(restart=1), Block()
    for key, value in entries:
        if block.size >= BLOCK:
            index.add(_between(block.key, key), block.end(written).encode())
            block = Block()
        block.add(key, value)
    if block.count:
        index.add(_after(block.key), block.end(written).encode())
    footer = _footer(Block().end(written), index.end(written))
    return bytes(written) + footer


class Block:
    """A block of entries that is being written."""

    def __init__(self, restart: int = RESTART):
        self.data, self.restart = bytearray(), restart
        self.restarts, self.count, self.key = [0], 0, b""

    @property
    def size(self) -> int:
        return len(self.data) + 4 * len(self.restarts) + 4

    def add(self, key: bytes, value: bytes) -> None:
        shared = 0
        if self.count and self.count % self.restart == 0:
            self.restarts.append(len(self.data))
        elif self.count:
            shared = _shared(self.key, key)
        for number in (shared, len(key) - shared, len(value)):
            self.data += encode_varint(number)
        self.data += key[shared:] + value
        self.key, self.count = key, self.count + 1

    def end(self, file: bytearray) -> Handle:
        """Append the block to a file; its place there."""
        restarts = struct.pack(f"<{len(self.restarts) + 1}I", *self.restarts, len(self.restarts))
        block = bytes(self.data) + restarts
        handle = Handle(len(file), len(block))
        block += b"\0"  # not compressed
        file += block + struct.pack("<I", masked(crc32c(block)))
        return handle


def _shared(key: bytes, other: bytes) -> int:
    """How many bytes two keys begin with in common."""
    pairs = enumerate(zip(key, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(key), len(other)))


def _between(key: bytes, following: bytes) -> bytes:
    """A short key that is not below one and is below the one that follows it."""
    same = _shared(key, following)
    if same < len(key) and key[same] + 1 < following[same]:
        return key[:same] + bytes([key[same] + 1])
    return key


def _after(key: bytes) -> bytes:
    """A short key that is not below one."""
    for i, byte in enumerate(key):
        if byte < 255:
            return key[:i] + bytes([byte + 1])
    return key
