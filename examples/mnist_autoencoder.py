"""Train an autoencoder on MNIST in four ways, and compare what it draws and what it looks for.

    python examples/mnist_autoencoder.py --output output/mnist_autoencoder

784 - 128 (ReLU) - 784 (sigmoid): each image has to pass through 128 numbers. The loss is the
sigmoid cross-entropy with the image itself, summed over its pixels. The network learns

    plain                   as it is
    denoising               with noise on its input: it has to give back the clean image
    dropout                 with hidden units switched off at random
    denoising and dropout   with both

Noise and dropout are operations of the graph, off unless they are fed: the four are one graph in
four sessions, with the same initial weights and the same batches.

With `--save DIR` each line leaves a checkpoint, and so does Ctrl-C. `--restore DIR` goes on from
there with the same batches, noise and dropout, up to --iterations in all.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from threading import Event

from common import (
    Checkpoints, Pictures, add_checkpoints, dense, ended, interrupts, learned, level, load,
    positive, progress, rate, say, seed, share,
)

import tinygraph as tg
from tinygraph.datasets import mnist
from tinygraph.viz import plots

HIDDEN = 128
SHOWN = 10  # images in a row


class Autoencoder:
    """The graph: images, noise and dropout, the code, the reconstruction, loss and training."""

    def __init__(self, learning_rate: float, iterations: int):
        self.images = tg.placeholder(tg.float32, [None, 784], name="images")
        self.noise = tg.placeholder_with_default(0.0, [], name="noise")
        self.keep_prob = tg.placeholder_with_default(1.0, [], name="keep_prob")
        small = tg.truncated_normal_initializer(stddev=0.02)
        alive = tg.constant_initializer(0.5)  # no unit starts at zero, where ReLU learns nothing
        paper = tg.constant_initializer(-2.0)  # sigmoid(-2) = 0.12, an average pixel
        with tg.name_scope("corrupt"):
            noise = tg.random_normal(tg.shape(self.images), stddev=self.noise)
            self.noisy = self.images + noise
        code = dense(self.noisy, HIDDEN, tg.nn.relu, small, alive, name="encoder")
        code = tg.nn.dropout(code, self.keep_prob)
        logits = dense(code, 784, None, small, paper, name="decoder")
        self.reconstruction = tg.nn.sigmoid(logits, name="reconstruction")
        with tg.name_scope("loss"):
            pixels = tg.nn.sigmoid_cross_entropy_with_logits(labels=self.images, logits=logits)
            self.loss = tg.reduce_mean(tg.reduce_sum(pixels, axis=1))
        with tg.name_scope("learning_rate"):
            step = tg.train.get_or_create_global_step()
            rate = tg.train.cosine_decay(learning_rate, step, iterations)
        self.train = tg.train.AdamOptimizer(rate).minimize(self.loss, global_step=step)
        self.filters = tg.trainable_variables("encoder/kernel")[0]


def train(
    name: str, model: Autoencoder, corruption: dict, data: dict, interrupted: Event,
    args: argparse.Namespace,
) -> dict:
    """Train one variant in a session of its own; what it makes of test images, and its filters."""
    images, labels = data["train"]
    test = data["test"][0]
    every = max(1, args.iterations // 5)
    checkpoints = Checkpoints(name, args)
    say(f"{name}:")
    with tg.Session() as sess:
        done = checkpoints.begin(sess)
        batches = mnist.batches(images, labels, args.batch_size, args.iterations, seed=args.seed)
        for i, (x, _) in enumerate(progress(batches, args.iterations, done), start=done + 1):
            feed = {model.images: x, **corruption}
            _, loss = sess.run([model.train, model.loss], feed_dict=feed)
            learned(loss, i)
            due, stop = i % every == 0 or i == args.iterations, interrupted.is_set()
            if due:
                clean = sess.run(model.loss, feed_dict={model.images: test})
                say(f"[Iteration {i:5d}] Loss={loss:.2f} | Test loss={clean:.2f} (clean input)")
            if due or stop:  # nothing random happens between the save and the next step
                checkpoints.save(sess)
            if stop:
                break
        examples = test[:SHOWN]
        noisy, reconstruction, filters = sess.run(
            [model.noisy, model.reconstruction, model.filters],
            feed_dict={model.images: examples, model.noise: corruption.get(model.noise, 0.0)},
        )
        clean = sess.run(model.loss, feed_dict={model.images: test})
    say(f"{name}: test loss {clean:.2f} nats per image")
    rows = {"original": examples}
    if model.noise in corruption:
        rows["noisy input"] = noisy
    rows["reconstruction"] = reconstruction
    return {"rows": rows, "weights": filters, "loss": float(clean)}


def draw(name: str, variant: dict, pictures: Pictures) -> None:
    """The pictures of one variant."""
    file = name.replace(" ", "_")
    title = f"Autoencoder, {name}: test images"
    rows = variant["rows"]
    pictures.draw(f"{file}_reconstructions.png", plots.reconstructions, rows, SHOWN, title)
    title = f"Autoencoder, {name}: the first 16 of {HIDDEN} filters"
    pictures.draw(f"{file}_filters.png", plots.filters, variant["weights"], 16, title)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--noise", type=level, default=0.5, help="its standard deviation (default %(default)s)")
    add("--keep-prob", type=share, default=0.7,
        help="share of the hidden units that dropout keeps (default %(default)s)")
    add("--learning-rate", type=rate, default=0.002,
        help="of Adam, at the start; decays to 0 (default %(default)s)")
    add("--batch-size", type=positive, default=100, help="images (default %(default)s)")
    add("--iterations", type=positive, default=2000,
        help="batches for each variant (default %(default)s)")
    add("--seed", type=seed, default=0, help="of weights, noise and batches (default %(default)s)")
    add("--data", metavar="DIR", help="a directory with the files of MNIST (default: "
        "$TINYGRAPH_MNIST, the cache, a download, or 5,000 images that come along)")
    add("--output", type=Path, metavar="DIR", default="output/mnist_autoencoder",
        help="for the pictures (default %(default)s)")
    add_checkpoints(parser)
    args = parser.parse_args()

    data = load(args.data)
    pictures = Pictures(args.output)
    tg.set_random_seed(args.seed)
    model = Autoencoder(args.learning_rate, args.iterations)
    say(f"autoencoder: {tg.viz.count_parameters():,} parameters")
    nodes = [model.loss, model.reconstruction]
    pictures.graph("autoencoder.svg", nodes, "The autoencoder")
    noise, dropout = {model.noise: args.noise}, {model.keep_prob: args.keep_prob}
    corruptions = {
        "plain": {},
        "denoising": noise,
        "dropout": dropout,
        "denoising and dropout": noise | dropout,
    }
    variants: dict[str, dict] = {}
    with interrupts() as interrupted:
        for name, corruption in corruptions.items():
            if not interrupted.is_set():
                variants[name] = train(name, model, corruption, data, interrupted, args)
                draw(name, variants[name], pictures)
        if variants:
            title = "Four ways to train an autoencoder (test losses with clean input)"
            pictures.draw("autoencoders.png", plots.autoencoders, variants, 8, title)
        pictures.tell()
        ended(interrupted)


if __name__ == "__main__":
    main()
