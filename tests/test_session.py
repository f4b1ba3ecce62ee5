"""What sess.run promises: feeds, fetches, errors, aliasing, threads."""

import collections
import itertools
import re
import signal
import threading
import types
import warnings

import numpy as np
import pytest

import tinygraph as tg

serial = itertools.count()  # ops need names of their own


# ---------------------------------------------------------------- fetches


def test_the_structure_of_fetches_is_kept(sess):
    Pair = collections.namedtuple("Pair", "left right")
    a, b, op = tg.constant(1.0), tg.constant([2.0]), tg.no_op()
    assert sess.run(a) == 1.0 and type(sess.run(a)) is np.float32
    assert sess.run([]) == [] and sess.run({}) == {}
    assert sess.run([a, (a, op)]) == [1.0, (1.0, None)]
    assert sess.run({"x": a, "y": [a, a]}) == {"x": 1.0, "y": [1.0, 1.0]}
    assert sess.run(collections.OrderedDict(z=a, y=op)) == collections.OrderedDict(z=1.0, y=None)
    lists = collections.defaultdict(list, {"a": a})
    assert sess.run(lists) == {"a": 1.0} and sess.run(lists).default_factory is list
    assert sess.run(types.MappingProxyType({"a": a})) == {"a": 1.0}
    pair = sess.run(Pair(a, b))
    assert type(pair) is Pair and pair.left == 1.0 and pair.right.tolist() == [2.0]
    assert sess.run(op) is None


def test_fetches_by_name(sess):
    tg.constant(1.0, name="c")
    assert sess.run("c:0") == 1.0
    assert sess.run("c") is None
    assert sess.run(["c:0", "c"]) == [1.0, None]
    with pytest.raises(ValueError, match="no tensor 'missing:0'"):
        sess.run("missing:0")


def test_a_result_under_a_tensors_name_is_explained(sess):
    loss = tg.constant(1.0)
    loss = sess.run(loss)
    with pytest.raises(TypeError, match="rebound"):
        sess.run([loss])


@pytest.mark.parametrize("bad", [None, np.ones(3), 3.0, object(), [None]])
def test_what_cannot_be_fetched(sess, bad):
    with pytest.raises(TypeError):
        sess.run(bad)


# ---------------------------------------------------------------- feeds

LOSSLESS = [
    [[1.0, 2.0], [3.0, 4.0]],
    ((1, 2), (3, 4)),
    np.array([[1, 2], [3, 4]], np.int64),
    np.array([[1, 2], [3, 4]], np.uint8),
    np.array([[1, 2], [3, 4]], np.float64),
    np.array([[1, 2], [3, 4]], ">f4"),
    np.asfortranarray(np.array([[1, 2], [3, 4]], np.float32)),
    np.array([[4, 3], [2, 1]], np.float32)[::-1, ::-1],
    np.array([[1, 0, 2, 0], [3, 0, 4, 0]], np.float32)[:, ::2],
]


@pytest.mark.parametrize("value", LOSSLESS, ids=lambda value: type(value).__name__)
def test_lossless_feeds_just_work(sess, value):
    x = tg.placeholder(tg.float32, [2, 2])
    w = np.array([[0.1, 0.2], [0.3, 0.4]], np.float32)
    expected = sess.run(x * w, {x: np.array([[1, 2], [3, 4]], np.float32)})
    assert np.array_equal(sess.run(x * w, {x: value}), expected)


