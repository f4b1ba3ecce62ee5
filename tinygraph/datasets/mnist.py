"""MNIST: 60,000 + 10,000 handwritten digits, and 5,000 of them that come with the package.

>>> images, labels = tg.datasets.mnist.load("train", tg.datasets.mnist.SAMPLE)
>>> for x, t in tg.datasets.mnist.batches(images, labels, batch_size=100, iterations=2, seed=0):
...     print(x.shape, tg.datasets.mnist.one_hot(t).shape)
(100, 784) (100, 10)
(100, 784) (100, 10)
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tinygraph import arguments
from tinygraph.arrays import to_array
from tinygraph.console import say
from tinygraph.datasets.fetch import fetch, load_pooch, write_whole
from tinygraph.datasets.idx import gunzip, read_idx
from tinygraph.errors import (
    DataLossError, DTypeError, InvalidArgumentError, NotFoundError, about_file,
)
from tinygraph.typing import ArrayLike

__all__ = ["SAMPLE", "batches", "download", "load", "one_hot", "source"]

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
# The SHA-256 of each archive and of what it unpacks to: another gzip of the same data is as good.
FILES = {
    "train-images-idx3-ubyte.gz":
        ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
         "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    "train-labels-idx1-ubyte.gz":
        ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
         "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    "t10k-images-idx3-ubyte.gz":
        ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
         "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    "t10k-labels-idx1-ubyte.gz":
        ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
         "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
}
SPLITS = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
# One IDX array of 5,000 rows, 4,000 to train on and 1,000 to test with: the label, then 784 pixels.
SAMPLE = Path(__file__).with_name("mnist_5k.idx.gz").resolve()
SAMPLE_SPLITS = {"train": slice(0, 4000), "test": slice(4000, 5000)}

MAX_DEPTH = 1 << 20  # classes
MAX_BATCH = 1 << 24  # images; more than 50 GB
MAX_CONTENTS = 64 << 20  # bytes; no file of MNIST unpacks to more

PathLike = str | os.PathLike[str]


def load(split: str = "train", path: PathLike | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Load the images and labels of one split.

    Parameters
    ----------
    split : {"train", "test"}
        60,000 and 10,000 images of the full set, 4,000 and 1,000 of the sample.
    path : str or os.PathLike, optional
        A directory with the files of MNIST, or of any set in its format such as Fashion-MNIST,
        gzipped or not; or `SAMPLE`. By default what `source` chooses, which is then printed, once.

    Returns
    -------
    images : numpy.ndarray
        float32 of shape (n, 784), from 0 for paper to 1 for ink.
    labels : numpy.ndarray
        uint8 of shape (n,), from 0 to 9.

    Raises
    ------
    NotFoundError
        If a file is missing; it names all that are.
    DataLossError
        If a file is damaged, or images and labels do not belong together.
    PermissionDeniedError, FileError
        If a file cannot be read.

    Examples
    --------
    >>> images, labels = tg.datasets.mnist.load("test", tg.datasets.mnist.SAMPLE)
    >>> images.shape, images.dtype, images.min(), images.max()
    ((1000, 784), dtype('float32'), np.float32(0.0), np.float32(1.0))
    >>> np.bincount(labels)
    array([100, 100, 100, 100, 100, 100, 100, 100, 100, 100])
    """
    arguments.choice(split, "split", SPLITS)
    if path is None:
        path, line = _choose()
        _print_once(line)
    path = arguments.path(path)
    if _is_sample(path):
        rows = read_idx(SAMPLE, rank=2)[SAMPLE_SPLITS[split]]
        images, labels = rows[:, 1:], rows[:, 0]
    else:
        images, labels = _read_pair(*_find(Path(path), SPLITS[split]))
    return np.divide(images, 255, dtype=np.float32), labels.copy()


def source(path: PathLike | None = None) -> Path:
    """Choose where the images come from, print it in one line, and return it for `load`.

    The choice falls on the first of these that there is: `path`, the directory that the environment
    variable TINYGRAPH_MNIST names, the cache, a download into the cache, and the sample inside the
    package. A directory that is named but lacks a file is an error, not a reason to look further.

    Examples
    --------
    >>> where = tg.datasets.mnist.source(tg.datasets.mnist.SAMPLE)
    MNIST: the embedded sample of 4,000 training and 1,000 test images
    >>> images, labels = tg.datasets.mnist.load("train", where)
    """
    where, line = _choose(path)
    say(line)
    return where


