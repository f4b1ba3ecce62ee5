"""Text of a user's at every door: nothing of it becomes code, DOT, markup or another line.

Names are checked where they come in; all other text is made harmless where it goes out. `evil` is
what would run or show if it were not: the module of that name notes each import of it.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import inspect
import io
import json
import keyword
import re
import sys
import tokenize
import types
from xml.etree import ElementTree

import numpy as np
import pytest
from fuzz.bases import every_call

import tinygraph as tg
from tinygraph.compiler.functional import FunctionalSource
from tinygraph.compiler.lower import lower
from tinygraph.errors import TinygraphError
from tinygraph.node import stacks
from tinygraph.spec import Spec

CODE = "__import__('evil').run()"
TEXTS = [
    f"x\n    {CODE}  #/", f"x\r{CODE}", f"x\x0c{CODE}", f"x\x1c{CODE}", f"x\x85{CODE}",
    f"x\u2028{CODE}", f"x\u2029{CODE}", f"'); {CODE}; ('", f'"""; {CODE}; """', f"\\\n{CODE}",
    f"{{{CODE}}}", "\\", "'", '"', "#", "%s %n", "</td></table><evil/>", "]]><evil/>", "--><evil/>",
    '"]; evil [label="', "\\G\\N\\E", "&evil;", "<script>evil()</script>", "$\\evil{x}$",
    "\x00\x1b[2J",
    "\ud800", "\ufffe", "é 中 \N{GRINNING FACE}", "x" * 3000, "\t", " ", "_", "ﬁ", "²", "１",
]
VALID = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\-/]*\Z")
TRACED = {"trace_level": tg.RunOptions.FULL_TRACE}
by_text = pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[1:31])


@pytest.fixture(autouse=True)
def evil(monkeypatch):
    """What an import of `evil` does: it tells."""
    module = types.ModuleType("evil")
    module.ran = []
    module.run = lambda: module.ran.append(True)
    monkeypatch.setitem(sys.modules, "evil", module)
    yield module
    assert not module.ran, "text was executed"


# ---------------------------------------------------------------- names come in


def parameters_of(function, args):
    """Those of a callable that take a name, as far as the call leaves them out."""
    try:
        parameters = [*inspect.signature(function).parameters]
    except (TypeError, ValueError):
        return []
    return [name for name in parameters[len(args) :]
            if name in ("name", "scope", "name_or_scope", "default_name")]


def attempt(call, parameter, text):
    """Call with that name, and use what comes of it; or be refused."""
    function, args, kwargs = call.make()
    try:
        result = function(*args, **{**kwargs, parameter: text})
        if isinstance(result, contextlib.AbstractContextManager | contextlib.ContextDecorator):
            if not isinstance(result, tg.Session):
                with result:
                    tg.constant(1.0)
        if isinstance(result, tg.train.Optimizer):
            result.minimize(tg.Variable(1.0) * 2.0)
    except TinygraphError as error:
        assert isinstance(error, ValueError | TypeError)


def test_no_public_function_lets_a_hostile_name_into_a_graph():
    tried = 0
    for label, (call, *_) in every_call().items():
        with tg.Graph().as_default():
            function, args, _ = call.make()
            stacks.graphs.clear()
        for parameter in parameters_of(function, args):
            tried += 1
            for text in (*TEXTS[:4], TEXTS[0] + "/", "\u2028/"):
                with tg.Graph().as_default() as graph:
                    attempt(call, parameter, text)
                stacks.graphs.clear()  # that methods were called to enter
                stacks.sessions.clear()
                wrong = [node.op_name for node in graph.nodes if not VALID.match(node.op_name)]
                assert not wrong, (label, wrong)
    assert tried > 150


# ---------------------------------------------------------------- names go out as identifiers

WORDS = [
    *keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np", "tg", "step", "variables", "inf",
    "compiled", "nan", "b0", "r0", "v0", "d0", "k2", "c0", "m0", "s0", "part0", "update0",
    "t_clock", "positions", "streams", "t0",
    "x_new", "loop0", "self", "math", "x.y", "x-y", "0", "1e3", "0x1f", "..", "a/b/c", "x_1",
    "getitem", "slice",
]


@pytest.mark.parametrize("inside", [False, True])
def test_any_valid_name_is_as_good_as_another(inside):
    """Those of Python, of the program's own, and of what else a program calls its values."""
    words = [word for word in WORDS if VALID.match(word)]
    for some in (words[i : i + 60] for i in range(0, len(words), 60)):
        with tg.Graph().as_default(), tg.name_scope("scope" if inside else None):
            xs = [tg.placeholder(tg.float32, [2], name=word) for word in some]
            ws = [tg.Variable([2.0, 3.0], name=f"{word}.w") for word in some]
            parts = [(x * w)[::-1] + 2.0 for x, w in zip(xs, ws, strict=True)]
            total = tg.add_n([tg.tanh(part, name=x.op_name.rpartition("/")[2] or "n")
                              for x, part in zip(xs, parts, strict=True)])
            train = [w.assign_add(w) for w in ws]
            session = tg.Session()
            session.run(tg.global_variables_initializer())
        feeds = {x: np.array([1.0, -1.0], np.float32) for x in xs}
        right = len(some) * (np.tanh([-1.0, 4.0]))
        np.testing.assert_allclose(session.run([total, train], feeds)[0], right, rtol=1e-6)
        metadata = tg.RunMetadata()
        session.run([total, train], feeds, tg.RunOptions(**TRACED), metadata)
        assert str(metadata.profile)
        step = FunctionalSource(lower([total], train, {x: Spec(x.shape, x.dtype) for x in xs})).step
        values = {w.op_name: np.array([2.0, 3.0], np.float32) for w in ws}
        (value,), new, _ = step(values, {}, *feeds.values())
        np.testing.assert_allclose(value, right, rtol=1e-6)
        assert all(new[w.op_name].tolist() == [4.0, 6.0] for w in ws)


