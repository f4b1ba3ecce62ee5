"""Elementwise math, reductions and products as graphs: names, dtypes, errors, static values."""

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.errors import DTypeError, GraphError, InvalidArgumentError, ShapeError


@pytest.fixture(autouse=True)
def graph():
    """A fresh default graph."""
    with tg.Graph().as_default() as graph:
        yield graph


def run(fetches, feeds=None):
    with tg.Session() as sess:
        return sess.run(fetches, feeds)


def f32(*shape):
    return tg.placeholder(tg.float32, shape)


# ---------------------------------------------------------------- names and types, as in TF 1.15


def test_operators_name_their_nodes():
    x, i, b = f32(2), tg.placeholder(tg.int32, [2]), tg.placeholder(tg.bool, [2])
    made = [
        x + 1, 1 - x, 2.0 * x, x / 2, i // 2, i % 2, x**2, -x, abs(x), x < 1, x <= 1, x > 1,
        x >= 1, b & True, b | b, b ^ b, ~b, i / 2,
    ]
    assert [(y.op.name, y.op.type) for y in made] == [
        ("add", "Add"), ("sub", "Sub"), ("mul", "Mul"), ("truediv", "RealDiv"),
        ("floordiv", "FloorDiv"), ("mod", "FloorMod"), ("pow", "Pow"), ("Neg", "Neg"),
        ("Abs", "Abs"), ("Less", "Less"), ("LessEqual", "LessEqual"), ("Greater", "Greater"),
        ("GreaterEqual", "GreaterEqual"), ("and", "LogicalAnd"), ("or", "LogicalOr"),
        ("xor", "LogicalXor"), ("LogicalNot", "LogicalNot"), ("truediv_1", "RealDiv"),
    ]


def test_functions_name_their_nodes():
    x, i = f32(2, 2), tg.placeholder(tg.int32, [2, 2])
    made = [
        tg.div(x, x), tg.div(i, i), tg.div_no_nan(x, x), tg.clip_by_value(x, 0, 1),
        tg.to_float(i), tg.saturate_cast(x, tg.uint8), tg.matmul(x, x), x @ x,
        tg.tensordot(x, x, 1), tg.trace(x), tg.norm(x), tg.reduce_logsumexp(x), tg.eye(2),
        tg.accumulate_n([x, x]), tg.matrix_transpose(x),
    ]
    assert [y.op.name for y in made] == [
        "div", "div_1", "div_no_nan", "clip_by_value", "ToFloat", "saturate_cast", "MatMul",
        "matmul_1", "Tensordot", "Trace", "norm", "ReduceLogSumExp", "eye", "AccumulateNV2",
        "matrix_transpose",
    ]


def test_products_of_unknown_or_higher_rank_are_batched():
    unknown = tg.placeholder(tg.float32)
    assert tg.matmul(f32(2, 2), f32(2, 2)).op.type == "MatMul"
    for product in (tg.matmul(unknown, f32(2, 2)), tg.matmul(f32(3, 2, 2), f32(2, 2))):
        assert product.op.type == "BatchMatMulV2"
    value = run(unknown @ np.eye(2, dtype=np.float32), {unknown: [[1.0, 2.0]]})
    np.testing.assert_array_equal(value, [[1, 2]])


def test_what_changes_nothing_makes_no_node():
    x, i = f32(2), tg.placeholder(tg.int32, [2])
    assert tg.cast(x, tg.float32) is x
    assert tg.round(i) is i
    assert tg.add_n([x]) is x


def test_equality_of_tensors_is_identity():
    x, y = f32(2), f32(2)
    assert x == x and x != y and x in {x: 1} and len({x, y}) == 2


# ---------------------------------------------------------------- dtypes


