"""The generated program: what is in it, where values live, and that no pass changes a result."""

import ast
import gc
import itertools
import linecache
import math
import re
import sys
import traceback
import weakref

import numpy as np
import pytest
from fuzz.signals import interrupted

import tinygraph as tg
from tinygraph.compiler.parts import PART
from tinygraph.kernels import blas

PASSES = tg.Session.PASSES


def lines_with(source, text):
    return [line for line in source.splitlines() if text in line]


def network(rows=4, columns=3):
    """A network with an update of two variables, and its feed."""
    rng = np.random.default_rng(0)
    x = tg.placeholder(tg.float32, [None, rows], name="x")
    w = tg.Variable(rng.normal(size=(rows, columns)).astype(np.float32), name="w")
    b = tg.Variable(np.zeros(columns, np.float32), name="b")
    loss = tg.reduce_mean(tg.square(tg.tanh(tg.matmul(x, w) + b) - 0.5))
    dw, db = tg.gradients(loss, [w, b])
    train = tg.group(w.assign_sub(0.1 * dw), b.assign_sub(0.1 * db))
    return x, w, b, loss, train, {x: rng.normal(size=(5, rows)).astype(np.float32)}


LARGE = 128, 64  # sizes from which a product is added in place


# ---------------------------------------------------------------- the passes


# "fuse" finds nothing in a network as small as this, and few rows have the same sum in any order
@pytest.mark.parametrize(
    "left_out",
    [set(c) for n in range(len(PASSES) + 1) for c in itertools.combinations(sorted(PASSES), n)],
)
def test_no_pass_changes_a_bit_of_a_small_network(left_out):
    _, w, b, loss, train, feed = network()
    reference = tg.Session()
    other = tg.Session(passes=PASSES - left_out)
    for sess in (reference, other):
        sess.run(tg.global_variables_initializer())
        for _ in range(3):
            sess.run(train, feed)
    for a, c in zip(*(s.run([loss, w, b], feed) for s in (reference, other)), strict=True):
        assert np.array_equal(a, c)


@pytest.mark.default_passes
def test_equal_nodes_are_merged(sess):
    x = tg.placeholder(tg.float32, [3])
    source = sess.source([tg.exp(x) * 2.0, tg.exp(x) * 3.0], {x: np.zeros(3)})
    assert len(lines_with(source, "np.exp(")) == 1
    plain = tg.Session(passes=PASSES - {"merge"})
    source = plain.source([tg.exp(x) * 2.0, tg.exp(x) * 3.0], {x: np.zeros(3)})
    assert len(lines_with(source, "np.exp(")) == 2


@pytest.mark.default_passes
def test_constants_are_folded(sess):
    x = tg.placeholder(tg.float32, [3], name="x")
    y = x * (tg.constant(2.0) * 3.0 + 1.0)
    assert "np.multiply(x, k7, out=r0)" in sess.source(y, {x: np.zeros(3)})


@pytest.mark.default_passes
def test_shapes_are_folded_once_they_are_fed(sess):
    x = tg.placeholder(tg.float32, [None, None], name="x")
    n = tg.cast(tg.shape(x)[0] * tg.shape(x)[1], tg.float32)
    assert "np.divide(x, k6" in sess.source(x / n, {x: np.zeros((2, 3))})


def test_what_is_not_needed_is_not_run(sess):
    x = tg.placeholder(tg.float32, [3], name="x")
    y = tg.tanh(x)
    (g,) = tg.gradients(tg.reduce_sum(y + tg.exp(x)), x)
    assert "exp" in sess.source(g, {x: np.zeros(3)})
    (g,) = tg.gradients(tg.reduce_sum(y + 2.0 * x), y)
    assert "def step(variables, x):\n    return" in sess.source(g, {x: np.zeros(3)})


@pytest.mark.default_passes
def test_a_gradient_of_ones_costs_no_memory(sess):
    x = tg.placeholder(tg.float32, [1000, 1000], name="x")
    (g,) = tg.gradients(tg.reduce_sum(x * x), x)
    source = sess.source(tg.reduce_sum(g), {x: np.zeros((1000, 1000))})
    assert len(lines_with(source, "np.empty((1000, 1000)")) == 1


