"""Shapes, broadcasting and indexing against NumPy, on whatever Hypothesis comes up with.

Each example is built three times: with all shapes known, with unknown dimensions and with unknown
rank. The values and gradients have to be the same, and within what was inferred.
"""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices, mutually_broadcastable_shapes

import tinygraph as tg
from tinygraph.ops.indexed_slices import as_tensors
from tinygraph.ops.indexing import Index, index_of
from tinygraph.spec import Shape, broadcast

PASSES = tg.Session.PASSES
KNOWLEDGE = ("all", "dims", "rank")


def numbers(shape, start=1.0):
    """Different float64 values."""
    return (start + np.arange(np.prod(shape, dtype=int))).reshape(shape)


def static_shape(shape, known):
    return {"all": shape, "dims": [None] * len(shape), "rank": None}[known]


def run(build, arrays, known="all", feeds=()):
    """The values of what is built on the arrays, and the gradients of the first, weighted by w."""
    with tg.Graph().as_default(), tg.Session() as sess:
        xs = [tg.placeholder(tg.float64, static_shape(x.shape, known)) for x in arrays]
        extra = [tg.placeholder(value.dtype, []) for value in feeds]
        made = build(*xs, *extra)
        ys = made if isinstance(made, list) else [made]
        feed_dict = dict(zip([*xs, *extra], [*arrays, *feeds], strict=True))
        values = sess.run(ys, feed_dict)
        for y, value in zip(ys, values, strict=True):
            assert y.shape.is_compatible_with(value.shape)
            if known == "all" and not feeds:
                assert y.shape.is_fully_defined()
        w = tg.placeholder(tg.float64, ys[0].shape)
        feed_dict[w] = weights(values[0])
        grads = as_tensors(tg.gradients(ys[0], xs, w))
        return values, sess.run(grads, feed_dict)


def weights(y):
    return numbers(y.shape, 100.0)


def check(build, arrays, expected, grads, feeds=()):
    for known in KNOWLEDGE:
        values, found = run(build, arrays, known, feeds)
        for value, right in zip(values, expected, strict=True):
            np.testing.assert_array_equal(value, right, strict=True)
        for grad, right in zip(found, grads, strict=True):
            np.testing.assert_array_equal(grad, right, strict=True)


shapes = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
full_shapes = array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)


def scattered(shape, key, values):
    out = np.zeros(shape)
    out[key] = values
    return out


# ---------------------------------------------------------------- x[...]


@st.composite
def shape_and_key(draw):
    shape = draw(shapes)
    return shape, draw(basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))


@given(shape_and_key())
def test_indexing(case):
    shape, key = case
    x = numbers(shape)
    y = x[key]
    check(lambda x: x[key], [x], [np.asarray(y)[()]], [scattered(shape, key, weights(y))])


@given(shape_and_key())
def test_indexing_with_tensors(case):
    """Ints and bounds that the graph doesn't know, of both int dtypes."""
    shape, key = case
    x, feeds = numbers(shape), []
    y = np.asarray(x[key])

    def build(x, *ints):
        left = iter(ints)

        def unknown(part):
            return next(left) if isinstance(part, int) else part

        def entry(item):
            if isinstance(item, slice):
                return slice(unknown(item.start), unknown(item.stop), unknown(item.step))
            return unknown(item)

        return x[tuple(entry(item) for item in items)]

    items = key if isinstance(key, tuple) else (key,)
    for item in items:
        parts = (item.start, item.stop, item.step) if isinstance(item, slice) else (item,)
        dtypes = (np.int32, np.int64)
        feeds += [dtypes[len(feeds) % 2](part) for part in parts if isinstance(part, int)]
    feeds = [np.asarray(value) for value in feeds]
    check(build, [x], [y[()]], [scattered(shape, key, weights(y))], feeds)


@given(shape_and_key())
def test_second_derivative_of_indexing(case):
    """The gradient puts w at x[key]; the gradient of that takes it from there."""
    shape, key = case
    x = tg.placeholder(tg.float64)
    w, h = tg.placeholder(tg.float64), tg.placeholder(tg.float64)
    (grad,) = tg.gradients(x[key], x, w)
    (again,) = tg.gradients(grad, w, h)
    array = numbers(shape)
    feed_dict = {x: array, w: np.ones_like(array[key]), h: array}
    np.testing.assert_array_equal(tg.Session().run(again, feed_dict), array[key])


@given(shape_and_key())
def test_an_index_is_a_value(case):
    """Equal indices have equal hashes; the repr is Python, and NumPy takes it for the index."""
    shape, key = case
    index, nodes = index_of(key)
    again, _ = index_of(key)
    assert not nodes and index == again and hash(index) == hash(again)
    assert pickle.loads(pickle.dumps(index)) == index
    x = numbers(shape)
    read = eval(repr(index), {"np": np})
    np.testing.assert_array_equal(x[read], x[key])
    np.testing.assert_array_equal(x[index], x[key])


@given(shape_and_key())
def test_shape_arithmetic(case):
    """Indexing a shape, of which a part is unknown, keeps what is known."""
    shape, _ = case
    dims = [None if i % 2 else d for i, d in enumerate(shape)]
    x = tg.placeholder(tg.float32, dims)
    assert tg.zeros(tg.shape(x)[::-1]).shape == dims[::-1]
    doubled = tg.zeros(tg.concat([tg.shape(x), [7]], 0))
    assert doubled.shape == [*dims, 7]
    assert tg.zeros(tg.stack([7, *tg.unstack(tg.shape(x))])).shape == [7, *dims]


def test_indices_are_ints_of_any_kind():
    x = tg.constant(numbers((3, 4)))
    with tg.Session() as sess:
        for item in (np.int64(1), np.uint8(1), np.array(1), tg.Dimension(1)):
            np.testing.assert_array_equal(sess.run(x[item]), [5.0, 6.0, 7.0, 8.0])
            np.testing.assert_array_equal(sess.run(x[:item]), [[1.0, 2.0, 3.0, 4.0]])
        assert sess.run(x[x.shape[0] - 1, -1]) == 12.0


