"""A drawn graph shows the network and its numbers, any graph can be drawn, and none ends a run."""

from __future__ import annotations

import html
import itertools
import re
import shutil
import subprocess
import sys
import threading
import types
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.errors import (
    DTypeError, FileError, GraphError, InvalidArgumentError, NotFoundError,
)
from tinygraph.graph import Graph
from tinygraph.viz import picture as picture_module
from tinygraph.viz.dot import LOOKS

ROOT = Path(__file__).parents[1]
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


class Drawn:
    """The nodes, edges and clusters that a picture's DOT text has."""

    def __init__(self, picture):
        self.nodes, self.edges, self.cluster_of = {}, [], {}
        self.aligned = set()
        clusters = []
        for line in picture.source.splitlines():
            text = line.strip()
            if match := re.match(r"subgraph (\w+) \{", text):
                clusters.append(match[1])
            elif text.startswith("label=<") and clusters:
                clusters[-1] = html.unescape(text[7 : text.index(">;")])
            elif text == "}":
                clusters = clusters[:-1]
            elif match := re.match(r"\{ rank=same; (\w+); (\w+); \}", text):
                self.aligned.add((match[1], match[2]))
            elif match := re.match(r"(n\d+) -> (n\d+) \[(.*)\];$", text):
                self.edges.append((match[1], match[2], match[3]))
            elif match := re.match(r"(n\d+) \[label=<(.*)>, tooltip=\"(.*?)\"(.*)\];$", text):
                self.nodes[match[1]] = (lines_of(match[2]), match[3], match[4])
                self.cluster_of[match[1]] = [c for c in clusters if not c.startswith("cluster_")]

    def key(self, name):
        """The key of the node whose tooltip starts with a graph node's name."""
        (found,) = [k for k, (_, tip, _) in self.nodes.items() if tip.startswith(f"{name}: ")]
        return found

    def lines(self, name):
        return self.nodes[self.key(name)][0]

    def names(self):
        return {tip.split(":")[0] for _, tip, _ in self.nodes.values()}

    def count(self, role):
        return sum(f'fillcolor="{LOOKS[role].fill}"' in look for *_, look in self.nodes.values())

    def edge(self, first, second):
        (found,) = [e for e in self.edges if e[:2] == (self.key(first), self.key(second))]
        return found[2]


def lines_of(label):
    """The lines of an HTML-like label; fails where it isn't well-formed."""
    tree = ElementTree.fromstring(f"<label>{label.replace('&nbsp;', ' ')}</label>")
    text = ElementTree.tostring(tree, encoding="unicode", method="html")
    return [html.unescape(re.sub("<[^>]*>", "", line)) for line in text.split("<br>")]


def draw(*args, **options):
    return Drawn(tg.viz.to_dot(*args, **options))


def network(optimizer=None, sizes=(784, 256, 10)):
    """A classifier in scopes; with an optimizer the train op too."""
    x = tg.placeholder(tg.float32, [None, sizes[0]], name="x")
    t = tg.placeholder(tg.float32, [None, sizes[-1]], name="t")
    h = x
    for i, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
        last = i == len(sizes) - 2
        with tg.name_scope("output" if last else f"hidden{i + 1}"):
            w = tg.Variable(tg.truncated_normal([fan_in, fan_out], stddev=0.1), name="W")
            b = tg.Variable(tg.zeros([fan_out]), name="b")
            h = tg.matmul(h, w) + b
            h = h if last else tg.nn.relu(h)
    with tg.name_scope("loss"):
        losses = tg.nn.softmax_cross_entropy_with_logits_v2(labels=t, logits=h)
        loss = tg.reduce_mean(losses, name="mean")
    train = None
    if optimizer is not None:
        with tg.name_scope("train"):
            train = optimizer.minimize(loss)
    tg.global_variables_initializer()
    return loss, train


ALL = {"constants": True, "initializers": True, "updates": True}


def sgd():
    return tg.train.GradientDescentOptimizer(0.5)


# ---------------------------------------------------------------- the forward pass


def test_parameters_stand_in_their_variables_and_in_the_caption():
    network()
    picture = tg.viz.to_dot(title="The wide one")
    assert Drawn(picture).lines("hidden1/W") == ["W", "784×256 = 200,704 parameters"]
    assert Drawn(picture).lines("output/b") == ["b", "10 parameters"]
    assert picture.parameters == 203_530
    assert "203,530 parameters in 4 variables" in picture.source
    assert "<b>The wide one</b>" in picture.source


def test_edges_carry_dtype_and_shape():
    loss, _ = network()
    drawn = draw(loss)
    losses = "loss/softmax_cross_entropy_with_logits"
    assert 'label=" float32[?,784] "' in drawn.edge("x", "hidden1/MatMul")
    assert 'label=" float32[784,256] "' in drawn.edge("hidden1/W", "hidden1/MatMul")
    assert 'label=" float32[?] "' in drawn.edge(losses, "loss/mean")
    assert len(drawn.edges) == 12


