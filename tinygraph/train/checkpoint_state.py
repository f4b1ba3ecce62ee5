"""Which checkpoints a folder has: the file `checkpoint`, which names the latest one."""

from __future__ import annotations

import ntpath
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tinygraph import arguments
from tinygraph.arguments import sequence
from tinygraph.errors import DataLossError, InvalidArgumentError, about_file
from tinygraph.files import sync_folder, write_whole
from tinygraph.io import checkpoint
from tinygraph.io.saving import folder_lock
from tinygraph.typing import PathLike


@dataclass
class CheckpointState:
    """Which checkpoint of a folder is the latest, and which there are (TF: `CheckpointState`).

    >>> print(tg.train.CheckpointState("model-2", ["model-1", "model-2"]))
    model_checkpoint_path: "model-2"
    all_model_checkpoint_paths: "model-1"
    all_model_checkpoint_paths: "model-2"
    <BLANKLINE>
    """

    model_checkpoint_path: str = ""
    all_model_checkpoint_paths: list[str] = field(default_factory=list)
    all_model_checkpoint_timestamps: list[float] = field(default_factory=list)
    last_preserved_timestamp: float = 0.0

    def __str__(self) -> str:
        lines = [f"model_checkpoint_path: {_quoted(self.model_checkpoint_path)}"]
        paths, times = self.all_model_checkpoint_paths, self.all_model_checkpoint_timestamps
        lines += [f"all_model_checkpoint_paths: {_quoted(path)}" for path in paths]
        lines += [f"all_model_checkpoint_timestamps: {time!r}" for time in times]
        if self.last_preserved_timestamp:
            lines.append(f"last_preserved_timestamp: {self.last_preserved_timestamp!r}")
        return "".join(f"{line}\n" for line in lines)


FIELD = re.compile(rb"""\s*(?:\#[^\n]*\n\s*)* (\w+) \s*:\s*
                    (?: "((?:[^"\\\n]|\\.)*)" | '((?:[^'\\\n]|\\.)*)' | ([-+.\w]+) ) [ \t]*[,;]?""",
                   re.VERBOSE)
ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|(.))", re.DOTALL)
SIMPLE = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))


def _quoted(text: str) -> str:
    """A string as protobuf's text format has it, with each byte that is not plain as octal."""
    return '"' + "".join(
        chr(c) if 32 <= c < 127 and c not in b'"\\' else f"\\{c:03o}" for c in os.fsencode(text)
    ) + '"'


def _unquoted(text: bytes) -> str:
    def character(match: re.Match) -> bytes:
        octal, hexadecimal, simple = match.groups()
        if simple:
            return bytes([SIMPLE.get(simple[0], simple[0])])
        return bytes([(int(octal, 8) if octal else int(hexadecimal, 16)) & 255])

    try:
        return os.fsdecode(ESCAPE.sub(character, text))
    except UnicodeDecodeError:
        raise DataLossError(f"{text!r} is no text") from None


def _parsed(data: bytes) -> CheckpointState:
    """The state that the text of a file tells."""
    state, at = CheckpointState(), 0
    while match := FIELD.match(data, at):
        key, double, single, number = match.groups()
        at = match.end()
        name, value = key.decode(), double if double is not None else single
        if name not in vars(state):
            raise DataLossError(f"the unknown field {name}")
        if (value is None) != name.endswith(("timestamp", "timestamps")):
            raise DataLossError(f"a value of {name} that it cannot have")
        try:
            content = _unquoted(value) if value is not None else float(number)
        except ValueError:
            raise DataLossError(f"{name} is no number") from None
        if isinstance(getattr(state, name), list):
            getattr(state, name).append(content)
        else:
            setattr(state, name, content)
    if data[at:].strip():
        raise DataLossError(f"{data[at : at + 40]!r} is no part of a checkpoint's state")
    return state


def state_path(folder: str, latest_filename: str | None) -> Path:
    """The file that tells of a folder's checkpoints.

    >>> from tinygraph.train.checkpoint_state import state_path
    >>> state_path("models", None).name
    'checkpoint'
    """
    name = "checkpoint" if latest_filename is None else latest_filename
    if os.path.basename(arguments.text(name, "latest_filename")) != name or not name:
        raise InvalidArgumentError("'latest_filename' must not contain path components")
    return Path(folder, arguments.path(name, "latest_filename"))


def get_checkpoint_state(
    checkpoint_dir: PathLike, latest_filename: str | None = None
) -> CheckpointState | None:
    """What a folder's file `checkpoint` tells, with paths as from here (TF: same name).

    Where nothing is at a path, because the folder has moved or comes from another system, but the
    folder has a checkpoint of that name, it is that one.

    Returns
    -------
    The state, with the attributes model_checkpoint_path and all_model_checkpoint_paths; None where
    there is no such file.

    Raises
    ------
    DataLossError
        where the file is damaged.

    >>> print(tg.train.get_checkpoint_state("nowhere"))
    None
    """
    folder = arguments.path(checkpoint_dir, "checkpoint_dir")
    path = state_path(folder, latest_filename)
    with about_file(path):
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
    try:
        state = _parsed(data)
        every = [state.model_checkpoint_path, *state.all_model_checkpoint_paths]
        if not every[0] or any("\0" in path for path in every):
            raise DataLossError("it names no checkpoint")
    except DataLossError as error:
        raise DataLossError(f"{path}: {error}") from None
    latest, *paths = [_located(folder, path) for path in every]
    state.model_checkpoint_path, state.all_model_checkpoint_paths = latest, paths
    return state


