"""Every op against NumPy, numeric derivatives and itself: all checks run through one table.

`cases.every_case()` is the table. A case is built in several variants (shapes known or not, three
float dtypes, compiler passes left out), which have to agree.
"""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass, field

import numpy as np
import pytest
from cases import every_case

import tinygraph as tg
from tinygraph.compiler.program import Kernels, call_kernel
from tinygraph.compiler.lower import lower
from tinygraph.compiler.passes import PASSES
from tinygraph.graph import Graph, Node, Operation
from tinygraph.op import item
from tinygraph.node import ancestors
from tinygraph.op import registry
from tinygraph.ops.indexed_slices import as_tensors
from tinygraph.spec import Shape, Spec
from tinygraph.testing import GradientError, check_grads

CASES = every_case()
SEED = 7

# Each pass left out, and all of them. A test run with other passes by default (--without, --loops)
# is held against the usual ones alone: the usual test run does the rest.
DEFAULT_PASSES = tg.Session(graph=Graph()).passes
OTHER_PASSES = [PASSES]
if DEFAULT_PASSES == PASSES:
    OTHER_PASSES = [*(PASSES - {name} for name in sorted(PASSES)), frozenset()]

# Relative to the largest element, as sums of terms of both signs lose digits of their largest.
# float64: NumPy's reference may sum in another order. float32, float16: some tens of epsilons.
RTOL = {"float64": 1e-13, "float32": 4e-6, "float16": 2e-2}

# Registered ops that need no case of their own, with the reason.
NO_CASE = {
    "_Arg": "stands for a feed inside a program being compiled",
    "_Bundle": "stands for an op with several outputs inside such a program",
    "_Item": "is each output of an op that has several: see test_outputs.py",
    "_VariableArg": "stands for a variable inside a body",
    "_Unchanged": "stands for a variable that a body does not update",
    "OneTrue": "has no value: see test_cond.py",
    "_Check_Sizes": "has no value: see test_sizes.py",
    "Assert": "has no value: see test_effects.py",
    "Const": "every case with a Python or NumPy operand has one",
    "Placeholder": "every input of every case is one",
    "NoOp": "has no value: see test_state.py",
    "TimesVector": "is what sums of a matrix' rows and columns become: see the cases of Sum",
    "Loop": "is what other ops become: see test_loops.py",
    "_Misfit": "has no value: see test_cond_runs.py",
    "_Present": "has no value: see test_cond_runs.py",
}

# Ops whose user says how much of the shape is known.
UNSHAPED = {"VariableV2", "PlaceholderWithDefault", "TransposeBy"}


def has_floats(case) -> bool:
    return any(x.dtype == np.float64 for x in case.inputs)


by_case = pytest.mark.parametrize("case", CASES, ids=repr)
by_float_case = pytest.mark.parametrize("case", [c for c in CASES if has_floats(c)], ids=repr)


def test_ops_go_to_the_graph_of_their_tensors():
    """Also within another default graph, where the cases of variables make theirs."""
    for case in CASES:
        kind = registry[case.op]
        with_variable = kind.updates or kind.role in ("variable", "initialized")
        if not case.inputs or with_variable:
            continue
        with tg.Graph().as_default():
            xs = [tg.placeholder(np.asarray(x).dtype, np.shape(x)) for x in case.inputs]
        with tg.Graph().as_default() as other:
            case.build(*xs)
        assert not other.nodes, case


# ---------------------------------------------------------------- building a case


@dataclass
class Built:
    """A case as a graph: outputs, gradients and second gradients, and what to feed."""

    graph: Graph
    feeds: dict[Node, np.ndarray]
    ys: list[Node]
    grads: list[Node | None] = field(default_factory=list)
    seconds: list[Node | None] = field(default_factory=list)
    session: tg.Session | None = None

    @property
    def fetches(self) -> list[Node]:
        return [*self.ys, *(g for g in (*self.grads, *self.seconds) if g is not None)]

    def run(self, fetches, passes=DEFAULT_PASSES, feeds=None) -> list[np.ndarray]:
        """Values from a session that has not run anything that leaves a trace."""
        leaves_a_trace = any(n.kind.role == "variable" or n.kind.state for n in self.graph.nodes)
        if passes == DEFAULT_PASSES and not leaves_a_trace:
            self.session = sess = self.session or tg.Session(graph=self.graph)
        else:
            sess = tg.Session(graph=self.graph, passes=passes)
            sess.run([v.initializer for v in self.graph.get_collection("variables")])
        return sess.run(fetches, self.feeds if feeds is None else feeds)


