"""Softmax and the losses that take logits.

Each loss is a composite op: one node with the stable formula as its body and the famous rule,
prediction minus target, as its gradient. Bodies and rules are made of the same pieces, which the
compiler merges: a training step computes one exponential for a loss, its gradient and the
prediction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.arguments import either, named
from tinygraph.defaults import name_scope
from tinygraph.dtypes import int32, int64
from tinygraph.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError
from tinygraph.families import check_dtypes, composite, reduced_shape
from tinygraph.graph import Node
from tinygraph.op import Op, as_node
from tinygraph.ops.arithmetic import multiply_no_nan
from tinygraph.ops.array import shape_of, static_int, stop_gradient
from tinygraph.ops.axes import along_late, axis_of
from tinygraph.ops.broadcasting import reduce_sum
from tinygraph.ops.compare import cast, exact, in_float32
from tinygraph.ops.elementary import exp, log, log1p, sigmoid_slope, tail
from tinygraph.ops.math import maximum
from tinygraph.ops.nn import sigmoid, softplus
from tinygraph.ops.reduce import reduce_max
from tinygraph.ops.reshaping import expand_op, reshape, squeeze
from tinygraph.spec import UNKNOWN, Shape, Spec, broadcast, normalize_axis
from tinygraph.typing import AxisLike, TensorLike

# ---------------------------------------------------------------- softmax


def shifted(z: Node, axis: int) -> Node:
    """z minus its largest element along `axis`, so that no exponential overflows."""
    return z - reduce_max(z, axis, keepdims=True)


def total(z: Node, axis: int) -> Node:
    """The sum of the exponentials, at least 1."""
    return reduce_sum(exp(shifted(z, axis)), axis, keepdims=True)


def _logits_spec(z: Spec, axis: int) -> Spec:
    normalize_axis(axis, z.shape.ndims)
    return Spec(z.shape, check_dtypes((z,), "float"))


def _last_axis(value: AxisLike, what: str) -> Any:
    return -1 if value is None else axis_of(value, what)


LAST = {"axis": (_last_axis, None, along_late), "name": (named, None), "dim": "axis"}

softmax: Op = composite("Softmax",
    in_float32(lambda z, axis: exp(shifted(z, axis)) / total(z, axis)),
    in_float32(lambda g, y, z, axis: (g - reduce_sum(g * y, axis, keepdims=True)) * y),
    params=("logits",), infer=_logits_spec, attrs=LAST,
    doc="""exp(logits) / sum(exp(logits)) along `axis`, the last one by default.

    >>> tg.nn.softmax([[0.0, 0.0], [1e4, 0.0]]).eval()
    array([[0.5, 0.5],
           [1. , 0. ]], dtype=float32)
    """)
log_softmax: Op = composite("LogSoftmax",
    in_float32(lambda z, axis: shifted(z, axis) - log(total(z, axis))),
    in_float32(
        lambda g, y, z, axis: g - softmax(z, axis=axis) * reduce_sum(g, axis, keepdims=True)),
    params=("logits",), infer=_logits_spec, attrs=LAST,
    doc="""logits - log(sum(exp(logits))) along `axis`, the last one by default.

    >>> tg.nn.log_softmax([0.0, 1e4]).eval()
    array([-10000.,      0.], dtype=float32)
    """)


# ---------------------------------------------------------------- softmax cross-entropy


def _cross_entropy_spec(z: Spec, t: Spec, axis: int) -> Spec:
    dtype = check_dtypes((z, t), "float")
    ranks = {z.shape.ndims, t.shape.ndims} - {None}
    if len(ranks) > 1 or 0 in ranks:
        raise ShapeError("logits and labels must have the same rank, at least 1,")
    return Spec(reduced_shape(broadcast(z.shape, t.shape), (axis,), False), dtype)


def _row_for_row(t: Shape, z: Shape) -> Shape:
    """The shape in which labels of shape `t`, of another rank, belong to logits of shape `z`."""
    if t.sizes is None or z.sizes is None:
        return UNKNOWN
    if not t.sizes or not z.sizes or len(t.sizes) == len(z.sizes):
        return t
    rows, wanted = t[:-1].num_elements(), z[:-1].num_elements()
    if rows is None or wanted is None:
        return Shape.of((*[None] * (len(z.sizes) - 1), t.sizes[-1]))
    if rows not in (1, wanted):
        raise ShapeError(f"labels of shape {t} have {rows} rows, but logits of {z} {wanted}")
    return Shape.of((*(z.sizes[:-1] if rows == wanted else [1] * (len(z.sizes) - 1)), t.sizes[-1]))


row_for_row = Op("RowForRow",
    lambda t, z: t.reshape(_row_for_row(Shape.of(t.shape), Shape.of(z.shape)).sizes),
    lambda t, z: Spec(_row_for_row(t.shape, z.shape), check_dtypes((t, z), "float")),
    (lambda g, y, t, z: reshape(g, shape_of(t)), None), ("labels", "logits"), view="part",
    rewrite=lambda t, z: (
        reshape(t, _row_for_row(t.shape, z.shape))
        if t.shape.is_fully_defined() and z.shape.is_fully_defined() else None),
    doc="Labels of any rank with that of the logits, whose rows they have row for row.")
softmax_cross_entropy = composite("SoftmaxCrossEntropyWithLogits",
    lambda z, t, axis: reduce_sum(
        multiply_no_nan(log(total(z, axis)) - shifted(z, axis), t), axis),
    lambda g, y, z, t, axis: expand_op(g, axis=(axis,))
    * (softmax(z, axis=axis) * reduce_sum(t, axis, keepdims=True) - t),
    lambda g, y, z, t, axis: expand_op(g, axis=(axis,)) * -log_softmax(z, axis=axis),
    params=("logits", "labels"), infer=_cross_entropy_spec, broadcasts=True,
    doc="-sum(t * log(softmax(z))) along `axis`; its gradient is softmax(z) * sum(t) - t.")


def softmax_cross_entropy_with_logits_v2(
    labels: TensorLike, logits: TensorLike, axis: AxisLike = None, name: str | None = None,
    dim: AxisLike = None,
) -> Node:
    """-sum(labels * log(softmax(logits))) along `axis`, the last one by default.

    Gradients flow to both: softmax(logits) * sum(labels) - labels, and -log(softmax(logits)). A
    label of 0 counts nothing, even for a logit of -inf. Labels of another dtype are cast, and
    broadcast. The result has the shape of the logits without `axis`; labels of another rank are
    compared row by row.

    Raises ShapeError where the shapes do not fit together.

    >>> tg.nn.softmax_cross_entropy_with_logits_v2(
    ...     labels=[[0.0, 1.0]], logits=[[1.0, 1.0]]).eval().round(4)
    array([0.6931], dtype=float32)
    """
    axis = either(axis, dim, "'axis' and 'dim'")
    at = -1 if axis is None else static_int(axis, "axis")
    with name_scope(name, "softmax_cross_entropy_with_logits", [logits, labels]) as scope:
        logits = as_node(logits, name="logits")
        wide = exact(logits)  # as in TF1
        labels = cast(as_node(labels, name="labels", graph=logits.graph), wide.dtype)
        if at == -1 and (labels.shape.ndims is None or labels.shape.ndims != wide.shape.ndims):
            labels = row_for_row(labels, wide)
        if wide is logits:
            return softmax_cross_entropy(logits, labels, axis=at, name=scope)
        return cast(softmax_cross_entropy(wide, labels, axis=at), logits.dtype, name=scope)


def softmax_cross_entropy_with_logits(
    _sentinel: None = None, labels: TensorLike | None = None, logits: TensorLike | None = None,
    dim: AxisLike = None, name: str | None = None, axis: AxisLike = None,
) -> Node:
    """`softmax_cross_entropy_with_logits_v2` without a gradient to the labels.

    Only named arguments are taken, since the order of logits and labels has changed over time.

    >>> tg.nn.softmax_cross_entropy_with_logits(labels=[[0.0, 1.0]], logits=[[1e4, 0.0]]).eval()
    array([10000.], dtype=float32)
    """
    _check_named("softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "softmax_cross_entropy_with_logits_sg", [logits, labels]) as scope:
        labels = stop_gradient(as_node(labels, name="labels"), name="labels_stop_gradient")
    return softmax_cross_entropy_with_logits_v2(labels, logits, axis, scope, dim)  # type: ignore


def _check_named(function: str, sentinel: Any, labels: Any, logits: Any) -> None:
    if sentinel is not None:
        raise GraphError(
            f"Only call `{function}` with named arguments (labels=..., logits=..., ...)")
    if labels is None or logits is None:
        raise GraphError("Both labels and logits must be provided.")


# ---------------------------------------------------------------- sparse labels


def _check_labels(labels: np.ndarray, classes: int) -> None:
    if labels.size and not (0 <= labels.min() and labels.max() < classes):
        flat = labels.reshape(-1)
        bad = flat[(flat < 0) | (flat >= classes)][0]
        shown = " ".join(map(str, flat[:20])) + " ..." * (flat.size > 20)
        raise InvalidArgumentError(
            f"Received a label value of {bad} which is outside the valid range of "
            f"[0, {classes}).  Label values: {shown}")


def _pick(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    _check_labels(labels, x.shape[-1])
    return np.take_along_axis(x, labels[..., None], axis=-1)


def _one_hot_like(x: np.ndarray, labels: np.ndarray, out: np.ndarray) -> np.ndarray:
    _check_labels(labels, x.shape[-1])
    out.fill(0)
    np.put_along_axis(out, labels[..., None], 1, axis=-1)
    return out


def _labelled(shape: Callable[[Shape, Shape], Shape]) -> Callable[..., Spec]:
    """The shape rule of an op of numbers for each class, and of the labels of the true ones."""

    def infer(z: Spec, t: Spec) -> Spec:
        _labels_fit(z, t)
        return Spec(shape(z.shape, t.shape), z.dtype)

    return infer


def _labels_fit(z: Spec, t: Spec) -> None:
    if t.dtype not in (int32, int64):
        raise DTypeError(f"labels must be int32 or int64, not {t.dtype.name},")
    check_dtypes((z,), "float")
    rank, labels_rank = z.shape.ndims, t.shape.ndims
    if rank == 0:
        raise ShapeError("Logits cannot be scalars - received shape ().")
    if rank is not None and labels_rank is not None and rank != labels_rank + 1:
        raise ShapeError(
            f"Rank mismatch: Rank of labels (received {labels_rank}) should equal rank of logits "
            f"minus 1 (received {rank}).")
    if rank is not None and not t.shape.is_compatible_with(z.shape[:-1]):
        raise ShapeError(
            f"Shape mismatch: The shape of labels (received {t.shape}) should equal the shape of "
            f"logits except for the last dimension (received {z.shape}).")


one_hot_like = Op("OneHotLike", _one_hot_like, _labelled(lambda z, t: z), (None, None),
    ("x", "labels"),
    doc="1 at each label's place in x's last axis, 0 elsewhere; checks the labels' range.")
pick = Op("PickLabels", _pick, _labelled(lambda z, t: t.concatenate((1,))),
    (lambda g, y, x, labels: g * one_hot_like(x, labels), None), ("x", "labels"),
    doc="x at each label's place in its last axis, which stays as 1; checks the labels' range.")
sparse_softmax_cross_entropy = composite("SparseSoftmaxCrossEntropyWithLogits",
    lambda z, t: squeeze(log(total(z, -1)) - pick(shifted(z, -1), t), axis=(-1,)),
    lambda g, y, z, t: expand_op(g, axis=(-1,)) * (softmax(z, axis=-1) - one_hot_like(z, t)), None,
    params=("logits", "labels"), infer=_labelled(lambda z, t: z[:-1].merge_with(t)),
    doc="-log(softmax(z))[t] along the last axis; its gradient is softmax(z) - one_hot(t).")


def sparse_softmax_cross_entropy_with_logits(
    _sentinel: None = None, labels: TensorLike | None = None, logits: TensorLike | None = None,
    name: str | None = None,
) -> Node:
    """-log(softmax(logits))[label] along the last axis, for labels given as numbers.

    `labels` are int32 or int64 in the shape of logits without its last axis. A label out of range
    is an InvalidArgumentError when it runs. Only named arguments are taken.

    >>> tg.nn.sparse_softmax_cross_entropy_with_logits(labels=[1], logits=[[1e4, 0.0]]).eval()
    array([10000.], dtype=float32)
    """
    _check_named("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    name = named(name, "SparseSoftmaxCrossEntropyWithLogits")
    with name_scope(name, None, [labels, logits]) as scope:
        labels, logits = as_node(labels, name="labels"), as_node(logits, name="logits")
        wide = exact(logits)  # as in TF1
        if wide is logits:
            return sparse_softmax_cross_entropy(logits, labels, name=scope)
        return cast(sparse_softmax_cross_entropy(wide, labels), logits.dtype, name=scope)


# ---------------------------------------------------------------- sigmoid cross-entropy


def _logistic_spec(z: Spec, t: Spec) -> Spec:
    dtype = check_dtypes((z, t), "float")
    if not z.shape.is_compatible_with(t.shape):
        raise ShapeError(f"logits and labels must have the same shape ({z.shape} vs {t.shape})")
    return Spec(z.shape.merge_with(t.shape), dtype)


# For t = 1 the difference sigmoid(z) - t rounds to 0 from z = 17 on in float32. Here both are times
# 1 + e, with e = e^-|z|, and 1 - t is 0 before what is left is taken from it.
sigmoid_minus = composite("SigmoidMinus",
    lambda z, t: (maximum(tail(z), cast(z > 0, z.dtype)) - t - t * tail(z)) / (1 + tail(z)),
    lambda g, y, z, t: g * sigmoid_slope(z),
    lambda g, y, z, t: -g, infer=_logistic_spec,
    doc="sigmoid(z) - t, elementwise, with all digits for a t of 0 or 1.")
sigmoid_cross_entropy = composite("LogisticLoss",
    lambda z, t: z * (cast(z > 0, z.dtype) - t) + log1p(tail(z)),  # max(z, 0) - z * t + ...
    lambda g, y, z, t: g * sigmoid_minus(z, t),
    lambda g, y, z, t: -g * z,
    params=("logits", "labels"), infer=_logistic_spec,
    doc="-t log(sigmoid(z)) - (1 - t) log(1 - sigmoid(z)); its gradient is sigmoid(z) - t.")


def sigmoid_cross_entropy_with_logits(
    _sentinel: None = None, labels: TensorLike | None = None, logits: TensorLike | None = None,
    name: str | None = None,
) -> Node:
    """-labels * log(sigmoid(logits)) - (1 - labels) * log(1 - sigmoid(logits)), elementwise.

    Computed as max(z, 0) - z * t + log1p(exp(-|z|)), the first two as z times a difference. Only
    named arguments are taken.

    Raises ShapeError where the shapes differ.

    >>> tg.nn.sigmoid_cross_entropy_with_logits(labels=[1.0, 1.0], logits=[1e4, -1e4]).eval()
    array([    0., 10000.], dtype=float32)
    """
    _check_named("sigmoid_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "logistic_loss", [logits, labels]) as scope:
        logits, labels = _pair(logits, labels)
        return sigmoid_cross_entropy(logits, labels, name=scope)


def _pair(logits: Any, labels: Any) -> tuple[Node, Node]:
    """Both as tensors of one dtype, that of the tensor among them."""
    dtype = labels.dtype if isinstance(labels, Node) and not isinstance(logits, Node) else None
    logits = as_node(logits, dtype, name="logits")
    return logits, as_node(labels, logits.dtype, name="labels", graph=logits.graph)


def _weighted_spec(z: Spec, t: Spec, q: Spec) -> Spec:
    check_dtypes((z, t, q), "float")
    spec = _logistic_spec(z, t)
    return Spec(broadcast(spec.shape, q.shape), spec.dtype)


weighted_cross_entropy = composite("WeightedLogisticLoss",
    lambda z, t, q: (1 - t) * maximum(z, 0) + q * t * maximum(-z, 0)
    + (1 + (q - 1) * t) * log1p(tail(z)),
    lambda g, y, z, t, q: g * ((1 - t) * sigmoid(z) - q * t * sigmoid(-z)),
    lambda g, y, z, t, q: g * ((q - 1) * softplus(-z) - z),
    lambda g, y, z, t, q: g * t * softplus(-z), params=("logits", "labels", "pos_weight"),
    infer=_weighted_spec, broadcasts=True,
    doc="-q t log(sigmoid(z)) - (1 - t) log(1 - sigmoid(z)).")


def weighted_cross_entropy_with_logits(
    labels: TensorLike | None = None, logits: TensorLike | None = None,
    pos_weight: TensorLike | None = None, name: str | None = None,
    targets: TensorLike | None = None,
) -> Node:
    """Sigmoid cross-entropy in which the positive labels count `pos_weight` times.

    -pos_weight * t * log(sigmoid(z)) - (1 - t) * log(1 - sigmoid(z)); `targets` is the old name of
    `labels`. Raises ShapeError where the shapes of labels and logits differ.

    >>> tg.nn.weighted_cross_entropy_with_logits(
    ...     labels=[1.0, 0.0], logits=[0.0, 0.0], pos_weight=2.0).eval().round(4)
    array([1.3863, 0.6931], dtype=float32)
    """
    labels = either(labels, targets, "'labels' and 'targets'")
    if labels is None or logits is None or pos_weight is None:
        raise GraphError("labels, logits and pos_weight must be provided.")
    with name_scope(name, "logistic_loss", [logits, labels]) as scope:
        logits, labels = _pair(logits, labels)
        weight = as_node(pos_weight, logits.dtype, name="pos_weight", graph=logits.graph)
        return weighted_cross_entropy(logits, labels, weight, name=scope)
