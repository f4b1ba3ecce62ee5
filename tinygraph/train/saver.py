"""Saver: the values of variables into checkpoints and back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from tinygraph import arguments
from tinygraph.arguments import flag, integer, sequence, shown
from tinygraph.body import all_nodes, uninitialized
from tinygraph.compiler.program import stream_of
from tinygraph.errors import (
    DataLossError, DTypeError, FileError, GraphError, InvalidArgumentError, NotFoundError,
    TinygraphError, about_file,
)
from tinygraph.graph import Graph, Node
from tinygraph.io import checkpoint
from tinygraph.io.saving import folder_lock, write_bundle
from tinygraph.origin import close_names, warn
from tinygraph.session import Session
from tinygraph.train.checkpoint_state import checkpoint_exists, remove_checkpoint, state_path
from tinygraph.train.checkpoints import HIDDEN
from tinygraph.train.kept import Kept
from tinygraph.train.steps import global_step as value_of_step
from tinygraph.typing import PathLike
from tinygraph.variables.variable import Variable, global_variables

POSITIONS = f"{HIDDEN}positions"  # of random streams: as JSON, a scalar string
LISTED = 20  # names that an error lists at most


class Saver:
    """Saves variables of a session in checkpoints, and restores them (TF: `tf.train.Saver`).

    The files are TensorFlow's own. A Saver of all global variables saves besides where random
    streams are, so that training goes on to the bit.

    Parameters
    ----------
    var_list
        Variables, in a list, or in a dict by the names that they have in the file; None for all
        global variables that the graph has by now.
    reshape
        Whether a value of another shape with as many elements may be restored.
    max_to_keep
        How many checkpoints to keep: a save removes the oldest ones beyond that, also those which
        an earlier process has saved under the same name. None or 0 for all.
    keep_checkpoint_every_n_hours
        Of those, one for each so many hours is kept in any case.
    defer_build
        Whether `build` is called later, when the graph has its variables.
    allow_empty
        Whether there may be no variables; then nothing is saved.
    pad_step_number
        Whether steps are written with eight digits at least.
    sharded, name, restore_sequentially, builder, write_version, save_relative_paths, filename
        Accepted for TF1 programs. There is one file of data, in the present format, and paths are
        relative always.

    Raises
    ------
    GraphError
        where there are no variables, or two have one name.

    >>> import tempfile
    >>> w = tg.Variable([1.0, 2.0], name="w")
    >>> saver = tg.train.Saver()
    >>> sess = tg.Session()
    >>> sess.run(w.initializer)
    >>> path = saver.save(sess, tempfile.mkdtemp() + "/model", global_step=7)
    >>> other = tg.Session()
    >>> saver.restore(other, path)
    >>> path[-7:], other.run(w)
    ('model-7', array([1., 2.], dtype=float32))
    """

    def __init__(
        self, var_list: Iterable[Variable] | Mapping[str, Variable] | None = None,
        reshape: bool = False, sharded: bool = False, max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0, name: str | None = None,
        restore_sequentially: bool = False, saver_def: None = None, builder: None = None,
        defer_build: bool = False, allow_empty: bool = False, write_version: int = 2,
        pad_step_number: bool = False, save_relative_paths: bool = False,
        filename: str | None = None,
    ):
        if saver_def is not None or builder is not None:
            raise GraphError("a Saver is made from variables; saver_def and builder are unknown")
        if integer(write_version, "write_version") != 2:
            raise InvalidArgumentError("only the format V2 is written; V1 is read")
        if flag(defer_build, "defer_build") and var_list is not None:
            raise GraphError("If `var_list` is provided then build cannot be deferred. "
                             "Either set defer_build=False or var_list=None.")
        self._var_list, self._reshape = var_list, flag(reshape, "reshape")
        self._allow_empty = flag(allow_empty, "allow_empty")
        self._pads = flag(pad_step_number, "pad_step_number")
        self._kept = Kept(
            integer(0 if max_to_keep is None else max_to_keep, "max_to_keep", 0),
            arguments.number(keep_checkpoint_every_n_hours, "keep_checkpoint_every_n_hours"),
        )
        self._variables: dict[str, Variable] | None = None
        if not defer_build:
            self.build()

    def build(self) -> None:
        """Settle the variables of a Saver with `defer_build`."""
        if self._variables is not None:
            return
        listed = global_variables() if self._var_list is None else self._var_list
        self._variables = _named(listed)
        if not self._variables and not self._allow_empty:
            raise GraphError("No variables to save")

    # ---------------------------------------------------------------- saving

    def save(
        self, sess: Session, save_path: PathLike, global_step: Any = None,
        latest_filename: str | None = None, meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True, write_state: bool = True, strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> str | None:
        """Save the variables under a name, and return the prefix that `restore` takes.

        A save that fails, or is killed, leaves a checkpoint that was there before as it was.

        Parameters
        ----------
        save_path
            The prefix of the files' names; its folder is made if it is not there.
        global_step
            A number, or a tensor of one, that is appended: "model" becomes "model-100".
        latest_filename
            The name of the file in the folder that tells which checkpoints there are, "checkpoint".
        write_state
            Whether that file is written, and old checkpoints are removed.
        meta_graph_suffix, write_meta_graph, strip_default_attrs, save_debug_info
            Accepted for TF1 programs: no graph is written.

        Raises
        ------
        FailedPreconditionError
            where a variable has no value.
        InvalidArgumentError
            where the folder that is to hold the checkpoint's folder does not exist.
        FileError, PermissionDeniedError
            what the operating system says.
        """
        variables = self._checked(sess)
        path, stem = self._path(sess, save_path, global_step)
        state_path(os.path.dirname(path), latest_filename)
        write_state = flag(write_state, "write_state")
        arguments.text(meta_graph_suffix, "meta_graph_suffix")
        if not variables:
            return None
        values = self._values(sess, variables)
        folder, old = os.path.dirname(path), []
        _make_folder(folder, path)
        with about_file(path), folder_lock(folder):
            write_bundle(path, values)
            if write_state:
                old = self._kept.add(path, stem, latest_filename)
        for other in old:
            try:
                remove_checkpoint(other, meta_graph_suffix=meta_graph_suffix)
            except FileError as error:  # the new checkpoint is there in any case
                warn(f"an old checkpoint cannot be removed: {error}", UserWarning)
        return path

    def _path(self, sess: Session, save_path: Any, step: Any) -> tuple[str, str]:
        """The prefix of a checkpoint, and the name of its kind: without the step."""
        path = arguments.path(save_path, "save_path")
        stem = os.path.basename(path)
        if not stem:
            raise InvalidArgumentError(f"save_path names no file: {path!r}")
        if step is None:
            return path, re.sub(r"-\d+\Z", "", stem) or stem
        step = integer(value_of_step(sess, step) if isinstance(step, Node) else step, "global_step")
        return f"{path}-{step:0{8 * self._pads}}", stem

    def _values(self, sess: Session, variables: Mapping[str, Variable]) -> dict[str, np.ndarray]:
        """What a checkpoint is to hold."""
        state = sess.state
        for variable in variables.values():
            if variable.op_name not in state.variables:
                raise uninitialized(variable.op_name)
        values = {name: state.variables[v.op_name] for name, v in variables.items()}
        if self._is_whole(sess.graph, variables):
            values[POSITIONS] = _encoded(state.positions)
        return values

    def _is_whole(self, graph: Graph, variables: Mapping[str, Variable]) -> bool:
        """Whether these are all variables of a program: then its random streams go with them."""
        with graph.as_default():
            return {*global_variables()} <= {*variables.values()}

    def _checked(self, sess: Any) -> dict[str, Variable]:
        if not isinstance(sess, Session):
            raise DTypeError(f"'sess' must be a Session; {shown(sess)}")
        if self._variables is None:
            raise GraphError("`build()` should be called before save if defer_build==True")
        for variable in self._variables.values():
            if variable.graph is not sess.graph:
                raise GraphError(f"'{variable.name}' is not of the session's graph")
        return self._variables

    # ---------------------------------------------------------------- what is kept

    @property
    def last_checkpoints(self) -> list[str]:
        """The checkpoints that count for max_to_keep, the newest last."""
        return self._kept.paths

    def set_last_checkpoints(self, last_checkpoints: list[str]) -> None:
        """Say which checkpoints there are, the newest last; they count as just saved."""
        self.set_last_checkpoints_with_time(
            [(path, float("inf")) for path in sequence(last_checkpoints, "last_checkpoints")]
        )

    def set_last_checkpoints_with_time(
        self, last_checkpoints_with_time: list[tuple[str, float]]
    ) -> None:
        """Say which checkpoints there are, the newest last, and when they were saved."""
        last = []
        for pair in sequence(last_checkpoints_with_time, "last_checkpoints_with_time"):
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise DTypeError(f"last_checkpoints_with_time has pairs, unlike {shown(pair)}")
            last.append((arguments.path(pair[0]), arguments.number(pair[1], "a time")))
        self._kept.tell(last)

    def recover_last_checkpoints(self, checkpoint_paths: list[str]) -> None:
        """Say which checkpoints an earlier process has saved; those that are gone do not count."""
        paths = [arguments.path(x) for x in sequence(checkpoint_paths, "checkpoint_paths")]
        self.set_last_checkpoints_with_time(
            [(path, checkpoint.modified(path)) for path in paths if checkpoint.exists(path)]
        )

    # ---------------------------------------------------------------- restoring

    def restore(self, sess: Session, save_path: PathLike) -> None:
        """Give the variables the values of a checkpoint, all at once; they need no initializer.

        What the checkpoint has besides is passed over. Where it raises, nothing has changed.

        Raises
        ------
        NotFoundError
            where variables are not in the checkpoint; the error names all of them.
        InvalidArgumentError
            where there is no checkpoint, or variables have another shape or dtype in it; the error
            names all that does not fit.
        DataLossError
            where the files are damaged.
        """
        variables = self._checked(sess)
        if not variables:
            return
        if save_path is None:
            raise InvalidArgumentError("Can't load save_path when it is None.")
        if not checkpoint_exists(save_path):
            raise InvalidArgumentError(
                f"The passed save_path is not a valid checkpoint: {os.fsdecode(save_path)}"
            )
        saved = checkpoint.open_checkpoint(arguments.path(save_path))
        try:
            faults = _faults(saved, variables, self._reshape)
            if faults:
                raise _misfit(saved, variables, faults)
            values, streams = {}, {}
            for name, variable in variables.items():
                value = saved.read(name)
                if self._reshape and variable.shape.is_fully_defined():
                    value = value.reshape(variable.shape.sizes)  # type: ignore[arg-type]
                values[variable.op_name] = value
            if POSITIONS in saved.entries and self._is_whole(sess.graph, variables):
                streams = _streams(sess.graph, _decoded(saved))
        finally:
            saved.close()
        sess._update(values, streams)


def _named(listed: Any) -> dict[str, Variable]:
    """Variables by the names that they have in a file."""
    if isinstance(listed, Mapping):
        pairs = list(listed.items())
    else:
        pairs = [(getattr(v, "op_name", ""), v) for v in sequence(listed, "var_list")]
    named: dict[str, Variable] = {}
    seen: set[Variable] = set()
    for name, variable in pairs:
        if not isinstance(variable, Variable):
            raise DTypeError(f"Variable to save is not a Variable: {shown(variable)}")
        if not arguments.text(name, "a name in var_list") or name.startswith(HIDDEN):
            raise GraphError(f"no variable of a checkpoint may be called {name!r}")
        if name in named:
            raise GraphError(f"At least two variables have the same name: {name}")
        if variable in seen:
            raise GraphError(f"The same saveable will be restored with two names: {name}")
        named[name] = variable
        seen.add(variable)
    if len({variable.graph for variable in seen}) > 1:
        raise GraphError("the variables are of several graphs")
    return named


def _make_folder(folder: str, path: str) -> None:
    """Make the folder of a checkpoint, in one that exists."""
    try:
        with about_file(folder), suppress(FileExistsError):
            if folder:
                os.mkdir(folder)
    except NotFoundError:
        raise InvalidArgumentError(
            f"Parent directory of {path} doesn't exist, can't save."
        ) from None


# ---------------------------------------------------------------- what does not fit


def _faults(saved: Any, variables: Mapping[str, Variable], reshape: bool) -> dict[str, str]:
    """What is wrong with each variable that cannot be restored."""
    faults = {}
    for name, variable in variables.items():
        what = f"'{name}' ({variable.spec}, made at {variable.where})"
        entry = saved.entries.get(name)
        if entry is None:
            faults[name] = f"Key {what} not found in checkpoint"
            continue
        fits = variable.shape.is_compatible_with(entry.shape)
        if reshape and variable.shape.is_fully_defined():
            fits = variable.shape.num_elements() == np.prod(entry.shape, dtype=object)
        if not fits or entry.dtype != variable.dtype.name:
            faults[name] = f"{what} is {_spec(entry)} in the checkpoint"
    return faults


def _spec(entry: Any) -> str:
    return f"{entry.dtype}[{','.join(map(str, entry.shape))}]"


def _misfit(saved: Any, variables: Mapping[str, Variable], faults: dict[str, str]) -> Exception:
    """The error of a checkpoint that does not fit, with what it has besides."""
    besides = {name: entry for name, entry in saved.entries.items()
               if name not in variables and not name.startswith(HIDDEN)}
    missing = [name for name in faults if name not in saved.entries]
    for name in missing[:LISTED]:
        for near in close_names(name, besides, 1):
            faults[name] += f", which has '{near}'"
    listed = [f"'{name}' ({_spec(entry)})" for name, entry in [*besides.items()][:LISTED]]
    if len(besides) > LISTED:
        listed.append(f"and {len(besides) - LISTED} more")
    kind = NotFoundError if len(missing) == len(faults) else InvalidArgumentError
    return kind("\n  ".join([
        f"{saved.prefix}: it does not fit, and nothing was restored:", *faults.values(),
        f"the checkpoint has besides: {', '.join(listed) or 'nothing'}",
    ]))


# ---------------------------------------------------------------- random streams


def _encoded(positions: Mapping[str, Any]) -> np.ndarray:
    import json

    return np.array(json.dumps(positions, sort_keys=True), object)  # equal states, equal bytes


def _decoded(saved: Any) -> dict[str, Any]:
    import json

    try:
        positions = json.loads(saved.read(POSITIONS).reshape(-1)[0])
    except (ValueError, TypeError, IndexError, RecursionError):
        positions = None
    if not isinstance(positions, dict):
        raise DataLossError(f"{saved.prefix}: the positions of random streams are damaged")
    return positions


def _streams(graph: Graph, positions: Mapping[str, Any]) -> dict[str, Any]:
    """The random streams of a graph's ops, at the positions that a checkpoint has."""
    streams = {}
    for node in all_nodes(graph):
        if node.kind.state is not None and node.op_name in positions:
            try:
                streams[node.op_name] = stream_of(node, positions[node.op_name])
            except TinygraphError as error:
                where = f"'{node.op_name}' (made at {node.where})"
                raise InvalidArgumentError(f"{where}: {error}") from None
    return streams
