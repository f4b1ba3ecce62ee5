"""How a recorded case becomes a graph, of TensorFlow 1.15 or of tinygraph alike.

A case names a public symbol and its arguments, all of it JSON: {"op": "nn.relu", "args": [...]}.
What JSON lacks is a dict with a mark: {"tensor": "float32", "value": [1.0]} is a placeholder that
is fed, {"dtype": "int32"} a dtype, and so on as `Decoder` reads them. This file keeps to what both
Python 3.7, for TensorFlow, and today's Python know.
"""

import functools

import numpy as np


def lookup(tf, path):
    return functools.reduce(getattr, path.split("."), tf)


class Decoder:
    """Arguments from their notation; `inputs` has the tensors made for them, with their values.

    `source` says what those are: "placeholder", to be fed, or "constant".
    """

    def __init__(self, tf, source):
        self.tf, self.source, self.inputs = tf, source, {}

    def decode(self, x):
        if isinstance(x, list):
            return [self.decode(item) for item in x]
        if not isinstance(x, dict):
            return x
        if "tensor" in x:
            return self.tensor(x)
        if "array" in x:
            return np.array(x["value"], x["array"])
        if "dtype" in x:
            return getattr(self.tf, x["dtype"])
        if "tuple" in x:
            return tuple(self.decode(x["tuple"]))
        if "slice" in x:
            return slice(*self.decode(x["slice"]))
        return {"ellipsis": Ellipsis, "newaxis": self.tf.newaxis}[x["mark"]]

    def tensor(self, x):
        value = np.array(x["value"], x["tensor"])
        value = value.reshape(x.get("dims", value.shape))
        if self.source == "constant":
            node = self.tf.constant(value)
        else:
            node = self.tf.placeholder(x["tensor"], x.get("shape", value.shape))
        self.inputs[node] = value
        return node


def flatten(x):
    """The tensors in nested lists and tuples."""
    if isinstance(x, (list, tuple)):
        return [leaf for item in x for leaf in flatten(item)]
    return [x]


def build(tf, case, source="placeholder"):
    """The outputs of a case, and the tensors among its arguments with their values."""
    decoder = Decoder(tf, source)
    decode = decoder.decode
    args = decode(case.get("args", []))
    kwargs = {key: decode(value) for key, value in case.get("kwargs", {}).items()}
    result = lookup(tf, case["op"])(*args, **kwargs)
    if "then" in case:  # the op gives a function, such as an initialiser
        result = result(*decode(case["then"]))
    return flatten(result), decoder.inputs


def weights(shape):
    """The gradients that come in at an output: fixed, different, of both signs and exact."""
    i = np.arange(int(np.prod(shape)))
    return ((i * 5 % 7 - 2.5) / 2).reshape(shape)


def gradients(tf, outputs, values, inputs):
    """The gradients of sum(output * weights) by each float input; None without any."""
    xs = [x for x in inputs if x.dtype.is_floating]
    ys = [y for y in outputs if y.dtype.is_floating]
    if not xs or not ys:
        return None
    grad_ys = [
        tf.constant(weights(np.shape(value)), y.dtype)
        for y, value in zip(outputs, values)  # noqa: B905 (Python 3.7)
        if y.dtype.is_floating
    ]
    found = tf.gradients(ys, xs, grad_ys)
    return [g if g is None else tf.convert_to_tensor(g) for g in found]
