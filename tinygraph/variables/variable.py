"""Variables: tensors whose values a session keeps, their initialisation, and what lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tinygraph.arguments import called, flag, named, sequence
from tinygraph.defaults import get_default_graph, graph_of
from tinygraph.dtypes import as_dtype
from tinygraph.errors import DTypeError, GraphError, ShapeError
from tinygraph.graph import GraphKeys, Node, Operation
from tinygraph.node import Output, ancestors, session_for
from tinygraph.op import as_node, as_variable, Op
from tinygraph.ops.array import identity
from tinygraph.ops.groups import group
from tinygraph.ops.indexed_slices import IndexedSlices
from tinygraph.ops.placeholders import made_inside
from tinygraph.ops.scattering import scatter_add, scatter_sub, scatter_update
from tinygraph.spec import UNKNOWN, Spec
from tinygraph.typing import ArrayLike, DTypeLike, SessionLike, ShapeLike, TensorLike
from tinygraph.variables.updates import assign, assign_add, assign_sub, rows_of


class Variable(Node, op="VariableV2"):
    """A tensor whose value a Session keeps between runs (TF: `tf.Variable`).

    As an input it stands for its value before the run's updates, unless a control dependency
    orders the reader after one; fetched it gives its value after the run.

    Parameters
    ----------
    initial_value
        A value, a tensor, or a function without arguments that gives one.
    trainable
        Whether optimizers change it by default.
    collections
        The graph's collections that list it; GLOBAL_VARIABLES if None.
    validate_shape
        Whether its shape is the initial value's for good.
    constraint
        A function from value to value that optimizers apply after each update.
    caching_device, variable_def, expected_shape, import_scope, use_resource
        Accepted for TF1 programs, without effect.

    >>> w = tg.Variable([1.0, 2.0], name="w")
    >>> sess = tg.Session()
    >>> sess.run(tg.global_variables_initializer())
    >>> print(sess.run(w.assign_add([1.0, 1.0])))
    [2. 3.]
    """

    __slots__ = ("initial_value", "initializer", "trainable", "constraint")

    initial_value: Node
    initializer: Operation
    trainable: bool
    constraint: Callable | None

    def __new__(
        cls, initial_value: TensorLike | Callable | None = None, trainable: bool | None = None,
        collections: Iterable[str] | None = None, validate_shape: bool = True,
        caching_device: Any = None, name: str | None = None, variable_def: Any = None,
        dtype: DTypeLike | None = None, expected_shape: ShapeLike = None, import_scope: Any = None,
        constraint: Callable | None = None, use_resource: bool | None = None,
    ) -> Variable:
        if initial_value is None:
            raise GraphError("initial_value must be specified.")
        if constraint is not None and not callable(constraint):
            raise GraphError(f"constraint must be a function of the variable, not {constraint!r}")
        trainable = flag(trainable, "trainable", default=True)
        validate_shape = flag(validate_shape, "validate_shape")
        if collections is None:
            keys = [GraphKeys.GLOBAL_VARIABLES]
        else:
            keys = sequence(collections, "collections")
        graph = graph_of((initial_value,))
        dtype = None if dtype is None else as_dtype(dtype)
        _check_not_inside(initial_value, name)
        with graph.outside(), graph.name_scope(named(name, "Variable")) as scope:
            value = initial_value
            if callable(initial_value):
                with graph.name_scope("Initializer"):
                    value = called(initial_value, "initial_value")
            value = _guarded(as_node(value, dtype, name="initial_value", graph=graph))
            shape = value.shape if validate_shape else UNKNOWN
            if validate_shape and not shape.is_fully_defined():
                raise ShapeError(
                    f"initial_value must have a shape specified, unlike '{value.name}' of shape "
                    f"{shape}; or pass validate_shape=False"
                )
            variable: Any = graph.add(
                variable_op, (), {"dtype": value.dtype, "shape": shape},
                Spec(shape, value.dtype), scope,
            )
            variable.initial_value = value
            variable.trainable = trainable
            variable.constraint = constraint
            variable.initializer = assign(variable, value).op
        if trainable:
            keys.append(GraphKeys.TRAINABLE_VARIABLES)
        graph.add_to_collections(keys, variable)
        return variable

    def value(self) -> Node:
        """The variable as a tensor."""
        return self

    def read_value(self) -> Node:
        """A new tensor with the value that the variable has where control dependencies put it."""
        return identity(self, name=f"{self.op_name.rpartition('/')[2]}/read")

    def initialized_value(self) -> Node:
        """The value, also in a run that initialises it; for other variables' initial values."""
        return initialized_value(self)

    def assign(
        self, value: TensorLike, use_locking: bool | None = None, name: str | None = None,
        read_value: bool = True,
    ) -> Node | Operation:
        """An update to `value`; see `tg.assign`."""
        return _read(assign(self, value, name=name), read_value)

    def assign_add(
        self, delta: TensorLike, use_locking: bool | None = None, name: str | None = None,
        read_value: bool = True,
    ) -> Node | Operation:
        """An update by adding `delta`; see `tg.assign_add`."""
        return _read(assign_add(self, delta, name=name), read_value)

    def assign_sub(
        self, delta: TensorLike, use_locking: bool | None = None, name: str | None = None,
        read_value: bool = True,
    ) -> Node | Operation:
        """An update by subtracting `delta`; see `tg.assign_sub`."""
        return _read(assign_sub(self, delta, name=name), read_value)

    def scatter_add(
        self, sparse_delta: IndexedSlices, use_locking: bool | None = False,
        name: str | None = None,
    ) -> Node:
        """An update that adds IndexedSlices; see `tg.scatter_add`."""
        return scatter_add(self, *rows_of(sparse_delta), name=name)

    def scatter_sub(
        self, sparse_delta: IndexedSlices, use_locking: bool | None = False,
        name: str | None = None,
    ) -> Node:
        """An update that subtracts IndexedSlices; see `tg.scatter_sub`."""
        return scatter_sub(self, *rows_of(sparse_delta), name=name)

    def scatter_update(
        self, sparse_delta: IndexedSlices, use_locking: bool | None = False,
        name: str | None = None,
    ) -> Node:
        """An update of the rows that IndexedSlices have; see `tg.scatter_update`."""
        return scatter_update(self, *rows_of(sparse_delta), name=name)

    def load(self, value: ArrayLike, session: SessionLike = None) -> None:
        """Set the value in `session`, or the default one, to an array."""
        session_for(self, session, "load")._load(self, value)

    def __repr__(self) -> str:
        return f"<tg.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}>"


