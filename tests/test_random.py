"""Random streams: what they repeat and what they don't, their statistics, the initializers."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.compiler.program import Kernels
from tinygraph.compiler.lower import lower
from tinygraph.spec import Spec

ROOT = Path(__file__).resolve().parents[1]


def fresh(seed=None):
    """A graph with this seed as the default one."""
    tg.reset_default_graph()
    tg.set_random_seed(seed)


def run(fetches):
    with tg.Session() as sess:
        return sess.run(fetches)


def draws():
    """One of each random op that takes a seed, none of which has one."""
    return [
        tg.random_uniform([3]),
        tg.random_uniform([3], 0, 2**30, tg.int32),
        tg.random_normal([3], dtype=tg.float64),
        tg.truncated_normal([3]),
        tg.random_shuffle(list(range(50))),
        tg.multinomial(np.zeros((2, 9)), 8),
        tg.nn.dropout(tg.ones([50]), 0.5),
        tg.glorot_uniform_initializer()([3, 2]),
        tg.orthogonal_initializer()([3, 2]),
    ]


def same(a, b):
    return [bool(np.array_equal(x, y)) for x, y in zip(a, b, strict=True)]


# ---------------------------------------------------------------- what repeats


@pytest.mark.smoke
def test_a_graph_seed_gives_the_same_numbers_in_each_session():
    fresh(1)
    nodes = draws()
    first = run(nodes)
    assert all(same(first, run(nodes)))
    fresh(1)
    assert all(same(first, run(draws())))
    fresh(2)
    assert not any(same(first, run(draws())))


PROGRAM = """
import hashlib, sys
sys.path.insert(0, "tests")
import numpy as np, tinygraph as tg
from test_random import draws, fresh, run
fresh(7)
with tg.variable_scope("layer"):
    w = tg.get_variable("w", [30, 20])
