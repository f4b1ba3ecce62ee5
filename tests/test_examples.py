"""The examples as a newcomer runs them: as programs, with or without what they can do without."""

import doctest
import functools
import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from tinygraph.datasets import mnist

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
FULL = ROOT.parent / "shared" / "mnist"
SMALL = ("--iterations", "20")
SAMPLE = ("--data", str(mnist.SAMPLE))

MLP_LINE = re.compile(r"\[Iteration {1,5}\d+\] Loss=\d+\.\d{4} \| Acc=[01]\.\d{3}")
WIDE_LAST = re.compile(r"wide: 203,530 parameters, test accuracy \d+\.\d\d%")
DEEP_LAST = re.compile(r"deep: 203,580 parameters, test accuracy \d+\.\d\d%")
VARIANTS = ["plain", "denoising", "dropout", "denoising and dropout"]


def start(name, *arguments, path=None, pythonpath=()):
    """Run an example to its end, with warnings as errors."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, [*pythonpath, ROOT])),
        "OPENBLAS_NUM_THREADS": "1",  # several threads wait for each other where others compute too
    }
    if path is not None:
        environment["PATH"] = str(path)
    return subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / f"{name}.py", *map(str, arguments)],
        cwd=tempfile.gettempdir(), env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def run(name, *arguments, **where):
    """The lines that an example prints; it must succeed, and complain about nothing."""
    done = start(name, *arguments, **where)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # nor is there a progress bar where there is no terminal
    return done.stdout.splitlines()


def fail(name, *arguments):
    """The complaint of an example that cannot do its work."""
    done = start(name, *arguments)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


def pictures(output):
    """The names of the files written, each of which must be what its suffix says."""
    for path in output.iterdir():
        if path.suffix == ".png":
            data = path.read_bytes()
            assert data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82")
            width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
            assert width > 400 and height > 200 and len(data) > 5000
        elif path.suffix == ".svg":
            drawing = ET.parse(path).getroot()
            assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
            assert len(list(drawing.iter("{http://www.w3.org/2000/svg}text"))) > 10
        else:
            assert path.suffix == ".dot" and path.read_text().startswith("digraph ")
    return {path.name for path in output.iterdir()}


def graphs(*names):
    """The names of graphs' pictures: drawings where there is `dot`, and else DOT texts."""
    has_dot = shutil.which("dot") and importlib.util.find_spec("graphviz")
    return {f"{name}{'.svg' if has_dot else '.dot'}" for name in names}


@pytest.fixture
def no_extras(tmp_path):
    """A directory for PYTHONPATH that hides the optional packages."""
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for name in ("graphviz", "matplotlib", "pooch", "pygraphviz", "tqdm"):
        (stubs / f"{name}.py").write_text(f"raise ImportError('no {name} here')\n")
    return stubs


# --- mnist_mlp ---


def test_mnist_mlp(tmp_path):
    lines = run("mnist_mlp", *SMALL, *SAMPLE, "--output", tmp_path / "new" / "out")
    assert lines[0].startswith("MNIST: the embedded sample of 4,000 training and 1,000 test images")
    assert sum(bool(MLP_LINE.fullmatch(line)) for line in lines) == 2 * 20
    assert "[Iteration    20] Loss=" in "\n".join(lines)
    assert sum(bool(WIDE_LAST.fullmatch(line)) for line in lines) == 1
    assert sum(bool(DEEP_LAST.fullmatch(line)) for line in lines) == 1
    drawings = graphs("graph_wide", "graph_wide_training", "graph_deep", "graph_deep_training")
    curves = {"curves.png", "curves_wide.png", "curves_deep.png"}
    assert pictures(tmp_path / "new" / "out") == drawings | curves


def test_mnist_mlp_learns_the_sample_and_repeats_itself(tmp_path):
    arguments = (*SAMPLE, "--model", "wide", "--iterations", "300", "--output", tmp_path / "out")
    lines = run("mnist_mlp", *arguments)
    accuracy = float(re.search(r"test accuracy (.*)%", "\n".join(lines)).group(1))
    assert accuracy >= 93.0
    assert sum(bool(MLP_LINE.fullmatch(line)) for line in lines) == 20
    assert pictures(tmp_path / "out") == graphs("graph_wide", "graph_wide_training") | {
        "curves_wide.png"
    }
    assert run("mnist_mlp", *arguments) == lines
    other_seed = run("mnist_mlp", *arguments, "--seed", "1")
    first, other = (next(filter(MLP_LINE.fullmatch, found)) for found in (lines, other_seed))
    assert first != other


