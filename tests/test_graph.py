"""Names, scopes, control dependencies, collections and errors while building."""

import gc
import inspect
import pickle
import weakref

import numpy as np
import pytest

import tinygraph as tg


def test_names_are_made_unique_as_in_tf1():
    names = [tg.constant(1.0, name="a").name for _ in range(3)]
    assert names == ["a:0", "a_1:0", "a_2:0"]
    assert tg.constant(1.0, name="A").name == "A_3:0"  # TF1 ignores case
    assert tg.constant(1.0, name="a_1").name == "a_1_1:0"


def test_operands_are_named_inside_the_operator():
    x = tg.placeholder(tg.float32, name="x")
    first, second = x * 2.0, 3.0 * x
    assert (first.name, first.op.inputs[1].name) == ("mul:0", "mul/y:0")
    assert (second.name, second.op.inputs[0].name) == ("mul_1:0", "mul_1/x:0")


def test_scopes_nest_and_reopen():
    with tg.name_scope("a") as scope:
        with tg.name_scope("b"):
            assert tg.constant(1.0, name="c").name == "a/b/c:0"
        with tg.name_scope(scope):
            assert tg.constant(1.0, name="c").name == "a/c:0"
        with tg.name_scope(None):
            assert tg.constant(1.0, name="c").name == "c:0"
    with tg.name_scope("a"):
        assert tg.constant(1.0, name="c").name == "a_1/c:0"


MAKERS = [
    tg.Variable,
    tg.constant,
    lambda value, name: tg.placeholder(tg.float32, name=name),
    lambda value, name: tg.negative(tg.constant(value), name=name),
    lambda value, name: tg.no_op(name=name),
]


@pytest.mark.parametrize("names", [("w", "w/"), ("w/", "w"), ("w/", "w/"), ("a/b/", "a/b")])
@pytest.mark.parametrize("second", MAKERS)
@pytest.mark.parametrize("first", MAKERS)
def test_two_nodes_of_one_name_are_refused(first, second, names):
    made = first(1.0, name=names[0])
    made = made if isinstance(made, tg.Operation) else made.op
    with pytest.raises(ValueError, match=f"Duplicate node name in graph: '{made.name}'.*.py:"):
        second(2.0, name=names[1])
    assert tg.get_default_graph().get_operation_by_name(made.name) == made


def test_a_scope_names_one_node():
    with tg.name_scope("s") as scope:
        assert tg.Variable(1.0, name=scope).name == "s:0"
        with pytest.raises(ValueError, match="Duplicate node name in graph: 's'"):
            tg.Variable(2.0, name=scope)
    assert tg.Variable(3.0, name="S/").name == "S:0"  # as in TF, where a node "s" exists


@pytest.mark.parametrize("name", ["a b", "-a", "", "a:0", "ä"])
def test_invalid_names(name):
    with pytest.raises(ValueError, match="not a valid name"):
        tg.get_default_graph().unique_name(name)


@pytest.mark.parametrize("name", ["_a b", "_a:0", '_"', "-\n", "", "_ä"])
def test_names_that_are_invalid_in_a_scope_too(name):
    with tg.name_scope("scope"):
        assert tg.constant(1.0, name="_a").op.name == "scope/_a"
        with pytest.raises(ValueError, match="not a valid name"):
            tg.get_default_graph().unique_name(name)


def test_lookup_by_name():
    graph = tg.get_default_graph()
    loss = tg.identity(1.0, name="loss")
    assert graph.get_tensor_by_name("loss:0") is loss
    assert graph.get_operation_by_name("loss") == loss.op
    assert loss.op.outputs == [loss]
    with pytest.raises(KeyError, match="close names: loss"):
        graph.get_tensor_by_name("los:0")
    with pytest.raises(ValueError, match="write 'loss:0'"):
        graph.get_tensor_by_name("loss")
    with pytest.raises(ValueError, match="leave out"):
        graph.get_operation_by_name("loss:0")
    with pytest.raises(TypeError):
        graph.get_tensor_by_name(3)


