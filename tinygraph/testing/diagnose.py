"""Which op's rule is wrong: each op on the path is checked on its own, at the values of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinygraph.compiler.plan import describe
from tinygraph.errors import TinygraphError
from tinygraph.gradients import vjp
from tinygraph.graph import Graph, Node
from tinygraph.op import Op, constant
from tinygraph.ops.state import placeholder
from tinygraph.session import Session
from tinygraph.testing.judge import Difference, Judge
from tinygraph.testing.mistakes import likely_mistake
from tinygraph.testing.numeric import flat
from tinygraph.testing.twin import needed

# What a rule may raise while it builds nodes or while these run.
BROKEN = (TinygraphError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError)


@dataclass
class Finding:
    """One rule found wrong, or an op at a kink.

    node: the node at whose values it was found; its `kind` is the op, `position` the input's.
    what: "wrong", "kink" or "broken" (the rule raised).
    difference: where the rule and the numeric derivative differ most.
    likely: the likely mistake, "" if none is known.
    """

    node: Node
    position: int
    what: str
    difference: Difference | None = None
    likely: str = ""

    @property
    def kind(self) -> Op:
        return self.node.kind

    @property
    def input_name(self) -> str:
        params = self.kind.params
        return params[self.position] if self.position < len(params) else f"input {self.position}"

    def __str__(self) -> str:
        says = {
            "wrong": "the rule is wrong for input",
            "kink": "has a kink or a jump here, along input",
            "broken": "the rule fails for input",
        }
        lines = [f"{self.kind.name}: {says[self.what]} {self.position} ({self.input_name})"]
        if self.likely:
            lines.append(f"    likely mistake: {self.likely}")
        if self.difference is not None:
            lines.append(f"    {self.difference}")
        return "\n".join([*lines, describe(self.node, {})])


def find_culprits(
    session: Session, outputs: Sequence[Node], xs: Sequence[Node],
    feeds: Mapping[Node, np.ndarray], seed: int = 0,
) -> list[Finding]:  # fmt: skip
    """Check each op between xs and outputs on its own, at the values that a run gives."""
    path = between(outputs, xs, feeds)
    wanted = list(dict.fromkeys(x for node in path for x in node.inputs))
    values = dict(zip(wanted, session.run(wanted, dict(feeds)), strict=True))
    found = []
    on_path = {*xs, *path}
    for node in path:
        found += check_node(node, values, on_path, seed)
    return found


def between(
    outputs: Sequence[Node], xs: Sequence[Node], leaves: Mapping[Node, np.ndarray]
) -> list[Node]:
    """The float nodes on paths from xs to outputs, without the xs."""
    reached = set(xs)
    found = []
    for node in needed(outputs, stop=lambda node: node in leaves):
        if node not in leaves and any(x in reached for x in node.inputs) and node.dtype.is_floating:
            reached.add(node)
            found.append(node)
    return found


def check_node(
    node: Node, values: Mapping[Node, np.ndarray], on_path: set[Node], seed: int = 0
) -> list[Finding]:
    """Check the rules of one node's op against numeric derivatives of its kernel or body."""
    graph = Graph()
    feeds: dict[Node, np.ndarray] = {}
    with graph.as_default():
        inputs = [_leaf(x, values[x], feeds, graph) for x in node.inputs]
        y = node.kind(*inputs, **node.attrs)
        session = Session(graph=graph)
        output = np.asarray(session.run(y, feeds))
        g = placeholder(y.dtype, output.shape, name="g")
        sign = np.random.default_rng(seed)
        feeds[g] = sign.uniform(0.5, 1.5, output.shape) * sign.choice([-1.0, 1.0], output.shape)
        positions = [i for i, x in enumerate(node.inputs) if x in on_path and inputs[i] in feeds]
        try:
            parts = vjp(y, g)
            given = _gradients(session, [parts[i] for i in positions], feeds)
        except BROKEN as error:
            return [Finding(node, positions[0], "broken", likely=f"{type(error).__name__}: {error}")]
    judge = Judge(session, [y], feeds, flat([feeds[g]]), seed=seed)
    operands = {"g": feeds[g], "y": output}
    operands |= {name_of(node.kind, i): feeds.get(x, np.zeros(0)) for i, x in enumerate(inputs)}
    found = []
    for position, gradient in zip(positions, given, strict=True):
        finding = _compare(judge, node, position, inputs, gradient, operands)
        if finding is not None:
            found.append(finding)
    return found


def name_of(kind: Op, position: int) -> str:
    return kind.params[position] if position < len(kind.params) else f"input {position}"


def _leaf(x: Node, value: np.ndarray, feeds: dict[Node, np.ndarray], graph: Graph) -> Node:
    """A stand-in for an input: fed if it is a float, a constant where ops may need to know it."""
    value = np.asarray(value)
    if not x.dtype.is_floating and x.spec.constant is not None:
        return constant(value, graph=graph)
    leaf = placeholder(x.dtype, x.shape, name="x")
    feeds[leaf] = value
    return leaf


def _gradients(
    session: Session, parts: Sequence[Node | None], feeds: Mapping[Node, np.ndarray]
) -> list[np.ndarray | None]:
    arrays = iter(session.run([part for part in parts if part is not None], dict(feeds)))
    return [None if part is None else np.asarray(next(arrays)) for part in parts]


def _compare(
    judge: Judge, node: Node, position: int, inputs: Sequence[Node],
    given: np.ndarray | None, operands: Mapping[str, np.ndarray],
) -> Finding | None:  # fmt: skip
    x = inputs[position]
    array = judge.curve.feeds[x]
    fits = given is not None and given.shape == array.shape
    verdict = judge.compare(x, given if fits else np.zeros(array.shape))  # type: ignore[arg-type]
    if verdict.kinks and not verdict.wrong:
        return Finding(node, position, "kink")
    if not verdict.wrong and (fits or given is None):
        return None
    right = judge.gradient(x)
    if right is None:
        return Finding(node, position, "wrong", verdict.worst(), _of_large(verdict.wrong))
    others = {
        name_of(node.kind, i): other
        for i, leaf in enumerate(inputs)
        if i != position and leaf in judge.curve.feeds and leaf.dtype.is_floating
        and (other := judge.gradient(leaf)) is not None
    }  # fmt: skip
    difference = verdict.worst() if verdict.wrong and fits else None
    return Finding(node, position, "wrong", difference, likely_mistake(given, right, operands, others))


def _of_large(wrong: Sequence[Difference]) -> str:
    """For an input too large to differentiate element by element: a common factor, if any."""
    ratios = np.array([d.given / d.numeric if d.numeric else np.nan for d in wrong])
    if len(ratios) > 1 and np.ptp(ratios) <= 1e-2 * abs(ratios[0] - 1.0):
        return f"a constant factor: the rule gives {ratios.mean():.9g} times the derivative"
    return ""
