"""From a fetched subgraph to a straight-line Python function over preallocated buffers."""
