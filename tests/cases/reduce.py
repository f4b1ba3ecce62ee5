"""Reductions, running sums and products, sums of segments, and what undoes broadcasting."""

from __future__ import annotations

import numpy as np

import tinygraph as tg
from cases import Case, bools, f64, i32, i64
from tinygraph.op import registry
from tinygraph.ops.reduce import reduce_euclidean_norm

INF = np.inf
AXES = [None, 0, -1, (0, 2), [1], (0, 1, 2)]


def lopsided(*shape):
    """So that the sum over all is not much smaller than the elements."""
    return f64(*shape, low=-1.0, high=2.0)


def over_axes(op, build, numpy, make=f64, **options):
    """A reduction of a cube over each kind of axis, with and without keepdims."""
    for axis in AXES:
        at = tuple(axis) if isinstance(axis, list | tuple) else axis
        for keepdims in (False, True):
            yield Case(
                op, lambda x, axis=axis, keep=keepdims: build(x, axis=axis, keepdims=keep),
                [make(2, 3, 4)], lambda x, at=at, keep=keepdims: numpy(x, axis=at, keepdims=keep),
                note=f"axis {axis}{' kept' if keepdims else ''}", **options,
            )
    if op != "EuclideanNorm":  # whose second derivative is then made of rounding errors only
        yield Case(op, lambda x: build(x, axis=[]), [make(2, 3)], lambda x: numpy(x, axis=()),
                   note="no axis", **options)
    yield Case(op, lambda x: build(x), [make()], numpy, note="scalar", **options)


def logsumexp(x, axis=None, keepdims=False):
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def norm(x, axis=None, keepdims=False):
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


def int_mean(x):
    return np.int32(np.trunc(x.mean()))


# ---------------------------------------------------------------- over axes

REDUCTIONS = [
    *over_axes("Sum", tg.reduce_sum, np.sum, lopsided),
    *over_axes("Mean", tg.reduce_mean, np.mean, lopsided),
    *over_axes("Max", tg.reduce_max, np.max),
    *over_axes("Min", tg.reduce_min, np.min),
    *over_axes("Prod", tg.reduce_prod, np.prod),
    *over_axes("LogSumExp", tg.reduce_logsumexp, logsumexp),
    *over_axes("EuclideanNorm", reduce_euclidean_norm, norm),
    *over_axes("Any", tg.reduce_any, np.any, bools),
    *over_axes("All", tg.reduce_all, np.all, bools),
]

SIZES = [
    Case("Sum", lambda x: tg.reduce_sum(x, 0), [f64(1500, 3)], lambda x: x.sum(0),
         note="blocks", second=False),
    Case("Sum", lambda x: tg.reduce_sum(x, 1), [f64(2, 2048, 3)], lambda x: x.sum(1),
         note="middle blocks", second=False),
    Case("Sum", lambda x: tg.reduce_sum(x, 1), [f64(2, 1500)], lambda x: x.sum(1),
         note="long rows", second=False),
    Case("Sum", lambda x: tg.reduce_sum(x, [0, 2]), [f64(3, 2, 4, 2)], lambda x: x.sum((0, 2)),
         note="axes apart"),
    Case("Sum", lambda x: tg.reduce_sum(tg.transpose(x), 0), [f64(3, 4)], lambda x: x.sum(1),
         note="of a transpose"),
    Case("Sum", lambda x: tg.reduce_sum(tg.broadcast_to(x, [5, 3]), 0), [f64(3)],
         lambda x: 5 * x, note="of a broadcast"),
    *(Case("Sum", lambda x, axis=axis: tg.reduce_sum(x, axis), [np.zeros((0, 3))],
           lambda x, axis=axis: x.sum(axis), note=f"of nothing over {axis}")
      for axis in (None, 0, 1)),
    *(Case("Prod", lambda x, axis=axis: tg.reduce_prod(x, axis), [np.zeros((0, 3))],
           lambda x, axis=axis: x.prod(axis), note=f"of nothing over {axis}")
      for axis in (None, 0, 1)),
    Case("Max", lambda x: tg.reduce_max(x, 0), [np.zeros((0, 3))], lambda x: np.full(3, -INF),
         note="of nothing", grad=False),
    Case("Min", lambda x: tg.reduce_min(x, 0), [np.zeros((0, 3))], lambda x: np.full(3, INF),
         note="of nothing", grad=False),
    Case("Max", lambda x: tg.reduce_max(x), [i32(0)], lambda x: np.int32(-(2**31)),
         note="of no int"),
    Case("Min", lambda x: tg.reduce_min(x), [i32(0)], lambda x: np.int32(2**31 - 1),
         note="of no int"),
    Case("Mean", lambda x: tg.reduce_mean(x, 0), [np.zeros((0, 3))], lambda x: np.full(3, np.nan),
         note="of nothing", grad=False),
    Case("Any", lambda x: tg.reduce_any(x), [bools(0)], np.any, note="of nothing"),
    Case("All", lambda x: tg.reduce_all(x), [bools(0)], np.all, note="of nothing"),
]