# ---------------------------------------------------------------- text goes into programs


class Shouting:
    """An attribute that writes itself as code, or fails to."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text

    def __format__(self, spec):
        return self.text

    __str__ = __repr__


class ShoutingInt(int):
    def __repr__(self):
        return CODE

    __str__ = __repr__


class ShoutingText(str):
    def __repr__(self):
        return CODE

    __str__ = __repr__


class ShoutingTuple(tuple):
    def __repr__(self):
        return CODE


class Failing:
    def __repr__(self, *args):
        raise RuntimeError("no text")

    __str__ = __format__ = __repr__


class FailingInt(int):
    def __repr__(self, *args):
        raise RuntimeError("no text")

    __str__ = __format__ = __repr__


def an_op(name, kernel_name, **options):
    """An op of a user's that passes its input on, with any attributes."""

    def kernel(x, out=None, **attrs):
        return np.positive(x, out=out)

    kernel.__name__ = kernel.__qualname__ = kernel_name
    return tg.Op(name, kernel, lambda x, **attrs: x, params=("x",), **options)


@pytest.fixture
def forget():
    """Ops that a test defines are not there for the next."""
    registered = tg.op._registry
    before = dict(registered)
    yield
    for name in [*registered]:
        if name not in before:
            del registered[name]


def names_of(source):
    """What is a name in it: no comment, no string."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


@by_text
def test_text_in_a_program_is_comment_or_string(text, forget, evil):
    """Op types, kernels' names, attributes' names and values, names that got past their check."""
    op = an_op(text or "Op", text)
    x = tg.placeholder(tg.float32, [2], name="x")
    attrs = {
        text: 1, "a": text, "b": Shouting(text), "c": (1, text), "d": ShoutingTuple([text]),
        "e": ShoutingInt(2), "f": ShoutingText(text), "g": slice(text, None, 2), "h": {text: text},
        "i": Failing(), "j": FailingInt(3),
    }
    y = op(x, name="y", **attrs)
    w = tg.Variable([1.0, 2.0], name="w")
    z = tg.tanh(y * w)
    train = tg.train.MomentumOptimizer(0.5, 0.5).minimize(tg.reduce_sum(w * x))
    init = tg.global_variables_initializer()
    for node in tg.get_default_graph().nodes:
        node.op_name = f"{node.op_name}{text}"  # which no graph lets through
    session = tg.Session()
    session.run(init)
    feeds = {x: [1.0, -1.0]}
    np.testing.assert_allclose(session.run([z, train], feeds)[0], np.tanh([1.0, -2.0]), rtol=1e-6)
    for functional in (False, True):
        source = session.source([z, train], feeds, functional)
        assert source.replace("\n", "").isprintable()
        assert len(source.splitlines()) == source.count("\n")
        assert "__import__" not in names_of(source)
        exec(compile(source.partition("def step")[0], "head", "exec"), {"np": np})
    metadata = tg.RunMetadata()
    session.run([z, train], feeds, tg.RunOptions(**TRACED), metadata)
    assert_told_as_text(metadata, text)


def assert_told_as_text(metadata, text):
    """A profile's table and trace have a line, or an event, for each row; and the text in it."""
    profile = metadata.profile
    table = str(profile)
    rows = len(profile.rows) + 4
    assert len(table.splitlines()) == rows and not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", table)
    assert len(profile.source.splitlines()) == profile.source.count("\n")
    traces = [json.dumps(profile.chrome_trace()),
              tg.timeline.Timeline(metadata.step_stats).generate_chrome_trace_format()]
    for trace in traces:
        assert trace.isascii()
        events = json.loads(trace)["traceEvents"]
        assert any(event["name"] == f"y{text}" for event in events)
        assert all(event["ph"] in "XM" for event in events)


