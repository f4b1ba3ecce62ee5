"""What happens besides values: Print, Assert and py_func, which calls a Python function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygraph.arguments import expect, flag, function, integer, text
from tinygraph.console import say
from tinygraph.defaults import name_scope
from tinygraph.dtypes import DType, as_dtype, bool_, float32
from tinygraph.errors import GraphError, InvalidArgumentError, ShapeError
from tinygraph.graph import Node, Operation
from tinygraph.op import Op, as_node
from tinygraph.spec import SCALAR, UNKNOWN, Spec
from tinygraph.typing import DTypeLike, TensorLike

# ---------------------------------------------------------------- values as text


def _number(x: Any) -> str:
    """A number in as few digits as give it back, of two lengths, as TF writes it."""
    if x.dtype.kind != "f":
        return str(int(x))
    kind, short, long = (np.float64, 15, 17) if x.dtype.itemsize == 8 else (np.float32, 6, 9)
    brief = f"{float(x):.{short}g}"
    return brief if kind(brief) == kind(x) else f"{float(x):.{long}g}"


def _elements(x: np.ndarray, most: int) -> str:
    """The first elements of an array, each row of the last axes in brackets."""
    if x.ndim < 2:
        return " ".join([_number(value) for value in x.reshape(-1)[:most]])
    rows = []
    for row in x:
        if most <= 0:
            break
        cut = "..." if row.ndim == 1 and most < row.size else ""
        rows.append(f"[{_elements(row, most)}{cut}]")
        most -= row.size
    return "".join(rows)


def _summaries(arrays: Iterable[Any], texts: tuple[str | None, ...], summarize: int) -> list[str]:
    """`texts` with the next array in place of each None; of arrays so many elements, -1 for all."""
    summaries, left = [], iter(arrays)
    for part in texts:
        if part is None:
            x = np.asarray(next(left))
            most = x.size if summarize < 0 else summarize
            part = (_elements(x, most) if x.size else "") + "..." * (x.size > most)
        summaries.append(f"[{part}]")
    return summaries


def _split(data: Any) -> tuple[list[Node], tuple[str | None, ...]]:
    """The tensors of `data`, and its strings, with None where a tensor is: no tensor has text."""
    texts = tuple(str(x) if isinstance(x, str) else None for x in data)
    pairs = enumerate(zip(data, texts, strict=True))
    return [as_node(x, name=f"data_{i}") for i, (x, string) in pairs if string is None], texts


# ---------------------------------------------------------------- Print


class Count:
    """How often a Print of a `first_n` has printed: what a session keeps for it."""

    def __init__(self) -> None:
        self._position = 0

    @property
    def position(self) -> int:
        return self._position

    @position.setter
    def position(self, value: int) -> None:
        self._position = integer(value, "how often a Print has printed", 0)


def _print_values(
    input: Any, *data: Any, out: Any, state: Count, message: str, first_n: int, summarize: int,
    texts: tuple[str | None, ...],
) -> Any:
    if first_n < 0 or state.position < first_n:
        say(message + "".join(_summaries(data, texts, summarize)), sys.stderr)
        state.position += first_n >= 0
    np.copyto(out, input)
    return out


print_op = Op("Print", _print_values, lambda input, *data, **attrs: Spec(input.shape, input.dtype),
    lambda g, y, input, *data, **attrs: [g, *[None] * len(data)], inplace=(0,),
    state=lambda name, **attrs: Count(),
    doc="Its first input, after it has printed the others; see `tg.Print`.")


def Print(
    input_: TensorLike, data: Iterable[TensorLike], message: str | None = None,
    first_n: int | None = None, summarize: int | None = None, name: str | None = None,
) -> Node:
    """`input_`, and each run that computes it prints `data` to stderr (TF: `tf.Print`).

    The gradient goes through to `input_`.

    Parameters
    ----------
    data
        A list of tensors and strings.
    message
        What comes before them.
    first_n
        In how many of a session's runs it prints; None or a negative number for all of them. A run
        that fails does not count.
    summarize
        How many elements of each tensor it prints: 3 unless given, all if negative.

    >>> import contextlib, sys
    >>> x = tg.constant([1.0, 2.5, 3.0, 4.0])
    >>> y = tg.Print(x, [x, "of shape", tg.shape(x)], "x is ")
    >>> with contextlib.redirect_stderr(sys.stdout):
    ...     tg.Session().run(y * 2.0)
    x is [1 2.5 3...][of shape][4]
    array([2., 5., 6., 8.], dtype=float32)
    """
    message = "" if message is None else text(message, "message")
    first_n = -1 if first_n is None else integer(first_n, "first_n")
    summarize = 3 if summarize is None else integer(summarize, "summarize")
    data = expect(data, list | tuple, "data", "a list")
    with name_scope(name, "Print", [input_, *data]) as scope:
        x = as_node(input_, name="input")
        nodes, texts = _split(data)
        return print_op(x, *nodes, name=scope, texts=texts, message=str(message), first_n=first_n,
                        summarize=summarize)


# ---------------------------------------------------------------- Assert


def _assert_true(condition: Any, *data: Any, summarize: int, texts: tuple[str | None, ...]) -> None:
    if np.shape(condition) != ():
        raise InvalidArgumentError(f"condition must be a scalar, not of shape {condition.shape}")
    if not condition:
        found = " ".join(_summaries(data, texts, summarize))
        raise InvalidArgumentError(f"assertion failed: {found}")


def _assert_spec(condition: Spec, *data: Spec, **attrs: Any) -> Spec:
    if not condition.shape.is_compatible_with(SCALAR):
        raise ShapeError(f"condition must be a scalar, not of shape {condition.shape},")
    return Spec(UNKNOWN, float32)


assert_op = Op("Assert", _assert_true, _assert_spec, role="effect",
    doc="An error unless a bool is true; see `tg.Assert`.")


def Assert(
    condition: TensorLike, data: Iterable[TensorLike], summarize: int | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless `condition` is true (TF: `tf.Assert`).

    As in TF it checks where a run needs it, as by `tg.control_dependencies`, also if the condition
    is known before.

    Parameters
    ----------
    condition
        A bool tensor, a scalar.
    data
        A list of tensors and strings, not empty, which the error shows.
    summarize
        How many elements of each tensor it shows: 3 unless given, all if negative.

    Raises
    ------
    InvalidArgumentError
        in runs in which the condition is false: it names the operation and its line.

    >>> x = tg.placeholder(tg.float32, [None])
    >>> with tg.control_dependencies([tg.Assert(tg.reduce_all(x > 0.0), ["x is", x])]):
    ...     y = tg.log(x)
    >>> tg.Session().run(y, {x: [1.0, -2.0]})
    Traceback (most recent call last):
    tinygraph.errors.InvalidArgumentError: assertion failed: [x is] [1 -2]
      in 'Assert' (op: 'Assert'), made at ...
    """
    summarize = 3 if summarize is None else integer(summarize, "summarize")
    if not expect(data, list | tuple, "data", "a list"):
        raise GraphError("data must have at least one tensor or string to show")
    with name_scope(name, "Assert", [condition, *data]) as scope:
        is_true = as_node(condition, bool_, name="condition")
        nodes, texts = _split(data)
        return assert_op(is_true, *nodes, name=scope, summarize=summarize, texts=texts)


