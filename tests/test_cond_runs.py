"""What a cond runs, and when; its gradients, its program, and runs that fail in a branch."""

import copy
import itertools
import pickle
import re
import runpy

import numpy as np
import pytest
from fuzz.signals import interrupted
from test_cond import after, c, chosen, collected, initialised, note, one, plain, runs, seen

import tinygraph as tg
from tinygraph.body import all_nodes
from tinygraph.errors import InvalidArgumentError


@pytest.fixture(autouse=True)
def nothing_seen():
    seen.clear()


# ---------------------------------------------------------------- what runs, and when


OUTSIDE = {
    "read": lambda v, u: lambda: u * 1.0,
    "returned": lambda v, u: lambda: u,
    "waited for": lambda v, u: lambda: after(u, lambda: c(5.0)),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_is_made_outside_runs_in_any_case(name, p):
    v = tg.Variable(0.0)
    result = tg.cond(p, OUTSIDE[name](v, v.assign_add(1.0)), lambda: c(-1.0))
    sess = initialised()
    assert runs([result, v], p, "TF", sess=sess)[1] == [-1.0, 2.0]
    assert sess.run(v) == 2.0


def test_an_update_runs_when_its_branch_is_taken(p):
    v = tg.Variable(0.0)
    result = tg.cond(p, lambda: v.assign(7.0), lambda: v.assign_add(1.0))
    sess = initialised()
    assert runs(result, p, "FTF", sess=sess) == [1.0, 7.0, 8.0]
    assert sess.run(v) == 8.0
    assert runs([result, v], p, "TF", sess=sess) == [[7.0, 7.0], [8.0, 8.0]]


@pytest.mark.parametrize("returned, after_true", [
    ("not waited for", 0.0), ("made within", 7.0), ("copied within", 7.0),
    ("from outside", 0.0), ("a number", 0.0),
])
def test_an_update_that_is_not_returned(returned, after_true, p):
    """It runs if what the branch returns depends on it, as in TF 1.15."""
    v, outer = tg.Variable(0.0), c(1.0)

    def branch():
        update = v.assign(7.0)
        if returned == "not waited for":
            return c(1.0)
        with tg.control_dependencies([update]):
            return {
                "made within": one, "copied within": lambda: tg.identity(outer),
                "from outside": lambda: outer, "a number": lambda: 1.0,
            }[returned]()

    result = tg.cond(p, branch, lambda: c(2.0))
    sess = initialised()
    values = [(runs(result, p, letter, sess=sess)[0], sess.run(v)) for letter in "FTF"]
    assert values == [(2.0, 0.0), (1.0, after_true), (2.0, after_true)]


def test_an_update_runs_only_for_the_output_that_needs_it(p):
    v = tg.Variable(0.0)
    updated, other = tg.cond(p, lambda: [v.assign_add(1.0), c(1.0)], lambda: [c(0.0), c(2.0)])
    sess = initialised()
    assert runs(other, p, "FTT", sess=sess) == [2.0, 1.0, 1.0] and sess.run(v) == 0.0
    assert runs(updated, p, "FTT", sess=sess) == [0.0, 1.0, 2.0] and sess.run(v) == 2.0
    assert runs([updated, other], p, "TF", sess=sess) == [[3.0, 1.0], [0.0, 2.0]]
    assert sess.run(updated + other, {p: True, updated: 10.0}) == 11.0  # fed, so not computed
    assert sess.run(v) == 3.0


def test_a_cond_waits_for_what_it_is_told_to(p):
    v = tg.Variable(0.0)
    a, b = c(1.0), c(2.0)
    with tg.control_dependencies([v.assign_add(1.0)]):
        read = tg.cond(p, lambda: v.read_value(), lambda: c(-1.0))
        outer = tg.cond(p, lambda: a, lambda: b)
    sess = initialised()
    assert runs(read, p, "TTF", sess=sess) == [1.0, 2.0, -1.0]
    assert runs(outer, p, "TF", sess=sess) == [1.0, 2.0] and sess.run(v) == 5.0


def test_nested_updates(p):
    preds = [tg.placeholder(tg.bool, [], name=name) for name in "abd"]
    v = tg.Variable(0.0)

    def nested(level):
        if level == 3:
            return v.assign_add(1.0)
        return tg.cond(preds[level], lambda: nested(level + 1), lambda: c(-1.0 - level))

    result = nested(0)
    sess = initialised()
    found = []
    for letters in ("TTT", "FTT", "TFT", "TTF", "TTT"):
        feeds = {pred: letter == "T" for pred, letter in zip(preds, letters, strict=True)}
        found.append((sess.run(result, feeds), sess.run(v)))
    assert found == [(1.0, 1.0), (-1.0, 1.0), (-2.0, 1.0), (-3.0, 1.0), (2.0, 2.0)]


def test_groups_of_conds(p):
    v, w = tg.Variable(0.0), tg.Variable(0.0)
    train = tg.group(
        tg.cond(p, lambda: tg.group(v.assign_add(1.0), w.assign_sub(1.0)), tg.no_op),
        tg.cond(p, tg.no_op, lambda: tg.group(w.assign_add(10.0))),
    )
    sess = initialised()
    assert runs(train, p, "TTF", sess=sess) == [None] * 3
    assert sess.run([v, w]) == [2.0, 8.0]


def test_a_variable_that_has_no_value_yet(p, sess):
    v = tg.Variable(3.0)
    put = tg.cond(p, lambda: v.assign(5.0), v.initialized_value)
    assert sess.run(put, {p: False}) == 3.0
    with pytest.raises(tg.errors.FailedPreconditionError, match="uninitialized value Variable"):
        sess.run(v)
    assert sess.run(put, {p: True}) == sess.run(put, {p: False}) == sess.run(v) == 5.0
    set_up = tg.cond(p, lambda: tg.group(v.initializer), tg.no_op)
    assert not sess.run(set_up, {p: False}) and sess.run(v) == 3.0  # it was made outside


def test_a_read_within_a_branch_of_a_variable_without_a_value(p, sess):
    v = tg.Variable(3.0, name="v")
    read = tg.cond(p, lambda: v.read_value() + 1.0, lambda: c(0.0))
    assert sess.run(read, {p: False}) == 0.0
    with pytest.raises(tg.errors.FailedPreconditionError, match="uninitialized value v"):
        sess.run(read, {p: True})


def test_placeholders_that_a_branch_needs_are_fed(p, sess):
    x = tg.placeholder(tg.float32, [], name="x")
    result = tg.cond(p, lambda: x * 2.0, lambda: c(0.0))
    with pytest.raises(InvalidArgumentError, match="'x:0'"):
        sess.run(result, {p: True})
    with pytest.raises(InvalidArgumentError, match="'p:0'"):
        sess.run(result, {x: 1.0})


def test_a_placeholder_made_in_a_branch_is_made_outside(p, sess):
    made = []

    def branch():
        made.append(tg.placeholder(tg.float32, [], name="x"))
        return made[0] * 2.0

    result = tg.cond(p, branch, lambda: c(0.0))
    assert made[0].name == "cond/x:0"
    assert runs(result, p, "TF", {made[0]: 3.0}, sess) == [6.0, 0.0]
    with pytest.raises(InvalidArgumentError, match="'cond/x:0'"):
        sess.run(result, {p: False})


@pytest.mark.parametrize("default", [
    lambda x: 2.0, lambda x: c(2.0), lambda x: x, lambda x: [x, 2.0][1],
])
def test_a_placeholder_with_default_made_in_a_branch_can_be_fed(default, p, sess):
    x = tg.placeholder(tg.float32, [])
    made = []

    def branch():
        made.append(tg.placeholder_with_default(default(x), []))
        return made[0] * x

    y = tg.cond(p, branch, lambda: x)
    (g,) = tg.gradients(y, made)
    (inner,) = made
    assert inner.name == "cond/PlaceholderWithDefault:0"
    assert runs([y, g], p, "TF", {x: 2.0, inner: 5.0}, sess) == [[10.0, 2.0], [2.0, 0.0]]
    assert runs([y, inner], p, "TF", {x: 2.0}, sess) == [[4.0, 2.0], [2.0, 2.0]]


def test_a_default_that_a_branch_computes_belongs_to_it(p, sess):
    x = tg.placeholder(tg.float32, [])
    made = []

    def branch():
        made.append(tg.placeholder_with_default(x * 2.0, []))
        return made[0]

    y = tg.cond(p, branch, lambda: x)
    assert runs(y, p, "TF", {x: 2.0}, sess) == [4.0, 2.0]
    with pytest.raises(TypeError, match="belongs to a branch"):
        sess.run(y, {p: True, x: 2.0, made[0]: 5.0})


def test_a_fed_result_needs_neither_branch(p, sess):
    x = tg.placeholder(tg.float32, [])
    result = tg.cond(p, lambda: x * 2.0, lambda: x)
    assert sess.run(result + 1.0, {result: 4.0}) == 5.0


def test_effects_of_the_branch_that_is_taken(p, sess):
    x = tg.placeholder(tg.float32, [])
    outside = note(x)

    def branch(sign):
        with tg.control_dependencies([note(x * sign)]):
            return tg.identity(x)

    result = tg.cond(p, lambda: tg.cond(p, lambda: branch(1.0), one), lambda: branch(-1.0))
    runs(result, p, "TFF", {x: 3.0}, sess)
    assert plain(seen) == [3.0, -3.0, -3.0]
    seen.clear()
    ordered = after(outside, lambda: tg.cond(p, one, lambda: branch(-1.0)))
    runs(ordered, p, "TF", {x: 3.0}, sess)
    assert sorted(plain(seen)) == [-3.0, 3.0, 3.0]
    seen.clear()
    runs(tg.cond(p, lambda: note(x), tg.no_op), p, "FT", {x: 2.0}, sess)
    assert plain(seen) == [2.0]


# ---------------------------------------------------------------- the order of reads and updates


def test_a_read_after_a_cond_that_updates(p):
    w = tg.Variable(1.0)
    result = tg.cond(p, lambda: w.assign_add(1.0), lambda: w)
    read = after(result, w.read_value)
    before = w + 0.0
    sess = initialised()
    assert runs([result, read, before, w], p, "FTT", sess=sess) == [
        [1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 1.0, 2.0], [3.0, 3.0, 2.0, 3.0]
    ]
    assert runs(read, p, "TF", sess=sess) == [4.0, 4.0]


def test_a_read_after_an_update_within_a_branch(p):
    w = tg.Variable(1.0)

    def branch():
        with tg.control_dependencies([w.assign_add(1.0)]):
            return w.read_value() * 10.0

    result = tg.cond(p, branch, w.read_value)
    assert runs(result, p, "FTT") == [1.0, 20.0, 30.0]


OTHERS = {
    "assign a constant": (lambda v, x: v.assign(7.0), 7.0),
    "assign what is fed": (lambda v, x: v.assign(x), 3.0),
    "assign": (lambda v, x: v.assign(x * 2.0), 6.0),
    "initialise": (lambda v, x: v.initializer, 1.0),
    "add": (lambda v, x: v.assign_add(x), 4.0),
    "add a constant": (lambda v, x: v.assign_add(5.0), 6.0),
    "assign itself": (lambda v, x: v.assign(v), 1.0),
}


@pytest.mark.parametrize("name", OTHERS)
def test_an_update_outside_comes_before_the_one_of_a_branch(name, p):
    make, value = OTHERS[name]
    v, x = tg.Variable(1.0), tg.placeholder_with_default(3.0, [])
    other = make(v, x)
    inside = tg.cond(p, lambda: v.assign_add(10.0), lambda: c(0.0))
    for letter, expected in (("T", [value + 10.0] * 2), ("F", [0.0, value])):
        sess = initialised()
        (found,) = runs([other, inside, v], p, letter, sess=sess)
        assert found[1:] == expected and sess.run(v) == expected[1]


def test_conds_that_update_one_variable_follow_one_another(p):
    q = tg.placeholder(tg.bool, [])
    v = tg.Variable(1.0)
    conds = [
        tg.cond(pred, lambda step=step: v.assign_add(step), lambda: c(0.0))
        for pred, step in ((p, 10.0), (q, 100.0))
    ]
    found = {}
    for letters in ("TT", "TF", "FT", "FF"):
        found[letters] = chosen([*conds, v], (p, q), letters)
    assert found == {
        "TT": [11.0, 111.0, 111.0], "TF": [11.0, 0.0, 11.0],
        "FT": [0.0, 101.0, 101.0], "FF": [0.0, 0.0, 1.0],
    }


def test_updates_of_one_variable_inside_and_outside_follow_one_another(p):
    v = tg.Variable(1.0)
    plus = tg.cond(p, lambda: v.assign_add(1.0), lambda: c(0.0))
    outside = v.assign_add(100.0)
    sess = initialised()
    runs([plus, outside], p, "TF", sess=sess)
    assert sess.run(v) == 202.0
    times = after(plus, lambda: tg.cond(p, lambda: v.assign(v.read_value() * 10.0), one))
    sess.run(v.assign(1.0))
    assert runs([times, v], p, "FTT", sess=sess) == [[1.0, 1.0], [20.0, 20.0], [210.0, 210.0]]


def test_the_order_of_updates_is_that_of_what_is_needed(p):
    """The cond takes w for an output that no one needs."""
    v, w = tg.Variable(1.0), tg.Variable(2.0)
    outside = v.assign_add(1.0)

    def branch():
        return [v.assign_add(10.0), w * 2.0]

    updated, _ = tg.cond(p, branch, lambda: [c(0.0), c(0.0)])
    sess = initialised()
    assert runs([outside, updated, v], p, "TF", sess=sess) == [
        [2.0, 12.0, 12.0], [13.0, 0.0, 13.0]
    ]


def test_what_was_read_outside_is_from_before_the_run(p):
    v = tg.Variable(1.0)
    z = v * 10.0
    result = tg.cond(p, lambda: v.assign_add(z), lambda: z)
    sess = initialised()
    assert runs([result, v], p, "FTT", sess=sess) == [[10.0, 1.0], [11.0, 11.0], [121.0, 121.0]]


def test_two_updates_within_a_branch(p):
    v, w = tg.Variable(1.0), tg.Variable(2.0)
    swap = tg.cond(p, lambda: tg.group(v.assign(w), w.assign(v)), tg.no_op)
    add = tg.cond(p, lambda: [v.assign_add(1.0), v.assign_add(10.0)], lambda: [c(0.0), c(0.0)])
    sess = initialised()
    runs(swap, p, "TFT", sess=sess)
    assert sess.run([v, w]) == [1.0, 2.0]
    runs(swap, p, "T", sess=sess)
    assert sess.run([v, w]) == [2.0, 1.0]
    runs(add, p, "FT", sess=sess)
    assert sess.run(v) == 13.0


# ---------------------------------------------------------------- random numbers


def test_a_stream_moves_only_when_its_branch_is_taken(p):
    result = tg.cond(p, lambda: tg.random_uniform([], seed=1), lambda: c(-1.0))
    numbers = [0.2390374, -1.0, -1.0, 0.22267115, 0.34304976]  # TF 1.15.5's
    np.testing.assert_allclose(runs(result, p, "TFFTT"), numbers, rtol=1e-6)


def test_streams_without_seeds_of_their_own_go_on_too(p):
    tg.set_random_seed(5)
    result = tg.cond(p, lambda: tg.random_normal([3], name="noise"), lambda: tg.zeros([3]))
    found = runs(result, p, "TFFTFT")
    again = runs(result, p, "TTT")
    np.testing.assert_array_equal([found[0], found[3], found[5]], again)
    assert len({x[0] for x in again}) == 3


@pytest.mark.parametrize("seed", [None, 3])
def test_dropout_by_cond(seed, p):
    """The mask is drawn when taken, and the gradient uses the run's."""
    tg.set_random_seed(1)
    x = tg.placeholder(tg.float32, [200])
    y = tg.cond(p, lambda: tg.nn.dropout(x, 0.5, seed=seed), lambda: x)
    (g,) = tg.gradients(y, x)
    ones = {x: np.ones(200, np.float32)}
    found = runs([y, g], p, "TFFTT", ones)
    for (value, gradient), letter in zip(found, "TFFTT", strict=True):
        np.testing.assert_array_equal(value, gradient)
        assert set(plain(value)) == ({0.0, 2.0} if letter == "T" else {1.0})
    taken = runs(y, p, "TTT", ones)
    np.testing.assert_array_equal([found[0][0], found[3][0], found[4][0]], taken)
    assert not np.array_equal(taken[0], taken[1])


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("inside", [True, False])
def test_adam_within_a_branch(inside, p):
    w = tg.Variable([2.0], name="w")
    loss = tg.reduce_sum(w * w)
    step = tg.train.get_or_create_global_step()
    names = []

    def train():
        optimizer = tg.train.AdamOptimizer(0.1)
        made = optimizer.minimize(tg.reduce_sum(w * w) if inside else loss, global_step=step)
        names.append(made.name)
        return made

    result = tg.cond(p, train, tg.no_op)
    assert names == ["cond/Adam"]
    assert collected() == [
        "w:0", "global_step:0", "cond/beta1_power:0", "cond/beta2_power:0", "w/Adam:0", "w/Adam_1:0"
    ]
    sess = initialised()
    expected = {
        "F": [2.0, 0, 0.9, 0.999, 0.0, 0.0],
        "FT": [1.9, 1, 0.81, 0.998001, 0.4, 0.016],
        "FTT": [1.8001668, 2, 0.729, 0.997003, 0.74, 0.030424],
        "FTTF": [1.8001668, 2, 0.729, 0.997003, 0.74, 0.030424],
    }
    for letters, values in expected.items():
        assert runs(result, p, letters[-1], sess=sess) == [letters[-1] == "T"]
        found = [np.ravel(value)[0] for value in sess.run(tg.global_variables())]
        np.testing.assert_allclose(found, values, rtol=2e-5)


def test_each_branch_has_an_optimizer(p):
    w = tg.Variable([2.0], name="w")

    def minimizer(loss):
        return lambda: tg.train.MomentumOptimizer(0.1, 0.9).minimize(loss(w))

    result = tg.cond(
        p, minimizer(lambda w: tg.reduce_sum(w * w)), minimizer(lambda w: -tg.reduce_sum(w))
    )
    assert collected() == ["w:0", "w/Momentum:0", "w/Momentum_1:0"]
    sess = initialised()
    found = []
    for letter in "FTTF":
        runs(result, p, letter, sess=sess)
        found.append(np.ravel(sess.run(tg.global_variables())))
    expected = [[2.1, 0, -1], [1.68, 4.2, -1], [0.966, 7.14, -1], [1.156, 7.14, -1.9]]  # TF's
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_training_through_a_cond(p):
    """A variable of the branch not taken has a gradient of zeros, with which momentum moves on."""
    w, u = tg.Variable(2.0), tg.Variable(5.0)
    loss = tg.cond(p, lambda: w * w, lambda: u * u)
    train = tg.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    sess = initialised()
    found = []
    for letter in "TFF":
        runs(train, p, letter, sess=sess)
        found.append(sess.run([w, u]))
    np.testing.assert_allclose(found, [[1.6, 5.0], [1.24, 4.0], [0.916, 2.3]], rtol=1e-6)  # TF's


def test_rows_of_a_table_are_trained_when_the_branch_is_taken(p):
    w = tg.Variable(np.ones((4, 1), np.float32))
    optimizer = tg.train.GradientDescentOptimizer(0.5)
    used = tg.cond(p, lambda: tg.gather(w, [0, 2]), lambda: tg.gather(w, [1, 1]))
    outside = optimizer.minimize(tg.reduce_sum(used))
    inside = tg.cond(p, lambda: optimizer.minimize(tg.reduce_sum(tg.gather(w, [0]))), tg.no_op)
    scattered = tg.cond(p, lambda: tg.scatter_add(w, [3, 3], [[1.0], [2.0]]), lambda: w)
    sess = initialised()
    expected = {
        outside: [[0.5, 1.0, 0.5, 1.0], [0.5, 0.0, 0.5, 1.0]],
        inside: [[0.0, 0.0, 0.5, 1.0]] * 2,
        scattered: [[0.0, 0.0, 0.5, 4.0]] * 2,
    }
    for step, rows in expected.items():
        for letter, right in zip("TF", rows, strict=True):
            runs(step, p, letter, sess=sess)
            assert plain(sess.run(w)[:, 0]) == right


def test_gradients_are_applied_every_other_step():
    """Sums of gradients, which a cond applies and clears: a common TF1 program."""
    w, total = tg.Variable(1.0), tg.Variable(0.0, trainable=False)
    step = tg.Variable(0, trainable=False)
    x = tg.placeholder(tg.float32, [])
    optimizer = tg.train.GradientDescentOptimizer(0.5)
    (g,) = tg.gradients(w * x, w)
    counted = after(total.assign_add(g), lambda: step.assign_add(1))

    def apply():
        apply = optimizer.apply_gradients([(total.read_value(), w)])
        return after(apply, lambda: tg.group(total.assign(0.0)))

    with tg.control_dependencies([counted]):
        train = tg.cond(tg.equal(counted % 2, 0), apply, tg.no_op)
    sess = initialised()
    found = []
    for value in (1.0, 2.0, 3.0, 5.0):
        sess.run(train, {x: value})
        found.append(sess.run([w, total]))
    assert found == [[1.0, 1.0], [-0.5, 0.0], [-0.5, 3.0], [-4.5, 0.0]]


def test_batch_norm_by_cond():
    rng = np.random.default_rng(0)
    x, training = tg.placeholder(tg.float64, [None, 3]), tg.placeholder(tg.bool, [])
    gamma, beta = tg.Variable(rng.normal(size=3)), tg.Variable(rng.normal(size=3))
    averages = [tg.Variable(value, trainable=False) for value in (np.zeros(3), np.ones(3))]

    def batch():
        moments = tg.nn.moments(x, [0])
        updates = [a.assign_sub(0.1 * (a - m)) for a, m in zip(averages, moments, strict=True)]
        with tg.control_dependencies(updates):
            return [tg.identity(m) for m in moments]

    mean, variance = tg.cond(training, batch, lambda: averages)
    y = tg.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)
    t = tg.placeholder(tg.float64, [None, 3])
    fetches = [y, *tg.gradients(y * t, [x, gamma, beta])]
    sess = initialised()
    scale, shift = sess.run([gamma, beta])
    kept = [np.zeros(3), np.ones(3)]
    for letter, n in zip("TTFTF", (8, 5, 4, 8, 1), strict=True):
        a, weights = rng.normal(2.0, 3.0, size=(n, 3)), rng.normal(size=(n, 3))
        found = runs(fetches, training, letter, {x: a, t: weights}, sess)[0]
        m, v = (a.mean(0), a.var(0)) if letter == "T" else kept
        root = 1.0 / np.sqrt(v + 1e-3)
        h = (a - m) * root
        dh = weights * scale
        dx = (dh - dh.mean(0) - h * (dh * h).mean(0)) * root if letter == "T" else dh * root
        expected = [h * scale + shift, dx, (weights * h).sum(0), weights.sum(0)]
        for value, right in zip(found, expected, strict=True):
            np.testing.assert_allclose(value, right, rtol=1e-9, atol=1e-12)
        if letter == "T":
            kept = [k - 0.1 * (k - value) for k, value in zip(kept, (m, v), strict=True)]
        np.testing.assert_allclose(sess.run(averages), kept, rtol=1e-12)


