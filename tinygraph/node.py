"""Nodes, which users hold as tensors and operations; the stacks of default graphs and sessions."""

from __future__ import annotations

import _thread
from collections.abc import Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn

from tinygraph.arguments import key as key_of, shown
from tinygraph.dtypes import DType
from tinygraph.errors import DTypeError, GraphError, SymbolicError
from tinygraph.interrupts import Stack
from tinygraph.origin import place
from tinygraph.spec import Shape, Spec
from tinygraph.typing import FeedDict, SessionLike, ShapeLike, TensorLike

if TYPE_CHECKING:  # of graph.py, which imports this file
    from tinygraph.typing import Graph


_classes: dict[str, type[Node]] = {}  # by the name of an op, for nodes that are more than a Node


class Node:
    """A symbolic value: an op applied to inputs. Public as `tg.Tensor`.

    A node holds no value; values belong to a run of a Session. `node.kind` is its Op record,
    `node.op` is TF1's view of it as an operation.

    >>> x = tg.placeholder(tg.float32, [None, 3], name="x")
    >>> y = x * 2.0
    >>> y
    <tg.Tensor 'mul:0' shape=(?, 3) dtype=float32>
    """

    __slots__ = (
        "graph", "id", "kind", "inputs", "attrs", "spec", "op_name",
        "control_inputs", "origin", "forward", "__weakref__",
    )
    __array_ufunc__ = None  # `array * node` then asks the node

    if TYPE_CHECKING:  # the operators, which ops/ attaches
        def _unary(self) -> Node: ...
        def _binary(self, other: TensorLike) -> Node: ...
        def __getitem__(self, key: Any, name: str = ...) -> Node: ...
        __neg__ = __abs__ = __invert__ = _unary
        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __pow__ = __rpow__ = _binary
        __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _binary
        __matmul__ = __rmatmul__ = __lt__ = __le__ = __gt__ = __ge__ = _binary
        __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _binary

    graph: Graph
    id: int
    kind: Any
    inputs: tuple[Node, ...]
    attrs: dict[str, Any]
    spec: Spec
    op_name: str
    control_inputs: tuple[Node, ...]
    origin: tuple[Any, int] | None
    forward: Node | None

    def __init_subclass__(cls, op: str) -> None:
        """A subclass is for the nodes of one op."""
        _classes[op] = cls

    @property
    def name(self) -> str:
        return self.op_name + ":0"

    @property
    def label(self) -> str:
        """What messages and comments call it: as its operation, unless that has several outputs."""
        return self.op_name

    @property
    def needs(self) -> tuple[Node, ...]:
        """What it is computed from, and after what."""
        return self.inputs + self.control_inputs

    @property
    def bodies(self) -> tuple:
        """The bodies of its op: Bodies in a user's graph, programs while compiling."""
        return self.attrs["bodies"] if self.kind.role == "bodies" else ()

    @property
    def dtype(self) -> DType:
        return self.spec.dtype

    @property
    def shape(self) -> Shape:
        return self.spec.shape

    def get_shape(self) -> Shape:
        """The static shape; as in TF the same as `.shape`."""
        return self.spec.shape

    def set_shape(self, shape: ShapeLike) -> None:
        """Add what you know of the static shape; ShapeError when it contradicts it."""
        self.spec = self.spec._replace(shape=self.spec.shape.merge_with(shape))

    @property
    def op(self) -> Operation:
        return Operation(self)

    def eval(self, feed_dict: FeedDict = None, session: SessionLike = None) -> Any:
        """The value, from `session` or the default one: `session.run(node, feed_dict)`."""
        return session_for(self, session, "eval").run(self, feed_dict)

    @property
    def where(self) -> str:
        """The user's line that made the node, as `file.py:12`."""
        return place(self.origin)

    def __repr__(self) -> str:
        if self.spec.items:
            return repr(self.op)
        return f"<tg.Tensor '{self.name}' shape={self.shape} dtype={self.dtype.name}>"

    def __bool__(self) -> NoReturn:
        raise DTypeError(
            f"'{self.name}' has no value while the graph is built, so it is neither true nor "
            "false; use tg.where, or fetch it with sess.run"
        )

    def __iter__(self) -> NoReturn:
        raise DTypeError(
            f"'{self.name}' cannot be iterated over while the graph is built; use tg.unstack"
        )

    def __len__(self) -> NoReturn:
        raise DTypeError(f"'{self.name}' has no len() while the graph is built; use its .shape")

    def __array__(self, *args: Any, **kwargs: Any):
        raise SymbolicError(f"Cannot convert a symbolic tensor ('{self.name}') to a numpy array.")


class Output(Node, op="_Item"):
    """One of several outputs of an operation, which `inputs[0]` computes: `split:0`, `split:1`.

    >>> first, second = tg.split([1, 2, 3, 4], 2)
    >>> first.name, second.name, second.op.name
    ('split:0', 'split:1', 'split')
    >>> second is first.op.outputs[1] is first.graph.get_tensor_by_name("split:1")
    True
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        return f"{self.op_name}:{self.attrs['index']}"

    @property
    def label(self) -> str:
        return self.name

    @property
    def op(self) -> Operation:
        return Operation(self.inputs[0])

    @property
    def needs(self) -> tuple[Node, ...]:
        """Of an op with bodies what this output needs, which may be less than others do."""
        choice = self.inputs[0]
        return _needed(choice, self.places) if choice.bodies else super().needs

    @property
    def places(self) -> int:
        """Of an op with bodies, which of the inputs that these take the output needs: a bit each.
        """
        bits, choice = 0, self.inputs[0]
        for body in choice.bodies:
            bits |= body.needs(self.attrs["index"])
        return bits


def _needed(choice: Node, places: int) -> tuple[Node, ...]:
    """What an op needs of whose bodies' inputs only those in `places`, a bit each, are needed."""
    first = len(choice.inputs) - len(choice.bodies[0].inputs)
    needed = [*choice.inputs[:first], *choice.control_inputs]
    while places:
        place = places.bit_length() - 1
        needed.append(choice.inputs[first + place])
        places ^= 1 << place
    return tuple(needed)