def test_a_generated_program_spells_the_index_out():
    x = tg.placeholder(tg.float32, [3, 4], name="x")
    i = tg.placeholder(tg.int32, [], name="i")
    source = tg.Session().source([x[1:, ::2], x[i, None, i:]], {x: np.zeros((3, 4)), i: 1})
    assert "getitem(x, index=np.s_[1:, ::2, ...])" in source
    assert "getitem(x, i, i, index=np.s_['i0', None, 'i1':, ...])" in source


@pytest.mark.default_passes
def test_a_known_tensor_as_a_bound_costs_nothing_at_run_time():
    x = tg.placeholder(tg.float32, [None, 4], name="x")
    y = x[tg.shape(x)[0] - 1, : tg.constant(2)]
    assert "index=np.s_[2, :2, ...]" in tg.Session().source(y, {x: np.zeros((3, 4))})


def test_sizes_of_parts_as_tensors_and_dimensions():
    x = tg.constant(np.arange(5))
    for sizes in ([tg.constant(2), tg.constant(3)], [2, tg.constant(3)], [tg.Dimension(2), 3],
                  tg.constant([2, 3]), (np.int64(2), tg.Dimension(3))):
        parts = tg.split(x, sizes)
        assert [part.shape.as_list() for part in parts] == [[2], [3]]
        assert [part.tolist() for part in tg.Session().run(parts)] == [[0, 1], [2, 3, 4]]
    assert [part.shape for part in tg.split(tg.zeros([4]), tg.Dimension(2))] == [[2], [2]]


@pytest.mark.parametrize(
    "key, error, message",
    [
        (3, ValueError, "slice index 3 of dimension 0 out of bounds"),
        (-4, ValueError, "slice index -4 of dimension 0"),
        ((0, 4), ValueError, "slice index 4 of dimension 1"),
        ((0, 0, 0), ValueError, "3 indices for a tensor of rank 2"),
        ((..., 0, ...), ValueError, "one ellipsis"),
        (slice(None, None, 0), ValueError, "step"),
        (1.0, TypeError, "Only integers"),
        ([0, 1], TypeError, "tg.gather"),
        ((0, True), TypeError, "tg.boolean_mask"),
        (np.array([0, 1]), TypeError, "tg.gather"),
        ("a", TypeError, "Only integers"),
        (True, TypeError, "Only integers"),
    ],
)
def test_bad_indices_fail_while_building(key, error, message):
    x = tg.placeholder(tg.float32, [3, 4])
    with pytest.raises(error, match=message):
        x[key]


@pytest.mark.parametrize(
    "source, target, expected",  # as TensorFlow 1.15 has them
    [
        ((0, 3), (0, -1), (0, 3)), ((0, 3), (-1, 0), (3, 0)), ((0, 3), (-1,), (0,)),
        ((0, 3), (2, -1), (2, 0)), ((0, 3), (0, 2, -1), (0, 2, 1)), ((0,), (0, -1), (0, 1)),
        ((2, 0, 3), (0, -1), (0, 6)), ((0, 4), (2, 0, -1), (2, 0, 2)),
        ((0, 3), (0, -1, 7), (0, 0, 7)),
    ],
)
def test_reshape_of_nothing_infers_what_tensorflow_does(source, target, expected):
    """A dimension of 0 in the new shape leaves those of the old one out of the division."""
    array = np.zeros(source, np.float32)
    known, shape = tg.reshape(array, target), tg.placeholder(tg.int32, [None])
    assert known.shape.as_list() == list(expected)
    x = tg.placeholder(tg.float32)
    y = tg.reshape(x, target)
    kept = tg.boolean_mask(x, np.ones(source[0], bool))  # of a size that only runs know
    z = tg.reshape(kept, shape)
    with tg.Session() as sess:
        assert sess.run(known).shape == expected
        values = sess.run([y, z, *tg.gradients(y, x)], {x: array, shape: target})
    assert [v.shape for v in values] == [expected, expected, source]


def test_reshape_of_something_to_nothing_fails():
    with pytest.raises(ValueError, match="Cannot reshape a tensor with 6 elements"):
        tg.reshape(np.zeros((2, 3)), (0, -1))
    x = tg.placeholder(tg.float32)
    with tg.Session() as sess, pytest.raises(ValueError, match="reshape"):
        sess.run(tg.reshape(x, (0, -1)), {x: np.zeros((2, 3))})


def test_tensors_as_indices_are_scalar_ints():
    x = tg.placeholder(tg.float32, [3, 4])
    for bad in (tg.constant([0, 1]), tg.constant(1.0), tg.constant(True) | tg.constant(True)):
        with pytest.raises((TypeError, ValueError)):
            x[bad, 0]
    with pytest.raises(ValueError, match="slice index 5"):
        x[tg.constant(5)]


def test_bad_indices_that_only_the_run_knows():
    x, i = tg.placeholder(tg.float32), tg.placeholder(tg.int32, [])
    with tg.Session() as sess:
        for y, at in ((x[5], 0), (x[i], 3), (x[::i], 0)):
            with pytest.raises(ValueError):
                sess.run(y, {x: np.zeros(3), i: at})
        with pytest.raises(tg.errors.InvalidArgumentError, match="strided_slice"):
            sess.run(x[i], {x: np.zeros(3), i: 3})


def test_a_bool_index_is_a_mask():
    x = tg.constant(numbers((3, 2)))
    with tg.Session() as sess:
        for mask in (np.array([True, False, True]), tg.constant([True, False, True])):
            np.testing.assert_array_equal(sess.run(x[mask]), [[1.0, 2.0], [5.0, 6.0]])


# ---------------------------------------------------------------- broadcasting