def test_batch_norm_with_moving_averages_has_tfs_numbers(p):
    x = tg.placeholder(tg.float32, [None, 2])
    averages = tg.train.ExponentialMovingAverage(0.5)
    moments = tg.nn.moments(x, [0])

    def batch():
        with tg.control_dependencies([averages.apply(moments)]):
            return [tg.identity(m) for m in moments]

    result = tg.cond(p, batch, lambda: [averages.average(m) for m in moments])
    found = runs(result, p, "TTF", {x: [[1.0, 2.0], [3.0, 6.0], [5.0, 4.0]]})
    whole, kept = [[3.0, 4.0], [8 / 3, 8 / 3]], [[2.25, 3.0], [2.0, 2.0]]
    np.testing.assert_allclose(found, [whole, whole, kept], rtol=1e-6)


# ---------------------------------------------------------------- gradients

PAIRS = {
    "both": (lambda x, w: tg.tanh(x) * w, lambda x, w: x * x * tg.exp(w)),
    "each its own": (lambda x, w: tg.sin(x) * x, lambda x, w: w * w * w),
    "one passes": (lambda x, w: x, lambda x, w: x * w),
    "one is constant": (lambda x, w: tg.square(x) * w, lambda x, w: tg.ones([3], tg.float64)),
    "matmul": (
        lambda x, w: tg.reduce_sum(tg.reshape(x, [3, 1]) @ tg.reshape(w, [1, 3]), 1),
        lambda x, w: tg.nn.softmax(x * w),
    ),
    "sparse": (lambda x, w: tg.gather(x, [0, 2, 2]) * w, lambda x, w: tg.gather(x * x, [1, 1, 0])),
    "nested": (
        lambda x, w: tg.cond(x[0] > 0.0, lambda: x * w, lambda: x - w),
        lambda x, w: tg.cond(x[0] > 0.0, lambda: tg.exp(x), lambda: w * x * x),
    ),
    "reductions": (
        lambda x, w: x * tg.reduce_sum(w * w), lambda x, w: tg.fill([3], tg.reduce_prod(x))
    ),
}
POINT = np.array([0.7, -1.2, 0.4]), np.array([0.5, 1.3, -0.8])


