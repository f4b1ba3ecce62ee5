"""Learning rates: the formulas in NumPy, and values that TF 1.15 gave."""

import inspect

import numpy as np
import pytest

import tinygraph as tg

STEPS = [0, 1, 5, 9, 10, 11, 25, 30, 100]


def rates(schedule, *args, steps=STEPS, **kwargs):
    step = tg.train.get_or_create_global_step()
    rate = getattr(tg.train, schedule)(*args, step, **kwargs)
    assert rate.shape == ()
    sess = tg.Session()
    return [sess.run(rate, {step: i}) for i in steps]


TF115 = [  # learning_rate 0.1 at STEPS
    ("exponential_decay", {"decay_steps": 10, "decay_rate": 0.96},
     [0.100000001, 0.0995926186, 0.0979795903, 0.0963926911, 0.0960000008, 0.0956089124,
      0.0902979895, 0.0884735957, 0.0664832518]),
    ("exponential_decay", {"decay_steps": 10, "decay_rate": 0.96, "staircase": True},
     [0.100000001, 0.100000001, 0.100000001, 0.100000001, 0.0960000008, 0.0960000008,
      0.0921600014, 0.0884735957, 0.0664832518]),
    ("natural_exp_decay", {"decay_steps": 10, "decay_rate": 0.5},
     [0.100000001, 0.0951229483, 0.0778800771, 0.0637628138, 0.0606530681, 0.0576949827,
      0.0286504813, 0.0223130174, 0.000673794828]),
    ("natural_exp_decay", {"decay_steps": 10, "decay_rate": 0.5, "staircase": True},
     [0.100000001, 0.100000001, 0.100000001, 0.100000001, 0.0606530681, 0.0606530681,
      0.0367879458, 0.0223130174, 0.000673794828]),
    ("inverse_time_decay", {"decay_steps": 10, "decay_rate": 0.5},
     [0.100000001, 0.0952381045, 0.0799999982, 0.068965517, 0.0666666701, 0.0645161346,
      0.0444444455, 0.0399999991, 0.0166666675]),
    ("inverse_time_decay", {"decay_steps": 10, "decay_rate": 0.5, "staircase": True},
     [0.100000001, 0.100000001, 0.100000001, 0.100000001, 0.0666666701, 0.0666666701,
      0.0500000007, 0.0399999991, 0.0166666675]),
    ("polynomial_decay", {"decay_steps": 10},
     [0.100000001, 0.0900100023, 0.0500500016, 0.0100899963, 9.99999975e-05, 9.99999975e-05,
      9.99999975e-05, 9.99999975e-05, 9.99999975e-05]),
    ("polynomial_decay", {"decay_steps": 10, "end_learning_rate": 0.01, "power": 2.0},
     [0.100000001, 0.0828999951, 0.0324999988, 0.0108999992, 0.00999999978, 0.00999999978,
      0.00999999978, 0.00999999978, 0.00999999978]),
    ("polynomial_decay",
     {"decay_steps": 10, "end_learning_rate": 0.01, "power": 0.5, "cycle": True},
     [0.100000001, 0.0953814983, 0.0736396089, 0.0384605005, 0.00999999978, 0.0703738332,
      0.0467423499, 0.00999999978, 0.00999999978]),
    ("cosine_decay", {"decay_steps": 10},
     [0.100000001, 0.0975528285, 0.049999997, 0.00244716997, 0.0, 0.0, 0.0, 0.0, 0.0]),
    ("cosine_decay", {"decay_steps": 10, "alpha": 0.25},
     [0.100000001, 0.098164618, 0.0625, 0.0268353764, 0.0250000004, 0.0250000004, 0.0250000004,
      0.0250000004, 0.0250000004]),
]

SIGNATURES = {  # TF 1.15's
    "exponential_decay": (
        "(learning_rate, global_step, decay_steps, decay_rate, staircase=False, name=None)"
    ),
    "natural_exp_decay": (
        "(learning_rate, global_step, decay_steps, decay_rate, staircase=False, name=None)"
    ),
    "inverse_time_decay": (
        "(learning_rate, global_step, decay_steps, decay_rate, staircase=False, name=None)"
    ),
    "polynomial_decay": (
        "(learning_rate, global_step, decay_steps, end_learning_rate=0.0001, power=1.0, "
        "cycle=False, name=None)"
    ),
    "cosine_decay": "(learning_rate, global_step, decay_steps, alpha=0.0, name=None)",
    "piecewise_constant": "(x, boundaries, values, name=None)",
    "piecewise_constant_decay": "(x, boundaries, values, name=None)",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(name):
    signature = inspect.signature(getattr(tg.train, name))
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    text = str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty))
    assert text == SIGNATURES[name]


@pytest.mark.smoke
@pytest.mark.parametrize(("name", "arguments", "expected"), TF115)
def test_values_of_tf(name, arguments, expected):
    found = rates(name, 0.1, **arguments)
    assert all(isinstance(rate, np.float32) for rate in found)
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-8)