def test_the_program_is_the_same_every_time():
    *_, loss, train, feed = network()
    for passes in (PASSES, PASSES - {"inplace"}):
        sources = [tg.Session(passes=passes).source([train, loss], feed) for _ in range(8)]
        assert sources == sources[:1] * 8


# ---------------------------------------------------------------- buffers


def test_a_deep_forward_pass_needs_few_buffers(sess):
    x = tg.placeholder(tg.float32, [8, 8], name="x")
    w = tg.constant(np.eye(8, dtype=np.float32))
    y = x
    for _ in range(50):
        y = tg.tanh(tg.matmul(y, w) + 1.0)
    assert len(lines_with(sess.source(y, {x: np.zeros((8, 8))}), "np.empty(")) <= 3


def test_no_value_is_overwritten_while_it_is_needed(sess):
    x = tg.placeholder(tg.float64, [3, 3])
    a = x * 2.0
    at = tg.transpose(a)
    b = a + at  # must not go into a's buffer, which `at` is a view of
    c = tg.reshape(b, [9])
    d = b * 3.0  # nor this into b's
    e = tg.reduce_sum(c) + tg.reduce_sum(d)
    value = np.arange(9.0).reshape(3, 3)
    expected = (2 * value + 2 * value.T).sum() * 4
    assert sess.run(e, {x: value}) == expected
    everything = sess.run([a, at, b, c, d, e], {x: value})
    assert np.array_equal(everything[1], 2 * value.T) and everything[5] == expected
    assert sess.run(e, {x: value}) == expected


STEPS = [  # the same twice: in NumPy and as a graph
    (lambda a, b: np.tanh(a), lambda p, q: tg.tanh(p)),
    (lambda a, b: a + b, lambda p, q: p + q),
    (lambda a, b: a * 0.5, lambda p, q: p * 0.5),
    (lambda a, b: a.T, lambda p, q: tg.transpose(p)),
    (lambda a, b: a - b.sum(axis=0), lambda p, q: p - tg.reduce_sum(q, axis=0)),
    (lambda a, b: a @ b * 0.1, lambda p, q: tg.matmul(p, q) * 0.1),
]


def test_random_programs_equal_plain_numpy():
    """Chains of in-place ops, views, broadcasts and reductions, in random order."""
    rng = np.random.default_rng(7)
    for _ in range(60):
        arrays = [rng.normal(size=(3, 3))]
        nodes = [tg.placeholder(tg.float64, [3, 3])]
        feed = {nodes[0]: arrays[0]}
        for _ in range(15):
            i, j = rng.integers(len(nodes), size=2)
            in_numpy, in_graph = STEPS[rng.integers(len(STEPS))]
            arrays.append(in_numpy(arrays[i], arrays[j]))
            nodes.append(in_graph(nodes[i], nodes[j]))
        some = [*rng.choice(len(nodes), size=4, replace=False).tolist(), len(nodes) - 1]
        for k, value in zip(some, tg.Session().run([nodes[k] for k in some], feed), strict=True):
            # the same operations in the same order, up to how NumPy sums a product
            np.testing.assert_allclose(value, arrays[k], rtol=1e-12, atol=1e-12)


@pytest.mark.default_passes
def test_an_update_is_computed_into_the_variables_spare_array():
    *_, train, feed = network()
    sess = tg.Session()
    source = sess.source(train, feed)
    assert "np.dot(" in lines_with(source, "out=w_new")[0]
    assert not lines_with(source, "copyto")


# ---------------------------------------------------------------- sums that are added to in place


def trained(train, feed, values, passes, steps=3):
    sess = tg.Session(passes=passes)
    sess.run(tg.global_variables_initializer())
    for _ in range(steps):
        sess.run(train, feed)
    return sess.run(values)


