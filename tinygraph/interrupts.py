"""What an interrupt cannot leave behind: `with` blocks, a resting collector, a silent NumPy.

Python calls a signal's handler at the start of a function, after a call, or where a loop goes
round; what the handler of Ctrl-C raises leaves the code there. A context manager that is written
in Python can be left before the first line of its `__exit__`, a generator before its `finally`.
So a block here is left by a call into C, which no signal splits, and what else is changed for a
while is changed within a `try` whose `finally` begins with putting it back.
"""

from __future__ import annotations

import gc
import weakref
from _thread import RLock
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

# ---------------------------------------------------------------- blocks

Places: TypeAlias = "tuple[tuple[Stack, Any, Callable | None], ...]"
"""For each stack an item that a block puts there, and a call, or None, to make after the block.

The call may be made more than once."""


class Block(RLock):  # type: ignore[misc]  # which CPython allows
    """A `with` block within which something else counts than around it.

    It counts as long as the block's lock is held. The way out of the block is the lock's own,
    `__exit__` in C; whoever asks next what counts finds that the lock is free.

    >>> from tinygraph.interrupts import Stack
    >>> colors = Stack("white")
    >>> with colors.pushed("red") as color:
    ...     print(color, colors.current())
    red red
    >>> colors.current()
    'white'
    """

    __slots__ = ("begin", "places")

    begin: Callable[[], tuple[Any, Places]]
    places: Places
    _is_owned: Callable[[], bool]  # the lock's: whether this thread holds it

    def __enter__(self) -> Any:  # type: ignore[override]
        try:
            value, self.places = self.begin()
            self.acquire()
            i, reference = 0, weakref.ref(self)
            for stack, _, undo in self.places:
                stack.entries.append((reference, i, undo))
                i += 1
            return value
        except BaseException:  # after which nobody else would leave the block
            while self._is_owned():
                self.release()
            raise

    def is_open(self) -> bool:
        """Whether a thread is within the block: this one, or else one that has the lock."""
        if self._is_owned():
            return True
        if not self.acquire(False):
            return True
        self.release()
        return False


def block(begin: Callable[[], tuple[Any, Places]]) -> Block:
    """A block. Entering it calls `begin()`, which returns the value for `as`, and the places.

    >>> from tinygraph.interrupts import Stack, block
    >>> colors, sizes = Stack(), Stack()
    >>> with block(lambda: ("both", ((colors, "red", None), (sizes, 5, None)))) as value:
    ...     print(value, colors.current(), sizes.current())
    both red 5
    """
    new = Block()
    new.begin = begin
    return new


class Stack:
    """The items of the open blocks; the innermost one's counts, or `default` without any.

    A block is alive as long as its `with` statement is, and nothing here keeps it.

    >>> from tinygraph.interrupts import Stack
    >>> Stack("white").current()
    'white'
    """

    def __init__(self, default: Any = None):
        self.default = default
        self.entries: list[tuple[weakref.ref[Block], int, Callable | None]] = []

    def current(self) -> Any:
        """The item that counts, after the calls that closed blocks have left to make."""
        entries = self.entries
        while entries:
            reference, i, undo = entry = entries[-1]
            block = reference()
            if block is not None and (block._is_owned() or block.is_open()):
                return block.places[i][1]
            if undo is not None:
                undo()
            if entries and entries[-1] is entry:  # another thread may have been here
                entries.pop()
        return self.default

    def pushed(self, item: Any) -> Block:
        def begin() -> tuple[Any, Places]:
            self.current()
            return item, ((self, item, None),)

        return block(begin)

    def clear(self) -> None:
        """Have no block count any more."""
        self.entries.clear()

    def open_items(self) -> list[Any]:
        """The items of all the open blocks, the innermost last."""
        blocks = [(reference(), i) for reference, i, _ in self.entries]
        return [b.places[i][1] for b, i in blocks if b is not None and b.is_open()]


# ---------------------------------------------------------------- changes, and for a call's time


def at_once(*changes: Iterator) -> None:
    """Make changes, maps of functions in C, in one call into C: all of them, or none.

    >>> from tinygraph.interrupts import at_once
    >>> numbers, letters = [1, 2], {}
    >>> at_once(map(numbers.append, [3, 4]), map(letters.setdefault, "ab"))
    >>> numbers, letters
    ([1, 2, 3, 4], {'a': None, 'b': None})
    """
    deque(chain(*changes), maxlen=0)


def collector_paused(function: Callable, *arguments: Any) -> Any:
    """Call a function that makes many objects to keep, without Python's cyclic collector.

    It would look at all of them again and again: half of the time for a graph of 100,000 nodes.

    >>> from tinygraph.interrupts import collector_paused
    >>> import gc
    >>> collector_paused(gc.isenabled), gc.isenabled()
    (False, True)
    """
    was_enabled = gc.isenabled()
    try:
        gc.disable()
        return function(*arguments)
    finally:
        if was_enabled:
            gc.enable()


def _error_state() -> tuple[ContextVar, Any]:
    """The variable in which NumPy keeps its error state, and the state that ignores everything."""
    before = copy_context()
    with np.errstate(all="ignore"):
        within = copy_context()
    return next((key, value) for key, value in within.items() if before.get(key) is not value)


ERROR_STATE, IGNORE = _error_state()


def quietly(function: Callable, *arguments: Any, **options: Any) -> Any:
    """Call a function for which 1/0 is inf without a warning, as within `np.errstate`.

    >>> from tinygraph.interrupts import quietly
    >>> print(quietly(np.divide, 1.0, 0.0))
    inf
    """
    before = ERROR_STATE.get()
    try:
        ERROR_STATE.set(IGNORE)
        return function(*arguments, **options)
    finally:
        ERROR_STATE.set(before)
