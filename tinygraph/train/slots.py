"""Slots, variables that belong to another variable, such as `w/Momentum`; and their updates.

The formula of an optimizer is written once. It reads and updates a variable and its slots through
`Whole`, all elements, or `Rows`, some of their rows.
"""

from __future__ import annotations

from typing import Any

from tinygraph.dtypes import DType
from tinygraph.graph import Node
from tinygraph.op import as_node
from tinygraph.ops.array import shape_of
from tinygraph.ops.broadcasting import fill
from tinygraph.ops.compare import cast
from tinygraph.ops.gathering import gather
from tinygraph.ops.groups import group
from tinygraph.ops.scattering import scatter_update
from tinygraph.variables.scopes import get_variable_scope
from tinygraph.variables.updates import replace_op
from tinygraph.variables.variable import Variable, latest_value

_NAMES = {0.0: "zeros", 1.0: "ones"}


def slot_variable(primary: Node, initial_value: Any, name: str) -> Variable:
    """A variable `primary/name`, made outside of name scopes and control dependencies.

    `initial_value` is what a Variable takes. As in TF, a variable scope does prefix the name.
    """
    graph = primary.graph
    with graph.as_default(), graph.control_dependencies(None), graph.name_scope(None):
        prefix = get_variable_scope().name
        return Variable(
            initial_value, trainable=False, validate_shape=primary.shape.is_fully_defined(),
            name=f"{prefix}/{primary.op_name}/{name}".lstrip("/"),
        )


def filled_slot(primary: Node, value: float, name: str, dtype: DType | None = None) -> Variable:
    """A slot of the shape of `primary`, and of its dtype by default, that starts with `value`."""

    def initial_value() -> Node:
        start = as_node(value, dtype or primary.dtype, "value", primary.graph)
        return fill(shape_of(primary), start, name=_NAMES.get(value, "Const"))

    return slot_variable(primary, initial_value, name)


# ---------------------------------------------------------------- what a formula updates


class Whole:
    """Variables with all their elements. Each method but `read` makes an update."""

    def read(self, slot: Any) -> Node:
        """The value that the updates made before have left."""
        return latest_value(slot)

    def assign(self, slot: Any, value: Node, name: str) -> Any:
        """Give the slot a value; return it."""
        return replace_op(slot, value, name=name)

    def add(self, slot: Any, delta: Node, name: str) -> Any:
        """Add to the slot; return the sum."""
        return slot.assign_add(delta, name=name)

    def descend(self, variable: Any, step: Node, name: str) -> Any:
        """Subtract the step from the variable, in its dtype: the last update, which is returned."""
        return variable.assign_sub(cast(step, variable.dtype), name=name)

    def become(self, variable: Any, value: Node, name: str) -> Any:
        """Give the variable a value, in its dtype: the last update, which is returned."""
        return replace_op(variable, cast(value, variable.dtype), name=name)


class Rows(Whole):
    """The rows of variables at some indices. The other rows are neither read nor written.

    Where indices repeat, the formula must have the same values for each.
    """

    def __init__(self, indices: Node):
        self.indices = indices
        self.updates: list[Node] = []

    def read(self, slot: Any) -> Node:
        return gather(latest_value(slot), self.indices)

    def assign(self, slot: Any, value: Node, name: str) -> Any:
        self.updates.append(scatter_update(slot, self.indices, value, name=name))
        return value

    def add(self, slot: Any, delta: Node, name: str) -> Any:
        return self.assign(slot, self.read(slot) + delta, name)

    def descend(self, variable: Any, step: Node, name: str) -> Any:
        return self.become(variable, self.read(variable) - cast(step, variable.dtype), name)

    def become(self, variable: Any, value: Node, name: str) -> Any:
        self.assign(variable, cast(value, variable.dtype), f"Sparse{name}")
        return group(*self.updates, name="rows")
