"""Files that are written as wholes, and folders in which only one process writes at a time."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tinygraph.errors import about_file

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

WINDOWS = sys.platform == "win32"
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
"""What a file system says that knows no locks. Files are then written without."""

PATIENCE = 0.02  # seconds between attempts, on Windows, where another process is in the way
ATTEMPTS = 100


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that no one ever sees a part of it, also after a crash.

    >>> import pathlib, tempfile
    >>> from tinygraph.files import write_whole
    >>> path = pathlib.Path(tempfile.mkdtemp(), "file")
    >>> write_whole(path, b"whole")
    >>> path.read_bytes()
    b'whole'
    """
    partial = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    with about_file(path):
        try:
            with open(partial, "xb") as file:
                file.write(data)
                sync(file)
            replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def sync(file: BinaryIO) -> None:
    """Have what was written to a file outlast a crash.

    >>> import tempfile
    >>> from tinygraph.files import sync
    >>> with tempfile.TemporaryFile() as file:
    ...     sync(file)
    """
    file.flush()
    os.fsync(file.fileno())


def replace(source: str | Path, target: str | Path) -> None:
    """Rename a file over another one; Windows may have to wait until nobody reads that.

    >>> import pathlib, tempfile
    >>> from tinygraph.files import replace
    >>> old = pathlib.Path(tempfile.mkdtemp(), "old")
    >>> _ = old.write_text("text")
    >>> replace(old, old.with_name("new"))
    >>> old.with_name("new").read_text()
    'text'
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return os.replace(source, target)
        except PermissionError:
            if not WINDOWS:
                raise
            time.sleep(PATIENCE)
    os.replace(source, target)


def sync_folder(path: str | Path) -> None:
    """Have the names in a folder outlast a crash; Windows has no such call, and does it by itself.

    >>> import tempfile
    >>> from tinygraph.files import sync_folder
    >>> sync_folder(tempfile.mkdtemp())
    """
    if WINDOWS:
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _opened(path: str | Path) -> BinaryIO:
    """A file, made if it is not there, also where another user has made it."""
    try:
        return open(path, "ab")
    except PermissionError:
        return open(path, "rb")


@contextmanager
def locked(path: str | Path) -> Iterator[bool]:
    """A block that one process at a time, and one of its threads, is in: a lock on a file.

    The system drops the lock when the process dies. The file stays. The block is given whether it
    is alone: on a file system without locks nothing keeps others out.

    >>> import os, tempfile
    >>> from tinygraph.files import locked
    >>> with locked(os.path.join(tempfile.mkdtemp(), ".lock")) as is_alone:
    ...     print(is_alone)
    True
    """
    with _opened(path) as file:  # which drops the lock when it is closed
        is_alone = True
        try:
            if sys.platform != "win32":
                fcntl.flock(file, fcntl.LOCK_EX)
            else:
                _lock_windows(file.fileno())
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            is_alone = False
        yield is_alone


if sys.platform == "win32":

    def _lock_windows(descriptor: int) -> None:
        while True:
            try:
                return msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EDEADLK):
                    raise
            time.sleep(PATIENCE)
