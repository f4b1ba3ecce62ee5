"""Products of matrices and tensors, norms, inverses and decompositions."""

from __future__ import annotations

import numpy as np

import tinygraph as tg
from cases import Case, f64, i32
from tinygraph.op import registry

# ---------------------------------------------------------------- products


def swapped(x, flip):
    return np.swapaxes(x, -1, -2) if flip else x


def products():
    """Both transposes, of matrices and of batches."""
    for first in (False, True):
        for second in (False, True):
            flags = {"transpose_a": first, "transpose_b": second}
            note = " ".join(key for key, flag in flags.items() if flag)
            for op, batch in (("MatMul", ()), ("BatchMatMulV2", (2,))):
                a = swapped(f64(*batch, 2, 3), first).copy()
                b = swapped(f64(*batch, 3, 4), second).copy()
                yield Case(
                    op, lambda a, b, flags=flags: tg.matmul(a, b, **flags), [a, b],
                    lambda a, b, f=first, s=second: swapped(a, f) @ swapped(b, s), note=note,
                )


add_product = registry["AddProduct"]

MATMUL = [
    *products(),
    Case("AddProduct", add_product, [f64(2, 4), f64(2, 3), f64(3, 4), f64()],
         lambda c, a, b, alpha: c + alpha * a @ b),
    Case("AddProduct", lambda c, a, b, k: add_product(c, tg.transpose(a), tg.transpose(b), k),
         [f64(2, 4), f64(3, 2), f64(4, 3), f64()], lambda c, a, b, k: c + k * a.T @ b.T,
         note="transposed"),
    Case("AddProduct", lambda c, a, b, k: add_product(c, a[::2], b[:, 1:], k),
         [f64(2, 3), f64(4, 3), f64(3, 4), f64()], lambda c, a, b, k: c + k * a[::2] @ b[:, 1:],
         note="slices"),
    Case("AddProduct", add_product, [f64(2, 3), f64(2, 0), f64(0, 3), f64()],
         lambda c, a, b, k: c, note="nothing inside"),
    Case("AddProduct", add_product, [f64(1, 1), f64(1, 5), f64(5, 1), f64()],
         lambda c, a, b, k: c + k * a @ b, note="one element"),
    Case("MatMul", lambda a, b: a @ b, [f64(2, 3), f64(3, 1)], np.matmul, note="operator"),
    Case("MatMul", lambda a: a @ np.ones((3, 2)), [f64(2, 3)], lambda a: a @ np.ones((3, 2)),
         note="by an array"),
    Case("MatMul", lambda b: np.ones((2, 3)) @ b, [f64(3, 2)], lambda b: np.ones((2, 3)) @ b,
         note="of an array"),
    Case("MatMul", lambda a: tg.matmul(a, a, transpose_b=True), [f64(3, 2)], lambda a: a @ a.T,
         note="with itself"),
    Case("MatMul", lambda a, b: tg.matmul(a, b, adjoint_a=True), [f64(3, 2), f64(3, 4)],
         lambda a, b: a.T @ b, note="adjoint_a"),
    Case("MatMul", tg.matmul, [i32(2, 3), i32(3, 2)], np.matmul, note="int32"),
    Case("MatMul", tg.matmul, [np.zeros((2, 0)), np.zeros((0, 3))], np.matmul, note="nothing"),
    Case("MatMul", lambda a, b: tg.matmul(tg.broadcast_to(a, [4, 3]), b), [f64(3), f64(3, 2)],
         lambda a, b: np.tile(a @ b, (4, 1)), note="of a broadcast", unknown="dims"),
    Case("BatchMatMulV2", tg.matmul, [f64(2, 1, 2, 3), f64(3, 3, 1)], np.matmul,
         note="broadcast"),
    Case("BatchMatMulV2", tg.matmul, [f64(2, 3), f64(4, 3, 2)], np.matmul, note="matrix by batch"),
    Case("BatchMatMulV2", tg.matmul, [i32(2, 2, 3), i32(2, 3, 2)], np.matmul, note="int32"),
    Case("Dot", registry["Dot"], [f64(2, 3), f64(3, 4)], np.dot),
    Case("BatchDot", registry["BatchDot"], [f64(2, 2, 3), f64(3, 4)], np.matmul),
    Case("Transpose", tg.matrix_transpose, [f64(2, 3, 4)], lambda x: np.swapaxes(x, 1, 2),
         note="matrix_transpose"),
    Case("MatrixTranspose", registry["MatrixTranspose"], [f64(2, 3, 4)],
         lambda x: np.swapaxes(x, 1, 2)),
]


