"""Op: a record of what an op computes. Calling an Op adds a node to the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

import numpy as np

from tinygraph.arguments import (
    choice, expect, flag, function, integer, named, sequence, shown, text,
)
from tinygraph.arrays import no_memory, shape_array, to_array
from tinygraph.defaults import get_default_graph, graph_of
from tinygraph.dtypes import DType, as_dtype, float32
from tinygraph.errors import (
    DTypeError, GraphError, NotFoundError, ResourceExhaustedError,
    TinygraphError,
)
from tinygraph.function import Function, arguments_of
from tinygraph.graph import Graph, Node, Operation
from tinygraph.nest import flatten
from tinygraph.node import CompositeTensor
from tinygraph.spec import UNKNOWN, Dimension, Shape, Spec
from tinygraph.static import is_sized, may_take_out, values as static_values

_registry: dict[str, Op] = {}
registry = MappingProxyType(_registry)
"""Every op by its type name, read-only."""

UPDATES = ("assign", "relative")
STATEFUL = ("feed", "variable", "effect", "impure")
ROLES = ("", "initialized", "latest", "bodies", *UPDATES, *STATEFUL)
INFER = "elementwise.<locals>.infer() "  # how Python's errors name an elementwise op's shape rule


@dataclass(frozen=True, eq=False, repr=False)
class Op(Function):
    """An op: its NumPy kernel, its shape rule and its local vector-Jacobian rules.

    Calling it makes a node: `op(*inputs, name=None, **attrs)`. Inputs, then the attributes that
    `attrs` lists, then the name may be given by position, as TF's functions have it.

    >>> double = tg.Op("Double", lambda x, out=None: np.add(x, x, out=out), lambda x: x,
    ...                (lambda g, y, x: g + g,), params=("x",))
    >>> double([1.0, 3.0]).eval()
    array([2., 6.], dtype=float32)

    Parameters
    ----------
    name
        The type, such as "MatMul"; also the default name of its nodes.
    kernel
        `kernel(*arrays, out, **attrs)` writes its result into `out` and returns it. A kernel that
        has a parameter `out` is given an array of the size that the shape rule tells. A kernel that
        returns a view, or a result whose size the shape rule cannot tell, has no parameter `out`.
        For an op with several outputs the kernel has none either, and returns a tuple of arrays. An
        op without a kernel needs a `rewrite` that never returns None.
    infer
        `infer(*specs, **attrs) -> Spec`; runs while building and again while compiling. For an op
        with several outputs it returns `Spec.of_items(...)`; calling such an op returns a list of
        tensors.
    vjps
        One `rule(g, y, *inputs, **attrs) -> node` per input: its gradient, from the gradient g at
        the output y; or None for no gradient. An op with any number of inputs has one function that
        returns the list of all gradients. For an op with several outputs g and y are sequences.
        Where no gradient arrives, g has zeros and g.arrived has None; for an output of ints both
        have None.
    params
        The inputs' names, so that they can be given by keyword. A mapping has for each name one of
        these: a dtype, to which values that are no tensors are converted; a letter: all inputs with
        this letter have the dtype of the first tensor among them or, if none is a tensor, of the
        first one, converted; a function, which is applied to the input first; or None for any
        dtype. An op with neither `params` nor `attrs` takes any number of inputs.
    attrs
        What a user may give besides inputs, in the order of TF's parameters. For each attribute a
        pair: `convert(value, what)`, which checks and converts a value (`what` is its name, for
        errors), and the default, or `...` if the attribute must be given. An attribute whose
        `convert` returns `...` is not handed to the kernel and the rules. The pair may have a third
        part, `late(op, tensor, *inputs, name, **attrs)`: it builds the result when the user gives a
        tensor whose value only a run knows. A deprecated spelling is a key, too: in place of a pair
        it has the name of the attribute that it stands for. The key "name", if given, says by its
        position where the parameter `name` comes (otherwise last). The second part of its tuple is
        that parameter's default; the last part, unless None, is the name of nodes that the user
        does not name (otherwise the type). An op without `attrs` takes its kernel's attributes by
        keyword, as they are.
    broadcasts
        The inputs share a dtype and broadcast; `gradients` then sums each gradient over the axes
        that were broadcast, to the shape of its input.
    view
        "part" if the kernel returns a view of its first input, "repeat" if that view is the first
        input, broadcast, and nothing else.
    inplace
        The positions of the inputs that the output may overwrite.
    static
        The positions of the inputs that are shapes or sizes. If the compiler knows their values,
        the kernel gets tuples and ints.
    rewrite
        `rewrite(*inputs, **attrs) -> node, list of outputs or None`: builds what the compiler
        puts in place of the node; None leaves the node as it is. For a composite op this is its
        body.
    state
        `state(name, **attrs) -> object`: what a Session keeps for a node of that name between
        runs, such as a random stream; the kernel gets it as `state=`. The object has an attribute
        `position`, a plain value such as a tuple of ints: an object made anew whose `position` is
        set to that value goes on as this one would. Runs work on copies of the object
        (`copy.copy`), so a run that fails does not move the session's.
    role
        What the op does in a run besides computing a value; "" for most ops:
        "feed", it has no value unless the run feeds it one;
        "variable", its value is what the session keeps for it;
        "initialized", it reads a variable's value from before the run; if the session has none, or
        the run initialises the variable, its initial value;
        "latest", it reads a variable's value after all updates made before it;
        "assign", its result becomes the new value of the variable that is its first input; the old
        value is not used;
        "relative", likewise, but it is computed from the variable's value after the run's earlier
        updates;
        "effect", it has no value: publicly it is an Operation and fetches as None;
        "impure", its value may differ in each run, or it has a side effect; it keeps no state in a
        Session;
        "bodies", its attribute `bodies` is a tuple of graphs (each a Body), such as the two
        branches of a cond. The op's first inputs choose a body; the others are the inputs of every
        body. The kernel gets a Python function for each, and calls the one that it chooses.
    doc
        What it does, with its formula and a doctest.

    Attributes
    ----------
    dynamic
        The kernel allocates the result in each run: it takes no `out`, and returns no view.
    updates
        The op gives its first input, a variable, a new value: its role is "assign" or "relative".
    stateful
        The op is never merged, folded or reordered: it has a state, or its role says so.
    """

    name: str
    kernel: Callable | None
    infer: Callable[..., Spec]
    vjps: tuple[Callable | None, ...] | Callable[..., list] = ()
    params: Mapping[str, DType | str | Callable[[Any], Any] | None] | tuple[str, ...] = ()
    attrs: Mapping[str, tuple | str] = field(default_factory=dict)
    broadcasts: bool = False
    view: str = ""
    inplace: tuple[int, ...] = ()
    static: tuple[int, ...] = ()
    rewrite: Callable[..., Node | Sequence[Node] | None] | None = None
    state: Callable[..., Any] | None = None
    role: str = ""
    doc: str = ""
    dynamic: bool = field(init=False)
    updates: bool = field(init=False)
    stateful: bool = field(init=False)

    def __post_init__(self):
        self._check_types()
        if self.name in _registry:
            raise GraphError(f"an op called {self.name!r} exists already")
        allocates = not (self.view or self.role == "effect" or may_take_out(self.kernel))
        for key, value in {
            "dynamic": allocates, "updates": self.role in UPDATES, "__doc__": self.doc,
            "__annotations__": dict[str, Any](),  # the class has those of the fields
            "stateful": self.state is not None or self.role in STATEFUL,
            "_default_name": self.attrs.get("name", (named, None))[-1] or self.name,
        }.items():
            object.__setattr__(self, key, value)
        if not isinstance(self.params, Mapping):
            entry = "T" if self.broadcasts else None
            object.__setattr__(self, "params", dict.fromkeys(self.params, entry))
        _registry[self.name] = self

    def _check_types(self) -> None:
        """Check the types of the fields, for users who define ops."""
        for word in (self.name, *expect(self.params, tuple | Mapping, "params", "names")):
            text(word, "the name of an op or of an input")
        text(self.doc, f"`doc` of {self.name}")
        rules = () if callable(self.vjps) else expect(self.vjps, tuple, "vjps", "a tuple")
        optional = (self.kernel, self.rewrite, self.state)
        what = f"each kernel and rule of {self.name}"
        for part in (self.infer, *[f for f in (*optional, *rules) if f is not None]):
            function(part, what)
        for trait in TRAITS:
            flag(getattr(self, trait), trait)
        choice(self.view, f"`view` of {self.name}", ("", "part", "repeat"))
        choice(self.role, f"`role` of {self.name}", ROLES)
        last = len(self.params) - 1 if self.params else None
        for what in ("inplace", "static"):
            for i in expect(getattr(self, what), tuple, f"`{what}` of {self.name}", "a tuple"):
                integer(i, f"a position in `{what}` of {self.name}", 0, last)
        self._check_parameters()

    def __call__(self, *inputs: Any, name: str | None = None, **attrs: Any) -> Any:
        if self.attrs or len(inputs) != len(self.params) and self.params:
            inputs, name, attrs = self._bound(inputs, name, attrs)
            if self._late is not None and isinstance(attrs[self._late[0]], Node):
                key, build = self._late
                name = named(name, self._default_name)
                return build(self, attrs.pop(key), *inputs, name=name, **attrs)
        if self.updates:
            as_variable(inputs[0])
        graph = graph_of(inputs)
        if name is None:
            name = self._default_name
        elif type(name) is not str or not name:
            name = named(name, self._default_name)
        if _PLAIN.issuperset(map(type, inputs)):
            nodes = inputs
        else:
            with graph.name_scope(name) as name:  # operands are called mul/x, mul/y
                nodes = self._nodes(inputs, graph, name)
        spec = self.spec_of(nodes, attrs, name)
        node = graph.add(self, nodes, attrs, spec, name)
        if spec.items:
            return outputs_of(node)
        return Operation(node) if self.role == "effect" else node

    def _nodes(self, inputs: tuple, graph: Graph, name: str) -> tuple[Node, ...]:
        """The inputs as nodes of the dtypes that the op prescribes."""
        entries: Any = self.params
        params: Any = list(entries.items()) or [("values", None)] * len(inputs)
        shared: dict[Any, DType] = {}
        for x, (_, wanted) in zip(inputs, params, strict=True):
            if isinstance(wanted, str) and isinstance(x, Node | CompositeTensor):
                shared.setdefault(wanted, x.dtype)
        nodes: list[Node] = []
        for x, (key, wanted) in zip(inputs, params, strict=True):
            if isinstance(wanted, str):
                dtype = shared.get(wanted)
            else:
                dtype = None if isinstance(x, Node) or callable(wanted) else wanted
            if isinstance(x, Node) and (dtype is None or x.spec.dtype is dtype):
                nodes.append(x)
                continue
            try:
                value = wanted(x) if callable(wanted) else x
                nodes.append(as_node(value, dtype, name=key, graph=graph))
            except TinygraphError as error:
                place = f"as {key!r} of '{name.rstrip('/')}' (op: '{self.name}')"
                raise type(error)(f"{error}, {place}", error.node) from None
            if isinstance(wanted, str):
                shared.setdefault(wanted, nodes[-1].spec.dtype)
        return tuple(nodes)

    def spec_of(self, nodes: tuple[Node, ...], attrs: dict, name: str) -> Spec:
        """The spec of the op's result for these inputs; errors call the node `name`."""
        specs = [node.spec for node in nodes]
        try:
            return self.inferred(specs, attrs)
        except TinygraphError as error:
            shapes = ", ".join(str(s) for s in specs)
            where = "; ".join(f"'{n.op_name}' was made at {n.where}" for n in dict.fromkeys(nodes))
            raise type(error)(
                f"{error} for '{name.rstrip('/')}' (op: '{self.name}') "
                f"with inputs {shapes or 'none'}.{' ' + where if where else ''}"
            ) from error
        except (TypeError, AttributeError) as error:
            if not self.attrs:  # otherwise keywords have been checked
                with arguments_of(self.__name__, *nodes):
                    self._check_known([x for x in attrs if f"argument {x!r}" in str(error)], ())
            raise DTypeError(f"{self.name}: {str(error).replace(INFER, '')}") from error

    def inferred(self, specs: list[Spec], attrs: dict) -> Spec:
        """The spec that the shape rule gives, with its value if the inputs' values are known."""
        spec = self.infer(*specs, **attrs)
        if type(spec) is not Spec:
            expect(spec, Spec, "the shape rule's result", "a Spec (of several: Spec.of_items)")
        if not (self.broadcasts or self.dynamic or spec.shape.is_fully_defined()):
            is_sized(self, specs, spec)  # or an error
        if spec.items:
            items = [_without_value(own, specs) for own in spec.items]
            values = static_values(self, specs, attrs, tuple(items), several=True)
            pairs = zip(items, values, strict=True)
            return Spec.of_items([s if v is None else s._replace(value=v) for s, v in pairs])
        spec = _without_value(spec, specs)
        if spec.value is None and spec.dtype is not None and spec.dtype.is_integer:
            spec = spec._replace(value=static_values(self, specs, attrs, (spec,))[0])
        return spec

    def __reduce__(self):
        return op_named, (self.name,)


