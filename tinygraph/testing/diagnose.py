"""The search for the wrong rule: each op on the path is checked alone, at the values of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinygraph.compiler.plan import describe
from tinygraph.graph import Node
from tinygraph.node import ancestors
from tinygraph.op import Op, item
from tinygraph.ops.array import stop_gradient
from tinygraph.ops.placeholders import placeholder
from tinygraph.session import Session
from tinygraph.testing.isolate import Isolated, between, input_name, values_along
from tinygraph.testing.judge import Difference, Judge
from tinygraph.testing.mistakes import MATCH, likely_mistake, products, right_is
from tinygraph.testing.numeric import flat, random_weights
from tinygraph.testing.twin import floats

BROKEN = Exception  # what a rule may raise: it is the user's code, typing errors included

SAYS = {
    "wrong": "the rule for input {}{} is wrong",
    "kink": "no derivative here along input {}{}: a kink or a jump",
    "broken": "the rule for input {}{} fails",
    "rough": "the kernel or a rule loses digits",
}


@dataclass
class Finding:
    """An op found at fault.

    node: where it was found; its values are those of the run.
    what: "wrong", "broken" (a rule raised), "kink", or "rough" (in float32 or float16).
    position: the input whose rule it is, None for "rough".
    output: of several outputs the one whose gradient goes wrong in the rule, if it is only one.
    difference: where the rule and the numeric derivative differ most.
    likely: the likely mistake in words, "" if none is known.

    >>> square = tg.elementwise("SquareAlmost", np.square, lambda g, y, x: g * x)
    >>> try:
    ...     tg.testing.check_grads(lambda x: tg.exp(square(x)), [np.array([0.5, -1.0])])
    ... except tg.testing.GradientError as error:
    ...     for finding in error.findings:
    ...         print(finding.kind.name, finding.position, finding.what)
    SquareAlmost 0 wrong
    """

    node: Node
    what: str
    position: int | None = None
    likely: str = ""
    difference: Difference | None = None
    output: int | None = None

    @property
    def kind(self) -> Op:
        """The op."""
        return self.node.kind

    def __str__(self) -> str:
        where = of_output = ""
        if self.position is not None:
            where = f"{self.position} ({input_name(self.kind, self.position)})"
        if self.output is not None:
            of_output = f", from the gradient of output {self.output},"
        lines = [f"{self.kind.name}: {SAYS[self.what].format(where, of_output)}"]
        if self.likely:
            lines.append(f"  {'likely mistake: ' if self.what == 'wrong' else ''}{self.likely}")
        if self.difference is not None:
            lines.append(f"  {self.difference}")
        return "\n".join([*lines, describe(self.node, {})])


def find_culprits(
    session: Session, outputs: Sequence[Node], xs: Sequence[Node],
    feeds: Mapping[Node, np.ndarray], seed: int = 0,
) -> list[Finding]:
    """Check each op between xs and outputs on its own, at the values that a run gives."""
    path = between(outputs, xs, feeds)
    # A stop_gradient on the path is part of a rule: twins are cut off at those of the user.
    made_by = (node.forward for node in path if node.kind is stop_gradient)
    holding = {node for node in made_by if node is not None}
    values = values_along(session, [*path, *holding], feeds)
    on_path = {*xs, *path}
    findings: list[Finding] = []
    for node in sorted(holding.union(path), key=lambda node: node.id):
        if node in holding:
            findings += _held_back(node, values)
        if node in on_path and node.kind not in (stop_gradient, item):
            findings += check_node(node, values, on_path, seed)
    return findings


def _held_back(node: Node, values: Mapping[Node, np.ndarray]) -> list[Finding]:
    """A stop_gradient does what it should; at fault is the rule of `node` that holds it."""
    alone = Isolated(node, values)
    with alone.graph.as_default():
        arriving = {y: placeholder(y.dtype, y.shape, name="g") for y in floats(alone.ys)}
    parts = alone.gradients(arriving)
    findings = []
    for i, part in enumerate(parts):
        steps = [] if part is None else ancestors([part], alone.ends, whole=True)
        held = next((step.inputs[0] for step in steps if step.kind is stop_gradient), None)
        if held is not None:
            likely = f"a stop_gradient in the rule: '{held.op_name}' counts as a constant there"
            findings.append(Finding(node, "wrong", i, likely))
    return findings


def check_node(
    node: Node, values: Mapping[Node, np.ndarray], on_path: set[Node], seed: int = 0
) -> list[Finding]:
    """Check the rules of one node's op against numeric derivatives of its kernel or body."""
    alone = Isolated(node, values)
    positions = [
        i for i, (x, leaf) in enumerate(zip(node.inputs, alone.inputs, strict=True))
        if x in on_path and leaf in alone.feeds and leaf.dtype.is_floating
    ]
    ys = floats(alone.ys)
    together = _check(alone, ys, positions, seed)
    if not together or len(alone.ys) == 1:
        return together
    one_by_one = [finding for y in ys for finding in _check(alone, [y], positions, seed)]
    return one_by_one or together


