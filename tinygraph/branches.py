"""The ops that run one of several branches, and their gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygraph.body import Body, captured, common, enclose, formal, taken_by_bodies
from tinygraph.dtypes import DType
from tinygraph.gradients import OutputGradients, backward
from tinygraph.graph import Graph
from tinygraph.interrupts import at_once
from tinygraph.node import Node
from tinygraph.op import Op, const, item
from tinygraph.ops.array import constant, shape_of
from tinygraph.ops.broadcasting import zeros_like
from tinygraph.ops.indexed_slices import IndexedSlices, as_slices, is_sparse, summands
from tinygraph.spec import Spec

# ---------------------------------------------------------------- the ops


def _merged(index: Spec, *inputs: Spec, bodies: tuple[Body, ...]) -> Spec:
    """What is known of each output whatever branch is taken."""
    outputs = zip(*[body.outputs for body in bodies], strict=True)
    return Spec.of_items([common([y.spec for y in ys if y is not None]) for ys in outputs])


def _if(index: Any, *arrays: Any, bodies: tuple[Callable, ...]) -> tuple:
    return bodies[0 if index else 1](*arrays)


def _case(index: Any, *arrays: Any, bodies: tuple[Callable, ...]) -> tuple:
    last = len(bodies) - 1
    return bodies[int(index) if 0 <= index < last else last](*arrays)


def _gradient(
    g: OutputGradients, y: list[Node], index: Node, *inputs: Node, bodies: tuple[Body, ...]
) -> list[Node | None]:
    """The same op on the branches' gradients, which take what they need of the forward branches."""
    forward = y[0].inputs[0]
    home = forward.graph
    arriving = [i for i, gradient in enumerate(g.arrived) if gradient is not None]
    branches = [_Backward(body, {i: g[i] for i in arriving}, home) for body in bodies]
    needed = [i for i in range(len(inputs)) if any(b.totals[i] is not None for b in branches)]
    if not needed:
        return [None] * (1 + len(inputs))
    rows = {i: _index_dtype([branch.totals[i] for branch in branches]) for i in needed}
    sources = [branch.sources(rows, forward) for branch in branches]
    taken = list(dict.fromkeys(outer for source in sources for outer in source.values()))
    backward_bodies = [
        enclose(branch.graph, branch.nodes, source, branch.outputs, taken)
        for branch, source in zip(branches, sources, strict=True)
    ]
    outputs = iter(branching(forward.kind, index, taken, backward_bodies, forward.kind.name))
    gradients: list[Any] = [None] * (1 + len(inputs))
    for i, dtype in rows.items():
        value = next(outputs)
        if dtype is not None:
            value = IndexedSlices(value, next(outputs), shape_of(inputs[i])).as_tensor()
        gradients[1 + i] = value
    return gradients


def _index_dtype(totals: list[Node | None]) -> DType | None:
    """The dtype of the indices where all gradients are rows at indices of one dtype."""
    parts = [part for total in totals if total is not None for part in summands(total)]
    dtypes = {part.inputs[1].dtype if is_sparse(part) else None for part in parts}
    return dtypes.pop() if len(dtypes) == 1 else None


if_op = Op("If", _if, _merged, _gradient, role="bodies",
    doc="The outputs of the first branch if a bool is true, of the second if not; see `tg.cond`.")
case_op = Op("Case", _case, _merged, _gradient, role="bodies",
    doc="The outputs of the branch of a number, of the last one by default; see `tg.switch_case`.")


def branching(
    kind: Op, index: Node, inputs: list[Node], bodies: list[Body], name: str
) -> list[Node]:
    """The op on `inputs`, which each of the bodies takes; its outputs."""
    outputs = kind(index, *inputs, bodies=tuple(bodies), name=name)
    node = outputs[0].inputs[0]
    for body in bodies:
        body.graph.inside = f"a branch of '{node.op_name}' (made at {node.where})"
    return outputs


# ---------------------------------------------------------------- the gradient of a branch


