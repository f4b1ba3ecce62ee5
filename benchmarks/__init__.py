"""Training steps of the four models, timed against hand-written NumPy and bare matrix products."""
