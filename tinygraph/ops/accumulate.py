"""Sums that are added to in place, by BLAS: what a scaled term or a product in a sum becomes.

No user's graph has these ops. The compiler's pass `fuse` puts them in place of a sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.errors import ShapeError
from tinygraph.op import Op, check_dtypes, registry
from tinygraph.ops import blas
from tinygraph.ops.reshaping import transpose
from tinygraph.spec import Spec

Array = np.ndarray


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
)
add_scaled_op = Op(
    "AddScaled", add_scaled,
    lambda y, x, alpha, beta: Spec(
        y.shape.merge_with(x.shape), check_dtypes((y, x, alpha, beta), "float")
    ),
    (lambda g, z, y, x, alpha, beta: beta * g, lambda g, z, y, x, alpha, beta: alpha * g,
     lambda g, z, y, x, alpha, beta: registry["Sum"](g * x, axis=None, keepdims=False),
     lambda g, z, y, x, alpha, beta: registry["Sum"](g * y, axis=None, keepdims=False)),
    ("y", "x", "alpha", "beta"), inplace=(0, 1), static=(2, 3), prepare=blas.adding_scaled,
    doc="beta * y + alpha * x, for scalars alpha and beta; BLAS's axpby, or axpy where beta is 1.",
)
