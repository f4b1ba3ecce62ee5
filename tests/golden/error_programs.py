"""What must raise, in TensorFlow 1.15 and in tinygraph alike: `program(tf)` by a name.

`record_tf115.py` stores the class of TensorFlow's exception. Left out is what tinygraph refuses
earlier or under another class: values that a dtype cannot hold, None and strings as values.
"""

import numpy as np


def gradient_of(tf, function, *dims):
    x = tf.placeholder(tf.float64, dims)
    return tf.gradients(function(x), x)


DTYPES = {
    "int + float": lambda tf: tf.constant(1) + tf.constant(1.0),
    "float32 * float64": lambda tf: tf.constant(1.0) * tf.constant(1.0, tf.float64),
    "int tensor + 1.5": lambda tf: tf.constant(1) + 1.5,
    "add(int, float)": lambda tf: tf.add(tf.constant(1), tf.constant(1.0)),
    "int / float": lambda tf: tf.constant([1]) / tf.constant([1.0]),
    "matmul with a float64 array": lambda tf: tf.matmul(tf.constant([[1.0]]), np.ones((1, 1))),
    "maximum(int32, int64)": lambda tf: tf.maximum(tf.constant(1), tf.constant(1, tf.int64)),
    "concat of int and float": lambda tf: tf.concat([tf.constant([1]), tf.constant([1.0])], 0),
    "bool(tensor)": lambda tf: bool(tf.constant(True)),
    "if on a comparison": lambda tf: 1 if tf.constant(1) < tf.constant(2) else 0,
    "iteration": lambda tf: list(tf.constant([1, 2])),
    "len(tensor)": lambda tf: len(tf.constant([1, 2])),
    "float(tensor)": lambda tf: float(tf.constant(1.0)),
    "sum of bools": lambda tf: tf.reduce_sum(tf.constant([True])),
    "mean of bools": lambda tf: tf.reduce_mean(tf.equal([1], [1])),
    "any of floats": lambda tf: tf.reduce_any(tf.constant([1.0])),
    "sqrt of an int": lambda tf: tf.sqrt(tf.constant(4)),
    "softmax of ints": lambda tf: tf.nn.softmax(tf.constant([1, 2])),
    "logical_and of ints": lambda tf: tf.logical_and(tf.constant(1), tf.constant(1)),
    "minus a bool": lambda tf: tf.negative(tf.constant(True)),
    "1.5 as int32": lambda tf: tf.constant(1.5, dtype=tf.int32),
    "a string as float32": lambda tf: tf.constant("a", dtype=tf.float32),
    "float labels": lambda tf: tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.constant([0.0]), logits=tf.zeros([1, 3])),
    "assign an int": lambda tf: tf.assign(tf.Variable([1.0]), tf.constant([1])),
}

