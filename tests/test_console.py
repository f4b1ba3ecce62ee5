"""A print never ends anything: not on a console that lacks a character, not on one that is gone."""

import ast
import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tinygraph as tg
from tinygraph.console import printable, say
from tinygraph.datasets import mnist
from tinygraph.viz import plots

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = [
    path for folder in ("tinygraph", "examples", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
MAY_PRINT = {"tinygraph/console.py", "benchmarks/child.py"}  # the child prints for its parent


@contextlib.contextmanager
def ascii_console():
    """A console that knows ASCII alone and fails over anything else; gives the lines it showed."""
    console, lines = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict"), []
    with contextlib.redirect_stdout(console):
        yield lines
    console.flush()
    lines += console.buffer.getvalue().decode("ascii").splitlines()


@pytest.mark.smoke
def test_what_the_console_lacks_is_escaped():
    with ascii_console() as lines:
        say("zwölf µs, \udce4")
    assert lines == ["zw\\xf6lf \\xb5s, \\udce4"]
    assert printable("zwölf µs", "utf-8") == "zwölf µs"
    assert printable("\udce4", "utf-8") == "\\udce4"  # from a file name that is no text


def test_a_path_that_the_console_cannot_show(tmp_path, monkeypatch):
    folder = tmp_path / "zwölf"
    picture = tg.viz.to_dot(tg.constant(1.0, name="one") + 2.0)
    monkeypatch.setattr(picture, "_image", lambda format: (None, "der Zeichner fehlt"))
    monkeypatch.setenv("TINYGRAPH_MNIST", str(folder))
    monkeypatch.setattr(mnist, "_find", lambda directory, names: None)
    with ascii_console() as lines:
        assert picture.render(folder / "größe.svg").name == "größe.dot"
        assert mnist.source() == folder
        with plots.optional():
            raise OSError("kein Platz für Bilder")
    assert "gr\\xf6\\xdfe.dot" in lines[0] and "zw\\xf6lf" in lines[1] and "f\\xfcr" in lines[2]


def test_a_profile_is_printed_on_any_console():
    names = {"tg": tg, "x": tg.placeholder(tg.float32, [3])}
    exec(compile("y = tg.exp(x, name='y' * 80)", "größe.py", "exec"), names)
    profile = tg.Session().profile(names["y"], {names["x"]: [1.0, 2.0, 3.0]})
    with ascii_console() as lines:
        print(profile, profile.table(5), repr(profile), profile.source)
    assert "gr\\xf6\\xdfe.py:1" in "\n".join(lines)


class Gone(io.TextIOBase):
    """A console that has been closed, or whose reader has left."""

    encoding = "utf-8"

    def __init__(self, error):
        self.error = error

    def write(self, text):
        raise self.error


@pytest.mark.parametrize(
    "error", [BrokenPipeError(32, "Broken pipe"), OSError(28, "No space"), ValueError("closed")]
)
def test_a_console_that_is_gone_is_no_loss(monkeypatch, error):
    monkeypatch.setattr(sys, "stdout", Gone(error))
    say("a line")
    monkeypatch.setattr(sys, "stdout", None)  # as under pythonw
    say("a line")


def test_an_example_runs_on_any_console(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / "neural_network.py",
         "--iterations", "1", "--output", tmp_path / "größe"],
        env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)},
        capture_output=True, timeout=120, check=False,
    )
    assert done.returncode == 0, done.stderr
    assert rb"The pictures are in" in done.stdout and rb"gr\xf6\xdfe" in done.stdout


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_lines_are_said_and_not_printed(path):
    if path.relative_to(ROOT).as_posix() in MAY_PRINT:
        return
    names = {node.id for node in ast.walk(ast.parse(path.read_text("utf-8")))
             if isinstance(node, ast.Name)}
    assert "print" not in names
