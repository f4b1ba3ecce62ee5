"""Saves that are killed, fail, wait for one another or meet Windows' rules: all or nothing."""

import errno
import os
import random
import resource
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from test_io_checkpoints import contents
from test_random import forks

import tinygraph as tg
from tinygraph import files
from tinygraph.errors import FileError, InvalidArgumentError, PermissionDeniedError, TinygraphError
from tinygraph.io import saving
from tinygraph.io.saving import LOCK, folder_lock, remove_bundle, write_bundle

# ---------------------------------------------------------------- values that know their generation

NAMES = ["a", "b/c", "d"]


def generation(i, size=1000):
    """Values that all tell of one save."""
    return {name: np.full(size, i, np.int32) for name in NAMES}


def generation_of(prefix):
    """Which save a checkpoint is of; it must be of one."""
    values = contents(prefix)
    found = {int(x) for value in values.values() for x in np.unique(value)}
    assert values.keys() == {*NAMES} and len(found) == 1
    return found.pop()


def snapshot(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != LOCK}


# ---------------------------------------------------------------- saving over a checkpoint


def test_data_take_turns(tmp_path):
    prefix = tmp_path / "m"
    for i in range(5):
        write_bundle(str(prefix), generation(i))
        assert generation_of(prefix) == i
        shards = 1 + i % 2
        assert sorted(snapshot(tmp_path)) == [f"m.data-00000-of-0000{shards}", "m.index"]
    remove_bundle(str(prefix))
    assert not snapshot(tmp_path)


def test_a_sharded_checkpoint_gives_way(tmp_path):
    from test_io_checkpoints import copied

    prefix, _ = copied(tmp_path, "v2-shards")
    write_bundle(str(prefix), generation(3))
    assert sorted(snapshot(tmp_path)) == ["v2-shards.data-00000-of-00001", "v2-shards.index"]
    assert generation_of(prefix) == 3


def test_a_damaged_checkpoint_gives_way(tmp_path):
    prefix = tmp_path / "m"
    write_bundle(str(prefix), generation(1))
    (tmp_path / "m.index").write_bytes(b"damaged")
    write_bundle(str(prefix), generation(2))
    assert generation_of(prefix) == 2 and len(snapshot(tmp_path)) == 2


def test_other_files_stay(tmp_path):
    """Of other names, also those that are patterns, and data whose index has yet to come."""
    others = ["m-1.data-00000-of-00001", "mm.data-00000-of-00001", "m.data-0-of-1", "xm.index",
              "m.data-00000-of-00001.bak", ".hidden", "[m].data-00000-of-00001"]
    for name in others:
        (tmp_path / name).write_text(name)
    for prefix in ("m", "[m]", "*"):
        write_bundle(str(tmp_path / prefix), generation(1))
        write_bundle(str(tmp_path / prefix), generation(2))
        remove_bundle(str(tmp_path / prefix))
    assert sorted(snapshot(tmp_path)) == sorted(others[:-1])


@pytest.mark.parametrize("tensors", [
    {"": np.ones(1)}, {"\0a": np.ones(1)}, {"w": np.ones(1, "datetime64[s]")},
    {"w": np.ones(1, "V4")},
])
def test_what_no_checkpoint_can_hold(tmp_path, tensors):
    with pytest.raises(TinygraphError):
        write_bundle(str(tmp_path / "m"), tensors)
    assert not snapshot(tmp_path)


def test_arrays_of_each_layout_are_saved(tmp_path):
    """Other byte orders, strides, no dimensions, no elements."""
    x = np.arange(24.0).reshape(4, 6)
    arrays = {"f": np.asfortranarray(x), "big": x.astype(">f8"), "part": x[::2, ::-3],
              "scalar": x[1, 2], "none": x[:0], "text": np.array(["a", "bc"])}
    write_bundle(str(tmp_path / "m"), arrays)
    found = contents(tmp_path / "m")
    for name in ("f", "big", "part", "scalar", "none"):
        np.testing.assert_array_equal(found[name], arrays[name], strict=name != "big")
    assert found["text"].tolist() == [b"a", b"bc"]


# ---------------------------------------------------------------- what fails


