"""Products of matrices and tensors: matmul, einsum, tensordot."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygraph.arguments import flag, integer, named, sequence, text
from tinygraph.defaults import name_scope
from tinygraph.errors import GraphError, InvalidArgumentError, ShapeError
from tinygraph.families import check_dtypes, composite
from tinygraph.graph import Node
from tinygraph.op import Op, as_node
from tinygraph.ops.array import as_shape_node, ensure_shape, static_int, static_ints
from tinygraph.ops.axes import transpose
from tinygraph.ops.broadcasting import dot_op, reduce_sum, sum_like
from tinygraph.ops.diagonals import matrix_diag_part
from tinygraph.ops.reduce import grouped, join, reduce_prod
from tinygraph.ops.reshaping import reshape
from tinygraph.ops.rules import Dims, alike, equal_dims, ranked
from tinygraph.spec import Shape, Spec, broadcast, normalize_axis
from tinygraph.typing import TensorLike

Array = np.ndarray

# ---------------------------------------------------------------- transposes


swap_op: Op = Op("MatrixTranspose", np.matrix_transpose,
    ranked(lambda dims: (*dims[:-2], dims[-1], dims[-2]), least=2),
    (lambda g, y, a: swap_op(g),), ("a",), view="part",
    doc="The last two axes swapped, whatever the rank.")


def matrix_transpose(
    a: TensorLike, name: str | None = "matrix_transpose", conjugate: bool = False
) -> Node:
    """Swap the last two axes: each matrix of a batch is transposed.

    >>> tg.matrix_transpose([[[1, 2], [3, 4]]]).eval()
    array([[[1, 3],
            [2, 4]]], dtype=int32)
    """
    a = as_node(a, name="a")
    rank = a.shape.ndims
    if rank is None or rank < 2:
        return swap_op(a, name=name)
    return transpose(a, perm=(*range(rank - 2), rank - 1, rank - 2), name=name)


# ---------------------------------------------------------------- products of matrices


def _matmul_dims(a: Dims, b: Dims, transpose_a: bool = False, transpose_b: bool = False) -> Dims:
    """The dims of a product of (batches of) matrices, each transposed or not."""
    rows, inner = a[-2:][::-1] if transpose_a else a[-2:]
    other, columns = b[-2:][::-1] if transpose_b else b[-2:]
    equal_dims(inner, other)
    batch: Any = broadcast(Shape.of(a[:-2]), Shape.of(b[:-2])).sizes
    return *batch, rows, columns


_matmul_spec = ranked(_matmul_dims, "number", least=2)


def _is_matrix(x: Node) -> bool:
    return x.shape.ndims == 2


batch_dot_op = Op("BatchDot", np.matmul, _matmul_spec,
    (lambda g, y, a, b: sum_like(matmul(g, b, transpose_b=True), a),
     lambda g, y, a, b: sum_like(matmul(a, g, transpose_a=True), b)), ("a", "b"),
    doc="The product of two batches of matrices; what BatchMatMulV2 is without transposes.")


def _matmul_body(a: Node, b: Node, transpose_a: bool, transpose_b: bool) -> Node:
    product = dot_op if _is_matrix(a) and _is_matrix(b) else batch_dot_op
    return product(
        matrix_transpose(a) if transpose_a else a, matrix_transpose(b) if transpose_b else b)


def _grad_a(g: Node, y: Node, a: Node, b: Node, transpose_a: bool, transpose_b: bool) -> Node:
    if transpose_a:
        return matmul(b, g, transpose_a=transpose_b, transpose_b=True)
    return matmul(g, b, transpose_b=not transpose_b)


def _grad_b(g: Node, y: Node, a: Node, b: Node, transpose_a: bool, transpose_b: bool) -> Node:
    if transpose_b:
        return matmul(g, a, transpose_a=True, transpose_b=transpose_a)
    return matmul(a, g, transpose_a=not transpose_a)


matmul_op = composite("MatMul", _matmul_body, _grad_a, _grad_b, params=("a", "b"),
    infer=_matmul_spec,
    doc="a @ b for two matrices, either of which may be transposed first.")
batch_matmul_op = composite("BatchMatMulV2", _matmul_body,
    lambda g, y, a, b, **flags: sum_like(_grad_a(g, y, a, b, **flags), a),
    lambda g, y, a, b, **flags: sum_like(_grad_b(g, y, a, b, **flags), b), params=("a", "b"),
    infer=_matmul_spec,
    doc="a @ b for batches of matrices, or tensors of unknown rank; leading dims broadcast.")


def matmul(
    a: TensorLike, b: TensorLike, transpose_a: bool = False, transpose_b: bool = False,
    adjoint_a: bool = False, adjoint_b: bool = False, a_is_sparse: bool = False,
    b_is_sparse: bool = False, name: str | None = None,
) -> Node:
    """The product of two matrices, or of batches of them, whose leading dimensions broadcast.

    Each operand becomes a tensor on its own, as in TF1: a float32 tensor does not mix with a
    float64 array. `transpose_a`, `adjoint_a` and their kin transpose an operand first.

    Raises ShapeError where the inner dimensions differ or an operand has less than 2 dimensions,
    GraphError where an operand has both flags.

    >>> tg.matmul([[1.0, 2.0], [3.0, 4.0]], [[1.0], [1.0]]).eval()
    array([[3.],
           [7.]], dtype=float32)
    """
    flags = {"transpose_a": _swaps("a", transpose_a, adjoint_a),
             "transpose_b": _swaps("b", transpose_b, adjoint_b)}
    a = as_node(a, name="a")
    b = as_node(b, name="b", graph=a.graph)
    op = matmul_op if _is_matrix(a) and _is_matrix(b) else batch_matmul_op
    return op(a, b, **flags, name=named(name, "MatMul"))


def _swaps(x: str, transpose: bool, adjoint: bool) -> bool:
    """Whether the operand of the name `x` is transposed, by one of its two flags."""
    transpose, adjoint = flag(transpose, f"transpose_{x}"), flag(adjoint, f"adjoint_{x}")
    if transpose and adjoint:
        raise GraphError("an operand of matmul has either transpose or adjoint, not both")
    return transpose or adjoint


def _matmul_operator(self: Node, other: TensorLike) -> Node:
    other = as_node(other, self.dtype, name="matmul/y", graph=self.graph)
    return matmul(self, other, name="matmul")


def _matmul_reflected(self: Node, other: TensorLike) -> Node:
    other = as_node(other, self.dtype, name="matmul/x", graph=self.graph)
    return matmul(other, self, name="matmul")


Node.__matmul__ = _matmul_operator  # type: ignore[attr-defined]
Node.__rmatmul__ = _matmul_reflected  # type: ignore[attr-defined]

# ---------------------------------------------------------------- einsum and tensordot

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _terms_of(equation: str) -> tuple[str, str, str]:
    """The parts of "ab,bc->ac"."""
    operands, result = equation.split("->")
    left, right = operands.split(",")
    return left, right, result


def _einsum_spec(a: Spec, b: Spec, equation: str) -> Spec:
    left, right, result = _terms_of(equation)
    dtype = check_dtypes((a, b), "number")
    size: dict[str, int | None] = {}
    for x, letters in ((a, left), (b, right)):
        for letter, dim in zip(letters, x.shape.with_rank(len(letters)).as_list(), strict=True):
            earlier = size.get(letter)
            if None not in (earlier, dim) and earlier != dim:
                raise ShapeError(f"'{letter}' of '{equation}' is both {earlier} and {dim}")
            size[letter] = dim if earlier is None else earlier
    return Spec(Shape.of(tuple(size[letter] for letter in result)), dtype)


def _einsum(a: Array, b: Array, out: Array, equation: str) -> Array:
    """Transposes, one (batch of) matrix product, a transpose: BLAS where np.einsum loops."""
    left, right, result = _terms_of(equation)
    size = dict(zip(left + right, a.shape + b.shape, strict=True))
    batch = [s for s in result if s in left and s in right]
    rows = [s for s in result if s in left and s not in right]
    columns = [s for s in result if s in right and s not in left]
    inner = [s for s in left if s not in result]
    n = [math.prod(size[s] for s in group) for group in (batch, rows, inner, columns)]
    x = a.transpose([left.index(s) for s in (*batch, *rows, *inner)]).reshape(n[0], n[1], n[2])
    y = b.transpose([right.index(s) for s in (*batch, *inner, *columns)]).reshape(n[0], n[2], n[3])
    order = [*batch, *rows, *columns]
    if order == list(result):
        np.matmul(x, y, out=out.reshape(n[0], n[1], n[3]))
        return out
    product = np.matmul(x, y).reshape([size[s] for s in order])
    out[...] = product.transpose([order.index(s) for s in result])
    return out


def _solved(equation: str, pattern: str) -> str:
    """The equation with its left term {0}, its right one {1} and its result {2} in other places."""
    return pattern.format(*_terms_of(equation))


einsum_op: Op = Op("Einsum", _einsum, _einsum_spec,
    (lambda g, y, a, b, equation: einsum_op(g, b, equation=_solved(equation, "{2},{1}->{0}")),
     lambda g, y, a, b, equation: einsum_op(a, g, equation=_solved(equation, "{0},{2}->{1}"))),
    ("a", "b"),
    doc="Products of two tensors, summed over the letters that the result lacks.")


def _parsed(equation: str, inputs: list[Node]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, ellipses spelled out."""
    operands, arrow, result = text(equation, "equation").replace(" ", "").partition("->")
    terms = operands.split(",")
    if len(terms) != len(inputs):
        raise GraphError(f"'{equation}' has {len(terms)} operands, but {len(inputs)} were given")
    if not arrow:
        letters = sorted(set(operands) - set(",."))
        once = [s for s in letters if operands.count(s) == 1]
        result = "..." * ("..." in operands) + "".join(once)
    free = [s for s in _LETTERS if s not in equation]
    longest = ""
    for i, (term, x) in enumerate(zip(terms, inputs, strict=True)):
        if "..." in term:
            extra = len(x.shape.as_list()) - len(term) + 3
            if extra < 0:
                raise ShapeError(f"'{term}' has more letters than '{x.name}' dims, {x.shape}")
            dots = "".join(free[len(free) - extra :])
            longest = max(longest, dots, key=len)
            terms[i] = term.replace("...", dots)
    result = result.replace("...", longest)
    for term in (*terms, result):
        _check_term(term, equation)
    if set(result) - set("".join(terms)):
        raise GraphError(f"the result of '{equation}' has letters that no operand has")
    return terms, result


