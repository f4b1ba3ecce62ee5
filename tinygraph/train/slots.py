"""Variables that belong to another variable, such as its momentum, `w/Momentum`."""

from __future__ import annotations

from typing import Any

from tinygraph.dtypes import DType
from tinygraph.graph import Node
from tinygraph.op import as_node
from tinygraph.ops.array import shape_of
from tinygraph.ops.broadcasting import fill
from tinygraph.variables.scopes import get_variable_scope
from tinygraph.variables.variable import Variable

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
