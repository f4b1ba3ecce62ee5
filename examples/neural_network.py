"""A network with one hidden layer as a class, on top of a graph.

    python examples/neural_network.py --output output/neural_network

Whichever of the three kinds of output it has, linear, softmax or sigmoid, the loss that belongs to
it makes the gradient at the output, before the activation, the same: (y - t) / n for n examples.
The program trains each kind on a small problem and draws how the losses fall.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import folder, learned, positive, rate, seed

import tinygraph as tg
from tinygraph.viz import plots

OUTPUTS = {  # activation: (the outputs y for z, the loss of each example for z and the targets t)
    "linear": (
        tg.identity,
        lambda z, t: tg.reduce_sum(tg.squared_difference(z, t), axis=1) / 2,
    ),
    "softmax": (
        tg.nn.softmax,
        lambda z, t: tg.nn.softmax_cross_entropy_with_logits_v2(labels=t, logits=z),
    ),
    "sigmoid": (
        tg.nn.sigmoid,
        lambda z, t: tg.reduce_sum(
            tg.nn.sigmoid_cross_entropy_with_logits(labels=t, logits=z), axis=1
        ),
    ),
}


class NN:
    """A network: input - hidden (ReLU) - output (linear, softmax or sigmoid), in float64.

    `feed` sets the batch, which every other method then runs the graph on.

    >>> network = NN(input_size=2, hidden_size=8, output_size=1, activation="sigmoid")
    >>> network.feed([[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]])
    >>> network.forward().shape
    (4, 1)
    >>> before = network.computeLoss()
    >>> network.update(learning_rate=0.1)
    >>> bool(network.computeLoss() < before)
    True
    """

    def __init__(
        self, input_size: int, hidden_size: int, output_size: int, activation: str, seed: int = 0
    ):
        if activation not in OUTPUTS:
            raise ValueError(f"activation is one of {', '.join(OUTPUTS)}, not {activation!r}")
        outputs, loss = OUTPUTS[activation]
        self.graph = tg.Graph()
        with self.graph.as_default():
            tg.set_random_seed(seed)
            self.x = tg.placeholder(tg.float64, [None, input_size], name="x")
            self.t = tg.placeholder(tg.float64, [None, output_size], name="t")
            hidden = dense(self.x, hidden_size, "hidden", tg.nn.relu)
            z = dense(hidden, output_size, "output")
            self.y = outputs(z, name="y")
            with tg.name_scope("loss"):
                self.loss = tg.reduce_mean(loss(z, self.t))
            self.variables = {v.op.name: v for v in tg.trainable_variables()}
            with_gradients = {**self.variables, "z": z}
            gradients = tg.gradients(self.loss, list(with_gradients.values()))
            self.gradients = dict(zip(with_gradients, gradients, strict=True))
            self.learning_rate = tg.placeholder(tg.float64, [], name="learning_rate")
            self.train = tg.train.GradientDescentOptimizer(self.learning_rate).apply_gradients(
                [(self.gradients[name], v) for name, v in self.variables.items()]
            )
            self.session = tg.Session()
            self.session.run(tg.global_variables_initializer())
        self.batch: dict[tg.Tensor, np.ndarray] = {}

    def feed(self, x: np.ndarray, t: np.ndarray | None = None) -> None:
        """Set the batch: inputs of shape (n, input_size) and targets of (n, output_size).

        Without targets only `forward` works.
        """
        self.batch = {self.x: x} if t is None else {self.x: x, self.t: t}

    def forward(self) -> np.ndarray:
        """The outputs y."""
        return self.session.run(self.y, feed_dict=self.batch)

    def computeLoss(self) -> float:  # the name that the specification gives it
        """The mean over the examples of the squared error / 2 or of the cross-entropy."""
        return float(self.session.run(self.loss, feed_dict=self.batch))

    def backward(self) -> dict[str, np.ndarray]:
        """The gradients of the loss by name, of the variables and of the output before activation.

        The names are "hidden/kernel", "hidden/bias", "output/kernel", "output/bias" and "z".
        """
        return self.session.run(self.gradients, feed_dict=self.batch)

    def update(self, learning_rate: float) -> None:
        """Take a step against the gradients."""
        self.session.run(self.train, feed_dict={**self.batch, self.learning_rate: learning_rate})

    def get_weights(self) -> dict[str, np.ndarray]:
        """The values of the variables by name."""
        return self.session.run(self.variables)


def dense(
    inputs: tg.Tensor, units: int, name: str, activation: Callable | None = None
) -> tg.Tensor:
    """A layer: activation(inputs @ kernel + bias)."""
    with tg.variable_scope(name, dtype=tg.float64):
        kernel = tg.get_variable("kernel", [inputs.shape[1], units])
        bias = tg.get_variable("bias", [units], initializer=tg.zeros_initializer())
        outputs = tg.nn.bias_add(tg.matmul(inputs, kernel), bias)
        return outputs if activation is None else activation(outputs)


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


def train(activation: str, x: np.ndarray, t: np.ndarray, args: argparse.Namespace) -> dict:
    """Train one network on its problem, and return the points of its curve."""
    network = NN(x.shape[1], args.hidden, t.shape[1], activation, seed=args.seed)
    network.feed(x, t)
    error = np.abs(network.backward()["z"] - (network.forward() - t) / len(x)).max()
    print(f"{activation}: gradient at the output - (y - t) / n = {error:.0e} at most")
    curve: dict = {"iteration": [], "train_loss": []}
    for i in range(args.iterations + 1):
        if i % max(1, args.iterations // 50) == 0 or i == args.iterations:
            curve["iteration"].append(i)
            curve["train_loss"].append(network.computeLoss())
            learned(curve["train_loss"][-1], i)
        if i < args.iterations:
            network.update(args.learning_rate)
    first, last = curve["train_loss"][0], curve["train_loss"][-1]
    print(f"{activation}: loss {first:.4f} at first, {last:.4f} after {i} iterations")
    with plots.optional():
        title = f"A network with {activation} output, and its gradients"
        picture = tg.viz.to_dot([network.y, *network.gradients.values()], title=title)
        picture.render(args.output / f"neural_network_{activation}.svg")
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
        help="for the pictures (default %(default)s)")  # fmt: skip
    args = parser.parse_args()

    folder(args.output)
    data = problems(np.random.default_rng(args.seed))
    curves = {activation: train(activation, x, t, args) for activation, (x, t) in data.items()}
    with plots.optional():
        labels = "Loss (mean over the examples)", "Iteration (all examples)"
        figure = plots.curves(curves, "Three kinds of output", *labels)
        plots.save(figure, args.output / "neural_network.png")
    print(f"The pictures are in {args.output}")


if __name__ == "__main__":
    main()
