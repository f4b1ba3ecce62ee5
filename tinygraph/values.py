"""What a session keeps from run to run: the values of variables, and where random streams are."""

from __future__ import annotations

from collections import deque
from copy import copy
from functools import partial
from typing import Any

import numpy as np

from tinygraph.errors import FailedPreconditionError


class Variables(dict):
    """The values of a session's variables by name, and its random streams.

    A run computes new values into arrays of their own (`new`), draws from copies of the streams
    (`drawing`) and makes all that the session's at once (`commit`), so that a run which fails or
    is interrupted changes nothing. The old arrays become the spares that the next run computes
    into.
    """

    def __init__(self):
        super().__init__()
        self.streams: dict[str, Any] = {}
        self._spares: dict[str, np.ndarray] = {}

    def __missing__(self, name: str) -> np.ndarray:
        raise FailedPreconditionError(
            f"Attempting to use uninitialized value {name}; run its initializer first, "
            "e.g. sess.run(tg.global_variables_initializer())"
        )

    def new(self, name: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        """An array for the next value of a variable."""
        spare = self._spares.pop(name, None)
        if spare is None or spare.shape != shape:
            spare = np.empty(shape, dtype)
        return spare

    def drawing(self) -> Drawn:
        """The streams for a run, which `moved` hands to `commit`."""
        drawn = Drawn()
        drawn.streams = self.streams
        return drawn

    def moved(self, drawn: dict[str, Any]) -> partial:
        """The update that leaves streams where a run has drawn them to."""
        return partial(self.streams.update, drawn)

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
