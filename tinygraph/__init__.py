"""tinygraph."""
__version__ = "0.1.0"
from tinygraph import errors
from tinygraph.spec import *
from tinygraph.spec import bool_ as bool
from tinygraph.spec import Shape as TensorShape
from tinygraph.graph import *
from tinygraph.graph import Node as Tensor
from tinygraph.op import elementwise, composite, reduction, registry, Op
from tinygraph.ops.reduce import *
from tinygraph.ops.linalg import *
from tinygraph.ops.math import *
from tinygraph.ops.array import *
try:
    from tinygraph.ops.random import *
    from tinygraph.ops.initializers import *
    from tinygraph.ops import initializers
    from tinygraph.ops.variable_scope import *
except ImportError as e:
    print(e)
from tinygraph.ops.state import *
from tinygraph.ops.state import tuple_ as tuple
from tinygraph.ops.array import constant
try:
    from tinygraph.ops.clip import *
except ImportError as e:
    pass
from tinygraph.gradients import gradients
from tinygraph.session import Session, InteractiveSession
try:
    from tinygraph import nn
except ImportError as e:
    print(e)
try:
    from tinygraph import train
except ImportError as e:
    print(e)
try:
    from tinygraph import testing, testing as test
except ImportError as e:
    print(e)
try:
    from tinygraph import viz, datasets
    from tinygraph.datasets import mnist
except ImportError as e:
    print(e)