def unbroadcast(g, shape):
    lead = g.ndim - len(shape)
    g = g.sum(axis=tuple(range(lead)))
    axes = tuple(i for i, d in enumerate(shape) if d == 1 and g.shape[i] != 1)
    return g.sum(axis=axes, keepdims=True)


@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=3))
def test_broadcasting(case):
    a, b = (numbers(shape) for shape in case.input_shapes)
    y = a + b
    w = weights(y)
    grads = [unbroadcast(w, a.shape), unbroadcast(w, b.shape)]
    check(lambda a, b: a + b, [a, b], [y[()]], grads)


@given(mutually_broadcastable_shapes(num_shapes=3, max_dims=4, min_side=0), st.data())
def test_static_broadcasting(case, data):
    """What is inferred of partly unknown shapes is true, and exact for known ones."""
    full = [Shape(shape) for shape in case.input_shapes]
    assert broadcast(*full) == case.result_shape
    part = [
        Shape([None if data.draw(st.booleans()) else d for d in shape])
        for shape in case.input_shapes
    ]
    assert broadcast(*part).is_compatible_with(case.result_shape)


@given(shapes, shapes)
def test_shapes_that_do_not_broadcast(a, b):
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        with pytest.raises(ValueError):
            tg.zeros(a) + tg.zeros(b)
    else:
        assert (tg.zeros(a) + tg.zeros(b)).shape == np.broadcast_shapes(a, b)


@given(mutually_broadcastable_shapes(num_shapes=1, base_shape=(2, 3, 1), max_dims=3, min_side=1))
def test_broadcast_to(case):
    (shape,), target = case.input_shapes, case.result_shape
    x = numbers(shape)
    y = np.broadcast_to(x, target)
    check(lambda x: tg.broadcast_to(x, target), [x], [y], [unbroadcast(weights(y), shape)])


# ---------------------------------------------------------------- rearranging


@given(full_shapes, st.data())
def test_reshape(shape, data):
    """To any order of its dimensions, joined here and there, one of them perhaps -1."""
    dims = list(data.draw(st.permutations([*shape, 1])))
    while len(dims) > 1 and data.draw(st.booleans()):
        dims = [dims[0] * dims[1], *dims[2:]]
    x = numbers(shape)
    wanted = list(dims)
    if data.draw(st.booleans()):
        wanted[data.draw(st.integers(0, len(dims) - 1))] = -1
    y = x.reshape(dims)
    check(lambda x: tg.reshape(x, wanted), [x], [y], [weights(y).reshape(shape)])
    static = tg.reshape(tg.placeholder(tg.float32, shape), wanted)
    assert static.shape == dims


@given(shapes, st.data())
def test_transpose(shape, data):
    perm = data.draw(st.permutations(range(len(shape))))
    back = [perm.index(i) for i in range(len(shape))]
    x = numbers(shape)
    y = x.transpose(perm)
    check(lambda x: tg.transpose(x, perm), [x], [y[()]], [weights(y).transpose(back)])
    check(lambda x: tg.transpose(tg.transpose(x, perm), back), [x], [x[()]], [weights(x)])
    check(lambda x: tg.transpose(x), [x], [x.T[()]], [weights(x.T).T])


@given(shapes, st.data())
def test_expand_and_squeeze(shape, data):
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    x = numbers(shape)
    y = np.expand_dims(x, axis)
    check(lambda x: tg.expand_dims(x, axis), [x], [y], [weights(x)])
    check(lambda x: tg.squeeze(tg.expand_dims(x, axis), axis), [x], [x[()]], [weights(x)])
    check(lambda x: tg.reverse(tg.expand_dims(x, axis), [axis]), [x], [y], [weights(x)])


@given(full_shapes, st.data())
def test_concat_and_split(shape, data):
    """Splitting what was joined gives the parts back, whatever their sizes."""
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    sizes = data.draw(st.lists(st.integers(0, 3), min_size=2, max_size=4))
    parts = []
    for i, size in enumerate(sizes):
        dims = list(shape)
        dims[axis] = size
        parts.append(numbers(tuple(dims), 10.0 * i))
    whole = np.concatenate(parts, axis)
    ends = np.cumsum(sizes)[:-1]
    grads = np.split(weights(whole), ends, axis)
    check(lambda *xs: tg.concat(xs, axis), parts, [whole], grads)
    check(
        lambda *xs: [tg.concat(tg.split(tg.concat(xs, axis), sizes, axis), axis)],
        parts, [whole], grads,
    )
    hole = data.draw(st.integers(0, len(sizes) - 1))
    given_sizes = [-1 if i == hole else n for i, n in enumerate(sizes)]
    for i, part in enumerate(parts):
        key = [slice(None)] * len(shape)
        key[axis] = slice(sum(sizes[:i]), sum(sizes[: i + 1]))
        grad = scattered(whole.shape, tuple(key), weights(part))
        for given_size in (sizes, given_sizes):
            check(lambda x, i=i, s=given_size: tg.split(x, s, axis)[i], [whole], [part], [grad])


