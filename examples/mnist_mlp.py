"""Train a wide and a deep network on MNIST, as graphs, and compare them.

    python examples/mnist_mlp.py --model both --output output/mnist_mlp

    wide    784 - 256 (ReLU) - 10                 203,530 parameters
    deep    784 - 204 (ReLU) - 202 (ReLU) - 10    203,170 parameters

Both end in softmax cross-entropy. The curves are measured every 5% of the iterations: on the whole
test set, and on as many training images, always the same.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import tinygraph as tg
from tinygraph.datasets import mnist
from tinygraph.viz import plots

HIDDEN = {"wide": [256], "deep": [204, 202]}

OPTIMIZERS = {  # name: (class, default learning rate)
    "sgd": (tg.train.GradientDescentOptimizer, 0.5),
    "momentum": (lambda rate: tg.train.MomentumOptimizer(rate, 0.9), 0.1),
    "nesterov": (lambda rate: tg.train.MomentumOptimizer(rate, 0.9, use_nesterov=True), 0.1),
    "adagrad": (tg.train.AdagradOptimizer, 0.05),
    "adadelta": (tg.train.AdadeltaOptimizer, 1.0),
    "rmsprop": (tg.train.RMSPropOptimizer, 0.001),
    "adam": (tg.train.AdamOptimizer, 0.002),
    "ftrl": (tg.train.FtrlOptimizer, 0.1),
}


class Network:
    """The graph of one model: placeholders, logits, loss, accuracy and the training operation."""

    def __init__(self, hidden: list[int], optimizer: str, learning_rate: float, iterations: int):
        self.images = tg.placeholder(tg.float32, [None, 784], name="images")
        self.labels = tg.placeholder(tg.float32, [None, 10], name="labels")
        layer = self.images
        for i, units in enumerate(hidden, start=1):
            layer = tg.nn.relu(dense(layer, units, tg.initializers.he_normal(), f"hidden_{i}"))
        logits = dense(layer, 10, tg.glorot_uniform_initializer(), "output")
        with tg.name_scope("loss"):
            self.loss = tg.reduce_mean(
                tg.nn.softmax_cross_entropy_with_logits_v2(labels=self.labels, logits=logits)
            )
        with tg.name_scope("accuracy"):
            right = tg.equal(tg.argmax(logits, axis=1), tg.argmax(self.labels, axis=1))
            self.accuracy = tg.reduce_mean(tg.cast(right, tg.float32))
        with tg.name_scope("learning_rate"):
            step = tg.train.get_or_create_global_step()
            rate = tg.train.cosine_decay(learning_rate, step, iterations)
        self.train = OPTIMIZERS[optimizer][0](rate).minimize(self.loss, global_step=step)

    def feed(self, images: np.ndarray, labels: np.ndarray) -> dict:
        """The `feed_dict` for some images and their labels from 0 to 9."""
        return {self.images: images, self.labels: mnist.one_hot(labels)}


def dense(inputs: tg.Tensor, units: int, initializer, scope: str) -> tg.Tensor:
    """inputs @ kernel + bias."""
    with tg.variable_scope(scope):
        kernel = tg.get_variable("kernel", [inputs.shape[1], units], initializer=initializer)
        bias = tg.get_variable("bias", [units], initializer=tg.zeros_initializer())
        return tg.nn.bias_add(tg.matmul(inputs, kernel), bias)


def train(name: str, data: dict, args: argparse.Namespace) -> dict[str, list[float]]:
    """Train one model, printing how it goes, and return the points of its curves."""
    with tg.Graph().as_default():
        tg.set_random_seed(args.seed)
        rate = args.learning_rate or OPTIMIZERS[args.optimizer][1]
        network = Network(HIDDEN[name], args.optimizer, rate, args.iterations)
        with plots.optional():
            title = f"The {name} network"
            picture = tg.viz.to_dot([network.loss, network.accuracy], title=title)
            picture.render(args.output / f"graph_{name}.svg")
            picture = tg.viz.to_dot(network.train, title=f"{title}, with its gradients")
            picture.render(args.output / f"graph_{name}_training.svg")
        with tg.Session() as sess:
            sess.run(tg.global_variables_initializer())
            curves = fit(sess, network, data, args)
        print(
            f"{name}: {tg.viz.count_parameters():,} parameters, "
            f"test accuracy {curves['test_accuracy'][-1]:.2%}"
        )
    return curves


def fit(sess: tg.Session, network: Network, data: dict, args: argparse.Namespace) -> dict:
    """Run the training operation on random mini-batches."""
    images, labels = data["train"]
    measured = {split: (x[: len(data["test"][0])], t[: len(data["test"][0])])
                for split, (x, t) in data.items()}  # fmt: skip
    curves: dict[str, list[float]] = {"iteration": []}
    every = max(1, args.iterations // 20)
    batches = mnist.batches(images, labels, args.batch_size, args.iterations, seed=args.seed)
    for i, (x, t) in enumerate(progress(batches, args.iterations), start=1):
        _, loss = sess.run([network.train, network.loss], feed_dict=network.feed(x, t))
        if not np.isfinite(loss):
            sys.exit(f"the loss is {loss} at iteration {i}: try a smaller --learning-rate")
        if i % every == 0 or i == args.iterations:
            curves["iteration"].append(i)
            for split, (x, t) in measured.items():
                values = sess.run([network.loss, network.accuracy], network.feed(x, t))
                for quantity, value in zip(["loss", "accuracy"], values, strict=True):
                    curves.setdefault(f"{split}_{quantity}", []).append(float(value))
            accuracy = curves["test_accuracy"][-1]
            say(f"[Iteration {i:5d}] Loss={loss:.4f} | Acc={accuracy:.3f}")
    return curves


try:
    import tqdm
except ImportError:
    tqdm = None


def progress(batches, total: int):
    """The batches, under a progress bar if there are tqdm and a terminal."""
    if tqdm is None:
        return batches
    return tqdm.tqdm(batches, total=total, unit="batch", leave=False, disable=None)


def say(line: str) -> None:
    """Print a line above the progress bar, if there is one."""
    print(line, flush=True) if tqdm is None else tqdm.tqdm.write(line)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=["wide", "deep", "both"], default="both")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="adam")
    parser.add_argument("--learning-rate", type=float, help="at the start; decays to 0")
    parser.add_argument("--batch-size", type=int, default=100, help="images (default 100)")
    parser.add_argument("--iterations", type=int, default=6000, help="batches (default 6000)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and batches (default 0)")
    parser.add_argument("--data", metavar="DIR", help="a directory with the files of MNIST")
    parser.add_argument("--output", type=Path, default=Path("output/mnist_mlp"), metavar="DIR",
                        help="for the pictures (default output/mnist_mlp)")  # fmt: skip
    args = parser.parse_args()

    where = mnist.source(args.data)
    data = {split: mnist.load(split, where) for split in ("train", "test")}
    args.output.mkdir(parents=True, exist_ok=True)
    runs = {}
    for name in HIDDEN if args.model == "both" else [args.model]:
        print(f"The {name} network:")
        runs[name] = train(name, data, args)
        with plots.optional():
            title = f"The {name} network on MNIST"
            plots.save(plots.curves({name: runs[name]}, title), args.output / f"curves_{name}.png")
    if len(runs) > 1:
        with plots.optional():
            figure = plots.curves(runs, "The wide and the deep network on MNIST")
            plots.save(figure, args.output / "curves.png")
    print(f"The pictures are in {args.output}")


if __name__ == "__main__":
    main()
