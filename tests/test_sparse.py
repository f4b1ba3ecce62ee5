"""Sparse gradients: IndexedSlices, what gives them, and what takes them."""

import copy
import importlib.util

import numpy as np
import pytest
from test_optimizers import OPTIMIZERS

import tinygraph as tg

START = np.arange(8.0).reshape(4, 2)


def table(value=START, dtype=tg.float32):
    return tg.Variable(value, dtype=dtype, name="table")


def run(fetches, feeds=None):
    sess = tg.Session()
    sess.run(tg.global_variables_initializer())
    return sess.run(fetches, feeds)


def dense(slices):
    """What slices that a run gave stand for."""
    total = np.zeros(slices.dense_shape)
    np.add.at(total, slices.indices, slices.values)
    return total


# ---------------------------------------------------------------- IndexedSlices


def test_what_slices_tell():
    values, indices = tg.constant([[1.0, 2.0]], name="v"), tg.constant([3], name="i")
    slices = tg.IndexedSlices(values, indices, dense_shape=tg.constant([4, 2], name="s"))
    assert (slices.values, slices.indices) == (values, indices)
    assert slices.dense_shape.name == "s:0"
    assert (slices.dtype, slices.shape, slices.name) == (tg.float32, [4, 2], "v:0")
    assert slices.op == values.op and slices.graph is values.graph
    assert not isinstance(slices, tg.Tensor)
    assert str(slices) == (
        "IndexedSlices(indices=<tg.Tensor 'i:0' shape=(1,) dtype=int32>, "
        "values=<tg.Tensor 'v:0' shape=(1, 2) dtype=float32>, "
        "dense_shape=<tg.Tensor 's:0' shape=(2,) dtype=int32>)"
    )
    assert tg.IndexedSlices(values, indices).shape.ndims is None


def test_slices_become_a_tensor_where_an_op_takes_one():
    slices = tg.IndexedSlices([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [2, 0, 2], [4, 2])
    expected = np.array([[3, 4], [0, 0], [6, 8], [0, 0]])
    w = table()
    found = run(
        [
            tg.convert_to_tensor(slices), w + slices, slices - w, tg.subtract(1.0, slices),
            tg.add_n([w, slices]), tg.stack([slices, slices])[1], tg.convert_to_tensor([slices])[0],
        ]
    )
    wanted = [expected, START + expected, expected - START, 1 - expected, START + expected]
    for value, array in zip(found, [*wanted, expected, expected], strict=True):
        np.testing.assert_array_equal(value, array)


def test_slices_are_no_number():
    slices = tg.IndexedSlices([1.0], [1], [3])
    for wrong in (lambda: slices * 2.0, lambda: 2.0 * slices, lambda: np.ones(3) * slices):
        with pytest.raises(TypeError, match="unsupported operand"):
            wrong()
    np.testing.assert_array_equal(run(-slices).values, [-1.0])


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (([1.0], [[1]]), ValueError, r"indices must be a vector with an int for each row"),
        (([1.0, 2.0], [1]), ValueError, r"of shape \(2,\), not of shape \(1,\)"),
        (([1.0], [1.0]), TypeError, "indices must be ints, not float32"),
        ((1.0, [1]), ValueError, "values must be rows, not a scalar"),
        (([[1.0]], [1], [4]), ValueError, r"values of shape \(1, 1\) are no rows for \(4,\)"),
        (([[1.0]], [1], [4, 2]), ValueError, r"are no rows for \(4, 2\)"),
        (([1.0], [1], [4.0]), TypeError, "a shape is made of ints"),
    ],
)
def test_slices_that_do_not_fit(arguments, kind, message):
    with pytest.raises(kind, match=message):
        tg.IndexedSlices(*arguments)


def test_slices_of_two_graphs():
    with tg.Graph().as_default():
        values = tg.constant([1.0])
    with pytest.raises(ValueError, match="different graphs"):
        tg.IndexedSlices(values, tg.constant([1]))


def test_a_tensor_needs_a_dense_shape():
    with pytest.raises(ValueError, match="IndexedSlices without dense_shape"):
        tg.convert_to_tensor(tg.IndexedSlices([1.0], [1]))


@pytest.mark.parametrize("index", [4, -1])
def test_a_run_checks_where_the_rows_go(index):
    with pytest.raises(tg.errors.InvalidArgumentError, match=rf"indices\[1\] = {index} is not in"):
        run(tg.convert_to_tensor(tg.IndexedSlices([1.0, 2.0], [0, index], [4])))


def test_sizes_that_only_a_run_knows():
    values, indices = tg.placeholder(tg.float32), tg.placeholder(tg.int32)
    whole = tg.convert_to_tensor(tg.IndexedSlices(values, indices, [3]))
    np.testing.assert_array_equal(run(whole, {values: [2.0], indices: [1]}), [0, 2, 0])
    with pytest.raises(ValueError, match="the slices have shape"):
        run(whole, {values: [2.0], indices: [1, 2]})


def test_a_graph_with_slices_is_copied():
    slices = tg.IndexedSlices([2.0], [1], [3])
    same = copy.deepcopy(slices)
    assert same.graph is not slices.graph and same.values.name == slices.values.name


# ---------------------------------------------------------------- fetched and fed


def test_fetched():
    w, ids = table(), tg.placeholder(tg.int64, [None])
    (slices,) = tg.gradients(tg.gather(w, ids), w)
    bare = tg.IndexedSlices([2.0], [1])
    first, found = run([slices, {"all": (slices, bare, w)}], {ids: [1, 3, 1]})
    assert type(first) is tg.IndexedSlicesValue and found["all"][1].dense_shape is None
    assert (first.indices.dtype, first.dense_shape.dtype) == (np.int64, np.int32)
    np.testing.assert_array_equal(first.values, np.ones((3, 2)))
    np.testing.assert_array_equal(first.indices, [1, 3, 1])
    np.testing.assert_array_equal(first.dense_shape, [4, 2])
    np.testing.assert_array_equal(found["all"][0].values, first.values)
    np.testing.assert_array_equal(found["all"][2], START)


