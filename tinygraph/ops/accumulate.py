"""Sums that are added to in place, by BLAS: what a scaled term or a product in a sum becomes.

No user's graph has these ops. The compiler puts them in place of a sum when it is clear that the
term is of no other use; a variable's update then costs no more than the product it adds.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.errors import ShapeError
from tinygraph.graph import Node
from tinygraph.op import Op, check_dtypes, constant, registry
from tinygraph.ops import blas
from tinygraph.ops.reshaping import transpose
from tinygraph.spec import Spec

Array = np.ndarray

# Sizes from which preparing a call into BLAS, 3 us, is less than what it saves.
PRODUCT_SIZE, SCALED_SIZE = 1 << 13, 1 << 16
LARGEST = 1e8  # of the factors that are moved: what they leave of float32's range is plenty


def add_product(c: Array, a: Array, b: Array, alpha: Array, out: Array | None = None) -> Array:
    """c + alpha * a @ b."""
    if c.dtype.char not in blas.routines():
        return np.add(c, alpha * np.dot(a, b), out=out)
    out = copied(c, out)
    blas.adding_product(out, a, b, alpha)()  # type: ignore[arg-type]
    return out


def add_scaled(y: Array, x: Array, alpha: Any, beta: Any, out: Array | None = None) -> Array:
    """beta * y + alpha * x."""
    own = blas.routines().get(y.dtype.char)
    if own is None:
        return np.add(beta * y, alpha * x, out=out)
    if out is x:
        y, x, beta, alpha = x, y, alpha, beta
    out = copied(y, out)
    if own.axpby is None and beta != 1:
        np.multiply(out, beta, out=out)
        beta = 1.0
    blas.adding_scaled(out, x, alpha, beta)()
    return out


def copied(x: Array, out: Array | None) -> Array:
    """x in `out`, where it is already if the op is computed in place."""
    if out is None:
        return np.array(x, order="C")
    if out is not x:
        np.copyto(out, x)
    return out


def _add_product_spec(c: Spec, a: Spec, b: Spec, alpha: Spec) -> Spec:
    dtype = check_dtypes((c, a, b, alpha), "float")
    rows, columns = a.shape.with_rank(2).as_list()[0], b.shape.with_rank(2).as_list()[1]
    if not c.shape.is_compatible_with([rows, columns]):
        raise ShapeError(f"a product of shape {[rows, columns]} is not added to {c.shape}")
    return Spec(c.shape, dtype)


add_product_op = Op(
    "AddProduct", add_product, _add_product_spec,
    (lambda g, y, c, a, b, alpha: g,
     lambda g, y, c, a, b, alpha: alpha * (g @ transpose(b)),
     lambda g, y, c, a, b, alpha: alpha * (transpose(a) @ g),
     lambda g, y, c, a, b, alpha: registry["Sum"](g * (a @ b), axis=None, keepdims=False)),
    ("c", "a", "b", "alpha"), inplace=(0,), static=(3,), prepare=blas.adding_product,
    doc="c + alpha * a @ b, for matrices and a scalar alpha; BLAS's gemm.",
)  # fmt: skip
add_scaled_op = Op(
    "AddScaled", add_scaled,
    lambda y, x, alpha, beta: Spec(
        y.shape.merge_with(x.shape), check_dtypes((y, x, alpha, beta), "float")
    ),
    (lambda g, z, y, x, alpha, beta: beta * g, lambda g, z, y, x, alpha, beta: alpha * g,
     lambda g, z, y, x, alpha, beta: registry["Sum"](g * x, axis=None, keepdims=False),
     lambda g, z, y, x, alpha, beta: registry["Sum"](g * y, axis=None, keepdims=False)),
    ("y", "x", "alpha", "beta"), inplace=(0, 1), static=(2, 3), prepare=blas.adding_scaled,
    element="{3} * {0} + {2} * {1}",
    doc="beta * y + alpha * x, for scalars alpha and beta; BLAS's axpby, or axpy where beta is 1.",
)  # fmt: skip


def sum_fusion(sign: float) -> Callable[..., Node | None]:
    """The `fuse` of x + y, or of x - y for sign -1."""

    def fuse(x: Node, y: Node, alone: Callable[[Node], bool]) -> Node | None:
        fused = _fused(x, y, sign, alone)
        if fused is None and sign == 1:
            fused = _fused(y, x, sign, alone)
        return fused

    return fuse


def _fused(x: Node, y: Node, sign: float, alone: Callable[[Node], bool]) -> Node | None:
    """x + sign * y, where y is a product or something scaled that nobody else needs."""
    size, own = x.spec.shape.num_elements() or 0, blas.routines().get(x.spec.dtype.numpy.char)
    if size < PRODUCT_SIZE or x.spec.shape != y.spec.shape or own is None:
        return None
    factors, term = _scaled(y, alone)
    alpha = _product(factors, sign, x)
    if not _is_usual(alpha):
        return None
    if term.kind is registry["Dot"] and alone(term) and x not in term.inputs:
        return add_product_op(x, *term.inputs, alpha)
    if not factors or size < SCALED_SIZE or x is term:
        return None
    factors, other = _scaled(x, alone)
    beta = _product(factors, 1.0, x)
    if own.axpby is None or beta.spec.constant is None or not _is_usual(beta) or other is term:
        beta, other = _product([], 1.0, x), x
    return add_scaled_op(other, term, alpha, beta)


def _product(factors: list[Node], number: float, like: Node) -> Node:
    return functools.reduce(operator.mul, factors, constant(np.array(number, like.dtype.numpy)))


def _is_usual(factor: Node) -> bool:
    """Whether a factor, as far as it is known, is finite and not 0: BLAS skips what is times 0."""
    known = factor.spec.constant
    return known is None or bool(np.isfinite(known) and known)


def _scaled(x: Node, alone: Callable[[Node], bool]) -> tuple[list[Node], Node]:
    """x as scalar factors and what they are times; a numerator is looked into."""
    factors, rest = _factors(x, alone)
    if rest.kind is registry["RealDiv"] and alone(rest):
        above, numerator = _factors(rest.inputs[0], alone)
        if above and _may_multiply([*factors, *above]):
            return [*factors, *above], rest.kind(numerator, rest.inputs[1])
    return factors, rest


def _factors(x: Node, alone: Callable[[Node], bool]) -> tuple[list[Node], Node]:
    factors: list[Node] = []
    while x.kind is registry["Mul"] and alone(x):
        scalars = [a for a in x.inputs if a.spec.shape.sizes == ()]
        if len(scalars) != 1 or not _may_multiply([*factors, *scalars]):
            break
        factors += scalars
        x = next(a for a in x.inputs if a is not scalars[0])
    return factors, x


def _may_multiply(factors: list[Node]) -> bool:
    """Whether factors may meet before what they are times: of several, one may be unknown."""
    known = [float(x.spec.constant) for x in factors if x.spec.constant is not None]
    return len(factors) == 1 or len(known) + 1 >= len(factors) and _is_moderate(math.prod(known))


def _is_moderate(factor: float) -> bool:
    """Whether values of a usual size stay in float32's range when multiplied by it."""
    return 1 / LARGEST <= abs(factor) <= LARGEST