def flatten(made) -> list:
    return [y for item in made for y in flatten(item)] if isinstance(made, list | tuple) else [made]


def build(case, unknown="", dtype="float64") -> Built:
    """The graph of a case and its derivatives, with no more shapes known than `unknown` says."""
    made = forward(case, unknown, dtype)
    with made.graph.as_default():
        xs = [x for x in made.feeds if x.dtype.is_floating]
        outputs = zip(made.ys, output_shapes(case), strict=True)
        smooth = {y: dims for y, dims in outputs if y.dtype.is_floating and dims is not None}
        if xs and smooth:
            shapes = [made.feeds[x].shape for x in xs]
            made.grads = graded(made, smooth, xs)
            again = {g: dims for g, dims in zip(made.grads, shapes, strict=True) if g is not None}
            if again and case.grad and case.second:
                made.seconds = graded(made, again, xs)
    return made


def forward(case, unknown="", dtype="float64") -> Built:
    """The graph of a case without derivatives."""
    graph = Graph()
    graph.seed = SEED
    feeds = {}
    with graph.as_default():
        for value in case.inputs:
            shape = {"": value.shape, "dims": [None] * value.ndim, "rank": None}[unknown]
            array = value.astype(dtype) if value.dtype == np.float64 else value
            array.flags.writeable = False
            feeds[tg.placeholder(array.dtype, shape)] = array
        made = flatten(case.build(*feeds))
    return Built(graph, feeds, [y.node if isinstance(y, Operation) else y for y in made])


@functools.cache
def output_shapes(case) -> list[tuple[int, ...] | None]:
    made = forward(case)
    return [None if value is None else np.shape(value) for value in made.run(made.ys)]


def graded(made: Built, ys: dict[Node, tuple[int, ...]], xs: list[Node]) -> list[Node | None]:
    """Gradients of ys, weighted; the weights are fed, with as little known of them as of ys."""
    weights = []
    for y, dims in ys.items():
        size = int(np.prod(dims))
        sign = np.where(np.arange(size) * 5 % 7 < 3, -1.0, 1.0)
        weights.append(tg.placeholder(y.dtype, y.shape, name="g"))
        values = (sign * np.linspace(0.5, 1.5, size)).reshape(dims).astype(y.dtype.numpy)
        values.flags.writeable = False
        made.feeds[weights[-1]] = values
    return as_tensors(tg.gradients(list(ys), xs, weights))


@functools.cache
def known(case) -> Built:
    return build(case)


@functools.cache
def values(case) -> list[np.ndarray]:
    """The fetches of the known variant, with all passes."""
    made = known(case)
    return made.run(made.fetches)


# ---------------------------------------------------------------- comparing


def close(got, right, rtol: float, what: str) -> None:
    """Equal for ints and bools; within rtol of the largest finite element for floats."""
    got, right = np.asarray(got), np.asarray(right)
    assert got.shape == right.shape, f"{what}: shape {got.shape}, expected {right.shape}"
    if got.dtype.kind != "f":
        np.testing.assert_array_equal(got, right, err_msg=what)
        return
    wide = right.astype(np.float64)
    largest = np.abs(wide[np.isfinite(wide)]).max(initial=0.0)
    np.testing.assert_allclose(
        got.astype(np.float64), wide, rtol=rtol, atol=rtol * largest, err_msg=what
    )


def matches(spec: Spec, value) -> bool:
    value = np.asarray(value)
    return spec.dtype == value.dtype and spec.shape.is_compatible_with(value.shape)


# ---------------------------------------------------------------- the checks