def test_scopes_are_clusters():
    with tg.name_scope("outer"):
        x = tg.placeholder(tg.float32, [2], name="x")
        with tg.name_scope("inner"):
            y = tg.exp(tg.tanh(x))
    with tg.name_scope("lonely"):
        w = tg.Variable([1.0, 2.0], name="w")
    drawn = draw(y * w)
    assert drawn.cluster_of[drawn.key("outer/x")] == ["outer"]
    assert drawn.cluster_of[drawn.key("outer/inner/Exp")] == ["outer", "inner"]
    assert drawn.cluster_of[drawn.key("lonely/w")] == []  # one node needs no frame, but its name
    assert drawn.lines("lonely/w")[0] == "lonely/w"


def test_a_composite_is_one_node_and_only_the_fetched_part_is_drawn():
    loss, _ = network(sgd())
    drawn = draw(loss)
    layers = {f"{s}/{n}" for s in ("hidden1", "output") for n in ("W", "b", "MatMul", "add")}
    ends = {"hidden1/Relu", "loss/softmax_cross_entropy_with_logits", "loss/mean"}
    assert drawn.names() == {"x", "t"} | layers | ends
    assert drawn.lines("loss/softmax_cross_entropy_with_logits")[0] == (
        "SoftmaxCrossEntropyWithLogits"
    )


def test_a_node_that_owns_a_scope_is_drawn_in_it():
    x = tg.placeholder(tg.float32, [2], name="x")
    drawn = draw(x + tg.random_normal([2], name="noise"))
    assert drawn.cluster_of[drawn.key("noise")] == ["noise"]


def test_kinds_differ_in_more_than_colour():
    looks = {(look.style, look.width, look.more) for look in LOOKS.values()}
    assert len(looks) >= len(LOOKS) - 3  # scopes look alike; a gradient stands in its own frame
    x = tg.placeholder_with_default(tg.constant(0.5), [], name="keep")
    drawn = draw(tg.random_uniform([3]) * x)
    assert drawn.lines("keep") == ["keep", "placeholder, else 0.5"]
    assert "shape=ellipse" in drawn.nodes[drawn.key("keep")][2]
    assert drawn.count("random") and "dashed" in LOOKS["random"].style


def test_user_names_and_attributes_are_shown_and_default_names_are_not():
    x = tg.placeholder(tg.float32, [None, 3], name="x")
    drawn = draw([tg.add(x, x, name="logits"), x + x, tg.argmax(x, 1), x / x])
    assert drawn.lines("logits") == ["Add", "“logits”"]
    assert drawn.lines("add") == ["Add"]
    assert drawn.lines("ArgMax") == ["ArgMax", "axis = 1"]
    assert draw(tg.transpose(x, [1, 0])).lines("transpose") == ["Transpose", "perm = (1, 0)"]
    lines = draw(tg.random_uniform([3])).lines("random_uniform/RandomUniform")
    assert lines == ["RandomUniform", "shape = [3]"]  # and no seed, as none is set
    assert drawn.lines("truediv") == ["RealDiv"]


def test_control_dependencies_are_dashed():
    count = tg.Variable(0, trainable=False, name="count")
    with tg.control_dependencies([count.assign_add(1, name="more")]):
        tg.identity(count, name="after")
    drawn = draw()
    assert "style=dashed" in drawn.edge("more", "after")
    assert drawn.lines("count") == ["count", "1 element, not trained"]
    assert drawn.lines("more")[-1] == "updates count"
    assert "control dependency" in tg.viz.to_dot().source


# ---------------------------------------------------------------- several outputs


def test_an_operation_with_several_outputs_is_one_box():
    x = tg.placeholder(tg.float32, [None, 6], name="x")
    a, b, c = tg.split(x, 3, 1)
    tg.add(a, tg.tanh(c), name="sum")
    best = tg.nn.top_k(b, 2, name="best")
    tg.concat([a, b, c], 1, name="joined")
    tg.identity(best.indices, name="places")
    drawn = draw()
    assert drawn.names() == {"x", "split", "sum", "Tanh", "best", "joined", "places"}
    assert drawn.lines("split") == ["Split", "sizes = 3", "axis = 1"]
    assert drawn.lines("best") == ["TopKV2", "“best”", "k = 2"]
    assert 'label=" :0 float32[?,2] "' in drawn.edge("split", "sum")
    assert 'label=" :2 float32[?,2] "' in drawn.edge("split", "Tanh")
    assert 'label=" :0 :1 :2 float32[?,2] "' in drawn.edge("split", "joined")
    assert 'label=" :1 int32[?,2] "' in drawn.edge("best", "places")
    assert "(float32[?,2], int32[?,2])" in drawn.nodes[drawn.key("best")][1]


def test_many_outputs_along_one_edge_are_counted_from_first_to_last():
    parts = tg.unstack(tg.placeholder(tg.float32, [9, 2], name="x"))
    tg.add_n(parts[1:], name="sum")
    tg.add(parts[0], tg.reduce_sum(parts[0]), name="other")
    drawn = draw()
    assert 'label=" :1 … :8 float32[2] "' in drawn.edge("unstack", "sum")