def test_unusual_arrays_as_feeds(sess):
    x = tg.placeholder(tg.float32)
    for value in (np.float32(1), np.zeros((0, 3)), np.broadcast_to(np.float32(1), (2, 3))):
        assert np.array_equal(sess.run(x + 1.0, {x: value}), np.asarray(value) + 1)
    raw = np.zeros(9, np.uint8)
    unaligned = raw[1:].view(np.float32)
    assert not unaligned.flags.aligned
    assert sess.run(x + 1.0, {x: unaligned}).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        (tg.int32, np.eye(2), [[1, 0], [0, 1]]),
        (tg.int32, 1.0, 1),
        (tg.int32, [1.0, np.float64(2.0), 3], [1, 2, 3]),
        (tg.int32, [[], []], [[], []]),
        (tg.uint64, [2.0**63, 2**63 + 1, 1], [2**63, 2**63 + 1, 1]),  # NumPy would round these
        (tg.int64, [2**53 + 1, 1.0], [2**53 + 1, 1]),
        (tg.uint8, np.array([True, False]), [1, 0]),
        (tg.float32, [True, False], [1.0, 0.0]),
        (tg.float32, True, 1.0),
        (tg.float32, 2**70, 2.0**70),
        (tg.float32, [2**70, 1, 0.5], [2.0**70, 1.0, 0.5]),
        (tg.float32, 2**24 + 1, 2.0**24),  # the nearest float
        (tg.bool, 1, True),
        (tg.bool, [0, 1.0, True], [False, True, True]),
        (tg.bool, np.array([0, 1], np.uint8), [False, True]),
    ],
)
def test_feeds_of_another_kind_that_lose_nothing(sess, dtype, value, expected):
    x = tg.placeholder(dtype)
    got = sess.run(tg.identity(x), {x: value})
    assert got.dtype == dtype.as_numpy_dtype
    assert got.tolist() == expected


@pytest.mark.parametrize("dtype", [tg.int32, tg.bool])
def test_constants_convert_as_tf1_converts_them(sess, dtype):
    for value in (1.0, [1.0], [1, 0.0], [np.float64(1.0)], float("nan"), np.ma.masked_array([1])):
        with pytest.raises(TypeError):
            tg.constant(value, dtype)
    for value in (np.eye(2), np.float64(1.0), np.array([0, 1]), np.bool_(True), [True, False]):
        assert sess.run(tg.constant(value, dtype)).tolist() == np.asarray(value).tolist()
    for value in (np.array([1.5]), np.array([np.nan]), np.array([2.0**31])):  # TF: 1, 0, -2**31
        with pytest.raises(ValueError, match=r"without loss|range"):
            tg.constant(value, dtype)
    with pytest.raises(TypeError):
        tg.constant([1, 0], tg.bool)
    assert sess.run(tg.zeros([2], tg.int32) + np.ones(2)).tolist() == [1, 1]
    assert sess.run(tg.constant([2**63, 1], tg.uint64)).tolist() == [2**63, 1]


def test_a_tuple_of_tensors_as_a_key(sess):
    a, b, c = (tg.placeholder(tg.float32, name=name) for name in "abc")
    pair = collections.namedtuple("pair", "x y")
    for feeds in ({(a, (b, c)): (1, ([2.0], 3))}, {pair(a, "b:0"): [1, [2.0]], c: 3}):
        assert sess.run([a, b, c], feeds) == [1.0, [2.0], 3.0]
    for feeds in ({(a, b): (1, 2, 3)}, {(a, b): 1.0}, {(a, b): np.zeros(2)}, {(a, a): (1, 2)},
                  {(a, b): (1, 2), b: 2}, {b: 1, (a, b): (1, 2)}):
        with pytest.raises(ValueError, match="fed"):
            sess.run(a, feeds)
    with pytest.raises(TypeError, match="cannot feed"):
        sess.run(a, {(a, 5): (1, 2)})


def test_what_a_known_shape_says_needs_no_feed(sess):
    x, rows = tg.placeholder(tg.float32, [2, 3], name="x"), tg.placeholder(tg.float32, [None, 3])
    y = tg.sqrt(x)
    got = sess.run([tg.size(y), tg.shape(y), tg.rank(rows), tg.shape(x, out_type=tg.int64)])
    assert [value.tolist() for value in got] == [6, [2, 3], 2, [2, 3]]
    assert [value.dtype for value in got] == [np.int32, np.int32, np.int32, np.int64]
    assert tg.size(x, name="n").name == "n:0" and tg.shape([[1.0]]).name == "Shape_2:0"
    assert sess.run(tg.zeros_like(x) + tg.ones_like(x)).tolist() == [[1, 1, 1], [1, 1, 1]]
    with pytest.raises(ValueError, match="You must feed"):
        sess.run(tg.size(rows))
    assert sess.run(tg.shape(rows), {rows: np.zeros((5, 3))}).tolist() == [5, 3]