def test_fed():
    w, ids = tg.placeholder(tg.float32), tg.placeholder(tg.int64, [None])
    (slices,) = tg.gradients(tg.gather(w, ids), w)
    value = tg.IndexedSlicesValue([3.0], [2], [4])
    np.testing.assert_array_equal(run(tg.identity(slices), {slices: value}), [0, 0, 3, 0])
    with pytest.raises(ValueError, match="3 tensors"):
        run(slices, {slices: ([3.0], [2])})


def test_an_unfed_placeholder_of_slices_is_named():
    w, ids = table(), tg.placeholder(tg.int64, [None], name="ids")
    (slices,) = tg.gradients(tg.gather(w, ids), w)
    with pytest.raises(ValueError, match=r"'ids:0'.*, for fetches\[0\]"):
        run([slices])


def test_a_run_waits_for_slices():
    w = tg.Variable(0.0)
    slices = tg.IndexedSlices(w.assign_add(1.0)[None], [0])
    with tg.control_dependencies([slices]):
        after = tg.identity(w)
    assert run(after) == 1.0


def test_slices_in_a_tuple_and_in_a_picture():
    slices, w = tg.IndexedSlices([2.0], [1], [3]), table()
    gated = tg.tuple([slices, w.assign_add(2 * START)])[0]
    assert isinstance(gated, tg.IndexedSlices) and gated.indices is slices.indices
    with tg.control_dependencies([tg.group(gated)]):
        after = tg.identity(w)
    np.testing.assert_array_equal(run([gated, after])[1], 3 * START)
    assert "values" in tg.viz.to_dot([slices]).source


