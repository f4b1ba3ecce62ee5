"""MNIST: reading, choosing, downloading and drawing, and what happens when files or servers lie."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import importlib.util
import os
import struct
import subprocess
import sys
import threading
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pooch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygraph.datasets import fetch, idx, mnist
from tinygraph.errors import (
    DataLossError, DTypeError, FileError, InvalidArgumentError, NotFoundError,
    PermissionDeniedError,
)

ROOT = Path(__file__).parents[1]
FULL = Path(os.environ.get("TINYGRAPH_MNIST") or ROOT / "no full set")
needs_full = pytest.mark.skipif(not FULL.is_dir(), reason="the full set is not here")


def encode(array, packed=True):
    """An array as the bytes of an IDX file."""
    array = np.asarray(array, np.uint8)
    data = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
    return gzip.compress(data, mtime=0) if packed else data


def digits(count, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 28, 28), np.uint8)
    images[:, :14] = 0  # something to pack
    return images, rng.integers(0, 10, count, np.uint8)


def files(train=7, test=3, packed=True):
    """The four files of a small set in MNIST's format."""
    arrays = [*digits(train, seed=1), *digits(test, seed=2)]
    return {name: encode(array, packed) for name, array in zip(mnist.FILES, arrays, strict=True)}


def write(directory, contents):
    directory.mkdir(exist_ok=True)
    for name, data in contents.items():
        (directory / name).write_bytes(data)
    return directory


def names(directory):
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


# --- IDX files ---


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.booleans(), st.integers(0, 2**32))
def test_idx_gives_back_any_array(tmp_path_factory, shape, packed, seed):
    array = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes(encode(array, packed))
    found = idx.read_idx(path, rank=len(shape))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("packed", [True, False])
def test_idx_rejects_every_truncation(tmp_path, packed):
    data = encode(digits(1, seed=0)[0][:, 10:18, :8], packed)
    path = tmp_path / "images"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(DataLossError, match=str(path)):
            idx.read_idx(path, rank=3)


def test_idx_rejects_every_bit_flip_that_matters(tmp_path):
    array = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    data = encode(array)
    path = tmp_path / "images.gz"
    harmless = 0
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            found = idx.read_idx(path, rank=3)
        except DataLossError as error:
            assert str(path) in str(error)
        else:  # gzip's header has a date, an operating system and two hints: not the data's matter
            np.testing.assert_array_equal(found, array)
            harmless += 1
    assert harmless < 8 * 10


IMAGE = encode(np.ones((2, 3, 4)))
PLAIN = encode(np.ones((2, 3, 4)), packed=False)
BAD_FILES = {
    "zero bytes": (b"", "ends after 0 bytes"),
    "a web page": (b"<!DOCTYPE html><html>Not found", "magic number 3c21444f"),
    "another element type": (PLAIN.replace(b"\x08", b"\x0d", 1), "magic number 00000d03"),
    "labels for images": (
        encode([1, 2, 3, 4] * 4),
        "rank 1, not 3: are image and label files swap",
    ),
    "dims too large": (struct.pack(">4B3I", 0, 0, 8, 3, 2, 3, 5) + PLAIN[16:], "46 expected"),
    "dims too small": (struct.pack(">4B3I", 0, 0, 8, 3, 2, 3, 3) + PLAIN[16:], "34 expected"),
    "no images": (struct.pack(">4B3I", 0, 0, 8, 3, 0, 28, 28), "empty array"),
    "absurd dims": (struct.pack(">4B3I", 0, 0, 8, 3, *3 * [2**32 - 1]) + PLAIN[16:], "bytes found"),
    "absurd dims, gzipped": (
        gzip.compress(struct.pack(">4B3I", 0, 0, 8, 3, *3 * [2**32 - 1]) + PLAIN[16:]),
        "more than 100 to 1",
    ),
    "trailing bytes": (PLAIN + b"\0", "41 bytes found, 40 expected"),
    "trailing bytes, gzipped": (gzip.compress(PLAIN + b"\0"), "more than the 40 bytes"),
    "bytes after the gzip": (IMAGE + b"\0", "1 bytes follow"),
    "two members": (IMAGE + IMAGE, "bytes follow"),
    "split into members": (gzip.compress(PLAIN[:30]) + gzip.compress(PLAIN[30:]), "bytes follow"),
    "bad CRC": (IMAGE[:-8] + bytes(4) + IMAGE[-4:], "incorrect data check"),
    "bad length": (IMAGE[:-4] + bytes(4), "incorrect length check"),
    "gzip of nothing": (gzip.compress(b""), "ends after 0 bytes"),
    "gzip in gzip": (gzip.compress(IMAGE), "magic number 1f8b"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_idx_rejects(tmp_path, case):
    data, message = BAD_FILES[case]
    path = tmp_path / "file.gz"
    path.write_bytes(data)
    with pytest.raises(DataLossError, match=message) as caught:
        idx.read_idx(path, rank=3)
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("declared", [16, 2**26], ids=["lying header", "honest header"])
def test_a_bomb_is_not_unpacked(tmp_path, declared):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(struct.pack(">4BI", 0, 0, 8, 1, declared) + bytes(2**26)))
    tracemalloc.start()
    try:
        with pytest.raises(DataLossError, match=r"bomb\.gz"):
            idx.read_idx(path, rank=1)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [2**30, 2**40])