INTS = [
    Case("Sum", lambda x: tg.reduce_sum(x, 0), [i32(3, 4)], lambda x: x.sum(0, dtype=np.int32),
         note="int32"),
    Case("Sum", lambda x: tg.reduce_sum(x), [i64(3, 4)], np.sum, note="int64"),
    Case("Sum", lambda x: tg.reduce_sum(tg.cast(x, tg.uint8)), [np.array([200, 200], np.int32)],
         lambda x: np.uint8(144), note="uint8 wraps around"),
    Case("IntMean", tg.reduce_mean, [np.array([1, 2], np.int32)], int_mean, note="int32"),
    Case("Mean", tg.reduce_mean, [np.array([-1, -2], np.int32)], int_mean, note="negative int32"),
    Case("Mean", tg.reduce_mean, [i32(0)], lambda x: np.int32(0), note="no int32"),
    Case("Max", tg.reduce_max, [i32(3, 4)], np.max, note="int32"),
    Case("Min", tg.reduce_min, [i32(3, 4)], np.min, note="int32"),
    Case("Prod", tg.reduce_prod, [i32(3, low=1)], lambda x: x.prod(dtype=np.int32), note="int32"),
    Case("Sum", tg.count_nonzero, [i32(3, 4, high=3)], np.count_nonzero, note="count_nonzero"),
    Case("Sum", lambda x: tg.count_nonzero(x, 1, keep_dims=True, dtype=tg.int32), [bools(3, 4)],
         lambda x: x.sum(1, keepdims=True, dtype=np.int32), note="count of bools"),
]

# ---------------------------------------------------------------- kinks and far away

ROWS = np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 5.0], [1.5, 2.0, 4.0]])


def others(x):
    """The derivative of the product of each row."""
    return np.stack([np.prod(np.delete(x, i, 1), 1) for i in range(x.shape[1])], 1)


