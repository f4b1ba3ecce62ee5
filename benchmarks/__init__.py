"""Measurements of tinygraph against its targets and its peers; `python -m benchmarks` runs them."""
