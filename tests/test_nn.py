"""Activations at their kinks and tails, losses at extreme logits, dropout, and what is shared."""

import re

import numpy as np
import pytest

import tinygraph as tg

V1 = tg.nn.softmax_cross_entropy_with_logits
V2 = tg.nn.softmax_cross_entropy_with_logits_v2
SPARSE = tg.nn.sparse_softmax_cross_entropy_with_logits
SIGMOID = tg.nn.sigmoid_cross_entropy_with_logits
WEIGHTED = tg.nn.weighted_cross_entropy_with_logits

INF = float("inf")


def run(*fetches, feeds=None):
    with tg.Session() as sess:
        values = sess.run(list(fetches), feeds)
    return values[0] if len(fetches) == 1 else values


def slope(function, x):
    """The gradient of an elementwise function, at numbers."""
    x = tg.constant(x)
    return run(tg.gradients(function(x), x)[0]).tolist()


def ulps(value, exact):
    """The error in units of the last place of the exact value."""
    return float(np.max(np.abs(value - exact) / np.spacing(np.abs(exact).astype(value.dtype))))


# ---------------------------------------------------------------- activations


@pytest.mark.smoke
@pytest.mark.parametrize(
    "function, at, slopes",
    [
        (tg.nn.relu, [-1.0, -0.0, 0.0, 1.0], [0, 0, 0, 1]),
        (tg.nn.relu6, [-1.0, 0.0, 3.0, 6.0, 7.0], [0, 0, 1, 0, 0]),
        (tg.nn.leaky_relu, [-1.0, 0.0, 1.0], [np.float32(0.2), np.float32(0.2), 1]),
        (tg.nn.elu, [0.0, 1.0], [1, 1]),
        (tg.nn.selu, [0.0, 1.0], [np.float32(1.0507009873554805)] * 2),
        (tg.nn.softsign, [0.0], [1]),
        (tg.nn.softplus, [-1000.0, 0.0, 1000.0], [0, 0.5, 1]),
        (tg.nn.sigmoid, [-1000.0, 0.0, 1000.0], [0, 0.25, 0]),
        (tg.log_sigmoid, [-1000.0, 0.0, 1000.0], [1, 0.5, 0]),
    ],
)
def test_slopes_at_kinks_and_ends(function, at, slopes):
    assert slope(function, at) == slopes