# ---------------------------------------------------------------- gradients


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("pick", "rows"),
    [
        (lambda w: tg.gather(w, [3, 1, 3]), [3, 1, 3]),
        (lambda w: tg.gather(w, tg.constant([3], tg.int64)), [3]),
        (lambda w: tg.nn.embedding_lookup(w, [2, 0]), [2, 0]),
        (lambda w: tg.gather(w, 2), [2]),
        (lambda w: tg.gather_nd(w, [[1], [1]]), [1, 1]),
        (lambda w: tg.gather(w, [[3, 1], [0, 3]]), [3, 1, 0, 3]),
        (lambda w: tg.gather(w, np.zeros((2, 0), np.int32)), []),
        (lambda w: tg.gather(tg.identity(w), [1]), [1]),
        (lambda w: tg.square(tg.gather(w, [1])) + tg.gather(w, [2]), [1, 2]),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_the_gradient_of_gathers_is_sparse(pick, rows, known):
    w = tg.Variable(START, validate_shape=known)
    y = pick(w)
    (slices,) = tg.gradients(y, w)
    assert isinstance(slices, tg.IndexedSlices) and slices.dtype is tg.float64
    assert slices.shape == ([4, 2] if known else None)
    whole = tg.convert_to_tensor(slices)
    found, total, value = run([slices, whole, y])
    np.testing.assert_array_equal(found.indices, rows)
    assert found.values.shape == (len(rows), 2)
    np.testing.assert_array_equal(dense(found), total)
    with tg.Session() as sess:
        sess.run(tg.global_variables_initializer())
        theory, numeric = tg.test.compute_gradient(w, [4, 2], y, value.shape, START)
        np.testing.assert_allclose(theory, numeric, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("rank", ["known", "unknown"])
def test_of_a_tensor_and_indices_of_any_rank(rank):
    shape = [None] if rank == "known" else None
    w, ids = tg.placeholder(tg.float32), tg.placeholder(tg.int32, shape)
    (slices,) = tg.gradients(3.0 * tg.gather(w, ids), w)
    for place in ([2, 0], *([[[1, 2]], 1, []] if rank == "unknown" else [])):
        found = run(slices, {w: np.zeros((3, 2, 2)), ids: place})
        np.testing.assert_array_equal(found.indices, np.reshape(place, -1))
        np.testing.assert_array_equal(found.values, np.full((np.size(place), 2, 2), 3.0))


@pytest.mark.parametrize(
    "other",
    [
        lambda w: tg.reduce_sum(w),
        lambda w: tg.gather(w, [0], axis=1),
        lambda w: tg.gather(2.0 * w, [0]),
        lambda w: w[1],
    ],
)
def test_with_any_dense_path_the_sum_is_dense(other):
    w = table()
    y = tg.reduce_sum(tg.gather(w, [1, 1]))
    (alone,) = tg.gradients(other(w), w)
    (both,) = tg.gradients(y + tg.reduce_sum(other(w)), w)
    assert isinstance(alone, tg.Tensor) and isinstance(both, tg.Tensor)
    a, b = run([alone, both])
    np.testing.assert_array_equal(b, a + np.reshape([0, 0, 2, 2, 0, 0, 0, 0], [4, 2]))


def test_several_gathers_are_concatenated():
    w, ids = table(), tg.placeholder(tg.int64, [None])
    y = tg.reduce_sum(tg.gather(w, ids)) + tg.reduce_sum(2.0 * tg.gather(w, [0, 1]))
    (slices,) = tg.gradients(y, w)
    assert slices.indices.dtype is tg.int64  # as in TF
    found = run(slices, {ids: [1, 1, 3]})
    np.testing.assert_array_equal(found.indices, [1, 1, 3, 0, 1])
    np.testing.assert_array_equal(found.values[:, 0], [1, 1, 1, 2, 2])


def test_second_derivatives_are_dense():
    w, ids = table(), tg.placeholder(tg.int32, [None])
    (slices,) = tg.gradients(tg.gather(w, ids) ** 3.0, w)
    (second,) = tg.gradients(slices, w)
    (along,) = tg.gradients(tg.reduce_sum(slices + tg.zeros([4, 2])), w)
    assert isinstance(second, tg.Tensor) and isinstance(along, tg.Tensor)
    expected = np.array([0, 2, 0, 1])[:, None] * 6 * START
    for found in run([second, along], {ids: [1, 3, 1]}):
        np.testing.assert_array_equal(found, expected)


IN_BRANCHES = {  # two branches, the rows that arrive with each, and whether they are slices
    "gathers": (lambda w, ids: tg.gather(w, [0, 2]), lambda w, ids: tg.gather(w, [1, 1]),
                [0, 2], [1, 1]),
    "other counts": (lambda w, ids: tg.gather(w, [3]) * 1.0, lambda w, ids: tg.gather(w, ids),
                     [3], [2, 0, 2]),
    "computed indices": (lambda w, ids: tg.gather(w, 3 - ids), lambda w, ids: tg.gather(w, ids + 1),
                         [1, 3, 1], [3, 1, 3]),
    "several": (lambda w, ids: tg.gather(w, [1]) + tg.gather(w, ids),
                lambda w, ids: tg.gather(w, [0]), [1, 2, 0, 2], [0]),
    "one branch": (lambda w, ids: tg.gather(w, [2]), lambda w, ids: tg.ones([1, 2]), [2], []),
    "nested": (lambda w, ids: tg.cond(tg.size(ids) > 2, lambda: tg.gather(w, [3]),
                                      lambda: tg.gather(w, ids)),
               lambda w, ids: tg.gather(w, ids), [3], [2, 0, 2]),
    "dense": (lambda w, ids: tg.gather(w, [0]), lambda w, ids: w * 1.0, None, None),
    "other ints": (lambda w, ids: tg.gather(w, [0]),
                   lambda w, ids: tg.gather(w, tg.constant([1], tg.int64)), None, None),
}


@pytest.mark.parametrize("name", IN_BRANCHES)
def test_the_gradient_of_gathers_in_branches(name):
    """As TF's, but for a branch without the table: TF has zeros for all rows, here are none."""
    *branches, true_rows, false_rows = IN_BRANCHES[name]
    w, p, ids = table(), tg.placeholder(tg.bool, []), tg.placeholder(tg.int32, [None])
    y = tg.cond(p, *[lambda f=f: tg.reduce_sum(f(w, ids) ** 3) for f in branches])
    (g,) = tg.gradients(y, w)
    (second,) = tg.gradients(tg.reduce_sum(tg.convert_to_tensor(g) ** 2), w)
    sess = initialized()
    for taken, rows, f in ((True, true_rows, branches[0]), (False, false_rows, branches[1])):
        expected = [tg.gradients(tg.reduce_sum(f(w, ids) ** 3), w)[0]]
        expected = [tg.zeros([4, 2]) if x is None else tg.convert_to_tensor(x) for x in expected]
        expected += tg.gradients(tg.reduce_sum(expected[0] ** 2), w)
        feeds = {p: taken, ids: [2, 0, 2]}
        found, *others = sess.run([g, tg.convert_to_tensor(g), second], feeds)
        for value, right in zip(others, expected, strict=True):
            right = np.zeros((4, 2)) if right is None else sess.run(right, feeds)
            np.testing.assert_allclose(value, right, rtol=1e-6)
        assert isinstance(g, tg.IndexedSlices) == (rows is not None)
        if rows is not None:
            assert found.indices.tolist() == rows and found.dense_shape.tolist() == [4, 2]


def test_slices_that_branches_return():
    w, p = table(), tg.placeholder(tg.bool, [])

    def rows(indices, shape=(4, 2)):
        return lambda: [tg.IndexedSlices(tg.ones([len(indices), 2]), indices, shape), w * 2.0]

    slices, tensor = tg.cond(p, rows([1]), rows([2, 2]))
    assert isinstance(slices, tg.IndexedSlices) and tensor.shape == [4, 2]
    train = tg.train.GradientDescentOptimizer(1.0).apply_gradients([(slices, w)])
    sess = initialized()
    for taken, indices in ((True, [1]), (False, [2, 2])):
        assert sess.run([slices, train], {p: taken})[0].indices.tolist() == indices
    np.testing.assert_array_equal(sess.run(w) - START, [[0, 0], [-1, -1], [-2, -2], [0, 0]])
    assert tg.cond(p, rows([1], None), rows([2], None))[0].dense_shape is None
    for false_fn, found in [
        (lambda: [w * 1.0, w * 2.0], r"<tg\.Tensor 'cond.*'"),
        (rows([2], None), "IndexedSlices of 2"),
    ]:
        match = rf"result\[0\] is IndexedSlices of 3 tensors in true_fn .*, {found}.* in false_fn"
        with pytest.raises(tg.errors.GraphError, match=match):
            tg.cond(p, rows([1]), false_fn)


def test_slices_as_the_gradients_that_arrive():
    w = table()
    arriving = tg.IndexedSlices([[1.0, 2.0], [3.0, 4.0]], [1, 1], [4, 2])
    same, through = tg.gradients([w], [w], arriving) + tg.gradients(tg.identity(w), w, [arriving])
    twice = tg.gradients(2.0 * w, w, arriving)[0]
    assert isinstance(same, tg.IndexedSlices) and isinstance(through, tg.IndexedSlices)
    one, other, total = run([same, through, twice])
    np.testing.assert_array_equal(one.values, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(other.indices, [1, 1])
    np.testing.assert_array_equal(total[1], [8, 12])
    with pytest.raises(ValueError, match="has shape"):
        tg.gradients(w, w, tg.IndexedSlices([[1.0, 2.0]], [1], [5, 2]))
    with pytest.raises(TypeError, match="float64"):
        tg.gradients(w, w, tg.IndexedSlices(np.ones((1, 2)), [1], [4, 2]))


def test_a_rule_of_a_users_may_give_slices():
    def rule(g, y, x):
        return tg.IndexedSlices(tg.reshape(g, [1, 2]), [0], tg.shape(x))

    first = tg.Op(
        "FirstRow", lambda x: x[0].copy(), lambda x: tg.registry["Max"].infer(x, axis=(0,)),
        (rule,), ("x",),
    )
    w = table()
    (slices,) = tg.gradients(first(w), w)
    assert isinstance(slices, tg.IndexedSlices)
    np.testing.assert_array_equal(dense(run(slices)), [[1, 1], [0, 0], [0, 0], [0, 0]])


def test_other_gradients_are_as_they_were():
    w, ids = table(), tg.constant([1, 2])
    picked = tg.gather(w, ids)
    assert tg.gradients(picked, [ids, w], stop_gradients=[picked]) == [None, None]
    zero = tg.gradients(picked, [w, table()], unconnected_gradients="zero")
    assert isinstance(zero[0], tg.IndexedSlices) and isinstance(zero[1], tg.Tensor)
    with pytest.raises(TypeError, match="xs must be tensors"):
        tg.gradients(picked, zero[0])


def test_compute_gradients():
    w, b = table(), tg.Variable([1.0, 2.0])
    loss = tg.reduce_sum(tg.square(tg.gather(w, [1, 1]) + b))
    (dw, _), (db, _) = tg.train.Optimizer(False, "none").compute_gradients(loss)
    assert isinstance(dw, tg.IndexedSlices) and isinstance(db, tg.Tensor)


# ---------------------------------------------------------------- scaled


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (lambda x: tg.clip_by_norm(x, 2.5), [0.0, 1.5, 2.0]),
        (lambda x: tg.clip_by_norm(x, 1.0, axes=[0]), [0.0, 0.6, 0.8]),
        (lambda x: tg.clip_by_value(x, 1.0, 3.5), [1.0, 3.0, 3.5]),
        (lambda x: tg.clip_by_global_norm([None, x], 2.5)[0][1], [0.0, 1.5, 2.0]),
        (lambda x: tg.clip_by_global_norm([x, tg.constant([[12.0]])], 6.5)[0][0], [0.0, 1.5, 2.0]),
        (lambda x: tg.scalar_mul(2.0, x), [0.0, 6.0, 8.0]),
        (lambda x: tg.cast(x, tg.float64), [0.0, 3.0, 4.0]),
        (lambda x: -x, [0.0, -3.0, -4.0]),
    ],
)
def test_scaled_slices_stay_slices(scale, expected):
    """Of the values, also where indices repeat, as in TF."""
    slices = tg.IndexedSlices([0.0, 3.0, 4.0], [5, 1, 1], [9])
    scaled = scale(slices)
    assert isinstance(scaled, tg.IndexedSlices)
    assert (scaled.indices, scaled.dense_shape) == (slices.indices, slices.dense_shape)
    np.testing.assert_allclose(run(scaled).values, expected, rtol=1e-6)


def test_norms_of_slices():
    slices = tg.IndexedSlices([0.0, 3.0, 4.0], [5, 1, 1], [10])
    norm = tg.clip_by_global_norm([slices], 1.0)[1]
    mean = tg.clip_by_average_norm(slices, 0.35)  # of the tensor, in which 3 and 4 are 7
    found = run([tg.global_norm([slices, None]), norm, mean])
    assert found[0] == found[1] == 5.0
    np.testing.assert_allclose(found[2], [0, 3.5, 0, 0, 0, 0, 0, 0, 0, 0])

# ---------------------------------------------------------------- updates of rows


SCATTER = {
    "scatter_add": (tg.scatter_add, lambda old, new: old + new),
    "scatter_sub": (tg.scatter_sub, lambda old, new: old - new),
    "scatter_update": (tg.scatter_update, lambda old, new: new),
}


def initialized():
    sess = tg.Session()
    sess.run(tg.global_variables_initializer())
    return sess


def array_of(sess, variable):
    """The array itself that a session keeps for a variable."""
    return sess._variables[variable.op_name]


@pytest.mark.smoke
@pytest.mark.parametrize("name", SCATTER)
@pytest.mark.parametrize("dtype", [tg.float32, tg.float16, tg.int64])
def test_updates_of_rows(name, dtype):
    function, combine = SCATTER[name]
    w = table(dtype=dtype)
    ids = tg.placeholder(tg.int32)
    slices = tg.IndexedSlices(np.array([[10, 20]], dtype.numpy), [2])
    updates = [
        (function(w, ids, np.array([[5, 6], [7, 8]])), {ids: [3, 1]}),
        (function(w, ids, 9), {ids: [[0, 2]]}),
        (getattr(w, name)(slices), {}),
        (function(w, ids, [3, 4], name="last"), {ids: 3}),
    ]
    assert updates[-1][0].name == "last:0" and updates[0][0].shape == [4, 2]
    sess, expected = initialized(), START.copy()
    for (update, feeds), rows, new in zip(
        updates, [[3, 1], [0, 2], [2], [3]], [[[5, 6], [7, 8]], 9, [[10, 20]], [3, 4]], strict=True
    ):
        expected[rows] = combine(expected[rows], np.array(new))
        np.testing.assert_array_equal(sess.run(update, feeds), expected)
        np.testing.assert_array_equal(sess.run(w), expected)


def test_updates_of_the_same_row_add_up_first():
    """A million times 0.1 is 100,000; of new rows the last one counts."""
    w = tg.Variable(np.zeros(2, np.float32))
    ids, tenths = np.zeros(10**6, np.int32), np.full(10**6, np.float32(0.1))
    sess = initialized()
    assert sess.run(tg.scatter_add(w, ids, tenths))[0] == 100000
    np.testing.assert_array_equal(sess.run(tg.scatter_update(w, [1, 1, 0], [1.0, 2.0, 3])), [3, 2])


@pytest.mark.parametrize("name", SCATTER)
def test_malformed_updates_of_rows(name):
    function = SCATTER[name][0]
    w = table()
    for wrong, kind, message in [
        (lambda: function(w, [0.0], [[1.0, 1.0]]), TypeError, "indices must be ints"),
        (lambda: function(w, [0], [1.0, 1.0]), ValueError, r"shape \(2,\), not \(1, 2"),
        (lambda: function(w, 0, tg.constant([1, 1])), TypeError, "int32"),
        (lambda: function(w * 1.0, 0, [1.0, 1.0]), TypeError, "only a Variable can be updated"),
        (lambda: function(tg.Variable(1.0), 0, 1.0), ValueError, "a scalar has no rows"),
        (lambda: getattr(w, name)(w), TypeError, "sparse_delta is not IndexedSlices"),
    ]:
        with pytest.raises(kind, match=message):
            wrong()


@pytest.mark.parametrize("name", SCATTER)
@pytest.mark.parametrize("index", [4, -1, 2**40])
def test_no_row_is_changed_where_an_index_is_wrong(name, index):
    w, ids = table(), tg.placeholder(tg.int64)
    update = SCATTER[name][0](w, ids, 7.0)
    for fetches in (update, update.op, [update.op, w]):
        sess = initialized()
        with pytest.raises(tg.errors.InvalidArgumentError, match=rf"= {index} is not in \[0, 4\)"):
            sess.run(fetches, {ids: [[0, index]]})
        np.testing.assert_array_equal(sess.run(w), START)
        sess.run(fetches, {ids: [[0, 1]]})


def test_sizes_of_updates_that_only_a_run_knows():
    w = tg.Variable(START, validate_shape=False)
    ids, rows = tg.placeholder(tg.int64), tg.placeholder(tg.float64)
    update = tg.scatter_add(w, ids, rows)
    sess = initialized()
    np.testing.assert_array_equal(sess.run(update, {ids: [1], rows: [[1, 2]]})[1], [3, 5])
    for wrong in ({ids: [1], rows: [1, 2]}, {ids: [1, 2], rows: [[1, 2]]}):
        with pytest.raises(ValueError, match="updates have shape"):
            sess.run(update, wrong)


# ---------------------------------------------------------------- in place or not


def trained(make, value=START):
    """A table, a loss of some of its rows, and a step."""
    ids = tg.placeholder(tg.int32, [None], name="ids")
    w = table(value)
    loss = tg.reduce_sum(tg.square(tg.gather(w, ids)))
    return w, ids, loss, make().minimize(loss)


BY_ROWS = [name for name in OPTIMIZERS if name != "Adam"]  # which moves all rows


@pytest.mark.default_passes
@pytest.mark.parametrize("name", BY_ROWS)
def test_a_step_changes_the_tables_own_rows(name):
    """Of the variable and of its slots, whose other rows are neither read nor written."""
    value = np.arange(1.0, 201.0).reshape(100, 2)
    _, ids, loss, train = trained(OPTIMIZERS[name], value)
    sess = initialized()
    arrays = [array_of(sess, v) for v in tg.global_variables()]
    before = [array.copy() for array in arrays]
    assert sess.run([loss, train], {ids: [2, 7, 2]})[0] == 2 * 25 + 2 * 36 + 15**2 + 16**2
    for variable, array, old in zip(tg.global_variables(), arrays, before, strict=True):
        assert array_of(sess, variable) is array
        changed = np.unique(np.nonzero(array != old)[0])
        assert changed.tolist() == ([2, 7] if (array != old).any() else [])
    assert (arrays[0] != before[0]).sum() == 4
    assert "_new" not in sess.source(train, {ids: [2, 7, 2]})


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [tg.float64, tg.float32, tg.float16])
def test_a_step_is_that_of_the_dense_gradient_where_there_are_rows(name, dtype):
    make = OPTIMIZERS[name]
    ids = tg.placeholder(tg.int32, [None])
    found = []
    for as_it_is in (lambda g: g, tg.convert_to_tensor):
        w = tg.Variable(START + 1.0, dtype=dtype)
        optimizer = make()
        (slices,) = tg.gradients(tg.square(tg.gather(w, ids)), w)
        found.append((w, optimizer.apply_gradients([(as_it_is(slices), w)])))
    sess = initialized()
    sess.run([train for _, train in found], {ids: [3, 0, 3]})
    rows = slice(None) if name == "Adam" else [0, 3]
    sparse, dense = (sess.run(w) for w, _ in found)
    tolerance = {"float64": 1e-12, "float32": 1e-6, "float16": 2e-3}[dtype.name]
    np.testing.assert_allclose(sparse[rows], dense[rows], rtol=tolerance, atol=tolerance)
    if name != "Adam":
        np.testing.assert_array_equal(sparse[1:3], START[1:3] + 1.0)