@pytest.mark.skipif(not FULL.is_dir(), reason="the full set is not here")
def test_mnist_mlp_reaches_98_percent(tmp_path, no_extras):
    lines = run("mnist_mlp", "--data", FULL, "--output", tmp_path / "out", pythonpath=[no_extras])
    accuracies = re.findall(r"(\w+): .* test accuracy (.*)%", "\n".join(lines))
    assert [name for name, _ in accuracies] == ["wide", "deep"]
    assert min(float(accuracy) for _, accuracy in accuracies) >= 98.0


@pytest.mark.parametrize(
    "optimizer", ["sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "ftrl"]
)
def test_mnist_mlp_trains_with_each_optimizer(tmp_path, no_extras, optimizer):
    arguments = (*SAMPLE, "--model", "deep", "--iterations", "150", "--optimizer", optimizer)
    lines = run("mnist_mlp", *arguments, "--output", tmp_path / "out", pythonpath=[no_extras])
    accuracy = float(re.search(r"test accuracy (.*)%", "\n".join(lines)).group(1))
    assert accuracy > 80


def test_mnist_mlp_says_what_is_wrong(tmp_path):
    complain = functools.partial(fail, "mnist_mlp", "--output", tmp_path)
    assert "train-images-idx3-ubyte" in complain("--data", tmp_path / "nowhere")
    assert "a whole number from 1 expected, 0 found" in complain("--iterations", "0")
    assert "a whole number from 1 expected, abc found" in complain("--batch-size", "abc")
    assert "a whole number from 0 expected, -1 found" in complain("--seed", "-1")
    for bad in ("0", "-1", "nan", "inf"):
        assert f"a number above 0 expected, {bad} found" in complain("--learning-rate", bad)
    (tmp_path / "file").write_text("")
    assert "--output" in fail("mnist_mlp", "--output", tmp_path / "file", *SAMPLE)
    diverging = ("--optimizer", "sgd", "--learning-rate", "1e9", "--iterations", "50")
    assert "try a smaller --learning-rate" in complain(*SAMPLE, *diverging)


# --- mnist_autoencoder ---


def test_mnist_autoencoder(tmp_path):
    lines = run("mnist_autoencoder", *SMALL, *SAMPLE, "--output", tmp_path / "out")
    assert "autoencoder: 201,616 parameters" in lines
    line = re.compile(r"\[Iteration {1,5}\d+\] Loss=[\d.]+ \| Test loss=[\d.]+ \(clean input\)")
    assert sum(bool(line.fullmatch(text)) for text in lines) == 4 * 5
    losses = {}
    for text in lines:
        if found := re.fullmatch(r"(.+): test loss (\d+\.\d\d) nats per image", text):
            losses[found[1]] = float(found[2])
    assert list(losses) == VARIANTS
    assert len(set(losses.values())) == 4  # each saw another input
    assert max(losses.values()) < 784 * np.log(2) / 2  # half of what knowing nothing costs
    files = {
        f"{name.replace(' ', '_')}_{what}.png"
        for name in VARIANTS
        for what in ("reconstructions", "filters")
    }
    expected = files | {"autoencoders.png"} | graphs("autoencoder")
    assert pictures(tmp_path / "out") == expected


# --- neural_network ---


def test_neural_network(tmp_path):
    lines = run("neural_network", "--iterations", "200", "--output", tmp_path / "out")
    text = "\n".join(lines)
    for activation in ACTIVATIONS:
        error = re.search(rf"{activation}: gradient at the output .* = (.*) at most", text)
        assert float(error[1]) < 1e-15
        found = re.search(rf"{activation}: loss (.*) at first, (.*) after 200 iterations", text)
        assert float(found[2]) < float(found[1])
    drawings = graphs(*[f"neural_network_{activation}" for activation in ACTIVATIONS])
    assert pictures(tmp_path / "out") == drawings | {"neural_network.png"}


sys.path.append(str(EXAMPLES))  # where a program finds what lies beside it
neural_network = importlib.import_module("neural_network")
NN = neural_network.NN
ACTIVATIONS = ("linear", "softmax", "sigmoid")


def batch(activation, seed, n=6):
    """Inputs and targets, among them none that the outputs could equal by chance."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    t = {
        "linear": rng.normal(size=(n, 3)),
        "softmax": np.eye(3)[rng.integers(3, size=n)],
        "sigmoid": rng.integers(2, size=(n, 3)).astype(float),
    }
    return x, t[activation]


def outputs(z, activation):
    """What NumPy makes of the values before the activation."""
    if activation == "sigmoid":
        return 1 / (1 + np.exp(-z))
    if activation == "softmax":
        return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return z


def step(weights, x, t, activation):
    """A network written by hand: its outputs, its loss and its gradients."""
    w1, b1, w2, b2 = weights
    a = x @ w1 + b1
    h = np.maximum(a, 0)
    y = outputs(h @ w2 + b2, activation)
    if activation == "linear":
        loss = ((y - t) ** 2).sum() / 2
    elif activation == "softmax":
        loss = -(t * np.log(y)).sum()
    else:
        loss = -(t * np.log(y) + (1 - t) * np.log(1 - y)).sum()
    dz = (y - t) / len(x)
    da = dz @ w2.T * (a > 0)
    gradients = [x.T @ da, da.sum(axis=0), h.T @ dz, dz.sum(axis=0), dz]
    return y, loss / len(x), gradients


NAMES = ("hidden/kernel", "hidden/bias", "output/kernel", "output/bias")


@pytest.mark.smoke
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_at_the_output_is_y_minus_t_over_n(activation):
    network = NN(4, 5, 3, activation)
    for n in (1, 6):
        x, t = batch(activation, seed=n, n=n)
        network.feed(x, t)
        expected = (network.forward() - t) / n
        np.testing.assert_allclose(network.backward()["z"], expected, rtol=1e-13, atol=1e-16)
        assert np.abs(expected).min() > 0


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_ten_updates_equal_a_network_written_by_hand(activation):
    network = NN(4, 5, 3, activation, seed=3)
    values = network.get_weights()
    assert tuple(values) == NAMES
    assert [values[name].shape for name in NAMES] == [(4, 5), (5,), (5, 3), (3,)]
    assert all(value.dtype == np.float64 for value in values.values())
    weights = [values[name] for name in NAMES]
    for i in range(10):
        x, t = batch(activation, seed=i)
        network.feed(x, t)
        y, loss, gradients = step(weights, x, t, activation)
        np.testing.assert_allclose(network.forward(), y, rtol=1e-12)
        np.testing.assert_allclose(network.computeLoss(), loss, rtol=1e-12)
        found = network.backward()
        for name, gradient in zip((*NAMES, "z"), gradients, strict=True):
            np.testing.assert_allclose(found[name], gradient, rtol=1e-11, atol=1e-15)
        network.update(learning_rate=0.1 * (i + 1))
        for weight, gradient in zip(weights, gradients, strict=False):
            weight -= 0.1 * (i + 1) * gradient
    for name, weight in zip(NAMES, weights, strict=True):
        np.testing.assert_allclose(network.get_weights()[name], weight, rtol=1e-12, atol=1e-15)


def test_two_networks_do_not_meet():
    one, other = NN(4, 5, 3, "softmax", seed=1), NN(4, 5, 3, "softmax", seed=2)
    before = other.get_weights()
    one.feed(*batch("softmax", seed=0))
    one.update(learning_rate=1.0)
    for name, value in other.get_weights().items():
        np.testing.assert_array_equal(value, before[name])


def test_the_example_in_the_docstring():
    results = doctest.testmod(neural_network)
    assert results.attempted and not results.failed


def test_an_unknown_activation():
    with pytest.raises(ValueError, match="one of linear, softmax, sigmoid, not 'tanh'"):
        NN(4, 5, 3, "tanh")


# --- what may be missing ---


@pytest.mark.parametrize("name", ["mnist_mlp", "mnist_autoencoder", "neural_network"])
def test_without_dot(tmp_path, name):
    (tmp_path / "empty").mkdir()
    data = () if name == "neural_network" else SAMPLE
    arguments = ("--iterations", "2", *data, "--output", tmp_path / "out")
    lines = run(name, *arguments, path=tmp_path / "empty")
    found = pictures(tmp_path / "out")
    assert {Path(file).suffix for file in found} == {".dot", ".png"}
    drawings = [file for file in found if file.endswith(".dot")]
    assert sum(line.startswith("No picture: ") for line in lines) == len(drawings)


@pytest.mark.parametrize("name", ["mnist_mlp", "mnist_autoencoder", "neural_network"])
def test_without_the_optional_packages(tmp_path, no_extras, name):
    data = () if name == "neural_network" else SAMPLE
    arguments = ("--iterations", "2", *data, "--output", tmp_path / "out")
    lines = run(name, *arguments, pythonpath=[no_extras])
    assert {Path(file).suffix for file in pictures(tmp_path / "out")} == {".dot"}
    assert any("pip install tinygraph-autodiff[viz]" in line for line in lines)


def test_without_data_and_without_pooch_the_sample_is_taken(tmp_path, no_extras, monkeypatch):
    monkeypatch.setenv("TINYGRAPH_MNIST", "")
    arguments = ("--model", "wide", "--iterations", "1", "--output", tmp_path / "out")
    lines = run("mnist_mlp", *arguments, pythonpath=[no_extras])
    assert lines[0].startswith("MNIST: the embedded sample of 4,000 training and 1,000 test images")


def test_every_example_is_tested_here():
    tested = {"mnist_mlp", "mnist_autoencoder", "neural_network"}
    programs = {path.stem for path in EXAMPLES.glob("*.py") if "__main__" in path.read_text()}
    assert programs == tested
