"""Make the figures of README and the gallery: run the examples, keep what docs/images holds.

    python tools/make_figures.py

Needs the extra `examples` and Graphviz's program `dot`, and takes some minutes. The figures are of
the full MNIST set where there is one; which data were taken is printed.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
FIGURES = {  # example: {what it draws: the name in docs/images}
    "mnist_mlp": {
        "graph_wide.svg": "graph.svg",
        "graph_wide_training.svg": "graph_training.svg",
        "curves.png": "curves.png",
    },
    "mnist_autoencoder": {
        "autoencoder.svg": "autoencoder.svg",
        "autoencoders.png": "autoencoders.png",
        "denoising_reconstructions.png": "denoising_reconstructions.png",
        "plain_filters.png": "plain_filters.png",
        "denoising_and_dropout_filters.png": "denoising_and_dropout_filters.png",
    },
}


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    for example, figures in FIGURES.items():
        with tempfile.TemporaryDirectory() as output:
            script = ROOT / "examples" / f"{example}.py"
            subprocess.run([sys.executable, script, "--output", output], check=True)
            for drawn, name in figures.items():
                shutil.copyfile(Path(output) / drawn, IMAGES / name)


if __name__ == "__main__":
    main()