def _check(alone: Isolated, ys: list[Node], positions: list[int], seed: int) -> list[Finding]:
    """Check the rules of the inputs at these positions, with gradients that arrive at `ys` only."""
    rng = np.random.default_rng(seed)
    values = [np.asarray(value) for value in alone.session.run(alone.ys, alone.feeds)]
    arriving = {}
    for y, value in zip(alone.ys, values, strict=True):
        if y in ys:
            with alone.graph.as_default():
                arriving[y] = g = placeholder(y.dtype, value.shape, name="g")
            alone.feeds[g] = random_weights(value.shape, rng)
    weights = flat([alone.feeds[g] for g in arriving.values()])
    judge = Judge(alone.session, ys, alone.feeds, weights, seed=seed)
    operands = _operands(alone, arriving, values)
    output = alone.ys.index(ys[0]) if len(ys) < len(alone.ys) and len(ys) == 1 else None
    findings: list[Finding | None] = []
    for i in positions:
        try:
            by_rule = _by_rule(alone, arriving, i)
        except BROKEN as error:
            why = _why(error, judge, alone.inputs[i], operands)
            findings.append(Finding(alone.node, "broken", i, why))
        else:
            findings.append(_compare(judge, alone, i, by_rule, operands))
    return [replace(finding, output=output) for finding in findings if finding is not None]


def _operands(
    alone: Isolated, arriving: Mapping[Node, Node], values: list[np.ndarray]
) -> dict[str, np.ndarray]:
    """The arrays that a rule computes with, by name: the gradients, the outputs and the inputs."""
    params = alone.node.kind.params
    y = "z" if "y" in params else "y"
    several = len(alone.ys) > 1
    places = {output: f"[{i}]" if several else "" for i, output in enumerate(alone.ys)}
    operands = {f"g{places[output]}": alone.feeds[g] for output, g in arriving.items()}
    pairs = zip(alone.ys, values, strict=True)
    operands |= {f"{y}{places[output]}": value for output, value in pairs}
    for i, leaf in enumerate(alone.inputs):
        if leaf in alone.feeds:
            operands[input_name(alone.node.kind, i)] = alone.feeds[leaf]
    return operands


def _by_rule(alone: Isolated, arriving: Mapping[Node, Node], position: int) -> np.ndarray | None:
    """The gradient that the rule for one input gives; None where no gradient goes."""
    part = alone.gradients(arriving, [alone.inputs[position]])[position]
    return None if part is None else np.asarray(alone.session.run(part, alone.feeds))


def _why(error: Exception, judge: Judge, x: Node, operands: Mapping[str, np.ndarray]) -> str:
    """The error of a rule in words; if shapes did not fit, also the right gradient."""
    said = f"{type(error).__name__}: {error}"
    right = _right(judge, x, operands) if isinstance(error, ValueError) else None
    wanted = "" if right is None else right_is(right, operands)
    if ".T" in wanted:
        wanted = f"likely mistake: a missing transpose: {wanted}"
    return f"{said}\n  {wanted}" if wanted else said


def _compare(
    judge: Judge, alone: Isolated, position: int, by_rule: np.ndarray | None,
    operands: Mapping[str, np.ndarray],
) -> Finding | None:
    node, x = alone.node, alone.inputs[position]
    shape = alone.feeds[x].shape
    fits = by_rule is None or by_rule.shape == shape
    comparable = by_rule if by_rule is not None and fits else np.zeros(shape)
    verdict = judge.compare(x, comparable)
    if verdict.kinks and not verdict.wrong:
        return Finding(node, "kink", position)
    if not verdict.wrong and fits:
        return None
    right = _right(judge, x, operands)
    if right is None:
        return Finding(node, "wrong", position, _of_large(verdict.wrong), verdict.worst())
    others = {}
    for i, leaf in enumerate(alone.inputs):
        if i != position and leaf in alone.feeds and leaf.dtype.is_floating:
            gradient = judge.gradient(leaf)
            if gradient is not None:
                others[input_name(node.kind, i)] = gradient
    likely = likely_mistake(by_rule, right, operands, others)
    difference = verdict.worst() if verdict.wrong and by_rule is not None and fits else None
    return Finding(node, "wrong", position, likely, difference)


def _right(judge: Judge, x: Node, operands: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """The right gradient; for a large x, where it is a product of g and an operand."""
    right = judge.gradient(x)
    if right is not None:
        return right
    slopes = judge.slopes(x)
    largest = max(abs(slope) for _, slope in slopes)
    for _, product in products(operands, judge.curve.feeds[x].shape):
        off = max(abs(float(np.vdot(product, along)) - slope) for along, slope in slopes)
        if off <= MATCH * largest:
            return product
    return None


def _of_large(wrong: Sequence[Difference]) -> str:
    """For an input too large to differentiate element by element: a common factor, if any."""
    ratios = np.array([d.given / d.numeric if d.numeric else np.nan for d in wrong])
    if len(ratios) > 1 and np.ptp(ratios) <= 1e-2 * abs(ratios[0] - 1.0):
        return f"a constant factor: the rule gives {ratios.mean():.9g} times the derivative"
    return ""