def _located(folder: str, path: str) -> str:
    """Where the checkpoint is that a folder's file names."""
    names = path, path.replace("\\", "/"), ntpath.basename(path)
    places = [os.path.join(folder, name) for name in names if name]
    return next(filter(checkpoint.exists, places), places[0] if places else folder)


def latest_checkpoint(checkpoint_dir: PathLike, latest_filename: str | None = None) -> str | None:
    """The prefix of a folder's latest checkpoint, or None (TF: `tf.train.latest_checkpoint`).

    >>> print(tg.train.latest_checkpoint("nowhere"))
    None
    """
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None or not checkpoint.exists(state.model_checkpoint_path):
        return None
    return state.model_checkpoint_path


def update_checkpoint_state(
    save_dir: PathLike, model_checkpoint_path: PathLike,
    all_model_checkpoint_paths: Iterable[PathLike] | None = None,
    latest_filename: str | None = None,
    all_model_checkpoint_timestamps: Iterable[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> None:
    """Write a folder's file `checkpoint`, as a whole (TF: `tf.train.update_checkpoint_state`).

    Paths within the folder are written as relative to it, so that it may be moved.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> tg.train.update_checkpoint_state(folder, f"{folder}/model-2", [f"{folder}/model-1"])
    >>> with open(f"{folder}/checkpoint") as file:
    ...     print(file.read())
    model_checkpoint_path: "model-2"
    all_model_checkpoint_paths: "model-1"
    all_model_checkpoint_paths: "model-2"
    <BLANKLINE>
    """
    folder = arguments.path(save_dir, "save_dir")
    with about_file(folder), folder_lock(folder):
        write_state(
            folder, model_checkpoint_path, all_model_checkpoint_paths, latest_filename,
            all_model_checkpoint_timestamps,
            0.0 if last_preserved_timestamp is None else last_preserved_timestamp,
        )


def write_state(
    folder: str, model_checkpoint_path: PathLike, all_paths: Iterable[PathLike] | None,
    latest_filename: str | None, timestamps: Iterable[float] | None = None,
    last_preserved: float = 0.0,
) -> None:
    """`update_checkpoint_state` for who holds the folder's lock."""
    path = state_path(folder, latest_filename)
    latest = arguments.path(model_checkpoint_path, "model_checkpoint_path")
    if os.path.abspath(path) == os.path.abspath(latest):
        raise InvalidArgumentError(
            f"Save path '{latest}' conflicts with path used for checkpoint state. Please use a "
            "different save path."
        )
    every = [arguments.path(x) for x in _listed(all_paths, "checkpoint paths")]
    if latest not in every:
        every.append(latest)
    times = _listed(timestamps, "timestamps")
    if times and len(times) != len(every):
        raise InvalidArgumentError(f"{len(times)} timestamps for {len(every)} checkpoints")
    state = CheckpointState(
        _within(folder, latest), [_within(folder, path) for path in every],
        [float(arguments.number(time, "a timestamp")) for time in times],
        float(arguments.number(last_preserved, "last_preserved_timestamp")),
    )
    write_whole(path, str(state).encode())
    sync_folder(folder)


def _listed(values: Iterable | None, what: str) -> list:
    return [] if values is None else sequence(values, what)


def _within(folder: str, path: str) -> str:
    """A checkpoint's path as the folder's file has it."""
    if not os.path.isabs(path) and os.path.isabs(folder):
        return path  # already relative to the folder
    start, inner = os.path.abspath(folder), os.path.abspath(path)
    if os.path.isabs(path) and os.path.dirname(inner) != start:
        return path
    return os.path.relpath(inner, start).replace(os.sep, "/")


# ---------------------------------------------------------------- the files


def checkpoint_exists(checkpoint_prefix: PathLike) -> bool:
    """Whether there is a checkpoint of that prefix (TF: `tf.train.checkpoint_exists`).

    >>> tg.train.checkpoint_exists("nowhere/model-7")
    False
    """
    return checkpoint.exists(arguments.path(checkpoint_prefix, "checkpoint_prefix"))


def get_checkpoint_mtimes(checkpoint_prefixes: Iterable[PathLike]) -> list[float]:
    """When checkpoints were written; of one that is not there, nothing (TF: same name).

    >>> tg.train.get_checkpoint_mtimes(["nowhere/model-7"])
    []
    """
    prefixes = [arguments.path(x) for x in sequence(checkpoint_prefixes, "checkpoint_prefixes")]
    return [checkpoint.modified(prefix) for prefix in prefixes if checkpoint.exists(prefix)]


def remove_checkpoint(
    checkpoint_prefix: PathLike, checkpoint_format_version: int = 2, meta_graph_suffix: str = "meta"
) -> None:
    """Remove the files of a checkpoint (TF: `tf.train.remove_checkpoint`).

    With `checkpoint_format_version=1` it is the file of the first format, which has no suffix.

    >>> tg.train.remove_checkpoint("nowhere/model-7")
    """
    prefix = arguments.path(checkpoint_prefix, "checkpoint_prefix")
    version = arguments.integer(checkpoint_format_version, "checkpoint_format_version", 1, 2)
    others = [f"{prefix}.{arguments.text(meta_graph_suffix, 'meta_graph_suffix')}"]
    folder = os.path.dirname(prefix) or "."
    if os.path.isdir(folder):
        with about_file(prefix), folder_lock(folder):
            checkpoint.remove(prefix, (*others, *[prefix] * (version == 1)))