@given(full_shapes, st.integers(1, 4), st.data())
def test_equal_parts(shape, count, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = np.concatenate([numbers(shape)] * count, axis)
    key = [slice(None)] * len(shape)
    key[axis] = slice(0, shape[axis])
    first = numbers(shape)
    parts = np.split(x, count, axis)
    grad = scattered(x.shape, tuple(key), weights(first))
    check(lambda x: tg.split(x, count, axis), [x], parts, [grad])


@given(shapes, st.integers(1, 3), st.data())
def test_stack_and_unstack(shape, count, data):
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    parts = [numbers(shape, 10.0 * i) for i in range(count)]
    whole = np.stack(parts, axis)
    grads = list(np.moveaxis(weights(whole), axis, 0))
    check(lambda *xs: tg.stack(xs, axis), parts, [whole], grads)
    back = list(np.moveaxis(whole, axis, 0))
    first = np.moveaxis(np.zeros(whole.shape), axis, 0).copy()
    first[0] = weights(parts[0])
    check(lambda x: tg.unstack(x, count, axis), [whole], back, [np.moveaxis(first, 0, axis)])


@given(full_shapes, st.data())
def test_slice(shape, data):
    begin = [data.draw(st.integers(0, d)) for d in shape]
    size = [data.draw(st.integers(-1, d - b)) for d, b in zip(shape, begin, strict=True)]
    stop = [d if n == -1 else b + n for d, b, n in zip(shape, begin, size, strict=True)]
    key = tuple(slice(b, e) for b, e in zip(begin, stop, strict=True))
    x = numbers(shape)
    grad = scattered(shape, key, weights(x[key]))
    check(lambda x: tg.slice(x, begin, size), [x], [x[key]], [grad])


@given(full_shapes, st.sampled_from(["constant", "reflect", "symmetric"]), st.data())
def test_pad(shape, mode, data):
    pads = []
    for d in shape:
        widest = {"constant": 3, "reflect": d - 1, "symmetric": d}[mode]
        pads.append([data.draw(st.integers(0, widest)) for _ in range(2)])
    x = numbers(shape)
    y = np.pad(x, pads, mode)
    source = np.pad(1 + np.arange(x.size).reshape(shape), pads, mode)  # 0: a constant
    grad = np.bincount(source.reshape(-1), weights(y).reshape(-1), 1 + x.size)[1:]
    check(lambda x: tg.pad(x, pads, mode.upper()), [x], [y], [grad.reshape(shape)])


@given(shapes, st.data())
def test_tile(shape, data):
    multiples = [data.draw(st.integers(0, 3)) for _ in shape]
    x = numbers(shape)
    y = np.tile(x, multiples).reshape([d * m for d, m in zip(shape, multiples, strict=True)])
    source = np.tile(np.arange(x.size).reshape(shape), multiples).reshape(y.shape)
    grad = np.zeros(x.size)
    np.add.at(grad, source.reshape(-1).astype(int), weights(y).reshape(-1))
    check(lambda x: tg.tile(x, multiples), [x], [y[()]], [grad.reshape(shape)])


# ---------------------------------------------------------------- gather and scatter


@given(full_shapes, array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3), st.data())
def test_gather(shape, index_shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    count = int(np.prod(index_shape))
    chosen = [data.draw(st.integers(0, shape[axis] - 1)) for _ in range(count)]
    indices = np.array(chosen, np.int32).reshape(index_shape)
    x = numbers(shape)
    y = np.take(x, indices, axis)
    grad = np.zeros(shape)
    np.add.at(grad, (slice(None),) * (axis % len(shape)) + (indices,), weights(y))
    check(lambda x: tg.gather(x, indices, axis=axis), [x], [np.asarray(y)[()]], [grad])


@given(full_shapes, array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3), st.data())
def test_gather_nd_and_scatter_nd(shape, outer, data):
    depth = data.draw(st.integers(0, len(shape)))
    numbered = st.tuples(*[st.integers(0, d - 1) for d in shape[:depth]])
    chosen = [data.draw(numbered) for _ in range(int(np.prod(outer)))]
    indices = np.array(chosen, np.int64).reshape((*outer, depth))
    x = numbers(shape)
    flat = x.reshape((-1, *shape[depth:]))
    rows = np.zeros(outer, int)
    for k in range(depth):
        rows = rows * shape[k] + indices[..., k]
    y = flat[rows]
    grad = np.zeros_like(flat)
    np.add.at(grad, rows, weights(y))
    check(lambda x: tg.gather_nd(x, indices), [x], [np.asarray(y)[()]], [grad.reshape(shape)])
    spread = np.zeros_like(flat)
    np.add.at(spread, rows, y)
    taken = weights(x).reshape(flat.shape)[rows]
    whole = spread.reshape(shape)
    check(lambda y: tg.scatter_nd(indices, y, shape), [np.asarray(y)], [whole], [taken])


@given(full_shapes, st.data())
def test_boolean_mask(shape, data):
    axis = data.draw(st.integers(0, len(shape) - 1))
    end = data.draw(st.integers(axis + 1, len(shape)))
    mask = numbers(shape[axis:end]) * 7 % 3 < 2
    x = numbers(shape)
    key = (slice(None),) * axis + (mask,)
    for known in KNOWLEDGE:
        with tg.Graph().as_default(), tg.Session() as sess:
            node = tg.placeholder(tg.float64, static_shape(shape, known))
            y = tg.boolean_mask(node, mask, axis=axis)
            (grad,) = tg.gradients(y, node, tg.constant(weights(x[key])))
            value, slope = sess.run([y, grad], {node: x})
            assert y.shape.is_compatible_with(value.shape)
            np.testing.assert_array_equal(value, x[key], strict=True)
            np.testing.assert_array_equal(slope, scattered(shape, key, weights(x[key])))


OUT_OF_RANGE = [
    (lambda x, i: tg.gather(x, i), [0, 3], r"indices\[1\] = 3 is not in \[0, 3\)"),
    (lambda x, i: tg.gather(x, i), [[0, 1], [-1, 0]], r"indices\[1,0\] = -1"),
    (lambda x, i: tg.gather(x, i, axis=1), 2, r"indices = 2 is not in \[0, 2\)"),
    (lambda x, i: tg.gather_nd(x, i), [[0, 1], [2, 2]], r"indices\[1\] = \[2, 2\]"),
    (lambda x, i: tg.gather_nd(x, i), [[-1, 1]], r"indices\[0\] = \[-1, 1\]"),
    (lambda x, i: tg.scatter_nd(i, [1.0, 2.0], [3]), [[0], [3]], r"indices\[1\] = \[3\]"),
    (lambda x, i: tg.invert_permutation(i), [0, 2], "not a permutation"),
]


