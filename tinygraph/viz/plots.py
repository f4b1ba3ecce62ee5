"""Pictures of training: curves, filters and reconstructions, each a matplotlib Figure.

matplotlib loads on first use, and without pyplot: no window opens, no global state changes. The
colours are Okabe and Ito's, which the colour-blind tell apart; line styles and markers say the same
again for prints in black and white.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from tinygraph import arguments
from tinygraph.arguments import expect, integer, mapping, number, text
from tinygraph.arrays import to_array
from tinygraph.console import say
from tinygraph.errors import InvalidArgumentError, about_file
from tinygraph.viz.words import allowed, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["autoencoders", "curves", "filters", "optional", "reconstructions", "save"]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SPLITS = {"train": ("training", "solid"), "test": ("testing", (0, (4, 1.5)))}
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture everywhere
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "legend.handlelength": 3.2,  # long enough to show a dash pattern
    "image.interpolation": "nearest",
    "text.parse_math": False,  # a "$" in a name is a dollar
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
    "svg.hashsalt": "tinygraph",  # the same figure gives the same bytes
}
LONGEST = 60  # characters of a name
MOST = 1000  # images in a figure
GAP = 2  # pixels between the tiles of a mosaic

P = ParamSpec("P")
Run = Mapping[str, Sequence[float]]


def _styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let a drawing function work under `STYLE`, whatever style the user has set."""

    @functools.wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with _matplotlib().rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


def _matplotlib():
    try:
        import matplotlib.figure
    except ImportError as error:
        raise ImportError(
            "pictures need matplotlib: pip install tinygraph-autodiff[viz]"
        ) from error
    return matplotlib


@_styled
def curves(
    runs: Mapping[str, Run],
    title: str | None = None,
    loss_label: str = "Cross-entropy loss (nats)",
    iteration_label: str = "Iteration (mini-batches)",
) -> Figure:
    """Draw loss and accuracy over the iterations, for one model or several.

    Parameters
    ----------
    runs : mapping
        For each model's name its records: lists of equal length under "iteration" and any of
        "train_loss", "test_loss", "train_accuracy", "test_accuracy". Accuracies are fractions; a
        NaN leaves a gap.
    title : str, optional
        A title above the panels.
    loss_label : str, optional
        The loss and its unit. The axis is logarithmic if all losses are positive.
    iteration_label : str, optional
        What an iteration is.

    Raises
    ------
    InvalidArgumentError
        If there is nothing to draw, or lists differ in length.

    Examples
    --------
    >>> run = {"iteration": [0, 100], "test_loss": [2.3, 0.4], "test_accuracy": [0.1, 0.9]}
    >>> figure = tg.viz.plots.curves({"wide": run})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['Cross-entropy loss (nats)', 'Accuracy (%)']
    """
    _check_runs(runs)
    for what, label in (("loss_label", loss_label), ("iteration_label", iteration_label)):
        text(label, what)
    quantities = [
        quantity
        for quantity in ("loss", "accuracy")
        if any(f"{split}_{quantity}" in run for run in runs.values() for split in SPLITS)
    ]
    if not quantities:
        raise InvalidArgumentError(f"no losses and no accuracies in the runs {list(runs)}")
    longest = min(max(map(len, runs)), LONGEST)
    panel = max(5.8, 4.8 + 0.165 * longest)  # inches: room for the legend's names
    figure = _figure(0.8 + panel * len(quantities), 4.2 + 0.2 * len(runs), title)
    panels = figure.subplots(1, len(quantities), squeeze=False)[0]
    for axes, quantity in zip(panels, quantities, strict=True):
        labels = _draw_lines(axes, runs, quantity)
        axes.set_xlabel(_words(iteration_label))
        if quantity == "loss":
            axes.set_ylabel(_words(loss_label))
            _scale_loss(axes)
        else:
            axes.set_ylabel("Accuracy (%)")
            _scale_accuracy(axes)
        _add_legend(axes, labels)
    return figure


@_styled
def filters(weights: np.ndarray, count: int = 16, title: str | None = None) -> Figure:
    """Draw the first filters of a layer: the weights from a 28x28 image to each hidden unit.

    White is zero, and red and blue are equally strong, so that signs can be compared.

    Parameters
    ----------
    weights : numpy.ndarray
        The layer's weights, of shape (784, units); one column is one filter.
    count : int, optional
        How many to draw.
    title : str, optional
        By default says how many of how many filters there are.

    Examples
    --------
    >>> weights = np.random.default_rng(0).normal(size=(784, 128))
    >>> figure = tg.viz.plots.filters(weights)
    >>> figure.get_suptitle()
    'The first 16 of 128 filters'
    """
    tiles = _filters_of(weights, integer(count, "count", least=1, most=MOST))
    columns = math.ceil(math.sqrt(len(tiles)))
    default = f"The first {len(tiles)} of {np.shape(weights)[1]} filters"
    figure = _figure(5.6, 5.0, default if title is None else title)
    axes = figure.subplots()
    _draw_filters(axes, tiles, columns)
    return figure


