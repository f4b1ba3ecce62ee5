"""The four models, each three times: as a graph, by hand in NumPy, and as bare products.

Each of the three is a function without arguments that does one training step with plain gradient
descent, feeds and the loss included; the bare products do only the step's matrix products, into
arrays made beforehand. What dropout and noise draw costs no less by hand, so the fourth model's
hand-written form draws with NumPy's own generator.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import tinygraph as tg

RATE = np.float32(0.01)


class Steps(NamedTuple):
    """One training step of a model in three forms, and the loss of the first two."""

    tinygraph: Callable[[], float]
    numpy: Callable[[], float]
    products: Callable[[], None]


def glorot(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    limit = np.sqrt(6 / (rows + columns))
    return rng.uniform(-limit, limit, (rows, columns)).astype(np.float32)


def parameters(sizes: tuple[int, ...], seed: int = 0) -> list[np.ndarray]:
    """Weights and biases, one after the other, for layers of these sizes."""
    rng = np.random.default_rng(seed)
    layers = itertools.pairwise(sizes)
    return [p for a, b in layers for p in (glorot(rng, a, b), np.zeros(b, np.float32))]


def data(sizes: tuple[int, ...], batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Random pixels and one-hot labels."""
    rng = np.random.default_rng(1)
    images = rng.random((batch, sizes[0]), dtype=np.float32)
    return images, np.eye(sizes[-1], dtype=np.float32)[rng.integers(0, sizes[-1], batch)]


# ---------------------------------------------------------------- as graphs


def layers(x: tg.Tensor, variables: list[tg.Variable]) -> tg.Tensor:
    """Dense layers with relu between them; the last one's output is linear."""
    for w, b in zip(variables[:-2:2], variables[1:-2:2], strict=True):
        x = tg.nn.relu(tg.matmul(x, w) + b)
    return tg.matmul(x, variables[-2]) + variables[-1]


def classifier(sizes: tuple[int, ...], batch: int) -> Callable[[], float]:
    with tg.Graph().as_default():
        images = tg.placeholder(tg.float32, [None, sizes[0]], name="images")
        labels = tg.placeholder(tg.float32, [None, sizes[-1]], name="labels")
        logits = layers(images, [tg.Variable(p) for p in parameters(sizes)])
        loss = tg.reduce_mean(
            tg.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
        )
        pixels, targets = data(sizes, batch)
        return step(loss, {images: pixels, labels: targets})


def autoencoder(sizes: tuple[int, ...], batch: int, noise=0.0, keep=1.0) -> Callable[[], float]:
    with tg.Graph().as_default():
        images = tg.placeholder(tg.float32, [None, sizes[0]], name="images")
        w1, b1, w2, b2 = (tg.Variable(p) for p in parameters(sizes))
        seen = images + tg.random_normal(tg.shape(images), 0.0, noise, seed=1) if noise else images
        hidden = tg.nn.relu(tg.matmul(seen, w1) + b1)
        hidden = tg.nn.dropout(hidden, keep, seed=2)
        logits = tg.matmul(hidden, w2) + b2
        loss = tg.reduce_mean(
            tg.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
        )
        return step(loss, {images: data(sizes, batch)[0]})


def step(loss: tg.Tensor, feeds: dict) -> Callable[[], float]:
    train = tg.train.GradientDescentOptimizer(float(RATE)).minimize(loss)
    sess = tg.Session()
    sess.run(tg.global_variables_initializer())
    return lambda: sess.run([train, loss], feeds)[1]


# ---------------------------------------------------------------- by hand


def classifier_by_hand(sizes: tuple[int, ...], batch: int) -> Callable[[], float]:
    theta = parameters(sizes)
    images, labels = data(sizes, batch)

    def run() -> float:
        hidden = [images]
        for w, b in zip(theta[:-2:2], theta[1:-2:2], strict=True):
            hidden.append(np.maximum(hidden[-1] @ w + b, 0))
        logits = hidden[-1] @ theta[-2] + theta[-1]
        logits -= logits.max(axis=1, keepdims=True)
        e = np.exp(logits)
        total = e.sum(axis=1, keepdims=True)
        loss = (np.log(total) - (labels * logits).sum(axis=1, keepdims=True)).mean()
        descend(theta, hidden, (e / total - labels) / np.float32(batch))
        return loss

    return run


def autoencoder_by_hand(sizes: tuple[int, ...], batch: int, noise=0.0, keep=1.0):
    theta = parameters(sizes)
    images, _ = data(sizes, batch)
    rng = np.random.default_rng(2)

    def run() -> float:
        seen = images
        if noise:
            seen = images + np.float32(noise) * rng.standard_normal(images.shape, dtype=np.float32)
        h = np.maximum(seen @ theta[0] + theta[1], 0)
        if keep < 1:
            h *= (rng.random(h.shape, dtype=np.float32) < keep) / np.float32(keep)
        logits = h @ theta[2] + theta[3]
        e = np.exp(-np.abs(logits))
        loss = (np.maximum(logits, 0) - logits * images + np.log1p(e)).mean()
        sigmoid = np.where(logits >= 0, 1, e) / (1 + e)
        descend(theta, [seen, h], (sigmoid - images) / np.float32(images.size), keep)
        return loss

    return run


def descend(theta: list[np.ndarray], hidden: list[np.ndarray], delta: np.ndarray, keep=1.0):
    """One step against the gradients, from the one at the logits back to the first layer."""
    for i in range(len(theta) - 2, -1, -2):
        layer = hidden[i // 2]
        dw, db = layer.T @ delta, delta.sum(axis=0)
        if i:
            delta = (delta @ theta[i].T) * ((layer > 0) / np.float32(keep))
        theta[i] -= RATE * dw
        theta[i + 1] -= RATE * db


# ---------------------------------------------------------------- the bare products


def bare_products(sizes: tuple[int, ...], batch: int) -> Callable[[], None]:
    """The step's products, `np.dot(..., out=)`: forward, weight gradients, and errors backward."""
    weights = parameters(sizes)[::2]
    values = [data(sizes, batch)[0]] + [np.ones((batch, n), np.float32) for n in sizes[1:]]
    deltas = [np.ones((batch, n), np.float32) for n in sizes]
    gradients = [np.empty_like(w) for w in weights]

    def run() -> None:
        for i, w in enumerate(weights):
            np.dot(values[i], w, out=values[i + 1])
        for i in reversed(range(len(weights))):
            np.dot(values[i].T, deltas[i + 1], out=gradients[i])
            if i:
                np.dot(deltas[i + 1], weights[i].T, out=deltas[i])

    return run


# ---------------------------------------------------------------- the table

WIDE, DEEP, AUTO = (784, 256, 10), (784, 204, 202, 10), (784, 128, 784)

MODELS: dict[str, Callable[[int], Steps]] = {
    "wide": lambda batch: Steps(
        classifier(WIDE, batch), classifier_by_hand(WIDE, batch), bare_products(WIDE, batch)
    ),
    "deep": lambda batch: Steps(
        classifier(DEEP, batch), classifier_by_hand(DEEP, batch), bare_products(DEEP, batch)
    ),
    "autoencoder": lambda batch: Steps(
        autoencoder(AUTO, batch), autoencoder_by_hand(AUTO, batch), bare_products(AUTO, batch)
    ),
    "denoising": lambda batch: Steps(
        autoencoder(AUTO, batch, 0.3, 0.8),
        autoencoder_by_hand(AUTO, batch, 0.3, 0.8),
        bare_products(AUTO, batch),
    ),
}
