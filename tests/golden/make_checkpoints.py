"""Write checkpoints/ with TensorFlow 1.15.5: small files of each format and kind, and their values.

It needs Python 3.7 with `tensorflow==1.15.5 'protobuf<3.21' 'numpy<1.19'`; then

    python tests/golden/make_checkpoints.py

writes the folder anew, and gives the same bytes each time. `values.json` has for each checkpoint
the tensors that TensorFlow reads from it, as [dtype, shape, bytes in hexadecimal]; a string's bytes
are those of its UTF-8 text, in a list.
"""

import json
import os
import shutil
import struct

import numpy as np
import tensorflow as tf

tf.compat.v1.logging.set_verbosity("ERROR")
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "checkpoints")
DTYPES = (
    "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 bool complex64 complex128".split()
)


def numbers(dtype, *shape):
    """Numbers of a dtype, among them the least and the greatest."""
    rng = np.random.RandomState(3)
    values = rng.randint(-100, 100, shape)
    if dtype == "bool":
        return values > 0
    if dtype.startswith("complex"):
        return (values + 1j * rng.randint(-9, 9, shape)).astype(dtype)
    array = (values / 8.0 if dtype.startswith("float") else abs(values)).astype(dtype)
    info = np.finfo(dtype) if dtype.startswith("float") else np.iinfo(dtype)
    array.flat[0], array.flat[-1] = info.min, info.max
    return array


def variables(dtypes=DTYPES):
    for dtype in dtypes:
        tf.Variable(numbers(dtype, 2, 3), name="kinds/" + dtype)
    tf.Variable(7, name="scalar", dtype=tf.int64)
    tf.Variable(np.zeros([0, 3], np.float32), name="empty")
    tf.Variable([["ein", "zw\xf6lf"], ["", "x" * 200]], name="strings")


def partitioned():
    """One variable in three parts along the first axis, one in two along the second."""
    first = np.arange(14, dtype=np.float32).reshape(7, 2)
    second = np.arange(300, dtype=np.int32).reshape(2, 150)
    for name, value, parts in [("rows", first, [3, 1]), ("columns", second, [1, 2])]:
        tf.get_variable(
            name, value.shape, value.dtype,
            initializer=lambda shape, dtype, partition_info, value=value: tf.constant(value[tuple(
                slice(start, start + n)
                for start, n in zip(partition_info.var_offset, shape)  # noqa: B905 (Python 3.7)
            )]),
            partitioner=lambda shape, dtype, parts=parts: parts,
        )


def on_two_devices():
    """Variables on two devices, which a sharded save writes to two files."""
    with tf.device("/cpu:0"):
        tf.Variable(numbers("float32", 4), name="a")
        tf.Variable(["b"], name="b")
    with tf.device("/cpu:1"):
        tf.Variable(numbers("int64", 3), name="c")


def train():
    """A network that has trained three steps, and four: test_io_saver.py builds the same one."""
    x = tf.constant([[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0]])
    with tf.variable_scope("layer"):
        w = tf.get_variable("w", initializer=tf.constant([[0.1, 0.2], [0.3, -0.1], [0.5, 0.0]]))
        b = tf.get_variable("b", [2], initializer=tf.zeros_initializer())
    step = tf.train.get_or_create_global_step()
    loss = tf.reduce_sum(tf.square(tf.tanh(tf.matmul(x, w) + b) - [0.5, -0.5]))
    rate = tf.train.exponential_decay(0.1, step, 2, 0.9)
    update = tf.train.AdamOptimizer(rate).minimize(loss, global_step=step)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver()
        for i in range(1, 5):
            session.run(update)
            if i > 2:
                yield saver.save(session, os.path.join(HERE, "v2-adam"), i, write_meta_graph=False,
                                 write_state=False)


def save(name, build, **options):
    config = tf.ConfigProto(device_count={"CPU": 2})
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        build()
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver(**options)
        return saver.save(session, os.path.join(HERE, name), write_meta_graph=False,
                          write_state=False)


# ---------------------------------------------------------------- what no Python of TF 1.15 writes


