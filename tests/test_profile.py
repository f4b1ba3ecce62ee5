"""A profile is of the program that runs, changes nothing in it, and adds up."""

from __future__ import annotations

import functools
import gc
import json
import re
import threading
import weakref

import numpy as np
import pytest
from test_viz import Drawn, in_little_stack

import tinygraph as tg
from tinygraph.compiler.clocked import Clocked, Recording, Statement
from tinygraph.compiler.parts import Line, Value
from tinygraph.errors import DTypeError, FileError, InvalidArgumentError
from tinygraph.session import Variables
from tinygraph.viz.heat import STOPS, colour

FULL = tg.RunOptions(trace_level=tg.RunOptions.FULL_TRACE)


def classifier(noise=False):
    """(fetches, feeds) of a training step with Adam, which has many updates."""
    x = tg.placeholder(tg.float32, [None, 6], name="x")
    t = tg.placeholder(tg.float32, [None, 3], name="t")
    with tg.name_scope("hidden"):
        w = tg.Variable(tg.random_normal([6, 5], seed=1), name="w")
        h = tg.nn.relu(tg.matmul(x, w) + (tg.random_normal([5], seed=2) if noise else 1.0))
    v = tg.Variable(tg.random_normal([5, 3], seed=3), name="v")
    losses = tg.nn.softmax_cross_entropy_with_logits_v2(labels=t, logits=tg.matmul(h, v))
    loss = tg.reduce_mean(losses, name="loss")
    train = tg.train.AdamOptimizer().minimize(loss)
    rng = np.random.default_rng(0)
    return [loss, h, train], {x: rng.random((4, 6)), t: np.eye(3)[[0, 1, 2, 0]]}


def session(**options):
    sess = tg.Session(**options)
    sess.run(tg.global_variables_initializer())
    return sess


def values(sess):
    return sess.run(tg.global_variables())


def nodes_in(source):
    """How many lines of a program's function have each node's name beside them."""
    found = {}
    for line in source[source.index("def step") :].splitlines():
        if match := re.search(r"  # (\S+)    ", line):
            found[match[1]] = found.get(match[1], 0) + 1
    return found


def made_up(times, around=0):
    """The profile of a run in which each node took so many microseconds."""
    statements, readings, now = {}, [], 0
    for line, (node, time) in enumerate(times.items()):
        statements[line] = Statement(f"{node}()", node)
        readings.append((line, now, now + time * 1000))
        now = readings[-1][2]
    return tg.Profile(Recording("", statements, readings, 0, now + around * 1000, 0, [], {}))


# ---------------------------------------------------------------- what runs is the program


@pytest.mark.parametrize("passes", [None, frozenset()], ids=["all passes", "no pass"])
def test_the_rows_are_the_nodes_of_the_program(passes):
    fetches, feeds = classifier()
    sess = session() if passes is None else session(passes=passes)
    profile = sess.profile(fetches, feeds, runs=2)
    assert {row.node: row.calls for row in profile.rows} == nodes_in(sess.source(fetches, feeds))
    assert len(profile.rows) > 30


def test_the_results_are_those_of_run_to_the_bit():
    """Random streams included: each session draws its own, from the same seed."""
    fetches, feeds = classifier(noise=True)
    plain, traced = session(), session()
    for _ in range(3):
        expected = plain.run(fetches, feeds)
        given = traced.run(fetches, feeds, options=FULL, run_metadata=tg.RunMetadata())
        assert given[0].tobytes() == expected[0].tobytes()
        assert given[1].tobytes() == expected[1].tobytes() and given[2] is None
    assert [a.tobytes() for a in values(plain)] == [a.tobytes() for a in values(traced)]


@pytest.mark.parametrize("runs", [1, 3])
def test_variables_advance_as_by_so_many_runs(runs):
    fetches, feeds = classifier(noise=True)
    plain, profiled = session(), session()
    for _ in range(runs):
        plain.run(fetches, feeds)
    assert profiled.profile(fetches, feeds, runs=runs).runs == runs
    assert [a.tobytes() for a in values(plain)] == [a.tobytes() for a in values(profiled)]


