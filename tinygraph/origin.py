"""What errors and warnings point to: the user's line, the name that was meant."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

OWN = {"numpy", "tinygraph"}
_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def user_line() -> tuple[Any, int] | None:
    """The innermost frame outside of the package, as (code, line)."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(_PACKAGE):
            return code, frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return None


def place(origin: tuple[Any, int] | None) -> str:
    """The place where a node was made, as `file.py:12`."""
    if origin is None:
        return "an unknown line"
    code, line = origin
    return f"{code.co_filename}:{line}"


def warn(message: str, category: type[Warning]) -> None:
    """A warning at the user's line, however deep in the package it is noticed."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def close_names(name: str, names: Iterable[str], most: int) -> list[str]:
    """The names that a user who wrote `name` may have meant, for an error message."""
    import difflib

    return difflib.get_close_matches(name, list(names), n=most)


def is_foreign(code: Any) -> bool:
    """Whether a function or a class is a user's own: nobody has tested it as this package's are."""
    module = getattr(code, "__module__", None) or "numpy"
    return not isinstance(code, np.ufunc) and module.partition(".")[0] not in OWN
