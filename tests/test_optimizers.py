"""The optimizers give TF 1.15's numbers, names and errors, and do what their formulas say."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

import tinygraph as tg

GOLDEN = json.loads((Path(__file__).parent / "golden" / "optimizers.json").read_text())

SIGNATURES = {  # TF 1.15's
    "GradientDescentOptimizer": "(learning_rate, use_locking=False, name='GradientDescent')",
    "MomentumOptimizer": (
        "(learning_rate, momentum, use_locking=False, name='Momentum', use_nesterov=False)"
    ),
    "AdagradOptimizer": (
        "(learning_rate, initial_accumulator_value=0.1, use_locking=False, name='Adagrad')"
    ),
    "AdadeltaOptimizer": (
        "(learning_rate=0.001, rho=0.95, epsilon=1e-08, use_locking=False, name='Adadelta')"
    ),
    "RMSPropOptimizer": (
        "(learning_rate, decay=0.9, momentum=0.0, epsilon=1e-10, use_locking=False, "
        "centered=False, name='RMSProp')"
    ),
    "AdamOptimizer": (
        "(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08, use_locking=False, "
        "name='Adam')"
    ),
    "FtrlOptimizer": (
        "(learning_rate, learning_rate_power=-0.5, initial_accumulator_value=0.1, "
        "l1_regularization_strength=0.0, l2_regularization_strength=0.0, use_locking=False, "
        "name='Ftrl', accum_name=None, linear_name=None, "
        "l2_shrinkage_regularization_strength=0.0)"
    ),
    "ExponentialMovingAverage": (
        "(decay, num_updates=None, zero_debias=False, name='ExponentialMovingAverage')"
    ),
}


def initialized():
    sess = tg.Session()
    sess.run(tg.global_variables_initializer())
    return sess


def names(variables):
    return [variable.name for variable in variables]


def parameters(function):
    """A signature without annotations, as inspect would print TF's."""
    signature = inspect.signature(function)
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty))


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(name):
    assert parameters(getattr(tg.train, name)) == SIGNATURES[name]


# ---------------------------------------------------------------- numbers


@pytest.mark.smoke
@pytest.mark.parametrize("name", GOLDEN["cases"])
def test_golden(name):
    """Four steps in float64 with float32 hyper-parameters, slots included, as in TF 1.15."""
    case = GOLDEN["cases"][name]
    a, b = np.array(GOLDEN["A"]), np.array(GOLDEN["b"])
    w = tg.Variable(np.array(GOLDEN["x0"]), name="w")
    optimizer = getattr(tg.train, case["optimizer"])(**case["arguments"])
    train = optimizer.minimize(tg.reduce_sum(a * tg.square(w - b)))
    sess = initialized()

    def values():
        return {v.name: sess.run(v) for v in tg.global_variables()}

    def check(found, expected):
        np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-13, atol=1e-16)

    assert list(values()) == list(case["init"])
    for key, value in values().items():
        check(value, case["init"][key])
    for expected in case["w"]:
        sess.run(train)
        check(sess.run(w), expected)
    for key, value in values().items():
        check(value, case["final"][key])


@pytest.mark.smoke
@pytest.mark.parametrize("name", GOLDEN["sparse"])
def test_golden_of_rows(name):
    """The same steps for sparse gradients, one with an index twice."""
    case, expected = GOLDEN["cases"][name], GOLDEN["sparse"][name]
    ids = tg.placeholder(tg.int64, [None])
    w = tg.Variable(np.array(GOLDEN["x0"]), name="w")
    a, b = (tg.gather(np.array(GOLDEN[key]), ids) for key in "Ab")
    optimizer = getattr(tg.train, case["optimizer"])(**case["arguments"])
    (pair,) = optimizer.compute_gradients(tg.reduce_sum(a * tg.square(tg.gather(w, ids) - b)))
    assert isinstance(pair[0], tg.IndexedSlices)
    train = optimizer.apply_gradients([pair])
    sess = initialized()
    for rows, value in zip(GOLDEN["ids"], expected["w"], strict=True):
        sess.run(train, {ids: rows})
        np.testing.assert_allclose(sess.run(w), value, rtol=1e-13, atol=1e-16)
    for variable in tg.global_variables():
        value = np.ravel(sess.run(variable))
        np.testing.assert_allclose(value, expected["final"][variable.name], rtol=1e-13, atol=1e-16)


def gradient_descent(w, g, s, t, lr):
    return w - lr * g