def test_ten_runs_unless_told_otherwise():
    count = tg.Variable(0)
    sess = session()
    sess.profile(count.assign_add(1))
    assert sess.run(count) == 10


@pytest.mark.parametrize("runs", [0, -1])
def test_no_run_is_no_profile(runs):
    with pytest.raises(InvalidArgumentError, match="at least one run"):
        tg.Session().profile(tg.constant(1.0), runs=runs)


def test_the_plain_program_stays_as_it_was():
    fetches, feeds = classifier()
    sess = session()
    sess.run(fetches, feeds)
    plan = next(reversed(sess._plans.values()))
    step, names = plan.step, set(plan.step.__globals__)
    sess.profile(fetches, feeds)
    assert next(reversed(sess._plans.values())) is plan and plan.step is step
    assert set(step.__globals__) == names


def test_threads_lose_no_update():
    count = tg.Variable(0)
    add = count.assign_add(1)
    sess = session()

    def work():
        for _ in range(20):
            sess.profile(add, runs=2)
            sess.run(add)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sess.run(count) == 4 * 20 * 3


def test_a_profile_keeps_no_graph_alive():
    with tg.Graph().as_default() as graph:
        x = tg.constant(np.zeros((100, 100), np.float32))
        profile = tg.Session().profile(tg.tanh(x) * tg.random_uniform([100, 100]))
    alive = weakref.ref(graph)
    del graph, x
    gc.collect()
    assert alive() is None and profile.rows


def test_a_long_chain_needs_no_stack():
    y = tg.placeholder(tg.float32, [], name="x")
    feeds = {y: 0.5}
    for _ in range(5_000):
        y = tg.tanh(y)
    profile = in_little_stack(lambda: tg.Session().profile(y, feeds, runs=1))
    assert len(profile.rows) == 5_000


# ---------------------------------------------------------------- clocks around lines

PARTS = [
    Line("b = []"),
    Line("def part0(n):"),
    Line('    t_start = "é", n', "step"),  # a name as the clocks' own
    Line("    b.append(n)", "step"),
    Line("    return (t_start,)", "return"),
    Line("def part1(t_start):"),
    Line("    k = len(t_start)", "step"),
    Line("    return k * 2", "return"),
    Line("def step(variables, n):"),
    Line("    (t_start,) = part0(n)"),
    Line("    return part1(t_start)"),
]


def clocked(lines, first=0, **namespace):
    source = "\n".join(line.text for line in lines)
    exec(source, namespace)
    return namespace, Clocked(source, lines, first, "<test>", namespace)


def test_each_line_is_timed_once():
    namespace, program = clocked(PARTS, first=1)
    assert namespace["step"](None, 7) == 4
    result, recording = program.run(None, 7)
    assert result == 4 and namespace["b"] == [7, 7]  # what the program names is shared
    texts = []
    for line, start, stop in recording.readings:
        texts.append(PARTS[line - 1].text.strip())
        assert recording.statements[line].source == texts[-1] and start <= stop
    assert texts == [
        't_start = "é", n', "b.append(n)", "return (t_start,)", "k = len(t_start)", "return k * 2",
    ]
    edges = [edge for _, *reading in recording.readings for edge in reading]
    assert edges == sorted(edges)


def test_the_parts_of_a_long_program_count_once():
    x = y = tg.placeholder(tg.float32, [100, 100])
    for _ in range(1_500):
        y = tg.tanh(y)
    profile = tg.Session().profile(y, {x: np.zeros((100, 100))}, runs=2)
    (whole,) = (e for e in profile.chrome_trace()["traceEvents"] if e["name"] == "Session.run")
    assert profile.total <= whole["dur"]
    assert sum(row.calls for row in profile.rows) == 1_500


COMMIT = [
    Line("def step(variables, log):"),
    Line("    first = partial(log.append, 1)", "update"),
    Line("    second = partial(log.append, 2)", "update"),
    Line("    updates = [partial(log.append, 3)]", "step"),
    Line(
        "    variables.commit({'v': 3}, first, second, *updates, variables.moved({'noise': 4}))",
        "commit",
    ),
    Line("    return variables['v']", "return"),
]


