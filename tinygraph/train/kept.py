"""Which checkpoints of a Saver are kept."""

from __future__ import annotations

import os
import re
import time

from tinygraph.errors import DataLossError
from tinygraph.io import checkpoint
from tinygraph.train.checkpoint_state import get_checkpoint_state, write_state


class Kept:
    """The checkpoints that count for `max_to_keep`, with the times when they were saved.

    Those that an earlier process has saved under the same name, or another one at the same time,
    count too: the folder's file `checkpoint` tells of them.

    Parameters
    ----------
    most
        How many are kept, 0 for all.
    hours
        One for each so many hours is kept in any case.

    >>> import os, tempfile
    >>> from tinygraph.io.saving import write_bundle
    >>> from tinygraph.train.kept import Kept
    >>> folder, kept = tempfile.mkdtemp(), Kept(most=2, hours=10000.0)
    >>> for step in range(4):
    ...     path = f"{folder}/m-{step}"
    ...     write_bundle(path, {"w": np.zeros(1)})
    ...     print([os.path.basename(old) for old in kept.add(path, "m", None)])
    []
    []
    ['m-0']
    ['m-1']
    """

    def __init__(self, most: int, hours: float):
        self.most, self.interval = most, 3600 * hours
        self.started = time.time()
        self.next_kept: float | None = None  # one that is newer stays in any case
        self.last: list[tuple[str, float]] = []
        self.is_told = False  # the program has said which there are, so no file tells

    @property
    def paths(self) -> list[str]:
        """The checkpoints, the newest last."""
        return [path for path, _ in self.last]

    def tell(self, last: list[tuple[str, float]]) -> None:
        """Have these be the checkpoints."""
        self.last, self.is_told = last, True

    def add(self, path: str, stem: str, latest_filename: str | None) -> list[str]:
        """Count a new checkpoint and write the folder's file; the checkpoints that may go now.

        The name of `path` is `stem`, perhaps with a step after it. Checkpoints of other names in
        the file stay there.
        """
        folder = os.path.dirname(path)
        same_name = re.compile(re.escape(stem) + r"(-\d+)?")
        listed = _listed(folder, latest_filename)
        own = [x for x in listed if same_name.fullmatch(os.path.basename(x))]
        beyond: list[tuple[str, float]] = []
        if self.most:
            if not self.is_told:
                self._take_over(own)
            self.last = [item for item in self.last if _place(item[0]) != _place(path)]
            self.last.append((path, time.time()))
            beyond, self.last = self.last[: -self.most], self.last[-self.most :]
        counted = {_place(x) for x, _ in [*self.last, *beyond]}
        others = [x for x in listed if x not in own and _place(x) not in counted]
        write_state(folder or ".", path, [*others, *self.paths], latest_filename)
        return [x for x, when in beyond if not self._stays(when)]

    def _take_over(self, paths: list[str]) -> None:
        counted = {_place(path) for path in self.paths}
        new = [(path, checkpoint.modified(path)) for path in paths if _place(path) not in counted]
        if new and self.next_kept is None:
            self.next_kept = min(self.started, *[when for _, when in new]) + self.interval
        there = [item for item in self.last if checkpoint.exists(item[0])]
        self.last = sorted([*new, *there], key=lambda item: item[1])

    def _stays(self, when: float) -> bool:
        """Whether a checkpoint is the one that is kept for its hours."""
        if self.next_kept is None:
            self.next_kept = self.started + self.interval
        stays = when > self.next_kept
        self.next_kept += self.interval * stays
        return stays


def _listed(folder: str, latest_filename: str | None) -> list[str]:
    """The checkpoints that the folder's file tells of, as far as they lie in the folder."""
    try:
        state = get_checkpoint_state(folder or ".", latest_filename)
    except DataLossError:
        return []  # the file is written anew
    paths = [] if state is None else state.all_model_checkpoint_paths
    inside = [os.path.join(folder, os.path.basename(path)) for path in paths]
    pairs = zip(paths, inside, strict=True)
    return [x for path, x in pairs if _place(path) == _place(x) and checkpoint.exists(x)]


def _place(path: str) -> str:
    """What all ways to write a path have in common."""
    return os.path.abspath(path)
