"""`python -m benchmarks.child MODULE FUNCTION ARGUMENTS`: what a fresh process is started with.

It calls the function of `benchmarks.MODULE` with the arguments, an object in JSON, and prints the
result as JSON, in a line of its own.
"""

import importlib
import json
import sys

if __name__ == "__main__":
    module, function, arguments = sys.argv[1:]
    call = getattr(importlib.import_module("benchmarks." + module), function)
    result = json.dumps(call(**json.loads(arguments)))
    print("\n" + result)