@pytest.mark.parametrize("start", [b"", PLAIN, IMAGE, gzip.compress(PLAIN, 0)])
def test_the_header_is_checked_before_the_rest_is_read(tmp_path, start, size):
    path = tmp_path / "large"
    with open(path, "wb") as file:
        file.write(start)
        file.truncate(size)  # takes no room on the disk
    tracemalloc.start()
    try:
        with pytest.raises(DataLossError, match="large: "):
            idx.read_idx(path, rank=3)
        assert not mnist._is_there(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


# --- files that cannot be read ---


def test_what_is_no_file(tmp_path):
    with pytest.raises(NotFoundError, match="nowhere: No such file"):
        idx.read_idx(tmp_path / "nowhere", rank=3)
    with pytest.raises(FileError, match=f"{tmp_path.name}: ") as caught:
        idx.read_idx(tmp_path, rank=3)
    assert isinstance(caught.value, OSError)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path / "loop", tmp_path / ("x" * 300)):
        with pytest.raises(FileError, match=f"{path.name}: "):
            idx.read_idx(path, rank=3)
    os.mkfifo(tmp_path / "pipe")  # to which nobody writes
    with pytest.raises(FileError, match="pipe: no regular file"):
        idx.read_idx(tmp_path / "pipe", rank=3)
    with pytest.raises((NotFoundError, FileError), match="loop"):
        mnist.load("train", tmp_path / "loop")
    with pytest.raises(FileError, match="x: "):
        fetch.write_whole(write(tmp_path / "new", {"file": b""}) / "file" / "x", b"data")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PermissionError(13, "Permission denied"), PermissionDeniedError),
        (OSError(5, "Input/output error"), FileError),
        (FileNotFoundError(2, "No such file or directory"), NotFoundError),  # just removed
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, monkeypatch, error, kind):
    directory = write(tmp_path / "data", files())
    images = directory / "train-images-idx3-ubyte.gz"

    def refuse(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(kind, match=f"{images}: {error.strerror}") as caught:
            mnist.load("train", directory)
    assert isinstance(caught.value, OSError) or kind is NotFoundError
    assert caught.value.__cause__ is error
    if kind is not NotFoundError:
        monkeypatch.setattr(Path, "is_file", refuse)
        for read in (mnist.source, mnist.download, lambda path: mnist.load("test", path)):
            with pytest.raises(kind, match=f"{directory}.*: {error.strerror}"):
                read(directory)


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="the superuser may read all")
def test_a_file_without_permission(tmp_path):
    directory = write(tmp_path / "data", files())
    (directory / "train-images-idx3-ubyte.gz").chmod(0)
    with pytest.raises(PermissionDeniedError, match=r"ubyte\.gz: Permission"):
        mnist.load("train", directory)


def test_gunzip_takes_memory_up_to_its_limit_only():
    packed = gzip.compress(bytes(2**26))
    tracemalloc.start()
    try:
        with pytest.raises(DataLossError, match="more than the 1000 bytes"):
            idx.gunzip(packed, limit=1000, path="bomb.gz")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