def test_operands_take_the_tensors_dtype():
    x = tg.placeholder(tg.float64, [2])
    for y in (x + 1, 1 + x, x * np.float32(2), np.ones(2, np.int64) + x, tg.maximum(0, x), 2**x):
        assert y.dtype == tg.float64
    half = tg.placeholder(tg.float16, [2])
    assert (half * 2.5).dtype == tg.float16


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, i, b: x + i,
        lambda x, i, b: i + 1.5,
        lambda x, i, b: i * [1.0, 2.0],
        lambda x, i, b: b + b,
        lambda x, i, b: -b,
        lambda x, i, b: b < b,
        lambda x, i, b: i & i,
        lambda x, i, b: ~i,
        lambda x, i, b: tg.exp(i),
        lambda x, i, b: tg.floor(i),
        lambda x, i, b: tg.sqrt(i),
        lambda x, i, b: tg.is_nan(i),
        lambda x, i, b: tg.realdiv(i, i),
        lambda x, i, b: tg.div_no_nan(i, i),
        lambda x, i, b: tg.add(1, 2.0),
        lambda x, i, b: tg.add_n([x, i]),
        lambda x, i, b: tg.reduce_sum(b),
        lambda x, i, b: tg.reduce_mean(b),
        lambda x, i, b: tg.argmax(b),
        lambda x, i, b: tg.reduce_any(i),
        lambda x, i, b: tg.reduce_logsumexp(i),
        lambda x, i, b: tg.cumsum(b),
        lambda x, i, b: tg.matmul([x], [i]),
        lambda x, i, b: tg.matmul([x], np.ones((2, 2))),
        lambda x, i, b: tg.matrix_inverse(tg.cast([x, x], tg.float16)),
        lambda x, i, b: tg.clip_by_value(i, 0.5, 1.5),
    ],
)
def test_dtypes_that_do_not_fit(wrong):
    x, i, b = f32(2), tg.placeholder(tg.int32, [2]), tg.placeholder(tg.bool, [2])
    with pytest.raises(TypeError) as caught:
        wrong(x, i, b)
    assert isinstance(caught.value, DTypeError)


def test_a_list_is_float32_in_a_product():
    assert tg.matmul(f32(1, 2), [[1.0], [2.0]]).dtype == tg.float32
    assert (f32(1, 2) @ np.ones((2, 1))).dtype == tg.float32
    assert (np.ones((1, 2)) @ f32(2, 1)).dtype == tg.float32


def test_division_of_ints_gives_floats():
    assert tg.truediv([1, 2], 2).dtype == tg.float64
    assert tg.truediv(tg.constant([1], tg.int8), 2).dtype == tg.float32
    assert (tg.constant([1]) / 2).dtype == tg.float64


# ---------------------------------------------------------------- shapes and axes


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: x + tg.zeros([3]),
        lambda x: tg.equal(x, tg.zeros([3])),
        lambda x: tg.clip_by_value(0.5, x[0], x[1]),
        lambda x: tg.add_n([x, x[0]]),
        lambda x: tg.accumulate_n([x, x], shape=[3]),
        lambda x: tg.scalar_mul(x, x),
        lambda x: tg.reduce_sum(x, 2),
        lambda x: tg.reduce_sum(x, [0, 0]),
        lambda x: tg.reduce_sum(x, [1, -1]),
        lambda x: tg.reduce_sum(x, 0, reduction_indices=1),
        lambda x: tg.reduce_sum(x, 0, keepdims=True, keep_dims=True),
        lambda x: tg.argmax(x, 2),
        lambda x: tg.argmax(x, 0, dimension=0),
        lambda x: tg.argmax(x[0, 0]),
        lambda x: tg.cumsum(x, 2),
        lambda x: tg.cumsum(1.0),
        lambda x: tg.matmul(x, tg.zeros([3, 2])),
        lambda x: tg.matmul(x, [1.0, 2.0]),
        lambda x: tg.matmul(x, x, transpose_a=True, adjoint_a=True),
        lambda x: tg.matmul(tg.zeros([2, 2, 2]), tg.zeros([3, 2, 2])),
        lambda x: tg.tensordot(x, x, 3),
        lambda x: tg.tensordot(x, x, [[0, 0], [0, 1]]),
        lambda x: tg.tensordot(x, x, [[0], [0, 1]]),
        lambda x: tg.tensordot(x, tg.zeros([3, 3]), 1),
        lambda x: tg.einsum("ij,jk->ikl", x, x),
        lambda x: tg.einsum("ii->i", x),
        lambda x: tg.einsum("ij,jk->ik", x),
        lambda x: tg.einsum("ijk->i", x),
        lambda x: tg.einsum("ij,jk->ik", x, tg.zeros([3, 3])),
        lambda x: tg.einsum("i1,1k->ik", x, x),
        lambda x: tg.norm(x, -1),
        lambda x: tg.norm(x, "fro"),
        lambda x: tg.norm(x, "max"),
        lambda x: tg.norm(x, 3, axis=[0, 1]),
        lambda x: tg.norm(x, 1, axis=[0, 0]),
        lambda x: tg.norm(x, 1, axis=[]),
        lambda x: tg.matrix_inverse(tg.zeros([2, 3])),
        lambda x: tg.matrix_solve(x, tg.zeros([2])),
        lambda x: tg.matrix_solve(x, tg.zeros([3, 1])),
        lambda x: tg.cross(x, x),
        lambda x: tg.add_n([]),
        lambda x: tg.segment_sum(x, x),
        lambda x: tg.unsorted_segment_sum(x, [0, 1, 2], 3),
    ],
)
def test_shapes_and_axes_that_do_not_fit(wrong):
    x = f32(2, 2)
    with pytest.raises((ShapeError, GraphError, DTypeError)):
        wrong(x)


