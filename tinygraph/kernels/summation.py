"""Sums in NumPy that are accurate along every axis."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

Array = np.ndarray
Axis = tuple[int, ...] | None

# NumPy adds pairwise only along the axis that is contiguous; across it, row by row, which in
# float32 loses 15% of 17 million rows of 0.1. A product with a vector of ones is both more accurate
# and faster: 2 us against 5 for a sum of (100, 256) over its rows, 27 against 78 for (1000, 784),
# where accumulators in float64 take 13 and 229. It loses digits slowly too, 4% of those 17 million
# rows, so many rows go in blocks, whose sums are added in float64: an error of 2e-6 there, where
# all blocks round alike, and of 1e-9 for random rows.

DIRECT, BLOCK = 1024, 256
LARGE = 1 << 13  # elements from which a sum of all takes the sums of the rows first: 5 us, not 16
ONES = {np.dtype(t): np.broadcast_to(np.ones(DIRECT, t), DIRECT) for t in (np.float32, np.float64)}


def sum_over(x: Array, out: Array, axis: Axis, keepdims: bool) -> Array:
    """The sum over `axis`, accurate whatever the axes and the layout."""
    ones = ONES.get(x.dtype)
    if ones is not None and axis is not None and x.ndim == 2 == len(axis) + 1:
        n = x.shape[axis[0]]
        if n <= DIRECT:  # a sum over rows or columns, at once: training steps have several
            left, right = (x, ones[:n]) if axis[0] in (1, -1) else (ones[:n], x)
            np.dot(left, right, out=out.reshape(-1))
            return out
    if x.dtype == np.float16:
        wide = np.empty(out.shape, np.float32)
        np.copyto(out, sum_over(x.astype(np.float32), wide, axis, keepdims), "same_kind")
        return out
    if ones is None:
        return np.add.reduce(x, axis=axis, dtype=x.dtype, out=out, keepdims=keepdims)
    rank = x.ndim
    if axis is None or len(axis) == rank:
        x = x if x.flags.forc else np.ascontiguousarray(x)
        if x.size >= LARGE and x.shape[-1] <= DIRECT and x.flags.c_contiguous:
            sums = np.dot(x.reshape(-1, x.shape[-1]), ones[: x.shape[-1]])
            x = sums.reshape((1,) * (rank - 1) + (-1,))
        return np.add.reduce(x, axis=None, out=out, keepdims=keepdims)
    if not axis:
        return np.positive(x, out=out)
    axes = sorted([a % rank for a in axis])
    shape, first, end = x.shape, axes[-1], axes[-1] + 1
    while first - 1 in axes:
        first -= 1
    if end - first < len(axes):  # the last axes first, then the others
        part = np.empty(_dims_kept(shape, range(first, end)), x.dtype)
        sum_over(x, part, tuple(range(first, end)), True)
        return sum_over(part, out, tuple(axes[: first - end]), keepdims)
    x = x.reshape(math.prod(shape[:first]), math.prod(shape[first:end]), math.prod(shape[end:]))
    _sum_middle(x, out.reshape(x.shape[0], x.shape[2]))
    return out


def _dims_kept(shape: tuple[int, ...], axes: Iterable[int] | None) -> list[int]:
    """The shape of a reduction over `axes`, which stay as 1."""
    axes = range(len(shape)) if axes is None else [a % len(shape) for a in axes]
    return [1 if i in axes else d for i, d in enumerate(shape)]


def _sum_middle(x: Array, out: Array) -> None:
    """The sum of x[before, n, after] over n, by products with ones."""
    before, n, after = x.shape
    ones = ONES[x.dtype]
    whole = n - n % BLOCK
    if after == 1 and n > DIRECT:
        np.add.reduce(x.reshape(before, n), axis=1, out=out.reshape(before))
    elif after == 1:
        np.dot(x.reshape(before, n), ones[:n], out=out.reshape(before))
    elif n <= DIRECT and before == 1:
        np.dot(ones[:n], x[0], out=out[0])
    elif n <= DIRECT:
        np.matmul(ones[:n], x, out=out)
    else:
        sums = np.matmul(ones[:BLOCK], x[:, :whole].reshape(before, -1, BLOCK, after))
        total = np.add.reduce(sums, axis=1, dtype=np.float64)
        total += np.matmul(ones[: n - whole], x[:, whole:])
        out[...] = total


def int_mean_over(x: Array, out: Array, axis: Axis, keepdims: bool) -> Array:
    """The mean of ints, cut off towards 0: of their quotients and rests, which don't overflow."""
    wide = x.astype(np.uint64 if x.dtype == np.uint64 else np.int64)
    count = wide.dtype.type(max(x.size // max(np.any(x, axis).size, 1), 1))
    quotient, rest = (
        np.add.reduce(part, axis=axis, dtype=wide.dtype, keepdims=True)
        for part in np.divmod(wide, count)
    )
    mean = quotient + rest // count
    mean = mean + ((mean < 0) & (rest % count != 0))
    np.copyto(out, mean.reshape(out.shape), "unsafe")
    return out


def norm_over(x: Array, out: Array, axis: Axis, keepdims: bool) -> Array:
    """√(Σ x²) over `axis`; where the squares leave the dtype's range, those of x / max |x|."""
    x = x.astype(np.float32) if x.dtype == np.float16 else x
    limits, kept = np.finfo(x.dtype), _dims_kept(x.shape, axis)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        norm = np.sqrt(sum_over(np.square(x), np.empty(kept, x.dtype), axis, True))
        inexact = ~((norm > np.sqrt(limits.tiny / limits.eps)) & (norm < np.inf))
        if inexact.any():
            top = np.max(np.abs(x), axis=axis, keepdims=True, initial=0)
            scale = np.where(inexact & (top > 0) & (top < np.inf), top, np.ones((), x.dtype))
            norm = scale * np.sqrt(sum_over(np.square(x / scale), np.empty_like(norm), axis, True))
    np.copyto(out, norm.reshape(out.shape), "same_kind")
    return out


def add_at(out: Array, places: Array, values: Array) -> None:
    """out[..., places[k], :] += values[..., k, :] for each k, where places may repeat.

    `out` is zeros of shape (before, n, after), contiguous. Where more than a block of values meet,
    floats add up in float64, and those of float16 always. One by one in float32 a million times
    0.1 would be 100958.
    """
    before, n, after = out.shape
    flat = places.reshape(-1).astype(np.intp)
    meet = flat.size > BLOCK and np.bincount(flat).max() > BLOCK
    if before != 1:
        flat = (np.arange(before)[:, None] * n + flat).reshape(-1)
    if after != 1:
        flat = (flat[:, None] * after + np.arange(after)).reshape(-1)
    total, values = out.reshape(-1), values.reshape(-1)
    if out.dtype == np.float16 or meet and out.dtype == np.float32:
        total, values = np.zeros(total.shape), values.astype(np.float64)
    np.add.at(total, flat, values)  # NumPy adds fast at the places of a flat array only
    if total.dtype != out.dtype:
        out[...] = total.reshape(out.shape)
