"""`tg.linalg`: linear algebra under TF's second names for it (TF: `tf.linalg`)."""

from tinygraph.ops.clip import global_norm
from tinygraph.ops.diagonals import (
    diag as tensor_diag, diag_part as tensor_diag_part, matrix_band_part as band_part,
    matrix_diag as diag, matrix_diag_part as diag_part, matrix_set_diag as set_diag,
)
from tinygraph.ops.decompositions import (
    cholesky, qr, self_adjoint_eig as eigh, self_adjoint_eigvals as eigvalsh, svd,
)
from tinygraph.ops.linalg import (
    einsum, matmul, matrix_transpose, matrix_transpose as transpose, tensordot,
)
from tinygraph.ops.matrix import (
    cross, eye, matrix_determinant as det, matrix_inverse as inv, matrix_solve as solve, slogdet,
    trace,
)
from tinygraph.ops.nn import l2_normalize
from tinygraph.ops.norms import norm
