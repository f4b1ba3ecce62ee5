"""get_variable and variable_scope: variables that are shared by name."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from tinygraph.arguments import called, expect, flag, function, sequence, shown, text
from tinygraph.arrays import to_array
from tinygraph.defaults import get_default_graph
from tinygraph.dtypes import DType, as_dtype, float32
from tinygraph.errors import DTypeError, GraphError, ShapeError
from tinygraph.graph import Graph, GraphKeys
from tinygraph.interrupts import Block, Places, block
from tinygraph.op import first_node
from tinygraph.spec import Shape
from tinygraph.typing import DTypeLike, ShapeLike, TensorLike
from tinygraph.variables.initializers import (
    Initializer, glorot_uniform_initializer, zeros_initializer,
)
from tinygraph.variables.variable import Variable


class Reuse(enum.Enum):
    """The ways in which `get_variable` may share a variable, besides True and False.

    >>> tg.AUTO_REUSE
    <Reuse.AUTO: 'auto'>
    """

    AUTO = "auto"


AUTO_REUSE = Reuse.AUTO
"""Make a variable the first time, share it from then on (TF: `tf.AUTO_REUSE`)."""


class VariableScope:
    """A prefix of variables' names with defaults for `get_variable` (TF: `tf.VariableScope`).

    >>> with tg.variable_scope("layer") as scope:
    ...     w = tg.get_variable("w", [2])
    >>> scope.name, scope.trainable_variables() == [w]
    ('layer', True)
    """

    def __init__(
        self, name: str, reuse: bool | Reuse | None = None, original_name_scope: str = "",
        **defaults: Any
    ):
        self.name = name
        self.reuse = reuse
        self.original_name_scope = original_name_scope
        self.defaults = defaults

    def _default(self, key: str, value: Any = None) -> Any:
        """`value`, or where it is None the scope's default for this argument of `get_variable`."""
        return self.defaults.get(key) if value is None else value

    def reuse_variables(self) -> None:
        """From here on `get_variable` shares variables and makes none."""
        self.reuse = True

    def global_variables(self) -> list[Variable]:
        return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, self._prefix)

    def trainable_variables(self) -> list[Variable]:
        return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, self._prefix)

    @property
    def _prefix(self) -> str:
        """The beginning of its variables' names."""
        return f"{self.name}/" if self.name else ""


class VariableStore:
    """A graph's variables by full name, and how often each scope was opened."""

    def __init__(self):
        self.variables: dict[str, Variable] = {}
        self.opened: dict[str, int] = {}
        self.outermost = VariableScope("")

    def unique(self, name: str) -> str:
        """`name`, or `name_1`, ..., whichever no variable scope has had yet."""
        count, candidate = 0, name
        while candidate in self.opened:
            count += 1
            candidate = f"{name}_{count}"
        return candidate

    def close(self, name: str) -> None:
        """Forget the scopes within scope `name`: opened anew, it gives the same default names."""
        for inner in [key for key in self.opened if key.startswith(name + "/")]:
            del self.opened[inner]


def _store(graph: Graph) -> VariableStore:
    if graph.variable_store is None:
        graph.variable_store = VariableStore()
    return graph.variable_store


def _scope(graph: Graph) -> VariableScope:
    """The current variable scope."""
    return graph.context.variable_scope or _store(graph).outermost


def get_variable_scope() -> VariableScope:
    """The current variable scope (TF: same name).

    >>> with tg.variable_scope("layer"):
    ...     print(tg.get_variable_scope().name)
    layer
    """
    return _scope(get_default_graph())


