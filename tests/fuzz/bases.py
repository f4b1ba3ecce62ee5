"""Valid calls of every public callable: those of the table of op cases, and others by hand."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import operator
import pkgutil
import tempfile
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cases
import numpy as np
from cases import Case

import tinygraph as tg

MODULES = {
    "tg": tg, "tg.errors": tg.errors, "tg.nn": tg.nn, "tg.math": tg.math, "tg.linalg": tg.linalg,
    "tg.random": tg.random, "tg.initializers": tg.initializers, "tg.train": tg.train,
    "tg.testing": tg.testing, "tg.timeline": tg.timeline, "tg.viz": tg.viz,
    "tg.viz.plots": tg.viz.plots, "tg.datasets.mnist": tg.datasets.mnist,
    "tg.datasets.idx": tg.datasets.idx,
}
LEFT_OUT = {
    "tg.datasets.mnist.download": "reaches for the network",
    "tg.Profile": "is made by Session.profile",
    "tg.viz.plots.optional": "has no arguments",
    "tg.errors.about_file": "is for those who write files",
    "tg.GraphKeys": "names only",
    "tg.SessionState": "is what Session.state gives",
    "tg.IndexedSlicesValue": "holds what a run gives",
    "tg.UnconnectedGradients": "names only",
    "tg.testing.Finding": "is made by check_grads",
    "tg.testing.Report": "is made by check_grads",
    "tg.Operation": "is made by ops", "tg.Tensor": "is made by ops",
    "tg.VariableScope": "is made by variable_scope",
}

# Of Graph and of TensorShape: for those who write ops.
UNCHECKED = {
    "add", "begin_scope", "branch", "is_inside", "of", "outside", "places", "split_off",
    "use_value",
}


@dataclass(frozen=True)
class Call:
    """A valid call: a function of nothing makes what is called, in the graph of the moment."""

    name: str
    make: Callable[[], tuple[Callable, list, dict]]


@dataclass(frozen=True)
class TensorOf:
    """Stands for a tensor in a recorded call."""

    array: np.ndarray
    shape: tuple[int | None, ...] | None


# ---------------------------------------------------------------- what is public


def public_names() -> dict[str, Any]:
    """Every public callable, under the first of its names."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for prefix, module in MODULES.items():
        for name in getattr(module, "__all__", None) or dir(module):
            item = getattr(module, name)
            home = "tinygraph" if isinstance(item, tg.Op) else getattr(item, "__module__", "")
            if name.startswith("_") or isinstance(item, types.ModuleType) or not callable(item):
                continue
            if str(home).startswith("tinygraph") and id(item) not in seen:
                seen.add(id(item))
                found[f"{prefix}.{name}"] = item
    return found


# ---------------------------------------------------------------- recorded from the op cases


def _frozen(value: Any, run: Callable) -> Any:
    if isinstance(value, tg.Tensor):
        return TensorOf(run(value), value.shape.sizes)
    if isinstance(value, tg.Operation):
        return TensorOf(np.float32(0), ())
    if type(value) in (list, tuple):
        return type(value)(_frozen(x, run) for x in value)
    return value


def thawed(value: Any, kind: int) -> Any:
    """The argument that a recorded one stands for; `kind` says how much of it is known."""
    if isinstance(value, TensorOf):
        if kind == 0:
            return tg.constant(value.array)
        shape = [value.array.shape, [None] * np.ndim(value.array), None][kind % 3]
        return tg.placeholder_with_default(value.array, shape)
    if type(value) in (list, tuple):
        return type(value)(thawed(x, kind) for x in value)
    return value


def _cases_anew() -> Iterator[Case]:
    """The op cases, made by the functions that stand in the public modules now."""
    for module in pkgutil.iter_modules(cases.__path__):
        spec = importlib.util.find_spec(f"cases.{module.name}")
        assert spec is not None and spec.loader is not None
        family = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(family)
        yield from family.CASES


