"""Arrays of what users write: numbers, lists, NumPy's arrays. No conversion loses a value."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tinygraph.dtypes import DTYPES, DType, as_dtype, float32, int32, int64
from tinygraph.errors import (
    DTypeError, InvalidArgumentError, ResourceExhaustedError, ShapeError,
)
from tinygraph.interrupts import quietly
from tinygraph.spec import Shape, Spec


def to_array(value: Any, dtype: DType | None = None, by_value: bool = False) -> np.ndarray:
    """`value` as a C-contiguous array of `dtype`, or an error where something would be lost.

    Without `dtype`, Python ints become int32 (int64 where they don't fit) and floats float32, also
    inside lists; NumPy arrays and scalars keep theirs. A number may round to the nearest float.

    Arrays convert where each element keeps its value. Of Python's numbers a float is no int, as in
    TF1, and a number no bool; with `by_value`, which is for feeds, they convert as arrays do.

    Raises
    ------
    DTypeError
        Python floats to ints or bools; complex, object, string and masked arrays, None.
    InvalidArgumentError
        an element that the dtype does not have: out of its range, a fraction or NaN for an int.

    >>> from tinygraph.arrays import to_array
    >>> to_array([1, 2]).dtype, to_array([1.5, 2]).dtype, to_array(np.ones(2)).dtype
    (dtype('int32'), dtype('float32'), dtype('float64'))
    >>> to_array(np.ones(2), tg.int32), to_array([1.0, 0.0], tg.bool, by_value=True)
    (array([1, 1], dtype=int32), array([ True, False]))
    """
    if type(value) is float and dtype is not None and dtype.is_floating:
        if dtype.min <= value <= dtype.max:  # the common case, a hyper-parameter
            return np.array(value, dtype.numpy)
    if "numpy.ma" in sys.modules and _is_masked(value):  # naming np.ma imports it, 10 ms
        raise DTypeError("a masked array has no values under its mask; use .filled(value)")
    weak = not isinstance(value, np.ndarray | np.generic) and not hasattr(value, "__array__")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InvalidArgumentError(f"not a rectangular array of numbers: {error}") from None
    of_floats = array.dtype.kind == "f" and dtype is not None and not dtype.is_floating
    if weak and (of_floats or array.dtype == object):
        array = quietly(_of_numbers, value, dtype, by_value)
    if array.dtype.newbyteorder("=") not in DTYPES:
        raise DTypeError(f"{_describe(value, array)} is not made of numbers or bools")
    if dtype is None:
        dtype = _default_dtype(array) if weak else as_dtype(array.dtype)
    if weak and not by_value and dtype.is_bool and array.dtype.kind != "b":
        raise DTypeError(f"{_describe(value, array)} is not bool without loss")
    try:
        return _checked_cast(array, dtype)
    except MemoryError:
        spec = Spec(Shape.of(array.shape), dtype)
        raise ResourceExhaustedError(no_memory("an array", spec)) from None


def no_memory(what: str, spec: Spec) -> str:
    """The message of a ResourceExhaustedError: there is no memory for `what`, of that spec."""
    size = f"takes {spec.bytes:,} bytes" if spec.shape.is_fully_defined() else "is too large"
    return f"no memory for {what}: {spec} {size}"


def _is_masked(value: Any, depth: int = 64) -> bool:
    """Whether `value` is a masked array or a list, at most NumPy's 64 levels deep, that has one."""
    if isinstance(value, list | tuple):
        kinds = set(map(type, value))  # elements may be many, and their types are few
        nested = any(issubclass(kind, list | tuple | np.ma.MaskedArray) for kind in kinds)
        return nested and depth > 0 and any(_is_masked(x, depth - 1) for x in value)
    return isinstance(value, np.ma.MaskedArray)


def _default_dtype(array: np.ndarray) -> DType:
    """The dtype of a tensor made of Python's numbers, which NumPy put into `array`."""
    if array.dtype.kind == "f":
        return float32
    fits = array.dtype.kind == "i" and (
        not array.size or (-(2**31) <= array.min() and array.max() < 2**31)
    )
    return int32 if fits else as_dtype(array.dtype)


def shape_array(shape: Shape, dtype: DType | None = None) -> np.ndarray:
    """A known shape as a vector of int32, or of int64 where its numbers need that."""
    if not shape.is_fully_defined():
        raise ShapeError(
            f"Cannot convert a partially known TensorShape to a Tensor: {shape}; "
            "tg.shape(x) is the shape that a run knows"
        )
    if dtype is not None and not dtype.is_integer:
        raise DTypeError(f"Cannot convert a TensorShape to dtype {dtype.name}")
    dims = np.array(shape.sizes, np.int64)
    return to_array(dims, dtype or (int32 if (dims < 2**31).all() else int64))


def _of_numbers(value: Any, dtype: DType | None, by_value: bool) -> np.ndarray:
    """Python's numbers, each taken as itself, where NumPy rounds or gives up on ints too large."""
    array = np.asarray(value, object)
    if not all(isinstance(x, int | float | np.number | np.bool_) for x in array.flat):
        raise DTypeError(f"{_describe(value, array)} is not made of numbers or bools")
    floats = [isinstance(x, float | np.floating) for x in array.flat]
    if dtype is None:
        dtype = float32 if any(floats) else int64
    if dtype.is_floating:
        try:
            return array.astype(np.float64)
        except OverflowError:
            raise InvalidArgumentError(f"{value!r} is out of the range of {dtype.name}") from None
    if any(floats) and not by_value:
        raise DTypeError(f"{_describe(value, array)} is not {dtype.name} without loss")
    for x in [x.item() if isinstance(x, np.generic) else x for x in array.flat]:
        if x < dtype.min or x > dtype.max:  # as Python compares: a float16 has no such bounds
            raise InvalidArgumentError(f"{x} is out of the range of {dtype.name}")
        if x != x or x != int(x):  # NaN, or a fraction
            raise InvalidArgumentError(f"{x} is not {dtype.name} without loss")
    return array.astype(dtype.numpy)


def _checked_cast(array: np.ndarray, dtype: DType) -> np.ndarray:
    source, target = array.dtype, dtype.numpy
    if source == target:
        return np.asarray(array, order="C")
    if target.kind in "iu" and array.size:
        low, high = array.min().item(), array.max().item()
        if low < dtype.min or high > dtype.max:
            bad = low if low < dtype.min else high
            raise InvalidArgumentError(f"{bad} is out of the range of {dtype.name}")
    cast = quietly(np.ascontiguousarray, array, dtype=target).reshape(array.shape)
    if target.kind == "b" or source.kind == "f" and target.kind != "f":
        changed = array[quietly(np.not_equal, cast, array)]
        if changed.size:
            raise InvalidArgumentError(f"{changed[0]} is not {dtype.name} without loss")
    elif target.kind == "f" and not np.isfinite(cast).all():
        overflowed = np.isinf(cast) & np.isfinite(array)
        if overflowed.any():
            bad = array[overflowed][0]
            raise InvalidArgumentError(f"{bad} is out of the range of {dtype.name}")
    return cast


def _describe(value: Any, array: np.ndarray) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {array.dtype}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
