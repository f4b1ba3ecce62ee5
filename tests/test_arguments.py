"""Arguments that do not fit: the messages name the op, the tensor and the line that made it."""

import functools
import inspect
import pydoc
import re
import typing

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.op import _registry


@pytest.fixture(autouse=True)
def graph():
    with tg.Graph().as_default() as graph:
        yield graph


def tensor(shape=(2, 3), dtype=tg.float32, name="x"):
    return tg.placeholder(dtype, shape, name=name)


def message(error, build, *arguments):
    with pytest.raises(error) as caught:
        build(*arguments)
    return str(caught.value)


OUT_OF_RANGE = {
    "Sum": lambda x: tg.reduce_sum(x, 2, name="loss"),
    "Mean": lambda x: tg.reduce_mean(x, [0, -3], name="loss"),
    "LogSumExp": lambda x: tg.reduce_logsumexp(x, 2, name="loss"),
    "EuclideanNorm": lambda x: tg.norm(x, axis=2, name="loss"),
    "ArgMax": lambda x: tg.argmax(x, 2, name="loss"),
    "ArgMin": lambda x: tg.argmin(x, -3, name="loss"),
    "Cumsum": lambda x: tg.cumsum(x, 2, name="loss"),
    "Cumprod": lambda x: tg.cumprod(x, 2, name="loss"),
    "GatherV2": lambda x: tg.gather(x, 0, axis=2, name="loss"),
    "BooleanMask": lambda x: tg.boolean_mask(x, [True], axis=2, name="loss"),
    "ConcatV2": lambda x: tg.concat([x, x], 2, name="loss"),
    "Pack": lambda x: tg.stack([x, x], 3, name="loss"),
    "Unpack": lambda x: tg.unstack(x, 2, axis=2, name="loss"),
    "Split": lambda x: tg.split(x, 2, axis=2, name="loss"),
    "ExpandDims": lambda x: tg.expand_dims(x, 3, name="loss"),
    "Squeeze": lambda x: tg.squeeze(x, 2, name="loss"),
    "OneHot": lambda x: tg.one_hot(tg.cast(x, tg.int32, name="x"), 3, axis=3, name="loss"),
}


@pytest.mark.parametrize("op", OUT_OF_RANGE)
def test_an_axis_out_of_range_names_op_tensor_and_line(op):
    text = message(ValueError, OUT_OF_RANGE[op], tensor())
    assert re.search(r"axis -?\d is out of range for a tensor of rank \d for 'loss'", text)
    assert f"(op: '{op}')" in text and "'x" in text and __file__ in text


def test_what_is_wrong_before_there_is_a_node_is_named_too():
    x, unknown = tensor(), tensor(None, name="unknown")
    texts = [
        message(ValueError, lambda: x[..., ...]),
        message(TypeError, lambda: x[1.5]),
        message(ValueError, lambda: tg.strided_slice(x, [0, 1], [1])),
        message(ValueError, tg.unstack, unknown),
        message(ValueError, tg.unstack, x, None, 2),
        message(ValueError, tg.split, x, [-2, 5]),
        message(TypeError, tg.reduce_sum, x, 1.5),
        message(TypeError, tg.argmax, x, "rows"),
        message(TypeError, tg.transpose, x, [0.0, 1.0]),
    ]
    for text in texts:
        assert re.search(r"'(x|unknown)(:0' \(|' was )made at " + re.escape(__file__), text), text


NEEDS_INTS = {
    "'boolean_mask' (op: 'BooleanMask')": lambda x, axis: tg.boolean_mask(x, [True], axis=axis),
    "'stack'": lambda x, axis: tg.stack([x, x], axis),
    "'unstack'": lambda x, axis: tg.unstack(x, 2, axis),
    "'squeeze'": tg.squeeze,
    "'one_hot'": lambda x, axis: tg.one_hot(tg.to_int32(x), 3, axis=axis),
}


@pytest.mark.parametrize("op", NEEDS_INTS)
def test_an_axis_that_has_to_be_known_is_refused_with_advice(op):
    axis = tensor([], tg.int32, "axis")
    text = message(ValueError, NEEDS_INTS[op], tensor(), axis)
    assert "axis must be known while building" in text and "'axis:0' (made at " in text
    assert "give Python ints" in text and op.split()[0] in text and text.count(__file__) == 2


