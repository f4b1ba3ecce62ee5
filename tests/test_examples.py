"""The examples as a newcomer runs them: as programs, with or without what they can do without."""

import doctest
import functools
import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import image as image_module

import tinygraph as tg
from tinygraph.datasets import mnist

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
sys.path.append(str(EXAMPLES))  # where a program finds what lies beside it
FULL = Path(os.environ.get("TINYGRAPH_MNIST") or ROOT / "no full set")
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
    )


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


# --- saving and restoring ---

MODELS = {"mnist_mlp": ["wide", "deep"], "mnist_autoencoder": ["plain", "dropout"]}


@pytest.fixture
def program(monkeypatch):
    """Run an example's `main` in this process, without pictures unless they are asked for."""

    def main(name, *arguments, draws=False, interrupted_at=None):
        module, common = importlib.import_module(name), importlib.import_module("common")

        def learned(loss, iteration):
            if iteration == interrupted_at:
                signal.raise_signal(signal.SIGINT)

        with monkeypatch.context() as patch, tg.Graph().as_default():
            patch.setattr(sys, "argv", [name, *SAMPLE, "--batch-size", "8", *map(str, arguments)])
            patch.setattr(module, "learned", learned)
            if not draws:
                patch.setattr(common.Pictures, "draw", lambda *_: None)
                patch.setattr(common.Pictures, "graph", lambda *_: None)
            module.main()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield main
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def contents(folder):
    """The bytes of the values in the latest checkpoint, the places of random streams among them."""
    latest = tg.train.latest_checkpoint(folder)
    return Path(f"{latest}.data-00000-of-00001").read_bytes()


@pytest.mark.parametrize("name", MODELS)
def test_training_goes_on_after_ctrl_c_as_if_nothing_had_happened(tmp_path, capsys, program, name):
    iteration = 3  # of the autoencoders only the second and fourth print a line
    size, (first, later) = ("--iterations", 12, "--output", tmp_path / "out"), MODELS[name]
    once, saved = tmp_path / "once", tmp_path / "saved"
    program(name, *size, "--save", once)
    with pytest.raises(SystemExit) as stopped:
        program(name, *size, "--save", saved, draws=True, interrupted_at=iteration)
    assert stopped.value.code == 130
    assert tg.train.load_variable(saved / first, "global_step") == iteration
    assert [path.name for path in saved.iterdir()] == [first]
    assert any(file.endswith(".png") for file in pictures(tmp_path / "out"))
    said = capsys.readouterr().out.splitlines()
    assert said[-2:] == [f"The pictures are in {tmp_path / 'out'}", "Interrupted"]
    program(name, *size, "--restore", saved, "--save", saved)
    said = capsys.readouterr().out.splitlines()
    assert f"Training goes on from {saved / first / f'model-{iteration}'}" in said
    assert f"No checkpoint in {saved / later}: training begins anew" in said
    assert not any(line.startswith("The pictures are") for line in said)
    for model in (first, later):
        assert contents(saved / model) == contents(once / model)


def test_what_cannot_be_restored_or_saved(tmp_path, program):
    arguments = ("--model", "wide", "--iterations", "2", "--output", tmp_path)
    program("mnist_mlp", *arguments, "--optimizer", "sgd", "--save", tmp_path / "saved")
    with pytest.raises(SystemExit, match=r"--restore: .*model-2: it does not fit"):
        program("mnist_mlp", *arguments, "--restore", tmp_path / "saved")
    with pytest.raises(SystemExit, match="--save"):
        program("mnist_mlp", *arguments, "--save", mnist.SAMPLE)
    assert "--restore: a directory expected" in fail("mnist_mlp", "--restore", tmp_path / "none")


# --- predict ---

predict = importlib.import_module("predict")


def test_predict_has_no_need_of_files(tmp_path, no_extras):
    arguments = (*SMALL, *SAMPLE, "--output", tmp_path / "out")
    lines = run("predict", *arguments)
    assert lines[1].startswith("No --restore: a wide network is trained first, on 20 mini-batches")
    found = [re.fullmatch(r"test image \d+, a (\d): \d   (.*)", line) for line in lines[2:12]]
    assert [int(line[1]) for line in found] == [*range(10)]
    for line in found:
        percent = [float(p) for p in re.findall(r"\d: ([\d.]+)%", line[2])]
        assert len(percent) == 10 and abs(sum(percent) - 100) < 1
    assert lines[12:] == [f"The pictures are in {tmp_path / 'out'}"]
    assert pictures(tmp_path / "out") == {"predictions.png"}
    bare = run("predict", *arguments, pythonpath=[no_extras])
    assert bare[:12] == lines[:12]
    assert len(bare) == 13 and bare[12].startswith("No picture: ")


