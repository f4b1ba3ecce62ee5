"""The float64 twin of a subgraph: the same ops with the same rules, where digits can be counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygraph.arguments import called
from tinygraph.arrays import to_array
from tinygraph.body import Body, formal
from tinygraph.dtypes import DType, float64
from tinygraph.errors import DTypeError
from tinygraph.gradients import gradients
from tinygraph.graph import Graph, Node
from tinygraph.node import ancestors, get_default_session
from tinygraph.op import const, constant, item
from tinygraph.ops.array import stop_gradient
from tinygraph.ops.indexed_slices import as_tensors
from tinygraph.ops.placeholders import placeholder
from tinygraph.session import Session


class Twin:
    """A copy of what `ys` need, cut off at `feeds` and at whatever has no derivative.

    Variables, random ops, updates, `stop_gradient` and ops without any rule, such as a `py_func`,
    become placeholders that are fed the value which one run of the original gave them. So a dropout
    mask stays the same in all evaluations, and what gradients take for a constant is one
    numerically as well.

    ys, xs: the copies of the outputs and of the fed nodes.
    feeds: copies of all leaves -> their values.
    narrow: whether the original computes in less than float64.
    depends: whether an output depends on a fed float, be it through what is cut off.
    """

    def __init__(
        self, ys: Sequence[Node], feeds: Mapping[Node, np.ndarray], session: Session,
        widen: bool = True,
    ):
        self.graph = Graph()
        self.graph.seed = ys[0].graph.seed
        self.session = Session(graph=self.graph)
        self.feeds: dict[Node, np.ndarray] = {}
        self._of: dict[Node, Node] = {}
        self._widen = widen
        uncut = ancestors(ys, feeds, whole=True, controls=False)
        self.depends = any(node in feeds and node.dtype.is_floating for node in uncut)
        ends = {*feeds, *filter(_is_cut, uncut)}
        order = ancestors(ys, ends, whole=True, controls=False)
        cut = [node for node in order if node in ends and node not in feeds]
        values = {**feeds, **dict(zip(cut, session.run(cut, dict(feeds)), strict=True))}
        self.narrow = any(dtype != float64 for node in order for dtype in float_dtypes(node))
        with self.graph.as_default():
            for node in dict.fromkeys([*feeds, *order]):
                self._of[node] = self._copy(node, values)
        self.ys = [self._of[y] for y in ys]
        self.xs = [self._of[x] for x in feeds]

    def _copy(self, node: Node, values: Mapping[Node, np.ndarray]) -> Node:
        if node in values:
            dtype = self._dtype(node.dtype)
            copy = placeholder(dtype, node.shape, name=node.op_name)
            self.feeds[copy] = np.asarray(values[node], dtype.numpy)
        else:
            copy = _copied(node, self._of, self.graph, self._dtype)
            if not node.spec.items:
                copy.set_shape(node.shape)
        copy.origin = node.origin
        copy.forward = self._of.get(node.forward) if node.forward is not None else None
        return copy

    def _dtype(self, dtype: DType) -> DType:
        return float64 if self._widen and dtype.is_floating else dtype


def _copied(
    node: Node, of: Mapping[Node, Node], graph: Graph, dtype: Callable[[DType], DType]
) -> Node:
    """A copy of a node in `graph`, where `of` has the copies of its inputs; dtypes as `dtype` says.
    """
    if node.kind is const:
        return constant(node.attrs["value"].astype(dtype(node.dtype).numpy), node.op_name, graph)
    if node.kind is item:
        return graph.outputs[of[node.inputs[0]]][node.attrs["index"]]
    inputs = [of[x] for x in node.inputs]
    return node_of(node.kind(*inputs, name=node.op_name, **attrs_of(node, dtype)))


def attrs_of(node: Node, dtype: Callable[[DType], DType] = lambda same: same) -> dict[str, Any]:
    """The attributes for a copy of a node, which has bodies of its own; dtypes as `dtype` says."""
    attrs = {k: dtype(v) if isinstance(v, DType) else v for k, v in node.attrs.items()}
    if node.bodies:
        attrs["bodies"] = tuple([_body(body, dtype) for body in node.bodies])
    return attrs


def _body(body: Body, dtype: Callable[[DType], DType]) -> Body:
    graph = Graph()
    of: dict[Node, Node] = {}
    for x in body.inputs:
        of[x] = formal(x)
        of[x].spec = x.spec._replace(dtype=dtype(x.dtype))
        of[x].graph, of[x].id = graph, len(graph.nodes)
        graph.nodes.append(of[x])
    ends = [y for y in body.outputs if y is not None]
    with graph.as_default():
        for node in ancestors(ends, whole=True):
            if node not in of:
                of[node] = _copied(node, of, graph, dtype)
    outputs = [None if y is None else of[y] for y in body.outputs]
    return Body(graph, [of[x] for x in body.inputs], outputs)


def node_of(made: Any) -> Node:
    """The node that an op's call has made: of several outputs, the one that computes them."""
    return made[0].inputs[0] if isinstance(made, list) else made