EDGES = [
    Case("Prod", lambda x: tg.reduce_prod(x, 1), [ROWS], lambda x: x.prod(1), note="zeros"),
    Case("Prod", lambda x: tg.gradients(tg.reduce_prod(x, 1), x)[0], [ROWS], others,
         note="gradient at zeros", grad=False),
    Case("Prod", lambda x: tg.reduce_prod(x, [0, 1]), [ROWS[1:]], np.prod, note="zeros over two"),
    Case("LogSumExp", tg.reduce_logsumexp, [np.array([1000.0, 1000.0])],
         lambda x: 1000 + np.log(2), note="large", dtypes=("float32",)),
    Case("LogSumExp", tg.reduce_logsumexp, [np.array([-1000.0, -1001.0])],
         lambda x: np.logaddexp(*x), note="small", dtypes=("float32",)),
    Case("LogSumExp", tg.reduce_logsumexp, [np.array([-INF, 0.5])], lambda x: 0.5,
         note="minus infinity", grad=False),
    Case("LogSumExp", tg.reduce_logsumexp, [np.full(2, -INF)], lambda x: -INF,
         note="all minus infinity", grad=False),
    Case("LogSumExp", tg.reduce_logsumexp, [np.array([INF, 0.5])], lambda x: INF,
         note="infinity", grad=False),
    Case("Max", lambda x: tg.gradients(tg.reduce_max(x), x)[0], [np.array([1.0, 3.0, 3.0])],
         lambda x: np.array([0.0, 0.5, 0.5]), note="ties share", grad=False),
    Case("Min", lambda x: tg.gradients(tg.reduce_min(x, 1), x)[0],
         [np.array([[1.0, 1.0, 1.0], [2.0, 1.0, 3.0]])],
         lambda x: np.array([[1 / 3] * 3, [0.0, 1.0, 0.0]]), note="ties share", grad=False),
    Case("Max", tg.reduce_max, [np.array([1.0, np.nan, 3.0])], np.max, note="NaN", grad=False),
]

# ---------------------------------------------------------------- where the extremes are

TIES = np.array([[1.0, 3.0, 3.0], [1.0, 5.0, 0.0]])
PLACES = [
    Case("ArgMax", tg.argmax, [f64(3, 4)], lambda x: x.argmax(0)),
    Case("ArgMin", tg.argmin, [f64(3, 4)], lambda x: x.argmin(0)),
    Case("ArgMax", lambda x: tg.argmax(x, 1), [TIES], lambda x: x.argmax(1), note="ties"),
    Case("ArgMin", lambda x: tg.argmin(x, -1), [TIES], lambda x: x.argmin(1), note="ties"),
    Case("ArgMax", lambda x: tg.argmax(x, 1, output_type=tg.int32), [i32(3, 4)],
         lambda x: x.argmax(1).astype(np.int32), note="int32"),
    Case("ArgMin", lambda x: tg.argmin(x, dimension=1, output_type=tg.int32), [i32(3, 4)],
         lambda x: x.argmin(1).astype(np.int32), note="int32"),
    Case("ArgMax", lambda x: tg.argmax(x, 1), [np.zeros((0, 3))], lambda x: x.argmax(1),
         note="of nothing"),
]

# ---------------------------------------------------------------- running


def running(accumulate, start):
    def reference(x, axis, exclusive, reverse):
        x = np.moveaxis(x, axis, 0)[:: -1 if reverse else 1]
        y = accumulate(x, 0)
        if exclusive:
            y = np.concatenate([np.full_like(x[:1], start), y[:-1]])
        return np.moveaxis(y[:: -1 if reverse else 1], 0, axis)

    return reference


def along(op, build, numpy):
    for exclusive in (False, True):
        for reverse in (False, True):
            flags = {"exclusive": exclusive, "reverse": reverse}
            for axis in (0, -1):
                yield Case(
                    op, lambda x, axis=axis, flags=flags: build(x, axis, **flags), [f64(3, 4)],
                    lambda x, axis=axis, flags=flags: numpy(x, axis, **flags),
                    note=f"axis {axis} {'exclusive ' * exclusive}{'reverse' * reverse}".strip(),
                )
    yield Case(op, build, [i32(3, 2)], lambda x: numpy(x, 0, False, False), note="int32")
    yield Case(op, lambda x: build(x, 1), [np.zeros((2, 0))], lambda x: x, note="of nothing")


def recurrence(a, b):
    s = [b[0]]
    for i in range(1, len(b)):
        s.append(b[i] + a[i] * s[-1])
    return np.stack(s)


