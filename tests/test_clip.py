"""Clipping by norm: TF 1.15's values, and finite where TF is not."""

import inspect

import numpy as np
import pytest

import tinygraph as tg

SIGNATURES = {  # TF 1.15's
    "clip_by_norm": "(t, clip_norm, axes=None, name=None)",
    "clip_by_global_norm": "(t_list, clip_norm, use_norm=None, name=None)",
    "clip_by_average_norm": "(t, clip_norm, name=None)",
    "global_norm": "(t_list, name=None)",
    "check_numerics": "(tensor, message, name=None)",
}


@pytest.fixture(autouse=True)
def session(fresh_graph):
    session = tg.InteractiveSession()
    yield session
    session.close()


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(name):
    signature = inspect.signature(getattr(tg, name))
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    text = str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty))
    assert text == SIGNATURES[name]


# ---------------------------------------------------------------- values


def test_clip_by_norm():
    np.testing.assert_allclose(tg.clip_by_norm([3.0, 4.0], 2.0).eval(), [1.2, 1.6], rtol=1e-6)


def test_a_small_norm_stays_as_it_is():
    """To the bit, where TF's clip_norm * (1 / clip_norm) may round."""
    x = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    np.testing.assert_array_equal(tg.clip_by_norm(x, 1e3).eval(), x)
    np.testing.assert_array_equal(tg.clip_by_global_norm([x], 1e3)[0][0].eval(), x)
    np.testing.assert_array_equal(tg.clip_by_average_norm(x, 1e3).eval(), x)


@pytest.mark.parametrize("axes", [1, [1], -1])
def test_clip_by_norm_over_axes(axes):
    clipped = tg.clip_by_norm([[3.0, 4.0], [0.3, 0.4]], 1.0, axes=axes)
    np.testing.assert_allclose(clipped.eval(), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)


def test_clip_by_norm_over_two_axes():
    x = np.random.default_rng(0).normal(size=(4, 3, 2))
    norms = np.sqrt((x**2).sum(axis=(0, 2), keepdims=True))
    limit = float(np.median(norms))
    expected = x * limit / np.maximum(norms, limit)
    np.testing.assert_allclose(tg.clip_by_norm(x, np.float64(limit), [0, 2]).eval(), expected)


def test_clip_by_average_norm():
    clipped = tg.clip_by_average_norm([3.0, 4.0], 2.0)
    np.testing.assert_allclose(clipped.eval(), [2.4, 3.2], rtol=1e-6)


def test_clip_by_global_norm():
    clipped, norm = tg.clip_by_global_norm([[3.0, 4.0], None, tg.constant(12.0)], 6.5)
    assert norm.eval() == 13.0 and clipped[1] is None
    np.testing.assert_allclose(clipped[0].eval(), [1.5, 2.0], rtol=1e-6)
    np.testing.assert_allclose(clipped[2].eval(), 6.0, rtol=1e-6)


def test_clip_by_a_given_norm():
    clipped, norm = tg.clip_by_global_norm([[3.0, 4.0]], 1.0, use_norm=tg.constant(10.0))
    assert norm.eval() == 10.0
    np.testing.assert_allclose(clipped[0].eval(), [0.3, 0.4], rtol=1e-6)