@pytest.mark.parametrize("build, indices, message", OUT_OF_RANGE)
def test_indices_out_of_range_are_errors_of_the_run(build, indices, message):
    """Never NumPy's wrapping around; and the error names the node."""
    x, i = tg.placeholder(tg.float32, [None, 2]), tg.placeholder(tg.int32)
    y = build(x, i)
    with pytest.raises(tg.errors.InvalidArgumentError, match=message) as caught:
        tg.Session().run(y, {x: np.zeros((3, 2)), i: indices})
    assert caught.value.op.name == y.op.name


# ---------------------------------------------------------------- errors while building


def zeros(*shape, dtype=None):
    return tg.placeholder(dtype or tg.float32, shape)


@pytest.mark.parametrize(
    "build",
    [
        lambda: tg.concat([zeros(2, 3), zeros(2, 4)], 0),
        lambda: tg.concat([zeros(2), zeros(2, 2)], 0),
        lambda: tg.concat([zeros(), zeros()], 0),
        lambda: tg.concat([], 0),
        lambda: tg.concat([zeros(2), zeros(2)], 1),
        lambda: tg.stack([zeros(2), zeros(3)]),
        lambda: tg.stack([zeros(2)], 2),
        lambda: tg.unstack(zeros(3), num=2),
        lambda: tg.unstack(tg.placeholder(tg.float32)),
        lambda: tg.split(zeros(3), 2),
        lambda: tg.split(zeros(3), 0),
        lambda: tg.split(zeros(3), [1, 1]),
        lambda: tg.split(zeros(3), [-1, -1]),
        lambda: tg.split(zeros(3), [4, -1]),
        lambda: tg.slice(zeros(3), [-1], [1]),
        lambda: tg.slice(zeros(3), [1], [3]),
        lambda: tg.slice(zeros(3, 3), [1], [1]),
        lambda: tg.pad(zeros(3), [[-1, 0]]),
        lambda: tg.pad(zeros(3, 3), [[1, 1]]),
        lambda: tg.pad(zeros(3), [[3, 0]], "REFLECT"),
        lambda: tg.pad(zeros(3), [[1, 1]], "EDGE"),
        lambda: tg.tile(zeros(3), [1, 1]),
        lambda: tg.tile(zeros(3), [-1]),
        lambda: tg.reverse(zeros(3), [1]),
        lambda: tg.reverse(zeros(3), [0, -1]),
        lambda: tg.gather(zeros(), 0),
        lambda: tg.gather_nd(zeros(3), [[0, 0]]),
        lambda: tg.scatter_nd([[0], [1]], zeros(3), [4]),
        lambda: tg.boolean_mask(zeros(3), [True, False]),
        lambda: tg.boolean_mask(zeros(3), True),
        lambda: tg.where(zeros(2, dtype=tg.bool), zeros(3), zeros(3)),
        lambda: tg.where(zeros(3, dtype=tg.bool), zeros(3)),
        lambda: tg.where(zeros(3, dtype=tg.bool), 1.0, 2.0),
        lambda: tg.where(zeros(dtype=tg.bool)),
        lambda: tg.nn.top_k(zeros(3), 4),
        lambda: tg.nn.top_k(zeros(), 1),
        lambda: tg.nn.in_top_k(zeros(3, 2), zeros(2, dtype=tg.int32), 1),
        lambda: tg.one_hot([0], -1),
        lambda: tg.range(3, 0),
        lambda: tg.range(0, 3, 0),
        lambda: tg.linspace(0.0, 1.0, 0),
        lambda: tg.reshape(zeros(2, 3), [4, -1]),
        lambda: tg.reshape(zeros(2, 3), [-1, -1]),
        lambda: tg.reshape(zeros(2, 3), tg.constant(6)),
        lambda: tg.zeros([-1]),
        lambda: tg.zeros(zeros(None, 2).shape),
        lambda: tg.ensure_shape(zeros(2), [3]),
        lambda: tg.diag_part(zeros(2, 3)),
        lambda: tg.diag_part(zeros(2)),
        lambda: tg.matrix_diag_part(zeros(2)),
        lambda: tg.matrix_set_diag(zeros(2, 3), zeros(3)),
        lambda: tg.unique(zeros(2, 2)),
        lambda: tg.broadcast_to(zeros(2), [3]),
        lambda: tg.meshgrid([1], [2], indexing="ji"),
    ],
)
def test_what_does_not_fit_is_a_value_error_while_building(build):
    with pytest.raises(ValueError):
        build()


@pytest.mark.parametrize(
    "build",
    [
        lambda: tg.concat([zeros(2), zeros(2, dtype=tg.int32)], 0),
        lambda: tg.concat(0, [zeros(2), zeros(2)]),
        lambda: tg.stack([zeros(2), zeros(2, dtype=tg.float64)]),
        lambda: tg.gather(zeros(2), [0.0]),
        lambda: tg.one_hot([0.5], 3),
        lambda: tg.one_hot([0], 3, on_value=1.5, dtype=tg.int32),
        lambda: tg.boolean_mask(zeros(3), [1, 0, 1]),
        lambda: tg.where(zeros(3), zeros(3), zeros(3)),
        lambda: tg.pad(zeros(3), [[1.0, 1.0]]),
        lambda: tg.linspace(0, 10, 3),
        lambda: tg.reshape(zeros(3), [3.0]),
        lambda: tg.transpose(zeros(3), [0.0]),
        lambda: tg.zeros([2], "string"),
    ],
)
def test_dtypes_that_do_not_fit_are_type_errors(build):
    with pytest.raises(TypeError):
        build()


def test_sizes_that_only_the_run_knows():
    """unstack's num, split's count, a mask's length and ensure_shape are checked again then."""
    x, m = tg.placeholder(tg.float32), tg.placeholder(tg.bool, [None])
    ys = [
        tg.unstack(x, num=2)[0], tg.split(x, 2)[0], tg.split(x, [1, 1])[0], tg.ensure_shape(x, [2]),
        tg.boolean_mask(x, m), tg.pad(x, [[3, 0]], "REFLECT"), tg.slice(x, [2], [2]),
    ]
    with tg.Session() as sess:
        for y in ys:
            with pytest.raises(ValueError):
                sess.run(y, {x: np.zeros(3), m: [True, False]})