def test_errors_name_the_node_and_the_shapes():
    with pytest.raises(ShapeError, match=r"3 and 2 for 'product' \(op: 'MatMul'\).*\[2,3\]"):
        tg.matmul(f32(2, 3), f32(2, 3), name="product")


@pytest.mark.parametrize("alias", [{"reduction_indices": 1}, {"axis": [1]}, {"axis": -1}])
def test_deprecated_aliases(alias):
    x = tg.constant([[1.0, 2.0], [3.0, 5.0]])
    np.testing.assert_array_equal(run(tg.reduce_sum(x, **alias)), [3, 8])
    assert tg.reduce_sum(x, keep_dims=True, **alias).shape == (2, 1)
    assert run(tg.argmax(x, dimension=1)).tolist() == [1, 1]
    assert run(tg.count_nonzero(input=x)) == 4


def test_argmax_of_an_empty_axis():
    with pytest.raises(InvalidArgumentError, match="empty"):
        run(tg.argmax(tg.zeros([0, 3]), 0))


def test_segments_out_of_range():
    with pytest.raises(
        InvalidArgumentError, match=r"segment_ids\[1\] = 5 is out of range \[0, 4\)"
    ):
        run(tg.unsorted_segment_sum([1.0, 2.0, 3.0], [0, 5, 2], 4))
    with pytest.raises(InvalidArgumentError, match="not increasing"):
        run(tg.segment_sum([1.0, 2.0, 3.0], [1, 0, 2]))


# ---------------------------------------------------------------- static values, rewrites


@pytest.mark.parametrize("op", [
    tg.truncatemod, tg.truncatediv, tg.floormod, tg.floordiv, tg.maximum, tg.minimum, tg.pow,
    tg.squared_difference, tg.add, tg.less,
])
def test_arithmetic_on_partly_known_shapes(op):
    x, sess = tg.placeholder(tg.float32, [None, 3]), tg.Session()
    known = sess.run(op(tg.constant([4, 3]), 2))
    np.testing.assert_array_equal(sess.run(op(tg.shape(x), 2), {x: np.zeros((4, 3))}), known)


def test_arithmetic_on_shapes_is_known_while_building():
    x = tg.placeholder(tg.float32, [None, 6, 4])
    known = tg.shape(x)[1:]
    half = known // 2
    assert tg.reshape(x, tg.concat([[-1], half, [2, 2]], 0)).shape.as_list() == [None, 3, 2, 2, 2]
    size = tg.reduce_prod(known)
    assert tg.reshape(x, tg.stack([-1, size])).shape.as_list() == [None, 24]
    assert tg.fill(tg.cast(tg.shape(x), tg.int64), 0.0).shape.as_list() == [None, 6, 4]


def source(y, *feeds):
    with tg.Session() as sess:
        return sess.source(y, {x: np.ones(x.shape.as_list(), x.dtype.numpy) for x in feeds})


def test_a_product_and_its_gradients_are_three_matrix_products():
    x, w = f32(5, 3), f32(3, 2)
    y = tg.reduce_sum(tg.square(tg.matmul(x, w)))
    text = source([y, *tg.gradients(y, [x, w])], x, w)
    assert text.count("np.dot(") == 3 and text.count("transpose(") == 2


@pytest.mark.default_passes
def test_what_changes_no_bit_is_left_out():
    x = f32(3)
    for y in (x * 1.0, 1.0 * x, x / 1.0, x**1, tg.negative(-x), tg.cast(x, tg.float32)):
        assert "np.tanh(Placeholder, out=" in source(tg.tanh(y), x)
    assert "np.add" in source(x + 0.0, x)  # as -0.0 + 0.0 is 0.0
    assert "np.square" in source(x**2, x)


@pytest.mark.default_passes
def test_a_sum_that_grows_by_addition_runs_in_place():
    x = f32(3)
    y = tg.add_n([tg.exp(x), tg.sin(x), tg.cos(x)])
    text = source(y * 2.0, x)
    assert text.count("np.add(") == 2 and "_add_n" not in text


