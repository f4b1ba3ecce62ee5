"""Is a gradient right? Compares one, direction by direction, with the derivative of a curve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tinygraph.graph import Node
from tinygraph.session import Session
from tinygraph.testing.numeric import (
    EPS, EXHAUSTIVE, LADDER, STEP, Curve, Estimate, agree, directions,
)

RTOL = 1e-9


@dataclass
class Difference:
    """A place where a gradient and the numeric derivative differ.

    place: an element such as "[0, 2]", or "a random direction".
    given, numeric: the two derivatives, per unit of the element.
    """

    place: str
    given: float
    numeric: float

    @property
    def relative(self) -> float:
        largest = max(abs(self.given), abs(self.numeric))
        return abs(self.given - self.numeric) / largest if largest else 0.0

    def __str__(self) -> str:
        return (
            f"at {self.place} it is {self.given:.12g}, by differences {self.numeric:.12g} "
            f"(relative difference {self.relative:.1e})"
        )


@dataclass
class Verdict:
    """The result of comparing one gradient.

    wrong: where it is wrong; kinks: where there is none; tried: how many places there are.
    error: the largest difference where it is right, relative to the largest derivative.
    """

    wrong: list[Difference] = field(default_factory=list)
    kinks: list[str] = field(default_factory=list)
    tried: int = 0
    error: float = 0.0

    def worst(self) -> Difference:
        return max(self.wrong, key=lambda d: np.nan_to_num(abs(d.given - d.numeric), nan=np.inf))


class Judge:
    """Compares gradients of sum(weights * outputs) with its numeric derivatives."""

    def __init__(
        self, session: Session, outputs: Sequence[Node], feeds: Mapping[Node, np.ndarray],
        weights: np.ndarray, rtol: float = RTOL, step: float = STEP, seed: int = 0,
        exhaustive: int = EXHAUSTIVE, count: int = 16,
    ):
        self.curve = Curve(session, outputs, feeds, weights, step)
        self.weights = weights
        self.rtol = rtol
        self.seed = seed
        self.exhaustive, self.count = exhaustive, count

    def compare(self, x: Node, gradient: np.ndarray) -> Verdict:
        """Whether `gradient` is the one with respect to x."""
        verdict = Verdict()
        off = largest = 0.0
        array = self.curve.feeds[x]
        for direction in self._directions(array):
            verdict.tried += 1
            value = float(np.vdot(gradient, direction))
            slope, error, smooth = self._slope(x, direction, value)
            place, unit = self._place(direction, array)
            if not smooth:
                verdict.kinks.append(place)
            elif not abs(value - slope) <= self.rtol * abs(slope) + error:  # so that NaN is wrong
                verdict.wrong.append(Difference(place, value / unit, slope / unit))
            elif abs(slope) > 1e3 * error:  # a smaller one may be all rounding
                off, largest = max(off, abs(value - slope)), max(largest, abs(slope))
        verdict.error = off / largest if largest else 0.0
        return verdict

    def gradient(self, x: Node) -> np.ndarray | None:
        """The whole numeric gradient; None if x is too large for that."""
        array = self.curve.feeds[x]
        if array.size > self.exhaustive:
            return None
        slopes = [
            self.curve.slope(x, direction) @ self.weights / np.max(direction)
            for direction in self._directions(array)
        ]
        return np.array(slopes).reshape(array.shape)

    def slopes(self, x: Node) -> list[tuple[np.ndarray, float]]:
        """The directions in which a gradient is compared, and the derivative along each."""
        return [
            (direction, float(self.curve.slope(x, direction) @ self.weights))
            for direction in self._directions(self.curve.feeds[x])
        ]

    def _directions(self, array: np.ndarray) -> Iterator[np.ndarray]:
        rng = np.random.default_rng(self.seed)
        return directions(array, rng, self.exhaustive, self.count)

    def _place(self, direction: np.ndarray, array: np.ndarray) -> tuple[str, float]:
        """A direction in words, and the length of its step."""
        if array.size > self.exhaustive:
            return "a random direction", 1.0
        index = np.unravel_index(int(np.argmax(direction)), array.shape) if array.shape else ()
        return f"[{', '.join(map(str, map(int, index)))}]", float(np.max(direction))

    def _slope(self, x: Node, direction: np.ndarray, value: float) -> tuple[float, float, bool]:
        """The derivative, how far it may be off, and whether there is one.

        Where the first estimate confirms `value`, the gradient's derivative, no other is made.
        """
        first = self.curve.along(x, direction)
        slope = float(first.slope @ self.weights)
        exact = self.curve.exact_along(x, direction)
        if exact is not None and self._confirms(first, exact):
            return self._exact(exact, first)
        if first.smooth and abs(value - slope) <= self.rtol * abs(slope) + first.error:
            return slope, first.error, True
        return self._settled(x, direction, first, exact)

    def _confirms(self, estimate: Estimate, exact: np.ndarray) -> bool:
        return bool(np.isfinite(estimate.slope).all()) and agree(exact, estimate, self.weights)

    def _exact(self, exact: np.ndarray, estimate: Estimate) -> tuple[float, float, bool]:
        rounding = 64 * EPS * (estimate.scale + float(np.abs(exact) @ np.abs(self.weights)))
        return float(exact @ self.weights), rounding, True

    def _settled(
        self, x: Node, direction: np.ndarray, wide: Estimate, exact: np.ndarray | None
    ) -> tuple[float, float, bool]:
        """The first estimate that a smaller step or the complex step confirms.

        Else the last one, if that is smooth.
        """
        slope = float(wide.slope @ self.weights)
        for rung in range(1, len(LADDER)):
            narrow = self.curve.along(x, direction, rung)
            below = float(narrow.slope @ self.weights)
            if exact is not None and self._confirms(narrow, exact):
                return self._exact(exact, narrow)
            if wide.smooth and narrow.smooth and abs(slope - below) <= wide.error + narrow.error:
                return slope, abs(slope - below) + wide.error, True
            wide, slope = narrow, below
        return slope, max(wide.error, wide.rest), wide.smooth
