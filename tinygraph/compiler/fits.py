"""Sizes that only a run knows: an op's own rule is held against the arrays that it finds."""

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
from tinygraph.static import new_output, takes_out


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
    return any(inputs[i].spec.constant is None for i in op.static)


def check_fit(trace: Trace, make: Make) -> Make:
    """Put a check before an op whose rule a run might break."""

    def checked(kind: Op, inputs: tuple[Node, ...], attrs: dict, spec: Spec) -> Node:
        if inputs and may_not_fit(kind, inputs):
            rule = Rule(kind, inputs, attrs)
            trace.add(check_sizes, rule.inputs, {"rule": rule}, spec, "")
        return make(kind, inputs, attrs, spec)

    return checked


def of_static_shape(value: Node, node: Node) -> Node:
    """`value` with what the user's node knows more of its shape, which the run then checks."""
    if value.spec.items or value.spec.shape.is_fully_defined():
        return value
    shape = value.spec.shape.merge_with(node.spec.shape)
    return value if shape == value.spec.shape else ensure_shape(value, shape)


class Rule:
    """An op's shape rule, to be held against arrays whose sizes only a run knows."""

    def __init__(self, op: Op, inputs: tuple[Node, ...], attrs: dict):
        self.op, self.attrs = op, attrs
        self.first = [inputs[0].spec] if op.role == "assign" else []  # which needs no value
        self.inputs = inputs[len(self.first) :]
        self.dtypes = [x.spec.dtype for x in self.inputs]
        self.last: tuple[list, Spec] | None = None  # most runs bring the same sizes again

    def check(self, *arrays: np.ndarray) -> None:
        """Raise what the op's `infer` does for the arrays' shapes, and the values of ints."""
        self.spec(*arrays)

    def spec(self, *arrays: np.ndarray) -> Spec:
        """What the op makes of these arrays."""
        sizes: list = [np.shape(x) for x in arrays]
        if self.op.static:
            sizes += [np.asarray(arrays[i]).tolist() for i in self.op.static]
        last = self.last  # which another thread may replace
        if last is None or last[0] != sizes:
            specs = [
                Spec(Shape.of(np.shape(x)), dtype, np.asarray(x) if dtype.is_integer else None)
                for x, dtype in zip(arrays, self.dtypes, strict=True)
            ]
            self.last = last = sizes, self.op.infer(*self.first, *specs, **self.attrs)
        return last[1]

    def new(self, *arrays: np.ndarray) -> np.ndarray | None:
        """An array for what the op makes of these; None if its rule cannot tell the size."""
        spec = self.spec(*arrays)
        sizes: Any = spec.shape.sizes
        return None if sizes is None or None in sizes else np.empty(sizes, spec.dtype.numpy)


def fresh(node: Node, arrays: Sequence, dtype: Any = None) -> dict[str, np.ndarray]:
    """The argument `out` of the node's kernel, if that takes one: a new array for its value.

    Where only a run knows the size, the op's shape rule tells it of `arrays`.
    """
    spec = node.spec
    if takes_out(node.kind, spec) and not spec.shape.is_fully_defined():
        rule = Rule(node.kind, node.inputs, node.attrs)
        spec = rule.spec(*arrays[len(rule.first) :])
    return new_output(node.kind, spec, dtype)


check_sizes = Op(
    "_Check_Sizes", lambda *arrays, rule: rule.check(*arrays),
    lambda *inputs, rule: Spec(UNKNOWN, float32), role="effect",
    doc="""Whether arrays are what an op takes, where only the run knows their sizes: else the op's
    own error. The compiler puts it before an op; NumPy's broadcasting never stands in for a rule.
    """,
)


def refuse(message: str) -> None:
    raise ValueError(message)


misfit = Op(
    "_Misfit", refuse, lambda message: Spec(UNKNOWN, float32), role="impure",
    doc="""What stands in a body for an op that does not take what is fed: runs that get there fail,
    and others need not.
    """,
)