# --- load ---


@pytest.mark.parametrize("packed", [True, False])
def test_load_reads_a_directory(tmp_path, packed):
    contents = files(packed=packed)
    if not packed:
        contents = {name.removesuffix(".gz"): data for name, data in contents.items()}
    write(tmp_path, contents)
    for split, (images, labels) in {"train": digits(7, 1), "test": digits(3, 2)}.items():
        found_images, found_labels = mnist.load(split, str(tmp_path))
        assert found_images.dtype == np.float32
        assert found_labels.dtype == np.uint8
        expected = (images.reshape(-1, 784) / 255).astype(np.float32)
        np.testing.assert_array_equal(found_images, expected)
        np.testing.assert_array_equal(found_labels, labels)
        assert found_images.flags.writeable
        assert found_labels.flags.writeable


def test_load_names_all_missing_files(tmp_path):
    with pytest.raises(NotFoundError, match="no directory") as caught:
        mnist.load("train", tmp_path / "nowhere")
    assert "train-images-idx3-ubyte, train-labels-idx1-ubyte" in str(caught.value)
    contents = files()
    del contents["t10k-labels-idx1-ubyte.gz"]
    write(tmp_path, contents)
    with pytest.raises(NotFoundError, match="files t10k-labels-idx1-ubyte, with"):
        mnist.load("test", tmp_path)


def test_load_rejects_files_that_do_not_belong_together(tmp_path):
    images, labels = mnist.SPLITS["train"]
    good = files()

    def reject(changes, message, path):
        write(tmp_path, good | changes)
        with pytest.raises(DataLossError, match=message) as caught:
            mnist.load("train", tmp_path)
        assert str(tmp_path / path) in str(caught.value)

    reject({labels: good["t10k-labels-idx1-ubyte.gz"]}, "7 images, but .* 3 labels", labels)
    reject({images: good[labels], labels: good[images]}, "swapped", images)
    reject({labels: encode([0, 1, 2, 10, 4, 5, 6])}, "label 10 found at index 3", labels)
    reject({images: encode(np.ones((7, 27, 28)))}, r"\(27, 28\) found", images)
    write(tmp_path, good)
    assert len(mnist.load("train", tmp_path)[1]) == 7


def test_load_rejects_another_split():
    with pytest.raises(InvalidArgumentError, match="not 'validation'"):
        mnist.load("validation", mnist.SAMPLE)


@needs_full
def test_the_full_set():
    for split, count in {"train": 60000, "test": 10000}.items():
        images, labels = mnist.load(split, FULL)
        assert images.shape == (count, 784)
        assert (images.min(), images.max()) == (0, 1)
        assert labels.shape == (count,)
        assert len(np.unique(labels)) == 10
    assert all(mnist._is_there(FULL / name) for name in mnist.FILES)  # one is another gzip


# --- the embedded sample ---


def test_the_sample():
    packed = mnist.SAMPLE.read_bytes()
    contents = gzip.decompress(packed)
    assert len(packed) < 900_000
    assert hashlib.sha256(contents).hexdigest() == (
        "2587425ed8c60b739066034126305b6e8973b68aae5f2286737302bf7307738c"
    )
    (train, train_labels), (test, test_labels) = (
        mnist.load(split, mnist.SAMPLE) for split in ("train", "test")
    )
    assert train.shape == (4000, 784)
    assert test.shape == (1000, 784)
    assert set(np.bincount(train_labels)) == {400}
    assert set(np.bincount(test_labels)) == {100}
    assert len({row.tobytes() for row in np.concatenate([train, test])}) == 5000
    assert len(set(train_labels[:20])) > 5  # in random order


@needs_full
def test_the_sample_is_of_the_training_set():
    whole = dict(
        zip(map(bytes, (mnist.load("train", FULL)[0])), mnist.load("train", FULL)[1], strict=True)
    )
    for split in ("train", "test"):
        for image, label in zip(*mnist.load(split, mnist.SAMPLE), strict=True):
            assert whole[bytes(image)] == label


