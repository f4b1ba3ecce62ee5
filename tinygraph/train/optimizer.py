"""What all optimizers share: gradients, slots, the train op."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tinygraph.arguments import called, named, sequence, shown, text
from tinygraph.defaults import get_default_graph, graph_of, name_scope
from tinygraph.dtypes import DType
from tinygraph.errors import DTypeError, GraphError, ShapeError
from tinygraph.function import arguments_of
from tinygraph.gradients import gradients
from tinygraph.graph import Graph, GraphKeys, Node, Operation
from tinygraph.nest import flatten
from tinygraph.op import as_node, as_variable
from tinygraph.ops.arithmetic import is_constant
from tinygraph.ops.array import like, shape_of, size
from tinygraph.ops.compare import cast
from tinygraph.ops.cumulative import unsorted_segment_sum
from tinygraph.ops.groups import group
from tinygraph.ops.indexed_slices import IndexedSlices
from tinygraph.ops.selecting import unique
from tinygraph.spec import SCALAR
from tinygraph.train.slots import filled_slot, slot_variable
from tinygraph.typing import TensorLike
from tinygraph.variables.updates import assign_add
from tinygraph.variables.variable import Variable

GradsAndVars = list[tuple[Node | IndexedSlices | None, Node]]


class Optimizer:
    """Base of the optimizers (TF: `tf.train.Optimizer`).

    A subclass gives `_apply_dense(grad, var)`, which builds the update of one variable and returns
    it, and where it needs them `_create_slots(var_list)` and `_finish(update_ops, name_scope)`. For
    gradients that are `tg.IndexedSlices` it may give `_apply_sparse(grad, var)`, which gets each
    index once, or `_apply_sparse_duplicate_indices(grad, var)`; else such a gradient becomes a
    tensor.

    Parameters
    ----------
    use_locking
        Accepted for TF1 programs: a run's updates happen all at once in any case.
    name
        The train op's default name, and its slots'.

    >>> class SignDescent(tg.train.Optimizer):
    ...     def __init__(self, learning_rate):
    ...         super().__init__(False, "SignDescent")
    ...         self._define(learning_rate=learning_rate)
    ...     def _apply_dense(self, grad, var):
    ...         (lr,) = self._hypers(var.dtype)
    ...         return var.assign_sub(lr * tg.sign(grad))
    >>> w = tg.Variable([3.0, -2.0])
    >>> train = SignDescent(0.5).minimize(tg.reduce_sum(w * w))
    >>> tg.global_variables_initializer().run()
    >>> train.run()
    >>> w.eval()
    array([ 2.5, -1.5], dtype=float32)
    """

    GATE_NONE, GATE_OP, GATE_GRAPH = range(3)

    def __init__(self, use_locking: bool, name: str):
        if name is None or not text(name, "name"):
            raise GraphError("Must specify the optimizer name")
        self._use_locking = use_locking
        self._name = name
        self._hyper_values: dict[str, Any] = {}
        self._tensors: dict[str, Node] = {}
        self._shared: dict[DType, list[Node]] = {}
        self._scope = ""
        self._slots: dict[str, dict[Node, Variable]] = {}
        self._non_slots: dict[tuple[Graph, str], Variable] = {}

    def get_name(self) -> str:
        return self._name

    # ---------------------------------------------------------------- the train op

    def minimize(
        self, loss: Node, global_step: Node | None = None,
        var_list: Variable | Iterable[Variable] | None = None, gate_gradients: int = GATE_OP,
        aggregation_method: Any = None, colocate_gradients_with_ops: bool = False,
        name: str | None = None, grad_loss: TensorLike | None = None,
    ) -> Operation:
        """An operation that updates the variables for a smaller `loss`.

        Parameters
        ----------
        loss
            A float tensor.
        global_step
            A variable to add 1 to.
        var_list
            The variables to update; the trainable ones if None.
        name
            The operation's name; the optimizer's if None.
        grad_loss
            The gradient that arrives at `loss`; ones if None.
        gate_gradients, aggregation_method, colocate_gradients_with_ops
            Accepted for TF1 programs; a run's gradients all come before its updates.

        Raises
        ------
        GraphError
            (a ValueError) where no variable has a gradient, naming them and the loss.

        >>> w = tg.Variable(3.0)
        >>> train = tg.train.GradientDescentOptimizer(0.25).minimize(w * w)
        >>> tg.global_variables_initializer().run()
        >>> train.run()
        >>> print(w.eval())
        1.5
        """
        grads_and_vars = self.compute_gradients(
            loss, var_list, gate_gradients, aggregation_method, colocate_gradients_with_ops,
            grad_loss,
        )
        if all(grad is None for grad, _ in grads_and_vars):
            raise GraphError(
                "No gradients provided for any variable, check your graph for ops that do not "
                f"support gradients, between variables {_names(v for _, v in grads_and_vars)} "
                f"and loss '{loss.name}' (made at {loss.where})."
            )
        return self.apply_gradients(grads_and_vars, global_step, name)

    def compute_gradients(
        self, loss: Node, var_list: Variable | Iterable[Variable] | None = None,
        gate_gradients: int = GATE_OP, aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False, grad_loss: TensorLike | None = None,
    ) -> GradsAndVars:
        """A list of (gradient, variable), with None where `loss` does not depend on a variable.

        The arguments are those of `minimize`, whose first half this is.

        >>> v, w = tg.Variable(3.0), tg.Variable(5.0)
        >>> optimizer = tg.train.GradientDescentOptimizer(0.1)
        >>> (dv, _), (dw, _) = optimizer.compute_gradients(v * v, [v, w])
        >>> tg.global_variables_initializer().run()
        >>> print(dv.eval(), dw)
        6.0 None
        """
        if not isinstance(gate_gradients, int) or gate_gradients not in range(3):
            raise GraphError(
                "gate_gradients must be one of: Optimizer.GATE_NONE, Optimizer.GATE_OP, "
                f"Optimizer.GATE_GRAPH.  Not {gate_gradients!r}"
            )
        if not isinstance(loss, Node):
            raise DTypeError(f"loss must be a tensor, not {shown(loss)}")
        if var_list is None:
            variables = graph_of((loss,)).get_collection(GraphKeys.TRAINABLE_VARIABLES)
        else:
            listed = [var_list] if isinstance(var_list, Node) else sequence(var_list, "var_list")
            variables = [as_variable(var) for var in flatten(listed, "var_list")]
        if not variables:
            raise GraphError("No variables to optimize.")
        return list(zip(gradients(loss, variables, [grad_loss]), variables, strict=True))

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Node]], global_step: Node | None = None,
        name: str | None = None,
    ) -> Operation:
        """An operation that updates variables by their gradients, the second half of `minimize`.

        Pairs whose gradient is None are left out. A gradient may be `tg.IndexedSlices`: then only
        its rows are updated, by the formula for them; rows of the same index are added up first. A
        variable's constraint, which TF then refuses, is applied to the whole variable.

        >>> w = tg.Variable([3.0, 4.0])
        >>> optimizer = tg.train.GradientDescentOptimizer(0.5)
        >>> pairs = optimizer.compute_gradients(tg.reduce_sum(w * w))
        >>> clipped = [(tg.clip_by_norm(grad, 1.0), var) for grad, var in pairs]
        >>> train = optimizer.apply_gradients(clipped)
        >>> tg.global_variables_initializer().run()
        >>> train.run()
        >>> w.eval()
        array([2.7, 3.6], dtype=float32)
        """
        pairs = [_checked(pair) for pair in sequence(grads_and_vars, "grads_and_vars")]
        if not pairs:
            raise GraphError("No variables provided.")
        updated = [(grad, var) for grad, var in pairs if grad is not None]
        if not updated:
            raise GraphError(
                f"No gradients provided for any variable: {_names(v for _, v in pairs)}."
            )
        graph = updated[0][1].graph
        with graph.as_default():
            with graph.outside():
                self._create_slots([var for _, var in updated])
            with graph.name_scope(named(name, self._name)) as scope:
                self._scope = scope
                self._prepare()
                updates = [self._update(grad, var) for grad, var in updated]
                if global_step is None:
                    train_op = self._finish(updates, scope)
                else:
                    with graph.control_dependencies([self._finish(updates, "update")]):
                        train_op = assign_add(global_step, 1, name=scope).op
        graph.add_to_collection(GraphKeys.TRAIN_OP, train_op)
        return train_op

    def _update(self, grad: Any, var: Any) -> Node | Operation:
        with var.graph.name_scope(f"update_{var.op_name}"):
            if isinstance(grad, IndexedSlices):
                update = self._apply_sparse_duplicate_indices(grad, var)
            else:
                update = self._apply_dense(grad, var)
            if var.constraint is None:
                return update
            with var.graph.control_dependencies([update]):
                return var.assign(var.constraint(var))

    # ---------------------------------------------------------------- what subclasses give

    def _create_slots(self, var_list: list[Variable]) -> None:
        """Make the variables that the updates of `var_list` need."""

    def _apply_dense(self, grad: Node, var: Any) -> Node | Operation:
        """The update of `var`."""
        raise NotImplementedError

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Node | Operation:
        """The update of `var` for a gradient that is IndexedSlices, whose indices may repeat.

        It is that of `_apply_sparse`, once the rows of the same index are added up.
        """
        indices, places = unique(grad.indices)
        sums = unsorted_segment_sum(grad.values, places, size(indices))
        return self._apply_sparse(IndexedSlices(sums, indices, grad.dense_shape), var)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Node | Operation:
        """The update of `var` for IndexedSlices whose indices are all different.

        By default that of `_apply_dense` for the same gradient as a tensor.
        """
        return self._apply_dense(as_node(grad), var)

    def _finish(self, update_ops: list, name_scope: str) -> Operation:
        """The operation, called `name_scope`, that runs all updates."""
        return group(*update_ops, name=name_scope)

    # ---------------------------------------------------------------- hyper-parameters

    def _define(self, **hypers: Any) -> None:
        """Set the hyper-parameters: numbers, scalar tensors or functions that return one of these.

        As in TF a Python float is a float32 constant, which is cast to each variable's dtype.
        """
        self._hyper_values.update(hypers)

    def _prepare(self) -> None:
        """Make tensors of the hyper-parameters."""
        for name, value in self._hyper_values.items():
            with arguments_of(name):
                tensor = as_node(called(value, name) if callable(value) else value, name=name)
            if not tensor.shape.is_compatible_with(SCALAR):
                raise ShapeError(f"{name} must be a scalar, not of shape {tensor.shape}")
            self._tensors[name] = tensor
        self._shared = {}

    def _hypers(self, dtype: DType) -> list[Node]:
        """The scalars in the formulas for variables of a dtype, which `_scalars` makes once."""
        if dtype not in self._shared:
            with name_scope(self._scope):
                self._shared[dtype] = self._scalars(dtype)
        return self._shared[dtype]

    def _scalars(self, dtype: DType) -> list[Node]:
        """The hyper-parameters in a dtype, in the order of their definition."""
        return [cast(tensor, dtype) for tensor in self._tensors.values()]

    def _is(self, name: str, number: float) -> bool:
        """Whether a hyper-parameter is the Python number `number`, which makes its formula simpler.

        A tensor may be fed another value.
        """
        tensor = self._tensors[name]
        if isinstance(self._hyper_values[name], Node) or not is_constant(tensor, number):
            return False
        tensor.graph.use_value(tensor, f"a formula of {self._name}")
        return True

    # ---------------------------------------------------------------- slots

    def get_slot(self, var: Node, name: str) -> Variable | None:
        """The slot `name` of a variable, or None.

        >>> w = tg.Variable(1.0, name="w")
        >>> optimizer = tg.train.MomentumOptimizer(0.1, 0.9)
        >>> train = optimizer.minimize(w * w)
        >>> optimizer.get_slot(w, "momentum").name
        'w/Momentum:0'
        """
        return self._slots.get(text(name, "name"), {}).get(as_variable(var))

    def get_slot_names(self) -> list[str]:
        """The names of the slots that the optimizer has made.

        >>> optimizer = tg.train.AdamOptimizer()
        >>> train = optimizer.minimize(tg.Variable(1.0) * 2.0)
        >>> optimizer.get_slot_names()
        ['m', 'v']
        """
        return sorted(self._slots)

    def variables(self) -> list[Variable]:
        """All variables that the optimizer has made in the default graph, sorted by name.

        >>> optimizer = tg.train.AdamOptimizer()
        >>> train = optimizer.minimize(tg.Variable(1.0, name="w") * 2.0)
        >>> [variable.op_name for variable in optimizer.variables()]
        ['beta1_power', 'beta2_power', 'w/Adam', 'w/Adam_1']
        """
        slots = [slot for slots in self._slots.values() for slot in slots.values()]
        graph = get_default_graph()
        own = [v for v in (*slots, *self._non_slots.values()) if v.graph is graph]
        return sorted(own, key=lambda v: v.op_name)

    def _zeros_slot(self, var: Variable, slot_name: str, op_name: str) -> Variable:
        return self._slot(slot_name, filled_slot, var, 0.0, op_name)

    def _get_or_make_slot(self, var: Variable, val: Any, slot_name: str, op_name: str) -> Variable:
        return self._slot(slot_name, slot_variable, var, val, op_name)

    def _slot(self, name: str, make: Callable[..., Variable], var: Node, *args: Any) -> Variable:
        """The slot `name` of a variable; where there is none yet, `make(var, *args)` makes it."""
        slots = self._slots.setdefault(name, {})
        if var not in slots:
            slots[var] = make(var, *args)
        return slots[var]

    def _create_non_slot_variable(self, initial_value: Any, name: str, graph: Graph) -> Variable:
        """A variable that the updates of all variables share."""
        key = graph, name
        if key not in self._non_slots:
            with graph.as_default():
                self._non_slots[key] = Variable(initial_value, trainable=False, name=name)
        return self._non_slots[key]

    def _get_non_slot_variable(self, name: str, graph: Graph) -> Variable:
        return self._non_slots[graph, name]


def _checked(pair: Any) -> tuple[Node | IndexedSlices | None, Any]:
    """A pair with the gradient as a tensor, or IndexedSlices, that fits the variable."""
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise DTypeError(f"grads_and_vars are pairs of gradient and variable, not {shown(pair)}")
    grad, var = pair[0], as_variable(pair[1])
    if grad is None:
        return None, var
    if isinstance(grad, IndexedSlices):
        return _checked_slices(grad, var), var
    grad = as_node(grad, var.dtype, "grad", var.graph)
    if not grad.shape.is_compatible_with(var.shape):
        raise ShapeError(
            f"the gradient '{grad.name}' has shape {grad.shape}, but '{var.name}' {var.shape}"
        )
    return like(grad, var), var


def _checked_slices(grad: IndexedSlices, var: Any) -> IndexedSlices:
    """Slices that fit the variable; its shape is their dense_shape where they have none."""
    values = as_node(grad.values, var.dtype)
    if grad.dense_shape is None:
        return IndexedSlices(values, grad.indices, shape_of(var))
    if not grad.shape.is_compatible_with(var.shape):
        raise ShapeError(
            f"the gradient '{grad.name}' has dense_shape {grad.shape}, but '{var.name}' {var.shape}"
        )
    return grad


def _names(variables: Iterable[Node]) -> str:
    return ", ".join(f"'{v.name}' (made at {v.where})" for v in variables)
