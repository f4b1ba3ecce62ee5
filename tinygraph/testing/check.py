"""check_grads: gradients of any order against numeric ones, and a report on the rule at fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygraph.errors import DTypeError, TinygraphError
from tinygraph.gradients import gradients
from tinygraph.graph import Node
from tinygraph.ops.state import placeholder
from tinygraph.session import Session
from tinygraph.testing.diagnose import BROKEN, Finding, find_culprits
from tinygraph.testing.judge import RTOL, Judge, Verdict
from tinygraph.testing.numeric import STEP, flat
from tinygraph.testing.twin import Function, Twin, twin_of

# What float32 and float16 may lose against float64, relative to the largest element. Their
# epsilons are 1.2e-7 and 9.8e-4; a chain of ops loses some tens of them.
NARROW_RTOL = {"float32": 1e-5, "float16": 5e-2}


class GradientError(TinygraphError, AssertionError):
    """A gradient is wrong, or cannot be checked because there is a kink.

    `findings` lists the ops at fault: `.kind` is the op, `.position` the input whose rule is wrong,
    `.node` the node, `.likely` the likely mistake.
    """

    def __init__(self, message: str, findings: Sequence[Finding] = ()):
        super().__init__(message, findings[0].node if findings else None)
        self.findings = list(findings)


@dataclass
class Report:
    """What a check that passed has seen.

    derivatives: how many directional derivatives were compared, over all orders.
    largest_error: the largest relative difference among them.
    kinks: the places without a derivative, if `kinks="report"`.
    """

    derivatives: int = 0
    largest_error: float = 0.0
    kinks: list[str] = field(default_factory=list)


def check_grads(
    y: Node | Sequence[Node] | Function, inputs: Any, order: int = 2, *,
    session: Session | None = None, rtol: float = RTOL, step: float = STEP, kinks: str = "error",
    seed: int = 0,
) -> Report:  # fmt: skip
    """Check the gradients of `y` against numeric ones, up to `order`; GradientError if one is off.

    All of it happens in a float64 copy of the graph, whatever its dtype. Derivatives are taken by
    four-point differences, refined by the complex step where all kernels are analytic; inputs of
    more than 512 elements are checked along random directions. A graph in float32 or float16 is
    then compared, values and gradients, with its float64 copy.

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
    seed
        Of the random weights of outputs, and of the random directions.

    Raises
    ------
    GradientError
        with the op whose rule is wrong, the node, the line that made it, and the likely mistake.

    >>> report = tg.testing.check_grads(lambda x: tg.tanh(x), [np.array([0.5, -1.0])])
    >>> report.derivatives, report.largest_error < 1e-9
    (4, True)
    >>> wrong = tg.elementwise("WrongSquare", np.square, lambda g, y, x: g * x)
    >>> try:
    ...     tg.testing.check_grads(wrong, [np.array([0.5, -1.0])])
    ... except tg.testing.GradientError as error:
    ...     print(error.findings[0].likely)
    a constant factor: the rule gives 0.5 times the derivative
    """
    if kinks not in ("error", "report"):
        raise DTypeError(f"kinks is 'error' or 'report', not {kinks!r}")
    twin, unwidened = twin_of(y, inputs, session)
    check = _Check(twin, rtol, step, kinks, seed)
    for level in check.levels(order):
        check.judge(level)
    if twin.narrow:
        check.compare_narrow(unwidened())
    return check.report


@dataclass
class _Level:
    """One order of derivatives: the gradients `grads` of sum(weights * outputs)."""

    order: int
    outputs: list[Node]
    weights: list[np.ndarray]
    grads: list[Node | None]


class _Check:
    """One call of check_grads."""

    def __init__(self, twin: Twin, rtol: float, step: float, kinks: str, seed: int):
        self.twin = twin
        self.xs = [x for x in twin.xs if x.dtype.is_floating]
        self.ys = [y for y in twin.ys if y.dtype.is_floating]
        self.rtol, self.step, self.kinks, self.seed = rtol, step, kinks, seed
        self.report = Report()
        if not self.xs or not self.ys:
            raise DTypeError("nothing to differentiate: no float among the inputs or the outputs")

    def levels(self, order: int) -> Iterator[_Level]:
        """First y and its gradient, then that gradient, all of it, and the gradient of that, ..."""
        rng = np.random.default_rng(self.seed)
        outputs = self.ys
        for k in range(1, order + 1):
            values = self._finite(outputs)
            weights = [random_weights(np.shape(value), rng) for value in values]
            grads = self._with_diagnosis(outputs, lambda o=outputs, w=weights: self._graded(o, w))
            yield _Level(k, outputs, weights, grads)
            outputs = [g for g in grads if g is not None]
            if not outputs:
                return

    def _graded(self, outputs: list[Node], weights: list[np.ndarray]) -> list[Node | None]:
        with self.twin.graph.as_default():
            arriving = [placeholder(y.dtype, y.shape, name="g") for y in outputs]
            self.twin.feeds.update(zip(arriving, weights, strict=True))
            return gradients(outputs, self.xs, arriving)

    def _finite(self, outputs: list[Node]) -> list[np.ndarray]:
        values = self.twin.session.run(outputs, self.twin.feeds)
        for node, value in zip(outputs, values, strict=True):
            if not np.isfinite(value).all():
                raise GradientError(
                    f"'{node.name}' is not finite at these inputs, so there is nothing to compare"
                )
        return values

    def judge(self, level: _Level) -> None:
        """Compare one order; raise what is wrong."""
        grads = [g for g in level.grads if g is not None]
        run = self.twin.session.run
        found = iter(self._with_diagnosis(level.outputs, lambda: run(grads, self.twin.feeds)))
        judge = Judge(
            self.twin.session, level.outputs, self.twin.feeds, flat(level.weights), self.rtol,
            self.step, self.seed,
        )  # fmt: skip
        wrong = []
        for x, grad in zip(self.xs, level.grads, strict=True):
            array = self.twin.feeds[x]
            given = np.zeros(array.shape) if grad is None else np.asarray(next(found))
            name = f"the gradient of order {level.order} with respect to '{x.op_name}'"
            if given.shape != array.shape:
                wrong.append(f"{name} has shape {given.shape}, not {array.shape}")
                continue
            verdict = judge.compare(x, given)
            wrong += self._taken_in(verdict, name + (" is None, and" if grad is None else ""))
        if wrong:
            raise self._error(wrong, level.outputs)

    def _taken_in(self, verdict: Verdict, name: str) -> list[str]:
        """Add a verdict to the report; what is wrong in words."""
        self.report.derivatives += verdict.tried
        self.report.largest_error = max(self.report.largest_error, verdict.largest)
        wrong = []
        if verdict.wrong:
            count = f"{len(verdict.wrong)} of {verdict.tried} places"
            wrong.append(f"{name} is wrong at {count}: {verdict.worst()}".replace("rule", "graph"))
        kinks = [f"{name}: no derivative at {place}, a kink or a jump" for place in verdict.kinks]
        if self.kinks == "report":
            self.report.kinks += kinks
            return wrong
        return wrong + kinks[:3]

    def _with_diagnosis(self, outputs: list[Node], action: Callable[[], Any]) -> Any:
        """Do something with gradients; if a rule breaks it, say which."""
        try:
            return action()
        except BROKEN as error:
            culprits = self._culprits(outputs)
            if not culprits:
                raise
            raise self._error([f"the gradient fails: {error}"], outputs, culprits) from error

    def _culprits(self, outputs: list[Node]) -> list[Finding]:
        return find_culprits(self.twin.session, outputs, self.xs, self.twin.feeds, self.seed)

    def _error(
        self, wrong: list[str], outputs: list[Node], culprits: list[Finding] | None = None
    ) -> GradientError:
        culprits = self._culprits(outputs) if culprits is None else culprits
        if self.kinks == "report":
            culprits = [c for c in culprits if c.what != "kink"] or culprits
        if culprits:
            wrong = [*wrong, "", "Each op on the path checked on its own, at the values of this run:"]
        else:
            wrong = [
                *wrong, "",
                "Each op on the path is right on its own, at the values of this run; the fault is in "
                "what combines them, or this function is too rough for differences.",
            ]  # fmt: skip
        return GradientError("\n".join([*wrong, *map(str, culprits)]), culprits)

    # ---------------------------------------------------------------- float32 and float16

    def compare_narrow(self, narrow: Twin) -> None:
        """Values and first gradients in the graph's own dtypes against those in float64."""
        rng = np.random.default_rng(self.seed)
        pairs = []
        for twin in (self.twin, narrow):
            ys = [y for y in twin.ys if y.dtype.is_floating]
            xs = [x for x in twin.xs if x.dtype.is_floating]
            if twin is self.twin:
                shapes = map(np.shape, twin.session.run(ys, twin.feeds))
                weights = [random_weights(shape, rng) for shape in shapes]
            feeds = dict(twin.feeds)
            with twin.graph.as_default():
                arriving = [placeholder(y.dtype, y.shape, name="g") for y in ys]
                grads = gradients(ys, xs, arriving)
            for g, w in zip(arriving, weights, strict=True):
                feeds[g] = w.astype(g.dtype.numpy)
            nodes = [n for n in (*ys, *grads) if n is not None]
            pairs.append((nodes, twin.session.run(nodes, feeds)))
        (_, wide), (nodes, close) = pairs
        for node, right, got in zip(nodes, wide, close, strict=True):
            _check_narrow(node, np.asarray(right), np.asarray(got))


def _check_narrow(node: Node, right: np.ndarray, got: np.ndarray) -> None:
    rtol = NARROW_RTOL.get(node.dtype.name)
    if rtol is None or not right.size:
        return
    largest = np.abs(right).max()
    off = np.abs(got.astype(np.float64) - right)
    if not (off <= rtol * largest + np.finfo(node.dtype.numpy).tiny).all():
        place = np.unravel_index(int(np.argmax(np.where(np.isfinite(off), off, np.inf))), off.shape)
        raise GradientError(
            f"'{node.name}' in {node.dtype.name} is off by {off[place] / largest:.1e} of its largest "
            f"element, at {[int(i) for i in place]}: {got[place]:.9g}, in float64 {right[place]:.9g}"
        )


def random_weights(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Weights of both signs, none small."""
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)