def test_graphs_do_not_mix():
    a = tg.constant(1.0)
    with tg.Graph().as_default():
        b = tg.constant(1.0)
    with pytest.raises(ValueError, match="different graphs"):
        a + b
    with pytest.raises(ValueError, match="another graph"):
        tg.Session(graph=a.graph).run(b)


def test_finalized_graph_takes_no_more_nodes():
    a = tg.constant(1.0)
    a.graph.finalize()
    with pytest.raises(RuntimeError, match="finalized"):
        a + 1.0
    assert tg.Session().run(a) == 1.0


def test_reset_default_graph_only_outside_of_blocks():
    before = tg.get_default_graph()
    with before.as_default(), pytest.raises(ValueError):
        tg.reset_default_graph()


def test_control_dependencies_nest_and_lift():
    a, b = tg.no_op(name="a"), tg.no_op(name="b")
    with tg.control_dependencies([a]):
        with tg.control_dependencies([b]):
            c = tg.constant(1.0)
        with tg.control_dependencies(None):
            d = tg.constant(1.0)
    assert c.op.control_inputs == [a, b]
    assert d.op.control_inputs == []


def test_collections():
    tg.add_to_collection("losses", 1)
    tg.add_to_collections(["losses", "other"], 2)
    assert tg.get_collection("losses") == [1, 2]
    assert tg.get_collection("none") == []
    tg.get_collection("losses").append(3)
    assert tg.get_collection("losses") == [1, 2]
    w = tg.Variable(1.0, name="in/w")
    tg.Variable(1.0, name="out/w", trainable=False)
    assert tg.get_collection(tg.GraphKeys.GLOBAL_VARIABLES, scope="in/") == [w]
    assert tg.trainable_variables() == [w]


def test_nodes_are_neither_true_nor_iterable():
    x = tg.constant([1.0, 2.0])
    for use in (bool, list, len):
        with pytest.raises(TypeError, match="Const"):
            use(x)
    assert x == x and x != tg.constant([1.0, 2.0]) and len({x, x}) == 1


def test_errors_name_the_users_line():
    x = tg.placeholder(tg.float32, [2, 3], name="x")
    y = tg.placeholder(tg.float32, [2, 4], name="y")
    with pytest.raises(ValueError) as error:
        x + y
    assert "are 3 and 4" in str(error.value)
    assert str(error.value).count(__file__) == 2
    with pytest.raises(TypeError, match=r"float32 and int32 do not mix.*tg.cast"):
        x + tg.placeholder(tg.int32)


def test_python_and_numpy_operands_take_the_tensors_dtype():
    x = tg.placeholder(tg.float64, [2])
    array = np.ones(2, np.float32)
    for y in (x + 1, 1 + x, x + np.float32(1), array + x, x + np.array([1, 2], np.int8)):
        assert y.dtype == tg.float64
    i = tg.placeholder(tg.int32, [2])
    assert (i + 1).dtype == tg.int32
    assert (i + np.ones(2)).dtype == tg.int32
    for bad in (1.5, 1.0, [1.5]):
        with pytest.raises(TypeError):
            i + bad
    with pytest.raises(ValueError):
        i + 2**40


def test_default_dtypes():
    assert tg.constant(1.5).dtype == tg.float32
    assert tg.constant([1, 2]).dtype == tg.int32
    assert tg.constant(2**40).dtype == tg.int64
    assert tg.constant([np.float64(1)]).dtype == tg.float32
    assert tg.constant(np.float64(1)).dtype == tg.float64
    assert tg.constant(True).dtype == tg.bool
    assert tg.Variable(np.zeros(2)).dtype == tg.float64


@pytest.mark.parametrize("bad", [None, "text", 1j, [1, None], object(), np.ma.masked_array([1])])
def test_what_is_no_constant(bad):
    with pytest.raises(TypeError):
        tg.constant(bad)


def test_ragged_lists_are_no_constants():
    with pytest.raises(ValueError, match="rectangular"):
        tg.constant([[1, 2], [3]])


