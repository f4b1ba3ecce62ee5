"""Exported programs: modules of plain NumPy, which give what the session gives."""

import os
import runpy
import subprocess
import sys
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from test_functional import training
from test_ops import CASES, RTOL, known
from test_session_state import branches

import tinygraph as tg
from tinygraph.compiler.passes import PURE_PASSES
from tinygraph.dtypes import NAMES
from tinygraph.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from tinygraph.node import CompositeTensor
from tinygraph.ops.indexed_slices import IndexedSlicesValue

# Runs every module in a folder, where tinygraph cannot be imported, and keeps the results.
RUNNER = """
import importlib, sys
sys.modules["tinygraph"] = None
import numpy as np
sys.path.insert(0, ".")
with np.load("feeds.npz", allow_pickle=False) as feeds:
    results = {}
    for line in open("modules.txt"):
        stem, count, runs = line.split()
        module = importlib.import_module(stem)
        for i in range(int(runs)):
            found = module.run(*[feeds[f"{stem}_{j}"] for j in range(int(count))])
            if isinstance(found, dict):
                found = [*found.values()]
            for j, value in enumerate(found if isinstance(found, list) else [found]):
                if value is not None:
                    results[f"{stem}_{i}_{j}"] = value
np.savez("results.npz", **results)
"""


class Folder:
    """Modules, their feeds, and what they gave."""

    def __init__(self, path: Path):
        self.path, self.feeds, self.lines = path, {}, []

    def add(self, stem, feeds, runs=1):
        self.lines.append(f"{stem} {len(feeds)} {runs}\n")
        self.feeds |= {f"{stem}_{j}": value for j, value in enumerate(feeds)}

    def run(self):
        np.savez(self.path / "feeds.npz", **self.feeds)
        (self.path / "modules.txt").write_text("".join(self.lines))
        subprocess.run([sys.executable, "-c", RUNNER], cwd=self.path, check=True)
        with np.load(self.path / "results.npz", allow_pickle=False) as results:
            return dict(results)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda file: None)  # hundreds of files
    return Folder(tmp_path)


# Ops that no module of plain NumPy has, and the reason that the error gives.
REFUSED = {
    "AddProduct": "only a run knows its sizes, and plain NumPy would not check them",
    "AddScaled": "only a run knows its sizes, and plain NumPy would not check them",
    "PyFunc": "the attribute func of PyFunc is a Python function",
    "PyFuncStateless": "the attribute func of PyFuncStateless is a Python function",
    "RestoreV2": "the attribute shape of RestoreV2 is an object",
    "SplitV": "only a run knows its sizes, and plain NumPy would not check them",
}


def test_each_op(folder):
    """A case of each: the module gives the session's values, or an error names the op."""
    expected, refused = {}, {}
    for case in CASES:
        made, stem = known(case), f"of_{case.op}"
        if stem in expected:
            continue
        fetches = [y for y in made.ys if y.kind.role != "effect"]
        with tg.Session(graph=made.graph, passes=PURE_PASSES) as sess:
            sess.run([v.initializer for v in made.graph.get_collection("variables")])
            feeds = {x: a for x, a in made.feeds.items() if x.kind.role == "feed"}
            try:
                sess.export(fetches, feeds, folder.path / f"{stem}.py")
            except InvalidArgumentError as error:
                refused[case.op] = str(error).splitlines()[-1].strip()
                assert ", made at " in str(error) and error.node is not None
                continue
            folder.add(stem, [*feeds.values()])
            expected[stem] = case, sess.run(fetches, feeds)
    assert {op: why for op, why in refused.items() if f"of_{op}" not in expected} == REFUSED
    results = folder.run()
    for stem, (case, values) in expected.items():
        for j, right in enumerate(values):
            got, rtol = results[f"{stem}_0_{j}"], RTOL["float64"] * case.slack
            assert got.dtype == np.asarray(right).dtype and got.shape == np.shape(right), case
            np.testing.assert_allclose(got, right, rtol=rtol, atol=rtol, err_msg=repr(case))


