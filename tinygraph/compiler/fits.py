"""Checks of sizes that only a run knows: an op's shape rule is applied to the run's arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.trace import Make, Trace
from tinygraph.dtypes import float32
from tinygraph.graph import Node
from tinygraph.op import Op
from tinygraph.ops.array import ensure_shape
from tinygraph.spec import UNKNOWN, Shape, Spec
from tinygraph.static import is_sized, new_output, takes_out


def may_not_fit(op: Op, inputs: tuple[Node, ...]) -> bool:
    """Whether a run may bring sizes to light that the op's rule forbids.

    An elementwise op with a kernel needs no check: NumPy's broadcasting is its rule.
    """
    if op.role in ("effect", "bodies") or op.broadcasts and op.kernel is not None:
        return False
    for x in inputs:
        if x.spec.items:
            return False
        dims = x.spec.shape.sizes
        if dims is None or None in dims:
            return True
    return bool(op.static) and any(inputs[i].spec.constant is None for i in op.static)


def check_fit(trace: Trace, make: Make) -> Make:
    """Put a check before an op whose shape rule a run's sizes might break."""

    def checked(kind: Op, inputs: tuple[Node, ...], attrs: dict, spec: Spec) -> Node:
        if inputs and may_not_fit(kind, inputs):
            check = SizeCheck(kind, inputs, attrs)
            trace.add(check_sizes, check.inputs, {"check": check}, spec, "")
        return make(kind, inputs, attrs, spec)

    return checked


def of_static_shape(value: Node, node: Node) -> Node:
    """`value`, in an `ensure_shape` if the user's node knows more of the shape."""
    if value.spec.items or value.spec.shape.is_fully_defined():
        return value
    shape = value.spec.shape.merge_with(node.spec.shape)
    return value if shape == value.spec.shape else ensure_shape(value, shape)


class SizeCheck:
    """Applies an op's shape rule to arrays whose sizes only a run knows."""

    def __init__(self, op: Op, inputs: tuple[Node, ...], attrs: dict):
        self.op, self.attrs = op, attrs
        # an assign does not read its variable, whose spec is known
        self.variable_specs = [inputs[0].spec] if op.role == "assign" else []
        self.inputs = inputs[len(self.variable_specs) :]
        self.dtypes = [x.spec.dtype for x in self.inputs]
        self.last: tuple[list, Spec] | None = None  # most runs bring the same sizes again

    def check(self, *arrays: np.ndarray) -> None:
        """Raise the error, if any, of the op's shape rule. Returns nothing, as it is the kernel of
        an op with the role "effect".
        """
        self.spec(*arrays)

    def spec(self, *arrays: np.ndarray) -> Spec:
        """The spec of the op's result for these arrays; or the error of its shape rule."""
        sizes: list = [np.shape(x) for x in arrays]
        if self.op.static:
            sizes += [np.asarray(arrays[i]).tolist() for i in self.op.static]
        last = self.last  # which another thread may replace
        if last is None or last[0] != sizes:
            specs = [
                Spec(Shape.of(np.shape(x)), dtype, np.asarray(x) if dtype.is_integer else None)
                for x, dtype in zip(arrays, self.dtypes, strict=True)
            ]
            specs = self.variable_specs + specs
            self.last = last = sizes, self.op.infer(*specs, **self.attrs)
            is_sized(self.op, specs, last[1])  # or an error
        return last[1]

    def new(self, *arrays: np.ndarray) -> np.ndarray | None:
        """A new array for the op's result; None if the shape rule cannot tell the size."""
        spec = self.spec(*arrays)
        sizes: Any = spec.shape.sizes
        return None if sizes is None or None in sizes else np.empty(sizes, spec.dtype.numpy)


def new_out(node: Node, arrays: Sequence, dtype: Any = None) -> dict[str, np.ndarray]:
    """The argument `out` of the node's kernel, if that takes one: a new array for its value.

    If only a run knows the size, the op's shape rule finds it from `arrays`.
    """
    spec = node.spec
    if takes_out(node.kind, spec) and not spec.shape.is_fully_defined():
        check = SizeCheck(node.kind, node.inputs, node.attrs)
        spec = check.spec(*arrays[len(check.variable_specs) :])
    return new_output(node.kind, spec, dtype)


check_sizes = Op("_Check_Sizes", lambda *arrays, check: check.check(*arrays),
    lambda *inputs, check: Spec(UNKNOWN, float32), role="effect",
    doc="""Raises an op's own error if arrays whose sizes only the run knows do not fit the op. The
    compiler puts it before the op, so that NumPy broadcasts nothing that the shape rule forbids.
    """)


def raise_misfit(message: str) -> None:
    raise ValueError(message)


misfit = Op("_Misfit", raise_misfit, lambda message: Spec(UNKNOWN, float32), role="impure",
    doc="Replaces, in a body, an op that cannot take the fed shapes: only runs that reach it fail.")