SHAPES = {
    "a ragged list": lambda tf: tf.constant([[1, 2], [3]]),
    "5 values in shape [2]": lambda tf: tf.constant([1, 2, 3, 4, 5], shape=[2]),
    "matmul (2, 3) by (2, 3)": lambda tf: tf.matmul(tf.zeros([2, 3]), tf.zeros([2, 3])),
    "matmul by a vector": lambda tf: tf.matmul(tf.zeros([2, 3]), tf.zeros([3])),
    "(2, 3) + (2,)": lambda tf: tf.zeros([2, 3]) + tf.zeros([2]),
    "reshape 6 to 4": lambda tf: tf.reshape(tf.zeros([2, 3]), [4]),
    "concat (2, 3) and (2, 4)": lambda tf: tf.concat([tf.zeros([2, 3]), tf.zeros([2, 4])], 0),
    "concat over a missing axis": lambda tf: tf.concat([tf.zeros([2]), tf.zeros([2])], 1),
    "stack (2,) and (3,)": lambda tf: tf.stack([tf.zeros([2]), tf.zeros([3])]),
    "split 5 in 2": lambda tf: tf.split(tf.zeros([5]), 2),
    "split 5 in 2 and 2": lambda tf: tf.split(tf.zeros([5]), [2, 2]),
    "svd of a vector": lambda tf: tf.svd(tf.zeros([3])),
    "svd of ints": lambda tf: tf.svd(tf.zeros([3, 3], tf.int32)),
    "qr of a vector": lambda tf: tf.qr(tf.zeros([3])),
    "slogdet of 2 x 3": lambda tf: tf.linalg.slogdet(tf.zeros([2, 3])),
    "unique with float indices": lambda tf: tf.unique([1, 2], out_idx=tf.float32),
    "gradient of all singular vectors of 2 x 4": lambda tf: gradient_of(
        tf, lambda x: tf.svd(x, full_matrices=True)[1], 2, 4),
    "gradient of the qr of 2 x 3": lambda tf: gradient_of(tf, lambda x: tf.qr(x)[0], 2, 3),
    "gradient of the whole qr of 3 x 2": lambda tf: gradient_of(
        tf, lambda x: tf.qr(x, full_matrices=True)[1], 3, 2),
    "unstack of an unknown number": lambda tf: tf.unstack(tf.placeholder(tf.float32, [None])),
    "squeeze a long axis": lambda tf: tf.squeeze(tf.zeros([2, 3]), [0]),
    "transpose with a short perm": lambda tf: tf.transpose(tf.zeros([2, 3]), [0]),
    "sum over a missing axis": lambda tf: tf.reduce_sum(tf.zeros([2, 3]), 2),
    "argmax over a missing axis": lambda tf: tf.argmax(tf.zeros([2, 3]), 2),
    "expand_dims too far": lambda tf: tf.expand_dims(tf.zeros([2]), 3),
    "index 5 of 2": lambda tf: tf.zeros([2, 3])[5],
    "3 indices of 2": lambda tf: tf.zeros([2, 3])[0, 0, 0],
    "index 0.5": lambda tf: tf.zeros([2])[0.5],
    "two ellipses": lambda tf: tf.zeros([2, 3])[..., ...],
    "where (2,) of (3,)": lambda tf: tf.where([True, False], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
    "pad of another rank": lambda tf: tf.pad(tf.zeros([2]), [[1, 1], [1, 1]]),
    "bias of another size": lambda tf: tf.nn.bias_add(tf.zeros([2, 3]), tf.zeros([2])),
    "labels of another shape": lambda tf: tf.nn.sigmoid_cross_entropy_with_logits(
        labels=tf.zeros([2]), logits=tf.zeros([3])),
    "sparse labels of another rank": lambda tf: tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.constant([[0]]), logits=tf.zeros([1, 3])),
    "assign another shape": lambda tf: tf.assign(tf.Variable([1.0, 2.0]), [1.0, 2.0, 3.0]),
    "set_shape against the shape": lambda tf: tf.zeros([2, 3]).set_shape([None, 4]),
}

ARGUMENTS = {
    "softmax loss by position": lambda tf: tf.nn.softmax_cross_entropy_with_logits(
        tf.zeros([2, 3]), tf.zeros([2, 3])),
    "sparse loss by position": lambda tf: tf.nn.sparse_softmax_cross_entropy_with_logits(
        tf.constant([0]), tf.zeros([1, 3])),
    "sigmoid loss by position": lambda tf: tf.nn.sigmoid_cross_entropy_with_logits(
        tf.zeros([2]), tf.zeros([2])),
    "keep_prob 1.5": lambda tf: tf.nn.dropout(tf.zeros([2]), keep_prob=1.5),
    "a name with a blank": lambda tf: tf.constant(1.0, name="a b"),
    "a scope with a blank": lambda tf: tf.name_scope("a b").__enter__(),
    "a variable without a value": lambda tf: tf.Variable(),
    "a variable without a shape": lambda tf: tf.get_variable("v"),
    "get_variable twice": lambda tf: [tf.get_variable("v", [1]) for _ in range(2)],
    "shared with another shape": lambda tf: share(tf, ([1], tf.float32), ([2], tf.float32)),
    "shared with another dtype": lambda tf: share(tf, ([1], tf.float32), ([1], tf.float64)),
    "reuse of nothing": lambda tf: reuse(tf, "v"),
    "minimize without a gradient": lambda tf: descend(tf).minimize(tf.floor(tf.Variable(1.0))),
    "minimize without a variable": lambda tf: descend(tf).minimize(tf.constant(1.0)),
    "apply no gradients": lambda tf: descend(tf).apply_gradients([]),
    "an unknown tensor": lambda tf: tf.get_default_graph().get_tensor_by_name("nothing:0"),
    "an unknown operation": lambda tf: tf.get_default_graph().get_operation_by_name("nothing"),
    "an operation's name for a tensor": lambda tf: tf.get_default_graph().get_tensor_by_name(
        tf.constant(1.0).op.name),
    "an op in a finalized graph": lambda tf: [
        tf.get_default_graph().finalize(), tf.constant(1.0)],
    "inputs of two graphs": lambda tf: elsewhere(tf) + tf.constant(1.0),
}

