"""Checks of the arguments that are plain Python: each gives the value back, or a typed error.

Tensors, dtypes, shapes and axes have converters of their own, in dtypes.py, spec.py, op.py and
ops/array.py.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinygraph.errors import DTypeError, GraphError, InvalidArgumentError


def shown(value: Any) -> str:
    """`value` as an error shows it: its repr, on one line and not long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def expect(value: Any, kinds: Any, what: str, words: str) -> Any:
    """`value`, an instance of `kinds`; DTypeError says that `what` must be `words`."""
    if not isinstance(value, kinds):
        raise DTypeError(f"{what} must be {words}, not {shown(value)}")
    return value


def named(name: Any, default: str) -> str:
    """The argument `name` of an op, or its default where there is none."""
    if name is None:
        return default
    return expect(name, str, f"the name of {default!r}", "a string") or default


def text(value: Any, what: str) -> str:
    """A string."""
    return expect(value, str, what, "a string")


def choice(value: Any, what: str, choices: Iterable[str]) -> str:
    """One of a few words."""
    if text(value, what) not in choices:
        words = ", ".join(map(repr, choices))
        raise InvalidArgumentError(f"{what} must be one of {words}, not {value!r}")
    return value


def flag(value: Any, what: str, default: bool | None = None) -> bool:
    """A bool; 0 and 1 count as such. None stands for the default, where there is one."""
    if value is True or value is False:
        return value
    if value is None and default is not None:
        return default
    if not isinstance(value, bool | int | np.bool_ | np.integer) or value not in (0, 1):
        raise DTypeError(f"{what} must be True or False, not {shown(value)}")
    return bool(value)


def integer(value: Any, what: str, least: int | None = None, most: int | None = None) -> int:
    """An int within bounds; a bool is none."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        value = operator.index(value)
    except TypeError:
        raise DTypeError(f"{what} must be an int, not {shown(value)}") from None
    if least is not None and value < least:
        raise InvalidArgumentError(f"{what} must be at least {least}, not {value}")
    if most is not None and value > most:
        raise InvalidArgumentError(f"{what} must be at most {most}, not {value}")
    return value


def number(value: Any, what: str) -> float:
    """A real number of Python or NumPy, NaN excepted."""
    expect(value, int | float | np.integer | np.floating, what, "a number")
    if value != value:
        raise InvalidArgumentError(f"{what} must be a number, not NaN")
    return value


def positive(value: Any, what: str) -> float:
    """A finite number above 0."""
    if not 0 < number(value, what) < float("inf"):
        raise InvalidArgumentError(f"{what} must be a positive number, not {value!r}")
    return value


def either(new: Any, old: Any, names: str) -> Any:
    """The value of an argument that has two names, one of them deprecated."""
    if new is not None and old is not None:
        raise GraphError(f"Cannot specify both {names}")
    return old if new is None else new


def ignored(value: Any, what: str) -> Any:
    """An argument that TF1 programs give and that has no effect: an op leaves it out."""
    return ...


def sequence(values: Any, what: str) -> list:
    """The items of a list, a tuple or what else can be iterated over, text excepted."""
    if type(values) in (list, tuple):
        return list(values)
    if isinstance(values, Iterable) and not isinstance(values, str | bytes | bytearray | type):
        try:
            return list(values)
        except TypeError:
            pass  # an array without dimensions, a tensor
    raise DTypeError(f"{what} must be a list or a tuple, not {shown(values)}")


def mapping(values: Any, what: str) -> Mapping:
    """A dict, or what else maps keys to values."""
    return expect(values, Mapping, what, "a dict")


def key(value: Any, what: str) -> Any:
    """What can be looked up in a dict."""
    try:
        hash(value)
    except TypeError:
        raise DTypeError(f"{what} must be hashable, such as a string, not {shown(value)}") from None
    return value


def path(value: Any, what: str = "path") -> str:
    """A path, given as text or as a path object."""
    decoded = os.fsdecode(expect(value, str | os.PathLike, what, "a path"))
    if "\0" in decoded:
        raise InvalidArgumentError(f"{what} must be a path, not {shown(value)}")
    return decoded


def function(value: Any, what: str) -> Callable:
    """A function, or what else can be called."""
    if not callable(value):
        raise DTypeError(f"{what} must be a function, not {shown(value)}")
    return value


def called(f: Callable, what: str, *args: Any, **kwargs: Any) -> Any:
    """What a user's function gives; DTypeError where it does not take these arguments.

    An error from within the function is the user's own and stays as it is.
    """
    try:
        return f(*args, **kwargs)
    except TypeError as error:
        trace = error.__traceback__
        if trace is not None and trace.tb_next is not None:  # the function was entered
            raise
        raise DTypeError(f"{what} does not take these arguments: {error}") from error
