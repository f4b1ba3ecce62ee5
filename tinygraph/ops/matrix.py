"""Inverses, determinants, systems of linear equations and other functions of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygraph.arguments import flag, named
from tinygraph.dtypes import DType, as_dtype, float16, float32
from tinygraph.errors import DTypeError, InvalidArgumentError, ShapeError
from tinygraph.families import check_dtypes
from tinygraph.graph import Node
from tinygraph.op import Op, as_node
from tinygraph.ops.array import as_shape_node, count_of
from tinygraph.ops.broadcasting import broadcast_to, reduce_sum
from tinygraph.ops.diagonals import matrix_diag_part
from tinygraph.ops.joining import concat
from tinygraph.ops.linalg import matmul
from tinygraph.ops.reshaping import expand_op
from tinygraph.ops.rules import Dims, alike, at_least_rank, equal_dims
from tinygraph.spec import UNKNOWN, Shape, Spec
from tinygraph.typing import DTypeLike, ShapeLike, TensorLike

Array = np.ndarray

# ---------------------------------------------------------------- square matrices


def lapack_dtype(*specs: Spec) -> DType:
    """Their dtype, which LAPACK has to know."""
    dtype = check_dtypes(specs, "float")
    if dtype is float16:
        raise DTypeError("takes float32 and float64, not float16,")
    return dtype


def matrices(x: Spec) -> Dims | None:
    """The dims of a batch of matrices that LAPACK can take; None where the rank is unknown."""
    lapack_dtype(x)
    return at_least_rank(x, 2)


def square(x: Spec, **attrs: Any) -> Spec:
    """The spec of a batch of square matrices, as far as it is known."""
    dims = matrices(x)
    if dims is None:
        return Spec(UNKNOWN, x.dtype)
    n = equal_dims(*dims[-2:])
    return Spec(Shape.of((*dims[:-2], n, n)), x.dtype)


def _without(x: Spec, count: int) -> Spec:
    """x without its last `count` dims."""
    dims = square(x).shape.sizes
    return Spec(UNKNOWN if dims is None else Shape.of(dims[:-count]), x.dtype)


def decomposed(function: Callable, *arguments: Any, fails: str) -> Any:
    """What a function of np.linalg returns; InvalidArgumentError with the message `fails`."""
    try:
        return function(*arguments)
    except np.linalg.LinAlgError:
        raise InvalidArgumentError(fails) from None


def _inverse(x: Array, adjoint: bool) -> Array:
    inverse = decomposed(np.linalg.inv, x, fails="Input is not invertible.")
    return np.matrix_transpose(inverse) if adjoint else inverse


matrix_inverse = Op("MatrixInverse", _inverse, square,
    (lambda g, y, x, adjoint: -matmul(matmul(y, g, transpose_a=not adjoint, transpose_b=adjoint),
                                      y, transpose_b=not adjoint),),
    ("input",), attrs={"adjoint": (flag, False)},
    doc="""The inverse of each matrix in a batch, transposed if `adjoint`.

    InvalidArgumentError when a matrix is singular.

    >>> tg.matrix_inverse([[2.0, 0.0], [0.0, 4.0]]).eval()
    array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """)


matrix_determinant = Op("MatrixDeterminant", lambda x: np.asarray(np.linalg.det(x)),
    lambda x: _without(x, 2),
    (lambda g, y, x: expand_op(g * y, axis=(-2, -1)) * matrix_inverse(x, adjoint=True),),
    ("input",),
    doc="""The determinant of each matrix in a batch; its gradient needs matrices with an inverse.

    >>> print(tg.matrix_determinant([[2.0, 1.0], [0.0, 4.0]]).eval())
    8.0
    """)


slogdet_op = Op("LogMatrixDeterminant", lambda x: tuple(map(np.asarray, np.linalg.slogdet(x))),
    lambda x: Spec.of_items([_without(x, 2)] * 2),
    (lambda g, y, x: expand_op(g[1], axis=(-2, -1)) * matrix_inverse(x, adjoint=True),), ("input",),
    doc="The sign of each determinant, and log |determinant|.")


class LogMatrixDeterminant(NamedTuple):
    """What `slogdet` finds: the determinant is sign * exp(log_abs_determinant)."""

    sign: Node
    log_abs_determinant: Node


def slogdet(input: TensorLike, name: str | None = None) -> LogMatrixDeterminant:
    """The sign of each determinant in a batch, and the logarithm of its absolute value.

    The sign is -1, 0 or 1; of a singular matrix it is 0, and the logarithm -inf. The gradient,
    as that of the determinant, needs matrices with an inverse.

    >>> sign, log_abs = tg.linalg.slogdet([[0.0, 1.0], [-1e20, 0.0]])
    >>> print(sign.eval(), log_abs.eval())
    1.0 46.0517
    """
    return LogMatrixDeterminant(*slogdet_op(input, name=name))


def _solve(matrix: Array, rhs: Array, adjoint: bool) -> Array:
    matrix = np.matrix_transpose(matrix) if adjoint else matrix
    return decomposed(np.linalg.solve, matrix, rhs, fails="Input matrix is not invertible.")


def _solve_spec(matrix: Spec, rhs: Spec, adjoint: bool) -> Spec:
    dtype, dims = lapack_dtype(matrix, rhs), square(matrix).shape.sizes
    if dims is None or rhs.shape.sizes is None:
        return Spec(rhs.shape, dtype)
    if len(rhs.shape.sizes) != len(dims):
        raise ShapeError(f"matrix and rhs must be of the same rank, not {matrix} and {rhs}")
    return Spec(Shape.of((*dims[:-1], None)).merge_with(rhs.shape), dtype)


matrix_solve: Op = Op("MatrixSolve", _solve, _solve_spec,
    (lambda g, y, a, b, adjoint: _solve_rule(g, y, a, adjoint),
     lambda g, y, a, b, adjoint: matrix_solve(a, g, adjoint=not adjoint)),
    {"matrix": "T", "rhs": "T"}, attrs={"adjoint": (flag, False)},
    doc="""The y with matrix @ y = rhs, or with matrixᵀ @ y = rhs if `adjoint`, for each of a batch.

    `rhs` holds columns, and has the rank of `matrix`. InvalidArgumentError for a singular matrix.

    >>> tg.matrix_solve([[2.0, 0.0], [0.0, 4.0]], [[2.0], [2.0]]).eval()
    array([[1. ],
           [0.5]], dtype=float32)
    """)


def _solve_rule(g: Node, y: Node, a: Node, adjoint: bool) -> Node:
    at_rhs = matrix_solve(a, g, adjoint=not adjoint)
    left, right = (y, at_rhs) if adjoint else (at_rhs, y)
    return -matmul(left, right, transpose_b=True)


# ---------------------------------------------------------------- trace, eye, cross


def trace(x: TensorLike, name: str | None = None) -> Node:
    """The sum of the diagonal of each matrix in a batch.

    >>> print(tg.trace([[1.0, 2.0], [3.0, 4.0]]).eval())
    5.0
    """
    return reduce_sum(matrix_diag_part(x), [-1], name=named(name, "Trace"))


def _eye(rows: Any, columns: Any, out: Array, dtype: DType) -> Array:
    out.fill(0)
    np.fill_diagonal(out, 1)
    return out


def _eye_spec(rows: Spec, columns: Spec, dtype: DType) -> Spec:
    return Spec(Shape.of((count_of(rows, "num_rows"), count_of(columns, "num_columns"))), dtype)


eye_op = Op("Eye", _eye, _eye_spec, (None, None), ("num_rows", "num_columns"), static=(0, 1),
    doc="The identity matrix.")


def eye(
    num_rows: TensorLike, num_columns: TensorLike | None = None, batch_shape: ShapeLike = None,
    dtype: DTypeLike = float32, name: str | None = None,
) -> Node:
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
    spec = alike("number")(a, b)
    dims = spec.shape.sizes
    if dims is not None and (not dims or dims[-1] not in (3, None)):
        raise ShapeError(f"the last dimension must be 3, not that of {spec.shape},")
    return spec


cross: Op = Op("Cross", np.cross, _cross_spec,
    (lambda g, y, a, b: cross(b, g), lambda g, y, a, b: cross(g, a)), {"a": "T", "b": "T"},
    doc="""The cross product of vectors of length 3, the last dimension of tensors of one shape.

    >>> tg.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).eval()
    array([0., 0., 1.], dtype=float32)
    """)