def variable_scope(
    name_or_scope: str | VariableScope | None, default_name: str | None = None,
    values: Iterable | None = None, initializer: Callable | TensorLike | None = None,
    regularizer: Callable | None = None, caching_device: Any = None, partitioner: Any = None,
    custom_getter: Any = None, reuse: bool | Reuse | None = None, dtype: DTypeLike | None = None,
    use_resource: bool | None = None, constraint: Callable | None = None,
    auxiliary_name_scope: bool = True,
) -> Block:
    """A `with` block that prefixes the names of variables and ops (TF: `tf.variable_scope`).

    A scope that is entered again gives the ops new names ("vs_1/...") but the variables the same
    ("vs/..."). `initializer`, `regularizer`, `dtype` and `constraint` are defaults for
    `get_variable` within; `reuse` is inherited by scopes within.

    >>> with tg.variable_scope("layer"):
    ...     w = tg.get_variable("w", [2])
    >>> with tg.variable_scope("layer", reuse=True):
    ...     print(tg.get_variable("w", [2]) is w)
    True
    """
    if any(x is not None for x in (caching_device, partitioner, custom_getter)):
        raise GraphError("caching_device, partitioner and custom_getter are not supported")
    if name_or_scope is None and default_name is None:
        raise GraphError("variable_scope needs a name_or_scope or a default_name")
    expect(default_name, str | None, "default_name", "a string")
    if not (reuse is None or isinstance(reuse, bool | Reuse)):
        raise GraphError(f"reuse must be True, False, None or tg.AUTO_REUSE, not {shown(reuse)}")
    defaults = {"initializer": initializer, "regularizer": regularizer, "constraint": constraint,
                "dtype": None if dtype is None else as_dtype(dtype)}
    defaults = {key: value for key, value in defaults.items() if value is not None}
    has_names = flag(auxiliary_name_scope, "auxiliary_name_scope")
    graph = get_default_graph()
    return block(partial(_begin, graph, name_or_scope, default_name, defaults, reuse, has_names))


def _begin(
    graph: Graph, name_or_scope: Any, default_name: str | None, defaults: dict[str, Any],
    reuse: Any, has_names: bool,
) -> tuple[VariableScope, Places]:
    """A new variable scope, and what counts in its block."""
    store, outer = _store(graph), _scope(graph)
    is_scope = isinstance(name_or_scope, VariableScope)
    if is_scope:
        name, inherited = name_or_scope.name, name_or_scope
        label = name.rpartition("/")[2]
    elif isinstance(name_or_scope, str):
        name, inherited, label = outer._prefix + name_or_scope, outer, name_or_scope
    elif name_or_scope is None:
        name, inherited, label = store.unique(f"{outer._prefix}{default_name}"), outer, default_name
    else:
        raise DTypeError(f"name_or_scope is a string or a VariableScope, not {name_or_scope!r}")
    context = graph.context
    if has_names and label:
        context = context._replace(scope=graph.unique_name(label))
    reuse = inherited.reuse if reuse in (None, False) else reuse
    original = f"{context.scope}/" if context.scope else ""
    scope = VariableScope(
        name.rstrip("/"), reuse, inherited.original_name_scope if is_scope else original,
        **inherited.defaults | defaults,
    )
    store.opened[name] = store.opened.get(name, 0) + 1
    if is_scope:  # its default names go on where the scope itself left off
        after = partial(setattr, store, "opened", dict(store.opened))
    else:
        after = partial(store.close, name)
    return scope, graph.places(context._replace(variable_scope=scope), after)


def get_variable(
    name: str, shape: ShapeLike = None, dtype: DTypeLike | None = None,
    initializer: Callable | TensorLike | None = None, regularizer: Callable | None = None,
    trainable: bool | None = None, collections: Iterable[str] | None = None,
    caching_device: Any = None, partitioner: Any = None, validate_shape: bool = True,
    use_resource: bool | None = None, custom_getter: Any = None, constraint: Callable | None = None,
) -> Variable:
    """The variable `name` of the current variable scope, made or shared as its `reuse` says.

    Name scopes don't count. The default initializer is glorot_uniform, zeros for ints and bools.

    Raises GraphError (a ValueError) where a variable exists but may not be reused, does not exist
    but should, or has another shape or dtype, and where a constant `initializer` has another dtype.

    >>> with tg.variable_scope("layer", reuse=tg.AUTO_REUSE):
    ...     w = tg.get_variable("w", [3, 2])
    >>> w.name
    'layer/w:0'
    """
    if any(x is not None for x in (caching_device, partitioner, custom_getter)):
        raise GraphError("caching_device, partitioner and custom_getter are not supported")
    graph = get_default_graph()
    store, scope = _store(graph), _scope(graph)
    full = scope._prefix + text(name, "name")
    if initializer is not None and not callable(initializer):
        dtype = _same_dtype(initializer, dtype)
    dtype = scope._default("dtype", dtype)
    dtype = float32 if dtype is None else as_dtype(dtype)
    existing = store.variables.get(full)
    if existing is not None:
        return _shared(existing, full, scope.reuse, Shape(shape), dtype)
    if scope.reuse is True:
        raise GraphError(
            f"Variable {full} does not exist, or was not created with tg.get_variable(). "
            "Did you mean to set reuse=tg.AUTO_REUSE in VarScope?"
        )
    initializer = scope._default("initializer", initializer)
    value, dtype = _initial_value(full, initializer, shape, dtype)
    with graph.name_scope(None):
        variable = Variable(
            value, trainable, collections, validate_shape, name=full, dtype=dtype,
            constraint=scope._default("constraint", constraint),
        )
        store.variables[full] = variable
        regularizer = scope._default("regularizer", regularizer)
        if regularizer is not None:
            with graph.name_scope(f"{full}/Regularizer/"):
                loss = called(function(regularizer, "regularizer"), "regularizer", variable)
            if loss is not None:
                graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return variable