@functools.cache
def recorded() -> dict[str, list[tuple[list, dict]]]:
    """The calls of public functions in the table of op cases."""
    calls: dict[str, list[tuple[list, dict]]] = {}
    now: list[tuple[str, tuple, dict]] = []

    def recorder(name: str, function: Callable) -> Callable:
        def record(*args: Any, **kwargs: Any) -> Any:
            now.append((name, args, kwargs))
            return function(*args, **kwargs)

        return record

    public = {k: f for k, f in public_names().items() if not isinstance(f, type)}
    places = [(k.rpartition(".")[2], MODULES[k.rpartition(".")[0]], k) for k in public]
    for attribute, module, name in places:
        setattr(module, attribute, recorder(name, public[name]))
    try:
        for case in _cases_anew():
            now.clear()
            with tg.Graph().as_default():
                xs = [public["tg.placeholder"](x.dtype, x.shape) for x in case.inputs]
                case.build(*xs)
                sess = tg.Session()
                sess.run(public["tg.global_variables_initializer"]())
                run = functools.partial(
                    sess.run, feed_dict=dict(zip(xs, case.inputs, strict=True))
                )
                for name, args, kwargs in list(now):
                    try:
                        call = [_frozen(x, run) for x in args], dict(
                            zip(kwargs, [_frozen(x, run) for x in kwargs.values()], strict=True)
                        )
                    except tg.errors.GraphError:  # a call within a branch of a cond
                        continue
                    calls.setdefault(name, []).append(call)
    finally:
        for attribute, module, name in places:
            setattr(module, attribute, public[name])
    return calls


# ---------------------------------------------------------------- by hand


def x(*shape: int) -> tg.Tensor:
    return tg.constant(np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape), tg.float32)


def w() -> tg.Variable:
    return tg.Variable([1.0, 2.0], name="w")


def graph() -> tg.Graph:
    tg.constant(1.0, name="c")
    tg.add_to_collection("mine", 1)
    return tg.get_default_graph()


def labelled() -> dict:
    return {"labels": tg.constant([1, 0]), "logits": x(2, 3)}


def runs() -> dict:
    return {"plain": {"iteration": [0, 1], "train_loss": [1.0, 0.5], "test_accuracy": [0.1, 0.2]}}


def variants() -> dict:
    rows = {"in": np.ones((4, 784)), "out": np.ones((4, 784))}
    return {"plain": {"rows": rows, "weights": np.ones((784, 4)), "loss": 1.0}}


def path() -> str:
    return str(Path(tempfile.gettempdir(), "tinygraph-fuzz"))


@functools.cache
def saved() -> str:
    """The prefix of a checkpoint."""
    with tg.Graph().as_default():
        w()
        return str(tg.train.Saver().save(session(), path() + "-checkpoints/m", 1))


def step() -> tg.Variable:
    return tg.train.get_or_create_global_step()


