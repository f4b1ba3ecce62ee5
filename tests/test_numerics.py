"""The numerical traps of elementwise math, reductions and linear algebra, one by one.

Warnings are errors in the test run, so that each test also shows that none gets out.
"""

import math

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.op import registry
from tinygraph.kernels.logarithm import log1p_of
from tinygraph.ops.reduce import reduce_euclidean_norm
from tinygraph.kernels.special import erf_of, erfc_of
from tinygraph.kernels.summation import BLOCK, DIRECT, sum_over

INF, NAN = np.inf, np.nan


@pytest.fixture(autouse=True)
def session():
    """A fresh default graph, and a session on it."""
    with tg.Graph().as_default(), tg.Session() as sess:
        yield sess


def value_and_slope(function, x, dtype=tg.float64):
    """function(x) and the derivative of its sum, of one input."""
    x = tg.constant(x, dtype)
    y = function(x)
    return tg.get_default_session().run([y, tg.gradients(y, x)[0]])


def slopes(function, *xs, g=None, dtype=tg.float64):
    """The derivatives of function(*xs) with respect to each of xs."""
    xs = [tg.constant(x, dtype) for x in xs]
    y = function(*xs)
    return tg.get_default_session().run(tg.gradients(y, xs, None if g is None else [g]))


def equals(got, right):
    np.testing.assert_array_equal(np.asarray(got), right)


# ---------------------------------------------------------------- where a slope is infinite


def test_sqrt_log_and_division_at_zero():
    y, slope = value_and_slope(tg.sqrt, [0.0, 4.0])
    equals(y, [0, 2])
    equals(slope, [INF, 0.25])
    y, slope = value_and_slope(tg.log, [0.0, 2.0])
    equals(y, [-INF, np.log(2)])
    equals(slope, [INF, 0.5])
    y, slope = value_and_slope(lambda x: 1 / x, [0.0, 2.0])
    equals(y, [INF, 0.5])
    equals(slope, [-INF, -0.25])
    equals(value_and_slope(tg.rsqrt, [0.0, INF])[0], [INF, 0])
    equals(value_and_slope(tg.reciprocal, [0.0, -0.0, INF])[0], [INF, -INF, 0])


@pytest.mark.parametrize("function", [tg.sqrt, tg.rsqrt, tg.reciprocal])
def test_no_gradient_arrives_at_an_infinite_slope(function):
    equals(slopes(function, [0.0, 4.0], g=[0.0, 0.0])[0], [0, 0])


def test_where_leaks_unless_used_twice():
    x = [-1.0, 4.0, 0.0]
    leaking = slopes(lambda x: tg.where(x > 0, tg.log(x), tg.zeros_like(x)), x)[0]
    equals(leaking, [0, 0.25, NAN])
    safe = lambda x: tg.where(x > 0, x, tg.ones_like(x))  # noqa: E731
    equals(slopes(lambda x: tg.where(x > 0, tg.log(safe(x)), 0 * x), x)[0], [0, 0.25, 0])


def test_div_no_nan():
    x, y = [1.0, 0.0, INF, NAN, 3.0], [0.0, 0.0, 0.0, 0.0, 2.0]
    equals(tg.div_no_nan(tg.constant(x), y).eval(), [0, 0, 0, 0, 1.5])
    at_x, at_y = slopes(tg.div_no_nan, [1.0, 2.0], [0.0, 4.0])
    equals(at_x, [0, 0.25])
    equals(at_y, [0, -0.125])


def test_multiply_no_nan():
    multiply = registry["MulNoNan"]
    equals(multiply([INF, NAN, -INF, 2.0], [0.0, -0.0, 3.0, 3.0]).eval(), [0, 0, -INF, 6])


def test_keep_where_passes_bits():
    keep = registry["KeepWhere"]
    for dtype in (np.float16, np.float32, np.float64):
        x = np.array([INF, NAN, -0.0, 3.5, INF, NAN, -0.0, 3.5], dtype)
        mask = np.arange(8) < 4
        got = keep(x, mask).eval()
        assert got.dtype == dtype
        assert got[:4].tobytes() == x[:4].tobytes()
        assert got[4:].tobytes() == np.zeros(4, dtype).tobytes()


# ---------------------------------------------------------------- powers


@pytest.mark.parametrize(
    ("x", "y", "value", "at_x", "at_y"),
    [
        (2.0, 3.0, 8, 12, 8 * math.log(2)),
        (-2.0, 2.0, 4, -4, 0),
        (0.0, 0.0, 1, 0, 0),
        (3.0, 0.0, 1, 0, math.log(3)),
        (0.0, 1.0, 0, 1, 0),
        (0.0, 2.0, 0, 0, 0),
        (0.0, 0.5, 0, INF, 0),
        (0.0, -1.0, INF, -INF, 0),
        (-2.0, 0.5, NAN, NAN, 0),
        (INF, 0.0, 1, 0, INF),
    ],
)
def test_pow(x, y, value, at_x, at_y):
    np.testing.assert_allclose(tg.pow(np.float64(x), np.float64(y)).eval(), value, rtol=1e-15)
    np.testing.assert_allclose(slopes(tg.pow, x, y), [at_x, at_y], rtol=1e-15)


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.5), (0.0, -1.0), (-2.0, 0.5), (0.0, 0.0)])
def test_pow_where_no_gradient_arrives(x, y):
    equals(slopes(tg.pow, x, y, g=0.0), [0, 0])


def test_pow_of_a_sum_of_squares_behind_a_mask():
    def masked_root(x):
        return tg.where(x > 0, x**0.5, tg.zeros_like(x))

    equals(slopes(masked_root, [0.0, 4.0])[0], [0, 0.25])


