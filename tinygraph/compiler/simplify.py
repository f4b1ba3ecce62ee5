"""The pass that simplifies: it looks for a cheaper node before it makes one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygraph.compiler.trace import Make, Trace
from tinygraph.graph import Node
from tinygraph.op import Op, constant
from tinygraph.ops.broadcasting import broadcast_to
from tinygraph.spec import Shape, Spec, broadcast


def simplify(trace: Trace, make: Make) -> Make:
    """Make a cheaper node in place of an op's, if there is one."""

    def simplified(kind: Op, inputs: tuple[Node, ...], attrs: dict, spec: Spec) -> Node:
        simpler = None
        if kind.kernel is not None and not kind.stateful:
            simpler = _simpler(kind, inputs, attrs, spec)
        return make(kind, inputs, attrs, spec) if simpler is None else trace.bundled(simpler, spec)

    return simplified


def _simpler(
    kind: Op, inputs: tuple[Node, ...], attrs: dict, spec: Spec
) -> Node | Sequence[Node] | None:
    """What may replace an op: by its `rewrite`, else by a rule for views or broadcasting ops."""
    rewritten = None if kind.rewrite is None else kind.rewrite(*inputs, **attrs)
    if rewritten is not None:
        return rewritten
    if kind.view == "part" and spec.shape.is_fully_defined():
        x = inputs[0]
        if _repeats_a_scalar(x) and x.dtype is spec.dtype:
            return _repeated(x.inputs[0], spec.shape)
    return _narrower(kind, inputs, attrs) if kind.broadcasts else None


def _repeats_a_scalar(x: Node) -> bool:
    """Whether all elements of x are one scalar: any view of x then is that scalar, repeated."""
    return x.kind.view == "repeat" and x.inputs[0].spec.shape.sizes == ()


def _narrower(kind: Op, inputs: tuple[Node, ...], attrs: dict) -> Node | None:
    """The op on its inputs without their broadcast: there are fewer elements to compute."""
    if "repeat" not in [x.kind.view for x in inputs]:
        return None
    shape = broadcast(*[x.spec.shape for x in inputs])
    if not shape.is_fully_defined():
        return None
    node = kind(*[x.inputs[0] if x.kind.view == "repeat" else x for x in inputs], **attrs)
    return node if node.spec.shape == shape else _repeated(node, shape)


def _repeated(x: Node, shape: Shape) -> Node:
    """x, broadcast to a known shape."""
    return broadcast_to(x, constant(np.array(shape.sizes, np.int32)))
