"""Norms, inverses, decompositions and other functions of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.arguments import flag, named, number
from tinygraph.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError
from tinygraph.graph import Node, name_scope
from tinygraph.op import Op, as_node, check_dtypes, composite, reduced_shape
from tinygraph.ops.array import as_shape_node, broadcast_to, count_of
from tinygraph.ops.axes import in_front, put_back
from tinygraph.ops.compare import cast, in_float32, keep_where, logical_not, not_equal
from tinygraph.ops.diagonals import matrix_band_part, matrix_diag_part
from tinygraph.ops.elementary import abs_, is_finite, sign
from tinygraph.ops.joining import concat
from tinygraph.ops.linalg import matmul, matrix_transpose
from tinygraph.ops.math import div_no_nan, pow_
from tinygraph.ops.reduce import (
    Axis, axes_of, dropped, either, euclidean_norm_op, max_op, reduce_sum, spread, sum_op,
)  # fmt: skip
from tinygraph.ops.reshaping import expand_op, transpose
from tinygraph.spec import UNKNOWN, DType, Shape, Spec, as_dtype, float16, float32

Array = np.ndarray

# ---------------------------------------------------------------- norms


@in_float32
def _p_norm_body(x: Node, p: float, axis: Axis, keepdims: bool) -> Node:
    """Of x over its largest element, as the powers of x itself may leave the dtype's range."""
    top = max_op(abs_(x), axis=axis, keepdims=True)
    scale = keep_where(top, is_finite(top)) + cast(logical_not(is_finite(top)), x.dtype)
    ratio = div_no_nan(abs_(x), scale)
    y = scale * pow_(sum_op(pow_(ratio, p), axis=axis, keepdims=True), 1 / p)
    return y if keepdims else dropped(y, x, axis)


p_norm_op = composite(
    "PNorm", _p_norm_body,
    lambda g, y, x, p, axis, keepdims: _p_norm_rule(g, y, x, p, axis, keepdims),
    params=("tensor",),
    infer=lambda x, p, axis, keepdims: Spec(
        reduced_shape(x.shape, axis, keepdims), check_dtypes((x,), "float")
    ),
    doc="(Σ |x|^p)^(1/p) over axes; the gradient at 0 is 0.",
)  # fmt: skip


def _p_norm_rule(g: Node, y: Node, x: Node, p: float, axis: Axis, keepdims: bool) -> Node:
    """sign(x) (|x| / y)^(p-1), and 0 for each x that is 0."""
    ratio = div_no_nan(abs_(x), spread(y, x, axis, keepdims))
    return spread(g, x, axis, keepdims) * keep_where(pow_(ratio, p - 1), not_equal(x, 0)) * sign(x)


def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool | None = None,
    name: str | None = None, keep_dims: bool | None = None,
) -> Node:  # fmt: skip
    """The norm of the vectors along `axis`, of the matrices in two axes, or of all elements.

    `ord` is "euclidean", 1, 2, np.inf or any positive p for vectors; "euclidean", "fro", 1, 2 (the
    largest singular value) or np.inf for matrices. The gradient at 0 is 0.

    >>> print(tg.norm([3.0, 4.0]).eval(), tg.norm([3.0, -4.0], ord=1).eval())
    5.0 7.0
    """
    x = as_node(tensor, name="tensor")
    keep = either(keepdims, keep_dims, "'keep_dims' and 'keepdims'")
    keep = flag(keep, "keepdims", default=False)
    axes = axes_of(axis, x)
    name = named(name, "norm")
    if axes is not None and (len(axes) not in (1, 2) or len(set(axes)) < len(axes)):
        raise GraphError(f"axis must be None, an int, or two different ints, not {axis!r}")
    if not isinstance(ord, str):
        ord = number(ord, "ord")
    of_matrices = axes is not None and len(axes) == 2
    if ord == "euclidean" or ord == ("fro" if of_matrices else 2):
        return euclidean_norm_op(x, axis=axes, keepdims=keep, name=name)
    if of_matrices:
        return _matrix_norm(x, ord, axes, keep, name)  # type: ignore[arg-type]
    if isinstance(ord, str) or not ord > 0:
        raise GraphError(f"'ord' must be a supported vector norm, got {ord}")
    if ord == 1:
        return sum_op(abs_(x), axis=axes, keepdims=keep, name=name)
    if ord == np.inf:
        return max_op(abs_(x), axis=axes, keepdims=keep, name=name)
    return p_norm_op(x, p=float(ord), axis=axes, keepdims=keep, name=name)


