"""The numerical traps of elementwise math, reductions and linear algebra, one by one.

Warnings are errors in the test run, so that each test also shows that none gets out.
"""

import math

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.op import registry
from tinygraph.ops.reduce import reduce_euclidean_norm
from tinygraph.ops.special import erf_of, erfc_of
from tinygraph.ops.summation import BLOCK, DIRECT, sum_over

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
        ([INF, 1.0], INF, [NAN, 0]),
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


def test_float32_sums_over_leading_axes():
    """17 million rows of 0.1, over which NumPy's sum loses 15%."""
    rows = np.broadcast_to(np.float32(0.1), (17_000_000 // 64, 64, 2))
    exact = 17_000_000 * float(np.float32(0.1))
    np.testing.assert_allclose(sum_over(rows, (0, 1)), exact, rtol=3e-6)
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
]  # fmt: skip


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
def test_sum_over_any_axes(shape, axis, dtype):
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 4, shape).astype(dtype)
    exact = x.astype(np.float64).sum(axis)
    tolerance = {"f": max(2 * np.finfo(dtype).eps, 1e-12) * 4} if x.dtype.kind == "f" else {}
    for keepdims in (False, True):
        right = exact.reshape(x.sum(axis, keepdims=keepdims).shape)
        got = np.asarray(sum_over(x, axis, keepdims))
        assert got.dtype == dtype
        np.testing.assert_allclose(got, right, rtol=tolerance.get("f", 0))
        out = np.full(right.shape, 7, dtype)
        equals(sum_over(x, axis, keepdims, out), got)
        equals(out, got)


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
            sum_over(x, axis), x.astype(np.float64).sum(axis), rtol=1e-6, err_msg=str(axis)
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


# ---------------------------------------------------------------- accuracy of the error function


def ulps(got, exact):
    exact = np.asarray(exact)
    return np.abs(got.astype(np.float64) - exact) / np.spacing(
        np.abs(exact).astype(got.dtype)
    ).astype(np.float64)


@pytest.mark.parametrize("scale", [1e-8, 0.4, 1.0, 4.0, 8.0])
def test_erf_to_some_ulps(scale):
    x = np.random.default_rng(2).uniform(-scale, scale, 4000)
    assert ulps(erf_of(x), [math.erf(v) for v in x]).max() <= 6
    assert ulps(erfc_of(x), [math.erfc(v) for v in x]).max() <= 9
    single = x.astype(np.float32)
    assert ulps(erf_of(single), [math.erf(v) for v in single]).max() <= 8
    tail = single[np.abs(single) < 7]
    assert ulps(erfc_of(tail), [math.erfc(v) for v in tail]).max() <= 1


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_erf_of_special_values(dtype):
    x = np.array([0.0, -0.0, 40.0, -40.0, INF, -INF, NAN], dtype)
    equals(tg.erf(x).eval(), np.array([0, 0, 1, -1, 1, -1, NAN]))
    equals(tg.erfc(x).eval(), np.array([1, 1, 0, 2, 0, 2, NAN]))
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
           [-2, -2, INF, -INF, NAN])  # fmt: skip
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
           np.array([3.4028235e38, 3.4028235e38, NAN], np.float32))  # fmt: skip


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