def momentum(w, g, s, t, lr, mu, nesterov=False):
    s["m"] = mu * s.get("m", 0) + g
    return w - lr * (g + mu * s["m"] if nesterov else s["m"])


def adagrad(w, g, s, t, lr, start=0.1):
    s["a"] = s.get("a", start) + g * g
    return w - lr * g / np.sqrt(s["a"])


def adadelta(w, g, s, t, lr, rho=0.95, eps=1e-8):
    s["a"] = rho * s.get("a", 0) + (1 - rho) * g * g
    u = np.sqrt(s.get("d", 0) + eps) / np.sqrt(s["a"] + eps) * g
    s["d"] = rho * s.get("d", 0) + (1 - rho) * u * u
    return w - lr * u


def rmsprop(w, g, s, t, lr, rho=0.9, mu=0.0, eps=1e-10, centered=False):
    s["s"] = rho * s.get("s", 1) + (1 - rho) * g * g
    s["a"] = rho * s.get("a", 0) + (1 - rho) * g
    variance = s["s"] - s["a"] ** 2 if centered else s["s"]
    s["m"] = mu * s.get("m", 0) + lr * g / np.sqrt(variance + eps)
    return w - s["m"]


def adam(w, g, s, t, lr, b1=0.9, b2=0.999, eps=1e-8):
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0) + (1 - b2) * g * g
    return w - lr * np.sqrt(1 - b2**t) / (1 - b1**t) * s["m"] / (np.sqrt(s["v"]) + eps)


def ftrl(w, g, s, t, lr, power=0.5, l1=0.0, l2=0.0, shrinkage=0.0, start=0.1):
    old = s.get("a", start)
    s["a"] = old + g * g
    sigma = (s["a"] ** power - old**power) / lr
    s["z"] = s.get("z", 0) + g + 2 * shrinkage * w - sigma * w
    shrunk = np.sign(s["z"]) * np.maximum(np.abs(s["z"]) - l1, 0)
    return -shrunk / (s["a"] ** power / lr + 2 * l2)


AGAINST_NUMPY = [
    (lambda: tg.train.GradientDescentOptimizer(0.1), gradient_descent, (0.1,)),
    (lambda: tg.train.MomentumOptimizer(0.1, 0.9), momentum, (0.1, 0.9)),
    (
        lambda: tg.train.MomentumOptimizer(0.1, 0.8, use_nesterov=True),
        momentum,
        (0.1, 0.8, True),
    ),
    (lambda: tg.train.AdagradOptimizer(0.3), adagrad, (0.3,)),
    (lambda: tg.train.AdadeltaOptimizer(0.5, 0.9, 1e-3), adadelta, (0.5, 0.9, 1e-3)),
    (lambda: tg.train.RMSPropOptimizer(0.1), rmsprop, (0.1,)),
    (lambda: tg.train.RMSPropOptimizer(0.1, 0.8, 0.5, 1e-3), rmsprop, (0.1, 0.8, 0.5, 1e-3)),
    (
        lambda: tg.train.RMSPropOptimizer(0.1, momentum=0.5, centered=True),
        rmsprop,
        (0.1, 0.9, 0.5, 1e-10, True),
    ),
    (lambda: tg.train.AdamOptimizer(0.1), adam, (0.1,)),
    (lambda: tg.train.AdamOptimizer(0.1, 0.5, 0.9, 1e-2), adam, (0.1, 0.5, 0.9, 1e-2)),
    (lambda: tg.train.AdamOptimizer(0.1, beta1=0), adam, (0.1, 0)),
    (lambda: tg.train.FtrlOptimizer(0.3), ftrl, (0.3,)),
    (
        lambda: tg.train.FtrlOptimizer(
            0.3, -0.6, 0.2, 0.1, 0.05, l2_shrinkage_regularization_strength=0.02
        ),
        ftrl,
        (0.3, 0.6, 0.1, 0.05, 0.02, 0.2),
    ),
]