BAD_FEEDS = [
    (tg.int32, np.array([1.5]), ValueError),
    (tg.int32, [1.5], ValueError),
    (tg.int32, 2**40, ValueError),
    (tg.int32, 2**70, ValueError),
    (tg.int32, 1e300, ValueError),
    (tg.int64, 2.0**63, ValueError),
    (tg.int64, np.array([2.0**63]), ValueError),
    (tg.uint64, np.array([2.0**64]), ValueError),
    (tg.int32, [1, np.inf], ValueError),
    (tg.int32, np.array([np.nan, 1]), ValueError),
    (tg.uint8, -1, ValueError),
    (tg.int32, float("nan"), ValueError),
    (tg.float32, 1e300, ValueError),
    (tg.float16, 70000.0, ValueError),
    (tg.float32, 1j, TypeError),
    (tg.float32, 10**400, ValueError),
    (tg.float32, np.ma.masked_array([1.0], [True]), TypeError),
    (tg.float32, [np.ma.masked_array([1.0], [True])], TypeError),
    (tg.int32, [(1, np.ma.masked)], TypeError),
    (tg.float32, [1.0, None], TypeError),
    (tg.float32, np.array([1.0], object), TypeError),
    (tg.float32, "1.0", TypeError),
    (tg.float32, None, TypeError),
    (tg.bool, 2, ValueError),
    (tg.bool, 0.5, ValueError),
    (tg.bool, np.array([0, 255], np.uint8), ValueError),
    (tg.bool, [True, "no"], TypeError),
    (tg.float32, [[1.0], [2.0, 3.0]], ValueError),
]


@pytest.mark.parametrize(("dtype", "value", "error"), BAD_FEEDS)
def test_lossy_feeds_are_refused(sess, dtype, value, error):
    x = tg.placeholder(dtype, name="victim")
    with pytest.raises(error, match=r"victim.*test_session\.py"):
        sess.run(tg.identity(x), {x: value})


def test_infinity_is_no_overflow(sess):
    x = tg.placeholder(tg.float32)
    assert sess.run(x * 1.0, {x: float("inf")}) == np.inf
    assert sess.run(x * 1.0, {x: np.array([-np.inf])})[0] == -np.inf


def test_a_feed_of_the_wrong_shape(sess):
    x = tg.placeholder(tg.float32, [None, 2], name="x")
    with pytest.raises(ValueError, match=r"Cannot feed value of shape \(3,\) for Tensor 'x:0', "
                                         r"which has shape '\(\?, 2\)'"):
        sess.run(x, {x: [1.0, 2.0, 3.0]})


def test_one_tensor_under_two_keys(sess):
    x = tg.placeholder(tg.float32, name="x")
    with pytest.raises(ValueError, match="'x:0' is fed twice"):
        sess.run(x, {x: 1.0, "x:0": 2.0})


def test_a_tensor_as_a_feeds_value(sess):
    x = tg.placeholder(tg.float32, name="x")
    with pytest.raises(TypeError, match="part of the graph"):
        sess.run(x, {x: tg.constant(1.0)})
    with pytest.raises(TypeError):
        sess.run(x, {3: 1.0})


def test_what_a_key_of_a_feed_may_be(sess):
    x, w = tg.placeholder(tg.float32, [], name="x"), tg.Variable(1.0, name="w")
    y = x + w
    assert sess.run(y, {"x:0": 1.0, w: 2.0}) == 3.0
    assert sess.run(y, {x: 1.0, "w:0": 2.0}) == 3.0
    assert sess.make_callable(y, ["x:0", w])(1.0, 2.0) == 3.0


def test_an_operation_is_no_key_of_a_feed(sess):
    x, w = tg.placeholder(tg.float32, [], name="x"), tg.Variable(1.0, name="w")
    train = w.assign_add(1.0, name="train")
    step = tg.group(train, name="step")
    for key in (train.op, w.initializer, x.op, step, step.node, "x", "train", "step"):
        with pytest.raises(TypeError, match="operation"):
            sess.run([train, step], {key: np.zeros((), np.float32), x: 0.0})
        if key is not step.node:
            with pytest.raises(TypeError, match="operation"):
                sess.make_callable(train, [key])
    with pytest.raises(TypeError, match="its tensor is 'x:0'"):
        sess.run(x, {"x": 1.0})