def _check_term(term: str, equation: str) -> None:
    if not set(term) <= set(_LETTERS):
        raise GraphError(f"'{equation}' may have letters, ',', '...' and '->' only")
    if len(set(term)) < len(term):
        raise GraphError(f"Subscript not supported: an axis appears more than once: {term}")


def _square(x: Node, term: str) -> Node:
    """`x`, which must be a square matrix."""
    n, m = x.shape.with_rank(2).as_list()
    if None not in (n, m) and n != m:
        raise ShapeError(f"'{term}' needs a square matrix, not one of shape {x.shape}")
    return ensure_shape(x, [equal_dims(n, m)] * 2)


def _summed(x: Node, term: str, kept: set[str]) -> tuple[Node, str]:
    """x summed over the letters that are in no other term."""
    alone = tuple(i for i, letter in enumerate(term) if letter not in kept)
    if not alone:
        return x, term
    return reduce_sum(x, alone), "".join(letter for letter in term if letter in kept)


def einsum(equation: str, *inputs: TensorLike, name: str | None = None) -> Node:
    """Products summed over named axes: "ij,jk->ik" is a matrix product.

    Each letter names an axis; those that the result lacks are summed over. Without "->" the result
    has the letters that occur once, in alphabetical order. "..." stands for further axes, of equal
    sizes in all operands. GraphError for an equation that does not fit, such as one with a letter
    twice in an operand; ShapeError where sizes differ. As in TF1, "ii" by itself is the trace.

    >>> tg.einsum("ij,j->i", [[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0]).eval()
    array([21., 43.], dtype=float32)
    """
    dtype = next((x.dtype for x in inputs if isinstance(x, Node)), None)
    with name_scope(name, "einsum", inputs):
        nodes = [as_node(x, dtype) for x in inputs]
        letters = text(equation, "equation").replace(" ", "")
        if len(nodes) == 1 and len(letters) == 2 and letters == letters[0] * 2:
            return reduce_sum(matrix_diag_part(_square(nodes[0], letters)))
        terms, result = _parsed(equation, nodes)
        x, term = nodes[0], terms[0]
        for i in range(1, len(nodes)):
            later = set(result).union(*terms[i + 1 :])
            x, term = _summed(x, term, later | set(terms[i]))
            y, other = _summed(nodes[i], terms[i], later | set(term))
            kept = "".join(s for s in dict.fromkeys(term + other) if s in later)
            target = result if i == len(nodes) - 1 else kept
            x = einsum_op(x, y, equation=f"{term},{other}->{target}")
            term = target
        x, term = _summed(x, term, set(result))
        return x if term == result else transpose(x, [term.index(s) for s in result])