BOTH = {
    "'dim' and 'axis'": lambda x: tg.expand_dims(x, 0, dim=0),
    "'squeeze_dims' and 'axis'": lambda x: tg.squeeze(x, [0], squeeze_dims=[0]),
    "'dimension' and 'axis'": lambda x: tg.argmax(x, 0, dimension=0),
    "'preferred_dtype' and 'dtype_hint'": lambda x: tg.convert_to_tensor(
        1, preferred_dtype=tg.float32, dtype_hint=tg.float32
    ),
    "'input_tensor' and 'input'": lambda x: tg.count_nonzero(x, input=x),
}
REDUCTIONS = "sum mean max min prod logsumexp".split()


@pytest.mark.parametrize("names", BOTH)
def test_an_argument_and_its_alias_are_not_both_given(names):
    assert f"Cannot specify both {names}" in message(ValueError, BOTH[names], tensor())


@pytest.mark.parametrize("name", REDUCTIONS)
def test_a_reductions_aliases_are_not_given_twice(name):
    x, reduce = tensor(), getattr(tg, f"reduce_{name}")
    both = {"axis": 0, "reduction_indices": 0}
    assert "'reduction_indices' and 'axis'" in message(ValueError, lambda: reduce(x, **both))
    both = {"keepdims": False, "keep_dims": False}
    assert "'keep_dims' and 'keepdims'" in message(ValueError, lambda: reduce(x, **both))


def test_aliases_alone_mean_the_same():
    x = np.zeros((1, 3))
    assert tg.expand_dims(x, dim=-1).shape.as_list() == [1, 3, 1]
    assert tg.squeeze(x, squeeze_dims=[0]).shape.as_list() == [3]
    assert tg.convert_to_tensor(1, preferred_dtype=tg.float32).dtype is tg.float32
    with pytest.raises(ValueError, match="expand_dims needs an axis"):
        tg.expand_dims(x)


# ---------------------------------------------------------------- accepted nowhere, as in TF 1.15

REFUSED_VALUES = {  # a ValueError
    "clip_norm that widens": lambda: tg.clip_by_norm(np.ones(3), np.ones((2, 3))),
    "unconnected_gradients": lambda: tg.gradients(x23(), x23(), unconnected_gradients="nonsense"),
    "axis of rank 2": lambda: tg.reduce_sum(x23(), [[0], [1]]),
    "an axis in a list": lambda: tg.cumsum(x23(), [0]),
    "argmax's axis in a list": lambda: tg.argmax(x23(), [0]),
    "concat's axis in a list": lambda: tg.concat([x23(), x23()], [0]),
    "num against the sizes": lambda: tg.split(np.ones(6), [1, 2, 3], num=4),
    "diag of a scalar": lambda: tg.diag(1.0),
    "a mask of unknown rank": lambda: tg.boolean_mask(x23(), tensor(None, tg.bool)),
    "two axes to expand": lambda: tg.expand_dims(x23(), [0, 1]),
    "a vector of num_segments": lambda: tg.unsorted_segment_sum(x23(), [0, 1], [2]),
    "num_segments -1": lambda: tg.unsorted_segment_sum(x23(), [0, 1], -1),
    "eye(-1)": lambda: tg.eye(-1),
    "eye([2])": lambda: tg.eye([2]),
    "a vector as depth": lambda: tg.one_hot([1], [3]),
    "a vector as k": lambda: tg.nn.top_k(x23(), [1]),
    "zeros([-1])": lambda: tg.zeros([-1]),
    "range(nan)": lambda: tg.range(float("nan")),
    "a constraint of 0": lambda: tg.Variable(1.0, constraint=0),
    "ints of random_normal": lambda: tg.random_normal_initializer(dtype=tg.int32),
    "a cyclic list": lambda: tg.constant(cyclic()),
    "a cyclic list with a tensor": lambda: tg.stack([1.0, cyclic(x23())]),
    "cyclic fetches": lambda: tg.Session().run(cyclic(x23())),
    "an op's updates": lambda: tg.composite("Odd", lambda x: x, None, role="add"),
    "a shape of 2**70": lambda: tg.placeholder(tg.float32, [2**70]),
}
REFUSED_TYPES = {  # a TypeError
    "one_hot of two dtypes": lambda: tg.one_hot([1], 3, on_value=1.0, off_value=0),
    "a float64 rate": lambda: tg.nn.dropout(x23(), rate=tg.constant(0.5, tg.float64)),
    "keepdims": lambda: tg.reduce_sum(x23(), 0, keepdims="no"),
    "transpose_a": lambda: tg.matmul(x23(), x23(), transpose_a="no"),
    "a shape in bytes": lambda: tg.placeholder(tg.float32, b"ab"),
    "saturate_cast to bool": lambda: tg.saturate_cast(x23(), tg.bool),
    "einsum(5)": lambda: tg.einsum(5, x23(), x23()),
    "a seed of 1.5": lambda: tg.random_normal([2], seed=1.5),
    "a name that is an int": lambda: tg.add(1, 2, name=5),
    "an array as name": lambda: tg.tanh(x23(), name=np.ones(2)),
    "a placeholder's name": lambda: tg.placeholder(tg.float32, name=5),
    "an initializer's signature": lambda: tg.get_variable("v", [2], initializer=lambda a: 1.0),
    "a variable's collections": lambda: tg.Variable(1.0, collections=5),
    "an optimizer's name": lambda: tg.train.AdamOptimizer(name=5),
    "pairs of one": lambda: tg.train.AdamOptimizer().apply_gradients([(x23(),)]),
    "a variable of an average": lambda: tg.train.ExponentialMovingAverage(0.9).average("w"),
    "a graph": lambda: tg.train.get_global_step("graph"),
    "squeeze": lambda: tg.squeeze(np.ones((1, 2)), axis={0}),
}