def test_all_unfed_placeholders_are_named_with_their_fetches(sess):
    x, y = tg.placeholder(tg.float32, name="x"), tg.placeholder(tg.float32, [2], name="y")
    used = tg.placeholder(tg.float32, name="used")
    with pytest.raises(tg.errors.InvalidArgumentError) as error:
        sess.run({"a": x + used, "b": [y, x * y]}, {used: 1.0})
    text = str(error.value)
    assert "'x:0'" in text and "'y:0'" in text and __file__ in text
    assert "for fetches['a'], fetches['b'][1]\n" in text
    assert "for fetches['b'][0], fetches['b'][1]\n" in text
    assert "fed: 'used:0'" in text


def test_a_placeholder_made_twice_is_pointed_out(sess):
    tg.placeholder(tg.float32, name="images")
    x = tg.placeholder(tg.float32, name="images")
    with pytest.raises(ValueError, match="a close name, 'images:0', is fed"):
        sess.run(x, {"images:0": 1.0})


def test_any_tensor_can_be_fed(sess):
    a = tg.constant(1.0)
    b = a + 1.0
    w = tg.Variable(5.0)
    assert sess.run(b * 2.0, {b: 10.0}) == 20.0
    assert sess.run(b, {a: 3.0}) == 4.0
    assert sess.run(w + 1.0, {w: 1.0}) == 2.0  # not even initialised
    assert sess.run(a, {"Const:0": 7.0}) == 7.0


# ---------------------------------------------------------------- aliasing


def test_results_and_feeds_are_the_users_own(sess):
    x = tg.placeholder(tg.float32, [3])
    w = tg.Variable([1.0, 2.0, 3.0])
    sess.run(w.initializer)
    fetches = [x, x + 0.0, w, tg.identity(w), tg.reshape(w, [3, 1]), tg.reshape(x, [1, 3]),
               tg.constant([1.0, 1.0, 1.0]), w + x, tg.zeros([3])]
    feed = np.zeros(3, np.float32)
    feed.flags.writeable = False
    before = sess.run(fetches, {x: feed})
    kept = [value.copy() for value in before]
    for value in before:
        assert not np.may_share_memory(value, feed)
        value += 100.0
    after = sess.run(fetches, {x: feed})
    assert all(np.array_equal(a, b) for a, b in zip(after, kept, strict=True))
    sess.run(fetches, {x: np.ones(3)})
    assert all(np.array_equal(a, b) for a, b in zip(after, kept, strict=True))
    for i, a in enumerate(after):
        assert not any(np.may_share_memory(a, b) for b in after[i + 1 :])


def test_a_fetch_can_be_fed_back(sess):
    x = tg.placeholder(tg.float32, [2])
    value = np.zeros(2, np.float32)
    for _ in range(3):
        value = sess.run(x + 1.0, {x: value})
    assert value.tolist() == [3.0, 3.0]


# ---------------------------------------------------------------- errors of a run


def test_an_uninitialised_variable_is_named_with_its_line(sess):
    w = tg.Variable(1.0, name="w")
    with pytest.raises(tg.errors.FailedPreconditionError, match="uninitialized value w") as error:
        sess.run(w * 2.0)
    assert __file__ in str(error.value) and error.value.op == w.op


def test_a_kernels_error_names_node_operands_and_lines(sess):
    def broken(x, out=None):
        raise ValueError("boom")

    op = tg.elementwise("BrokenForTest", broken, lambda g, y, x: g)
    x = tg.placeholder(tg.float32, [None], name="x")
    y = op(x * 2.0, name="bad")
    with pytest.raises(tg.errors.InvalidArgumentError) as error:
        sess.run(y, {x: [1.0, 2.0]})
    text = str(error.value)
    assert "boom" in text and "'bad'" in text and "float32[2]" in text
    assert text.count(__file__) >= 2
    assert isinstance(error.value.__cause__, ValueError)


def test_a_gradients_error_names_the_forward_op(sess):
    def broken(x, out=None):
        raise ValueError("boom")

    bad = tg.elementwise("BrokenGradForTest", broken, None)
    op = tg.elementwise("FineForTest", np.tanh, lambda g, y, x: bad(g))
    x = tg.placeholder(tg.float32, [2], name="x")
    (gradient,) = tg.gradients(op(x, name="forward_op"), x)
    with pytest.raises(ValueError, match="gradient of 'forward_op'"):
        sess.run(gradient, {x: [1.0, 2.0]})


