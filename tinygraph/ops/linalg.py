"""Linear algebra: products of matrices, tensordot and einsum, norms, inverses, decompositions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.errors import GraphError, ShapeError
from tinygraph.graph import Node
from tinygraph.op import Op, as_node, check_dtypes, composite
from tinygraph.ops.array import transpose_op
from tinygraph.ops.reduce import sum_like
from tinygraph.spec import UNKNOWN, Shape, Spec, broadcast

# ---------------------------------------------------------------- products of matrices


def _rank_at_least(x: Spec, rank: int) -> None:
    if x.shape.dims is not None and len(x.shape.dims) < rank:
        raise ShapeError(f"Shape must be at least rank {rank} but is rank {x.shape.ndims}")


def _matmul_spec(a: Spec, b: Spec, transpose_a: bool = False, transpose_b: bool = False) -> Spec:
    """The spec of a product of (batches of) matrices, each transposed or not."""
    dtype = check_dtypes((a, b), "number")
    _rank_at_least(a, 2)
    _rank_at_least(b, 2)
    if a.shape.dims is None or b.shape.dims is None:
        return Spec(UNKNOWN, dtype)
    *a_batch, rows, inner_a = a.shape.dims
    *b_batch, inner_b, columns = b.shape.dims
    if transpose_a:
        rows, inner_a = inner_a, rows
    if transpose_b:
        inner_b, columns = columns, inner_b
    if None not in (inner_a, inner_b) and inner_a != inner_b:
        raise ShapeError(f"Dimensions must be equal, but are {inner_a} and {inner_b}")
    batch = broadcast(Shape.of(tuple(a_batch)), Shape.of(tuple(b_batch)))
    return Spec(batch.concatenate(Shape.of((rows, columns))), dtype)


def _is_matrix(x: Node) -> bool:
    return x.shape.ndims == 2


dot_op = Op(
    "Dot", np.dot, _matmul_spec,
    (lambda g, y, a, b: matmul(g, b, transpose_b=True),
     lambda g, y, a, b: matmul(a, g, transpose_a=True)), ("a", "b"),
    doc="The product of two matrices; what MatMul is once its transposes are views.",
)  # fmt: skip
batch_dot_op = Op(
    "BatchDot", np.matmul, _matmul_spec,
    (lambda g, y, a, b: sum_like(matmul(g, b, transpose_b=True), a),
     lambda g, y, a, b: sum_like(matmul(a, g, transpose_a=True), b)), ("a", "b"),
    doc="The product of two batches of matrices; what BatchMatMulV2 is without transposes.",
)  # fmt: skip


def _flipped(x: Node, flip: bool) -> Node:
    """The matrices in `x`, transposed if `flip`; a view when it runs."""
    if not flip:
        return x
    rank = len(x.shape.as_list())
    return transpose_op(x, perm=(*range(rank - 2), rank - 1, rank - 2))


def _matmul_body(a: Node, b: Node, transpose_a: bool, transpose_b: bool) -> Node | None:
    if a.shape.ndims is None or b.shape.ndims is None:
        return batch_dot_op(_swapped(a, transpose_a), _swapped(b, transpose_b))
    product = dot_op if _is_matrix(a) and _is_matrix(b) else batch_dot_op
    return product(_flipped(a, transpose_a), _flipped(b, transpose_b))


def _grad_a(g: Node, y: Node, a: Node, b: Node, transpose_a: bool, transpose_b: bool) -> Node:
    if transpose_a:
        return matmul(b, g, transpose_a=transpose_b, transpose_b=True)
    return matmul(g, b, transpose_b=not transpose_b)


def _grad_b(g: Node, y: Node, a: Node, b: Node, transpose_a: bool, transpose_b: bool) -> Node:
    if transpose_b:
        return matmul(g, a, transpose_a=True, transpose_b=transpose_a)
    return matmul(a, g, transpose_a=not transpose_a)


matmul_op = composite(
    "MatMul", _matmul_body, _grad_a, _grad_b, params=("a", "b"), infer=_matmul_spec,
    doc="a @ b for two matrices, either of which may be transposed first.",
)  # fmt: skip
batch_matmul_op = composite(
    "BatchMatMulV2", _matmul_body,
    lambda g, y, a, b, **flags: sum_like(_grad_a(g, y, a, b, **flags), a),
    lambda g, y, a, b, **flags: sum_like(_grad_b(g, y, a, b, **flags), b),
    params=("a", "b"), infer=_matmul_spec,
    doc="a @ b for batches of matrices, or tensors of unknown rank; leading dims broadcast.",
)  # fmt: skip


def matmul(
    a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, adjoint_a: bool = False,
    adjoint_b: bool = False, a_is_sparse: bool = False, b_is_sparse: bool = False,
    name: str | None = None,
) -> Node:  # fmt: skip
    """The product of two matrices, or of batches of them, whose leading dimensions broadcast.

    Each operand becomes a tensor on its own, as in TF1: a float32 tensor does not mix with a
    float64 array. `transpose_a`, `adjoint_a` and their kin transpose an operand first.

    Raises ShapeError where the inner dimensions differ or an operand has less than 2 dimensions,
    GraphError where an operand has both flags.

    >>> tg.matmul([[1.0, 2.0], [3.0, 4.0]], [[1.0], [1.0]]).eval()
    array([[3.],
           [7.]], dtype=float32)
    """
    if transpose_a and adjoint_a or transpose_b and adjoint_b:
        raise GraphError("an operand of matmul has either transpose or adjoint, not both")
    a = as_node(a, name="a")
    b = as_node(b, name="b", graph=a.graph)
    op = matmul_op if _is_matrix(a) and _is_matrix(b) else batch_matmul_op
    return op(
        a, b, transpose_a=bool(transpose_a or adjoint_a), transpose_b=bool(transpose_b or adjoint_b),
        name=name or "MatMul",
    )  # fmt: skip


def _matmul_operator(self: Node, other: Any) -> Node:
    return matmul(self, as_node(other, self.dtype, name="matmul/y", graph=self.graph), name="matmul")


def _matmul_reflected(self: Node, other: Any) -> Node:
    return matmul(as_node(other, self.dtype, name="matmul/x", graph=self.graph), self, name="matmul")


Node.__matmul__ = _matmul_operator  # type: ignore[attr-defined]
Node.__rmatmul__ = _matmul_reflected  # type: ignore[attr-defined]
