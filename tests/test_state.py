"""Variables: initialisation, updates, and what a read sees within one run."""

import types
from functools import partial

import numpy as np
import pytest

import tinygraph as tg


def initialised(sess):
    sess.run(tg.global_variables_initializer())


# ---------------------------------------------------------------- making


def test_variables_are_named_as_in_tf1():
    assert [tg.Variable(1.0).name for _ in range(2)] == ["Variable:0", "Variable_1:0"]
    w = tg.Variable([1.0], name="w")
    assert (w.name, w.initializer.name, w.initial_value.name) == (
        "w:0", "w/Assign", "w/initial_value:0",
    )
    with tg.name_scope("dense"):
        assert tg.Variable(1.0, name="kernel").name == "dense/kernel:0"
    assert tg.global_variables_initializer().name == "init"


def test_a_variable_is_a_tensor_with_shape_and_dtype():
    w = tg.Variable(np.zeros((2, 3)), name="w")
    assert isinstance(w, tg.Tensor) and w.shape == (2, 3) and w.dtype == tg.float64
    assert tg.Variable(3, dtype=tg.float32).dtype == tg.float32
    with pytest.raises(ValueError, match="initial_value"):
        tg.Variable()
    with pytest.raises(ValueError, match="must have a shape"):
        tg.Variable(tg.placeholder(tg.float32, [None]))


def test_initial_values_from_a_function_and_from_a_tensor(sess):
    v = tg.Variable(lambda: tg.ones([2]) * 3.0, name="v")
    w = tg.Variable(tg.zeros([2]), name="w")
    initialised(sess)
    assert sess.run(v).tolist() == [3.0, 3.0] and sess.run(w).tolist() == [0.0, 0.0]
    assert v.initial_value.op_name.startswith("v/Initializer/")


def test_initial_values_may_depend_on_variables_in_any_order(sess):
    a = tg.Variable(2.0, name="a")
    b = tg.Variable(a * 3.0, name="b")
    c = tg.Variable(b.initialized_value() + a, name="c")
    d = tg.Variable(a, name="d")
    sess.run(tg.variables_initializer([d, c, b, a]))
    assert sess.run([a, b, c, d]) == [2.0, 6.0, 8.0, 2.0]
    sess.run(a.assign(10.0))
    sess.run(b.initializer)  # a stays as it is
    assert sess.run([a, b]) == [10.0, 30.0]


def test_an_initial_value_from_a_variable_without_a_value(sess):
    """As in TF 1.15: the other variable's value, or what it will be initialised with."""
    v = tg.Variable(tg.random_uniform([3], seed=1), name="v")
    w = tg.Variable(v.initialized_value() * 2.0, name="w")
    direct = tg.Variable(tg.sqrt(v))
    assert sess.run(w.initial_value).shape == (3,)
    both = sess.run([v.initial_value, w.initial_value, direct.initial_value])
    np.testing.assert_array_equal(both[1:], [both[0] * 2.0, np.sqrt(both[0])])
    sess.run(w.initializer)
    with pytest.raises(tg.errors.FailedPreconditionError, match="uninitialized value v"):
        sess.run(v)
    assert sess.run(w.initial_value, {v.initial_value: [1.0, 2.0, 3.0]}).tolist() == [2, 4, 6]
    assert sess.run(w.initial_value, {v: [1.0, 2.0, 4.0]}).tolist() == [2, 4, 8]
    v.load([3.0, 4.0, 5.0], sess)
    assert sess.run(w.initial_value).tolist() == [6, 8, 10]
    sess.run([w.initializer, v.initializer])
    assert np.array_equal(*sess.run([w, v * 2.0]))
    grown = v.assign(v.initialized_value() * 2.0 + 1.0)
    assert np.array_equal(sess.run(grown), sess.run(w) + 1.0)
    np.testing.assert_array_equal(tg.Session().run(grown).shape, [3])