RUNNING = {
    "eval without a session": lambda tf: tf.constant(1.0).eval(),
    "fetch None": lambda tf: run(tf, None),
    "fetch None in a list": lambda tf: run(tf, [tf.constant(1.0), None]),
    "fetch an array": lambda tf: run(tf, np.ones(2)),
    "fetch a number": lambda tf: run(tf, 1.0),
    "fetch from another graph": lambda tf: run(tf, elsewhere(tf)),
    "fetch an unknown name": lambda tf: run(tf, "nothing:0"),
    "a closed session": lambda tf: closed(tf).run(tf.constant(1.0)),
    "feed (3,) to (?, 2)": lambda tf: feed(tf, lambda x: x, [1.0, 2.0, 3.0], shape=[None, 2]),
    "feed a tensor": lambda tf: feed(tf, lambda x: x, tf.constant(1.0)),
    "feed under the key 1": lambda tf: run(tf, tf.constant(1.0), {1: 1.0}),
    "feed a list for the dict": lambda tf: run(tf, tf.constant(1.0), [1.0]),
    "an unfed placeholder": lambda tf: run(tf, tf.placeholder(tf.float32, [2]) + 1.0),
    "an uninitialised variable": lambda tf: run(tf, tf.Variable(1.0) + 1.0),
    "fed shapes that do not broadcast": lambda tf: feed(
        tf, lambda x: tf.add(x, [1.0, 2.0, 3.0]), [1.0, 2.0], shape=[None]),
    "fed shapes that do not multiply": lambda tf: feed(
        tf, lambda x: tf.matmul(x, x), np.ones((2, 3))),
    "reshape of a fed size": lambda tf: feed(
        tf, lambda x: tf.reshape(x, [2, 2]), [1.0, 2.0, 3.0], shape=[None]),
    "gather 2 of 2": lambda tf: feed(tf, lambda i: tf.gather([1.0, 2.0], i), [2], tf.int32),
    "gather -1": lambda tf: feed(tf, lambda i: tf.gather([1.0, 2.0], i), [-1], tf.int32),
    "label 3 of 3": lambda tf: feed(tf, lambda i: tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=i, logits=tf.zeros([1, 3])), [3], tf.int32, [1]),
    "1 // 0": lambda tf: feed(tf, lambda i: 1 // i, 0, tf.int32),
    "1 % 0": lambda tf: feed(tf, lambda i: 1 % i, 0, tf.int32),
    "cholesky of an indefinite matrix": lambda tf: feed(
        tf, tf.cholesky, [[1.0, 2.0], [2.0, 1.0]], shape=[2, 2]),
    "inverse of a singular matrix": lambda tf: feed(
        tf, tf.matrix_inverse, [[1.0, 2.0], [2.0, 4.0]], shape=[2, 2]),
    "a random integer below 0": lambda tf: feed(
        tf, lambda n: tf.random_uniform([2], 0, n, tf.int32, seed=1), 0, tf.int32, []),
}

ERRORS = {**DTYPES, **SHAPES, **ARGUMENTS, **RUNNING}


def run(tf, fetches, feeds=None):
    tf.constant(0.0)  # a graph without an op is an error of its own
    with tf.Session() as session:
        return session.run(fetches, feeds)


def feed(tf, function, value, dtype=None, shape=None):
    x = tf.placeholder(dtype or tf.float32, shape)
    return run(tf, function(x), {x: value})


def closed(tf):
    session = tf.Session()
    session.close()
    return session


def elsewhere(tf):
    with tf.Graph().as_default():
        return tf.constant(1.0)


def descend(tf):
    return tf.train.GradientDescentOptimizer(0.1)


def share(tf, *variables):
    with tf.variable_scope("s", reuse=tf.AUTO_REUSE):
        return [tf.get_variable("v", shape, dtype) for shape, dtype in variables]


def reuse(tf, name):
    with tf.variable_scope("s", reuse=True):
        return tf.get_variable(name, [1])
