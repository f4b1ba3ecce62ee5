"""Training: optimizers, learning rates, moving averages, the global step (TF: `tf.train`)."""

from tinygraph.train.checkpoint_state import (
    CheckpointState, checkpoint_exists, get_checkpoint_mtimes, get_checkpoint_state,
    latest_checkpoint, remove_checkpoint, update_checkpoint_state,
)
from tinygraph.train.checkpoints import (
    CheckpointReader, NewCheckpointReader, list_variables, load_checkpoint, load_variable,
)
from tinygraph.train.initializing import init_from_checkpoint
from tinygraph.train.moving_averages import ExponentialMovingAverage
from tinygraph.train.optimizer import Optimizer
from tinygraph.train.optimizers import (
    AdadeltaOptimizer, AdagradOptimizer, AdamOptimizer, FtrlOptimizer, GradientDescentOptimizer,
    MomentumOptimizer, RMSPropOptimizer,
)
from tinygraph.train.saver import Saver
from tinygraph.train.schedules import (
    cosine_decay, exponential_decay, inverse_time_decay, natural_exp_decay, piecewise_constant,
    piecewise_constant_decay, polynomial_decay,
)
from tinygraph.train.steps import (
    assert_global_step, create_global_step, get_global_step, get_or_create_global_step, global_step,
)
