"""Running sums and products along an axis, and sums over segments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.arguments import flag
from tinygraph.errors import GraphError, InvalidArgumentError, ShapeError
from tinygraph.families import check_dtypes
from tinygraph.graph import Node
from tinygraph.kernels.summation import add_at
from tinygraph.op import Op
from tinygraph.ops.array import count_of
from tinygraph.ops.axes import along_late, axis_of
from tinygraph.ops.broadcasting import broadcast_like
from tinygraph.ops.compare import greater_equal, keep_where
from tinygraph.ops.gathering import gather
from tinygraph.ops.math import maximum
from tinygraph.ops.reshaping import expand_op
from tinygraph.ops.rules import alike, check_rank
from tinygraph.spec import UNKNOWN, Shape, Spec, normalize_axis

Array = np.ndarray

# ---------------------------------------------------------------- cumsum and cumprod


def _running(accumulate: Callable, start: float, name: str) -> Callable:
    """The kernel of a running sum or product that begins with `start`."""

    def kernel(x: Array, out: Array, axis: int, exclusive: bool, reverse: bool) -> Array:
        if x.dtype in (np.float16, np.float32):
            out[...] = kernel(x.astype(np.float64), np.empty(x.shape), axis, exclusive, reverse)
            return out
        source, target = _from_start(x, axis, reverse), _from_start(out, axis, reverse)
        if exclusive:
            target[:1] = start
            source, target = source[:-1], target[1:]
        accumulate(source, axis=0, dtype=x.dtype, out=target)
        return out

    kernel.__name__ = name
    return kernel


def _from_start(x: Array, axis: int, reverse: bool) -> Array:
    """A view with `axis` in front, running backwards if `reverse`."""
    x = np.moveaxis(x, axis, 0)
    return x[::-1] if reverse else x


_numbers_alike = alike("number")


def _along_axis(*specs: Spec, axis: int, **flags: bool) -> Spec:
    spec = _numbers_alike(*specs)
    normalize_axis(axis, spec.shape.ndims)
    return spec


ALONG = {"axis": (axis_of, 0, along_late), "exclusive": (flag, False), "reverse": (flag, False)}

cumsum: Op = Op("Cumsum", _running(np.add.accumulate, 0, "cumsum"), _along_axis,
    (lambda g, y, x, axis, exclusive, reverse:
        cumsum(g, axis=axis, exclusive=exclusive, reverse=not reverse),), ("x",), attrs=ALONG,
    doc="""The running sum along `axis`: from the end if `reverse`, without the element itself
    if `exclusive`. Floats add up in float64.

    >>> tg.cumsum([1.0, 2.0, 3.0]).eval()
    array([1., 3., 6.], dtype=float32)
    >>> tg.cumsum([1.0, 2.0, 3.0], exclusive=True, reverse=True).eval()
    array([5., 3., 0.], dtype=float32)
    """)
cumprod: Op = Op("Cumprod", _running(np.multiply.accumulate, 1, "cumprod"), _along_axis,
    (lambda g, y, x, **attrs: _cumprod_rule(g, x, **attrs),), ("x",), attrs=ALONG,
    doc="""The running product along `axis`: from the end if `reverse`, without the element
    itself if `exclusive`. The gradient is right at zeros too.

    >>> tg.cumprod([2.0, 3.0, 4.0]).eval()
    array([ 2.,  6., 24.], dtype=float32)
    """)


def _cumprod_rule(g: Node, x: Node, axis: int, exclusive: bool, reverse: bool) -> Node:
    """dx[i] = Σ g[k] Π x[j] over k >= i and j <= k but i: the factors before i come out of the sum,
    the sum is a recurrence from the end. TF divides by x instead, which is NaN at 0.
    """
    before = cumprod(x, axis=axis, exclusive=True, reverse=reverse)
    following = shift_op(x, axis=axis, reverse=not reverse)
    if exclusive:
        g = shift_op(g, axis=axis, reverse=not reverse)
    return before * recurrence_op(following, g, axis=axis, reverse=not reverse)


def _recurrence(a: Array, b: Array, out: Array, axis: int, reverse: bool) -> Array:
    a, b, s = (_from_start(array, axis, reverse) for array in (a, b, out))
    last = b[:1].astype(np.result_type(b, np.float64))
    s[:1] = last
    for i in range(1, len(s)):
        last = b[i] + a[i] * last
        s[i] = last[0]
    return out


def _recurrence_back(g: Node, a: Node, axis: int, reverse: bool) -> Node:
    """The gradient at b: t[i] = g[i] + a[i+1] t[i+1]."""
    following = shift_op(a, axis=axis, reverse=not reverse)
    return recurrence_op(following, g, axis=axis, reverse=not reverse)


recurrence_op = Op("LinearRecurrence", _recurrence, _along_axis,
    (lambda g, y, a, b, **along: _recurrence_back(g, a, **along) * shift_op(y, **along),
     lambda g, y, a, b, **along: _recurrence_back(g, a, **along)), ("a", "b"),
    doc="s[i] = b[i] + a[i] s[i-1] along an axis, or from its end; what cumprod's gradient needs.")


def _shift(x: Array, out: Array, axis: int, reverse: bool) -> Array:
    source, target = _from_start(x, axis, reverse), _from_start(out, axis, reverse)
    target[:1] = 0
    target[1:] = source[:-1]
    return out


shift_op: Op = Op("Shift", _shift, _along_axis,
    (lambda g, y, x, axis, reverse: shift_op(g, axis=axis, reverse=not reverse),), ("x",),
    doc="y[i] = x[i-1] along an axis, or x[i+1] if `reverse`, with a 0 where x ends.")


# ---------------------------------------------------------------- sums over segments


def _add_segments(data: Array, ids: Array, total: Array) -> Array:
    total[...] = 0
    kept = ids >= 0
    if total.size:
        add_at(total.reshape(1, len(total), -1), ids[kept], data[kept])
    return total


def _unsorted_segment_sum(data: Array, ids: Array, count: Any, out: Array) -> Array:
    outside = np.argwhere(ids >= count)
    if outside.size:
        place = ", ".join(map(str, outside[0]))
        raise InvalidArgumentError(
            f"segment_ids[{place}] = {ids[tuple(outside[0])]} is out of range [0, {count})")
    return _add_segments(data, ids, out)


def _segments(data: Spec, ids: Spec, count: int | None) -> Spec:
    check_dtypes((ids,), "int")
    dtype = check_dtypes((data,), "number")
    if data.shape.sizes is None or ids.shape.sizes is None:
        return Spec(UNKNOWN, dtype)
    rank = len(ids.shape.sizes)
    if not data.shape[:rank].is_compatible_with(ids.shape) or rank > len(data.shape.sizes):
        raise ShapeError(f"data of shape {data.shape} does not start with the ids' {ids.shape}")
    return Spec(Shape.of((count, *data.shape.sizes[rank:])), dtype)


def _segment_rule(g: Node, data: Node, ids: Node) -> Node:
    """Each element gets the gradient of its segment; what was left out gets 0."""
    if data.shape.ndims is None or ids.shape.ndims is None:
        raise GraphError("the gradient of a segment sum needs tensors of known rank")
    taken = gather(g, maximum(ids, 0))
    extra = tuple(range(ids.shape.ndims, data.shape.ndims))
    counted = greater_equal(ids, 0)
    return keep_where(taken, broadcast_like(expand_op(counted, axis=extra), taken))


unsorted_segment_sum = Op("UnsortedSegmentSum", _unsorted_segment_sum,
    lambda data, ids, count: _segments(data, ids, count_of(count, "num_segments")),
    (lambda g, y, data, ids, count: _segment_rule(g, data, ids), None, None),
    ("data", "segment_ids", "num_segments"), static=(2,),
    doc="""y[k] = the sum of the data[i] with segment_ids[i] = k; negative ids are left out.

    Floats add up in float64 where more than 256 meet, and those of float16 always.
    `segment_ids` has the shape of the first dimensions of `data`. InvalidArgumentError when an id
    is num_segments or more.

    >>> tg.unsorted_segment_sum([1.0, 2.0, 3.0], [1, 0, 1], 2).eval()
    array([2., 4.], dtype=float32)
    """)


def _segment_sum(data: Array, ids: Array) -> Array:
    if ids.size and (ids[0] < 0 or (np.diff(ids) < 0).any()):
        raise InvalidArgumentError("segment ids are not increasing, from 0 or above")
    count = int(ids[-1]) + 1 if ids.size else 0
    return _add_segments(data, ids, np.empty((count, *data.shape[1:]), data.dtype))


def _segment_spec(data: Spec, segment_ids: Spec) -> Spec:
    check_rank(segment_ids, 1, "segment_ids")
    check_dtypes((segment_ids,), "int")
    ids = segment_ids.constant
    count = None if ids is None else int(ids[-1]) + 1 if ids.size else 0
    return _segments(data, segment_ids, count)


segment_sum = Op("SegmentSum", _segment_sum, _segment_spec,
    (lambda g, y, data, ids: _segment_rule(g, data, ids), None), ("data", "segment_ids"),
    doc="""y[k] = the sum of the data[i] with segment_ids[i] = k, for ids that increase.
    Floats add up as in `unsorted_segment_sum`.

    >>> tg.segment_sum([1.0, 2.0, 3.0], [0, 0, 2]).eval()
    array([3., 0., 3.], dtype=float32)
    """)