def optimizers(dtype):
    yield tg.train.GradientDescentOptimizer(0.1)
    yield tg.train.MomentumOptimizer(0.1, 0.9)
    yield tg.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True)
    yield tg.train.AdamOptimizer(0.001)
    given = tg.placeholder_with_default(np.asarray(2.0, dtype), [])
    yield tg.train.GradientDescentOptimizer(0.1 * given)


@pytest.mark.default_passes
@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fusing_changes_an_update_by_at_most_its_rounding(number, dtype):
    """Each element of a step may differ by 2 ulp of the largest term that it is a sum of."""
    rng = np.random.default_rng(1)
    x = tg.placeholder(dtype, [None, 300])
    w = tg.Variable(rng.normal(size=(300, 256)).astype(dtype))
    loss = tg.reduce_mean(tg.square(tg.matmul(x, w) - 0.5)) * 100.0
    train = list(optimizers(dtype))[number].minimize(loss, var_list=[w])
    feed = {x: rng.normal(size=(20, 300)).astype(dtype)}
    assert "adding_" in tg.Session().source(train, feed)
    before = trained(train, feed, w, PASSES, steps=0)
    fused, plain = (trained(train, feed, w, p, 1) for p in (PASSES, PASSES - {"fuse"}))
    assert not np.array_equal(plain, before)
    # the gradient is a sum of 20 products, which BLAS may add up in another order
    step = np.abs(plain - before).max()
    ulp = np.finfo(dtype).eps
    assert np.abs(fused - plain).max() <= 2 * ulp * (np.abs(before).max() + 20 * step)


def test_an_update_in_place_sees_the_other_values_of_before():
    """Two variables that are each updated by a product with the other."""
    rng = np.random.default_rng(2)
    a, b = (rng.normal(size=(96, 96)) for _ in range(2))
    v, w = tg.Variable(a, name="v"), tg.Variable(b, name="w")
    train = tg.group(v.assign_add(tg.matmul(v, w)), w.assign_sub(0.5 * tg.matmul(w, v)))
    found = trained(train, {}, [v, w], PASSES, steps=1)
    np.testing.assert_allclose(found[0], a + a @ b, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found[1], b - 0.5 * b @ a, rtol=1e-12, atol=1e-12)


def test_values_of_before_and_after_an_update_in_place_can_be_fetched(sess):
    _, w, _, loss, _, feed = network(*LARGE)
    (dw,) = tg.gradients(loss, [w])
    before = w.read_value() * 1.0
    update = w.assign_sub(0.5 * dw)
    with tg.control_dependencies([update]):
        after = w.read_value() * 1.0
    fetches = [before, update, after, w]
    sess.run(w.initializer)
    sess.run(tg.global_variables_initializer())
    old = sess.run(w)
    gradient = sess.run(dw, feed)
    values = sess.run(fetches, feed)
    assert np.array_equal(values[0], old)
    for value in values[1:]:
        np.testing.assert_allclose(value, old - 0.5 * gradient, rtol=1e-5, atol=1e-6)
    again = sess.run([w.read_value(), update], feed)
    np.testing.assert_allclose(again[0], values[3], rtol=1e-6)
    assert not np.array_equal(again[1], again[0])
    assert np.array_equal(values[0], old)  # and no fetched array has changed since


def test_one_update_may_serve_two_variables(sess):
    _, w, _, loss, _, feed = network(*LARGE)
    (dw,) = tg.gradients(loss, [w])
    twin = tg.Variable(np.zeros(LARGE, np.float32))
    sess.run(tg.global_variables_initializer())
    expected = sess.run(w) - sess.run(0.5 * dw, feed)
    sess.run(twin.assign(w.assign_sub(0.5 * dw)), feed)
    for value in sess.run([w, twin]):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.default_passes
def test_a_step_with_an_update_in_place_keeps_no_second_array_of_the_variable(sess):
    *_, train, feed = network(*LARGE)
    source = sess.source(train, feed)
    assert lines_with(source, "adding_product(w,") and not lines_with(source, "w_new")
    assert "b_new" in source and "variables.commit(" in source


