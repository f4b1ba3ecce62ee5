"""The exceptions. Each is tinygraph's and Python's: InvalidArgumentError is a ValueError too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


class TinygraphError(Exception):
    """Base of every exception that tinygraph raises on purpose."""

    def __init__(self, message: str = "", node=None):
        super().__init__(message)
        self.message = message
        self.node = node

    def __str__(self) -> str:  # KeyError would print the repr of the message
        return self.message

    def __reduce__(self):  # in another process, or a copy, it is the message that counts
        notes = getattr(self, "__notes__", None)
        return type(self), (self.message,), notes and {"__notes__": notes}

    @property
    def op(self):
        """The operation at fault, or None (TF: `OpError.op`)."""
        return None if self.node is None else self.node.op


class GraphError(TinygraphError, ValueError):
    """A graph that cannot be built: names, structure, nodes of another graph."""


class FinalizedError(GraphError, RuntimeError):
    """A node added to a graph after `finalize()`."""


class ShapeError(GraphError):
    """Shapes that do not fit together; raised while building."""


class NoGradientError(GraphError, NotImplementedError):
    """A gradient that is not defined for these shapes or options of an op."""


class DTypeError(TinygraphError, TypeError):
    """Dtypes that do not mix, or a value of the wrong type."""


class SymbolicError(DTypeError, NotImplementedError):
    """A node used as an array: it has no value while the graph is built."""


class MissingPackageError(TinygraphError, ImportError):
    """An optional package that was asked for is not installed."""


class OpError(TinygraphError):
    """Base of the errors of a run (TF: `tf.errors.OpError`)."""


class InvalidArgumentError(OpError, ValueError):
    """A value that an op cannot take: an index out of range, an unfed placeholder."""


class OutOfRangeError(OpError, IndexError):
    """An index beyond the end of what it indexes."""


class FailedPreconditionError(OpError, RuntimeError):
    """A variable read before it was initialised."""


class NotFoundError(OpError, KeyError):
    """A name, a file or a checkpoint entry that does not exist."""


class DataLossError(OpError, ValueError):
    """A file whose contents are damaged."""


class FileError(OpError, OSError):
    """A file that the operating system does not let us read or write."""


class PermissionDeniedError(FileError, PermissionError):
    """A file that this user may not read or write."""


class ResourceExhaustedError(OpError, MemoryError):
    """No memory for an op's result."""


class InternalError(OpError, RuntimeError):
    """A kernel failed in a way that nobody foresaw; the cause is chained."""


class OverwrittenUpdateWarning(UserWarning):
    """A run assigns a variable what was computed without an update that the run made before."""


class GraphGrowthWarning(UserWarning):
    """Ops are made between runs: each run compiles anew, and memory grows."""


class ThreadsWarning(UserWarning):
    """Runs wait for cores that other programs keep busy, or BLAS's threads can't be chosen."""


@contextmanager
def about_file(path: str | os.PathLike[str]) -> Iterator[None]:
    """Raise what the operating system says about a file as an error of ours that names it.

    >>> from tinygraph.errors import about_file
    >>> with about_file("notes.txt"):
    ...     raise PermissionError(13, "Permission denied")
    Traceback (most recent call last):
    tinygraph.errors.PermissionDeniedError: notes.txt: Permission denied
    """
    kinds = {FileNotFoundError: NotFoundError, PermissionError: PermissionDeniedError}
    try:
        yield
    except TinygraphError:
        raise
    except OSError as error:
        kind = kinds.get(type(error), FileError)
        raise kind(f"{path}: {error.strerror or error}") from error
