"""Updates of some rows of a variable: all new rows are computed before any is written.

What computes them gives one call of a C function that writes them. So where a run needs the table
for nothing else afterwards, the rows of the variable's own array are written at the run's end.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinygraph.arguments import ignored
from tinygraph.errors import ShapeError
from tinygraph.families import check_dtypes
from tinygraph.kernels.blas import copied
from tinygraph.kernels.summation import BLOCK
from tinygraph.op import Op
from tinygraph.ops.gathering import check_range
from tinygraph.ops.rules import check_ints
from tinygraph.spec import Spec

Array = np.ndarray
Writing = Callable[[Array, Any, Array], partial]


# ---------------------------------------------------------------- rows of the same index


def _repeats(ordered: Array) -> bool:
    """Whether of indices in order two are equal."""
    return bool(np.count_nonzero(ordered[1:] == ordered[:-1]))


def _in_groups(indices: Array) -> tuple[Array, Array]:
    """An order in which equal indices stand together, and which is there the first of its group."""
    order = indices.argsort(kind="stable")
    ordered = indices.take(order)
    is_first = np.ones(len(order), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return order, is_first


def _added_up(rows: Array, order: Array, is_first: Array) -> Array:
    """The sum of each group of rows.

    Where more than a block of rows meet, floats add up in float64, and those of float16 always.
    """
    dtype, count, starts = rows.dtype, len(order), is_first.nonzero()[0]
    meet = count > BLOCK and np.diff(starts, append=count).max() > BLOCK
    wide = np.float64 if dtype == np.float16 or meet and dtype == np.float32 else dtype
    sums = np.add.reduceat(rows.take(order, axis=0), starts, axis=0, dtype=wide)
    return sums.astype(dtype, copy=False)


def _row_totals(rows: Array, indices: Array, out: Array) -> Array:
    copied(rows, out)
    if _repeats(np.sort(indices)):
        order, is_first = _in_groups(indices)
        sums = _added_up(rows, order, is_first)
        out[order] = sums.take(is_first.cumsum() - 1, axis=0)
    return out


def _row_totals_spec(rows: Spec, indices: Spec) -> Spec:
    if not indices.shape.is_compatible_with(rows.shape[:1]):
        raise ShapeError(f"{rows.shape} are no rows for indices of shape {indices.shape}")
    return Spec(rows.shape, check_dtypes((rows,), "number"))


row_totals: Op = Op("RowTotals", _row_totals, _row_totals_spec,
    (lambda g, y, rows, indices: row_totals(g, indices), None), ("rows", "indices"), inplace=(0,),
    doc="""Each row replaced by the sum of all rows with its index.

    With the indices [5, 2, 5] the rows [[1], [10], [3]] become [[4], [10], [4]]. Rows of one index
    have one total, so an optimiser may write what it computes from them once for each row. The
    result has as many rows as `rows`; sums over `tg.unique` indices would have a number of rows
    that only a run knows.
    """)


# ---------------------------------------------------------------- the rows of a variable


def _places(x: Array, indices: Any) -> tuple[Array, Array]:
    """Which rows of x, as an array of its own, and the same in order; an error for others."""
    places = np.array(indices, np.intp)
    ordered = places.flatten()
    ordered.sort()
    if ordered.size and (ordered[0] < 0 or ordered[-1] >= len(x)):
        check_range(places, len(x))
    return places.reshape(-1), ordered


def _combining(name: str, ufunc: np.ufunc) -> Writing:
    """What combines rows with what is there; updates of the same row are added up before."""

    def writing(x: Array, indices: Any, updates: Array) -> partial:
        places, ordered = _places(x, indices)
        updates = _as_rows(updates, places, x)
        if _repeats(ordered):
            order, is_first = _in_groups(places)
            updates, places = _added_up(updates, order, is_first), places[order[is_first]]
        rows = x.take(places, 0, None, "clip")
        return partial(x.__setitem__, places, ufunc(rows, updates, rows))

    writing.__name__ = name
    return writing


def _as_rows(updates: Array, places: Array, x: Array) -> Array:
    shape = len(places), *x.shape[1:]
    return updates.reshape(shape) if np.ndim(updates) else np.broadcast_to(updates, shape)


adding_rows = _combining("adding_rows", np.add)
subtracting_rows = _combining("subtracting_rows", np.subtract)


def setting_rows(x: Array, indices: Any, updates: Array) -> partial:
    """The call that replaces rows of x; the last of several updates of a row counts."""
    places, _ = _places(x, indices)
    return partial(x.__setitem__, places, _as_rows(updates, places, x))


def _scatter_spec(ref: Spec, indices: Spec, updates: Spec, accepts: str = "number") -> Spec:
    check_dtypes((ref, updates), accepts)
    check_ints(indices, "indices")
    if ref.shape.ndims == 0:
        raise ShapeError("a scalar has no rows")
    expected = indices.shape.concatenate(ref.shape[1:])
    if updates.shape.ndims != 0 and not updates.shape.is_compatible_with(expected):
        raise ShapeError(f"updates have shape {updates.shape}, not {expected} or ()")
    return Spec(ref.shape, ref.dtype)


def _scatter(
    name: str, writing: Writing, accepts: str, use_locking: bool = False, **fields: Any
) -> Op:
    """An update of rows. `writing(x, indices, updates)` is the call that changes x."""

    def kernel(ref: Array, indices: Any, updates: Array, out: Array) -> Array:
        writing(copied(ref, out), indices, updates)()
        return out

    kernel.__name__ = f"scatter_{name.removeprefix('Scatter').lower()}"
    return Op(name, kernel, partial(_scatter_spec, accepts=accepts), (None, None, None),
        {"ref": "T", "indices": None, "updates": "T"}, {"use_locking": (ignored, use_locking)},
        inplace=(0,), role="relative", **fields)


scatter_add = _scatter("ScatterAdd", adding_rows, "number",
    doc="""Add `updates` to the variable `ref`'s rows at `indices`, and be the variable's value.

    Indices may repeat; the updates of a row are then added up first, as `unsorted_segment_sum`
    adds. The other rows cost nothing, unless the same run needs the whole variable after the
    update: fetching it, or this tensor, copies it.

    Parameters
    ----------
    indices
        Ints, of any shape.
    updates
        A tensor of shape indices.shape + ref.shape[1:], or a scalar.

    Raises
    ------
    InvalidArgumentError
        in a run, for an index that is not in [0, ref.shape[0]); then no row is changed.

    >>> w = tg.Variable([1.0, 2.0, 3.0])
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> sess.run(tg.scatter_add(w, [2, 0, 2], [10.0, 20.0, 30.0]))
    array([21.,  2., 43.], dtype=float32)
    """)
scatter_sub = _scatter("ScatterSub", subtracting_rows, "number",
    doc="""Subtract `updates` from the variable `ref`'s rows at `indices`; see `tg.scatter_add`.

    >>> w = tg.Variable([1.0, 2.0, 3.0])
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> sess.run(tg.scatter_sub(w, [2], [10.0]))
    array([ 1.,  2., -7.], dtype=float32)
    """)
scatter_update = _scatter("ScatterUpdate", setting_rows, "any", use_locking=True,
    doc="""Make `updates` the variable `ref`'s rows at `indices`; see `tg.scatter_add`.

    Where indices repeat, the last update of a row counts.

    >>> w = tg.Variable([1.0, 2.0, 3.0])
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> sess.run(tg.scatter_update(w, [2, 0], [10.0, 20.0]))
    array([20.,  2., 10.], dtype=float32)
    """)