@pytest.mark.default_passes
def test_without_blas_nothing_is_fused(sess, monkeypatch):
    *_, train, feed = network(*LARGE)
    monkeypatch.setattr(blas, "routines", dict)
    source = sess.source(train, feed)
    assert "adding_product" not in source and lines_with(source, "out=w_new")
    kernel = tg.registry["AddProduct"].kernel
    out = np.empty((2, 2))
    assert kernel(np.ones((2, 2)), np.eye(2), np.eye(2), 2.0, out).tolist() == [[3, 1], [1, 3]]


WEIGHTED = {
    "beta * w + alpha * x": lambda w, x, alpha, beta: beta * w + alpha * x,
    "alpha * x + beta * w": lambda w, x, alpha, beta: alpha * x + beta * w,
    "beta * w - alpha * x": lambda w, x, alpha, beta: beta * w - alpha * x,
}


@pytest.mark.default_passes
@pytest.mark.parametrize("library", ["its own", "without axpby"])
@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize(("alpha", "beta"), [(0.1, 0.9), (-3.0, 0.5), (2.0, 1.0), (1.0, -1.0)])
@pytest.mark.parametrize("form", WEIGHTED.values(), ids=WEIGHTED)
def test_a_weighted_sum(form, alpha, beta, alone, library, sess, monkeypatch):
    """What it is computed into may be an array of its own, the variable's or x's."""
    if library == "without axpby":
        found = {key: own._replace(axpby=None) for key, own in blas.routines().items()}
        monkeypatch.setattr(blas, "routines", lambda: found)
    old, fed = np.random.default_rng(8).normal(size=(2, 256, 256)).astype(np.float32)
    w, x = tg.Variable(old), tg.placeholder(tg.float32, old.shape)
    doubled = x * x
    update = w.assign(form(w, doubled, alpha, beta))
    sess.run(w.initializer)
    made = sess.run([update] if alone else [update, doubled], {x: fed})
    terms = [np.float64(alpha) * (fed * fed), np.float64(beta) * old]
    expected = form(terms[1], terms[0], 1.0, 1.0)
    ulp = np.finfo(np.float32).eps * np.maximum(*np.abs(terms))
    for values in (made[0], sess.run(w)):
        assert (np.abs(values - expected) <= 2 * ulp).all()
    assert alone or np.array_equal(made[1], fed * fed)


@pytest.mark.default_passes
def test_an_average_is_one_call(sess):
    w, x = tg.Variable(tg.zeros([256, 256])), tg.placeholder(tg.float32, [256, 256])
    source = sess.source(w.assign(0.9 * w + 0.1 * x).op, {x: np.ones((256, 256))})
    (line,) = lines_with(source, "adding_scaled(")
    assert ", 0.1, 0.9)" in line and not lines_with(source, "multiply")


@pytest.mark.parametrize("beta", [float("nan"), float("inf"), 0.0])
def test_an_odd_weight_is_a_factor_as_ever(beta, sess):
    """BLAS skips what is times 0, and 0 times infinity is not nothing."""
    w = tg.Variable(np.array([np.inf, np.nan, 1.0, 0.0] * (1 << 14), np.float32))
    average = w.assign(beta * w + 0.5 * tg.square(w))
    sess.run(w.initializer)
    with np.errstate(all="ignore"):
        old = sess.run(w)
        expected = np.float32(beta) * old + np.float32(0.5) * (old * old)
    assert np.array_equal(sess.run(average), expected, equal_nan=True)