def test_predict_reads_picture_files(tmp_path):
    saved, out = tmp_path / "saved", tmp_path / "out"
    arguments = (*SAMPLE, "--model", "deep", "--output", out)
    run("mnist_mlp", *arguments, "--iterations", "150", "--save", saved)
    images, labels = mnist.load("test", mnist.SAMPLE)
    files = []
    for label in (0, 1, 4):
        ink = images[np.flatnonzero(labels == label)[0]].reshape(28, 28)
        large = np.pad(np.kron(ink, np.ones([5, 5])), [(30, 90), (120, 10)])
        transparent = np.stack([*np.zeros([3, 28, 28]), ink], axis=-1)
        kinds = {"dark": 1 - ink, "light": ink, "large": 0.8 - 0.5 * large, "clear": transparent}
        for kind, pixels in kinds.items():
            files.append(tmp_path / f"{label}_{kind}.png")
            pixels = pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=-1)
            image_module.imsave(files[-1], pixels)
    lines = run("predict", "--model", "deep", "--restore", saved, "--output", out, *files)
    assert len(lines) == len(files) + 1
    for line, file in zip(lines, files, strict=False):
        assert line.startswith(f"{file}: {file.name[0]}   0: ")


def test_predict_says_what_is_wrong(tmp_path):
    broken, blank = tmp_path / "broken.png", tmp_path / "blank.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    image_module.imsave(blank, np.full([9, 9, 3], 0.5))
    complain = functools.partial(fail, "predict", *SAMPLE, "--output", tmp_path)
    assert "nowhere.png: No such file" in complain(tmp_path / "nowhere.png")
    assert "broken.png: " in complain(broken)
    assert "blank.png: there is no digit in it" in complain(blank)
    assert "there is no checkpoint in" in complain("--restore", tmp_path)


def test_digits_of_mnist_stay_as_they_are():
    images = mnist.load("test", mnist.SAMPLE)[0][:200].reshape(-1, 28, 28)
    same = np.zeros(3)
    for image in images:
        large = np.pad(np.kron(image, np.ones([3, 3])), [(9, 50), (0, 9)])
        for i, grey in enumerate((image, 1 - image, 0.9 - 0.6 * large)):
            difference = np.abs(predict.like_mnist(grey) - image / image.max())
            same[i] += difference.max() < 0.1 + 1e-6  # what is fainter is paper
    assert same.min() >= 0.98 * len(images)  # some lie a pixel off, where half pixels are rounded
    results = doctest.testmod(predict)
    assert results.attempted and not results.failed


# --- neural_network ---


def test_neural_network(tmp_path):
    lines = run("neural_network", "--iterations", "200", "--output", tmp_path / "out")
    text = "\n".join(lines)
    for activation in ACTIVATIONS:
        error = re.search(rf"{activation}: gradient at the output .* = (.*) at most", text)
        assert float(error[1]) < 1e-7  # what the 1e-6 in its logarithms does to the loss
        found = re.search(rf"{activation}: loss (.*) at first, (.*) after 200 iterations", text)
        assert float(found[2]) < float(found[1])
    drawings = graphs(*[f"neural_network_{activation}" for activation in ACTIVATIONS])
    assert pictures(tmp_path / "out") == drawings | {"neural_network.png"}


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