class _Backward:
    """The gradient of one branch, built behind it in its own graph and then taken out of there.

    `totals` has it for each input of the branch, or None.
    """

    def __init__(self, body: Body, g: dict[int, Node], home: Graph):
        self.forward, self.graph = body, body.graph
        scope = home.get_name_scope()
        self.scope = scope and f"{scope}/"
        self.zeros: dict[Any, Node] = {}
        self.arriving: dict[Node, Node] = {}  # what stands in the branch for a gradient -> it
        arriving: dict[Node, list[Node]] = {}
        for i, node in g.items():
            y = body.outputs[i]
            if y is not None and y.dtype.is_floating:
                stand_in = formal(y)
                stand_in.graph, stand_in.id = body.graph, -1
                self.arriving[stand_in] = node
                arriving.setdefault(y, []).append(stand_in)
        floats = [x for x in body.inputs if x.dtype.is_floating]
        graph = body.graph
        with graph.as_default(), graph.name_scope(self.scope), graph.branch() as branch:
            totals = backward(graph, arriving, floats, set())
        self.nodes = branch.nodes
        self.totals = [totals.get(x) for x in body.inputs]

    def sources(self, rows: dict[int, DType | None], forward: Node) -> dict[Node, Node]:
        """For each node that the gradients use and do not compute, where it is found outside.

        The keys are nodes of the branch. Each has as its value a node outside: an input of the
        forward op, a gradient that arrives at one of its outputs, or a new output, which the op
        gets for this. `rows` has the inputs that have gradients, with the dtype of indices where
        these are rows.
        """
        graph, inputs = self.graph, self.forward.inputs
        with graph.as_default(), graph.name_scope(self.scope), graph.branch() as zeros:
            self.outputs = [y for i, dtype in rows.items() for y in self._outputs(i, dtype)]
            nodes = self.nodes | zeros.nodes
            needed = captured(nodes, self.outputs)
            copies = {
                x: graph.add(const, (), x.attrs, x.spec, "Const")
                for x in needed if x.kind is const
            }
        for node in nodes:
            node.inputs = tuple([copies.get(x, x) for x in node.inputs])
        self.outputs = [copies.get(y, y) for y in self.outputs]
        self.nodes = dict.fromkeys(copies.values()) | nodes
        outside = dict(zip(inputs, taken_by_bodies(forward), strict=True)) | self.arriving
        used = [x for x in needed if x not in copies]
        inner = _exported([x for x in used if x not in outside], self.forward, forward)
        return {x: outside[x] if x in outside else inner[x] for x in used}

    def _outputs(self, i: int, dtype: DType | None) -> tuple[Node, ...]:
        """The gradient at an input, zeros if there is none; or of its rows those which are not."""
        total, x = self.totals[i], self.forward.inputs[i]
        if dtype is None:
            return (self._zeros(x) if total is None else total,)
        if total is None:
            return zeros_like(x[:0]), constant([], dtype)
        slices: Any = as_slices(total)
        return slices.values, slices.indices

    def _zeros(self, x: Node) -> Node:
        """Zeros like x, for all inputs of one shape the same: branches may use few of many."""
        key: Any = (x.shape.sizes, x.dtype) if x.shape.is_fully_defined() else x
        if key not in self.zeros:
            self.zeros[key] = zeros_like(x)
        return self.zeros[key]


def _exported(values: list[Node], body: Body, forward: Node) -> dict[Node, Node]:
    """Make values within a branch outputs of the forward op, for the op of the gradient to use.

    In a run that takes another branch such an output holds a blank, and nothing reads it.
    """
    branches = forward.bodies
    outputs, start = forward.graph.outputs[forward], len(forward.spec.items)
    output_of: dict[Node, Node] = {}
    for i, y in enumerate(body.outputs[:start]):
        if y is not None and all(b is body or b.outputs[i] is None for b in branches):
            output_of.setdefault(y, outputs[i])
    new = [x for x in values if x not in output_of]
    places = [slice(start, None)]  # an interrupt may have left more outputs than the spec has
    # All lists change in one call into C, so that an interrupt cannot leave one branch with more
    # outputs than another. Such a call takes maps of methods: `del outputs[start:]` is the first.
    at_once(
        map(outputs.__delitem__, places),
        *[
            map(b.outputs.__setitem__, places, [new if b is body else [None] * len(new)])
            for b in branches
        ],
    )
    specs = [x.spec._replace(value=None) for x in new]
    for i, (x, spec) in enumerate(zip(new, specs, strict=True), start):
        output_of[x] = forward.graph.add(item, (forward,), {"index": i}, spec, None)
    forward.spec = Spec.of_items([*forward.spec.items, *specs])
    return output_of
