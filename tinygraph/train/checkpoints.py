"""What a checkpoint holds: the readers."""

from __future__ import annotations

import os

import numpy as np

from tinygraph import arguments
from tinygraph.dtypes import NAMES, DType, as_dtype
from tinygraph.errors import InvalidArgumentError, NotFoundError
from tinygraph.io import checkpoint
from tinygraph.origin import close_names
from tinygraph.train.checkpoint_state import latest_checkpoint
from tinygraph.typing import PathLike

HIDDEN = "_tinygraph/"  # begins the names of what is no variable's value


class CheckpointReader:
    """What a checkpoint holds (TF: `tf.train.NewCheckpointReader`).

    It reads the files of TF1, of their present and their first format. Values are checked by their
    checksums as they are read. It keeps the files open: it goes on to read what was there when it
    was made, also where the checkpoint is written anew.

    Parameters
    ----------
    filepattern
        The prefix of the files' names, as `Saver.save` returns it.

    Raises
    ------
    NotFoundError
        where there is no checkpoint.
    DataLossError
        where its files are damaged.

    >>> import tempfile
    >>> w = tg.Variable([1.0, 2.0], name="w")
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> path = tg.train.Saver().save(sess, tempfile.mkdtemp() + "/model", global_step=7)
    >>> reader = tg.train.NewCheckpointReader(path)
    >>> reader.get_variable_to_shape_map(), reader.get_tensor("w")
    ({'w': [2]}, array([1., 2.], dtype=float32))
    """

    def __init__(self, filepattern: PathLike):
        self._checkpoint = checkpoint.open_checkpoint(arguments.path(filepattern, "filepattern"))
        self._names = [n for n in self._checkpoint.entries if not n.startswith(HIDDEN)]

    def has_tensor(self, tensor_str: str) -> bool:
        """Whether there is a tensor of that name."""
        return arguments.text(tensor_str, "tensor_str") in self._checkpoint.entries

    def get_tensor(self, tensor_str: str) -> np.ndarray:
        """The value of a tensor; NotFoundError where there is none of that name.

        Strings are in an array of bytes objects.
        """
        if not self.has_tensor(tensor_str):
            close = [f"; there is '{name}'" for name in close_names(tensor_str, self._names, 1)]
            raise NotFoundError(
                f"Key {tensor_str} not found in checkpoint {self._checkpoint.prefix}"
                + "".join(close)
            )
        return self._checkpoint.read(tensor_str)

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """The shape of each tensor, by name."""
        return {name: [*self._checkpoint.entries[name].shape] for name in self._names}

    def get_variable_to_dtype_map(self) -> dict[str, DType | str]:
        """The dtype of each tensor, or its name, such as "string", where tinygraph lacks it."""
        dtypes = {name: self._checkpoint.entries[name].dtype for name in self._names}
        return {name: as_dtype(x) if x in NAMES else x for name, x in dtypes.items()}

    def debug_string(self) -> bytes:
        """A line for each tensor: name, dtype and shape."""
        entries = self._checkpoint.entries
        lines = [f"{n} ({entries[n].dtype}) {[*entries[n].shape]}\n" for n in self._names]
        return "".join(lines).encode()


NewCheckpointReader = CheckpointReader


def load_checkpoint(ckpt_dir_or_file: PathLike) -> CheckpointReader:
    """A reader of a checkpoint, of a folder's latest one (TF: `tf.train.load_checkpoint`).

    >>> tg.train.load_checkpoint("nowhere/model-7")
    Traceback (most recent call last):
    tinygraph.errors.NotFoundError: nowhere/model-7: there is no checkpoint
    """
    return CheckpointReader(prefix_of(ckpt_dir_or_file))


def prefix_of(ckpt_dir_or_file: PathLike) -> str:
    """The prefix of a checkpoint, or of a folder's latest one."""
    path = arguments.path(ckpt_dir_or_file, "ckpt_dir_or_file")
    if not os.path.isdir(path):
        return path
    latest = latest_checkpoint(path)
    if latest is None:
        raise InvalidArgumentError(
            f"Couldn't find 'checkpoint' file or checkpoints in given directory {path}"
        )
    return latest


def list_variables(ckpt_dir_or_file: PathLike) -> list[tuple[str, list[int]]]:
    """Name and shape of each tensor of a checkpoint (TF: `tf.train.list_variables`).

    >>> import tempfile
    >>> w = tg.Variable([[1.0, 2.0]], name="w")
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> tg.train.list_variables(tg.train.Saver().save(sess, tempfile.mkdtemp() + "/model"))
    [('w', [1, 2])]
    """
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file: PathLike, name: str) -> np.ndarray:
    """The value of a tensor of a checkpoint (TF: `tf.train.load_variable`).

    >>> import tempfile
    >>> w = tg.Variable([[1.0, 2.0]], name="w")
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> tg.train.load_variable(tg.train.Saver().save(sess, tempfile.mkdtemp() + "/model"), "w:0")
    array([[1., 2.]], dtype=float32)
    """
    return load_checkpoint(ckpt_dir_or_file).get_tensor(
        arguments.text(name, "name").removesuffix(":0")
    )