class ByHand:
    """The network that the exercise asks for, in NumPy alone."""

    def __init__(self, weights, activation):
        self.W1, self.b1, self.W2, self.b2 = weights
        self.activation = activation
        self.placeholder = {}

    def feed(self, feed_dict):
        for key in feed_dict:
            self.placeholder[key] = feed_dict[key].copy()

    def forward(self):
        self.a1 = self.placeholder["x"].dot(self.W1) + self.b1
        self.h1 = np.maximum(self.a1, 0)
        self.a2 = self.h1.dot(self.W2) + self.b2
        if self.activation == "linear":
            self.y = self.a2.copy()
        elif self.activation == "softmax":
            self.y_logit = np.exp(self.a2 - np.max(self.a2, 1, keepdims=True))
            self.y = self.y_logit / np.sum(self.y_logit, 1, keepdims=True)
        elif self.activation == "sigmoid":
            self.y = 1.0 / (1.0 + np.exp(-self.a2))
        return self.y

    def backward(self):
        n = self.placeholder["y"].shape[0]
        self.grad_a2 = (self.y - self.placeholder["y"]) / n
        self.grad_b2 = np.ones((n, 1)).T.dot(self.grad_a2)
        self.grad_W2 = self.h1.T.dot(self.grad_a2)
        self.grad_h1 = self.grad_a2.dot(self.W2.T)
        grad_a1 = self.grad_h1 * (self.a1 > 0)
        self.grad_b1 = np.ones((n, 1)).T.dot(grad_a1)
        self.grad_W1 = self.placeholder["x"].T.dot(grad_a1)

    def update(self, learning_rate=1e-3):
        self.W1 = self.W1 - learning_rate * self.grad_W1
        self.b1 = self.b1 - learning_rate * self.grad_b1
        self.W2 = self.W2 - learning_rate * self.grad_W2
        self.b2 = self.b2 - learning_rate * self.grad_b2

    def computeLoss(self):
        loss = 0.0
        if self.activation == "linear":
            loss = 0.5 * np.square(self.y - self.placeholder["y"]).mean()
        elif self.activation == "softmax":
            loss = -self.placeholder["y"] * np.log(self.y + 1e-6)
            loss = np.sum(loss, 1).mean()
        elif self.activation == "sigmoid":
            loss = -self.placeholder["y"] * np.log(self.y + 1e-6)
            loss = loss - (1 - self.placeholder["y"]) * np.log(1 - self.y + 1e-6)
            loss = np.mean(loss)
        return loss


WEIGHTS = ("W1", "b1", "W2", "b2")
GRADIENTS = ("grad_a2", "grad_W2", "grad_b2", "grad_h1", "grad_W1", "grad_b1")

LOOP = """
# Sample Data Batch
batch_id = np.random.choice(x_train.shape[0], batch_size)
x_batch = x_train[batch_id]
y_batch = y_train[batch_id]
# Forward & Backward & Update
nn.feed({"x":x_batch, "y":y_batch})
nn.forward()
nn.backward()
nn.update(1e-2)
# Loss
loss = nn.computeLoss()
loss_rec.append(loss)
# Evaluation
batch_id = np.random.choice(x_test.shape[0], batch_size)
x_test_batch = x_test[batch_id]
y_test_batch = y_test[batch_id]
nn.feed({"x":x_test_batch})
y_test_out = nn.forward()
acc = Accuracy(y_test_out, y_test_batch)
if i%100 == 0:
    print("\\r[Iteration {:5d}] Loss={:.4f} | Acc={:.3f}".format(i,loss,acc))
"""


def same_arrays(network, by_hand, names, rtol=1e-11):
    for name in names:
        expected = getattr(by_hand, name)
        found = getattr(network, name)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-15, err_msg=name)