def compressed(name, source):
    """A copy of a checkpoint whose index is compressed by Snappy, as TensorFlow 1.0 wrote it."""
    with open(os.path.join(HERE, source + ".index"), "rb") as file:
        index = file.read()
    footer = index[-48:]
    handles = list(varints(footer[:40]))[:4]
    first = [(0, handles[0] - 5), tuple(handles[:2]), tuple(handles[2:])]
    out, places = b"", []
    for i, (offset, size) in enumerate(first):
        block = index[offset : offset + size]
        if i == 2:  # the index of blocks: one entry, whose value is the place of the first
            key = block[3 : 3 + block[1]]
            value = varint(places[0][0]) + varint(places[0][1])
            block = bytes([0, len(key), len(value)]) + key + value + struct.pack("<II", 0, 1)
        packed = snappy(block) + b"\x01"
        places.append((len(out), len(packed) - 1))
        out += packed + struct.pack("<I", masked(crc32c(packed)))
    handles = b"".join(varint(number) for place in places[1:] for number in place)
    with open(os.path.join(HERE, name + ".index"), "wb") as file:
        file.write(out + handles.ljust(40, b"\0") + footer[40:])
    shutil.copy(os.path.join(HERE, source + ".data-00000-of-00001"),
                os.path.join(HERE, name + ".data-00000-of-00001"))
    return os.path.join(HERE, name)


def snappy(data):
    """Literals, and copies of at least four bytes from up to 2,000 bytes before."""
    out, literal, at = [varint(len(data))], b"", 0

    def flush():
        for i in range(0, len(literal), 60):
            piece = literal[i : i + 60]
            out.append(bytes([len(piece) - 1 << 2]) + piece)

    while at < len(data):
        size = next((n for n in range(11, 3, -1) if at + n <= len(data)
                     and data.rfind(data[at : at + n], max(0, at - 2000), at + n - 1) >= 0), 0)
        if not size:
            literal, at = literal + data[at : at + 1], at + 1
            continue
        flush()
        literal = b""
        offset = at - data.rfind(data[at : at + size], max(0, at - 2000), at + size - 1)
        out.append(bytes([1 | size - 4 << 2 | offset >> 8 << 5, offset & 255]))
        at += size
    flush()
    return b"".join(out)


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def varints(data):
    number = shift = 0
    for byte in data:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield number
            number = shift = 0


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(crc):
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


# ---------------------------------------------------------------- the folder


def read(path):
    """What TensorFlow reads from a checkpoint."""
    reader, values = tf.train.NewCheckpointReader(path), {}
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    for name in sorted(shapes):
        with tf.Graph().as_default(), tf.Session() as session:
            array = session.run(tf.raw_ops.RestoreV2(
                prefix=path, tensor_names=[name], shape_and_slices=[""], dtypes=[dtypes[name]]
            ))[0]
        assert list(array.shape) == shapes[name]
        if array.dtype == object:
            data = [x.hex() for x in array.ravel().tolist()]
        else:
            data = array.tobytes().hex()
        values[name] = [dtypes[name].name, shapes[name], data]
    return values


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    os.makedirs(HERE)
    first = [dtype for dtype in DTYPES if dtype not in ("complex128", "uint16")]
    paths = [
        save("v2", variables),
        save("v2-parts", partitioned),
        save("v2-shards", on_two_devices, sharded=True),
        compressed("v2-snappy", "v2"),
        save("v1.ckpt", lambda: variables(first), write_version=tf.train.SaverDef.V1),
        save("v1-parts.ckpt", partitioned, write_version=tf.train.SaverDef.V1),
        save("v1-shards.ckpt", on_two_devices, sharded=True, write_version=tf.train.SaverDef.V1),
    ]
    with tf.Graph().as_default():
        paths += train()
    values = {os.path.basename(path): read(path) for path in paths}
    lines = ",\n".join(json.dumps(name) + ": " + json.dumps(values[name], sort_keys=True)
                       for name in sorted(values))
    with open(os.path.join(HERE, "values.json"), "w") as file:
        file.write("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
