"""Attacks by chance: random graphs, interrupts at every moment, calls with odd arguments.

Each is seeded. The test suite runs some hundred of each; by hand any number:

    python -m tests.fuzz --graphs 20000 --seed 1
    python -m tests.fuzz.calls --calls 100000
    python -m tests.fuzz.signals --moments 5000 --signals 1000
"""

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # for `cases`
