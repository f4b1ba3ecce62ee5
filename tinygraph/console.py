"""Lines for the user. A print never ends anything: neither a training run nor the load of data."""

from __future__ import annotations

import contextlib
import sys
from typing import TextIO


def say(line: str = "", file: TextIO | None = None) -> None:
    """Print a line, to stdout by default; what the console cannot show is escaped.

    A console that is gone is no loss.

    >>> from tinygraph.console import say
    >>> say("MNIST: the files in data/mnist")
    MNIST: the files in data/mnist
    """
    with contextlib.suppress(OSError, ValueError):  # closed, a broken pipe, a full disk
        encoding = None if file is None else getattr(file, "encoding", None)
        print(printable(line, encoding), file=file, flush=True)


def printable(text: str, encoding: str | None = None) -> str:
    r"""`text` with an escape for each character that `encoding`, by default the console's, lacks.

    >>> from tinygraph.console import printable
    >>> print(printable("digits/zwölf", "ascii"))
    digits/zw\xf6lf
    """
    encoding = encoding or getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