def test_second_derivative_of_a_square_at_zero():
    x = tg.constant(0.0)
    (slope,) = tg.gradients(x**2, x)
    assert tg.gradients(slope, x)[0].eval() == 2


# ---------------------------------------------------------------- kinks


def test_ties():
    x, y = [1.0, 1.0, 2.0], [1.0, 2.0, 1.0]
    equals(slopes(tg.maximum, x, y), [[1, 0, 1], [0, 1, 0]])
    equals(slopes(tg.minimum, x, y), [[1, 1, 0], [0, 0, 1]])


def test_clip_by_value_at_its_bounds():
    t, low, high = [0.0, 1.0, 2.0, 3.0, -1.0], [0.0] * 5, [2.0] * 5
    at_t, at_low, at_high = slopes(tg.clip_by_value, t, low, high)
    equals(at_t, [1, 1, 1, 0, 0])
    equals(at_low, [0, 0, 0, 0, 1])
    equals(at_high, [0, 0, 0, 1, 0])


def test_clip_by_value_with_crossed_bounds():
    equals(tg.clip_by_value([1.0, 5.0], 3.0, 2.0).eval(), [3, 3])
    equals(slopes(tg.clip_by_value, [1.0, 5.0], [3.0, 3.0], [2.0, 2.0])[1], [1, 1])


def test_abs_and_sign_at_zero():
    equals(slopes(tg.abs, [0.0, -0.0, -2.0, 3.0])[0], [0, 0, -1, 1])
    equals(slopes(tg.sign, [0.0, -2.0])[0], [0, 0])
    equals(tg.sign([NAN, 0.0, -INF]).eval(), [0, 0, -1])


@pytest.mark.parametrize("function", [tg.floor, tg.ceil, tg.round, tg.rint, tg.to_int32])
def test_steps_have_no_gradient(function):
    x = tg.constant([0.3, 1.6])
    assert tg.gradients(tg.cast(function(x), tg.float32), x) == [None]


def test_round_to_even():
    equals(tg.round([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.51]).eval(), [-2, -2, 0, 0, 2, 2, 3])


def test_atan2_in_all_quadrants():
    y, x = np.array([0.0, 0.0, -0.0, 1.0, -1.0]), np.array([-1.0, 0.0, -1.0, 0.0, -1.0])
    equals(tg.atan2(y, x).eval(), np.arctan2(y, x))


# ---------------------------------------------------------------- NaN stays visible


def test_nan_makes_the_gradient_of_an_extreme_nan():
    for function in (tg.reduce_max, tg.reduce_min):
        x = [[1.0, NAN, 3.0], [1.0, 1.0, 1.0]]
        equals(slopes(lambda x, f=function: f(x, 1), x)[0], [[NAN] * 3, [1 / 3] * 3])
        equals(slopes(function, [1.0, NAN])[0], [NAN, NAN])


@pytest.mark.parametrize("function", [tg.maximum, tg.minimum])
def test_beside_nan_the_second_of_two_gets_the_gradient(function):
    """As in TF 1.15."""
    equals(slopes(function, [1.0, NAN, NAN], [NAN, 1.0, NAN]), [[0] * 3, [1] * 3])


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (tg.nn.relu, 0), (tg.nn.leaky_relu, 0.2), (tg.nn.selu, NAN),
        (tg.nn.elu, NAN), (tg.nn.sigmoid, NAN), (tg.tanh, NAN), (tg.nn.softplus, NAN), (tg.abs, 0),
        (lambda x: tg.clip_by_value(x, -1.0, 1.0), 0),
    ],
)
def test_slopes_at_nan(function, slope):
    """TF 1.15's, but for elu and selu, which have numbers there."""
    equals(slopes(function, NAN)[0], slope)


# ---------------------------------------------------------------- no product before its time

ONE = 1.0


@pytest.mark.parametrize(
    ("function", "xs", "g", "right"),
    [
        (tg.divide, [1e30, 1e20], 1e30, [1e10, -1e20]),
        (tg.div_no_nan, [1e30, 1e20], 1e30, [1e10, -1e20]),
        (tg.atan2, [3e20, 4e20], 1e21, [1.6, -1.2]),
        (tg.atan2, [3e-25, 4e-25], 1e-10, [1.6e14, -1.2e14]),
        (tg.atan, [1e20], 1e20, [1e-20]),
        (tg.nn.softsign, [-1e20], 1e20, [1e-20]),
        (tg.reciprocal, [1e-20], 1e-10, [-1e30]),
        (tg.reciprocal, [1e25], 1e30, [-1e-20]),
        (tg.rsqrt, [1e-30], 1e-10, [-0.5e35]),
        (tg.norm, [[3e20, 4e20]], ONE, [[0.6, 0.8]]),
        (tg.norm, [[3e-25, 4e-25]], ONE, [[0.6, 0.8]]),
        (lambda x: tg.norm(x, 3), [[3e20, 0.0]], ONE, [[1, 0]]),
        (tg.nn.l2_normalize, [[3e20, 0.0]], [0.0, 1.0], [[0, 1 / 3e20]]),
        (lambda x: tg.global_norm([x]), [[3e-25, 4e-25]], ONE, [[0.6, 0.8]]),
    ],
)
def test_gradients_of_float32_in_its_range_are_reached(function, xs, g, right):
    got = slopes(function, *xs, g=g, dtype=tg.float32)
    for found, expected in zip(got, right, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e20, 1.0, 1e-25, 1e-44])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_norms_at_any_scale(dtype, scale):
    scale = float(dtype(scale if dtype == np.float32 else scale**7))
    x = np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]]).astype(dtype) * dtype(scale)
    tolerance = 1e-6 if scale == 0 or scale > np.finfo(dtype).tiny else 0.3
    for keepdims in (False, True):
        right = np.array([5.0, 0.0, 1.0]) * scale
        got = tg.norm(x, axis=1, keepdims=keepdims).eval().reshape(-1)
        np.testing.assert_allclose(got, right, rtol=tolerance)
    np.testing.assert_allclose(tg.norm(x).eval(), 26**0.5 * scale, rtol=tolerance)
    cube = tg.norm(x, 3, axis=1).eval()
    np.testing.assert_allclose(cube, np.array([91 ** (1 / 3), 0, 1]) * scale, rtol=tolerance)
    spectral = tg.norm(np.diag(x[0]), 2, axis=[0, 1]).eval()
    np.testing.assert_allclose(spectral, 4 * scale, rtol=tolerance)