def test_hyper_parameters_may_be_fed():
    rate = tg.placeholder(tg.float32, [])
    w, ids, _, train = trained(lambda: tg.train.MomentumOptimizer(rate, 0.5))
    sess = initialized()
    sess.run(train, {ids: [1], rate: 0.25})
    np.testing.assert_array_equal(sess.run(w)[:2], [[0, 1], [1, 1.5]])
    sess.run(train, {ids: [1], rate: 0.0})
    np.testing.assert_array_equal(sess.run(w)[:2], [[0, 1], [1, 1.5]])


def test_what_reads_the_table_before_a_step_and_after_it():
    w, ids, _, train = trained(OPTIMIZERS["GradientDescent"])
    with tg.control_dependencies([train]):
        after, rows_after = tg.identity(w), tg.gather(w, ids)
    before, view, doubled = w.read_value(), w[1:], 2.0 * w
    sess = initialized()
    new = START.copy()
    new[[1, 3]] -= 0.25 * 2 * START[[1, 3]]
    fetches = [train, before, view, doubled, tg.gather(w, ids), w, after, rows_after]
    expected = [START, START[1:], 2 * START, START[[1, 3]], new, new, new[[1, 3]]]
    for wanted in ([0, 5], [0, 1], [0, 2], [0, 3], [0, 4], [6], [7], range(8)):
        sess.run(w.initializer)
        found = sess.run([fetches[i] for i in wanted], {ids: [1, 3]})
        for i, value in zip(wanted, found, strict=True):
            if i:
                np.testing.assert_array_equal(value, expected[i - 1])
        np.testing.assert_array_equal(sess.run(w), new)
        for i, value in zip(wanted, found, strict=True):
            if i:
                value[...] = -1.0  # what a run gave is the user's
        np.testing.assert_array_equal(sess.run(w), new)


