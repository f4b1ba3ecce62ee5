"""From a fetched subgraph to a straight-line Python function over preallocated buffers.

`lower` replays the user's nodes: it calls the op of each again, on exact shapes, in a Trace, the
graph that the compiler builds. The rules of a trace may put other nodes in place of new ones. Each
update in a run makes a new version of its variable. The result is a Program: nodes in order, its
results and the variables' new values. A body, such as a branch of a cond, is a program of its own.
A pass is a rule of traces or a change of programs. `memory` then says in which array each value
stands, and `codegen` writes the source.
"""