BY_HAND: dict[str, Callable[[], tuple]] = {
    "tg.Assert": lambda: (tg.constant(True), ["text", x(2)], 3, "assert"),
    "tg.DType": lambda: ("float32",),
    "tg.Dimension": lambda: (3,),
    "tg.Graph": tuple,
    "tg.IndexedSlices": lambda: ([[1.0, 2.0]], [3], [4, 2]),
    "tg.InteractiveSession": lambda: ("", tg.get_default_graph(), None),
    "tg.Op": lambda: ("FuzzOp", lambda x, out=None: x, lambda x: x),
    "tg.Print": lambda: (x(2), ["text", x(2)], "message", 0, 3, "print"),
    "tg.RunMetadata": tuple,
    "tg.RunOptions": lambda: (3, 0, 0, False, False),
    "tg.Session": lambda: ("", tg.get_default_graph(), None),
    "tg.SessionState": lambda: ({"w": np.zeros(2)}, {"noise": (1, 2, 3)}),
    "tg.TensorShape": lambda: ([2, None],),
    "tg.Variable": lambda: ([1.0, 2.0], True, None, True, None, "w", None, tg.float32),
    "tg.add_to_collection": lambda: ("mine", 1),
    "tg.add_to_collections": lambda: (["mine"], 1),
    "tg.case": lambda: ([(tg.constant(True), lambda: x(2))], lambda: x(2), False, False, "case"),
    "tg.as_dtype": lambda: ("float32",),
    "tg.assign": lambda: (w(), [3.0, 4.0], None, None, "assign"),
    "tg.assign_add": lambda: (w(), [3.0, 4.0], None, "assign"),
    "tg.assign_sub": lambda: (w(), [3.0, 4.0], None, "assign"),
    "tg.composite": lambda: ("FuzzOp", lambda x: x * 2.0, lambda g, y, x: g * 2.0),
    "tg.constant": lambda: ([1.0, 2.0], tg.float32, [3], "c", False),
    "tg.control_dependencies": lambda: ([tg.no_op()],),
    "tg.elementwise": lambda: ("FuzzOp", np.tanh, lambda g, y, x: g),
    "tg.convert_to_tensor": lambda: ([1.0, 2.0], tg.float32, "c", None),
    "tg.floor_div": lambda: (x(2), x(2), "div"),
    "tg.get_collection": lambda: ("mine", None),
    "tg.get_collection_ref": lambda: ("mine",),
    "tg.get_local_variable": lambda: ("v", [2]),
    "tg.get_variable": lambda: ("v", [2], tg.float32, tg.zeros_initializer(), None, True),
    "tg.global_variables": lambda: ("w",),
    "tg.gradients": lambda: (x(2) * 2.0, [x(2)], None, "gradients"),
    "tg.group": lambda: (x(2), tg.no_op()),
    "tg.local_variables": lambda: ("w",),
    "tg.multiply_no_nan": lambda: (x(2), x(2), "mul"),
    "tg.name_scope": lambda: ("scope", "default", [x(2)]),
    "tg.no_op": lambda: ("nothing",),
    "tg.placeholder": lambda: (tg.float32, [None, 2], "x"),
    "tg.py_func": lambda: (lambda a: a * a, [x(2)], tg.float32, True, "func"),
    "tg.random_shuffle": lambda: (x(3), 1, "shuffle"),
    "tg.reduce_euclidean_norm": lambda: (x(2, 3), 1, True, "norm"),
    "tg.reduction": lambda: ("FuzzOp", lambda x, axis=None, keepdims=False, out=None: x, None),
    "tg.scatter_add": lambda: (w(), [1, 0], [3.0, 4.0], False, "scatter"),
    "tg.scatter_sub": lambda: (w(), [1], [3.0], False, "scatter"),
    "tg.scatter_update": lambda: (w(), [1], 3.0, True, "scatter"),
    "tg.set_random_seed": lambda: (1,),
    "tg.sigmoid": lambda: (x(2), "sigmoid"),
    "tg.trainable_variables": lambda: ("w",),
    "tg.tuple": lambda: ([x(2), x(3)], "tuple", [tg.no_op()]),
    "tg.variable_scope": lambda: ("scope", None, None, tg.zeros_initializer()),
    "tg.variables_initializer": lambda: ([w()], "init"),
    "tg.constant_initializer": lambda: (1.0, tg.float32, False),
    "tg.glorot_normal_initializer": lambda: (1, tg.float32),
    "tg.glorot_uniform_initializer": lambda: (1, tg.float32),
    "tg.ones_initializer": lambda: (tg.float32,),
    "tg.orthogonal_initializer": lambda: (1.0, 1, tg.float32),
    "tg.random_normal_initializer": lambda: (0.0, 1.0, 1, tg.float32),
    "tg.random_uniform_initializer": lambda: (0.0, 1.0, 1, tg.float32),
    "tg.truncated_normal_initializer": lambda: (0.0, 1.0, 1, tg.float32),
    "tg.uniform_unit_scaling_initializer": lambda: (1.0, 1, tg.float32),
    "tg.variance_scaling_initializer": lambda: (1.0, "fan_in", "normal", 1, tg.float32),
    "tg.zeros_initializer": lambda: (tg.float32,),
    "tg.initializers.Initializer": lambda: (tg.float32,),
    "tg.initializers.he_normal": lambda: (1,),
    "tg.initializers.he_uniform": lambda: (1,),
    "tg.initializers.lecun_normal": lambda: (1,),
    "tg.initializers.lecun_uniform": lambda: (1,),
    "tg.initializers.identity": lambda: (1.0, tg.float32),
    "tg.nn.embedding_lookup": lambda: (x(4, 2), [0, 1], "mod", "lookup"),
    "tg.train.AdadeltaOptimizer": lambda: (0.1, 0.9, 1e-8, False, "A"),
    "tg.train.AdagradOptimizer": lambda: (0.1, 0.1, False, "A"),
    "tg.train.AdamOptimizer": lambda: (0.1, 0.9, 0.99, 1e-8, False, "A"),
    "tg.train.CheckpointReader": lambda: (saved(),),
    "tg.train.CheckpointState": lambda: ("m-1", ["m-1"], [1.0], 2.0),
    "tg.train.Saver": lambda: ([w()], False, False, 5, 10000.0, "saver", False, None, None, False),
    "tg.train.checkpoint_exists": lambda: (saved(),),
    "tg.train.get_checkpoint_mtimes": lambda: ([saved()],),
    "tg.train.get_checkpoint_state": lambda: (path() + "-checkpoints", "checkpoint"),
    "tg.train.init_from_checkpoint": lambda: (saved(), {"w": w()}),
    "tg.train.latest_checkpoint": lambda: (path() + "-checkpoints", "checkpoint"),
    "tg.train.list_variables": lambda: (saved(),),
    "tg.train.load_checkpoint": lambda: (saved(),),
    "tg.train.load_variable": lambda: (saved(), "w"),
    "tg.train.remove_checkpoint": lambda: (path(), 2, "meta"),
    "tg.train.update_checkpoint_state": lambda: (tempfile.gettempdir(), path(), [path()], "told"),
    "tg.train.ExponentialMovingAverage": lambda: (0.9, None, False, "EMA"),
    "tg.train.FtrlOptimizer": lambda: (0.1, -0.5, 0.1, 0.0, 0.0, False, "A"),
    "tg.train.GradientDescentOptimizer": lambda: (0.1, False, "A"),
    "tg.train.MomentumOptimizer": lambda: (0.1, 0.9, False, "A", True),
    "tg.train.Optimizer": lambda: (False, "A"),
    "tg.train.RMSPropOptimizer": lambda: (0.1, 0.9, 0.1, 1e-8, False, True, "A"),
    "tg.train.assert_global_step": lambda: (step(),),
    "tg.train.cosine_decay": lambda: (0.1, step(), 10, 0.1, "decay"),
    "tg.train.create_global_step": lambda: (tg.get_default_graph(),),
    "tg.train.exponential_decay": lambda: (0.1, step(), 10, 0.9, True, "decay"),
    "tg.train.get_global_step": lambda: (tg.get_default_graph(),),
    "tg.train.get_or_create_global_step": lambda: (tg.get_default_graph(),),
    "tg.train.inverse_time_decay": lambda: (0.1, step(), 10, 0.9, True, "decay"),
    "tg.train.natural_exp_decay": lambda: (0.1, step(), 10, 0.9, True, "decay"),
    "tg.train.piecewise_constant": lambda: (step(), [1, 2], [0.1, 0.2, 0.3], "decay"),
    "tg.train.polynomial_decay": lambda: (0.1, step(), 10, 0.01, 1.0, True, "decay"),
    "tg.train.global_step": lambda: _counted(),
    "tg.testing.check_grads": lambda: (lambda a: a * a, [np.ones(2)], 1),
    "tg.testing.compute_gradient": lambda: _two(lambda a, b: (a, [2], b, [2], np.ones(2))),
    "tg.testing.compute_gradient_error": lambda: _two(lambda a, b: (a, [2], b, [2])),
    "tg.testing.numeric_gradient": lambda: (lambda a: a * a, [np.ones(2)], None),
    "tg.testing.numeric_jacobian": lambda: (lambda a: a * a, [np.ones(2)]),
    "tg.timeline.Timeline": lambda: (_traced().step_stats,),
    "tg.viz.Picture": lambda: ("digraph {}", 1, 1),
    "tg.viz.count_parameters": lambda: ([w()],),
    "tg.viz.summary": lambda: (graph(),),
    "tg.viz.to_dot": lambda: (graph(),),
    "tg.viz.plots.autoencoders": lambda: (variants(), 4, "title", "nats"),
    "tg.viz.plots.curves": lambda: (runs(), "title", "loss", "step"),
    "tg.viz.plots.filters": lambda: (np.ones((784, 4)), 4, "title"),
    "tg.viz.plots.reconstructions": lambda: ({"a": np.ones((4, 784))}, 4, "title"),
    "tg.viz.plots.save": lambda: (tg.viz.plots.filters(np.ones((784, 1))), path() + ".svg"),
    "tg.datasets.mnist.batches": lambda: (np.ones((4, 2)), np.arange(4), 2, 2, 0),
    "tg.datasets.mnist.load": lambda: ("test", tg.datasets.mnist.SAMPLE),
    "tg.datasets.mnist.one_hot": lambda: ([1, 2], 3),
    "tg.datasets.mnist.source": lambda: (tg.datasets.mnist.SAMPLE,),
    "tg.datasets.idx.gunzip": lambda: (b"", 10, path()),
    "tg.datasets.idx.read_idx": lambda: (tg.datasets.mnist.SAMPLE, 2),
}


