"""State: placeholders, variables and their updates, groups of effects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tinygraph.arguments import called, flag, flat, named, sequence, shown
from tinygraph.errors import DTypeError, GraphError, ShapeError
from tinygraph.graph import (
    GraphKeys, Node, Operation, control_dependencies as control_dependencies_of, get_default_graph,
    graph_of, name_scope,
)
from tinygraph.node import Output, ancestors, session_for
from tinygraph.op import Op, as_node, check_dtypes, composite, const
from tinygraph.ops.array import identity
from tinygraph.ops.indexed_slices import IndexedSlices
from tinygraph.ops.math import add, subtract
from tinygraph.ops.scattering import scatter_add_op, scatter_sub_op, scatter_update_op
from tinygraph.spec import UNKNOWN, Shape, Spec, as_dtype, common_shape, float32

# ---------------------------------------------------------------- placeholders

placeholder_op = Op(
    "Placeholder", None, lambda dtype, shape: Spec(shape, dtype), stateful=True, role="feed",
    doc="A value that a run is fed; made by `tg.placeholder`.",
)


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Node:
    """A tensor whose value each run gets from its `feed_dict`.

    `shape` may leave dimensions unknown (None), or the rank too.

    >>> x = tg.placeholder(tg.float32, [None, 2], name="x")
    >>> print(tg.Session().run(x * 2.0, {x: [[1.0, 2.0]]}))
    [[2. 4.]]
    """
    graph = get_default_graph()
    if graph.context.branch is None:
        return placeholder_op(dtype=as_dtype(dtype), shape=Shape(shape), name=name)
    with graph.outside():  # of the branches of conds, where runs can feed it
        return placeholder(dtype, shape, name)


def _default_spec(input: Spec, shape: Shape) -> Spec:
    if not input.shape.is_compatible_with(shape):
        raise ShapeError(f"the default has shape {input.shape}, which does not fit {shape}")
    return Spec(shape, input.dtype)


placeholder_with_default_op = composite(
    "PlaceholderWithDefault", lambda input, shape: input, lambda g, y, input, shape: g,
    params=("input",), infer=_default_spec,
    doc="A value that a run may be fed; made by `tg.placeholder_with_default`.",
)


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Node:
    """A tensor that may be fed, and else has the value of `input`.

    A branch of a cond makes it outside, where runs can feed it, unless it computes `input` itself.

    >>> keep = tg.placeholder_with_default(1.0, [])
    >>> sess = tg.Session()
    >>> print(sess.run(keep), sess.run(keep, {keep: 0.5}))
    1.0 0.5
    """
    graph = graph_of((input,))
    inner = _made_inside(input, "input")
    if inner is not None and inner is input and inner.kind is const:
        input, inner = inner.attrs["value"], None
    if inner is None and graph.context.branch is not None:
        with graph.outside():
            return placeholder_with_default(input, shape, name)
    return placeholder_with_default_op(input, shape=Shape(shape), name=name)


def _made_inside(value: Any, what: str) -> Node | None:
    """A node in `value`, which may be a list, that belongs to a branch that is being traced."""
    nodes = [x for x in flat(value, what) if isinstance(x, Node)]
    return next((x for x in nodes if x.graph.is_inside(x)), None)


# ---------------------------------------------------------------- effects without a value

no_op_op = Op(
    "NoOp", None, lambda: Spec(UNKNOWN, float32), stateful=True, role="effect",
    doc="Nothing; a place for control dependencies; made by `tg.no_op` and `tg.group`.",
)


def no_op(name: str | None = None) -> Operation:
    """An operation that does nothing; a place for control dependencies.

    >>> tg.Session().run(tg.no_op())
    """
    return no_op_op(name=name)


def group(*inputs: Any, name: str | None = None) -> Operation:
    """An operation that runs all of `inputs`, which are tensors or operations.

    >>> v, w = tg.Variable(1.0), tg.Variable(2.0)
    >>> sess = tg.Session()
    >>> sess.run(tg.group(v.initializer, w.initializer))
    """
    with control_dependencies_of([x for x in flat(inputs, "inputs") if x is not None]):
        return no_op_op(name=named(name, "group_deps"))


def tuple_(tensors: Any, name: str | None = None, control_inputs: Any = None) -> list:
    """The same tensors or IndexedSlices, each available only once all are (TF: `tf.tuple`).

    >>> a, b = tg.tuple([tg.constant(1.0), tg.constant(2.0)])
    >>> print(b.eval())
    2.0
    """
    tensors = sequence(tensors, "tensors")
    controls = [] if control_inputs is None else sequence(control_inputs, "control_inputs")
    with name_scope(named(name, "tuple")):
        gate = group([t for t in tensors if t is not None], controls)
        with control_dependencies_of([gate]):
            return [None if t is None else _same(t) for t in tensors]


def _same(t: Any) -> Any:
    return t.with_values(identity(t.values)) if isinstance(t, IndexedSlices) else identity(t)


# ---------------------------------------------------------------- variables


class Variable(Node):
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
        cls, initial_value: Any = None, trainable: bool | None = None, collections: Any = None,
        validate_shape: bool = True, caching_device: Any = None, name: str | None = None,
        variable_def: Any = None, dtype: Any = None, expected_shape: Any = None,
        import_scope: Any = None, constraint: Callable | None = None, use_resource: Any = None,
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
        self, value: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True
    ) -> Node | Operation:
        """An update to `value`; see `tg.assign`."""
        node = assign(self, value, name=name)
        return node if flag(read_value, "read_value") else node.op

    def assign_add(
        self, delta: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True
    ) -> Node | Operation:
        """An update by adding `delta`; see `tg.assign_add`."""
        node = assign_add(self, delta, name=name)
        return node if flag(read_value, "read_value") else node.op

    def assign_sub(
        self, delta: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True
    ) -> Node | Operation:
        """An update by subtracting `delta`; see `tg.assign_sub`."""
        node = assign_sub(self, delta, name=name)
        return node if flag(read_value, "read_value") else node.op

    def scatter_add(
        self, sparse_delta: IndexedSlices, use_locking: Any = False, name: str | None = None
    ) -> Node:
        """An update that adds IndexedSlices; see `tg.scatter_add`."""
        return scatter_add(self, *_rows(sparse_delta), name=name)

    def scatter_sub(
        self, sparse_delta: IndexedSlices, use_locking: Any = False, name: str | None = None
    ) -> Node:
        """An update that subtracts IndexedSlices; see `tg.scatter_sub`."""
        return scatter_sub(self, *_rows(sparse_delta), name=name)

    def scatter_update(
        self, sparse_delta: IndexedSlices, use_locking: Any = False, name: str | None = None
    ) -> Node:
        """An update of the rows that IndexedSlices have; see `tg.scatter_update`."""
        return scatter_update(self, *_rows(sparse_delta), name=name)

    def load(self, value: Any, session=None) -> None:
        """Set the value in `session`, or the default one, to an array."""
        session_for(self, session, "load")._load(self, value)

    def __repr__(self) -> str:
        return f"<tg.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}>"


variable_op = Op(
    "VariableV2", None, lambda dtype, shape: Spec(shape, dtype), stateful=True, role="variable",
    node_class=Variable, doc="A value that a session keeps; made by `tg.Variable`.",
)

initialized_op = Op(
    "InitializedValue", None, lambda ref, initial_value: ref, (lambda g, y, ref, start: g, None),
    ("ref", "initial_value"), rewrite=lambda ref, initial_value: ref, role="initialized",
    doc="The value of a variable, or its initial value where it has none yet.",
)


def initialized_value(ref: Any, name: str | None = None) -> Node:
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


latest_value = Op(
    "LatestValue", None, lambda ref: ref, (lambda g, y, ref: g,), ("ref",),
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
    """,
)