def test_norms_of_what_is_not_finite():
    for ord in (2, 3):
        equals(slopes(lambda x, p=ord: tg.norm(x, p), [NAN, 1.0])[0], [NAN, NAN])
        got = tg.norm([[INF, 1.0], [NAN, 1.0], [-INF, INF]], ord, axis=1).eval()
        equals(got, [INF, NAN, INF])


def test_l2_normalize_in_any_range():
    """Its doc's formula, where squares leave the dtype's range, and at 0."""
    for dtype, values in (
        (np.float16, [300, 400]), (np.float16, [3e-3, 4e-3]), (np.float32, [3e20, 4e20]),
    ):
        got = tg.nn.l2_normalize(np.array(values, dtype)).eval()
        np.testing.assert_allclose(got, [0.6, 0.8], rtol=4 * np.finfo(dtype).eps)
    for dtype in (np.float16, np.float32):
        y, slope = value_and_slope(tg.nn.l2_normalize, [0.0, 0.0], dtype)
        equals(y, [0, 0])
        equals(slope, [INF if dtype == np.float16 else np.float32(1e6)] * 2)
    np.testing.assert_allclose(
        tg.nn.l2_normalize(np.float32([3e-25, 4e-25])).eval(), [3e-19, 4e-19], rtol=1e-6
    )
    equals(tg.nn.l2_normalize([3.0, 4.0], epsilon=100.0).eval(), np.float32([0.3, 0.4]))
    equals(tg.nn.l2_loss(np.float16([300])).eval(), np.float16(45000))


def test_remainders_have_the_slope_of_their_quotient():
    """1 - 9 * 0.1: floor(1 / 0.1) is 10, but the remainder is that of 9."""
    equals(slopes(tg.floormod, 1.0, 0.1, dtype=tg.float32), [1, -9])
    equals(slopes(tg.floormod, 1.0, 0.1), [1, -9])
    equals(slopes(tg.truncatemod, -1.0, 0.1), [1, 9])
    equals(slopes(tg.floormod, [7.5, -7.5], [2.0, 2.0]), [[1, 1], [-3, 4]])
    equals(slopes(tg.truncatemod, [7.5, -7.5], [2.0, 2.0]), [[1, 1], [-3, 3]])


# ---------------------------------------------------------------- saturated slopes

SELU, SELU_BELOW = 1.0507009873554805, 1.6732632423543772
TAILS = np.array([-80.0, -17.0, -3.0, 0.0, 1e-6, 3.0, 17.0, 40.0])


def sigmoid_slope(x):
    return 1 / (2 + 2 * np.cosh(x))


