"""tinygraph against TensorFlow 1.15.5, as golden/record_tf115.py recorded it in golden/tf115.json.

Each op: value, dtype, static shape and gradients. Then small programs: values, names, dtypes and
the classes of errors. Where tinygraph differs on purpose there is no case.
"""

import builtins
import json
from pathlib import Path

import numpy as np
import pytest
from golden import error_programs, op_cases, programs, replay

import tinygraph as tg

GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("tf115.json").read_text())

# Both sides round each operation once, and TensorFlow's exp, tanh and the like are a few ulp off;
# the longest chains here have about ten operations. 32 ulp is above what that adds up to and far
# below any mistake in a formula. An error grows with the terms of a sum and not with the sum, so
# it is measured against the largest number around too.
ULPS = 32


def labels(cases):
    return [f"{i}-{case['op']}" for i, case in enumerate(cases)]


@pytest.fixture(autouse=True)
def graph():
    with tg.Graph().as_default() as graph:
        yield graph


def largest(*arrays):
    """The largest finite magnitude in the arrays, or 0."""
    finite = [np.abs(x[np.isfinite(x)]) for x in map(np.asarray, arrays) if x.dtype.kind == "f"]
    return max((float(x.max()) for x in finite if x.size), default=0.0)


def assert_same(value, expected, dtype, scale=0.0):
    """Equal for ints and bools; for floats, within the tolerance explained above."""
    expected = np.array(expected, dtype)
    assert np.asarray(value).dtype == expected.dtype
    if expected.size == 0:  # nested lists lose the shape of nothing
        assert np.size(value) == 0
    elif expected.dtype.kind == "f":
        tolerance = ULPS * np.finfo(expected.dtype).eps
        scale = max(scale, largest(expected))
        np.testing.assert_allclose(value, expected, rtol=tolerance, atol=tolerance * scale)
    else:
        np.testing.assert_array_equal(value, expected)


def assert_shape(shape, printed):
    """The static shape prints as TensorFlow's does, or more of it is known."""
    dims = None
    if printed != "<unknown>":
        dims = [None if d == "?" else int(d) for d in printed.strip("(,)").split(", ") if d]
    assert str(tg.TensorShape(dims)) == printed
    assert shape.merge_with(dims) == shape


# ---------------------------------------------------------------- ops


def test_the_recorded_cases_are_those_of_the_table():
    results = ("out", "grads", "dtype")
    for section, table in (("ops", op_cases.op_cases()), ("random", op_cases.random_cases())):
        recorded = [{k: v for k, v in c.items() if k not in results} for c in GOLDEN[section]]
        assert json.dumps(recorded) == json.dumps(table), "run golden/record_tf115.py"


@pytest.mark.parametrize("source", ["placeholder", "constant"])
@pytest.mark.parametrize("case", GOLDEN["ops"], ids=labels(GOLDEN["ops"]))
def test_op(case, source):
    """As constants, the inputs are folded and shapes known that are unknown for placeholders."""
    outputs, inputs = replay.build(tg, case, source)
    feeds = inputs if source == "placeholder" else {}
    scale = largest(*inputs.values())
    with tg.Session() as session:
        values = session.run(outputs, feeds)
        for y, value, (dtype, shape, expected) in zip(outputs, values, case["out"], strict=True):
            assert y.dtype.name == dtype
            assert_shape(y.shape, shape)
            assert y.shape.is_compatible_with(np.shape(value))
            assert_same(value, expected, dtype, scale)
        if "grads" not in case:
            return
        grads = replay.gradients(tg, outputs, values, inputs)
        xs = [x for x in inputs if x.dtype.is_floating]
        for x, grad, expected in zip(xs, grads, case["grads"], strict=True):
            assert (grad is None) == (expected is None)
            if grad is not None:
                value = session.run(grad, feeds)
                assert np.shape(value) == np.shape(inputs[x])
                assert_same(value, expected, x.dtype.name, scale)


@pytest.mark.parametrize("case", GOLDEN["random"], ids=labels(GOLDEN["random"]))
def test_random_op(case):
    """A seeded op's successive runs: exact, but for logarithms and sines in the normal ones."""
    if case["graph_seed"] is not None:
        tg.set_random_seed(case["graph_seed"])
    (output,), feeds = replay.build(tg, case)
    with tg.Session() as session:
        for expected in case["out"]:
            value = session.run(output, feeds)
            if "normal" in case["op"]:
                np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-6)
            else:
                np.testing.assert_array_equal(value, np.array(expected, case["dtype"]))


# ---------------------------------------------------------------- programs


def assert_json_same(found, expected):
    """Equal JSON, with floats to the accuracy of a float32 program."""
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert_json_same(a, b)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_json_same(found[key], expected[key])
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-6, nan_ok=True)
    else:
        assert found == expected and type(found) is type(expected)


def by_name(program):
    return program.__name__


@pytest.mark.parametrize("program", programs.VALUES, ids=by_name)
def test_values(program):
    assert_json_same(program(tg), GOLDEN["values"][program.__name__])


@pytest.mark.parametrize("program", programs.NAMES, ids=by_name)
def test_names(program):
    assert program(tg) == GOLDEN["names"][program.__name__]


@pytest.mark.parametrize("program", programs.DTYPES, ids=by_name)
def test_dtypes(program):
    assert program(tg) == GOLDEN["dtypes"][program.__name__]


@pytest.mark.parametrize("name", error_programs.ERRORS)
def test_errors(name):
    kind = GOLDEN["errors"][name]
    expected = replay.lookup(tg, kind) if "." in kind else getattr(builtins, kind)
    with pytest.raises(expected):
        error_programs.ERRORS[name](tg)
