"""Record what TensorFlow 1.15.5 does into tf115.json, with which test_tf115.py compares tinygraph.

It needs Python 3.7 with `tensorflow==1.15.5 'protobuf<3.21' 'numpy<1.19'`; then

    python tests/golden/record_tf115.py

writes the file anew, and gives the same bytes each time.
"""

import json
import os
import sys
import zlib

import error_programs
import numpy as np
import op_cases
import programs
import replay
import tensorflow as tf

HERE = os.path.dirname(os.path.abspath(__file__))
ONE_THREAD = tf.ConfigProto(intra_op_parallelism_threads=1)  # multinomial depends on the number


def compact(array):
    """An array as nested lists, with float32 values in as few digits as tell them apart."""
    array = np.asarray(array)
    if array.dtype == np.float32:
        array = np.array([float(str(x)) for x in array.ravel()]).reshape(array.shape)
    return array.tolist()


def record(case):
    """One case with what TensorFlow gives: outputs as [dtype, static shape, value], gradients."""
    with tf.Graph().as_default():
        outputs, feeds = replay.build(tf, case)
        with tf.Session() as session:
            values = session.run(outputs, feeds)
            case = dict(case)
            case["out"] = [
                [y.dtype.name, str(y.shape), compact(value)]
                for y, value in zip(outputs, values)  # noqa: B905 (Python 3.7)
            ]
            try:
                grads = replay.gradients(tf, outputs, values, feeds)
            except (LookupError, NotImplementedError):
                return case  # TensorFlow has no gradient for the op
            if grads is not None:
                case["grads"] = [g if g is None else compact(session.run(g, feeds)) for g in grads]
    return case


def record_random(case):
    """One random case with the values of its successive runs in one session."""
    with tf.Graph().as_default():
        tf.set_random_seed(case["graph_seed"])
        (output,), feeds = replay.build(tf, case)
        with tf.Session(config=ONE_THREAD) as session:
            runs = [compact(session.run(output, feeds)) for _ in range(case["runs"])]
    return dict(case, dtype=output.dtype.name, out=runs)


def record_large(op, dtype, size):
    """A large array of random numbers: each 100,003rd of them, and the CRC of all.

    TensorFlow fills it with several threads; the generator gives the same in one go.
    """
    with tf.Graph().as_default():
        tf.set_random_seed(3)
        output = getattr(tf, op)([size], dtype=dtype, seed=4)
        with tf.Session() as session:
            runs = [session.run(output) for _ in range(2)]
    return {
        "op": op, "dtype": dtype, "size": size, "graph_seed": 3, "seed": 4,
        "crc32": [zlib.crc32(x.tobytes()) for x in runs],
        "every": 100003, "out": [compact(x[::100003]) for x in runs],
    }


def exception_name(error):
    """The exception's class, or the base of it that other packages know, as a path from `tf`."""
    if isinstance(error, tf.errors.OpError):
        return "errors." + type(error).__name__
    return next(base.__name__ for base in type(error).__mro__ if base.__module__ == "builtins")


def record_programs(table):
    """What each program returns."""
    found = {}
    for program in table:
        with tf.Graph().as_default():
            found[program.__name__] = program(tf)
    return found


def record_errors(table):
    """The class of exception that each program raises."""
    found = {}
    for name, program in table.items():
        with tf.Graph().as_default():
            try:
                program(tf)
            except Exception as error:  # noqa: BLE001 (any class may be the answer)
                found[name] = exception_name(error)
            else:
                sys.exit(f"no error from {name}")
    return found


def main():
    tf.logging.set_verbosity("ERROR")
    large = [
        record_large(op, dtype, 1200001)
        for op in ("random_uniform", "random_normal", "truncated_normal")
        for dtype in ("float32", "float64")
    ]
    sections = {
        "version": tf.__version__,
        "ops": [record(case) for case in op_cases.op_cases()],
        "random": [record_random(case) for case in op_cases.random_cases()],
        "large": large,
        "values": record_programs(programs.VALUES),
        "names": record_programs(programs.NAMES),
        "dtypes": record_programs(programs.DTYPES),
        "errors": record_errors(error_programs.ERRORS),
    }
    lines = []
    for key, section in sections.items():
        dump = json.dumps
        if isinstance(section, list):
            body = "[\n" + ",\n".join(dump(x, separators=(",", ":")) for x in section) + "\n]"
        elif isinstance(section, dict):
            body = "{\n" + ",\n".join(dump(k) + ":" + dump(v) for k, v in section.items()) + "\n}"
        else:
            body = dump(section)
        lines.append(dump(key) + ":" + body)
    with open(os.path.join(HERE, "tf115.json"), "w") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
