"""What the MNIST examples share: a dense layer, the data, a progress bar. Not a program."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

import tinygraph as tg
from tinygraph import console
from tinygraph.datasets import mnist

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


def progress(batches: Iterable, total: int) -> Iterable:
    """The batches, under a progress bar if there are tqdm and a terminal."""
    if tqdm is None:
        return batches
    return tqdm(batches, total=total, unit=" batches", leave=False, disable=None)


def say(line: str) -> None:
    """Print a line, above the progress bar if there is one."""
    bar = tqdm is not None and sys.stderr.isatty()
    with tqdm.external_write_mode() if bar else contextlib.nullcontext():
        console.say(line)


def learned(loss: float, iteration: int) -> None:
    """Stop the program where training has gone astray."""
    if not np.isfinite(loss):
        sys.exit(f"the loss is {loss} at iteration {iteration}: try a smaller --learning-rate")


def folder(path: Path) -> Path:
    """The folder for the pictures, made if need be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"--output {path}: {error.strerror or error}")
    return path


# ---------------------------------------------------------------- what flags take, for argparse


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
