"""Diagonals and bands of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.arguments import named
from tinygraph.errors import ShapeError
from tinygraph.families import check_dtypes
from tinygraph.op import Op
from tinygraph.ops.array import count_of
from tinygraph.ops.broadcasting import zeros_like
from tinygraph.ops.rules import Dims, at_least_rank, ranked
from tinygraph.spec import Shape, Spec


def _diagonal(matrices: np.ndarray) -> np.ndarray:
    """The main diagonals of contiguous matrices, to be written to."""
    *batch, rows, columns = matrices.shape
    flat = matrices.reshape(*batch, rows * columns)
    return flat[..., : min(rows, columns) * (columns + 1) : columns + 1]


def _matrix_diag(diagonal: np.ndarray, out: Any) -> np.ndarray:
    out.fill(0)
    _diagonal(out)[...] = diagonal
    return out


def _part_dims(dims: Dims) -> Dims:
    *batch, rows, columns = dims
    return *batch, None if rows is None or columns is None else min(rows, columns)


_part_spec = ranked(_part_dims, least=2)
matrix_diag = Op("MatrixDiag", _matrix_diag, ranked(lambda dims: (*dims, dims[-1]), least=1),
    (lambda g, y, x: matrix_diag_part(g),), ("diagonal",), attrs={"name": (named, "diag")},
    doc="""Square matrices with `diagonal`, which may be a batch, on their diagonals.

    >>> tg.matrix_diag([1, 2]).eval()
    array([[1, 0],
           [0, 2]], dtype=int32)
    """)
matrix_diag_part: Op = Op("MatrixDiagPart", lambda x: np.diagonal(x, 0, -2, -1), _part_spec,
    (lambda g, y, x: matrix_set_diag(zeros_like(x), g),), ("input",), view="part",
    attrs={"name": (named, "diag_part")},
    doc="""The main diagonals of matrices, which may be a batch.

    >>> tg.matrix_diag_part([[1, 2, 3], [4, 5, 6]]).eval()
    array([1, 5], dtype=int32)
    """)


def _set_diag(input: np.ndarray, diagonal: np.ndarray, out: Any) -> np.ndarray:
    np.copyto(out, input)
    _diagonal(out)[...] = diagonal
    return out


def _set_diag_spec(input: Spec, diagonal: Spec) -> Spec:
    part = _part_spec(input)
    if not part.shape.is_compatible_with(diagonal.shape):
        raise ShapeError(f"the diagonal has shape {diagonal.shape}, not {part.shape}")
    dtype, dims = check_dtypes((input, diagonal), "any"), input.shape.sizes
    if dims is None or diagonal.shape.sizes is None:
        return Spec(input.shape, dtype)
    batch = input.shape[:-2].merge_with(diagonal.shape[:-1])
    return Spec(batch.concatenate(input.shape[-2:]), dtype)


matrix_set_diag: Op = Op("MatrixSetDiag", _set_diag, _set_diag_spec,
    (lambda g, y, x, d: matrix_set_diag(g, zeros_like(d)), lambda g, y, x, d: matrix_diag_part(g)),
    ("input", "diagonal"), inplace=(0,), attrs={"name": (named, "set_diag")},
    doc="""The matrices in `input` with their main diagonals replaced by `diagonal`.

    >>> tg.matrix_set_diag([[1, 2], [3, 4]], [7, 8]).eval()
    array([[7, 2],
           [3, 8]], dtype=int32)
    """)


def _band(x: np.ndarray, lower: Any, upper: Any, out: Any) -> np.ndarray:
    rows, columns = x.shape[-2:]
    offset = np.arange(columns) - np.arange(rows)[:, None]
    inside = ((lower < 0) | (-offset <= lower)) & ((upper < 0) | (offset <= upper))
    out.fill(0)
    np.copyto(out, x, where=inside)
    return out


def _band_spec(x: Spec, lower: Spec, upper: Spec) -> Spec:
    at_least_rank(x, 2)
    for count, key in ((lower, "num_lower"), (upper, "num_upper")):
        count_of(count, key, least=None)
    return Spec(x.shape, x.dtype)


matrix_band_part: Op = Op("MatrixBandPart", _band, _band_spec,
    (lambda g, y, x, lower, upper: matrix_band_part(g, lower, upper), None, None),
    ("input", "num_lower", "num_upper"), static=(1, 2),
    doc="""Matrices with `num_lower` diagonals below the main one and `num_upper` above it, all if
    negative, and else zeros.

    >>> tg.matrix_band_part([[1, 2], [3, 4]], -1, 0).eval()
    array([[1, 0],
           [3, 4]], dtype=int32)
    """)


def _diag(diagonal: np.ndarray, out: Any) -> np.ndarray:
    out.fill(0)
    _diagonal(out.reshape(diagonal.size, diagonal.size))[...] = diagonal.reshape(-1)
    return out


def _diag_part(x: np.ndarray) -> np.ndarray:
    dims = x.shape[: x.ndim // 2]
    size = int(np.prod(dims))
    return np.diagonal(x.reshape(size, size)).reshape(dims)


def _diag_part_dims(dims: Dims) -> Dims | None:
    half = len(dims) // 2
    if not dims or len(dims) % 2:
        raise ShapeError(f"Input must have even and non-zero rank, input rank is {len(dims)}")
    return Shape.of(dims[:half]).merge_with(dims[half:]).sizes


diag = Op("Diag", _diag, ranked(lambda dims: dims + dims, least=1),
    (lambda g, y, x: diag_part(g),), ("diagonal",),
    doc="""A tensor of shape s + s with `diagonal`, of shape s, at [i, ..., i, ...], zero elsewhere.

    >>> tg.diag([1, 2]).eval()
    array([[1, 0],
           [0, 2]], dtype=int32)
    """)
diag_part: Op = Op("DiagPart", _diag_part, ranked(_diag_part_dims), (lambda g, y, x: diag(g),),
    ("input",), view="part",
    doc="""The elements at [i, ..., i, ...] of a tensor of shape s + s; the reverse of diag.

    >>> tg.diag_part([[1, 2], [3, 4]]).eval()
    array([1, 4], dtype=int32)
    """)
