"""Saver and the file `checkpoint`: names, shapes, what is kept, where training goes on."""

import os
import pickle
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from test_io_checkpoints import FOLDER, bits, contents
from test_session_state import steps, training

import tinygraph as tg
from tinygraph.errors import (
    DataLossError, DTypeError, FailedPreconditionError, GraphError, InvalidArgumentError,
    NotFoundError,
)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def two():
    """Two variables, initialised in a session."""
    w = tg.Variable(np.arange(6.0).reshape(2, 3), name="layer/w", dtype=tg.float32)
    n = tg.Variable(7, name="n", dtype=tg.int64)
    sess = tg.Session()
    sess.run(tg.global_variables_initializer())
    return sess, w, n


def told(folder):
    return (folder / "checkpoint").read_text()


# ---------------------------------------------------------------- save and restore


@pytest.mark.smoke
def test_a_checkpoint_comes_back(two, tmp_path):
    sess, w, n = two
    saver = tg.train.Saver()
    path = saver.save(sess, tmp_path / "model", global_step=n)
    assert path == str(tmp_path / "model-7")
    assert tg.train.list_variables(tmp_path) == [("layer/w", [2, 3]), ("n", [])]
    before = sess.run([w, n])
    sess.run([w.assign_add(tg.ones([2, 3])), n.assign_add(1)])
    saver.restore(sess, path)
    assert [bits(x) for x in sess.run([w, n])] == [bits(x) for x in before]
    other = tg.Session()
    saver.restore(other, tg.train.latest_checkpoint(tmp_path))
    assert other.run(n) == 7


@pytest.mark.parametrize("options, step, expected", [
    ({}, None, "m"), ({}, 5, "m-5"), ({}, np.int64(12), "m-12"),
    ({"pad_step_number": True}, 5, "m-00000005"), ({}, "variable", "m-7"), ({}, "sum", "m-8"),
])
def test_names_of_checkpoints(two, tmp_path, options, step, expected):
    sess, _, n = two
    step = {"variable": n, "sum": n + 1}.get(step, step) if isinstance(step, str) else step
    path = tg.train.Saver(**options).save(sess, f"{tmp_path}/m", step)
    assert path == f"{tmp_path}/{expected}" and os.path.exists(f"{path}.index")