def test_clip_norm_may_be_a_tensor():
    limit = tg.placeholder(tg.float32, [])
    clipped = tg.clip_by_norm([3.0, 4.0], limit)
    np.testing.assert_allclose(clipped.eval({limit: 1.0}), [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_dtype_is_kept(dtype):
    x = tg.constant([3.0, 4.0], dtype)
    results = [tg.clip_by_norm(x, 1.0), tg.clip_by_average_norm(x, 1.0), tg.global_norm([x])]
    results += [tg.clip_by_norm(x, 1.0, axes=0), tg.clip_by_global_norm([x], 1.0)[0][0]]
    assert {result.eval().dtype.name for result in results} == {dtype}


def test_unknown_shapes():
    x = tg.placeholder(tg.float32)
    value = np.full((2, 2), 2.0)
    for clipped in (tg.clip_by_norm(x, 1.0), tg.clip_by_global_norm([x], 1.0)[0][0]):
        np.testing.assert_allclose(clipped.eval({x: value}), np.full((2, 2), 0.5))
    np.testing.assert_allclose(tg.clip_by_average_norm(x, 0.25).eval({x: value}), value / 4)


def test_empty():
    empty = tg.zeros([0, 3])
    assert tg.global_norm([empty]).eval() == 0.0
    assert tg.clip_by_norm(empty, 1.0).eval().shape == (0, 3)
    assert tg.clip_by_average_norm(empty, 1.0).eval().shape == (0, 3)
    assert tg.clip_by_norm(empty, 1.0, axes=0).eval().shape == (0, 3)
    assert tg.global_norm([]).eval() == tg.global_norm([None]).eval() == 0.0
    clipped, norm = tg.clip_by_global_norm([None], 1.0)
    assert clipped == [None] and norm.eval() == 0.0


# ---------------------------------------------------------------- numerics


@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_a_zero_norm_is_finite(limit):
    x = tg.constant([0.0, 0.0])
    for clipped in (
        tg.clip_by_norm(x, limit),
        tg.clip_by_norm(x, limit, axes=0),
        tg.clip_by_average_norm(x, limit),
        tg.clip_by_global_norm([x], limit)[0][0],
    ):
        np.testing.assert_array_equal(clipped.eval(), [0.0, 0.0])
        assert np.isfinite(tg.gradients(clipped, x)[0].eval()).all()


def test_the_gradient_below_the_limit_is_one():
    x = tg.constant([0.0, 0.0])
    for clipped in (tg.clip_by_norm(x, 2.0), tg.clip_by_norm(x, 2.0, axes=0)):
        np.testing.assert_array_equal(tg.gradients(clipped, x)[0].eval(), [1.0, 1.0])
    np.testing.assert_array_equal(tg.gradients(tg.global_norm([x]), x)[0].eval(), [0.0, 0.0])


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize(
    "clip",
    [
        lambda x: tg.clip_by_norm(x, 1.0),
        lambda x: tg.clip_by_norm(x, 1.0, axes=0),
        lambda x: tg.clip_by_average_norm(x, 1.0),
        lambda x: tg.clip_by_global_norm([tg.constant([1.0]), x], 1.0)[0][0],
    ],
)
def test_a_norm_that_is_not_finite_is_reported(clip, bad):
    x = tg.placeholder(tg.float32, [2])
    clipped = clip(x)
    with pytest.raises(tg.errors.InvalidArgumentError, match=r"not finite: Tensor had") as info:
        clipped.eval({x: [1.0, bad]})
    assert "test_clip.py" in str(info.value)  # the user's line


CLIPS = [
    lambda x, limit: tg.clip_by_norm(x, limit),
    lambda x, limit: tg.clip_by_norm(x, limit, axes=0),
    lambda x, limit: tg.clip_by_average_norm(x, limit),
    lambda x, limit: tg.clip_by_global_norm([x], limit)[0][0],
]


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_an_infinite_limit_changes_nothing(clip, dtype):
    x = tg.constant(np.array([3.0, 4.0], dtype))
    clipped = clip(x, np.inf)
    np.testing.assert_array_equal(clipped.eval(), [3.0, 4.0])
    np.testing.assert_array_equal(tg.gradients(clipped, x)[0].eval(), [1.0, 1.0])


@pytest.mark.parametrize("clip", CLIPS)
def test_a_negative_limit_is_an_error_also_when_fed(clip):
    limit = tg.placeholder(tg.float32, [])
    clipped = clip([3.0, 4.0], limit)
    assert np.isfinite(clipped.eval({limit: 0.0})).all()
    for bad in (-1.0, np.nan):
        with pytest.raises(ValueError, match="must not be negative"):
            clipped.eval({limit: bad})
        with pytest.raises(ValueError, match="must not be negative"):
            clip([3.0, 4.0], bad)


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize(
    ("dtype", "x"),
    [
        ("float32", [3e20, 4e20]), ("float32", [3e-25, 4e-25]), ("float16", [300.0, 400.0]),
        ("float16", [60000.0, 45000.0]),
    ],
)
def test_a_norm_may_be_out_of_its_squares_range(clip, dtype, x):
    x = np.array(x, dtype)
    direction = x.astype(np.float64) / np.hypot(*x.astype(np.float64))
    limit = 1e-30 if x[0] < 1 else 2.0
    got = clip(x, limit).eval()
    factor = 2.0 if clip is CLIPS[2] else 1.0  # the average's limit is one for each element
    np.testing.assert_allclose(got, factor * limit * direction, rtol=4 * np.finfo(dtype).eps)
    assert got.dtype == dtype


def test_many_float16():
    """Their number is no float16."""
    x = tg.constant(np.ones(70_000, np.float16))
    clipped = tg.clip_by_average_norm(x, 1e-3).eval()  # the norm is 264.6, of each 0.00378
    np.testing.assert_allclose(clipped, 1e-3 * 70_000**0.5, rtol=1e-3)


def test_the_global_norm_itself_may_be_watched():
    x = tg.placeholder(tg.float32, [2])
    _, norm = tg.clip_by_global_norm([x], 1.0)
    assert norm.eval({x: [1.0, np.inf]}) == np.inf
    assert np.isnan(norm.eval({x: [1.0, np.nan]}))


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("float16", 3e4), ("float32", 3e30), ("float64", 3e300), ("float16", 1e-7),
     ("float32", 1e-30), ("float64", 1e-300)],
)
def test_no_overflow_on_the_way(dtype, size):
    """The squares leave the dtype's range, the norm does not."""
    x = np.array([0.5, -1.0, 0.0, 1.0], np.float64) * size
    values = x.astype(dtype)
    norm = tg.global_norm([values[:2], values[2:]]).eval()
    exact = np.float64(np.abs(values).max()) * 1.5
    np.testing.assert_allclose(np.float64(norm), exact, rtol=np.finfo(dtype).eps * 4 + 1e-8)