def mnist_like(kind):
    """A small net of that kind with its training step, and what it predicts."""
    x = tg.placeholder(tg.float32, [None, 20], name="images")
    labels = tg.placeholder(tg.int64, [None], name="labels")
    sizes = {"wide": [64], "deep": [32, 16, 16], "autoencoder": [16, 4, 16]}[kind]
    h = x
    for i, n in enumerate([*sizes, 20 if kind == "autoencoder" else 10]):
        with tg.variable_scope(f"layer_{i}"):
            w = tg.get_variable("kernel", [h.shape[1].value, n])
            b = tg.get_variable("bias", [n], initializer=tg.zeros_initializer())
            z = tg.matmul(h, w) + b
            h = tg.nn.relu(z) if i % 2 else tg.nn.sigmoid(z)
    if kind == "autoencoder":
        loss, prediction = tg.reduce_mean(tg.squared_difference(z, x)), tg.nn.sigmoid(z)
    else:
        loss = tg.reduce_mean(
            tg.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=z)
        )
        prediction = {"class": tg.argmax(z, 1), "probability": tg.nn.softmax(z)}
    return x, labels, tg.train.AdamOptimizer(0.01).minimize(loss), prediction


@pytest.mark.parametrize("kind", ["wide", "deep", "autoencoder"])
def test_what_a_trained_net_predicts(kind, folder):
    tg.set_random_seed(1)
    x, labels, train, prediction = mnist_like(kind)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(8, 20)).astype(np.float32)
    with tg.Session() as sess:
        sess.run(tg.global_variables_initializer())
        for _ in range(5):
            sess.run(train, {x: images, labels: rng.integers(0, 10, 8)})
        sess.export(prediction, {x: images}, folder.path / "net.py")
        expected = sess.run(prediction, {x: images})
    folder.add("net", [images])
    results = folder.run()
    values = expected.values() if isinstance(expected, dict) else [expected]
    for j, right in enumerate(values):
        np.testing.assert_allclose(results[f"net_0_{j}"], right, rtol=1e-5, atol=1e-6)
    source = (folder.path / "net.py").read_text()
    assert "out=b" not in source.partition("def step")[2] and "tinygraph " not in source[200:]
    with np.load(folder.path / "net.npz", allow_pickle=False) as kept:
        assert len(kept.files) == 2 * (len({"wide": [1]}.get(kind, [1, 2, 3])) + 1)


def test_a_training_step_goes_on(folder):
    """Adam and dropout: variables and random streams move in the module as in the session."""
    fetches, feeds = training()
    with tg.Session() as sess:
        sess.run(tg.global_variables_initializer())
        sess.run(fetches, feeds)
        sess.export(fetches, feeds, folder.path / "train.py")
        expected = [sess.run(fetches, feeds)[1] for _ in range(4)]
    folder.add("train", [*feeds.values()], runs=4)
    results = folder.run()
    np.testing.assert_allclose([results[f"train_{i}_1"] for i in range(4)], expected, rtol=1e-5)


def test_branches(folder):
    """Of a cond: each is a function of the module; what is not taken draws and updates nothing."""
    y, feeds = branches()
    x, choice = feeds[0]
    with tg.Session() as sess:
        sess.run(tg.global_variables_initializer())
        sess.run(y, feeds[0])
        sess.export(y, [x, choice], folder.path / "cond.py")
        names = loaded(folder.path / "cond.py")
        for fed in feeds * 2:
            np.testing.assert_allclose(names["run"](*fed.values()), sess.run(y, fed), rtol=1e-6)
        assert names["positions"] == sess.state.positions
        assert names["variables"]["w"].tolist() == sess.state.variables["w"].tolist()


def test_random_ops_that_have_not_run_yet(tmp_path):
    """The module draws what the session will, also where nothing is seeded."""
    noise = tg.random_uniform([4])
    with tg.Session() as sess:
        sess.export(noise, [], tmp_path / "noise.py")
        run = loaded(tmp_path / "noise.py")["run"]
        for _ in range(2):
            assert run().tobytes() == sess.run(noise).tobytes()


def loaded(path):
    """A module's names, as of an import."""
    return runpy.run_path(str(path))