@pytest.mark.smoke
@by_case
def test_forward(case):
    """The value is NumPy's, in dtype, shape and to some bits."""
    made = known(case)
    if case.numpy is None:
        return
    expected = flatten(case.numpy(*case.inputs))
    assert len(expected) == len(made.ys)
    for y, got, right in zip(made.ys, values(case), expected, strict=False):
        if y.kind.role == "effect":
            assert got is None and right is None
            continue
        right = np.asarray(right)
        if y.dtype.is_floating:
            assert right.dtype.kind == "f"
        else:
            assert got.dtype == right.dtype, f"{got.dtype}, but NumPy gives {right.dtype}"
        close(got, right, RTOL["float64"] * case.slack, y.name)


def is_checked(case) -> bool:
    """Whether there is anything to differentiate."""
    return case.grad and has_floats(case) and any(
        y.dtype.is_floating and y.kind.role != "effect" for y in known(case).ys
    )


@pytest.mark.default_passes
@by_float_case
def test_gradients(case):
    """First and second derivatives equal numeric ones.

    With other passes they are compared with these, in test_compiler_passes.
    """
    if is_checked(case):
        check_grads(case.build, list(case.inputs), order=1 + case.second, rtol=1e-9 * case.slack)


def of_one_branch(x: Node) -> bool:
    """Whether a run has the value only if it takes one branch, whose gradient needs it."""
    bodies = x.kind is item and x.inputs[0].bodies
    return bool(bodies) and any(body.outputs[x.attrs["index"]] is None for body in bodies)


@by_case
def test_inferred_spec(case):
    """What is inferred of every node while building is what comes out, and all of it if known."""
    made = known(case)
    needed = [x for x in ancestors(made.fetches) if x.kind.role != "effect" and not x.spec.items]
    needed = [x for x in needed if not of_one_branch(x)]
    loose: set[Node] = set()  # what depends on a size that only a run knows
    for node, value in zip(needed, made.run(needed), strict=True):
        assert matches(node.spec, value), f"{node}: {np.asarray(value).dtype}{np.shape(value)}"
        if node.spec.constant is not None:
            np.testing.assert_array_equal(node.spec.constant, value)
        if not node.shape.is_fully_defined():
            operation = node.op.node  # of several outputs, the node that computes them
            free = operation.kind.dynamic or node in made.feeds or operation.kind.name in UNSHAPED
            assert free or operation.kind.static or loose & {*operation.inputs}, node
            loose.add(node)


@pytest.mark.parametrize("unknown", ["dims", "rank"])
@by_case
def test_unknown_shapes(case, unknown):
    """With unknown dims or rank the same values and gradients come out, within what is inferred."""
    if unknown == "rank" and case.unknown != "rank" or not case.unknown or not case.inputs:
        return
    made = build(case, unknown)
    assert len(made.fetches) == len(known(case).fetches), "gradients differ in number"
    got = made.run(made.fetches)
    for node, value, right in zip(made.fetches, got, values(case), strict=True):
        if node.kind.role != "effect":
            assert matches(node.spec, value), f"{node}: {np.asarray(value).dtype}{np.shape(value)}"
            close(value, right, RTOL["float64"] * case.slack, node.name)


@by_case
def test_compiler_passes(case):
    """Other passes of the compiler change no bit, unless `simplify` reorders a sum."""
    made = known(case)
    for passes in OTHER_PASSES:
        got = made.run(made.fetches, passes)
        for node, value, right in zip(made.fetches, got, values(case), strict=True):
            what = f"{node.name} with {', '.join(passes)}"
            if node.kind.role == "effect":
                continue
            if "simplify" in passes ^ DEFAULT_PASSES and node.dtype.is_floating:
                close(value, right, 1e-14, what)
            else:
                same_bits(value, right, what)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@by_float_case
