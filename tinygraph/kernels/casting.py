"""What users write, as arrays of numbers in which none has changed."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np

NAMES = (
    "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16",
    "uint32", "uint64", "bool",
)
NUMBERS = frozenset(map(np.dtype, NAMES))


@cache
def limits(dtype: np.dtype) -> tuple[Any, Any]:
    """The least and the greatest finite value, as Python numbers."""
    if dtype.kind == "b":
        return False, True
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return dtype.type(info.min).item(), dtype.type(info.max).item()


def exact_array(
    value: Any, dtype: np.dtype | None = None, by_value: bool = False
) -> np.ndarray:
    """`value` as a C-contiguous array of `dtype`; TypeError or ValueError where it cannot be one.

    `tinygraph.arrays.to_array` says what may convert. NumPy may warn of what is then an error.
    """
    if "numpy.ma" in sys.modules and is_masked(value):  # naming np.ma imports it, 10 ms
        raise TypeError("a masked array has no values under its mask; use .filled(value)")
    weak = not isinstance(value, np.ndarray | np.generic) and not hasattr(value, "__array__")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"not a rectangular array of numbers: {error}") from None
    of_floats = array.dtype.kind == "f" and dtype is not None and dtype.kind != "f"
    if weak and (of_floats or array.dtype == object):
        array = of_numbers(value, dtype, by_value)
    if array.dtype.newbyteorder("=") not in NUMBERS:
        raise TypeError(f"{described(value, array)} is not made of numbers or bools")
    if dtype is None:
        dtype = default_dtype(array) if weak else array.dtype.newbyteorder("=")
    if weak and not by_value and dtype.kind == "b" and array.dtype.kind != "b":
        raise TypeError(f"{described(value, array)} is not bool without loss")
    return exact_cast(array, dtype)


def is_masked(value: Any, depth: int = 64) -> bool:
    """Whether `value` is a masked array or a list, at most NumPy's 64 levels deep, that has one."""
    if isinstance(value, list | tuple):
        kinds = set(map(type, value))  # elements may be many, and their types are few
        nested = any(issubclass(kind, list | tuple | np.ma.MaskedArray) for kind in kinds)
        return nested and depth > 0 and any(is_masked(x, depth - 1) for x in value)
    return isinstance(value, np.ma.MaskedArray)


def default_dtype(array: np.ndarray) -> np.dtype:
    """The dtype of a tensor made of Python's numbers, which NumPy put into `array`."""
    if array.dtype.kind == "f":
        return np.dtype(np.float32)
    fits = array.dtype.kind == "i" and (
        not array.size or (-(2**31) <= array.min() and array.max() < 2**31)
    )
    return np.dtype(np.int32) if fits else array.dtype


def of_numbers(value: Any, dtype: np.dtype | None, by_value: bool) -> np.ndarray:
    """Python's numbers, each taken as itself, where NumPy rounds or gives up on ints too large."""
    array = np.asarray(value, object)
    if not all(isinstance(x, int | float | np.number | np.bool_) for x in array.flat):
        raise TypeError(f"{described(value, array)} is not made of numbers or bools")
    floats = [isinstance(x, float | np.floating) for x in array.flat]
    if dtype is None:
        dtype = np.dtype(np.float32 if any(floats) else np.int64)
    if dtype.kind == "f":
        try:
            return array.astype(np.float64)
        except OverflowError:
            raise ValueError(f"{value!r} is out of the range of {dtype.name}") from None
    if any(floats) and not by_value:
        raise TypeError(f"{described(value, array)} is not {dtype.name} without loss")
    low, high = limits(dtype)
    for x in [x.item() if isinstance(x, np.generic) else x for x in array.flat]:
        if x < low or x > high:  # as Python compares: a float16 has no such bounds
            raise ValueError(f"{x} is out of the range of {dtype.name}")
        if x != x or x != int(x):  # NaN, or a fraction
            raise ValueError(f"{x} is not {dtype.name} without loss")
    return array.astype(dtype)


def exact_cast(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """An array of numbers in another dtype; a number may round to the nearest float."""
    if array.dtype == dtype:
        return np.asarray(array, order="C")
    if dtype.kind in "iu" and array.size:
        (low, high), least, most = limits(dtype), array.min().item(), array.max().item()
        if least < low or most > high:
            bad = least if least < low else most
            raise ValueError(f"{bad} is out of the range of {dtype.name}")
    cast = np.ascontiguousarray(array, dtype=dtype).reshape(array.shape)
    if dtype.kind == "b" or array.dtype.kind == "f" and dtype.kind != "f":
        changed = array[np.not_equal(cast, array)]
        if changed.size:
            raise ValueError(f"{changed[0]} is not {dtype.name} without loss")
    elif dtype.kind == "f" and not np.isfinite(cast).all():
        overflowed = np.isinf(cast) & np.isfinite(array)
        if overflowed.any():
            raise ValueError(f"{array[overflowed][0]} is out of the range of {dtype.name}")
    return cast


def described(value: Any, array: np.ndarray) -> str:
    """What a user wrote, for an error; `array` is what NumPy made of it."""
    if isinstance(value, np.ndarray):
        return f"an array of {array.dtype}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