def test_feeds_are_checked(tmp_path):
    x, n = tg.placeholder(tg.float32, [2], name="x"), tg.placeholder(tg.int32, [], name="n")
    with tg.Session() as sess:
        sess.export(x * tg.cast(n, tg.float32), [x, "n:0"], tmp_path / "double.py")
    module = loaded(tmp_path / "double.py")
    run = module["run"]
    assert run([1, 2.5], 2).tolist() == [2.0, 5.0] and run([1, 2], 2).dtype == np.float32
    assert "for which the program was\nwritten" in module["__doc__"]
    assert ">>> double.run(x, n)" in module["__doc__"]
    with pytest.raises(ValueError, match=r"x must be float32 of shape \(2,\): .* \(3,\)"):
        run([1, 2, 3], 1)
    with pytest.raises(TypeError, match=r"run takes 2 feeds \['x', 'n'\], not 1"):
        run([1, 2])
    with pytest.raises(ValueError, match=r"n must be int32 of shape \(\): 1.5 is not int32 with"):
        run([1, 2], 1.5)
    with pytest.raises(TypeError, match=r"x must be float32 of shape \(2,\): a masked array"):
        run(np.ma.masked_array([1.0, 2.0], [True, False]), 1)
    with pytest.raises(TypeError, match=r"x must be .*: \[None, 2.0\] is not made of numbers"):
        run([None, 2.0], 1)


BOUNDS = [
    -(2**63) - 1, -(2**63), -(2**31) - 1, -129, -1, 0, 1, 2, 255, 256, 65520, 2**24 + 1, 2**31 - 1,
    2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**70, 10**400,
]
FED = [
    *[[x, 1] for x in BOUNDS], *[[float(x), 1] for x in BOUNDS[:-1]], [2**53 + 1, 1.0],
    *[np.array([x, 1]) for x in BOUNDS[:-1]], *[np.array([x, 1.0]) for x in BOUNDS[:-1]],
    *[np.array([x, 0], t) for t in "efd" for x in (np.nan, np.inf, -np.inf, 0.5, 6e4, -0.0)],
    [np.nan, 1], [np.inf, 1], [1e300, 1], [1e-300, 1], [0.1, 1], [True, False], [True, 2],
    [None, 1], ["1", "2"], [1j, 1], np.array([1j, 1]), np.array([1, None]), b"ab", "ab", {}, None,
    [[1], [1, 2]], [1, [2]], 1, [[1, 2]], [], np.zeros(3), np.ones(2, ">i4"), np.ones(2, ">f8"),
    np.ones(2, np.longdouble), np.array([1, 1], "m8[s]"), np.float32(1), range(2), (1, 2),
    np.ma.masked_array([1, 2]), np.ma.masked_array([1, 2], [True, False]),
    [np.ma.masked_array(1, True), 2], [[np.ma.masked_array(1, True)], 2], np.arange(4)[::-2],
    [np.float64(1e300), 1], [np.int64(2**40), True], [np.uint64(2**64 - 1), -1],
    [np.float16(1), 2], [np.float16(np.inf), 2], [np.float16(-np.inf), 2], [np.float16(6e4), 2**70],
    [np.float32(2**31), 1], [np.float32(2**63), 1], [np.float32(2**64), 1], [np.float16(0.5), 2],
    [np.int8(-1), 2**64 - 1], [np.longdouble(2) ** 63, 1], [np.longdouble(2) ** 2000, 1],
    np.frombuffer(b"\1\0\200\177\0\0\0\0", np.float32), [np.float16(np.nan), 2],
]


@pytest.mark.parametrize("dtype", NAMES)
def test_feeds_are_taken_as_the_session_takes_them(dtype, tmp_path):
    """Or refused, with an error of the same family."""
    x = tg.placeholder(dtype, [2], name="x")
    with tg.Session() as sess:
        sess.export(x, [x], tmp_path / "same.py")
        run = loaded(tmp_path / "same.py")["run"]
        for value in FED:
            mine, theirs = (outcome(call, value) for call in (lambda a: sess.run(x, {x: a}), run))
            assert mine == theirs, repr(value)


def outcome(run, value):
    """A result to the bit, or the family of an error."""
    try:
        array = run(value)
    except TypeError:
        return TypeError
    except ValueError as error:
        assert str(error).startswith(("x must be", "cannot feed 'x:0'", "Cannot feed value"))
        return ValueError
    return array.dtype, array.tobytes()


def test_results_are_the_users(tmp_path):
    x, w = tg.placeholder(tg.float32, [2], name="x"), tg.Variable([1.0, 2.0])
    large = tg.constant(np.arange(100.0))
    with tg.Session() as sess:
        sess.run(w.initializer)
        sess.export([x, w, large, w.assign_add(x).op], [x], tmp_path / "plain.py")
    module = loaded(tmp_path / "plain.py")
    given = np.zeros(2, np.float32)
    for value in module["run"](given)[:3]:
        value[:] = -5.0
    assert given.tolist() == [0.0, 0.0]
    same, value, constant, nothing = module["run"]([1.0, 1.0])
    assert nothing is None
    assert same.tolist() == [1.0, 1.0] and value.tolist() == [2.0, 3.0] and constant[7] == 7.0
    assert module["variables"]["Variable"].tolist() == [2.0, 3.0]


