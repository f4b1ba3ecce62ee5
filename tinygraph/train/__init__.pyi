"""Training: optimizers, learning rates, moving averages, the global step (TF: `tf.train`)."""

# Made by tools/make_stubs.py; do not edit.

from tinygraph.train.moving_averages import ExponentialMovingAverage as ExponentialMovingAverage
from tinygraph.train.optimizer import Optimizer as Optimizer
from tinygraph.train.optimizers import (
    AdadeltaOptimizer as AdadeltaOptimizer, AdagradOptimizer as AdagradOptimizer,
    AdamOptimizer as AdamOptimizer, FtrlOptimizer as FtrlOptimizer,
    GradientDescentOptimizer as GradientDescentOptimizer, MomentumOptimizer as MomentumOptimizer,
    RMSPropOptimizer as RMSPropOptimizer,
)
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

piecewise_constant_decay = _piecewise_constant_decay