@pytest.mark.parametrize(("make", "rule", "hypers"), AGAINST_NUMPY)
def test_ten_steps_in_float32(make, rule, hypers):
    """A small least-squares problem with two variables, next to the same in plain NumPy."""
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    start = {"w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}
    w, b = (tg.Variable(start[key].astype(np.float32), name=key) for key in "wb")
    feed = tg.placeholder(tg.float32, [None, 3])
    error = tg.matmul(feed, w) + b - target.astype(np.float32)
    train = make().minimize(tg.reduce_sum(tg.square(error)) / target.size)
    sess = initialized()
    expected, state = dict(start), {"w": {}, "b": {}}
    for t in range(1, 11):
        sess.run(train, {feed: x.astype(np.float32)})
        g = 2 * (x @ expected["w"] + expected["b"] - target) / target.size
        grads = {"w": x.T @ g, "b": g.sum(axis=0)}
        for key in "wb":
            expected[key] = rule(expected[key], grads[key], state[key], t, *hypers)
        for key, variable in zip("wb", (w, b), strict=True):
            np.testing.assert_allclose(sess.run(variable), expected[key], rtol=1e-4, atol=1e-5)


def test_all_optimizers_are_tried():
    tried = {type(make()).__name__ for make, _, _ in AGAINST_NUMPY}
    assert tried == {name for name in dir(tg.train) if name[1:].endswith("Optimizer")}


OPTIMIZERS = {
    "GradientDescent": lambda: tg.train.GradientDescentOptimizer(0.25),
    "Momentum": lambda: tg.train.MomentumOptimizer(0.25, 0.5),
    "Nesterov": lambda: tg.train.MomentumOptimizer(0.25, 0.5, use_nesterov=True),
    "Adagrad": lambda: tg.train.AdagradOptimizer(0.25),
    "Adadelta": lambda: tg.train.AdadeltaOptimizer(0.25),
    "RMSProp": lambda: tg.train.RMSPropOptimizer(0.25, momentum=0.5),
    "centered": lambda: tg.train.RMSPropOptimizer(0.25, centered=True),
    "Adam": lambda: tg.train.AdamOptimizer(0.25),
    "Ftrl": lambda: tg.train.FtrlOptimizer(0.25, l1_regularization_strength=0.125),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_float16_is_updated_as_float32(name):
    """A zero gradient, one whose square is no float16, one whose square is 0: TF gives NaN, inf."""
    g = np.array([0.0, 300.0, 1e-4, -1.0], np.float16)
    trained = []
    for dtype in (tg.float16, tg.float32):
        w = tg.Variable(np.ones(4), dtype=dtype)
        train = OPTIMIZERS[name]().apply_gradients([(tg.constant(g, dtype), w)])
        sess = initialized()
        for _ in range(3):
            sess.run(train)
        trained.append(sess.run(w))
    half, single = trained
    assert half.dtype == np.float16 and np.isfinite(half).all()
    np.testing.assert_allclose(half, single, rtol=4e-3, atol=2e-3)


def test_an_average_of_float16_counts_beyond_2048():
    x = tg.placeholder(tg.float16, [])
    averages = tg.train.ExponentialMovingAverage(0.9999, zero_debias=True)
    update = averages.apply([x])
    sess = initialized()
    steps = next(v for v in tg.global_variables() if v.op_name.endswith("local_step"))
    steps.load(5000.0, sess)
    biased = next(v for v in tg.global_variables() if v.op_name.endswith("biased"))
    biased.load(3.0 * (1 - 0.9999**5000), sess)
    sess.run(update, {x: 3.0})
    assert sess.run(steps) == 5001
    average = sess.run(averages.average(x))
    assert average == 3.0 and average.dtype == np.float16


def test_float16():
    w = tg.Variable([1.0, -2.0], dtype=tg.float16)
    train = tg.train.MomentumOptimizer(0.125, 0.5).minimize(tg.reduce_sum(w * w))
    sess = initialized()
    sess.run(train)
    value = sess.run(w)
    assert value.dtype == np.float16
    np.testing.assert_array_equal(value, [0.75, -1.5])


def test_ftrl_with_no_accumulator_and_no_gradient():
    """TF gives 0 where there has been no gradient; 0/0 must not get in."""
    w = tg.Variable([1.0, 2.0])
    train = tg.train.FtrlOptimizer(0.5, initial_accumulator_value=0.0).minimize(
        tg.reduce_sum(w * [0.0, 1.0])
    )
    sess = initialized()
    sess.run(train)
    np.testing.assert_array_equal(sess.run(w), [0.0, 1.5])


def test_ftrl_sets_small_weights_to_zero():
    w = tg.Variable([0.1, 2.0])
    optimizer = tg.train.FtrlOptimizer(0.5, l1_regularization_strength=1.0)
    train = optimizer.minimize(tg.reduce_sum(w * w))
    sess = initialized()
    sess.run(train)
    value = sess.run(w)
    assert value[0] == 0.0 and value[1] > 0.0


def test_centered_rmsprop_with_a_constant_gradient():
    """Mean square and squared mean become equal, up to a rounding that must not go below zero."""
    w = tg.Variable(np.linspace(-3.0, 3.0, 101, dtype=np.float32))
    slopes = np.linspace(0.1, 7.0, 101, dtype=np.float32)
    optimizer = tg.train.RMSPropOptimizer(1e-3, decay=0.5, centered=True)
    train = optimizer.minimize(tg.reduce_sum(w * slopes))
    sess = initialized()
    for _ in range(100):
        sess.run(train)
    assert np.isfinite(sess.run(w)).all()


# ---------------------------------------------------------------- hyper-parameters


def test_learning_rate_from_a_placeholder():
    rate = tg.placeholder(tg.float32)
    w = tg.Variable(1.0)
    train = tg.train.GradientDescentOptimizer(rate).minimize(2.0 * w)
    sess = initialized()
    sess.run(train, {rate: 0.25})
    assert sess.run(w) == 0.5
    sess.run(train, {rate: 1.0})
    assert sess.run(w) == -1.5


def test_learning_rate_from_a_decay():
    """The decay sees the step before the update, and the train op counts it."""
    step = tg.train.get_or_create_global_step()
    rate = tg.train.exponential_decay(1.0, step, decay_steps=1, decay_rate=0.5)
    w = tg.Variable(4.0)
    train = tg.train.GradientDescentOptimizer(rate).minimize(1.0 * w, global_step=step)
    sess = initialized()
    assert [sess.run([train, rate, w])[1:] for _ in range(3)] == [[1, 3], [0.5, 2.5], [0.25, 2.25]]
    assert tg.train.global_step(sess, step) == 3


def test_learning_rate_from_a_variable_and_a_function():
    rate = tg.Variable(0.5, trainable=False)
    w = tg.Variable(4.0)
    train = tg.train.AdamOptimizer(lambda: rate, beta1=lambda: 0.5).minimize(w * w)
    sess = initialized()
    sess.run(train)
    np.testing.assert_allclose(sess.run(w), 3.5, rtol=1e-6)
    sess.run(rate.assign(0.0))
    sess.run(train)
    np.testing.assert_allclose(sess.run(w), 3.5, rtol=1e-6)


def test_hyper_parameters_are_float32_as_in_tf():
    w = tg.Variable(np.float64(0.0))
    train = tg.train.GradientDescentOptimizer(0.1).minimize(-w)
    sess = initialized()
    sess.run(train)
    assert sess.run(w) == np.float64(np.float32(0.1)) != 0.1


def test_float64_hyper_parameters_stay_exact():
    w = tg.Variable(np.float64(0.0))
    train = tg.train.GradientDescentOptimizer(np.float64(0.1)).minimize(-w)
    sess = initialized()
    sess.run(train)
    assert sess.run(w) == 0.1


def test_a_learning_rate_that_is_no_scalar():
    w = tg.Variable([1.0, 2.0])
    with pytest.raises(ValueError, match="learning_rate must be a scalar, not of shape"):
        tg.train.GradientDescentOptimizer([0.1, 0.2]).minimize(tg.reduce_sum(w))


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("make", "slots", "variables"),
    [
        (lambda: tg.train.GradientDescentOptimizer(0.1), [], []),
        (lambda: tg.train.MomentumOptimizer(0.1, 0.9), ["momentum"], ["l/w/Momentum"]),
        (lambda: tg.train.AdagradOptimizer(0.1), ["accumulator"], ["l/w/Adagrad"]),
        (
            lambda: tg.train.AdadeltaOptimizer(),
            ["accum", "accum_update"],
            ["l/w/Adadelta", "l/w/Adadelta_1"],
        ),
        (
            lambda: tg.train.RMSPropOptimizer(0.1),
            ["momentum", "rms"],
            ["l/w/RMSProp", "l/w/RMSProp_1"],
        ),
        (
            lambda: tg.train.RMSPropOptimizer(0.1, centered=True),
            ["mg", "momentum", "rms"],
            ["l/w/RMSProp", "l/w/RMSProp_1", "l/w/RMSProp_2"],
        ),
        (
            lambda: tg.train.AdamOptimizer(name="A"),
            ["m", "v"],
            ["beta1_power", "beta2_power", "l/w/A", "l/w/A_1"],
        ),
        (
            lambda: tg.train.FtrlOptimizer(0.1, accum_name="a", linear_name="z"),
            ["accum", "linear"],
            ["l/w/a", "l/w/z"],
        ),
    ],
)
def test_slots(make, slots, variables):
    with tg.variable_scope("l"):
        w = tg.get_variable("w", [2])
    optimizer = make()
    assert optimizer.variables() == [] and optimizer.get_slot_names() == []
    optimizer.minimize(tg.reduce_sum(w * w))
    assert optimizer.get_slot_names() == slots
    assert [v.op_name for v in optimizer.variables()] == variables
    assert [v.op_name for v in tg.global_variables()] == ["l/w", *variables]
    assert tg.trainable_variables() == [w]
    for name in slots:
        slot = optimizer.get_slot(w, name)
        assert slot.shape == w.shape and slot.dtype is w.dtype and not slot.trainable
    assert optimizer.get_slot(w, "nonesuch") is None


def test_names_in_a_name_scope():
    """As TF: the train op, its nodes and the powers go by the scope, slots by their variable."""
    with tg.variable_scope("layer"):
        w = tg.get_variable("w", [2])
    loss = tg.reduce_sum(w * w)
    with tg.name_scope("train"):
        optimizer = tg.train.AdamOptimizer(0.1)
        first, second = optimizer.minimize(loss), optimizer.minimize(loss)
        third = tg.train.AdamOptimizer(0.1).minimize(loss, name="Other")
    assert names([first, second, third]) == ["train/Adam", "train/Adam_1", "train/Other"]
    assert names(tg.global_variables()) == [
        "layer/w:0", "train/beta1_power:0", "train/beta2_power:0", "layer/w/Adam:0",
        "layer/w/Adam_1:0", "train/beta1_power_1:0", "train/beta2_power_1:0", "layer/w/Adam_2:0",
        "layer/w/Adam_3:0",
    ]
    graph = tg.get_default_graph()
    for name in ["train/Adam/learning_rate", "train/Adam/update_layer/w/ApplyAdam",
                 "train/Other/beta1", "train/gradients/grad_ys_0",
                 "layer/w/Adam/Initializer/zeros"]:
        assert graph.get_operation_by_name(name).name == name


def test_names_in_a_variable_scope():
    w = tg.Variable([1.0], name="w")
    with tg.variable_scope("train"):
        train = tg.train.AdamOptimizer(0.1).minimize(tg.reduce_sum(w * w))
    assert train.name == "train/Adam"
    assert names(tg.global_variables()) == [
        "w:0", "train/beta1_power:0", "train/beta2_power:0", "train/w/Adam:0", "train/w/Adam_1:0",
    ]


def test_the_train_op():
    w = tg.Variable(1.0)
    train = tg.train.GradientDescentOptimizer(0.1).minimize(w * w)
    assert isinstance(train, tg.Operation) and train.name == "GradientDescent"
    assert tg.get_collection(tg.GraphKeys.TRAIN_OP) == [train]
    sess = initialized()
    assert sess.run(train) is None and sess.run("GradientDescent") is None
    counting = tg.train.GradientDescentOptimizer(0.1).minimize(
        w * w, global_step=tg.train.create_global_step()
    )
    assert isinstance(counting, tg.Operation) and counting.name == "GradientDescent_1"


@pytest.mark.default_passes
def test_the_program_is_as_short_as_the_formula():
    w = tg.Variable(np.zeros((3, 2), np.float32), name="w")
    train = tg.train.GradientDescentOptimizer(0.5).minimize(tg.reduce_sum(w * w))
    source = tg.Session().source(train)
    assert "np.subtract(w, w_new, out=w_new)" in source
    assert "# GradientDescent/update_w/ApplyGradientDescent" in source
    adam = tg.train.AdamOptimizer().minimize(tg.reduce_sum(w * w))
    lines = tg.Session().source(adam).splitlines()
    assert sum("Adam/update_w/" in x and "float32[3,2]" in x for x in lines) == 12


# ---------------------------------------------------------------- which variables


def test_var_list():
    v, w = tg.Variable(1.0), tg.Variable(1.0)
    frozen = tg.Variable(1.0, trainable=False)
    loss = v * w * frozen
    optimizer = tg.train.GradientDescentOptimizer(0.5)
    assert [x for _, x in optimizer.compute_gradients(loss)] == [v, w]
    assert [x for _, x in optimizer.compute_gradients(loss, w)] == [w]
    assert [x for _, x in optimizer.compute_gradients(loss, [[v], (frozen,)])] == [v, frozen]
    train = optimizer.minimize(loss, var_list=[frozen])
    sess = initialized()
    sess.run(train)
    assert sess.run([v, w, frozen]) == [1.0, 1.0, 0.5]


def test_gradients_of_none():
    v, w = tg.Variable(1.0), tg.Variable(1.0, name="idle")
    optimizer = tg.train.AdamOptimizer(0.5)
    pairs = optimizer.compute_gradients(2.0 * v)
    assert pairs[0][1] is v and pairs[1] == (None, w)
    train = optimizer.apply_gradients(pairs)
    assert "idle/Adam:0" not in names(tg.global_variables())
    sess = initialized()
    sess.run(train)
    np.testing.assert_allclose(sess.run([v, w]), [0.5, 1.0], rtol=1e-6)


def test_grad_loss():
    w = tg.Variable([1.0, 2.0])
    train = tg.train.GradientDescentOptimizer(1.0).minimize(w * w, grad_loss=[0.5, 0.25])
    sess = initialized()
    sess.run(train)
    np.testing.assert_array_equal(sess.run(w), [0.0, 1.0])


def test_gradients_made_by_hand():
    w = tg.Variable([1.0, 2.0])
    train = tg.train.GradientDescentOptimizer(1.0).apply_gradients([([0.5, 0.5], w)])
    sess = initialized()
    sess.run(train)
    np.testing.assert_array_equal(sess.run(w), [0.5, 1.5])


def test_a_variable_of_unknown_shape():
    start = tg.placeholder(tg.float32)
    w = tg.Variable(start, validate_shape=False, name="w")
    train = tg.train.MomentumOptimizer(0.5, 0.5).minimize(tg.reduce_sum(w * w))
    sess = tg.Session()
    sess.run(tg.global_variables_initializer(), {start: [1.0, 2.0, 3.0]})
    sess.run(train)
    np.testing.assert_array_equal(sess.run(w), [0.0, 0.0, 0.0])
    slot = tg.global_variables()[-1]
    np.testing.assert_array_equal(sess.run(slot), [2.0, 4.0, 6.0])


# ---------------------------------------------------------------- order of updates


def test_two_optimizers_on_one_variable():
    """Both gradients are those before the run, and both updates happen."""
    w = tg.Variable(4.0)
    loss = w * w
    first = tg.train.GradientDescentOptimizer(0.25).minimize(loss)
    second = tg.train.MomentumOptimizer(0.125, 0.5).minimize(loss)
    sess = initialized()
    sess.run([first, second])
    assert sess.run(w) == 4.0 - 2.0 - 1.0


def test_one_step_after_the_other_in_a_run():
    w = tg.Variable(4.0)
    optimizer = tg.train.GradientDescentOptimizer(0.25)
    with tg.control_dependencies([optimizer.minimize(w * w)]):
        second = optimizer.minimize(w * w)
    sess = initialized()
    sess.run(second)
    assert sess.run(w) == 1.0


def test_slots_and_steps_are_free_of_control_dependencies():
    w = tg.Variable(1.0)
    x = tg.placeholder(tg.float32, [])
    with tg.control_dependencies([tg.identity(x)]):
        train = tg.train.AdamOptimizer().minimize(w * w)
    sess = initialized()  # needs no x
    with pytest.raises(ValueError, match="You must feed"):
        sess.run(train)


def test_the_update_may_be_fetched_with_the_loss():
    w = tg.Variable(3.0)
    loss = w * w
    train = tg.train.GradientDescentOptimizer(0.5).minimize(loss)
    sess = initialized()
    assert sess.run([train, loss, w]) == [None, 9.0, 0.0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: tg.train.GradientDescentOptimizer(0.1),
        lambda: tg.train.AdadeltaOptimizer(0.1),
        lambda: tg.train.AdamOptimizer(0.1),
    ],
)
def test_constraint(make):
    """What the constraint makes of the updated value is the new value."""
    free, bound = (
        tg.Variable([1.0, -2.0, 0.05], constraint=constraint)
        for constraint in (None, lambda value: tg.maximum(value, 0.0))
    )
    train = make().minimize(tg.reduce_sum(free * free) + tg.reduce_sum(bound * bound))
    sess = initialized()
    sess.run(train)
    np.testing.assert_array_equal(sess.run(bound), np.maximum(sess.run(free), 0.0))