cumsum, cumprod = running(np.cumsum, 0), running(np.cumprod, 1)
LINEAR, SHIFT = registry["LinearRecurrence"], registry["Shift"]
RUNNING = [
    *along("Cumsum", tg.cumsum, lambda x, *a, **k: cumsum(x, *a, **k).astype(x.dtype)),
    *along("Cumprod", tg.cumprod, lambda x, *a, **k: cumprod(x, *a, **k).astype(x.dtype)),
    Case("Cumprod", lambda x: tg.cumprod(x, 1), [ROWS], lambda x: np.cumprod(x, 1), note="zeros"),
    Case("Cumprod", lambda x: tg.cumprod(x, 1, True, True), [ROWS],
         lambda x: cumprod(x, 1, True, True), note="zeros exclusive reverse"),
    Case("LinearRecurrence", lambda a, b: LINEAR(a, b, axis=0, reverse=False),
         [f64(4, 2), f64(4, 2)], recurrence),
    Case("LinearRecurrence", lambda a, b: LINEAR(a, b, axis=1, reverse=True),
         [f64(2, 4), f64(2, 4)],
         lambda a, b: recurrence(a.T[::-1], b.T[::-1])[::-1].T, note="reverse"),
    Case("Shift", lambda x: SHIFT(x, axis=0, reverse=False), [f64(3, 2)],
         lambda x: np.concatenate([0 * x[:1], x[:-1]])),
    Case("Shift", lambda x: SHIFT(x, axis=1, reverse=True), [f64(2, 3)],
         lambda x: np.concatenate([x[:, 1:], 0 * x[:, :1]], 1), note="reverse"),
]

# ---------------------------------------------------------------- segments


def segments(data, ids, count):
    total = np.zeros((count, *data.shape[ids.ndim :]), data.dtype)
    np.add.at(total, ids[ids >= 0], data[ids >= 0])
    return total


SEGMENTS = [
    Case("UnsortedSegmentSum", lambda x, ids: tg.unsorted_segment_sum(x, ids, 4),
         [f64(5, 2), np.array([3, 0, -1, 3, 1], np.int32)], lambda x, i: segments(x, i, 4),
         unknown="dims"),
    Case("UnsortedSegmentSum", lambda x, ids: tg.unsorted_segment_sum(x, ids, 3),
         [f64(2, 3), i32(2, 3, high=3)], lambda x, i: segments(x, i, 3), note="matrix of ids",
         unknown="dims"),
    Case("UnsortedSegmentSum", lambda x, ids: tg.unsorted_segment_sum(x, ids, 3),
         [i32(4), i64(4, high=3)], lambda x, i: segments(x, i, 3), note="int32"),
    Case("SegmentSum", lambda x: tg.segment_sum(x, [0, 0, 2, 3]), [f64(4, 2)],
         lambda x: segments(x, np.array([0, 0, 2, 3]), 4), unknown="dims"),
    Case("SegmentSum", tg.segment_sum, [f64(4, 2), np.array([0, 0, 2, 3])],
         lambda x, i: segments(x, i, 4), note="fed ids", unknown="dims"),
    Case("SegmentSum", tg.segment_sum, [f64(0, 2), i64(0)], lambda x, i: x, note="of nothing",
         unknown="dims"),
]

# ---------------------------------------------------------------- the norm, undoing broadcasting


def summed_like(g, x):
    lead = g.ndim - x.ndim
    axes = tuple(range(lead)) + tuple(
        i + lead for i, d in enumerate(x.shape) if d == 1 and g.shape[i + lead] != 1
    )
    return g.sum(axes).reshape(x.shape)


SUM_LIKE = registry["SumLike"]
LIKE = [
    Case("SumLike", lambda g, x: SUM_LIKE(g, x), [f64(2, 3, 4), np.zeros(shape)], summed_like)
    for shape in ((), (4,), (3, 1), (1, 1, 4), (2, 3, 4))
]

CASES = [*REDUCTIONS, *SIZES, *INTS, *EDGES, *PLACES, *RUNNING, *SEGMENTS, *LIKE]