@pytest.mark.parametrize("size", [4, 300])
@pytest.mark.parametrize("form", ["k * w + g", "g + k * w", "w - k * g", "w - k * (x @ g)"])
def test_a_factor_fed_as_zero_hides_no_nan(form, size, sess):
    """In large arrays neither, where BLAS adds what is scaled; such as a learning rate of 0."""
    k, x = tg.placeholder(tg.float32, []), tg.placeholder(tg.float32, [size, size])
    sick = np.eye(size, dtype=np.float32)
    sick[0] = np.nan
    healthy = np.ones((size, size), np.float32)
    start, fed = (sick, healthy) if form.endswith("k * w") or "w +" in form else (healthy, sick)
    w = tg.Variable(start)
    g = x * x  # nobody else's
    sums = {
        "k * w + g": lambda: w.assign(k * w + g), "g + k * w": lambda: w.assign(g + k * w),
        "w - k * g": lambda: w.assign_sub(k * g),
        "w - k * (x @ g)": lambda: w.assign_sub(k * (x @ g)),
    }
    update = sums[form]()
    sess.run(w.initializer)
    made = sess.run(update, {k: 0.0, x: fed})
    healthy_rows = 0 if "@" in form else size - 1
    assert np.isnan(made[0]).all() and np.isnan(sess.run(w)[0]).all()
    assert np.isfinite(made).all(axis=1).sum() == healthy_rows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blas_takes_any_layout(dtype):
    rng = np.random.default_rng(3)
    a = rng.normal(size=(6, 8)).astype(dtype)
    b = rng.normal(size=(8, 10)).astype(dtype)
    a.flags.writeable = False
    for left in (a, np.asfortranarray(a), a[:, ::-1], a[:1], a[:, :1], a[:0]):
        for right in (b, np.asfortranarray(b), b[::-1], b[:, :1], b[:, ::3]):
            inner = min(left.shape[1], right.shape[0])
            left, right = left[:, :inner], right[:inner]
            c = np.ones((left.shape[0], right.shape[1]), dtype)
            blas.adding_product(c, left, right, -2.0)()
            np.testing.assert_allclose(c, 1 - 2 * (left @ right), rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- unknown sizes


def test_sizes_that_depend_on_values(sess):
    x = tg.placeholder(tg.float32, [None], name="x")
    kept = tg.boolean_mask(x, x > 0.0)
    y = tg.reduce_sum(kept * 2.0) / tg.cast(tg.size(kept), tg.float32)
    (g,) = tg.gradients(y, x)
    feed = {x: [1.0, -1.0, 3.0]}
    assert sess.run([y, kept * 1.0], feed)[0] == 4.0
    assert sess.run(g, feed).tolist() == [1.0, 0.0, 1.0]
    assert sess.run(y, {x: [5.0, 1.0, 1.0]}) == pytest.approx(14 / 3)


# ---------------------------------------------------------------- errors and interruption


def test_a_traceback_shows_the_generated_line(sess):
    def broken(x, out=None):
        raise ValueError("boom")

    op = tg.elementwise("BrokenForTraceback", broken, None)
    x = tg.placeholder(tg.float32, [2], name="x")
    try:
        sess.run(op(x), {x: [1.0, 2.0]})
    except ValueError as error:
        text = "".join(traceback.format_exception(error))
    place = r'File "<tinygraph program \d+>", line \d+, in step\n    broken\(x, out=r0\)'
    assert re.search(place, text)


def test_evicted_programs_leave_linecache(sess):
    x = tg.placeholder(tg.float32)
    y = x + 1.0
    before = sum(name.startswith("<tinygraph") for name in linecache.cache)
    for n in range(150):
        sess.run(y, {x: np.zeros(n)})
    after = sum(name.startswith("<tinygraph") for name in linecache.cache)
    assert after - before <= 64


@pytest.mark.default_passes
@pytest.mark.parametrize("sizes", [(4, 3), LARGE])
def test_an_interrupt_at_any_bytecode_leaves_variables_whole(sizes):
    _, w, b, _, train, feed = network(*sizes)
    sess = tg.Session()
    sess.run(tg.global_variables_initializer())
    sess.run(train, feed)  # compiled; the spare arrays exist
    old = sess.run([w, b])
    sess.run(train, feed)
    new = sess.run([w, b])

    seen = set()
    for steps in range(1, 5000):
        w.load(old[0], sess)
        b.load(old[1], sess)
        if not interrupted(lambda: sess.run(train, feed), steps):
            break
        values = sess.run([w, b])
        which = [all(map(np.array_equal, values, state)) for state in (old, new)]
        assert any(which), f"torn after {steps} bytecodes"
        seen.add(which.index(True))
        w.load(old[0], sess)
        b.load(old[1], sess)
        sess.run(train, feed)
        assert all(map(np.array_equal, sess.run([w, b]), new))
    assert seen == {0, 1}


def test_compiling_prints_no_array():
    """NumPy keeps book of the arrays that it prints, in which an interrupt leaves an entry."""
    x = tg.placeholder(tg.float32, [None, 2])
    y = tg.reduce_sum(x * [0.1, 0.2] + 0.3, axis=0) / 7.0
    printed = []

    def profile(frame, event, _):
        if event == "call" and frame.f_code.co_filename.endswith("arrayprint.py"):
            printed.append(frame.f_code.co_name)

    sys.setprofile(profile)
    try:
        tg.Session().run([y, tg.gradients(y, x)], {x: [[1.0, 2.0]]})
    finally:
        sys.setprofile(None)
    assert not {"wrapper", "array2string"} & set(printed)


def test_numpys_legacy_printing_changes_no_number():
    x = tg.placeholder(tg.float64, [])
    third = np.float64(1.0) / 3.0
    y = tg.pad(tg.stack([x * third]), [[1, 0]], constant_values=third)
    with np.printoptions(legacy="1.13", precision=2):
        assert tg.Session().run(y, {x: 1.0}).tolist() == [third, third]


# ---------------------------------------------------------------- long programs


def long_program():
    """More lines than one function has; a size that depends on values, and an update, cross them.

    Returns the input, the fetches and their values for the input [1, -1, 3].
    """
    x = tg.placeholder(tg.float64, [None], name="x")
    v = tg.Variable([1.0, 2.0], dtype=tg.float64, name="v")
    kept = tg.boolean_mask(x, x > 0.0)
    y = x
    for _ in range(PART + PART // 2):
        y = y + 1.0
    update = v.assign_add(kept)
    z = y
    for _ in range(PART):
        z = z + 1.0
    value, n = np.array([1.0, -1.0, 3.0]), PART + PART // 2
    fetches = [y, tg.reduce_sum(kept) + z, update, v, tg.gradients(z, x)[0]]
    return x, fetches, [value + n, value + n + PART + 4, [2.0, 5.0], [2.0, 5.0], np.ones(3)]


@pytest.mark.default_passes
def test_a_long_program_is_in_parts(sess):
    x, fetches, expected = long_program()
    feed = {x: [1.0, -1.0, 3.0]}
    source = sess.source(fetches, feed)
    assert len(lines_with(source, "def part")) >= 3
    lengths = [len(part.splitlines()) for part in source.split("def ")]
    assert max(lengths) <= PART + 5
    sess.run(tg.global_variables_initializer())
    for value, right in zip(sess.run(fetches, feed), expected, strict=True):
        assert np.array_equal(value, right)
    profile = tg.Session().profile(fetches[0], feed, runs=1)
    assert sum(row.calls for row in profile.rows) == PART + PART // 2


@pytest.mark.default_passes
def test_an_error_in_a_part_names_its_node(sess):
    x, fetches, _ = long_program()
    sess.run(tg.global_variables_initializer())
    index = tg.cast(fetches[1], tg.int32)[0]
    y = tg.gather(tg.constant([1.0, 2.0]), index, name="lookup")
    with pytest.raises(tg.errors.InvalidArgumentError, match="in 'lookup'") as caught:
        sess.run(y, {x: [1.0, -1.0, 3.0]})
    text = "".join(traceback.format_exception(caught.value))
    place = r'File "<tinygraph program \d+, part \d+>", line \d+, in part\d+\n +gather\('
    assert re.search(place, text)


def test_an_evicted_plan_frees_its_buffers_at_once():
    x = tg.placeholder(tg.float32, [None])
    y = tg.reduce_sum(tg.exp(x) + x)
    sess = tg.Session()
    sess.run(y, {x: np.ones(1000)})
    (plan,) = sess._plans.values()
    freed = weakref.ref(plan), weakref.ref(plan.step.__globals__["b0"])
    del plan
    gc.disable()  # it must not take the cyclic collector
    try:
        for n in range(1, 66):
            sess.run(y, {x: np.ones(n)})
        assert [reference() for reference in freed] == [None, None]
    finally:
        gc.enable()


# ---------------------------------------------------------------- found by reviews


def test_no_two_fetches_share_memory(sess):
    x = tg.placeholder(tg.float32, [2])
    y = x + 1.0
    values = sess.run([y, y, x + 1.0, tg.identity(y), tg.reshape(y, [2, 1])], {x: [1.0, 2.0]})
    for i, a in enumerate(values):
        assert not any(np.may_share_memory(a, b) for b in values[i + 1 :])


@pytest.mark.parametrize("passes", [set(), *({p} for p in sorted(PASSES)), PASSES])
def test_a_view_waits_for_the_index_that_is_computed(passes):
    p = tg.placeholder(tg.float64, [None, None])
    z = tg.concat([p[:1], p[1:]], 0)
    (g,) = tg.gradients(tg.reduce_sum(z * z), [p])
    value = np.arange(6.0).reshape(3, 2)
    assert np.array_equal(tg.Session(passes=passes).run(g, {p: value}), 2 * value)


def test_a_size_known_when_it_runs_never_broadcasts_into_a_variable(sess):
    x = tg.placeholder(tg.float32, [None])
    v = tg.Variable([1.0, 2.0], name="v")
    sess.run(v.initializer)
    for update in (v.assign, v.assign_add):
        with pytest.raises(ValueError, match="op: 'Assign"):
            sess.run(update(tg.boolean_mask(x, x > 2.0)), {x: [1, 2, 3]})
    assert sess.run(v).tolist() == [1.0, 2.0]
    sess.run(v.assign(tg.boolean_mask(x, x > 1.0)), {x: [1, 2, 3]})
    assert sess.run(v).tolist() == [2.0, 3.0]


def test_a_shape_that_was_set_is_checked_when_it_runs(sess):
    x = tg.placeholder(tg.float32, [None])
    kept = tg.boolean_mask(x, x > 1.0)
    kept.set_shape([2])
    assert sess.run(kept * 2.0, {x: [1, 2, 3]}).tolist() == [4.0, 6.0]
    with pytest.raises(ValueError, match="BooleanMask"):
        sess.run(kept * 2.0, {x: [1, 2, 1]})


def test_variables_may_be_called_as_words_of_a_long_program():
    """Arguments of functions, kernels, and a name whose end is another's."""
    names = ("out", "axis", "np", "tanh", "a/late", "late")
    values = [tg.Variable(float(i), name=name) for i, name in enumerate(names)]
    x = y = tg.placeholder(tg.float32, [4])
    y = y + values[4]
    for _ in range(PART + 200):
        y = tg.tanh(y) + 1.0
    y = tg.reduce_sum(tg.stack([y, y]), axis=0) + tg.add_n(values)
    sess = tg.Session()
    sess.run(tg.global_variables_initializer())
    found = np.full(4, 4.0)
    for _ in range(PART + 200):
        found = np.tanh(found) + 1.0
    np.testing.assert_allclose(sess.run(y, {x: np.zeros(4)}), 2 * found + 15, rtol=1e-5)


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), 0.0])
def test_an_update_at_a_rate_that_is_no_usual_number(rate):
    x = tg.placeholder(tg.float32, [None, LARGE[0]])
    w = tg.Variable(tg.ones(LARGE))
    train = tg.train.GradientDescentOptimizer(rate).minimize(tg.reduce_sum(tg.matmul(x, w)))
    for bad in (1.0, np.nan):
        feed = {x: np.full((3, LARGE[0]), bad, np.float32)}
        sess, plain = tg.Session(), tg.Session(passes=set())
        for each in (sess, plain):
            each.run(w.initializer)
            each.run(train, feed)
        assert np.array_equal(sess.run(w), plain.run(w), equal_nan=True)