def _read(update: Node, read_value: bool) -> Node | Operation:
    """The result of a variable's method: the new value, or the operation alone."""
    return update if flag(read_value, "read_value") else update.op


variable_op = Op("VariableV2", None, lambda dtype, shape: Spec(shape, dtype), role="variable",
    doc="A value that a session keeps; made by `tg.Variable`.")

initialized_op = Op("InitializedValue", None, lambda ref, initial_value: ref,
    (lambda g, y, ref, start: g, None), ("ref", "initial_value"),
    rewrite=lambda ref, initial_value: ref, role="initialized",
    doc="The value of a variable, or its initial value where it has none yet.")


def initialized_value(ref: Node, name: str | None = None) -> Node:
    """The value of a variable, or its initial value where the run finds it without one.

    In a run that initialises the variable it is the value from then on.

    >>> v = tg.Variable(2.0)
    >>> w = tg.Variable(tg.initialized_value(v) * 3.0)
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> print(sess.run(w))
    6.0
    """
    if not isinstance(ref, Variable):
        raise DTypeError(f"only a Variable has an initial value, not {ref!r}")
    with ref.graph.outside():
        return initialized_op(ref, ref.initial_value, name=name)


latest_value = Op("LatestValue", None, lambda ref: ref, (lambda g, y, ref: g,), ("ref",),
    rewrite=lambda ref: ref, role="latest",
    doc="""The value of a variable that the updates made before it have left, in the same run.

    An update that is computed from it follows those updates, as `assign_add` does, where the
    variable by itself would stand for its value before the run: it is for the formulas of
    optimizers and averages.

    >>> m = tg.Variable(1.0)
    >>> half = [m.assign(0.5 * tg.latest_value(m)) for _ in range(2)]
    >>> sess = tg.Session()
    >>> sess.run(m.initializer)
    >>> _ = sess.run(half)
    >>> print(sess.run(m))
    0.25
    """)


