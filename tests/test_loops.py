"""Compiled loops: what becomes one, and that it computes what the ops that it stands for do."""

import gc
import sys
import weakref

import numpy as np
import pytest

import tinygraph as tg
from cases import f64
from tinygraph.compiler.loops import EXACT
from tinygraph.compiler.loops import Operand, compiled, loop_source

pytest.importorskip("numba")
PASSES = tg.Session.PASSES
WITH_LOOPS = PASSES | {"loops"}


def both(fetches, feeds):
    """The values with and without loops."""
    sessions = [tg.Session(passes=passes) for passes in (WITH_LOOPS, WITH_LOOPS - {"loops"})]
    for sess in sessions:
        sess.run(tg.global_variables_initializer())
    return [sess.run(fetches, feeds) for sess in sessions]


def loops_in(fetches, feeds):
    source = tg.Session(passes=WITH_LOOPS).source(fetches, feeds)
    return [part.split("\n\n")[0] for part in source.split("@compiled\n")[1:]]


BINARY = {
    name: (lambda a, b, op=op: op(a * 3.0, b) * a)
    for name, op in {
        "add": tg.add, "subtract": tg.subtract, "multiply": tg.multiply, "divide": tg.divide,
        "maximum": tg.maximum, "minimum": tg.minimum,
    }.items()
}
UNARY = {
    "square": lambda a, b: tg.square(a + b) - 1.0,
    "sqrt": lambda a, b: tg.sqrt(a + b) - 1.0,
    "negative": lambda a, b: tg.negative(a + b) * b,
    "abs": lambda a, b: tg.abs(a - b) + 1.0,
    "clip": lambda a, b: tg.clip_by_value(a * b, -1.0, 0.5) + 1.0,
    "compare": lambda a, b: tg.cast(tg.logical_and(a > b, tg.logical_not(a * 2.0 <= b)), a.dtype),
    "equal": lambda a, b: tg.cast(tg.logical_or(tg.equal(a, b), tg.not_equal(a, 1.0)), a.dtype),
    "less": lambda a, b: tg.cast(tg.logical_and(a < b, a < 2.0), a.dtype),
    "relu": lambda a, b: tg.nn.relu(a + b),
    "relu's gradient": lambda a, b: tg.gradients(tg.nn.relu(a + b) * b, [b])[0],
    "to double": lambda a, b: tg.cast(a + b, tg.float64) * 3.0,
    "infinities": lambda a, b: tg.minimum(a / 0.0, float("inf")) + tg.maximum(b, float("-inf")),
}
SPECIAL = [0.0, -0.0, 1.0, np.inf, -np.inf, np.nan, 1e-40, 3e38, -1.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [*BINARY, *UNARY])
def test_a_loop_has_the_bits_of_its_ops(name, dtype):
    a, b = (tg.placeholder(dtype, [None, None]) for _ in range(2))
    y = {**BINARY, **UNARY}[name](a, b)
    values = np.array(np.meshgrid(SPECIAL, SPECIAL), dtype).reshape(2, -1)
    random = np.random.default_rng(0).normal(size=(2, 1000)).astype(dtype)
    left, right = np.concatenate([values, random], axis=1)[:, :, None]
    feeds = {a: left, b: right}
    assert loops_in(y, feeds)
    loop, plain = both(y, feeds)
    assert loop.dtype == plain.dtype
    np.testing.assert_array_equal(loop, plain)  # NaN equals NaN there
    if name not in ("maximum", "minimum", "relu", "clip"):  # of 0.0 and -0.0 either is the larger
        zeros = plain == 0
        assert np.array_equal(np.signbit(loop[zeros]), np.signbit(plain[zeros]))


def test_every_exact_ufunc_is_compared_with_its_loop():
    sources = ""
    for make in {**BINARY, **UNARY}.values():
        a, b = (tg.placeholder(tg.float32, [None]) for _ in range(2))
        sources += "".join(loops_in(make(a, b), {a: np.ones(9000), b: np.ones(9000)}))
        sources += "".join(loops_in(make(a, b), {a: np.ones(9), b: np.ones(9)}))
    # >= comes from the rule of maximum
    (g,) = tg.gradients(tg.maximum(a, b) * a, [a])
    sources += "".join(loops_in(g, {a: np.ones(9), b: np.ones(9)}))
    missing = {ufunc.__name__ for ufunc in EXACT if f"np.{ufunc.__name__}(" not in sources}
    assert not missing


@pytest.mark.parametrize("shapes", [
    [(4, 5), (5,)], [(4, 5), (1, 5)], [(4, 5), (4, 1)], [(4, 5), ()], [(2, 3, 5), (5,)],
    [(2, 3, 5), (2, 3, 1)], [(5,), (1,)], [(1, 5), (5,)], [(4, 1), (4, 1)], [(0, 5), (5,)],
    [(4, 0), (4, 1)], [(1, 1), (1,)], [(2, 3, 5), (3, 1)], [(4, 5), (4, 5)],
])
def test_operands_broadcast_as_in_numpy(shapes):
    arrays = [f64(*shape) for shape in shapes]
    a, b = (tg.placeholder(tg.float64, x.shape) for x in arrays)
    feeds = dict(zip((a, b), arrays, strict=True))
    loop, plain = both((a + b) * a - b, feeds)
    assert loop.shape == plain.shape
    assert np.array_equal(loop, plain)


