"""Checksums, the wire format, Snappy and tables: the parts of which TF's files are made."""

import functools
import io
import struct

import numpy as np
import pytest

from tinygraph.errors import DataLossError
from tinygraph.io import crc32c as crc
from tinygraph.io.snappy import decompress
from tinygraph.io.table import BLOCK, Table, table
from tinygraph.io.tensors import EXTENT, SLICE, decode_strings, encode_strings, slice_key
from tinygraph.io.wire import (
    BOOL, BYTES, DOUBLE, FLOAT, INT32, INT64, STRING, UFIXED32, UINT64, Message, encode_varint,
    fields, present, varint,
)

# ---------------------------------------------------------------- checksums


@functools.cache
def crc_by_bits(data):
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (crc.POLYNOMIAL if register & 1 else 0)
    return register ^ 0xFFFFFFFF


@pytest.fixture(params=["numpy", "installed"])
def crc32c(request, monkeypatch):
    """The checksum in NumPy, and google-crc32c's where there is one."""
    if request.param == "numpy":
        monkeypatch.setattr(crc, "_compiled", lambda: None)
    return crc.crc32c


@pytest.mark.parametrize("size", [
    0, 1, 3, 4, 7, 8, 40, 842, 843, 844, crc.SPAN, crc.SPAN + 1, 20_001, 8 * crc.SPAN,
    8 * crc.SPAN + 1, 8 * (crc.SPAN + crc.STRIDES[0]) + 3, 150_003,
])
def test_crc32c_of_each_size(crc32c, size):
    data = np.random.default_rng(size).bytes(size)
    expected = crc_by_bits(data)
    assert crc32c(data) == expected
    for cut in {size // 3, size - 1 if size else 0}:
        assert crc32c(data[cut:], crc32c(memoryview(data)[:cut])) == expected


def test_crc32c_known_answers(crc32c):
    """Those of RFC 3720, B.4."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(np.arange(31, -1, -1).astype(np.uint8)) == 0x113FDB5C


# ---------------------------------------------------------------- the wire format


INNER = Message(size=(1, INT64), name=(2, STRING))
OUTER = Message(
    flag=(1, BOOL), signed=(2, INT32), inner=(3, [INNER]), only=(4, INNER), floats=(5, [FLOAT]),
    doubles=(6, [DOUBLE]), ints=(7, [INT32]), longs=(8, [UINT64]), text=(9, STRING),
    raw=(10, [BYTES]), check=(11, UFIXED32), maybe=(12, present(INT64)), ratio=(13, DOUBLE),
    bools=(14, [BOOL]),
)


def values(record):
    """A record's values, to compare."""
    if isinstance(record, list):
        return [values(x) for x in record]
    if isinstance(record, np.ndarray):
        return record.dtype.newbyteorder("="), record.tolist()
    if hasattr(record, "__dict__"):
        return {name: values(x) for name, x in vars(record).items()}
    return record


EXAMPLE = OUTER(
    flag=True, signed=-5, inner=[INNER(size=-(2**63)), INNER(name="zwölf")], only=INNER(),
    floats=np.array([1.5, -2.25], np.float32), doubles=np.array([1e300]),
    ints=np.array([0, 127, 128, -1, -(2**31), 2**31 - 1], np.int32),
    longs=np.array([2**64 - 1, 0], np.uint64), text="a", raw=[b"", b"\0\xff"], check=2**32 - 1,
    maybe=0, ratio=0.1, bools=np.array([True, False]),
)


def test_a_message_comes_back():
    data = OUTER.encode(EXAMPLE)
    assert values(OUTER.parse(data)) == values(EXAMPLE)
    assert values(OUTER.parse(b"")) == values(OUTER()) and OUTER.encode(OUTER()) == b""
    assert OUTER.parse(b"").maybe is None


def test_numbers_that_are_not_packed_and_unknown_fields():
    data = b"".join([
        b"\x38\x05", b"\x3a\x02\x06\x07", b"\x38\x08",  # ints: one, two packed, one
        encode_varint(99 << 3 | 2), b"\x03abc", encode_varint(98 << 3 | 5), b"1234",
    ])
    assert OUTER.parse(data).ints.tolist() == [5, 6, 7, 8]


def test_packed_varints_of_many_lengths():
    """More than are decoded at a time, and each length of a number."""
    rng = np.random.default_rng(1)
    numbers = (rng.integers(0, 2**63, 30_000) >> rng.integers(0, 63, 30_000)).astype(np.uint64)
    found = OUTER.parse(OUTER.encode(OUTER(longs=numbers))).longs
    np.testing.assert_array_equal(found, numbers)


@pytest.mark.parametrize("data", [
    b"\x80", b"\xff" * 10 + b"\x01", b"\x0a", b"\x12\x05abc", b"\x1d123", b"\x19" + bytes(7),
    b"\x0b", b"\x0f", b"\x00\x00", b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
])
def test_what_is_no_message(data):
    with pytest.raises(DataLossError):
        list(fields(data))


@pytest.mark.parametrize("data", [
    b"\x0a\x01x",  # a bool that is bytes
    b"\x4a\x01\xff",  # no text
    b"\x2a\x03abc",  # floats of 3 bytes
    b"\x3a\x01\x80", b"\x3a\x0b" + b"\x80" * 10 + b"\x00",  # ints without end, or too long
    b"\x22\x01\x80",  # no message within
])
def test_fields_of_wrong_types(data):
    with pytest.raises(DataLossError):
        OUTER.parse(data)


def test_messages_within_one_another_have_an_end():
    deep = Message(next=(1, BYTES))
    deep.fields[1] = deep.fields[1]._replace(kind=deep)
    data = b""
    for _ in range(200):
        data = b"\x0a" + encode_varint(len(data)) + data
    with pytest.raises(DataLossError, match="within one another"):
        deep.parse(data)


def test_mutated_messages_are_parsed_or_refused():
    data, rng = OUTER.encode(EXAMPLE), np.random.default_rng(2)
    refused = 0
    for _ in range(2000):
        changed = bytearray(data)
        for i in rng.integers(0, len(data), rng.integers(1, 4)):
            changed[i] = rng.integers(256)
        try:
            OUTER.parse(bytes(changed[: rng.integers(1, len(data) + 1)]))
        except DataLossError:
            refused += 1
    assert 500 < refused < 2000


# ---------------------------------------------------------------- Snappy


@pytest.mark.parametrize("data, expected", [
    (b"\x00", b""),
    (b"\x03\x08abc", b"abc"),
    (b"\x3d\xf0\x3c" + bytes(range(61)), bytes(range(61))),  # a length of one more byte
    (b"\x0a\x04ab\x11\x02", b"ab" * 5),  # a copy of 8 from 2 before: it overlaps with itself
    (b"\x06\x08abc\x0a\x03\x00", b"abcabc"),  # an offset of two bytes
    (b"\x06\x08abc\x0b\x03\x00\x00\x00", b"abcabc"),  # and of four
])
def test_decompression(data, expected):
    assert decompress(data, 100) == expected


@pytest.mark.parametrize("data", [
    b"", b"\x80", b"\x05", b"\x03\x08ab", b"\x02\x08abc", b"\x04\x04ab\x01\x00",
    b"\x04\x04ab\x01\x03", b"\x05\x04ab\x01", b"\x05\xf4\xff", b"\x04\x04ab\x01\x01",
    b"\xff\xff\xff\xff\x0f\x00a",
])
def test_what_is_no_compressed_block(data):
    with pytest.raises(DataLossError):
        decompress(data, 1 << 20)


def test_a_compressed_bomb_is_refused():
    with pytest.raises(DataLossError, match="claims"):
        decompress(encode_varint(1 << 40) + b"\x00a", 1 << 20)


# ---------------------------------------------------------------- tables


def opened(data):
    return Table(io.BytesIO(data))


def entries_of(data):
    return [(key, bytes(value)) for key, value in opened(data)]


def test_a_table_comes_back():
    """Several blocks, restarts within them, keys that share much, nothing and everything."""
    rng = np.random.default_rng(3)
    keys = sorted({b"", b"\xff", b"\xff\xff", *(b"layer/%d/w" % i for i in range(200))})
    entries = [(key, rng.bytes(rng.integers(0, 6000))) for key in keys]
    data = table(entries)
    assert len(data) > 2 * BLOCK and len(opened(data).blocks) > 1
    assert entries_of(data) == entries
    for key, value in entries:
        assert bytes(opened(data).get(key)) == value
    for key in (b"a", b"layer/7/", b"layer/7/w0", b"\xff\xff\xff"):
        assert opened(data).get(key) is None


def test_an_empty_table():
    assert entries_of(table([])) == [] and opened(table([])).get(b"") is None


SMALL = table([(b"", b"header"), (b"bias", b"12"), (b"bias/Adam", b"3")])


def test_each_flipped_bit_of_a_table_is_found():
    for i in range(8 * len(SMALL)):
        changed = bytearray(SMALL)
        changed[i // 8] ^= 1 << i % 8
        with pytest.raises(DataLossError):
            entries_of(bytes(changed))


def test_each_truncation_of_a_table_is_found():
    for size in range(len(SMALL)):
        with pytest.raises(DataLossError):
            entries_of(SMALL[:size])
    with pytest.raises(DataLossError):
        entries_of(b"\0" + SMALL)


def block(data, kind=0):
    """A block with its trailer."""
    data += bytes([kind])
    return data + struct.pack("<I", crc.masked(crc.crc32c(data)))


def table_of(data, kind=0, gap=b"", index=None):
    """A table of one block, whatever that holds, and with a gap after it."""
    empty = struct.pack("<II", 0, 1)
    out = block(data, kind) + gap
    if index is None:
        place = encode_varint(0) + encode_varint(len(data))
        index = bytes([0, 1, len(place)]) + b"\xff" + place + empty
    places = [(len(out), len(empty)), (len(out) + len(empty) + 5, len(index))]
    out += block(empty) + block(index)
    footer = b"".join(encode_varint(x) for place in places for x in place)
    return out + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


END = struct.pack("<II", 0, 1)


def test_bytes_that_belong_to_no_block():
    """They would be covered by no checksum."""
    good = b"\0\1\1ab" + END
    assert entries_of(table_of(good)) == [(b"a", b"b")]
    with pytest.raises(DataLossError, match="follow one another"):
        entries_of(table_of(good, gap=b"?"))


@pytest.mark.parametrize("data", [
    b"", b"\1\0\0", struct.pack("<I", 5), struct.pack("<I", 2**32 - 1),
    b"\1\1\0a" + END,  # shares with the key before, and there is none
    b"\0\1\5a" + END, b"\0\xff\xff\xff\xff\x0f\0a" + END,  # beyond the block
    b"\0\1\0b\0\1\0a" + END, b"\0\1\0a\0\1\0a" + END,  # out of order, twice
    b"\0\1" + END, b"\xff" * 12 + END,
])
def test_blocks_that_are_none(data):
    with pytest.raises(DataLossError):
        entries_of(table_of(data))


def test_tables_with_good_checksums_and_hostile_contents(at_most):
    """Keys that share 50,000 bytes, of entries and of blocks; compression that is none."""
    key = b"a" * 50_000
    entry = encode_varint(len(key)) + encode_varint(2) + b"\2"  # a value that could be a place
    bomb = b"\0" + encode_varint(len(key)) + b"\2" + key + b"\0\0"
    bomb += b"".join(entry + struct.pack(">H", i) + b"\0\0" for i in range(20_000)) + END
    with at_most(2 * len(bomb) + (32 << 20)):
        for data in (table_of(bomb), table_of(b"", index=bomb)):
            with pytest.raises(DataLossError, match="than its size"):
                entries_of(data)
        with pytest.raises(DataLossError, match="unknown way"):
            entries_of(table_of(b"\0\1\0a" + END, kind=2))
        with pytest.raises(DataLossError, match="claims"):
            entries_of(table_of(encode_varint(1 << 31), kind=1))


# ---------------------------------------------------------------- strings and slices


@pytest.mark.parametrize("strings", [[], [b""], [b"a", b"", b"x" * 300], ["zwölf", b"\0\xff"]])
def test_strings_come_back(strings):
    array = np.empty(len(strings), object)
    array[:] = strings
    data, check = encode_strings(array)
    found, same = decode_strings(data, len(strings))
    assert found == [x.encode() if isinstance(x, str) else x for x in strings] and same == check
    for size in range(len(data)):
        with pytest.raises(DataLossError):
            decode_strings(data[:size], len(strings))


def test_keys_of_slices_are_in_the_order_of_their_places():
    places = [0, 1, 63, 64, 127, 128, 8191, 8192, 2**20, 2**32, 2**62, 2**63 - 1]
    keys = [slice_key(b"w", SLICE(extent=[EXTENT(start=x, length=1)])) for x in places]
    assert keys == sorted(keys) and len({*keys}) == len(keys)
    whole = slice_key(b"w", SLICE(extent=[EXTENT()]))
    assert whole == b"\0w\0\1\1\1\x80\x7f"


def test_varints_of_all_sizes():
    for number in [0, 1, 127, 128, 2**32, 2**63, 2**64 - 1]:
        assert varint(encode_varint(number), 0)[0] == number
    assert varint(encode_varint(-1), 0)[0] == 2**64 - 1
