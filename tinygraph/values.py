"""What a session keeps from run to run: the values of variables, and where random streams are."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from copy import copy
from functools import partial
from typing import Any

import numpy as np

from tinygraph.arguments import mapping, shown, text
from tinygraph.body import all_nodes, uninitialized
from tinygraph.compiler.program import stream_of
from tinygraph.errors import InvalidArgumentError, TinygraphError
from tinygraph.graph import Graph, Node
from tinygraph.origin import close_names


class Variables(dict):
    """The values of a session's variables by name, and its random streams.

    A run computes new values into arrays of their own (`new`, `own`), draws from copies of the
    streams (`drawing`) and makes all that the session's at once (`commit`), so that a run which
    fails or is interrupted changes nothing. The old arrays become the spares that the next run
    computes into.
    """

    def __init__(self):
        super().__init__()
        self.streams: dict[str, Any] = {}
        self._spares: dict[str, np.ndarray] = {}

    def __missing__(self, name: str) -> np.ndarray:
        raise uninitialized(name)

    def new(self, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """The array for the next value of a variable: in one run always the same."""
        spare = self._spares.get(name)
        if spare is None or spare.shape != shape or spare is self.get(name):
            spare = self._spares[name] = np.empty(shape, dtype)
        return spare

    def own(self, name: str, value: np.ndarray) -> np.ndarray:
        """A value in an array that only the variable has: a copy, unless it is in one already."""
        if value is self.get(name) or value is self._spares.get(name):
            return value
        array = self.new(name, value.shape, value.dtype)
        np.copyto(array, value)
        return array

    def begin_stream(self, node: Node) -> None:
        """Have a random stream, or what else is its op's state, for a node."""
        if node.op_name not in self.streams:
            self.streams[node.op_name] = stream_of(node)

    def drawing(self) -> Drawn:
        """The streams for a run, which `moved` hands to `commit`."""
        drawn = Drawn()
        drawn.streams = self.streams
        return drawn

    def moved(self, drawn: dict[str, Any]) -> partial:
        """The update that leaves streams where a run has drawn them to."""
        return partial(self.streams.update, drawn)

    def changed(self, new: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The values that are not those which the variables have."""
        return {name: array for name, array in new.items() if self.get(name) is not array}

    def commit(self, new: dict[str, np.ndarray], *updates: partial) -> None:
        """Make `new` the values, and change others in place by `updates`, calls of C functions.

        All happens within one call into C, which no signal can split; the session's lock keeps
        its other threads out.
        """
        old = {name: self[name] for name in new if name in self}
        if updates:
            deque(map(partial.__call__, (*updates, partial(self.update, new))), maxlen=0)
        else:
            self.update(new)
        self._spares.update(old)

    def clear(self) -> None:
        super().clear()
        self._spares.clear()
        self.streams.clear()


class Drawn(dict):
    """Copies of the streams that a run draws from, by name, each made at its first use."""

    __slots__ = ("streams",)

    streams: dict[str, Any]

    def __missing__(self, name: str) -> Any:
        stream = self[name] = copy(self.streams[name])
        return stream


class SessionState:
    """All that a session keeps from run to run, as a value: `sess.state`.

    It can be pickled and compared. A session of the same graph that is given it goes on, to the
    bit, as the first one would have. A variable without a value is not in it. Every random op is:
    where nothing is seeded, its start is drawn when it first runs or a state is first taken.

    Attributes
    ----------
    variables
        The values of the variables that have one, by the variables' names.
    positions
        Where the streams of all random ops are, and how often each `tg.Print` with a `first_n` has
        printed, by the names of the ops.

    >>> w = tg.Variable([1.0, 2.0], name="w")
    >>> noise = tg.random_uniform([2], seed=1, name="noise")
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> before = sess.state
    >>> before
    <tg.SessionState of 1 variable, 1 position>
    >>> first = sess.run(w.assign_add(noise))
    >>> sess.state = before
    >>> bool((sess.run(w.assign_add(noise)) == first).all()), sess.state == before
    (True, False)
    """

    def __init__(self, variables: Mapping[str, np.ndarray], positions: Mapping[str, Any]):
        for names, what in ((variables, "variables"), (positions, "positions")):
            for name in mapping(names, what):
                text(name, f"each name in {what}")
        self.variables, self.positions = variables, positions

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SessionState):
            return NotImplemented
        return self.positions == other.positions and self._bits() == other._bits()

    def _bits(self) -> dict[str, tuple]:
        return {name: (x.dtype, x.shape, x.tobytes()) for name, x in self.variables.items()}

    def __repr__(self) -> str:
        counts = [(len(self.variables), "variable"), (len(self.positions), "position")]
        words = ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in counts)
        return f"<tg.SessionState of {words}>"


def state_of(variables: Variables, graph: Graph) -> SessionState:
    """A copy of what a session keeps; the streams of a graph's random ops begin here at the latest.

    So where an op that nothing seeds will start is a part of the state, too.
    """
    for node in all_nodes(graph):
        if node.kind.state is not None:
            variables.begin_stream(node)
    positions = {name: stream.position for name, stream in [*variables.streams.items()]}
    return SessionState({name: value.copy() for name, value in variables.items()}, positions)


def set_state(variables: Variables, state: SessionState, graph: Graph) -> None:
    """Make a state the session's, all at once; InvalidArgumentError with all that does not fit.

    What the state does not have is then as in a new session.
    """
    owners = {node.op_name: node for node in graph.nodes if node.kind.role == "variable"}
    drawing = {node.op_name: node for node in all_nodes(graph) if node.kind.state is not None}
    faults = [*_unknown(state.variables, owners, "variable"),
              *_unknown(state.positions, drawing, "random op")]
    new = {name: value for name, value in state.variables.items() if name in owners}
    for name, value in new.items():
        faults += _misfit(owners[name], value)
    streams = {}
    for name, node in drawing.items():
        if name in state.positions or name in variables.streams:
            try:
                streams[name] = stream_of(node, state.positions.get(name))
            except TinygraphError as error:
                faults.append(f"'{name}' (made at {node.where}): {error}")
    if faults:
        lines = "\n  ".join(faults)
        raise InvalidArgumentError(f"the state does not fit, and nothing has changed:\n  {lines}")
    copies = {name: np.array(value, order="C") for name, value in new.items()}
    variables.commit(copies, partial(dict.clear, variables), variables.moved(streams))


def _unknown(names: Mapping[str, Any], nodes: Mapping[str, Node], word: str) -> Iterator[str]:
    for name in names:
        if name not in nodes:
            close = [f", but '{near}' is one" for near in close_names(name, nodes, 1)]
            yield f"{shown(name)} is no {word} of the graph{''.join(close)}"


def _misfit(node: Node, value: Any) -> Iterator[str]:
    """What is wrong with a variable's value in a state."""
    where = f"'{node.op_name}' ({node.spec}, made at {node.where})"
    if type(value) is not np.ndarray:
        yield f"{where} has the value {shown(value)} in the state, which is no array"
    elif value.dtype != node.dtype.numpy or not node.shape.is_compatible_with(value.shape):
        yield f"{where} is {value.dtype}{[*value.shape]} in the state"