def test_what_others_need_is_no_part_of_a_loop():
    x = tg.placeholder(tg.float32, [None])
    shared = x * 2.0
    y, z = tg.square(shared) + 1.0, tg.abs(shared) * shared
    feeds = {x: np.arange(5.0, dtype=np.float32)}
    assert len(loops_in([y, z], feeds)) == 2
    assert all("2.0" not in loop for loop in loops_in([y, z], feeds))
    assert len(loops_in([y, shared], feeds)) == 1
    for loop, plain in zip(*both([y, z, shared], feeds), strict=True):
        assert np.array_equal(loop, plain)


def test_a_loop_has_at_most_eight_operands():
    xs = [tg.placeholder(tg.float32, [3]) for _ in range(20)]
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    feeds = {x: np.full(3, i, np.float32) for i, x in enumerate(xs)}
    heads = [loop.splitlines()[0] for loop in loops_in(total, feeds)]
    assert len(heads) == 2  # equal loops are written once
    assert max(head.count(",") for head in heads) == 8
    assert tg.Session(passes=WITH_LOOPS).run(total, feeds).tolist() == [190.0] * 3


def test_ints_and_views_stay_out():
    i = tg.placeholder(tg.int32, [None])
    assert not loops_in(i * 2 + 1, {i: np.arange(3)})
    x = tg.placeholder(tg.float32, [3, 3])
    y = tg.transpose(x) * 2.0 + 1.0
    feed = {x: np.arange(9.0, dtype=np.float32).reshape(3, 3)}
    assert np.array_equal(*both(y, feed))
    constant = tg.constant(np.asfortranarray(np.arange(9.0, dtype=np.float32).reshape(3, 3)))
    assert np.array_equal(*both((x + constant) * 2.0, feed))


def test_training_of_small_variables_gives_the_same_bits():
    rng = np.random.default_rng(1)
    x = tg.placeholder(tg.float32, [None, 7])
    w = tg.Variable(rng.normal(size=(7, 5)).astype(np.float32))
    b = tg.Variable(np.zeros(5, np.float32))
    hidden = tg.nn.relu(tg.matmul(x, w) + b)
    loss = tg.reduce_mean(tg.nn.sigmoid_cross_entropy_with_logits(labels=x[:, :5], logits=hidden))
    train = tg.train.AdamOptimizer(0.01).minimize(loss)
    feeds = {x: rng.uniform(size=(9, 7)).astype(np.float32)}
    values = []
    for passes in (WITH_LOOPS, PASSES):
        sess = tg.Session(passes=passes)
        sess.run(tg.global_variables_initializer())
        losses = [sess.run([loss, train], feeds)[0] for _ in range(5)]
        values.append([losses, *sess.run([w, b])])
    for loop, plain in zip(*values, strict=True):
        assert np.array_equal(loop, plain)


def test_a_weighted_sum_in_a_loop_is_that_of_blas_within_the_tolerance_of_fuse():
    """BLAS may round once where the loop rounds the products and the sum."""
    old, fed = np.random.default_rng(8).normal(size=(2, 256, 256)).astype(np.float32)
    w, x = tg.Variable(old), tg.placeholder(tg.float32, old.shape)
    update = w.assign(0.9 * w + 0.1 * tg.square(x))
    assert "* b[k] + " in loops_in(update, {x: fed})[0]
    loop, plain = both(update, {x: fed})
    largest = np.maximum(np.abs(0.9 * old), 0.1 * fed * fed)
    assert (np.abs(loop - plain) <= 2 * np.finfo(np.float32).eps * largest).all()


def test_a_profile_counts_a_loop_as_one_call():
    x = tg.placeholder(tg.float32, [None], name="x")
    y = tg.square(x * 2.0) + 1.0
    profile = tg.Session(passes=WITH_LOOPS).profile(y, {x: np.ones(5)}, runs=2)
    assert [(row.node, row.calls) for row in profile.rows] == [("add", 1)]


def test_equal_loops_are_compiled_once_and_keep_no_plan_alive():
    text = "\n".join(loop_source("f", (Operand("a", "full"),), ("out[k] = a[k] + a[k]",)))
    made = []
    for name in ("f", "g"):
        namespace = {"np": np, "compiled": compiled, "buffer": np.ones(3)}
        exec(text.replace("def f", f"def {name}"), namespace)
        made.append(namespace[name])
        buffer = weakref.ref(namespace.pop("buffer"))
        del namespace
        gc.collect()
        assert buffer() is None
    assert made[0] is made[1]


@pytest.mark.default_passes
def test_without_numba_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match=r"pip install 'tinygraph-autodiff\[loops\]'"):
        tg.Session(passes=WITH_LOOPS)
    tg.Session()


def test_a_pass_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="no passes are called unroll; there are fold, fuse"):
        tg.Session(passes=PASSES | {"unroll"})
    for passes in ("fold", None, 1):
        with pytest.raises(tg.errors.DTypeError, match="must be a set of names of fold, fuse"):
            tg.Session(passes=passes)


def test_zeros_of_either_sign_are_not_one_loop():
    x = tg.placeholder(tg.float32, [3])
    sess = tg.Session(passes=WITH_LOOPS)
    for zero in (-0.0, 0.0):
        found = sess.run((x + 1.0) * zero, {x: np.zeros(3)})
        assert np.array_equal(np.signbit(found), [np.signbit(zero)] * 3)
