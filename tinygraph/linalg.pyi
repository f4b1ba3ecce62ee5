"""`tg.linalg`: linear algebra under TF's second names for it (TF: `tf.linalg`)."""

# Made by tools/make_stubs.py; do not edit.

from tinygraph import (
    matrix_band_part as _band_part, cholesky as cholesky, cross as cross,
    matrix_determinant as _det, matrix_diag as _diag, matrix_diag_part as _diag_part,
    matrix_inverse as _inv, matrix_set_diag as _set_diag, matrix_solve as _solve,
    diag as _tensor_diag, diag_part as _tensor_diag_part,
)
from tinygraph.ops.clip import global_norm as global_norm
from tinygraph.ops.decompositions import (
    self_adjoint_eig as _eigh, self_adjoint_eigvals as _eigvalsh, qr as qr, svd as svd,
)
from tinygraph.ops.linalg import (
    einsum as einsum, matmul as matmul, matrix_transpose as matrix_transpose,
    tensordot as tensordot, matrix_transpose as _transpose,
)
from tinygraph.ops.matrix import eye as eye, slogdet as slogdet, trace as trace
from tinygraph.ops.nn import l2_normalize as l2_normalize
from tinygraph.ops.norms import norm as norm

band_part = _band_part
det = _det
diag = _diag
diag_part = _diag_part
eigh = _eigh
eigvalsh = _eigvalsh
inv = _inv
set_diag = _set_diag
solve = _solve
tensor_diag = _tensor_diag
tensor_diag_part = _tensor_diag_part
transpose = _transpose
