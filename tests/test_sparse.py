"""Sparse gradients: IndexedSlices, what gives them, and what takes them."""

import copy

import numpy as np
import pytest

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
    )  # fmt: skip
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


# ---------------------------------------------------------------- gradients


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("pick", "rows"),
    [
        (lambda w: tg.gather(w, [3, 1, 3]), [3, 1, 3]),
        (lambda w: tg.gather(w, tg.constant([3], tg.int64)), [3]),
        (lambda w: tg.nn.embedding_lookup(w, [2, 0]), [2, 0]),
        (lambda w: tg.gather(w, 2), [2]),
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
        (rule,), ("x",), dynamic=True,
    )  # fmt: skip
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
