"""The style of pictures of training.

matplotlib loads on first use, and without pyplot: no window opens, no global state changes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec

from tinygraph.arguments import text
from tinygraph.viz.words import allowed, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let a drawing function work under `STYLE`, whatever style the user has set."""

    @functools.wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib().rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


def matplotlib():
    try:
        import matplotlib.figure
    except ImportError as error:
        raise ImportError(
            "pictures need matplotlib: pip install tinygraph-autodiff[viz]"
        ) from error
    return matplotlib


def new_figure(width: float, height: float, title: str | None) -> Figure:
    figure = matplotlib().figure.Figure(figsize=(width, height), layout="compressed")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)  # inches
    if title is not None:
        figure.suptitle(readable(text(title, "title"), 3 * LONGEST))
    return figure


def readable(text: Any, longest: int = LONGEST) -> str:
    """Text as a figure can show it."""
    return shortened(allowed(str(text)), longest)