# ---------------------------------------------------------------- some of TF1's habits


def test_where_leaks_nan_from_the_branch_not_taken():
    x = tg.constant([1.0, 0.0])
    (grad,) = tg.gradients(tg.where(x > 0.0, 1.0 / x, x), x)
    values = tg.Session().run(grad)
    assert values[0] == -1.0 and np.isnan(values[1])


def test_top_k_puts_nan_first_and_lower_indices_before_higher():
    values, indices = tg.nn.top_k([1.0, np.nan, 3.0, np.nan, np.inf, 3.0], 6)
    found = tg.Session().run([values, indices])
    np.testing.assert_array_equal(found[0], np.float32([np.nan, np.nan, np.inf, 3, 3, 1]))
    np.testing.assert_array_equal(found[1], [1, 3, 4, 2, 5, 0])
    result = tg.nn.top_k([1.0])
    assert type(result).__name__ == "TopKV2" and result.values is result[0]


@pytest.mark.parametrize("size", [0, 1, 128, 129, 1000])
@pytest.mark.parametrize("dtype", ["int32", "float64", "float16", "bool"])
def test_few_and_many_different_elements(size, dtype):
    """NaN differs from NaN, and -0.0 equals 0.0."""
    x = np.random.default_rng(size).integers(-9, 9, size).astype(dtype)
    if x.dtype.kind == "f":
        x[::7] = np.nan
        x[3::11] = -0.0
    y, idx, count = tg.Session().run(list(tg.unique_with_counts(x)))
    seen = {}
    for value in x.tolist():
        seen[value] = seen.get(value, 0) + 1
    np.testing.assert_array_equal(y, np.array(list(seen), dtype))
    assert count.tolist() == list(seen.values()) and y.dtype == x.dtype
    np.testing.assert_array_equal(y[idx], x)
    assert idx.dtype == count.dtype == np.int32


def test_ranges_take_the_widest_dtype():
    assert tg.range(3).dtype == tg.int32
    assert tg.range(0, 1, 0.25).dtype == tg.float32
    assert tg.range(tg.constant(3, tg.int64)).dtype == tg.int64
    assert tg.range(np.float64(3.0), 5).dtype == tg.float64
    assert tg.range(tg.placeholder(tg.int32, [])).shape == [None]


def test_small_zeros_are_constants_and_names_are_tf1s():
    assert tg.zeros([3]).op.type == "Const" and tg.ones([]).name == "ones:0"
    assert tg.zeros([1000]).op.type == "Fill"
    names = [
        tg.concat([[1.0], [2.0]], 0), tg.constant([1, 2])[0], tg.stack([tg.constant(1), 2]),
        tg.gather([1], [0]), tg.one_hot([0], 2), tg.range(2), tg.pad([1], [[1, 1]]),
        tg.where([True], [1], [2]), tg.reshape([1], [1]), tg.unstack(tg.constant([1]))[0],
    ]
    assert [x.name for x in names] == [
        "concat:0", "strided_slice:0", "stack:0", "GatherV2:0", "one_hot:0", "range:0", "Pad:0",
        "Select:0", "Reshape:0", "unstack:0",
    ]


def test_lists_of_tensors_and_numbers_are_shapes():
    n = tg.placeholder(tg.int32, [])
    assert tg.zeros([n, 3]).shape == [None, 3]
    assert tg.Session().run(tg.zeros([n, 3]), {n: 2}).shape == (2, 3)
    x = tg.placeholder(tg.float32, [None, 4])
    assert tg.reshape(x, [tg.shape(x)[0], 2, 2]).shape == [None, 2, 2]
    assert tg.fill([2, n], 1.0).shape == [2, None]


def test_tensors_of_a_graph_that_is_not_the_default_one():
    graph = tg.Graph()
    with graph.as_default():
        x = tg.placeholder(tg.float32, [2, 3])
    y = tg.pad(tg.reshape(x, [tg.shape(x)[1], -1])[1:], [[0, 1], [0, 0]])
    z = tg.concat([y, [[1.0, 2.0]]], 0)
    assert z.graph is graph and z.shape == (4, 2)


@pytest.mark.default_passes
def test_the_gradient_of_many_slices_is_linear_in_their_number():
    """Each slice's gradient is added in place; no zeros of the whole size for each."""
    x = tg.placeholder(tg.float32, [50, 4], name="x")
    (grad,) = tg.gradients(tg.add_n([tg.tanh(x[i]) for i in range(50)]), x)
    source = tg.Session().source(grad, {x: np.zeros((50, 4))})
    assert source.count("slice_grad(") == 1 and source.count("add_slice(") == 49
    value = tg.Session().run(grad, {x: np.zeros((50, 4))})
    np.testing.assert_array_equal(value, np.ones((50, 4)))


@pytest.mark.default_passes
@pytest.mark.parametrize(
    "take_apart", [tg.unstack, lambda x: tg.split(x, 50), lambda x: tg.split(x, [20, 5, 25])]
)
def test_the_gradient_of_parts_joins_theirs_or_places_the_few_that_there_are(take_apart):
    x = tg.placeholder(tg.float32, [50, 4])
    parts = take_apart(x)
    (of_all,) = tg.gradients([tg.tanh(part) for part in parts], x)
    (of_two,) = tg.gradients([tg.tanh(parts[1]), tg.tanh(parts[-1])], x)
    sess, feeds = tg.Session(), {x: np.zeros((50, 4))}
    source = sess.source(of_all, feeds)
    assert source.count("stack(") + source.count("concat(") == 1 and "slice(" not in source
    source = sess.source(of_two, feeds)
    assert source.count("slice_grad(") == 1 and source.count("add_slice(") == 1
    np.testing.assert_array_equal(sess.run(of_all, feeds), np.ones((50, 4)))
    rows = sess.run(of_two, feeds)[:, 0]
    ends = {50: (1, 2, 49), 3: (20, 25, 25)}[len(parts)]
    expected = np.zeros(50)
    expected[ends[0] : ends[1]] = expected[ends[2] :] = 1
    np.testing.assert_array_equal(rows, expected)