@pytest.mark.default_passes
def test_factors_that_overflow_together_stay_apart():
    x = tg.placeholder(tg.float32, [3, LARGE[0]])
    w = tg.Variable(tg.ones([LARGE[0], LARGE[0]]))
    product = tg.matmul(x, 1e-38 * x, transpose_a=True)
    update = w.assign_sub(1e20 * (1e20 * product))
    sess = tg.Session()
    sess.run(w.initializer)
    found = sess.run(update, {x: np.full((3, LARGE[0]), 1e-3, np.float32)})
    np.testing.assert_allclose(found, 1 - 3e-4, rtol=1e-5)  # the products are subnormal numbers


@pytest.mark.default_passes
@pytest.mark.parametrize(("a", "b", "right"), [(1e25, 1e-30, 1e22), (1e-25, 1e30, 1e-18)])
def test_fed_factors_that_overflow_together_stay_apart(a, b, right, sess):
    x = tg.placeholder(tg.float32, [100, 100])
    first, second = tg.placeholder(tg.float32, []), tg.placeholder(tg.float32, [])
    w = tg.Variable(tg.zeros([100, 100]))
    update = w.assign_add(first * (first * (second * tg.matmul(x, x))))
    sess.run(w.initializer)
    found = sess.run(update, {x: np.ones((100, 100)), first: a, second: b})
    np.testing.assert_allclose(found, right, rtol=1e-5)


