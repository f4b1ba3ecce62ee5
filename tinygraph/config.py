"""What a TF1 program tells its Session of the machine.

One field changes something here: `ConfigProto.intra_op_parallelism_threads`. The others are checked
and kept, so that TF1 programs run; what they choose between, a CPU and NumPy don't have.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tinygraph.arguments import expect, shown
from tinygraph.errors import InvalidArgumentError

__all__ = ["ConfigProto", "GPUOptions", "GraphOptions", "OptimizerOptions"]

INTS: tuple[type, ...] = (bool, int, np.bool_, np.integer)
ACCEPTED = {bool: INTS, int: INTS, float: (*INTS, float, np.floating)}


class Message:
    """Fields with defaults, as a protobuf message has them: a value must have the default's type.
    """

    FIELDS: ClassVar[dict[str, Any]] = {}

    def __init__(self, **fields: Any):
        for name, default in self.FIELDS.items():
            super().__setattr__(name, default() if isinstance(default, type) else default)
        for name, value in fields.items():
            if name not in self.FIELDS:
                kind, names = type(self).__name__, ", ".join(self.FIELDS)
                raise InvalidArgumentError(f"{kind} has no field {name!r}; there are {names}")
            if value is not None:
                setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.FIELDS:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        kind = type(getattr(self, name))
        expect(value, ACCEPTED.get(kind, kind), name, f"of type {kind.__name__}")
        try:
            super().__setattr__(name, kind(value) if kind in ACCEPTED else value)
        except OverflowError:
            raise InvalidArgumentError(f"{name} is out of range: {shown(value)}") from None

    def __repr__(self) -> str:
        changed = [
            f"{name}={value!r}" for name, value in vars(self).items()
            if value != getattr(type(self)(), name) and not isinstance(value, Message)
        ]
        return f"<tg.{type(self).__name__} {' '.join(changed)}".rstrip() + ">"


class GPUOptions(Message):
    """How TensorFlow shall use GPUs (TF: `tf.GPUOptions`); kept, and without effect here.

    >>> tg.GPUOptions(allow_growth=True)
    <tg.GPUOptions allow_growth=True>
    """

    FIELDS: ClassVar[dict[str, Any]] = {
        "per_process_gpu_memory_fraction": 0.0, "allow_growth": False, "allocator_type": "",
        "deferred_deletion_bytes": 0, "visible_device_list": "",
        "polling_active_delay_usecs": 0, "polling_inactive_delay_msecs": 0,
        "force_gpu_compatible": False,
    }


class OptimizerOptions(Message):
    """How TensorFlow shall optimise graphs (TF: `tf.OptimizerOptions`); without effect here.

    `Session(passes=)` chooses what tinygraph's compiler does.

    >>> tg.OptimizerOptions(global_jit_level=tg.OptimizerOptions.ON_1)
    <tg.OptimizerOptions global_jit_level=1>
    """

    L1, L0 = 0, -1  # of opt_level
    DEFAULT, OFF, ON_1, ON_2 = 0, -1, 1, 2  # of global_jit_level
    FIELDS: ClassVar[dict[str, Any]] = {
        "do_common_subexpression_elimination": False, "do_constant_folding": False,
        "max_folded_constant_in_bytes": 0, "do_function_inlining": False, "opt_level": L1,
        "global_jit_level": DEFAULT,
    }


class GraphOptions(Message):
    """What TensorFlow shall do with graphs (TF: `tf.GraphOptions`); kept, without effect here.

    >>> tg.GraphOptions(infer_shapes=True)
    <tg.GraphOptions infer_shapes=True>
    """

    FIELDS: ClassVar[dict[str, Any]] = {
        "optimizer_options": OptimizerOptions, "enable_recv_scheduling": False,
        "build_cost_model": 0, "build_cost_model_after": 0, "infer_shapes": False,
        "place_pruned_graph": False, "enable_bfloat16_sendrecv": False, "timeline_step": 0,
    }


class ConfigProto(Message):
    """What a Session is told of the machine (TF: `tf.ConfigProto`).

    `intra_op_parallelism_threads` is the number of BLAS's threads, as `Session(threads=)` has it;
    0 leaves the choice to the session. All other fields are without effect: ops run one after
    another, on the CPU. An unknown field is an InvalidArgumentError, or an AttributeError where it
    is assigned; a value of another type is a DTypeError.

    >>> config = tg.ConfigProto(intra_op_parallelism_threads=1, allow_soft_placement=True)
    >>> config.gpu_options.allow_growth = True
    >>> sess = tg.Session(config=config)
    """

    intra_op_parallelism_threads: int
    gpu_options: GPUOptions
    graph_options: GraphOptions
    FIELDS: ClassVar[dict[str, Any]] = {
        "intra_op_parallelism_threads": 0, "inter_op_parallelism_threads": 0,
        "use_per_session_threads": False, "allow_soft_placement": False,
        "log_device_placement": False, "device_count": dict, "device_filters": list,
        "placement_period": 0, "operation_timeout_in_ms": 0, "isolate_session_state": False,
        "gpu_options": GPUOptions, "graph_options": GraphOptions,
    }
