"""What the examples share: a layer, data, checkpoints, Ctrl-C, pictures, flags. Not a program."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

import tinygraph as tg
from tinygraph import console
from tinygraph.datasets import mnist
from tinygraph.viz import plots

try:
    from tqdm import tqdm
except ImportError:
    tqdm = None


def dense(
    inputs: tg.Tensor,
    units: int,
    activation: Callable | None = None,
    kernel_initializer: Callable | None = None,
    bias_initializer: Callable | None = None,
    name: str | None = None,
) -> tg.Tensor:
    """A layer: activation(inputs @ kernel + bias), with arguments as in TF1's `tf.layers.dense`."""
    with tg.variable_scope(name):
        kernel = tg.get_variable("kernel", [inputs.shape[1], units], initializer=kernel_initializer)
        zeros = tg.zeros_initializer()
        bias = tg.get_variable("bias", [units], initializer=bias_initializer or zeros)
        outputs = tg.nn.bias_add(tg.matmul(inputs, kernel), bias)
        return outputs if activation is None else activation(outputs)


def load(directory: str | None) -> dict:
    """The images and labels of both splits; says where they come from."""
    try:
        where = mnist.source(directory)
        return {split: mnist.load(split, where) for split in ("train", "test")}
    except tg.errors.OpError as error:
        sys.exit(f"MNIST: {error}")


def progress(batches: Iterable, total: int, done: int = 0) -> Iterable:
    """The batches after the first `done`, under a progress bar if there are tqdm and a terminal."""
    batches = itertools.islice(batches, done, None)
    if tqdm is None:
        return batches
    bar = {"unit": " batches", "leave": False, "disable": None}
    return tqdm(batches, total=total, initial=done, **bar)


def say(line: str) -> None:
    """Print a line, above the progress bar if there is one."""
    bar = tqdm is not None and sys.stderr.isatty()
    with tqdm.external_write_mode() if bar else contextlib.nullcontext():
        console.say(line)


def learned(loss: float, iteration: int) -> None:
    """Stop the program where training has gone astray."""
    if not np.isfinite(loss):
        sys.exit(f"the loss is {loss} at iteration {iteration}: try a smaller --learning-rate")


@contextlib.contextmanager
def interrupts() -> Iterator[Event]:
    """An event that Ctrl-C sets, so that a step is ended first; the next Ctrl-C stops all."""
    event, before = Event(), signal.getsignal(signal.SIGINT)

    def interrupt(*_: object) -> None:
        event.set()
        signal.signal(signal.SIGINT, before)

    if before is not signal.default_int_handler:  # ignored, as in the background of a shell
        yield event
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)


def ended(event: Event) -> None:
    """End the program, with the exit status that shells expect, if it was interrupted."""
    if event.is_set():
        say("Interrupted")
        sys.exit(128 + signal.SIGINT)


class Checkpoints:
    """One model's checkpoints, in a folder of its own within those of --save and --restore."""

    def __init__(self, model: str, args: argparse.Namespace):
        name = model.replace(" ", "_")
        self.target = args.save and args.save / name
        self.source = args.restore and args.restore / name
        self.saver = tg.train.Saver()

    def begin(self, sess: tg.Session) -> int:
        """Restore the variables, or else initialize them; how many iterations there were before."""
        step = tg.train.get_global_step()
        try:
            path = self.source and tg.train.latest_checkpoint(self.source)
            if path is None:
                if self.source:
                    say(f"No checkpoint in {self.source}: training begins anew")
                sess.run(tg.global_variables_initializer())
            else:
                self.saver.restore(sess, path)
                say(f"Training goes on from {path}")
        except tg.errors.OpError as error:
            sys.exit(f"--restore: {error}")
        return int(sess.run(step))

    def save(self, sess: tg.Session) -> None:
        """Save all variables, and where the random numbers are, if there is a --save."""
        if self.target:
            make_folder(self.target, "--save")
            try:
                self.saver.save(sess, self.target / "model", tg.train.get_global_step())
            except tg.errors.OpError as error:
                sys.exit(f"--save: {error}")


class Pictures:
    """A folder for pictures, made if need be, that knows whether one came to be."""

    def __init__(self, folder: Path):
        self.folder, self.some = make_folder(folder, "--output"), False

    def draw(self, file: str, plot: Callable, *args: Any) -> None:
        """Draw a figure: `plot(*args)`."""
        with plots.optional():
            plots.save(plot(*args), self.folder / file)
            self.some = True

    def graph(self, file: str, fetches: Any, title: str) -> None:
        """Draw the graph of what is fetched."""
        with plots.optional():
            path = tg.viz.to_dot(fetches, title=title).render(self.folder / file)
            self.some |= path.suffix != ".dot"

    def tell(self) -> None:
        """Say where the pictures are, if there are some."""
        if self.some:
            say(f"The pictures are in {self.folder}")


def make_folder(folder: Path, flag: str) -> Path:
    """The folder that a flag names, made if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"{flag} {folder}: {error.strerror or error}")
    return folder


# ---------------------------------------------------------------- flags, and what they take


def add_checkpoints(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", type=Path, metavar="DIR",
        help="for checkpoints: one with each line that is printed, and at Ctrl-C")
    parser.add_argument("--restore", type=existing, metavar="DIR",
        help="a directory that --save has filled: training goes on from its latest checkpoints")


def existing(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"a directory expected, {text} found")
    return Path(text)


def number(text: str, kind: type, low: float, high: float, expected: str) -> float:
    """`text` as a number from `low` to `high`."""
    try:
        value = kind(text)
    except ValueError:
        value = np.nan
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{expected} expected, {text} found")
    return value


def positive(text: str) -> int:
    return number(text, int, 1, np.inf, "a whole number from 1")


def seed(text: str) -> int:
    return number(text, int, 0, 2**31 - 1, "a whole number from 0")


def rate(text: str) -> float:
    tiny, huge = np.finfo(np.float32).tiny, np.finfo(np.float32).max
    return number(text, float, tiny, huge, "a number above 0")


def level(text: str) -> float:
    return number(text, float, 0, 1e6, "a number from 0")


def share(text: str) -> float:
    return number(text, float, 1e-3, 1, "a number above 0, up to 1")
