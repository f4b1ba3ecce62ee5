"""Checkpoints that TensorFlow 1.15.5 wrote, damaged and hostile ones: right values or an error."""

import io
import json
import math
import os
import re
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.errors import DataLossError, DTypeError, NotFoundError
from tinygraph.io import old_format, saving
from tinygraph.io.bundle import ENTRY, HEADER, VERSION, open_bundle
from tinygraph.io.checkpoint import open_checkpoint
from tinygraph.io.crc32c import crc32c, masked
from tinygraph.io.table import Table, table
from tinygraph.io.tensors import EXTENT, NUMBERS, SLICE, shape_message, slice_key

FOLDER = Path(__file__).parent / "golden/checkpoints"
GOLDEN = json.loads((FOLDER / "values.json").read_text(encoding="utf-8"))


def bits(array):
    """A value as values.json has it."""
    if array.dtype == object:
        return ["string", [*array.shape], [x.hex() for x in array.reshape(-1).tolist()]]
    return [array.dtype.name, [*array.shape], array.tobytes().hex()]


def contents(prefix):
    checkpoint = open_checkpoint(str(prefix))
    try:
        return {name: checkpoint.read(name) for name in checkpoint.entries}
    finally:
        checkpoint.close()


def copied(folder, name):
    """A golden checkpoint in another folder: the prefix, and its files."""
    found = [path for path in FOLDER.iterdir() if re.fullmatch(
        re.escape(name).replace(r"\?", ".") + r"(\.index|\.data.*|)", path.name
    )]
    return folder / name, [Path(shutil.copy(path, folder)) for path in sorted(found)]


# ---------------------------------------------------------------- what TensorFlow wrote


@pytest.mark.smoke
@pytest.mark.parametrize("name", GOLDEN)
def test_what_tensorflow_wrote_is_read_to_the_bit(name):
    found = contents(FOLDER / name)
    assert {key: bits(value) for key, value in found.items()} == GOLDEN[name]
    assert all(value.flags.writeable for value in found.values())


