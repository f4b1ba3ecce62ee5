"""Derivatives by differences: four points, smaller steps near kinks, the complex step."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.arguments import positive
from tinygraph.arrays import to_array
from tinygraph.compiler.fits import new_out
from tinygraph.compiler.program import Kernels, call_kernel
from tinygraph.compiler.lower import lower
from tinygraph.dtypes import float64
from tinygraph.errors import ShapeError, TinygraphError
from tinygraph.graph import Node
from tinygraph.interrupts import quietly
from tinygraph.session import Session
from tinygraph.spec import Shape, Spec
from tinygraph.testing.twin import Function, twin_of
from tinygraph.typing import ArrayLike

STEP = 1e-3  # four points then err by about 1e-14 from curvature, 1e-13 from rounding
LADDER = tuple(8.0**-i for i in range(6))  # of STEP, for where it reaches across a kink
EPS = float(np.finfo(np.float64).eps)
ROUNDING = 32 * EPS  # the rounding error of an output, relative to its size: a generous guess
TINY = 1e-30  # the complex step; its square vanishes
SMOOTH = 1e-4, 1e-5  # what a parabola may leave of a curve, on the first rung and below
EXHAUSTIVE = 256  # inputs up to this size are tried element by element
MOVES = tuple(sign * 0.05 / 10**i for i in range(5) for sign in (1, -1))  # the first that will do

# Values at -2h .. 2h minus the parabola that fits them best; and the four-point derivative.
_T = np.arange(-2.0, 3.0)
_BASIS = np.stack([np.ones(5), _T, _T**2], axis=1)
_RESIDUAL = np.eye(5) - _BASIS @ np.linalg.pinv(_BASIS)
_SLOPE = np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / 12.0


@dataclass
class Estimate:
    """A derivative of each output along one direction.

    error: how far it may be off by rounding, after weighting.
    smooth: whether a parabola fits the outputs around the point.
    scale: the sum of the weighted outputs that depend on the direction.
    rest: how far the points are from that parabola, as a slope.
    """

    slope: np.ndarray
    error: float
    smooth: bool
    scale: float
    rest: float


class Curve:
    """Outputs as a function of the inputs: many evaluations of one plan, and their derivatives.

    `weights` say how much each output counts, in one flat vector for all of them.
    """

    def __init__(
        self, session: Session, outputs: Sequence[Node], feeds: Mapping[Node, np.ndarray],
        weights: np.ndarray | None = None, step: float = STEP,
    ):
        self._call = session.make_callable(list(outputs), list(feeds))
        self._outputs = list(outputs)
        self.feeds = dict(feeds)
        self.step = positive(step, "step")
        self.base = self(self.feeds)
        self.weights = np.ones(self.base.size) if weights is None else np.abs(weights)
        self._complex: Callable | None = None
        self._not_analytic: set[Node] = set()

    def __call__(self, feeds: Mapping[Node, np.ndarray]) -> np.ndarray:
        return flat(self._call(*feeds.values()))

    def along(self, x: Node, direction: np.ndarray, rung: int = 0) -> Estimate:
        """The derivative by four points, with the step of a rung of the ladder."""
        h = self.step * LADDER[rung]
        start = self.feeds[x]
        around = [self({**self.feeds, x: start + t * h * direction}) for t in (-2, -1, 1, 2)]
        values = np.stack([*around[:2], self.base, *around[2:]])
        if not np.isfinite(values).all():
            return Estimate(np.full(self.base.size, np.nan), np.inf, False, np.inf, np.inf)
        values -= self.base  # what does not depend on x vanishes exactly
        size, moved = self.weights * np.abs(self.base), values.any(axis=0)
        # An output that does not move may do so by less than its last bit.
        scale = float(size @ moved + np.max(size, initial=0.0, where=~moved))
        spread = float(self.weights @ np.ptp(values, axis=0))
        residual = float(self.weights @ np.abs(_RESIDUAL @ values).max(axis=0))
        smooth = residual <= SMOOTH[rung > 0] * spread + ROUNDING * scale
        return Estimate(_SLOPE @ values / h, ROUNDING * scale / h, smooth, scale, residual / h)

    def exact_along(self, x: Node, direction: np.ndarray) -> np.ndarray | None:
        """The derivative by the complex step; None where a kernel takes no complex numbers."""
        if x in self._not_analytic:
            return None
        if self._complex is None:
            self._complex = complex_function(self._outputs, self.feeds)
        value = self._complex({**self.feeds, x: self.feeds[x] + 1j * TINY * direction})
        if value is None:
            self._not_analytic.add(x)
            return None
        return value.imag / TINY

    def slope(self, x: Node, direction: np.ndarray) -> np.ndarray:
        """The derivative by the complex step, else by the first step where the curve is smooth."""
        first = self.along(x, direction)
        exact = self.exact_along(x, direction)
        if exact is not None and agree(exact, first, self.weights):
            return exact
        below = (self.along(x, direction, rung) for rung in range(1, len(LADDER)))
        return next((e.slope for e in itertools.chain([first], below) if e.smooth), first.slope)


def agree(exact: np.ndarray, estimate: Estimate, weights: np.ndarray) -> bool:
    """Whether a complex step tells the same as differences: a kernel may not be analytic."""
    off = float(np.abs(exact - estimate.slope) @ np.abs(weights))
    return off <= 1e-7 * float(np.abs(estimate.slope) @ np.abs(weights)) + estimate.error


def flat(arrays: Sequence[Any]) -> np.ndarray:
    """All elements in one vector."""
    return np.concatenate([np.ravel(a) for a in arrays]) if arrays else np.zeros(0)


def complex_function(
    outputs: Sequence[Node], feeds: Mapping[Node, np.ndarray]
) -> Callable[[Mapping[Node, np.ndarray]], np.ndarray | None]:
    """The program of `outputs`, kernel by kernel, on complex arrays; None where one refuses."""
    specs = {x: Spec(Shape.of(a.shape), x.dtype) for x, a in feeds.items()}
    program = lower(outputs, (), specs)

    def function(arrays: Mapping[Node, np.ndarray]) -> np.ndarray | None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # NumPy warns when it drops an imaginary part
                feeding = [arrays[x] for x in feeds]
                results, _ = program.evaluate(feeding, Kernels({}, {}, _analytic))
        except (TypeError, ValueError, Warning, ArithmeticError, AttributeError, TinygraphError):
            return None
        return flat(results).astype(complex)

    return function


def _analytic(node: Node, arrays: list[Any]) -> Any:
    """A node's value on complex arrays; TypeError where it is not analytic, as abs, or random."""
    moved = any(np.iscomplexobj(x) for x in arrays)
    if moved:
        static = node.kind.static
        arrays = [
            x.astype(complex) if x.dtype.kind == "f" and i not in static else x
            for i, x in enumerate(arrays)
        ]
    is_wide = moved and node.dtype is not None and node.dtype.is_floating
    out = new_out(node, arrays, complex if is_wide else None)
    result = call_kernel(node, arrays, **out)
    outputs = result if node.spec.items else (result,)
    is_dropped = is_wide and out and not result.imag.any()  # the imaginary part, as by abs
    if is_dropped or moved and any(output.dtype.kind == "f" for output in outputs):
        raise TypeError(f"{node.kind.name} of complex numbers is real")
    return result