FORMULAS = [
    ("exponential_decay", (7, 0.9), {}, lambda t: 0.9 ** (t / 7)),
    ("exponential_decay", (7, 0.9), {"staircase": True}, lambda t: 0.9 ** (t // 7)),
    ("natural_exp_decay", (7, 0.9), {}, lambda t: np.exp(-0.9 * t / 7)),
    ("natural_exp_decay", (7, 0.9), {"staircase": True}, lambda t: np.exp(-0.9 * (t // 7))),
    ("inverse_time_decay", (7, 0.9), {}, lambda t: 1 / (1 + 0.9 * t / 7)),
    ("inverse_time_decay", (7, 0.9), {"staircase": True}, lambda t: 1 / (1 + 0.9 * (t // 7))),
    ("polynomial_decay", (7, 0.25, 1.5), {}, lambda t: 0.75 * max(1 - t / 7, 0) ** 1.5 + 0.25),
    (
        "polynomial_decay", (7, 0.25, 1.5, True), {},
        lambda t: 0.75 * (1 - t / (7 * max(np.ceil(t / 7), 1))) ** 1.5 + 0.25,
    ),
    (
        "cosine_decay", (7, 0.25), {},
        lambda t: 0.75 * (1 + np.cos(np.pi * min(t, 7) / 7)) / 2 + 0.25,
    ),
]


@pytest.mark.parametrize(("name", "args", "kwargs", "formula"), FORMULAS)
def test_formula_in_float64(name, args, kwargs, formula):
    """A float64 learning rate makes all of the schedule float64."""
    step = tg.train.get_or_create_global_step()
    args = [np.float64(a) if isinstance(a, float) else a for a in args]
    rate = getattr(tg.train, name)(np.float64(1.0), step, *args, **kwargs)
    sess = tg.Session()
    found = [sess.run(rate, {step: t}) for t in range(40)]
    np.testing.assert_allclose(found, [formula(t) for t in range(40)], rtol=1e-13)


def test_piecewise_constant():
    """A boundary belongs to the piece before it."""
    step = tg.train.get_or_create_global_step()
    rate = tg.train.piecewise_constant(step, [5, 10], [0.1, 0.01, 0.001])
    sess = tg.Session()
    found = [float(sess.run(rate, {step: i})) for i in STEPS]
    np.testing.assert_allclose(found, [0.1] * 3 + [0.01] * 2 + [0.001] * 4, rtol=1e-6)


def test_piecewise_constant_of_floats_and_tensors():
    x = tg.placeholder(tg.float32, [])
    low = tg.placeholder(tg.float32, [])
    rate = tg.train.piecewise_constant_decay(x, [low, 2.0], [tg.constant(3), 4, 5])
    sess = tg.Session()
    assert [sess.run(rate, {x: v, low: 1.0}) for v in (-1.0, 1.0, 1.5, 2.0, 2.5)] == [3, 3, 4, 4, 5]


def test_piecewise_constant_of_one_value():
    assert tg.Session().run(tg.train.piecewise_constant(3, [], [0.5])) == 0.5


def test_steps_may_be_python_ints_and_int32_variables():
    step = tg.Variable(20, trainable=False)
    sess = tg.Session()
    sess.run(step.initializer)
    for value in (20, step, tg.constant(20.0)):
        assert sess.run(tg.train.exponential_decay(0.5, value, 10, 0.5)) == 0.125


def test_an_int_learning_rate_is_a_float():
    assert tg.Session().run(tg.train.exponential_decay(1, 5, 10, 0.25)) == 0.5


def test_all_arguments_may_be_tensors():
    steps, rate = tg.placeholder(tg.int32, []), tg.placeholder(tg.float32, [])
    decayed = tg.train.inverse_time_decay(rate, 20, steps, rate)
    assert tg.Session().run(decayed, {steps: 10, rate: 0.5}) == 0.25


def test_names():
    assert tg.train.exponential_decay(0.1, 1, 1, 1.0).name == "ExponentialDecay:0"
    assert tg.train.exponential_decay(0.1, 1, 1, 1.0).name == "ExponentialDecay_1:0"
    with tg.name_scope("rates"):
        assert tg.train.inverse_time_decay(0.1, 1, 1, 1.0).name == "rates/InverseTimeDecay:0"
        assert tg.train.polynomial_decay(0.1, 1, 1, name="mine").name == "rates/mine:0"


def test_errors():
    with pytest.raises(ValueError, match="global_step is required"):
        tg.train.exponential_decay(0.1, None, 1, 1.0)
    with pytest.raises(ValueError, match="should be 1 less than the length of values"):
        tg.train.piecewise_constant(1, [1, 2], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"Boundaries \(float32\) must have the same dtype as x"):
        tg.train.piecewise_constant(1, [1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="elements all with the same dtype"):
        tg.train.piecewise_constant(1, [1, 2], [1, 2.0, 3.0])


@pytest.mark.parametrize(("schedule", "kwargs"), [(name, kwargs) for name, kwargs, _ in TF115])
def test_a_float16_rate_counts_beyond_65504(schedule, kwargs):
    if "decay_steps" not in kwargs:
        pytest.skip("no step is divided")
    kwargs = {**kwargs, "decay_steps": 100_000}
    steps = [70_000, 90_000, 250_000]
    half, single = (
        rates(schedule, tg.constant(0.5, dtype), steps=steps, **kwargs)
        for dtype in (tg.float16, tg.float32)
    )
    assert {rate.dtype for rate in half} == {np.dtype(np.float16)}
    np.testing.assert_allclose(half, single, rtol=1e-3)