def test_the_tool_that_made_the_sample():
    spec = importlib.util.spec_from_file_location("tool", ROOT / "tools" / "make_mnist_sample.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    rows = idx.read_idx(mnist.SAMPLE, rank=2)
    assert gzip.decompress(tool.encode(rows)) == gzip.decompress(mnist.SAMPLE.read_bytes())
    again = tool.split(rows, seed=3)
    np.testing.assert_array_equal(again, tool.split(rows, seed=3))
    assert set(np.bincount(again[:4000, 0])) == {400}
    assert sorted(map(bytes, again)) == sorted(map(bytes, rows))


# --- one_hot, batches ---


def test_one_hot():
    labels = np.random.default_rng(0).integers(0, 10, 50).astype(np.uint8)
    rows = mnist.one_hot(labels)
    assert rows.dtype == np.float32
    assert rows.shape == (50, 10)
    np.testing.assert_array_equal(rows.argmax(axis=1), labels)
    np.testing.assert_array_equal(rows.sum(axis=1), 1)
    with pytest.raises(InvalidArgumentError, match=r"in \[0, 10\), 10 found"):
        mnist.one_hot([3, 10])
    with pytest.raises(InvalidArgumentError, match="-1 found"):
        mnist.one_hot([-1])
    for wrong in ([1.0], [True]):
        with pytest.raises(DTypeError, match="must be integers"):
            mnist.one_hot(wrong)
    with pytest.raises(DTypeError, match="not made of numbers"):
        mnist.one_hot(["1"])


@given(st.integers(1, 12), st.integers(1, 30), st.integers(0, 2**32))
def test_batches_take_every_image_once_an_epoch(count, batch_size, seed):
    images, labels = 10 * np.arange(count), np.arange(count)
    drawn = mnist.batches(images, labels, batch_size, iterations=20, seed=seed)
    pairs = list(drawn)
    assert [len(t) for _, t in pairs] == 20 * [batch_size]
    for x, t in pairs:
        np.testing.assert_array_equal(x, 10 * t)
    sequence = np.concatenate([t for _, t in pairs])
    epochs = len(sequence) // count
    for epoch in sequence[: epochs * count].reshape(epochs, count):
        assert sorted(epoch) == list(range(count))


def test_batches_are_seeded_endless_and_fresh_each_epoch():
    images, labels = digits(10, seed=0)

    def take(seed):
        drawn = mnist.batches(images, labels, 10, seed=seed)
        return [next(drawn)[1].tolist() for _ in range(4)]

    assert take(5) == take(5) == take(np.random.default_rng(5))
    assert take(5) != take(6)
    assert len({tuple(t) for t in take(5)}) == 4
    assert list(mnist.batches(images, labels, 3, iterations=0)) == []


def test_batches_check_their_arguments_at_once():
    images, labels = digits(4, seed=0)
    with pytest.raises(InvalidArgumentError, match="4 images and 3 labels"):
        mnist.batches(images, labels[:3], 2)
    with pytest.raises(InvalidArgumentError, match="0 images"):
        mnist.batches(images[:0], labels[:0], 2)
    with pytest.raises(InvalidArgumentError, match="batch_size must be at least 1, not 0"):
        mnist.batches(images, labels, 0)


# --- downloads ---


class Mirrors(BaseHTTPRequestHandler):
    """Several servers in one: the first part of the path says how it behaves."""

    def do_GET(self):
        _, manner, name = self.path.split("/")
        self.server.asked.append((manner, name))
        data = self.server.files[name]
        if manner == "absent":
            self.send_error(404)
            return
        body = {
            "html": b"<html>please log in</html>",
            "wrong": data[:-1] + bytes([data[-1] ^ 1]),
            "endless": bytes(2**18),
            "repacked": gzip.compress(gzip.decompress(data), 1, mtime=7),
            "unpacked": gzip.decompress(data),
        }.get(manner, data)
        self.send_response(200)
        self.send_header("Content-Length", str(2**20 if manner == "trickle" else len(body)))
        self.end_headers()
        if manner in ("drop", "stall", "trickle"):
            self.wfile.write(body[:10])
            self.wfile.flush()
            if manner == "stall":
                self.server.closing.wait()
            while manner == "trickle" and not self.server.closing.wait(0.1):
                with contextlib.suppress(OSError):  # the other side has gone
                    self.wfile.write(b"?")
        else:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server of a small set that passes for MNIST, on this machine."""
    monkeypatch.setenv("NO_PROXY", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirrors) as made:
        made.files, made.asked, made.closing = files(), [], threading.Event()
        made.url = f"http://127.0.0.1:{made.server_port}"
        hashes = {
            name: tuple(hashlib.sha256(part).hexdigest() for part in (data, gzip.decompress(data)))
            for name, data in made.files.items()
        }
        monkeypatch.setattr(mnist, "FILES", hashes)
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.closing.set()
        made.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """No cache but an empty one, nothing tried or printed yet, and no network."""
    pooch.get_logger().setLevel("ERROR")
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    monkeypatch.setattr(mnist, "MIRRORS", ())
    monkeypatch.delenv("TINYGRAPH_MNIST", raising=False)
    mnist._try_download.cache_clear()
    mnist._print_once.cache_clear()


def mirrors(server, *manners):
    return [f"{server.url}/{manner}/" for manner in manners]


@pytest.mark.parametrize("manner", ["good", "repacked", "unpacked"])
def test_download(server, tmp_path, manner):
    directory = mnist.download(tmp_path / "new" / "data", mirrors(server, manner))
    assert directory == tmp_path / "new" / "data"
    assert names(directory) == sorted(server.files)
    np.testing.assert_array_equal(mnist.load("train", directory)[1], digits(7, seed=1)[1])
    asked = len(server.asked)
    assert mnist.download(directory, mirrors(server, manner)) == directory
    assert len(server.asked) == asked == 4  # all there, nothing asked again


@pytest.mark.parametrize(
    "manner", ["drop", "html", "wrong", "stall", "trickle", "absent", "endless"]
)
def test_a_bad_mirror_is_left_for_the_next(server, tmp_path, monkeypatch, manner):
    if manner in ("stall", "trickle"):
        monkeypatch.setattr(fetch, "PATIENCE", 1.0)
    monkeypatch.setattr(fetch, "MAX_SIZE", 2**17)
    directory = mnist.download(tmp_path / "data", mirrors(server, manner, "good"))
    assert {name: (directory / name).read_bytes() for name in names(directory)} == server.files
    assert [asked for asked, _ in server.asked].count(manner) == 1  # not waited for again


def test_a_mirror_that_cannot_be_reached_is_left_for_the_next(server, tmp_path):
    closed = "http://127.0.0.1:1/"
    directory = mnist.download(tmp_path / "data", [closed, "no url/", *mirrors(server, "good")])
    assert names(directory) == sorted(server.files)


def test_no_good_mirror_leaves_no_file(server, tmp_path):
    name = "train-images-idx3-ubyte.gz"
    write(tmp_path / "data", {name: b"kept"})
    with pytest.raises(fetch.DownloadError, match=name) as caught:
        mnist.download(tmp_path / "data", mirrors(server, "html", "drop", "absent"))
    assert names(tmp_path / "data") == [name]
    assert (tmp_path / "data" / name).read_bytes() == b"kept"
    for reason in ("wrong SHA-256", "ChunkedEncodingError", "HTTPError"):
        assert reason in str(caught.value)
    assert isinstance(caught.value, OSError)


def test_a_corrupted_file_is_downloaded_again(server, tmp_path):
    directory = mnist.download(tmp_path / "data", mirrors(server, "good"))
    victim = directory / "t10k-images-idx3-ubyte.gz"
    for damaged in (b"", victim.read_bytes()[:-1], b"?" + victim.read_bytes()[1:]):
        victim.write_bytes(damaged)
        server.asked.clear()
        mnist.download(directory, mirrors(server, "good"))
        assert [name for _, name in server.asked] == [victim.name]
        assert victim.read_bytes() == server.files[victim.name]
    assert names(directory) == sorted(server.files)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        fetch.write_whole(path, b"new")
    assert names(tmp_path) == ["file"]
    assert path.read_bytes() == b"old"


def test_two_processes_download_at_once(server, tmp_path):
    program = (
        "import sys; from tinygraph.datasets import mnist\n"
        f"mnist.FILES = {mnist.FILES!r}\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        f"mnist.download({str(tmp_path / 'data')!r}, {mirrors(server, 'good')!r})\n"
        f"print(mnist.load('train', {str(tmp_path / 'data')!r})[1].tolist())\n"
    )
    pair = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in pair:
        assert process.stdout.readline() == "ready\n"
    for process in pair:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in pair:
        assert process.communicate()[0] == f"{digits(7, seed=1)[1].tolist()}\n"
        assert process.returncode == 0
    assert names(tmp_path / "data") == sorted(server.files)


# --- the order of choice ---


def test_a_path_comes_first_then_the_variable(server, tmp_path, monkeypatch, capsys):
    first, second = write(tmp_path / "a", files(train=5)), write(tmp_path / "b", files(train=6))
    monkeypatch.setattr(mnist, "MIRRORS", mirrors(server, "good"))
    monkeypatch.setenv("TINYGRAPH_MNIST", str(second))
    assert len(mnist.load("train", first)[1]) == 5
    assert capsys.readouterr().out == ""  # a path given is no news
    assert len(mnist.load("train")[1]) == 6
    assert len(mnist.load("test")[1]) == 3
    assert capsys.readouterr().out == f"MNIST: the files in {second} ($TINYGRAPH_MNIST)\n"
    assert mnist.source(first) == first
    assert capsys.readouterr().out == f"MNIST: the files in {first}\n"
    assert server.asked == []


def test_a_bad_directory_that_was_named_is_an_error(server, tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "MIRRORS", mirrors(server, "good"))
    with pytest.raises(NotFoundError, match="no directory"):
        mnist.source(tmp_path / "nowhere")
    monkeypatch.setenv("TINYGRAPH_MNIST", str(tmp_path / "nowhere"))
    with pytest.raises(NotFoundError, match="no directory"):
        mnist.load("train")
    assert server.asked == []


def test_the_cache_comes_before_a_download(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(mnist, "MIRRORS", mirrors(server, "good"))
    monkeypatch.setenv("TINYGRAPH_MNIST", "")  # as good as unset
    cache = tmp_path / "cache" / "tinygraph-mnist"
    assert len(mnist.load("train")[1]) == 7
    assert capsys.readouterr().out == f"MNIST: the full set, downloaded to {cache}\n"
    assert len(server.asked) == 4
    assert len(mnist.load("test")[1]) == 3
    assert mnist.source() == cache
    assert capsys.readouterr().out == 2 * f"MNIST: the full set, from the cache {cache}\n"
    assert len(server.asked) == 4


def test_a_corrupted_cache_is_downloaded_again(server, monkeypatch, capsys):
    monkeypatch.setattr(mnist, "MIRRORS", mirrors(server, "good"))
    victim = mnist.download(mirrors=mnist.MIRRORS) / "train-labels-idx1-ubyte.gz"
    victim.write_bytes(encode(np.zeros(7)))  # a good IDX file, but not MNIST's
    np.testing.assert_array_equal(mnist.load("train")[1], digits(7, seed=1)[1])
    assert "downloaded" in capsys.readouterr().out
    assert victim.read_bytes() == server.files[victim.name]


def test_without_a_network_the_sample_is_taken(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(mnist, "MIRRORS", mirrors(server, "absent", "html"))
    assert len(mnist.load("train")[1]) == 4000
    assert len(mnist.load("test")[1]) == 1000
    out = capsys.readouterr().out
    assert out.startswith("MNIST: the embedded sample of 4,000 training and 1,000 test images, as ")
    assert "wrong SHA-256" in out
    assert out.count("\n") == 1
    assert len(server.asked) == 2  # each mirror once, although two splits were loaded
    assert names(tmp_path / "cache") == []
    mnist.download(mirrors=mirrors(server, "good"))
    assert len(mnist.load("train")[1]) == 7


def test_with_a_cache_that_may_not_be_read_the_sample_is_taken(monkeypatch, capsys):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(mnist, "_is_there", refuse)
    assert len(mnist.load("test")[1]) == 1000
    assert "Permission denied" in capsys.readouterr().out


def test_without_pooch_the_sample_is_taken(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert len(mnist.load("test")[1]) == 1000
    assert "pip install tinygraph-autodiff[examples]" in capsys.readouterr().out
    with pytest.raises(ImportError, match="downloads need pooch: pip install"):
        mnist.download()