def random_weights(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Weights of both signs, none small."""
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)


def directions(
    x: np.ndarray, rng: np.random.Generator, exhaustive: int = EXHAUSTIVE, count: int = 16
) -> Iterator[np.ndarray]:
    """Each element for itself, or for a large x some random directions through all elements.

    Steps are relative to elements that are larger than 1.
    """
    size = np.maximum(np.abs(x), 1.0)
    if x.size <= exhaustive:
        for index in np.ndindex(x.shape):
            direction = np.zeros(x.shape)
            direction[index] = size[index]
            yield direction
    else:
        for _ in range(count):
            yield rng.choice([-1.0, 1.0], x.shape) * rng.uniform(0.5, 1.0, x.shape) * size


def moved(x: np.ndarray, by: float, rng: np.random.Generator) -> np.ndarray:
    """Each element a little farther from 0, or nearer for a negative `by`, each by another share.

    So no zeros and ones are left, no equal or symmetric values; the signs stay, and zeros get one.
    """
    share = by * rng.uniform(0.5, 1.5, x.shape)
    return x + share * np.where(x == 0.0, 1.0, np.clip(x, -1.0, 1.0))


def numeric_jacobian(
    y: Node | Function, inputs: Any, *, session: Session | None = None, step: float = STEP
) -> list[np.ndarray | None]:
    """The Jacobians of `y` by differences, in float64: each an array of y's shape + its input's.

    Parameters
    ----------
    y
        A tensor, or a function of tensors that gives one.
    inputs
        For a tensor a dict {tensor: value}, as a feed_dict; for a function a list of arrays.
    session
        Has the values of the variables that y needs; the default session if None.
    step
        The distance of the points, for elements up to 1; shortened where there is a kink.

    Returns
    -------
    A list in the order of `inputs`, with None for those that are not floats.

    >>> square = lambda x: x * x
    >>> tg.testing.numeric_jacobian(square, [np.array([1.0, 3.0])])[0].round(6)
    array([[2., 0.],
           [0., 6.]])
    """
    return _jacobians(y, inputs, session, step)[1]


def numeric_gradient(
    y: Node | Function, inputs: Any, grad_y: ArrayLike | None = None, *,
    session: Session | None = None, step: float = STEP,
) -> list[np.ndarray | None]:
    """The gradient of sum(y * grad_y) by differences, in float64: an array for each input.

    `grad_y` is 1 if None; the rest is as for `numeric_jacobian`.

    >>> product = lambda a, b: a * b
    >>> da, db = tg.testing.numeric_gradient(product, [np.array(2.0), np.array(5.0)])
    >>> print(da.round(6), db.round(6))
    5.0 2.0
    """
    shape, jacobians = _jacobians(y, inputs, session, step)
    g = to_array(1.0 if grad_y is None else grad_y, float64)
    if not Shape(g.shape).is_compatible_with(shape) and g.ndim:
        raise ShapeError(f"grad_y has shape {g.shape}, but y {shape}")
    g = np.broadcast_to(g, shape)
    return [None if j is None else quietly(np.tensordot, g, j, axes=g.ndim) for j in jacobians]


def _jacobians(y: Any, inputs: Any, session: Session | None, step: float) -> tuple[Any, list]:
    twin, _ = twin_of(y, inputs, session)
    curve = Curve(twin.session, twin.ys[:1], twin.feeds, step=step)
    shape = np.shape(twin.session.run(twin.ys[0], twin.feeds))
    return shape, [_jacobian(curve, x, shape) if x.dtype.is_floating else None for x in twin.xs]


def _jacobian(curve: Curve, x: Node, shape: tuple[int, ...]) -> np.ndarray:
    array = curve.feeds[x]
    columns = np.zeros((curve.base.size, array.size))
    elements = directions(array, np.random.default_rng(0), exhaustive=array.size)
    for column, direction in zip(columns.T, elements, strict=True):
        column[:] = quietly(curve.slope, x, direction) / np.max(direction)
    return columns.reshape(shape + array.shape)
