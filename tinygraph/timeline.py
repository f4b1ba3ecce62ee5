"""TF1's way to a profile: RunOptions asks for it, RunMetadata brings it, Timeline draws it.

A TF1 program reaches `Timeline` by `from tensorflow.python.client import timeline`; here it is
`from tinygraph import timeline`.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter_ns, time_ns
from types import SimpleNamespace
from typing import Any

import numpy as np

from tinygraph.compiler.plan import Plan
from tinygraph.compiler.clocked import Event, Recording
from tinygraph.compiler.profile import Profile
from tinygraph.errors import DTypeError, InvalidArgumentError

__all__ = ["RunMetadata", "RunOptions", "Timeline"]

DEVICE = "/job:localhost/replica:0/task:0/device:CPU:0"


class RunOptions:
    """What `Session.run` shall do besides (TF: `tf.RunOptions`).

    Any `trace_level` but NO_TRACE asks for a profile, which the run's `RunMetadata` then holds.
    The other fields are accepted for TF1 programs, and nothing here needs them.

    >>> tg.RunOptions(trace_level=tg.RunOptions.FULL_TRACE)
    <tg.RunOptions trace_level=FULL_TRACE>
    """

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = LEVELS = range(4)

    def __init__(
        self, trace_level: int = NO_TRACE, timeout_in_ms: int = 0, inter_op_thread_pool: int = 0,
        output_partition_graphs: bool = False, report_tensor_allocations_upon_oom: bool = False,
    ):
        if not isinstance(trace_level, int) or trace_level not in self.LEVELS:
            raise InvalidArgumentError(f"trace_level is one of 0 to 3, not {trace_level!r}")
        self.trace_level = trace_level
        self.timeout_in_ms = timeout_in_ms
        self.inter_op_thread_pool = inter_op_thread_pool
        self.output_partition_graphs = output_partition_graphs
        self.report_tensor_allocations_upon_oom = report_tensor_allocations_upon_oom

    def __repr__(self) -> str:
        names = ("NO_TRACE", "SOFTWARE_TRACE", "HARDWARE_TRACE", "FULL_TRACE")
        return f"<tg.RunOptions trace_level={names[self.trace_level]}>"


class RunMetadata:
    """What a run brings besides its results (TF: `tf.RunMetadata`).

    `step_stats` has the fields of TF's message of that name, one entry in `node_stats` for each
    line that the program has executed; `profile` is the same as a `tg.Profile`, or None when
    nothing was traced. Each run that it is given to overwrites it.

    >>> x = tg.placeholder(tg.float32, [None], name="x")
    >>> options = tg.RunOptions(trace_level=tg.RunOptions.FULL_TRACE)
    >>> metadata = tg.RunMetadata()
    >>> y = tg.Session().run(tg.exp(x), {x: [0.0]}, options=options, run_metadata=metadata)
    >>> [stats.timeline_label for stats in metadata.step_stats.dev_stats[0].node_stats]
    ['Exp = Exp(x)']
    >>> metadata.profile.rows[0].node
    'Exp'
    """

    def __init__(self) -> None:
        self.recording: Recording | None = None

    @property
    def profile(self) -> Profile | None:
        return None if self.recording is None else Profile(self.recording)

    @property
    def step_stats(self) -> SimpleNamespace:
        if self.recording is None:
            return SimpleNamespace(dev_stats=[], profile=None)
        profile = Profile(self.recording)
        epoch = time_ns() - perf_counter_ns() + self.recording.start
        stats = [_node_stats(event, epoch) for event in profile.events if event.statement.node]
        device = SimpleNamespace(device=DEVICE, node_stats=stats)
        return SimpleNamespace(dev_stats=[device], profile=profile)


def _node_stats(event: Event, epoch: int) -> SimpleNamespace:
    """An event as TF's NodeExecStats."""
    statement, time = event.statement, round(event.time * 1e3)
    start = epoch + round(event.start * 1e3)
    return SimpleNamespace(
        node_name=statement.node,
        timeline_label=f"{statement.node} = {statement.op}({', '.join(statement.inputs)})",
        thread_id=0,
        scheduled_micros=start // 1000, scheduled_nanos=start,
        all_start_micros=start // 1000, all_start_nanos=start,
        op_start_rel_micros=0, op_start_rel_nanos=0,
        op_end_rel_micros=time // 1000, op_end_rel_nanos=time,
        all_end_rel_micros=time // 1000, all_end_rel_nanos=time,
    )


class Timeline:
    """The Chrome trace of a run's `step_stats` (TF: `timeline.Timeline`).

    >>> options = tg.RunOptions(trace_level=tg.RunOptions.FULL_TRACE)
    >>> metadata = tg.RunMetadata()
    >>> three = tg.Session().run(tg.add(1.0, 2.0), options=options, run_metadata=metadata)
    >>> trace = tg.timeline.Timeline(metadata.step_stats).generate_chrome_trace_format()
    >>> "traceEvents" in trace
    True
    """

    def __init__(self, step_stats: Any, graph: Any = None):
        profile = getattr(step_stats, "profile", None)
        if profile is None:
            raise DTypeError(
                f"a Timeline takes the step_stats of a run that was traced, not {step_stats!r}; "
                "see tg.RunOptions"
            )
        self._profile = profile

    def generate_chrome_trace_format(
        self, show_dataflow: bool = True, show_memory: bool = False
    ) -> str:
        """The trace as JSON text; the options are accepted for TF1 programs."""
        import json

        return json.dumps(self._profile.chrome_trace(), indent=2)


def traced(
    plan: Plan, variables: Any, feeds: Iterable[np.ndarray], options: Any, metadata: Any
) -> tuple:
    """Run `plan`; where `options` ask for a trace, `metadata` keeps it."""
    for value, kind in ((options, RunOptions), (metadata, RunMetadata)):
        if value is not None and not isinstance(value, kind):
            raise DTypeError(f"a tg.{kind.__name__} expected, not {value!r}")
    if metadata is None:
        return plan(variables, *feeds)
    metadata.recording = None
    if options is None or options.trace_level == RunOptions.NO_TRACE:
        return plan(variables, *feeds)
    values, metadata.recording = plan.recorded(variables, *feeds)
    return values