def test_floating_point_exceptions_are_values(sess):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = tg.placeholder(tg.float32)
        assert sess.run(x / 0.0, {x: 1.0}) == np.inf
        assert np.isnan(sess.run(tg.log(x), {x: -1.0}))
        assert sess.run(tg.exp(x), {x: 1000.0}) == np.inf


def test_a_failed_run_changes_no_variable(sess):
    def failing(x, out=None):
        if np.any(x > 5):
            raise ValueError("too much")
        return np.positive(x, out=out)

    check = tg.elementwise("CheckForTest", failing, None)
    v, w = tg.Variable(1.0), tg.Variable(10.0)
    x = tg.placeholder(tg.float32)
    first = v.assign_add(1.0)
    second = w.assign(check(x))
    sess.run(tg.global_variables_initializer())
    with pytest.raises(ValueError):
        sess.run([first, second], {x: 9.0})
    assert sess.run([v, w]) == [1.0, 10.0]
    sess.run([first, second], {x: 2.0})
    assert sess.run([v, w]) == [2.0, 2.0]


# ---------------------------------------------------------------- sessions


def test_default_sessions():
    x = tg.constant(2.0)
    with pytest.raises(ValueError, match="no default session"):
        x.eval()
    with tg.Session() as sess:
        assert x.eval() == 2.0 and tg.get_default_session() is sess
        w = tg.Variable(1.0)
        w.initializer.run()
        assert w.eval() == 1.0
    for use in (sess.run, sess.source, sess.profile):
        with pytest.raises(RuntimeError, match="closed"):
            use(x)
    assert tg.get_default_session() is None
    interactive = tg.InteractiveSession()
    assert x.eval() == 2.0
    interactive.close()
    assert tg.get_default_session() is None


def test_sessions_keep_their_own_values():
    w = tg.Variable(1.0)
    one, two = tg.Session(), tg.Session()
    one.run(w.initializer)
    two.run(w.initializer)
    one.run(w.assign_add(1.0))
    assert one.run(w) == 2.0 and two.run(w) == 1.0


def test_make_callable(sess):
    x, y = tg.placeholder(tg.float32), tg.placeholder(tg.float32)
    f = sess.make_callable([x + y, x * y], [x, y])
    assert f(2.0, 3.0) == [5.0, 6.0]
    with pytest.raises(TypeError):
        f(1.0)


def test_a_growing_graph_earns_one_warning(sess):
    x = tg.placeholder(tg.float32)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(60):
            sess.run(x + float(i), {x: 1.0})
        for node in [x + 1.0, x + 2.0]:  # as one does in a notebook
            sess.run(node, {x: 1.0})
    assert [w.category for w in caught] == [tg.errors.GraphGrowthWarning]
    assert "test_session.py" in str(caught[0].message)


def test_many_shapes_keep_the_cache_bounded(sess):
    x = tg.placeholder(tg.float32)
    y = x + 1.0
    for n in range(200):
        assert sess.run(y, {x: np.zeros(n)}).shape == (n,)
    assert len(sess._plans) <= 64


N = 2**24  # float32[N, N] has 2**50 bytes, more than a process can address
COLUMN = np.zeros((N, 1), np.float32)


def _outer(x):
    return x + tg.transpose(x)


