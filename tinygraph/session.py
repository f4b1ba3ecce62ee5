"""Session: checks feeds, compiles fetches, keeps the values of variables."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygraph.arguments import expect, flag, sequence
from tinygraph.arrays import to_array
from tinygraph.compiler.passes import OPTIONAL_PASSES, PASSES, PURE_PASSES
from tinygraph.compiler.plan import Plan, compile_plan
from tinygraph.compiler.program import Program
from tinygraph.compiler.rewrite import lower
from tinygraph.compiler.threads import Threads
from tinygraph.defaults import get_default_graph
from tinygraph.errors import (
    DTypeError, FailedPreconditionError, GraphError, GraphGrowthWarning, InvalidArgumentError,
    NotFoundError, ShapeError, TinygraphError,
)
from tinygraph.fetches import REBOUND, Fetched, bad_fetch, filled, nothing
from tinygraph.graph import Graph, Node, Operation
from tinygraph.node import CompositeTensor, ancestors, stacks
from tinygraph.interrupts import Block, block
from tinygraph.compiler.loops import numba
from tinygraph.origin import close_names, fetch_paths, warn
from tinygraph.spec import Shape, Spec
from tinygraph.typing import FeedDict, Fetches, PathLike
from tinygraph.values import SessionState, Variables, set_state, state_of

if TYPE_CHECKING:  # what only some programs use is imported when they do
    from tinygraph.compiler.profile import Profile, Recording
    from tinygraph.config import ConfigProto
    from tinygraph.timeline import RunMetadata, RunOptions

PLANS_KEPT = 64  # at most, the latest used
BYTES_KEPT = 256 * 2**20  # of all plans' buffers and constants together,
LATEST_KEPT = 4  # but so many of any size: to train, to evaluate, to predict ...
CLOSED = "Attempted to use a closed Session."
NESTED = (
    "a run within a run of the same Session, in one thread: the inner one would overwrite what the "
    "outer one has computed so far. Use another Session in kernels, callbacks and signal handlers, "
    "or let them set a flag, and run when the outer run is done."
)
GROWTH_TOLERATED = 16  # runs in a row before which one line had added nodes


class Session:
    """Runs a graph; TF: `tf.Session`.

    >>> a = tg.placeholder(tg.float32, name="a")
    >>> with tg.Session() as sess:
    ...     print(sess.run(a * 2.0 + 1.0, feed_dict={a: [1.0, 2.0]}))
    [3. 5.]

    Parameters
    ----------
    target
        Accepted for TF1 programs; nothing here needs it.
    graph
        The graph to run; the default graph if None.
    config
        A `tg.ConfigProto`, of which `intra_op_parallelism_threads` counts, unless it is 0.
    passes
        The compiler's optimisations, by name: `Session.PASSES`, of which some can be left out, as
        in `Session.PASSES - {"fuse"}`, or `Session.PASSES | {"loops"}`, for loops that numba
        compiles. Results differ by rounding at most. GraphError for other names,
        MissingPackageError for "loops" without numba.
    threads
        How many threads BLAS takes for products in this session's runs, as far as NumPy's BLAS is
        OpenBLAS. If None, programs whose products are too small to gain from several take one, and
        others the process's number (`OPENBLAS_NUM_THREADS`, or the number of cores); `source` shows
        which. The process's number is put back after each run. While another of Python's threads
        is in a run, also of another session, both have the number of the run that began last.
    """

    PASSES = PASSES

    def __init__(self, target: str = "", graph: Graph | None = None,
                 config: ConfigProto | None = None, *, passes: Iterable[str] = PASSES,
                 threads: int | None = None):
        if not isinstance(target, str):
            raise DTypeError(f"target must be a string, not {target!r}; did you mean graph=?")
        if graph is not None and not isinstance(graph, Graph):
            raise DTypeError(f"graph must be a tg.Graph, not {graph!r}")
        self.graph = graph or get_default_graph()
        self.passes = _checked(passes)
        self._threads = Threads(threads, config)
        self._variables = Variables()
        self._plans: OrderedDict[tuple, Plan] = OrderedDict()
        self._orders: dict[tuple, tuple] = {}  # fetches and feeds in any order -> a plan's key
        self._lock = threading.RLock()
        self._is_held = self._lock._is_owned  # type: ignore[attr-defined]  # by this thread
        self._blocks: list[Block] = []  # as which the session was entered
        self._closed = False
        self._graph_size = len(self.graph.nodes)
        self._growths, self._grown_at, self._warned = 0, "", False

    def __reduce__(self):
        raise DTypeError(
            "a Session belongs to its process and can be neither pickled nor copied; pickle its "
            "graph and its `state`"
        )

    # ---------------------------------------------------------------- running

    def run(self, fetches: Fetches, feed_dict: FeedDict = None, options: RunOptions | None = None,
            run_metadata: RunMetadata | None = None) -> Any:
        """Compute `fetches` and return them in the structure they were given in.

        Parameters
        ----------
        fetches
            A node, an operation (fetched as None), a name, or lists, tuples, dicts and
            namedtuples of these.
        feed_dict
            Any tensor, or its name ("x:0"), -> the value it shall have in this run.
        options, run_metadata
            With `tg.RunOptions(trace_level=tg.RunOptions.FULL_TRACE)` the run is profiled, and
            the `tg.RunMetadata` holds the profile.

        Raises
        ------
        InvalidArgumentError
            an unfed placeholder; a value that an op cannot take.
        FailedPreconditionError
            an uninitialised variable; a run within a run of the same session, in one thread.
        ShapeError, DTypeError
            a feed that does not fit (a ValueError, a TypeError).
        """
        fetched = Fetched()
        structure = self._flatten(fetches, fetched, fetches)
        feeds = {} if feed_dict is None else self._feeds(feed_dict)
        key = (
            *fetched.tensors, None, *fetched.targets, None,
            *[(node, array.shape) for node, array in feeds.items()],
        )
        if self._is_held():
            self._check_nesting()
        with self._lock:
            if self._closed:
                raise FailedPreconditionError(CLOSED)
            plan = self._plans.get(key)
            if plan is None:
                plan, feeds = self._planned(key, fetched, feeds, fetches)
            else:
                self._plans.move_to_end(key)
            if options is None and run_metadata is None:
                values = plan(self._variables, *feeds.values())
            else:
                from tinygraph.timeline import traced

                values = traced(plan, self._variables, feeds.values(), options, run_metadata)
        return values[0] if structure is None else structure(iter(values))

    def _check_nesting(self) -> None:
        """Raise within a run of this session; free the lock if an interrupted one has left it."""
        frame = sys._getframe(2)
        while frame is not None:
            if frame.f_code in HOLDERS and frame.f_locals.get("self") is self:
                if HOLDERS[frame.f_code]:
                    raise FailedPreconditionError(NESTED)
                return
            frame = frame.f_back  # type: ignore[assignment]
        while self._is_held():
            self._lock.release()

    def source(self, fetches: Fetches, feed_dict: FeedDict = None,
               functional: bool = False) -> str:
        """The program that `run` executes for these fetches and feeds.

        With `functional=True` it is the same as a pure function, in which nothing is overwritten:
        from variables, random positions and feeds to results, new variables and new positions. The
        passes that know of memory are left out of it, which changes rounding at most.

        >>> x = tg.placeholder(tg.float32, [None], name="x")
        >>> print(tg.Session().source(tg.tanh(x), {x: np.zeros(3)}))
        def step(variables, x):
            r0 = np.empty((3,), np.float32)
            np.tanh(x, out=r0)  # Tanh    float32[3]
            return (r0,)
        <BLANKLINE>
        >>> print(tg.Session().source(tg.exp(x), {x: np.zeros(3)}, functional=True))
        def step(variables, positions, x):
            t0 = np.exp(x)  # Exp    float32[3]
            return (t0,), {}, {}
        <BLANKLINE>
        """
        self._check_open()
        fetched = Fetched()
        self._flatten(fetches, fetched, fetches)
        feeds = {} if feed_dict is None else self._feeds(feed_dict)
        if flag(functional, "functional"):
            from tinygraph.compiler.functional import Functional

            return Functional(self._pure(fetched, feeds, fetches)).source
        return self._plan(fetched, feeds, fetches).source

    def export(self, fetches: Fetches, feeds: Iterable | Mapping, path: PathLike) -> None:
        """Write what computes `fetches` as a Python module that needs only NumPy.

        Beside it, in a file of the same name that ends with ".npz", are the values that variables
        have now. The module has the program as a pure function, `step`, and `run`, which takes
        values for the feeds, in order, and returns what `Session.run` does, but for rounding: the
        same lists, tuples and dicts of arrays, None for an operation, for IndexedSlices an
        IndexedSlicesValue of the module's own; for a namedtuple a plain tuple, and so for other
        classes. It is for the shapes of the feeds and no others. A random stream in it goes on
        from where it is.

        >>> import tempfile, runpy
        >>> x = tg.placeholder(tg.float32, [3], name="x")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tg.Session().export(2.0 * x + 1.0, [x], f"{folder}/double.py")
        ...     run = runpy.run_path(f"{folder}/double.py")["run"]
        >>> run([1.0, 2.0, 3.0])
        array([3., 5., 7.], dtype=float32)

        Parameters
        ----------
        fetches
            As for `run`.
        feeds
            Tensors of known shape; or a dict, as `feed_dict`, of examples that have the shapes.
        path
            Where the module goes, such as "model.py". Both files are replaced as wholes.

        Raises
        ------
        InvalidArgumentError
            for a program that plain NumPy does not do, such as one with a kernel of yours: the
            error names each such op and where it was made; for a feed of unknown shape; for a path
            that is no module's, or that of one of Python's or NumPy; for an unfed placeholder.
        FailedPreconditionError
            where a variable has no value yet.
        NotFoundError, PermissionDeniedError, FileError
            what the operating system says.
        """
        from tinygraph.export import examples, export

        fetched = Fetched()
        structure = self._flatten(fetches, fetched, fetches)
        if isinstance(feeds, Mapping):
            fed = self._feeds(feeds)
        else:
            fed = examples(self._node(item, "feed") for item in sequence(feeds, "feeds"))
        export(self._pure(fetched, fed, fetches), path, self.state, structure)

    def profile(self, fetches: Fetches, feed_dict: FeedDict = None, *, runs: int = 10) -> Profile:
        """Run `fetches` with a clock around each line of the program: where does the time go?

        These are runs as `run` does them, but for their results: variables are updated, and a
        training step profiled in 10 runs has trained 10 steps. The `Profile` is of the fastest
        run; the first has to compile the program, and any may be disturbed.

        >>> x = tg.placeholder(tg.float32, [None, 3], name="x")
        >>> profile = tg.Session().profile(tg.exp(x), {x: np.zeros((100, 3))})
        >>> [(row.node, row.bytes) for row in profile.rows]
        [('Exp', 1200)]

        Raises
        ------
        InvalidArgumentError
            for less than one run; and what `run` raises.
        """
        if not isinstance(runs, int | np.integer) or not 1 <= runs <= 1_000_000:
            raise InvalidArgumentError(f"at least one run is profiled, at most 1e6: {runs!r}")
        from tinygraph.compiler.profile import Profile

        recordings = (self._recorded(fetches, feed_dict) for _ in range(runs))
        return Profile(min(recordings, key=lambda found: found.stop - found.start), runs)

    def _recorded(self, fetches: Any, feed_dict: FeedDict) -> Recording:
        from tinygraph.timeline import RunMetadata, RunOptions

        options, metadata = RunOptions(trace_level=RunOptions.FULL_TRACE), RunMetadata()
        self._check_nesting()
        with self._lock:  # taken before the clock starts, so that no waiting counts
            start = perf_counter_ns()
            self.run(fetches, feed_dict, options, metadata)
            stop = perf_counter_ns()
        assert metadata.recording is not None
        return metadata.recording._replace(start=start, stop=stop)

    def make_callable(self, fetches: Fetches, feed_list: list | None = None) -> Callable:
        """A function of the values of `feed_list` that runs `fetches` (TF: same name).

        >>> a, b = tg.placeholder(tg.float32), tg.placeholder(tg.float32)
        >>> add = tg.Session().make_callable(a + b, [a, b])
        >>> print(add(1.0, 2.0))
        3.0
        """
        items = () if feed_list is None else sequence(feed_list, "feed_list")
        nodes = [self._node(item, "feed") for item in items]

        def call(*values: Any):
            if len(values) != len(nodes):
                raise DTypeError(f"the callable takes {len(nodes)} values, not {len(values)}")
            return self.run(fetches, dict(zip(nodes, values, strict=True)))

        return call

    # ---------------------------------------------------------------- fetches

    def _flatten(self, fetch: Any, fetched: Fetched, whole: Any, deep: int = 64) -> Callable | None:
        """Collect the nodes in `fetch`; return what rebuilds it from values, None for a tensor."""
        if isinstance(fetch, Node):
            if fetch.graph is not self.graph:
                self._node(fetch, "fetch")
            fetched.tensors.append(fetch)
            return None
        if isinstance(fetch, Operation | str):
            node = self._node(fetch, "fetch")
            if isinstance(fetch, str) and ":" in fetch:
                fetched.tensors.append(node)
                return None
            fetched.targets.append(node)
            return nothing
        if not deep:
            raise InvalidArgumentError("the lists of fetches are nested too deep")
        if isinstance(fetch, list | tuple):
            parts = [self._flatten(item, fetched, whole, deep - 1) or next for item in fetch]
            make = getattr(fetch, "_make", None) or type(fetch)
            return lambda values: make([part(values) for part in parts])
        if isinstance(fetch, Mapping):
            items = [(k, self._flatten(fetch[k], fetched, whole, deep - 1) or next) for k in fetch]
            return lambda values: filled(fetch, items, values)
        if isinstance(fetch, CompositeTensor):
            inner = [self._flatten(part, fetched, whole) or next for part in fetch.parts]
            return lambda values: fetch.value([part(values) for part in inner])
        raise DTypeError(bad_fetch(fetch, whole))

    def _node(self, item: Any, purpose: str) -> Node:
        """The node that a node, an operation or a name stands for."""
        try:
            found = self.graph.as_graph_element(item)
        except TinygraphError as error:
            kind = DTypeError if purpose == "feed" else type(error)  # both as TF1
            kind = GraphError if kind is NotFoundError else kind
            hint = f". {REBOUND}" if isinstance(item, np.ndarray | np.generic | float | int) else ""
            raise kind(f"cannot {purpose} {item!r}: {error}{hint}") from None
        if not isinstance(found, Operation):
            return found
        if purpose == "feed":
            has_value = found.node.kind.role != "effect"
            hint = f"; its tensor is '{found.node.name}'" if has_value else ""
            raise DTypeError(
                f"cannot feed {item!r}: it is an operation or the name of one, which has no "
                f"value{hint}"
            )
        return found.node

    def _roots(self, fetch: Any) -> list[Node]:
        """The nodes that one fetch of a structure needs."""
        parts = fetch.parts if isinstance(fetch, CompositeTensor) else [fetch]
        return [self._node(part, "fetch") for part in parts]

    # ---------------------------------------------------------------- feeds

    def _feeds(self, feed_dict: Mapping) -> dict[Node, np.ndarray]:
        if type(feed_dict) is not dict and not isinstance(feed_dict, Mapping):
            raise DTypeError(f"feed_dict is a dict of tensors and their values, not {feed_dict!r}")
        feeds: dict[Node, np.ndarray] = {}
        self._add_feeds(feeds, feed_dict.items())
        return feeds

    def _add_feeds(self, feeds: dict[Node, np.ndarray], pairs: Iterable[tuple[Any, Any]]) -> None:
        for key, value in pairs:
            is_ours = isinstance(key, Node) and key.graph is self.graph
            if not is_ours and isinstance(key, CompositeTensor):
                self._add_feeds(feeds, _pairs_of_composite(key, value))
                continue
            if not is_ours and isinstance(key, tuple):
                self._add_feeds(feeds, _pairs(key, value))
                continue
            node = key if is_ours else self._node(key, "feed")
            if node in feeds:
                raise GraphError(f"'{node.name}' is fed twice, under two keys")
            as_it_is = type(value) is np.ndarray and value.dtype is node.spec.dtype.numpy
            if not as_it_is or not value.flags.c_contiguous:
                value = self._converted(node, value)
            feeds[node] = value

    def _converted(self, node: Node, value: Any) -> np.ndarray:
        if isinstance(value, Node | Operation):
            raise DTypeError(
                f"the value fed for '{node.name}' is {value!r}, a part of the graph; feed Python "
                "numbers, lists or NumPy arrays (sess.run gives a tensor's value)"
            )
        try:
            return to_array(value, node.spec.dtype, by_value=True)
        except TinygraphError as error:
            raise type(error)(
                f"cannot feed '{node.name}' ({node.spec}, made at {node.where}): {error}"
            ) from None

    # ---------------------------------------------------------------- plans

    def _planned(
        self, key: tuple, fetched: Fetched, feeds: dict[Node, np.ndarray], fetches: Any
    ) -> tuple[Plan, dict[Node, np.ndarray]]:
        """A plan for what has none under `key`, and the feeds in its order.

        That of the same feeds in another order will do; else one is compiled.
        """
        first = len(key) - len(feeds)
        unordered = (*key[:first], frozenset(key[first:]))
        known = self._orders.get(unordered)
        if known is not None and known in self._plans:
            self._plans.move_to_end(known)
            return self._plans[known], {node: feeds[node] for node, _ in known[first:]}
        self._watch_growth()
        plan = self._plan(fetched, feeds, fetches)
        self._plans[key], self._orders[unordered] = plan, key
        self._evict()
        return plan, feeds

    def _evict(self) -> None:
        """Drop the plans that were not used for longest."""
        plans = self._plans
        size = sum(plan.bytes for plan in plans.values())
        while len(plans) > PLANS_KEPT or len(plans) > LATEST_KEPT and size > BYTES_KEPT:
            size -= plans.popitem(last=False)[1].bytes
        if len(self._orders) > len(plans):
            self._orders = {order: key for order, key in self._orders.items() if key in plans}

    def _plan(self, fetched: Fetched, feeds: dict[Node, np.ndarray], fetches: Any) -> Plan:
        specs = self._specs(fetched, feeds, fetches)
        begin, passes = self._variables.begin_stream, self.passes
        return compile_plan(
            fetched.tensors, fetched.targets, specs, begin, passes, self._threads
        )

    def _pure(self, fetched: Fetched, feeds: dict[Node, np.ndarray], fetches: Any) -> Program:
        """The program as a pure function, without the passes that know of memory."""
        specs = self._specs(fetched, feeds, fetches)
        lowered = partial(lower, passes=self.passes & PURE_PASSES)
        return self._threads.fixed(lowered)(fetched.tensors, fetched.targets, specs)

    def _specs(
        self, fetched: Fetched, feeds: dict[Node, np.ndarray], fetches: Any
    ) -> dict[Node, Spec]:
        """What a program is compiled for: the specs of what is fed, once that is all it needs."""
        for node, array in feeds.items():
            _check_fed(node, array)
            self.graph.built_with.check(node)
        needed = ancestors([*fetched.tensors, *fetched.targets], stop=feeds)
        unfed = [node for node in needed if node.kind.role == "feed" and node not in feeds]
        if unfed:
            raise self._unfed(unfed, fetches, feeds)
        return {node: Spec(Shape.of(a.shape), node.spec.dtype) for node, a in feeds.items()}

    def _watch_growth(self) -> None:
        """Warn, once, when one line keeps adding nodes between runs: a loop that builds."""
        size = len(self.graph.nodes)
        if not self._plans or size <= self._graph_size:
            self._graph_size = size
            return
        self._graph_size = size
        newest = self.graph.nodes[-1]
        self._growths = self._growths + 1 if newest.where == self._grown_at else 1
        self._grown_at = newest.where
        if self._growths == GROWTH_TOLERATED and not self._warned:
            self._warned = True
            warn(
                f"the graph grew between each of {GROWTH_TOLERATED} runs, each of which had to be "
                f"compiled anew; the newest node, '{newest.op_name}', was made at {newest.where}. "
                "Build the graph before the loop; graph.finalize() finds what adds to it",
                GraphGrowthWarning,
            )

    def _unfed(self, unfed: list[Node], fetches: Any, feeds: dict) -> InvalidArgumentError:
        """The error that names all placeholders without a value, and which fetch needs each."""
        needs = [
            (path, set(ancestors(self._roots(fetch), feeds)))
            for path, fetch in fetch_paths(fetches)
        ]
        fed = [node.name for node in feeds]
        lines = [f"You must feed a value for placeholder tensor{'s' * (len(unfed) > 1)}"]
        for node in unfed:
            paths = ", ".join(path for path, needed in needs if node in needed)
            lines.append(f"  '{node.name}' ({node.spec}, made at {node.where}), for {paths}")
            for name in close_names(node.name, fed, 1):
                lines.append(f"    a tensor of a close name, '{name}', is fed")
        lines.append(f"  fed: {', '.join(map(repr, fed)) or 'nothing'}")
        return InvalidArgumentError("\n".join(lines), unfed[0])

    # ---------------------------------------------------------------- life

    def as_default(self) -> Block:
        """Make this the default session, for `eval` and `run`, within a `with` block."""
        return stacks.sessions.pushed(self)

    def __enter__(self) -> Session:
        places = (stacks.graphs, self.graph, None), (stacks.sessions, self, None)
        stacks.graphs.current(), stacks.sessions.current()
        self._blocks.append(block(lambda: (self, places)))
        try:
            return self._blocks[-1].__enter__()
        except BaseException:  # Python 3.10 looks for signals after each call
            del self._blocks[-1]
            raise

    def __exit__(self, *exc_info: object) -> None:
        entered = self._blocks[-1]
        try:
            self.close()
        finally:
            del self._blocks[-1:]
            entered.release()

    def _load(self, variable: Any, value: Any) -> None:
        """Give a variable a value: `variable.load(value, session)`."""
        ((node, array),) = self._feeds({variable.initial_value: value}).items()
        _check_fed(node, array)
        self._check_nesting()
        with self._lock:
            self._check_open()
            self._variables.commit({variable.op_name: array.copy()})

    @property
    def state(self) -> SessionState:
        """All that the session keeps from run to run: variables and random streams, as a value.

        A session that is given the state of another one of the same graph, perhaps of another
        process, goes on as that one does, to the bit. A variable without a value is not in a state,
        and has none in the session that is given it. Each random op is, whether it has run or not:
        where nothing is seeded, its start is drawn when it first runs or a state is first taken.

        What was added to the graph since the state was taken is then as in a new session: variables
        have no value, random ops are at their start. So set the state first, then run the new
        variables' initializers. A state that does not fit changes nothing.

        >>> w = tg.Variable(1.0, name="w")
        >>> step = w.assign_add(tg.random_uniform([]))
        >>> one, other = tg.Session(), tg.Session()
        >>> _ = one.run(w.initializer), one.run(step)
        >>> other.state = one.state
        >>> other.run(step) == one.run(step)
        np.True_

        Raises
        ------
        InvalidArgumentError
            for a state that does not fit: unknown names, other shapes or dtypes, wrong positions.
            The error lists all of that.
        FailedPreconditionError
            within a run of this session, in one thread; and where the session is closed.
        """
        self._check_nesting()
        with self._lock:
            self._check_open()
            return state_of(self._variables, self.graph)

    @state.setter
    def state(self, state: SessionState) -> None:
        expect(state, SessionState, "a session's state", "a tg.SessionState")
        self._check_nesting()
        with self._lock:
            self._check_open()
            set_state(self._variables, state, self.graph)

    def _check_open(self) -> None:
        if self._closed:
            raise FailedPreconditionError(CLOSED)

    def close(self) -> None:
        """Free the plans and the variables' values; a closed session cannot run."""
        self._check_nesting()
        with self._lock:
            self._closed = True
            self._plans.clear()
            self._orders.clear()
            self._variables.clear()


