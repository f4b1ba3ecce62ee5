"""Read digits from picture files, with a network that `mnist_mlp.py --save DIR` has trained.

    python examples/mnist_mlp.py --save output/checkpoints
    python examples/predict.py --restore output/checkpoints seven.png three.png

Each file has one digit, of any size, dark on light or light on dark; it is centred and scaled as
those of MNIST are. Without files, the program reads digits of MNIST's test set; without --restore,
it trains a network for a short time first.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from common import Pictures, existing, load, positive, progress, say
from mnist_mlp import HIDDEN, Network

import tinygraph as tg
from tinygraph.datasets import mnist

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = 0.1  # what is fainter, from 0 for paper to 1, is paper
SHOWN = 20  # pictures that are drawn at most


def read(path: Path) -> np.ndarray:
    """A picture file in grey, from 0 for black to 1 for white."""
    try:
        from matplotlib.image import imread
    except ImportError as error:
        raise ImportError(
            "picture files need matplotlib: pip install tinygraph-autodiff[viz]"
        ) from error
    pixels = imread(path)
    if pixels.dtype.kind == "u":  # all but PNG
        pixels = pixels / np.iinfo(pixels.dtype).max
    if pixels.ndim == 2:
        return pixels
    grey = pixels[..., :3] @ [0.299, 0.587, 0.114]
    if pixels.shape[2] == 3:
        return grey
    alpha = pixels[..., 3]
    on_white, on_black = alpha * grey + (1 - alpha), alpha * grey
    return on_white if np.ptp(on_white) > np.ptp(on_black) else on_black


def like_mnist(grey: np.ndarray) -> np.ndarray:
    """A digit as MNIST has it: fitted into 20 x 20, its centre of mass in the middle of 28 x 28.

    >>> image = like_mnist(np.pad(np.zeros([30, 60]), 50, constant_values=1.0))
    >>> [len(image.any(axis).nonzero()[0]) for axis in (1, 0)]
    [10, 20]
    """
    # What a picture's border has most of is paper; what differs most from it is ink.
    paper = np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]))
    dark = paper - grey.min() > grey.max() - paper
    ink = np.clip(paper - grey if dark else grey - paper, 0, None)
    if ink.max() < 0.05:
        raise ValueError("there is no digit in it, nothing but paper")
    ink = np.where(ink > INK * ink.max(), ink, 0)
    rows, columns = ink.any(axis=1).nonzero()[0], ink.any(axis=0).nonzero()[0]
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, round(20 * size / max(ink.shape))) for size in ink.shape)
    ink = shares(len(ink), height) @ ink @ shares(ink.shape[1], width).T
    ink /= ink.max()
    image = np.zeros([28, 28], np.float32)
    top, left = (
        np.clip(round(14 - ink.sum(axis) @ np.arange(size) / ink.sum()), 0, 28 - size)
        for axis, size in ((1, height), (0, width))
    )
    image[top : top + height, left : left + width] = ink
    return image


def shares(old: int, new: int) -> np.ndarray:
    """The matrix that resizes a line of pixels: each new one is the mean of its share of the old.

    >>> shares(3, 2).round(2)
    array([[0.67, 0.33, 0.  ],
           [0.  , 0.33, 0.67]])
    """
    ends, pixels = np.linspace(0, old, new + 1)[:, None], np.arange(old)
    overlap = np.minimum(ends[1:], pixels + 1) - np.maximum(ends[:-1], pixels)
    return np.clip(overlap, 0, None) * new / old


def digits(files: list[Path], data: dict) -> dict[str, np.ndarray]:
    """The pictures in grey, by name: those of the files, or else one test image of each class."""
    if not files:
        images, labels = data["test"]
        chosen = [np.flatnonzero(labels == label)[0] for label in np.unique(labels)]
        return {f"test image {i}, a {labels[i]}": 1 - images[i].reshape(28, 28) for i in chosen}
    pictures = {}
    for path in files:
        try:
            pictures[str(path)] = read(path)
        except (ImportError, OSError, SyntaxError, ValueError) as error:  # as imread has them
            sys.exit(f"{path}: {getattr(error, 'strerror', None) or error}")
    return pictures


def train(sess: tg.Session, network: Network, data: dict, iterations: int) -> None:
    """Train the network for a short time."""
    step = network.learn("adam", 0.005, iterations)
    sess.run(tg.global_variables_initializer())
    batches = mnist.batches(*data["train"], 100, iterations, seed=0)
    for x, t in progress(batches, iterations):
        sess.run(step, feed_dict=network.feed(x, t))


def predictions(pictures: dict, images: list, probabilities: np.ndarray) -> Figure:
    """Each picture, what the network sees of it, and the probabilities of the ten digits."""
    from matplotlib.figure import Figure

    count = min(len(pictures), SHOWN)
    figure = Figure(figsize=(8, 1.7 * count + 0.3), layout="compressed")
    grid = figure.subplots(count, 3, squeeze=False, width_ratios=[1, 1, 3])
    rows = zip(grid, pictures.items(), images, probabilities, strict=False)  # the first ones
    for axes, (name, grey), image, p in rows:
        axes[0].imshow(grey, cmap="gray", vmin=0, vmax=1)
        axes[0].set_title(Path(name).name[-24:], fontsize=9, parse_math=False)
        axes[1].imshow(image, cmap="gray_r", vmin=0, vmax=1)
        axes[1].set_title("as MNIST has it", fontsize=9)
        for picture in axes[:2]:
            picture.set_axis_off()
        axes[2].bar(range(10), p, color=["#D55E00" if x == p.max() else "#0072B2" for x in p])
        axes[2].set(xticks=range(10), ylim=(0, 1), ylabel="probability")
    return figure


def restore(sess: tg.Session, folder: Path) -> None:
    """Give the network what the latest checkpoint in a folder has for it."""
    try:
        path = tg.train.latest_checkpoint(folder)
        if path is None:
            sys.exit(f"--restore: there is no checkpoint in {folder}")
        tg.train.Saver(tg.trainable_variables()).restore(sess, path)
    except tg.errors.OpError as error:
        sys.exit(f"--restore: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("files", nargs="*", type=Path, metavar="FILE", help="pictures of one digit each")
    add("--restore", type=existing, metavar="DIR", help="where mnist_mlp.py has saved checkpoints")
    add("--model", choices=HIDDEN, default="wide", help="(default %(default)s)")
    add("--iterations", type=positive, default=500,
        help="of training, without --restore (default %(default)s)")
    add("--data", metavar="DIR", help="a directory with the files of MNIST, if they are needed")
    add("--output", type=Path, default="output/predict", metavar="DIR",
        help="for the picture (default %(default)s)")
    args = parser.parse_args()

    data = load(args.data) if not (args.files and args.restore) else {}
    drawing, pictures = Pictures(args.output), digits(args.files, data)
    images = []
    for name, grey in pictures.items():
        try:
            images.append(like_mnist(grey))
        except ValueError as error:
            sys.exit(f"{name}: {error}")
    tg.set_random_seed(0)
    network = Network(HIDDEN[args.model])
    probabilities = tg.nn.softmax(network.logits, name="probabilities")
    with tg.Session() as sess:
        if args.restore:
            restore(sess, args.restore / args.model)
        else:
            say(f"No --restore: a {args.model} network is trained first, on {args.iterations} "
                "mini-batches")
            train(sess, network, data, args.iterations)
        values = sess.run(probabilities, {network.images: np.reshape(images, [-1, 784])})
    for name, p in zip(pictures, values, strict=True):
        say(f"{name}: {p.argmax()}   " + "  ".join(f"{i}: {x:.1%}" for i, x in enumerate(p)))
    drawing.draw("predictions.png", predictions, pictures, images, values)
    drawing.tell()


if __name__ == "__main__":
    main()