def test_an_output_may_be_what_is_asked_for():
    x = tg.placeholder(tg.float32, [2, 2], name="x")
    halves = tg.split(tg.exp(x), 2)
    assert draw(halves[1]).names() == {"x", "Exp", "split"}
    assert draw([halves[0], halves[0].op]).names() == {"x", "Exp", "split"}
    size = tg.linalg.slogdet(x, name="det").log_abs_determinant
    assert draw(size).count("loss") == 1
    tg.gradients(size, x)
    assert draw().lines("det")[0] == "LogMatrixDeterminant"
    rows, columns = tg.unstack(tg.shape(tg.placeholder(tg.float32, [None, None], name="y")))
    assert "unstack" not in draw(tg.reshape(x, [rows, columns])).names()


def test_the_time_of_an_operation_counts_once():
    x = tg.placeholder(tg.float64, [300, 300], name="x")
    values, vectors = tg.self_adjoint_eig(x, name="eig")
    profile = tg.Session().profile([values + 1.0, vectors], {x: np.eye(300)}, runs=1)
    (row,) = [row for row in profile.rows if row.node == "eig"]
    assert (row.op, row.calls) == ("SelfAdjointEigV2", 1)
    assert f", {row.share:.1%}" in draw(values + 1.0, profile=profile).lines("eig")[-1]


# ---------------------------------------------------------------- what is left out


def test_constants_are_folded_into_their_ops():
    x = tg.placeholder(tg.float32, [None, 4], name="x")
    y = tg.reshape(x * 2.0, [-1, 2, 2])
    drawn = draw(y)
    assert drawn.names() == {"x", "mul", "Reshape"}
    assert drawn.lines("mul") == ["Mul", "y = 2"]
    assert drawn.lines("Reshape") == ["Reshape", "shape = [-1, 2, 2]"]
    assert {"mul/y", "Reshape/shape"} <= {*draw(y, constants=True).names()}


def test_arithmetic_on_shapes_is_folded():
    x = tg.placeholder(tg.float32, [None, 4], name="x")
    y = x * tg.cast(tg.shape(x)[0], tg.float32)
    assert draw(y).names() == {"x", "mul"}
    assert "Shape" in draw(y, constants=True).names()
    assert "style=dotted" in draw(y, constants=True).edge("x", "Shape")


def test_data_is_no_small_constant():
    data = tg.constant(np.zeros((50, 3), np.float32), name="data")
    assert draw(tg.tanh(data)).names() == {"data", "Tanh"}


def test_what_is_fetched_is_drawn():
    with tg.name_scope("a"):
        two = tg.constant(2.0, name="two")
    assert draw(two).lines("a/two") == ["two = 2"]
    assert draw(two * 3.0).names() == {"a/two", "mul", "mul/y"}
    assert draw().names() == {"a/two", "mul", "mul/y"}  # nothing else: then constants it is
    x = tg.placeholder(tg.float32, [None, 2], name="x")
    rows = tg.shape(x)[0]
    assert "Shape" in draw(rows).names()
    assert "a/two" in draw([x * 1.0, two]).names()


def test_initialisers_are_hidden():
    network()
    assert not {name for name in draw().names() if "Initializer" in name or "Assign" in name}
    assert "init" not in draw().names()
    shown = draw(initializers=True).names()
    assert {"init", "hidden1/W/Assign", "output/b/Assign"} <= shown
    assert {"init", "hidden1/W/Assign"} <= draw("init").names()  # asked for


def test_depth_collapses_scopes():
    network(sgd(), sizes=(784, 204, 202, 10))
    drawn = draw(depth=1)
    titles = {lines[0]: lines[1:] for lines, *_ in drawn.nodes.values()}
    assert set(titles) == {"x", "t", "hidden1", "hidden2", "output", "loss", "train"}
    assert titles["hidden1"] == ["3 ops", "160,140 parameters"]
    assert tg.viz.to_dot(depth=1).parameters == 203_580
    assert len(draw(depth=2).nodes) < len(draw(depth=3).nodes) < len(draw().nodes)


# ---------------------------------------------------------------- the backward pass


def test_the_backward_pass_is_tinted_and_optional():
    network()
    forward = draw().names()
    tg.reset_default_graph()
    network(sgd())
    drawn = draw()
    assert drawn.count("gradient") == sum("gradients/" in name for name in drawn.names()) >= 8
    assert drawn.names() > forward
    assert draw(backward=False).names() == forward
    assert "gradient op" in tg.viz.to_dot().source
    assert "gradient op" not in tg.viz.to_dot(legend=False).source


