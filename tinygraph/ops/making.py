"""Arrays made from a few numbers: range, linspace, one_hot, sequence_mask, meshgrid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygraph.arguments import choice, named
from tinygraph.arrays import to_array
from tinygraph.defaults import name_scope
from tinygraph.dtypes import DType, as_dtype, bool_, float32, float64, int32, int64
from tinygraph.errors import DTypeError, InvalidArgumentError
from tinygraph.families import check_dtypes
from tinygraph.function import arguments_of
from tinygraph.graph import Node
from tinygraph.op import Op, as_node
from tinygraph.ops.array import as_shape, count_of, dim_of, static_int
from tinygraph.ops.broadcasting import broadcast_to, sum_like
from tinygraph.ops.compare import cast, less
from tinygraph.ops.math import maximum
from tinygraph.ops.reduce import reduce_max
from tinygraph.ops.reshaping import expand_op, reshape
from tinygraph.ops.rules import check_rank
from tinygraph.spec import UNKNOWN, Shape, Spec, normalize_axis
from tinygraph.typing import AxisLike, DTypeLike, TensorLike

# ---------------------------------------------------------------- range and linspace


def _length(start: Any, limit: Any, delta: Any) -> int:
    """How many numbers range(start, limit, delta) has."""
    if delta == 0:
        raise InvalidArgumentError("Requires delta != 0")
    if not (start <= limit if delta > 0 else start >= limit):  # so that NaN is refused too
        sign = "<= limit when delta >" if delta > 0 else ">= limit when delta <"
        raise InvalidArgumentError(f"Requires start {sign} 0: {start}/{limit}")
    if np.asarray(start).dtype.kind != "f":
        return len(range(int(start), int(limit), int(delta)))
    count = np.ceil(np.abs((limit - start) / delta))
    if not count < 2**63:
        raise InvalidArgumentError(f"a range has no {count:g} numbers: {start}, {limit}, {delta}")
    return int(count)


def _range(start: np.ndarray, limit: np.ndarray, delta: np.ndarray) -> np.ndarray:
    count = _length(start, limit, delta)
    numbers = np.asarray(start).astype(np.float64 if start.dtype.kind == "f" else start.dtype)
    return (numbers + np.arange(count, dtype=numbers.dtype) * delta).astype(start.dtype)


def _range_spec(*numbers: Spec) -> Spec:
    dtype = check_dtypes(numbers, "number")
    for x, what in zip(numbers, ("start", "limit", "delta"), strict=True):
        check_rank(x, 0, what)
    constants = [x.constant for x in numbers]
    size = None if any(x is None for x in constants) else _length(*constants)
    return Spec(Shape.of((size,)), dtype)


range_op = Op("Range", _range, _range_spec, (None, None, None), ("start", "limit", "delta"),
    doc="start, start + delta, ... up to but without limit.")


def range_(
    start: TensorLike, limit: TensorLike | None = None, delta: TensorLike = 1,
    dtype: DTypeLike | None = None, name: str | None = "range",
) -> Node:
    """The numbers from `start` up to but without `limit`; of `range(n)`, from 0 to n - 1.

    Without `dtype` it is the widest of the arguments' dtypes: int32, int64, float32, float64.

    >>> tg.range(2, 10, 3).eval()
    array([2, 5, 8], dtype=int32)
    """
    if limit is None:
        start, limit = 0, start
    values = {"start": start, "limit": limit, "delta": delta}
    wanted = _widest(values.values()) if dtype is None else as_dtype(dtype)
    with name_scope(name, "Range", values.values()) as scope:
        keys = values.items()
        nodes = [x if isinstance(x, Node) else as_node(x, wanted, key) for key, x in keys]
        return range_op(*[cast(x, wanted) for x in nodes], name=scope)


def dtype_of(value: Any) -> DType:
    """The dtype that `value` has, or would have as a tensor."""
    return value.dtype if isinstance(value, Node) else as_dtype(to_array(value).dtype)


def _widest(values: Iterable) -> DType:
    dtypes = {dtype_of(x) for x in values}
    known = (int32, int64, float32, float64)
    if others := sorted(dtype.name for dtype in dtypes.difference(known)):
        raise DTypeError(f"range takes {', '.join(d.name for d in known)}, not {', '.join(others)}")
    return max(dtypes, key=known.index)


def _linspace_spec(start: Spec, stop: Spec, num: Spec) -> Spec:
    check_rank(start, 0, "start")
    check_rank(stop, 0, "stop")
    count = count_of(num, "num", least=1)
    return Spec(Shape.of((count,)), check_dtypes((start, stop), "float"))


def _linspace(start: np.ndarray, stop: np.ndarray, num: Any) -> np.ndarray:
    if num <= 0:
        raise InvalidArgumentError(f"Requires num > 0: {num}")
    if start.dtype == np.float16:  # which has no numbers to count with
        return np.linspace(float(start), float(stop), int(num)).astype(np.float16)
    return np.linspace(start, stop, int(num), dtype=start.dtype)


def _ramp(x: Node, first: int, last: int, num: Node) -> Node:
    return linspace(*(np.array(end, x.dtype.numpy) for end in (first, last)), num)


linspace = Op("LinSpace", _linspace, _linspace_spec,
    (lambda g, y, start, stop, num: sum_like(g * _ramp(start, 1, 0, num), start),
     lambda g, y, start, stop, num: sum_like(g * _ramp(stop, 0, 1, num), stop), None),
    {"start": "T", "stop": "T", "num": None}, static=(2,),
    doc="""`num` numbers from `start` to `stop`, both included, at equal distances.

    >>> tg.linspace(0.0, 1.0, 5).eval()
    array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """)
lin_space = linspace

# ---------------------------------------------------------------- one_hot and sequence_mask


def _hot_spec(indices: Spec, depth: Spec, on: Spec, off: Spec, axis: int) -> Spec:
    check_dtypes((indices,), "int")
    dtype, count = check_dtypes((on, off), "any"), count_of(depth, "depth")
    check_rank(on, 0, "on_value")
    check_rank(off, 0, "off_value")
    dims = indices.shape.sizes
    if dims is None:
        return Spec(UNKNOWN, dtype)
    at = normalize_axis(axis, len(dims) + 1)
    return Spec(Shape.of((*dims[:at], count, *dims[at:])), dtype)


def _one_hot(indices: Any, depth: Any, on: Any, off: Any, out: Any, axis: int) -> np.ndarray:
    indices = np.asarray(indices)
    out[...] = off
    rows = np.moveaxis(out, axis, -1)[None]  # [None]: np.nonzero wants at least one dimension
    at = np.nonzero(((indices >= 0) & (indices < depth))[None])
    rows[(*at, indices[None][at])] = on
    return out


one_hot_op = Op("OneHot", _one_hot, _hot_spec,
    (None, None,
     lambda g, y, i, n, on, off, axis: sum_like(g * _hot(i, n, 1, 0, on.dtype, axis), on),
     lambda g, y, i, n, on, off, axis: sum_like(g * _hot(i, n, 0, 1, on.dtype, axis), off)),
    ("indices", "depth", "on_value", "off_value"), static=(1,),
    doc="`on_value` at [i, indices[i]], `off_value` elsewhere.")


def _hot(indices: Node, depth: Node, on: Any, off: Any, dtype: DType, axis: int) -> Node:
    return one_hot_op(
        indices, depth, np.array(on, dtype.numpy), np.array(off, dtype.numpy), axis=axis)


def one_hot(
    indices: TensorLike, depth: TensorLike, on_value: TensorLike | None = None,
    off_value: TensorLike | None = None, axis: AxisLike = None, dtype: DTypeLike | None = None,
    name: str | None = None,
) -> Node:
    """Vectors of length `depth` with `on_value` at `indices`, along a new last axis or `axis`.

    An index out of range gives a vector of `off_value`. The dtype is that of the values, or
    float32 without any.

    >>> tg.one_hot([0, 2, -1], 3).eval()
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 0., 0.]], dtype=float32)
    """
    with arguments_of(named(name, "one_hot"), indices):
        at = static_int(-1 if axis is None else axis, "axis")
        if dtype is None:
            values = [x for x in (on_value, off_value) if x is not None]
            values.sort(key=lambda x: not isinstance(x, Node))  # numbers take a tensor's dtype
            dtype = dtype_of(values[0]) if values else float32
            if values and not isinstance(values[0], Node) and dtype_of(values[-1]) is not dtype:
                raise DTypeError(f"on_value {on_value!r} and off_value {off_value!r} do not mix")
    wanted = as_dtype(dtype)
    on = np.array(1, wanted.numpy) if on_value is None else on_value
    off = np.array(0, wanted.numpy) if off_value is None else off_value
    with name_scope(name, "one_hot", [indices, depth, on, off]) as scope:
        on, off = as_node(on, wanted, "on_value"), as_node(off, wanted, "off_value")
        return one_hot_op(indices, depth, on, off, axis=at, name=scope)


def sequence_mask(
    lengths: TensorLike, maxlen: TensorLike | None = None, dtype: DTypeLike = bool_,
    name: str | None = None,
) -> Node:
    """True at [i, j] where j < lengths[i], for j below `maxlen` or the largest length.

    >>> tg.sequence_mask([1, 3]).eval()
    array([[ True, False, False],
           [ True,  True,  True]])
    """
    with name_scope(name, "SequenceMask", [lengths, maxlen]):
        lengths = as_node(lengths, name="lengths")
        if maxlen is None:
            maxlen = maximum(reduce_max(lengths), 0)
        numbers = range_(0, maxlen)
        ends = expand_op(cast(lengths, numbers.dtype), axis=(-1,))
        return cast(less(numbers, ends), dtype)


# ---------------------------------------------------------------- grids


def meshgrid(*args: TensorLike, indexing: str = "xy", name: str | None = "meshgrid") -> list[Node]:
    """The coordinates of a grid over vectors: one tensor for each, all of the grid's shape.

    With indexing "xy" the first vector runs along the second axis, with "ij" along the first.

    >>> x, y = tg.meshgrid([1, 2, 3], [4, 5])
    >>> x.eval()
    array([[1, 2, 3],
           [1, 2, 3]], dtype=int32)
    """
    choice(indexing, "indexing", ("xy", "ij"))
    with name_scope(name, "meshgrid", args):
        vectors = [reshape(x, [-1]) for x in args]
        axes = list(range(len(args)))
        if indexing == "xy" and len(args) > 1:
            axes[:2] = 1, 0
        sizes = [dim_of(vectors[axis], 0) for axis in axes]
        shapes = [[-1 if axis == along else 1 for axis in range(len(args))] for along in axes]
        lines = [reshape(x, shape) for x, shape in zip(vectors, shapes, strict=True)]
        return [broadcast_to(line, as_shape(sizes)) for line in lines]