def _matrix_norm(x: Node, ord: Any, axes: tuple[int, ...], keepdims: bool, name: str) -> Node:
    """The largest sum of absolute values, of columns for 1 and of rows for inf; 2 is spectral."""
    if ord not in (1, 2, np.inf):
        raise GraphError(f"'ord' must be a supported matrix norm, got {ord}")
    with name_scope(name):
        if ord == 2:
            return _spectral_norm(x, axes, keepdims)
        summed, compared = axes if ord == 1 else axes[::-1]
        sums = sum_op(abs_(x), axis=(summed,), keepdims=True)
        largest = max_op(sums, axis=(compared,), keepdims=True)
        return largest if keepdims else dropped(largest, x, axes)


def _spectral_norm(x: Node, axes: tuple[int, ...], keepdims: bool) -> Node:
    """The largest singular value: |x v| for the eigenvector v of the largest eigenvalue of xᵀx."""
    if x.shape.ndims is not None:
        others = [i for i in range(x.shape.ndims) if i not in axes]
        x = transpose(x, [*others, *axes])
    elif set(axes) != {-1, -2}:  # a matrix and its transpose have the same singular values
        x = put_back(in_front(x, as_shape_node(list(axes)))[0], as_node(-1), 2)
    ratio = div_no_nan(x, max_op(abs_(x), axis=(-2, -1), keepdims=True))
    v = self_adjoint_eig(matmul(ratio, ratio, transpose_a=True))[1][..., -1:]
    y = euclidean_norm_op(matmul(x, v), axis=(-2, -1), keepdims=False)
    return expand_op(y, axis=tuple(sorted(axes))) if keepdims else y


# ---------------------------------------------------------------- square matrices


def _lapack_dtype(*specs: Spec) -> DType:
    """Their dtype, which LAPACK has to know."""
    dtype = check_dtypes(specs, "float")
    if dtype is float16:
        raise DTypeError("takes float32 and float64, not float16,")
    return dtype


def _square(x: Spec, **attrs: Any) -> Spec:
    """The spec of a batch of square matrices, as far as it is known."""
    dtype, dims = _lapack_dtype(x), x.shape.sizes
    if dims is None:
        return Spec(UNKNOWN, dtype)
    if len(dims) < 2:
        raise ShapeError(f"Shape must be at least rank 2 but is rank {len(dims)}")
    *batch, rows, columns = dims
    if None not in (rows, columns) and rows != columns:
        raise ShapeError(f"Dimensions must be equal, but are {rows} and {columns}")
    n = columns if rows is None else rows
    return Spec(Shape.of((*batch, n, n)), dtype)


def _without(x: Spec, count: int) -> Spec:
    """x without its last `count` dims."""
    dims = _square(x).shape.sizes
    return Spec(UNKNOWN if dims is None else Shape.of(dims[:-count]), x.dtype)


def _inverse(x: Array, adjoint: bool) -> Array:
    try:
        inverse = np.linalg.inv(x)
    except np.linalg.LinAlgError:
        raise InvalidArgumentError("Input is not invertible.") from None
    return np.matrix_transpose(inverse) if adjoint else inverse


matrix_inverse_op = Op(
    "MatrixInverse", _inverse, _square,
    (lambda g, y, x, adjoint: -matmul(matmul(y, g, transpose_a=not adjoint, transpose_b=adjoint),
                                      y, transpose_b=not adjoint),), ("input",),
    dynamic=True, doc="The inverses of square matrices.",
)  # fmt: skip


def matrix_inverse(input: Any, adjoint: bool = False, name: str | None = None) -> Node:
    """The inverse of each matrix in a batch, transposed if `adjoint`.

    InvalidArgumentError when a matrix is singular.

    >>> tg.matrix_inverse([[2.0, 0.0], [0.0, 4.0]]).eval()
    array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """
    return matrix_inverse_op(input, adjoint=flag(adjoint, "adjoint"), name=name)


matrix_determinant = Op(
    "MatrixDeterminant", lambda x: np.asarray(np.linalg.det(x)), lambda x: _without(x, 2),
    (lambda g, y, x: expand_op(g * y, axis=(-2, -1)) * matrix_inverse(x, adjoint=True),),
    ("input",), dynamic=True,
    doc="""The determinant of each matrix in a batch; its gradient needs matrices with an inverse.

    >>> print(tg.matrix_determinant([[2.0, 1.0], [0.0, 4.0]]).eval())
    8.0
    """,
)  # fmt: skip


