"""Make the figures of README and the docs: run the examples, keep what docs/images holds.

    python tools/make_figures.py

Needs the extra `examples` and Graphviz's program `dot`, and takes some minutes. The figures are of
the full MNIST set where there is one; which data were taken is printed.
"""

import re
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
PAGES = {"profiling": ["profile.svg"], "gallery": ["branches.svg"]}  # page: what its own code draws
CODE = re.compile(r"^```(?:\{run\}|python)\n(?::\w+:.*\n)*(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_page(page: str, output: str) -> None:
    """Run the code of a page in a folder, but for what shows a prompt."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    code = "\n".join(block for block in CODE.findall(text) if ">>>" not in block)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=output)


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    for example, figures in FIGURES.items():
        with tempfile.TemporaryDirectory() as output:
            script = ROOT / "examples" / f"{example}.py"
            subprocess.run([sys.executable, script, "--output", output], check=True)
            for drawn, name in figures.items():
                shutil.copyfile(Path(output) / drawn, IMAGES / name)
    for page, drawn_by_page in PAGES.items():
        with tempfile.TemporaryDirectory() as output:
            run_page(page, output)
            for name in drawn_by_page:
                shutil.copyfile(Path(output) / name, IMAGES / name)


if __name__ == "__main__":
    main()