def test_updates_made_by_the_commit_count_for_the_lines_that_prepared_them():
    _, program = clocked(COMMIT, partial=functools.partial)
    log = []
    variables = Variables()
    result, recording = program.run(variables, log)
    assert result == 3 and log == [1, 2, 3] and variables.streams == {"noise": 4}
    readings = list(recording.split())
    assert [line for line, *_ in readings] == [2, 3, 4, 5, 2, 3, 5, 6]
    edges = [edge for _, *reading in readings for edge in reading]
    assert edges == sorted(edges)


def test_updates_of_branches_and_outside_of_them():
    p = tg.placeholder(tg.bool, [])
    v, w, u = tg.Variable(0.0), tg.Variable(np.zeros((9, 2))), tg.Variable(np.zeros((9, 2)))
    rows = tg.scatter_add(w, [1], 1.0, name="rows").op
    others = tg.cond(p, lambda: tg.group(v.assign_add(1.0), tg.scatter_add(u, [1], 1.0)), tg.no_op)
    sess = tg.Session()
    sess.run(tg.global_variables_initializer())
    profile = sess.profile([rows, others], {p: True})
    assert {"rows", "cond/AssignAdd", "cond/ScatterAdd"} <= {row.node for row in profile.rows}


def test_the_lines_of_a_node_make_one_row():
    x = tg.placeholder(tg.float32, [8], name="x")
    y = tg.exp(x, name="y")
    value = Value(y, y.label, y.kind, y.spec)
    _, program = clocked([
        Line("def step(variables, x, out):"),
        Line("    np.multiply(x, 1.0, out=out)", "call", (), value),
        Line("    np.exp(out, out=out)", "call", (), value._replace(in_place=True)),
        Line("    return out", "return", (), value),
    ], np=np)
    result, recording = program.run(None, np.zeros(8, np.float32), np.empty(8, np.float32))
    assert result.tolist() == [1.0] * 8
    (row,) = tg.Profile(recording).rows
    assert (row.node, row.op, row.calls, row.bytes, row.in_place) == ("y", "Exp", 2, 64, False)
    assert row.where == y.where


@pytest.mark.parametrize("fails", ["run", "profile"])
def test_an_error_names_the_node_as_in_a_plain_run(fails):
    x = tg.placeholder(tg.int32, [None], name="labels")
    w = tg.Variable(tg.zeros([3]), name="w")
    train = w.assign_add([1.0, 1.0, 1.0])
    with tg.control_dependencies([train]):
        picked = tg.gather(w, x, name="pick")
    sess = session()
    with pytest.raises(InvalidArgumentError, match=r"in 'pick' .*test_profile\.py") as found:
        getattr(sess, fails)([picked, train], {x: [7]})
    assert found.value.node is picked
    assert sess.run(w).tolist() == [0.0, 0.0, 0.0]
    assert sess.profile([picked, train], {x: [1]}, runs=1).rows


# ---------------------------------------------------------------- what it says


def test_times_add_up():
    fetches, feeds = classifier()
    profile = session().profile(fetches, feeds)
    times = [row.time for row in profile.rows]
    assert times == sorted(times, reverse=True) and min(times) >= 0
    assert profile.around > 0 and profile.program > 0
    assert sum(times) + profile.program + profile.around == pytest.approx(profile.total)
    assert all(row.share == pytest.approx(row.time / profile.total) for row in profile.rows)


def test_each_line_has_its_own_time():
    """What is between the lines is the recording's; reading the clock costs 100 ns here."""
    statements = {1: Statement("a()", "a"), 2: Statement("b()", "b"), 3: Statement("return")}
    readings = [(1, 10_000, 14_000), (2, 15_000, 45_000), (1, 46_000, 52_000), (3, 53_000, 54_000)]
    profile = tg.Profile(Recording("", statements, readings, 5_000, 56_000, 100, [], {}))
    assert [(row.node, row.calls) for row in profile.rows] == [("b", 1), ("a", 2)]
    assert [row.time for row in profile.rows] == pytest.approx([29.9, 9.8])
    assert profile.program == pytest.approx(0.9) and profile.around == pytest.approx(7)