def _solve(matrix: Array, rhs: Array, adjoint: bool) -> Array:
    try:
        return np.linalg.solve(np.matrix_transpose(matrix) if adjoint else matrix, rhs)
    except np.linalg.LinAlgError:
        raise InvalidArgumentError("Input matrix is not invertible.") from None


def _solve_spec(matrix: Spec, rhs: Spec, adjoint: bool) -> Spec:
    dtype, square = _lapack_dtype(matrix, rhs), _square(matrix)
    if square.shape.sizes is None or rhs.shape.sizes is None:
        return Spec(rhs.shape, dtype)
    known = square.shape.sizes[:-1]
    if len(rhs.shape.sizes) != len(known) + 1:
        raise ShapeError(f"matrix and rhs must be of the same rank, not {matrix} and {rhs}")
    return Spec(Shape.of((*known, None)).merge_with(rhs.shape), dtype)


matrix_solve_op = Op(
    "MatrixSolve", _solve, _solve_spec,
    (lambda g, y, a, b, adjoint: _solve_rule(g, y, a, adjoint),
     lambda g, y, a, b, adjoint: matrix_solve(a, g, adjoint=not adjoint)), ("matrix", "rhs"),
    dtypes=("T", "T"), dynamic=True, doc="The solutions of systems of linear equations.",
)  # fmt: skip


def _solve_rule(g: Node, y: Node, a: Node, adjoint: bool) -> Node:
    at_rhs = matrix_solve(a, g, adjoint=not adjoint)
    left, right = (y, at_rhs) if adjoint else (at_rhs, y)
    return -matmul(left, right, transpose_b=True)


def matrix_solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Node:
    """The x with matrix @ x = rhs, or with matrixᵀ @ x = rhs if `adjoint`, for each of a batch.

    `rhs` holds columns, and has the rank of `matrix`. InvalidArgumentError for a singular matrix.

    >>> tg.matrix_solve([[2.0, 0.0], [0.0, 4.0]], [[2.0], [2.0]]).eval()
    array([[1. ],
           [0.5]], dtype=float32)
    """
    return matrix_solve_op(matrix, rhs, adjoint=flag(adjoint, "adjoint"), name=name)


# ---------------------------------------------------------------- symmetric matrices


def _lower(x: Node) -> Node:
    """The lower triangle of each matrix, half of its diagonal."""
    return matrix_band_part(x, -1, 0) - 0.5 * matrix_band_part(x, 0, 0)


def _cholesky(x: Array) -> Array:
    try:
        return np.linalg.cholesky((x + np.matrix_transpose(x)) / 2)
    except np.linalg.LinAlgError:
        raise InvalidArgumentError(
            "Cholesky decomposition was not successful: the input is not positive definite."
        ) from None


def _cholesky_rule(g: Node, y: Node, x: Node) -> Node:
    """I. Murray, "Differentiation of the Cholesky decomposition" (2016), eq. 8."""
    middle = _lower(matmul(y, g, transpose_a=True))
    half = matrix_solve(y, middle, adjoint=True)
    whole = matrix_solve(y, matrix_transpose(half), adjoint=True)
    return 0.5 * (whole + matrix_transpose(whole))


cholesky = Op(
    "Cholesky", _cholesky, _square, (_cholesky_rule,), ("input",), dynamic=True,
    doc="""The lower triangular L with L @ Lᵀ = x, for each of a batch of positive definite x.

    What is decomposed is (x + xᵀ)/2, so that the gradient is symmetric, as in TF. (TF reads the
    lower triangle only, which makes a difference for an x that is not symmetric.)
    InvalidArgumentError when a matrix is not positive definite.

    >>> tg.cholesky([[4.0, 2.0], [2.0, 5.0]]).eval()
    array([[2., 0.],
           [1., 2.]], dtype=float32)
    """,
)  # fmt: skip


def _eigh(x: Array) -> Array:
    """Eigenvalues and eigenvectors side by side, as an op has one output."""
    try:
        values, vectors = np.linalg.eigh(x, UPLO="L")
    except np.linalg.LinAlgError:
        raise InvalidArgumentError("Self-adjoint eigen decomposition was not successful.") from None
    return np.concatenate([values[..., None], vectors], axis=-1)


def _eigh_spec(x: Spec) -> Spec:
    square = _square(x).shape.sizes
    if square is None:
        return Spec(UNKNOWN, x.dtype)
    n = square[-1]
    return Spec(Shape.of((*square[:-1], None if n is None else n + 1)), x.dtype)


