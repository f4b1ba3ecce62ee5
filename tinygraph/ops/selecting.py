"""Choosing by value: where, argmax, top_k, in_top_k, unique, differences of sets."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygraph.arguments import flag, named
from tinygraph.defaults import name_scope
from tinygraph.dtypes import DType, as_dtype, bool_, int32, int64
from tinygraph.errors import DTypeError, GraphError, ShapeError
from tinygraph.families import check_dtypes, reduced_shape
from tinygraph.function import arguments_of
from tinygraph.graph import Node
from tinygraph.kernels.blas import copied
from tinygraph.op import Op, as_node, as_nodes
from tinygraph.ops.array import count_of, shape_from, shape_of
from tinygraph.ops.axes import first_axis, in_front
from tinygraph.ops.broadcasting import zeros_like
from tinygraph.ops.rules import at_least_rank, check_ints, check_rank
from tinygraph.spec import UNKNOWN, Shape, Spec
from tinygraph.typing import DTypeLike, TensorLike

# ---------------------------------------------------------------- where


def _select(condition: Any, x: np.ndarray, y: np.ndarray, out: Any) -> np.ndarray:
    condition = np.asarray(condition)
    rows = condition.reshape(condition.shape + (1,) * (np.ndim(x) - condition.ndim))
    np.copyto(copied(y, out), x, where=rows)
    return out


def _selected(condition: Spec, x: Spec, y: Spec) -> Spec:
    if not condition.dtype.is_bool:
        raise DTypeError(f"the condition must be bools, not {condition.dtype.name},")
    dtype, shape = check_dtypes((x, y), "any"), x.shape.merge_with(y.shape)
    rows = condition.shape
    if rows.ndims == 0 or rows.sizes is None:
        return Spec(shape, dtype)
    if rows.ndims == 1 and shape.ndims != 1:  # picks rows
        if not rows.is_compatible_with(shape[:1]):
            raise ShapeError(f"a condition of shape {rows} does not select the rows of {shape}")
        return Spec(shape, dtype)
    return Spec(shape.merge_with(rows), dtype)


select_op: Op = Op("Select", _select, _selected,
    (None, lambda g, z, c, x, y: select_op(c, g, zeros_like(g)),
     lambda g, z, c, x, y: select_op(c, zeros_like(g), g)),
    {"condition": bool_, "x": "T", "y": "T"}, inplace=(2,),
    doc="x where the condition is True, y elsewhere.")


def _where_spec(condition: Spec) -> Spec:
    if condition.shape.ndims == 0:
        raise ShapeError("the condition must not be a scalar")
    return Spec(Shape.of((None, condition.shape.ndims)), int64)


where_op = Op("Where", np.argwhere, _where_spec, (None,), ("condition",),
    doc="The coordinates of what is True.")


def where(
    condition: TensorLike, x: TensorLike | None = None, y: TensorLike | None = None,
    name: str | None = None,
) -> Node:
    """x where `condition` is True, y elsewhere; without x and y, the coordinates of what is True.

    x and y have one shape; `condition` has it too, or is a vector that chooses rows, or a scalar.
    The coordinates are int64, of shape [count, rank], where the run knows the count.

    A NaN or inf in the gradient of the branch not taken reaches x or y as 0 * NaN; keep both
    branches finite, e.g. `tg.where(x > 0, tg.log(tg.where(x > 0, x, ones)), zeros)`.

    >>> tg.where([True, False], [1, 2], [3, 4]).eval()
    array([1, 4], dtype=int32)
    >>> tg.where([True, False, True]).eval()
    array([[0],
           [2]])
    """
    if x is None and y is None:
        return where_op(condition, name=name)
    if x is None or y is None:
        with arguments_of("Select", condition, x, y, name=name or "where"):
            raise GraphError("x and y must both be non-None or both be None.")
    with name_scope(name, "Select", [condition, x, y]) as scope:
        x, y = as_nodes([x, y])
        return select_op(condition, x, y, name=scope)


# ---------------------------------------------------------------- where the extremes are


def _arg_spec(x: Spec, axis: int, output_type: DType) -> Spec:
    check_dtypes((x,), "number")
    return Spec(reduced_shape(x.shape, (axis,), False), output_type)


def _dtype(value: DTypeLike, what: str) -> DType:
    return as_dtype(value)


def _arg_late(op: Op, axis: Node, x: Any, name: str, output_type: DType) -> Node:
    """The op along an axis that only a run knows."""
    with name_scope(name, values=[x, axis]) as scope:
        front, _ = in_front(as_node(x, name="input"), axis)
        return op(front, axis=0, output_type=output_type, name=scope)


def _arg_op(name: str, function: Callable, **fields: Any) -> Op:
    """An op that gives the index of an extreme along `axis`."""

    def kernel(x: np.ndarray, out: np.ndarray, axis: int, output_type: DType) -> np.ndarray:
        if out.dtype == np.intp:
            return function(x, axis=axis, out=out)
        out[...] = function(x, axis=axis)
        return out

    kernel.__name__ = function.__name__
    return Op(name, kernel, _arg_spec, (None,), ("input",), **fields, attrs={
        "axis": (first_axis, None, _arg_late), "name": (named, None), "dimension": "axis",
        "output_type": (_dtype, int64)})


argmax = _arg_op("ArgMax", np.argmax,
    doc="""The index of the largest element along `axis`, by default 0; the first of a tie.

    InvalidArgumentError when the axis is empty.

    >>> tg.argmax([[1.0, 9.0, 3.0], [4.0, 5.0, 5.0]], axis=1).eval()
    array([1, 1])
    """)
argmin = _arg_op("ArgMin", np.argmin,
    doc="""The index of the smallest element along `axis`, by default 0; the first of a tie.

    InvalidArgumentError when the axis is empty.

    >>> tg.argmin([[1.0, 9.0, 3.0], [4.0, 5.0, 5.0]], axis=1).eval()
    array([0, 0])
    """)


# ---------------------------------------------------------------- top_k


def _top_k(x: np.ndarray, k: Any) -> tuple[np.ndarray, np.ndarray]:
    """Of equal elements the first comes first: a stable sort, read from its end, of x reversed."""
    n = x.shape[-1]
    order = x[..., ::-1].argsort(axis=-1, kind="stable")[..., n - int(k) :][..., ::-1]
    indices = np.subtract(n - 1, order, dtype=np.int32, casting="unsafe")
    return _take(x, indices), indices


def _top_k_spec(x: Spec, k: Spec) -> Spec:
    dims, count = at_least_rank(x, 1), count_of(k, "k")
    shape = UNKNOWN
    if dims is not None:
        *rows, size = dims
        if count is not None and size is not None and count > size:
            raise ShapeError(f"input must have last dimension >= k = {count} but is {size}")
        shape = Shape.of((*rows, count))
    return Spec.of_items([Spec(shape, x.dtype), Spec(shape, int32)])


def _take(x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """As np.take_along_axis does along the last axis, which takes NumPy twice the time."""
    rows = np.arange(math.prod(x.shape[:-1])).reshape(*x.shape[:-1], 1)
    return x.reshape(rows.size, x.shape[-1])[rows, indices]


def _put(g: np.ndarray, indices: np.ndarray, shape: Any, out: Any) -> np.ndarray:
    out.fill(0)
    np.put_along_axis(out, indices, g, axis=-1)
    return out


top_k_op = Op("TopKV2", _top_k, _top_k_spec,
    (lambda g, y, x, k: put_op(g[0], y[1], shape_of(x)), None), ("input", "k"), static=(1,),
    doc="The k largest elements of each row, and where they are.")
take_op = Op("TakeAlongRows", _take, lambda x, i: Spec(i.shape, x.dtype),
    (lambda g, y, x, i: put_op(g, i, shape_of(x)), None), ("input", "indices"),
    doc="The elements of each row at different indices.")
put_op: Op = Op("TopKGrad", _put, lambda g, i, shape: Spec(shape_from(shape), g.dtype),
    (lambda h, y, g, i, shape: take_op(h, i), None, None), ("g", "indices", "shape"), static=(2,),
    doc="Zeros of a shape, with g at different indices of each row.")


class TopKV2(NamedTuple):
    """What `top_k` finds."""

    values: Node
    indices: Node


def top_k(
    input: TensorLike, k: TensorLike = 1, sorted: bool = True, name: str | None = None
) -> TopKV2:
    """The k largest elements of each row, in descending order, and where they are (int32).

    Of equal elements the one with the lower index comes first.

    >>> values, indices = tg.nn.top_k([1.0, 5.0, 3.0, 5.0], k=2)
    >>> print(values.eval(), indices.eval())
    [5. 5.] [1 3]
    """
    flag(sorted, "sorted")  # sorted is as good as unsorted
    return TopKV2(*top_k_op(input, k, name=name))


def _in_top_k(predictions: np.ndarray, targets: np.ndarray, k: Any) -> np.ndarray:
    known = (targets >= 0) & (targets < predictions.shape[1])
    rows = np.arange(len(targets))
    wanted = predictions[rows, np.where(known, targets, 0)] if known.any() else np.zeros(len(rows))
    finite = np.isfinite(predictions).all(axis=1)
    return known & finite & ((predictions > wanted[:, None]).sum(axis=1) < k)


def _in_top_k_spec(predictions: Spec, targets: Spec, k: Spec) -> Spec:
    check_dtypes((predictions,), "float")
    check_ints(targets, "targets")
    return Spec(predictions.shape.with_rank(2)[:1].merge_with(targets.shape), bool_)


in_top_k = Op("InTopKV2", _in_top_k, _in_top_k_spec, (None, None, None),
    ("predictions", "targets", "k"), static=(2,), attrs={"name": (named, None, "in_top_k")},
    doc="""Whether fewer than `k` predictions of a row are larger than that of its target.

    False for a target out of range and for a row with a prediction that is not finite.

    >>> tg.nn.in_top_k([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]], [2, 1], 2).eval()
    array([ True, False])
    """)


# ---------------------------------------------------------------- sets

SOME = Shape.of((None,))  # a vector of a length that depends on values
FEW = 128  # elements that a dict holds sooner than NumPy sorts them


def _index_dtype(value: Any, what: str) -> DType:
    dtype = as_dtype(value)
    if dtype not in (int32, int64):
        raise DTypeError(f"{what} must be tg.int32 or tg.int64, not {dtype.name}")
    return dtype


def _unique_spec(x: Spec, out_idx: DType) -> Spec:
    check_rank(x, 1, "x")
    return Spec.of_items([Spec(SOME, x.dtype), Spec(x.shape.with_rank(1), out_idx)])


def _unique(x: np.ndarray, out_idx: Any) -> tuple[np.ndarray, np.ndarray]:
    """NaN equals nothing, not even itself, as in TF."""
    if x.size <= FEW:
        place: dict[Any, int] = {}
        idx = [place.setdefault(value, len(place)) for value in x.tolist()]
        return np.array(list(place), x.dtype), np.array(idx, out_idx)
    _, first, sorted_idx = np.unique(x, return_index=True, return_inverse=True, equal_nan=False)
    by_appearance = np.argsort(first)
    places = np.argsort(by_appearance).astype(out_idx)  # of the sorted elements
    return x[first[by_appearance]], places[sorted_idx]


def _unique_with_counts(x: np.ndarray, out_idx: Any) -> tuple[np.ndarray, ...]:
    y, idx = _unique(x, out_idx)
    return y, idx, np.bincount(idx).astype(idx.dtype)


unique_op = Op("Unique", _unique, _unique_spec, (None,), ("x",),
    doc="The different elements in the order of their appearance, and which of them each is.")
unique_with_counts_op = Op("UniqueWithCounts", _unique_with_counts,
    lambda x, out_idx: Spec.of_items([*_unique_spec(x, out_idx).items, Spec(SOME, out_idx)]),
    (None,), ("x",),
    doc="The same, and how often each of the different elements appears.")


class Unique(NamedTuple):
    """What `unique` finds: x[i] == y[idx[i]]."""

    y: Node
    idx: Node


def unique(x: TensorLike, out_idx: DTypeLike = int32, name: str | None = None) -> Unique:
    """The different elements of a vector in order of appearance, and which of them each is.

    >>> y, idx = tg.unique([7, 3, 7])
    >>> print(y.eval(), idx.eval())
    [7 3] [0 1 0]
    """
    return Unique(*unique_op(x, out_idx=_index_dtype(out_idx, "out_idx"), name=name))


class UniqueWithCounts(NamedTuple):
    """What `unique_with_counts` finds: x[i] == y[idx[i]], and y[j] appears count[j] times."""

    y: Node
    idx: Node
    count: Node  # type: ignore[assignment]  # TF's name, which hides tuple.count


def unique_with_counts(
    x: TensorLike, out_idx: DTypeLike = int32, name: str | None = None
) -> UniqueWithCounts:
    """What `unique` finds, and how often each of the different elements appears.

    >>> y, idx, count = tg.unique_with_counts([7, 3, 7])
    >>> print(y.eval(), idx.eval(), count.eval())
    [7 3] [0 1 0] [2 1]
    """
    dtype = _index_dtype(out_idx, "out_idx")
    return UniqueWithCounts(*unique_with_counts_op(x, out_idx=dtype, name=name))


def _difference_spec(x: Spec, y: Spec, index_dtype: DType) -> Spec:
    check_rank(x, 1, "x")
    check_rank(y, 1, "y")
    return Spec.of_items([Spec(SOME, check_dtypes((x, y), "any")), Spec(SOME, index_dtype)])


def _difference(x: np.ndarray, y: np.ndarray, index_dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    idx = np.flatnonzero(~np.isin(x, y))
    return x[idx], idx.astype(index_dtype)


difference_op = Op("ListDiff", _difference, _difference_spec, (None, None), {"x": "T", "y": "T"},
    doc="The elements of x that are not in y, and where in x they are.")


class ListDiff(NamedTuple):
    """What `setdiff1d` finds: out[i] == x[idx[i]]."""

    out: Node
    idx: Node


def setdiff1d(
    x: TensorLike, y: TensorLike, index_dtype: DTypeLike = int32, name: str | None = None
) -> ListDiff:
    """The elements of the vector x that are not in y, in order and with repetitions, and where.

    >>> out, idx = tg.setdiff1d([1, 2, 3, 2], [1, 3])
    >>> print(out.eval(), idx.eval())
    [2 2] [1 3]
    """
    dtype = _index_dtype(index_dtype, "index_dtype")
    return ListDiff(*difference_op(x, y, index_dtype=dtype, name=name))
