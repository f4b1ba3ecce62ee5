"""The models of `problems` as graphs of tinygraph."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import tinygraph as tg
from benchmarks import problems

OPTIMIZERS = {
    "sgd": tg.train.GradientDescentOptimizer,
    "adam": lambda rate: tg.train.AdamOptimizer(
        rate, problems.BETA1, problems.BETA2, problems.EPSILON
    ),
}


class Training(NamedTuple):
    """A session, and what to run in it for one step."""

    sess: tg.Session
    fetches: list
    feeds: dict[tg.Tensor, np.ndarray]


def step(
    model: str, batch: int, optimizer: str = "sgd", loops: bool = False, threads: int | None = None
) -> Callable[[], np.float32]:
    """One training step, feeds and loss included."""
    sess, fetches, feeds = training(model, batch, optimizer, loops, threads)
    return lambda: sess.run(fetches, feeds)[1]


def training(
    model: str, batch: int, optimizer: str = "sgd", loops: bool = False, threads: int | None = None
) -> Training:
    sizes = problems.SIZES[model]
    with tg.Graph().as_default():
        images = tg.placeholder(tg.float32, [None, sizes[0]], name="images")
        labels = tg.placeholder(tg.float32, [None, sizes[-1]], name="labels")
        variables = [tg.Variable(p) for p in problems.parameters(sizes)]
        logits = layers(images, variables, corrupted=model == "denoising")
        pixels, targets = problems.data(sizes, batch)
        feeds = {images: pixels}
        if problems.reconstructs(model):
            losses = tg.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
        else:
            losses = tg.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
            feeds[labels] = targets
        loss = tg.reduce_mean(losses)
        train = OPTIMIZERS[optimizer](problems.RATES[optimizer][model]).minimize(loss)
        passes = tg.Session.PASSES | ({"loops"} if loops else set())
        sess = tg.Session(passes=passes, threads=threads)
        sess.run(tg.global_variables_initializer())
        return Training(sess, [train, loss], feeds)


def layers(x: tg.Tensor, variables: list[tg.Variable], corrupted: bool = False) -> tg.Tensor:
    """Dense layers with relu between them; the last one's output is linear."""
    if corrupted:
        x = x + tg.random_normal(tg.shape(x), 0.0, problems.NOISE, seed=1)
    for w, b in zip(variables[:-2:2], variables[1:-2:2], strict=True):
        x = tg.nn.relu(tg.matmul(x, w) + b)
        if corrupted:
            x = tg.nn.dropout(x, problems.KEEP, seed=2)
    return tg.matmul(x, variables[-2]) + variables[-1]
