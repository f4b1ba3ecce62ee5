"""A network with one hidden layer as a class, on top of a graph.

    python examples/neural_network.py --output output/neural_network

Whichever of the three kinds of output it has, linear, softmax or sigmoid, the loss that belongs to
it makes the gradient at the output, before the activation, the same: (y - t) / n for n examples.
The program trains each kind on a small problem and draws how the losses fall.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from common import Pictures, learned, positive, rate, say, seed

import tinygraph as tg
from tinygraph.viz import plots

TINY = 1e-6  # keeps the logarithms of the losses finite where an output is exactly 0 or 1

OUTPUTS = {  # activation: (the outputs y for a2, the loss for y and the targets t)
    "linear": (
        tg.identity,
        lambda y, t: 0.5 * tg.reduce_mean(tg.square(y - t)),
    ),
    "softmax": (
        tg.nn.softmax,
        lambda y, t: tg.reduce_mean(tg.reduce_sum(-t * tg.log(y + TINY), axis=1)),
    ),
    "sigmoid": (
        tg.nn.sigmoid,
        lambda y, t: tg.reduce_mean(-t * tg.log(y + TINY) - (1 - t) * tg.log(1 - y + TINY)),
    ),
}


class Weight:
    """A variable of a network's graph, read and set as an array: `network.W1`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, network: NN, owner: type) -> np.ndarray:
        return network.session.run(getattr(network.nodes, self.name))

    def __set__(self, network: NN, value: np.ndarray) -> None:
        getattr(network.nodes, self.name).load(value, network.session)


class NN:
    """A network: input - hidden (ReLU) - output (linear, softmax or sigmoid), in float64.

    Its steps, and the names of what they leave behind, are those of the exercise to write such a
    network in NumPy: `feed` a batch, `forward`, `backward`, `update`. Each step runs a part of the
    graph and keeps its results as arrays: h1, a2 and y; the gradients grad_a2, grad_W2, grad_b2,
    grad_h1, grad_W1 and grad_b1. The next step feeds these to the graph in place of the nodes that
    computed them. So nothing is computed twice, and each step continues from the last `forward`.
    The weights are W1, b1, W2 and b2.

    >>> network = NN(input_size=2, hidden_size=8, output_size=1, activation="sigmoid")
    >>> x, t = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
    >>> network.feed({"x": x, "y": t})
    >>> losses = []
    >>> for i in range(100):
    ...     y = network.forward()
    ...     network.backward()
    ...     network.update(learning_rate=0.5)
    ...     losses.append(network.computeLoss())
    >>> y.shape, network.grad_W1.shape, losses[-1] < losses[0]
    ((4, 1), (2, 8), True)
    """

    W1, b1, W2, b2 = Weight(), Weight(), Weight(), Weight()

    def __init__(
        self, input_size: int, hidden_size: int, output_size: int, activation: str, seed: int = 0
    ):
        if activation not in OUTPUTS:
            raise ValueError(f"activation is one of {', '.join(OUTPUTS)}, not {activation!r}")
        self.activation = activation
        self.graph = tg.Graph()
        with self.graph.as_default():
            tg.set_random_seed(seed)
            self.nodes = build(input_size, hidden_size, output_size, *OUTPUTS[activation])
            self.session = tg.Session()
            self.session.run(tg.global_variables_initializer())
        self.placeholder: dict[str, np.ndarray] = {}
        self.y: np.ndarray | None = None

    def feed(self, feed_dict: Mapping[str, np.ndarray]) -> None:
        """Set the batch: "x" of shape (n, input_size), the targets "y" of (n, output_size).

        `forward` needs no "y". An "x" without a "y" leaves the batch without targets: those of the
        batch before are not its own.
        """
        if unknown := feed_dict.keys() - {"x", "y"}:
            raise ValueError(f"'x' and 'y' can be fed, not {min(unknown)!r}")
        batch = {} if "x" in feed_dict else self.placeholder
        batch = batch | {key: np.array(value) for key, value in feed_dict.items()}
        shapes = {key: array.shape for key, array in batch.items()}
        if len({shape[:1] for shape in shapes.values()}) > 1:
            raise ValueError(f"as many inputs as targets expected, {shapes} found")
        self.placeholder = batch
        if "x" in feed_dict:
            self.y = None  # until `forward` has seen the new batch

    def forward(self) -> np.ndarray:
        """Compute the outputs y, and return them."""
        if "x" not in self.placeholder:
            raise ValueError("feed({'x': ...}) comes before forward()")
        nodes = self.nodes
        self.h1, self.a2, self.y = self.session.run(
            [nodes.h1, nodes.a2, nodes.y], feed_dict={nodes.x: self.placeholder["x"]}
        )
        return self.y

    def backward(self) -> None:
        """Compute the gradients, from grad_a2 = (y - t) / n back to the weights."""
        for name, gradient in self.session.run(self.nodes.gradients, self._batch()).items():
            setattr(self, name, gradient)

    def update(self, learning_rate: float = 1e-3) -> None:
        """Take a step against the gradients."""
        if not hasattr(self, "grad_a2"):
            raise ValueError("backward() comes before update()")
        feeds = {node: getattr(self, name) for name, node in self.nodes.gradients.items()}
        self.session.run(self.nodes.train, {self.nodes.learning_rate: learning_rate, **feeds})

    def computeLoss(self) -> float:
        """The loss of the outputs of the last `forward`, a mean over the examples.

        With linear and sigmoid outputs the loss is a mean over the outputs, too. There (y - t) / n
        is the gradient of the loss times the number of outputs.
        """
        return float(self.session.run(self.nodes.loss, self._batch()))

    def _batch(self) -> dict[tg.Tensor, np.ndarray]:
        """The batch and what `forward` computed from it, as feeds for the steps that follow."""
        if self.y is None or "y" not in self.placeholder:
            raise ValueError("feed({'x': ..., 'y': ...}) and forward() come first")
        nodes, fed = self.nodes, self.placeholder
        return {nodes.x: fed["x"], nodes.t: fed["y"], nodes.h1: self.h1, nodes.y: self.y}


