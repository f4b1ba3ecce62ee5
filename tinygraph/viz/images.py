"""Pictures of images and of filters, each a matplotlib Figure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygraph.arguments import integer, mapping, number
from tinygraph.arrays import to_array
from tinygraph.errors import InvalidArgumentError
from tinygraph.viz.style import new_figure, readable, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 1000  # images in a figure
GAP = 2  # pixels between the tiles of a mosaic


@styled
def filters(weights: np.ndarray, count: int = 16, title: str | None = None) -> Figure:
    """Draw the first filters of a layer: the weights from a 28x28 image to each hidden unit.

    White is zero, and red and blue are equally strong, so that signs can be compared.

    >>> weights = np.random.default_rng(0).normal(size=(784, 128))
    >>> figure = tg.viz.plots.filters(weights)
    >>> figure.get_suptitle()
    'The first 16 of 128 filters'

    Parameters
    ----------
    weights
        The layer's weights, of shape (784, units); one column is one filter.
    count
        How many to draw.
    title
        By default says how many of how many filters there are.
    """
    tiles = _filters_of(weights, integer(count, "count", least=1, most=MOST))
    columns = math.ceil(math.sqrt(len(tiles)))
    default = f"The first {len(tiles)} of {np.shape(weights)[1]} filters"
    figure = new_figure(5.6, 5.0, default if title is None else title)
    _draw_filters(figure.subplots(), tiles, columns)
    return figure


@styled
def reconstructions(
    rows: Mapping[str, np.ndarray], count: int = 10, title: str | None = None
) -> Figure:
    """Draw rows of images below each other, such as originals and their reconstructions.

    >>> images = np.random.default_rng(0).random((10, 784))
    >>> figure = tg.viz.plots.reconstructions({"original": images, "reconstruction": images})
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['original', 'reconstruction']

    Parameters
    ----------
    rows
        For each row's label its images, of shape (n, 784) or (n, 28, 28), from 0 (black) to 1
        (white); what lies outside, as noise may, is clipped.
    count
        How many images of each row to draw.
    title
        A title above the rows.

    Raises
    ------
    InvalidArgumentError
        If there is nothing to draw, or rows differ in length.
    """
    count = integer(count, "count", least=1, most=MOST)
    tiles = {label: _tiles(images)[:count] for label, images in mapping(rows, "rows").items()}
    columns = _common_length(tiles)
    figure = new_figure(1.6 + 0.85 * columns, 0.35 + 0.9 * len(rows), title)
    _draw_rows(figure.subplots(), tiles, columns)
    return figure


@styled
def autoencoders(
    variants: Mapping[str, Mapping[str, Any]],
    count: int = 8,
    title: str | None = None,
    loss_unit: str = "nats per image",
) -> Figure:
    """Compare variants of an autoencoder: what goes in, what comes out, and the first filters.

    >>> rng = np.random.default_rng(0)
    >>> images, weights = rng.random((8, 784)), rng.normal(size=(784, 128))
    >>> plain = {"rows": {"input": images, "reconstruction": images}, "weights": weights}
    >>> figure = tg.viz.plots.autoencoders({"plain": {**plain, "loss": 90.0}})
    >>> figure.axes[0].get_title(loc="left")
    'plain: test loss 90.0 nats per image'

    Parameters
    ----------
    variants
        For each variant's name a mapping with "rows", as in `reconstructions`; "weights", as in
        `filters`; and, if wanted, "loss", a number.
    count
        How many images of each row to draw; of the filters, twice as many.
    title
        A title above the figure.
    loss_unit
        The unit of "loss".
    """
    if not mapping(variants, "variants"):
        raise InvalidArgumentError("no variants to draw")
    count = integer(count, "count", least=1, most=MOST)
    for name, variant in variants.items():
        lacking = {"rows", "weights"} - set(mapping(variant, f"variants[{name!r}]"))
        if lacking:
            raise InvalidArgumentError(f"the variant {name!r} has no {' and no '.join(lacking)}")
        mapping(variant["rows"], f"the rows of {name!r}")
        number(variant.get("loss", 0.0), f"the loss of {name!r}")
    heights = [max(2, len(variant["rows"])) for variant in variants.values()]
    figure = new_figure(1.6 + 1.3 * count, 0.4 + 0.62 * sum(heights) + 0.45 * len(variants), title)
    grid = figure.subplots(len(variants), 2, squeeze=False, height_ratios=heights)
    for (left, right), lines, (name, variant) in zip(grid, heights, variants.items(), strict=True):
        rows = {label: _tiles(images)[:count] for label, images in variant["rows"].items()}
        _draw_rows(left, rows, _common_length(rows))
        loss = f": test loss {variant['loss']:.1f} {loss_unit}" if "loss" in variant else ""
        left.set_title(readable(str(name)) + readable(loss), loc="left")
        tiles = _filters_of(variant["weights"], 2 * count)
        _draw_filters(right, tiles, count, lines)
        right.set_title(f"first {len(tiles)} filters", loc="left")
    return figure


def _tiles(images: Any) -> np.ndarray:
    """Images as an array of shape (n, height, width); flat ones must be square."""
    images = to_array(images).astype(float)
    if images.ndim == 2 and images.size and math.isqrt(images.shape[1]) ** 2 == images.shape[1]:
        side = math.isqrt(images.shape[1])
        images = images.reshape(-1, side, side)
    if images.ndim != 3 or not images.size:
        raise InvalidArgumentError(
            f"images of shape {images.shape} found, (n, height, width) or (n, side * side) expected"
        )
    return images


def _filters_of(weights: Any, count: int) -> np.ndarray:
    """The first `count` columns of a matrix of weights, as images."""
    weights = to_array(weights)
    if weights.ndim != 2:
        raise InvalidArgumentError(f"weights of shape {weights.shape} found, a matrix expected")
    return _tiles(weights.T[:count])


def _common_length(rows: Mapping[str, np.ndarray]) -> int:
    lengths = {label: len(tiles) for label, tiles in rows.items()}
    if not lengths:
        raise InvalidArgumentError("no rows to draw")
    if len(set(lengths.values())) != 1:
        raise InvalidArgumentError(f"rows of one length expected, {lengths} found")
    return next(iter(lengths.values()))


def _mosaic(tiles: np.ndarray, columns: int) -> np.ndarray:
    """One array with all tiles, row by row, and NaN, which stays blank, between them."""
    height, width = tiles.shape[1] + GAP, tiles.shape[2] + GAP
    sheet = np.full((math.ceil(len(tiles) / columns) * height, columns * width), np.nan)
    for i, tile in enumerate(tiles):
        y, x = i // columns * height, i % columns * width
        sheet[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return sheet[:-GAP, :-GAP]


def _draw_rows(axes: Axes, rows: Mapping[str, np.ndarray], columns: int) -> None:
    tiles = np.concatenate(list(rows.values()))
    axes.imshow(_mosaic(tiles, columns), cmap="gray", vmin=0, vmax=1)
    height = tiles.shape[1]
    centres = [i * (height + GAP) + height / 2 for i in range(len(rows))]
    _hide_frame(axes)
    axes.set_yticks(centres, labels=[readable(label) for label in rows])


def _draw_filters(axes: Axes, tiles: np.ndarray, columns: int, lines: int | None = None) -> None:
    """Draw filters, in room for so many lines of them if given."""
    limit = np.percentile(np.abs(tiles), 99.5) or 1.0  # a few outliers would pale all the rest
    mosaic = _mosaic(tiles, columns)
    image = axes.imshow(mosaic, cmap="RdBu_r", vmin=-limit, vmax=limit)
    height = len(mosaic) if lines is None else lines * (tiles.shape[1] + GAP) - GAP
    axes.set_ylim(height - 0.5, -0.5)
    _hide_frame(axes)
    share = len(mosaic) / height
    beside = axes.inset_axes((1.02, 1 - share, 0.03, share))  # as high as the mosaic
    bar = axes.figure.colorbar(image, cax=beside, extend="both", label="Weight")
    bar.outline.set_visible(False)
    beside.grid(False)


def _hide_frame(axes: Axes) -> None:
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set(xticks=[], yticks=[])
    axes.tick_params(length=0)
