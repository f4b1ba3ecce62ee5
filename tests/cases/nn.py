"""Neural network ops and losses."""

import numpy as np

import tinygraph as tg
from cases import Case, bools, f64, i32, i64, positive

REGISTRY = tg.registry
INF = float("inf")


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def softplus(x):
    return np.logaddexp(x, 0)


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def log_softmax(z, axis=-1):
    return z - z.max(axis, keepdims=True) - np.log(
        np.exp(z - z.max(axis, keepdims=True)).sum(axis, keepdims=True))


def cross_entropy(t, z, axis=-1):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(t == 0, 0, -t * log_softmax(z, axis)).sum(axis)


def sparse_cross_entropy(t, z):
    return -np.take_along_axis(log_softmax(z), t[..., None], -1)[..., 0]


def logistic(t, z, q=1.0):
    return q * t * softplus(-z) + (1 - t) * softplus(z)


def bias_first(x, b):
    return x + b.reshape((-1,) + (1,) * (x.ndim - 2))


def variance(x, axis):
    return x.var(axis, keepdims=True)


def batch_norm(x, mean, var, offset, scale):
    return scale * (x - mean) / np.sqrt(var + 1e-3) + offset


def l2_normalize(x, axis=None, epsilon=1e-12):
    return x / np.sqrt(np.maximum((x * x).sum(axis, keepdims=True), epsilon))


def probabilities(*shape):
    p = positive(*shape)
    return p / p.sum(-1, keepdims=True)


SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772

ACTIVATIONS = [
    Case("Relu", lambda x: tg.nn.relu(x), [f64(3, 4)], lambda x: np.maximum(x, 0)),
    Case("Relu", lambda x: tg.nn.relu(x), [i32(5, low=-9)], lambda x: np.maximum(x, 0),
         note="ints"),
    Case("Relu", lambda x: tg.nn.relu(x), [f64()], lambda x: np.maximum(x, 0)),
    Case("Relu", lambda x: tg.nn.relu(x), [f64(0, 3)], lambda x: np.maximum(x, 0)),
    Case("ReluGrad", REGISTRY["ReluGrad"], [f64(3, 4), f64(3, 4)], lambda g, x: g * (x > 0)),
    Case("Relu6Grad", REGISTRY["Relu6Grad"], [f64(3, 4), f64(3, 4, low=-3, high=9)],
         lambda g, x: g * ((x > 0) & (x < 6))),
    Case("LeakyReluGrad", lambda g, x: REGISTRY["LeakyReluGrad"](g, x, alpha=0.2),
         [f64(3, 4), f64(3, 4)], lambda g, x: g * np.where(x > 0, 1, 0.2)),
    Case("Relu6", lambda x: tg.nn.relu6(x), [f64(4, 4, low=-3, high=9)],
         lambda x: np.clip(x, 0, 6)),
    Case("LeakyRelu", lambda x: tg.nn.leaky_relu(x), [f64(3, 4)],
         lambda x: np.where(x > 0, x, 0.2 * x)),
    Case("LeakyRelu", lambda x: tg.nn.leaky_relu(x, alpha=1.5), [f64(5)],
         lambda x: np.where(x > 0, x, 1.5 * x), note="alpha above 1"),
    Case("LeakyRelu", lambda x: tg.nn.leaky_relu(x, 0.25), [i32(5, low=-9)],
         lambda x: np.where(x > 0, x, x / 4).astype(np.float32), note="ints become floats"),
    Case("Elu", lambda x: tg.nn.elu(x), [f64(3, 4)], lambda x: np.where(x > 0, x, np.expm1(x))),
    Case("Selu", lambda x: tg.nn.selu(x), [f64(3, 4)],
         lambda x: SCALE * np.where(x > 0, x, ALPHA * np.expm1(x))),
    Case("Sigmoid", lambda x: tg.nn.sigmoid(x), [f64(3, 4)], sigmoid),
    Case("Sigmoid", lambda x: tg.nn.sigmoid(x), [f64(16, low=-700, high=700)], sigmoid,
         note="tails", grad=False, dtypes=()),
    Case("Softplus", lambda x: tg.nn.softplus(x), [f64(3, 4)], softplus),
    Case("Softplus", lambda x: tg.nn.softplus(x), [f64(8, low=-1000, high=1000)], softplus,
         note="tails", grad=False, dtypes=()),
    Case("LogSigmoid", lambda x: tg.log_sigmoid(x), [f64(3, 4)], lambda x: -softplus(-x)),
    Case("LogSigmoid", lambda x: tg.log_sigmoid(x), [f64(8, low=-1000, high=1000)],
         lambda x: -softplus(-x), note="tails", grad=False, dtypes=()),
    Case("Softsign", lambda x: tg.nn.softsign(x), [f64(3, 4)], lambda x: x / (1 + np.abs(x))),
    Case("Softmax", lambda z: tg.nn.softmax(z), [f64(3, 4)], softmax),
    Case("Softmax", lambda z: tg.nn.softmax(z, axis=0), [f64(3, 4)], lambda z: softmax(z, 0),
         note="axis 0"),
    Case("Softmax", lambda z: tg.nn.softmax(z, dim=-2), [f64(2, 3, 2)], lambda z: softmax(z, -2),
         note="axis -2"),
    Case("Softmax", lambda z: tg.nn.softmax(z), [f64(2, 3, low=-1e4, high=1e4)], softmax,
         note="large", grad=False, dtypes=()),
    Case("LogSoftmax", lambda z: tg.nn.log_softmax(z), [f64(3, 4)], log_softmax),
    Case("LogSoftmax", lambda z: tg.nn.log_softmax(z, axis=1), [f64(2, 3, 2)],
         lambda z: log_softmax(z, 1), note="axis 1"),
    Case("LogSoftmax", lambda z: tg.nn.log_softmax(z), [f64(2, 3, low=-1e4, high=1e4)], log_softmax,
         note="large", grad=False, dtypes=()),
]