BY_KEY: dict[str, dict] = {
    "tg.ConfigProto": {"intra_op_parallelism_threads": 1, "allow_soft_placement": True},
    "tg.GPUOptions": {"allow_growth": True, "per_process_gpu_memory_fraction": 0.5},
    "tg.GraphOptions": {"build_cost_model": 1},
    "tg.OptimizerOptions": {"global_jit_level": 1},
}


def _two(arguments: Callable) -> tuple:
    """Arguments made of x and x * x, with a session for what looks for one."""
    tg.add_to_collection("kept", tg.Session().__enter__())
    a = tg.placeholder(tg.float64, [2])
    return arguments(a, a * a)


def _counted() -> tuple:
    counter = step()
    return session(), counter


def _traced() -> tg.RunMetadata:
    metadata = tg.RunMetadata()
    tg.Session().run(x(2) * 2.0, options=tg.RunOptions(3), run_metadata=metadata)
    return metadata


# ---------------------------------------------------------------- methods


def session() -> tg.Session:
    sess = tg.Session()
    sess.run(tg.global_variables_initializer())
    return sess


def optimizer(kind: Callable = tg.train.AdamOptimizer) -> Any:
    return kind(0.1)


def _callable(self: tg.Session, fetches: Any, feed_list: Any, *values: Any) -> Any:
    return self.make_callable(fetches, feed_list)(*values)