def test_constraint_golden():
    w = tg.Variable([1.0, -2.0, 0.05], constraint=lambda value: tg.maximum(value, 0.0))
    train = tg.train.AdamOptimizer(0.1).minimize(tg.reduce_sum(w * w))
    sess = initialized()
    for expected in [
        [0.9000000357627869, 0.0, 0.0],
        [0.8004125952720642, 0.06700559705495834, 0.0],
        [0.7015873193740845, 0.11663070321083069, 0.0],
    ]:  # TF 1.15
        sess.run(train)
        np.testing.assert_allclose(sess.run(w), expected, rtol=1e-6)


def test_a_failed_run_changes_no_variable():
    w = tg.Variable([3.0, 4.0])
    optimizer = tg.train.AdamOptimizer(0.1)
    x = tg.placeholder(tg.float32, [])
    pairs = optimizer.compute_gradients(tg.reduce_sum(w * w * x))
    grads, _ = tg.clip_by_global_norm([grad for grad, _ in pairs], 1.0)
    train = optimizer.apply_gradients([(grads[0], w)])
    sess = initialized()
    before = sess.run(tg.global_variables())
    with pytest.raises(tg.errors.InvalidArgumentError, match="not finite"):
        sess.run(train, {x: np.inf})
    for old, new in zip(before, sess.run(tg.global_variables()), strict=True):
        np.testing.assert_array_equal(old, new)


