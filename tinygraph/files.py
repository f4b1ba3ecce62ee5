"""Files that are written as wholes."""

from __future__ import annotations

import os
from pathlib import Path

from tinygraph.errors import about_file


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
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
