"""What the formula of an optimizer updates: whole variables, or some of their rows.

A formula is written once. It reads and updates a variable and its slots through one of these.
"""

from __future__ import annotations

from typing import Any

from tinygraph.graph import Node
from tinygraph.ops.compare import cast
from tinygraph.ops.gathering import gather
from tinygraph.ops.groups import group
from tinygraph.variables.updates import replace_op, scatter_update
from tinygraph.variables.variable import latest_value


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