class Pair(NamedTuple):
    left: tg.Tensor
    right: tg.Tensor


class Twice(CompositeTensor):
    """A user's pair of tensors, which fetches as an object of the user's."""

    parts = property(lambda self: (self.x, self.x))

    def __init__(self, x):
        self.x = x

    def of(self, parts):
        return tuple(parts) if self.x.shape.ndims else repr(parts)


STRUCTURES = {
    "one": lambda x, w, train, rows: x,
    "an operation": lambda x, w, train, rows: train,
    "a list": lambda x, w, train, rows: [x, w],
    "with an operation": lambda x, w, train, rows: [train, x, [train], w],
    "by name": lambda x, w, train, rows: ["x:0", "train", ("x:0",), w.name],
    "of all kinds": lambda x, w, train, rows: {"b": x, "a": (w, [x, {"'\n": w}]), 1: (x,), "n": ()},
    "in order": lambda x, w, train, rows: OrderedDict([("b", x), ("a", w)]),
    "of a default": lambda x, w, train, rows: defaultdict(int, b=x),
    "a namedtuple": lambda x, w, train, rows: [Pair(x, [w, train])],
    "rows": lambda x, w, train, rows: rows,
    "rows of no shape": lambda x, w, train, rows: (tg.IndexedSlices([[1.0]], [3]), [rows, x]),
    "of a class": lambda x, w, train, rows: [Twice(x), train],
}


@pytest.mark.parametrize("structure", STRUCTURES)
def test_results_have_the_structure_of_the_fetches(structure, tmp_path):
    """As in the session, with plain lists, tuples and dicts for those of other classes."""
    x, w = tg.placeholder(tg.float32, [2], name="x"), tg.Variable([[1.0, 2.0], [3.0, 4.0]])
    (rows,) = tg.gradients(tg.nn.embedding_lookup(w, [1, 0, 1]) * x, w)
    fetches = STRUCTURES[structure](x, w, tg.assign_add(w, w * w, name="train").op, rows)
    with tg.Session() as sess:
        sess.run(w.initializer)
        sess.export(fetches, [x], tmp_path / "plain.py")
        module = loaded(tmp_path / "plain.py")
        same(module["run"]([5.0, 6.0]), sess.run(fetches, {x: [5.0, 6.0]}))
    assert ("IndexedSlicesValue" in module) == ("rows" in structure)


def same(mine, theirs):
    """Whether a module's results are a session's, in the same order."""
    if isinstance(theirs, (list, tuple, dict)):
        kind = next(kind for kind in (list, tuple, dict) if isinstance(theirs, kind))
        assert isinstance(mine, kind) and len(mine) == len(theirs)
        if isinstance(theirs, IndexedSlicesValue):
            assert mine._fields == theirs._fields
        else:
            assert type(mine) is kind
        if kind is dict:
            assert [*mine] == [*theirs]
            mine, theirs = mine.values(), theirs.values()
        for one, other in zip(mine, theirs, strict=True):
            same(one, other)
    elif theirs is None:
        assert mine is None
    else:
        assert type(mine) is type(theirs) and mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


def test_a_structure_that_cannot_be_written_is_refused(tmp_path):
    x = tg.constant([1.0, 2.0], name="x")
    with tg.Session() as sess:
        for fetches, why in [
            ({x: x}, "the key <tg.Tensor 'x:0' .* is no string, number or tuple"),
            ([{"a": {object: x}}], "the key <class 'object'> is no string"),
            ([Twice(tg.constant(1.0))], "a str that the fetches make of results"),
        ]:
            with pytest.raises(InvalidArgumentError, match=why):
                sess.export(fetches, [], tmp_path / "plain.py")
    assert not [*tmp_path.iterdir()]


