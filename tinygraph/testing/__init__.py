"""Tools to test ops and graphs: gradients against numeric ones (public as `tg.testing`)."""

from tinygraph.testing.check import GradientError, Report, check_grads
from tinygraph.testing.diagnose import Finding
from tinygraph.testing.numeric import numeric_gradient, numeric_jacobian
from tinygraph.testing.tf1 import compute_gradient, compute_gradient_error