def test_smaller_floats(case, dtype):
    """In float32 and float16 the values and gradients are those of float64, to some epsilons."""
    if dtype not in case.dtypes:
        return
    try:
        made = build(case, dtype=dtype)
    except tg.errors.DTypeError:
        return  # the op says that it doesn't take this dtype
    wide = known(case)
    rounded = {
        x: a.astype(dtype).astype(a.dtype) if a.dtype == np.float64 else a
        for x, a in wide.feeds.items()
    }
    got, expected = made.run(made.fetches), wide.run(wide.fetches, feeds=rounded)
    for node, value, right in zip(made.fetches, got, expected, strict=True):
        if node.kind.role != "effect":
            assert matches(node.spec, value), f"{node}: {np.asarray(value).dtype}{np.shape(value)}"
            close(value, right, RTOL[dtype] * case.slack, node.name)


@by_case
def test_results_are_the_users(case):
    """Results share no memory with feeds, which were read-only, and can be written to."""
    made = known(case)
    for node, result in zip(made.fetches, values(case), strict=True):
        if isinstance(result, np.ndarray):
            assert result.flags.writeable, node
            assert not any(np.may_share_memory(result, x) for x in made.feeds.values()), node


# ---------------------------------------------------------------- kernels


def garbage(spec: Spec) -> np.ndarray:
    fill = {"f": np.nan, "b": True}.get(spec.dtype.numpy.kind, 77)
    return np.full(spec.shape.sizes, fill, spec.dtype.numpy)


def same_bits(got, right, what: str) -> None:
    got, right = np.asarray(got), np.asarray(right)
    assert got.dtype == right.dtype and got.shape == right.shape, what
    np.testing.assert_array_equal(got, right, err_msg=what)


@pytest.mark.default_passes
@by_case
def test_kernels(case):
    """Each kernel of the program gives the same into a used `out`, in place and of odd strides."""
    made = known(case)
    fed = {x: Spec(Shape.of(a.shape), x.dtype) for x, a in made.feeds.items()}
    program = lower([y for y in made.fetches if y.kind.role != "effect"], (), fed, frozenset())
    needed = [v for v in ancestors(made.fetches) if v.kind.role == "variable"]
    variables = {v.op_name: made.run(v) for v in needed}
    program.evaluate(made.feeds.values(), Kernels(variables, {}, check_kernel))


def check_kernel(node: Node, inputs: list[np.ndarray], **state):
    kind, spec, name = node.kind, node.spec, f"kernel of {node.kind.name}"

    def call(*arrays, **out):
        streams = {key: copy.copy(stream) for key, stream in state.items()}
        return call_kernel(node, arrays, **out, **streams)

    def outputs(made) -> list[np.ndarray]:
        return [*map(np.asarray, made if spec.items else [made])]

    before = [x.copy() for x in inputs]
    result = call(*inputs)
    if kind.role == "effect":
        return result
    odd = outputs(call(*[odd_strides(x) for x in inputs]))
    for of_one, fresh, strided in zip(spec.items or [spec], outputs(result), odd, strict=True):
        assert matches(of_one, fresh), f"{name}: {fresh.dtype}{fresh.shape}, inferred {of_one}"
        if not kind.view:  # the compiler may give an input's buffer to another op
            shared = any(np.may_share_memory(fresh, x) for x in inputs)
            assert not shared, f"{name} returns its input"
        close(strided, fresh, RTOL.get(of_one.dtype.name, 0), f"{name} on odd strides")
    if not kind.view and not kind.dynamic and spec.shape.is_fully_defined():
        out = garbage(spec)
        same_bits(call(*inputs, out=out), result, f"{name}, what it returns with out=")
        same_bits(out, result, f"{name}, out=")
        for position in kind.inplace:
            check_in_place(call, position, inputs, result, name)
    for x, kept in zip(inputs, before, strict=True):
        same_bits(x, kept, f"{name} changed its input")
    for fresh in outputs(result):
        fresh.flags.writeable = False
    return result


def check_in_place(call, position: int, inputs: list[np.ndarray], fresh: np.ndarray, name: str):
    """Into the array of one input; and where that is several inputs at once, as in x * x."""
    taken = [x.copy() for x in inputs]
    if taken[position].shape == fresh.shape and taken[position].dtype == fresh.dtype:
        call(*taken, out=taken[position])
        same_bits(taken[position], fresh, f"{name} in place of input {position}")
        x = inputs[position].copy()
        twice = [x if y.shape == x.shape and y.dtype == x.dtype else y for y in inputs]
        try:
            right = call(*twice)
        except ValueError:  # such as 0 // 0 of ints
            return
        call(*twice, out=x)
        same_bits(x, right, f"{name} of one array several times, in place")


