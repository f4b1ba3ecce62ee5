"""Pictures of training: curves, filters and reconstructions, each a matplotlib Figure.

The colours are Okabe and Ito's, which the colour-blind tell apart; line styles and markers say the
same again for prints in black and white.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygraph import arguments
from tinygraph.arguments import expect, mapping, text
from tinygraph.arrays import to_array
from tinygraph.console import say
from tinygraph.errors import InvalidArgumentError, about_file
from tinygraph.viz.images import autoencoders, filters, reconstructions
from tinygraph.viz.style import LONGEST, STYLE, matplotlib, new_figure, readable, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["autoencoders", "curves", "filters", "optional", "reconstructions", "save"]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SPLITS = {"train": ("training", "solid"), "test": ("testing", (0, (4, 1.5)))}

Run = Mapping[str, Sequence[float]]


@styled
def curves(
    runs: Mapping[str, Run],
    title: str | None = None,
    loss_label: str = "Cross-entropy loss (nats)",
    iteration_label: str = "Iteration (mini-batches)",
) -> Figure:
    """Draw loss and accuracy over the iterations, for one model or several.

    >>> run = {"iteration": [0, 100], "test_loss": [2.3, 0.4], "test_accuracy": [0.1, 0.9]}
    >>> figure = tg.viz.plots.curves({"wide": run})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['Cross-entropy loss (nats)', 'Accuracy (%)']

    Parameters
    ----------
    runs
        For each model's name its records: lists of equal length under "iteration" and any of
        "train_loss", "test_loss", "train_accuracy", "test_accuracy". Accuracies are fractions; a
        NaN leaves a gap.
    title
        A title above the panels.
    loss_label
        The loss and its unit. The axis is logarithmic if all losses are positive.
    iteration_label
        What an iteration is.

    Raises
    ------
    InvalidArgumentError
        If there is nothing to draw, or lists differ in length.
    """
    _check_runs(runs)
    for what, label in (("loss_label", loss_label), ("iteration_label", iteration_label)):
        text(label, what)
    keys = {key for run in runs.values() for key in run}
    quantities = [x for x in ("loss", "accuracy") if keys & {f"{split}_{x}" for split in SPLITS}]
    if not quantities:
        raise InvalidArgumentError(f"no losses and no accuracies in the runs {list(runs)}")
    longest = min(max(map(len, runs)), LONGEST)
    panel = max(5.8, 4.8 + 0.165 * longest)  # inches: room for the legend's names
    figure = new_figure(0.8 + panel * len(quantities), 4.2 + 0.2 * len(runs), title)
    panels = figure.subplots(1, len(quantities), squeeze=False)[0]
    for axes, quantity in zip(panels, quantities, strict=True):
        labels = _draw_lines(axes, runs, quantity)
        ylabel = readable(loss_label) if quantity == "loss" else "Accuracy (%)"
        axes.set(xlabel=readable(iteration_label), ylabel=ylabel)
        (_scale_loss if quantity == "loss" else _scale_accuracy)(axes)
        _add_legend(axes, labels)
    return figure


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Save a figure as its suffix says (.png, .svg, .pdf), and return the path.

    The directory is made if need be.

    >>> import tempfile
    >>> figure = tg.viz.plots.filters(np.eye(784, 16))
    >>> tg.viz.plots.save(figure, tempfile.mkdtemp() + "/new/filters.png").name
    'filters.png'

    Raises
    ------
    InvalidArgumentError
        For a suffix that matplotlib cannot write.
    """
    path = Path(arguments.path(path))
    suffix = path.suffix.lower()
    expect(figure, matplotlib().figure.Figure, "figure", "a figure of matplotlib")
    formats = figure.canvas.get_supported_filetypes()
    if suffix[1:] not in formats:
        endings = ", ".join(f".{name}" for name in formats)
        raise InvalidArgumentError(f"a picture ends in one of {endings}, not '{path.name}'")
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(suffix)
    with about_file(path), matplotlib().rc_context(STYLE):
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150, bbox_inches="tight", pad_inches=0.1, metadata=undated)
    return path


@contextlib.contextmanager
def optional() -> Iterator[None]:
    """Go on without the pictures drawn within, if matplotlib or room on the disk is missing.

    >>> with tg.viz.plots.optional():
    ...     raise ImportError("pictures need matplotlib: pip install tinygraph-autodiff[viz]")
    No picture: pictures need matplotlib: pip install tinygraph-autodiff[viz]
    """
    try:
        yield
    except (ImportError, OSError) as error:
        say(f"No picture: {error}")


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
                run["iteration"], values, color=PALETTE[look % len(PALETTE)],
                marker=MARKERS[look % len(MARKERS)], markevery=max(1, len(values) // 8),
                markersize=5, linestyle=dashes, linewidth=1.6,
            )
            labels.append(f"{readable(name)}, {label} (last {last})")
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