@pytest.mark.default_passes
def test_bytes_and_places():
    x = tg.placeholder(tg.float32, [None, 3], name="x")
    y = tg.reshape(tg.exp(tg.transpose(x, name="turned"), name="e") * 2.0, [-1], name="flat")
    feeds = {x: np.ones((5, 3))}
    rows = {row.node: row for row in tg.Session().profile(y + 1.0, feeds).rows}
    assert {name: row.bytes for name, row in rows.items()} == {
        "turned": 0, "e": 60, "mul": 60, "add": 60,
    }  # and "flat" is a view of a buffer, which is made before any run
    assert {name for name, row in rows.items() if row.in_place} == {"mul"}
    without = tg.Session(passes=frozenset({"fold", "simplify", "merge"}))
    assert not any(row.in_place for row in without.profile(y + 1.0, feeds).rows)


def test_the_table():
    fetches, feeds = classifier()
    profile = session().profile(fetches, feeds)
    head, *rows = profile.table().splitlines()
    assert re.split(r"\s\s+", head) == [
        "node", "user's line", "calls", "us", "share", "bytes", "in place",
    ]
    assert len(rows) == len(profile.rows) + 3
    costliest = profile.rows[0]
    assert re.split(r"\s\s+", rows[0])[1:4] == [
        costliest.where.rpartition("/")[2], str(costliest.calls), f"{costliest.time:,.1f}",
    ]
    ends = {line.index("%") for line in rows}
    assert len(ends) == 1  # the columns are aligned
    assert rows[-3].startswith("the program's other lines")
    assert rows[-2].startswith("outside of the program")
    assert rows[-1].startswith("total, the fastest of 10 runs") and rows[-1].endswith("100.0%")
    short = profile.table(2).splitlines()
    assert len(short) == 1 + 2 + 1 + 3 and short[3].startswith(f"{len(profile.rows) - 2} more ")
    assert str(profile) == profile.table(30)
    assert repr(profile).startswith(f"<tg.Profile of {len(profile.rows)} nodes, ")


def test_long_names_lose_their_middle():
    x = tg.placeholder(tg.float32, [], name="x")
    profile = tg.Session().profile(tg.exp(x, name="a" * 40 + "b" * 40), {x: 1.0})
    assert "a" * 20 + "..." in profile.table() and "..." + "b" * 20 in profile.table()
    assert max(map(len, profile.table().splitlines())) < 130


@pytest.mark.default_passes
def test_the_source_with_times():
    fetches, feeds = classifier()
    sess = session()
    profile = sess.profile(fetches, feeds)
    lines = profile.source.splitlines()
    assert "\n".join(line[19:] for line in lines) + "\n" == sess.source(fetches, feeds)
    timed = {line[19:].strip(): float(line[:10]) for line in lines if line[:10].strip()}
    assert sum(timed.values()) == pytest.approx(profile.total - profile.around, abs=len(lines))
    assert any(line.startswith("return") for line in timed)


def test_a_clock_that_does_not_tick():
    profile = made_up({"a": 0, "b": 0})
    assert [row.share for row in profile.rows] == [0, 0] and "a" in str(profile)


# ---------------------------------------------------------------- the Chrome trace


@pytest.mark.default_passes
def test_the_trace_is_ordered_and_names_nodes_and_lines(tmp_path):
    fetches, feeds = classifier()
    sess = session()
    profile = sess.profile(fetches, feeds)
    path = tmp_path / "new" / "trace.json"
    profile.save(path)
    with pytest.raises(FileError, match=r"trace\.json/below: "):
        profile.save(path / "below")
    trace = json.loads(path.read_text(encoding="utf-8"))
    assert trace == json.loads(json.dumps(profile.chrome_trace()))
    assert [event["ph"] for event in trace["traceEvents"][:2]] == ["M", "M"]
    run, *events = trace["traceEvents"][2:]
    assert run["name"] == "Session.run" and run["ts"] == 0
    end = 0
    for event in events:
        assert event["ph"] == "X" and event["dur"] >= 0
        assert event["ts"] >= end
        end = event["ts"] + event["dur"]
    assert end <= run["dur"]
    source = sess.source(fetches, feeds)
    assert all(event["args"]["source"] in source for event in events)
    named = [event for event in events if event["cat"] != "program"]
    assert {event["name"] for event in named} == set(nodes_in(source))
    product = next(event["args"] for event in named if event["name"] == "hidden/MatMul")
    assert product["output"] == "float32[4,5]" and product["op"] == "MatMul"
    assert product["bytes"] == 80 and product["source"].startswith("np.dot(x, hidden_w, out=")
    assert re.search(r"test_profile.py:\d+$", product["where"])