def odd_strides(x: np.ndarray) -> np.ndarray:
    """The same values, with negative strides and gaps."""
    wide = np.zeros(tuple(2 * size for size in x.shape), x.dtype)
    view = wide[(*(slice(None, None, -2) for _ in x.shape), ...)]
    view[...] = x
    view.flags.writeable = False
    return view


# ---------------------------------------------------------------- the table itself


@pytest.mark.smoke
def test_every_op_has_a_case():
    ours = {name for name, op in registry.items() if not defined_in_tests(op)}
    missing = sorted(ours - {case.op for case in CASES} - set(NO_CASE))
    assert not missing, f"ops without a case in tests/cases: {', '.join(missing)}"


def defined_in_tests(op) -> bool:
    """Whether a rule, kernel or body of the op is a test's or a doctest's."""
    rules = op.vjps if isinstance(op.vjps, tuple) else (op.vjps,)
    functions = [op.kernel, op.infer, op.rewrite, *rules]
    files = [f.__code__.co_filename for f in functions if hasattr(f, "__code__")]
    return not all(file.startswith(tg.__path__[0]) for file in files)


@pytest.mark.default_passes
@by_case
def test_a_case_exercises_its_op(case):
    made = known(case)
    used = {node.kind.name for node in ancestors(made.fetches)}
    fed = {x: Spec(Shape.of(a.shape), x.dtype) for x, a in made.feeds.items()}
    if case.op not in used:
        fetches = [y for y in made.fetches if y.kind.role != "effect"]
        used |= {node.kind.name for node in lower(fetches, (), fed, frozenset()).trace.nodes}
        used |= {node.kind.name for node in ancestors(build(case, case.unknown).fetches)}
    assert case.op in used, f"{case.op} is not among {sorted(used)}"


def test_cases_have_distinct_names():
    names = [repr(case) for case in CASES]
    twice = sorted({name for name in names if names.count(name) > 1})
    assert not twice, f"give these cases notes: {twice}"


# ---------------------------------------------------------------- planted wrong rules

OFF = 1e-6
ZEROS = {  # a multiple of these gradients is still right
    ("Sign", 0), ("ReluGrad", 1), ("Relu6Grad", 1), ("LeakyReluGrad", 1),
}


def rules_of(op) -> list:
    """(op, position, the op's rules with this one off by a millionth)."""

    def moved(part, i=None):
        return part if part is None else part + OFF if (op.name, i) in ZEROS else part * (1 + OFF)

    def off(rule, i):
        return lambda *args, **attrs: moved(rule(*args, **attrs), i)

    right = op.vjps
    if callable(right):
        return [(op, 0, lambda *args, **attrs: [moved(part) for part in right(*args, **attrs)])]
    return [
        (op, i, (*right[:i], off(rule, i), *right[i + 1 :]))
        for i, rule in enumerate(right)
        if rule is not None
    ]


PLANTS = [
    plant for op in registry.values() if not defined_in_tests(op) for plant in rules_of(op)
]


@pytest.mark.default_passes
@pytest.mark.parametrize("op, position, rules", PLANTS, ids=[f"{o.name}-{i}" for o, i, _ in PLANTS])
def test_a_rule_off_by_a_millionth_is_caught(op, position, rules, planted):
    """Each rule of each op, and the report names this op, this input and no other."""
    cases = [case for case in CASES if case.op == op.name]
    if not cases:
        pytest.skip("has no case, as test_every_op_has_a_case says")
    for case in cases:
        if not is_checked(case):
            continue
        with planted(op, rules):
            try:
                check_grads(case.build, list(case.inputs), order=1 + case.second)
            except GradientError as error:
                assert {finding.kind for finding in error.findings} == {op}, str(error)
                if not callable(rules):
                    assert {finding.position for finding in error.findings} == {position}
                return
    pytest.fail(f"no case of {op.name} shows that its rule for input {position} is wrong")
