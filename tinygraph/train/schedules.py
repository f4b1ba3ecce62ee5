"""Learning rates that change with the global step.

Each function returns a scalar tensor of the dtype of `learning_rate`, which a run computes from the
step before its update.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from tinygraph.arguments import flag, sequence
from tinygraph.defaults import name_scope
from tinygraph.dtypes import DType, float32, int32, int64
from tinygraph.errors import GraphError
from tinygraph.graph import Node
from tinygraph.op import as_node
from tinygraph.ops.arithmetic import add, multiply
from tinygraph.ops.broadcasting import reduce_sum
from tinygraph.ops.compare import cast, exact, exact_dtype, greater
from tinygraph.ops.elementary import ceil, cos, exp, floor
from tinygraph.ops.gathering import gather
from tinygraph.ops.joining import stack
from tinygraph.ops.math import divide, maximum, minimum
from tinygraph.typing import TensorLike


def exponential_decay(
    learning_rate: TensorLike, global_step: TensorLike, decay_steps: TensorLike,
    decay_rate: TensorLike, staircase: bool = False, name: str | None = None,
) -> Node:
    """learning_rate * decay_rate^(step / decay_steps) (TF: `tf.train.exponential_decay`).

    With `staircase` the exponent is rounded down.

    >>> print(tg.train.exponential_decay(0.5, 20, decay_steps=10, decay_rate=0.5).eval())
    0.125
    """
    with name_scope(name, "ExponentialDecay") as scope:
        dtype, lr, periods = _start(learning_rate, global_step, decay_steps, staircase)
        return _rate(multiply, lr, cast(decay_rate, lr.dtype) ** periods, dtype, scope)


def natural_exp_decay(
    learning_rate: TensorLike, global_step: TensorLike, decay_steps: TensorLike,
    decay_rate: TensorLike, staircase: bool = False, name: str | None = None,
) -> Node:
    """learning_rate * exp(-decay_rate * step / decay_steps) (TF: `tf.train.natural_exp_decay`).

    With `staircase` step / decay_steps is rounded down.

    >>> rate = tg.train.natural_exp_decay(1.0, 20, decay_steps=10, decay_rate=0.5)
    >>> print(round(float(rate.eval()), 4))
    0.3679
    """
    with name_scope(name, "ExponentialDecay") as scope:
        dtype, lr, periods = _start(learning_rate, global_step, decay_steps, staircase)
        return _rate(multiply, lr, exp(-cast(decay_rate, lr.dtype) * periods), dtype, scope)


def inverse_time_decay(
    learning_rate: TensorLike, global_step: TensorLike, decay_steps: TensorLike,
    decay_rate: TensorLike, staircase: bool = False, name: str | None = None,
) -> Node:
    """learning_rate / (1 + decay_rate * step / decay_steps) (TF: `tf.train.inverse_time_decay`).

    With `staircase` step / decay_steps is rounded down.

    >>> print(tg.train.inverse_time_decay(0.5, 20, decay_steps=10, decay_rate=0.5).eval())
    0.25
    """
    with name_scope(name, "InverseTimeDecay") as scope:
        dtype, lr, periods = _start(learning_rate, global_step, decay_steps, staircase)
        return _rate(divide, lr, 1.0 + cast(decay_rate, lr.dtype) * periods, dtype, scope)


def polynomial_decay(
    learning_rate: TensorLike, global_step: TensorLike, decay_steps: TensorLike,
    end_learning_rate: TensorLike = 0.0001, power: TensorLike = 1.0, cycle: bool = False,
    name: str | None = None,
) -> Node:
    """(learning_rate - end) * (1 - step / decay_steps)^power + end, with end after `decay_steps`.

    With `cycle` the decay starts anew instead: decay_steps becomes the first multiple of it that
    the step has not passed. TF: `tf.train.polynomial_decay`.

    >>> print(tg.train.polynomial_decay(1.0, 5, 10, end_learning_rate=0.5).eval())
    0.75
    """
    with name_scope(name, "PolynomialDecay") as scope:
        dtype, lr, step = _rate_and_step(learning_rate, global_step)
        steps, end = cast(decay_steps, lr.dtype), cast(end_learning_rate, lr.dtype)
        if flag(cycle, "cycle"):
            steps = steps * maximum(ceil(step / steps), 1.0)
        else:
            step = minimum(step, steps)
        left = (1.0 - step / steps) ** cast(power, lr.dtype)
        return _rate(add, (lr - end) * left, end, dtype, scope)


def cosine_decay(
    learning_rate: TensorLike, global_step: TensorLike, decay_steps: TensorLike,
    alpha: TensorLike = 0.0, name: str | None = None,
) -> Node:
    """learning_rate * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2 + alpha).

    From `decay_steps` on it is learning_rate * alpha. TF: `tf.train.cosine_decay`; Loshchilov and
    Hutter 2017.

    >>> print(tg.train.cosine_decay(1.0, 10, decay_steps=10, alpha=0.25).eval())
    0.25
    """
    with name_scope(name, "CosineDecay") as scope:
        dtype, lr, step = _rate_and_step(learning_rate, global_step)
        steps, alpha = cast(decay_steps, lr.dtype), cast(alpha, lr.dtype)
        wave = 0.5 * (1.0 + cos(math.pi * (minimum(step, steps) / steps)))
        return _rate(multiply, lr, (1.0 - alpha) * wave + alpha, dtype, scope)


def piecewise_constant(
    x: TensorLike, boundaries: Iterable, values: Iterable, name: str | None = None,
) -> Node:
    """values[i] for the first i with x <= boundaries[i], else values[-1].

    There is one value more than boundaries, which increase. TF: `tf.train.piecewise_constant`.

    >>> step = tg.train.get_or_create_global_step()
    >>> rate = tg.train.piecewise_constant(step, [100, 200], [0.1, 0.01, 0.001])
    >>> print(rate.eval({step: 100}), rate.eval({step: 101}))
    0.1 0.01
    """
    with name_scope(name, "PiecewiseConstant") as scope:
        x = as_node(x, name="x")
        rates = [as_node(value, name="value") for value in sequence(values, "values")]
        bounds = [_boundary(bound, x) for bound in sequence(boundaries, "boundaries")]
        if len(bounds) != len(rates) - 1:
            raise GraphError(
                "The length of boundaries should be 1 less than the length of values, but they "
                f"are {len(bounds)} and {len(rates)}"
            )
        dtypes = [rate.dtype.name for rate in rates]
        if len(set(dtypes)) > 1:
            raise GraphError(f"Values must have elements all with the same dtype, not {dtypes}")
        if not bounds:
            return rates[0]
        passed = reduce_sum(cast(greater(x, stack(bounds)), int32))
        return gather(stack(rates), passed, name=scope)


piecewise_constant_decay = piecewise_constant


def _boundary(bound: Any, x: Node) -> Node:
    bound = as_node(bound, name="boundary")
    if bound.dtype is int32 and x.dtype is int64:
        return cast(bound, int64)
    if bound.dtype is not x.dtype:
        raise GraphError(
            f"Boundaries ({bound.dtype.name}) must have the same dtype as x ({x.dtype.name})."
        )
    return bound


def _rate_and_step(learning_rate: Any, global_step: Any) -> tuple[DType, Node, Node]:
    """The dtype of `learning_rate`, and both as floats to compute with: no float16 counts on."""
    if global_step is None:
        raise GraphError("global_step is required for a learning rate that changes with it")
    lr = as_node(learning_rate, name="learning_rate")
    lr = lr if lr.dtype.is_floating else cast(lr, float32)
    return lr.dtype, exact(lr), cast(global_step, exact_dtype(lr.dtype))


def _start(
    learning_rate: Any, global_step: Any, decay_steps: Any, staircase: bool
) -> tuple[DType, Node, Node]:
    """The dtype, the initial learning rate and step / decay_steps, whole for a staircase."""
    dtype, lr, step = _rate_and_step(learning_rate, global_step)
    periods = step / cast(decay_steps, lr.dtype)
    return dtype, lr, floor(periods) if flag(staircase, "staircase") else periods


def _rate(op: Callable[..., Node], x: Node, y: Node, dtype: DType, scope: str) -> Node:
    """op(x, y) in a dtype, called `scope`."""
    return op(x, y, name=scope) if x.dtype is dtype else cast(op(x, y), dtype, name=scope)