SATURATED = {
    "sigmoid": (tg.nn.sigmoid, sigmoid_slope, lambda x: -sigmoid_slope(x) * np.tanh(x / 2)),
    "tanh": (tg.tanh, lambda x: np.cosh(x) ** -2.0, lambda x: -2 * np.tanh(x) / np.cosh(x) ** 2),
    "softplus": (tg.nn.softplus, lambda x: np.exp(-np.logaddexp(0, -x)), sigmoid_slope),
    "log_sigmoid": (
        tg.log_sigmoid, lambda x: np.exp(-np.logaddexp(0, x)), lambda x: -sigmoid_slope(x)
    ),
    "elu": (tg.nn.elu, lambda x: np.exp(np.minimum(x, 0)), lambda x: np.exp(x) * (x <= 0)),
    "selu": (
        tg.nn.selu, lambda x: SELU * np.where(x < 0, SELU_BELOW * np.exp(x), 1),
        lambda x: SELU * SELU_BELOW * np.exp(x) * (x < 0),
    ),
    "softsign": (
        tg.nn.softsign, lambda x: (1 + abs(x)) ** -2.0,
        lambda x: -2 * np.sign(x) / (1 + abs(x)) ** 3,
    ),
    "erf": (
        tg.erf, lambda x: 2 / np.pi**0.5 * np.exp(-x * x),
        lambda x: -4 * x / np.pi**0.5 * np.exp(-x * x),
    ),
    "atan": (tg.atan, lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
}


@pytest.mark.parametrize("name", SATURATED)
def test_slopes_have_their_digits_where_the_value_is_saturated(name):
    function, first, second = SATURATED[name]
    exact = TAILS.astype(np.float32).astype(np.float64)
    x = tg.constant(TAILS, tg.float32)
    (slope,) = tg.gradients(function(x), x)
    values = tg.get_default_session().run([slope, tg.gradients(slope, x)[0]])
    for got, formula in zip(values, (first, second), strict=True):
        right = formula(exact)
        tiny = np.abs(right) < 4e-38  # what is about to leave float32's range
        np.testing.assert_allclose(got[~tiny], right[~tiny], rtol=2e-6)
        assert (np.abs(got[tiny]) < 8e-38).all()


@pytest.mark.parametrize("count", [0, 1, 100, 1000])
def test_the_slope_of_tanh_however_many_are_saturated(count):
    x = np.random.default_rng(5).uniform(-1, 1, (10, 100)).astype(np.float32)
    x.reshape(-1)[:count] *= 20
    fed = tg.placeholder(tg.float32, [None, None])
    slope = tg.gradients(tg.tanh(fed), fed)[0]
    for value in (x, x.T[::2]):
        got = tg.get_default_session().run(slope, {fed: value})
        np.testing.assert_allclose(got, np.cosh(value.astype(np.float64)) ** -2.0, rtol=5e-6)


def test_third_derivatives_at_zero():
    for function, right in ((tg.nn.sigmoid, -1 / 8), (tg.tanh, -2), (tg.nn.softplus, 0)):
        x = y = tg.constant(0.0)
        y = function(x)
        for _ in range(3):
            (y,) = tg.gradients(y, x)
        assert y.eval() == right


@pytest.mark.parametrize("loss", ["sigmoid", "weighted"])
def test_losses_of_a_label_that_is_met(loss):
    def losses(z):
        t = tg.constant([1.0, 0.0, 1.0, 0.0, 0.25])
        if loss == "sigmoid":
            return tg.nn.sigmoid_cross_entropy_with_logits(labels=t, logits=z)
        return tg.nn.weighted_cross_entropy_with_logits(labels=t, logits=z, pos_weight=2.0)

    e, q = math.exp(-17), 1 if loss == "sigmoid" else 2
    last = 0.75 * 0.5 - q * 0.25 * 0.5
    right = [-q * e / (1 + e), e / (1 + e), -q / (1 + e), 1 / (1 + e), last]
    got = slopes(losses, [17.0, -17.0, -17.0, 17.0, 0.0], dtype=tg.float32)[0]
    np.testing.assert_allclose(got, right, rtol=1e-6)


# ---------------------------------------------------------------- stable forms


def test_derivatives_near_the_ends():
    """1 - x² loses digits near 1, as does 1 + y of expm1 for very negative x."""
    x = 1 - 2.0**-40
    exact = 1 / math.sqrt(2.0**-40 * (2 - 2.0**-40))
    np.testing.assert_allclose(slopes(tg.asin, x)[0], exact, rtol=1e-15)
    np.testing.assert_allclose(slopes(tg.acos, x)[0], -exact, rtol=1e-15)
    np.testing.assert_allclose(slopes(tg.atanh, x)[0], exact**2, rtol=1e-15)
    np.testing.assert_allclose(slopes(tg.expm1, -50.0)[0], math.exp(-50), rtol=1e-15)
    np.testing.assert_allclose(slopes(tg.asinh, 1e30, dtype=tg.float32)[0], 1e-30, rtol=1e-5)


def test_small_arguments():
    x = np.array([1e-20, -1e-12])
    np.testing.assert_allclose(tg.expm1(x).eval(), x, rtol=1e-11)
    np.testing.assert_allclose(tg.log1p(x).eval(), x, rtol=1e-11)


# ---------------------------------------------------------------- log-sum-exp


@pytest.mark.parametrize(
    ("x", "value", "slope"),
    [
        ([1000.0, 1000.0], 1000 + math.log(2), [0.5, 0.5]),
        ([-1000.0, -1000.0], -1000 + math.log(2), [0.5, 0.5]),
        ([1e30, 1e30], 1e30, [0.5, 0.5]),
        ([1e4, 0.0], 1e4, [1, 0]),
        ([-INF, 0.0], 0, [0, 1]),
        ([-INF, -INF], -INF, [0, 0]),
        ([INF, 1.0], INF, [1, 0]),
        ([INF, 1.0, INF], INF, [0.5, 0, 0.5]),
        ([NAN, 1.0], NAN, [NAN, NAN]),
    ],
)
@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
def test_logsumexp(x, value, slope, dtype):
    y, at_x = value_and_slope(tg.reduce_logsumexp, x, dtype)
    np.testing.assert_allclose(y, value, rtol=1e-6)
    np.testing.assert_allclose(at_x, slope, rtol=1e-6)


def test_logsumexp_of_nothing():
    assert tg.reduce_logsumexp(tg.zeros([0])).eval() == -INF


# ---------------------------------------------------------------- max, min, prod, norm


def test_ties_share_the_gradient_of_a_maximum():
    x = [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]
    equals(slopes(lambda x: tg.reduce_max(x, 1), x)[0], [[0, 0.5, 0.5], [1 / 3] * 3])
    equals(slopes(tg.reduce_min, [2.0, 1.0, 1.0, 1.0, 1.0])[0], [0, 0.25, 0.25, 0.25, 0.25])
    equals(slopes(tg.reduce_max, [INF, 1.0, INF])[0], [0.5, 0, 0.5])


def test_nan_is_the_maximum():
    equals(tg.reduce_max([1.0, NAN, 3.0]).eval(), NAN)
    equals(tg.maximum([1.0, NAN], [NAN, 1.0]).eval(), [NAN, NAN])
    assert tg.argmax([1.0, NAN, 3.0]).eval() == 1


@pytest.mark.parametrize(
    ("x", "slope"),
    [
        ([2.0, 3.0, 4.0], [12, 8, 6]),
        ([0.0, 3.0, 4.0], [12, 0, 0]),
        ([0.0, 3.0, 0.0], [0, 0, 0]),
        ([5.0], [1]),
    ],
)
def test_prod_with_zeros(x, slope):
    equals(slopes(tg.reduce_prod, x)[0], slope)


def test_second_derivative_of_a_product_with_zeros():
    x = tg.constant([0.0, 0.0, 5.0])
    (slope,) = tg.gradients(tg.reduce_prod(x), x)
    equals(tg.gradients(slope[0], x)[0].eval(), [0, 5, 0])


def test_cumprod_with_zeros():
    equals(slopes(tg.cumprod, [0.0, 2.0, 3.0])[0], [9, 0, 0])
    equals(slopes(tg.cumprod, [2.0, 0.0, 3.0])[0], [1, 8, 0])


@pytest.mark.parametrize("ord", ["euclidean", 1, 2, 3, 1.5, 0.5, INF])
def test_norm_at_zero(ord):
    y, slope = value_and_slope(lambda x: tg.norm(x, ord), [0.0, 0.0])
    equals(y, 0)
    equals(slope, [0, 0])


@pytest.mark.parametrize("ord", ["fro", 1, 2, INF])
def test_matrix_norm_at_zero(ord):
    y, slope = value_and_slope(lambda x: tg.norm(x, ord, axis=[0, 1]), np.zeros((3, 2)))
    equals(y, 0)
    equals(slope, np.zeros((3, 2)))


def test_norm_of_a_zero_row():
    y, slope = value_and_slope(lambda x: tg.norm(x, axis=1), [[0.0, 0.0], [3.0, 4.0]])
    equals(y, [0, 5])
    np.testing.assert_allclose(slope, [[0, 0], [0.6, 0.8]], rtol=1e-15)
    equals(value_and_slope(lambda x: reduce_euclidean_norm(x, 1), [[0.0, 0.0]])[1], [[0, 0]])


# ---------------------------------------------------------------- accuracy of sums


def summed(x, axis, keepdims=False):
    out = np.full(x.sum(axis, keepdims=keepdims).shape, 7, x.dtype)
    assert sum_over(x, out, axis, keepdims) is out
    return out


def test_float32_sums_over_leading_axes():
    """17 million rows of 0.1, over which NumPy's sum loses 15%."""
    rows = np.broadcast_to(np.float32(0.1), (17_000_000 // 64, 64, 2))
    exact = 17_000_000 * float(np.float32(0.1))
    np.testing.assert_allclose(summed(rows, (0, 1)), exact, rtol=3e-6)
    x = tg.placeholder(tg.float32, [None, 2])
    tall = np.full((2_000_000, 2), np.float32(0.1))
    mean, total = tg.get_default_session().run(
        [tg.reduce_mean(x, 0), tg.reduce_sum(x, 0)], {x: tall}
    )
    np.testing.assert_allclose(mean, np.float32(0.1), rtol=3e-6)
    np.testing.assert_allclose(total, 2_000_000 * float(np.float32(0.1)), rtol=3e-6)


SHAPES = [
    ((DIRECT + 1, 3), (0,)), ((2, 5 * BLOCK, 5), (1,)), ((3, DIRECT + 7), (1,)),
    ((7, 300, 5), (0, 2)), ((4, 5, 6, 7), (0, 1)), ((4, 5, 6, 7), (1, 2)), ((4, 5, 6, 7), (0, 2)),
    ((4, 5, 6, 7), (0, 1, 3)), ((5, 1, 5 * BLOCK), (0, 2)), ((5, 4), (0, 1)), ((3, 0, 4), (1,)),
    ((0, 3), (1,)), ((4,), (0,)), ((3, 4), ()),
]


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
def test_sum_over_any_axes(shape, axis, dtype):
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 4, shape).astype(dtype)
    exact = x.astype(np.float64).sum(axis)
    tolerance = {"f": max(2 * np.finfo(dtype).eps, 1e-12) * 4} if x.dtype.kind == "f" else {}
    for keepdims in (False, True):
        right = exact.reshape(x.sum(axis, keepdims=keepdims).shape)
        np.testing.assert_allclose(summed(x, axis, keepdims), right, rtol=tolerance.get("f", 0))


@pytest.mark.parametrize("layout", ["transposed", "reversed", "strided", "broadcast", "read-only"])
def test_sums_of_views(layout):
    x = np.random.default_rng(1).uniform(0, 1, (6, 5, 4)).astype(np.float32)
    if layout == "transposed":
        x = x.transpose(2, 0, 1)
    elif layout == "reversed":
        x = x[::-1, :, ::-1]
    elif layout == "strided":
        x = x[::2, 1::3]
    elif layout == "broadcast":
        x = np.broadcast_to(x[:1, :, :1], (6, 5, 4))
    else:
        x.flags.writeable = False
    for axis in (None, (0,), (1,), (2,), (0, 1), (0, 2), (1, 2)):
        np.testing.assert_allclose(
            summed(x, axis), x.astype(np.float64).sum(axis), rtol=1e-6, err_msg=str(axis)
        )


def test_float16_adds_in_float32():
    x = tg.constant(np.full((4096, 2), 1.0, np.float16))
    equals(tg.reduce_sum(x, 0).eval(), [4096, 4096])
    equals(tg.reduce_sum(x).eval(), 8192)
    large = tg.constant(np.full(4, 60000.0, np.float16))
    equals(tg.reduce_mean(large).eval(), 60000)
    equals(tg.reduce_prod(tg.constant(np.array([300.0, 300.0, 0.01], np.float16))).eval(), 900)


def test_means_of_nothing_and_of_ints():
    equals(tg.reduce_mean(tg.zeros([0, 2]), 0).eval(), [NAN, NAN])
    for values, mean in ([1, 2], 1), ([-1, -2], -1), ([-1, -2, -2], -1):
        got = tg.reduce_mean(values).eval()
        assert got == mean and got.dtype == np.int32


@pytest.mark.parametrize(
    ("dtype", "values", "mean"),
    [
        ("uint8", [200] * 3, 200), ("uint8", [1] * 300, 1), ("int8", [-128] * 5 + [-127], -127),
        ("int16", [30000, 30001, 30001], 30000), ("int32", [10**9] * 3, 10**9),
        ("int32", [-(10**9)] * 3 + [-1], -750000000), ("int64", [2**62] * 3, 2**62),
        ("int64", [-(2**62)] * 3 + [-(2**62) + 1], -(2**62) + 1),
        ("uint32", [2**32 - 1] * 2, 2**32 - 1),
        ("uint64", [2**64 - 1] * 3, 2**64 - 1), ("int64", [2**62, -(2**62), -1], 0),
    ],
)
def test_means_of_ints_that_overflow_when_added(dtype, values, mean):
    got = tg.reduce_mean(tg.constant(np.array(values, dtype))).eval()
    assert got == mean and got.dtype == dtype
    pair = tg.reduce_mean(tg.constant(np.array([values, values], dtype)), 1, keepdims=True).eval()
    equals(pair, [[mean], [mean]])


def test_counts_of_float16():
    """70,000 is no float16; 1 / 70,000 is."""
    x = tg.placeholder(tg.float16, [None])
    share = np.float16(1 / 70000)
    session, feed = tg.get_default_session(), {x: np.ones(70000)}
    for function in (tg.reduce_mean, tg.reduce_max, tg.reduce_min, tg.reduce_logsumexp):
        slope = session.run(tg.gradients(function(x), x)[0], feed)
        np.testing.assert_allclose(slope, share, rtol=4e-3)
        assert slope.dtype == np.float16
    values = [tg.nn.softmax(x), tg.nn.log_softmax(x), tg.reduce_logsumexp(x), tg.norm(x, 3)]
    softmax, log_softmax, top, cubic = session.run(values, feed)
    equals(softmax[0], share)
    equals([log_softmax[0], top], np.float16([-math.log(70000), 1 + math.log(70000)]))
    np.testing.assert_allclose(cubic, 70000 ** (1 / 3), rtol=1e-3)
    slope = session.run(tg.gradients(tg.nn.log_softmax(x), x)[0], feed)
    np.testing.assert_allclose(slope, 0, atol=1e-3)


def test_batch_normalization_of_float16_has_an_epsilon():
    x = tg.constant(np.float16([1, 1]))
    mean, variance = tg.nn.moments(x, [0])
    got = tg.nn.batch_normalization(x, mean, variance, np.float16(3), None, 1e-8)
    equals(got.eval(), np.float16([3, 3]))


# ---------------------------------------------------------------- accuracy of sums at indices


MANY = 1_000_000
TENTH = float(np.float32(0.1))


@pytest.mark.parametrize("width", [1, 2])
def test_sums_at_indices_are_as_accurate_as_reduce_sum(width):
    """A million times 0.1, which add up to 100958 one by one in float32."""
    data = np.full((MANY // width, width), np.float32(0.1))
    ids = np.zeros(len(data), np.int32)
    params = tg.zeros([2, width])
    sums = [
        tg.segment_sum(data, ids), tg.unsorted_segment_sum(data, ids, 2),
        tg.scatter_nd(ids[:, None], data, [2, width]),
        tg.identity(tg.gradients(tg.gather(params, ids), params, [tg.constant(data)])[0]),
        tg.identity(tg.gradients(tg.gather_nd(params, ids[:, None]), params, tg.constant(data))[0]),
        tg.transpose(
            tg.gradients(
                tg.gather(tg.transpose(params), ids, axis=1), params, [tg.constant(data.T)]
            )[0]
        )[None, :, 0],
    ]
    for total in tg.get_default_session().run(sums):
        np.testing.assert_allclose(total[0], len(data) * TENTH, rtol=1e-7)


def test_sums_at_indices_of_nothing():
    ids, none = np.zeros(3, np.int32), np.zeros(0, np.int32)
    assert tg.unsorted_segment_sum(tg.zeros([3, 0]), ids, 2).eval().shape == (2, 0)
    assert tg.segment_sum(tg.zeros([3, 0]), ids).eval().shape == (1, 0)
    assert tg.scatter_nd(ids[:, None], tg.zeros([3, 0]), [2, 0]).eval().shape == (2, 0)
    equals(tg.unsorted_segment_sum(tg.zeros([0, 2]), none, 2).eval(), np.zeros((2, 2)))
    assert tg.segment_sum(tg.zeros([0]), none).eval().shape == (0,)
    equals(tg.unsorted_segment_sum(tg.ones([300]), np.full(300, -1), 2).eval(), [0, 0])
    params = tg.zeros([2, 0])
    slope = tg.identity(tg.gradients(tg.gather(params, ids), params)[0])
    assert slope.eval().shape == (2, 0)


def test_running_sums_are_as_accurate_as_reduce_sum():
    x = np.full(MANY, np.float32(0.1))
    for axis, data in ((0, x), (1, x[None])):
        last = tg.cumsum(data, axis).eval().reshape(-1)[-1]
        np.testing.assert_allclose(last, MANY * TENTH, rtol=1e-7)
    first = tg.cumsum(x, exclusive=True, reverse=True).eval()[0]
    np.testing.assert_allclose(first, (MANY - 1) * TENTH, rtol=1e-7)


def test_sums_at_indices_of_float16():
    """2,048 is the last whole number that a float16 can count to one by one."""
    ones, ids = tg.constant(np.ones(4096, np.float16)), np.zeros(4096, np.int32)
    x = tg.constant(np.float16([1.0, 1.0]))
    assert tg.segment_sum(ones, ids).eval() == 4096
    assert tg.unsorted_segment_sum(ones, ids, 1).eval() == 4096
    assert tg.scatter_nd(ids[:, None], ones, [1]).eval() == 4096
    equals(tg.identity(tg.gradients(tg.gather(x, ids), x)[0]).eval(), [4096, 0])
    assert tg.cumsum(ones).eval()[-1] == 4096
    assert tg.gradients(tg.cumprod(ones), ones)[0].eval()[0] == 4096
    assert tg.add_n([np.float16(2048), *[x[0]] * 4]).eval() == 2052


def test_linspace_of_float16_counts_beyond_2048():
    got = tg.linspace(np.float16(0), np.float16(1), 70_000).eval()
    equals(got, np.linspace(0, 1, 70_000).astype(np.float16))


# ---------------------------------------------------------------- accuracy of the error function


def ulps(got, exact):
    exact = np.asarray(exact)
    return np.abs(got.astype(np.float64) - exact) / np.spacing(
        np.abs(exact).astype(got.dtype)
    ).astype(np.float64)


@pytest.mark.parametrize("scale", [1e-8, 0.4, 1.0, 4.0, 8.0])
def test_erf_to_some_ulps(scale):
    x = np.random.default_rng(2).uniform(-scale, scale, 4000)
    single = x.astype(np.float32)
    tail = single[np.abs(single) < 7]
    for kernel, exact, values, most in (
        (erf_of, math.erf, x, 6), (erfc_of, math.erfc, x, 9), (erf_of, math.erf, single, 8),
        (erfc_of, math.erfc, tail, 1),
    ):
        found = kernel(values, np.empty_like(values))
        assert ulps(found, [exact(v) for v in values]).max() <= most


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_erf_of_special_values(dtype):
    largest = np.finfo(dtype).max  # 16 times which no dtype can hold
    x = np.array([0.0, -0.0, 40.0, -40.0, largest, -largest, INF, -INF, NAN], dtype)
    equals(tg.erf(x).eval(), np.array([0, 0, 1, -1, 1, -1, 1, -1, NAN]))
    equals(tg.erfc(x).eval(), np.array([1, 1, 0, 2, 0, 2, 0, 2, NAN]))
    assert np.signbit(tg.erf(x).eval()[1])
    assert tg.erf(x).eval().dtype == dtype


# ---------------------------------------------------------------- integer arithmetic


def test_division_of_ints():
    x, y = [-7, 7, -7, 7], [2, 2, -2, -2]
    equals(tg.floordiv(x, y).eval(), [-4, 3, 3, -4])
    equals(tg.mod(x, y).eval(), [1, 1, -1, -1])
    equals(tg.truncatediv(x, y).eval(), [-3, 3, 3, -3])
    equals(tg.truncatemod(x, y).eval(), [-1, 1, -1, 1])
    big = np.array([2**62 + 1, -(2**62) - 1])
    equals(tg.truncatediv(big, np.int64([3, 3])).eval(), [(2**62 + 1) // 3, -((2**62 + 1) // 3)])


def test_division_of_floats():
    x, y = [-5.0, 5.0, -5.0, 5.0, 5.5, 5.0], [3.0, -3.0, -3.0, 0.0, INF, -INF]
    equals(tg.mod(x, y).eval(), [1, -1, -2, NAN, 5.5, -INF])
    equals(tg.floordiv([-5.0, 5.0, 5.0, -5.0, 0.0], [3.0, -3.0, 0.0, 0.0, 0.0]).eval(),
           [-2, -2, INF, -INF, NAN])
    equals(tg.floordiv([1.0], [0.1]).eval(), [10])  # TF's floor(x / y), where Python says 9


@pytest.mark.parametrize("function", [tg.floordiv, tg.mod, tg.truncatediv, tg.truncatemod, tg.div])
def test_integer_division_by_zero(function, session):
    x, y = tg.placeholder(tg.int32, [2], name="x"), tg.placeholder(tg.int32, [2], name="y")
    z = function(x, y)
    equals(session.run(z, {x: [4, 6], y: [2, 3]}), [2, 2] if "Div" in z.op.type else [0, 0])
    with pytest.raises(tg.errors.InvalidArgumentError, match=r"(?s)division by zero.*'x'"):
        session.run(z, {x: [4, 6], y: [2, 0]})
    with pytest.raises(tg.errors.InvalidArgumentError, match="division by zero"):
        session.run(function(tg.constant([1]), 0))


def test_ints_to_negative_powers(session):
    with pytest.raises(tg.errors.InvalidArgumentError, match="negative"):
        session.run(tg.pow([2], [-1]))


def test_overflow_of_ints_wraps_around():
    equals(tg.abs(np.int32([-(2**31)])).eval(), [-(2**31)])
    equals(tg.square(np.int32([2**16])).eval(), [0])


def test_casts():
    with np.errstate(invalid="ignore"):
        right = np.array([1.7, -1.7, 1e20]).astype(np.int32)
    equals(tg.cast(np.array([1.7, -1.7, 1e20]), tg.int32).eval(), right)
    equals(tg.cast([0.0, NAN, 2.0], tg.bool).eval(), [False, True, True])
    equals(tg.saturate_cast([-5.0, 300.0, 1.7, INF, NAN], tg.uint8).eval(), [0, 255, 1, 255, 0])
    equals(tg.saturate_cast([3e9, -3e9], tg.int32).eval(), [2**31 - 1, -(2**31)])
    equals(tg.saturate_cast([1e30, -1e30], tg.int64).eval(), [2**63 - 1, -(2**63)])
    equals(tg.saturate_cast(np.array([1e300, INF, NAN]), tg.float32).eval(),
           np.array([3.4028235e38, 3.4028235e38, NAN], np.float32))


@pytest.mark.parametrize("source", ["float16", "float32", "float64", "int64", "uint64"])
@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64",
                                  "uint64"])
def test_the_first_value_beyond_a_range_is_saturated(source, name):
    source, target = tg.as_dtype(source), tg.as_dtype(name)
    for end, sign in ((int(target.max), 1), (int(target.min), -1)):
        if source.is_integer:
            values = [v for v in (end + sign, end) if source.min <= v <= source.max]
        else:  # the source's own numbers around the end
            with np.errstate(over="ignore"):
                near = source.numpy.type(end)
                up = np.nextafter(near, source.numpy.type(sign * INF))
                values = [near, up, np.nextafter(near, source.numpy.type(0)), sign * INF]
        right = [
            end if abs(v) == INF else int(min(max(int(v), int(target.min)), int(target.max)))
            for v in values
        ]
        got = tg.saturate_cast(np.array(values, source.numpy), target).eval()
        assert got.tolist() == right and got.dtype == target.numpy


def test_gradient_of_a_saturating_cast():
    x = tg.constant([1.0, 1e300], tg.float64)
    equals(tg.gradients(tg.saturate_cast(x, tg.float32), x)[0].eval(), [1, 0])


# ---------------------------------------------------------------- products


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_products_of_views(dtype, session):
    rng = np.random.default_rng(3)
    a, b = rng.integers(-4, 5, (4, 6)).astype(dtype), rng.integers(-4, 5, (6, 3)).astype(dtype)
    x, y = tg.placeholder(dtype, [4, 6]), tg.placeholder(dtype, [6, 3])
    row = tg.broadcast_to(x[:1], [5, 6])
    equals(session.run(tg.matmul(row, y), {x: a, y: b}), np.tile(a[:1] @ b, (5, 1)))
    equals(session.run(tg.matmul(x[::-1, ::2], y[::2]), {x: a, y: b}), a[::-1, ::2] @ b[::2])
    column = tg.broadcast_to(y[:, :1], [6, 4])
    equals(session.run(tg.matmul(x, column), {x: a, y: b}), np.tile(a @ b[:, :1], (1, 4)))
    equals(session.run(x @ tg.transpose(x), {x: a}), a @ a.T)


def test_float16_products_add_in_float32(session):
    x = tg.constant(np.full((1, 4096), 1.0, np.float16))
    equals(session.run(tg.matmul(x, x, transpose_b=True)), [[4096]])


@pytest.mark.parametrize(
    ("function", "bad"),
    [
        (tg.matrix_inverse, np.zeros((2, 2))),
        (lambda x: tg.matrix_solve(x, np.eye(2)), np.zeros((2, 2))),
        (tg.cholesky, -np.eye(2)),
        (lambda x: tg.svd(x)[0], np.full((2, 2), np.nan)),
        (lambda x: tg.gradients(tg.linalg.slogdet(x)[1], x)[0], np.zeros((2, 2))),
    ],
)
def test_matrices_without_a_result(function, bad, session):
    x = tg.placeholder(tg.float64, [2, 2])
    with pytest.raises(tg.errors.InvalidArgumentError, match="not"):
        session.run(function(x), {x: bad})


def test_cholesky_gradient_is_symmetric():
    (slope,) = slopes(tg.cholesky, [[4.0, 1.0], [1.0, 3.0]])
    equals(slope, slope.T)


def test_eigenvectors_of_equal_eigenvalues():
    x = tg.constant(np.eye(3))
    e, v = tg.self_adjoint_eig(x)
    assert np.isfinite(tg.gradients([e, v], x)[0].eval()).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.eye(3), "equal singular values"),
        (np.diag([2.0, 1.0, 1.0 + 1e-16]), "equal singular values"),
        (np.diag([2.0, 1.0, 0.0]), ""),
        (np.diag([2.0, 1.0, 0.0])[:, 1:], "a singular value of 0"),
        (np.array([[3.0, 0, 0], [0, 1, 0]]), ""),
    ],
)
def test_singular_vectors_without_a_gradient(x, message, session):
    """The values have one in any case."""
    s, u, v = tg.svd(tg.constant(x))
    assert np.isfinite(session.run(tg.gradients(tg.reduce_sum(s), s.op.inputs[0])[0])).all()
    (slope,) = tg.gradients([u * u, v * v], s.op.inputs[0])
    if message:
        with pytest.raises(tg.errors.InvalidArgumentError, match=message):
            session.run(slope)
    else:
        assert np.isfinite(session.run(slope)).all()


# ---------------------------------------------------------------- log(1 + x)


def test_log1p_has_its_digits_by_either_way(monkeypatch):
    rng = np.random.default_rng(0)
    odd = [0.0, -0.0, -1.0, -2.0, np.inf, np.nan, 1e-45, -1e-10, 3e38, -0.99999994]
    x = np.concatenate([
        odd, rng.normal(size=2000), np.exp(rng.uniform(-100, 80, 2000)), -rng.random(2000),
        -np.exp(rng.uniform(-60, 0, 2000)),
    ]).astype(np.float32)
    with np.errstate(all="ignore"):
        right = np.log1p(x.astype(np.float64))
        for is_slow in (True, False):
            monkeypatch.setattr("tinygraph.kernels.logarithm._is_slow", lambda slow=is_slow: slow)
            found = log1p_of(x, np.empty_like(x))
            np.testing.assert_allclose(found, right, rtol=4e-7)
            np.testing.assert_array_equal(np.signbit(found[:2]), [False, True])
            in_place = x.copy()
            np.testing.assert_array_equal(log1p_of(in_place, out=in_place), found)