# ---------------------------------------------------------------- as in TF1


def test_run_metadata_has_the_fields_of_tf1():
    fetches, feeds = classifier()
    sess, metadata = session(), tg.RunMetadata()
    assert metadata.profile is None and metadata.step_stats.dev_stats == []
    sess.run(fetches, feeds, FULL, metadata)
    (device,) = metadata.step_stats.dev_stats
    assert device.device == "/job:localhost/replica:0/task:0/device:CPU:0"
    stats = device.node_stats
    assert {s.node_name for s in stats} == {row.node for row in metadata.profile.rows}
    starts = [s.all_start_nanos for s in stats]
    assert starts == sorted(starts)
    for s in stats:
        assert s.all_start_micros == s.all_start_nanos // 1000
        assert 0 <= s.op_start_rel_micros <= s.op_end_rel_micros <= s.all_end_rel_micros
    labels = [s.timeline_label for s in stats]
    assert "hidden/MatMul = MatMul(x, hidden/w)" in labels


@pytest.mark.parametrize("options", [None, tg.RunOptions()], ids=["no options", "no trace"])
def test_metadata_of_a_run_without_trace_is_empty(options):
    x = tg.constant(1.0) + tg.random_uniform([])
    sess, metadata = tg.Session(), tg.RunMetadata()
    sess.run(x, options=FULL, run_metadata=metadata)
    assert metadata.profile is not None
    sess.run(x, options=options, run_metadata=metadata)
    assert metadata.profile is None and metadata.step_stats.dev_stats == []


@pytest.mark.parametrize("level", ["SOFTWARE_TRACE", "HARDWARE_TRACE", "FULL_TRACE"])
def test_every_level_of_trace_traces(level):
    metadata = tg.RunMetadata()
    options = tg.RunOptions(trace_level=getattr(tg.RunOptions, level))
    tg.Session().run(tg.random_uniform([3]), options=options, run_metadata=metadata)
    assert metadata.profile.rows and repr(options) == f"<tg.RunOptions trace_level={level}>"


def test_options_alone_change_nothing():
    assert tg.Session().run(tg.constant(2.0) * 3.0, options=FULL) == 6.0


@pytest.mark.parametrize(
    "given", [{"options": 3}, {"run_metadata": {}}, {"options": FULL, "run_metadata": FULL}]
)
def test_options_of_a_wrong_type(given):
    count = tg.Variable(0)
    sess = session()
    with pytest.raises(DTypeError, match="expected, not"):
        sess.run(count.assign_add(1), **given)
    assert sess.run(count) == 0


@pytest.mark.parametrize("level", [4, -1, "FULL"])
def test_unknown_levels(level):
    with pytest.raises(InvalidArgumentError, match="trace_level"):
        tg.RunOptions(trace_level=level)


def test_timeline():
    metadata = tg.RunMetadata()
    tg.Session().run(tg.random_uniform([3], name="u"), options=FULL, run_metadata=metadata)
    text = tg.timeline.Timeline(metadata.step_stats).generate_chrome_trace_format(show_memory=True)
    names = [event["name"] for event in json.loads(text)["traceEvents"]]
    assert "Session.run" in names and any(name.startswith("u") for name in names)
    with pytest.raises(DTypeError, match="step_stats of a run that was traced"):
        tg.timeline.Timeline(tg.RunMetadata().step_stats)


# ---------------------------------------------------------------- pictures


@pytest.fixture
def layered():
    x = tg.placeholder(tg.float32, [None, 4], name="x")
    with tg.name_scope("cold"):
        y = tg.exp(tg.tanh(x))
    with tg.name_scope("hot"):
        return tg.square(tg.sqrt(y), name="top")


TIMES = {"cold/Tanh": 1, "cold/Exp": 3, "hot/Sqrt": 20, "hot/top": 36, "elsewhere": 40}