@pytest.mark.default_passes
def test_a_long_chain_of_divisions_takes_no_stack(sess):
    x, s = tg.placeholder(tg.float32, LARGE), tg.placeholder(tg.float32, [])
    w = tg.Variable(tg.zeros(LARGE))
    y = x
    for _ in range(1200):
        y = y / s
    sess.run(w.initializer)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        assert (sess.run(w.assign_add(y), {x: np.ones(LARGE), s: 1.0}) == 1).all()
    finally:
        sys.setrecursionlimit(before)


def test_a_closed_session_keeps_no_value():
    *_, train, feed = network()
    sess = tg.Session()
    sess.run(tg.global_variables_initializer())
    sess.run(train, feed)
    kept = [weakref.ref(array) for array in sess._variables.values()]
    kept += [weakref.ref(array) for array in sess._variables._spares.values()]
    sess.close()
    assert [reference() for reference in kept] == [None] * len(kept)


@pytest.mark.default_passes
def test_zeros_of_either_sign_are_not_merged():
    x = tg.placeholder(tg.float32, [2])
    signs = [1.0 / tg.nn.leaky_relu(x, alpha=a) for a in (0.0, -0.0)]
    plus, minus = tg.Session().run(signs, {x: [-1.0, -1.0]})
    assert np.array_equal(plus, -minus)


