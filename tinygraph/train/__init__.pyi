"""Training: optimizers, learning rates, averages, the global step, checkpoints (TF: `tf.train`)."""

# Made by tools/make_stubs.py; do not edit.

from tinygraph.train.checkpoint_state import (
    CheckpointState as CheckpointState, checkpoint_exists as checkpoint_exists,
    get_checkpoint_mtimes as get_checkpoint_mtimes, get_checkpoint_state as get_checkpoint_state,
    latest_checkpoint as latest_checkpoint, remove_checkpoint as remove_checkpoint,
    update_checkpoint_state as update_checkpoint_state,
)
from tinygraph.train.checkpoints import (
    CheckpointReader as CheckpointReader, CheckpointReader as _NewCheckpointReader,
    list_variables as list_variables, load_checkpoint as load_checkpoint,
    load_variable as load_variable,
)
from tinygraph.train.initializing import init_from_checkpoint as init_from_checkpoint
from tinygraph.train.moving_averages import ExponentialMovingAverage as ExponentialMovingAverage
from tinygraph.train.optimizer import Optimizer as Optimizer
from tinygraph.train.optimizers import (
    AdadeltaOptimizer as AdadeltaOptimizer, AdagradOptimizer as AdagradOptimizer,
    AdamOptimizer as AdamOptimizer, FtrlOptimizer as FtrlOptimizer,
    GradientDescentOptimizer as GradientDescentOptimizer, MomentumOptimizer as MomentumOptimizer,
    RMSPropOptimizer as RMSPropOptimizer,
)
from tinygraph.train.saver import Saver as Saver
from tinygraph.train.schedules import (
    cosine_decay as cosine_decay, exponential_decay as exponential_decay,
    inverse_time_decay as inverse_time_decay, natural_exp_decay as natural_exp_decay,
    piecewise_constant as piecewise_constant, piecewise_constant as _piecewise_constant_decay,
    polynomial_decay as polynomial_decay,
)
from tinygraph.train.steps import (
    assert_global_step as assert_global_step, create_global_step as create_global_step,
    get_global_step as get_global_step, get_or_create_global_step as get_or_create_global_step,
    global_step as global_step,
)

NewCheckpointReader = _NewCheckpointReader
piecewise_constant_decay = _piecewise_constant_decay
