"""The updates that may change a variable's own array: their last step is one call of a C function.

`PREPARE[op](*arrays, **attrs)` does all but that step, and returns a functools.partial, whose call
writes the result into the first of the arrays. A run makes the call at its end, so that a run which
fails before leaves the variable as it was.
"""

from __future__ import annotations

from collections.abc import Callable

from tinygraph.compiler.fuse import add_product_op, add_scaled_op
from tinygraph.kernels import blas
from tinygraph.op import Op
from tinygraph.ops.scattering import (
    adding_rows, scatter_add, scatter_sub, scatter_update, setting_rows, subtracting_rows,
)

PREPARE: dict[Op, Callable] = {
    add_product_op: blas.adding_product,
    add_scaled_op: blas.adding_scaled,
    scatter_add: adding_rows,
    scatter_sub: subtracting_rows,
    scatter_update: setting_rows,
}