def _eigh_rule(g: Node, y: Node, x: Node) -> Node:
    e, v, ge, gv = y[..., 0], y[..., 1:], g[..., 0], g[..., 1:]
    gap = expand_op(e, axis=(-2,)) - expand_op(e, axis=(-1,))
    turned = div_no_nan(matmul(v, gv, transpose_a=True), gap)
    whole = matmul(v * expand_op(ge, axis=(-2,)) + matmul(v, turned), v, transpose_b=True)
    return _lower(whole + matrix_transpose(whole))


eigh_op = Op(
    "SelfAdjointEigV2", _eigh, _eigh_spec, (_eigh_rule,), ("tensor",), dynamic=True,
    doc="Eigenvalues, in the first column, and eigenvectors, in the others, of symmetric matrices.",
)  # fmt: skip


def self_adjoint_eig(tensor: Any, name: str | None = None) -> tuple[Node, Node]:
    """The eigenvalues e, in rising order, and the eigenvectors v of symmetric matrices.

    x @ v[..., i] = e[i] v[..., i]. Only the lower triangle is read. Where eigenvalues are equal,
    the gradient leaves out what their eigenvectors, which are not unique then, would add.

    >>> e, v = tg.self_adjoint_eig([[2.0, 0.0], [0.0, 3.0]])
    >>> e.eval()
    array([2., 3.], dtype=float32)
    """
    packed = eigh_op(tensor, name=name)
    return packed[..., 0], packed[..., 1:]


def self_adjoint_eigvals(tensor: Any, name: str | None = None) -> Node:
    """The eigenvalues of symmetric matrices, in rising order; only the lower triangle is read.

    >>> tg.self_adjoint_eigvals([[2.0, 0.0], [0.0, 3.0]]).eval()
    array([2., 3.], dtype=float32)
    """
    return eigh_op(tensor, name=name)[..., 0]


# ---------------------------------------------------------------- trace, eye, cross


def trace(x: Any, name: str | None = None) -> Node:
    """The sum of the diagonal of each matrix in a batch.

    >>> print(tg.trace([[1.0, 2.0], [3.0, 4.0]]).eval())
    5.0
    """
    return reduce_sum(matrix_diag_part(x), [-1], name=named(name, "Trace"))


def _eye(rows: Any, columns: Any, dtype: DType, out: Array | None = None) -> Array:
    if out is None:
        return np.eye(int(rows), int(columns), dtype=as_dtype(dtype).numpy)
    out[...] = 0
    np.fill_diagonal(out, 1)
    return out


def _eye_spec(rows: Spec, columns: Spec, dtype: DType) -> Spec:
    return Spec(Shape.of((count_of(rows, "num_rows"), count_of(columns, "num_columns"))), dtype)


eye_op = Op(
    "Eye", _eye, _eye_spec, (None, None), ("num_rows", "num_columns"), static=(0, 1),
    doc="The identity matrix.",
)  # fmt: skip


def eye(
    num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = float32,
    name: str | None = None,
) -> Node:  # fmt: skip
    """The identity matrix, or a batch of them.

    >>> tg.eye(2).eval()
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    rows = as_node(num_rows, name="num_rows")
    columns = rows if num_columns is None else as_node(num_columns, name="num_columns")
    identity = eye_op(rows, columns, dtype=as_dtype(dtype), name=named(name, "eye"))
    if batch_shape is None:
        return identity
    batch = as_shape_node(batch_shape)
    return broadcast_to(identity, concat([batch, [rows, columns]], 0))


def _cross_spec(a: Spec, b: Spec) -> Spec:
    dtype = check_dtypes((a, b), "number")
    shape = a.shape.merge_with(b.shape)
    if shape.sizes is not None and (not shape.sizes or shape.sizes[-1] not in (3, None)):
        raise ShapeError(f"the last dimension must be 3, not that of {shape},")
    return Spec(shape, dtype)


cross: Op = Op(
    "Cross", np.cross, _cross_spec,
    (lambda g, y, a, b: cross(b, g), lambda g, y, a, b: cross(g, a)),
    ("a", "b"), dtypes=("T", "T"), dynamic=True,
    doc="""The cross product of vectors of length 3, the last dimension of tensors of one shape.

    >>> tg.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).eval()
    array([0., 0., 1.], dtype=float32)
    """,
)  # fmt: skip