def test_a_long_sum_is_accurate():
    x = np.full(3_000_000, 0.1, np.float32)
    np.testing.assert_allclose(tg.global_norm([x]).eval(), 0.1 * np.sqrt(3_000_000), rtol=2e-7)


# ---------------------------------------------------------------- checks and errors


def test_check_numerics():
    x = tg.placeholder(tg.float32, [None])
    checked = tg.check_numerics(x, "weights")
    np.testing.assert_array_equal(checked.eval({x: [1.0, 2.0]}), [1.0, 2.0])
    for bad, found in [([np.inf], "Inf"), ([np.nan], "NaN"), ([np.inf, np.nan], "Inf and NaN")]:
        with pytest.raises(ValueError, match=f"weights: Tensor had {found} values"):
            checked.eval({x: bad})
    np.testing.assert_array_equal(tg.gradients(checked, x)[0].eval({x: [3.0]}), [1.0])


def test_a_constant_that_is_not_finite_is_reported_too():
    with pytest.raises(tg.errors.InvalidArgumentError, match="had Inf"):
        tg.check_numerics([np.inf], "constant").eval()


def test_errors():
    with pytest.raises(TypeError, match="t_list should be a sequence"):
        tg.clip_by_global_norm(tg.constant(1.0), 1.0)
    with pytest.raises(TypeError, match="t_list should be a sequence"):
        tg.global_norm(tg.constant(1.0))
    with pytest.raises(ValueError, match="clip_norm must not be negative"):
        tg.clip_by_norm([1.0], -1.0)
    with pytest.raises(TypeError, match="takes floats"):
        tg.clip_by_norm([1, 2], 1.0)
    with pytest.raises(TypeError, match="float64"):
        tg.global_norm([tg.constant([1.0]), tg.constant([1.0], tg.float64)])


def test_names():
    _, norm = tg.clip_by_global_norm([[3.0], [4.0]], 1.0)
    assert norm.name == "global_norm/global_norm:0"
    assert tg.clip_by_norm([1.0], 1.0).name == "clip_by_norm:0"
    assert tg.clip_by_norm([1.0], 1.0, name="mine").name == "mine:0"
    assert tg.clip_by_average_norm([1.0], 1.0).name == "clip_by_average_norm:0"