HOLDERS = {
    Session.run.__code__: True,
    Session._load.__code__: True,
    Session.close.__code__: True,
    Session.state.fget.__code__: True,  # type: ignore[attr-defined]
    Session.state.fset.__code__: True,  # type: ignore[attr-defined]
    Session._recorded.__code__: False,  # which holds the lock around a run
}
"""The code that holds a session's lock, and whether no run may be within it."""


def _pairs(keys: tuple, values: Any) -> Iterable[tuple[Any, Any]]:
    """A tuple of tensors, which is one key of a feed_dict, with a tuple or list of their values."""
    if not isinstance(values, list | tuple) or len(values) != len(keys):
        raise GraphError(f"{len(keys)} tensors, {keys!r}, cannot be fed {values!r}")
    return zip(keys, values, strict=True)


def _pairs_of_composite(key: CompositeTensor, value: Any) -> list[tuple[Any, Any]]:
    """The parts that are to be fed: not those which are missing, or known to have that value.

    A dense_shape that is known cannot be fed, for the graph was built with it.
    """
    parts = key.parts
    if isinstance(value, tuple) and len(value) > len(parts) and value[-1] is None:
        value = value[: len(parts)]
    return [
        (x, part) for x, part in _pairs(parts, value)
        if x.spec.constant is None or part is not None and not np.array_equal(x.spec.constant, part)
    ]