class Failing:
    """A function of `os` that fails at one of its calls."""

    def __init__(self, monkeypatch, name, at, error):
        self.function, self.left, self.error = getattr(os, name), at, error
        monkeypatch.setattr(os, name, self)

    def __call__(self, *args, **kwargs):
        self.left -= 1
        if self.left == 0:
            raise self.error
        return self.function(*args, **kwargs)


DISK_FULL = OSError(errno.ENOSPC, "No space left on device")
IO_ERROR = OSError(errno.EIO, "Input/output error")
DENIED = PermissionError(errno.EACCES, "Permission denied")


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize("name, at, error", [
    *[("fsync", at, error) for at in (1, 2, 3, 4) for error in (DISK_FULL, IO_ERROR)],
    ("replace", 1, IO_ERROR), ("replace", 1, DENIED),
])
def test_a_save_that_fails_leaves_the_old_files(tmp_path, monkeypatch, name, at, error, over):
    prefix = str(tmp_path / "m")
    write_bundle(str(tmp_path / "other"), generation(0))
    if over:
        write_bundle(prefix, generation(1))
    before = snapshot(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(FileError, match=error.strerror):
        Failing(patch, name, at, error)
        write_bundle(prefix, generation(2))
    assert snapshot(tmp_path) == before
    write_bundle(prefix, generation(3))
    assert generation_of(prefix) == 3


@pytest.mark.parametrize("size", [0, 1000, 5000, 11_999, 12_000])
def test_a_full_disk(tmp_path, size):
    """A file that cannot grow beyond `size`: the data do not fit."""
    prefix = str(tmp_path / "m")
    write_bundle(prefix, {"w": np.zeros(3)})
    before = snapshot(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        if size < 12_000:
            with pytest.raises(FileError, match="m: File too large"):
                write_bundle(prefix, generation(2))
        else:
            write_bundle(prefix, generation(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (snapshot(tmp_path) == before) == (size < 12_000)


@pytest.mark.parametrize("name", ["fsync", "replace", "remove", "listdir"])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_an_interrupted_save_is_all_or_nothing(tmp_path, monkeypatch, name, at):
    prefix = str(tmp_path / "m")
    write_bundle(prefix, generation(1))
    try:
        with monkeypatch.context() as patch:
            Failing(patch, name, at, KeyboardInterrupt())
            write_bundle(prefix, generation(2))
    except KeyboardInterrupt:
        pass
    assert generation_of(prefix) in (1, 2)
    write_bundle(prefix, generation(3))
    assert generation_of(prefix) == 3 and len(snapshot(tmp_path)) == 2


def saved_by(folder, saver, i):
    """A save of the generation `i` by a Saver."""
    with tg.Session() as sess:
        for variable in tg.global_variables():
            variable.load(np.full(1000, i, np.int32), sess)
        return saver.save(sess, str(folder / "m"), global_step=i)


def variables_of_a_generation():
    tg.reset_default_graph()
    for name in NAMES:
        tg.Variable(np.zeros(1000, np.int32), name=name)


def savers_generation(prefix):
    values = contents(prefix)
    del values["_tinygraph/positions"]
    found = {int(x) for value in values.values() for x in np.unique(value)}
    assert values.keys() == {*NAMES} and len(found) == 1
    return found.pop()


@pytest.mark.parametrize("name, at", [*[("fsync", i) for i in range(1, 7)], ("replace", 1),
                                      ("replace", 2), ("mkdir", 1)])
def test_a_saver_that_fails_keeps_the_last_checkpoint(tmp_path, monkeypatch, name, at):
    """It raises, what was there is the same, and the next save works."""
    variables_of_a_generation()
    saver = tg.train.Saver(max_to_keep=1)
    if name == "mkdir":
        with monkeypatch.context() as patch, pytest.raises(PermissionDeniedError):
            Failing(patch, name, at, DENIED)
            saved_by(tmp_path / "new", saver, 1)
        return
    saved_by(tmp_path, saver, 1)
    before = snapshot(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(FileError):
        Failing(patch, name, at, IO_ERROR)
        saved_by(tmp_path, saver, 2)
    after = snapshot(tmp_path)
    assert before.items() - {("checkpoint", before["checkpoint"])} <= after.items()
    latest = tg.train.latest_checkpoint(tmp_path)
    assert savers_generation(latest) == int(latest[-1])
    assert savers_generation(saved_by(tmp_path, saver, 3)) == 3
    assert tg.train.latest_checkpoint(tmp_path) == str(tmp_path / "m-3")


def test_folders_that_are_not_there(tmp_path):
    variables_of_a_generation()
    saver = tg.train.Saver()
    with pytest.raises(InvalidArgumentError, match=r"Parent directory of .* doesn't exist"):
        saved_by(tmp_path / "a/b", saver, 1)
    assert saved_by(tmp_path / "a", saver, 1) == str(tmp_path / "a/m-1")


# ---------------------------------------------------------------- what is killed


def killed(work, wait):
    """Do `work` again and again in a process that is killed; only whole saves may be left."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for i in range(2, 10**6):
                work(i)
                if i == 2:
                    os.write(write, b"!")
        finally:
            os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read(1) == b"!"
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


@forks
@pytest.mark.parametrize("into", ["new prefixes", "one prefix", "a Saver's folder"])
def test_kill_in_mid_save(tmp_path, pytestconfig, into):
    """Each checkpoint that is left is whole; what the dead have left goes with the next save."""
    rng = random.Random(into)
    variables_of_a_generation()
    for i in range(70 if pytestconfig.getoption("--thorough") else 6):
        folder = tmp_path / str(i)
        folder.mkdir()
        saver = tg.train.Saver(max_to_keep=2)

        def work(i, folder=folder, saver=saver):
            if into == "a Saver's folder":
                saved_by(folder, saver, i)
            else:
                with folder_lock(str(folder)):
                    name = "m" if into == "one prefix" else f"m-{i}"
                    write_bundle(str(folder / name), generation(i, 50_000))

        killed(work, rng.random() * 0.03)
        check_what_is_left(folder, into)
        work(10**6)
        told = [path for path in folder.iterdir() if path.suffix == ".index"]
        data = [path for path in folder.iterdir() if path.suffix.startswith(".data")]
        assert len(told) == len(data) and not [*folder.glob(".m*")]


def check_what_is_left(folder, into):
    prefixes = [path.with_suffix("") for path in folder.glob("*.index")]
    read = savers_generation if into == "a Saver's folder" else generation_of
    found = {path.name: read(path) for path in prefixes}
    assert found
    if into == "a Saver's folder":
        latest = tg.train.latest_checkpoint(folder)
        assert latest is not None and os.path.basename(latest) in found
        assert len(found) <= 4
    if into != "one prefix":
        assert all(name == f"m-{i}" for name, i in found.items())


# ---------------------------------------------------------------- several at once


@forks
@pytest.mark.parametrize("mine, theirs", [("m", "m"), ("m", "other")])
def test_two_processes_save_into_one_folder(tmp_path, mine, theirs):
    """Steps of their own, and one prefix for both: nothing is mixed, too much or missing."""
    variables_of_a_generation()

    def work(name, first):
        saver, both = tg.train.Saver(max_to_keep=3), tg.train.Saver()
        with tg.Session() as sess:
            for i in range(first, first + 20, 2):
                for variable in tg.global_variables():
                    variable.load(np.full(1000, i, np.int32), sess)
                saver.save(sess, str(tmp_path / name), global_step=i)
                both.save(sess, str(tmp_path / "both"), latest_filename="of_both")

    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(theirs, 1)
            code = 0
        finally:
            os._exit(code)
    work(mine, 0)
    assert os.waitpid(child, 0)[1] == 0
    state = tg.train.get_checkpoint_state(tmp_path)
    kept = state.all_model_checkpoint_paths
    assert len(kept) == (3 if mine == theirs else 6) and state.model_checkpoint_path in kept
    for path in [*kept, str(tmp_path / "both")]:
        assert savers_generation(path) in range(21)
    names = {path.name.split(".")[0] for path in tmp_path.glob("*.*") if path.name[0] != "."}
    assert names == {os.path.basename(path) for path in kept} | {"both"}


def test_readers_while_others_save(tmp_path):
    """A reader has one save's values, whatever is written over them meanwhile."""
    prefix, done = tmp_path / "m", threading.Event()
    write_bundle(str(prefix), generation(0))

    def write():
        for i in range(1, 40):
            write_bundle(str(prefix), generation(i))
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen = [generation_of(prefix)]
    while not done.is_set():
        seen.append(generation_of(prefix))
    thread.join()
    assert seen == sorted(seen) and generation_of(prefix) == 39


def test_a_lock_is_for_one_at_a_time(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(20):
            with folder_lock(str(tmp_path)):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.0005)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1 and len(most) == 80


@pytest.mark.parametrize("code", sorted(files.NO_LOCKS))
def test_file_systems_without_locks(tmp_path, monkeypatch, code):
    def refuse(file, operation):
        raise OSError(code, "no locks")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    variables_of_a_generation()
    (tmp_path / ".other.unfinished").write_text("of a save that may go on")
    (tmp_path / "other.data-00000-of-00001").write_text("its data")
    assert savers_generation(saved_by(tmp_path, tg.train.Saver(), 1)) == 1
    assert {".other.unfinished", "other.data-00000-of-00001"} < {*os.listdir(tmp_path)}


# ---------------------------------------------------------------- Windows


@pytest.fixture
def windows(monkeypatch):
    """Files that are open can be neither removed nor replaced, and folders have no fsync."""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("the system does not tell which files are open")
    remove, replace = os.remove, os.replace

    def check(*paths):
        opened = set()
        for name in os.listdir("/proc/self/fd"):
            try:
                opened.add(os.readlink(f"/proc/self/fd/{name}"))
            except OSError:
                pass
        if opened & {os.path.abspath(path) for path in paths}:
            raise PermissionError(errno.EACCES, "The process cannot access the file")

    monkeypatch.setattr(os, "remove", lambda path: (check(path), remove(path)))
    monkeypatch.setattr(os, "replace", lambda old, new: (check(old, new), replace(old, new)))
    monkeypatch.setattr(files, "WINDOWS", True)
    monkeypatch.setattr(files, "PATIENCE", 0.001)


def test_files_that_are_read_stay_on_windows(tmp_path, windows):
    """Until the next save after they are closed; a reader goes on to read its own."""
    prefix = tmp_path / "m"
    write_bundle(str(prefix), generation(0))
    readers = []
    for i in range(4):
        readers.append((i, tg.train.load_checkpoint(prefix)))
        write_bundle(str(prefix), generation(i + 1))
        assert generation_of(prefix) == i + 1
    for i, reader in readers:
        assert set(reader.get_tensor("d")) == {i}
    remove_bundle(str(tmp_path / "nothing"))
    assert len(snapshot(tmp_path)) == 6
    readers.clear()
    del reader
    write_bundle(str(prefix), generation(9))
    assert generation_of(prefix) == 9 and len(snapshot(tmp_path)) == 2


def test_a_saver_on_windows(tmp_path, windows):
    variables_of_a_generation()
    saver = tg.train.Saver(max_to_keep=1)
    path = saved_by(tmp_path, saver, 1)
    reader = tg.train.load_checkpoint(path)
    saved_by(tmp_path, saver, 2)
    assert set(reader.get_tensor("d")) == {1}
    del reader
    saved_by(tmp_path, saver, 3)
    assert {path.name.split(".")[0] for path in tmp_path.glob("m-*")} == {"m-3"}


def test_an_index_that_is_read_is_replaced_later_on_windows(tmp_path, windows, monkeypatch):
    prefix = tmp_path / "m"
    write_bundle(str(prefix), generation(0))
    with open(f"{prefix}.index", "rb") as file:
        threading.Timer(0.02, file.close).start()
        write_bundle(str(prefix), generation(1))
    assert generation_of(prefix) == 1
    monkeypatch.setattr(files, "ATTEMPTS", 3)
    before = snapshot(tmp_path)
    with open(f"{prefix}.index", "rb"), pytest.raises(PermissionDeniedError, match="cannot access"):
        write_bundle(str(prefix), generation(2))
    assert snapshot(tmp_path) == before


def test_write_whole_leaves_nothing_behind(tmp_path, monkeypatch):
    path = Path(tmp_path, "file")
    files.write_whole(path, b"old")
    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch, pytest.raises(FileError):
            Failing(patch, name, 1, IO_ERROR)
            files.write_whole(path, b"new")
    assert snapshot(tmp_path) == {"file": b"old"}
    assert saving.LOCK not in os.listdir(tmp_path)