def test_gradients_flow_back_up_beside_their_ops():
    network(sgd())
    drawn = draw()
    seed, mean = drawn.key("train/gradients/grad_ys_0"), drawn.key("loss/mean")
    assert drawn.lines("train/gradients/grad_ys_0") == ["∂loss/∂loss = 1"]
    assert drawn.count("loss") == 1 and "peripheries=2" in drawn.nodes[mean][2]
    assert (mean, seed) in drawn.aligned and (mean, seed) in {e[:2] for e in drawn.edges}
    kept = [e for e in drawn.edges if "constraint=false" in e[2]]
    assert kept and all("label" not in look for *_, look in kept)
    back = [e for e in drawn.edges if "dir=back" in e[2] and "label" in e[2]]
    assert any("float32[784,256]" in look for *_, look in back)
    for scope in ("hidden1", "output"):  # frames that mirror those of the forward pass
        key = drawn.key(f"train/gradients/{scope}/MatMul_grad/MatMul" + "_1" * (scope == "output"))
        assert drawn.cluster_of[key][:3] == ["train", "gradients", scope]


def test_the_loss_is_found_where_its_own_gradient_makes_no_node():
    w = tg.Variable([1.0, 2.0], name="w")
    loss = tg.add(tg.reduce_sum(tg.square(w)), tg.nn.l2_loss(w), name="total")
    sgd().minimize(loss)
    drawn = draw()
    assert drawn.count("loss") == 1
    assert f'fillcolor="{LOOKS["loss"].fill}"' in drawn.nodes[drawn.key("total")][2]