def test_unknown_shapes_print_as_in_tf1():
    assert str(tg.placeholder(tg.float32, [None, 784]).shape) == "(?, 784)"
    assert str(tg.placeholder(tg.float32).shape) == "<unknown>"
    x = tg.placeholder(tg.float32, [None, 784])
    assert (x.shape[0].value, x.get_shape()[1].value, int(x.shape[1])) == (None, 784, 784)
    assert x.shape.as_list() == [None, 784]
    x.set_shape([5, None])
    assert x.shape == [5, 784]
    with pytest.raises(ValueError, match="incompatible"):
        x.set_shape([6, 784])


def test_arithmetic_of_dimensions():
    n, unknown = tg.Dimension(9), tg.Dimension(None)
    assert [(4 % n).value, (20 % n).value, (n % 4).value, (20 // n).value] == [4, 2, 1, 2]
    assert (4 % unknown).value is None and (n * 2.0).value == 18
    assert tg.placeholder(tg.float32, [784 / 2, 3]).shape == [392, 3]
    assert tg.zeros([4 / 2]).shape == [2]
    with pytest.raises(TypeError):
        tg.placeholder(tg.float32, [1.5])
    assert n.is_compatible_with(None) and not n.is_compatible_with(8)
    assert unknown.merge_with(9) == 9 and n.merge_with(unknown) == 9
    with pytest.raises(ValueError, match="Dimensions 9 and 4 are not compatible"):
        n.merge_with(4)


def test_the_dimensions_of_a_shape():
    shape = tg.placeholder(tg.float32, [None, 9]).shape
    assert shape.dims[-1].value == 9 and shape.dims[0].value is None
    assert isinstance(shape.dims, list) and [str(dim) for dim in shape.dims] == ["?", "9"]
    assert tg.TensorShape(None).dims is None and tg.TensorShape([]).dims == []
    assert tg.TensorShape(shape.dims).as_list() == [None, 9]


def test_shapes_as_tensors():
    for dims, dtype in (([], tg.int32), ([2, 3], tg.int32), ([2**40], tg.int64)):
        node = tg.convert_to_tensor(tg.TensorShape(dims))
        assert node.dtype == dtype and node.eval(session=tg.Session()).tolist() == dims
    assert tg.convert_to_tensor(tg.TensorShape([]), tg.int64).dtype == tg.int64
    with pytest.raises(TypeError, match="Cannot convert a TensorShape to dtype float32"):
        tg.convert_to_tensor(tg.TensorShape([2]), tg.float32)
    with pytest.raises(ValueError, match="partially known"):
        tg.convert_to_tensor(tg.TensorShape([None]))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: tg.reduce_all([]), True),
        (lambda: tg.reduce_any([]), False),
        (lambda: tg.logical_not([]), []),
        (lambda: tg.logical_or([], True), []),
        (lambda: tg.where([], [], []), []),
        (lambda: tg.boolean_mask([], []), []),
        (lambda: tg.logical_and(np.array([0, 1]), True), [False, True]),
        (lambda: tg.where(np.array([0, 1]), [1, 2], [3, 4]), [3, 2]),
        (lambda: tg.reduce_all(np.array([0.0, 1.0])), False),
        (lambda: tg.boolean_mask([1, 2], np.array([0, 1])), [2]),
    ],
)
def test_what_becomes_bools_where_bools_are_wanted(call, expected):
    assert tg.Session().run(call()).tolist() == expected


def test_numbers_are_no_bools():
    for bad in ([0, 1], 1.0, tg.constant([1])):
        with pytest.raises(TypeError):
            tg.reduce_all(bad)
    with pytest.raises(ValueError, match=r"2.* is not bool without loss"):
        tg.logical_not(np.array([0, 2]))


def test_operands_that_share_a_dtype_take_it():
    double = np.array([1.0, 0.0, 0.0])
    for node in (
        tg.linspace(np.float64(0), 0.1, 3),
        tg.linspace(0.0, tg.constant(0.1, tg.float64), 3),
        tg.linspace(tg.constant(0.0, tg.float64), np.float32(0.1), 3),
        tg.cross(double, [0.0, 1.0, 0.0]),
        tg.cross([0.0, 1.0, 0.0], tg.constant(double)),
        tg.matrix_solve(np.eye(2), [[1.0], [2.0]]),
        tg.where(True, double, [0.0, 1.0, 0.0]),
    ):
        assert node.dtype == tg.float64
    exact = tg.Session().run(tg.linspace(np.float64(0), 0.1, 3))
    np.testing.assert_array_equal(exact, [0.0, 0.05, 0.1])


