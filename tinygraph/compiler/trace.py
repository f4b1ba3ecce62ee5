"""The graph that a program is lowered into: it folds, merges and simplifies as it grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.compiler.fits import Rule, check_sizes, may_not_fit
from tinygraph.compiler.simplify import simpler
from tinygraph.graph import Graph
from tinygraph.interrupts import quietly
from tinygraph.node import Node, new_node
from tinygraph.op import Op, bundle, const, item
from tinygraph.spec import SCALAR, Shape, Spec, float32
from tinygraph.static import by_output

PASSES = frozenset({"fold", "merge", "simplify", "fuse", "inplace"})
"""The optimisations, each of which can be left out; `simplify` and `fuse` change rounding."""

PURE_PASSES = frozenset({"fold", "merge", "simplify"})
"""Those that know of no memory: what they leave is a program for any library of arrays."""

OPTIONAL_PASSES = frozenset({"loops"})
"""What can be added to them: `loops` needs numba, and compiles for a second or two."""

FOLD_LIMIT = 10 * 2**20  # bytes; as TF's, so that a plan doesn't hoard what is cheap to make


class Trace(Graph):
    """The graph being compiled. `user_node[n]` is the user's node that n helps to compute."""

    def __init__(self, passes: frozenset[str] = PASSES, is_of_body: bool = False):
        super().__init__()
        self.passes = passes
        self.is_of_body = is_of_body
        self.user_node: dict[Node, Node] = {}
        self.current: Node | None = None
        self.memo: dict[tuple, Node] = {}

    def add(self, kind: Op, inputs: tuple[Node, ...], attrs: dict, spec: Spec, name: Any) -> Node:
        key = self._key(kind, inputs, attrs)
        if key is not None and key in self.memo:
            return self.memo[key]
        if inputs and may_not_fit(kind, inputs):
            rule = Rule(kind, inputs, attrs)
            self.add(check_sizes, rule.inputs, {"rule": rule}, spec, "")
        node = self._simpler(kind, inputs, attrs, spec)
        if node is None:
            node = new_node(kind, inputs, attrs, spec)
            node.graph, node.id = self, len(self.nodes)
            node.control_inputs = ()
            node.origin = node.forward = None
            assert self.current is not None
            node.op_name = self.current.op_name
            self.user_node[node] = self.current
            self.nodes.append(node)
        if key is not None:
            self.memo[key] = node
        return node

    def _key(self, kind: Op, inputs: tuple[Node, ...], attrs: dict) -> tuple | None:
        if kind.stateful or "merge" not in self.passes:
            return None
        if kind is const:
            value = attrs["value"]
            return (kind, value.dtype, value.shape, value.tobytes()) if value.size <= 1024 else None
        items = tuple(attrs.items())
        try:
            hash(items)
            text = repr(attrs) if attrs else ""
        except Exception:  # noqa: BLE001  (of a user's op, an attribute without a hash or a text)
            return None
        return kind, inputs, items, text

    def _simpler(self, kind: Op, inputs: tuple[Node, ...], attrs: dict, spec: Spec) -> Node | None:
        if kind is const or kind.stateful:
            return None
        if "simplify" in self.passes or kind.kernel is None:
            node = simpler(kind, inputs, attrs, spec)
            if node is not None:
                return node if isinstance(node, Node) else self.bundled(node, spec)
        if "fold" not in self.passes:
            return None
        if spec.constant is not None:
            return self._const(spec.constant, spec)
        may_fold = inputs and kind.role != "effect"
        values = self._folded(kind, inputs, attrs, spec) if may_fold else None
        if values is None:
            return None
        if spec.items:
            return self.bundled(list(map(self._const, values, spec.items)), spec)
        return self._const(values[0], spec)

    def bundled(self, values: Sequence[Node | None], spec: Spec) -> Node:
        """Nodes in place of an op with several outputs: the outputs are these nodes themselves."""
        return self.add(bundle, (), {"values": values}, spec, "")

    def call_output(self, value: Node, output: Node) -> None:
        """Give what was made for one of several outputs the name of that output."""
        is_named = value.kind is item or value.kind.stateful
        if self.user_node[value] in (output, output.inputs[0]) and not is_named:
            self.user_node[value] = output
            value.op_name = output.name

    def blank(self) -> Node:
        """What a body returns for an output that only another body computes."""
        return self._const(np.zeros((), np.float32), Spec(SCALAR, float32))

    def _const(self, value: np.ndarray, spec: Spec) -> Node:
        exact = Spec(Shape.of(value.shape), spec.dtype, value)
        return self.add(const, (), {"value": value}, exact, "")

    def _folded(self, kind: Op, inputs, attrs: dict, spec: Spec) -> list[np.ndarray] | None:
        """The outputs of an op on constants, if there is one and they aren't too large."""
        if kind.kernel is None:
            return None
        arrays = []
        for node in inputs:
            array = node.spec.constant
            if array is None:
                return None
            arrays.append(array)
        outputs = spec.items or (spec,)
        if kind.view == "repeat" or spec.bytes > FOLD_LIMIT:
            return None
        if not all(output.shape.is_fully_defined() for output in outputs):
            return None
        try:
            made = quietly(kind.kernel, *arrays, **attrs)
            values = list(map(np.array, by_output(made, bool(spec.items))))
        except Exception:  # noqa: BLE001  (the run will raise it, and name the node)
            return None
        if len(values) != len(outputs):
            return None  # the run will complain
        for value, output in zip(values, outputs, strict=True):
            if value.dtype != output.dtype.numpy or value.shape != output.shape.sizes:
                return None
            value.flags.writeable = False
        return values
