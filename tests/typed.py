"""What mypy must see of the public names; nothing runs this file, mypy reads it.

A `type: ignore` that ignores no error is an error here, so that each of these calls must be wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

import tinygraph as tg

if TYPE_CHECKING:
    from typing_extensions import assert_type


def right(x: tg.Tensor, w: tg.Variable, rows: list[np.ndarray]) -> None:
    assert_type(tg.tanh(x), tg.Tensor)
    assert_type(tg.nn.relu([[1.0, -2.0]], name="relu"), tg.Tensor)
    assert_type(tg.math.tanh(tg.matmul(x, w) + 1.0), tg.Tensor)
    assert_type(2 * x[:, 0] - x @ w, tg.Tensor)
    assert_type(tg.cumsum(x, axis=1), tg.Tensor)
    assert_type(tg.reduce_sum(x, [0, 1], keepdims=True), tg.Tensor)
    assert_type(tg.cast(x < 0.5, tg.int32), tg.Tensor)
    assert_type(tg.zeros([tg.shape(x)[0], x.shape[1], 3], dtype="float64"), tg.Tensor)
    assert_type(tg.linalg.inv(np.eye(2), adjoint=True), tg.Tensor)
    assert_type(tg.split(x, 2, name=None), list[tg.Tensor])
    assert_type(tg.assign_add(w, 1.0), tg.Tensor)
    assert_type(x.graph, tg.Graph)
    assert_type(tg.float32, tg.DType)
    assert_type(tg.bool.is_floating, bool)
    assert_type(tg.train.AdamOptimizer(0.1).minimize(tg.reduce_mean(x)), tg.Operation)
    step: Callable[..., tg.Tensor] = tg.sigmoid
    with tg.Session() as sess:
        sess.run([step(x), {"grads": tg.gradients(x, [w]), "name": "x:0"}], {x: rows})


def wrong(x: tg.Tensor) -> None:
    tg.tanh(x, nam="y")  # type: ignore[call-arg]
    tg.assign_add(3, 1)  # type: ignore[arg-type]
    tg.latest_value(x)  # type: ignore[arg-type]
    tg.tanh(None)  # type: ignore[arg-type]
    tg.matrix_inverse(x, adjoint="yes")  # type: ignore[arg-type]
    tg.nn.no_such_name(x)  # type: ignore[attr-defined]
    tg.reduce_sum(x, axis="rows")  # type: ignore[arg-type]
    tg.cast(x, 32)  # type: ignore[arg-type]
    tg.Session().run(3.0)  # type: ignore[arg-type]
