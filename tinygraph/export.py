"""A program as a module of plain NumPy, which needs no tinygraph, and the values of its variables.

What the module calls are NumPy's functions and this package's kernels, whose text it contains.
"""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygraph.arguments import path as checked_path, shown
from tinygraph.body import unchanged
from tinygraph.compiler.fits import check_sizes
from tinygraph.compiler.functional import FunctionalSource
from tinygraph.compiler.linking import CannotLink, Definitions
from tinygraph.compiler.program import Program, describe, stream_of
from tinygraph.compiler.text import (
    dict_display, identifier, literal, numpy_name, tuple_display,
)
from tinygraph.compiler.trace import user_node
from tinygraph.errors import FailedPreconditionError, GraphError, InvalidArgumentError
from tinygraph.files import write_whole
from tinygraph.graph import Node
from tinygraph.op import argument, const, item
from tinygraph.kernels.casting import exact_array
from tinygraph.ops.indexed_slices import IndexedSlicesValue
from tinygraph.values import SessionState

HEAD = '''\
"""What a program of tinygraph's computes, in plain NumPy.

    >>> import {stem}
    >>> {stem}.run({feeds})

`run` takes the values of FEEDS, in that order and of just those shapes, for which the program was
written, and returns what was fetched, None for an operation. `step` is the same as a pure function:
from variables, random positions and feeds to results, new variables and new positions. `run` keeps
the new ones. The values of variables are in the file beside this one, {stem}.npz.
"""

from __future__ import annotations

import hashlib
import io
import os

import numpy as np
'''

DATA = '''

FEEDS = {feeds}
KEYS = {variables}
positions = {positions}

with open(os.path.splitext(__file__)[0] + ".npz", "rb") as values:
    data = values.read()
if hashlib.sha256(data).hexdigest() != {digest!r}:
    raise ValueError("the values beside this module are not those that were written with it")
with np.load(io.BytesIO(data), allow_pickle=False) as values:
    variables = {{name: values[key] for name, key in KEYS.items()}}
    given = [values[key] for key in {given}]
'''

DRAWN = '''

def drawn(Stream, kernel):
    """The kernel of a random op, from a position of its stream on: its value, the next position."""

    def draw(position, *arrays, **attributes):
        stream = Stream()
        stream.position = position
        return kernel(*arrays, state=stream, **attributes), stream.position

    return draw
'''

FED = '''

def fed(name, value):
    """A feed as an array of its shape and dtype, in which each number is the one that was fed."""
    shape, dtype = FEEDS[name][0], np.dtype(FEEDS[name][1])
    try:
        array = exact_array(value, dtype, by_value=True)
        if array.shape != shape:
            raise ValueError(f"it is of shape {array.shape}")
        return array
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} must be {dtype.name} of shape {shape}: {error}") from None
'''

RUN = '''

def run(*feeds):
    """What was fetched, for these feeds; updates go to `variables`, draws to `positions`."""
    if len(feeds) != len(FEEDS):
        raise TypeError(f"run takes {{len(FEEDS)}} feeds {{[*FEEDS]}}, not {{len(feeds)}}")
    with np.errstate(all="ignore"):
        arrays = [fed(name, value) for name, value in zip(FEEDS, feeds)]
        results, new, moved = step(variables, positions, *arrays)
    variables.update(new)
    positions.update(moved)
    results = [np.array(value)[()] for value in results]
    return {result}
'''

NO_MODULES = "__main__", "__debug__"  # which Python does not import
IMPORTS = "import ", "from "
OWN = ("hashlib", "io", "os", "data", "values", "given", "drawn", "run", "step", "variables",
       "positions", "fed", "FEEDS", "KEYS")


class Exported(FunctionalSource):
    """The functional source of a program, whose functions are `definitions` beside it.

    `result` is the expression for what was fetched: for a structure like it of `results`, where
    `structure` has their places.
    """

    def __init__(self, program: Program, structure: Any):
        self.program = program
        self.definitions = Definitions(OWN)
        self.result = self._display(structure)
        if program.feeds:
            self.definitions.function(exact_array, "")
        self._calls: dict[Node, str] = {}
        self.faults: dict[Node, str] = {}
        for node in program.all_nodes():
            if node.kind not in (argument, const, item) and node.kind.role != "variable":
                try:
                    self._calls[node] = self._linked(node)
                except CannotLink as error:
                    self.faults[node] = str(error)
        super().__init__(program, reserved=(*OWN, *self.definitions.texts))
        if self.faults:
            raise self._error()

    def _display(self, structure: Any) -> str:
        """An expression for a structure in which an int is the place of a result."""
        if structure is None:
            return "None"
        if type(structure) is int:
            return f"results[{structure}]"
        if isinstance(structure, Mapping):
            for key in structure:
                if literal(key) is None:
                    raise InvalidArgumentError(
                        f"the key {shown(key)} is no string, number or tuple of such, as a module "
                        "can have it; fetch a dict of others"
                    )
            return dict_display({key: self._display(structure[key]) for key in structure})
        if not isinstance(structure, list | tuple):
            raise InvalidArgumentError(
                f"a {type(structure).__name__} that the fetches make of results is not what a "
                "module can have; fetch lists, tuples and dicts"
            )
        parts = [self._display(part) for part in structure]
        if isinstance(structure, IndexedSlicesValue):
            return f"{self.definitions.function(IndexedSlicesValue, '')}({', '.join(parts)})"
        return f"[{', '.join(parts)}]" if isinstance(structure, list) else tuple_display(parts)

    def _linked(self, node: Node) -> str:
        kind = node.kind
        if kind is check_sizes:
            raise CannotLink("only a run knows its sizes, and plain NumPy would not check them")
        for key, value in node.attrs.items():
            if literal(value) is None and (key != "bodies" or not node.bodies):
                what = "a Python function" if callable(value) else "an object"
                raise CannotLink(f"the attribute {key} of {kind.name} is {what}")
        name = self.definitions.function(kind.kernel, identifier(kind.name.lower()))
        if kind.state is None:
            return name
        stream = self.definitions.function(type(stream_of(node)), "stream")
        return f"drawn({stream}, {name})"

    def kernel_name(self, node: Node) -> str:
        return self._calls.get(node, "")

    def _error(self) -> InvalidArgumentError:
        lines = ["this program cannot be written as plain NumPy:"]
        users = {user_node(node): why for node, why in self.faults.items()}
        for user, why in users.items():
            lines += [describe(user, {}), f"    {why}"]
        return InvalidArgumentError("\n".join(lines), next(iter(users)))