def test_the_parts_of_a_shape_are_known_while_building():
    x = tg.placeholder(tg.float32, [None, 3, 4])
    rows, columns, depth = tg.unstack(tg.shape(x))
    assert tg.zeros([depth, rows, columns]).shape.as_list() == [4, None, 3]
    first, others = tg.split(tg.shape(x), [1, 2])
    assert tg.reshape(x, tg.concat([others, first], 0)).shape.as_list() == [3, 4, None]
    assert tg.zeros(tg.unique([5, 2, 5]).idx).shape == [0, 1, 0]
    with pytest.raises(ValueError, match="Tensor c:0 may not be fed"):
        c = tg.constant([2, 3], name="c")
        tg.Session().run(tg.zeros(tg.unstack(c)), {c: [3, 2]})


@pytest.mark.default_passes
def test_parts_are_views_that_are_made_once():
    x = tg.placeholder(tg.float32, [4, 6])
    a, b, c = tg.split(tg.exp(x), 3, axis=1)
    source = tg.Session().source(a * b - c, {x: np.zeros((4, 6))})
    head, body = source.split("def step")
    assert head.count("getitem(") == 3 and "getitem(" not in body
    assert all(f"# split:{i} " in head for i in range(3))


def test_the_index_of_an_op_is_an_index():
    assert tg.constant([1, 2])[0].op.get_attr("index") == Index((0, ...))


# ---------------------------------------------------------------- axes that only a run knows

ONE_AXIS = {
    "sum": tg.reduce_sum,
    "mean": lambda x, axis: tg.reduce_mean(x, axis, keepdims=True),
    "max": tg.reduce_max,
    "logsumexp": tg.reduce_logsumexp,
    "any": lambda x, axis: tg.reduce_any(x > 1.0, axis),
    "argmax": tg.argmax,
    "argmin": lambda x, axis: tg.argmin(x, dimension=axis, output_type=tg.int32),
    "cumsum": lambda x, axis: tg.cumsum(x, axis, exclusive=True, reverse=True),
    "cumprod": tg.cumprod,
    "concat": lambda x, axis: tg.concat([x, 2.0 * x], axis),
    "gather": lambda x, axis: tg.gather(x, [[0, 1], [1, 0]], axis=axis),
    "gather one": lambda x, axis: tg.gather(x, 1, axis=axis),
    "split": lambda x, axis: tg.split(x, [1, -1], axis)[1],
    "expand_dims": tg.expand_dims,
    "reverse": lambda x, axis: tg.reverse(x, [axis]),
    "softmax": tg.nn.softmax,
    "variance": lambda x, axis: tg.nn.moments(x, [axis], keep_dims=True)[1],
}
SEVERAL_AXES = {
    "sum": tg.reduce_sum,
    "mean": lambda x, axis: tg.reduce_mean(x, axis, keepdims=True),
    "prod": tg.reduce_prod,
    "max": lambda x, axis: tg.reduce_max(x, axis, keepdims=True),
    "count": tg.count_nonzero,
    "mean of moments": lambda x, axis: tg.nn.moments(x, axis)[0],
    "variance": lambda x, axis: tg.nn.moments(x, axis, keep_dims=True)[1],
}


def check_late(function, static, shape, values):
    """The same values and gradients as with the axis written down."""
    data = np.random.default_rng(5).normal(size=(2, 3, 4))
    x = tg.placeholder(tg.float64, static)
    axis = tg.placeholder(tg.int32, shape)
    late = function(x, axis)
    sess = tg.Session()
    for value in values:
        known = function(x, value)
        assert late.shape.is_compatible_with(known.shape) and late.dtype == known.dtype
        fetches = [[late], [known]]
        if known.dtype.is_floating:
            fetches = [[y, tg.identity(tg.gradients(y**3.0, x)[0])] for y in (late, known)]
        for got, expected in zip(*sess.run(fetches, {x: data, axis: value}), strict=True):
            assert got.shape == expected.shape
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("static", [[2, 3, 4], [None] * 3, None])
@pytest.mark.parametrize("name", ONE_AXIS)
def test_an_axis_that_only_a_run_knows(name, static):
    check_late(ONE_AXIS[name], static, [], [0, 1, -1])


@pytest.mark.parametrize("static", [[2, 3, 4], None])
@pytest.mark.parametrize("name", SEVERAL_AXES)
def test_axes_that_only_a_run_knows(name, static):
    check_late(SEVERAL_AXES[name], static, [None], [[0], [2, 0], [1, -1, 0], []])
    check_late(SEVERAL_AXES[name], static, [2], [[1, -1]])


@pytest.mark.parametrize("static", [[2, 3, 4], None])
def test_a_band_that_only_a_run_knows(static):
    check_late(lambda x, n: tg.matrix_band_part(x, n, 0), static, [], [1, 0, -1])
    check_late(lambda x, n: tg.matrix_band_part(x, 1, n), static, None, [2, -1])
    with pytest.raises(TypeError, match="num_upper must be an int"):
        tg.matrix_band_part([[1.0]], 1, 0.5)


def test_an_order_of_axes_that_only_a_run_knows():
    for shape in ([3], [None]):
        check_late(tg.transpose, [2, 3, 4], shape, [[0, 1, 2], [2, 0, 1]])