def build(
    input_size: int, hidden_size: int, output_size: int, activation: Callable, loss: Callable
) -> SimpleNamespace:
    """The nodes of a network's graph, by the names that a network gives to their values."""
    x = tg.placeholder(tg.float64, [None, input_size], name="x")
    t = tg.placeholder(tg.float64, [None, output_size], name="t")
    learning_rate = tg.placeholder(tg.float64, [], name="learning_rate")
    W1, b1 = layer(input_size, hidden_size, 1)
    W2, b2 = layer(hidden_size, output_size, 2)
    h1 = tg.nn.relu(x @ W1 + b1, name="h1")
    a2 = tg.add(h1 @ W2, b2, name="a2")
    y = activation(a2, name="y")
    with tg.name_scope("loss"):
        mean_loss = loss(y, t)
    n = tg.cast(tg.shape(y)[0], tg.float64, name="n")
    grad_a2 = tg.divide(y - t, n, name="grad_a2")
    behind = {"grad_W2": W2, "grad_b2": b2, "grad_h1": h1, "grad_W1": W1, "grad_b1": b1}
    slopes = tg.gradients(a2, list(behind.values()), grad_ys=grad_a2)
    gradients = {"grad_a2": grad_a2, **dict(zip(behind, slopes, strict=True))}
    train = tg.train.GradientDescentOptimizer(learning_rate).apply_gradients(
        [(gradients[f"grad_{v.op.name}"], v) for v in (W1, b1, W2, b2)]
    )
    return SimpleNamespace(
        x=x, t=t, W1=W1, b1=b1, h1=h1, W2=W2, b2=b2, a2=a2, y=y, loss=mean_loss,
        gradients=gradients, learning_rate=learning_rate, train=train,
    )


def layer(inputs: int, units: int, number: int) -> tuple[tg.Variable, tg.Variable]:
    """The weights and biases of a layer; the biases are a row, which each example gets."""
    W = tg.get_variable(f"W{number}", [inputs, units], tg.float64)
    return W, tg.get_variable(f"b{number}", [1, units], tg.float64, tg.zeros_initializer())


def problems(rng: np.random.Generator, n: int = 300) -> dict:
    """A small problem for each kind of output: its inputs and targets."""
    x = rng.uniform(-1, 1, [n, 1])
    points = rng.uniform(-1, 1, [n, 2])
    radius = np.hypot(*points.T)
    rings = np.digitize(radius, [0.5, 0.9])  # 0, 1 or 2: one answer
    facts = np.stack([points[:, 0] > 0, points[:, 1] > points[:, 0], radius < 0.7], axis=1)
    return {
        "linear": (x, np.sin(4 * x)),
        "softmax": (points, np.eye(3)[rings]),
        "sigmoid": (points, facts.astype(float)),  # three questions, each answered yes or no
    }


def train(
    activation: str, x: np.ndarray, t: np.ndarray, pictures: Pictures, args: argparse.Namespace
) -> dict:
    """Train one network on its problem, draw its graph, and return the points of its curve."""
    network = NN(x.shape[1], args.hidden, t.shape[1], activation, seed=args.seed)
    network.feed({"x": x, "y": t})
    network.forward()
    network.backward()
    (slope,) = tg.gradients(network.nodes.loss, network.nodes.a2)
    slope = network.session.run(slope, {network.nodes.x: x, network.nodes.t: t})
    means = 1 if activation == "softmax" else t.shape[1]  # the others' losses are means over these
    error = np.abs(means * slope - network.grad_a2).max()
    say(f"{activation}: gradient at the output - (y - t) / n = {error:.0e} at most")
    curve: dict = {"iteration": [], "train_loss": []}
    for i in range(args.iterations + 1):
        network.forward()
        if i % max(1, args.iterations // 50) == 0 or i == args.iterations:
            curve["iteration"].append(i)
            curve["train_loss"].append(network.computeLoss())
            learned(curve["train_loss"][-1], i)
        if i < args.iterations:
            network.backward()
            network.update(args.learning_rate)
    first, last = curve["train_loss"][0], curve["train_loss"][-1]
    say(f"{activation}: loss {first:.4f} at first, {last:.4f} after {i} iterations")
    title = f"A network with {activation} output, and its gradients"
    nodes = [network.nodes.y, *network.nodes.gradients.values()]
    pictures.graph(f"neural_network_{activation}.svg", nodes, title)
    return curve


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--hidden", type=positive, default=32, help="hidden units (default %(default)s)")
    add("--learning-rate", type=rate, default=0.1, help="(default %(default)s)")
    add("--iterations", type=positive, default=5000, help="(default %(default)s)")
    add("--seed", type=seed, default=0, help="of weights and problems (default %(default)s)")
    add("--output", type=Path, default="output/neural_network", metavar="DIR",
        help="for the pictures (default %(default)s)")
    args = parser.parse_args()

    pictures = Pictures(args.output)
    data = problems(np.random.default_rng(args.seed))
    curves = {name: train(name, x, t, pictures, args) for name, (x, t) in data.items()}
    labels = "Loss (mean over the examples)", "Iteration (all examples)"
    pictures.draw("neural_network.png", plots.curves, curves, "Three kinds of output", *labels)
    pictures.tell()


if __name__ == "__main__":
    main()
