"""Reverse-mode differentiation: from a graph, more graph."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

from tinygraph.arguments import choice, shown
from tinygraph.defaults import graph_of
from tinygraph.errors import DTypeError, GraphError, ShapeError, TinygraphError
from tinygraph.graph import Graph, Node, Operation
from tinygraph.node import CompositeTensor, ancestors
from tinygraph.interrupts import collector_paused
from tinygraph.op import as_node, item
from tinygraph.ops.array import like
from tinygraph.ops.broadcasting import ones_like, sum_like, zeros_like
from tinygraph.ops.indexed_slices import IndexedSlices, as_slices, is_sparse
from tinygraph.ops.math import add_n_op
from tinygraph.origin import is_foreign
from tinygraph.typing import TensorLike


class UnconnectedGradients:
    """What `gradients` gives where ys do not depend on an x: None, or zeros.

    >>> x, y = tg.constant([1.0, 2.0]), tg.constant(3.0)
    >>> tg.gradients(y, x, unconnected_gradients=tg.UnconnectedGradients.ZERO)[0].eval()
    array([0., 0.], dtype=float32)
    """

    NONE = "none"
    ZERO = "zero"


def gradients(
    ys: Node | Sequence[Node], xs: Node | Sequence[Node],
    grad_ys: TensorLike | Sequence[TensorLike | None] | None = None, name: str = "gradients",
    colocate_gradients_with_ops: bool = False, gate_gradients: bool = False,
    aggregation_method: Any = None, stop_gradients: Node | Sequence[Node] | None = None,
    unconnected_gradients: str = UnconnectedGradients.NONE,
) -> list[Any]:
    """The derivatives of sum(ys) with respect to each of xs, as nodes (TF: `tf.gradients`).

    Where the ys depend on an x only by gathers of its rows (`tg.gather`, `embedding_lookup`), also
    within branches, its gradient is a `tg.IndexedSlices` of those rows; several gathers are
    concatenated. An op that takes a tensor converts an IndexedSlices to a tensor. Derivatives of a
    gradient that is an IndexedSlices are tensors.

    Parameters
    ----------
    ys, xs
        A tensor or a list of tensors; among the ys may be IndexedSlices.
    grad_ys
        The gradients that arrive at the ys: tensors of their shapes, IndexedSlices, or None for
        ones.
    stop_gradients
        Tensors that count as constants.
    colocate_gradients_with_ops, gate_gradients, aggregation_method
        Accepted for TF1 programs; there is one device and one way to add.

    Returns
    -------
    A list as long as xs, of tensors or IndexedSlices, with None where no gradient flows.

    >>> x = tg.constant([1.0, 2.0])
    >>> tg.gradients(x * x, x)[0].eval()
    array([2., 4.], dtype=float32)
    >>> slices = tg.gradients(tg.gather(x, [1]), x)[0]
    >>> tg.Session().run([slices.values, slices.indices, slices.dense_shape])
    [array([1.], dtype=float32), array([1], dtype=int32), array([2], dtype=int32)]
    """
    ys, xs = _nodes(ys, "ys"), _nodes(xs, "xs")
    stops = set(_nodes([] if stop_gradients is None else stop_gradients, "stop_gradients"))
    if not ys:
        raise GraphError("gradients needs at least one y")
    choice(unconnected_gradients, "unconnected_gradients", ("none", "zero"))
    graph = graph_of((*ys, *xs, *stops))

    def build() -> list[Node | IndexedSlices | None]:
        with graph.as_default(), graph.name_scope(name):
            totals = backward(graph, _initial(ys, grad_ys), xs, stops)
            derives_sparse = any(map(is_sparse, totals))  # a sparse gradient was differentiated
            gs = [totals.get(x) for x in xs]
            if unconnected_gradients == UnconnectedGradients.ZERO:
                gs = [zeros_like(x) if g is None else g for x, g in zip(xs, gs, strict=True)]
            return [g if g is None or derives_sparse else as_slices(g) for g in gs]

    return collector_paused(build)


def backward(
    graph: Graph, arriving: dict[Node, list[Node]], xs: list[Node], stops: set[Node]
) -> dict[Node, Node]:
    """The sum of the gradients that arrive at each node, from the ys back to the xs."""
    totals: dict[Node, Node] = {}
    path = _between(arriving, xs, stops)
    for node in reversed(path):
        if node not in arriving:
            continue
        parts = arriving.pop(node)
        if node.spec.items:
            total: Any = [totals.get(y) for y in graph.outputs[node]]
        else:
            totals[node] = total = parts[0] if len(parts) == 1 else add_n_op(*parts)
        if node.kind is item:
            arriving.setdefault(node.inputs[0], [])
            continue
        if node in stops or not node.inputs or not node.kind.vjps:
            continue
        with graph.gradient_of(node):
            for x, g in zip(node.inputs, vjp(node, total, path), strict=True):
                if g is not None:
                    arriving.setdefault(x, []).append(_fitted(g, x, node))
    return totals


class OutputGradients(Sequence):
    """The gradients at the outputs of a node: zeros where none arrived, None for outputs of ints.

    `arrived` has None in place of the zeros too, for rules that need not compute with these.
    """

    def __init__(self, outputs: list[Node], arrived: Sequence[Node | None]):
        self.outputs, self.arrived = outputs, arrived

    def __len__(self) -> int:
        return len(self.outputs)

    def __repr__(self) -> str:
        return f"<gradients of {len(self)} outputs>"

    def __array__(self, *options: Any, **keywords: Any) -> Any:
        node = self.outputs[0].inputs[0]  # its vjp has used g itself as a tensor
        raise DTypeError(f"{_rule_of(node)} takes g for a tensor{_by_output(node)}")

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        y, g = self.outputs[index], self.arrived[index]
        return zeros_like(y) if g is None and y.dtype.is_floating else g


def _between(ys: Iterable[Node], xs: list[Node], stops: set[Node]) -> dict[Node, None]:
    """The nodes on paths from xs to ys, in topological order."""
    reached = set(xs)
    path: dict[Node, None] = {}
    for node in ancestors(ys, stop=stops):
        if node in reached or node not in stops and any(x in reached for x in node.inputs):
            reached.add(node)
            path[node] = None
    return path


def vjp(node: Node, g: Any, wanted: Container[Node] | None = None) -> list[Node | None]:
    """Apply the vjps of `node`: the gradient at each input, from the gradient g at its output.

    Inputs that are not `wanted` get None. For an op that broadcasts this is the one place that sums
    over the broadcast axes. For a node of several outputs g is a list, with None where no gradient
    arrives.
    """
    kind, inputs = node.kind, node.inputs
    wants = [x.dtype.is_floating and (wanted is None or x in wanted) for x in inputs]
    y: Any = node
    if node.spec.items:
        y = node.graph.outputs[node]
        g = OutputGradients(y, g)
    try:
        if callable(kind.vjps):
            parts = list(kind.vjps(g, y, *inputs, **node.attrs))
        else:
            parts = [
                rule(g, y, *inputs, **node.attrs) if want and rule is not None else None
                for rule, want in zip(kind.vjps, wants, strict=False)
            ]
    except TinygraphError:
        raise
    except (TypeError, IndexError, AttributeError) as error:
        raise DTypeError(
            f"{_rule_of(node)} fails: {type(error).__name__}: {error}{_by_output(node)}"
        ) from error
    if len(parts) != len(inputs):
        raise GraphError(
            f"'{node.op_name}' (op: '{kind.name}') has {len(inputs)} inputs and {len(parts)} rules"
        )
    return [
        None if not want or part is None else
        sum_like(part, x) if kind.broadcasts and _may_be_broadcast(x, node) else part
        for part, x, want in zip(parts, inputs, wants, strict=True)
    ]


def _fitted(g: Any, x: Node, node: Node) -> Node:
    """The gradient g that a rule of `node` gave for its input x, which must be a tensor like x."""
    if isinstance(g, CompositeTensor):
        g = as_node(g)
    if not isinstance(g, Node) or g.spec.dtype is not x.spec.dtype:
        hint = "" if isinstance(g, Node) else _by_output(node)
        raise DTypeError(
            f"{_rule_of(node)} gives {shown(g)} for its input '{x.name}' of {x.spec}{hint}"
        )
    g_sizes, x_sizes = g.spec.shape.sizes, x.spec.shape.sizes
    if g_sizes != x_sizes and not g.shape.is_compatible_with(x.shape):
        raise ShapeError(f"{_rule_of(node)} gives {shown(g)} for its input '{x.name}' of {x.spec}")
    if g_sizes == x_sizes and x.shape.is_fully_defined():  # the usual case, at no cost
        return g
    return like(g, x) if _has_rules_of_users(node) else g


def _has_rules_of_users(node: Node) -> bool:
    rules = node.kind.vjps
    return any(map(is_foreign, [rules] if callable(rules) else filter(None, rules)))


def _rule_of(node: Node) -> str:
    return f"the gradient rule of '{node.op_name}' (op: '{node.kind.name}', made at {node.where})"


def _by_output(node: Node) -> str:
    """A hint for who writes a rule of an op with several outputs."""
    if not node.spec.items:
        return ""
    count = len(node.spec.items)
    return f"; g and y are sequences of {count}, one for each output: write g[0] for the first"


def _may_be_broadcast(x: Node, node: Node) -> bool:
    """Whether input x of `node` may have another shape than its output, as far as one can tell."""
    if all(other is x or other.shape.ndims == 0 for other in node.inputs):
        return x.shape.ndims == 0 and node.shape.ndims != 0
    return not (x.shape.is_fully_defined() and x.shape == node.shape)


def _initial(ys: list[Node], grad_ys: Any) -> dict[Node, list[Node]]:
    """The gradients that arrive at the ys: grad_ys, converted, or ones."""
    if grad_ys is None:
        grad_ys = [None] * len(ys)
    elif not isinstance(grad_ys, list | tuple):
        grad_ys = [grad_ys]
    if len(grad_ys) != len(ys):
        raise GraphError(f"{len(ys)} ys but {len(grad_ys)} grad_ys")
    arriving: dict[Node, list[Node]] = {}
    for i, (y, g) in enumerate(zip(ys, grad_ys, strict=True)):
        if y.dtype.is_bool:
            raise DTypeError(f"'{y.name}' is bool; gradients need floats")
        if y.dtype.is_integer:
            continue  # as in TF1, whose ints have no gradients
        if g is None:
            g = ones_like(y, name=f"grad_ys_{i}")
            g.forward = y
        else:
            g = as_node(g, y.dtype)
            if not g.shape.is_compatible_with(y.shape):
                raise ShapeError(f"grad_ys[{i}] has shape {g.shape}, but '{y.name}' {y.shape}")
            g = like(g, y)
        arriving.setdefault(y, []).append(g)
    return arriving


def _nodes(values: Any, what: str) -> list[Node]:
    values = list(values) if isinstance(values, list | tuple) else [values]
    if what == "ys":
        values = [as_node(y) if isinstance(y, CompositeTensor) else y for y in values]
    for value in values:
        if not isinstance(value, Node) or isinstance(value, Operation):
            raise DTypeError(f"{what} must be tensors, not {value!r}")
    return values