def x23():
    return tg.constant(np.ones((2, 3), np.float32))


def cyclic(first=1.0):
    items = [first]
    items.append(items)
    return items


@pytest.mark.parametrize("what", REFUSED_VALUES)
def test_wrong_values_are_refused_while_building(what):
    with pytest.raises(ValueError) as caught:
        REFUSED_VALUES[what]()
    assert isinstance(caught.value, tg.errors.TinygraphError)


@pytest.mark.parametrize("what", REFUSED_TYPES)
def test_wrong_types_are_refused_while_building(what):
    with pytest.raises(TypeError) as caught:
        REFUSED_TYPES[what]()
    assert isinstance(caught.value, tg.errors.TinygraphError)


@pytest.mark.parametrize("rule, error", [
    (lambda g, y, x: tg.ones([7]) * tg.reduce_sum(g), ValueError),
    (lambda g, y, x: tg.cast(g, tg.float64), TypeError),
    (lambda g, y, x: "steep", TypeError),
])
def test_a_rule_that_gives_no_gradient_of_its_input_is_named(rule, error):
    op = tg.Op("TestRule", lambda x, out=None: x, lambda x: x, (rule,), ("x",))
    try:
        x = x23()
        text = message(error, lambda: tg.gradients(op(x, name="mine"), x))
    finally:
        del _registry["TestRule"]
    assert "the gradient rule of 'mine' (op: 'TestRule'" in text and "float32[2,3]" in text


@pytest.mark.parametrize("dtype, value, expected", [
    (tg.bool, 2, "2 is not bool without loss"),
    (tg.bool, float("nan"), "nan is not bool without loss"),
    (tg.int32, [float("nan"), 1], "nan is not int32 without loss"),
    (tg.int32, np.float64(2.5), "2.5 is not int32 without loss"),
    (tg.float16, np.float64(1e30), "1e+30 is out of the range of float16"),
])
def test_a_fed_number_that_does_not_fit_is_shown_as_itself(dtype, value, expected):
    x = tg.placeholder(dtype)
    assert message(ValueError, lambda: tg.Session().run(x, {x: value})).endswith(f"): {expected}")


def test_what_an_op_takes_instead_is_said():
    count, half = tensor([], tg.int32, "count"), tg.constant(2.0, tg.float16)
    text = message(ValueError, lambda: tg.tensordot(x23(), x23(), count))
    assert "'count:0'" in text and "has shape ()" in text and "must be known while building" in text
    text = message(TypeError, lambda: tg.range(half))
    assert text == "range takes int32, int64, float32, float64, not float16"


