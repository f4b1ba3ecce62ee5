"""`tg.nn`: what neural networks are made of, under TF's names (TF: `tf.nn`)."""

# Made by tools/make_stubs.py; do not edit.

from tinygraph import log_sigmoid as log_sigmoid, sigmoid as sigmoid, tanh as tanh, Tensor
from tinygraph.math import (
    in_top_k as in_top_k, log_softmax as log_softmax, softmax as softmax, softplus as softplus,
    softsign as softsign,
)
from tinygraph.ops.gathering import embedding_lookup as embedding_lookup
from tinygraph.ops.losses import (
    sigmoid_cross_entropy_with_logits as sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits as softmax_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2 as softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits as sparse_softmax_cross_entropy_with_logits,
    weighted_cross_entropy_with_logits as weighted_cross_entropy_with_logits,
)
from tinygraph.ops.nn import (
    batch_normalization as batch_normalization, bias_add as bias_add, dropout as dropout,
    l2_normalize as l2_normalize, leaky_relu as leaky_relu, moments as moments,
    relu_layer as relu_layer, xw_plus_b as xw_plus_b, zero_fraction as zero_fraction,
)
from tinygraph.ops.selecting import top_k as top_k
from tinygraph.typing import TensorLike

def elu(features: TensorLike, name: str | None = None) -> Tensor:
    """`features` where positive, else exp(features) - 1. Clevert et al., 2015.

    >>> tg.nn.elu([-1.0, 0.0, 2.0]).eval().round(4)
    array([-0.6321,  0.    ,  2.    ], dtype=float32)
    """

def l2_loss(t: TensorLike, name: str | None = None) -> Tensor:
    """sum(t²) / 2.

    >>> print(tg.nn.l2_loss([3.0, 4.0]).eval())
    12.5
    """

def relu(features: TensorLike, name: str | None = None) -> Tensor:
    """max(features, 0), elementwise.

    >>> tg.nn.relu([-1.0, 0.0, 2.0]).eval()
    array([0., 0., 2.], dtype=float32)
    """

def relu6(features: TensorLike, name: str | None = None) -> Tensor:
    """min(max(features, 0), 6), elementwise.

    >>> tg.nn.relu6([-1.0, 3.0, 7.0]).eval()
    array([0., 3., 6.], dtype=float32)
    """

def selu(features: TensorLike, name: str | None = None) -> Tensor:
    """scale * elu(features), times alpha below 0; scale is 1.0507, alpha 1.6733.

    >>> tg.nn.selu([-1.0, 1.0]).eval().round(4)
    array([-1.1113,  1.0507], dtype=float32)
    """
