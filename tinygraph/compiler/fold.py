"""The pass that folds: ops on constants alone are computed while compiling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygraph.compiler.trace import Make, Trace
from tinygraph.node import Node
from tinygraph.op import Op, const
from tinygraph.spec import Spec
from tinygraph.static import kernel_outputs, new_output

LARGEST = 10 * 2**20  # bytes of a folded result, as in TF: a plan shall not keep large constants


def fold(trace: Trace, make: Make) -> Make:
    """Make a constant in place of an op whose value is known."""

    def folded(kind: Op, inputs: tuple[Node, ...], attrs: dict, spec: Spec) -> Node:
        values = None if kind is const or kind.stateful else _values(kind, inputs, attrs, spec)
        if values is None:
            return make(kind, inputs, attrs, spec)
        constants = list(map(trace.constant, values, spec.items or (spec,)))
        return trace.bundled(constants, spec) if spec.items else constants[0]

    return folded


def _values(
    kind: Op, inputs: tuple[Node, ...], attrs: dict, spec: Spec
) -> Sequence[np.ndarray] | None:
    """The outputs of an op, if they follow from its spec or from constants and aren't too large."""
    if spec.constant is not None:
        return [spec.constant]
    arrays = []
    for x in inputs:
        if x.spec.constant is None:
            return None
        arrays.append(x.spec.constant)
    if not inputs or kind.kernel is None or kind.role == "effect" or kind.view == "repeat":
        return None
    outputs = spec.items or (spec,)
    if spec.bytes > LARGEST or not all(y.shape.is_fully_defined() for y in outputs):
        return None
    try:
        out, several = new_output(kind, spec), bool(spec.items)
        values = list(map(np.array, kernel_outputs(kind, arrays, out, attrs, several)))
    except Exception:  # noqa: BLE001  (the run will raise it, and name the node)
        return None
    if len(values) != len(outputs):
        return None  # the run will complain
    for value, output in zip(values, outputs, strict=True):
        if value.dtype != output.dtype.numpy or value.shape != output.shape.sizes:
            return None
        value.flags.writeable = False
    return values