def examples(nodes: Iterable[Node]) -> dict[Node, np.ndarray]:
    """Arrays of the nodes' shapes, which have to be known, in no memory."""
    arrays: dict[Node, np.ndarray] = {}
    for node in nodes:
        if node in arrays:
            raise GraphError(f"'{node.name}' is fed twice")
        if not node.shape.is_fully_defined():
            raise InvalidArgumentError(
                f"'{node.name}' (made at {node.where}) is of shape {node.shape}, and an exported "
                f"program is for known ones; give an example, as in {{x: np.zeros([1, 784])}}",
                node,
            )
        shape: Any = node.shape.as_list()
        arrays[node] = np.broadcast_to(np.zeros((), node.dtype.numpy), shape)
    return arrays


def export(program: Program, path: Any, state: SessionState, pack: Callable) -> None:
    """Write the program to `path`, a .py file, and the values of a state beside it.

    `pack` makes what `run` returns of an iterator of the results.
    """
    place = Path(checked_path(path))
    stem = place.stem
    if place.suffix != ".py" or identifier(stem) != stem or stem in NO_MODULES:
        raise InvalidArgumentError(f"path must be that of a module, such as model.py: {path!r}")
    if stem in {"numpy", "tinygraph", *sys.stdlib_module_names}:
        raise InvalidArgumentError(
            f"a file {stem}.py would hide the module {stem} from the programs beside it, this one "
            f"among them; choose another name, such as model.py: {path!r}"
        )
    structure = pack(iter(range(len(program.results))))
    text, data = module(program, stem, state, structure)
    write_whole(place.with_suffix(".npz"), data)
    write_whole(place, text.encode())


def module(program: Program, stem: str, state: SessionState, structure: Any) -> tuple[str, bytes]:
    """The text of a module of that name, and the bytes of the file beside it."""
    exported = Exported(program, structure)
    names = _needed(program, state.variables)
    arrays = {f"variable{i}": state.variables[name] for i, name in enumerate(names)}
    arrays |= {f"given{i}": array for i, array in enumerate(exported.large_constants.values())}
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    data = file.getvalue()
    drawing = [node.op_name for node in program.all_nodes() if node.kind.state is not None]
    start = {name: literal(state.positions[name]) for name in drawing}
    texts = exported.definitions.texts.values()
    feeds = {node.op_name: f"({literal(node.spec.shape.sizes)}, {numpy_name(node.spec.dtype)})"
             for node in program.feeds}
    keys = {name: literal(f"variable{i}") for i, name in enumerate(names)}
    parts = [
        HEAD.format(stem=stem, feeds=", ".join(exported[node] for node in program.feeds)),
        *[f"{text}\n" for text in texts if text.startswith(IMPORTS)],
        *[f"\n\n{text}\n" for text in texts if not text.startswith(IMPORTS)],
        DRAWN * bool(start),
        DATA.format(
            feeds=_table(feeds), variables=_table(keys), positions=_table(start),
            digest=hashlib.sha256(data).hexdigest(),
            given=literal(tuple(f"given{i}" for i in range(len(exported.large_constants)))),
        ),
        *[f"{name} = given[{i}]\n" for i, name in enumerate(exported.large_constants)],
        exported.source,
        FED * bool(feeds),
        RUN.format(result=exported.result),
    ]
    return "".join(parts), data


def _needed(program: Program, values: Mapping[str, np.ndarray]) -> list[str]:
    """The variables that a program reads; those whose initial value it knows may have none."""
    reads = {node.op_name: node for node in program.all_nodes() if node.kind.role == "variable"}
    needed = [node for node in reads.values() if not node.inputs and node.kind is not unchanged]
    missing = [node.op_name for node in needed if node.op_name not in values]
    if missing:
        raise FailedPreconditionError(
            f"variables without a value cannot be exported: {', '.join(missing)}; run their "
            "initializers first", reads[missing[0]],
        )
    return [name for name in reads if name in values]


def _table(items: Mapping[str, Any]) -> str:
    """A dict's text, an item a line."""
    lines = [f"    {literal(key)}: {text},\n" for key, text in items.items()]
    return f"{{{chr(10) * bool(lines)}{''.join(lines)}}}"