@pytest.mark.parametrize(("name", "build"), [
    ("sum", lambda x: tg.add(x, tg.transpose(x), name="sum")),
    ("sum", lambda x: tg.reduce_sum(tg.add(x, tg.transpose(x), name="sum"))),
    ("sum", lambda x: tg.reduce_sum(tg.reshape(tg.add(x, tg.transpose(x), name="sum"), [-1]))),
    ("zeros", lambda x: tg.zeros([N, N])),
    ("huge", lambda x: tg.zeros([N, N, N, N], name="huge")),
    ("huge", lambda x: tg.reduce_sum(tg.random_uniform([N, N, N, N], name="huge"))),
    ("wide", lambda x: tg.broadcast_to(x, [N, N], name="wide")),
    ("range", lambda x: tg.range(2**50)),
    ("filled", lambda x: tg.fill(tg.shape(x)[0] * [1, 1], 1.0, name="filled")),
    ("w/Initializer", lambda x: tg.Variable(lambda: tg.zeros([N, N]), name="w").initializer),
    ("product", lambda x: tg.matmul(x, x, transpose_b=True, name="product")),
])
def test_memory_that_cannot_be_had(sess, name, build):
    x = tg.placeholder(tg.float32, [None, 1], name="x")
    with pytest.raises(tg.errors.ResourceExhaustedError, match=f"no memory for '.*{name}") as error:
        sess.run(build(x), {x: COLUMN})
    assert re.search(r"\[16777216,16777216.*takes [0-9,]{21,} bytes|int64\[", str(error.value))
    assert __file__ in str(error.value) and isinstance(error.value, MemoryError)
    assert sess.run(x + 1.0, {x: [[1.0]]}) == 2.0


def test_a_feed_and_a_constant_without_memory(sess):
    x = tg.placeholder(tg.float32, name="x")
    wide = np.broadcast_to(np.float64(0.0), (N, N))
    for value in (wide, np.broadcast_to(COLUMN, (N, N))):
        with pytest.raises(MemoryError, match=r"'x:0'.*float32\[16777216,16777216\] takes 1,125,"):
            sess.run(x, {x: value})
        with pytest.raises(MemoryError, match="takes"):
            tg.constant(value)
        with pytest.raises(MemoryError, match="takes"):
            tg.Variable(value)
    with pytest.raises(MemoryError, match=r"the constant 'c': float32\[16777216,16777216\] takes"):
        tg.constant(1.0, shape=[N, N], name="c")


def test_plans_are_bounded_in_bytes_too(sess, monkeypatch):
    monkeypatch.setattr("tinygraph.plans.BYTES_KEPT", 2**20)
    x = tg.placeholder(tg.float32, [None])
    y = tg.reduce_sum(tg.exp(x) * tg.tanh(x) + x)
    for n in range(20):
        sess.run(y, {x: np.zeros(2**14 + n)})  # 64 KiB a buffer
    held = [plan.bytes for plan in sess._plans.values()]
    assert 4 <= len(held) <= 8 and min(held) >= 2**16 and sum(held) <= 2**20
    assert next(reversed(sess._plans))[-1][1] == (2**14 + 19,)
    wide = tg.placeholder(tg.float32, [None, 1])
    z = tg.reduce_sum(tg.exp(_outer(wide)))
    for n in range(5):
        sess.run(z, {wide: np.zeros((600 + n, 1))})  # 1.4 MB: the latest four are kept all the same
    assert len(sess._plans) == 4 == len(sess._plans.orders)


def test_a_plan_counts_what_it_made_not_what_the_graph_holds(sess):
    x, table = tg.placeholder(tg.float32, []), tg.constant(np.arange(5000, dtype=np.float32))
    for y, least, most in [(table * x, 0, 200), ((table + 1.0) * x, 20000, 20200)]:
        sess.run(y, {x: 2.0})
        assert least <= next(reversed(sess._plans.values())).bytes <= most


def test_threads_share_a_session(sess):
    x = tg.placeholder(tg.float32)
    y = x * 2.0 + 1.0
    count = tg.Variable(0)
    add = count.assign_add(1)
    sess.run(count.initializer)
    wrong = []

    def work(number):
        for i in range(200):
            value = float(number * 1000 + i)
            if sess.run(y, {x: value}) != value * 2.0 + 1.0:
                wrong.append(value)
            sess.run(add)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sess.run(count) == 8 * 200


def test_feeds_in_another_order_find_the_same_plan(sess):
    x, y, z = (tg.placeholder(tg.float32, [None], name=name) for name in "xyz")
    result = x + 10.0 * y + 100.0 * z
    values = {x: [1.0], y: [2.0], z: [3.0]}
    for order in itertools.permutations(values):
        assert sess.run(result, {node: values[node] for node in order}) == [321.0]
    assert len(sess._plans) == 1
    metadata = tg.RunMetadata()
    options = tg.RunOptions(trace_level=tg.RunOptions.FULL_TRACE)
    assert sess.run(result, dict(reversed(values.items())), options, metadata) == [321.0]
    assert sess.run(result, {z: [3.0, 3.0], y: [2.0], x: [1.0]}).tolist() == [321.0, 321.0]
    assert len(sess._plans) == 2