@pytest.mark.default_passes
def test_the_table_is_copied_where_a_run_needs_it_after_the_step():
    w, ids, loss, train = trained(OPTIMIZERS["GradientDescent"])
    with tg.control_dependencies([train]):
        after = tg.gather(w, ids)
    sess, feeds = initialized(), {ids: [1, 3]}
    for fetches, copied in [
        ([train, loss, tg.gather(w, ids), w * 2.0], False), (train, False), ([train, w], False),
        ([train, after], True), ([train, w[1:]], True), ([train, w.read_value()], True),
        ([train, tg.scatter_add(w, [0], 1.0)], True),
    ]:
        assert ("table_new" in sess.source(fetches, feeds)) == copied


def within(depth, p, make):
    """What `make` makes, in so many branches within one another."""
    return tg.cond(p, lambda: within(depth - 1, p, make), tg.no_op) if depth else make()


@pytest.mark.default_passes
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_in_a_branch_changes_the_tables_own_rows(name, depth):
    p, ids = tg.placeholder(tg.bool, []), tg.placeholder(tg.int32, [None])
    found = []
    for levels in (depth, 0):
        w = table()
        loss = tg.reduce_sum(tg.square(tg.gather(w, ids)))
        step = within(levels, p, lambda loss=loss: OPTIMIZERS[name]().minimize(loss))
        found.append((w, step))
    sess = initialized()
    (w, by_cond), (other, step) = found
    arrays = [array_of(sess, v) for v in tg.global_variables()]
    for taken, rows in [(True, [2, 1, 2]), (False, [0]), (True, [3, 1])]:
        sess.run([by_cond, step] if taken else by_cond, {p: taken, ids: rows})
        np.testing.assert_array_equal(sess.run(w), sess.run(other))
    for variable, array in zip(tg.global_variables(), arrays, strict=True):
        assert array_of(sess, variable) is array