_PLAIN = frozenset({Node})
TRAITS = tuple(f.name for f in fields(Op) if f.type == "bool" and f.init)


def _without_value(spec: Spec, inputs: list[Spec]) -> Spec:
    """`spec`; without its value if the shape rule took that over from an input's spec, as it is the
    input's value, not the result's.
    """
    if spec.value is not None and any(spec.value is x.value for x in inputs):
        return spec._replace(value=None)
    return spec


def as_variable(ref: Any) -> Any:
    """`ref`, which must be a variable."""
    if not isinstance(ref, Node) or ref.kind.role != "variable":
        raise DTypeError(f"only a Variable can be updated, not {shown(ref)}")
    return ref


def op_named(name: str) -> Op:
    """The op of this type name; unpickling an op calls it."""
    if name not in _registry:
        raise NotFoundError(f"no op is called {name!r} here: import what defines it, then unpickle")
    return _registry[name]


def as_node(value: Any, dtype: DType | None = None, name: str | None = "Const", graph=None) -> Node:
    """`value` as a node: itself, or a constant (TF: `tf.convert_to_tensor`).

    A list with nodes in it is stacked. Raises DTypeError where a dtype would have to change.
    """
    if isinstance(value, Node):
        if dtype is not None and value.spec.dtype is not dtype:
            raise DTypeError(
                f"'{value.name}' (made at {value.where}) is {value.spec.dtype.name}, expected "
                f"{dtype.name}; use tg.cast(x, tg.{dtype.name})"
            )
        return value
    if isinstance(value, CompositeTensor):
        return as_node(value.as_tensor(), dtype)
    if isinstance(value, Operation):
        raise DTypeError(f"operation '{value.name}' has no value to compute with")
    if isinstance(value, Dimension):
        value = int(value)
    elif isinstance(value, Shape):
        value = shape_array(value, dtype)
    elif isinstance(value, list | tuple) and first_node(value) is not None:
        return registry["Pack"](*as_nodes(value, dtype), axis=0, name="packed")
    elif isinstance(value, list | tuple) and any(isinstance(x, Dimension) for x in value):
        value = [int(x) if isinstance(x, Dimension) else x for x in value]
    return constant(to_array(value, dtype), name=name, graph=graph)


