"""Sums that are added to in place, by BLAS: what a scaled term or a product in a sum becomes.

No user's graph has these ops. The compiler puts them in place of a sum when it is clear that the
term is of no other use; a variable's update then costs no more than the product it adds.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable

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


def add_product(c: Array, a: Array, b: Array, alpha: Array, out: Array | None = None) -> Array:
    """c + alpha * a @ b."""
    if c.dtype.char not in blas.routines():
        return np.add(c, alpha * np.dot(a, b), out=out)
    out = _copied(c, out)
    blas.adding_product(out, a, b, alpha)()  # type: ignore[arg-type]
    return out


def add_scaled(y: Array, x: Array, alpha: Array, out: Array | None = None) -> Array:
    """y + alpha * x."""
    if y.dtype.char not in blas.routines():
        return np.add(y, alpha * x, out=out)
    out = _copied(y, out)
    blas.adding_scaled(out, x, alpha)()  # type: ignore[arg-type]
    return out


def _copied(x: Array, out: Array | None) -> Array:
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
    lambda y, x, alpha: Spec(y.shape.merge_with(x.shape), check_dtypes((y, x, alpha), "float")),
    (lambda g, z, y, x, alpha: g, lambda g, z, y, x, alpha: alpha * g,
     lambda g, z, y, x, alpha: registry["Sum"](g * x, axis=None, keepdims=False)),
    ("y", "x", "alpha"), inplace=(0,), static=(2,), prepare=blas.adding_scaled,
    element="{0} + {2} * {1}",
    doc="y + alpha * x, for a scalar alpha; BLAS's axpy.",
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
    size, dtype = x.spec.shape.num_elements() or 0, x.spec.dtype.numpy
    if size < PRODUCT_SIZE or x.spec.shape != y.spec.shape or dtype.char not in blas.routines():
        return None
    factors, term = _scaled(y, alone)
    alpha = functools.reduce(operator.mul, factors, constant(np.array(sign, dtype)))
    known = alpha.spec.constant
    if known is not None and not (np.isfinite(known) and known):  # BLAS skips what is times 0
        return None
    if term.kind is registry["Dot"] and alone(term) and x not in term.inputs:
        return add_product_op(x, *term.inputs, alpha)
    if factors and size >= SCALED_SIZE and x is not term:
        return add_scaled_op(x, term, alpha)
    return None


def _scaled(x: Node, alone: Callable[[Node], bool]) -> tuple[list[Node], Node]:
    """x as scalar factors and what they are times; numerators are looked into."""
    multiply, divide = registry["Mul"], registry["RealDiv"]
    factors: list[Node] = []
    while x.kind is multiply and alone(x):
        scalars = [a for a in x.inputs if a.spec.shape.dims == ()]
        if len(scalars) != 1:
            break
        factors += scalars
        x = next(a for a in x.inputs if a is not scalars[0])
    if x.kind is divide and alone(x):
        above, numerator = _scaled(x.inputs[0], alone)
        if above:
            factors, x = factors + above, divide(numerator, x.inputs[1])
    return factors, x