def test_an_average_initialised_before_its_variable(sess):
    w = tg.Variable([1.0, 2.0])
    averages = tg.train.ExponentialMovingAverage(0.5)
    update = averages.apply([w])
    average = averages.average(w)
    sess.run(average.initializer)
    assert sess.run(average).tolist() == [1.0, 2.0]
    w.load([3.0, 4.0], sess)
    sess.run(update)
    assert sess.run(average).tolist() == [2.0, 3.0]
    with pytest.raises(TypeError, match="only a Variable"):
        tg.initialized_value(tg.constant(1.0))


def test_load(sess):
    w = tg.Variable([1.0, 2.0])
    w.load([3.0, 4.0], sess)
    assert sess.run(w).tolist() == [3.0, 4.0]
    with pytest.raises(ValueError, match=r"Cannot feed value of shape \(1,\) for Tensor"):
        w.load([3.0], sess)
    with pytest.raises(ValueError):
        w.load([1e300, 0.0], sess)
    with pytest.raises(TypeError):
        w.load(["a", "b"], sess)
    assert sess.run(w).tolist() == [3.0, 4.0]


def test_loading_compiles_nothing_and_keeps_no_array(sess):
    variables = [tg.Variable(np.zeros(2), name=f"v{i}") for i in range(100)]
    value = np.ones(2)
    for v in variables:
        v.load(value, sess)
    assert not sess._plans
    value[:] = 7.0
    update = variables[0].assign_add([1.0, 1.0])
    assert sess.run([update, variables[1]])[1].tolist() == [1.0, 1.0]
    variables[0].load([5.0, 5.0], sess)
    assert sess.run(update).tolist() == [6.0, 6.0]
    sess.close()
    with pytest.raises(RuntimeError, match="closed Session"):
        variables[0].load(value, sess)


def test_collections_of_variables(sess):
    v = tg.Variable(1.0, trainable=False)
    local = tg.Variable(1.0, trainable=False, collections=[tg.GraphKeys.LOCAL_VARIABLES])
    assert tg.global_variables() == [v] and tg.trainable_variables() == []
    assert tg.local_variables() == [local]
    sess.run(tg.local_variables_initializer())
    assert sess.run(local) == 1.0
    with pytest.raises(tg.errors.FailedPreconditionError):
        sess.run(v)


# ---------------------------------------------------------------- updates


def test_updates_are_their_new_value(sess):
    w = tg.Variable(1.0)
    initialised(sess)
    assert sess.run(w.assign_add(2.0)) == 3.0
    assert sess.run(w.assign_sub(1.0)) == 2.0
    assert sess.run(tg.assign(w, 7.0)) == 7.0
    assert sess.run(w) == 7.0


def test_only_variables_are_assigned_to_and_only_what_fits():
    w = tg.Variable([1.0, 2.0])
    with pytest.raises(TypeError, match="only a Variable"):
        tg.assign(tg.constant(1.0), 2.0)
    with pytest.raises(ValueError, match="keeps it, unless made with validate_shape=False"):
        tg.assign(w, [1.0])
    with pytest.raises(ValueError):
        w.assign_add(tg.zeros([2, 2]))
    with pytest.raises(TypeError):
        w.assign(tg.zeros([2], tg.float64))


def test_a_value_of_unknown_shape_must_fit_when_it_runs(sess):
    w = tg.Variable([1.0, 2.0])
    x = tg.placeholder(tg.float32)
    update = w.assign(x)
    sess.run(update, {x: [3.0, 4.0]})
    assert sess.run(w).tolist() == [3.0, 4.0]
    with pytest.raises(ValueError):
        sess.run(update, {x: [5.0]})
    assert sess.run(w).tolist() == [3.0, 4.0]


def test_a_variable_without_validated_shape_may_change_it(sess):
    w = tg.Variable([1.0, 2.0], validate_shape=False)
    assert w.shape.ndims is None
    initialised(sess)
    assert sess.run(w.assign([[5.0]])).tolist() == [[5.0]]
    assert sess.run(w + 1.0).tolist() == [[6.0]]