def first_node(values: Any) -> Node | None:
    """The first node in nested lists; a composite tensor, such as an IndexedSlices, counts as its
    parts.
    """
    return next((x for x in flatten(values, "values") if isinstance(x, Node)), None)


def as_nodes(values: Any, dtype: DType | None = None) -> list[Node]:
    """The elements as nodes of one graph and dtype: those of the first node among them."""
    values = sequence(values, "values")
    first = first_node(values)
    if first is None:
        nodes: list[Node] = []
        for x in values:
            nodes.append(as_node(x, dtype or (nodes[0].spec.dtype if nodes else None)))
        return nodes
    return [as_node(x, dtype or first.spec.dtype, graph=first.graph) for x in values]


def constant(array: np.ndarray, name: str | None = "Const", graph: Graph | None = None) -> Node:
    """A Const node that holds a private, read-only copy of `array`."""
    try:
        array = np.array(array)
    except MemoryError:
        spec = Spec(Shape.of(array.shape), as_dtype(array.dtype))
        raise ResourceExhaustedError(no_memory(f"the constant {name!r}", spec)) from None
    array.flags.writeable = False
    spec = Spec(Shape.of(array.shape), as_dtype(array.dtype), array)
    attrs, graph = {"value": array}, graph or get_default_graph()
    return graph.add(const, (), attrs, spec, "Const" if name is None else name)


def _const_spec(value: np.ndarray) -> Spec:
    return Spec(Shape.of(value.shape), as_dtype(value.dtype), value)


const = Op("Const", None, _const_spec, doc="A constant; made by `tg.constant`.")


# ---------------------------------------------------------------- several outputs

bundle = Op("_Bundle", None, lambda values: Spec.of_items([x.spec for x in values]),
    doc="Several values as one: what the compiler puts in place of an op with several outputs.")
item = Op("_Item", None, lambda values, index: values.items[index], view="part",
    rewrite=lambda made, index: made.attrs["values"][index] if made.kind is bundle else None,
    doc="One of the values that an op with several outputs has.")


def outputs_of(node: Node) -> list[Node]:
    """A tensor for each output of a node that has several."""
    specs = node.spec.items
    return [node.graph.add(item, (node,), {"index": i}, s, None) for i, s in enumerate(specs)]


argument = Op("_Arg", None, lambda: Spec(UNKNOWN, float32), role="feed",
    doc="An input of a program being compiled: a feed, or a composite's input.")