def test_what_we_write_has_the_bytes_that_tensorflow_writes(tmp_path):
    """Index and data, for each dtype; so the golden files come back, too."""
    found = contents(FOLDER / "v2")
    saving.write_bundle(str(tmp_path / "v2"), found)
    for path in FOLDER.glob("v2.*"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert contents(tmp_path / "v2").keys() == found.keys()


TF_READS = """
import json, sys
import numpy as np, tensorflow as tf
reader = tf.train.NewCheckpointReader(sys.argv[1])
shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
values = {}
for name in shapes:
    with tf.Graph().as_default(), tf.Session() as session:
        array = session.run(tf.raw_ops.RestoreV2(
            prefix=sys.argv[1], tensor_names=[name], shape_and_slices=[""], dtypes=[dtypes[name]]
        ))[0]
    if dtypes[name] == tf.string:
        data = [x.hex() for x in np.array(array, object).ravel().tolist()]
    else:
        data = array.tobytes().hex()
    values[name] = [dtypes[name].name, shapes[name], data]
with tf.Graph().as_default(), tf.Session() as session:
    variables = [tf.get_variable(n, shapes[n], dtypes[n]) for n in shapes if n[0] != "_"]
    tf.train.Saver().restore(session, sys.argv[1])
    assert all(array.tobytes().hex() == values[v.op.name][2]
               for v, array in zip(variables, session.run(variables)))
state = tf.train.get_checkpoint_state(sys.argv[2])
print(json.dumps([values, tf.train.latest_checkpoint(sys.argv[2]),
                  list(state.all_model_checkpoint_paths)]))
"""


@pytest.mark.skipif("TINYGRAPH_TF" not in os.environ, reason="TINYGRAPH_TF names no interpreter")
def test_tensorflow_reads_what_we_write(tmp_path):
    """The last one is saved twice, so that its data are the first of two files."""
    w = tg.Variable(np.arange(6.0).reshape(2, 3), name="layer/w", dtype=tg.float32)
    n = tg.Variable(5, name="n", dtype=tg.int64)
    many = [tg.Variable(np.full([3], i), name=f"m{i}") for i in range(50)]
    noise = tg.random_uniform([2])
    saver = tg.train.Saver(max_to_keep=2)
    with tg.Session() as sess:
        sess.run([tg.global_variables_initializer(), noise])
        for step in (1, 2, 3, 3):
            path = saver.save(sess, str(tmp_path / "mödel"), global_step=step)
        values = {v.op_name: bits(sess.run(v)) for v in [w, n, *many]}
    assert (tmp_path / "mödel-3.data-00000-of-00002").exists()
    told = subprocess.run(
        [os.environ["TINYGRAPH_TF"], "-c", TF_READS, path, str(tmp_path)],
        check=True, capture_output=True, text=True,
    )
    found, latest, every = json.loads(told.stdout.splitlines()[-1])
    hidden = [name for name in found if name.startswith("_tinygraph/")]
    assert len(hidden) == 1 and {k: v for k, v in found.items() if k not in hidden} == values
    assert latest == path and [os.path.basename(x) for x in every] == ["mödel-2", "mödel-3"]


# ---------------------------------------------------------------- damage


@pytest.fixture
def small(tmp_path):
    """A small checkpoint of ours: its prefix and its values."""
    values = {"s": np.array([b"ab", b""], object), "w": np.array([1.5, -2.0], np.float32)}
    saving.write_bundle(str(tmp_path / "m"), values)
    return tmp_path / "m", values


def check_flipped_bits(prefix, path, chosen):
    """A checkpoint is damaged where a bit of a file is flipped; `chosen(count)` are the bits."""
    data = path.read_bytes()
    for i in chosen(8 * len(data)):
        changed = bytearray(data)
        changed[i // 8] ^= 1 << i % 8
        path.write_bytes(changed)
        with pytest.raises(DataLossError):
            contents(prefix)
    path.write_bytes(data)


def test_each_flipped_bit_is_found(small):
    prefix, _ = small
    for path in sorted(prefix.parent.glob("m.*")):
        check_flipped_bits(prefix, path, range)


@pytest.mark.parametrize("name", ["v2-parts", "v2-shards", "v2-snappy", "v1.ckpt", "v1-parts.ckpt"])
def test_flipped_bits_of_other_formats_are_found(tmp_path, name):
    prefix, paths = copied(tmp_path, name)
    for path in paths:
        check_flipped_bits(
            prefix, path, lambda n: np.random.default_rng(1).choice(n, 60, replace=False))


def test_each_truncation_is_found(small):
    prefix, _ = small
    for path in sorted(prefix.parent.glob("m.*")):
        data = path.read_bytes()
        for size in range(len(data)):
            path.write_bytes(data[:size])
            with pytest.raises(DataLossError):
                contents(prefix)
        path.write_bytes(data)


@pytest.mark.parametrize("name", GOLDEN)
def test_mutated_files_give_the_errors_that_are_documented(tmp_path, name, pytestconfig, at_most):
    """Bytes changed, cut out, doubled, exchanged; also with the blocks' checksums made right."""
    prefix, paths = copied(tmp_path, name)
    rng = np.random.default_rng([3, *name.encode()])
    rounds = (100_000 if pytestconfig.getoption("--thorough") else 560) // len(GOLDEN)
    originals = [path.read_bytes() for path in paths]
    same = {key: bits(value) for key, value in contents(prefix).items()}
    found = 0
    for n in range(rounds):
        i = rng.integers(len(paths))
        data = mutated(originals[i], rng)
        if ".data" not in paths[i].suffix and rng.integers(2):
            data = with_checksums(data, originals[i])
        paths[i].write_bytes(data)
        try:
            with at_most(16 << 20) if n < 100 else nullcontext():  # which takes three times as long
                contents(prefix)
        except (DataLossError, NotFoundError, DTypeError):
            found += 1
        paths[i].write_bytes(originals[i])
    assert found > rounds // 2
    assert {key: bits(value) for key, value in contents(prefix).items()} == same


def mutated(data, rng):
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        at, other = sorted(rng.integers(0, len(data) + 1, 2))
        kind = rng.integers(5)
        if kind < 2 and at < len(data):
            data[at] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
        elif kind == 2:
            del data[at : at + rng.integers(1, 9)]
        elif kind == 3:
            data[at:at] = data[other : other + rng.integers(1, 40)]
        else:
            data[at:other] = rng.bytes(min(other - at, 8))
        if not data:
            return b""
    return bytes(data)


def with_checksums(data, original):
    """A table of as many bytes as an undamaged one, in which each block has its checksum."""
    if len(data) != len(original):
        return data
    data = bytearray(data)
    for start, size in Table(io.BytesIO(original)).blocks:
        end = start + size
        check = masked(crc32c(bytes(data[start : end + 1])))
        data[end + 1 : end + 5] = check.to_bytes(4, "little")
    return bytes(data)


# ---------------------------------------------------------------- hostile files


def entry(dtype="float32", shape=(2,), offset=0, size=None, data=b"", **more):
    """An entry of a bundle's index, as bytes."""
    if size is None:
        size = math.prod(shape) * np.dtype(dtype).itemsize
    return ENTRY.encode(ENTRY(
        dtype=NUMBERS.get(dtype, 99), shape=shape_message(shape), offset=offset, size=size,
        crc32c=masked(crc32c(data)), **more,
    ))


def bundle(folder, entries, data=b"", header=None):
    """A bundle with these entries."""
    header = HEADER(num_shards=1, version=VERSION(producer=1)) if header is None else header
    pairs = [(b"", HEADER.encode(header)), *sorted(entries.items())]
    (folder / "m.index").write_bytes(table(pairs))
    (folder / "m.data-00000-of-00001").write_bytes(data)
    return folder / "m"


TWO = np.array([1, 2], np.float32).tobytes()


@pytest.mark.parametrize("entries, words", [
    ({b"w": entry(shape=(2**30,))}, "less than"),
    ({b"w": entry(shape=(2**26, 2**26), size=8)}, "bytes for"),
    ({b"w": entry(shape=(2**62, 2**62, 0), size=0)}, "a shape that no array has"),
    ({b"w": entry(shape=(1,) * 65, size=4)}, "65 axes"),
    ({b"w": entry(shape=(2**62,) * 3000, size=4)}, "3000 axes"),
    ({b"w": entry(shape=(-2,), size=8)}, "not known"),
    ({b"w": entry(offset=2**63 - 1)}, "less than"),
    ({b"w": entry(offset=-8)}, "at -8"),
    ({b"w": entry(size=4)}, "bytes for"),
    ({b"w": entry(dtype="string", size=1)}, "bytes for"),
    ({b"w": entry(dtype="string", size=8)}, "strings"),
    ({b"w": entry(dtype="none", size=8)}, "unknown dtype"),
    ({b"w": entry(shard_id=1)}, "of file 1"),
    ({b"v": entry(data=TWO), b"w": entry(data=TWO)}, "share bytes"),
    ({b"\xff": entry(data=TWO)}, "no text"),
    ({b"w": b"\x08\x01\x12"}, "beyond"),
    ({b"w": entry(dtype="bool", shape=(8,), data=TWO)}, "a bool"),
    ({b"w": entry(data=b"other")}, "checksum"),
])
def test_hostile_entries(tmp_path, entries, words, at_most):
    prefix = bundle(tmp_path, entries, TWO)
    with at_most(8 << 20), pytest.raises(DataLossError, match=words):
        contents(prefix)


@pytest.mark.parametrize("header, words", [
    (HEADER(num_shards=1, endianness=1), "big-endian"),
    (HEADER(num_shards=1, version=VERSION(producer=9, min_consumer=2)), "newer"),
    (HEADER(num_shards=0), "0 files"),
    (HEADER(num_shards=-1), "files"),
])
def test_headers_of_bundles_that_cannot_be_read(tmp_path, header, words):
    with pytest.raises(DataLossError, match=words):
        contents(bundle(tmp_path, {b"w": entry(data=TWO)}, TWO, header))


def test_a_bundle_without_a_header_or_without_data(tmp_path):
    prefix = bundle(tmp_path, {b"w": entry(data=TWO)}, TWO)
    (tmp_path / "m.data-00000-of-00001").unlink()
    with pytest.raises(NotFoundError, match="data-00000-of-00001"):
        contents(prefix)
    (tmp_path / "m.index").write_bytes(table([(b"w", entry(data=TWO))]))
    with pytest.raises(DataLossError, match="header"):
        contents(prefix)


@pytest.mark.parametrize("dtype", ["bfloat16", "qint8", "variant"])
def test_a_dtype_that_numpy_lacks_is_told(tmp_path, dtype):
    """What else the checkpoint has can be read."""
    prefix = bundle(
        tmp_path, {b"q": entry(dtype, (2,), size=4, data=TWO[:4]), b"w": entry(offset=4, data=TWO)},
        TWO[:4] + TWO,
    )
    opened = open_bundle(str(prefix))
    with pytest.raises(DTypeError, match=dtype):
        opened.read("q")
    assert opened.read("w").tolist() == [1, 2]
    assert opened.entries["q"].dtype == dtype


@pytest.mark.parametrize("name", ["../../w", "/etc/passwd", "a\0b", "w" * 10_000, "\n", "{}", "%s"])
def test_names_are_only_names(tmp_path, name):
    prefix = bundle(tmp_path, {name.encode(): entry(data=TWO)}, TWO)
    reader = tg.train.load_checkpoint(prefix)
    assert reader.get_variable_to_shape_map() == {name: [2]}
    assert reader.get_tensor(name).tolist() == [1, 2] and name.encode() in reader.debug_string()
    assert sorted(os.listdir(tmp_path)) == ["m.data-00000-of-00001", "m.index"]


def part(*places):
    return SLICE(extent=[EXTENT(start=start, length=length) for start, length in places])


def in_parts(folder, shape, parts, missing=()):
    """A bundle with a tensor in parts of ones."""
    entries = {b"w": entry(shape=shape, size=0, slices=parts)}
    data = b""
    for i, piece in enumerate(parts):
        sizes = tuple(extent.length or 0 for extent in piece.extent)
        ones = np.ones(sizes, np.float32).tobytes() if math.prod(sizes) < 100 else b""
        if i not in missing:
            entries[slice_key(b"w", piece)] = entry(shape=sizes, offset=len(data), data=ones)
            data += ones
    return bundle(folder, entries, data)


def test_parts_are_joined(tmp_path):
    prefix = in_parts(tmp_path, (3, 2), [part((0, 1), (0, 2)), part((1, 2), (0, 2))])
    assert contents(prefix)["w"].tolist() == [[1, 1], [1, 1], [1, 1]]


@pytest.mark.parametrize("shape, parts, missing, words", [
    ((4,), [part((0, 2))], (), "2 elements for a tensor of 4"),
    ((4,), [part((0, 2)), part((1, 2))], (), "overlap"),
    ((4,), [part((0, 2)), part((0, 2))], (), "twice"),
    ((4,), [part((0, 2)), part((2, 2))], (1,), "missing"),
    ((4,), [part((0, 2)), part((3, 2))], (), "of 4"),
    ((4,), [part((-1, 2)), part((2, 2))], (), "from -1"),
    ((4,), [part((0, 2), (0, 1))], (), "2 axes"),
    ((2**30, 2**20), [part((0, 2**29), (0, 2**20)), part((2**29, 2**29), (0, 2**20))], (0, 1),
     "missing"),
])
def test_parts_that_are_not_the_whole(tmp_path, shape, parts, missing, words):
    prefix = in_parts(tmp_path, shape, parts, missing)
    with pytest.raises(DataLossError, match=words):
        contents(prefix)


def old_file(folder, shape, parts, values, name="w", dtype="float32"):
    """A file of the first format with a tensor in parts."""
    meta = old_format.META(tensor=[old_format.TENSOR_META(
        name="w", shape=shape_message(shape), type=NUMBERS[dtype], slice=parts
    )])
    entries = {b"": old_format.SAVED.encode(old_format.SAVED(meta=meta))}
    for piece, value in zip(parts, values, strict=True):
        data = old_format.SAVED_SLICE(name=name, slice=piece, data=old_format.TENSOR(**value))
        entries[slice_key(b"w", piece)] = old_format.SAVED.encode(old_format.SAVED(data=data))
    (folder / "m").write_bytes(table(sorted(entries.items())))
    return folder / "m"


def floats(*values):
    return {"float_val": np.array(values, np.float32)}


@pytest.mark.parametrize("shape, parts, values, more, words", [
    ((2,), [part((0, 2))], [floats(1)], {}, "1 values"),
    ((2,), [part((0, 2))], [floats(1, 2)], {"name": "v"}, "not the one"),
    ((2,), [part((0, 2))], [{"int_val": np.array([1, 300])}], {"dtype": "uint8"}, "no uint8"),
    ((2,), [part((0, 2))], [{"scomplex_val": np.ones(3)}], {"dtype": "complex64"}, "complex"),
    ((2**40,), [part((0, 2**39)), part((2**39, 2**39))], [floats(1)] * 2, {}, "less than"),
    ((2**40,), [part((0, 2**40))], [floats(1)], {}, "1 values"),
    ((4,), [part((0, 2)), part((1, 2))], [floats(1, 2)] * 2, {}, "overlap"),
])
def test_hostile_files_of_the_first_format(tmp_path, shape, parts, values, more, words, at_most):
    path = old_file(tmp_path, shape, parts, values, **more)
    with at_most(8 << 20), pytest.raises(DataLossError, match=words):
        contents(path)


def test_a_file_that_is_no_checkpoint(tmp_path):
    for data in (b"", b"PK\x03\x04", b"\x80\x04N.", table([]), table([(b"", b"")])):
        (tmp_path / "m").write_bytes(data)
        with pytest.raises(DataLossError, match="/m: "):
            contents(tmp_path / "m")
    with pytest.raises(NotFoundError, match="nowhere"):
        contents(tmp_path / "nowhere")


# ---------------------------------------------------------------- readers


def test_a_reader_of_what_tensorflow_wrote():
    reader = tg.train.NewCheckpointReader(FOLDER / "v2")
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    assert shapes["kinds/float16"] == [2, 3] and dtypes["kinds/float16"] is tg.float16
    assert dtypes["strings"] == "string" and dtypes["kinds/complex64"] == "complex64"
    assert reader.has_tensor("scalar") and not reader.has_tensor("scalars")
    assert reader.get_tensor("scalar") == 7
    with pytest.raises(NotFoundError, match=r"Key scalars not found .* there is 'scalar'"):
        reader.get_tensor("scalars")
    assert tg.train.load_variable(FOLDER / "v1.ckpt", "scalar:0") == 7
    assert ("empty", [0, 3]) in tg.train.list_variables(FOLDER / "v1.ckpt")
    assert tg.train.list_variables(str(FOLDER / "v1-shards.ckpt-?????-of-00002")) == [
        ("a", [4]), ("b", [1]), ("c", [3])
    ]


def test_a_reader_goes_on_to_read_what_it_has_opened(small):
    """While others save over it, twice, so that the file's name is the same again."""
    prefix, values = small
    reader = tg.train.load_checkpoint(prefix)
    for i in range(2):
        saving.write_bundle(str(prefix), {"w": np.full(2, i, np.float32)})
    assert bits(reader.get_tensor("w")) == bits(values["w"])
    assert bits(reader.get_tensor("s")) == bits(values["s"])