def test_an_assign_that_validates_no_shape(sess):
    w = tg.Variable([1.0, 2.0])
    before = w * 10.0
    sess.run(w.initializer)
    assert sess.run(before).tolist() == [10, 20]
    update = tg.assign(w, [1, 2, 3], validate_shape=False)
    assert update.shape.as_list() == [3] and w.shape.as_list() == [None]
    assert sess.run(update).tolist() == sess.run(w).tolist() == [1, 2, 3]
    assert sess.run(w + 0.5).tolist() == [1.5, 2.5, 3.5]
    with pytest.raises(ValueError, match="incompatible"):  # built when the shape was (2,)
        sess.run(tg.sqrt(before))
    with pytest.raises(ValueError):
        sess.run(w.assign_add([1.0, 2.0]))
    tg.assign(w, tg.placeholder(tg.float32), validate_shape=False)
    assert w.shape.ndims is None
    sess.run(w.assign([[1.0]]))
    assert sess.run(w * 2.0).tolist() == [[2.0]]


def test_updates_outside_of_their_graph():
    with tg.Graph().as_default() as graph:
        w = tg.Variable([1.0, 2.0])
        sess = tg.Session()
    updates = [w.initializer, w.assign([3.0, 4.0]), w.assign_add([1, 1]), w.assign_sub(np.ones(2))]
    for update in [*updates, tg.assign(w, [3.0, 4.0])]:
        assert update.graph is graph
        sess.run(update)
    assert sess.run(w).tolist() == [3.0, 4.0]


# ---------------------------------------------------------------- order within a run


def test_reads_see_the_value_from_before_and_fetches_the_one_after(sess):
    w = tg.Variable(1.0)
    read = w + 0.0
    copy = tg.identity(w)
    update = w.assign_add(10.0)
    initialised(sess)
    for fetches in ([read, copy, update, w], [w, update, copy, read]):
        values = dict(zip(fetches, sess.run(fetches), strict=True))
        assert values[read] == values[copy] == values[w] - 10.0
        assert values[update] == values[w]


def test_control_dependencies_order_a_read_after_an_update(sess):
    w = tg.Variable(1.0)
    before = w * 1.0
    update = w.assign_add(1.0)
    with tg.control_dependencies([update]):
        after = w * 1.0
        read = w.read_value()
    with tg.control_dependencies([tg.group(update)]):
        also = tg.identity(w)
    initialised(sess)
    assert sess.run([before, after, read, also, w]) == [1.0, 2.0, 2.0, 2.0, 2.0]
    assert sess.run(after) == 3.0  # the update runs although it isn't fetched
    assert sess.run(before) == 3.0


def test_a_read_between_two_ordered_updates_sees_the_first(sess):
    w = tg.Variable(1.0)
    first = w.assign_add(1.0)
    with tg.control_dependencies([first]):
        middle = w * 1.0
    with tg.control_dependencies([middle]):
        second = w.assign(w * 10.0)
    with tg.control_dependencies([second]):
        last = w * 1.0
    initialised(sess)
    assert sess.run([middle, last, w]) == [2.0, 20.0, 20.0]


def test_unordered_updates_all_count(sess):
    w = tg.Variable(0)
    updates = [w.assign_add(1) for _ in range(5)]
    initialised(sess)
    sess.run(updates[::-1])
    assert sess.run(w) == 5


def test_a_loop_of_updates_swaps_two_variables(sess):
    a, b = tg.Variable(1.0), tg.Variable(2.0)
    swap = tg.group(a.assign(b), b.assign(a))
    initialised(sess)
    sess.run(swap)
    assert sess.run([a, b]) == [2.0, 1.0]


def test_gradients_do_not_flow_through_assignments(sess):
    w = tg.Variable(1.0)
    x = tg.constant(2.0)
    assert tg.gradients(w.assign(x * 2.0), x) == [None]