def test_a_record_is_a_function_with_attributes_defaults_and_names():
    """As TF's: by position or keyword, converted, and with its own name for nodes."""
    a = np.array([[2.0, 1.0], [0.0, 4.0]])
    assert str(inspect.signature(tg.matrix_inverse)) == "(input, adjoint=False, name=None)"
    assert str(inspect.signature(tg.matrix_diag)) == "(diagonal, name='diag')"
    assert str(inspect.signature(tg.check_numerics)) == "(tensor, message, name=None)"
    assert str(inspect.signature(tg.div_no_nan)) == "(x, y, name=None)"
    assert tg.div_no_nan(1.0, 2.0).op.name == "div_no_nan"
    assert tg.reduce_logsumexp([1.0]).op.name == "ReduceLogSumExp"
    assert inspect.signature(tg.reduce_logsumexp).parameters["name"].default is None
    calls = (
        tg.matrix_inverse(a, True), tg.matrix_inverse(a, adjoint=1),
        tg.matrix_inverse(a, True, "inverse"), tg.matrix_inverse(adjoint=True, input=a),
    )
    for value in tg.Session().run(calls):
        np.testing.assert_allclose(value, np.linalg.inv(a.T), rtol=1e-12)
    assert calls[2].op.name == "inverse"
    assert tg.matrix_diag([1.0]).op.name == "diag"
    for wrong, message in (
        (lambda: tg.matrix_inverse(a, 2), "'matrix_inverse': adjoint must be True or False, not 2"),
        (lambda: tg.matrix_inverse(a, True, adjoint=True), "two values for 'adjoint'"),
        (lambda: tg.matrix_inverse(a, True, "x", "y"), "4 arguments, where there are at most 3"),
        (lambda: tg.matrix_inverse(a, True, "x", name="y"), "two values for 'name'"),
        (lambda: tg.matrix_inverse(a, adjoin=True), "there is no argument 'adjoin'"),
        (lambda: tg.check_numerics(a), "'check_numerics': there is no value for 'message'"),
    ):
        with pytest.raises(TypeError, match=message):
            wrong()


@pytest.mark.parametrize("call, expected", [
    (lambda x: tg.cumsum(1, 0, False, True, "y", 3),
     "'cumsum': 6 arguments, where there are at most 5"),
    (lambda x: tg.pow(x, x, "y", 3), "'pow' of 'x:0': 4 arguments, where there are at most 3"),
    (lambda x: tg.cumsum(), "'cumsum': there is no value for 'x'"),
    (lambda x: tg.cumsum(axis=1), "'cumsum': there is no value for 'x'"),
    (lambda x: tg.reshape(tensor=x), "'reshape': there is no value for 'shape'"),
    (lambda x: tg.reshape(), "'reshape': there is no value for 'tensor', 'shape'"),
    (lambda x: tg.pow(2.0), "'pow': there is no value for 'y'"),
    (lambda x: tg.cumsum(y=x), "'cumsum': there is no argument 'y'"),
    (lambda x: tg.cumsum(2.0, y=x), "'cumsum': there is no argument 'y'"),
    (lambda x: tg.nn.tanh(x, y=3), "'tanh' of 'x:0': there is no argument 'y'"),
    (lambda x: tg.tanh(x, 3), "the name of 'Tanh' must be a string, not 3"),
    (lambda x: tg.tanh(x, x=x), "'tanh' of 'x:0': there are two values for 'x'"),
    (lambda x: tg.cumsum(x, x=x), "'cumsum' of 'x:0': there are two values for 'x'"),
    (lambda x: tg.cumsum(x, 0, axis=0), "'cumsum' of 'x:0': there are two values for 'axis'"),
    (lambda x: tg.pow(x, x, x=x), "'pow' of 'x:0': there are two values for 'x'"),
])
def test_a_call_that_does_not_fit_is_refused_by_the_functions_name(call, expected):
    x = tg.placeholder(tg.float32, [2, 3], name="x")
    assert re.sub(r" \(made at [^)]*\)", "", message(TypeError, lambda: call(x))) == expected


@pytest.mark.parametrize("fields, expected", [
    ({"attrs": 3}, "`attrs` of Wrong must be a dict, not 3"),
    ({"attrs": {"k": 1}}, r"`attrs\['k'\]` of Wrong must be a pair .*, not 1"),
    ({"attrs": {"k": (int,)}}, r"`attrs\['k'\]` of Wrong must be a pair"),
    ({"attrs": {"k": (3, None)}}, r"`attrs\['k'\]` of Wrong must be a pair"),
    ({"attrs": {"k": (int, 0, "late")}}, r"`attrs\['k'\]` of Wrong must be a pair"),
    ({"attrs": {"name": ()}}, r"`attrs\['name'\]` of Wrong must be a pair"),
    ({"attrs": {"name": "k", "k": (int, 0)}}, r"`attrs\['name'\]` of Wrong must be a pair"),
    ({"attrs": {"k": "nope"}}, r"`attrs\['k'\]` of Wrong .* name of another attribute, not 'nope'"),
    ({"attrs": {"k": "k"}}, r"`attrs\['k'\]` of Wrong .* name of another attribute, not 'k'"),
    ({"attrs": {1: (int, 0)}}, "the name of an attribute must be a string, not 1"),
    ({"attrs": {"x": (int, 0)}}, r"`attrs\['x'\]` of Wrong is an input, too"),
    ({"params": {"x": 3}}, r"`params\['x'\]` of Wrong must be a dtype, a letter, .*, not 3"),
    ({"inplace": 0}, "`inplace` of Wrong must be a tuple, not 0"),
    ({"inplace": (1,)}, "a position in `inplace` of Wrong must be at most 0, not 1"),
    ({"static": "x"}, "`static` of Wrong must be a tuple, not 'x'"),
    ({"static": ("x",)}, "a position in `static` of Wrong must be an int, not 'x'"),
    ({"doc": 3}, "`doc` of Wrong must be a string, not 3"),
])
def test_the_fields_of_an_op_are_checked(fields, expected):
    with pytest.raises(tg.errors.TinygraphError, match=f"^{expected}"):
        tg.Op("Wrong", None, lambda x: x, **{"params": ("x",), **fields})
    assert "Wrong" not in tg.registry


