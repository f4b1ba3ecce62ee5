"""What the MNIST examples share: a dense layer, the data, a progress bar. Not a program."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable

import tinygraph as tg
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
    except (tg.errors.NotFoundError, tg.errors.DataLossError) as error:
        sys.exit(f"MNIST: {error}")


def progress(batches: Iterable, total: int) -> Iterable:
    """The batches, under a progress bar if there are tqdm and a terminal."""
    if tqdm is None:
        return batches
    return tqdm(batches, total=total, unit=" batches", leave=False, disable=None)


def say(line: str) -> None:
    """Print a line, above the progress bar if there is one."""
    if tqdm is not None and sys.stderr.isatty():
        tqdm.write(line)
    else:
        print(line, flush=True)


def positive(text: str) -> int:
    """For argparse: a whole number that is at least 1."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"at least 1 expected, {text} found")
    return int(text)