def test_plans_of_other_orders_go_with_the_plan(sess):
    x, y = tg.placeholder(tg.float32, [None]), tg.placeholder(tg.float32, [None])
    for n in range(1, 201):
        ones = np.ones(n, np.float32)
        assert sess.run(x - y, {x: ones, y: 2.0 * ones})[-1] == -1.0
        assert sess.run(x - y, {y: 2.0 * ones, x: ones})[-1] == -1.0
    assert sess.run(x - y, {y: [2.0], x: [1.0]}) == [-1.0]
    assert len(sess._plans) == len(sess._plans.orders) <= 64


@pytest.mark.parametrize("within", [
    lambda sess, w, y: sess.run(y),
    lambda sess, w, y: sess.run(w.initializer),
    lambda sess, w, y: sess.make_callable(y)(),
    lambda sess, w, y: sess.profile(y, runs=1),
    lambda sess, w, y: w.load([5.0, 5.0], sess),
    lambda sess, w, y: sess.close(),
    lambda sess, w, y: y.eval(session=sess),
])
@pytest.mark.parametrize("how", ["run", "profile"])
def test_a_run_within_a_run_is_refused(sess, within, how):
    def nesting(x, out=None):
        if np.any(x > 0.0):
            within(sess, w, y)
        return np.positive(x, out=out)

    op = tg.elementwise(f"Nesting{next(serial)}ForTest", nesting)
    x, w = tg.placeholder(tg.float32, [2]), tg.Variable([1.0, 1.0])
    y = w * 2.0 + 1.0
    outer = [y + op(x), w.assign_add([1.0, 1.0])]
    sess.run(w.initializer)
    call = {"run": sess.run, "profile": sess.profile}[how]
    with pytest.raises(tg.errors.FailedPreconditionError, match="a run within a run") as error:
        call(outer, {x: [1.0, 1.0]})
    assert "ForTest'" in str(error.value)
    assert sess.run(w).tolist() == [1.0, 1.0]
    assert sess.run(outer, {x: [0.0, 0.0]})[0].tolist() == [3.0, 3.0]


def test_a_kernel_may_run_another_session(sess):
    other = tg.Session()
    seven = tg.constant(3.0) + 4.0

    def kernel(x, out=None):
        return np.add(x, other.run(seven), out=out)

    op = tg.elementwise("OtherSessionForTest", kernel)
    x = tg.placeholder(tg.float32, [])
    assert sess.run(op(x), {x: 1.0}) == 8.0


def test_a_signal_handler_cannot_spoil_a_run(sess):
    x = tg.placeholder(tg.float32, [2])
    y = tg.elementwise("SignalForTest", lambda x, out=None: _signalled(x, out))(x + 1.0) * 2.0
    caught = []

    def handler(*_):
        try:
            sess.run(y, {x: [100.0, 100.0]})
        except tg.errors.FailedPreconditionError as error:
            caught.append(error)

    before = signal.signal(signal.SIGINT, handler)
    try:
        assert sess.run(y, {x: [1.0, 2.0]}).tolist() == [4.0, 6.0]
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(caught) == 1


def _signalled(x, out):
    signal.raise_signal(signal.SIGINT)
    return np.positive(x, out=out)


def test_another_thread_waits_for_a_run_to_end(sess):
    inside, x = threading.Event(), tg.placeholder(tg.float32, [])
    threads, results = [], []

    def kernel(x, out=None):
        if not threads:
            threads.append(threading.Thread(target=lambda: results.append(sess.run(x2))))
            threads[0].start()
            assert not inside.wait(0.05)  # the other one is at the door
        return np.positive(x, out=out)

    def late(x, out=None):
        inside.set()
        return np.positive(x, out=out)

    y = tg.elementwise("WaitsForTest", kernel)(x)
    x2 = tg.elementwise("EntersForTest", late)(tg.Variable(2.0, name="w").initial_value + 1.0)
    assert sess.run(y, {x: 1.0}) == 1.0
    threads[0].join()
    assert results == [3.0]