def test_a_gradient_that_is_not_finite_does_not_pass_a_closed_relu():
    x = tg.constant([-1.0, 1.0])
    (gradient,) = tg.gradients(tg.nn.relu(x), x, tg.constant([INF, 2.0]))
    assert run(gradient).tolist() == [0, 2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_and_its_kin_are_accurate_in_both_tails(dtype):
    end = 80 if dtype == np.float32 else 700
    x = np.concatenate([np.linspace(-end, end, 3001), np.logspace(-6, 2, 50)]).astype(dtype)
    exact = x.astype(np.longdouble)
    if np.finfo(np.longdouble).nmant <= np.finfo(dtype).nmant:
        pytest.skip("this machine has no wider floats to compare with")
    e = np.exp(-np.abs(exact))
    node = tg.constant(x)
    sigmoid, softplus, log_sigmoid = run(
        tg.nn.sigmoid(node), tg.nn.softplus(node), tg.log_sigmoid(node)
    )
    assert ulps(sigmoid, np.where(x < 0, e, 1) / (1 + e)) < 4
    assert ulps(softplus, np.maximum(exact, 0) + np.log1p(e)) < 4
    assert ulps(log_sigmoid, np.minimum(exact, 0) - np.log1p(e)) < 4


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_activations_at_the_ends_of_the_number_line(dtype):
    x = tg.constant(np.array([-INF, np.finfo(dtype).min, np.finfo(dtype).max, INF], dtype))
    assert run(tg.nn.sigmoid(x)).tolist() == [0, 0, 1, 1]
    assert run(tg.nn.softplus(x)).tolist() == [0, 0, float(np.finfo(dtype).max), INF]
    assert run(tg.nn.relu(x)).tolist() == [0, 0, float(np.finfo(dtype).max), INF]
    assert run(tg.nn.elu(x)).tolist() == [-1, -1, float(np.finfo(dtype).max), INF]


def test_nan_stays_nan():
    x = tg.constant([np.nan])
    for function in (tg.nn.relu, tg.nn.sigmoid, tg.nn.softplus, tg.nn.elu, tg.nn.softmax):
        assert np.isnan(run(function(x))).all(), function


@pytest.mark.default_passes
def test_no_exponential_overflows():
    """The programs are exported too, and run where NumPy warns."""
    x = tg.placeholder(tg.float32, [2])
    t = tg.constant([0.0, 1.0])
    loss = SIGMOID(labels=t, logits=x)
    fetches = [tg.nn.sigmoid(x), loss, V2(labels=t, logits=x), *tg.gradients(loss, x)]
    sess = tg.Session()
    source = sess.source(fetches, {x: [0.0, 0.0]})
    value = np.array([-1e4, 1e4], np.float32)
    e = np.exp(-np.abs(value))
    assert np.isfinite(e).all() and source.count("np.exp(") == 2
    assert all(np.isfinite(result).all() for result in sess.run(fetches, {x: value}))


def test_softmax_of_large_logits():
    logits = tg.constant([[1e4, 0.0], [-1e4, 1e4], [3e38, 3e38]])
    assert run(tg.nn.softmax(logits)).tolist() == [[1, 0], [0, 1], [0.5, 0.5]]
    assert np.isfinite(run(tg.nn.log_softmax(logits))).all()


def test_softmax_axes():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for axis in (-3, -2, -1, 0, 1, 2):
        value = run(tg.nn.softmax(tg.constant(x), axis=axis))
        e = np.exp(x)
        np.testing.assert_allclose(value, e / e.sum(axis, keepdims=True), rtol=1e-14)
        fed = tg.placeholder(tg.float64)
        np.testing.assert_array_equal(run(tg.nn.softmax(fed, axis), feeds={fed: x}), value)
    with pytest.raises(tg.errors.ShapeError, match="axis 3 is out of range"):
        tg.nn.softmax(tg.constant(x), axis=3)
    with pytest.raises(ValueError, match="Cannot specify both 'dim' and 'axis'"):
        tg.nn.softmax(tg.constant(x), axis=0, dim=0)
    with pytest.raises(TypeError, match="takes floats, not int32"):
        tg.nn.softmax([1, 2])


# ---------------------------------------------------------------- softmax cross-entropy


def exact_cross_entropy(t, z):
    """Loss and gradient in long doubles."""
    t, z = np.asarray(t, np.longdouble), np.asarray(z, np.longdouble)
    shifted = z - z.max(-1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        loss = np.where(t == 0, 0, t * (np.log(total) - shifted)).sum(-1)
    return loss, e / total * t.sum(-1, keepdims=True) - t


EXTREME = [
    ([0.0, 1.0, 0.0], [1.0, 2.0, 3.0]),
    ([0.0, 1.0, 0.0], [1e4, -1e4, 0.0]),
    ([0.0, 1.0, 0.0], [-1e4, 1e4, 0.0]),
    ([0.2, 0.3, 0.5], [1e30, 1e30, -1e30]),
    ([0.0, 1.0, 0.0], [-INF, 2.0, 3.0]),
    ([0.0, 0.0, 0.0], [-INF, -INF, 3.0]),
    ([0.5, 2.0, -1.0], [1.0, 2.0, 3.0]),
    ([1.0, 1.0, 1.0], [700.0, -700.0, 1e-3]),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("labels, logits", EXTREME)
def test_softmax_cross_entropy_at_extreme_logits(labels, logits, dtype):
    t, z = tg.constant(np.array(labels, dtype)), tg.constant(np.array(logits, dtype))
    loss = V2(labels=t, logits=z)
    value, gradient = run(loss, tg.gradients(loss, z)[0])
    exact, slopes = exact_cross_entropy(np.array(labels, dtype), np.array(logits, dtype))
    tolerance = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(value, exact, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(gradient, slopes, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("axis", [-1, None])
@pytest.mark.parametrize(
    ("logits", "labels"),
    [([None, 7], [1, None, 7]), (None, None), ([3, 1, 7], [None, 7]), ([3, 7], None)],
)
def test_labels_of_another_rank_than_the_logits(logits, labels, axis):
    """TF 1.15.5: (2.4900395778, 3.1961278062, 3.2436388493)."""
    scores, wanted = np.arange(21.0).reshape(3, 7) % 5 / 2, np.eye(7)[[1, 3, 6]]
    z, t = tg.placeholder(tg.float64, logits), tg.placeholder(tg.float64, labels)
    loss = V2(labels=t, logits=z, axis=axis)
    z_shape = (3, 7) if logits is None else [3 if size is None else size for size in logits]
    t_shape = (1, 3, 7) if labels is None else [3 if size is None else size for size in labels]
    feeds = {z: scores.reshape(z_shape), t: wanted.reshape(t_shape)}
    value, to_logits, to_labels = tg.Session().run([loss, *tg.gradients(loss, [z, t])], feeds)
    exact = np.log(np.exp(scores).sum(axis=1)) - scores[[0, 1, 2], [1, 3, 6]]
    np.testing.assert_allclose(value, exact.reshape(z_shape[:-1]), rtol=1e-14)
    np.testing.assert_allclose(value.ravel(), [2.4900395778, 3.1961278062, 3.2436388493])
    softmax = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(to_logits, (softmax - wanted).reshape(z_shape), atol=1e-14)
    np.testing.assert_allclose(to_labels, -np.log(softmax).reshape(t_shape), rtol=1e-14)


def test_the_shape_and_name_of_such_a_loss():
    z, t = tg.placeholder(tg.float16, [None, 7]), tg.placeholder(tg.float32, [1, None, 7])
    loss = V1(labels=t, logits=z, name="loss")
    assert loss.shape.as_list() == [None] and loss.dtype == tg.float16 and loss.name == "loss:0"
    with pytest.raises(ValueError, match="Dimensions must be equal, but are 6 and 7"):
        V2(labels=t, logits=tg.ones([3, 6]))


@pytest.mark.parametrize("op", [tg.nn.relu, tg.nn.relu6, tg.nn.leaky_relu, tg.abs])
def test_the_second_derivative_of_what_is_piecewise_linear_is_zero(op):
    """As in TF 1.15, and not None."""
    x = tg.constant([1.0, -1.0, 0.0, 7.0])
    (first,) = tg.gradients(op(x), x)
    second = tg.gradients(first, x)
    assert run(*second).tolist() == [0, 0, 0, 0]
    third = tg.gradients(second[0] + first * x, x)
    np.testing.assert_array_equal(*run(*third, first))


def test_the_gradient_to_the_labels():
    t, z = tg.constant([[0.25, 0.75]]), tg.constant([[1.0, 3.0]])
    (to_labels,) = tg.gradients(V2(labels=t, logits=z), t)
    np.testing.assert_array_equal(*run(to_labels, -tg.nn.log_softmax(z)))
    assert tg.gradients(V1(labels=t, logits=z), [t, z])[0] is None
    assert tg.gradients(V1(labels=t, logits=z), z)[0] is not None
    assert tg.gradients(SIGMOID(labels=t, logits=z), t)[0] is not None


def test_the_second_derivative_is_the_jacobian_of_the_softmax():
    z = tg.constant(np.array([0.5, -1.0, 2.0]))
    t = tg.constant(np.array([0.0, 1.0, 0.0]))
    (gradient,) = tg.gradients(V2(labels=t, logits=z), z)
    rows = [tg.gradients(gradient, z, tg.constant(row))[0] for row in np.eye(3)]
    p = run(tg.nn.softmax(z))
    np.testing.assert_allclose(run(*rows), np.diag(p) - np.outer(p, p), atol=1e-15)
    (again,) = tg.gradients(SPARSE(labels=1, logits=z), z)
    rows = [tg.gradients(again, z, tg.constant(row))[0] for row in np.eye(3)]
    np.testing.assert_allclose(run(*rows), np.diag(p) - np.outer(p, p), atol=1e-15)


def test_sparse_labels_are_one_hot_labels():
    rng = np.random.default_rng(1)
    z = tg.constant(rng.normal(size=(4, 3, 5)))
    labels = rng.integers(5, size=(4, 3))
    dense = V2(labels=np.eye(5)[labels], logits=z)
    for dtype in (np.int32, np.int64):
        sparse = SPARSE(labels=labels.astype(dtype), logits=z)
        np.testing.assert_allclose(*run(sparse, dense), rtol=1e-14)
        np.testing.assert_allclose(
            *run(tg.gradients(sparse, z)[0], tg.gradients(dense, z)[0]), atol=1e-15
        )


@pytest.mark.parametrize("bad", [-1, 3, 2**31 - 1])
def test_a_label_out_of_range_is_an_error_when_it_runs(bad):
    labels = tg.placeholder(tg.int32, [None], name="labels")
    z = tg.constant(np.zeros((2, 3)))
    loss = SPARSE(labels=labels, logits=z)
    message = rf"label value of {bad} which is outside the valid range of \[0, 3\).*: 0 {bad}"
    for fetch in (loss, tg.gradients(loss, z)[0]):
        with pytest.raises(tg.errors.InvalidArgumentError, match=message) as info:
            run(fetch, feeds={labels: [0, bad]})
        assert "SparseSoftmaxCrossEntropyWithLogits" in str(info.value)
        assert __file__ in str(info.value)
    assert run(loss, feeds={labels: [0, 2]}).shape == (2,)
    constant = SPARSE(labels=[0, bad], logits=z)  # nor is it one while building
    with pytest.raises(tg.errors.InvalidArgumentError, match=message):
        run(constant)


def test_labels_of_other_kinds():
    """As in TF1, the labels of the dense loss are cast: one-hot float64, ints, bools."""
    z = tg.constant([[1.0, 2.0]])
    expected = run(V2(labels=[[0.0, 1.0]], logits=z))
    for labels in ([[0, 1]], np.array([[0.0, 1.0]]), np.array([[False, True]]), np.eye(2)[[1]]):
        assert run(V2(labels=labels, logits=z)) == expected
        assert run(V1(labels=labels, logits=z)) == expected
    value = run(V2(labels=[[0, 1]], logits=tg.constant(np.array([[1, 2]], np.float16))))
    assert value.dtype == np.float16 and abs(value[0] - expected[0]) < 1e-3


# ---------------------------------------------------------------- sigmoid cross-entropy


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weight", [None, 0.25, 3.0])
def test_sigmoid_cross_entropy_at_extreme_logits(dtype, weight):
    z = np.array([-1e4, -1e4, -30, -30, -0.1, 0, 0, 1e-3, 30, 30, 1e4, 1e4, 1e30, -1e30], dtype)
    t = np.array([0, 1, 0, 1, 0.3, 0, 1, 0.7, 0, 1, 0, 1, 1, 0], dtype)
    q = np.longdouble(1 if weight is None else weight)
    nodes = tg.constant(t), tg.constant(z)
    if weight is None:
        loss = SIGMOID(labels=nodes[0], logits=nodes[1])
    else:
        loss = WEIGHTED(labels=nodes[0], logits=nodes[1], pos_weight=weight)
    value, gradient = run(loss, tg.gradients(loss, nodes[1])[0])
    zl, tl = z.astype(np.longdouble), t.astype(np.longdouble)
    e = np.exp(-np.abs(zl))
    softplus, minus = np.maximum(zl, 0) + np.log1p(e), np.maximum(-zl, 0) + np.log1p(e)
    sigmoid = np.where(zl < 0, e, 1) / (1 + e)
    tolerance = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(
        value, q * tl * minus + (1 - tl) * softplus, rtol=tolerance, atol=1e-30
    )
    np.testing.assert_allclose(
        gradient, (1 - tl) * sigmoid - q * tl * (1 - sigmoid), rtol=0, atol=tolerance
    )


# ---------------------------------------------------------------- what they refuse


@pytest.mark.parametrize(
    "function", [V1, SPARSE, SIGMOID], ids=["softmax", "sparse", "sigmoid"]
)
def test_only_named_arguments(function):
    with pytest.raises(ValueError, match=f"Only call `{function.__name__}` with named arguments"):
        function([[1.0]], [[1.0]])
    with pytest.raises(ValueError, match=r"Both labels and logits must be provided\."):
        function(labels=[[1.0]])


@pytest.mark.parametrize(
    "error, message, build",
    [
        (ValueError, "Dimensions must be equal, but are 3 and 2",
         lambda x: V2(labels=np.ones((4, 2)), logits=x)),
        (ValueError, "the same rank", lambda x: V2(labels=1.0, logits=x)),
        (ValueError, "Rank mismatch: Rank of labels (received 2) should equal rank of logits "
         "minus 1 (received 2)", lambda x: SPARSE(labels=np.zeros((4, 1), int), logits=x)),
        (ValueError, "Shape mismatch: The shape of labels (received (5,))",
         lambda x: SPARSE(labels=np.zeros(5, int), logits=x)),
        (ValueError, "Logits cannot be scalars", lambda x: SPARSE(labels=0, logits=1.0)),
        (TypeError, "labels must be int32 or int64, not float32",
         lambda x: SPARSE(labels=[0.0] * 4, logits=x)),
        (ValueError, "logits and labels must have the same shape ((4, 3) vs (3,))",
         lambda x: SIGMOID(labels=[0.0, 1.0, 0.0], logits=x)),
        (ValueError, "logits and labels must have the same shape",
         lambda x: WEIGHTED(labels=[0.0, 1.0, 0.0], logits=x, pos_weight=1.0)),
        (TypeError, "is float64, expected float32; use tg.cast",
         lambda x: SIGMOID(labels=tg.cast(x, tg.float64), logits=x)),
        (ValueError, "Shape must be rank 1 but is rank 2",
         lambda x: tg.nn.bias_add(x, np.zeros((4, 3)))),
        (ValueError, "Dimensions must be equal, but are 3 and 4",
         lambda x: tg.nn.bias_add(x, [1.0] * 4)),
        (ValueError, "Shape must be at least rank 2", lambda x: tg.nn.bias_add([1.0], [1.0])),
        (ValueError, "data_format must be", lambda x: tg.nn.bias_add(x, [1.0] * 3, "CHW")),
        (TypeError, "takes floats, not int32", lambda x: tg.nn.sigmoid([1, 2])),
        (TypeError, "alpha is a number", lambda x: tg.nn.leaky_relu(x, alpha=x)),
        (ValueError, "rate must be a scalar tensor or a float in the range [0, 1), got 1",
         lambda x: tg.nn.dropout(x, rate=1.0)),
        (ValueError, "keep_prob must be a scalar tensor or a float in the range (0, 1], got 0",
         lambda x: tg.nn.dropout(x, keep_prob=0.0)),
        (ValueError, "in the range", lambda x: tg.nn.dropout(x, 1.5)),
        (ValueError, "either a rate or a keep_prob", lambda x: tg.nn.dropout(x)),
        (ValueError, "either a rate or a keep_prob", lambda x: tg.nn.dropout(x, 0.5, rate=0.5)),
        (ValueError, "keep_prob must be a scalar", lambda x: tg.nn.dropout(x, x)),
        (ValueError, "got 'half'", lambda x: tg.nn.dropout(x, "half")),
        (ValueError, "Got a int32 tensor instead", lambda x: tg.nn.dropout([1, 2], 0.5)),
        (ValueError, "axis 2 is out of range", lambda x: tg.nn.moments(x, [2])),
    ],
)
def test_errors_while_building(error, message, build):
    x = tg.placeholder(tg.float32, [4, 3], name="x")
    with pytest.raises(error, match=re.escape(message)) as info:
        build(x)
    assert isinstance(info.value, tg.errors.TinygraphError)


def test_shapes_that_only_a_run_knows_are_checked_by_the_run():
    z, t = tg.placeholder(tg.float32), tg.placeholder(tg.float32)
    loss = SIGMOID(labels=t, logits=z)
    assert run(loss, feeds={z: [0.0], t: [1.0]}).shape == (1,)
    with pytest.raises(ValueError, match="the same shape"):
        run(loss, feeds={z: [0.0], t: [1.0, 1.0]})


# ---------------------------------------------------------------- what a program shares


def network(width):
    """(feeds, logits, updates of a loss) for a network of one hidden layer, as users write it."""
    rng = np.random.default_rng(0)
    x = tg.placeholder(tg.float32, [None, 784], name="x")
    shapes = ((784, 32), (32,), (32, width), (width,))
    variables = [tg.Variable(rng.normal(0, 0.1, s).astype(np.float32)) for s in shapes]
    w1, b1, w2, b2 = variables
    z = tg.matmul(tg.nn.relu(tg.matmul(x, w1) + b1), w2) + b2

    def train(loss):
        gradients = tg.gradients(loss, variables)
        return [v.assign_sub(0.1 * g).op for v, g in zip(variables, gradients, strict=True)]

    return x, z, train


@pytest.mark.default_passes
def test_softmax_its_loss_and_its_gradient_share_one_exponential():
    x, z, train = network(10)
    t = tg.placeholder(tg.float32, [None, 10])
    loss = tg.reduce_mean(V1(labels=t, logits=z))
    feeds = {x: np.zeros((100, 784)), t: np.zeros((100, 10))}
    source = tg.Session().source([*train(loss), loss, tg.nn.softmax(z)], feeds)
    for call in ("np.exp(", "np.log(", "max_over(", "clip("):
        assert source.count(call) == 1, call
    labels = tg.placeholder(tg.int64, [None])
    loss = tg.reduce_mean(SPARSE(labels=labels, logits=z))
    feeds = {x: np.zeros((100, 784)), labels: np.zeros(100, np.int64)}
    source = tg.Session().source([*train(loss), loss, tg.nn.softmax(z)], feeds)
    for call in ("np.exp(", "np.log(", "max_over(", "pick(", "one_hot_like("):
        assert source.count(call) == 1, call


@pytest.mark.default_passes
def test_sigmoid_its_loss_and_its_gradient_share_one_exponential():
    x, z, train = network(784)
    loss = tg.reduce_mean(SIGMOID(labels=x, logits=z))
    feeds = {x: np.zeros((100, 784))}
    source = tg.Session().source([*train(loss), loss, tg.nn.sigmoid(z)], feeds)
    for call in ("np.exp(", "log1p_of(", "np.absolute("):
        assert source.count(call) == 1, call
    wide = [line for line in source.splitlines() if line.endswith("float32[100,784]")]
    lines = [line for line in wide if "np.empty" not in line]
    assert len(lines) == 18, "\n".join(lines)  # passes; 16 for loss, sigmoid and gradient


# ---------------------------------------------------------------- dropout


def test_dropout_scales_what_it_keeps():
    x = tg.constant(np.arange(1.0, 1001.0))
    y = run(tg.nn.dropout(x, keep_prob=0.8, seed=1))
    kept = y != 0
    np.testing.assert_array_equal(y[kept], np.arange(1.0, 1001.0)[kept] / 0.8)
    assert abs(kept.mean() - 0.8) < 0.05


def test_the_gradient_of_dropout_is_that_of_the_same_run():
    x = tg.constant(np.ones(1000))
    y = tg.nn.dropout(x, keep_prob=0.5, seed=1)
    (gradient,) = tg.gradients(y, x)
    with tg.Session() as sess:
        runs = [sess.run([y, gradient]) for _ in range(3)]
        for value, slopes in runs:
            np.testing.assert_array_equal(value, slopes)
        assert (runs[0][0] != runs[1][0]).any()
        source = sess.source([y, gradient])
    assert source.count("draw_uniform(") == 1


def test_dropout_of_nothing_is_the_tensor_itself():
    x = tg.constant([1.0, 2.0])
    assert tg.nn.dropout(x, keep_prob=1) is x
    assert tg.nn.dropout(x, rate=0.0) is x
    assert tg.nn.dropout(x, keep_prob=tg.constant(1.0)) is x
    assert tg.nn.dropout(x, rate=tg.constant(0.0)) is x


def test_dropout_with_a_fed_keep_prob():
    keep = tg.placeholder_with_default(np.float16(1.0), [])
    x = tg.constant(np.ones((20, 5), np.float16))
    y = tg.nn.dropout(x, keep, seed=1)
    assert (run(y) == 1).all()
    assert set(run(y, feeds={keep: 0.25}).ravel().tolist()) == {0, 4}
    assert (run(y, feeds={keep: 0.0}) == 0).all()


def test_what_dropout_drops_may_be_infinite():
    x = tg.constant([INF, np.nan] * 50)
    y = run(tg.nn.dropout(x, keep_prob=0.5, seed=1))
    assert (y == 0).any() and np.isinf(y).any() and np.isnan(y).any()


@pytest.mark.parametrize("shape", [[None, 1], [8, 1], (8, tg.Dimension(1)), "tensor"])
def test_dropout_of_whole_rows(shape):
    x = tg.placeholder(tg.float32, [None, 5])
    shape = tg.constant([8, 1]) if shape == "tensor" else shape
    y = run(tg.nn.dropout(x, 0.5, noise_shape=shape, seed=2), feeds={x: np.ones((8, 5))})
    assert (y == y[:, :1]).all() and set(y[:, 0].tolist()) == {0, 2}


# ---------------------------------------------------------------- statistics, normalisation


def test_the_variance_of_numbers_far_from_zero():
    x = np.float32(1e4) + np.tile([-1.0, 1.0], 500).astype(np.float32)
    mean, variance = run(*tg.nn.moments(tg.constant(x), [0]))
    assert mean == 1e4 and variance == 1


def test_moments_in_float16_do_not_overflow():
    mean, variance = tg.nn.moments(tg.constant(np.full((100, 10), 300.0, np.float16)), [0, 1])
    assert [v.dtype for v in run(mean, variance)] == [np.float16] * 2
    assert run(mean) == 300 and run(variance) == 0


def test_the_second_derivative_of_a_variance():
    """It needs the derivative of the mean, which TF1 leaves out."""
    x = tg.constant(np.array([1.0, 2.0, 4.0]))
    (gradient,) = tg.gradients(tg.nn.moments(x, [0])[1], x)
    rows = [tg.gradients(gradient, x, tg.constant(row))[0] for row in np.eye(3)]
    np.testing.assert_allclose(run(*rows), 2 / 3 * (np.eye(3) - 1 / 3), atol=1e-15)


def test_batch_normalization_normalizes():
    x = np.random.default_rng(0).normal(5, 3, (1000, 4)).astype(np.float32)
    mean, variance = tg.nn.moments(tg.constant(x), [0])
    y = run(tg.nn.batch_normalization(x, mean, variance, 1.0, 2.0, 1e-6))
    np.testing.assert_allclose(y.mean(0), 1, atol=1e-5)
    np.testing.assert_allclose(y.std(0), 2, rtol=1e-5)
    half = tg.nn.batch_normalization(x.astype(np.float16), mean, variance, None, None, 1e-6)
    assert half.dtype == tg.float16


def test_l2_normalize_at_zero():
    x = tg.constant([[0.0, 0.0], [3.0, 4.0]])
    y = tg.nn.l2_normalize(x, axis=1)
    value, gradient = run(y, tg.gradients(y, x)[0])
    np.testing.assert_allclose(value, [[0, 0], [0.6, 0.8]], rtol=1e-6)
    assert np.isfinite(gradient).all()


def test_names_of_results():
    """Those of TF1, where a node stands for several there: that of their scope."""
    x = tg.placeholder(tg.float32, [None, 2], name="x")
    names = {
        tg.nn.relu(x): "Relu:0",
        tg.nn.softmax(x): "Softmax:0",
        tg.nn.bias_add(x, [1.0, 2.0]): "BiasAdd:0",
        tg.nn.xw_plus_b(x, np.ones((2, 2), np.float32), [1.0, 2.0], name="fc"): "fc:0",
        tg.nn.leaky_relu(x): "LeakyRelu:0",
        tg.nn.l2_loss(x): "L2Loss:0",
        tg.nn.l2_normalize(x): "l2_normalize:0",
        tg.nn.dropout(x, 0.5): "dropout:0",
        V1(labels=x, logits=x): "softmax_cross_entropy_with_logits_sg:0",
        V2(labels=x, logits=x, name="loss"): "loss:0",
        SIGMOID(labels=x, logits=x): "logistic_loss:0",
        WEIGHTED(labels=x, logits=x, pos_weight=2.0): "logistic_loss_1:0",
        tg.nn.zero_fraction(x): "zero_fraction/fraction:0",
    }
    assert [node.name for node in names] == list(names.values())


def test_a_noise_shape_is_a_vector():
    for shape in (np.ones((2, 3), np.int32), [[2, 3], [1, 1]]):
        with pytest.raises(ValueError, match=r"a vector of ints"):
            tg.nn.dropout(tg.ones([2, 3]), 0.5, noise_shape=shape)
