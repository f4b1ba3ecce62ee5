"""Clipping by norm: gradients that cannot explode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.arguments import text
from tinygraph.defaults import name_scope
from tinygraph.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError
from tinygraph.families import check_dtypes
from tinygraph.graph import Node
from tinygraph.node import CompositeTensor
from tinygraph.op import Op, as_node
from tinygraph.ops.arithmetic import multiply
from tinygraph.ops.array import size
from tinygraph.ops.compare import cast, exact, exact_dtype
from tinygraph.ops.math import div_no_nan, maximum, minimum
from tinygraph.ops.reduce import reduce_euclidean_norm
from tinygraph.ops.rules import alike
from tinygraph.spec import SCALAR, Spec
from tinygraph.typing import AxisLike, TensorLike

# ---------------------------------------------------------------- the norm of several tensors

PRECISE = 1024  # elements that are summed in their own precision; the sums of blocks are float64


def _sum_squares(x: np.ndarray) -> float:
    flat = np.reshape(x, -1)
    if flat.dtype == np.float16:
        flat = flat.astype(np.float32)
    whole = flat.size // PRECISE * PRECISE
    blocks, rest = flat[:whole].reshape(-1, PRECISE), flat[whole:]
    total = float(np.dot(rest, rest))
    return total + float(np.vecdot(blocks, blocks).sum(dtype=np.float64)) if whole else total


def _global_norm(*arrays: np.ndarray, out: np.ndarray) -> Any:
    dtype = np.result_type(*arrays)
    least = np.sqrt(np.finfo(dtype).tiny / np.finfo(dtype).eps)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        norm = np.sqrt(sum(_sum_squares(x) for x in arrays))
        if not least < norm < np.inf:  # the squares may leave the dtype's range where it does not
            scale = max((float(np.max(np.abs(x))) for x in arrays if np.size(x)), default=0.0)
            if 0.0 < scale < np.inf:
                scaled = (np.divide(x, scale, dtype=np.float64) for x in arrays)
                norm = scale * np.sqrt(sum(_sum_squares(x) for x in scaled))
        out[...] = norm
        return out


global_norm_op = Op("GlobalNorm", _global_norm,
    lambda *specs: Spec(SCALAR, check_dtypes(specs, "float")),
    lambda g, y, *tensors: [g * div_no_nan(x, y) for x in tensors],
    doc="sqrt(sum of the squares of all elements of all inputs); its gradient at 0 is 0.")

# ---------------------------------------------------------------- checks


def _check_numerics(tensor: np.ndarray, out: np.ndarray, message: str) -> np.ndarray:
    if not np.isfinite(tensor).all():
        has = {"Inf": np.isinf(tensor).any(), "NaN": np.isnan(tensor).any()}
        found = " and ".join(name for name, is_there in has.items() if is_there)
        raise InvalidArgumentError(f"{message}: Tensor had {found} values")
    return np.positive(tensor, out=out)


check_numerics = Op("CheckNumerics", _check_numerics, alike(), (lambda g, y, tensor, message: g,),
    ("tensor",), inplace=(0,), attrs={"message": (text, ...)},
    doc="""The same tensor; a run raises InvalidArgumentError where it has an Inf or a NaN.

    >>> tg.check_numerics([1.0, 2.0], "weights").eval()
    array([1., 2.], dtype=float32)
    """)


def _check_limit(clip_norm: np.ndarray, out: np.ndarray) -> np.ndarray:
    if not np.all(clip_norm >= 0):
        raise InvalidArgumentError(f"clip_norm must not be negative, but it is {clip_norm}")
    return np.positive(clip_norm, out=out)


check_limit_op = Op("CheckClipNorm", _check_limit, lambda clip_norm: clip_norm,
    (lambda g, y, clip_norm: g,), ("clip_norm",), inplace=(0,),
    doc="The same tensor, or an InvalidArgumentError where it is negative or NaN.")

# ---------------------------------------------------------------- clipping


def global_norm(t_list: Sequence, name: str | None = None) -> Node:
    """sqrt(sum of the squares of all elements of all tensors); Nones in the list are left out.

    Neither large nor small elements make it overflow or vanish where it has a value in the dtype.
    Of IndexedSlices the values count, each by itself where indices repeat.

    >>> print(tg.global_norm([[3.0], None, [[4.0]]]).eval())
    5.0
    """
    tensors = [_values(t) for t in _sequence(t_list) if t is not None]
    with name_scope(name, "global_norm", tensors):
        if not tensors:
            return as_node(0.0, name="global_norm")
        return global_norm_op(*tensors, name="global_norm")


def _exact_norm(*tensors: Node) -> Node:
    return global_norm_op(*map(exact, tensors), name="norm")


def clip_by_global_norm(
    t_list: Sequence, clip_norm: TensorLike, use_norm: TensorLike | None = None,
    name: str | None = None,
) -> tuple[list[Node | None], Node]:
    """All tensors times clip_norm / max(norm, clip_norm), for a global norm of at most `clip_norm`.

    Returns the list, with Nones where it had them, and the norm: `use_norm`, or that of all tensors
    together. A clip_norm of inf changes nothing. IndexedSlices stay IndexedSlices. A run that needs
    a clipped tensor raises InvalidArgumentError where the norm is not finite or clip_norm negative.

    >>> clipped, norm = tg.clip_by_global_norm([[3.0], [4.0]], 2.5)
    >>> [c.eval() for c in clipped], float(norm.eval())
    ([array([1.5], dtype=float32), array([2.], dtype=float32)], 5.0)
    """
    values = [None if t is None else _values(t) for t in _sequence(t_list)]
    tensors = [t for t in values if t is not None]
    norm = global_norm(tensors, name) if use_norm is None else as_node(use_norm, name="use_norm")
    if not tensors:
        return list(values), norm
    with name_scope(name, "clip_by_global_norm", tensors) as scope:
        wide = tensors[0].dtype is not exact_dtype(tensors[0].dtype) and use_norm is None
        scale = _scale(_exact_norm(*tensors) if wide else norm, clip_norm, tensors[0])
        clipped = [None if t is None else _scaled(t, scale, f"{scope}_{i}")
                   for i, t in enumerate(values)]
    pairs: Any = zip(t_list, clipped, strict=True)
    return [t.with_values(c) if isinstance(t, CompositeTensor) else c for t, c in pairs], norm


def clip_by_norm(
    t: TensorLike, clip_norm: TensorLike, axes: AxisLike = None, name: str | None = None
) -> Node:
    """t * clip_norm / max(norm, clip_norm), which has a norm of at most `clip_norm`.

    The norm is that of all of `t`, or one over `axes`. Where it is 0, the result is 0; a clip_norm
    of inf changes nothing. IndexedSlices stay IndexedSlices. A run raises InvalidArgumentError
    where the norm is not finite or clip_norm negative.

    >>> tg.clip_by_norm([3.0, 4.0], 2.5).eval()
    array([1.5, 2. ], dtype=float32)
    """
    if isinstance(t, CompositeTensor):
        return t.with_values(clip_by_norm(t.values, clip_norm, axes, name))
    t = as_node(t, name="t")
    with name_scope(name, "clip_by_norm", [t]) as scope:
        norm = (_exact_norm(t) if axes is None else
                reduce_euclidean_norm(exact(t), axes, keepdims=True, name="norm"))
        return _scaled(t, _scale(norm, clip_norm, t), scope)


def clip_by_average_norm(t: TensorLike, clip_norm: TensorLike, name: str | None = None) -> Node:
    """t * clip_norm / max(norm / size, clip_norm): its norm per element is at most `clip_norm`.

    A run raises InvalidArgumentError where the norm is not finite or clip_norm negative.

    >>> tg.clip_by_average_norm([3.0, 4.0], 1.25).eval()
    array([1.5, 2. ], dtype=float32)
    """
    t = as_node(t, name="t")
    with name_scope(name, "clip_by_average_norm", [t]) as scope:
        elements = maximum(cast(size(t), exact_dtype(t.dtype)), 1.0)
        return _scaled(t, _scale(_exact_norm(t) / elements, clip_norm, t), scope)


def _scale(norm: Node, clip_norm: Any, t: Node) -> Node:
    """clip_norm / max(norm, clip_norm), for a finite norm; 0 where both are 0."""
    norm = exact(norm)
    dtype = t.dtype if isinstance(clip_norm, Node) else norm.dtype
    limit = exact(as_node(clip_norm, dtype, "clip_norm", norm.graph))
    constant = limit.spec.constant
    if constant is not None and not np.all(constant >= 0):
        raise GraphError(f"clip_norm must not be negative, but it is {constant}")
    limit = minimum(check_limit_op(limit), limit.dtype.max)  # inf / inf would be NaN
    norm = check_numerics(norm, "Cannot clip by a norm that is not finite", name="finite_norm")
    return div_no_nan(limit, maximum(norm, limit), name="scale")


def _scaled(t: Node, scale: Node, name: str) -> Node:
    """t * scale, for float16 computed in float32."""
    if t.dtype is scale.dtype:
        scaled = multiply(t, scale, name=name)
    else:
        scaled = cast(exact(t) * scale, t.dtype, name=name)
    if not scaled.shape.is_compatible_with(t.shape):
        raise ShapeError(
            f"clip_norm would widen '{t.name}' of shape {t.shape} to {scaled.shape}; "
            "give a scalar, or a shape that broadcasts to the tensor's")
    return scaled


def _values(t: Any) -> Node:
    """A tensor, or the values of IndexedSlices."""
    return t.values if isinstance(t, CompositeTensor) else as_node(t, name="t")


def _sequence(t_list: Any) -> Sequence:
    if not isinstance(t_list, Sequence) or isinstance(t_list, str):
        raise DTypeError(f"t_list should be a sequence, not {t_list!r}")
    return t_list