def test_group_and_tuple(sess):
    w = tg.Variable(1.0)
    update = w.assign(5.0)
    together = tg.group(update, [tg.no_op()])
    assert isinstance(together, tg.Operation)
    initialised(sess)
    assert sess.run(together) is None and sess.run(w) == 5.0
    a, none, _ = tg.tuple([tg.constant(1.0), None, w * 2.0], control_inputs=[w.assign_add(1.0)])
    assert none is None
    assert sess.run(a) == 1.0
    assert sess.run(w) == 6.0  # fetching one runs what all depend on


def test_placeholder_with_default(sess):
    x = tg.placeholder_with_default([1.0, 2.0], [None])
    assert sess.run(x * 2.0).tolist() == [2.0, 4.0]
    assert sess.run(x * 2.0, {x: [5.0]}).tolist() == [10.0]
    with pytest.raises(ValueError):
        tg.placeholder_with_default([1.0], [2])


# ---------------------------------------------------------------- several updates of one variable


def values_of(sess):
    return sess.run(tg.global_variables())


OPTIMIZERS = {
    "GradientDescent": lambda: tg.train.GradientDescentOptimizer(0.1),
    "Momentum": lambda: tg.train.MomentumOptimizer(0.1, 0.9),
    "Nesterov": lambda: tg.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    "Adagrad": lambda: tg.train.AdagradOptimizer(0.1),
    "Adadelta": lambda: tg.train.AdadeltaOptimizer(0.1),
    "RMSProp": lambda: tg.train.RMSPropOptimizer(0.1),
    "CenteredRMSProp": lambda: tg.train.RMSPropOptimizer(0.1, momentum=0.5, centered=True),
    "Adam": lambda: tg.train.AdamOptimizer(0.1),
    "Ftrl": lambda: tg.train.FtrlOptimizer(0.1, l2_shrinkage_regularization_strength=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_steps_of_an_optimizer_in_one_run_are_two_in_sequence(name):
    """With both gradients taken before the run."""
    w = tg.Variable(1.0, dtype=tg.float64)
    optimizer = OPTIMIZERS[name]()
    both = [optimizer.minimize(w * w), optimizer.minimize(3.0 * w)]
    sess = tg.Session()
    sess.run(tg.global_variables_initializer())
    sess.run(both)
    found = values_of(sess)
    with tg.Graph().as_default():
        w, g = tg.Variable(1.0, dtype=tg.float64), tg.placeholder(tg.float64, [])
        step = OPTIMIZERS[name]().apply_gradients([(g, w)])
        sess = tg.Session()
        sess.run(tg.global_variables_initializer())
        sess.run(step, {g: 2.0})
        sess.run(step, {g: 3.0})
        np.testing.assert_allclose(found, values_of(sess), rtol=1e-7)  # float32 hyper-parameters


def test_two_steps_of_momentum_have_tfs_numbers(sess):
    w = tg.Variable(1.0)
    optimizer = tg.train.MomentumOptimizer(0.1, 0.9)
    both = [optimizer.minimize(w), optimizer.minimize(3.0 * w)]
    sess.run(tg.global_variables_initializer())
    sess.run(both)
    slot = optimizer.get_slot(w, "momentum")
    np.testing.assert_allclose(sess.run([slot, w]), [3.9, 0.51], rtol=1e-6)


@pytest.mark.parametrize("first", ["train", "clip"])
def test_an_assign_comes_before_a_relative_update(first, sess):
    """As in TF 1.15: a step of gradient descent from the clipped weights."""
    w = tg.Variable([0.5, -0.5])
    made = {}
    for what in ("train", "clip") if first == "train" else ("clip", "train"):
        if what == "train":
            optimizer = tg.train.GradientDescentOptimizer(0.1)
            made[what] = optimizer.minimize(tg.reduce_sum(w))
        else:
            made[what] = w.assign(tg.clip_by_value(w, -1.0, 1.0))
    sess.run(w.initializer)
    for _ in range(3):
        sess.run([made["train"], made["clip"]])
    np.testing.assert_allclose(sess.run(w), [0.2, -0.8], rtol=1e-6)
    sess.run(w.assign([5.0, -5.0]))
    fetched = sess.run([made["clip"], made["train"], w])
    np.testing.assert_allclose(fetched[0], [1.0, -1.0])
    np.testing.assert_allclose(fetched[2], [0.9, -1.1], rtol=1e-6)


def test_an_initializer_comes_before_a_relative_update(sess):
    w = tg.Variable(1.0)
    add = w.assign_add(1.0)
    sess.run([add, w.initializer])
    assert sess.run(w) == 2.0


def test_dependencies_come_before_the_order_of_assigns(sess):
    w = tg.Variable(1.0)
    add = w.assign_add(1.0)
    with tg.control_dependencies([add]):
        double = w.assign(w * 2.0)
    again = w.assign_add(10.0)
    sess.run(w.initializer)
    sess.run([again, double])
    assert sess.run(w) == 14.0


def test_updates_of_another_variable_change_no_order(sess):
    """An assign that waits for another variable's update waits for none of its own variable."""
    w, x = tg.Variable(1.0), tg.Variable(1.0)
    add = w.assign_add(10.0)
    other = x.assign_add(1.0)
    with tg.control_dependencies([other]):
        waiting = w.assign(3.0)
    sess.run([w.initializer, x.initializer])
    sess.run([add, waiting])
    assert sess.run(w) == 13.0
    sess.run(w.initializer)
    sess.run([add, w.assign(other * 1.0)])
    assert sess.run([w, x]) == [13.0, 3.0]


def test_what_an_optimizer_reads_comes_before_what_it_updates(sess):
    """Also where the updates of another variable are put in order: Adam's powers are read first."""
    w, count = tg.Variable(3.0), tg.Variable(1)
    add = count.assign_add(1)
    train = tg.train.AdamOptimizer(0.5).minimize(w * w)
    with tg.control_dependencies([train]):
        reset = count.assign(5)
    sess.run(tg.global_variables_initializer())
    sess.run([add, reset, train])
    assert sess.run([w, count]) == [2.5, 6]


def test_assigns_follow_one_another_in_the_order_of_making(sess):
    w, x = tg.Variable(1.0), tg.Variable(1.0)
    with tg.control_dependencies([x.assign_add(1.0)]):
        first = w.assign(2.0)
    second = w.assign(3.0)
    sess.run([w.initializer, x.initializer])
    with pytest.warns(tg.errors.OverwrittenUpdateWarning):
        sess.run([second, first])
    assert sess.run(w) == 3.0


def test_an_assign_waits_for_what_it_needs_alone(sess):
    w = tg.Variable(3.0)
    less = w.assign_sub(1.0)
    one, copy = w.assign(1.0), w.assign(less)
    sess.run(w.initializer)
    assert sess.run([one, copy]) == [1.0, 0.0]


def test_what_lies_behind_a_feed_orders_nothing(sess):
    w = tg.Variable(1.0)
    add = w.assign_add(1.0)
    double = add * 2.0
    assign = w.assign(double)
    sess.run(w.initializer)
    assert sess.run([add, assign, w], {double: 7.0}) == [8.0, 7.0, 8.0]
    assert sess.run([add, assign, w]) == [9.0, 18.0, 18.0]


def test_an_average_updated_twice_follows_itself(sess):
    w = tg.Variable(0.0)
    averages = tg.train.ExponentialMovingAverage(0.8)
    both = [averages.apply([w]), averages.apply([w])]
    sess.run(tg.global_variables_initializer())
    sess.run(w.assign(1.0))
    sess.run(both)
    np.testing.assert_allclose(sess.run(averages.average(w)), 0.36, rtol=1e-6)  # 1 - 0.8²


def test_a_debiased_average_warns_of_nothing(sess):
    x = tg.identity(tg.Variable(2.0))
    averages = tg.train.ExponentialMovingAverage(0.8, zero_debias=True)
    both = [averages.apply([x]), averages.apply([x])]
    sess.run(tg.global_variables_initializer())
    sess.run(both)
    np.testing.assert_allclose(sess.run(averages.average(x)), 2.0, rtol=1e-6)


def test_what_an_assign_overwrites_is_named(sess):
    w = tg.Variable(1.0, name="w")
    one, two = w.assign(1.0, name="one"), w.assign(2.0, name="two")
    sess.run(w.initializer)
    message = r"'two' \(made at .*test_state.py:\d+\) assigns 'w' .* 'one' \(made at .*test_state"
    with pytest.warns(tg.errors.OverwrittenUpdateWarning, match=message) as found:
        sess.run([one, two])
    assert len(found) == 1 and found[0].filename == __file__
    assert sess.run(w) == 2.0
    before = tg.identity(w * 3.0)
    with tg.control_dependencies([w.assign_add(1.0, name="add")]):
        blind, aware = w.assign(before, name="blind"), w.assign(w * 3.0)
    with pytest.warns(tg.errors.OverwrittenUpdateWarning, match=r"'blind' .* 'add'"):
        sess.run(blind)
    assert sess.run(w) == 6.0
    assert sess.run(aware) == 21.0  # no warning


def test_a_reset_within_control_dependencies_is_told_to_be_a_run_of_its_own(sess):
    total, w = tg.Variable(0.0, name="total"), tg.Variable(0.0)
    add = total.assign_add(2.0, name="add")
    with tg.control_dependencies([w.assign_add(add)]):
        reset = total.assign(0.0, name="reset")
    sess.run(tg.global_variables_initializer())
    message = r"gave 'total' is lost.* run 'add' and 'reset' one after the other.* 'total' within"
    with pytest.warns(tg.errors.OverwrittenUpdateWarning, match=message):
        sess.run(reset)
    sess.run(add)
    sess.run(total.assign(0.0))
    assert sess.run([total, w]) == [0.0, 2.0]


# ---------------------------------------------------------------- variable scopes


def test_default_names_of_scopes_that_are_entered_again():
    """The names are TF 1.15.5's."""

    def default(name):
        with tg.variable_scope(None, name) as scope:
            return scope.name, tg.constant(0.0, name="c").name

    with tg.variable_scope("default") as scope:
        assert default("layer") == ("default/layer", "default/layer/c:0")
        with tg.variable_scope(scope) as again:
            assert again.original_name_scope == "default/"
            assert default("layer") == ("default/layer_1", "default/default/layer/c:0")
        assert default("layer") == ("default/layer_1", "default/layer_1/c:0")
    with tg.variable_scope("default"):
        assert default("layer") == ("default/layer", "default_1/layer/c:0")
    with tg.variable_scope(scope):
        assert default("layer") == ("default/layer", "default_2/layer/c:0")
    with tg.variable_scope(scope, auxiliary_name_scope=False) as inner:
        assert (inner.original_name_scope, inner.name) == ("default/", "default")
        assert default("layer") == ("default/layer", "layer/c:0")
    with tg.name_scope("outer"), tg.variable_scope("w", auxiliary_name_scope=False) as inner:
        assert inner.original_name_scope == "outer/"
    assert [default("block")[1] for _ in range(3)] == ["block/c:0", "block_1/c:0", "block_2/c:0"]
    with tg.variable_scope("a"), tg.name_scope("block"):
        assert default("block") == ("a/block", "a/block/block/c:0")
        assert default("block") == ("a/block_1", "a/block/block_1/c:0")


def test_the_dtype_of_a_constant_initializer():
    for dtype, value in [(tg.float32, tg.constant([1, 2])), (tg.float32, np.array([1, 2])),
                         (tg.int32, 5.0), (tg.float64, [1.0]), (tg.float32, 5)]:
        with pytest.raises(ValueError, match=r"Initializer type '.*' and explicit dtype"):
            tg.get_variable("w", dtype=dtype, initializer=value)
    for dtype in (0, "", False):  # which are none, but not None
        with pytest.raises(TypeError, match="is not a dtype"):
            tg.get_variable("w", [2], dtype)
    assert tg.get_variable("a", initializer=[1, 2]).dtype == tg.int32
    assert tg.get_variable("b", initializer=np.ones(2)).dtype == tg.float64
    assert tg.get_variable("c", dtype=tg.int64, initializer=tg.constant(1, tg.int64)).shape == []
    made = tg.get_variable("d", initializer=lambda: tg.constant(1), dtype=tg.float32)
    assert made.dtype == tg.int32  # as in TF
    with tg.variable_scope("s", dtype=tg.float64, reuse=tg.AUTO_REUSE):
        e = tg.get_variable("e", initializer=[1, 2])
        assert e.dtype == tg.int32 and tg.get_variable("e", initializer=[3, 4]) is e


def test_initializers_that_are_told_of_partitions(sess):
    def init(shape, dtype, partition_info):
        assert partition_info is None
        return tg.ones(shape, dtype)

    class Init:
        def __call__(self, shape, dtype, partition_info):
            return init(shape, dtype, partition_info)

    for i, told in enumerate((init, Init, Init(), partial(init), partial(init, dtype=tg.float32))):
        assert tg.get_variable(f"v{i}", [2], initializer=told).initial_value.shape == [2]
    bound = partial(lambda shape, dtype, partition_info: partition_info, partition_info=[3.0])
    assert sess.run(tg.get_variable("b", [1], initializer=bound).initial_value) == [3.0]
    assert tg.get_variable("n", initializer=partial(tg.ones, [2])).shape == [2]
    part = types.SimpleNamespace(full_shape=[4, 2], var_offset=[1, 0])
    for kind, numbers in {  # TF 1.15.5's
        tg.glorot_uniform_initializer: [-0.5219252109527588, 0.84079909324646],
        tg.uniform_unit_scaling_initializer: [-0.4520004689693451, 0.7281534075737],
    }.items():
        value = kind(seed=1)([2, 2], partition_info=part)
        np.testing.assert_allclose(sess.run(value)[0], numbers, rtol=1e-6)
    identity = tg.initializers.identity()([2, 2], partition_info=part)
    assert sess.run(identity).tolist() == [[0, 1], [0, 0]]
    assert tg.zeros_initializer()([2], partition_info=part).shape == [2]


def test_local_variables_stay_local():
    for i, arguments in enumerate([{}, {"collections": ["mine"]}, {"trainable": True}]):
        v = tg.get_local_variable(f"v{i}", [1], tg.int32, tg.zeros_initializer(), **arguments)
        assert v in tg.local_variables() and v not in tg.global_variables()
        assert v.dtype == tg.int32 and not v.trainable and tg.trainable_variables() == []
    assert len(tg.get_collection("mine")) == 1


def test_an_initialized_value_is_that_of_before_other_updates(sess):
    w = tg.Variable(1.0)
    before = w.initialized_value() * 10.0
    add = w.assign_add(1.0)
    after = w.initialized_value() * 10.0
    sess.run(w.initializer)
    assert sess.run([before, after, add]) == [10.0, 10.0, 2.0]
    assert sess.run([after, w.initializer, w])[0] == 10.0


def test_a_placeholder_of_a_branch_is_made_outside_and_can_be_fed():
    made = []

    def branch():
        made.append(tg.placeholder(tg.float32, [], name="x"))
        return made[0] * 2.0

    y = tg.cond(tg.constant(True), branch, lambda: tg.constant(0.0))
    assert made[0].name == "cond/x:0" and tg.Session().run(y, {made[0]: 3.0}) == 6.0