def download(path: PathLike | None = None, mirrors: Sequence[str] = MIRRORS) -> Path:
    """Download the four files of MNIST, 11 MB in all, where they are not there yet.

    Only whole files with the right SHA-256 are ever put in place, so that several processes may
    download into one directory at once. A file there that is not MNIST's is replaced.

    Parameters
    ----------
    path : str or os.PathLike, optional
        The directory, made if need be; by default the user's cache, where `load` looks too.
    mirrors : sequence of str, optional
        Addresses to try in turn; each ends in a slash.

    Returns
    -------
    pathlib.Path
        The directory.

    Raises
    ------
    DownloadError
        If no mirror has a good copy of a file; it tells how each one failed.
    PermissionDeniedError, FileError
        If a file there cannot be read, or none can be written.
    ImportError
        If pooch is missing.

    Examples
    --------
    >>> directory = tg.datasets.mnist.download()  # doctest: +SKIP
    >>> images, labels = tg.datasets.mnist.load("train", directory)  # doctest: +SKIP
    """
    directory = _cache() if path is None else Path(path)
    mirrors = list(mirrors)
    for name in FILES:
        if not _is_there(directory / name):
            is_good = functools.partial(_is_genuine, name)
            write_whole(directory / name, fetch(name, mirrors, is_good))
    return directory


def one_hot(labels: ArrayLike, depth: int = 10) -> np.ndarray:
    """Turn labels into float32 rows with a one at the label and zeros elsewhere.

    Raises
    ------
    DTypeError
        If the labels are not integers.
    InvalidArgumentError
        If a label is not in [0, depth).

    Examples
    --------
    >>> tg.datasets.mnist.one_hot([2, 0], depth=3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    labels, depth = to_array(labels), arguments.integer(depth, "depth", least=0, most=MAX_DEPTH)
    if not np.issubdtype(labels.dtype, np.integer):
        raise DTypeError(f"labels must be integers, {labels.dtype} found")
    wrong = labels[(labels < 0) | (labels >= depth)]
    if wrong.size:
        raise InvalidArgumentError(f"labels must be in [0, {depth}), {wrong[0]} found")
    return (labels[..., None] == np.arange(depth)).astype(np.float32)


def batches(
    images: np.ndarray, labels: np.ndarray, batch_size: int, iterations: int | None = None,
    seed: int | np.random.Generator | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draw mini-batches at random: every image once an epoch, in a new order each epoch.

    As with TF1's `next_batch`, the batch at an epoch's end joins the images left over to the first
    of the new order, so that all batches have the same size.

    Parameters
    ----------
    images, labels : numpy.ndarray
        Arrays with the same number of rows.
    batch_size : int
        Rows in each batch.
    iterations : int, optional
        How many batches to draw; endless by default.
    seed : int or numpy.random.Generator, optional
        The same seed gives the same batches.

    Examples
    --------
    >>> images, labels = np.arange(6).reshape(3, 2), np.arange(3)
    >>> drawn = tg.datasets.mnist.batches(images, labels, batch_size=2, iterations=3, seed=0)
    >>> [t.tolist() for x, t in drawn]  # two epochs of three labels
    [[2, 0], [1, 2], [1, 0]]
    """
    images, labels = (x if isinstance(x, np.ndarray) else to_array(x) for x in (images, labels))
    if not images.ndim or not labels.ndim:
        raise InvalidArgumentError(f"images and labels must have rows, not {images!r}, {labels!r}")
    if len(images) != len(labels) or not len(images):
        raise InvalidArgumentError(
            f"images and labels must be as many, and at least one: {len(images)} images and "
            f"{len(labels)} labels found"
        )
    arguments.integer(batch_size, "batch_size", least=1, most=MAX_BATCH)
    if iterations is not None:
        arguments.integer(iterations, "iterations", least=0)
    if not isinstance(seed, np.random.Generator | None):
        arguments.integer(seed, "seed", least=0)
    rng = np.random.default_rng(seed)

    def draw():
        order = rng.permutation(len(images))
        for _ in itertools.count() if iterations is None else range(iterations):
            while len(order) < batch_size:
                order = np.concatenate([order, rng.permutation(len(images))])
            chosen, order = order[:batch_size], order[batch_size:]
            yield images[chosen], labels[chosen]

    return draw()  # an inner generator, so that bad arguments fail here and not at the first batch