@pytest.mark.smoke
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_steps_give_the_numbers_of_numpy(activation):
    network = NN(4, 5, 3, activation, seed=3)
    by_hand = ByHand([getattr(network, name) for name in WEIGHTS], activation)
    assert [getattr(network, name).shape for name in WEIGHTS] == [(4, 5), (1, 5), (5, 3), (1, 3)]
    for i in range(10):
        x, t = batch(activation, seed=i, n=i + 1)
        for nn in (network, by_hand):
            nn.feed({"x": x, "y": t})
        np.testing.assert_allclose(network.forward(), by_hand.forward(), rtol=1e-12)
        for nn in (network, by_hand):
            nn.backward()
        np.testing.assert_allclose(network.grad_a2, (network.y - t) / (i + 1), rtol=1e-15)
        same_arrays(network, by_hand, ("h1", "a2", "y", *GRADIENTS))
        for nn in (network, by_hand):
            nn.update(*[0.1 * i] * (i > 0))  # at first with the rate that is the default
        same_arrays(network, by_hand, WEIGHTS)
        # The loss of the outputs before the update: the exercise prints that one.
        np.testing.assert_allclose(network.computeLoss(), by_hand.computeLoss(), rtol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_loop_of_the_exercise(activation, capsys):
    printed, networks = [], []
    for by_hand in (False, True):
        nn = NN(4, 8, 3, activation, seed=1)
        if by_hand:
            nn = ByHand([getattr(nn, name) for name in WEIGHTS], activation)
        (x_train, y_train), (x_test, y_test) = (batch(activation, seed, 40) for seed in (0, 1))
        names = {
            "np": SimpleNamespace(random=np.random.default_rng(0)), "nn": nn,
            "batch_size": 10, "loss_rec": [],
            "x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test,
            "Accuracy": lambda y, t: np.mean(y.argmax(axis=1) == t.argmax(axis=1)),
        }
        for i in range(201):
            exec(LOOP, names | {"i": i})
        printed.append(capsys.readouterr().out)
        networks.append(nn)
        assert len(names["loss_rec"]) == 201
    assert printed[0] == printed[1]
    assert printed[0].count("[Iteration") == 3
    same_arrays(*networks, WEIGHTS, rtol=1e-9)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_at_the_output_is_that_of_the_loss(activation):
    network = NN(4, 5, 3, activation)
    x, t = batch(activation, seed=0)
    network.feed({"x": x, "y": t})
    network.forward()
    network.backward()
    nodes = network.nodes
    slope = network.session.run(tg.gradients(nodes.loss, nodes.a2)[0], {nodes.x: x, nodes.t: t})
    means = {"linear": 3, "softmax": 1, "sigmoid": 3}[activation]  # over the outputs, too
    np.testing.assert_allclose(means * slope, network.grad_a2, rtol=1e-4)
    assert np.abs(network.grad_a2).min() > 1e-4


def test_the_weights_can_be_set():
    network = NN(4, 5, 3, "linear")
    x, t = batch("linear", seed=0)
    network.feed({"x": x, "y": t})
    network.forward()
    network.backward()
    network.W1 = network.W1 - 0.5 * network.grad_W1  # as ByHand.update has it
    network.b2 = np.arange(3.0)[np.newaxis]
    expected = np.maximum(x @ network.W1 + network.b1, 0) @ network.W2 + np.arange(3.0)
    np.testing.assert_allclose(network.forward(), expected, rtol=1e-12)


def test_nothing_is_computed_twice():
    network = NN(4, 5, 3, "softmax")
    x, t = batch("softmax", seed=0)
    network.feed({"x": x, "y": t})
    network.forward()
    source = network.session.source(network.nodes.gradients, network._batch())
    assert "W2" in source and "W1" not in source  # h1 is fed, and so is y
    assert "exp" not in source


def test_steps_out_of_order_say_so():
    network = NN(4, 5, 3, "softmax")
    x, t = batch("softmax", seed=0)
    with pytest.raises(ValueError, match="comes before forward"):
        network.forward()
    network.feed({"x": x, "y": t})
    for step in (network.backward, network.computeLoss):
        with pytest.raises(ValueError, match="come first"):
            step()
    network.forward()
    with pytest.raises(ValueError, match=r"backward.* comes before update"):
        network.update()
    assert network.computeLoss() > 0
    network.feed({"x": x})  # the targets are not those of this batch
    network.forward()
    with pytest.raises(ValueError, match="come first"):
        network.computeLoss()
    network.feed({"y": t})
    assert network.computeLoss() > 0
    with pytest.raises(ValueError, match="can be fed, not 't'"):
        network.feed({"x": x, "t": t})
    with pytest.raises(ValueError, match=r"'x': \(6, 4\), 'y': \(1, 3\)"):
        network.feed({"x": x, "y": t[:1]})


def test_a_batch_is_a_copy():
    network = NN(4, 5, 3, "linear")
    x, t = batch("linear", seed=0)
    network.feed({"x": x, "y": t})
    before = network.forward()
    x[:] = 0
    np.testing.assert_array_equal(network.forward(), before)


def test_two_networks_do_not_meet():
    one, other = NN(4, 5, 3, "softmax", seed=1), NN(4, 5, 3, "softmax", seed=2)
    before = [getattr(other, name) for name in WEIGHTS]
    x, t = batch("softmax", seed=0)
    one.feed({"x": x, "y": t})
    one.forward()
    one.backward()
    one.update(1.0)
    for name, value in zip(WEIGHTS, before, strict=True):
        np.testing.assert_array_equal(getattr(other, name), value)


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
    assert not any(line.startswith("The pictures are") for line in lines)
    assert any("pip install tinygraph-autodiff[viz]" in line for line in lines)


def test_without_data_and_without_pooch_the_sample_is_taken(tmp_path, no_extras, monkeypatch):
    monkeypatch.setenv("TINYGRAPH_MNIST", "")
    arguments = ("--model", "wide", "--iterations", "1", "--output", tmp_path / "out")
    lines = run("mnist_mlp", *arguments, pythonpath=[no_extras])
    assert lines[0].startswith("MNIST: the embedded sample of 4,000 training and 1,000 test images")


def test_every_example_is_tested_here():
    tested = {"mnist_mlp", "mnist_autoencoder", "neural_network", "predict"}
    programs = {path.stem for path in EXAMPLES.glob("*.py") if "__main__" in path.read_text()}
    assert programs == tested
