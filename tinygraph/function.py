"""Function: what makes an Op a Python function, with TF's parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from tinygraph.arguments import either
from tinygraph.errors import DTypeError, TinygraphError
from tinygraph.node import Node


class Function:
    """A function of inputs and attributes: `params` and `attrs` as an Op has them."""

    name: str
    params: Any
    attrs: Mapping[str, tuple | str]

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        """The parameters in their order."""
        return tuple(dict.fromkeys((*self.params, *self.attrs, "name")))

    @cached_property
    def _aliases(self) -> dict[str, str]:
        """The deprecated spellings, each with the name that it stands for."""
        return {old: key for old, key in self.attrs.items() if isinstance(key, str)}

    @cached_property
    def _converters(self) -> list[tuple[str, Callable[[Any, str], Any], Any]]:
        """Each attribute with its converter and its default."""
        entries = [(key, x) for key, x in self.attrs.items() if key != "name"]
        return [(key, x[0], x[1]) for key, x in entries if not isinstance(x, str)]

    @cached_property
    def _late(self) -> tuple[str, Callable] | None:
        """The attribute that may be a tensor known only in a run, and its function `late`."""
        entries = [(key, x) for key, x in self.attrs.items() if key != "name" and len(x) == 3]
        return next(((key, x[2]) for key, x in entries if not isinstance(x, str)), None)

    def _bound(self, inputs: tuple, name: str | None, attrs: dict) -> tuple[tuple, str | None]:
        """The inputs and the name, if some came by keyword, or attributes by position.

        The attributes that came by position are put into `attrs`.
        """
        if name is not None:
            attrs["name"] = name
        for key, value in zip(self._keys, inputs, strict=False):
            if key in attrs:
                raise DTypeError(f"{self.__name__} got two values for {key!r}")
            attrs[key] = value
        name = attrs.pop("name", None)
        missing = [key for key in self.params if key not in attrs]
        allowed = self._keys if self.attrs or isinstance(name, str | None) else self.params
        if missing or len(inputs) > len(allowed):
            raise DTypeError(
                f"{self.__name__} takes {len(self.params)} inputs ({', '.join(self.params)}), "
                f"not {len(inputs)}" + "; its attributes are given by keyword" * (not self.attrs)
            )
        return tuple([attrs.pop(key) for key in self.params]), name

    def _converted(self, inputs: tuple, name: str | None, attrs: dict) -> dict:
        """The attributes as kernels and rules get them, defaults filled in."""
        complete = {}
        try:
            for old in self._aliases.keys() & attrs:
                key = self._aliases[old]
                value = either(attrs.get(key), attrs.pop(old), f"{old!r} and {key!r}")
                if value is not None:
                    attrs[key] = value
            for key, convert, default in self._converters:
                value = attrs.pop(key, default)
                if value is ...:
                    raise DTypeError(f"`{key}` is missing")
                value = convert(value, key)
                if value is not ...:
                    complete[key] = value
            for key in attrs:
                what = "got two values for" if key in self.params else "there is no argument"
                raise DTypeError(f"{what} {key!r}")
        except TinygraphError as error:
            raise of_arguments(error, self.__name__, self.name, inputs, name) from error
        return complete

    def _signature(self) -> inspect.Signature:
        """`(x, axis=0, name=None)`, as TF's functions have it."""
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        defaults: dict[str, Any] = dict.fromkeys(self.params, ...)
        for key, entry in self.attrs.items():
            defaults[key] = None if type(entry) is str else entry[1]
        defaults.setdefault("name", None)
        return inspect.Signature([
            inspect.Parameter(key, kind, default=inspect.Parameter.empty if x is ... else x)
            for key, x in defaults.items()
        ])

    def __getattr__(self, name: str) -> Any:
        if name == "__signature__":  # made when it is asked for, which few programs do
            return self._signature()
        if name in ("__name__", "__qualname__"):  # of one that is not public
            return self.name
        raise AttributeError(f"'Op' object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"{self.__name__}{self._signature()}"


def publish(module: str, names: Mapping[str, Any]) -> None:
    """Give ops their public name and module; the first ones given stay."""
    for name, value in names.items():
        if isinstance(value, Function) and "__name__" not in vars(value):
            for key, text in (("__name__", name), ("__qualname__", name), ("__module__", module)):
                object.__setattr__(value, key, text)


@contextmanager
def arguments_of(op: str, *inputs: Any, name: str | None = None) -> Iterator[None]:
    """Have errors about arguments say of which op, and where its inputs were made.

    Errors of a shape rule get these details anyway; this is for checks before the shape rule is
    called.
    """
    try:
        yield
    except TinygraphError as error:
        raise of_arguments(error, op, op, inputs, name) from error


def of_arguments(
    error: TinygraphError, function: str, op: str, inputs: Iterable, name: str | None
) -> TinygraphError:
    """`error` again, with the node or `function` and the inputs' origins in its message."""
    label = f"'{name}' (op: '{op}')" if isinstance(name, str) and name else f"'{function}'"
    nodes = dict.fromkeys(x for x in inputs if isinstance(x, Node))
    origins = ", ".join(f"'{x.name}' (made at {x.where})" for x in nodes)
    return type(error)(f"{label}{' of ' + origins if origins else ''}: {error}")