def _fed() -> tuple:
    a = tg.placeholder(tg.float32, [2], name="a")
    return {"y": a * 2.0, "more": [a, tg.no_op()]}, {a: [1.0, 2.0]}


def _listed() -> tuple:
    a = tg.placeholder(tg.float32, [2], name="a")
    return a * 2.0, [a], [1.0, 2.0]


def _loss() -> tuple:
    v = w()
    return tg.reduce_sum(v * v), step(), [v]


def _pairs() -> tuple:
    v = w()
    return [(x(2), v)], step(), "train"


def _reused() -> tg.VariableScope:
    with tg.variable_scope("scope") as scope:
        return scope


def _owned(make: Callable, /, **methods: Callable) -> dict[str, tuple[Callable, Callable]]:
    return {name: (make, arguments) for name, arguments in methods.items()}


NONE = tuple
METHODS: dict[str, dict[str, tuple[Callable, Callable]]] = {
    "Graph": _owned(
        graph, add_to_collection=lambda: ("mine", 1), add_to_collections=lambda: (["mine"], 1),
        as_default=NONE, as_graph_element=lambda: ("c:0", True, True), finalize=NONE,
        clear_collection=lambda: ("mine",), control_dependencies=lambda: ([tg.no_op()],),
        get_all_collection_keys=NONE, get_collection=lambda: ("mine", "a"), get_name_scope=NONE,
        get_collection_ref=lambda: ("mine",), get_operation_by_name=lambda: ("c",),
        get_operations=NONE, get_tensor_by_name=lambda: ("c:0",), name_scope=lambda: ("scope",),
        prevent_feeding=lambda: (x(2),), is_feedable=lambda: (x(2),), gradient_of=lambda: (x(2),),
        unique_name=lambda: ("c", True),
    ),
    "Session": _owned(
        session, run=_fed, source=_fed, profile=lambda: (*_fed(), ), as_default=NONE, close=NONE,
        make_callable=_listed,
        export=lambda: (*_listed()[:2], path().replace("-", "_") + ".py"),
    ),
    "Tensor": _owned(
        lambda: x(2, 3), eval=lambda: ({x(2): [1.0, 2.0]}, session()), get_shape=NONE,
        set_shape=lambda: ([2, None],),
    ),
    "Operation": _owned(
        lambda: tg.concat([x(2), x(3)], 0).op, get_attr=lambda: ("axis",),
        run=lambda: ({x(2): [1.0, 2.0]}, session()),
    ),
    "Variable": _owned(
        w, assign=lambda: ([3.0, 4.0], None, "assign", True), read_value=NONE, value=NONE,
        assign_add=lambda: ([3.0, 4.0], None, "assign", True), initialized_value=NONE,
        assign_sub=lambda: ([3.0, 4.0], None, "assign", True),
        load=lambda: ([3.0, 4.0], session()),
        scatter_add=lambda: (tg.IndexedSlices([3.0], [1]), False, "scatter"),
        scatter_sub=lambda: (tg.IndexedSlices([3.0], [1]), False, "scatter"),
        scatter_update=lambda: (tg.IndexedSlices([3.0], [1]), False, "scatter"),
    ),
    "CheckpointReader": _owned(
        lambda: tg.train.load_checkpoint(saved()), has_tensor=lambda: ("w",), debug_string=NONE,
        get_tensor=lambda: ("w",), get_variable_to_shape_map=NONE, get_variable_to_dtype_map=NONE,
    ),
    "Saver": _owned(
        lambda: tg.train.Saver([w()]), build=NONE, restore=lambda: (session(), saved()),
        save=lambda: (session(), path() + "-saves/m", 1, "told", "meta", True, True),
        recover_last_checkpoints=lambda: ([saved()],), set_last_checkpoints=lambda: ([saved()],),
        set_last_checkpoints_with_time=lambda: ([(saved(), 1.0)],),
    ),
    "TensorShape": _owned(
        lambda: tg.TensorShape([2, None]), as_list=NONE, concatenate=lambda: ([2],),
        assert_is_compatible_with=lambda: ([2, 3],), is_compatible_with=lambda: ([2, 3],),
        is_fully_defined=NONE, merge_with=lambda: ([2, 3],), num_elements=NONE,
        with_rank=lambda: (2,), __getitem__=lambda: (0,), __eq__=lambda: ([2, 3],),
    ),
    "VariableScope": _owned(
        _reused, reuse_variables=NONE, global_variables=NONE, trainable_variables=NONE,
    ),
    "Optimizer": _owned(
        optimizer, minimize=_loss, compute_gradients=lambda: (_loss()[0], [w()]),
        apply_gradients=_pairs, get_name=NONE, get_slot=lambda: (w(), "m"), get_slot_names=NONE,
        variables=NONE,
    ),
    "ExponentialMovingAverage": _owned(
        lambda: tg.train.ExponentialMovingAverage(0.9), apply=lambda: ([w()],),
        average=lambda: (w(),), average_name=lambda: (w(),),
        variables_to_restore=lambda: ([w()],),
    ),
    "Initializer": _owned(
        lambda: tg.zeros_initializer(), __call__=lambda: ([2, 3], tg.float32, None),
        make=lambda: ([2, 3], tg.float32),
        part=lambda: ([2, 3], tg.float32, types.SimpleNamespace(full_shape=[2, 3])),
    ),
    "Picture": _owned(lambda: tg.viz.to_dot(graph()), render=lambda: (path() + ".dot",)),
    "Timeline": _owned(
        lambda: tg.timeline.Timeline(_traced().step_stats), generate_chrome_trace_format=NONE
    ),
}