Tensor = Node
Node.__name__ = Node.__qualname__ = "Tensor"  # as Python's own messages should call it


class Operation:
    """TF1's view of a node as an operation; what an effect without a value is publicly.

    >>> op = tg.constant(1.0, name="c").op
    >>> op.name, op.type, op.outputs
    ('c', 'Const', [<tg.Tensor 'c:0' shape=() dtype=float32>])
    """

    __slots__ = ("node",)

    def __init__(self, node: Node):
        self.node = node

    @property
    def name(self) -> str:
        return self.node.op_name

    @property
    def type(self) -> str:
        return self.node.kind.name

    @property
    def graph(self) -> Graph:
        return self.node.graph

    @property
    def inputs(self) -> tuple[Node, ...]:
        return self.node.inputs

    @property
    def outputs(self) -> list[Node]:
        if self.node.spec.items:
            return list(self.graph.outputs.get(self.node, ()))  # none yet after an interrupt
        return [] if self.node.kind.role == "effect" else [self.node]

    @property
    def control_inputs(self) -> list[Operation]:
        return [node.op for node in self.node.control_inputs]

    def get_attr(self, name: str):
        """An attribute of the op by name; ValueError when it has none so called."""
        if key_of(name, "name") not in self.node.attrs:
            raise GraphError(f"operation '{self.name}' has no attribute {name!r}")
        return self.node.attrs[name]

    def run(self, feed_dict: FeedDict = None, session: SessionLike = None) -> None:
        """Run it for its effect, in `session` or the default one."""
        session_for(self.node, session, "run").run(self, feed_dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operation) and other.node is self.node

    def __hash__(self) -> int:
        return hash(self.node)

    def __repr__(self) -> str:
        return f"<tg.Operation '{self.name}' type={self.type}>"


class CompositeTensor:
    """Several tensors that stand for one, such as `tg.IndexedSlices`; where ops take it, it is one.

    `parts` are those tensors, which a fetch computes; `of(parts)` is the same of other parts, or of
    their values in a run. One of them, `values`, has what numbers there are.
    """

    __slots__ = ()

    parts: tuple[Node, ...]
    values: Node
    dtype: DType

    def as_tensor(self) -> Node:
        raise NotImplementedError

    def of(self, parts: list) -> Any:
        raise NotImplementedError

    def with_values(self, values: Node) -> Any:
        """Other numbers in the same places."""
        raise NotImplementedError


def new_node(kind, inputs: tuple[Node, ...], attrs: dict, spec: Spec) -> Node:
    """A node that is in no graph yet, of the class for the nodes of its op."""
    node = object.__new__(_classes.get(kind.name, Node))
    node.kind = kind
    node.inputs = inputs
    node.attrs = attrs
    node.spec = spec
    return node


def ancestors(
    roots: Iterable[Node], stop: Any = (), whole: bool = False, controls: bool = True
) -> list[Node]:
    """The nodes that `roots` need, with or without control inputs, in topological order.

    Nodes in `stop` are listed but not looked behind. Of an op with bodies only some outputs may be
    needed, and what only others need is left out, unless all such ops are taken as a `whole`.
    """
    seen = set(roots)
    stack = list(seen)
    reached: dict[Node, int] = {}  # op with bodies -> places of the inputs that outputs need
    while stack:
        node = stack.pop()
        if node in stop:
            continue
        if type(node) is Output and node.inputs[0].bodies and not whole:
            choice, places = node.inputs[0], node.places
            before = reached.get(choice, 0)
            reached[choice] = before | places
            inputs = _needed(choice, places & ~before)
        else:
            inputs = node.inputs + node.control_inputs if controls else node.inputs
        for needed in inputs:
            if needed not in seen:
                seen.add(needed)
                stack.append(needed)
    return sorted(seen | reached.keys(), key=attrgetter("id"))


# ---------------------------------------------------------------- the defaults of a thread


class _Stacks(_thread._local):
    """The default graphs and sessions of each thread: the only mutable module state."""

    def __init__(self):
        self.graphs = Stack()
        self.sessions = Stack()


stacks = _Stacks()


def get_default_session() -> SessionLike:
    """The session of the innermost `with sess:` or `as_default()`, or None.

    >>> with tg.Session() as sess:
    ...     tg.get_default_session() is sess
    True
    """
    return stacks.sessions.current()


def session_for(node: Node, session: SessionLike, verb: str) -> Any:
    if session is None:
        session = get_default_session()
    elif not (hasattr(session, "run") and hasattr(session, "as_default")):
        raise DTypeError(f"session must be a tg.Session, not {shown(session)}")
    if session is None:
        raise GraphError(
            f"cannot {verb} '{node.op_name}': no default session is registered; "
            "use `with sess.as_default():` or pass session=sess"
        )
    return session