def _check_not_inside(initial_value: Any, name: str | None) -> None:
    """Raise GraphError for an initial value from a branch of a cond: variables are made outside."""
    value = made_inside(initial_value, "initial_value")
    if value is not None:
        raise GraphError(
            f"Initializer for variable {named(name, 'Variable')!r}, '{value.name}' (made at "
            f"{value.where}), is from inside a control-flow construct, and the variable is not: "
            "use a lambda as the initializer"
        )


def _guarded(value: Node) -> Node:
    """`value` with each variable in it replaced by its initialized value, as TF1 does.

    Then variables may be initialised in one run, in any order.
    """
    graph_of((value,))  # which refuses what belongs to a branch
    changed: dict[Node, Node] = {}
    guarded = {node for node in ancestors([value]) if node.kind.role == "initialized"}
    for node in ancestors([value], stop=guarded):
        if node in guarded:
            continue
        inputs = tuple(changed.get(x, x) for x in node.inputs)
        if node.kind.role == "variable":
            changed[node] = initialized_value(node)
        elif inputs != node.inputs:
            is_output = type(node) is Output
            graph, name = node.graph, None if is_output else node.op_name.rpartition("/")[2]
            changed[node] = graph.add(node.kind, inputs, node.attrs, node.spec, name)
    return changed.get(value, value)


# ---------------------------------------------------------------- collections of variables


def global_variables(scope: str | None = None) -> list[Variable]:
    """The variables of the default graph that a checkpoint would hold (TF: same name).

    >>> w = tg.Variable(1.0, name="w")
    >>> tg.global_variables()
    [<tg.Variable 'w:0' shape=() dtype=float32>]
    """
    return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Variable]:
    """The variables that optimizers change (TF: same name).

    >>> v, w = tg.Variable(1.0, trainable=False), tg.Variable(2.0, name="w")
    >>> tg.trainable_variables()
    [<tg.Variable 'w:0' shape=() dtype=float32>]
    """
    return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list[Variable]:
    """The variables of this process only, such as counters (TF: same name).

    >>> tg.local_variables()
    []
    """
    return get_default_graph().get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def variables_initializer(var_list: Iterable[Variable], name: str = "init") -> Operation:
    """An operation that gives each of `var_list` its initial value (TF: same name).

    >>> v, w = tg.Variable(1.0), tg.Variable(2.0)
    >>> tg.variables_initializer([v]).run()
    >>> print(v.eval())
    1.0
    """
    variables = [as_variable(variable) for variable in sequence(var_list, "var_list")]
    return group(*[variable.initializer for variable in variables], name=name)


def global_variables_initializer() -> Operation:
    """An operation that initialises all global variables, called "init" (TF: same name).

    >>> w = tg.Variable([1.0])
    >>> sess = tg.Session()
    >>> sess.run(tg.global_variables_initializer())
    >>> print(sess.run(w))
    [1.]
    """
    return variables_initializer(global_variables())


def local_variables_initializer() -> Operation:
    """An operation that initialises all local variables (TF: same name).

    >>> count = tg.get_local_variable("count", [], dtype=tg.int32)
    >>> tg.local_variables_initializer().run()
    >>> print(count.eval())
    0
    """
    return variables_initializer(local_variables())
