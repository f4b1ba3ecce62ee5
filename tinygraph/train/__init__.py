"""Training: optimizers, learning rates, averages, the global step, checkpoints (TF: `tf.train`)."""

import importlib as _importlib

from tinygraph.train.moving_averages import ExponentialMovingAverage
from tinygraph.train.optimizer import Optimizer
from tinygraph.train.optimizers import (
    AdadeltaOptimizer, AdagradOptimizer, AdamOptimizer, FtrlOptimizer, GradientDescentOptimizer,
    MomentumOptimizer, RMSPropOptimizer,
)
from tinygraph.train.schedules import (
    cosine_decay, exponential_decay, inverse_time_decay, natural_exp_decay, piecewise_constant,
    piecewise_constant_decay, polynomial_decay,
)
from tinygraph.train.steps import (
    assert_global_step, create_global_step, get_global_step, get_or_create_global_step, global_step,
)

_ON_FIRST_USE = {
    name: module
    for module, names in {
        "checkpoint_state":
            "CheckpointState checkpoint_exists get_checkpoint_mtimes get_checkpoint_state "
            "latest_checkpoint remove_checkpoint update_checkpoint_state",
        "checkpoints":
            "CheckpointReader NewCheckpointReader list_variables load_checkpoint load_variable",
        "initializing": "init_from_checkpoint",
        "saver": "Saver",
    }.items()
    for name in names.split()
}


def __getattr__(name: str):
    """Load what programs that save nothing do not need."""
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'tinygraph.train' has no attribute {name!r}")
    module = _importlib.import_module(f"tinygraph.train.{_ON_FIRST_USE[name]}")
    found = globals()[name] = getattr(module, name)
    return found


def __dir__():
    return sorted({*globals(), *_ON_FIRST_USE})
