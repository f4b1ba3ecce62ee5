"""The pictures show the numbers given, legibly, and never stand in the way of a training run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from tinygraph.errors import FileError, InvalidArgumentError
from tinygraph.viz import plots
from tinygraph.viz.images import GAP

ROOT = Path(__file__).parents[1]


def run(seed, keys=("train_loss", "test_loss", "train_accuracy", "test_accuracy")):
    rng = np.random.default_rng(seed)
    values = {key: list(rng.uniform(0.01, 1, 20)) for key in keys}
    return {"iteration": list(range(0, 2000, 100)), **values}


def images(count=12, seed=0):
    return np.random.default_rng(seed).random((count, 784)).astype(np.float32)


def weights(units=40, seed=0):
    return np.random.default_rng(seed).normal(size=(784, units))


def variant(seed, **extra):
    rows = {"noisy input": images(seed=seed), "reconstruction": images(seed=seed + 1)}
    return {"rows": rows, "weights": weights(seed=seed), **extra}


# --- curves ---


def test_curves_show_the_numbers():
    runs = {"wide": run(1), "deep": run(2)}
    figure = plots.curves(runs, title="Two networks")
    assert figure.get_suptitle() == "Two networks"
    loss, accuracy = figure.axes
    assert loss.get_ylabel() == "Cross-entropy loss (nats)"
    assert accuracy.get_ylabel() == "Accuracy (%)"
    for axes, quantity, scale in ((loss, "loss", 1), (accuracy, "accuracy", 100)):
        assert axes.get_xlabel() == "Iteration (mini-batches)"
        expected = [
            (name, label, runs[name][f"{split}_{quantity}"])
            for split, label in (("train", "training"), ("test", "testing"))
            for name in runs
        ]
        texts = [text.get_text() for text in axes.get_legend().get_texts()]
        for line, text, (name, label, values) in zip(axes.lines, texts, expected, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), runs[name]["iteration"])
            np.testing.assert_allclose(line.get_ydata(), np.multiply(values, scale), rtol=1e-12)
            last = f"{values[-1] * 100:.1f} %" if scale == 100 else f"{values[-1]:#.3g}"
            assert text == f"{name}, {label} (last {last})"


def test_lines_differ_without_their_colours_too():
    for runs in ({"one": run(1)}, {str(i): run(i) for i in range(7)}):
        for axes in plots.curves(runs).axes:
            lines = axes.lines
            assert len({(line.get_marker(), line.get_linestyle()) for line in lines}) == len(lines)
            assert {to_hex(line.get_color()).upper() for line in lines} <= set(plots.PALETTE)
            assert len({line.get_color() for line in lines}) == max(2, len(runs))


@pytest.mark.parametrize(
    ("largest", "smallest", "scale"),
    [(2.0, 0.001, "log"), (500.0, 60.0, "log"), (3.0, 0.01, "log"), (0.3, 0.2, "linear")],
)
def test_the_loss_axis_has_plain_numbers(largest, smallest, scale):
    values = np.geomspace(largest, smallest, 20)
    figure = plots.curves({"net": {"iteration": range(20), "test_loss": values}})
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    ticks = axes.get_yticks()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    shown = [text for tick, text in zip(ticks, labels, strict=True) if low <= tick <= high]
    assert 3 <= len(shown) <= 12
    for text in shown:
        float(text)


def test_curves_take_zeros_gaps_and_single_points():
    zero = {"iteration": [0, 1], "train_loss": [1.0, 0.0], "test_accuracy": [0.1, np.nan]}
    loss, accuracy = plots.curves({"net": zero}).axes
    assert loss.get_yscale() == "linear"
    assert np.isnan(accuracy.lines[0].get_ydata()[1])
    hopeless = {"iteration": [0], "train_loss": [np.nan], "train_accuracy": [np.inf]}
    plots.curves({"net": hopeless}).draw_without_rendering()


def test_the_accuracy_axis_looks_at_the_end():
    accuracy = np.concatenate([[0.1], np.full(99, 0.98)])
    figure = plots.curves({"net": {"iteration": range(100), "test_accuracy": accuracy}})
    low, high = figure.axes[0].get_ylim()
    assert 95 < low < 98
    assert high > 100


# Texts that matplotlib gives a meaning of its own, or that look as if they had one.
ODD = ["_x", "__x__", "$a$", "US$ and A$", r"\$", "a_{1}^2", "%d {x}", "100%", "<b>&amp;", "_", ""]


def texts(figure):
    """What a figure says, where no dollar starts mathematics."""
    figure.draw_without_rendering()
    found = {text.get_text(): text for text in figure.findobj(Text)}
    assert not any(text.get_parse_math() for words, text in found.items() if "$" in words)
    return set(found)


@pytest.mark.parametrize("setting", ["text.parse_math", "text.usetex"])
def test_odd_names_are_shown_as_they_are(setting):
    with matplotlib.rc_context({setting: True}):  # as the user may have it
        figure = plots.curves({name: run(i) for i, name in enumerate(ODD)}, *ODD[2:5])
    for axes in figure.axes:
        entries = [text.get_text() for text in axes.get_legend().get_texts()]
        shown = [entry.partition(", t")[0] for entry in entries]
        assert shown == 2 * ODD
        for line, handle in zip(axes.lines, axes.get_legend().legend_handles, strict=True):
            assert handle.get_marker() == line.get_marker()
            assert handle.get_color() == line.get_color()
    assert {*ODD[2:5]} <= texts(figure)


def test_odd_labels_are_shown_as_they_are():
    rows = {name: images(3) for name in ODD}
    figure = plots.reconstructions(rows, title="_$t$")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ODD
    variants = {name: {"rows": rows, "weights": weights(), "loss": 1.0} for name in ODD[:3]}
    several = plots.autoencoders(variants, title="_$t$", loss_unit="$/image")
    assert {f"{name}: test loss 1.0 $/image" for name in ODD[:3]} <= texts(several)
    for drawn in (figure, several, plots.filters(weights(), title="_$t$")):
        assert "_$t$" in texts(drawn)


def test_curves_reject_what_they_cannot_draw():
    with pytest.raises(InvalidArgumentError, match="no losses and no accuracies"):
        plots.curves({})
    with pytest.raises(InvalidArgumentError, match=r"accuracies in the runs \['net'\]"):
        plots.curves({"net": {"iteration": [0]}})
    for empty in ({"test_loss": [1.0]}, {"iteration": [], "test_loss": []}):
        with pytest.raises(InvalidArgumentError, match="'net' has nothing under 'iteration'"):
            plots.curves({"net": empty})
    with pytest.raises(InvalidArgumentError, match="2 values of 'test_loss' found, 1 expected"):
        plots.curves({"net": {"iteration": [0], "test_loss": [1.0, 2.0]}})


# --- mosaics ---


def tile(axes, row, column):
    sheet = axes.images[0].get_array()
    y, x = row * (28 + GAP), column * (28 + GAP)
    return np.ma.getdata(sheet)[y : y + 28, x : x + 28]


def test_filters():
    drawn = weights()
    axes = plots.filters(drawn).axes[0]
    for i in range(16):
        np.testing.assert_array_equal(tile(axes, i // 4, i % 4), drawn[:, i].reshape(28, 28))
    image = axes.images[0]
    assert image.get_array().shape == (4 * 30 - 2, 4 * 30 - 2)
    assert image.norm.vmin == -image.norm.vmax
    assert image.colorbar.ax.get_ylabel() == "Weight"
    assert np.ma.getmaskarray(image.get_array())[28].all()  # blank between the tiles


def test_filters_few_or_zero():
    figure = plots.filters(np.zeros((784, 5)), title="")
    assert figure.get_suptitle() == ""
    figure.draw_without_rendering()
    with pytest.raises(InvalidArgumentError, match=r"images of shape \(16, 783\)"):
        plots.filters(np.zeros((783, 40)))
    with pytest.raises(InvalidArgumentError, match="count must be at least 1, not 0"):
        plots.filters(np.zeros((784, 40)), count=0)


def test_reconstructions():
    original, again = images(seed=1), images(seed=2)
    rows = {"original": original, "reconstruction": again.reshape(-1, 28, 28)}
    figure = plots.reconstructions(rows, count=6)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(rows)
    assert axes.images[0].get_clim() == (0, 1)
    for i in range(6):
        np.testing.assert_array_equal(tile(axes, 0, i), original[i].reshape(28, 28))
        np.testing.assert_array_equal(tile(axes, 1, i), again[i].reshape(28, 28))
    assert axes.images[0].get_array().shape == (2 * 30 - 2, 6 * 30 - 2)


def test_reconstructions_reject_what_they_cannot_draw():
    with pytest.raises(InvalidArgumentError, match=r"\{'a': 3, 'b': 2\} found"):
        plots.reconstructions({"a": images(3), "b": images(2)})
    with pytest.raises(InvalidArgumentError, match="no rows to draw"):
        plots.reconstructions({})


def test_autoencoders():
    variants = {"plain": variant(1, loss=71.25), "denoising": variant(2)}
    figure = plots.autoencoders(variants, title="Two variants")
    left = figure.axes[0::2][:2]
    assert left[0].get_title(loc="left") == "plain: test loss 71.2 nats per image"
    assert left[1].get_title(loc="left") == "denoising"
    for axes, drawn in zip(left, variants.values(), strict=True):
        for row, array in enumerate(drawn["rows"].values()):
            np.testing.assert_array_equal(tile(axes, row, 7), array[7].reshape(28, 28))
    right = figure.axes[1]
    assert right.get_title(loc="left") == "first 16 filters"
    np.testing.assert_array_equal(
        tile(right, 1, 3), variants["plain"]["weights"][:, 11].reshape(28, 28)
    )
    with pytest.raises(InvalidArgumentError, match="no variants"):
        plots.autoencoders({})


# --- files, styles and what may be missing ---

FIGURES = {
    "long names": lambda: plots.curves(
        {f"denoising + dropout {i}": run(i) for i in range(4)}, title="Four networks"
    ),
    "curves": lambda: plots.curves({"wide": run(1), "deep": run(2)}, title="Two networks"),
    "filters": lambda: plots.filters(weights()),
    "reconstructions": lambda: plots.reconstructions({"original": images(), "again": images()}),
    "autoencoders": lambda: plots.autoencoders({"plain": variant(1), "other": variant(2)}),
}


@pytest.mark.parametrize("kind", FIGURES)
def test_save_is_the_same_each_time(tmp_path, kind):
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    suffixes = starts if kind == "curves" else [".png"]
    for suffix in suffixes:
        first = plots.save(FIGURES[kind](), tmp_path / "new" / f"first{suffix}")
        second = plots.save(FIGURES[kind](), str(tmp_path / f"second{suffix}"))
        assert first == tmp_path / "new" / f"first{suffix}"
        assert first.read_bytes() == second.read_bytes()
        assert first.read_bytes().startswith(starts[suffix])


def test_save_takes_odd_file_names_and_refuses_other_suffixes(tmp_path):
    figure = plots.filters(weights())
    for name in ("$a$_{b}.png", "_x.SVG", "%d {x}.png", "größe.png"):
        assert plots.save(figure, tmp_path / name) == tmp_path / name
        assert (tmp_path / name).stat().st_size > 5000
    assert b"<dc:date>" not in (tmp_path / "_x.SVG").read_bytes()
    for name in ("filters", "filters.txt", "filters.npy"):
        with pytest.raises(InvalidArgumentError, match=r"ends in one of .*\.png.*, not 'filters"):
            plots.save(figure, tmp_path / "new" / name)
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileError, match=r"filters\.png: "):
        plots.save(figure, tmp_path / "file" / "filters.png")


@pytest.mark.parametrize("kind", FIGURES)
def test_no_text_is_cut_off_or_overlaps(kind):
    figure = FIGURES[kind]()
    assert type(figure) is Figure
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    assert box.xmin > -0.05
    assert box.ymin > -0.05
    assert box.xmax < figure.get_figwidth() + 0.05
    assert box.ymax < figure.get_figheight() + 0.05
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[:i])


def test_the_users_style_is_left_alone():
    before = dict(matplotlib.rcParams)
    for draw in FIGURES.values():
        draw()
    assert dict(matplotlib.rcParams) == before


def test_pyplot_stays_out():
    code = (
        "import sys, numpy as np\n"
        "from tinygraph.viz import plots\n"
        "assert 'matplotlib' not in sys.modules\n"
        "plots.filters(np.eye(784, 16))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, check=True)


def test_without_matplotlib_a_run_goes_on(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for draw in FIGURES.values():
        with pytest.raises(ImportError, match=r"pip install tinygraph-autodiff\[viz\]"):
            draw()
    with plots.optional():
        plots.filters(weights())
        raise AssertionError("not reached")
    assert capsys.readouterr().out == (
        "No picture: pictures need matplotlib: pip install tinygraph-autodiff[viz]\n"
    )


def test_without_room_on_the_disk_a_run_goes_on(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    with plots.optional():
        plots.save(plots.filters(weights()), tmp_path / "file" / "filters.png")
    assert capsys.readouterr().out.startswith("No picture: ")
    with pytest.raises(InvalidArgumentError), plots.optional():
        plots.curves({})  # a mistake is not hidden