def fill(drawn, name):
    return re.search(r'fillcolor="(#\w+)"', drawn.nodes[drawn.key(name)][2])[1]


def test_nodes_are_coloured_by_their_time(layered):
    profile = made_up(TIMES, around=100)
    picture = tg.viz.to_dot(layered, profile=profile)
    drawn = Drawn(picture)
    fills = {name: fill(drawn, name) for name in drawn.names()}
    parts = {"cold/Tanh": 1 / 36, "cold/Exp": 3 / 36, "hot/Sqrt": 20 / 36, "hot/top": 1, "x": 0}
    assert fills == {name: colour(part) for name, part in parts.items()}
    assert drawn.lines("hot/top") == ["Square", "“top”", "36.0 µs, 18.0%"]
    assert drawn.lines("x") == ["x", "placeholder"]
    assert "200 µs a run, 30% of it in these nodes" in picture.source
    assert f'bgcolor="{colour(1)}"' in picture.source and ">18.0%</td>" in picture.source
    assert "18.0%</td>" not in tg.viz.to_dot(layered, profile=profile, legend=False).source


def test_a_collapsed_scope_has_the_time_of_its_nodes(layered):
    profile = made_up(TIMES)
    drawn = Drawn(tg.viz.to_dot(layered, profile=profile, depth=1))
    looks = {lines[0]: (lines[-1], look) for lines, _, look in drawn.nodes.values()}
    assert looks["hot"][0] == "56.0 µs, 56.0%" and looks["cold"][0] == "4.0 µs, 4.0%"
    assert colour(1) in looks["hot"][1] and colour(4 / 56) in looks["cold"][1]


@pytest.mark.default_passes
@pytest.mark.parametrize("options", [{}, {"depth": 1}, {"updates": True, "constants": True}])
def test_a_training_step_in_colours(options):
    fetches, feeds = classifier()
    profile = session().profile(fetches, feeds)
    picture = tg.viz.to_dot(fetches, profile=profile, **options)
    part = int(re.search(r"(\d+)% of it in these nodes", picture.source)[1])
    nodes = sum(row.share for row in profile.rows)
    slots = sum(row.share for row in profile.rows if "beta" in row.node or "Adam/" in row.node)
    assert 100 * (nodes - slots) - 1 <= part <= 100 * nodes + 1
    assert picture.source.count(f'fillcolor="{colour(1)}"') >= 1  # two nodes may take as long


def test_without_a_profile_the_colours_are_those_of_kinds(layered):
    assert colour(1) not in tg.viz.to_dot(layered).source


def test_black_text_can_be_read_on_every_colour():
    """A contrast of 4.5 and more, as WCAG asks for, and each colour stronger than the last."""

    def luminance(text):
        rgb = [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
        return np.dot(linear, [0.2126, 0.7152, 0.0722])

    shades = [luminance(colour(part)) for part in np.linspace(0, 1, 101)]
    assert shades == sorted(shades, reverse=True)
    assert (shades[-1] + 0.05) / 0.05 > 4.5
    assert colour(0) == "#FFFFFF" and colour(1) == "#{:02X}{:02X}{:02X}".format(*STOPS[-1])


def test_only_a_profile_is_a_profile(layered):
    with pytest.raises(DTypeError, match=r"sess\.profile"):
        tg.viz.to_dot(layered, profile=3)


@pytest.mark.parametrize("taken", [True, False])
def test_an_update_by_a_cond_beside_one_of_rows(taken):
    v, table = tg.Variable([3.0, 0.0]), tg.Variable([[0.0], [1.0]])
    p = tg.placeholder(tg.bool, [])
    fetches = [
        tg.cond(p, lambda: tg.identity(v), lambda: v.assign_sub(v + v)),
        tg.scatter_add(table, [1, 1], [[1.0], [2.0]]),
    ]
    sess = tg.Session()
    sess.run(tg.global_variables_initializer())
    profile = sess.profile(fetches, {p: taken}, runs=2)
    assert "ScatterAdd" in {row.op for row in profile.rows}
    np.testing.assert_array_equal(sess.run(table), [[0.0], [7.0]])
    np.testing.assert_array_equal(sess.run(v), [3.0, 0.0])  # after an even number of signs