# ---------------------------------------------------------------- errors


def test_no_gradient_for_any_variable():
    tg.Variable(1.0, name="alone")
    loss = tg.constant(2.0, name="fixed") * 2.0
    with pytest.raises(ValueError, match=r"No gradients provided for any.*'alone:0'.*'mul:0'"):
        tg.train.GradientDescentOptimizer(0.1).minimize(loss)


def test_malformed_gradients():
    w = tg.Variable([1.0, 2.0], name="w")
    optimizer = tg.train.GradientDescentOptimizer(0.1)
    with pytest.raises(ValueError, match="No variables provided"):
        optimizer.apply_gradients([])
    with pytest.raises(ValueError, match="No gradients provided for any variable: 'w:0'"):
        optimizer.apply_gradients([(None, w)])
    with pytest.raises(TypeError, match="only a Variable can be updated"):
        optimizer.apply_gradients([(tg.constant([1.0, 1.0]), tg.constant([1.0, 2.0]))])
    with pytest.raises(TypeError, match="float64"):
        optimizer.apply_gradients([(tg.constant([1.0, 1.0], tg.float64), w)])
    with pytest.raises(ValueError, match=r"has shape \(\), but 'w:0' \(2,\)"):
        optimizer.apply_gradients([(tg.constant(1.0), w)])


