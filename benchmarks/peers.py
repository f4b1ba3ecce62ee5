"""The same training steps in JAX, PyTorch and TensorFlow, each as its own users write them.

Runs in an interpreter that has NumPy and the framework, and need not have tinygraph; TensorFlow
1.15 with its Python 3.7 will do. A framework is imported by the function that uses it, and no
process uses two: their thread pools would fight.
"""

from __future__ import annotations

import importlib

import numpy as np

from benchmarks import measure, problems


def jax_step(model, batch, optimizer):
    """One jitted function of the whole step; the old parameters are donated to the new ones."""
    import jax
    import jax.numpy as jnp

    def loss(theta, pixels, targets):
        x = pixels
        for i in range(0, len(theta) - 2, 2):
            x = jax.nn.relu(x @ theta[i] + theta[i + 1])
        z = x @ theta[-2] + theta[-1]
        if problems.reconstructs(model):
            t = pixels
            return jnp.mean(jnp.maximum(z, 0) - z * t + jnp.log1p(jnp.exp(-jnp.abs(z))))
        return -jnp.mean(jnp.sum(targets * jax.nn.log_softmax(z), axis=1))

    rate, each = problems.RATES[optimizer][model], jax.tree_util.tree_map

    def descent(theta, grads, state):
        return each(lambda p, g: p - rate * g, theta, grads), state

    def adam(theta, grads, state):
        ms, vs, t = state
        beta1, beta2 = problems.BETA1, problems.BETA2
        ms = each(lambda m, g: m + (g - m) * (1 - beta1), ms, grads)
        vs = each(lambda v, g: v + (g * g - v) * (1 - beta2), vs, grads)
        scale = rate * jnp.sqrt(1 - beta2**t) / (1 - beta1**t)
        moves = each(lambda m, v: scale * m / (jnp.sqrt(v) + problems.EPSILON), ms, vs)
        return each(jnp.subtract, theta, moves), (ms, vs, t + 1)

    update = {"sgd": descent, "adam": adam}[optimizer]

    def whole(held, pixels, targets):
        theta, state = held
        value, grads = jax.value_and_grad(loss)(theta, pixels, targets)
        return update(theta, grads, state), value

    jitted = jax.jit(whole, donate_argnums=0)
    sizes = problems.SIZES[model]
    theta = [jnp.asarray(p) for p in problems.parameters(sizes)]
    zeros = [[jnp.zeros_like(p) for p in theta] for _ in range(2)]
    held = theta, (*zeros, jnp.float32(1)) if optimizer == "adam" else ()
    pixels, targets = problems.data(sizes, batch)
    if problems.reconstructs(model):
        targets = None

    def step():
        nonlocal held
        held, value = jitted(held, pixels, targets)
        return float(value)

    return step


def torch_step(model, batch, optimizer):
    """Eager PyTorch: modules, `backward`, and an optimizer of torch.optim."""
    import torch
    from torch import nn

    sizes = problems.SIZES[model]
    start = problems.parameters(sizes)
    parts = []
    for i in range(len(sizes) - 1):
        linear = nn.Linear(sizes[i], sizes[i + 1])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(start[2 * i].T))
            linear.bias.copy_(torch.from_numpy(start[2 * i + 1]))
        parts += [linear, nn.ReLU()]
    net = nn.Sequential(*parts[:-1])
    rate = problems.RATES[optimizer][model]
    betas = problems.BETA1, problems.BETA2
    train = {
        "sgd": lambda p: torch.optim.SGD(p, rate),
        "adam": lambda p: torch.optim.Adam(p, rate, betas, problems.EPSILON),
    }[optimizer](net.parameters())
    pixels, targets = problems.data(sizes, batch)
    reconstructs = problems.reconstructs(model)
    criterion = nn.BCEWithLogitsLoss() if reconstructs else nn.CrossEntropyLoss()

    def step():
        x = torch.from_numpy(pixels)
        loss = criterion(net(x), x if reconstructs else torch.from_numpy(targets))
        train.zero_grad()
        loss.backward()
        train.step()
        return loss.item()

    return step


def tensorflow_step(model, batch, optimizer):
    """A graph and a Session of TensorFlow 1, which TensorFlow 2 still has."""
    tf = tensorflow1()
    sizes = problems.SIZES[model]
    theta = [tf.Variable(p) for p in problems.parameters(sizes)]
    images = tf.placeholder(tf.float32, [None, sizes[0]])
    labels = tf.placeholder(tf.float32, [None, sizes[-1]])
    x = images
    for i in range(0, len(theta) - 2, 2):
        x = tf.nn.relu(tf.matmul(x, theta[i]) + theta[i + 1])
    logits = tf.matmul(x, theta[-2]) + theta[-1]
    pixels, targets = problems.data(sizes, batch)
    feeds = {images: pixels}
    if problems.reconstructs(model):
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
    else:
        losses = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
        feeds[labels] = targets
    loss = tf.reduce_mean(losses)
    rate = problems.RATES[optimizer][model]
    betas = problems.BETA1, problems.BETA2
    train = {
        "sgd": lambda: tf.train.GradientDescentOptimizer(rate),
        "adam": lambda: tf.train.AdamOptimizer(rate, *betas, problems.EPSILON),
    }[optimizer]().minimize(loss)
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    return lambda: sess.run([train, loss], feeds)[1]


def tensorflow1():
    """The module of TensorFlow 1's names, with graphs as the way to run."""
    import tensorflow

    tensorflow.compat.v1.disable_v2_behavior()
    return tensorflow.compat.v1


STEPS = {"jax": jax_step, "torch": torch_step, "tensorflow": tensorflow_step}


# ---------------------------------------------------------------- what a process is asked for


def versions(frameworks):
    """{framework: its version}, of those that this interpreter has."""
    found = {}
    for name in frameworks:
        try:
            found[name] = importlib.import_module(name).__version__
        except ImportError:
            continue
    return found


def step_time(framework, model, batch, optimizer, seconds):
    """Microseconds of a step that was seen to compute what the one by hand does."""
    step = STEPS[framework](model, batch, optimizer)
    problems.check(model, batch, optimizer, step)
    return measure.best_times({framework: step}, seconds)[framework]


def overhead(seconds):
    """Microseconds of the smallest run there is, in TensorFlow."""
    tf = tensorflow1()
    a = tf.placeholder(tf.float32)
    b, sess = a + 1, tf.Session()
    assert sess.run(b, {a: 1.0}) == np.float32(2)
    return measure.best_times({"run": lambda: sess.run(b, {a: 1.0})}, seconds)["run"]


def peak(framework, model, batch, steps):
    """The most bytes of a process that takes some steps; with none, of one that only imports."""
    if steps:
        step = STEPS[framework](model, batch, "sgd")
        for _ in range(steps):
            step()
    else:
        importlib.import_module(framework)
    return measure.peak_memory()