LAYERS = [
    Case("BiasAdd", lambda x, b: tg.nn.bias_add(x, b), [f64(3, 4), f64(4)], lambda x, b: x + b),
    Case("BiasAdd", lambda x, b: tg.nn.bias_add(x, b), [f64(2, 2, 3, 4), f64(4)],
         lambda x, b: x + b),
    Case("BiasAdd", lambda x, b: tg.nn.bias_add(x, b, data_format="NCHW"),
         [f64(2, 3, 4, 2), f64(3)], bias_first, note="NCHW", unknown="dims"),
    Case("BiasAdd", lambda x, b: tg.nn.bias_add(x, b, "NC"), [f64(2, 3), f64(3)], bias_first,
         note="NC", unknown="dims"),
    Case("BiasAdd", lambda x, b: tg.nn.bias_add(x, b), [i32(2, 3), i32(3)], lambda x, b: x + b,
         note="ints"),
    Case("BiasAdd", lambda x, w, b: tg.nn.xw_plus_b(x, w, b), [f64(2, 3), f64(3, 4), f64(4)],
         lambda x, w, b: x @ w + b, note="xw plus b"),
    Case("Relu", lambda x, w, b: tg.nn.relu_layer(x, w, b), [f64(2, 3), f64(3, 4), f64(4)],
         lambda x, w, b: np.maximum(x @ w + b, 0), note="relu layer"),
    Case("KeepWhere", lambda x: tg.nn.dropout(x, keep_prob=0.5, seed=3), [f64(5, 6)],
         note="dropout: tests/test_nn.py knows its values", grad=False, dtypes=()),
    Case("KeepWhere", lambda x, p: tg.nn.dropout(x, p, noise_shape=[None, 1], seed=3),
         [f64(5, 6), np.array(0.5)], note="dropout of rows: tests/test_nn.py knows its values",
         grad=False, dtypes=()),
    Case("Variance", lambda x: tg.nn.moments(x, [0]), [f64(4, 3)],
         lambda x: [x.mean(0), x.var(0)]),
    Case("Variance", lambda x: tg.nn.moments(x, [0, -1], keep_dims=True), [f64(2, 3, 2)],
         lambda x: [x.mean((0, 2), keepdims=True), x.var((0, 2), keepdims=True)], note="keepdims"),
    Case("Variance", lambda x: tg.nn.moments(x, axes=None), [f64(2, 3)],
         lambda x: [x.mean(), x.var()], note="all axes"),
    Case("Variance", lambda x: tg.nn.moments(x + 1e6, 0)[1], [f64(5)], lambda x: x.var(0),
         note="far from 0; the sum has lost ten digits", slack=1e5, grad=False, dtypes=()),
    Case("Rsqrt", lambda x, m, v, b, s: tg.nn.batch_normalization(x, m, v, b, s, 1e-3),
         [f64(4, 3), f64(3), positive(3), f64(3), f64(3)], batch_norm, note="batch normalization"),
    Case("Rsqrt", lambda x, m, v: tg.nn.batch_normalization(x, m, v, None, None, 1e-3),
         [f64(4, 3), f64(3), positive(3)], lambda x, m, v: batch_norm(x, m, v, 0, 1),
         note="batch normalization, no scale"),
    Case("EuclideanNorm", lambda x: tg.nn.l2_normalize(x, 1), [f64(3, 4)],
         lambda x: l2_normalize(x, 1), note="l2 normalize"),
    Case("EuclideanNorm", lambda x: tg.nn.l2_normalize(x, dim=[0, 1], epsilon=100.0), [f64(3, 4)],
         lambda x: l2_normalize(x, None, 100.0), note="l2 normalize, epsilon"),
    Case("L2Loss", lambda t: tg.nn.l2_loss(t), [f64(3, 4)], lambda t: (t * t).sum() / 2),
    Case("Mean", lambda x: tg.nn.zero_fraction(x), [i32(4, 5, high=2)],
         lambda x: np.float32((x == 0).mean()), note="zero fraction"),
]