@pytest.mark.parametrize("call", [
    lambda x: tg.constant(1.0, name=None), lambda x: tg.range(3, name=None),
    lambda x: tg.concat([x], 0, name=None), lambda x: tg.meshgrid(x, name=None)[0],
    lambda x: tg.concat([x, x], tg.placeholder(tg.int32, []), None),
    lambda x: tg.split(x, 1, tg.placeholder(tg.int32, []), name=None)[0],
])
def test_the_name_none_stands_for_a_default(call):
    assert call(tg.constant([1.0])).op.name


def test_type_hints_of_functions_and_records_can_be_asked_for():
    assert str(typing.get_type_hints(tg.matmul)["a"]) == "tinygraph.typing.TensorLike"
    assert typing.get_type_hints(tg.matmul)["return"] is tg.Tensor
    assert typing.get_type_hints(tg.as_dtype)["value"].__module__ == "tinygraph.typing"
    assert type(None) in typing.get_args(typing.get_type_hints(tg.zeros_like)["dtype"])
    assert typing.get_type_hints(tg.tanh) == inspect.get_annotations(tg.tanh) == {}
    assert "kernel" in inspect.get_annotations(tg.Op)


@pytest.mark.parametrize("name, module, call", [
    ("cumsum", "tinygraph", "cumsum(x, axis=0, exclusive=False, reverse=False, name=None)"),
    ("nn.relu", "tinygraph.nn", "relu(features, name=None)"),
    ("abs", "tinygraph", "abs(x, name=None)"),
    ("argmax", "tinygraph",
     "argmax(input, axis=None, name=None, dimension=None, output_type=tg.int64)"),
    ("reduce_sum", "tinygraph", "reduce_sum(input_tensor, axis=None, keepdims=None, name=None, "
                                "reduction_indices=None, keep_dims=None)"),
    ("gather", "tinygraph", "gather(params, indices, validate_indices=None, name=None, axis=None, "
                            "batch_dims=0)"),
])
def test_a_record_shows_its_call_and_knows_where_users_find_it(name, module, call):
    op = functools.reduce(getattr, name.split("."), tg)
    assert repr(op) == call == f"{op.__name__}{inspect.signature(op)}"
    assert op.__name__ == op.__qualname__ == name.split(".")[-1] and op.__module__ == module
    lines = pydoc.render_doc(op, renderer=pydoc.plaintext).splitlines()
    assert op.__doc__.splitlines()[0] in lines[3] or op.__doc__.splitlines()[0] in lines[4]


def test_an_op_of_a_users_is_called_by_its_type():
    op = tg.elementwise("TestTwice", lambda x, out=None: np.add(x, x, out=out), None)
    del _registry["TestTwice"]
    assert repr(op) == "TestTwice(x, name=None)" and op.__name__ == "TestTwice"


def test_arguments_without_effect_are_left_out():
    x = x23()
    y = tg.gather(x, [1], True, "rows", 1)
    assert y.op.name == "rows" and list(y.attrs) == ["axis"]
    assert tg.transpose(x, conjugate=True).attrs == {"perm": None}
    assert message(ValueError, lambda: tg.gather(x, [0], batch_dims=1)).endswith("batch_dims")


def test_only_variables_are_updated():
    for update in (tg.assign, tg.assign_add, tg.assign_sub):
        assert "only a Variable" in message(TypeError, update, x23(), 1.0)
    assert "only a Variable" in message(TypeError, tg.scatter_add, [1.0, 2.0], [0], [1.0])
