"""Checkpoints in TensorFlow's first format, V1: tables whose values are slices of tensors."""

from __future__ import annotations

import glob
import math
import os
import threading
import weakref
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from tinygraph.errors import DataLossError, NotFoundError, about_file
from tinygraph.io.table import Table
from tinygraph.io.tensors import (
    SHAPE, SLICE, Slices, array_of, check_volume, joined, numpy_dtype, sizes, slice_key, slices,
    type_of,
)
from tinygraph.io.wire import (
    BOOL, BYTES, DOUBLE, FLOAT, INT32, INT64, STRING, UINT32, UINT64, Bytes, Message, about_damage,
)

TENSOR = Message(
    dtype=(1, INT32), tensor_shape=(2, SHAPE), version_number=(3, INT32), tensor_content=(4, BYTES),
    float_val=(5, [FLOAT]), double_val=(6, [DOUBLE]), int_val=(7, [INT32]), string_val=(8, [BYTES]),
    scomplex_val=(9, [FLOAT]), int64_val=(10, [INT64]), bool_val=(11, [BOOL]),
    dcomplex_val=(12, [DOUBLE]), half_val=(13, [INT32]), uint32_val=(16, [UINT32]),
    uint64_val=(17, [UINT64]),
)
TENSOR_META = Message(name=(1, STRING), shape=(2, SHAPE), type=(3, INT32), slice=(4, [SLICE]))
META = Message(tensor=(1, [TENSOR_META]))
SAVED_SLICE = Message(name=(1, STRING), slice=(2, SLICE), data=(3, TENSOR))
SAVED = Message(meta=(1, META), data=(2, SAVED_SLICE))

FIELDS = {"string": "string_val", "float32": "float_val", "float64": "double_val",
          "int64": "int64_val", "uint32": "uint32_val", "uint64": "uint64_val",
          "bool": "bool_val", "float16": "half_val", "complex64": "scomplex_val",
          "complex128": "dcomplex_val"}  # all others are in int_val


class Entry(NamedTuple):
    """What the files tell of a tensor."""

    dtype: str
    shape: tuple[int, ...]
    slices: list[tuple[Table, Slices, bytes]]  # each with the table that has it, and its key there


class OldFormat:
    """A checkpoint of the first format: a file, or the files that a pattern such as "*" names.

    Raises
    ------
    DataLossError
        for files that are damaged.
    NotFoundError
        where there is no file.
    """

    def __init__(self, path: str):
        self.prefix, self.lock = path, threading.Lock()
        self.entries: dict[str, Entry] = {}
        self.files = ExitStack()
        weakref.finalize(self, self.files.close)
        try:
            for name in paths(path):
                with about_file(name), about_damage(name):
                    self._add(Table(self.files.enter_context(open(name, "rb"))))
        except BaseException:
            self.close()
            raise
        if not self.entries:
            raise NotFoundError(f"{path}: no checkpoint")

    def _add(self, table: Table) -> None:
        """Have the tensors, or the parts of them, that one file has."""
        head = table.get(b"")
        meta = None if head is None else SAVED.parse(head).meta
        if meta is None:
            raise DataLossError("it does not tell what it holds")
        for tensor in meta.tensor:
            dtype, shape = type_of(tensor.type), sizes(tensor.shape)
            entry = self.entries.setdefault(tensor.name, Entry(dtype, shape, []))
            if (entry.dtype, entry.shape) != (dtype, shape):
                raise DataLossError(f"'{tensor.name}' has several shapes or dtypes")
            entry.slices.extend(
                (table, slices(part, shape), slice_key(tensor.name.encode(), part))
                for part in tensor.slice
            )

    def read(self, name: str) -> np.ndarray:
        """The value of a tensor."""
        entry = self.entries[name]

        parts = [part for _, part, _ in entry.slices]

        def read(i: int, shape: tuple[int, ...]) -> np.ndarray:
            saved = SAVED.parse(self._slice(entry, i)).data
            if saved is None or saved.data is None or saved.name != name:
                raise DataLossError("a slice is not the one that it should be")
            return _values(saved.data, entry.dtype, shape)

        with about_damage(f"{self.prefix}: '{name}'"):
            if len(parts) > 1:  # an element takes a byte at least
                check_volume(entry.shape, parts)
                size = sum(len(self._slice(entry, i)) for i in range(len(parts)))
                keys = {key for _, _, key in entry.slices}
                if len(keys) < len(parts) or size < math.prod(entry.shape):
                    raise DataLossError("there is less than the shape says")
            return joined(entry.shape, numpy_dtype(entry.dtype), parts, read)

    def _slice(self, entry: Entry, i: int) -> Bytes:
        table, _, key = entry.slices[i]
        with self.lock:
            data = table.get(key)
        if data is None:
            raise DataLossError("a slice is missing")
        return data

    def close(self) -> None:
        """Close the files."""
        self.files.close()


def paths(path: str) -> list[str]:
    """The files of a checkpoint of the first format: one, or those that a pattern names.

    >>> from tinygraph.io.old_format import paths
    >>> paths("nowhere/model-7")
    []
    """
    return [path] if os.path.isfile(path) else sorted(filter(os.path.isfile, glob.glob(path)))


def _values(data: SimpleNamespace, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """The elements of a TensorProto."""
    target, values = numpy_dtype(dtype), getattr(data, FIELDS.get(dtype, "int_val"))
    if dtype == "string":
        values = array_of(values, (len(values),))
    elif dtype == "float16":
        values = _cast(values, np.dtype(np.uint16)).view(target)
    elif target.kind == "c":
        values = _pairs(values).view(target)
    else:
        values = _cast(values, target)
    if values.size != math.prod(shape):
        raise DataLossError(f"{values.size} values for {dtype}{[*shape]}")
    return values.reshape(shape)


def _pairs(values: np.ndarray) -> np.ndarray:
    if values.size % 2:
        raise DataLossError("half of a complex number")
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("=")))


def _cast(values: np.ndarray, dtype: np.dtype) -> Any:
    """An array of its own, of values that the dtype has."""
    cast = values.astype(dtype)
    if cast.dtype.kind in "iub" and not np.array_equal(cast, values):
        raise DataLossError(f"a value that is no {dtype.name}")
    return cast