@_styled
def reconstructions(
    rows: Mapping[str, np.ndarray], count: int = 10, title: str | None = None
) -> Figure:
    """Draw rows of images below each other, such as originals and their reconstructions.

    Parameters
    ----------
    rows : mapping
        For each row's label its images, of shape (n, 784) or (n, 28, 28), from 0 (black) to 1
        (white); what lies outside, as noise may, is clipped.
    count : int, optional
        How many images of each row to draw.
    title : str, optional
        A title above the rows.

    Raises
    ------
    InvalidArgumentError
        If there is nothing to draw, or rows differ in length.

    Examples
    --------
    >>> images = np.random.default_rng(0).random((10, 784))
    >>> figure = tg.viz.plots.reconstructions({"original": images, "reconstruction": images})
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['original', 'reconstruction']
    """
    count = integer(count, "count", least=1, most=MOST)
    tiles = {label: _tiles(images)[:count] for label, images in mapping(rows, "rows").items()}
    columns = _common_length(tiles)
    figure = _figure(1.6 + 0.85 * columns, 0.35 + 0.9 * len(rows), title)
    _draw_rows(figure.subplots(), tiles, columns)
    return figure


@_styled
def autoencoders(
    variants: Mapping[str, Mapping[str, Any]],
    count: int = 8,
    title: str | None = None,
    loss_unit: str = "nats per image",
) -> Figure:
    """Compare variants of an autoencoder: what goes in, what comes out, and the first filters.

    Parameters
    ----------
    variants : mapping
        For each variant's name a mapping with "rows", as in `reconstructions`; "weights", as in
        `filters`; and, if wanted, "loss", a number.
    count : int, optional
        How many images of each row to draw; of the filters, twice as many.
    title : str, optional
        A title above the figure.
    loss_unit : str, optional
        The unit of "loss".

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> images, weights = rng.random((8, 784)), rng.normal(size=(784, 128))
    >>> plain = {"rows": {"input": images, "reconstruction": images}, "weights": weights}
    >>> figure = tg.viz.plots.autoencoders({"plain": {**plain, "loss": 90.0}})
    >>> figure.axes[0].get_title(loc="left")
    'plain: test loss 90.0 nats per image'
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
    figure = _figure(1.6 + 1.3 * count, 0.4 + 0.62 * sum(heights) + 0.45 * len(variants), title)
    grid = figure.subplots(len(variants), 2, squeeze=False, height_ratios=heights)
    for (left, right), lines, (name, variant) in zip(grid, heights, variants.items(), strict=True):
        rows = {label: _tiles(images)[:count] for label, images in variant["rows"].items()}
        _draw_rows(left, rows, _common_length(rows))
        loss = f": test loss {variant['loss']:.1f} {loss_unit}" if "loss" in variant else ""
        left.set_title(_words(str(name)) + _words(loss), loc="left")
        tiles = _filters_of(variant["weights"], 2 * count)
        _draw_filters(right, tiles, count, lines)
        right.set_title(f"first {len(tiles)} filters", loc="left")
    return figure


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Save a figure as its suffix says (.png, .svg, .pdf), and return the path.

    The directory is made if need be.

    Raises
    ------
    InvalidArgumentError
        For a suffix that matplotlib cannot write.

    Examples
    --------
    >>> import tempfile
    >>> figure = tg.viz.plots.filters(np.eye(784, 16))
    >>> tg.viz.plots.save(figure, tempfile.mkdtemp() + "/new/filters.png").name
    'filters.png'
    """
    path = Path(arguments.path(path))
    suffix = path.suffix.lower()
    expect(figure, _matplotlib().figure.Figure, "figure", "a figure of matplotlib")
    known = figure.canvas.get_supported_filetypes()
    if suffix[1:] not in known:
        endings = ", ".join(f".{name}" for name in known)
        raise InvalidArgumentError(f"a picture ends in one of {endings}, not '{path.name}'")
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(suffix)
    with about_file(path), _matplotlib().rc_context(STYLE):
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150, bbox_inches="tight", pad_inches=0.1, metadata=undated)
    return path