def test_bad_arguments():
    w = tg.Variable(1.0)
    optimizer = tg.train.GradientDescentOptimizer(0.1)
    with pytest.raises(ValueError, match="No variables to optimize"):
        optimizer.minimize(w * w, var_list=[])
    with pytest.raises(ValueError, match="gate_gradients must be one of"):
        optimizer.minimize(w * w, gate_gradients=7)
    with pytest.raises(TypeError, match="loss must be a tensor"):
        optimizer.minimize(1.0)
    with pytest.raises(ValueError, match="No gradients provided"):
        optimizer.minimize(tg.constant(1))
    with pytest.raises(TypeError, match="only a Variable"):
        optimizer.minimize(w * w, global_step=tg.constant(1))
    with pytest.raises(ValueError, match="Must specify the optimizer name"):
        tg.train.GradientDescentOptimizer(0.1, name=None)
    with pytest.raises(ValueError, match="initial_accumulator_value must be positive"):
        tg.train.AdagradOptimizer(0.1, initial_accumulator_value=0.0)


@pytest.mark.parametrize(
    "arguments",
    [
        {"initial_accumulator_value": -1.0},
        {"learning_rate_power": 1.0},
        {"l1_regularization_strength": -1.0},
        {"l2_regularization_strength": -1.0},
        {"l2_shrinkage_regularization_strength": -1.0},
    ],
)
def test_bad_arguments_of_ftrl(arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))}.* needs to be"):
        tg.train.FtrlOptimizer(0.1, **arguments)