def test_what_cannot_be_exported_is_named():
    x = tg.placeholder(tg.float32, [2], name="x")
    op = tg.elementwise("Tripled", lambda x, out=None: np.multiply(x, 3.0, out=out), None)
    y = op(x, name="first") + op(x * 2.0, name="second")
    with pytest.raises(InvalidArgumentError) as error, tg.Session() as sess:
        sess.export(y, [x], "model.py")
    text = str(error.value)
    assert "'first' (op: 'Tripled'), made at " in text and "'second' (op: 'Tripled')" in text
    assert f"is a function of {__name__}" in text and error.value.node.op_name == "first"
    assert __file__ in text and not Path("model.py").exists()


def test_what_export_asks_for(tmp_path):
    x = tg.placeholder(tg.float32, [None, 2], name="x")
    y = tg.placeholder(tg.float32, [1 << 40], name="y")  # which takes no memory
    w = tg.Variable([1.0, 2.0], name="w")
    path = tmp_path / "model.py"
    sess = tg.Session()
    with pytest.raises(InvalidArgumentError, match=r"'x:0' \(made at .* is of shape \(\?, 2\)"):
        sess.export(x, [x], path)
    with pytest.raises(ValueError, match="'y:0' is fed twice"):
        sess.export(x, [y, "y:0"], path)
    with pytest.raises(InvalidArgumentError, match="You must feed a value"):
        sess.export(x, [], path)
    with pytest.raises(FailedPreconditionError, match=r"variables without a value .*: w;"):
        sess.export(x * w, {x: np.zeros((1, 2))}, path)
    sess.run(w.initializer)
    for name in ("model", "model.txt", "a b.py", "class.py", ".py", "1.py", "a'b.py", "é.py"):
        with pytest.raises(InvalidArgumentError, match="path must be that of a module"):
            sess.export(w + 1.0, [], tmp_path / name)
    for name in ("numpy", "os", "io", "hashlib", "math", "typing", "random", "tinygraph"):
        with pytest.raises(InvalidArgumentError, match=f"would hide the module {name}.*model.py"):
            sess.export(w + 1.0, [], tmp_path / f"{name}.py")
    for name in ("__main__", "__debug__"):
        with pytest.raises(InvalidArgumentError, match="path must be that of a module"):
            sess.export(w + 1.0, [], tmp_path / f"{name}.py")
    with pytest.raises(TypeError, match="path must be a path"):
        sess.export(w + 1.0, [], 5)
    with pytest.raises(NotFoundError, match="No such file"):
        sess.export(w + 1.0, [], tmp_path / "nowhere" / "model.py")
    assert not [*tmp_path.iterdir()]
    sess.export(w + 1.0, [], path)
    assert loaded(path)["run"]().tolist() == [2.0, 3.0]


def test_both_files_belong_together(tmp_path, monkeypatch):
    """A file is replaced as a whole; values of another export are no values of this module."""
    w = tg.Variable([1.0, 2.0], name="w")
    path = tmp_path / "model.py"
    with tg.Session() as sess:
        sess.run(w.initializer)
        sess.export(w + 1.0, [], path)
        before = path.read_bytes()
        sess.run(w.assign([5.0, 6.0]))
        whole = os.replace
        monkeypatch.setattr("os.replace", lambda a, b: whole(a, b) if b.suffix == ".npz" else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sess.export(w + 1.0, [], path)
        assert path.read_bytes() == before and len([*tmp_path.iterdir()]) == 2
        with pytest.raises(ValueError, match="not those that were written with it"):
            loaded(path)
        monkeypatch.undo()
        sess.export(w + 1.0, [], path)
    assert loaded(path)["run"]().tolist() == [6.0, 7.0]


@pytest.mark.parametrize("text", ["x\n    evil()", "\u2028evil()", "'''; evil(); '''", "\\", "é"])
def test_hostile_text_stays_text(text, tmp_path):
    """Names that got past the graph's check."""
    x, w = tg.placeholder(tg.float32, [2], name="x"), tg.Variable([1.0, 2.0])
    noise = tg.random_uniform([2], seed=1)
    y = tg.tanh(x * w + noise)
    for node in tg.get_default_graph().nodes:
        node.op_name += text
    with tg.Session() as sess:
        sess.run(w.initializer)
        sess.export(y, [x], tmp_path / "model.py")
        module = loaded(tmp_path / "model.py")
        np.testing.assert_allclose(module["run"]([1, 2]), sess.run(y, {x: [1, 2]}), rtol=1e-6)
    assert (tmp_path / "model.py").read_text("ascii")
