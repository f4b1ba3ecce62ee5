"""Values that are known while building: arithmetic on shapes."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from types import MethodDescriptorType
from typing import Any

import numpy as np

from tinygraph.dtypes import for_kernel
from tinygraph.errors import DTypeError, TinygraphError
from tinygraph.interrupts import quietly
from tinygraph.spec import Spec

MOST = 64  # elements; enough for any shape, too few to cost time

Op = Any  # of op.py, which imports this file


class _Unknown:
    """An element that is not known, as kernels get it: it can be moved, and nothing else."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise TypeError("an element that is not known")

    __ne__ = __eq__

    def __bool__(self) -> bool:
        raise TypeError("an element that is not known")


UNKNOWN = _Unknown()


def values(
    op: Op, specs: list[Spec], attrs: dict, outputs: tuple[Spec, ...], several: bool = False
) -> list[np.ndarray | None]:
    """The values of an op's small int outputs where those of its inputs are known, else None."""
    unknown: list[np.ndarray | None] = [None] * len(outputs)
    if op.kernel is None or op.stateful or all(s.value is None for s in specs):
        return unknown
    if not any(map(_is_small, outputs)):
        return unknown
    arrays = [_elements(s) for s in specs]
    if any(array is None for array in arrays):
        return unknown
    dtype = None
    if any(s.constant is None for s in specs):
        arrays = [_replaced(array, None, UNKNOWN) for array in arrays]  # type: ignore[arg-type]
        dtype = object
    try:
        out = {} if several else new_output(op, outputs[0], dtype)
        results = list(map(np.asarray, kernel_outputs(op, arrays, out, attrs, several)))
    except (TypeError, ValueError, IndexError, AttributeError, ArithmeticError, TinygraphError):
        return unknown
    except SystemError:  # of NumPy's argmax, where it cannot compare
        return unknown
    if len(results) != len(outputs):  # which a run complains of
        return unknown
    return [_fitting(value, spec) for value, spec in zip(results, outputs, strict=True)]


def takes_out(op: Op, spec: Spec) -> bool:
    """Whether the op's kernel is given `out`, an array of that spec, which it writes into."""
    return not (op.view or op.dynamic or op.role == "effect" or spec.items)


def may_take_out(kernel: Any) -> bool:
    """Whether a kernel can be handed an array to write into, as far as one can tell."""
    if kernel is None or isinstance(kernel, np.ufunc | MethodDescriptorType):
        return True
    code = getattr(kernel, "__code__", None) or getattr(inspect.unwrap(kernel), "__code__", None)
    if code is not None:
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        return "out" in names or bool(code.co_flags & inspect.CO_VARKEYWORDS)
    try:
        parameters = inspect.signature(kernel).parameters.values()
    except (TypeError, ValueError):  # of a function that is written in C
        return True
    return any(x.name == "out" or x.kind is x.VAR_KEYWORD for x in parameters)


def is_sized(op: Op, inputs: Sequence[Spec], spec: Spec) -> bool:
    """Whether the shape rule tells the result's size, in a run at the latest.

    Raises DTypeError if the kernel needs `out` where there is none: the rule leaves the size open
    though it knows the inputs' sizes and values, or the op has several outputs.
    """
    if not spec.items and (spec.shape.is_fully_defined() or not all(map(_is_known, inputs))):
        return True
    allowed = op.kernel is None or not takes_out(op, spec._replace(items=()))
    if not allowed and _needs_out(op.kernel):
        why = "it has several outputs" if spec.items else "its shape rule never tells the size"
        raise DTypeError(f"the kernel of {op.name} takes `out`, but {why}: leave `out` away")
    return False


def _is_known(spec: Spec) -> bool:
    """Whether a run could tell a shape rule no more of an input."""
    if not spec.shape.is_fully_defined():
        return False
    return not spec.dtype.is_integer or spec.constant is not None


def _needs_out(kernel: Any) -> bool:
    """Whether a kernel cannot be called without `out`."""
    try:
        out = inspect.signature(kernel).parameters.get("out")
    except (TypeError, ValueError):  # of a function that is written in C
        return False
    return out is not None and out.default is not None


def new_output(op: Op, spec: Spec, dtype: Any = None) -> dict[str, np.ndarray]:
    """The argument `out` of the op's kernel, if that takes one: a new array for its result.

    There is none for a result of which the shape rule never tells the size.
    """
    if not takes_out(op, spec) or not spec.shape.is_fully_defined():
        return {}
    return {"out": np.empty(spec.shape.sizes, dtype or spec.dtype.numpy)}  # type: ignore[arg-type]


def is_numpys(kernel: Any) -> bool:
    """Whether a kernel is a function of NumPy's, which makes the array that it is not given."""
    is_ufunc = isinstance(kernel, np.ufunc | MethodDescriptorType)
    return is_ufunc or str(getattr(kernel, "__module__", "")).startswith("numpy")


def kernel_outputs(op: Op, arrays: list, out: dict, attrs: dict, several: bool) -> Sequence:
    """The outputs that a kernel computes, before a run; () if it has `several` but no tuple."""
    result = quietly(op.kernel, *arrays, **out, **for_kernel(attrs))
    if not several:
        return [result]
    return result if isinstance(result, tuple | list) else ()


def _is_small(spec: Spec) -> bool:
    """Whether building keeps the value of a node with this spec: it has few elements, all ints."""
    size = spec.shape.num_elements()
    return size is not None and size <= MOST and spec.dtype.is_integer


def _fitting(value: np.ndarray, spec: Spec) -> np.ndarray | None:
    """A kernel's result as the value of a small node, if it can be one."""
    if not _is_small(spec):
        return None
    if value.dtype == object:
        value = _replaced(value, UNKNOWN, None)
        if not any(element is None for element in value.flat):
            value = value.astype(spec.dtype.numpy)
    fits = value.shape == spec.shape.sizes and value.dtype in (object, spec.dtype.numpy)
    return value if fits else None


def _replaced(array: np.ndarray, old: Any, new: Any) -> np.ndarray:
    """A copy, of objects, with one in place of another."""
    result = array.astype(object)
    if array.dtype == object:
        result.flat[:] = [new if element is old else element for element in array.flat]
    return result


def _elements(spec: Spec) -> np.ndarray | None:
    """The elements of a small array, None for each that is not known; of ints at least."""
    if spec.value is not None:
        return spec.value if spec.value.size <= MOST else None
    size = spec.shape.num_elements()
    if size is None or size > MOST or not spec.dtype.is_integer:
        return None
    return np.full(spec.shape.sizes, None)  # type: ignore[arg-type]
