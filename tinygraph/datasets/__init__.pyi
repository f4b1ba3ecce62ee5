"""Data to learn from: MNIST, with a sample of it that needs no network."""

# Made by tools/make_stubs.py; do not edit.

from tinygraph.datasets import fetch as fetch, idx as idx, mnist as mnist