def _read_pair(images_path: Path, labels_path: Path) -> tuple[np.ndarray, np.ndarray]:
    images, labels = read_idx(images_path, rank=3), read_idx(labels_path, rank=1)
    if images.shape[1:] != (28, 28):
        raise DataLossError(f"{images_path}: images of {images.shape[1:]} found, (28, 28) expected")
    if len(images) != len(labels):
        raise DataLossError(
            f"{images_path} holds {len(images)} images, but {labels_path} {len(labels)} labels"
        )
    if labels.max() > 9:
        raise DataLossError(
            f"{labels_path}: label {labels.max()} found at index {labels.argmax()}, 0 to 9 expected"
        )
    return images.reshape(len(images), 784), labels


def _find(directory: Path, names: Sequence[str]) -> list[Path]:
    """The path of each file, gzipped or else plain."""
    candidates = [(directory / name, directory / name.removesuffix(".gz")) for name in names]
    with about_file(directory):
        paths = [next(filter(Path.is_file, pair), None) for pair in candidates]
        there = "" if directory.is_dir() else " is no directory"
    missing = [plain.name for path, (_, plain) in zip(paths, candidates, strict=True) if not path]
    if missing:
        raise NotFoundError(
            f"{directory}{there}: expected the files {', '.join(missing)}, with .gz or without"
        )
    return [path for path in paths if path]


def _is_sample(path: PathLike) -> bool:
    try:
        return os.path.samefile(path, SAMPLE)
    except (OSError, ValueError):  # no file, or no path to one
        return False


def _choose(path: PathLike | None = None) -> tuple[Path, str]:
    """The path of the images, and the line that tells the user of it."""
    sample = "MNIST: the embedded sample of 4,000 training and 1,000 test images"
    named_by = ""
    if path is None:
        path, named_by = os.environ.get("TINYGRAPH_MNIST") or None, " ($TINYGRAPH_MNIST)"
    if path is not None:
        path = Path(arguments.path(path))
        if _is_sample(path):
            return SAMPLE, sample
        try:
            _find(path, list(FILES))
        except NotFoundError as error:
            raise NotFoundError(f"{error}{named_by}") from None
        return path, f"MNIST: the files in {path}{named_by}"
    try:
        cache = _cache()
        if all(_is_there(cache / name) for name in FILES):
            return cache, f"MNIST: the full set, from the cache {cache}"
    except (ImportError, OSError) as error:  # no pooch, or a home that may not be read
        return SAMPLE, f"{sample} ({error})"
    failure = _try_download()
    if failure:
        return SAMPLE, f"{sample}, as the full set could not be downloaded ({failure})"
    return cache, f"MNIST: the full set, downloaded to {cache}"


@functools.cache  # a closed network costs its seconds once a process, not at every call
def _try_download() -> str:
    """Why the download failed, or nothing."""
    try:
        download(_cache(), MIRRORS)
    except OSError as error:
        return str(error)
    return ""


_print_once = functools.cache(say)  # the training and the test images come from one place


def _cache() -> Path:
    return Path(load_pooch().os_cache("tinygraph-mnist"))


def _is_there(path: Path) -> bool:
    with about_file(path), contextlib.suppress(FileNotFoundError):
        if path.is_file() and path.stat().st_size <= MAX_CONTENTS:
            return _is_genuine(path.name, path.read_bytes())
    return False


def _is_genuine(name: str, data: bytes) -> bool:
    """Whether the bytes are MNIST's archive, another gzip of its contents, or these plain."""
    archive, contents = FILES[name]
    if _sha256(data) in (archive, contents):
        return True
    try:
        return _sha256(gunzip(data, MAX_CONTENTS, name)) == contents
    except DataLossError:
        return False


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
