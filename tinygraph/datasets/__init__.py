"""Data to learn from: MNIST, with a sample of it that needs no network."""

from tinygraph.datasets import fetch, idx, mnist

__all__ = ["fetch", "idx", "mnist"]
