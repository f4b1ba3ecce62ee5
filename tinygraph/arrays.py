"""Arrays of what users write: numbers, lists, NumPy's arrays. No conversion loses a value."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.dtypes import DType, float32, int32, int64
from tinygraph.errors import (
    DTypeError, InvalidArgumentError, ResourceExhaustedError, ShapeError, TinygraphError,
)
from tinygraph.interrupts import quietly
from tinygraph.kernels.casting import exact_array
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
    # the common cases: a hyper-parameter, a scalar that a run has returned, a shape
    kind, default = type(value), dtype or float32
    if kind is float and default.is_floating and default.min <= value <= default.max:
        return np.array(value, default.numpy)
    if dtype is not None and kind is dtype.numpy.type:
        return np.array(value, dtype.numpy)
    if dtype is None and kind in (list, tuple) and {*map(type, value)} == {int}:
        if int32.min <= min(value) and max(value) <= int32.max:
            return np.array(value, np.int32)
    try:
        return quietly(exact_array, value, None if dtype is None else dtype.numpy, by_value)
    except TinygraphError:
        raise
    except TypeError as error:
        raise DTypeError(str(error)) from None
    except ValueError as error:
        raise InvalidArgumentError(str(error)) from None
    except MemoryError:
        spec = Spec(Shape.of(np.shape(value)), dtype or float32)
        raise ResourceExhaustedError(no_memory("an array", spec)) from None


def no_memory(what: str, spec: Spec) -> str:
    """The message of a ResourceExhaustedError: there is no memory for `what`, of that spec."""
    size = f"takes {spec.bytes:,} bytes" if spec.shape.is_fully_defined() else "is too large"
    return f"no memory for {what}: {spec} {size}"


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