@pytest.mark.parametrize(
    ("optimizer", "slots"),
    [
        (tg.train.GradientDescentOptimizer(0.5), []),
        (tg.train.MomentumOptimizer(0.5, 0.9), ["and Momentum"]),
        (tg.train.AdamOptimizer(), ["and Adam, Adam_1"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_update_is_one_node_beside_its_variable(optimizer, slots):
    network(optimizer)
    drawn = draw()
    assert drawn.count("update") == 4
    for name in ("hidden1/W", "hidden1/b", "output/W", "output/b"):
        (update,) = [k for k, (lines, *_) in drawn.nodes.items() if f"updates {name}" in lines]
        assert drawn.nodes[update][0][2:] == slots
        assert "dir=both" in drawn.edge(name, drawn.nodes[update][1].split(":")[0])
        assert (drawn.key(name), update) in drawn.aligned
    assert drawn.count("variable") == 4


def test_the_inside_of_updates_on_demand():
    network(tg.train.AdamOptimizer())
    hidden, shown = draw().names(), draw(updates=True).names()
    assert {"hidden1/W/Adam", "output/b/Adam_1"} <= shown - hidden
    assert hidden < shown


def test_gradients_that_nobody_uses_are_left_out():
    x = tg.placeholder(tg.float32, [None], name="x")
    w = tg.Variable(1.0, name="w")
    y = tg.reduce_sum(tg.exp(x * w))
    dw, _ = tg.gradients(y, [w, x])
    before = draw().names()
    w.assign_sub(dw, name="step")
    assert "step" in draw().names()
    assert len([n for n in before if "gradients" in n]) > len(
        [n for n in draw().names() if "gradients" in n]
    )


def test_second_derivatives():
    w = tg.Variable([1.0, 2.0], name="w")
    first = tg.gradients(w * w * w, w)[0]
    second = tg.gradients(first, w)[0]
    drawn = draw([first, second])
    assert len([t for lines, *_ in drawn.nodes.values() for t in lines if "= 1" in t]) == 2
    scopes = {scope[0] for scope in drawn.cluster_of.values() if scope}
    assert scopes == {"gradients", "gradients_1"}


def test_a_fed_learning_rate_is_a_placeholder_of_the_training():
    rate = tg.placeholder(tg.float32, [], name="rate")
    _, train = network(tg.train.GradientDescentOptimizer(rate))
    drawn = draw(train)
    assert sum(e[1] == drawn.key("rate") or e[0] == drawn.key("rate") for e in drawn.edges) == 4


# ---------------------------------------------------------------- hostile text

HOSTILE = ['"];evil [', "<b>&amp;</b>", "\\N\\G\\", "]]>-->", "{a|b}", "é 中 \N{GRINNING FACE}"]


@pytest.mark.parametrize("text", [*HOSTILE, "\x00\x1b\ud800\ufffe", "two\nlines", " "])
def test_any_text_is_escaped(text):
    x = tg.placeholder(tg.float32, [2])
    y = tg.tanh(x)
    for node, name in ((x, "x"), (y, "y")):  # which no graph lets through
        node.op_name = f"outer/_{text}/{name}"
    picture = tg.viz.to_dot(y, title=text)
    drawn = Drawn(picture)
    assert len(drawn.nodes) == 2 and len(drawn.edges) == 1
    assert all(lines for lines, *_ in drawn.nodes.values())
    assert picture.source.encode("utf-8") and "\x00" not in picture.source
    if text in HOSTILE:
        (scope,) = {clusters[-1] for clusters in drawn.cluster_of.values()}
        assert "_" + text == scope.replace("\u200b", "") or "/" in text


@needs_dot
@pytest.mark.parametrize("text", HOSTILE)
def test_graphviz_reads_hostile_text_back(text):
    x = tg.placeholder(tg.float32, [2])
    x.op_name = "_" + text.replace("/", "")
    svg = tg.viz.to_dot(tg.tanh(x), title=text)._repr_svg_()
    words = [element.text for element in ElementTree.fromstring(svg).iter() if element.text]
    assert text in [word.replace("\u200b", "") for word in words]


def test_long_names_are_shortened():
    x = tg.placeholder(tg.float32, [2], name="x" * 500)
    ((lines, tip, _),) = draw(x).nodes.values()
    assert len(lines[0]) < 50 and "…" in lines[0]
    assert "x" * 500 in tip


# ---------------------------------------------------------------- branches


def dropout_by_cond():
    """Dropout while training, in the scope `dropout`; the loss."""
    x = tg.placeholder(tg.float32, [None, 4], name="x")
    training = tg.placeholder(tg.bool, [], name="training")
    h = tg.tanh(x * tg.Variable(tg.ones([4]), name="w"))
    y = tg.cond(training, lambda: tg.nn.dropout(h, 0.5), lambda: h, name="dropout")
    return tg.reduce_sum(y, name="loss")


def test_a_cond_opens_into_its_branches():
    x = tg.placeholder(tg.float32, [3], name="x")
    p = tg.placeholder(tg.bool, [], name="p")
    y = tg.cond(p, lambda: tg.exp(x), lambda: tg.sin(tg.cos(x)))
    tg.tanh(y)
    drawn = draw()
    assert drawn.names() == {"x", "p", *"cond/Exp cond/Cos cond/Sin cond/Merge Tanh".split()}
    assert drawn.cluster_of[drawn.key("cond/Exp")] == ["cond", "true"]  # though it is one node
    assert drawn.cluster_of[drawn.key("cond/Sin")] == ["cond", "false"]
    assert drawn.cluster_of[drawn.key("cond/Merge")] == ["cond"]
    assert drawn.lines("cond/Merge") == ["If"] and drawn.count("choice") == 1
    assert 'label=" float32[3] "' in drawn.edge("x", "cond/Exp")
    assert 'label=" bool[] "' in drawn.edge("p", "cond/Merge")
    assert 'label=" true float32[3] "' in drawn.edge("cond/Exp", "cond/Merge")
    assert 'label=" false float32[3] "' in drawn.edge("cond/Sin", "cond/Merge")
    assert 'label=" float32[3] "' in drawn.edge("cond/Merge", "Tanh")
    assert len(drawn.edges) == 7
    assert draw(y).names() == drawn.names() - {"Tanh"}


def test_a_closed_cond_is_one_box():
    tg.gradients(dropout_by_cond(), tg.trainable_variables())
    drawn = draw(depth=1)
    titles = {lines[0]: (key, lines[1:]) for key, (lines, *_) in drawn.nodes.items()}
    assert set(titles) == {"x", "training", "w", "Mul", "Tanh", "dropout", "Sum", "gradients"}
    key, lines = titles["dropout"]
    assert lines == ["6 ops", "one of 2 branches"]
    assert {e[0] for e in drawn.edges if e[1] == key} == {titles["Tanh"][0], titles["training"][0]}
    assert {e[1] for e in drawn.edges if e[0] == key} == {titles["Sum"][0], titles["gradients"][0]}
    drawn = draw(depth=2)
    (key,) = [key for key, (lines, *_) in drawn.nodes.items() if lines[0] == "true"]
    assert drawn.cluster_of[key] == ["dropout"]


def test_what_a_branch_passes_on_or_knows_is_said_at_the_choice():
    a, b = (tg.placeholder(tg.float32, [2], name=name) for name in "ab")
    k = tg.placeholder(tg.int32, [], name="k")
    fns = [lambda: (a, b), lambda: (b, b), lambda: (tg.constant([1.0, 2.0]), tg.exp(a))]
    tg.switch_case(k, fns, name="which")
    drawn = draw()
    assert drawn.lines("which/indexed_case") == ["Case", "default :0: [1, 2]"]
    assert 'label=" 0 :0 float32[2] "' in drawn.edge("a", "which/indexed_case")
    assert 'label=" 1 :0, 0 :1, 1 :1 float32[2] "' in drawn.edge("b", "which/indexed_case")
    assert drawn.cluster_of[drawn.key("which/Exp")] == ["which", "default"]


def test_nested_conds_open_too():
    x = tg.placeholder(tg.float32, [], name="x")
    inner = lambda: tg.cond(x > 5.0, lambda: tg.exp(x), lambda: tg.sin(x))  # noqa: E731
    tg.gradients(tg.cond(x > 0.0, inner, lambda: -x), x)
    drawn = draw()
    exp, sin = drawn.key("cond/cond/Exp"), drawn.key("cond/cond/Sin")
    assert drawn.cluster_of[exp] == ["cond", "true", "cond", "true"]
    assert drawn.cluster_of[sin] == ["cond", "true", "cond", "false"]
    (cos,) = [key for key, (lines, *_) in drawn.nodes.items() if lines[0] == "Cos"]
    assert drawn.cluster_of[cos] == [
        "gradients", "∂ cond", "true", "∂ cond", "false", "∂ Sin",
    ]
    assert drawn.edge("x", "cond/cond/Exp")
    assert drawn.count("choice") == 3 and drawn.count("loss") == 1


def test_the_gradient_of_a_cond_is_a_cond_of_gradients():
    loss = dropout_by_cond()
    before = draw().names()
    sgd().minimize(loss)
    drawn = draw()
    assert draw(backward=False).names() == before
    choice = drawn.key("gradients/dropout/Merge_grad/If")
    assert drawn.cluster_of[choice] == ["gradients", "∂ dropout"]
    (masked,) = [k for k, (lines, *_) in drawn.nodes.items() if lines[1:] == ["∂ dropout"]]
    assert drawn.cluster_of[masked] == ["gradients", "∂ dropout", "true"]
    assert (drawn.key("dropout/dropout"), masked) in drawn.aligned
    kept = [e[0] for e in drawn.edges if e[1] == masked and "constraint=false" in e[2]]
    assert kept == [drawn.key("dropout/dropout/GreaterEqual")]  # the mask, not by way of the choice


@pytest.mark.parametrize("grouped", [False, True])
def test_a_training_step_in_a_branch(grouped):
    loss, _ = network(sizes=(4, 2))
    adam = tg.train.AdamOptimizer()
    step = tg.cond(loss > 1.0, lambda: adam.minimize(loss), lambda: tg.no_op(), name="often")
    drawn = draw(tg.group(step, name="all") if grouped else step)
    update = drawn.key("often/Adam/update_output/W/ApplyAdam")
    assert drawn.cluster_of[update] == ["often", "true", "Adam"]
    assert "dir=both" in drawn.edge("output/W", drawn.nodes[update][1].split(":")[0])
    assert (drawn.key("output/W"), update) in drawn.aligned
    assert "style=dashed" in drawn.edge("often/Merge", "often/Adam")  # turned
    assert "style=dashed" in drawn.edge("often/Merge", "often/NoOp")
    assert drawn.lines("often/Merge") == ["If"]
    assert draw(backward=False).names() >= {"x", "output/W", "output/MatMul", "loss/mean"}


def test_an_update_by_cond_is_merged_as_any_other():
    w = tg.Variable([3.0, 4.0], name="w")
    (g,) = tg.gradients(tg.reduce_sum(w * w), w)
    norm = tg.sqrt(tg.reduce_sum(g * g))
    clipped = tg.cond(norm > 1.0, lambda: g / norm, lambda: g)
    w.assign_sub(clipped, name="step")
    assert not {name for name in draw().names() if name.startswith("cond")}
    assert "cond/truediv" in draw(updates=True).names()


def test_a_name_scope_of_two_conds_frames_each():
    x = tg.placeholder(tg.float32, [], name="x")
    for op in (tg.exp, tg.sin):
        tg.cond(x > 0.0, lambda op=op: op(x), lambda: x, name="c/")
    drawn = draw()
    assert drawn.cluster_of[drawn.key("c/Exp")] == ["c", "true"]
    assert drawn.cluster_of[drawn.key("c/Sin")] == ["c", "Merge_1", "true"]


def test_the_time_of_a_branch_is_in_its_boxes():
    x = tg.placeholder(tg.float32, [100, 100], name="x")
    y = tg.cond(tg.reduce_sum(x) > 0.0, lambda: tg.exp(x), lambda: tg.sin(x))
    profile = tg.Session().profile(y, {x: np.ones((100, 100))}, runs=1)
    drawn = draw(y, profile=profile)
    assert re.search(r"µs, .*%", drawn.lines("cond/Exp")[-1])
    assert drawn.lines("cond/Sin") == ["Sin"]


@needs_dot
@pytest.mark.parametrize("options", [{}, {"depth": 2}, ALL], ids=["default", "depth", "all"])
@pytest.mark.parametrize("text", ["plain", *HOSTILE[:2]])
def test_graphviz_accepts_branches(options, text):
    loss = dropout_by_cond()
    step = tg.cond(loss > 1.0, lambda: sgd().minimize(loss), tg.no_op)
    for body in step.inputs[0].bodies:
        for node in body.graph.nodes:  # which no graph lets through
            node.op_name = node.op_name.replace("cond", text)
    ElementTree.fromstring(tg.viz.to_dot(**options)._repr_svg_())


# ---------------------------------------------------------------- any graph, any size


def in_little_stack(function):
    """The result of `function` under a recursion limit of 200, on a stack of its own."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(before)
    return results[0]


def test_a_chain_of_100_000_ops_is_drawn():
    y = tg.placeholder(tg.float32, [3], name="x")
    for _ in range(100_000):
        y = tg.tanh(y)
    picture = in_little_stack(lambda: tg.viz.to_dot(y))
    assert picture.nodes == 100_001
    assert picture.source.count(" -> ") == 100_000


def test_deep_scopes_and_gradients_need_no_stack():
    y = tg.placeholder(tg.float32, [3], name="x")
    with tg.name_scope("/".join("s" * 400)):
        for _ in range(300):
            y = tg.tanh(y)
    tg.gradients(y, tg.get_default_graph().nodes[0])
    assert in_little_stack(tg.viz.to_dot).nodes > 900
    depth = deepest = 0
    for line in tg.viz.to_dot().source.splitlines():
        depth += line.strip().startswith("subgraph") - (line.strip() == "}")
        deepest = max(depth, deepest)
    assert deepest <= 10  # Graphviz itself recurses over clusters


def test_a_long_branch_needs_no_stack():
    x = tg.placeholder(tg.float32, [3], name="x")

    def chain():
        y = x
        for _ in range(2_000):
            y = tg.tanh(y)
        return y

    tg.gradients(tg.cond(x[0] > 0.0, chain, lambda: x), x)
    assert in_little_stack(tg.viz.to_dot).nodes > 6_000


def test_diamonds_and_fans_are_linear():
    y = tg.placeholder(tg.float32, [3], name="x")
    for _ in range(60):
        y = y + y
    fan = [tg.tanh(y) for _ in range(5_000)]
    assert tg.viz.to_dot(tg.stack(fan)).nodes == 60 + 1 + 5_000 + 1


def test_the_same_graph_gives_the_same_text():
    code = """
import tinygraph as tg
x = tg.placeholder(tg.float32, [None, 4], name="x")
with tg.name_scope("layer"):
    w, b = tg.Variable(tg.random_normal([4, 2])), tg.Variable(tg.zeros([2]))
    y = tg.nn.relu(tg.matmul(x, w) + b)
tg.train.AdamOptimizer().minimize(tg.reduce_mean(y))
print(tg.viz.to_dot().source, tg.viz.to_dot(depth=1, constants=True).source)
"""
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True,
            env={"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(texts) == 1 and len(texts.pop()) > 1000


def test_an_empty_graph_is_an_empty_picture():
    picture = tg.viz.to_dot(Graph())
    assert picture.nodes == 0 and Drawn(picture).edges == []


def test_a_variable_whose_making_failed_can_be_drawn(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tinygraph.variables.variable.assign", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tg.Variable(tg.zeros([2]), name="w")
    tg.placeholder(tg.float32, [], name="x")
    assert "x" in draw().names()


def test_drawing_changes_nothing():
    loss, train = network(sgd())
    graph = tg.get_default_graph()
    graph.finalize()
    before = len(graph.nodes)
    tg.viz.to_dot(graph), tg.viz.to_dot([loss, train], depth=2, constants=True)
    assert len(graph.nodes) == before


def test_fetches_are_what_run_takes():
    loss, train = network(sgd())
    nested = {"a": [loss, (train, "loss/mean:0")], "b": "x"}
    assert draw(nested).names() == draw([loss, train]).names()
    assert draw("loss/mean").names() == draw(loss).names()


@pytest.mark.parametrize(
    ("fetches", "error"), [(3.0, DTypeError), ([], GraphError), ("nope", NotFoundError)]
)
def test_bad_fetches(fetches, error):
    with pytest.raises(error):
        tg.viz.to_dot(fetches)


def test_fetches_of_two_graphs():
    with Graph().as_default():
        other = tg.constant(1.0)
    with pytest.raises(GraphError, match="another graph"):
        tg.viz.to_dot([tg.constant(1.0), other])


@pytest.mark.parametrize("options", [{"direction": "up"}, {"depth": 0}])
def test_bad_options(options):
    with pytest.raises(InvalidArgumentError):
        tg.viz.to_dot(tg.constant(1.0), **options)


@needs_dot
@pytest.mark.parametrize("direction", ["TB", "BT", "LR", "RL"])
@pytest.mark.parametrize("options", [{}, {"depth": 2}, ALL], ids=["default", "depth", "all"])
def test_graphviz_accepts_all_pictures(direction, options):
    network(tg.train.AdamOptimizer(), sizes=(20, 10, 5))
    svg = tg.viz.to_dot(title="All", direction=direction, **options)._repr_svg_()
    ElementTree.fromstring(svg)


# ---------------------------------------------------------------- files and notebooks


@pytest.fixture
def small():
    x = tg.placeholder(tg.float32, [None, 2], name="x")
    return tg.viz.to_dot(tg.tanh(x), title="Small")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """`program(script)` makes that shell script, or nothing, the one `dot` that there is."""
    pytest.importorskip("graphviz")
    if sys.platform == "win32":
        pytest.skip("needs a shell")
    folder = tmp_path / "bin"
    folder.mkdir()

    def make(script=None):
        if script is not None:
            (folder / "dot").write_text(f"#!/bin/sh\n{script}\n")
            (folder / "dot").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    return make


@needs_dot
def test_render_by_suffix(small, tmp_path):
    pytest.importorskip("graphviz")
    starts = {"g.svg": b"<svg", "g.png": b"\x89PNG", "new/folder/g.PDF": b"%PDF"}
    for name, start in starts.items():
        path = small.render(tmp_path / name)
        assert path == tmp_path / name
        assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("name", ["g.dot", "g.gv", "a/b/g.dot"])
def test_the_text_needs_no_graphviz(small, tmp_path, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    path = small.render(str(tmp_path / name))
    assert path.read_text(encoding="utf-8") == small.source
    with pytest.raises(FileError, match=rf"below/{name}: "):
        small.render(path / "below" / name)


@pytest.mark.parametrize("name", ["g", "g.jpg", "g.svg.txt", ".svg"])
def test_unknown_suffixes(small, tmp_path, name):
    with pytest.raises(InvalidArgumentError, match="svg"):
        small.render(tmp_path / name)


def test_a_picture_without_dot_is_its_text(small, tmp_path, capsys, program):
    program()
    path = small.render(tmp_path / "deep" / "graph.svg")
    assert path == tmp_path / "deep" / "graph.dot"
    assert path.read_text(encoding="utf-8") == small.source
    hint = capsys.readouterr().out
    assert hint.startswith("No picture: Graphviz's program `dot` is not installed")
    assert "graph.dot" in hint and "dot -Tsvg graph.dot -o graph.svg" in hint
    assert small._repr_svg_() is None
    shown = small._repr_mimebundle_()
    assert set(shown) == {"text/plain"} and small.source in shown["text/plain"]


def test_a_picture_without_the_package_is_its_text(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert small.render(tmp_path / "graph.png").suffix == ".dot"
    assert "pip install tinygraph-autodiff[viz]" in capsys.readouterr().out


def test_pygraphviz_stands_in(small, tmp_path, capsys, monkeypatch):
    class AGraph:
        def __init__(self, string):
            self.string = string

        def draw(self, format, prog):
            return f"{prog} {format} {len(self.string)}".encode()

    monkeypatch.setitem(sys.modules, "graphviz", None)
    monkeypatch.setitem(sys.modules, "pygraphviz", types.SimpleNamespace(AGraph=AGraph))
    path = small.render(tmp_path / "graph.svg")
    assert path.read_text() == f"dot svg {len(small.source)}"
    assert not capsys.readouterr().out


def test_a_dot_that_fails_is_asked_again_without_alignment(program, tmp_path, capsys):
    network(sgd())
    picture = tg.viz.to_dot()
    log = tmp_path / "log"
    program(f'n=0; while IFS= read -r line; do case "$line" in *rank=same*) n=1;; esac; done; '
            f'echo $n >> "{log}"; echo "<svg/>"; exit $n')
    assert picture._repr_svg_().strip() == "<svg />"
    assert log.read_text().split() == ["1", "0"]
    program("echo no >&2; exit 3")
    assert picture.render(tmp_path / "graph.svg").suffix == ".dot"
    assert "No picture: Graphviz failed" in capsys.readouterr().out


def test_a_picture_too_large_to_lay_out_is_its_text(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(picture_module, "LAYOUT_LIMIT", 1)
    assert small.render(tmp_path / "graph.svg").suffix == ".dot"
    assert "2 nodes are too many to lay out" in capsys.readouterr().out


def test_a_notebook_shows_svg(small, program):
    program('echo "<svg>$*</svg>"')
    assert "-Tsvg" in small._repr_svg_()
    shown = small._repr_mimebundle_(include=None, exclude=None)
    assert shown["image/svg+xml"] == small._repr_svg_()
    assert shown["text/plain"] == repr(small) == "<tg.viz.Picture of 2 nodes, 0 parameters>"


# ---------------------------------------------------------------- counts


def test_count_parameters():
    network(tg.train.AdamOptimizer())
    graph = tg.get_default_graph()
    assert tg.viz.count_parameters() == tg.viz.count_parameters(graph) == 203_530
    assert tg.viz.count_parameters(tg.trainable_variables()) == 203_530
    assert tg.viz.count_parameters(graph.get_tensor_by_name("output/b:0")) == 10
    assert tg.viz.count_parameters([]) == tg.viz.count_parameters(Graph()) == 0
    with pytest.raises(DTypeError, match="only variables"):
        tg.viz.count_parameters([tg.constant(1.0)])


def test_summary():
    tg.Variable(tg.zeros([784, 256]), name="hidden/W")
    tg.Variable(0, trainable=False, name="step")
    assert tg.viz.summary().splitlines() == [
        "variable  shape            parameters",
        "hidden/W  float32[784,256]    200,704",
        "step      int32[]                   1  not trained",
        "total                         200,704",
    ]
    assert tg.viz.summary(Graph()).splitlines()[-1].split() == ["total", "0"]


@needs_dot
def test_the_texts_of_boxes_are_anchored_in_their_middle(tmp_path):
    x = tg.placeholder(tg.float32, [None, 2], name="x")
    svg = tg.viz.to_dot(tg.tanh(x) * 2.0).render(tmp_path / "graph.svg").read_text("utf-8")
    texts = re.findall(r'<text text-anchor="(\w+)"[^>]*>([^<]*)</text>', svg)
    anchors = {text.strip(): anchor for anchor, text in texts}
    assert {anchors[name] for name in ("x", "Tanh", "Mul", "op", "float32[?,2]")} == {"middle"}
