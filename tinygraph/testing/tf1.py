"""TF 1.15's `tf.test.compute_gradient` and `compute_gradient_error`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygraph.arguments import expect, mapping, positive, sequence
from tinygraph.arrays import to_array
from tinygraph.errors import DTypeError, GraphError, ShapeError
from tinygraph.graph import Node, Operation
from tinygraph.node import get_default_session, session_for
from tinygraph.spec import Shape
from tinygraph.testing.twin import weighted_gradients
from tinygraph.typing import ArrayLike, ShapeLike


def compute_gradient(
    x: Node | list[Node], x_shape: ShapeLike, y: Node, y_shape: ShapeLike,
    x_init_value: ArrayLike | None = None, delta: float = 1e-3,
    init_targets: Sequence[Operation] | None = None, extra_feed_dict: Mapping | None = None,
) -> Any:
    """The Jacobian dy/dx, by gradients and by two-point differences (TF: `tf.test`).

    `check_grads` is far more exact; this one is for TF1 programs and gives TF1's numbers.

    Parameters
    ----------
    x
        A tensor or a list of them. It is fed, so it may be any tensor.
    x_shape, y_shape
        Their shapes; for a list of tensors, a list of shapes.
    x_init_value
        Where to differentiate; random numbers from [0, 1) if None.
    delta
        The step of the differences.
    init_targets
        Operations to run first, such as an initializer.
    extra_feed_dict
        What else to feed.

    Returns
    -------
    Two matrices of x's size by y's size: by gradients, and by differences. For a list of tensors a
    list of such pairs.

    Raises
    ------
    GraphError
        Without a default session.

    >>> x = tg.placeholder(tg.float64, [2])
    >>> by_rule, by_differences = tg.test.compute_gradient(x, [2], x * x, [2], np.array([1.0, 3.0]))
    >>> by_rule
    array([[2., 0.],
           [0., 6.]])
    >>> by_differences.round(6)
    array([[2., 0.],
           [0., 6.]])
    """
    if get_default_session() is None:
        raise GraphError("compute_gradient needs a default session: `with tg.Session():`")
    targets = [] if init_targets is None else sequence(init_targets, "init_targets")
    for target in targets:
        expect(target, Operation, "an init_target", "an operation").run()
    extra_feed_dict = {} if extra_feed_dict is None else mapping(extra_feed_dict, "extra_feed_dict")
    if not isinstance(x, list):
        return _jacobians(x, x_shape, y, y_shape, x_init_value, delta, extra_feed_dict)
    starts = [None] * len(x) if x_init_value is None else sequence(x_init_value, "x_init_value")
    shapes = sequence(x_shape, "x_shape")
    if not len(x) == len(shapes) == len(starts):
        raise GraphError(f"{len(x)} xs, {len(shapes)} shapes and {len(starts)} initial values")
    return [
        _jacobians(node, shape, y, y_shape, start, delta, extra_feed_dict)
        for node, shape, start in zip(x, shapes, starts, strict=True)
    ]


def compute_gradient_error(
    x: Node | list[Node], x_shape: ShapeLike, y: Node, y_shape: ShapeLike,
    x_init_value: ArrayLike | None = None, delta: float = 1e-3,
    init_targets: Sequence[Operation] | None = None, extra_feed_dict: Mapping | None = None,
) -> float:
    """The largest difference between the two Jacobians of `compute_gradient` (TF: `tf.test`).

    >>> x = tg.placeholder(tg.float64, [2])
    >>> tg.test.compute_gradient_error(x, [2], tg.tanh(x), [2]) < 1e-6
    True
    """
    jacobians = compute_gradient(
        x, x_shape, y, y_shape, x_init_value, delta, init_targets, extra_feed_dict
    )
    pairs = jacobians if isinstance(jacobians, list) else [jacobians]
    return max((float(np.abs(a - b).max(initial=0.0)) for a, b in pairs), default=0.0)


def _jacobians(
    x: Node, x_shape: Any, y: Node, y_shape: Any, start: Any, delta: float, extra: Mapping
) -> tuple[np.ndarray, np.ndarray]:
    dims, y_dims = [[int(size) for size in Shape(shape)] for shape in (x_shape, y_shape)]
    positive(delta, "delta")
    for node in (x, y):
        if not expect(node, Node, "x and y", "tensors").dtype.is_floating:
            raise DTypeError(f"'{node.name}' is {node.dtype.name}; gradients need floats")
    x.shape.assert_is_compatible_with(dims)
    y.shape.assert_is_compatible_with(y_dims)
    if start is None:
        start = np.random.random_sample(dims)  # noqa: NPY002 (TF1 programs seed np.random)
    start = to_array(start, x.dtype)
    if list(start.shape) != dims:
        raise ShapeError(f"x_shape is {dims}, but x_init_value has shape {start.shape}")
    feeds = {**extra, x: start}
    return _by_gradients(x, y, y_dims, feeds), _by_differences(x, y, y_dims, feeds, delta)


def _by_gradients(x: Node, y: Node, y_dims: list[int], feeds: Mapping) -> np.ndarray:
    (arriving,), (dx,) = weighted_gradients([y], [x])
    if dx is None:
        raise GraphError(f"'{y.name}' has no gradient with respect to '{x.name}'")
    run = session_for(y, None, "differentiate").make_callable(dx, [*feeds, arriving])
    g = np.zeros(y_dims, y.dtype.numpy)
    columns = np.zeros((feeds[x].size, g.size), x.dtype.numpy)
    for i in range(g.size):
        g.reshape(-1)[i] = 1
        columns[:, i] = np.ravel(run(*feeds.values(), g))
        g.reshape(-1)[i] = 0
    return columns


def _by_differences(
    x: Node, y: Node, y_dims: list[int], feeds: Mapping, delta: float
) -> np.ndarray:
    run = session_for(y, None, "differentiate").make_callable(y, list(feeds))
    rows = np.zeros((feeds[x].size, math.prod(y_dims)), x.dtype.numpy)
    for i in range(len(rows)):
        above, below = feeds[x].copy(), feeds[x].copy()
        above.reshape(-1)[i] += delta
        below.reshape(-1)[i] -= delta
        change = run(*{**feeds, x: above}.values()) - run(*{**feeds, x: below}.values())
        rows[i] = np.ravel(change / np.asarray(2 * delta, y.dtype.numpy)[()])
    return rows