def _check_fed(node: Node, array: np.ndarray) -> None:
    if node.kind.role == "effect":
        raise DTypeError(f"operation '{node.op_name}' has no value to be fed")
    if not node.spec.shape.is_compatible_with(array.shape):
        raise ShapeError(
            f"Cannot feed value of shape {array.shape} for Tensor '{node.name}', which has "
            f"shape '{node.spec.shape}' (made at {node.where})"
        )


def _checked(passes: Iterable[str]) -> frozenset[str]:
    known = ", ".join(sorted(PASSES | OPTIONAL_PASSES))
    if not isinstance(passes, set | frozenset | list | tuple):
        raise DTypeError(f"passes must be a set of names of {known}, not {passes!r}")
    unknown = [name for name in passes if name not in [*PASSES, *OPTIONAL_PASSES]]
    if unknown:
        raise GraphError(f"no passes are called {', '.join(map(str, unknown))}; there are {known}")
    found = frozenset(passes)
    if "loops" in found:
        numba()
    return found


class InteractiveSession(Session):
    """A Session that makes itself the default when created (TF: `tf.InteractiveSession`).

    >>> sess = tg.InteractiveSession()
    >>> print(tg.add(1.0, 2.0).eval())
    3.0
    >>> sess.close()
    """

    def __init__(self, target: str = "", graph: Graph | None = None,
                 config: ConfigProto | None = None, **options: Any):
        super().__init__(target, graph, config, **options)
        self._blocks.append(self.as_default())
        self._blocks[-1].__enter__()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._blocks.clear()  # a block that nothing holds any more is left