def after(update, make):
    with tg.control_dependencies([update]):
        return make()


def either(w, p):
    return tg.cond(p, lambda: w, lambda: w * 2.0)


BESIDES = {  # what else a run may do with a table than to update `rows` of it
    "nothing": lambda w, rows, p: [],
    "value": lambda w, rows, p: [w],
    "old": lambda w, rows, p: [w.read_value(), tg.gather(w, [1])],
    "view": lambda w, rows, p: [w[1:]],
    "either": lambda w, rows, p: [either(w, p)[:2]],
    "twin": lambda w, rows, p: [tg.Variable(np.zeros((4, 2), np.float32)).assign(either(w, p))],
    "rows of twin": lambda w, rows, p: [tg.scatter_add(tg.Variable(w * 0.0), [1, 2], w[:2])],
    "after": lambda w, rows, p: [after(rows, lambda: tg.identity(w)[::-1])],
    "add": lambda w, rows, p: [w.assign_add(w)],
    "assign": lambda w, rows, p: [w.assign(either(w, p) + 1.0)],
    "rows": lambda w, rows, p: [tg.scatter_sub(w, [1, 0], [[1.0, 2.0], [3.0, 4.0]]).op],
    "branch": lambda w, rows, p: [within(2, p, lambda: tg.scatter_add(w, [1], [[3.0, 4.0]]).op)],
    "later": lambda w, rows, p: [
        after(rows, lambda: tg.cond(p, lambda: tg.scatter_sub(w, [1], w[2:3]), lambda: w)),
        after(rows, lambda: tg.identity(w)),
    ],
}


def check_in_place(fetches, p, q):
    """Runs are the same where nothing is computed in place; what they give is the user's."""
    found = []
    for passes in (tg.Session.PASSES, tg.Session.PASSES - {"inplace"}):
        sess = tg.Session(passes=passes)
        sess.run(tg.global_variables_initializer())
        for taken in ("TT", "FF", "FT", "TF", "TT"):
            values = sess.run(fetches, {p: taken[0] == "T", q: taken[1] == "T"})
            arrays = [value for value in values if np.ndim(value)]
            found += map(np.copy, (*arrays, *sess.run(tg.global_variables())))
            for value in arrays:
                value[...] = -1.0
    half = len(found) // 2
    for value, expected in zip(found[:half], found[half:], strict=True):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("name", BESIDES)
@pytest.mark.parametrize("depth", [1, 2])
def test_rows_in_a_branch_and_what_else_a_run_does(name, depth):
    p, q = tg.placeholder(tg.bool, []), tg.placeholder(tg.bool, [])
    w = table()
    rows = within(depth, p, lambda: tg.scatter_add(w, [1, 3], [[1.0, 2.0], [4.0, 8.0]]).op)
    check_in_place([rows, *BESIDES[name](w, rows, q)], p, q)


def test_rows_from_outside_last_until_the_end():
    """Those of another table that is updated, and those in an array that others could use."""
    p, q = tg.placeholder(tg.bool, []), tg.placeholder(tg.bool, [])
    w, v = table(), tg.Variable(10 * START, dtype=tg.float32)
    view, doubled = w[1:3], 2.0 * tg.gather(w, [1, 2])
    rows = [
        within(1, p, lambda: tg.scatter_update(w, [1, 2], doubled).op),
        within(2, q, lambda: tg.scatter_update(v, [3, 0], view).op),
    ]
    with tg.control_dependencies(rows):
        later = tg.exp(tg.gather(v, [0, 1])[::-1] * 0.5) + 1.0
    check_in_place(rows, p, q)
    check_in_place([rows[0], later], p, q)


def test_what_a_branch_or_another_variable_needs_of_a_value_before_it_is_updated():
    p, q = tg.placeholder(tg.bool, []), tg.placeholder(tg.bool, [])
    w, v = table(), tg.Variable(START, dtype=tg.float32)
    first = within(1, p, lambda: tg.scatter_add(w, [1], [[1.0, 2.0]]).op)
    before = after(first, lambda: tg.identity(w))
    second = tg.cond(
        q, lambda: before * tg.reduce_sum(tg.scatter_add(w, [1], 9.0)), lambda: before * 2.0
    )
    check_in_place([first, second], p, q)
    both = v.assign(w.assign_add(tg.ones([4, 2])))
    conds = after(both, lambda: [
        within(1, p, lambda: w.assign_add(tg.ones([4, 2]) * 10.0).op),
        within(1, q, lambda: v.assign_add(tg.ones([4, 2]) * 100.0).op),
    ])
    check_in_place(conds, p, q)