def test_one_optimizer_in_two_graphs():
    optimizer = tg.train.AdamOptimizer(0.5)
    for _ in range(2):
        with tg.Graph().as_default() as graph:
            w = tg.Variable(1.0, name="w")
            train = optimizer.minimize(w * w)
            assert [v.graph for v in optimizer.variables()] == [graph] * 4
            sess = initialized()
            sess.run(train)
            np.testing.assert_allclose(sess.run(w), 0.5, rtol=1e-6)


# ---------------------------------------------------------------- the global step


def test_global_step():
    assert tg.train.get_global_step() is None
    with tg.name_scope("inner"):
        step = tg.train.create_global_step()
    assert step.name == "global_step:0" and step.dtype is tg.int64 and not step.trainable
    assert tg.train.get_global_step() is step is tg.train.get_or_create_global_step()
    with pytest.raises(ValueError, match='"global_step" already exists'):
        tg.train.create_global_step()
    assert step in tg.global_variables() and step not in tg.trainable_variables()


def test_global_step_of_another_graph():
    graph = tg.Graph()
    step = tg.train.get_or_create_global_step(graph)
    assert step.graph is graph and tg.train.get_global_step() is None


def test_global_step_by_name():
    step = tg.Variable(0, name="global_step", trainable=False)
    assert tg.train.get_global_step() is step
    w = tg.Variable(1.0)
    train = tg.train.GradientDescentOptimizer(0.1).minimize(w * w, global_step=step)
    sess = initialized()
    for _ in range(3):
        sess.run(train)
    assert tg.train.global_step(sess, step) == 3 and sess.run(step).dtype == np.int32