def floats(nodes: Iterable[Node]) -> list[Node]:
    """The nodes that are floats, and so may have gradients."""
    return [node for node in nodes if node.dtype.is_floating]


def weighted_gradients(
    ys: Sequence[Node], xs: Sequence[Node]
) -> tuple[list[Node], list[Node | None]]:
    """For each of ys a placeholder for the gradient that arrives there; the gradients of xs."""
    with ys[0].graph.as_default():
        arriving = [placeholder(y.dtype, y.shape, name="g") for y in ys]
    return arriving, as_tensors(gradients(ys, xs, arriving))


def float_dtypes(node: Node) -> list[DType]:
    """The float dtypes among those of a node's outputs."""
    return [x.dtype for x in node.spec.items or (node.spec,) if x.dtype.is_floating]


def _is_cut(node: Node) -> bool:
    choice = node.op.node
    kind = choice.kind
    if choice.bodies:
        parts = [body.graph.nodes[len(body.inputs) :] for body in choice.bodies]
        return any(_is_cut(x) for part in parts for x in part)
    has_rules = callable(kind.vjps) or any(kind.vjps)
    ends = kind.stateful and not has_rules or choice.inputs and kind.vjps == ()
    return bool(ends) or kind.updates or kind is stop_gradient


Function = Callable[..., Any]


def twin_of(
    y: Node | Sequence[Node] | Function, inputs: Any, session: Session | None
) -> tuple[Twin, Callable[[], Twin]]:
    """The twin of a node or of what a function builds; and a function that makes a copy no wider.

    For a node `inputs` is a feed_dict, for a function a list of arrays: one per argument.
    """
    if callable(y) and not isinstance(y, Node):
        ys, feeds, session = _built(y, inputs)
    else:
        ys = list(y) if isinstance(y, list | tuple) else [y]  # type: ignore[list-item]
        for node in ys:
            if not isinstance(node, Node):
                raise DTypeError(f"y must be a tensor or a function that makes one, not {node!r}")
        if not ys:
            raise DTypeError("y must be a tensor or a function that makes one, not an empty list")
        if not isinstance(inputs, Mapping):
            raise DTypeError(
                "with a tensor, inputs is a dict {tensor: value}, as a feed_dict; "
                f"not {type(inputs).__name__}"
            )
        keys = [ys[0].graph.as_graph_element(key) for key in inputs]
        feeds = {x: to_array(inputs[k], x.dtype) for x, k in zip(keys, inputs, strict=True)}
        default = get_default_session()
        if session is None and default is not None and default.graph is ys[0].graph:
            session = default
        session = session or Session(graph=ys[0].graph)
    return Twin(ys, feeds, session), lambda: Twin(ys, feeds, session, widen=False)


def _built(function: Function, inputs: Any) -> tuple[list[Node], dict[Node, np.ndarray], Session]:
    """The nodes that `function` makes of placeholders, in a graph of their own."""
    if not isinstance(inputs, list | tuple):
        raise DTypeError(
            "with a function, inputs is a list of arrays, one per argument; "
            f"not {type(inputs).__name__}"
        )
    arrays = [to_array(x) for x in inputs]
    graph = Graph()
    with graph.as_default():
        xs = [placeholder(x.dtype, x.shape, name=f"x{i}") for i, x in enumerate(arrays)]
        result = called(function, "the function", *xs)
        ys = list(result) if isinstance(result, list | tuple) else [result]
        if not ys or not all(isinstance(y, Node) for y in ys):
            raise DTypeError(f"the function must give a tensor or a list of them, not {result!r}")
    session = Session(graph=graph)
    variables = graph.get_collection("variables")
    if variables:
        session.run([variable.initializer for variable in variables])
    return ys, dict(zip(xs, arrays, strict=True)), session