values = run([*draws(), w.initial_value])
print(hashlib.sha256(b"".join(np.asarray(x).tobytes() for x in values)).hexdigest())
"""


@pytest.mark.default_passes
def test_processes_and_hash_seeds_change_nothing():
    outputs = set()
    for hash_seed in ("0", "1", "random"):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        outputs.add(
            subprocess.run(
                [sys.executable, "-c", PROGRAM], cwd=ROOT, env=env, check=True,
                capture_output=True, text=True,
            ).stdout
        )
    assert len(outputs) == 1


def test_an_unrelated_op_changes_no_one_elses_numbers():
    def weights(crowded):
        fresh(3)
        if crowded:
            tg.random_normal([5], name="noise")
            tg.constant(1.0)
        with tg.variable_scope("layer"):
            w = tg.get_variable("w", [4, 3])
        if crowded:
            tg.nn.dropout(tg.ones([3]), 0.5)
        b = tg.truncated_normal([3], name="b")
        return run([w.initial_value, b])

    assert all(same(weights(False), weights(True)))


def forks(test):
    """A test that forks, where that can be done."""
    test = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")(test)
    return pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")(test)


def sent_by_a_fork(work):
    """The bytes that `work` returns in a forked process."""
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            os.write(write, work())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        sent = pipe.read()
    os.wait()
    return sent


@forks
@pytest.mark.parametrize("seed", [None, 7])
def test_a_forked_process_repeats_only_what_has_a_seed(seed):
    fresh(seed)
    fetches = draws()
    with tg.Session() as sess:
        sess.run(fetches)
        sent = sent_by_a_fork(lambda: b"".join(value.tobytes() for value in sess.run(fetches)))
        for own in sess.run(fetches):
            theirs, sent = sent[: own.nbytes], sent[own.nbytes :]
            assert (own.tobytes() == theirs) == (seed is not None)


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (1.0, np.nextafter(np.float32(1), np.float32(2)), tg.float32), (1e8, 1e8 + 16, tg.float32),
        (1e8, 1e8 - 16, tg.float32), (1e16, 1e16 + 4, tg.float64), (1000.0, 1002.0, tg.float16),
    ],
)
def test_uniform_numbers_stay_below_maxval(low, high, dtype):
    """Also where low + u (high - low) is rounded to `high`."""
    x = run(tg.random_uniform([10_000], low, high, dtype, seed=1))
    low, high = dtype.numpy.type(low), dtype.numpy.type(high)
    assert ((x >= low) & (x < high) if low < high else (x <= low) & (x > high)).all()


def test_uniform_numbers_have_the_slopes_of_their_ends():
    low, high = tg.constant(-1.0), tg.constant(1.0)
    x = tg.random_uniform([1000], low, high, seed=1)
    at_low, at_high, u = run([*tg.gradients(x, [low, high]), (x + 1.0) / 2.0])
    np.testing.assert_allclose([at_high, at_low + at_high], [u.sum(), 1000], rtol=1e-5)


def test_without_any_seed_no_session_repeats():
    fresh()
    nodes = draws()
    assert not any(same(run(nodes), run(nodes)))


def test_ops_with_the_same_seed_agree():
    fresh()
    a, b = tg.random_normal([5], seed=4), tg.random_normal([5], seed=4, name="other")
    c = tg.random_normal([5], seed=5)
    a, b, c = run([a, b, c])
    assert (a == b).all() and (a != c).any()
    fresh(1)
    d, e = run([tg.random_normal([5], seed=4), tg.random_normal([5], seed=4)])
    assert (d == e).all() and (d != a).any()  # the graph's seed counts too


def test_ops_of_different_names_differ():
    fresh(1)
    a, b = run([tg.random_normal([5]), tg.random_normal([5])])
    assert (a != b).all()


def test_each_run_goes_on_in_the_stream_whatever_else_it_fetches():
    fresh(1)
    x = tg.random_uniform([2])
    y = x * 2.0
    with tg.Session() as sess:
        values = [sess.run(x), sess.run(y) / 2, sess.run([y, x])[1], sess.run(x)]
    assert len({value.tobytes() for value in values}) == 4
    with tg.Session() as sess:
        again = [sess.run(x) for _ in range(4)]
    assert all(same(values, again))


def test_one_node_has_one_value_in_a_run_and_equal_nodes_two():
    fresh(1)
    x = tg.random_uniform([100])
    a, b, c = run([x - x, x, tg.random_uniform([100], name="random_uniform_too")])
    assert (a == 0).all() and (b != c).any()


def test_numpy_ints_are_seeds_and_other_things_are_not():
    fresh()
    a, b = run([tg.random_normal([2], seed=np.int64(3)), tg.random_normal([2], seed=3)])
    assert (a == b).all()
    for seed in (1.5, "a", tg.constant(1)):
        with pytest.raises(TypeError, match="seed must be an int"):
            tg.random_uniform([2], seed=seed)
        with pytest.raises(TypeError, match="seed must be an int"):
            tg.set_random_seed(seed)
    tg.get_default_graph().seed = [1]
    with pytest.raises(TypeError, match=r"graph's seed must be an int, not \[1\]"):
        tg.random_shuffle([1, 2])


# ---------------------------------------------------------------- shapes, dtypes, gradients


def test_a_shape_may_be_a_tensor():
    fresh(1)
    mu = tg.placeholder(tg.float32, [None, 3])
    noise = tg.random_normal(tg.shape(mu), mu, seed=1)
    assert noise.shape.as_list() == [None, 3]
    with tg.Session() as sess:
        assert sess.run(noise, {mu: np.zeros((5, 3))}).shape == (5, 3)
        assert sess.run(noise, {mu: np.zeros((0, 3))}).shape == (0, 3)
    dims = tg.placeholder(tg.int32, [None])
    for op in (tg.random_uniform, tg.random_normal, tg.truncated_normal):
        node = op(dims)
        with tg.Session() as sess:
            assert sess.run(node, {dims: [2, 3]}).shape == (2, 3)
            assert sess.run(node, {dims: []}).shape == ()


@pytest.mark.parametrize(
    "name, arguments, passes",
    [
        ("random_uniform", (), 0), ("random_uniform", (0, 1.0), 0), ("random_uniform", (0.0, 2), 1),
        ("random_uniform", (-1, 1), 2), ("random_normal", (), 0), ("random_normal", (0.0, 2.0), 1),
        ("random_normal", (1.0,), 1), ("random_normal", (1.0, 2.0), 2), ("truncated_normal", (), 0),
    ],
)
def test_the_standard_parameters_cost_no_pass(name, arguments, passes):
    """Neither times 1 nor plus 0; what is drawn, and the name, are those of the long way."""
    fresh(1)
    x = getattr(tg, name)([4], *arguments)
    fresh(1)
    long = [tg.constant(v, tg.float32) for v in (*arguments, *(0.0, 1.0)[len(arguments) :])]
    y = getattr(tg, name)([4], *long)
    assert x.name == y.name == f"{name}:0"
    with tg.Session(graph=x.graph) as sess:
        source = sess.source(x)
        calls = ("np.add(", "np.multiply(", "add_below(")
        assert sum(source.count(call) for call in calls) == passes
        value = sess.run(x)
    np.testing.assert_array_equal(value, run(y))


@pytest.mark.parametrize("dtype", [tg.float16, tg.float32, tg.float64])
def test_dtypes(dtype):
    fresh(1)
    for op in (tg.random_uniform, tg.random_normal, tg.truncated_normal):
        node = op([7], dtype=dtype)
        assert node.dtype is dtype and run(node).dtype == dtype.as_numpy_dtype


def test_gradients_reach_the_parameters():
    fresh(1)
    mean, stddev = tg.constant([1.0, 2.0]), tg.constant([0.5, 3.0])
    x = tg.random_normal([4, 2], mean, stddev)
    to_mean, to_stddev = tg.gradients(x, [mean, stddev])
    value, a, b = run([x, to_mean, to_stddev])
    np.testing.assert_array_equal(a, [4, 4])
    np.testing.assert_allclose(b, ((value - [1, 2]) / [0.5, 3]).sum(0), rtol=1e-5)
    low, high = tg.constant(1.0), tg.constant(3.0)
    x = tg.random_uniform([50], low, high)
    value, a, b = run([x, *tg.gradients(x, [low, high])])
    u = (value - 1) / 2
    np.testing.assert_allclose([a, b], [(1 - u).sum(), u.sum()], rtol=1e-5)
    assert tg.gradients(tg.random_shuffle(mean), mean) == [None]


@pytest.mark.parametrize(
    "error, message, build",
    [
        (ValueError, "Must specify maxval for integer dtype tg.int32",
         lambda: tg.random_uniform([2], dtype=tg.int32)),
        (ValueError, "Invalid dtype tg.uint8", lambda: tg.random_uniform([2], 0, 9, tg.uint8)),
        (TypeError, "draws floats, not int32", lambda: tg.random_normal([2], 0, 1, tg.int32)),
        (TypeError, "a shape is made of ints", lambda: tg.random_normal([2.5])),
        (TypeError, "draws ints from floats", lambda: tg.multinomial([[1, 2]], 3)),
        (TypeError, "draws ints from floats",
         lambda: tg.multinomial([[1.0]], 3, output_dtype=tg.float32)),
        (ValueError, "logits must be a matrix", lambda: tg.multinomial([1.0, 2.0], 3)),
        (TypeError, "num_samples must be an int", lambda: tg.multinomial([[1.0]], 1.5)),
        (TypeError, "expected float32", lambda: tg.random_normal([2], tg.constant(np.float64(1)))),
    ],
)
def test_errors_while_building(error, message, build):
    with pytest.raises(error, match=re.escape(message)) as info:
        build()
    assert isinstance(info.value, tg.errors.TinygraphError)


def test_errors_when_it_runs():
    n = tg.placeholder(tg.int32, [])
    with tg.Session() as sess:
        with pytest.raises(tg.errors.InvalidArgumentError, match="minval must be less than maxval"):
            sess.run(tg.random_uniform([2], 5, n, tg.int32), {n: 5})
        with pytest.raises(tg.errors.InvalidArgumentError, match="num_samples must be at least 0"):
            sess.run(tg.multinomial([[1.0]], n), {n: -1})


# ---------------------------------------------------------------- statistics


def test_the_moments_of_a_large_sample():
    """Within five standard errors of what theory says."""
    fresh(5)
    n = 200_000
    uniform, normal, truncated, dice = run(
        [
            tg.random_uniform([n], -1.0, 3.0),
            tg.random_normal([n], 2.0, 0.5),
            tg.truncated_normal([n]),
            tg.random_uniform([n], 1, 7, tg.int32),
        ]
    )
    assert -1 <= uniform.min() and uniform.max() < 3
    assert abs(uniform.mean() - 1) < 5 * np.sqrt(16 / 12 / n)
    assert abs(uniform.var() - 16 / 12) < 0.01
    assert abs(normal.mean() - 2) < 5 * 0.5 / np.sqrt(n)
    assert abs(normal.std() - 0.5) < 5 * 0.5 / np.sqrt(2 * n)
    assert abs(((normal - 2) ** 4).mean() / 0.5**4 - 3) < 0.1
    assert np.abs(truncated).max() < 2
    assert abs(truncated.std() - 0.87962566) < 0.005
    counts = np.bincount(dice, minlength=8)
    assert counts[[0, 7]].tolist() == [0, 0]
    assert ((counts[1:7] - n / 6) ** 2 / (n / 6)).sum() < 30  # chi squared, 5 degrees of freedom


def test_multinomial_frequencies():
    fresh(5)
    p = np.array([0.1, 0.0, 0.6, 0.3])
    with np.errstate(divide="ignore"):
        logits = np.log(np.stack([p, p[::-1]])) + np.array([[100.0], [-7.0]])
    samples = run(tg.multinomial(logits, 20_000))
    assert samples.dtype == np.int64 and samples.shape == (2, 20_000)
    for row, expected in zip(samples, (p, p[::-1]), strict=True):
        np.testing.assert_allclose(np.bincount(row, minlength=4) / 20_000, expected, atol=0.02)


def test_a_shuffle_is_a_permutation_of_rows():
    fresh(5)
    x = np.arange(40.0).reshape(20, 2)
    node = tg.random_shuffle(x)
    with tg.Session() as sess:
        orders = [sess.run(node) for _ in range(3)]
    for order in orders:
        np.testing.assert_array_equal(order[np.argsort(order[:, 0])], x)
    assert not any(same(orders[:-1], orders[1:]))


# ---------------------------------------------------------------- initializers


def test_the_scale_of_each_initializer():
    fresh(1)
    shape = [200, 100]
    expected = {  # variance, largest magnitude
        tg.glorot_uniform_initializer(): (2 / 300, np.sqrt(6 / 300)),
        tg.glorot_normal_initializer(): (2 / 300, np.inf),
        tg.initializers.he_normal(): (2 / 200, np.inf),
        tg.initializers.he_uniform(): (2 / 200, np.sqrt(6 / 200)),
        tg.initializers.lecun_normal(): (1 / 200, np.inf),
        tg.initializers.lecun_uniform(): (1 / 200, np.sqrt(3 / 200)),
        tg.variance_scaling_initializer(3.0, "fan_out", "untruncated_normal"): (3 / 100, np.inf),
        tg.variance_scaling_initializer(distribution="NORMAL"): (1 / 200, np.inf),
        tg.uniform_unit_scaling_initializer(2.0): (4 / 200, 2 * np.sqrt(3 / 200)),
        tg.random_uniform_initializer(-2.0, 1.0): (9 / 12 + 0.25, 2),
        tg.random_normal_initializer(stddev=0.1): (0.01, np.inf),
        tg.truncated_normal_initializer(stddev=0.1): (0.01 * 0.87962566**2, 0.2),
    }
    for init, (variance, largest) in expected.items():
        w = run(init(shape))
        assert w.shape == (200, 100) and w.dtype == np.float32
        np.testing.assert_allclose((w.astype(float) ** 2).mean(), variance, rtol=0.05)
        assert np.abs(w).max() <= largest


@pytest.mark.parametrize(
    "shape, fan_in, fan_out",
    [([], 1, 1), ([5], 5, 5), ([4, 3], 4, 3), ([2, 3, 4, 5], 24, 30), ([0, 3], 1, 3)],
)
def test_fans(shape, fan_in, fan_out):
    for mode, n in (("fan_in", fan_in), ("fan_out", fan_out)):
        fresh(1)
        uniform = tg.variance_scaling_initializer(1.0, mode, "uniform")(shape)
        width = uniform.graph.get_tensor_by_name("random_uniform/max:0")
        assert run(width) == np.float32(np.sqrt(3 / n))


@pytest.mark.parametrize("shape", [[4, 4], [6, 3], [3, 6], [2, 3, 4]])
def test_orthogonal_weights(shape):
    fresh(1)
    w = run(tg.orthogonal_initializer(2.0)(shape, tg.float64)).reshape(-1, shape[-1])
    assert w.dtype == np.float64
    gram = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-13)


def test_constants():
    assert run(tg.zeros_initializer()([2], tg.int64)).dtype == np.int64
    assert run(tg.ones_initializer(tg.float64)([])) == 1
    value = np.arange(6.0)
    assert run(tg.constant_initializer(value)([2, 3])).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert run(tg.constant_initializer(3)([2], dtype=tg.int32)).tolist() == [3, 3]
    assert run(tg.initializers.identity(2.0)([2, 3])).tolist() == [[2, 0, 0], [0, 2, 0]]


@pytest.mark.parametrize(
    "error, message, build",
    [
        (ValueError, "`scale` must be positive", lambda: tg.variance_scaling_initializer(0.0)),
        (ValueError, "mode must be one of", lambda: tg.variance_scaling_initializer(mode="fan")),
        (ValueError, "distribution must be one of",
         lambda: tg.variance_scaling_initializer(distribution="flat")),
        (TypeError, "Expected floating point type, got int32",
         lambda: tg.random_normal_initializer()([2], tg.int32)),
        (ValueError, "at least two-dimensional", lambda: tg.orthogonal_initializer()([3])),
        (ValueError, "only be used for 2D", lambda: tg.initializers.identity()([3])),
        (ValueError, "make a constant of shape", lambda: tg.constant_initializer([1, 2, 3])([2])),
        (TypeError, "Expected Tensor's shape: (2, 2), got (4,)",
         lambda: tg.constant_initializer([1.0] * 4, verify_shape=True)([2, 2])),
        (TypeError, "Invalid type for initial value", lambda: tg.constant_initializer({})),
        (ValueError, "needs to know the whole shape",
         lambda: tg.glorot_uniform_initializer()([None, 2])),
    ],
)
def test_errors_of_initializers(error, message, build):
    with pytest.raises(error, match=re.escape(message)):
        build()


def test_names_are_those_of_tf1():
    with tg.name_scope("layer"):
        tg.random_normal([2], 1.0, 2.0, name="w")
    tg.random_uniform([2], 1.0, 2.0)
    tg.truncated_normal([2])
    tg.random_shuffle([1])
    tg.multinomial([[1.0]], 1)
    names = [op.name for op in tg.get_default_graph().get_operations()]
    for name in (
        "layer/w/shape layer/w/mean layer/w/stddev layer/w/RandomStandardNormal layer/w/mul "
        "layer/w random_uniform/min random_uniform/max random_uniform/RandomUniform "
        "random_uniform/sub random_uniform/mul random_uniform truncated_normal/TruncatedNormal "
        "truncated_normal RandomShuffle multinomial/Multinomial"
    ).split():
        assert name in names


def test_an_op_takes_the_graphs_seed_when_it_is_made():
    before = tg.random_uniform([3], name="before")
    tg.set_random_seed(1)
    after = tg.random_uniform([3], name="after")
    one, two = (tg.Session().run([before, after]) for _ in range(2))
    assert not np.array_equal(one[0], two[0])
    assert np.array_equal(one[1], two[1])


# ---------------------------------------------------------------- streams and failures


def noisy(fails):
    """A step that draws, updates and then fails, or does not."""
    x = tg.placeholder(tg.int32, [])
    noise = tg.random_uniform([3], seed=1, name="noise")
    w = tg.Variable(tg.zeros([3]), name="w")
    step = w.assign_add(noise * tg.cast(8 // x, tg.float32))
    return w, step, {x: 0 if fails else 8}


def test_a_failed_run_draws_nothing():
    fresh()
    w, step, bad = noisy(fails=True)
    good = {next(iter(bad)): 8}
    expected = []
    for failures in (0, 3):
        with tg.Session() as sess:
            sess.run(w.initializer)
            for _ in range(3):
                for _ in range(failures):
                    with pytest.raises(tg.errors.InvalidArgumentError):
                        sess.run(step, bad)
                expected.append(sess.run([step, "noise:0"], good))
    for one, other in zip(expected[:3], expected[3:], strict=True):
        assert all(same(one, other))
    assert (expected[0][1] != expected[1][1]).all()


def test_an_evaluation_leaves_its_inputs_untouched():
    fresh()
    w, step, feeds = noisy(fails=False)
    ((x, value),) = feeds.items()
    program = lower([step, w], (), {x: Spec(x.shape, x.dtype)})
    variables, positions = {"w": np.zeros(3, np.float32)}, {}
    with tg.Session() as sess:
        sess.run(w.initializer)
        for count in range(3):
            rules = [Kernels(variables, positions) for _ in range(2)]
            (results, new), again = (program.evaluate([np.int32(value)], rule) for rule in rules)
            moved = rules[0].moved
            assert same(results, again[0]) == [True, True] and moved == rules[1].moved
            assert same(results, sess.run([step, w], feeds)) == [True, True]
            assert not count or variables["w"].any() and (variables["w"] != new["w"]).all()
            variables, positions = new, moved
            assert moved == {"noise/RandomUniform": (87654321, 1, 3 * 256 * (count + 1))}


def test_a_composite_does_not_draw():
    op = tg.composite("DrawsWithin", lambda x: x + tg.random_uniform([2]), lambda g, y, x: g)
    y = op(tg.ones([2]), name="noisy")
    with pytest.raises(tg.errors.InvalidArgumentError, match="DrawsWithin draws random") as error:
        tg.Session().run(y)
    assert "'noisy'" in str(error.value) and __file__ in str(error.value)