@pytest.mark.default_passes
def test_a_run_copies_a_table_once_at_most(monkeypatch):
    """And not at all where no branch is taken that updates it, or one alone may do so in place."""
    p, q = tg.placeholder(tg.bool, []), tg.placeholder(tg.bool, [])
    w = tg.Variable(np.zeros((50, 2), np.float32))
    rows = [tg.scatter_add(w, [i], 1.0).op for i in range(2)]
    first, second, inner = (
        within(depth, pred, lambda: tg.scatter_add(w, [2], 1.0).op)
        for depth, pred in ((1, p), (1, q), (2, p))
    )
    sess = initialized()
    copies, copyto = [], np.copyto

    def counted(target, source, *arguments, **options):
        copies.extend([1] * (np.shape(source) == (50, 2)))
        copyto(target, source, *arguments, **options)

    monkeypatch.setattr(np, "copyto", counted)
    for fetches, expected in [
        (first, "0000"), (inner, "0000"), ([first, second], "1110"), ([first, inner], "1100"),
        ([first, second, inner], "1110"), ([first, rows[0]], "1111"), (rows, "1111"),
        ([first, second, *rows], "1111"),
    ]:
        for letters, count in zip(("TT", "TF", "FT", "FF"), expected, strict=True):
            del copies[:]
            sess.run(fetches, {p: letters[0] == "T", q: letters[1] == "T"})
            assert len(copies) == int(count), (fetches, letters)


def test_updates_of_one_table_follow_one_another():
    """A value that is assigned comes first, as for other relative updates."""
    w = table()
    first, second = tg.scatter_add(w, [0, 1], 1.0), tg.scatter_update(w, [1], [[9.0, 9.0]])
    third = tg.scatter_sub(w, [0], 0.5)
    fresh = w.assign(tg.fill([4, 2], 10.0))
    sess = initialized()
    sess.run([third, second, first])
    np.testing.assert_array_equal(sess.run(w), [[0.5, 1.5], [9, 9], [4, 5], [6, 7]])
    sess.run([first, third, fresh])
    np.testing.assert_array_equal(sess.run(w), [[10.5, 10.5], [11, 11], [10, 10], [10, 10]])


def test_two_steps_of_one_table():
    w, ids, loss, train = trained(OPTIMIZERS["GradientDescent"])
    other = OPTIMIZERS["Momentum"]().minimize(loss)
    sess = initialized()
    sess.run([train, other], {ids: [1]})
    np.testing.assert_array_equal(sess.run(w)[1], [2 - 1 - 1, 3 - 1.5 - 1.5])


def test_an_update_of_rows_may_serve_two_variables():
    w, twin = table(), tg.Variable(np.zeros((4, 2), np.float32))
    sess = initialized()
    sess.run(twin.assign(tg.scatter_add(w, [0], 1.0)))
    sess.run(tg.scatter_add(w, [0], 1.0).op)
    np.testing.assert_array_equal(sess.run(twin)[0], [1, 2])
    np.testing.assert_array_equal(sess.run(w)[0], [2, 3])


def test_rows_of_a_table_and_of_itself():
    """The new rows are a view of the old table, or of another that is updated too."""
    w, v = table(), tg.Variable(10 * START, dtype=tg.float32)
    w_rows = tg.scatter_update(w, [0, 1], w[1:3])
    v_rows = tg.scatter_update(v, [3, 2], w[:2])
    sess = initialized()
    sess.run([w_rows.op, v_rows.op])
    np.testing.assert_array_equal(sess.run(w), START[[1, 2, 2, 3]])
    np.testing.assert_array_equal(sess.run(v), [[0, 10], [20, 30], START[1], START[0]])


def test_feeds_are_neither_kept_nor_written_to():
    w, ids, rows = table(), tg.placeholder(tg.int64, [2]), tg.placeholder(tg.float32, [2, 2])
    update = tg.scatter_update(w, ids, rows).op
    sess = initialized()
    feeds = {ids: np.array([3, 0]), rows: np.full((2, 2), 5.0, np.float32)}
    sess.run(update, feeds)
    np.testing.assert_array_equal(feeds[ids], [3, 0])
    feeds[rows][...] = -1.0
    np.testing.assert_array_equal(sess.run(w)[[0, 3]], np.full((2, 2), 5.0))


def test_a_step_with_a_fed_table():
    w, ids, _, train = trained(OPTIMIZERS["GradientDescent"])
    sess = initialized()
    fed = np.full((4, 2), 2.0, np.float32)
    sess.run(train, {w: fed, ids: [1]})
    np.testing.assert_array_equal(fed, np.full((4, 2), 2.0))
    np.testing.assert_array_equal(sess.run(w), [[2, 2], [1, 1], [2, 2], [2, 2]])


@pytest.mark.parametrize("depth", [1, 2])
def test_a_run_that_fails_after_a_branch_changes_no_row(depth):
    p, ids = tg.placeholder(tg.bool, []), tg.placeholder(tg.int32, [1])
    x = tg.placeholder(tg.float32, [2])
    w, other, v = table(), tg.Variable(START), tg.Variable([1.0, 2.0])
    made = [
        within(depth, p, lambda: tg.scatter_add(w, [0], 9.0).op),
        within(depth, p, lambda: tg.group(tg.scatter_update(other, ids, 1.0), v.assign_add(x))),
    ]
    sess = initialized()
    before = sess.run(tg.global_variables())
    last = v.assign_sub(tg.check_numerics(x, "x"))
    for wrong in ({ids: [4], x: [1.0, 2.0]}, {ids: [1], x: [1.0, np.inf]}):
        with pytest.raises(ValueError, match=r"Scatter|CheckNumerics"):
            sess.run([*made, last], {p: True, **wrong})
        for old, new in zip(before, sess.run(tg.global_variables()), strict=True):
            np.testing.assert_array_equal(old, new)
    sess.run(made, {p: True, ids: [1], x: [1.0, 2.0]})
    assert sess.run([w[0, 0], other[1, 0], v[1]]) == [9.0, 1.0, 4.0]