def test_no_text_of_a_users_becomes_code(sess):
    class Evil(tuple):
        def __repr__(self):
            return "__import__('os').system('true')"

    def kernel(x, out=None, **attrs):
        return np.positive(x, out=out)

    kernel.__name__ = "x\n__import__('os')"
    op = tg.op.Op("TextAsAttributes", kernel, lambda x, **attrs: x, params=("x",))
    attrs = {
        "a=__import__('os')": 1, "class": Evil([1]), "s": slice(1, None), "text": "\n'\"#\u2028",
        "numbers": (1.0, math.inf, -0.0),
    }
    x = tg.placeholder(tg.float32, [2], name="slice")
    y = op(x, **attrs)[1:]
    source = sess.source(y, {x: [1.0, 2.0]})
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert calls <= {"getitem", "slice", "textasattributes"}
    assert sess.run(y, {x: [1.0, 2.0]}) == 2.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_static_value_need_not_be_finite(value, sess):
    op = tg.op.Op(
        f"Twice{value}".replace("-", "Minus"), lambda x, by, out=None: np.multiply(x, by, out=out),
        lambda x, by: x, params=("x", "by"), static=(1,),
    )
    x = tg.placeholder(tg.float32, [1])
    np.testing.assert_array_equal(sess.run(op(x, tg.constant(value)), {x: [2.0]}), [2.0 * value])
