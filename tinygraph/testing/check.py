"""check_grads: gradients of any order against numeric ones, and a report on the op at fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from tinygraph.arguments import choice, flag, integer, positive
from tinygraph.compiler.plan import describe
from tinygraph.errors import DTypeError, GraphError, TinygraphError
from tinygraph.graph import Node
from tinygraph.session import Session
from tinygraph.testing.diagnose import BROKEN, Finding, find_culprits
from tinygraph.testing.isolate import between
from tinygraph.testing.judge import RTOL, Judge, Verdict
from tinygraph.testing.narrow import lost_digits
from tinygraph.testing.numeric import MOVES, STEP, flat, moved, random_weights
from tinygraph.testing.twin import Function, Twin, floats, twin_of, weighted_gradients

T = TypeVar("T")
Feeds = dict[Node, np.ndarray]

BESIDE = 4  # random directions at the point beside: a rule that is wrong there is so along any

ALONE = "Each op on the path, checked on its own at the values of this run:"
ALL_RIGHT = (
    "Each op on the path is right on its own, at the values of this run. So the fault is in how "
    "they are combined, or the function is too rough for differences."
)


class GradientError(TinygraphError, AssertionError):
    """A gradient is wrong, or there is none to check because of a kink.

    `findings` lists the ops at fault: `.kind` is the op, `.position` the input whose rule is wrong,
    `.node` the node, `.likely` the likely mistake.
    """

    def __init__(self, message: str, findings: Sequence[Finding] = ()):
        super().__init__(message, findings[0].node if findings else None)
        self.findings = list(findings)


@dataclass
class Report:
    """The result of a check that passed.

    `derivatives` is how many directional derivatives were compared, over all orders;
    `largest_error` the largest difference, relative to the largest derivative by the same input;
    `kinks` the places without a derivative, if `kinks="report"`; `beside` whether gradients were
    compared at a point beside the given one, too: at zeros, ones or equal values alone, a wrong
    rule may agree by chance.

    >>> report = tg.testing.check_grads(lambda x: tg.exp(x), [np.zeros((2, 3))], order=3)
    >>> report.derivatives, report.largest_error < 1e-9, report.kinks
    (18, True, [])
    """

    derivatives: int = 0
    largest_error: float = 0.0
    kinks: list[str] = field(default_factory=list)
    beside: bool = False


def check_grads(
    y: Node | Sequence[Node] | Function, inputs: Any, order: int = 2, *,
    session: Session | None = None, rtol: float = RTOL, step: float = STEP, kinks: str = "error",
    precision: bool = True, seed: int = 0,
) -> Report:
    """Check the gradients of `y` against numeric ones, up to `order`; GradientError if one is off.

    All of it happens in a float64 copy of the graph, whatever its dtype. Derivatives are taken by
    four-point differences, refined by the complex step where all kernels are analytic; inputs of
    more than 256 elements are checked along random directions. A graph in float32 or float16 is
    then compared, values and first gradients, with its float64 copy.

    A wrong rule may agree by chance at one point: 5 * g * x for x**2 at zeros, g * y in place of
    g * b for y = a * b at ones. So the gradients are compared, along random directions, at a point
    beside the given one, too. There each float that is fed or kept by a variable is farther from 0
    by 2 to 8 %, at most by 0.08, and zeros are above 0 by as much; where that makes an output inf
    or NaN it is by less, or the other way. The report says whether there was such a point at all.
    Constants and ints stay as they are, as should what has to keep a property, such as rows that
    sum to one, if a rule relies on it.

    Random ops keep the values of one run, and what `stop_gradient` holds back is held constant.

    Parameters
    ----------
    y
        A tensor, a list of tensors, or a function of tensors that gives one of these.
    inputs
        For a tensor a dict {tensor: value}, as a feed_dict: the gradients with respect to all float
        tensors in it are checked. For a function a list of arrays, one per argument.
    order
        1 for the gradient alone, 2 for the gradient of the gradient too, and so on.
    session
        Has the values of the variables that y needs; the default session if None.
    rtol
        The relative error that is tolerated in float64.
    step
        The distance of the points, for elements up to 1; shortened where there is a kink.
    kinks
        "error" if a place without a derivative, such as relu at 0, is an error too, or "report" to
        leave it out and list it in the result.
    precision
        Whether a graph in float32 or float16 is compared with its float64 copy.
    seed
        Of the random weights of outputs, and of the random directions.

    Raises
    ------
    GradientError
        with the op whose rule is wrong, the node, the line that made it, and the likely mistake.
    GraphError
        if no output depends on a float input. One that no output depends on may be among others.
    DTypeError
        if neither a tensor is given nor a function that gives one, or there is no float.

    >>> report = tg.testing.check_grads(lambda x: tg.tanh(x), [np.array([0.5, -1.0])])
    >>> report.largest_error < 1e-9
    True
    >>> wrong = tg.elementwise("SquareWrong", np.square, lambda g, y, x: g * x)
    >>> try:
    ...     tg.testing.check_grads(lambda x: wrong(x), [np.array([0.5, -1.0])])
    ... except tg.testing.GradientError as error:
    ...     print(error.findings[0].likely)
    a constant factor: the rule gives 0.5 times the derivative
    """
    choice(kinks, "kinks", ("error", "report"))
    order, seed = integer(order, "order", least=1), integer(seed, "seed", least=0)
    positive(rtol, "rtol")
    twin, as_it_is = twin_of(y, inputs, session)
    check = _Check(twin, rtol, step, kinks, seed)
    for level in check.levels(order):
        check.judge(level)
        check.judge_beside(level)
    if twin.narrow and flag(precision, "precision"):
        wrong, findings = lost_digits(twin, as_it_is(), seed)
        if wrong:
            raise _error([wrong], findings)
    return check.report


def _error(wrong: list[str], findings: list[Finding]) -> GradientError:
    conclusion = [ALONE, *map(str, findings)] if findings else [ALL_RIGHT]
    return GradientError("\n".join([*wrong, "", *conclusion]), findings)


@dataclass
class _Level:
    """One order of derivatives: the gradients `grads` of sum(weights * outputs)."""

    order: int
    outputs: list[Node]
    weights: list[np.ndarray]
    grads: list[Node | None]


class _Check:
    """The state of one call of `check_grads`."""

    def __init__(self, twin: Twin, rtol: float, step: float, kinks: str, seed: int):
        self.twin = twin
        self.xs, self.ys = floats(twin.xs), floats(twin.ys)
        if not self.xs or not self.ys:
            raise DTypeError("nothing to differentiate: no float among the inputs or the outputs")
        if not twin.depends:
            fed = ", ".join(f"'{x.op_name}'" for x in self.xs)
            raise GraphError(f"nothing to differentiate: no output depends on a float input: {fed}")
        self.rtol, self.step, self.kinks, self.seed = rtol, step, kinks, seed
        self.moved = self._beside()
        self.report = Report(beside=self.moved is not None)

    def levels(self, order: int) -> Iterator[_Level]:
        """By order: y and its gradient, then all of that gradient and its gradient, and so on."""
        rng = np.random.default_rng(self.seed)
        outputs = self.ys
        for k in range(1, order + 1):
            weights = [random_weights(np.shape(value), rng) for value in self._values(outputs)]
            grads = self._diagnosed(self._gradients, outputs, weights)
            yield _Level(k, outputs, weights, grads)
            outputs = [g for g in grads if g is not None]
            if not outputs:
                return

    def judge(self, level: _Level) -> None:
        """Compare one order at the given point; raise what is wrong."""
        judge = self._judge(level, self.twin.feeds)
        wrong = []
        for x, name, gradient, missing in self._compared(level, self.twin.feeds):
            if gradient.shape == self.twin.feeds[x].shape:
                wrong += self._report(judge.compare(x, gradient), name, missing)
            else:
                wrong.append(f"{name} has shape {gradient.shape}, not {self.twin.feeds[x].shape}")
        if wrong:
            raise _error(wrong, self._culprits(level.outputs, self.twin.feeds))

    def judge_beside(self, level: _Level) -> None:
        """Compare one order beside the given point, where it may have been right by chance.

        Kinks beside the point are passed over: it has none of them.
        """
        if self.moved is None:
            return
        feeds = {**self.twin.feeds, **self.moved}
        judge = self._judge(level, feeds, exhaustive=0, count=BESIDE)
        wrong = []
        for x, name, gradient, _ in self._compared(level, feeds):
            verdict = judge.compare(x, gradient)
            if verdict.wrong:
                wrong += [f"{name} is wrong beside the given point, where it is right by chance"]
                wrong += [f"  {verdict.worst()}"]
        if wrong:
            culprits = self._culprits(level.outputs, feeds)
            raise _error(wrong, [finding for finding in culprits if finding.what != "kink"])

    def _judge(self, level: _Level, feeds: Feeds, **directions: int) -> Judge:
        return Judge(
            self.twin.session, level.outputs, feeds, flat(level.weights), self.rtol, self.step,
            self.seed, **directions,
        )

    def _compared(
        self, level: _Level, feeds: Feeds
    ) -> Iterator[tuple[Node, str, np.ndarray, bool]]:
        """Each input, what to call its gradient, that gradient, and whether it is None."""
        grads = [g for g in level.grads if g is not None]
        values = iter(self._diagnosed(lambda _: self._run(grads, feeds), level.outputs))
        for x, grad in zip(self.xs, level.grads, strict=True):
            name = f"the gradient of order {level.order} with respect to '{x.op_name}'"
            gradient = np.zeros(feeds[x].shape) if grad is None else np.asarray(next(values))
            yield x, name, gradient, grad is None

    def _report(self, verdict: Verdict, name: str, missing: bool) -> list[str]:
        """Add a verdict to the report; what is wrong, in words."""
        report = self.report
        report.derivatives += verdict.tried
        report.largest_error = max(report.largest_error, verdict.error)
        wrong = []
        if verdict.wrong and missing:
            worst = verdict.worst()
            wrong = [f"{name} is None, differences give {worst.numeric:.12g} at {worst.place}"]
        elif verdict.wrong:
            wrong = [f"{name} is wrong at {len(verdict.wrong)} of {verdict.tried} places"]
            wrong += [f"  {verdict.worst()}"]
        kinks = [f"{name} does not exist at {place}: a kink or a jump" for place in verdict.kinks]
        if self.kinks == "error":
            return wrong + kinks[:3]
        report.kinks += kinks
        return wrong

    # ---------------------------------------------------------------- running the twin

    def _run(self, nodes: list[Node], feeds: Feeds) -> list[Any]:
        return self.twin.session.run(nodes, feeds)

    def _beside(self) -> Feeds | None:
        """The leaves' values at a point beside, with finite outputs of the same shapes; or None."""
        shapes = [np.shape(value) for value in self._run(self.ys, self.twin.feeds)]
        for by in MOVES:
            rng = np.random.default_rng(self.seed)
            point = {x: moved(self.twin.feeds[x], by, rng) for x in floats(self.twin.feeds)}
            with suppress(TinygraphError):
                values = self._run(self.ys, {**self.twin.feeds, **point})
                alike = [np.shape(value) for value in values] == shapes
                if alike and all(np.isfinite(value).all() for value in values):
                    return point
        return None

    def _values(self, outputs: list[Node]) -> list[Any]:
        values = self._run(outputs, self.twin.feeds)
        if not all(np.isfinite(value).all() for value in values):
            path = [x for x in between(outputs, self.xs, self.twin.feeds) if not x.spec.items]
            infinite = [
                node for node, value in zip(path, self._run(path, self.twin.feeds), strict=True)
                if not np.isfinite(value).all()
            ]
            first = describe((infinite or outputs)[0], {})
            raise GradientError(f"inf or NaN: there is nothing to compare\n{first}")
        return values

    def _gradients(self, outputs: list[Node], weights: list[np.ndarray]) -> list[Node | None]:
        arriving, grads = weighted_gradients(outputs, self.xs)
        self.twin.feeds.update(zip(arriving, weights, strict=True))
        return grads

    def _diagnosed(self, action: Callable[..., T], outputs: list[Node], *args: Any) -> T:
        """`action(outputs, *args)`; where it fails, the GradientError names the rule at fault."""
        try:
            return action(outputs, *args)
        except BROKEN as error:
            culprits = self._culprits(outputs, self.twin.feeds)
            if not culprits:
                raise
            raise _error([f"the gradient fails: {error}"], culprits) from error

    def _culprits(self, outputs: list[Node], feeds: Feeds) -> list[Finding]:
        findings = find_culprits(self.twin.session, outputs, self.xs, feeds, self.seed)
        return [f for f in findings if f.what != "kink" or self.kinks == "error"]