V2 = tg.nn.softmax_cross_entropy_with_logits_v2
SPARSE = tg.nn.sparse_softmax_cross_entropy_with_logits
SIGMOID = tg.nn.sigmoid_cross_entropy_with_logits
WEIGHTED = tg.nn.weighted_cross_entropy_with_logits

LOSSES = [
    Case("RowForRow", REGISTRY["RowForRow"], [f64(1, 3, 4), f64(3, 4)], lambda t, z: t[0]),
    Case("RowForRow", REGISTRY["RowForRow"], [f64(4), f64(3, 1, 4)], lambda t, z: t[None, None],
         note="one row"),
    Case("SoftmaxCrossEntropyWithLogits", lambda t, z: V2(labels=t, logits=z),
         [probabilities(3, 4), f64(3, 4)], cross_entropy),
    Case("SoftmaxCrossEntropyWithLogits", lambda t, z: V2(labels=t, logits=z),
         [f64(3, 4), f64(3, 4)], cross_entropy, note="labels that do not sum to 1"),
    Case("SoftmaxCrossEntropyWithLogits", lambda t, z: V2(labels=t, logits=z, axis=1),
         [f64(2, 3, 2), f64(2, 3, 2)], lambda t, z: cross_entropy(t, z, 1), note="axis 1"),
    Case("SoftmaxCrossEntropyWithLogits", lambda t, z: V2(labels=t, logits=z, dim=0),
         [f64(3), f64(3)], lambda t, z: cross_entropy(t, z, 0), note="a vector"),
    Case("SoftmaxCrossEntropyWithLogits", lambda t, z: V2(labels=t, logits=z),
         [f64(1, 4), f64(3, 4)], cross_entropy, note="labels broadcast"),
    Case("SoftmaxCrossEntropyWithLogits", lambda t, z: V2(labels=t, logits=z),
         [f64(3, 4), f64(1, 4)], cross_entropy, note="logits broadcast"),
    Case("SoftmaxCrossEntropyWithLogits", lambda t, z: V2(labels=t, logits=z),
         [np.array([[0.0, 1.0, 0.0]]), np.array([[-INF, 2.0, 1e3]])], cross_entropy,
         note="label 0, logit -inf", grad=False, dtypes=("float32",)),
    Case("SoftmaxCrossEntropyWithLogits",
         lambda t, z: tg.nn.softmax_cross_entropy_with_logits(labels=t, logits=z),
         [probabilities(3, 4), f64(3, 4)], cross_entropy,
         note="stops the labels' gradient", grad=False),
    Case("SparseSoftmaxCrossEntropyWithLogits", lambda t, z: SPARSE(labels=t, logits=z),
         [i32(3, high=4), f64(3, 4)], sparse_cross_entropy),
    Case("SparseSoftmaxCrossEntropyWithLogits", lambda t, z: SPARSE(labels=t, logits=z),
         [i64(2, 3, high=4), f64(2, 3, 4)], sparse_cross_entropy),
    Case("SparseSoftmaxCrossEntropyWithLogits", lambda t, z: SPARSE(labels=t, logits=z),
         [i32(high=4), f64(4)], sparse_cross_entropy),
    Case("PickLabels", lambda x, t: REGISTRY["PickLabels"](x, t), [f64(3, 4), i32(3, high=4)],
         lambda x, t: np.take_along_axis(x, t[..., None], -1)),
    Case("OneHotLike", lambda x, t: REGISTRY["OneHotLike"](x, t), [f64(3, 4), i64(3, high=4)],
         lambda x, t: np.eye(4)[t]),
    Case("SigmoidMinus", REGISTRY["SigmoidMinus"], [f64(3, 4), positive(3, 4, low=0, high=1)],
         lambda z, t: sigmoid(z) - t),
    Case("LogisticLoss", lambda t, z: SIGMOID(labels=t, logits=z),
         [positive(3, 4, low=0, high=1), f64(3, 4)], logistic),
    Case("LogisticLoss", lambda t, z: SIGMOID(labels=t, logits=z),
         [bools(8).astype(float), f64(8, low=-1000, high=1000)], logistic, note="tails",
         grad=False, dtypes=()),
    Case("WeightedLogisticLoss", lambda t, z, q: WEIGHTED(labels=t, logits=z, pos_weight=q),
         [positive(3, 4, low=0, high=1), f64(3, 4), np.array(2.5)], logistic),
    Case("WeightedLogisticLoss", lambda t, z, q: WEIGHTED(targets=t, logits=z, pos_weight=q),
         [positive(3, 4, low=0, high=1), f64(3, 4), positive(4)], logistic, note="a weight each"),
    Case("WeightedLogisticLoss", lambda t, z: WEIGHTED(t, z, 0.5),
         [bools(8).astype(float), f64(8, low=-1000, high=1000)],
         lambda t, z: logistic(t, z, 0.5), note="tails", grad=False, dtypes=()),
]

CASES = [*ACTIVATIONS, *LAYERS, *LOSSES]