def einsum(equation, *shapes, unknown="dims", make=f64, **options):
    op = "Einsum" if len(shapes) > 1 else "Sum"
    return Case(
        op, lambda *xs: tg.einsum(equation, *xs), [make(*shape) for shape in shapes],
        lambda *xs: np.einsum(equation, *xs), note=equation, unknown=unknown, **options,
    )


EINSUM = [
    einsum("ij,jk->ik", (2, 3), (3, 4), unknown="rank"),
    einsum("ij,jk->ki", (2, 3), (3, 4)),
    einsum("ij,jk", (2, 3), (3, 4)),
    einsum("ba,cb", (2, 3), (4, 2)),
    einsum("bij,bjk->bik", (2, 2, 3), (2, 3, 4)),
    einsum("bij,bkj->ikb", (2, 2, 3), (2, 4, 3)),
    einsum("i,j->ij", (2,), (3,)),
    einsum("i,i->", (3,), (3,)),
    einsum("i,i->i", (3,), (3,)),
    einsum("ij,ij->i", (2, 3), (2, 3)),
    einsum("ijk,kl->ijl", (2, 2, 3), (3, 4)),
    einsum("ijk,jil->kl", (2, 3, 4), (3, 2, 2)),
    einsum("ij,k->k", (2, 3), (4,)),
    einsum("ij,jk->k", (2, 3), (3, 4)),
    einsum("ij->", (2, 3)),
    einsum("ij->j", (2, 3)),
    einsum("ijk->ki", (2, 3, 4)),
    einsum("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    einsum("i,i,i->i", (3,), (3,), (3,)),
    einsum("...ij,...jk->...ik", (5, 2, 3), (5, 3, 2)),
    einsum("...ij,jk->...ik", (2, 5, 2, 3), (3, 2)),
    einsum("i...,i->...", (2, 3, 4), (2,)),
    einsum("ik,kj->ij", (2, 3), (3, 4), make=i32),
    Case("Transpose", lambda x: tg.einsum("ij->ji", x), [f64(2, 3)], np.transpose,
         note="einsum", unknown="dims"),
    Case("Einsum", lambda x: tg.einsum("ij,j->i", x, [1.0, 2.0, 3.0]), [f64(2, 3)],
         lambda x: x @ [1.0, 2.0, 3.0], note="a list", unknown="dims"),
]


def tensordot(left, right, axes):
    return Case(
        "Einsum", lambda a, b: tg.tensordot(a, b, axes), [f64(*left), f64(*right)],
        lambda a, b: np.tensordot(a, b, axes), note=f"tensordot {axes}", unknown="dims",
    )


TENSORDOT = [
    tensordot((2,), (3,), 0),
    tensordot((2, 3), (3, 2), 1),
    tensordot((2, 3, 2), (3, 2, 4), 2),
    tensordot((3, 2), (2, 3, 2), [[0], [1]]),
    tensordot((2, 3, 2), (3, 2), [[1, 2], [0, 1]]),
    tensordot((2, 3, 2), (2, 3), ((-1, 1), (0, 1))),
    tensordot((2, 3), (3, 2), [1, 0]),
]

# ---------------------------------------------------------------- norms


def norms():
    for ord in ("euclidean", 1, 2, 3, 1.5, np.inf):
        numpy = 2 if ord == "euclidean" else ord
        op = {"euclidean": "EuclideanNorm", 1: "Sum", 2: "EuclideanNorm", np.inf: "Max"}
        for axis in (None, 1):
            for keepdims in (False, True):
                yield Case(
                    op.get(ord, "PNorm"),
                    lambda x, o=ord, a=axis, k=keepdims: tg.norm(x, o, axis=a, keepdims=k),
                    [f64(3, 4)],
                    lambda x, o=numpy, a=axis, k=keepdims: np.linalg.norm(
                        x if a else x.reshape(-1), o, a, False
                    ).reshape(([3] if a else []) if not k else ([3, 1] if a else [1, 1])),
                    note=f"norm {ord} axis {axis}{' kept' if keepdims else ''}",
                )
    for ord in ("fro", "euclidean", 1, np.inf):
        op = "Max" if ord in (1, np.inf) else "EuclideanNorm"
        for axis in ([0, 1], [-1, 0], (1, 2)):
            yield Case(
                op, lambda x, o=ord, a=axis: tg.norm(x, o, axis=a), [f64(2, 3, 4)],
                lambda x, o=ord, a=tuple(axis): np.linalg.norm(
                    x, "fro" if o == "euclidean" else o, a
                ),
                note=f"matrix norm {ord} axis {axis}", unknown="dims",
            )
    for axis, keepdims in ([0, 1], False), ([-1, 0], True), ((1, 2), True):
        yield Case(
            "EuclideanNorm", lambda x, a=axis, k=keepdims: tg.norm(x, 2, axis=a, keepdims=k),
            [f64(2, 3, 4)],
            lambda x, a=tuple(axis), k=keepdims: np.linalg.norm(x, 2, a, k),
            note=f"matrix norm 2 axis {axis}", unknown="dims", slack=10,
        )


# ---------------------------------------------------------------- square matrices


def regular(*batch, n=3):
    """Matrices that are far from singular."""
    return f64(*batch, n, n) + 3 * np.eye(n)


def definite(x):
    """A positive definite matrix from any, as nodes or arrays."""
    return x @ (
        tg.matrix_transpose(x) if isinstance(x, tg.Tensor) else x.swapaxes(-1, -2)
    ) + np.eye(3)


def symmetric(*batch):
    x = f64(*batch, 3, 3)
    return (x + x.swapaxes(-1, -2)) / 2 + np.diag([0.0, 3.0, 7.0])


def eigen_parts(x):
    """What does not depend on the signs of the eigenvectors."""
    e, v = tg.self_adjoint_eig(x)
    return [e, tg.matmul(v * tg.expand_dims(tg.exp(0.2 * e), -2), v, transpose_b=True), v * v]


def eigen_reference(x):
    e, v = np.linalg.eigh(x)
    return [e, (v * np.exp(0.2 * e)[..., None, :]) @ v.swapaxes(-1, -2), v * v]


def singular_parts(full):
    """What does not depend on the signs of the singular vectors."""

    def build(x):
        s, u, v = tg.svd(x, full)
        k = tg.shape(s)[-1]
        scaled = u[..., :k] * tg.expand_dims(tg.exp(0.2 * s), -2)
        return [s, tg.matmul(scaled, v[..., :k], transpose_b=True), u * u, v * v]

    return build


def singular_reference(full):
    def expected(x):
        u, s, vt = np.linalg.svd(x, full)
        k = s.shape[-1]
        scaled = u[..., :k] * np.exp(0.2 * s)[..., None, :]
        return [s, scaled @ vt[..., :k, :], u * u, vt.swapaxes(-1, -2) ** 2]

    return expected


def uneven(*shape):
    """Matrices whose singular values are far from one another and from 0."""
    u, _, vt = np.linalg.svd(f64(*shape), full_matrices=False)
    k = min(shape[-2:])
    return (u * np.arange(1.0, 1 + k)) @ vt


def svd_cases():
    for shape in (3, 3), (4, 2), (2, 2, 3):
        yield Case("Svd", singular_parts(False), [uneven(*shape)], singular_reference(False),
                   unknown="dims", slack=100)
    for shape in (3, 2), (2, 3):
        yield Case("Svd", singular_parts(True), [uneven(*shape)], singular_reference(True),
                   note="full", unknown="", slack=100)
    yield Case("Svd", lambda x: tg.svd(x, compute_uv=False), [uneven(2, 4, 3)],
               lambda x: np.linalg.svd(x, compute_uv=False), note="values", slack=10)
    yield Case("Svd", lambda x: tg.svd(x, full_matrices=True)[0], [uneven(2, 4)],
               lambda x: np.linalg.svd(x, compute_uv=False), note="values of the full",
               slack=10)

    yield Case("SingularValuesApart", lambda s: registry["SingularValuesApart"](s, nonzero=True),
               [np.array([[3.0, 2.0], [5.0, 0.5]])], lambda s: s)


def qr_cases():
    for shape in (3, 3), (2, 3, 2):
        yield Case("Qr", tg.qr, [uneven(*shape)], lambda x: list(np.linalg.qr(x)), slack=100)
    yield Case("Qr", lambda x: tg.qr(x, full_matrices=True), [uneven(2, 2)],
               lambda x: list(np.linalg.qr(x)), note="full", slack=100)
    for shape, full in ((2, 4), False), ((4, 2), True):
        yield Case("Qr", lambda x, f=full: [tg.stop_gradient(y) for y in tg.qr(x, f)],
                   [uneven(*shape)],
                   lambda x, f=full: list(np.linalg.qr(x, "complete" if f else "reduced")),
                   grad=False, note="without a gradient", slack=10)


SOLVERS = [
    Case("MatrixInverse", tg.matrix_inverse, [regular()], np.linalg.inv, slack=10),
    Case("MatrixInverse", lambda x: tg.matrix_inverse(x, adjoint=True), [regular(2)],
         lambda x: np.linalg.inv(x).swapaxes(-1, -2), note="adjoint", slack=10),
    Case("MatrixDeterminant", tg.matrix_determinant, [regular()], np.linalg.det, slack=10),
    Case("MatrixDeterminant", tg.matrix_determinant, [regular(2, n=2)], np.linalg.det,
         note="batch", slack=10),
    Case("LogMatrixDeterminant", tg.linalg.slogdet, [regular()],
         lambda x: list(np.linalg.slogdet(x)), slack=10),
    Case("LogMatrixDeterminant", lambda x: tg.linalg.slogdet(-x), [regular(2, 2)],
         lambda x: list(np.linalg.slogdet(-x)), note="batches", slack=10),
    Case("MatrixSolve", tg.matrix_solve, [regular(), f64(3, 2)], np.linalg.solve, slack=10),
    Case("MatrixSolve", lambda a, b: tg.matrix_solve(a, b, adjoint=True),
         [regular(2), f64(2, 3, 1)], lambda a, b: np.linalg.solve(a.swapaxes(-1, -2), b),
         note="adjoint batch", slack=10),
    Case("Cholesky", lambda x: tg.cholesky(definite(x)), [f64(3, 3)],
         lambda x: np.linalg.cholesky(definite(x)), slack=10),
    Case("Cholesky", tg.cholesky, [definite(f64(2, 3, 3))], np.linalg.cholesky, note="batch",
         slack=10),
    Case("SelfAdjointEigV2", eigen_parts, [symmetric()], eigen_reference, slack=10),
    Case("SelfAdjointEigV2", tg.self_adjoint_eigvals, [symmetric(2)], np.linalg.eigvalsh,
         note="values of a batch", slack=10),
    *svd_cases(), *qr_cases(),
    Case("Sum", tg.trace, [f64(3, 4)], np.trace, note="trace", unknown="dims"),
    Case("Sum", tg.trace, [f64(2, 3, 3)], lambda x: np.trace(x, 0, 1, 2), note="trace of a batch",
         unknown="dims"),
    Case("Cross", tg.cross, [f64(3), f64(3)], np.cross),
    Case("Cross", tg.cross, [f64(2, 3), f64(2, 3)], np.cross, note="batch"),
    Case("Cross", tg.cross, [i32(2, 3), i32(2, 3)], np.cross, note="int32"),
]

EYES = [
    Case("Eye", lambda: tg.eye(3), [], lambda: np.eye(3, dtype=np.float32)),
    Case("Eye", lambda: tg.eye(2, 3, dtype=tg.int32), [], lambda: np.eye(2, 3, dtype=np.int32),
         note="int32"),
    Case("Eye", lambda: tg.eye(2, batch_shape=[4, 1]), [],
         lambda: np.tile(np.eye(2, dtype=np.float32), (4, 1, 1, 1)), note="batch"),
    Case("Eye", lambda x: x * tg.eye(tg.shape(x)[0], tg.shape(x)[1], dtype=x.dtype), [f64(2, 3)],
         lambda x: x * np.eye(2, 3), note="sizes from a shape"),
]

CASES = [*MATMUL, *EINSUM, *TENSORDOT, *norms(), *SOLVERS, *EYES]