def test_a_dropped_graph_is_collected():
    with tg.Graph().as_default() as graph:
        x = tg.placeholder(tg.float32)
        loss = tg.reduce_sum(x * tg.Variable(2.0))
        tg.gradients(loss, x)
        sess = tg.Session()
        sess.run(tg.global_variables_initializer())
        sess.run(loss, {x: 1.0})
    gone = weakref.ref(graph)
    del graph, x, loss, sess
    gc.collect()
    assert gone() is None


def test_ops_and_dtypes_pickle():
    assert pickle.loads(pickle.dumps(tg.float32)) is tg.float32
    assert pickle.loads(pickle.dumps(tg.tanh)) is tg.tanh
    shape = tg.TensorShape([None, 3])
    assert pickle.loads(pickle.dumps(shape)).sizes == shape.sizes


HOSTILE = "x\n    __import__('os').system('true')  #"


@pytest.mark.parametrize(
    "name", [HOSTILE, HOSTILE + "/", "a b/", "/", "_a/", "x\r", "\u00e9", "a\\b"]
)
@pytest.mark.parametrize("inside", [False, True])
def test_a_name_is_checked_at_every_door(name, inside):
    doors = (
        lambda: tg.tanh(1.0, name=name),
        lambda: tg.tanh(tg.constant(1.0), name=name),
        lambda: tg.name_scope(name).__enter__(),
        lambda: tg.variable_scope(name).__enter__(),
        lambda: tg.Variable(1.0, name=name),
        lambda: tg.get_variable(name, [1]),
        lambda: tg.gradients(tg.constant(1.0), [], name=name),
        lambda: tg.get_default_graph().unique_name(name),
        lambda: tg.train.GradientDescentOptimizer(0.1, name=name).minimize(tg.Variable(1.0) * 2.0),
    )
    for door in doors:
        with tg.Graph().as_default(), tg.name_scope("outer" if inside else None):
            with pytest.raises(ValueError, match="not a valid name"):
                door()


def test_a_scope_entered_by_its_own_name_may_be_empty_or_whole():
    with tg.name_scope("a") as scope:
        assert tg.constant(1.0, name=scope).name == "a:0"
    with tg.name_scope("s"), tg.name_scope("b/"):
        assert tg.constant(1.0, name="c").name == "b/c:0"


def test_calls_by_position_and_by_keyword():
    assert tg.add(1.0, 2.0, "sum").name == "sum:0"
    assert tg.nn.relu(features=[1.0], name="r").name == "r:0"
    for wrong in (lambda: tg.add(1.0), lambda: tg.add(1.0, x=2.0), lambda: tg.add(1.0, 2.0, 3.0)):
        with pytest.raises(TypeError, match=r"(?i)add"):
            wrong()
    with pytest.raises(TypeError, match=r"^'add' of .*: there is no argument 'foo'"):
        tg.add(1.0, 2.0, foo=3)
    assert str(inspect.signature(tg.add)) == "(x, y, name=None)"


def test_python_operands_take_the_dtype_of_the_first():
    for node in (tg.add([1.0], 2), tg.maximum(0.0, [1, 2]), tg.concat([[1.0], [2]], 0)):
        assert node.dtype == tg.float32
    with pytest.raises(TypeError, match="as 'y' of 'Add"):
        tg.add(1, 2.5)


def test_dtypes_by_name():
    assert tg.as_dtype("float") is tg.float32 and tg.as_dtype("double") is tg.float64
    for bad in (None, "text", object):
        with pytest.raises(TypeError):
            tg.as_dtype(bad)


def test_a_tensor_is_no_array():
    with pytest.raises(NotImplementedError, match="Const"):
        np.array(tg.constant(1.0))
    with pytest.raises(TypeError, match="list"):
        tg.control_dependencies(tg.constant(1.0)).__enter__()
