"""How a checkpoint is written, so that it is whole or not there, and how one is removed.

A bundle is two files, which nothing renames at once. So the index decides: it tells the number of
data files, which is a part of their names, and new data go to a name that the index in place does
not tell. They are on the disk before the new index takes the old one's place; after that the old
data are removed.

While this goes on, `.NAME.unfinished` lies beside the files, and it stays where the process dies:
then the next save in the folder removes the data of that name which no index tells of. Who writes
or removes holds the folder's lock.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import count
from typing import BinaryIO

import numpy as np

from tinygraph.errors import DataLossError, InvalidArgumentError, about_file
from tinygraph.files import locked, replace, sync, sync_folder
from tinygraph.io.bundle import (
    ENTRY, HEADER, PRODUCER, VERSION, data_path, index_path, shards_of,
)
from tinygraph.io.crc32c import crc32c, masked
from tinygraph.io.table import Table, table
from tinygraph.io.tensors import NUMBERS, dtype_name, encode_strings, shape_message

LOCK = ".checkpoint.lock"
UNFINISHED = re.compile(r"\.(.+)\.unfinished", re.DOTALL)
PARTIAL = re.compile(r"\.checkpoint\.[0-9a-f]{16}")  # of the file `checkpoint`
DATA = re.compile(r"(.+)\.data-\d{5}-of-(\d{5})", re.DOTALL)


@contextmanager
def folder_lock(folder: str) -> Iterator[None]:
    """The block in which files of checkpoints in a folder are written and removed.

    It begins with removing what saves have left that did not come to their end.

    >>> import tempfile
    >>> from tinygraph.io.saving import folder_lock
    >>> with folder_lock(tempfile.mkdtemp()):
    ...     pass
    """
    with locked(os.path.join(folder, LOCK)) as is_alone:
        for name in os.listdir(folder or ".") if is_alone else ():
            if match := UNFINISHED.fullmatch(name):
                _tidy(folder, match[1])
            elif PARTIAL.fullmatch(name):
                _remove(os.path.join(folder, name))
        yield


def write_bundle(prefix: str, tensors: Mapping[str, np.ndarray]) -> None:
    """Write a bundle; where that fails, the one that was at `prefix` is as it was.

    The caller holds the folder's lock.

    >>> import tempfile
    >>> from tinygraph.io.bundle import open_bundle
    >>> from tinygraph.io.saving import folder_lock, write_bundle
    >>> folder = tempfile.mkdtemp()
    >>> with folder_lock(folder):
    ...     write_bundle(f"{folder}/model", {"w": np.ones(2)})
    >>> open_bundle(f"{folder}/model").read("w")
    array([1., 1.])

    Raises
    ------
    FileError, PermissionDeniedError
        what the operating system says.
    """
    folder, name = os.path.split(prefix)
    keys = _keys(tensors)
    if not name:
        raise InvalidArgumentError(f"{prefix!r} names no file")
    with about_file(prefix):
        try:
            _write(folder, prefix, keys)
        finally:
            _tidy(folder, name)


def _write(folder: str, prefix: str, tensors: Mapping[bytes, np.ndarray]) -> None:
    index, marker = index_path(prefix), _marker(prefix)
    old = _contents(index)
    shards = _free_shards(prefix, old)
    with open(marker, "wb") as file:
        header = HEADER(num_shards=shards, version=VERSION(producer=PRODUCER))
        entries = [(b"", HEADER.encode(header))]
        with open(data_path(prefix, 0, shards), "xb") as data:
            entries += _write_data(data, tensors)
            sync(data)
        file.write(table(entries))
        sync(file)
    sync_folder(folder or ".")
    replace(marker, index)
    try:
        sync_folder(folder or ".")
    except OSError:
        _put_back(index, marker, old)
        raise


def _write_data(file: BinaryIO, tensors: Mapping[bytes, np.ndarray]) -> list[tuple[bytes, bytes]]:
    """Write tensors one after the other; their entries in the index."""
    entries, offset = [], 0
    for key in sorted(tensors):
        value = np.asarray(tensors[key])
        dtype = dtype_name(value.dtype)
        if dtype == "string":
            strings, crc = encode_strings(value)
            data = np.frombuffer(strings, np.uint8)
        else:
            little = np.asarray(value, value.dtype.newbyteorder("<"), order="C")
            data = little.reshape(-1).view(np.uint8)
            crc = crc32c(data)
        file.write(data.data)
        entry = ENTRY(dtype=NUMBERS[dtype], shape=shape_message(value.shape), offset=offset,
                      size=data.size, crc32c=masked(crc))
        entries.append((key, ENTRY.encode(entry)))
        offset += data.size
    return entries


def _keys(tensors: Mapping[str, np.ndarray]) -> dict[bytes, np.ndarray]:
    keys = {name.encode(): value for name, value in tensors.items()}
    for key in keys:
        if not key or key[0] == 0:
            raise InvalidArgumentError(f"no tensor of a checkpoint may be called {key.decode()!r}")
    return keys


def _put_back(index: str, marker: str, old: bytes | None) -> None:
    """Have the old index, or none, in its place again."""
    if old is None:
        os.remove(index)
    else:
        with open(marker, "wb") as file:
            file.write(old)
        replace(marker, index)


def _marker(prefix: str) -> str:
    folder, name = os.path.split(prefix)
    return os.path.join(folder, f".{name}.unfinished")


def _contents(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _shards(index: bytes | None) -> int | None:
    """The number of data files that an index tells, 0 without one, None if it is damaged."""
    if index is None:
        return 0
    try:
        return shards_of(Table(BytesIO(index)))
    except DataLossError:
        return None


def _free_shards(prefix: str, old: bytes | None) -> int:
    """The least number of data files whose first one is not there, now at least."""
    named = _shards(old)
    for shards in count(1):
        path = data_path(prefix, 0, shards)
        if shards == named or named is None and os.path.exists(path):
            continue
        with suppress(PermissionError):  # on Windows, where a file that somebody reads stays
            _remove(path)
        if not os.path.exists(path):
            return shards
    raise AssertionError


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.remove(path)


# ---------------------------------------------------------------- tidying up, and removing


def _tidy(folder: str, name: str) -> None:
    """Remove the data of a checkpoint that its index does not tell of, and the marker.

    What cannot be removed stays for the next time.
    """
    prefix = os.path.join(folder, name)
    with suppress(OSError):
        shards = _shards(_contents(index_path(prefix)))
        for file in os.listdir(folder or ".") if shards is not None else ():
            match = DATA.fullmatch(file)
            if match and match[1] == name and int(match[2]) != shards:
                _remove(os.path.join(folder, file))
        _remove(_marker(prefix))


def remove_bundle(prefix: str) -> None:
    """Remove a bundle, its index first.

    >>> import os, tempfile
    >>> from tinygraph.io.saving import remove_bundle, write_bundle
    >>> folder = tempfile.mkdtemp()
    >>> write_bundle(f"{folder}/model", {"w": np.ones(2)})
    >>> remove_bundle(f"{folder}/model")
    >>> os.listdir(folder)
    []
    """
    folder, name = os.path.split(prefix)
    with about_file(prefix), suppress(FileNotFoundError):
        replace(index_path(prefix), _marker(prefix))
    _tidy(folder, name)
