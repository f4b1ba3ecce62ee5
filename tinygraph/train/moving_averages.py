"""Exponential moving averages of variables and tensors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygraph.arguments import expect, flag, sequence, text
from tinygraph.defaults import get_default_graph, name_scope
from tinygraph.dtypes import float32
from tinygraph.errors import DTypeError
from tinygraph.graph import GraphKeys, Node, Operation
from tinygraph.op import as_node
from tinygraph.ops.broadcasting import zeros
from tinygraph.ops.compare import cast, exact, exact_dtype
from tinygraph.ops.groups import group
from tinygraph.ops.math import minimum
from tinygraph.train.slots import filled_slot, slot_variable
from tinygraph.typing import TensorLike
from tinygraph.variables.updates import replace_op
from tinygraph.variables.variable import Variable, initialized_value, latest_value


class ExponentialMovingAverage:
    """Moving averages, kept in variables of their own (TF: `tf.train.ExponentialMovingAverage`).

    In each run of the operation from `apply`, average = decay * average + (1 - decay) * value.
    An average of float16 stands still where its step, (1 - decay) * (value - average), is less than
    half a unit in its last place.

    Parameters
    ----------
    decay
        How much of the average is kept: close to 1.
    num_updates
        A count of steps; the decay is then at most (1 + num_updates) / (10 + num_updates).
    zero_debias
        Divide averages of tensors, which start at 0, by 1 - decay^t. Those of variables start at
        the variable's initial value.
    name
        The averages are called `w/name`.

    >>> w = tg.Variable(0.0, name="w")
    >>> averages = tg.train.ExponentialMovingAverage(0.75)
    >>> with tg.control_dependencies([w.assign_add(4.0)]):
    ...     update = averages.apply([w])
    >>> tg.global_variables_initializer().run()
    >>> update.run()
    >>> print(averages.average(w).eval(), averages.average_name(w))
    1.0 w/ExponentialMovingAverage
    """

    def __init__(
        self, decay: TensorLike, num_updates: TensorLike | None = None, zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ):
        self._decay = decay
        self._num_updates = num_updates
        self._zero_debias = flag(zero_debias, "zero_debias")
        self.name = text(name, "name")
        self._averages: dict[Node, Variable] = {}
        self._debiased: dict[Node, tuple[Variable, Variable]] = {}

    def apply(self, var_list: list[Node] | None = None) -> Operation:
        """An operation that updates the averages of `var_list`, or of the trainable variables.

        As in TF, ops made within `control_dependencies([train])` see the values after the step.

        Raises DTypeError for what is not a float.
        """
        graph = get_default_graph()
        if var_list is None:
            var_list = graph.get_collection(GraphKeys.TRAINABLE_VARIABLES)
        var_list = sequence(var_list, "var_list")
        for value in var_list:
            if not _tensor(value).dtype.is_floating:
                raise DTypeError(f"The variables must be half, float, or double: {value!r}")
            if value not in self._averages:
                self._averages[value] = self._shadow(value)
        with name_scope(self.name) as scope:
            decay = as_node(self._decay, name="decay")
            if self._num_updates is not None:
                count = cast(self._num_updates, float32, name="num_updates")
                decay = minimum(decay, (1.0 + count) / (10.0 + count))
            return group(*[self._update(value, decay) for value in var_list], name=scope)

    def _shadow(self, value: Node) -> Variable:
        if value.kind.role == "variable":
            value.graph.add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, value)
            return slot_variable(value, lambda: initialized_value(value), self.name)
        average = filled_slot(value, 0.0, self.name)
        if self._zero_debias:
            dtype = exact_dtype(value.dtype)  # float16 counts to 2,048
            biased = filled_slot(average, 0.0, "biased", dtype)
            steps = slot_variable(average, lambda: zeros([], dtype, name="zeros"), "local_step")
            self._debiased[value] = biased, steps
        return average

    def _update(self, value: Node, decay: Node) -> Node:
        average: Any = self._averages[value]
        with name_scope("AssignMovingAvg") as scope:
            new = exact(value)
            rest = cast(1.0 - decay, new.dtype)
            if value not in self._debiased:
                step = (exact(latest_value(average)) - new) * rest
                return average.assign_sub(cast(step, value.dtype), name=scope)
            biased, local_step = self._debiased[value]
            total: Any = biased.assign_sub((latest_value(biased) - new) * rest)
            count: Any = local_step.assign_add(1.0)
            debiased = total / (1.0 - (1.0 - rest) ** count)
            return replace_op(average, cast(debiased, value.dtype), name=scope)

    def average(self, var: Node) -> Variable | None:
        """The variable that holds the average of `var`, or None."""
        return self._averages.get(_tensor(var))

    def average_name(self, var: Node) -> str:
        """The name of the variable that holds, or would hold, the average of `var`."""
        if _tensor(var) in self._averages:
            return self._averages[var].op_name
        return var.graph.unique_name(f"{var.op_name}/{self.name}", mark_as_used=False)

    def variables_to_restore(
        self, moving_avg_variables: Iterable[Variable] | None = None,
    ) -> dict[str, Variable]:
        """By its name in a checkpoint each variable to restore, from its average where it has one.

        >>> w = tg.Variable(0.0, name="w")
        >>> b = tg.Variable(0.0, name="b", trainable=False)
        >>> sorted(tg.train.ExponentialMovingAverage(0.9).variables_to_restore())
        ['b', 'w/ExponentialMovingAverage']
        """
        graph = get_default_graph()
        if moving_avg_variables is None:
            moving_avg_variables = [
                *graph.get_collection(GraphKeys.TRAINABLE_VARIABLES),
                *graph.get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES),
            ]
        listed = sequence(moving_avg_variables, "moving_avg_variables")
        averaged = dict.fromkeys(_tensor(variable) for variable in listed)
        restored = {self.average_name(variable): variable for variable in averaged}
        for variable in graph.get_collection(GraphKeys.GLOBAL_VARIABLES):
            if variable not in averaged:
                restored.setdefault(variable.op_name, variable)
        return restored


def _tensor(value: Any) -> Any:
    return expect(value, Node, "a variable", "a tg.Variable or a tensor")
