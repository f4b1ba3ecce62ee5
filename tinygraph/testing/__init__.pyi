"""Tools to test ops and graphs: gradients against numeric ones (public as `tg.testing`)."""

# Made by tools/make_stubs.py; do not edit.

from tinygraph.testing.check import (
    GradientError as GradientError, Report as Report, check_grads as check_grads,
)
from tinygraph.testing.diagnose import Finding as Finding
from tinygraph.testing.numeric import (
    numeric_gradient as numeric_gradient, numeric_jacobian as numeric_jacobian,
)
from tinygraph.testing.tf1 import (
    compute_gradient as compute_gradient, compute_gradient_error as compute_gradient_error,
)