# ---------------------------------------------------------------- py_func


def _call_func(*arrays: Any, func: Callable, Tout: tuple[Any, ...]) -> tuple[np.ndarray, ...]:
    """What a user's function gives for copies of arrays: of it, too, a copy goes on."""
    returned = func(*[np.array(x) if np.ndim(x) else np.asarray(x)[()] for x in arrays])
    if returned is None:
        returned = ()
    elif not isinstance(returned, list | tuple):
        returned = (returned,)
    name = getattr(func, "__name__", "func")
    if len(returned) != len(Tout):
        raise InvalidArgumentError(
            f"{name} returns {len(returned)} values, but expects to see {len(Tout)} values")
    results = [np.array(value, order="C") for value in returned]
    for i, (result, wanted) in enumerate(zip(results, map(as_dtype, Tout), strict=True)):
        if result.dtype != wanted.numpy:
            raise InvalidArgumentError(
                f"{i}-th value returned by {name} is {result.dtype}, but expects {wanted.name}")
    return tuple(results)


def _func_spec(*inputs: Spec, func: Callable, Tout: tuple[DType, ...]) -> Spec:
    if not Tout:
        return Spec(UNKNOWN, float32)
    return Spec.of_items([Spec(UNKNOWN, dtype) for dtype in Tout])


py_func_op = Op("PyFunc", _call_func, _func_spec, role="impure",
    doc="What a Python function returns; see `tg.py_func`.")
py_func_stateless_op = Op("PyFuncStateless", _call_func, _func_spec,
    doc="What a Python function returns, once for equal calls; see `tg.py_func`.")


def py_func(
    func: Callable, inp: Sequence[TensorLike], Tout: DTypeLike | Sequence[DTypeLike],
    stateful: bool = True, name: str | None = None,
) -> Any:
    """What a Python function of NumPy arrays returns, as tensors (TF: `tf.py_func`).

    The arrays that it gets, and those that it returns, are its own. There is no gradient, and the
    shapes are unknown: `set_shape` tells them.

    Parameters
    ----------
    func
        A function of as many arrays as there are inputs (of scalars NumPy's numbers).
    inp
        A list of tensors.
    Tout
        The dtype of what it returns, for one tensor; a list of dtypes for a list of tensors, of
        which `func` returns as many. For an empty list there is an operation, and `func` returns
        None.
    stateful
        False for a function of its arguments alone: one call may do for several equal ones.

    Raises
    ------
    InvalidArgumentError
        in a run, where `func` returns other dtypes or another number of arrays. What `func` itself
        raises is the cause of the run's error.

    >>> x = tg.placeholder(tg.float32, [None])
    >>> y = tg.py_func(lambda a: np.sort(a), [x], tg.float32)
    >>> tg.Session().run(y * 2.0, {x: [3.0, 1.0]})
    array([2., 6.], dtype=float32)
    """
    function(func, "func")
    kind = py_func_op if flag(stateful, "stateful") else py_func_stateless_op
    outputs = Tout if isinstance(Tout, list | tuple) else [Tout]
    dtypes = tuple(map(as_dtype, outputs))
    inp = expect(inp, list | tuple, "inp", "a list")
    with name_scope(name, kind.name, inp) as scope:
        nodes = [as_node(x, name=f"input_{i}") for i, x in enumerate(inp)]
        results = kind(*nodes, name=scope, func=func, Tout=dtypes)
    if not dtypes:
        return Operation(results)
    return results if outputs is Tout else results[0]