def tensordot(a: TensorLike, b: TensorLike, axes: TensorLike, name: str | None = None) -> Node:
    """Products summed over pairs of axes.

    `axes` is n, for the last n axes of `a` with the first n of `b`, or two lists of axes (or two
    ints). The result has the other axes of `a`, then those of `b`.

    >>> tg.tensordot([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0], 1).eval()
    array([21., 43.], dtype=float32)
    """
    a = as_node(a, name="a")
    b = as_node(b, name="b", graph=a.graph)
    constant = axes.graph.use_value(axes, "axes") if isinstance(axes, Node) else None
    axes = axes if constant is None else constant
    if a.shape.ndims is None or b.shape.ndims is None or isinstance(axes, Node):
        return _tensordot_late(a, b, axes, name)
    over_a, over_b = _contracted(axes, a.shape.ndims, b.shape.ndims)
    left = _LETTERS[: a.shape.ndims]
    right = list(_LETTERS[a.shape.ndims : a.shape.ndims + b.shape.ndims])
    for i, j in zip(over_a, over_b, strict=True):
        right[j] = left[i]
    free_a = [s for i, s in enumerate(left) if i not in over_a]
    free_b = [s for j, s in enumerate(right) if j not in over_b]
    equation = f"{left},{''.join(right)}->{''.join(free_a + free_b)}"
    return einsum_op(a, b, equation=equation, name=named(name, "Tensordot"))