def derivatives(y, xs):
    """y, its first derivatives, and those of their random combination."""
    first = tg.gradients(y * c([1.0, -2.0, 0.5], tg.float64), xs, unconnected_gradients="zero")
    mixed = tg.add_n([tg.reduce_sum(g * g) for g in first])
    return [y, *first, *tg.gradients(mixed, xs, unconnected_gradients="zero")]


@pytest.mark.parametrize("name", PAIRS)
def test_gradients_are_those_of_where(name, p):
    x, w = (tg.placeholder(tg.float64, [3]) for _ in range(2))
    true, false = (lambda f=f: f(x, w) for f in PAIRS[name])
    found = derivatives(tg.cond(p, true, false), [x, w])
    expected = derivatives(tg.where(tg.fill([3], p), true(), false()), [x, w])
    for ours, theirs in runs([found, expected], p, "TF", dict(zip((x, w), POINT, strict=True))):
        for value, right in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(value, right, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("letter", "TF")
@pytest.mark.parametrize("name", PAIRS)
def test_gradients_are_the_numeric_ones(name, letter, p):
    x, w = (tg.placeholder(tg.float64, [3]) for _ in range(2))
    y = tg.cond(p, *(lambda f=f: f(x, w) for f in PAIRS[name]))
    tg.testing.check_grads(y, {p: letter == "T", x: POINT[0], w: POINT[1]})


def test_gradients_have_tfs_numbers(p):
    x, y = (tg.placeholder(tg.float32, [], name=name) for name in "xy")
    result = tg.cond(p, lambda: x * x * x, lambda: x * y)
    first = tg.gradients(result, [x, y])
    second = tg.gradients(first[0], [x, y])
    found = runs([result, *first, *second], p, "TF", {x: 2.0, y: 3.0})
    assert found == [[8.0, 12.0, 0.0, 12.0, 0.0], [6.0, 3.0, 2.0, 0.0, 1.0]]


def test_what_has_a_gradient_and_what_has_none(p):
    """As in TF 1.15: what one branch uses has one, of zeros where the other is taken."""
    x, z = (tg.placeholder(tg.float32, [2], name=name) for name in "xz")
    ones = tg.ones([2])
    result = tg.cond(p, lambda: x * 3.0, lambda: ones)
    gx, gz = tg.gradients(result, [x, z])
    assert gz is None and plain(runs(gx, p, "TF", {x: [1, 1]})) == [[3.0, 3.0], [0.0, 0.0]]
    stopped = tg.cond(p, lambda: tg.stop_gradient(x), lambda: ones)
    assert tg.gradients(stopped, x) == [None]
    cast = tg.cond(p, lambda: tg.cast(tg.cast(x, tg.int32), tg.float32), lambda: ones)
    assert tg.gradients(cast, x) == [None]
    pair = tg.cond(p, lambda: [x, ones], lambda: [ones, z])
    assert [g is None for g in tg.gradients(pair[0], [x, z])] == [False, True]
    assert [g is None for g in tg.gradients(pair[1], [x, z])] == [True, False]
    both = tg.gradients(pair, [x, z])
    assert plain(runs(both, p, "TF", {x: [1, 1], z: [1, 1]})) == [
        [[1.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 1.0]]
    ]
    assert tg.gradients(tg.cond(p, lambda: x, lambda: z), p) == [None]


def test_outputs_that_are_no_floats_are_left_out(p):
    x = tg.placeholder(tg.float32, [])
    value, number = tg.cond(p, lambda: [x, c(1)], lambda: [x * x, c(2)])
    (g,) = tg.gradients(value, x)
    assert runs([g, number], p, "TF", {x: 3.0}) == [[1.0, 1], [6.0, 2]]


def test_grad_ys_and_stop_gradients(p):
    x, y = (tg.placeholder(tg.float32, []) for _ in range(2))
    pair = tg.cond(p, lambda: [x * y, y], lambda: [x, x * x])
    g = tg.gradients(pair, [x, y], grad_ys=[c(2.0), c(3.0)])
    assert runs(g, p, "TF", {x: 2.0, y: 5.0}) == [[10.0, 7.0], [14.0, 0.0]]
    held = tg.gradients(pair[0], [x, y], stop_gradients=[x])
    assert held[1] is not None
    assert runs(held[1], p, "TF", {x: 2.0, y: 5.0}) == [2.0, 0.0]


def test_a_gradient_alone_runs_no_update_of_another_output(p):
    v, x = tg.Variable(1.0), tg.placeholder(tg.float32, [])

    def branch():
        y = x / (x * x + 1.0)
        return [y, y]

    _, result = tg.cond(p, branch, lambda: [v.assign_add(x), x])
    _, only = tg.cond(p, branch, lambda: [x, v.assign_add(x)])
    sess = initialised()
    for y in (result, only):
        (g,) = tg.gradients(y, x)
        runs(g, p, "TF", {x: 2.0}, sess)
    assert sess.run(v) == 1.0


def test_no_nan_leaks_from_the_branch_not_taken(sess):
    x = tg.placeholder(tg.float32, [])
    y = tg.cond(x > 0.0, lambda: tg.sqrt(x), lambda: 0.0)
    fetches = [y, tg.gradients(y, x)[0]]
    found = [sess.run(fetches, {x: value}) for value in (-1.0, 0.0, 4.0)]
    assert found == [[0.0, 0.0], [0.0, 0.0], [2.0, 0.25]]


def test_gradients_within_a_branch(p):
    x = tg.placeholder(tg.float32, [])
    y = x * x
    inside = tg.cond(p, lambda: tg.gradients(x * x * x, x)[0], lambda: -x)
    outside = tg.cond(p, lambda: tg.gradients(y, x)[0], lambda: -x)
    found = runs([inside, outside, *tg.gradients(inside, x)], p, "TF", {x: 3.0})
    assert found == [[27.0, 6.0, 18.0], [-3.0, -3.0, -1.0]]


@pytest.mark.parametrize("pred", ["of the sizes", "fed"])
def test_a_branch_that_does_not_fit_what_is_fed(pred, p, sess):
    """Its shapes are errors only of runs that take it."""
    x = tg.placeholder(tg.float32, [None])
    fits = p if pred == "fed" else tg.shape(x)[0] >= 3
    y = tg.cond(fits, lambda: x[:3] * tg.ones([3]), lambda: tg.zeros([3]))
    parts = tg.cond(fits, lambda: tg.split(x[:3], 3), lambda: [tg.zeros([1])] * 3)
    fetches = [y, *tg.gradients(y, x), parts[1]]
    for n in (4, 2, 3):
        found = sess.run(fetches, {x: np.full(n, 2.0), p: n >= 3})
        slope = [1.0, 1.0, 1.0, 0.0][:n] if n >= 3 else [0.0] * n
        assert plain(found) == [[2.0 * (n >= 3)] * 3, slope, [2.0 * (n >= 3)]]
    if pred == "fed":
        message = r"(?s)'cond(_1)?/(mul|split|strided_slice)'.*test_cond_runs"
        for fetch in fetches:
            with pytest.raises(InvalidArgumentError, match=message):
                sess.run(fetch, {x: [1.0, 2.0], p: True})
    z = tg.placeholder(tg.float32)
    is_matrix = p if pred == "fed" else tg.equal(tg.rank(z), 2)
    total = tg.cond(is_matrix, lambda: tg.reduce_sum(z @ tg.ones([3, 2])), lambda: tg.reduce_sum(z))
    values = np.ones((2, 3)), np.ones(5), 1.0
    assert [sess.run(total, {z: v, p: np.ndim(v) == 2}) for v in values] == [12, 5, 1]


def test_a_misfit_at_any_depth_and_in_every_form_of_the_program(p, tmp_path):
    x, q = tg.placeholder(tg.float32, name="x"), tg.placeholder(tg.bool, [], name="q")
    w = tg.Variable([1.0, 2.0, 3.0], name="w")

    def inner():
        rows = tg.where(x > 0.0)
        rows.set_shape([None, 1])  # so it is told
        known = tg.cond(c(True), lambda: w.assign_add(x), lambda: x)
        return tg.reduce_sum(known) + tg.cast(rows[0, 0], tg.float32)

    y = tg.cond(p, lambda: tg.cond(q, inner, lambda: c(1.0)), lambda: c(2.0))
    sess = initialised()
    for value in ([1.0, 1.0], [[1.0, 1.0]]):
        assert [sess.run(y, {x: value, p: f, q: not f}) for f in (True, False)] == [1.0, 2.0]
        with pytest.raises(InvalidArgumentError, match=r"(?s)'cond/cond/.*test_cond_runs"):
            sess.run(y, {x: value, p: True, q: True})
    assert plain(sess.run(w)) == [1.0, 2.0, 3.0]
    assert sess.run(y, {x: [1.0, 1.0, 1.0], p: True, q: True}) == 9.0
    always = tg.cond(c(True), lambda: x * tg.ones([3]), lambda: x)
    with pytest.raises(InvalidArgumentError, match="cond_1/mul"):
        sess.run(always, {x: [1.0, 1.0]})
    total = tg.cond(p, lambda: x * tg.ones([3]), lambda: x - 1.0)
    sess.export(total, {x: np.zeros(2), p: True}, tmp_path / "total.py")
    run = runpy.run_path(str(tmp_path / "total.py"))["run"]
    assert plain(run([1.0, 2.0], False)) == [0.0, 1.0]
    with pytest.raises(ValueError, match="are 2 and 3"):
        run([1.0, 2.0], True)


def test_sizes_that_are_known_to_a_branch(p):
    x, n = tg.placeholder(tg.float32, [None, 2]), tg.placeholder(tg.int32, [])
    k = c([2, -1])
    rows = tg.shape(x)[0]
    pairs = tg.cond(p, lambda: tg.reshape(x, k), lambda: tg.zeros([2, 6]))
    assert pairs.shape.as_list() == [2, None]
    flat = tg.cond(p, lambda: tg.reshape(x, [rows * 2]), lambda: tg.fill([rows], 3.0))
    numbers = tg.cond(p, lambda: tg.range(n), lambda: tg.zeros([n], tg.int32))
    found = runs([pairs, flat, numbers], p, "TF", {x: np.ones((3, 2)), n: 2})
    assert plain(found) == [
        [[[1.0] * 3] * 2, [1.0] * 6, [0, 1]], [[[0.0] * 6] * 2, [3.0] * 3, [0, 0]]
    ]
    with pytest.raises(ValueError, match="was built with its value"):
        runs(pairs, p, "T", {x: np.ones((3, 2)), k: [3, -1]})


def test_a_constant_that_a_branch_uses_may_be_fed(p):
    k = c(2.0)
    result = tg.cond(p, lambda: k * 3.0, lambda: k)
    assert runs(result, p, "TF", {k: 5.0}) == [15.0, 5.0] and runs(result, p, "TF") == [6.0, 2.0]


def test_an_error_of_constants_in_a_branch_is_one_of_runs_that_take_it(p):
    result = tg.cond(p, lambda: c(1) // c(0), lambda: c(5))
    assert runs(result, p, "F") == [5]
    with pytest.raises(InvalidArgumentError, match="division by zero"):
        runs(result, p, "T")


def test_a_third_derivative(p):
    x = tg.placeholder(tg.float64, [])
    y = tg.cond(p, lambda: tg.sin(x) * x, lambda: x**5.0)
    for _ in range(3):
        (y,) = tg.gradients(y, x)
    t = 0.7
    right = [-3.0 * np.sin(t) - t * np.cos(t), 60.0 * t * t]
    np.testing.assert_allclose(runs(y, p, "TF", {x: t}), right, rtol=1e-12)


told = tg.elementwise(
    "ToldOfCond", np.positive, lambda g, y, x: after(note(g), lambda: tg.identity(g)),
    doc="The same value, and a gradient that is told of.",
)


def test_only_the_gradient_of_the_branch_taken_is_computed(p, sess):
    x = tg.placeholder(tg.float32, [])
    y = tg.cond(p, lambda: 3.0 * told(x), lambda: x * 5.0)
    (g,) = tg.gradients(y * 2.0, x)
    assert runs(g, p, "TFF", {x: 1.0}, sess) == [6.0, 10.0, 10.0] and plain(seen) == [6.0]


# ---------------------------------------------------------------- nodes of a branch, from outside


USES = {
    "fetch": lambda inner, x, w: tg.Session().run(inner),
    "fetch of the operation": lambda inner, x, w: tg.Session().run(inner.op),
    "fetch by name": lambda inner, x, w: tg.Session().run("cond/inner:0"),
    "feed": lambda inner, x, w: tg.Session().run(x, {x: 1.0, inner: 10.0}),
    "by name": lambda inner, x, w: x.graph.get_tensor_by_name("cond/inner:0") * 2.0,
    "operand": lambda inner, x, w: inner + 1.0,
    "second operand": lambda inner, x, w: x + inner,
    "in a list": lambda inner, x, w: tg.stack([x, inner]),
    "in another branch": lambda inner, x, w: tg.cond(x > 0.0, lambda: inner * 3.0, lambda: x),
    "returned": lambda inner, x, w: tg.cond(x > 0.0, lambda: inner, lambda: x),
    "predicate": lambda inner, x, w: tg.cond(inner > 0.0, lambda: x, lambda: x),
    "shape": lambda inner, x, w: tg.shape(inner),
    "zeros_like": lambda inner, x, w: tg.zeros_like(inner),
    "name_scope": lambda inner, x, w: tg.name_scope("scope", values=[inner]).__enter__(),
    "control_dependencies": lambda inner, x, w: tg.control_dependencies([inner]).__enter__(),
    "group": lambda inner, x, w: tg.group(inner),
    "initial value": lambda inner, x, w: tg.Variable(inner),
    "made as initial value": lambda inner, x, w: tg.Variable(lambda: inner),
    "assign": lambda inner, x, w: w.assign(inner),
    "gradient of it": lambda inner, x, w: tg.gradients(inner, x),
    "gradient for it": lambda inner, x, w: tg.gradients(x * 2.0, inner),
    "its own gradient": lambda inner, x, w: tg.gradients(inner, inner),
    "grad_ys": lambda inner, x, w: tg.gradients(x * 2.0, x, grad_ys=inner),
    "stop_gradients": lambda inner, x, w: tg.gradients(x * 2.0, x, stop_gradients=inner),
    "minimize": lambda inner, x, w: tg.train.AdamOptimizer().minimize(inner),
    "minimize by w": lambda inner, x, w: tg.train.AdamOptimizer().minimize(inner, var_list=[w]),
    "apply_gradients": lambda inner, x, w: tg.train.AdamOptimizer().apply_gradients([(inner, w)]),
}


@pytest.mark.parametrize("name", USES)
def test_what_a_branch_made_belongs_to_it(name, p):
    x, w = tg.placeholder(tg.float32, [], name="x"), tg.Variable(1.0, name="w")
    made = []

    def branch():
        made.append(tg.multiply(x, w, name="inner"))
        return made[0] + 1.0

    result = tg.cond(p, branch, lambda: x)
    sess = initialised()
    place = r"\(made at [^)]*test_cond_runs.py:\d+\)"
    message = f"'cond/inner' {place} belongs to a branch of 'cond/Merge' {place}, and has a value"
    with pytest.raises((TypeError, ValueError), match=message):
        USES[name](made[0], x, w)
    assert sess.run(result, {p: True, x: 1.0}) == 2.0


def test_what_one_branch_made_another_cannot_use(p):
    made = []
    with pytest.raises(ValueError, match=r"'cond/inner' .* is inside the branch of true_fn"):
        tg.cond(p, lambda: made.append(c(1.0, name="inner")) or 2.0, lambda: made[0] * 1.0)


def test_updates_that_a_branch_collects_cannot_be_waited_for_outside(p):
    """TF builds this, and fails in runs that take the other branch."""
    v = tg.Variable(0.0)

    def branch():
        tg.add_to_collection(tg.GraphKeys.UPDATE_OPS, v.assign_add(1.0))
        return c(1.0)

    tg.cond(p, branch, lambda: c(2.0))
    with pytest.raises(ValueError, match="belongs to a branch of 'cond/Merge'"):
        tg.group(*tg.get_collection(tg.GraphKeys.UPDATE_OPS))


# ---------------------------------------------------------------- the program


def network(p):
    """A loss by cond, an update by cond, and their feeds."""
    rng = np.random.default_rng(0)
    x = tg.placeholder(tg.float32, [None, 4], name="x")
    w = tg.Variable(rng.normal(size=(4, 3)).astype(np.float32), name="w")
    b = tg.Variable(np.zeros(3, np.float32), name="b")
    h = tg.cond(p, lambda: tg.tanh(x @ w + b), lambda: tg.nn.relu(x @ w))
    loss = tg.reduce_mean(tg.square(h - 0.5))
    dw, db = tg.gradients(loss, [w, b])
    train = tg.cond(
        p, lambda: tg.group(w.assign_sub(0.1 * dw), b.assign_sub(0.1 * db)), tg.no_op
    )
    return w, b, loss, train, {x: rng.normal(size=(5, 4)).astype(np.float32)}


def test_the_source_has_an_if_and_a_function_for_each_branch(p, sess):
    q = tg.placeholder(tg.bool, [], name="q")
    x = tg.placeholder(tg.float32, [3], name="x")
    y = tg.cond(p, lambda: tg.cond(q, lambda: tg.tanh(x), lambda: tg.exp(x)), lambda: x * 2.0)
    source = sess.source(y, {p: True, q: True, x: np.zeros(3)})
    functions = dict(re.findall(r"(?ms)^def (\w+)\((.*?)^    return", source))
    assert [*functions] == ["cond_cond_true", "cond_cond_false", "cond_true", "cond_false", "step"]
    assert "np.tanh" in functions["cond_cond_true"] and "np.exp" in functions["cond_cond_false"]
    assert "np.multiply" in functions["cond_false"]
    for name, pred, calls in (("step", "p", "cond"), ("cond_true", "q", "cond_cond")):
        lines = rf"    if {pred}:\n.* {calls}_true\(.*\n    else:\n.* {calls}_false\("
        assert re.search(lines, functions[name])


@pytest.mark.default_passes
def test_zeros_in_the_source_are_called_by_what_they_are_for(p):
    v, w = tg.Variable(3.0, name="v"), tg.Variable([1.0, 2.0], name="w")
    y = tg.cond(p, lambda: v * tg.sin(v), lambda: tg.reduce_sum(w * w))
    source = initialised().source([y, *tg.gradients(y, [v, w])], {p: True})
    zeros = [line.split()[-2] for line in source.splitlines() if "np.array(0.0" in line]
    assert len(zeros) > 2 and all(re.match("cond/Merge|gradients/.*/zeros", name) for name in zeros)


@pytest.mark.parametrize("pred", [lambda: tg.placeholder_with_default(True, []), lambda: c(True)])
def test_a_predicate_that_is_known_leaves_no_if(pred, sess):
    pred, v = pred(), tg.Variable(0.0)
    y = tg.cond(pred, lambda: v.assign_add(1.0), lambda: c(5.0))
    sess.run(v.initializer)
    assert " if " not in sess.source(y) and " if " in sess.source(y, {pred: True})
    assert [sess.run(y), sess.run(y, {pred: False}), sess.run(y, {pred: True})] == [1.0, 5.0, 2.0]


@pytest.mark.parametrize("left_out", [None, *sorted(tg.Session.PASSES)])
def test_no_pass_changes_a_result(left_out, p):
    w, b, loss, train, feeds = network(p)
    found = []
    for passes in (tg.Session.PASSES, tg.Session.PASSES - {left_out}):
        sess = tg.Session(passes=passes)
        sess.run(tg.global_variables_initializer())
        found.append([])
        for letter in "TFTTF":
            values = sess.run([loss, train, w, b], {p: letter == "T", **feeds})
            found[-1] += [*values[:1], *values[2:]]
    for one_value, other in zip(*found, strict=True):
        np.testing.assert_allclose(one_value, other, rtol=1e-6, atol=1e-7)


def test_a_step_by_cond_is_the_step_without(p):
    w, b, loss, train, feeds = network(p)
    by_cond = initialised()
    with_cond = [runs([loss, train, w, b], p, letter, feeds, by_cond)[0] for letter in "TTFT"]
    x = next(iter(feeds))
    plain_loss = tg.reduce_mean(tg.square(tg.tanh(x @ w + b) - 0.5))
    dw, db = tg.gradients(plain_loss, [w, b])
    step = tg.group(w.assign_sub(0.1 * dw), b.assign_sub(0.1 * db))
    without = initialised()
    for values, letter in zip(with_cond, "TTFT", strict=True):
        if letter == "T":
            expected = without.run([plain_loss, step, w, b], feeds)
            for i in (0, 2, 3):
                np.testing.assert_allclose(values[i], expected[i], rtol=1e-6)


def test_what_both_branches_and_the_rest_share_is_computed_once(p, sess):
    x = tg.placeholder(tg.float32, [])
    noted = after(note(x), lambda: tg.identity(x))
    y = noted + tg.cond(p, lambda: noted * 2.0, lambda: noted * 3.0)
    assert runs(y, p, "TF", {x: 1.0}, sess) == [3.0, 4.0] and len(seen) == 2


# ---------------------------------------------------------------- copies


def test_a_branch_that_is_not_taken_leaves_the_variables_array_alone(p):
    v = tg.Variable(np.zeros(1000, np.float32), name="v")
    result = tg.cond(p, lambda: tg.reduce_sum(v.assign_add(np.ones(1000))), lambda: c(0.0))
    sess = initialised()
    runs(result, p, "TFT", sess=sess)
    array = sess._variables["v"]
    runs(result, p, "FF", sess=sess)
    assert sess._variables["v"] is array
    runs(result, p, "T", sess=sess)
    assert sess._variables["v"][0] == 3.0


@pytest.mark.parametrize("letter", "TF")
def test_what_passes_through_is_not_copied(letter, p, sess):
    x = tg.placeholder(tg.float32, [1000])
    y = tg.cond(p, lambda: x, lambda: tg.cond(p, lambda: x * 2.0, lambda: x))
    array = np.ones(1000, np.float32)
    for _ in range(2):
        runs(note(y), p, letter, {x: array}, sess)
    assert all(np.shares_memory(value, array) for value in seen)


def test_results_that_pass_through_are_the_users(p):
    x = tg.placeholder(tg.float32, [3])
    v = tg.Variable(np.zeros(3, np.float32))
    constant = c([7.0, 8.0, 9.0])
    results = tg.cond(p, lambda: [x, v, constant], lambda: [constant, x, v])
    sess = initialised()
    array = np.array([1.0, 2.0, 3.0], np.float32)
    for letter in "TFTF":
        (found,) = runs(results, p, letter, {x: array}, sess)
        order = [0, 1, 2] if letter == "T" else [2, 0, 1]
        right = [[1, 2, 3], [0, 0, 0], [7, 8, 9]]
        assert plain(found) == [right[i] for i in order]
        for value in found:
            assert not np.shares_memory(value, array)
            value[...] = -1.0
        assert plain(sess.run(v)) == [0, 0, 0] and plain(array) == [1, 2, 3]
    kept = runs(results, p, "TF", {x: array}, sess)
    runs(v.assign_add(np.ones(3)), p, "T", sess=sess)
    assert plain(kept[0][1]) == plain(kept[1][2]) == [0, 0, 0]


def test_a_result_that_is_a_view_of_what_is_updated(p):
    v = tg.Variable(np.arange(4.0), name="v")
    old = tg.cond(p, lambda: tg.reshape(v, [2, 2]), lambda: tg.reshape(-v, [2, 2]))
    new = v.assign_add(np.ones(4))
    sess = initialised()
    assert plain(runs([old, new, old * 2.0], p, "T", sess=sess)) == [
        [[[0, 1], [2, 3]], [1, 2, 3, 4], [[0, 2], [4, 6]]]
    ]
    swapped = tg.cond(p, lambda: v[::-1], lambda: v)
    update = v.assign(swapped)
    assert plain(runs([update, v], p, "TF", sess=sess)) == [[[4, 3, 2, 1]] * 2] * 2


# ---------------------------------------------------------------- failures and interrupts


def test_an_error_in_a_branch_names_its_node_and_line(p, sess):
    x = tg.placeholder(tg.int32, [], name="x")
    result = tg.cond(p, lambda: tg.cond(p, lambda: 3 // x, lambda: x), lambda: x)
    assert sess.run(result, {p: False, x: 0}) == 0
    with pytest.raises(InvalidArgumentError, match=r"(?s)cond/cond/floordiv.*test_cond_runs"):
        sess.run(result, {p: True, x: 0})
    assert sess.run(result, {p: True, x: 2}) == 1


def test_a_run_that_fails_in_a_branch_changes_nothing(p):
    v, w = tg.Variable(1.0, name="v"), tg.Variable([1.0, 2.0], name="w")
    x = tg.placeholder(tg.float32)
    noise = tg.cond(p, lambda: tg.random_uniform([], seed=1), lambda: c(0.0))

    def branch():
        first = v.assign_add(1.0)
        return after(first, lambda: tg.group(w.assign_add(x)))

    result = tg.cond(p, branch, tg.no_op)
    sess = initialised()
    for wrong in ([1.0], [1.0, 2.0, 3.0]):
        with pytest.raises(ValueError, match=r"w|AssignAdd"):
            sess.run([v.assign_add(5.0), result, noise], {p: True, x: wrong})
    assert plain(sess.run([v, w])) == [1.0, [1.0, 2.0]]
    assert sess.run([result, v, w], {p: True, x: [1.0, 1.0]})[1] == 2.0
    assert plain(sess.run([v, w])) == [2.0, [2.0, 3.0]]


@pytest.mark.default_passes
@pytest.mark.parametrize("letter", "TF")
def test_an_interrupt_at_any_bytecode_leaves_variables_whole(letter, p):
    v, w = tg.Variable(np.zeros(3, np.float32), name="v"), tg.Variable(0.0, name="w")
    table = tg.Variable(np.zeros((3, 1), np.float32), name="table")
    q = tg.placeholder_with_default(True, [])

    def inner():
        rows = tg.scatter_add(table, [1, 1], [[1.0], [2.0]])
        return tg.group(v.assign_add(np.ones(3)), w.assign_add(v[0] + 1.0), rows)

    train = tg.cond(
        p, lambda: tg.cond(q, inner, tg.no_op), lambda: tg.group(w.assign_sub(1.0))
    )
    other = tg.Variable(0.0)
    both = [train, other.assign_add(1.0)]
    feeds = {p: letter == "T"}
    sess = initialised()
    for _ in range(2):
        sess.run(both, feeds)  # compiled; the spare arrays exist
    variables = [v, w, other, table]
    old = [np.copy(value) for value in sess.run(variables)]
    sess.run(both, feeds)
    new = [np.copy(value) for value in sess.run(variables)]

    def reset():
        for variable, value in zip(variables, old, strict=True):
            variable.load(value, sess)

    seen = set()
    for steps in range(1, 5000):
        reset()
        if not interrupted(lambda: sess.run(both, feeds), steps):
            break
        values = sess.run(variables)
        which = [all(map(np.array_equal, values, state)) for state in (old, new)]
        assert any(which), f"torn after {steps} bytecodes"
        seen.add(which.index(True))
        reset()
        sess.run(both, feeds)
        assert all(map(np.array_equal, sess.run(variables), new))
    assert seen == {0, 1}


def test_an_interrupt_while_building_leaves_no_scope_open(p):
    graph = tg.get_default_graph()
    before = graph.get_name_scope()
    x = tg.placeholder(tg.float32, [2], name="x")

    def build():
        inner = tg.cond(p, lambda: x * 2.0, lambda: tg.cond(p, lambda: x, lambda: -x))
        return tg.gradients(inner, x)

    for steps in range(100, 20000, 997):
        if not interrupted(build, steps):
            break
        assert graph.get_name_scope() == before and graph is tg.get_default_graph()
        (g,) = build()
        assert plain(runs(g, p, "TF", {x: [1, 1]})) == [[2.0, 2.0], [-1.0, -1.0]]


@pytest.mark.default_passes
def small_program(held):
    """In the default graph; each tensor that it has is put on a list."""
    x, p = tg.placeholder(tg.float32, [], name="x"), tg.placeholder(tg.bool, [], name="p")
    v = tg.Variable(1.0, name="v")

    def build():
        y = tg.cond(p, lambda: tg.cond(p, lambda: x * tg.square(x), lambda: x) + v, lambda: x)
        held.append(y)
        held.extend(tg.gradients(y, x))
        return [*held[-2:], x * 2.0]

    return x, p, build


@pytest.mark.default_passes
@pytest.mark.parametrize("within, apart", [("add", 97), ("split_off", 31), ("_exported", 11)])
def test_an_interrupt_while_building_leaves_a_graph_to_build_in(within, apart):
    for steps in itertools.count(1, apart):
        held = []
        with tg.Graph().as_default() as graph:
            x, p, build = small_program(held)
            done = not interrupted(build, steps, within)
            rest = list(held)
            fetches = build()
            sess = initialised()
        assert runs(fetches, p, "TF", {x: 2.0}, sess) == [[9.0, 12.0, 4.0], [2.0, 1.0, 4.0]]
        assert runs(rest, p, "T", {x: 2.0}, sess) == [[9.0, 12.0][: len(rest)]]
        for part in {node.graph for node in all_nodes(graph)}:
            assert [node.id for node in part.nodes] == list(range(len(part.nodes)))
            for node in part.nodes:
                assert all(y.graph is part and y.id < node.id for y in node.needs)
        again = pickle.loads(pickle.dumps(graph))
        sess = tg.Session(graph=again)
        sess.run(again.get_operation_by_name("v/Assign"))
        assert sess.run(fetches[0].name, {"x:0": 2.0, "p:0": True}) == 9.0
        if done:
            break
    assert steps > 40


def test_an_interrupt_of_a_gradient_leaves_the_cond_whole(p):
    """At each moment at which the cond gets one more output, which its gradient uses."""
    x = tg.placeholder(tg.float32, [])
    for steps in itertools.count(1):
        y = tg.cond(p, lambda: x * tg.square(x), lambda: x)
        done = not interrupted(lambda y=y: tg.gradients(y, x), steps, within="_exported")
        (g,) = tg.gradients(y, x)
        assert runs([y, g], p, "TF", {x: 2.0}) == [[8.0, 12.0], [2.0, 1.0]]
        if done:
            break
    assert steps > 20


# ---------------------------------------------------------------- graphs with conds


@pytest.mark.parametrize("again", [copy.deepcopy, lambda parts: pickle.loads(pickle.dumps(parts))])
def test_pickles_and_copies(again, p):
    w, b, loss, train, feeds = network(p)
    noise = tg.cond(p, lambda: tg.random_uniform([2], seed=1), lambda: tg.zeros([2]))
    (x,) = feeds
    parts = {
        "p": p, "x": x, "fetches": [loss, noise, w, b], "train": train,
        "graph": tg.get_default_graph(), "start": tg.global_variables_initializer(),
    }

    def trained(parts):
        sess = tg.Session(graph=parts["graph"])
        sess.run(parts["start"])
        found = []
        for flag in (True, False, True):
            feed = {parts["p"]: flag, parts["x"]: feeds[x]}
            found += sess.run([parts["fetches"], parts["train"]], feed)[0]
        return found

    copied = again(parts)
    assert copied["graph"] is not parts["graph"]
    for value, other in zip(trained(parts), trained(copied), strict=True):
        np.testing.assert_array_equal(value, other)


def sizes(count, sess):
    """Of the graph and the source of so many conds one after another, with their gradient."""
    with tg.Graph().as_default() as graph:
        p = tg.placeholder(tg.bool, [])
        x = y = tg.placeholder(tg.float32, [])
        for _ in range(count):
            y = tg.cond(p, lambda y=y: y + y, lambda y=y: y - y * 2.0)
        (g,) = tg.gradients(y, x)
        sess = tg.Session()
        assert sess.run([y, g], {p: True, x: 1.0}) == [2.0**count] * 2
        assert sess.run([y, g], {p: False, x: 1.0}) == [(-1.0) ** count] * 2
        return len(graph.nodes), len(sess.source([y, g], {p: True, x: 1.0}))


def test_conds_in_a_row_are_linear(sess):
    (nodes, lines), (more_nodes, more_lines) = sizes(10, sess), sizes(40, sess)
    assert more_nodes < 4.2 * nodes and more_lines < 4.6 * lines


def test_conds_within_conds_are_linear(p):
    x = tg.placeholder(tg.float32, [])

    def nested(depth):
        if depth == 0:
            return x * x
        return tg.cond(p, lambda: nested(depth - 1) * 2.0, lambda: x)

    sources = []
    for depth in (4, 12):
        y = nested(depth)
        fetches = [y, *tg.gradients(y, x)]
        assert runs(fetches, p, "TF", {x: 3.0}) == [[9.0 * 2**depth, 6.0 * 2**depth], [3.0, 1.0]]
        sources.append(len(tg.Session().source(fetches, {p: True, x: 1.0}).splitlines()))
    assert sources[1] < 6 * sources[0]


@pytest.mark.filterwarnings("ignore::tinygraph.errors.OverwrittenUpdateWarning")
def test_a_value_that_a_branch_leaves_out_is_asked_for_only_where_it_is_needed(p, sess):
    """A variable without a value may stay so; who reads it after the cond gets TF's error."""
    q = tg.placeholder(tg.bool, [])
    v = tg.Variable([1.0, 2.0], name="v")

    def filling(pred, value):
        return tg.cond(pred, lambda: tg.identity(v.assign(value)), lambda: tg.zeros([2]))

    one, two = filling(p, [3.0, 4.0]), filling(q, [5.0, 6.0])
    outer = tg.cond(q, lambda: filling(p, [7.0, 8.0]) + 1.0, lambda: tg.zeros([2]))
    with tg.control_dependencies([one]):
        after = v.read_value() * 2.0
        third = tg.cond(q, lambda: v.read_value() * 3.0, lambda: tg.zeros([2]))
    nothing = [0.0, 0.0]
    for fetches, taken, expected in (
        (one, (0, 0), nothing), ([one, v], (1, 0), [[3.0, 4.0]] * 2), ([one, v], (0, 0), None),
        (after, (1, 0), [6.0, 8.0]), (after, (0, 0), None),
        (third, (0, 0), nothing), (third, (1, 1), [9.0, 12.0]), (third, (0, 1), None),
        ([one, two], (0, 0), [nothing] * 2), ([one, two, v], (0, 1), [nothing, *[[5.0, 6.0]] * 2]),
        ([one, two, v], (0, 0), None), ([outer, v], (1, 1), [[8.0, 9.0], [7.0, 8.0]]),
        (outer, (0, 1), [1.0, 1.0]), ([outer, v], (0, 1), None), ([outer, v], (1, 0), None),
    ):
        sess, feeds = tg.Session(), dict(zip((p, q), taken, strict=True))
        if expected is None:
            with pytest.raises(tg.errors.FailedPreconditionError, match="uninitialized value v"):
                sess.run(fetches, feeds)
        else:
            assert plain(sess.run(fetches, feeds)) == expected


@pytest.mark.filterwarnings("ignore::tinygraph.errors.OverwrittenUpdateWarning")
@pytest.mark.parametrize("passes", [tg.Session.PASSES, ()])
@pytest.mark.parametrize("known", [True, False])
def test_a_branch_without_the_update_keeps_the_cond_in_its_place(known, passes, p):
    """The assign comes before the cond that may update v, the other one after, and sees both."""
    v, u = tg.Variable(1.0), tg.Variable(-1.0)
    pred = tg.size(u) > 4 if known else p
    may = tg.cond(pred, lambda: tg.assign_sub(v, v + v), lambda: tg.identity(v))
    with tg.control_dependencies([may]):
        after = tg.assign(v, v * 2.0)
    before = tg.assign(v, u)
    sess = tg.Session(passes=passes)
    sess.run(tg.global_variables_initializer())
    assert plain(sess.run([after, before, may, v], {p: False})) == [-2.0, -1.0, 1.0, -2.0]
    assert sess.run([may, v], {p: False}) == [-2.0, -2.0]