def get_local_variable(
    name: str, shape: ShapeLike = None, dtype: DTypeLike | None = None,
    initializer: Callable | TensorLike | None = None, regularizer: Callable | None = None,
    trainable: bool = False, collections: Iterable[str] | None = None, **arguments: Any
) -> Variable:
    """`get_variable` for a variable that is local and never trainable (TF: same name).

    The collection LOCAL_VARIABLES lists it besides `collections`.

    >>> tg.get_local_variable("count", [], dtype=tg.int32) in tg.local_variables()
    True
    """
    keys = [] if collections is None else sequence(collections, "collections")
    keys.append(GraphKeys.LOCAL_VARIABLES)
    return get_variable(
        name, shape, dtype, initializer, regularizer, trainable=False, collections=keys, **arguments
    )


def _same_dtype(value: Any, dtype: Any) -> DType:
    """The dtype of a constant initializer, which must be the one that was asked for, if any."""
    node = first_node([value])
    own = as_dtype(to_array(value).dtype) if node is None else node.dtype
    if dtype is not None and as_dtype(dtype) is not own:
        raise GraphError(
            f"Initializer type '{own.name}' and explicit dtype '{as_dtype(dtype).name}' don't "
            "match."
        )
    return own


def _shared(existing: Variable, full: str, reuse: Any, shape: Shape, dtype: Any) -> Variable:
    """The variable `existing` of the name `full`, if it may be reused and is what was asked for."""
    if not reuse:
        raise GraphError(
            f"Variable {full} already exists, disallowed. Did you mean to set reuse=True or "
            f"reuse=tg.AUTO_REUSE in VarScope? Originally defined at {existing.where}"
        )
    if not shape.is_compatible_with(existing.shape):
        raise ShapeError(
            f"Trying to share variable {full}, but specified shape {shape} and found shape "
            f"{existing.shape}."
        )
    if dtype is not existing.dtype:
        raise GraphError(
            f"Trying to share variable {full}, but specified dtype {dtype.name} and found dtype "
            f"{existing.dtype.name}."
        )
    return existing


def _initial_value(full: str, initializer: Any, shape: Any, dtype: Any) -> tuple[Any, Any]:
    """The arguments `initial_value` and `dtype` of a new Variable."""
    if initializer is None:
        initializer = glorot_uniform_initializer if dtype.is_floating else zeros_initializer
    if isinstance(initializer, type):
        initializer = called(initializer, "initializer")
    if not callable(initializer):
        if shape is not None:
            raise GraphError("If initializer is a constant, do not specify shape.")
        return initializer, None
    if not Shape(shape).is_fully_defined():
        if shape is None and _required(initializer) == []:
            return initializer, None  # as in TF, of whatever dtype it makes
        raise GraphError(
            f"Shape of a new variable ({full}) must be fully defined, but instead was "
            f"{Shape(shape)}."
        )
    dims = Shape(shape).as_list()
    ours = isinstance(initializer, Initializer)  # which need a shape alone; looking takes 40 us
    told = not ours and "partition_info" in (_required(initializer) or [])
    more = {"partition_info": None} if told else {}
    return lambda: called(initializer, "initializer", dims, dtype=dtype, **more), dtype


def _required(function: Callable) -> list[str] | None:
    """The arguments that have to be given; None for a function in C that does not tell them."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    optional = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    return [p.name for p in parameters if p.default is p.empty and p.kind not in optional]