def test_global_step_of_a_wrong_kind():
    tg.Variable(0.0, name="global_step")
    with pytest.raises(TypeError, match="does not have integer type"):
        tg.train.get_global_step()
    with tg.Graph().as_default():
        tg.Variable([0, 0], name="global_step")
        with pytest.raises(ValueError, match="is not scalar"):
            tg.train.get_global_step()


# ---------------------------------------------------------------- moving averages


@pytest.mark.parametrize(
    ("count", "zero_debias", "expected"),  # TF 1.15
    [
        (False, False, [
            ([1.100000023841858, 1.6999999284744263], 0.5000001192092896),
            ([1.290000081062317, 1.1299998760223389], 2.950000762939453),
            ([1.561000108718872, 0.3169996738433838], 9.15500259399414),
        ]),
        (True, False, [
            ([1.8181817531585693, -0.4545454978942871], 4.090909004211426),
            ([2.704545497894287, -3.1136364936828613], 19.772727966308594),
            ([3.6013987064361572, -5.804195880889893], 51.08391571044922),
        ]),
        (False, True, [
            ([1.100000023841858, 1.6999999284744263], 5.0),
            ([1.290000081062317, 1.1299998760223389], 15.526314735412598),
            ([1.561000108718872, 0.3169996738433838], 33.78228759765625),
        ]),
    ],
)
def test_moving_average(count, zero_debias, expected):
    """The averages of a variable and of a tensor, after the variable's update in each run."""
    step = tg.train.create_global_step()
    w = tg.Variable([1.0, 2.0], name="w")
    averages = tg.train.ExponentialMovingAverage(
        0.9, num_updates=step if count else None, zero_debias=zero_debias
    )
    with tg.control_dependencies([w.assign_add([1.0, -3.0]), step.assign_add(1)]):
        x = tg.reduce_sum(w * w, name="x")
        update = averages.apply([w, x])
    sess = initialized()
    for of_w, of_x in expected:
        sess.run(update)
        np.testing.assert_allclose(sess.run(averages.average(w)), of_w, rtol=1e-6)
        np.testing.assert_allclose(sess.run(averages.average(x)), of_x, rtol=1e-5)
    made = ["w/ExponentialMovingAverage:0", "x/ExponentialMovingAverage:0"]
    if zero_debias:
        made += [f"x/ExponentialMovingAverage/{name}:0" for name in ("biased", "local_step")]
    assert names(tg.global_variables()) == ["global_step:0", "w:0", *made]
    assert tg.get_collection(tg.GraphKeys.MOVING_AVERAGE_VARIABLES) == [w]
    assert update.name == "ExponentialMovingAverage"


def test_moving_averages_names():
    with tg.variable_scope("layer"):
        w = tg.get_variable("w", [2])
    other = tg.Variable(1.0, name="other", trainable=False)
    first = tg.train.ExponentialMovingAverage(0.9)
    assert first.average(w) is None
    assert first.average_name(w) == "layer/w/ExponentialMovingAverage"
    first.apply()
    second = tg.train.ExponentialMovingAverage(0.9)
    with tg.name_scope("inner"):
        assert second.apply([w]).name == "inner/ExponentialMovingAverage"
    assert first.average_name(w) == "layer/w/ExponentialMovingAverage"
    assert second.average_name(w) == "layer/w/ExponentialMovingAverage_1"
    assert second.average(w).op_name == "layer/w/ExponentialMovingAverage_1"
    restored = second.variables_to_restore()
    assert restored["other"] is other and restored["layer/w/ExponentialMovingAverage_1"] is w
    assert "layer/w" not in restored


def test_moving_average_of_ints():
    with pytest.raises(TypeError, match="must be half, float, or double"):
        tg.train.ExponentialMovingAverage(0.9).apply([tg.Variable(1)])
