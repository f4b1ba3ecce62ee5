"""Train a wide and a deep network on MNIST, as graphs, and compare them.

    python examples/mnist_mlp.py --model both --output output/mnist_mlp

    wide    784 - 256 (ReLU) - 10                 203,530 parameters
    deep    784 - 204 (ReLU) - 202 (ReLU) - 10    203,580 parameters

Both end in softmax cross-entropy. A printed line gives the loss of one mini-batch and the accuracy
on the test set. The curves are measured at the start and after every 5% of the iterations: on the
whole test set, and on as many training images, always the same.

With `--save DIR` each line leaves a checkpoint, and so does Ctrl-C. `--restore DIR` goes on from
there with the same batches, as if nothing had happened, up to --iterations in all.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from threading import Event

import numpy as np
from common import (
    Checkpoints, Pictures, add_checkpoints, dense, ended, interrupts, learned, load, positive,
    progress, rate, say, seed,
)

import tinygraph as tg
from tinygraph.datasets import mnist
from tinygraph.viz import plots

HIDDEN = {"wide": [256], "deep": [204, 202]}

OPTIMIZERS = {  # name: (class, default learning rate)
    "sgd": (tg.train.GradientDescentOptimizer, 0.5),
    "momentum": (lambda rate: tg.train.MomentumOptimizer(rate, 0.9), 0.1),
    "nesterov": (lambda rate: tg.train.MomentumOptimizer(rate, 0.9, use_nesterov=True), 0.1),
    "adagrad": (tg.train.AdagradOptimizer, 0.2),
    "adadelta": (tg.train.AdadeltaOptimizer, 10.0),
    "rmsprop": (tg.train.RMSPropOptimizer, 0.003),
    "adam": (tg.train.AdamOptimizer, 0.005),
    # A larger accumulator would make the first step forget the initial weights.
    "ftrl": (lambda rate: tg.train.FtrlOptimizer(rate, initial_accumulator_value=1e-6), 0.02),
}


class Network:
    """The graph of one model: placeholders, logits, loss, accuracy; `learn` makes it trainable."""

    def __init__(self, hidden: list[int]):
        self.images = tg.placeholder(tg.float32, [None, 784], name="images")
        self.labels = tg.placeholder(tg.float32, [None, 10], name="labels")
        layer = self.images
        for i, units in enumerate(hidden, start=1):
            layer = dense(layer, units, tg.nn.relu, tg.initializers.he_normal(), name=f"hidden_{i}")
        logits = dense(layer, 10, None, tg.glorot_uniform_initializer(), name="output")
        self.logits = logits
        with tg.name_scope("loss"):
            self.loss = tg.reduce_mean(
                tg.nn.softmax_cross_entropy_with_logits_v2(labels=self.labels, logits=logits)
            )
        with tg.name_scope("accuracy"):
            right = tg.equal(tg.argmax(logits, axis=1), tg.argmax(self.labels, axis=1))
            self.accuracy = tg.reduce_mean(tg.cast(right, tg.float32))

    def learn(self, optimizer: str, learning_rate: float, iterations: int) -> tg.Operation:
        """The training operation."""
        step = tg.train.get_or_create_global_step()
        if optimizer != "ftrl":  # its weights are proportional to its rate and would fade with it
            learning_rate = tg.train.cosine_decay(learning_rate, step, iterations)
        return OPTIMIZERS[optimizer][0](learning_rate).minimize(self.loss, global_step=step)

    def feed(self, images: np.ndarray, labels: np.ndarray) -> dict:
        """The `feed_dict` for some images and their labels from 0 to 9."""
        return {self.images: images, self.labels: mnist.one_hot(labels)}


def train(
    name: str, data: dict, pictures: Pictures, interrupted: Event, args: argparse.Namespace
) -> dict[str, list[float]]:
    """Train one model, printing how it goes, and return the points of its curves."""
    start = args.learning_rate or OPTIMIZERS[args.optimizer][1]
    say(f"The {name} network, with {args.optimizer} at a learning rate of {start:g}:")
    with tg.Graph().as_default(), tg.Session() as sess:
        tg.set_random_seed(args.seed)
        network = Network(HIDDEN[name])
        step = network.learn(args.optimizer, start, args.iterations)
        draw_graph(name, network, step, pictures)
        curves = fit(sess, network, step, Checkpoints(name, args), data, interrupted, args)
        say(
            f"{name}: {tg.viz.count_parameters():,} parameters, "
            f"test accuracy {curves['test_accuracy'][-1]:.2%}"
        )
    return curves


def fit(
    sess: tg.Session, network: Network, step: tg.Operation, checkpoints: Checkpoints, data: dict,
    interrupted: Event, args: argparse.Namespace,
) -> dict:
    """Run the training operation on random mini-batches; the points of the curves."""
    images, labels = data["train"]
    count = len(data["test"][0])
    done = checkpoints.begin(sess)
    points = [measure(sess, network, data, count, done)]
    every = max(1, args.iterations // 20)
    batches = mnist.batches(images, labels, args.batch_size, args.iterations, seed=args.seed)
    for i, (x, t) in enumerate(progress(batches, args.iterations, done), start=done + 1):
        _, loss = sess.run([step, network.loss], feed_dict=network.feed(x, t))
        learned(loss, i)
        last = i == args.iterations or interrupted.is_set()
        if i % every == 0 or last:
            points.append(measure(sess, network, data, count, i))
            accuracy = points[-1]["test_accuracy"]
            say(f"[Iteration {i:5d}] Loss={loss:.4f} | Acc={accuracy:.3f}")
            checkpoints.save(sess)
        if last:
            break
    return {key: [point[key] for point in points] for key in points[0]}


def measure(sess: tg.Session, network: Network, data: dict, count: int, iteration: int) -> dict:
    """Loss and accuracy on the first `count` images of each split: one point of the curves."""
    point = {"iteration": iteration}
    for split, (images, labels) in data.items():
        feed = network.feed(images[:count], labels[:count])
        loss, accuracy = sess.run([network.loss, network.accuracy], feed_dict=feed)
        point |= {f"{split}_loss": float(loss), f"{split}_accuracy": float(accuracy)}
    return point


def draw_graph(name: str, network: Network, step: tg.Operation, pictures: Pictures) -> None:
    """The picture of a network, and the picture of how it is trained."""
    title = f"The {name} network"
    pictures.graph(f"graph_{name}.svg", [network.loss, network.accuracy], title)
    pictures.graph(f"graph_{name}_training.svg", step, f"{title}, with its gradients")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model", choices=["wide", "deep", "both"], default="both", help="(default %(default)s)")
    add("--optimizer", choices=OPTIMIZERS, default="adam", help="(default %(default)s)")
    rates = ", ".join(f"{rate:g} for {name}" for name, (_, rate) in OPTIMIZERS.items())
    add("--learning-rate", type=rate,
        help=f"at the start; decays to 0, but for ftrl (default {rates})")
    add("--batch-size", type=positive, default=100, help="images (default %(default)s)")
    add("--iterations", type=positive, default=2500, help="mini-batches (default %(default)s)")
    add("--seed", type=seed, default=0, help="of weights and mini-batches (default %(default)s)")
    add("--data", metavar="DIR", help="a directory with the files of MNIST (default: "
        "$TINYGRAPH_MNIST, the cache, a download, or 5,000 images that come along)")
    add("--output", type=Path, default="output/mnist_mlp", metavar="DIR",
        help="for the pictures (default %(default)s)")
    add_checkpoints(parser)
    args = parser.parse_args()

    data = load(args.data)
    pictures, runs = Pictures(args.output), {}
    with interrupts() as interrupted:
        for name in HIDDEN if args.model == "both" else [args.model]:
            if not interrupted.is_set():
                runs[name] = train(name, data, pictures, interrupted, args)
                title = f"The {name} network on MNIST"
                pictures.draw(f"curves_{name}.png", plots.curves, {name: runs[name]}, title)
        if len(runs) > 1:
            title = "The wide and the deep network on MNIST"
            pictures.draw("curves.png", plots.curves, runs, title)
        pictures.tell()
        ended(interrupted)


if __name__ == "__main__":
    main()