@pytest.mark.parametrize("static", [[2, 3, 4], None])
def test_sizes_of_parts_that_only_a_run_knows(static):
    for i in range(2):
        sizes = [[1, 3], [4, 0], [-1, 1]]
        check_late(lambda x, sizes, i=i: tg.split(x, sizes, 2)[i], static, [2], sizes)
        check_late(lambda x, sizes, i=i: tg.split(x, sizes, -1, num=2)[i], static, [None], sizes)
        check_late(lambda x, size, i=i: tg.split(x, [2, size], 2)[i], static, [], [2, -1])


@pytest.mark.parametrize(
    ("function", "shape", "value"),
    [
        (tg.reduce_sum, [], 3),
        (tg.reduce_sum, [None], [0, -3]),
        (tg.argmax, [], -4),
        (tg.argmax, None, [1]),
        (tg.cumsum, [], 3),
        (tg.expand_dims, [], 4),
        (lambda x, axis: tg.concat([x, tg.zeros([5, 3, 4], tg.float64)], axis), [], 1),
        (tg.transpose, [3], [0, 1, 1]),
        (tg.transpose, [None], [0, 1]),
        (lambda x, sizes: tg.split(x, sizes, 2), [2], [1, 2]),
        (lambda x, sizes: tg.split(x, sizes, 2, num=2), [None], [1, 2, 1]),
    ],
)
def test_late_axes_that_do_not_fit(function, shape, value):
    x, axis = tg.placeholder(tg.float64, [2, 3, 4]), tg.placeholder(tg.int32, shape, name="late")
    result = function(x, axis)
    with pytest.raises(ValueError, match=r"test_indexing\.py"):
        tg.Session().run(result, {x: np.ones((2, 3, 4)), axis: value})


def test_late_axes_from_elsewhere():
    x = tg.placeholder(tg.float32)
    last = tg.placeholder_with_default(-1, [])
    v = tg.Variable(0)
    sess = tg.Session()
    sess.run(v.initializer)
    rows = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    assert sess.run(tg.reduce_sum(x, last), {x: rows}).tolist() == [3, 7]
    assert sess.run(tg.reduce_sum(x, last), {x: rows, last: 0}).tolist() == [4, 6]
    assert sess.run(tg.reduce_max(x, v), {x: rows}).tolist() == [3, 4]
    assert sess.run(tg.reduce_sum(x, tg.rank(x) - 1), {x: rows}).tolist() == [3, 7]
    assert sess.run(tg.reduce_sum(x, tg.range(tg.rank(x))), {x: rows}) == 10
    assert sess.run(tg.argmax(x, tg.constant(1, tg.int64)), {x: rows}).tolist() == [1, 1]
    with pytest.raises(TypeError, match="ints"):
        tg.reduce_sum(x, tg.placeholder(tg.float32, []))


# ---------------------------------------------------------------- shapes that are known in part


@pytest.mark.parametrize(
    "op",
    [
        lambda x: tg.unique(x).idx, lambda x: tg.unique_with_counts(x).count,
        lambda x: tg.setdiff1d(x, [2]).idx, lambda x: tg.count_nonzero(x, dtype=tg.int32),
    ],
)
def test_elements_that_are_not_known_are_equal_to_nothing(op):
    """Neither to one another, when a graph is built or compiled."""
    x = tg.placeholder(tg.int32, [2, 2])
    feeds = {x: [[1, 2], [2, 0]]}
    got, right = (run_in(op(tg.reshape(x, [-1])), feeds, passes) for passes in (PASSES, ()))
    np.testing.assert_array_equal(got, right)
    assert op(tg.reshape(x, [-1])).spec.value is None


def run_in(fetch, feeds, passes):
    return tg.Session(passes=passes).run(fetch, feeds)


def test_static_shapes_from_what_is_known_of_a_shape():
    """At least what TF 1.15.5 knows."""
    n, two = tg.placeholder(tg.int32, []), tg.placeholder(tg.int32, [2])
    x, unknown = tg.placeholder(tg.float32, [3, 4]), tg.placeholder(tg.float32)
    rows = tg.placeholder(tg.float32, [None, 7])
    for node, expected in {
        tg.eye(n, batch_shape=(2, 3)): "(2, 3, ?, ?)",
        tg.eye(3, batch_shape=two): "(?, ?, 3, 3)",
        tg.pad(x, [[2, 2], [1, n]]): "(7, ?)",
        tg.pad(x, tg.stack([[2, 2], [n, n]])): "(7, ?)",
        tg.reshape(unknown, tg.concat([two, [37, 42]], 0)): "(?, ?, 37, 42)",
        tg.reshape(unknown, tg.concat([tg.shape(rows)[:1], [5], tg.shape(rows)], 0)):
            "(?, 5, ?, 7)",
        tg.fill(tg.concat([two, [37]], 0), 1.0): "(?, ?, 37)",
        tg.reshape(unknown, tg.reverse(tg.stack([n, 5]), [0])): "(5, ?)",
        tg.broadcast_to(tg.zeros([1, 4]), two): "(?, 4)",
        tg.broadcast_to(x, tg.placeholder(tg.int32, [3])): "(?, 3, 4)",
        tg.nn.bias_add(tg.placeholder(tg.float32, [None, None]), tg.zeros([3])): "(?, 3)",
        tg.matrix_set_diag(tg.placeholder(tg.float32, [None, 3, 3]), tg.zeros([2, 3])): "(2, 3, 3)",
        tg.cumsum(rows, n): "(?, 7)",
        tg.nn.softmax(x, n): "(3, 4)",
    }.items():
        assert str(node.shape) == expected, node
    sess = tg.Session()
    assert sess.run(tg.eye(n, batch_shape=(2, 1)), {n: 2}).tolist() == [[[[1, 0], [0, 1]]]] * 2
    made = tg.reshape(unknown, tg.concat([two, [2]], 0))
    assert sess.run(made, {unknown: np.zeros(12), two: [3, 2]}).shape == (3, 2, 2)
    with pytest.raises(ValueError, match="elements"):
        sess.run(made, {unknown: np.zeros(12), two: [3, 3]})
