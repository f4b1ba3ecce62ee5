"""Which op's rule is wrong: each op on the path is checked on its own, at the values of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinygraph.compiler.plan import describe
from tinygraph.gradients import Between, vjp
from tinygraph.graph import Node
from tinygraph.op import Op
from tinygraph.ops.array import stop_gradient
from tinygraph.ops.state import placeholder
from tinygraph.session import Session
from tinygraph.testing.isolate import Isolated, between, input_name, values_along
from tinygraph.testing.judge import Difference, Judge
from tinygraph.testing.mistakes import MATCH, likely_mistake, products, right_is
from tinygraph.testing.numeric import random_weights
from tinygraph.testing.twin import needed

BROKEN = Exception  # what a rule may raise: it is the user's code, typing errors included

SAYS = {
    "wrong": "the rule for input {} is wrong",
    "kink": "no derivative here along input {}: a kink or a jump",
    "broken": "the rule for input {} fails",
    "rough": "the kernel or a rule loses digits",
}


@dataclass
class Finding:
    """An op found at fault.

    node: where it was found; its values are those of the run.
    what: "wrong", "broken" (a rule raised), "kink", or "rough" (in float32 or float16).
    position: the input whose rule it is, None for "rough".
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

    @property
    def kind(self) -> Op:
        """The op."""
        return self.node.kind

    def __str__(self) -> str:
        where = ""
        if self.position is not None:
            where = f"{self.position} ({input_name(self.kind, self.position)})"
        lines = [f"{self.kind.name}: {SAYS[self.what].format(where)}"]
        if self.likely:
            lines.append(f"  {'likely mistake: ' if self.what == 'wrong' else ''}{self.likely}")
        if self.difference is not None:
            lines.append(f"  {self.difference}")
        return "\n".join([*lines, describe(self.node, {})])


def find_culprits(
    session: Session, outputs: Sequence[Node], xs: Sequence[Node],
    feeds: Mapping[Node, np.ndarray], seed: int = 0,
) -> list[Finding]:  # fmt: skip
    """Check each op between xs and outputs on its own, at the values that a run gives."""
    path = between(outputs, xs, feeds)
    # A stop_gradient on the path is part of a rule: twins are cut off at those of the user.
    made_by = (node.forward for node in path if node.kind is stop_gradient)
    holding = {node for node in made_by if node is not None}
    values = values_along(session, [*path, *holding], feeds)
    on_path = {*xs, *path}
    found: list[Finding] = []
    for node in sorted(holding.union(path), key=lambda node: node.id):
        if node in holding:
            found += _held_back(node, values)
        if node in on_path and node.kind is not stop_gradient:
            found += check_node(node, values, on_path, seed)
    return found


def _held_back(node: Node, values: Mapping[Node, np.ndarray]) -> list[Finding]:
    """A stop_gradient does what it should; at fault is the rule of `node` that holds it."""
    alone = Isolated(node, values)
    with alone.graph.as_default():
        parts = vjp(alone.y, placeholder(alone.y.dtype, alone.y.shape, name="g"))
    found = []
    for i, part in enumerate(parts):
        made = [] if part is None else needed([part], stop=alone.ends.__contains__)
        held = next((step.inputs[0] for step in made if step.kind is stop_gradient), None)
        if held is not None:
            likely = f"a stop_gradient in the rule: '{held.op_name}' counts as a constant there"
            found.append(Finding(node, "wrong", i, likely))
    return found


def check_node(
    node: Node, values: Mapping[Node, np.ndarray], on_path: set[Node], seed: int = 0
) -> list[Finding]:
    """Check the rules of one node's op against numeric derivatives of its kernel or body."""
    alone = Isolated(node, values)
    output = np.asarray(alone.session.run(alone.y, alone.feeds))
    with alone.graph.as_default():
        g = placeholder(alone.y.dtype, output.shape, name="g")
    alone.feeds[g] = random_weights(output.shape, np.random.default_rng(seed))
    judge = Judge(alone.session, [alone.y], alone.feeds, alone.feeds[g].reshape(-1), seed=seed)
    operands = {"g": alone.feeds[g], "z" if "y" in node.kind.params else "y": output}
    for i, leaf in enumerate(alone.inputs):
        if leaf in alone.feeds:
            operands[input_name(node.kind, i)] = alone.feeds[leaf]
    found: list[Finding | None] = []
    for i, (x, leaf) in enumerate(zip(node.inputs, alone.inputs, strict=True)):
        if x in on_path and leaf in alone.feeds and leaf.dtype.is_floating:
            try:
                given = _given(alone, g, i)
            except BROKEN as error:
                found.append(Finding(node, "broken", i, _why(error, judge, leaf, operands)))
            else:
                found.append(_compare(judge, alone, i, given, operands))
    return [finding for finding in found if finding is not None]


def _given(alone: Isolated, g: Node, position: int) -> np.ndarray | None:
    """What the rule for one input gives, None where no gradient goes."""
    with alone.graph.as_default():
        part = vjp(alone.y, g, Between([alone.inputs[position]]))[position]
    return None if part is None else np.asarray(alone.session.run(part, alone.feeds))


def _why(error: Exception, judge: Judge, x: Node, operands: Mapping[str, np.ndarray]) -> str:
    """What a rule raised; and what it should give, if the shapes of its operands did not fit."""
    said = f"{type(error).__name__}: {error}"
    right = _right(judge, x, operands) if isinstance(error, ValueError) else None
    wanted = "" if right is None else right_is(right, operands)
    if ".T" in wanted:
        wanted = f"likely mistake: a missing transpose: {wanted}"
    return f"{said}\n  {wanted}" if wanted else said


def _compare(
    judge: Judge, alone: Isolated, position: int, given: np.ndarray | None,
    operands: Mapping[str, np.ndarray],
) -> Finding | None:  # fmt: skip
    node, x = alone.node, alone.inputs[position]
    shape = alone.feeds[x].shape
    fits = given is None or given.shape == shape
    comparable = given if given is not None and fits else np.zeros(shape)
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
    likely = likely_mistake(given, right, operands, others)
    difference = verdict.worst() if verdict.wrong and given is not None and fits else None
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