@contextlib.contextmanager
def optional() -> Iterator[None]:
    """Go on without the pictures drawn within, if matplotlib or room on the disk is missing.

    Examples
    --------
    >>> with tg.viz.plots.optional():
    ...     raise ImportError("pictures need matplotlib: pip install tinygraph-autodiff[viz]")
    No picture: pictures need matplotlib: pip install tinygraph-autodiff[viz]
    """
    try:
        yield
    except (ImportError, OSError) as error:
        say(f"No picture: {error}")


def _figure(width: float, height: float, title: str | None) -> Figure:
    figure = _matplotlib().figure.Figure(figsize=(width, height), layout="compressed")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)  # inches
    if title is not None:
        figure.suptitle(_words(text(title, "title"), 3 * LONGEST))
    return figure


def _words(text: Any, longest: int = LONGEST) -> str:
    """Text as a figure can show it."""
    return shortened(allowed(str(text)), longest)


def _check_runs(runs: Mapping[str, Run]) -> None:
    for name, run in mapping(runs, "runs").items():
        if not to_array(mapping(run, f"runs[{name!r}]").get("iteration", ())).size:
            raise InvalidArgumentError(f"run {name!r} has nothing under 'iteration'")
        for key, values in run.items():
            if to_array(values).ndim != 1:
                raise InvalidArgumentError(f"run {name!r}: {key!r} must be a list of numbers")
            if len(values) != len(run["iteration"]):
                raise InvalidArgumentError(
                    f"run {name!r}: {len(values)} values of {key!r} found, "
                    f"{len(run['iteration'])} expected, one for each 'iteration'"
                )


def _draw_lines(axes: Axes, runs: Mapping[str, Run], quantity: str) -> list[str]:
    """Draw a line for each run and split that has the quantity; what the legend says of each."""
    percent, labels = quantity == "accuracy", []
    for j, (split, (label, dashes)) in enumerate(SPLITS.items()):
        for i, (name, run) in enumerate(runs.items()):
            if f"{split}_{quantity}" not in run:
                continue
            values = np.asarray(run[f"{split}_{quantity}"], float) * (100 if percent else 1)
            last = f"{values[-1]:.1f} %" if percent else f"{values[-1]:#.3g}".rstrip(".")
            look = i if len(runs) > 1 else j  # one model alone: a colour for each split instead
            axes.plot(
                run["iteration"],
                values,
                color=PALETTE[look % len(PALETTE)],
                marker=MARKERS[look % len(MARKERS)],
                markevery=max(1, len(values) // 8),
                markersize=5,
                linestyle=dashes,
                linewidth=1.6,
            )
            labels.append(f"{_words(name)}, {label} (last {last})")
    return labels


def _add_legend(axes: Axes, labels: Sequence[str]) -> None:
    """A legend above the panel, where it hides no line; column by column."""
    numbers = [str(i) for i in range(len(labels))]
    place: Any = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}
    legend = axes.legend(axes.lines, numbers, **place, ncols=2, columnspacing=1)
    for entry, label in zip(legend.get_texts(), labels, strict=True):
        entry.set_text(label)  # only now: matplotlib leaves out labels that start with "_"


def _drawn(axes: Axes) -> np.ndarray:
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.get_lines()])
    return values[np.isfinite(values)]


def _scale_loss(axes: Axes) -> None:
    """Make the axis logarithmic, with plain numbers at it, where losses shrink by much."""
    values = _drawn(axes)
    if not values.size or values.min() <= 0 or values.max() < 5 * values.min():
        return
    from matplotlib.ticker import LogLocator

    spread = values.max() / values.min()
    steps = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if spread < 50 else (1.0, 2.0, 5.0)
    axes.set_yscale("log", subs=[])
    locator = LogLocator(subs=steps if spread < 1000 else (1.0,))
    axes.yaxis.set_major_locator(locator)
    axes.yaxis.set_major_formatter("{x:g}")


def _scale_accuracy(axes: Axes) -> None:
    """Leave out the first steps, near chance, which would squeeze all that follows."""
    values = _drawn(axes)
    if values.size:
        low = np.percentile(values, 5)
        axes.set_ylim(max(0.0, low - 0.1 * (100 - low)), 100.5)


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
    axes.set_yticks(centres, labels=[_words(label) for label in rows])


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
    axes.set_xticks([])
    axes.set_yticks([])
    axes.tick_params(length=0)