def test_a_run_that_fails_changes_no_row():
    w, ids, loss, train = trained(OPTIMIZERS["Adagrad"])
    with tg.control_dependencies([train]):
        late = tg.check_numerics(tg.gather(w, ids) / 0.0, "of the step")
    sess = initialized()
    before = sess.run(tg.global_variables())
    for fetches, feed in [([train, late], [1]), (train, [1, 4]), ([train, loss / 0.0, late], [1])]:
        with pytest.raises(tg.errors.InvalidArgumentError):
            sess.run(fetches, {ids: feed})
        for old, new in zip(before, sess.run(tg.global_variables()), strict=True):
            np.testing.assert_array_equal(old, new)
    sess.run(train, {ids: [1]})
    assert not np.array_equal(sess.run(w), before[0])


# ---------------------------------------------------------------- optimizers


def test_optimizers_of_users():
    class Plain(tg.train.Optimizer):
        def __init__(self):
            super().__init__(False, "Plain")

        def _apply_dense(self, grad, var):
            return var.assign_sub(grad)

    class Sparse(Plain):
        def _apply_sparse(self, grad, var):
            seen.append(grad)
            return var.scatter_sub(grad)

    class Own(Plain):
        def _apply_sparse_duplicate_indices(self, grad, var):
            seen.append(grad)
            return var.scatter_update(grad)

    seen = []
    for kind, expected in ((Plain, [6.0, 0]), (Sparse, [6, 0]), (Own, [-1, -2])):
        with tg.Graph().as_default():
            w = table()
            slices = tg.IndexedSlices([[1.0, 2.0], [-2.0, 4.0], [-1.0, -2.0]], [3, 3, 3])
            train = kind().apply_gradients([(slices, w)])
            expected = expected if kind is Own else START[3] - [-2, 4]
            sess = initialized()
            sess.run(train)
            np.testing.assert_array_equal(sess.run(w)[3], expected)
    assert [slices.shape for slices in seen] == [[4, 2]] * 2  # the variable's


def test_an_optimizer_derived_from_one_of_ours_gets_each_index_once():
    class Mine(tg.train.MomentumOptimizer):
        def _apply_sparse(self, grad, var):
            seen.append(grad.indices)
            return super()._apply_sparse(grad, var)

    seen = []
    w, ids, _, train = trained(lambda: Mine(0.25, 0.5))
    sess = initialized()
    np.testing.assert_array_equal(sess.run([train, seen[0]], {ids: [3, 1, 3]})[1], [3, 1])
    np.testing.assert_array_equal(sess.run(w)[[1, 3]], [[1, 1.5], [0, 0]])


@pytest.mark.default_passes
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_knows_its_sizes_and_can_be_exported(name, tmp_path):
    make = OPTIMIZERS[name]
    _, ids, loss, train = trained(make)
    feeds = {ids: np.array([3, 1, 3], np.int32)}
    sess = initialized()
    sess.export([loss, train], feeds, tmp_path / "step.py")
    spec = importlib.util.spec_from_file_location("step", tmp_path / "step.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for _ in range(2):
        assert module.run(feeds[ids])[0] == sess.run([loss, train], feeds)[0]
    for key, value in module.variables.items():
        np.testing.assert_allclose(value, sess._variables[key], rtol=1e-6)


def test_constraint_after_a_sparse_step():
    """TF 1.15 refuses; here it is what it is for other gradients."""
    ids = tg.placeholder(tg.int32, [None])
    w = tg.Variable(START, constraint=lambda value: tg.minimum(value, 4.0))
    train = tg.train.GradientDescentOptimizer(0.25).minimize(tg.square(tg.gather(w, ids)))
    sess = initialized()
    sess.run(train, {ids: [1, 1]})
    np.testing.assert_array_equal(sess.run(w), [[0, 1], [0, 0], [4, 4], [4, 4]])


def test_clipped_slices_are_applied():
    w, ids = table(), tg.placeholder(tg.int32, [None])
    optimizer = tg.train.GradientDescentOptimizer(1.0)
    pairs = optimizer.compute_gradients(tg.reduce_sum(tg.square(tg.gather(w, ids))))
    clipped, _ = tg.clip_by_global_norm([g for g, _ in pairs], 0.5)
    train = optimizer.apply_gradients([(clipped[0], w)])
    sess = initialized()
    sess.run(train, {ids: [1]})
    expected = START.copy()
    expected[1] -= 0.5 * START[1] / np.linalg.norm(START[1])
    np.testing.assert_allclose(sess.run(w), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("slices", "kind", "message"),
    [
        (lambda: tg.IndexedSlices(np.ones((1, 2)), [1]), TypeError, "float64"),
        (lambda: tg.IndexedSlices([[1.0, 2.0, 3.0]], [1]), ValueError, "no rows for"),
        (lambda: tg.IndexedSlices([[1.0, 2.0]], [1], [5, 2]), ValueError, "has dense_shape"),
    ],
)
def test_slices_that_do_not_fit_a_variable(slices, kind, message):
    with pytest.raises(kind, match=message):
        tg.train.GradientDescentOptimizer(1.0).apply_gradients([(slices(), table())])


def test_a_gradient_that_was_fetched_can_be_fed():
    """As for gradients that are added up over some runs; the known dense_shape is no feed."""
    w, ids, loss, _ = trained(lambda: tg.train.GradientDescentOptimizer(0.5))
    optimizer = tg.train.GradientDescentOptimizer(0.5)
    pairs = optimizer.compute_gradients(loss, [w])
    train, slices = optimizer.apply_gradients(pairs), pairs[0][0]
    sess = initialized()
    fetched = sess.run(slices, {ids: [1, 3]})
    expected = initialized()
    expected.run(train, {ids: [1, 3]})
    for value in (fetched, tuple(fetched), (*fetched[:2], None), [*fetched]):
        sess = initialized()
        sess.run(train, {slices: value})
        np.testing.assert_array_equal(sess.run(w), expected.run(w))
    with pytest.raises(ValueError, match="was built with its value"):
        sess.run(train, {slices: (*fetched[:2], [9, 9])})
    no_shape = tg.IndexedSlices(slices.values, slices.indices)
    assert len(sess.run(no_shape, {no_shape: fetched._replace(dense_shape=None)})) == 3
