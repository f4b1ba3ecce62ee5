"""The pass that fuses sums with products: BLAS adds a product, or a multiple of a tensor, in place.

A variable's update then costs no more than the product that it adds.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable

import numpy as np

from tinygraph.compiler.program import Program
from tinygraph.errors import ShapeError
from tinygraph.families import check_dtypes
from tinygraph.graph import Node
from tinygraph.kernels import blas
from tinygraph.op import Op, constant
from tinygraph.ops.arithmetic import add, multiply, subtract
from tinygraph.ops.broadcasting import dot_op
from tinygraph.ops.math import realdiv
from tinygraph.spec import Spec

SIGNS = {add: 1.0, subtract: -1.0}

# Sizes from which preparing a call into BLAS, 3 us, is less than what it saves.
PRODUCT_SIZE, SCALED_SIZE = 1 << 13, 1 << 16
LARGEST = 1e8  # of a product of factors: usual values times it stay in float32's range


# ---------------------------------------------------------------- the ops that sums become


def _add_product_spec(c: Spec, a: Spec, b: Spec, alpha: Spec) -> Spec:
    dtype = check_dtypes((c, a, b, alpha), "float")
    rows, columns = a.shape.with_rank(2).as_list()[0], b.shape.with_rank(2).as_list()[1]
    if not c.shape.is_compatible_with([rows, columns]):
        raise ShapeError(f"a product of shape {[rows, columns]} is not added to {c.shape}")
    return Spec(c.shape, dtype)


add_product_op = Op("AddProduct", blas.add_product, _add_product_spec,
    params=("c", "a", "b", "alpha"), inplace=(0,), static=(3,),
    doc="c + alpha * a @ b, for matrices and a scalar alpha; BLAS's gemm.")
add_scaled_op = Op("AddScaled", blas.add_scaled,
    lambda y, x, alpha, beta: Spec(
        y.shape.merge_with(x.shape), check_dtypes((y, x, alpha, beta), "float")),
    params=("y", "x", "alpha", "beta"), inplace=(0, 1), static=(2, 3),
    doc="beta * y + alpha * x, for scalars alpha and beta; BLAS's axpby, or axpy where beta is 1.")


# ---------------------------------------------------------------- the pass


def fuse(program: Program) -> None:
    """Compute each sum together with one of its terms, where nothing else needs that term."""
    if not any(node.kind in SIGNS for node in program.nodes):
        return
    trace = program.trace
    uses = program.uses()
    fused: dict[Node, Node] = {}
    order: list[Node] = []
    trace.restart()  # forgets nodes: an equal one may stand further down the program
    with trace.as_default():
        for node in program.nodes:
            start = len(trace.nodes)
            if not fused.keys().isdisjoint(node.inputs):
                node.inputs = tuple([fused.get(x, x) for x in node.inputs])
            if node.kind in SIGNS:
                trace.current_user_node = trace.user_node[node]
                better = _fused_sum(node, alone=lambda x: uses[x] == 1)
                if better is not None:
                    fused[node] = better
            order += [*trace.nodes[start:], node]
    if fused:
        program.replace(fused, order)


def _fused_sum(node: Node, alone: Callable[[Node], bool]) -> Node | None:
    """The op that replaces a sum, or None; `alone(x)`: only one node needs x."""
    (x, y), sign = node.inputs, SIGNS[node.kind]
    fused = _fused(x, y, sign, alone)
    if fused is None and sign == 1:
        fused = _fused(y, x, sign, alone)
    return fused


def _fused(x: Node, y: Node, sign: float, alone: Callable[[Node], bool]) -> Node | None:
    """x + sign * y as one call of BLAS, or None: y must be a product or a multiple of a tensor."""
    size, routines = x.spec.shape.num_elements() or 0, blas.routines().get(x.spec.dtype.numpy.char)
    if size < PRODUCT_SIZE or x.spec.shape != y.spec.shape or routines is None:
        return None
    factors, term = _scaled(y, alone)
    alpha = _product(factors, sign, x)
    if not _is_usual(alpha):
        return None
    if term.kind is dot_op and alone(term) and x not in term.inputs:
        return add_product_op(x, *term.inputs, alpha)
    if not factors or size < SCALED_SIZE or x is term:
        return None
    factors, other = _scaled(x, alone)
    beta = _product(factors, 1.0, x)
    if routines.axpby is None or beta.spec.constant is None or not _is_usual(beta) or other is term:
        beta, other = _product([], 1.0, x), x
    return add_scaled_op(other, term, alpha, beta)


def _product(factors: list[Node], number: float, like: Node) -> Node:
    return functools.reduce(operator.mul, factors, constant(np.array(number, like.dtype.numpy)))


def _is_usual(factor: Node) -> bool:
    """Whether BLAS may get the factor: a known one must be finite, and not 0, which BLAS skips."""
    value = factor.spec.constant
    return value is None or bool(np.isfinite(value) and value)


def _scaled(x: Node, alone: Callable[[Node], bool]) -> tuple[list[Node], Node]:
    """x as scalar factors and the tensor they multiply; a quotient's numerator may have factors."""
    factors, rest = _factors(x, alone)
    if rest.kind is realdiv and alone(rest):
        above, numerator = _factors(rest.inputs[0], alone)
        if above and _may_multiply([*factors, *above]):
            return [*factors, *above], rest.kind(numerator, rest.inputs[1])
    return factors, rest


def _factors(x: Node, alone: Callable[[Node], bool]) -> tuple[list[Node], Node]:
    factors: list[Node] = []
    while x.kind is multiply and alone(x):
        scalars = [a for a in x.inputs if a.spec.shape.sizes == ()]
        if len(scalars) != 1 or not _may_multiply([*factors, *scalars]):
            break
        factors += scalars
        x = next(a for a in x.inputs if a is not scalars[0])
    return factors, x


def _may_multiply(factors: list[Node]) -> bool:
    """Whether to multiply the factors first, then the tensor: at most one of several is unknown."""
    values = [float(x.spec.constant) for x in factors if x.spec.constant is not None]
    return len(factors) == 1 or len(values) + 1 >= len(factors) and _is_moderate(math.prod(values))


def _is_moderate(factor: float) -> bool:
    """Whether values of a usual size stay in float32's range when multiplied by it."""
    return 1 / LARGEST <= abs(factor) <= LARGEST