def _tensordot_late(a: Node, b: Node, axes: Any, name: str | None) -> Node:
    """A product of matrices, of which the contracted axes are the rows: for ranks or axes that
    only a run knows."""
    over_a, over_b = _pair(axes)
    with name_scope(name, "Tensordot", [a, b]) as scope:
        a, inner, rows = grouped(a, over_a)
        b, others, columns = grouped(b, over_b)
        inner = same_sizes(inner, others)
        n, m, k = (reduce_prod(dims, axis=None, keepdims=True) for dims in (rows, columns, inner))
        product = matmul(reshape(a, join(k, n)), reshape(b, join(k, m)), transpose_a=True)
        return reshape(product, join(rows, columns), name=scope)


def _pair(axes: Any) -> tuple[Node, Node]:
    """The axes of both operands as vectors."""
    if isinstance(axes, Node):
        if not axes.shape.is_compatible_with([2, None]):
            raise ShapeError(
                f"'{axes.name}' (made at {axes.where}) has shape {axes.shape}, but axes that only "
                "a run knows must be two lists of axes; how many axes to sum over must be known "
                "while building")
        return axes[0], axes[1]  # type: ignore[index]
    over_a, over_b = _lists(axes)
    return as_shape_node(over_a), as_shape_node(over_b)


def _lists(axes: Any) -> tuple[list[int], list[int]]:
    """The axes of both operands as lists of one length: for n the last n and the first n."""
    if not isinstance(axes, list | tuple) and np.ndim(axes) == 0:
        count = integer(static_int(axes, "axes"), "axes", least=0)
        return list(range(-count, 0)), list(range(count))
    both = sequence(axes, "axes")
    if len(both) != 2:
        raise GraphError(f"axes must be an int or have two parts, not {axes!r}")
    over_a, over_b = [list(static_ints(part, "axes")) for part in both]
    if len(over_a) != len(over_b):
        raise GraphError(f"axes {axes!r} pairs {len(over_a)} axes with {len(over_b)}")
    return over_a, over_b


def _same_sizes(a: Array, b: Array) -> Array:
    if not np.array_equal(a, b):
        raise InvalidArgumentError(f"Dimensions must be equal, but are {a} and {b}")
    return a


same_sizes = Op("SameSizes", _same_sizes, alike("int"), (None, None), ("a", "b"), view="part",
    doc="The sizes of axes that must be equal.")


def _contracted(axes: Any, *ranks: int) -> list[list[int]]:
    """The axes of both operands that `axes` pairs, from 0 on."""
    pairs = zip(_lists(axes), ranks, strict=True)
    both = [[normalize_axis(axis, rank) for axis in part] for part, rank in pairs]
    if any(len(set(part)) < len(part) for part in both):
        raise GraphError(f"axes {axes!r} names an axis twice")
    return both