@pytest.mark.parametrize("text", [text for text in TEXTS if "\0" not in text])
def test_a_file_of_any_name_may_make_nodes(text, tmp_path):
    """`where` is that file's name: in errors, profiles and traces."""
    names = {"tg": tg}
    exec(compile("x = tg.placeholder(tg.float32, [2], name='y'); y = tg.tanh(x, name='y')\n"
                 "z = tg.check_numerics(y, 'z')", text, "exec"), names)
    for node in names["x"], names["y"], names["z"]:
        assert node.where.startswith(text)
    session, metadata = tg.Session(), tg.RunMetadata()
    session.run(names["y"], {names["x"]: [1.0, 2.0]}, tg.RunOptions(**TRACED), metadata)
    names["y"].op_name = f"y{text}"
    session.run(names["y"], {names["x"]: np.ones(2)}, tg.RunOptions(**TRACED), metadata)
    assert len(str(metadata.profile).splitlines()) == len(metadata.profile.rows) + 4
    metadata.profile.save(tmp_path / "trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text("utf-8"))
    assert any(text in event.get("args", {}).get("where", "") for event in trace["traceEvents"])
    with pytest.raises(tg.errors.InvalidArgumentError):
        session.run(names["z"], {names["x"]: [np.nan, 2.0]})


@by_text
def test_the_program_of_a_hostile_loop(text, forget):
    """Compiled loops are source too; numba is not needed to write them."""
    op = tg.elementwise(f"Loop{text}", np.tanh, lambda g, y, x: g)
    session = tg.Session(passes=tg.Session.PASSES - {"fuse"})
    x = tg.placeholder(tg.float32, [2])
    y = op(x, name="y") * 2.0
    assert session.run(y, {x: [0.0, 0.0]}).tolist() == [0.0, 0.0]
    assert repr(op) and op.__doc__ is not None and ast.parse(session.source(y, {x: [0.0, 0.0]}))


# ---------------------------------------------------------------- text goes into pictures


def labels_of(dot):
    """The labels and strings of a DOT text, and what is left of it."""
    strings = re.findall(r'"((?:[^"\\]|\\.)*)"', dot)
    left, labels, depth, start = "", [], 0, 0
    quoted = False
    for i, c in enumerate(dot):
        if depth == 0 and c == '"' and (dot[i - 1] != "\\" or dot[i - 2 : i] == "\\\\"):
            quoted = not quoted
        elif quoted:
            continue
        elif c == "<":
            depth, start = depth + 1, start if depth else i
        elif c == ">" and depth:
            depth -= 1
            labels += [dot[start + 1 : i]] if depth == 0 else []
        elif depth == 0:
            left += c
    return labels, strings, left


@by_text
def test_text_in_a_drawing_is_text(text, forget, tmp_path):
    op = an_op(f"Drawn{text}", text)
    x = tg.placeholder(tg.float32, [2], name="x")
    w = tg.Variable([1.0, 2.0], name="w")
    attrs = {text: 1, "a": text, "b": Shouting(text), "c": (1, text), "e": ShoutingInt(2),
             "f": ShoutingText(text), "j": FailingInt(3), "k": (FailingInt(3), 2)}
    y = op(x, name="y", **attrs) * w
    train = tg.train.MomentumOptimizer(0.5, 0.5).minimize(tg.reduce_sum(tg.tanh(y) + w))
    for node in tg.get_default_graph().nodes:
        node.op_name = f"{text}/{node.op_name}{text}"
    for options in ({}, {"constants": True, "updates": True, "initializers": True}, {"depth": 1}):
        picture = tg.viz.to_dot([y, train], title=text, **options)
        labels, strings, left = labels_of(picture.source)
        assert "evil" not in re.sub(r'".*?"', "", left) and left.count("{") == left.count("}")
        for label in labels:
            root = ElementTree.fromstring(f"<l>{label.replace('&nbsp;', ' ')}</l>")
            assert {e.tag for e in root.iter()} <= {"l", "b", "br", "font", "table", "tr", "td"}
        assert all("\n" not in string for string in strings)
        path = picture.render(tmp_path / "graph.dot")
        assert path.read_text("utf-8") == picture.source
    assert tg.viz.summary()


@pytest.mark.filterwarnings("ignore:Glyph", "ignore:constrained_layout")
@pytest.mark.parametrize("text", ["a\rb\x00\ud800\ufffe", "<script>evil()</script>--><evil/>]]>",
                                  "$\\evil{x}$", "x" * 3000])
def test_text_in_plots_is_text(text, tmp_path):
    pytest.importorskip("matplotlib")
    plots = tg.viz.plots
    run = {"iteration": [0, 1], "test_loss": [2.0, 1.0], "test_accuracy": [0.1, 0.9]}
    images = np.random.default_rng(0).random((4, 16))
    rows = {text: images, f"{text}2": images}
    figures = [
        plots.curves({text: run, "b": run}, text, text, text),
        plots.autoencoders({text: {"rows": rows, "weights": images.T, "loss": 1.0}}, 4, text, text),
    ]
    for i, figure in enumerate(figures):
        path = plots.save(figure, tmp_path / f"{i}.svg")
        root = ElementTree.parse(path).getroot()
        tags = {element.tag.partition("}")[2] for element in root.iter()}
        assert not tags & {"evil", "script", "a", "foreignObject"}
