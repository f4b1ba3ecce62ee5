"""The four models: their sizes, first parameters and data, and their steps by hand in NumPy.

Every framework trains on exactly this, so this file needs NumPy only, and runs on old Pythons too:
the processes of the peers import it. A step is a function without arguments that returns the loss.
"""

from __future__ import annotations

import numpy as np

from benchmarks import measure

SIZES = {
    "wide": (784, 256, 10),
    "deep": (784, 204, 202, 10),
    "autoencoder": (784, 128, 784),
    "denoising": (784, 128, 784),
}
RATES = {"sgd": {"wide": 0.02, "deep": 0.02, "autoencoder": 1.0, "denoising": 1.0}}
RATES["adam"] = dict.fromkeys(SIZES, 0.0001)
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
NOISE, KEEP = 0.3, 0.8  # what the denoising model adds to its pixels, and keeps of its units
CHECKED = 5  # steps


def reconstructs(model):
    """Whether the model's targets are its own pixels."""
    return SIZES[model][0] == SIZES[model][-1]


def parameters(sizes):
    """Weights and biases, one after the other, for layers of these sizes."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(len(sizes) - 1):
        limit = np.sqrt(6 / (sizes[i] + sizes[i + 1]))
        found.append(rng.uniform(-limit, limit, sizes[i : i + 2]).astype(np.float32))
        found.append(np.zeros(sizes[i + 1], np.float32))
    return found


def data(sizes, batch):
    """Random pixels, and targets of which each is mostly one class.

    Not wholly: the loss then has a floor above zero, and however many steps are timed, no gradient
    comes near the denormal numbers, on which some processors are far slower.
    """
    rng = np.random.default_rng(1)
    pixels = rng.random((batch, sizes[0]), dtype=np.float32)
    one_hot = np.eye(sizes[-1], dtype=np.float32)[rng.integers(0, sizes[-1], batch)]
    return pixels, np.float32(0.9) * one_hot + np.float32(0.1 / sizes[-1])


def check(model, batch, optimizer, step):
    """Run the first few steps, and see that their losses are those of the step by hand."""
    if model == "denoising":  # each framework draws other random numbers
        return
    reference = by_hand(model, batch, optimizer)
    found, expected = ([form() for _ in range(CHECKED)] for form in (step, reference))
    np.testing.assert_allclose(found, expected, rtol=1e-4, err_msg="losses of the first steps")


def peak(model, batch):
    """The most bytes of a process that only has NumPy and the data."""
    data(SIZES[model], batch)
    return measure.peak_memory()


# ---------------------------------------------------------------- by hand


def by_hand(model, batch, optimizer="sgd"):
    """The step as one would write it in NumPy, with no thought of arrays made beforehand."""
    sizes = SIZES[model]
    theta = parameters(sizes)
    pixels, labels = data(sizes, batch)
    update = OPTIMIZERS[optimizer](theta, RATES[optimizer][model])
    corrupt = Corruption() if model == "denoising" else None

    def step():
        hidden = [corrupt.noisy(pixels) if corrupt else pixels]
        for i in range(0, len(theta) - 2, 2):
            value = np.maximum(hidden[-1] @ theta[i] + theta[i + 1], 0)
            hidden.append(corrupt.dropped(value) if corrupt else value)
        logits = hidden[-1] @ theta[-2] + theta[-1]
        if reconstructs(model):
            loss, delta = sigmoid_loss(logits, pixels)
        else:
            loss, delta = softmax_loss(logits, labels)
        update(gradients(theta, hidden, delta, KEEP if corrupt else 1))
        return loss

    return step


def softmax_loss(logits, labels):
    """The mean cross-entropy, and its gradient at the logits."""
    logits -= logits.max(axis=1, keepdims=True)
    e = np.exp(logits)
    total = e.sum(axis=1, keepdims=True)
    loss = (np.log(total) - (labels * logits).sum(axis=1, keepdims=True)).mean()
    return loss, (e / total - labels) / np.float32(len(logits))


def sigmoid_loss(logits, targets):
    """The mean cross-entropy of each pixel, and its gradient at the logits."""
    e = np.exp(-np.abs(logits))
    loss = (np.maximum(logits, 0) - logits * targets + np.log1p(e)).mean()
    sigmoid = np.where(logits >= 0, 1, e) / (1 + e)
    return loss, (sigmoid - targets) / np.float32(logits.size)


def gradients(theta, hidden, delta, keep):
    """The loss's gradients for all parameters, from the one at the logits back to the first."""
    found = [None] * len(theta)
    for i in range(len(theta) - 2, -1, -2):
        layer = hidden[i // 2]
        found[i], found[i + 1] = layer.T @ delta, delta.sum(axis=0)
        if i:
            delta = (delta @ theta[i].T) * ((layer > 0) / np.float32(keep))
    return found


class Corruption:
    """Noise on the pixels and dropout of units."""

    def __init__(self):
        self.rng = np.random.default_rng(2)

    def noisy(self, pixels):
        return pixels + np.float32(NOISE) * self.rng.standard_normal(pixels.shape, np.float32)

    def dropped(self, value):
        kept = self.rng.random(value.shape, dtype=np.float32) < KEEP
        return value * (kept / np.float32(KEEP))


def descent(theta, rate):
    """Plain gradient descent."""
    rate = np.float32(rate)

    def update(gradients):
        for i, g in enumerate(gradients):
            theta[i] -= rate * g

    return update


def adam(theta, rate):
    """Adam, by TensorFlow 1's formula."""
    m = [np.zeros_like(p) for p in theta]
    v = [np.zeros_like(p) for p in theta]
    steps = 0

    def update(gradients):
        nonlocal steps
        steps += 1
        scale = np.float32(rate * np.sqrt(1 - BETA2**steps) / (1 - BETA1**steps))
        for i, g in enumerate(gradients):
            m[i] += (g - m[i]) * np.float32(1 - BETA1)
            v[i] += (g * g - v[i]) * np.float32(1 - BETA2)
            theta[i] -= scale * m[i] / (np.sqrt(v[i]) + np.float32(EPSILON))

    return update


OPTIMIZERS = {"sgd": descent, "adam": adam}


# ---------------------------------------------------------------- the bare products


def bare_products(model, batch):
    """Only the step's matrix products: forward, weight gradients, and errors backward."""
    sizes = SIZES[model]
    weights = parameters(sizes)[::2]
    values = [data(sizes, batch)[0]] + [np.ones((batch, n), np.float32) for n in sizes[1:]]
    deltas = [np.ones((batch, n), np.float32) for n in sizes]
    found = [np.empty_like(w) for w in weights]

    def step():
        for i, w in enumerate(weights):
            np.dot(values[i], w, out=values[i + 1])
        for i in reversed(range(len(weights))):
            np.dot(values[i].T, deltas[i + 1], out=found[i])
            if i:
                np.dot(deltas[i + 1], weights[i].T, out=deltas[i])

    return step