# ---------------------------------------------------------------- einsum and tensordot


def test_einsum_spelled_in_other_ways():
    a, b = tg.constant(np.ones((2, 3))), tg.constant(np.ones((3, 4)))
    for equation in ("ij,jk->ik", "i j , j k -> i k", "Ab,bc->Ac", "...ij,...jk->...ik"):
        assert tg.einsum(equation, a, b).shape == (2, 4)


@pytest.mark.parametrize("axes", [0, 1, 2, ([0, 2], [1, 0]), (1, -1), "late"])
def test_tensordot_of_unknown_ranks(axes):
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 2, 3))
    b = b.transpose(2, 0, 1) if axes == 2 else b
    feeds, pairs = {}, axes
    if axes == "late":
        axes, pairs = tg.placeholder(tg.int32, [2, 2]), [[0, -2], [0, 2]]
        feeds[axes] = pairs
    for known in ([False, False], [True, False], [False, True]):
        x, y = (tg.placeholder(tg.float64, v.shape if k else None)
                for v, k in zip((a, b), known, strict=True))
        z = tg.tensordot(x, y, axes)
        fetches = [z, *tg.gradients(z * z, [x, y])]
        got = tg.Session().run(fetches, {x: a, y: b, **feeds})
        exact = np.tensordot(a, b, pairs)
        np.testing.assert_allclose(got[0], exact, atol=1e-12)
        p, q = tg.constant(a), tg.constant(b)
        z = tg.tensordot(p, q, pairs)
        for g, expected in zip(
            got[1:], tg.Session().run(tg.gradients(z * z, [p, q])), strict=True
        ):
            np.testing.assert_allclose(g, expected, atol=1e-12)


def test_tensordot_of_sizes_that_differ():
    x, y = tg.placeholder(tg.float32), tg.placeholder(tg.float32)
    z = tg.tensordot(x, y, 2)
    with pytest.raises(ValueError, match=r"must be equal|incompatible"):
        tg.Session().run(z, {x: np.ones((2, 3)), y: np.ones((3, 2))})


@pytest.mark.parametrize("axis", [(-2, -1), (-1, -2), (0, -1), (1, 0)])
@pytest.mark.parametrize("ord", [1, 2, np.inf, "fro"])
def test_norms_of_matrices_of_unknown_rank(ord, axis):
    data = np.random.default_rng(4).normal(size=(3, 2, 4))
    x, y = tg.placeholder(tg.float64), tg.constant(data)
    for keep in (False, True):
        norms = [tg.norm(v, ord=ord, axis=axis, keepdims=keep) for v in (x, y)]
        fetches = [[norm, tg.gradients(norm, v)[0]] for norm, v in zip(norms, (x, y), strict=True)]
        for got, expected in zip(*tg.Session().run(fetches, {x: data}), strict=True):
            assert got.shape == expected.shape
            np.testing.assert_allclose(got, expected, atol=1e-12)
        exact = np.linalg.norm(data, ord, axis, keepdims=keep)
        np.testing.assert_allclose(tg.Session().run(norms[0], {x: data}), exact, rtol=1e-12)


def test_einsum_of_one_letter_twice_is_the_trace():
    x = tg.constant(np.arange(9.0).reshape(3, 3))
    for equation in ("ii", "i i", "AA"):
        y = tg.einsum(equation, x)
        value, gradient = tg.Session().run([y, tg.gradients(y, x)[0]])
        assert value == 12.0 and np.array_equal(gradient, np.eye(3))
    assert tg.Session().run(tg.einsum("ii", [[1, 2], [3, 4]])) == 5
    with pytest.raises(ValueError, match="square"):
        tg.einsum("ii", tg.zeros([2, 3]))


def test_einsum_of_unknown_dims():
    a = tg.placeholder(tg.float32, [None, 3])
    y = tg.einsum("ij,jk->ki", a, np.ones((3, 2), np.float32))
    assert y.shape.as_list() == [2, None]
    assert run(y, {a: np.ones((5, 3))}).shape == (2, 5)


def test_large_einsum_uses_matrix_products():
    """np.einsum itself would take seconds."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((8, 64, 96)), rng.standard_normal((8, 96, 80))
    np.testing.assert_allclose(run(tg.einsum("bij,bjk->bki", a, b)),
                               np.swapaxes(a @ b, 1, 2), atol=1e-11)
