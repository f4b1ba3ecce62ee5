"""Session: runs the plan of its fetches and feeds, and keeps the values of variables."""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygraph.arguments import expect, flag, sequence
from tinygraph.compiler.passes import PASSES, PURE_PASSES, check_passes
from tinygraph.compiler.plan import Plan, compile_plan
from tinygraph.compiler.program import Program
from tinygraph.compiler.lower import lower
from tinygraph.compiler.threads import Threads
from tinygraph.defaults import get_default_graph
from tinygraph.errors import DTypeError, FailedPreconditionError, InvalidArgumentError
from tinygraph.feeds import Feeds, check_fed, fed_specs, feeds_of
from tinygraph.fetches import Fetched, node_of
from tinygraph.graph import Graph
from tinygraph.interrupts import Block, block
from tinygraph.node import stacks
from tinygraph.plans import Plans
from tinygraph.typing import FeedDict, Fetches, PathLike
from tinygraph.values import SessionState, Variables, set_state, state_of

if TYPE_CHECKING:  # what only some programs use is imported when they do
    from tinygraph.compiler.clocked import Recording
    from tinygraph.compiler.profile import Profile
    from tinygraph.config import ConfigProto
    from tinygraph.timeline import RunMetadata, RunOptions

CLOSED = "Attempted to use a closed Session."
NESTED = (
    "a run within a run of the same Session, in one thread: the inner one would overwrite what the "
    "outer one has computed so far. Use another Session in kernels, callbacks and signal handlers, "
    "or let them set a flag, and run when the outer run is done."
)


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
        The names of the compiler's optimisations: `Session.PASSES`, or `PASSES - {"fuse"}`, or
        `PASSES | {"loops"}` for loops that numba compiles. Results differ by rounding at most.
        GraphError for other names, MissingPackageError for "loops" without numba.
    threads
        How many threads OpenBLAS, if NumPy has that, takes for products in this session's runs. If
        None, it is one for programs of small products, for others the process's number
        (`OPENBLAS_NUM_THREADS`, or the number of cores), which is put back after each run; `source`
        shows it. Two runs at the same time both have the number of the one that began last.
    """

    PASSES = PASSES

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: ConfigProto | None = None, *,
        passes: Iterable[str] = PASSES, threads: int | None = None,
    ):
        if not isinstance(target, str):
            raise DTypeError(f"target must be a string, not {target!r}; did you mean graph=?")
        if graph is not None and not isinstance(graph, Graph):
            raise DTypeError(f"graph must be a tg.Graph, not {graph!r}")
        self.graph = graph or get_default_graph()
        self.passes = check_passes(passes)
        self._threads = Threads(threads, config)
        self._variables = Variables()
        self._plans = Plans(self.graph)
        self._lock = _thread.RLock()
        self._is_held = self._lock._is_owned  # type: ignore[attr-defined]  # by this thread
        self._blocks: list[Block] = []  # as which the session was entered
        self._closed = False

    def __reduce__(self):
        words = "a Session belongs to its process and can be neither pickled nor copied"
        raise DTypeError(f"{words}; pickle its graph and its `state`")

    def run(
        self, fetches: Fetches, feed_dict: FeedDict = None, options: RunOptions | None = None,
        run_metadata: RunMetadata | None = None,
    ) -> Any:
        """Compute `fetches` and return their values, in lists, tuples and dicts like theirs.

        Parameters
        ----------
        fetches
            Nodes, operations (which give None) and names, in lists, tuples, dicts, namedtuples.
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
        fetched = Fetched(self.graph, fetches)
        feeds = {} if feed_dict is None else feeds_of(self.graph, feed_dict)
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
                compiled = partial(self._plan, fetched, feeds)
                plan, feeds = self._plans.planned(key, feeds, compiled)
            else:
                self._plans.move_to_end(key)
            if options is None and run_metadata is None:
                values = plan(self._variables, *feeds.values())
            else:
                from tinygraph.timeline import traced

                values = traced(plan, self._variables, feeds.values(), options, run_metadata)
        return values[0] if fetched.pack is next else fetched.pack(iter(values))

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

    def source(self, fetches: Fetches, feed_dict: FeedDict = None, functional: bool = False) -> str:
        """The program that `run` executes for these fetches and feeds.

        With `functional=True` it is the same as a pure function, from variables, random positions
        and feeds to results, new variables and positions. Nothing is overwritten in it, for passes
        that know of memory are left out, which changes rounding at most.

        >>> x = tg.placeholder(tg.float32, [None], name="x")
        >>> print(tg.Session().source(tg.tanh(x), {x: np.zeros(3)}))
        def step(variables, x):
            r0 = np.empty((3,), np.float32)
            np.tanh(x, out=r0)  # Tanh    float32[3]
            return (r0,)
        <BLANKLINE>
        """
        self._check_open()
        fetched = Fetched(self.graph, fetches)
        feeds = {} if feed_dict is None else feeds_of(self.graph, feed_dict)
        if flag(functional, "functional"):
            from tinygraph.compiler.functional import FunctionalSource

            return FunctionalSource(self._pure(fetched, feeds)).source
        return self._plan(fetched, feeds).source

    def export(self, fetches: Fetches, feeds: Iterable | Mapping, path: PathLike) -> None:
        """Write what computes `fetches` as a Python module that needs only NumPy.

        Beside it, in a file of the same name that ends with ".npz", are the values that variables
        have now. The module has the program as a pure function, `step`, and `run`, which takes
        values for the feeds, in order and of these shapes only, and returns what `Session.run`
        does, but for rounding: the same lists, tuples and dicts, None for an operation, an
        IndexedSlicesValue of the module's own for IndexedSlices, a plain tuple for a namedtuple.
        A random stream in it goes on from where it is.

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
            for ops that plain NumPy does not do, such as those with a kernel of yours, which the
            error names; a feed of unknown shape; a path that is no module's, or is that of one of
            Python's or NumPy; an unfed placeholder.
        FailedPreconditionError
            where a variable has no value yet.
        NotFoundError, PermissionDeniedError, FileError
            what the operating system says.
        """
        from tinygraph.export import examples, export

        fetched = Fetched(self.graph, fetches)
        if isinstance(feeds, Mapping):
            fed = feeds_of(self.graph, feeds)
        else:
            fed = examples(node_of(self.graph, x, "feed") for x in sequence(feeds, "feeds"))
        export(self._pure(fetched, fed), path, self.state, fetched.pack)

    def profile(self, fetches: Fetches, feed_dict: FeedDict = None, *, runs: int = 10) -> Profile:
        """Run `fetches` with a clock around each line of the program: where does the time go?

        A training step that is profiled in 10 runs has trained 10 steps. The `Profile` is of the
        fastest run: the first has to compile the program, and any may be disturbed.

        >>> x = tg.placeholder(tg.float32, [None, 3], name="x")
        >>> profile = tg.Session().profile(tg.exp(x), {x: np.zeros((100, 3))})
        >>> [(row.node, row.bytes) for row in profile.rows]
        [('Exp', 1200)]

        Raises what `run` raises, and InvalidArgumentError for less than one run.
        """
        if not isinstance(runs, int | np.integer) or not 1 <= runs <= 1_000_000:
            raise InvalidArgumentError(f"at least one run is profiled, at most 1e6: {runs!r}")
        from tinygraph.compiler.profile import Profile

        recordings = (self._recorded(fetches, feed_dict) for _ in range(runs))
        return Profile(min(recordings, key=lambda run: run.stop - run.start), runs)

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
        nodes = [node_of(self.graph, item, "feed") for item in items]

        def call(*values: Any):
            if len(values) != len(nodes):
                raise DTypeError(f"the callable takes {len(nodes)} values, not {len(values)}")
            return self.run(fetches, dict(zip(nodes, values, strict=True)))

        return call

    def _plan(self, fetched: Fetched, feeds: Feeds) -> Plan:
        nodes = fetched.tensors, fetched.targets, fed_specs(fetched, feeds)
        return compile_plan(*nodes, self._variables.begin_stream, self.passes, self._threads)

    def _pure(self, fetched: Fetched, feeds: Feeds) -> Program:
        """The program as a pure function, without the passes that know of memory."""
        nodes = fetched.tensors, fetched.targets, fed_specs(fetched, feeds)
        return self._threads.with_asked_threads(lower)(*nodes, self.passes & PURE_PASSES)

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
        ((node, array),) = feeds_of(self.graph, {variable.initial_value: value}).items()
        check_fed(node, array)
        self._update({variable.op_name: array.copy()}, {})

    def _update(self, values: dict[str, np.ndarray], streams: dict[str, Any]) -> None:
        """Set variables' values and random streams, all at once."""
        self._check_nesting()
        with self._lock:
            self._check_open()
            self._variables.commit(values, self._variables.moved(streams))

    @property
    def state(self) -> SessionState:
        """All that the session keeps from run to run, as a value: a `tg.SessionState`.

        Another session of the same graph that is given it, perhaps in another process, goes on as
        this one does, to the bit. What is not in the state is then as in a new session. So set the
        state first, then run the initializers of variables that the graph has gained since. A state
        that does not fit changes nothing.

        Raises
        ------
        InvalidArgumentError
            for unknown names, other shapes or dtypes, wrong positions, all of which it lists.
        FailedPreconditionError
            within a run of this session, and where it is closed.
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
            self._variables.clear()


HOLDERS = {
    Session.run.__code__: True,
    Session._update.__code__: True,
    Session.close.__code__: True,
    Session.state.fget.__code__: True,  # type: ignore[attr-defined]
    Session.state.fset.__code__: True,  # type: ignore[attr-defined]
    Session._recorded.__code__: False,  # which holds the lock around a run
}
"""The code that holds a session's lock, and whether no run may be within it."""


class InteractiveSession(Session):
    """A Session that makes itself the default when created (TF: `tf.InteractiveSession`).

    >>> sess = tg.InteractiveSession()
    >>> print(tg.add(1.0, 2.0).eval())
    3.0
    >>> sess.close()
    """

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: ConfigProto | None = None,
        **options: Any,
    ):
        super().__init__(target, graph, config, **options)
        self._blocks.append(self.as_default())
        self._blocks[-1].__enter__()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._blocks.clear()  # a block that nothing holds any more is left