def _check_not_inside(initial_value: Any, name: str | None) -> None:
    """A variable that a branch of a cond makes is made outside: so must its initial value be."""
    value = _made_inside(initial_value, "initial_value")
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


# ---------------------------------------------------------------- updates


def _assign_spec(ref: Spec, value: Spec) -> Spec:
    check_dtypes((ref, value), "any")
    if not ref.shape.is_compatible_with(value.shape):
        raise ShapeError(
            f"a variable of shape {ref.shape} keeps it, unless made with validate_shape=False, "
            f"and takes no value of shape {value.shape}"
        )
    return Spec(ref.shape.merge_with(value.shape), ref.dtype)


assign_op = composite(
    "Assign", lambda ref, value: value, None, None, params=("ref", "value"),
    infer=_assign_spec, role="assign", doc="value, which becomes the variable's.",
)
replace_op = composite(
    "Replace", lambda ref, value: value, None, None, params=("ref", "value"),
    infer=_assign_spec, role="relative",
    doc="""value, which becomes the variable's, and is known to follow the updates made before.

    Unlike `assign` it comes after them where no dependency says so, and overwrites none by mistake:
    it is for the formulas of optimizers and averages, whose values come from other slots.
    """,
)
assign_add_op = composite(
    "AssignAdd", lambda ref, value: add(ref, value), None, None,
    params=("ref", "value"), infer=_assign_spec, role="relative",
    doc="ref + value, which becomes the variable's value.",
)
assign_sub_op = composite(
    "AssignSub", lambda ref, value: subtract(ref, value), None, None,
    params=("ref", "value"), infer=_assign_spec, role="relative",
    doc="ref - value, which becomes the variable's value.",
)


