"""Decompositions of matrices: Cholesky's, eigenvalues, singular values, QR."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygraph.arguments import flag
from tinygraph.errors import InvalidArgumentError, NoGradientError
from tinygraph.graph import Node
from tinygraph.op import Op
from tinygraph.ops.array import dim_of
from tinygraph.ops.diagonals import matrix_band_part
from tinygraph.ops.linalg import matmul, matrix_transpose
from tinygraph.ops.math import div_no_nan
from tinygraph.ops.matrix import decomposed, matrices, matrix_solve, square
from tinygraph.ops.reshaping import expand_op
from tinygraph.ops.rules import alike
from tinygraph.spec import UNKNOWN, Shape, Spec
from tinygraph.typing import TensorLike

Array = np.ndarray

# ---------------------------------------------------------------- symmetric matrices


def _lower(x: Node) -> Node:
    """The lower triangle of each matrix, half of its diagonal."""
    return matrix_band_part(x, -1, 0) - 0.5 * matrix_band_part(x, 0, 0)


def _row(x: Node) -> Node:
    return expand_op(x, axis=(-2,))


def _column(x: Node) -> Node:
    return expand_op(x, axis=(-1,))


def _cholesky(x: Array) -> Array:
    fails = "Cholesky decomposition was not successful: the input is not positive definite."
    return decomposed(np.linalg.cholesky, (x + np.matrix_transpose(x)) / 2, fails=fails)


def _cholesky_rule(g: Node, y: Node, x: Node) -> Node:
    """I. Murray, "Differentiation of the Cholesky decomposition" (2016), eq. 8."""
    middle = _lower(matmul(y, g, transpose_a=True))
    half = matrix_solve(y, middle, adjoint=True)
    whole = matrix_solve(y, matrix_transpose(half), adjoint=True)
    return 0.5 * (whole + matrix_transpose(whole))


cholesky = Op("Cholesky", _cholesky, square, (_cholesky_rule,), ("input",),
    doc="""The lower triangular L with L @ Lᵀ = input, for a batch of positive definite matrices.

    What is decomposed is (input + inputᵀ)/2, so that the gradient is symmetric, as in TF. (TF reads
    the lower triangle only, which makes a difference for a matrix that is not symmetric.)
    InvalidArgumentError when a matrix is not positive definite.

    >>> tg.cholesky([[4.0, 2.0], [2.0, 5.0]]).eval()
    array([[2., 0.],
           [1., 2.]], dtype=float32)
    """)


def _eigh(x: Array) -> tuple[Array, ...]:
    fails = "Self-adjoint eigen decomposition was not successful."
    return tuple(decomposed(np.linalg.eigh, x, fails=fails))


def _eigh_spec(x: Spec) -> Spec:
    vectors = square(x)
    return Spec.of_items([Spec(vectors.shape[:-1], x.dtype), vectors])


def _eigh_rule(g: Any, y: Any, x: Node) -> Node:
    """M. Giles, "Collected matrix derivative results for algorithmic differentiation" (2008)."""
    e, v = y
    inner = v * _row(g[0])
    if g.arrived[1] is not None:
        gap = _row(e) - _column(e)
        inner = inner + matmul(v, div_no_nan(matmul(v, g[1], transpose_a=True), gap))
    whole = matmul(inner, v, transpose_b=True)
    return _lower(whole + matrix_transpose(whole))


eigh_op = Op("SelfAdjointEigV2", _eigh, _eigh_spec, (_eigh_rule,), ("tensor",),
    doc="The eigenvalues and the eigenvectors of symmetric matrices.")


def self_adjoint_eig(tensor: TensorLike, name: str | None = None) -> tuple[Node, Node]:
    """The eigenvalues e, in rising order, and the eigenvectors v of symmetric matrices.

    tensor @ v[..., i] = e[i] v[..., i]. Only the lower triangle is read. Where eigenvalues are
    equal, the gradient leaves out what their eigenvectors, which are not unique then, would add.

    >>> e, v = tg.self_adjoint_eig([[2.0, 0.0], [0.0, 3.0]])
    >>> e.eval()
    array([2., 3.], dtype=float32)
    """
    return tuple(eigh_op(tensor, name=name))


def self_adjoint_eigvals(tensor: TensorLike, name: str | None = None) -> Node:
    """The eigenvalues of symmetric matrices, in rising order; only the lower triangle is read.

    >>> tg.self_adjoint_eigvals([[2.0, 0.0], [0.0, 3.0]]).eval()
    array([2., 3.], dtype=float32)
    """
    return eigh_op(tensor, name=name)[0]


# ---------------------------------------------------------------- any matrices


def _sizes(x: Spec) -> tuple[tuple[int | None, ...], int | None, int | None, int | None]:
    """The dims of a batch of matrices of known rank: the batch's, m, n, and the smaller of these.
    """
    *batch, m, n = x.shape.sizes  # type: ignore[misc]
    return tuple(batch), m, n, None if m is None or n is None else min(m, n)


def _svd(x: Array, full_matrices: bool, compute_uv: bool) -> tuple[Array, Array, Array]:
    fails = "Singular value decomposition was not successful."
    parts = decomposed(np.linalg.svd, x, full_matrices, compute_uv, fails=fails)
    if not compute_uv:
        return parts, *[np.zeros(0, x.dtype)] * 2
    u, s, vt = parts
    return s, u, np.ascontiguousarray(np.matrix_transpose(vt))


def _svd_spec(x: Spec, full_matrices: bool, compute_uv: bool) -> Spec:
    shapes = [UNKNOWN] * 3
    if matrices(x) is not None:
        batch, m, n, k = _sizes(x)
        columns = (m, n) if full_matrices else (k, k)
        dims = (k,), (m, columns[0]), (n, columns[1])
        shapes = [Shape.of((*batch, *ends)) for ends in dims]
    if not compute_uv:
        shapes[1:] = [Shape.of((0,))] * 2
    return Spec.of_items([Spec(shape, x.dtype) for shape in shapes])


def _svd_rule(g: Any, y: Any, x: Node, full_matrices: bool, compute_uv: bool) -> Node:
    """J. Townsend, "Differentiating the singular value decomposition" (2016)."""
    if g.arrived[1] is None and g.arrived[2] is None:
        thin = compute_uv and not full_matrices
        _, u, v = y if thin else svd_op(x, full_matrices=False, compute_uv=True)
        return matmul(u * _row(g[0]), v, transpose_b=True)
    if full_matrices:
        _check_full(y[0], x)
    s, u, v = y
    s = apart(s, nonzero=not (_is_square(u) and _is_square(v)))
    k = dim_of(s, -1)
    u, u2 = _columns(u, k, full_matrices)
    v, v2 = _columns(v, k, full_matrices)
    gu, gu2 = _columns(g[1], k, full_matrices)
    gv, gv2 = _columns(g[2], k, full_matrices)
    gap = (_row(s) - _column(s)) * (_row(s) + _column(s))

    def turn(w: Node, gw: Node) -> Node:
        turned = div_no_nan(matmul(w, gw, transpose_a=True), gap)
        return turned + matrix_transpose(turned)

    left = u * _row(g[0]) + matmul(u, turn(u, gu) * _row(s) + _column(s) * turn(v, gv))
    if not _is_square(u):
        left = left + _beyond(u, gu, u2, gu2, s)
    gx = matmul(left, v, transpose_b=True)
    if not _is_square(v):
        gx = gx + matmul(u, _beyond(v, gv, v2, gv2, s), transpose_b=True)
    return gx


def _apart(s: Array, out: Array, nonzero: bool) -> Array:
    """What rounding may have put between equal values, or above 0, is no difference."""
    noise = s.shape[-1] * np.finfo(s.dtype).eps * s[..., :1]
    if (s[..., :-1] - s[..., 1:] <= noise).any():
        raise InvalidArgumentError("equal singular values: their vectors have no gradient")
    if nonzero and (s[..., -1:] <= noise).any():
        raise InvalidArgumentError(
            "a singular value of 0: of a matrix that is not square, its vectors have no gradient")
    return np.positive(s, out=out)


apart = Op("SingularValuesApart", _apart, alike(),
    (lambda g, y, s, nonzero: g,), ("s",), inplace=(0,),
    doc="The same values; an error where two are equal, or the least one is 0.")


def _columns(w: Node, k: Any, full: bool) -> tuple[Node, Node | None]:
    """The first k columns and the others, if there are others."""
    return (w[..., :k], w[..., k:]) if full else (w, None)  # type: ignore[index]


def _is_square(w: Node) -> bool:
    dims = w.shape.sizes
    return dims is not None and dims[-1] is not None and dims[-2] == dims[-1]


def _beyond(w: Node, gw: Node, w2: Node | None, gw2: Node | None, s: Node) -> Node:
    """((I - w wᵀ) gw - w2 gw2ᵀ w) / s: what is orthogonal to the columns of w."""
    rest = gw - matmul(w, matmul(w, gw, transpose_a=True))
    if w2 is not None and gw2 is not None:
        rest = rest - matmul(w2, matmul(gw2, w, transpose_a=True))
    return div_no_nan(rest, _row(s))


def _check_full(s: Node, x: Node) -> None:
    """Of the columns beyond the thin decomposition one has a gradient, as its sign alone is free.
    """
    m, n = (None, None) if x.shape.sizes is None else x.shape.sizes[-2:]
    if m is None or n is None or abs(m - n) > 1:
        raise NoGradientError(
            f"the gradient of '{s.op_name}' (op: 'Svd', made at {s.where}) with full_matrices=True "
            f"is defined for m x n matrices with |m - n| <= 1, not for those of shape {x.shape}; "
            "full_matrices=False has a gradient for all",
            s)


svd_op = Op("Svd", _svd, _svd_spec, (_svd_rule,), ("tensor",),
    doc="Singular values s and singular vectors u and v of matrices.")


def svd(
    tensor: TensorLike, full_matrices: bool = False, compute_uv: bool = True,
    name: str | None = None,
) -> Any:
    """Singular values and vectors, tensor = u diag(s) vᵀ, for each of a batch of m by n matrices.

    s, u, v: the values in falling order, and as columns the left and right vectors; min(m, n) of
    them, or with `full_matrices` m and n of them. Without `compute_uv` s alone.

    A gradient that arrives at vectors is an InvalidArgumentError where two singular values are
    equal or, of a matrix that is not square, one is 0: no vectors are those of them (TF: NaN). With
    `full_matrices` there is one where |m - n| <= 1.

    >>> s, u, v = tg.svd([[0.0, 2.0], [3.0, 0.0]])
    >>> print(s.eval(), tg.matmul(u * s, v, transpose_b=True).eval())
    [3. 2.] [[0. 2.]
     [3. 0.]]
    """
    full, vectors = flag(full_matrices, "full_matrices"), flag(compute_uv, "compute_uv")
    outputs = svd_op(tensor, full_matrices=full, compute_uv=vectors, name=name)
    return tuple(outputs) if vectors else outputs[0]


def _qr(x: Array, full_matrices: bool) -> tuple[Array, ...]:
    return tuple(np.linalg.qr(x, "complete" if full_matrices else "reduced"))


def _qr_spec(x: Spec, full_matrices: bool) -> Spec:
    if matrices(x) is None:
        return Spec.of_items([Spec(UNKNOWN, x.dtype)] * 2)
    batch, m, n, k = _sizes(x)
    inner = m if full_matrices else k
    shapes = (*batch, m, inner), (*batch, inner, n)
    return Spec.of_items([Spec(Shape.of(dims), x.dtype) for dims in shapes])


def _qr_rule(g: Any, y: Any, x: Node, full_matrices: bool) -> Node:
    """M. Seeger et al., "Auto-differentiating linear algebra" (2017), for a square r.

    (gq + q C) r⁻ᵀ, where C is symmetric with the lower triangle of r grᵀ - gqᵀ q.
    """
    (q, r), (gq, gr) = y, g
    dims = r.shape.sizes
    if dims is not None and None not in dims[-2:] and dims[-2] != dims[-1]:
        raise NoGradientError(
            f"the gradient of '{q.op_name}' (op: 'Qr', made at {q.where}) is defined where r is "
            f"square, not where it has shape {r.shape}: for m x n matrices with m > n give "
            "full_matrices=False, those with m < n have none",
            q)
    lower = _lower(matmul(r, gr, transpose_b=True) - matmul(gq, q, transpose_a=True))
    whole = gq + matmul(q, lower + matrix_transpose(lower))
    return matrix_transpose(matrix_solve(r, matrix_transpose(whole)))


qr_op = Op("Qr", _qr, _qr_spec, (_qr_rule,), ("input",), doc="Matrices as products q r.")


class Qr(NamedTuple):
    """What `qr` finds: x = q r."""

    q: Node
    r: Node


def qr(input: TensorLike, full_matrices: bool = False, name: str | None = None) -> Qr:
    """input = q r with orthonormal columns of q and an upper triangular r, for each of a batch.

    For m by n matrices q has min(m, n) columns, or m with `full_matrices`. The gradient is defined
    where r is square.

    >>> q, r = tg.qr([[0.0, 2.0], [3.0, 0.0]])
    >>> tg.abs(r).eval()
    array([[3., 0.],
           [0., 2.]], dtype=float32)
    """
    return Qr(*qr_op(input, full_matrices=flag(full_matrices, "full_matrices"), name=name))