OPERATORS = [getattr(operator, name) for name in (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "lt", "le", "gt", "ge",
    "and_", "or_", "xor", "eq", "ne", "getitem",
)]
INITIALIZERS = [
    "zeros", "ones", "constant", "random_normal", "random_uniform", "truncated_normal",
    "uniform_unit_scaling", "variance_scaling", "glorot_normal", "glorot_uniform", "orthogonal",
]
OPTIMIZERS = ["Adadelta", "Adagrad", "Adam", "Ftrl", "GradientDescent", "RMSProp"]


def _method(label: str, make: Callable, name: str, arguments: Callable) -> Call:
    def bound() -> tuple[Callable, list, dict]:
        owner = make()
        args = list(arguments())
        if name == "make_callable":
            return functools.partial(_callable, owner), args, {}
        return getattr(owner, name), args, {}

    return Call(f"{label}.{name}", bound)


def _operator(function: Callable, left: Callable, right: Callable) -> Call:
    return Call(f"operator.{function.__name__}", lambda: (function, [left(), right()], {}))


@functools.cache
def every_call() -> dict[str, list[Call]]:
    """The valid calls by the name of what they call."""
    public, calls = public_names(), {}
    for name, examples in recorded().items():
        calls[name] = [
            Call(name, functools.partial(_replay, public[name], args, kwargs, kind))
            for args, kwargs in examples for kind in range(4)
        ]
    for name, arguments in BY_HAND.items():
        made = Call(name, functools.partial(_by_hand, public[name], arguments))
        calls.setdefault(name, []).extend([made] * 4)
    for name, arguments in BY_KEY.items():
        calls[name] = [Call(name, functools.partial(_by_key, public[name], arguments))]
    for owner, methods in METHODS.items():
        for method, (make, arguments) in methods.items():
            calls[f"{owner}.{method}"] = [_method(owner, make, method, arguments)] * 4
    for kind in INITIALIZERS:
        make = getattr(tg, f"{kind}_initializer")
        calls[f"{kind}_initializer()"] = [
            _method(kind, make, "__call__", lambda: ([3, 2], tg.float32, None))
        ]
    for kind in OPTIMIZERS:
        make = functools.partial(optimizer, getattr(tg.train, f"{kind}Optimizer"))
        calls[f"{kind}Optimizer.minimize"] = [_method(kind, make, "minimize", _loss)] * 2
    for function in OPERATORS:
        index = function is operator.getitem
        calls[f"operator.{function.__name__}"] = [
            _operator(function, lambda: x(2, 2), lambda index=index: 1 if index else x(2, 2)),
            _operator(function, lambda: tg.constant([1, 2]), lambda: 1),
            _operator(function, lambda: tg.constant([True, False]), lambda: 1),
            _operator(function, lambda: tg.Dimension(3), lambda: 1),
            _operator(function, w, lambda index=index: 1 if index else [1.0, 2.0]),
        ]
    return calls


def _replay(function: Callable, args: list, kwargs: dict, kind: int) -> tuple[Callable, list, dict]:
    values = {key: thawed(value, kind) for key, value in kwargs.items()}
    return function, [thawed(value, kind) for value in args], values


def _by_hand(function: Callable, arguments: Callable) -> tuple[Callable, list, dict]:
    return function, list(arguments()), {}


def _by_key(function: Callable, arguments: dict) -> tuple[Callable, list, dict]:
    return function, [], dict(arguments)


def without_a_call() -> Iterator[str]:
    """Public callables that no valid call is known of: there must be none."""
    calls = every_call()
    for name, item in public_names().items():
        is_error = isinstance(item, type) and issubclass(item, BaseException)
        if name not in calls and name not in LEFT_OUT and not is_error:
            if isinstance(item, tg.Op) or inspect.signature(item).parameters:
                yield name
    for name, item in public_names().items():
        if isinstance(item, type) and item.__name__ in METHODS:
            known = {*METHODS[item.__name__], *METHODS["Tensor"], *UNCHECKED}
            for method in dir(item):
                if callable(getattr(item, method)) and method[0] != "_" and method not in known:
                    yield f"{name}.{method}"
