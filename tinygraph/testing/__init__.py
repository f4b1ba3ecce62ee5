"""Tools to test ops and graphs: gradients against numeric ones (public as `tg.testing`)."""

from tinygraph.testing.check import GradientError, Report, check_grads
from tinygraph.testing.diagnose import Finding
from tinygraph.testing.numeric import numeric_gradient, numeric_jacobian

__all__ = [
    "Finding",
    "GradientError",
    "Report",
    "check_grads",
    "numeric_gradient",
    "numeric_jacobian",
]
