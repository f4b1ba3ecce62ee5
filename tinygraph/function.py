"""Function: what makes an Op a Python function, with TF's parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from tinygraph.arguments import either, expect, shown, text
from tinygraph.dtypes import DType
from tinygraph.errors import DTypeError, GraphError, TinygraphError
from tinygraph.node import Node


PARAM = DType | str | None  # what `params` may say of an input, besides a function


class Function:
    """A function of inputs and attributes: `params` and `attrs` as an Op has them."""

    name: str
    params: Any
    attrs: Mapping[str, tuple | str]

    def _check_parameters(self) -> None:
        """Check what `params` and `attrs` say of each input and attribute."""
        for key, entry in self.params.items() if isinstance(self.params, Mapping) else ():
            if not callable(entry):
                what = f"`params[{key!r}]` of {self.name}"
                expect(entry, PARAM, what, "a dtype, a letter, a function or None")
        attrs = self.attrs
        for key, entry in expect(attrs, Mapping, f"`attrs` of {self.name}", "a dict").items():
            what = f"`attrs[{text(key, 'the name of an attribute')!r}]` of {self.name}"
            if key in self.params:
                raise GraphError(f"{what} is an input, too")
            aliased = isinstance(entry, str) and "name" not in (key, entry)
            match attrs.get(entry) if aliased else entry:
                case (_, _) | (_, _, str() | None) if key == "name":  # never converted
                    continue
                case (_, _) | (_, _, _) as x if key != "name" and all(map(callable, x[::2])):
                    continue
            raise DTypeError(
                f"{what} must be a pair of a function and a default, with a third part `late` if "
                f"any, or the name of another attribute, not {shown(entry)}"
            )

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        """The names of all parameters, in the order in which a call gives them by position."""
        return tuple(dict.fromkeys((*self.params, *self.attrs, "name")))

    @cached_property
    def _aliases(self) -> dict[str, str]:
        """The deprecated spellings, each with the name that it stands for."""
        return {old: key for old, key in self.attrs.items() if isinstance(key, str)}

    @cached_property
    def _converters(self) -> tuple[tuple[str, Callable[[Any, str], Any], Any], ...]:
        """Each attribute with its converter and its default."""
        entries = [(key, x) for key, x in self.attrs.items() if key != "name"]
        return tuple([(key, x[0], x[1]) for key, x in entries if not isinstance(x, str)])

    @cached_property
    def _late(self) -> tuple[str, Callable] | None:
        """The attribute that may be a tensor known only in a run, and its function `late`."""
        entries = [(key, x) for key, x in self.attrs.items() if key != "name" and len(x) == 3]
        return next(((key, x[2]) for key, x in entries if not isinstance(x, str)), None)

    def _bound(self, inputs: tuple, name: str | None, attrs: dict) -> tuple[tuple, Any, dict]:
        """The inputs, the name and the attributes of a call, the attributes converted."""
        try:
            if len(inputs) != len(self.params):
                inputs, name = self._sorted(inputs, name, attrs)
            return inputs, name, self._converted(attrs) if self.attrs else attrs
        except TinygraphError as error:
            raise of_arguments(error, self.__name__, self.name, inputs, name) from error

    def _sorted(self, values: tuple, name: str | None, attrs: dict) -> tuple[tuple, str | None]:
        """The inputs and the name of a call that gives `values` by position, `attrs` by keyword.

        Attributes that are among `values` are put into `attrs`, inputs that are in `attrs` are
        taken out of it.
        """
        keys, count = self._keys, len(self.params)
        if len(values) > len(keys):
            raise DTypeError(f"{len(values)} arguments, where there are at most {len(keys)}")
        if name is not None:
            attrs["name"] = name
        for key in attrs and keys[: len(values)]:
            if key in attrs:
                raise DTypeError(f"there are two values for {key!r}")
        if len(values) > count:
            attrs.update(zip(keys[count:], values[count:], strict=False))
            return values[:count], attrs.pop("name", None)
        name = attrs.pop("name", None)
        if missing := [key for key in keys[len(values) : count] if key not in attrs]:
            if self.attrs:
                self._check_known(attrs, keys)
            raise DTypeError(f"there is no value for {', '.join(map(repr, missing))}")
        return (*values, *[attrs.pop(key) for key in keys[len(values) : count]]), name

    def _check_known(self, attrs: Iterable[str], keys: Iterable[str]) -> None:
        """Check that all keywords in `attrs` are among `keys`."""
        for key in attrs:
            if key not in keys:
                what = "are two values for" if key in self.params else "is no argument"
                raise DTypeError(f"there {what} {key!r}")

    def _converted(self, attrs: dict) -> dict:
        """The attributes as kernels and rules get them, defaults filled in; `attrs` is emptied."""
        for old, key in self._aliases.items():
            if old in attrs:
                value = either(attrs.get(key), attrs.pop(old), f"{old!r} and {key!r}")
                if value is not None:
                    attrs[key] = value
        complete = {}
        for key, convert, default in self._converters:
            value = attrs.pop(key, default)
            if value is ...:
                raise DTypeError(f"there is no value for {key!r}")
            value = convert(value, key)
            if value is not ...:
                complete[key] = value
        if attrs:
            self._check_known(attrs, ())
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
        if name in ("__name__", "__qualname__"):  # of an op to which `publish` gave no name
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
    """Add to errors about arguments which op they belong to, and where its inputs were made.

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