def test_a_relative_path_is_returned_as_given(two, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sess, _, _ = two
    saver = tg.train.Saver()
    assert saver.save(sess, "m", 1) == "m-1" and saver.save(sess, "./m", 2) == "./m-2"
    assert saver.save(sess, "sub/m", 1) == "sub/m-1"
    assert told(Path()) == (
        'model_checkpoint_path: "m-2"\nall_model_checkpoint_paths: "m-1"\n'
        'all_model_checkpoint_paths: "m-2"\n'
    )
    assert tg.train.latest_checkpoint(".") == "./m-2"
    assert tg.train.latest_checkpoint("sub") == "sub/m-1"
    saver.restore(sess, "m-1")


def test_variables_by_other_names(two, tmp_path):
    sess, w, n = two
    path = tg.train.Saver({"kernel": w}).save(sess, str(tmp_path / "m"))
    assert contents(path).keys() == {"kernel"}
    tg.train.Saver([n]).save(sess, str(tmp_path / "n"))
    other = tg.Session()
    tg.train.Saver({"kernel": w}).restore(other, path)
    np.testing.assert_array_equal(other.run(w), np.arange(6).reshape(2, 3))
    with pytest.raises(FailedPreconditionError, match="uninitialized value n"):
        other.run(n)


def test_what_a_tf1_program_saved_is_restored(sess):
    with tg.variable_scope("kinds"):
        half = tg.get_variable("float16", [2, 3], tg.float16)
        flags = tg.get_variable("bool", [2, 3], tg.bool)
    scalar = tg.Variable(0, name="step", dtype=tg.int64)
    for name in ("v2", "v1.ckpt"):
        saver = tg.train.Saver({"kinds/float16": half, "kinds/bool": flags, "scalar": scalar})
        saver.restore(sess, str(FOLDER / name))
        expected = contents(FOLDER / name)
        assert bits(sess.run(half)) == bits(expected["kinds/float16"])
        assert bits(sess.run(flags)) == bits(expected["kinds/bool"]) and sess.run(scalar) == 7
        sess = tg.Session()
    rows = tg.Variable(tg.zeros([7, 2]), name="rows")
    tg.train.Saver([rows]).restore(sess, FOLDER / "v1-parts.ckpt")
    np.testing.assert_array_equal(sess.run(rows), np.arange(14).reshape(7, 2))


def test_training_that_began_in_tensorflow_goes_on(sess):
    """The network of golden/make_checkpoints.py: its names, Adam's slots, the global step."""
    x = tg.constant([[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0]])
    with tg.variable_scope("layer"):
        w, b = tg.get_variable("w", [3, 2]), tg.get_variable("b", [2])
    step = tg.train.get_or_create_global_step()
    loss = tg.reduce_sum(tg.square(tg.tanh(tg.matmul(x, w) + b) - [0.5, -0.5]))
    rate = tg.train.exponential_decay(0.1, step, 2, 0.9)
    update = tg.train.AdamOptimizer(rate).minimize(loss, global_step=step)
    tg.train.Saver().restore(sess, FOLDER / "v2-adam-3")
    sess.run(update)
    expected = contents(FOLDER / "v2-adam-4")
    assert {v.op_name for v in tg.global_variables()} == expected.keys()
    for variable in tg.global_variables():
        value = sess.run(variable)
        assert value.dtype == expected[variable.op_name].dtype
        np.testing.assert_allclose(value, expected[variable.op_name], rtol=2e-6, atol=1e-7)


def test_averages_take_the_place_of_variables(sess, tmp_path):
    """`variables_to_restore` is a dict of names and variables."""
    w = tg.Variable(1.0, name="w")
    average = tg.train.ExponentialMovingAverage(0.5)
    update = average.apply([w])
    sess.run(tg.global_variables_initializer())
    sess.run(w.assign(3.0))
    sess.run(update)
    path = tg.train.Saver().save(sess, str(tmp_path / "m"))
    tg.train.Saver(average.variables_to_restore([w])).restore(sess, path)
    assert sess.run(w) == 2.0


def test_reshape_and_shapes_that_change(two, tmp_path):
    sess, _, _ = two
    path = tg.train.Saver().save(sess, str(tmp_path / "m"))
    flat = tg.Variable(tg.zeros([6]), name="flat")
    free = tg.Variable(tg.zeros([1]), validate_shape=False, name="free")
    with pytest.raises(InvalidArgumentError):
        tg.train.Saver({"layer/w": flat}).restore(sess, path)
    tg.train.Saver({"layer/w": flat}, reshape=True).restore(sess, path)
    assert sess.run(flat).tolist() == [0, 1, 2, 3, 4, 5]
    tg.train.Saver({"layer/w": free}).restore(sess, path)
    assert sess.run(free).shape == (2, 3)


# ---------------------------------------------------------------- what does not fit


def test_all_that_does_not_fit_is_told_at_once_and_nothing_changes(two, tmp_path):
    sess, _, _ = two
    path = tg.train.Saver().save(sess, str(tmp_path / "m"))
    tg.reset_default_graph()
    for name, value, dtype in [("layer/w", tg.zeros([3, 2]), None), ("n", 1, tg.int32),
                               ("layer/b", tg.zeros([2]), None), ("good", 1.0, None)]:
        tg.Variable(value, name=name, dtype=dtype)
    sess = tg.Session()
    sess.run(tg.global_variables_initializer())
    before = sess.state
    with pytest.raises(InvalidArgumentError) as caught:
        tg.train.Saver().restore(sess, path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{path}: it does not fit, and nothing was restored:"
    assert lines[1].startswith(f"  'layer/w' (float32[3,2], made at {__file__}:")
    assert lines[1].endswith(") is float32[2,3] in the checkpoint")
    assert lines[2].endswith(") is int64[] in the checkpoint")
    assert "Key 'layer/b' (float32[2], made at" in lines[3]
    assert lines[4].startswith("  Key 'good'")
    assert lines[5] == "  the checkpoint has besides: nothing"
    assert sess.state == before


def test_names_that_are_missing_are_not_found(two, tmp_path):
    sess, w, _ = two
    path = tg.train.Saver().save(sess, str(tmp_path / "m"))
    words = r"besides: 'layer/w' \(float32\[2,3\]\), 'n' \(int64\[\]\)"
    with pytest.raises(NotFoundError, match=words):
        tg.train.Saver({"v": w}).restore(sess, path)
    with pytest.raises(NotFoundError, match="not found in checkpoint, which has 'layer/w'"):
        tg.train.Saver({"layer/W": w}).restore(sess, path)


def test_a_checkpoint_that_is_damaged_at_its_end_changes_nothing(two, tmp_path):
    sess, w, n = two
    path = tg.train.Saver().save(sess, str(tmp_path / "m"))
    data = Path(f"{path}.data-00000-of-00001")
    damaged = bytearray(data.read_bytes())
    damaged[-1] ^= 1
    data.write_bytes(damaged)
    sess.run([w.assign(tg.ones([2, 3])), n.assign(1)])
    before = sess.state
    with pytest.raises(DataLossError, match="checksum"):
        tg.train.Saver().restore(sess, path)
    assert sess.state == before


@pytest.mark.parametrize("path, words", [
    (None, "when it is None"), ("nowhere/m", "not a valid checkpoint: nowhere/m"),
])
def test_paths_without_a_checkpoint(two, path, words):
    sess, _, _ = two
    with pytest.raises(ValueError, match=words):
        tg.train.Saver().restore(sess, path)


@pytest.mark.parametrize("make, kind, words", [
    (lambda w, n: tg.train.Saver([]), GraphError, "No variables"),
    (lambda w, n: tg.train.Saver([w, w]), GraphError, "same name: layer/w"),
    (lambda w, n: tg.train.Saver({"a": w, "b": w}), GraphError, "two names"),
    (lambda w, n: tg.train.Saver([w + 1.0]), DTypeError, "not a Variable"),
    (lambda w, n: tg.train.Saver({"_tinygraph/x": w}), GraphError, "may be called"),
    (lambda w, n: tg.train.Saver(w), DTypeError, "list"),
    (lambda w, n: tg.train.Saver([w], max_to_keep=-1), InvalidArgumentError, "max_to_keep"),
    (lambda w, n: tg.train.Saver([w], write_version=1), InvalidArgumentError, "V1 is read"),
    (lambda w, n: tg.train.Saver([w], defer_build=True), GraphError, "deferred"),
    (lambda w, n: tg.train.Saver(defer_build=True).save(tg.Session(), "m"), GraphError, "build"),
    (lambda w, n: tg.train.Saver().save("sess", "m"), DTypeError, "must be a Session"),
    (lambda w, n: tg.train.Saver().save(tg.Session(), "m"), FailedPreconditionError, "layer/w"),
    (lambda w, n: tg.train.Saver().save(tg.Session(), "m/"), InvalidArgumentError, "names no file"),
    (lambda w, n: tg.train.Saver().save(tg.Session(), "m", latest_filename="a/b"),
     InvalidArgumentError, "path components"),
    (lambda w, n: tg.train.Saver().save(tg.Session(graph=tg.Graph()), "m"),
     GraphError, "'layer/w:0'"),
])
def test_savers_that_cannot_be(two, make, kind, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, w, n = two
    with pytest.raises(kind, match=words):
        make(w, n)
    assert not [*tmp_path.iterdir()]


def test_an_empty_and_a_late_saver(sess, tmp_path):
    saver = tg.train.Saver(allow_empty=True)
    assert saver.save(sess, str(tmp_path / "m")) is None
    saver.restore(sess, None)
    late = tg.train.Saver(defer_build=True)
    w = tg.Variable(1.0, name="w")
    late.build()
    sess.run(w.initializer)
    assert contents(late.save(sess, str(tmp_path / "m"))).keys() == {"w", "_tinygraph/positions"}


# ---------------------------------------------------------------- what is kept


def kept(folder):
    return sorted(path.stem for path in folder.glob("*.index"))


def test_max_to_keep(two, tmp_path):
    sess, _, _ = two
    saver = tg.train.Saver(max_to_keep=2)
    for step in (1, 2, 3, 2, 4):
        saver.save(sess, str(tmp_path / "m"), step)
    assert kept(tmp_path) == ["m-2", "m-4"]
    assert saver.last_checkpoints == [str(tmp_path / "m-2"), str(tmp_path / "m-4")]
    assert len([*tmp_path.iterdir()]) == 6  # with `checkpoint` and the lock
    all_of_them = tg.train.Saver(max_to_keep=None)
    for step in range(5, 12):
        all_of_them.save(sess, str(tmp_path / "all"), step)
    assert len(kept(tmp_path)) == 9 and all_of_them.last_checkpoints == []


def test_max_to_keep_is_not_forgotten_after_a_restart(two, tmp_path):
    """Those of an earlier process go, oldest first; other prefixes, and unlisted ones, stay."""
    sess, _, _ = two
    first = tg.train.Saver(max_to_keep=3)
    for step in (1, 2, 3):
        first.save(sess, str(tmp_path / "m"), step)
    tg.train.Saver().save(sess, str(tmp_path / "best"))
    tg.train.Saver().save(sess, str(tmp_path / "m"), 99, write_state=False)
    second = tg.train.Saver(max_to_keep=2)
    second.save(sess, str(tmp_path / "m"), 4)
    assert kept(tmp_path) == ["best", "m-3", "m-4", "m-99"]
    state = tg.train.get_checkpoint_state(tmp_path)
    assert [os.path.basename(x) for x in state.all_model_checkpoint_paths] == ["best", "m-3", "m-4"]


def test_a_saver_of_two_names(two, tmp_path):
    """The oldest go, whatever they are called."""
    sess, _, _ = two
    saver = tg.train.Saver(max_to_keep=3)
    for step in range(4):
        saver.save(sess, str(tmp_path / "last"))
        saver.save(sess, str(tmp_path / "m"), step)
        assert kept(tmp_path) == ["last", *[f"m-{i}" for i in range(max(0, step - 1), step + 1)]]


def test_steps_that_the_program_appends_itself(two, tmp_path):
    sess, _, _ = two
    for step in range(4):
        tg.train.Saver(max_to_keep=2).save(sess, str(tmp_path / f"m-{step}"))
    assert kept(tmp_path) == ["m-2", "m-3"]


def test_checkpoints_of_two_folders(two, tmp_path):
    """One Saver counts them together, as TF's does."""
    sess, _, _ = two
    saver = tg.train.Saver(max_to_keep=2)
    for step in range(4):
        saver.save(sess, str(tmp_path / f"{step % 2}/m"), step)
    assert (kept(tmp_path / "0"), kept(tmp_path / "1")) == (["m-2"], ["m-3"])


def test_an_old_checkpoint_that_cannot_be_removed(two, tmp_path, monkeypatch):
    """It is told of, and the save has succeeded."""
    sess, _, _ = two
    saver = tg.train.Saver(max_to_keep=1)
    saver.save(sess, str(tmp_path / "m"), 1)
    replace = os.replace

    def refuse(source, target):
        if str(source).endswith("m-1.index"):
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.warns(UserWarning, match=r"m-1.*Permission denied"):
        path = saver.save(sess, str(tmp_path / "m"), 2)
    assert tg.train.latest_checkpoint(tmp_path) == path and kept(tmp_path) == ["m-1", "m-2"]


def test_a_folder_that_has_moved(two, tmp_path):
    """Also where the file tells absolute paths, as TF writes them, and those of Windows."""
    sess, _, _ = two
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    tg.train.Saver().save(sess, str(old / "m"), 1)
    old.rename(new)
    assert tg.train.latest_checkpoint(new) == str(new / "m-1")
    for path in (f"{old}/m-1", r"C:\\runs\\old\\m-1", r".\\m-1", "./m-1", "m-1"):
        (new / "checkpoint").write_text(f'model_checkpoint_path: "{path}"\n')
        assert os.path.samefile(tg.train.latest_checkpoint(new) + ".index", new / "m-1.index")


def test_a_hostile_state_has_nothing_removed_elsewhere(two, tmp_path):
    sess, _, _ = two
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir(), outside.mkdir()
    tg.train.Saver().save(sess, str(outside / "m"), 1)
    tg.train.Saver().save(sess, str(inside / "x"))
    for name in ("m-0.index", "m-0.data-00000-of-00001"):
        (inside / name).write_text("not listed")
    lines = [f'all_model_checkpoint_paths: "{path}"\n' for path in (
        "../out/m-1", f"{outside}/m-1", "x", "m-1/../../out/m-1", "m-*", "m-?", "/", "", "m-1"
    )]
    (inside / "checkpoint").write_text('model_checkpoint_path: "m-1"\n' + "".join(lines))
    saver = tg.train.Saver(max_to_keep=1)
    saver.save(sess, str(inside / "m"), 2)
    saver.save(sess, str(inside / "m"), 3)
    assert kept(outside) == ["m-1"] and kept(inside) == ["m-0", "m-3", "x"]


def test_keep_checkpoint_every_n_hours(two, tmp_path, monkeypatch):
    sess, _, _ = two
    clock = [1e9]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    saver = tg.train.Saver(max_to_keep=2, keep_checkpoint_every_n_hours=1)
    for step in range(12):
        clock[0] += 1000  # 16 minutes
        saver.save(sess, str(tmp_path / "m"), step)
    assert kept(tmp_path) == ["m-10", "m-11", "m-3", "m-7"]


def test_what_the_program_says_of_checkpoints_counts(two, tmp_path):
    sess, _, _ = two
    first = tg.train.Saver()
    paths = [first.save(sess, str(tmp_path / "m"), step) for step in (1, 2, 3)]
    second = tg.train.Saver(max_to_keep=2)
    second.recover_last_checkpoints([*paths[1:], str(tmp_path / "gone")])
    assert second.last_checkpoints == paths[1:]
    second.save(sess, str(tmp_path / "m"), 4)
    assert kept(tmp_path) == ["m-1", "m-3", "m-4"]
    second.set_last_checkpoints([])
    second.save(sess, str(tmp_path / "m"), 5)
    assert second.last_checkpoints == [str(tmp_path / "m-5")]
    assert kept(tmp_path) == ["m-1", "m-3", "m-4", "m-5"]


# ---------------------------------------------------------------- the file `checkpoint`


@pytest.mark.parametrize("text, expected", [
    ('model_checkpoint_path: "a"', ("a", [])),
    ("# a comment\n  model_checkpoint_path :'a b'\n", ("a b", [])),
    ('model_checkpoint_path: "z\\303\\266\\x6c\\"f\\\\"', ('zöl"f\\', [])),
    ('model_checkpoint_path: "zöl"', ("zöl", [])),
    ('all_model_checkpoint_paths: "a" all_model_checkpoint_paths: "b", model_checkpoint_path: "b"\n'
     "all_model_checkpoint_timestamps: 1.5e9 last_preserved_timestamp: -inf", ("b", ["a", "b"])),
])
def test_states_that_are_read(tmp_path, text, expected):
    (tmp_path / "checkpoint").write_text(text, encoding="utf-8")
    state = tg.train.get_checkpoint_state(tmp_path)
    latest, every = expected
    assert state.model_checkpoint_path == str(tmp_path / latest)
    assert state.all_model_checkpoint_paths == [str(tmp_path / path) for path in every]
    assert tg.train.latest_checkpoint(tmp_path) is None  # there is no such checkpoint


@pytest.mark.parametrize("data", [
    b"", b"\n", b"model_checkpoint_path", b'model_checkpoint_path: ""', b"model_checkpoint_path: 1",
    b'model_checkpoint_path: "a', b'model_checkpoint_path: "a"\nother: "b"', b"\0\xff\xfe",
    b'model_checkpoint_path: "a" }', b'model_checkpoint_path: "a\\000b"', b'__class__: "a"',
    b'model_checkpoint_path: "a"\nlast_preserved_timestamp: x', b"PK\x03\x04",
])
def test_states_that_are_damaged(two, tmp_path, data):
    """They are told of, and the next save writes the file anew."""
    (tmp_path / "checkpoint").write_bytes(data)
    with pytest.raises(DataLossError, match="/checkpoint: "):
        tg.train.get_checkpoint_state(tmp_path)
    with pytest.raises(DataLossError):
        tg.train.load_checkpoint(tmp_path)
    sess, _, _ = two
    path = tg.train.Saver().save(sess, str(tmp_path / "m"))
    assert tg.train.latest_checkpoint(tmp_path) == path


def test_damaged_states_give_the_errors_that_are_documented(tmp_path):
    path = tmp_path / "checkpoint"
    tg.train.update_checkpoint_state(tmp_path, tmp_path / "zö\\l-2", [tmp_path / "l\n-1"])
    data, rng = path.read_bytes(), np.random.default_rng(5)
    for i in range(300):
        changed = bytearray(data)
        changed[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(changed[: rng.integers(len(data))] if i % 3 == 0 else changed)
        try:
            tg.train.latest_checkpoint(tmp_path)
        except DataLossError:
            pass


def test_a_state_comes_back(tmp_path):
    names = ["zö\\l-1", 'a"b', "line\nbreak", "tab\t", "ü"]
    tg.train.update_checkpoint_state(
        tmp_path, tmp_path / "last", [tmp_path / name for name in names],
        all_model_checkpoint_timestamps=[1.5, 2, 3, 4, 5, 6], last_preserved_timestamp=7.25,
    )
    state = tg.train.get_checkpoint_state(str(tmp_path))
    assert state.model_checkpoint_path == str(tmp_path / "last")
    assert state.all_model_checkpoint_paths == [str(tmp_path / name) for name in [*names, "last"]]
    assert state.all_model_checkpoint_timestamps == [1.5, 2, 3, 4, 5, 6]
    assert state.last_preserved_timestamp == 7.25 and told(tmp_path).isascii()


def test_paths_of_a_state(tmp_path, monkeypatch):
    """Within the folder relative, elsewhere absolute, as TF's with relative folders."""
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    for folder, path, expected in [
        ("sub", "sub/m-1", "m-1"), (tmp_path / "sub", tmp_path / "sub/m-1", "m-1"),
        (tmp_path / "sub", tmp_path / "m-1", str(tmp_path / "m-1")), ("sub", "m-1", "../m-1"),
        (tmp_path / "sub", "m-1", "m-1"), (".", "m-1", "m-1"),
    ]:
        tg.train.update_checkpoint_state(folder, path)
        assert told(Path(folder)).startswith(f'model_checkpoint_path: "{expected}"\n')
    with pytest.raises(InvalidArgumentError, match="conflicts with path"):
        tg.train.update_checkpoint_state("sub", "sub/checkpoint")
    with pytest.raises(InvalidArgumentError, match="path components"):
        tg.train.update_checkpoint_state("sub", "m", latest_filename="../x")
    with pytest.raises(NotFoundError):
        tg.train.update_checkpoint_state("nowhere", "m")


def test_folders_and_checkpoints_that_are_not_there(tmp_path):
    assert tg.train.get_checkpoint_state(tmp_path) is None
    assert tg.train.latest_checkpoint(tmp_path / "nowhere") is None
    assert not tg.train.checkpoint_exists(tmp_path / "m")
    with pytest.raises(ValueError, match="Couldn't find 'checkpoint' file"):
        tg.train.load_checkpoint(tmp_path)


def test_remove_checkpoint(tmp_path):
    for name in os.listdir(FOLDER):
        shutil.copy(FOLDER / name, tmp_path)
    (tmp_path / "v2.meta").write_text("")
    tg.train.remove_checkpoint(tmp_path / "v2")
    tg.train.remove_checkpoint(tmp_path / "v1.ckpt", 1)
    tg.train.remove_checkpoint(tmp_path / "v2-shards")
    left = {*os.listdir(tmp_path)} - {".checkpoint.lock"}
    assert left == {name for name in os.listdir(FOLDER) if not name.startswith(("v2.", "v2-shards"))
                    and name != "v1.ckpt"}


# ---------------------------------------------------------------- initial values


@pytest.fixture
def trained(tmp_path):
    """A checkpoint of variables a, in/b, in/deep/c and n."""
    for name in ("a", "in/b", "in/deep/c"):
        tg.Variable(tg.fill([2], float(len(name))), name=name)
    tg.Variable(3, name="n")
    with tg.Session() as sess:
        sess.run(tg.global_variables_initializer())
        tg.train.Saver().save(sess, str(tmp_path / "m"), 1)
    tg.reset_default_graph()
    return tmp_path


def of_names(*names):
    return [tg.get_variable(name, [2]) for name in names]


@pytest.mark.parametrize("names, assignments, expected", [
    (["x"], {"in/b": "x"}, [4]),
    (["a", "in/b"], {"/": "/"}, [1, 4]),
    (["s/a", "s/in/b"], {"/": "s/"}, [1, 4]),
    (["s/b", "s/deep/c", "t/b"], {"in/": "s/", "in/b": "t/b"}, [4, 9, 4]),
    (["b", "deep/c"], {"in/": "/"}, [4, 9]),
])
def test_initial_values_from_a_checkpoint(trained, sess, names, assignments, expected):
    variables = of_names(*names)
    tg.train.init_from_checkpoint(trained, assignments)
    sess.run(tg.global_variables_initializer())
    assert [x.tolist() for x in sess.run(variables)] == [[x, x] for x in expected]


def test_initial_values_by_variable_and_for_those_made_after(trained, sess):
    (v,) = of_names("v")
    plain = tg.Variable([0.0, 0.0])
    tg.train.init_from_checkpoint(trained / "m-1", {"a": v, "in/deep/c": plain})
    after = tg.Variable(v.initialized_value() * 2.0)
    sess.run(tg.global_variables_initializer())
    assert [x.tolist() for x in sess.run([v, plain, after])] == [[1, 1], [9, 9], [2, 2]]


@pytest.mark.parametrize("assignments, words", [
    ({"b": "a"}, "Tensor b .* is not found"), ({"n": "a"}, "doesn't match"),
    ({"a": "zzz"}, "no variable"), ({"in/": "a"}, "Tensor in/ .* is not found"),
    ({"in/": "q"}, "scope/"), ({"/": "/"}, "Tensor other"),
])
def test_initial_values_that_are_not_there(trained, assignments, words):
    a, other = of_names("a", "other")
    before = a.initializer, other.initializer
    with pytest.raises(GraphError, match=words):
        tg.train.init_from_checkpoint(trained, assignments)
    assert (a.initializer, other.initializer) == before


def test_a_checkpoint_that_changes_after_the_graph_was_built(trained, sess):
    (v,) = of_names("v")
    tg.train.init_from_checkpoint(trained, {"a": v})
    shutil.copy(FOLDER / "v2.index", trained / "m-1.index")
    shutil.copy(FOLDER / "v2.data-00000-of-00001", trained / "m-1.data-00000-of-00001")
    with pytest.raises(InvalidArgumentError, match="is not there now"):
        sess.run(v.initializer)


# ---------------------------------------------------------------- training goes on


PROGRAM = """
import pickle, sys
sys.path.insert(0, "tests")
import tinygraph as tg
from test_session_state import steps, training
fetches, feeds = training(seed=None if sys.argv[1] == "None" else 3)
with tg.Session() as sess:
    tg.train.Saver().restore(sess, tg.train.latest_checkpoint(sys.argv[2]))
    losses = steps(sess, fetches, feeds, 40)
    sys.stdout.buffer.write(pickle.dumps((losses, sess.state)))
"""


@pytest.mark.parametrize("seed", [3, None])
def test_training_goes_on_to_the_bit(seed, tmp_path):
    """100 steps at once equal 60, a save, a new process and 40 more: Adam, dropout, noise."""
    fetches, feeds = training(seed)
    with tg.Session() as sess:
        sess.run(tg.global_variables_initializer())
        steps(sess, fetches, feeds, 60)
        tg.train.Saver().save(sess, str(tmp_path / "m"), global_step=60)
        losses = steps(sess, fetches, feeds, 40)
        state = sess.state
    other = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(seed), str(tmp_path)], cwd=ROOT, check=True,
        capture_output=True,
    )
    assert pickle.loads(other.stdout) == (losses, state)


def test_random_positions_go_with_all_variables_only(two, tmp_path):
    """They are hidden; a Saver of some variables neither saves nor restores them."""
    sess, w, n = two
    noise = tg.random_uniform([2], seed=1)
    sess.run(noise)
    whole, part = tg.train.Saver([n, w]), tg.train.Saver([w])
    path = whole.save(sess, str(tmp_path / "m"))
    assert "_tinygraph/positions" in contents(path)
    assert [name for name, _ in tg.train.list_variables(path)] == ["layer/w", "n"]
    assert "_tinygraph/positions" not in contents(part.save(sess, str(tmp_path / "part")))
    second = sess.run(noise)
    part.restore(sess, path)
    assert not np.array_equal(sess.run(noise), second)
    whole.restore(sess, path)
    np.testing.assert_array_equal(sess.run(noise), second)


def test_random_ops_that_come_and_go(two, tmp_path):
    """A new op starts at its start, and one that is gone is passed over."""
    sess, _, _ = two
    old = tg.random_uniform([2], seed=1, name="old")
    sess.run(old)
    path = tg.train.Saver().save(sess, str(tmp_path / "m"))
    tg.reset_default_graph()
    tg.Variable(tg.zeros([2, 3]), name="layer/w")
    tg.Variable(0, name="n", dtype=tg.int64)
    new = tg.random_uniform([2], seed=1, name="new")
    sess = tg.Session()
    tg.train.Saver().restore(sess, path)
    first = sess.run(new)
    np.testing.assert_array_equal(tg.Session().run(new), first)


@pytest.mark.parametrize("positions", [b"", b"[]", b"{", b"\xff", b'{"NAME": [1]}',
                                       b'{"NAME": [1, 2, -3]}', b"[" * 10_000])
def test_positions_that_are_damaged(two, tmp_path, positions):
    from tinygraph.io.saving import write_bundle

    sess, _, _ = two
    noise = tg.random_uniform([2], seed=1, name="noise")
    path = tg.train.Saver().save(sess, str(tmp_path / "m"))
    values = contents(path)
    (name,) = sess.state.positions
    values["_tinygraph/positions"] = np.array(positions.replace(b"NAME", name.encode()), object)
    write_bundle(path, values)
    sess.run(noise)
    before = sess.state
    with pytest.raises((DataLossError, InvalidArgumentError)):
        tg.train.Saver().restore(sess, path)
    assert sess.state == before


def test_within_a_run_nothing_is_saved_or_restored(two, tmp_path):
    sess, _, _ = two
    saver = tg.train.Saver()
    path = saver.save(sess, str(tmp_path / "m"))
    for act in (lambda: saver.save(sess, path), lambda: saver.restore(sess, path)):
        def call(x, act=act):
            act()
            return x

        with pytest.raises(FailedPreconditionError, match="a run within a run"):
            sess.run(tg.py_func(call, [tg.constant(1.0)], tg.float32))
