"""Checkpoints of either format, by the prefix of their files' names."""

from __future__ import annotations

import os

from tinygraph.errors import NotFoundError, about_file
from tinygraph.io import old_format
from tinygraph.io.bundle import Bundle, index_path, open_bundle
from tinygraph.io.old_format import OldFormat
from tinygraph.io.saving import remove_bundle


def exists(prefix: str) -> bool:
    """Whether there is a checkpoint, to judge by the names of files.

    >>> from tinygraph.io.checkpoint import exists
    >>> exists("nowhere/model-7")
    False
    """
    return os.path.isfile(index_path(prefix)) or bool(old_format.paths(prefix))


def open_checkpoint(prefix: str) -> Bundle | OldFormat:
    """The checkpoint at `prefix`: of the present format if it is there, else of the first one.

    >>> from tinygraph.io.checkpoint import open_checkpoint
    >>> open_checkpoint("nowhere/model-7")
    Traceback (most recent call last):
    tinygraph.errors.NotFoundError: nowhere/model-7: there is no checkpoint
    """
    if os.path.isfile(index_path(prefix)):
        return open_bundle(prefix)
    if old_format.paths(prefix):
        return OldFormat(prefix)
    raise NotFoundError(f"{prefix}: there is no checkpoint")


def modified(prefix: str) -> float:
    """When a checkpoint was written, in seconds since 1970.

    >>> from tinygraph.io.checkpoint import modified
    >>> modified("nowhere/model-7")
    Traceback (most recent call last):
    tinygraph.errors.NotFoundError: nowhere/model-7: there is no checkpoint
    """
    for path in (index_path(prefix), *old_format.paths(prefix)):
        if os.path.isfile(path):
            with about_file(path):
                return os.path.getmtime(path)
    raise NotFoundError(f"{prefix}: there is no checkpoint")


def remove(prefix: str, others: tuple[str, ...] = ()) -> None:
    """Remove a checkpoint and other files; what is not there is no error. See `folder_lock`.

    >>> from tinygraph.io.checkpoint import remove
    >>> remove("nowhere/model-7")
    """
    folder = os.path.dirname(prefix)
    if not os.path.isdir(folder or "."):
        return
    with about_file(prefix):
        remove_bundle(prefix)
        for path in others:
            if os.path.isfile(path):
                os.remove(path)