def as_variable(ref: Any) -> Any:
    """`ref`, which must be a variable."""
    if not isinstance(ref, Node) or ref.kind.role != "variable":
        raise DTypeError(f"only a Variable can be updated, not {shown(ref)}")
    return ref


def assign(
    ref: Node, value: Any, validate_shape: bool | None = None, use_locking: Any = None,
    name: str | None = None,
) -> Node:
    """Give the variable `ref` a new value, and be that value.

    The value's shape must be the variable's, unless that was made with `validate_shape=False`. With
    it here, the variable's static shape forgets what is not also the value's.

    >>> w = tg.Variable(1.0)
    >>> update = tg.assign(w, 5.0)
    >>> sess = tg.Session()
    >>> print(sess.run(update), sess.run(w))
    5.0 5.0
    """
    ref = as_variable(ref)
    value = as_node(value, ref.dtype, "value", ref.graph)
    if validate_shape is False and value.shape != ref.shape:
        ref.spec = ref.spec._replace(shape=common_shape(ref.shape, value.shape))
    return assign_op(ref, value, name=name)


def assign_add(ref: Node, value: Any, use_locking: Any = None, name: str | None = None) -> Node:
    """Add `value` to the variable `ref`, and be the sum.

    >>> w = tg.Variable(1.0)
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> print(sess.run(tg.assign_add(w, 2.0)))
    3.0
    """
    value = as_node(value, as_variable(ref).dtype, "value", ref.graph)
    return assign_add_op(ref, value, name=name)


def assign_sub(ref: Node, value: Any, use_locking: Any = None, name: str | None = None) -> Node:
    """Subtract `value` from the variable `ref`, and be the difference.

    >>> w = tg.Variable(1.0)
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> print(sess.run(tg.assign_sub(w, 2.0)))
    -1.0
    """
    value = as_node(value, as_variable(ref).dtype, "value", ref.graph)
    return assign_sub_op(ref, value, name=name)


# ---------------------------------------------------------------- updates of rows


def _rows(sparse_delta: Any) -> tuple[Node, Node]:
    if not isinstance(sparse_delta, IndexedSlices):
        raise DTypeError(f"sparse_delta is not IndexedSlices: {shown(sparse_delta)}")
    return sparse_delta.indices, sparse_delta.values


def _scattered(op: Op, ref: Any, indices: Any, updates: Any, name: str | None) -> Node:
    ref = as_variable(ref)
    indices = as_node(indices, name="indices", graph=ref.graph)
    return op(ref, indices, as_node(updates, ref.dtype, "updates", ref.graph), name=name)


def scatter_add(
    ref: Node, indices: Any, updates: Any, use_locking: Any = False, name: str | None = None
) -> Node:
    """Add `updates` to the rows of the variable `ref` at `indices`, and be the variable's value.

    Indices may repeat; the updates of a row are then added up first, as `unsorted_segment_sum`
    adds. The other rows cost nothing, unless the same run needs the whole variable after the
    update: fetching it, or this tensor, copies it.

    Parameters
    ----------
    indices
        Ints, of any shape.
    updates
        A tensor of shape indices.shape + ref.shape[1:], or a scalar.

    Raises
    ------
    InvalidArgumentError
        in a run, for an index that is not in [0, ref.shape[0]); then no row is changed.

    >>> w = tg.Variable([1.0, 2.0, 3.0])
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> sess.run(tg.scatter_add(w, [2, 0, 2], [10.0, 20.0, 30.0]))
    array([21.,  2., 43.], dtype=float32)
    """
    return _scattered(scatter_add_op, ref, indices, updates, name)


def scatter_sub(
    ref: Node, indices: Any, updates: Any, use_locking: Any = False, name: str | None = None
) -> Node:
    """Subtract `updates` from the rows of the variable `ref` at `indices`; see `tg.scatter_add`.

    >>> w = tg.Variable([1.0, 2.0, 3.0])
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> sess.run(tg.scatter_sub(w, [2], [10.0]))
    array([ 1.,  2., -7.], dtype=float32)
    """
    return _scattered(scatter_sub_op, ref, indices, updates, name)


def scatter_update(
    ref: Node, indices: Any, updates: Any, use_locking: Any = True, name: str | None = None
) -> Node:
    """Make `updates` the rows of the variable `ref` at `indices`; see `tg.scatter_add`.

    Where indices repeat, the last update of a row counts.

    >>> w = tg.Variable([1.0, 2.0, 3.0])
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> sess.run(tg.scatter_update(w, [2, 0], [10.0, 20.0]))
    array([20.,  2., 10.], dtype=float32)
    """
    return _scattered(scatter_update_op, ref, indices, updates, name)


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
