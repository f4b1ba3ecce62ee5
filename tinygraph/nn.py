"""`tg.nn`: what neural networks are made of, under TF's names (TF: `tf.nn`)."""

from tinygraph.ops.elementary import tanh
from tinygraph.ops.gathering import embedding_lookup
from tinygraph.ops.losses import (
    log_softmax, sigmoid_cross_entropy_with_logits, softmax, softmax_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2, sparse_softmax_cross_entropy_with_logits,
    weighted_cross_entropy_with_logits,
)
from tinygraph.ops.nn import (
    batch_normalization, bias_add, dropout, elu, l2_loss, l2_normalize, leaky_relu, log_sigmoid,
    moments, relu, relu6, relu_layer, selu, sigmoid, softplus, softsign, xw_plus_b, zero_fraction,
)
from tinygraph.ops.selecting import in_top_k, top_k
