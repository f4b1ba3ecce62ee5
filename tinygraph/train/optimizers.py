"""The optimizers: each is the formula of its update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from tinygraph.arguments import flag, number
from tinygraph.dtypes import DType
from tinygraph.errors import GraphError
from tinygraph.graph import Graph, Node, Operation
from tinygraph.ops.compare import cast, exact, exact_dtype
from tinygraph.ops.elementary import sqrt, square
from tinygraph.ops.gathering import gather
from tinygraph.ops.groups import group
from tinygraph.ops.indexed_slices import IndexedSlices
from tinygraph.ops.math import clip_by_value, div_no_nan, divide, maximum
from tinygraph.ops.scattering import row_totals, scatter_update
from tinygraph.origin import is_foreign
from tinygraph.train.optimizer import Optimizer
from tinygraph.train.slots import Rows, Whole, filled_slot
from tinygraph.typing import TensorLike
from tinygraph.variables.variable import Variable, latest_value

Number: TypeAlias = "TensorLike | Callable[[], TensorLike]"  # of one element


class ExactOptimizer(Optimizer):
    """An optimizer whose formula computes in float32 for a variable of float16.

    float32 holds 1e-8 and squares of 300. The slots are float32 too, where in TF they are float16,
    and so is the formula's gradient; the step is taken in the variable's own dtype.

    `slots` are the names of a subclass's slots, each with the number that fills the slot at first.
    The subclass gives `_formula(g, w, of, *slots)`, which reads and updates the parts `of` the
    variable w and its slots for which there is a gradient g: the whole, or rows, if the gradient is
    sparse.
    """

    _formula: Callable[..., Any]

    def __init__(self, use_locking: bool, name: str, slots: dict[str, float], **hypers: Number):
        super().__init__(use_locking, name)
        self._starts = slots
        self._slot_names: dict[str, str | None] = {}  # where they are not the optimizer's
        self._define(**hypers)

    def _create_slots(self, var_list: list[Variable]) -> None:
        for var in var_list:
            dtype = exact_dtype(var.dtype)
            for slot, start in self._starts.items():
                name = self._slot_names.get(slot) or self._name
                self._slot(slot, filled_slot, var, start, name, dtype)

    def _slots_of(self, var: Any) -> list[Any]:
        return [self.get_slot(var, slot) for slot in self._starts]

    def _update(self, grad: Any, var: Any) -> Node | Operation:
        return super()._update(exact(grad), var)

    def _apply_dense(self, grad: Node, var: Any) -> Node | Operation:
        return self._formula(grad, var, Whole(), *self._slots_of(var))

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Node | Operation:
        if is_foreign(self._apply_sparse):  # a user's, which may count on each index coming once
            return super()._apply_sparse_duplicate_indices(grad, var)
        totals = row_totals(grad.values, grad.indices)
        return self._apply_sparse(grad.with_values(totals), var)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Node | Operation:
        """The update for slices that have the total of their index in each of its rows."""
        return self._formula(grad.values, var, Rows(grad.indices), *self._slots_of(var))

    def _hypers(self, dtype: DType) -> list[Node]:
        return super()._hypers(exact_dtype(dtype))


class GradientDescentOptimizer(ExactOptimizer):
    """Plain gradient descent: w -= lr * g (TF: `tf.train.GradientDescentOptimizer`).

    >>> w = tg.Variable([3.0, 4.0])
    >>> train = tg.train.GradientDescentOptimizer(0.25).minimize(tg.reduce_sum(w * w))
    >>> tg.global_variables_initializer().run()
    >>> train.run()
    >>> w.eval()
    array([1.5, 2. ], dtype=float32)
    """

    def __init__(
        self, learning_rate: Number, use_locking: bool = False, name: str = "GradientDescent"
    ):
        super().__init__(use_locking, name, {}, learning_rate=learning_rate)

    def _formula(self, g: Node, w: Any, of: Whole) -> Any:
        (lr,) = self._hypers(w.dtype)
        return of.descend(w, lr * g, "ApplyGradientDescent")

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Node | Operation:
        (lr,) = self._hypers(var.dtype)
        return var.scatter_sub(cast(grad.with_values(lr * grad.values), var.dtype))


class MomentumOptimizer(ExactOptimizer):
    """Gradient descent with momentum (TF: `tf.train.MomentumOptimizer`).

    m = momentum * m + g, then w -= lr * m; with `use_nesterov` w -= lr * (g + momentum * m).

    >>> w = tg.Variable(1.0)
    >>> train = tg.train.MomentumOptimizer(0.25, 0.5).minimize(w * w)
    >>> tg.global_variables_initializer().run()
    >>> for step in range(2):
    ...     train.run()
    ...     print(w.eval())
    0.5
    0.0
    """

    def __init__(
        self, learning_rate: Number, momentum: Number, use_locking: bool = False,
        name: str = "Momentum", use_nesterov: bool = False,
    ):
        hypers = {"learning_rate": learning_rate, "momentum": momentum}
        super().__init__(use_locking, name, {"momentum": 0.0}, **hypers)
        self._use_nesterov = flag(use_nesterov, "use_nesterov")

    def _formula(self, g: Node, w: Any, of: Whole, m: Any) -> Any:
        lr, momentum = self._hypers(w.dtype)
        m = of.assign(m, momentum * of.read(m) + g, "momentum")
        step = g + momentum * m if self._use_nesterov else m
        return of.descend(w, lr * step, "ApplyMomentum")


class AdagradOptimizer(ExactOptimizer):
    """Adagrad (TF: `tf.train.AdagradOptimizer`; Duchi et al. 2011).

    a += g², then w -= lr * g / sqrt(a).

    >>> w = tg.Variable(1.0)
    >>> train = tg.train.AdagradOptimizer(0.5, initial_accumulator_value=5.0).minimize(w * w)
    >>> tg.global_variables_initializer().run()
    >>> train.run()
    >>> print(round(float(w.eval()), 4))
    0.6667
    """

    def __init__(
        self, learning_rate: Number, initial_accumulator_value: float = 0.1,
        use_locking: bool = False, name: str = "Adagrad",
    ):
        start = number(initial_accumulator_value, "initial_accumulator_value")
        if start <= 0.0:
            raise GraphError(f"initial_accumulator_value must be positive: {start}")
        super().__init__(use_locking, name, {"accumulator": start}, learning_rate=learning_rate)

    def _formula(self, g: Node, w: Any, of: Whole, a: Any) -> Any:
        (lr,) = self._hypers(w.dtype)
        a = of.add(a, square(g), "accumulator")
        return of.descend(w, lr * g / sqrt(a), "ApplyAdagrad")


class AdadeltaOptimizer(ExactOptimizer):
    """Adadelta (TF: `tf.train.AdadeltaOptimizer`; Zeiler 2012).

    a = rho * a + (1 - rho) * g², u = sqrt((d + epsilon) / (a + epsilon)) * g,
    d = rho * d + (1 - rho) * u², then w -= lr * u.

    >>> w = tg.Variable(1.0)
    >>> train = tg.train.AdadeltaOptimizer(1.0, epsilon=0.25).minimize(w * w)
    >>> tg.global_variables_initializer().run()
    >>> train.run()
    >>> print(round(float(w.eval()), 4))
    -0.4907
    """

    def __init__(
        self, learning_rate: Number = 0.001, rho: Number = 0.95, epsilon: Number = 1e-8,
        use_locking: bool = False, name: str = "Adadelta",
    ):
        slots = {"accum": 0.0, "accum_update": 0.0}
        super().__init__(use_locking, name, slots, lr=learning_rate, rho=rho, epsilon=epsilon)

    def _scalars(self, dtype: DType) -> list[Node]:
        lr, rho, epsilon = super()._scalars(dtype)
        return [lr, 1.0 - rho, epsilon]

    def _formula(self, g: Node, w: Any, of: Whole, a: Any, d: Any) -> Any:
        lr, gain, epsilon = self._hypers(w.dtype)
        a = of.add(a, (square(g) - of.read(a)) * gain, "accum")
        old = of.read(d)
        u = sqrt((old + epsilon) / (a + epsilon)) * g
        d = of.add(d, (square(u) - old) * gain, "accum_update")
        update = of.descend(w, lr * u, "ApplyAdadelta")
        return group(d, update, name="update")


class RMSPropOptimizer(ExactOptimizer):
    """RMSProp (TF: `tf.train.RMSPropOptimizer`; Tieleman and Hinton 2012).

    s = decay * s + (1 - decay) * g², from s = 1 on; m = momentum * m + lr * g / sqrt(s + epsilon),
    then w -= m. With `centered`, g's mean a = decay * a + (1 - decay) * g makes s the variance
    s - a², which here, unlike in TF, rounding never makes negative.

    >>> w = tg.Variable(1.0)
    >>> train = tg.train.RMSPropOptimizer(0.1, decay=0.75).minimize(0.5 * w * w)
    >>> tg.global_variables_initializer().run()
    >>> train.run()
    >>> print(w.eval())
    0.9
    """

    def __init__(
        self, learning_rate: Number, decay: Number = 0.9, momentum: Number = 0.0,
        epsilon: Number = 1e-10, use_locking: bool = False, centered: bool = False,
        name: str = "RMSProp",
    ):
        self._centered = flag(centered, "centered")
        mean = {"mg": 0.0} if self._centered else {}
        super().__init__(
            use_locking, name, {"rms": 1.0, **mean, "momentum": 0.0},
            learning_rate=learning_rate, decay=decay, momentum=momentum, epsilon=epsilon,
        )

    def _scalars(self, dtype: DType) -> list[Node]:
        lr, decay, momentum, epsilon = super()._scalars(dtype)
        return [lr, 1.0 - decay, momentum, epsilon]

    def _formula(self, g: Node, w: Any, of: Whole, s: Any, *slots: Any) -> Any:
        lr, gain, momentum, epsilon = self._hypers(w.dtype)
        a, m = slots if self._centered else (None, *slots)
        s = of.add(s, (square(g) - of.read(s)) * gain, "rms")
        scale = s + epsilon
        if self._centered:
            a = of.add(a, (g - of.read(a)) * gain, "mg")
            scale = maximum(s - square(a) + epsilon, epsilon)
        step = lr * g / sqrt(scale)
        decayed = step if self._is("momentum", 0) else momentum * of.read(m) + step
        m = of.assign(m, decayed, "momentum")
        return of.descend(w, m, "ApplyCenteredRMSProp" if self._centered else "ApplyRMSProp")


BETAS = "beta1", "beta2"


class AdamOptimizer(ExactOptimizer):
    """Adam (TF: `tf.train.AdamOptimizer`; Kingma and Ba 2015).

    m = beta1 * m + (1 - beta1) * g and v = beta2 * v + (1 - beta2) * g², then in step t
    w -= lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon). For a sparse gradient,
    as in TF, m and v of the other rows decay, too, and these rows move.

    >>> w = tg.Variable(1.0)
    >>> train = tg.train.AdamOptimizer(0.25).minimize(w * w)
    >>> tg.global_variables_initializer().run()
    >>> train.run()
    >>> print(w.eval())
    0.75
    """

    def __init__(
        self, learning_rate: Number = 0.001, beta1: Number = 0.9, beta2: Number = 0.999,
        epsilon: Number = 1e-8, use_locking: bool = False, name: str = "Adam",
    ):
        super().__init__(
            use_locking, name, {"m": 0.0, "v": 0.0},
            learning_rate=learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon,
        )

    def _create_slots(self, var_list: list[Variable]) -> None:
        for name in BETAS:
            power = f"{name}_power"
            self._create_non_slot_variable(self._hyper_values[name], power, var_list[0].graph)
        super()._create_slots(var_list)

    def _powers(self, graph: Graph) -> list[Variable]:
        """The variables that hold beta1^t and beta2^t."""
        return [self._get_non_slot_variable(f"{name}_power", graph) for name in BETAS]

    def _scalars(self, dtype: DType) -> list[Node]:
        lr, beta1, beta2, epsilon = super()._scalars(dtype)
        power1, power2 = [cast(latest_value(p), dtype) for p in self._powers(lr.graph)]
        rate = divide(lr * sqrt(1.0 - power2), 1.0 - power1, name="rate")
        return [rate, beta1, 1.0 - beta1, beta2, 1.0 - beta2, epsilon]

    def _formula(self, g: Node, w: Any, of: Whole, m: Any, v: Any) -> Any:
        rate, beta1, gain1, beta2, gain2, epsilon = self._hypers(w.dtype)
        # first, so that m can take the gradient's place
        new_v = beta2 * of.read(v) + gain2 * square(g)
        m = of.assign(m, beta1 * of.read(m) + gain1 * g, "m")
        v = of.assign(v, new_v, "v")
        return of.descend(w, rate * m / (sqrt(v) + epsilon), "ApplyAdam")

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Node | Operation:
        """The formula for a gradient of zeros elsewhere, where m and v decay and move the rows too.
        """
        rate, beta1, gain1, beta2, gain2, epsilon = self._hypers(var.dtype)

        def decayed(slot: Any, beta: Node, rows: Node, name: str) -> Node:
            """A slot times `beta`, with rows added."""
            old = gather(slot.assign(beta * latest_value(slot)), grad.indices)
            return scatter_update(slot, grad.indices, old + rows, name=name)

        m, v = self._slots_of(var)
        m = decayed(m, beta1, gain1 * grad.values, "m")
        v = decayed(v, beta2, gain2 * square(grad.values), "v")
        return Whole().descend(var, rate * m / (sqrt(v) + epsilon), "ApplyAdam")

    def _finish(self, update_ops: list, name_scope: str) -> Operation:
        powers: list[Any] = self._powers(update_ops[0].graph)
        betas = [self._tensors[name] for name in BETAS]
        steps = [p.assign(latest_value(p) * beta) for p, beta in zip(powers, betas, strict=True)]
        return group(*update_ops, *steps, name=name_scope)


class FtrlOptimizer(ExactOptimizer):
    """Follow the regularized leader (TF: `tf.train.FtrlOptimizer`; McMahan et al. 2013).

    With p = -learning_rate_power and the gradient h = g + 2 * l2_shrinkage * w:
    a' = a + g², z += h - (a'^p - a^p) / lr * w, then
    w = (clip(z, -l1, l1) - z) / (a'^p / lr + 2 * l2).

    Where TF gives 0 for a z of NaN, this gives NaN.

    >>> w = tg.Variable([1.0, 0.125])
    >>> optimizer = tg.train.FtrlOptimizer(0.5, l1_regularization_strength=0.5)
    >>> train = optimizer.minimize(tg.reduce_sum(w * w))
    >>> tg.global_variables_initializer().run()
    >>> train.run()
    >>> print(w.eval().round(4))
    [0.2265 0.    ]
    """

    def __init__(
        self, learning_rate: Number, learning_rate_power: Number = -0.5,
        initial_accumulator_value: float = 0.1, l1_regularization_strength: Number = 0.0,
        l2_regularization_strength: Number = 0.0, use_locking: bool = False, name: str = "Ftrl",
        accum_name: str | None = None, linear_name: str | None = None,
        l2_shrinkage_regularization_strength: Number = 0.0,
    ):
        super().__init__(
            use_locking, name, {"accum": initial_accumulator_value, "linear": 0.0},
            learning_rate=learning_rate, l1=l1_regularization_strength,
            l2=l2_regularization_strength, l2_shrinkage=l2_shrinkage_regularization_strength,
            learning_rate_power=learning_rate_power,
        )
        not_negative = {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
        }
        for key, value in not_negative.items():
            if isinstance(value, int | float) and value < 0:
                raise GraphError(f"{key} {value} needs to be positive or zero")
        if isinstance(learning_rate_power, int | float) and learning_rate_power > 0:
            raise GraphError(
                f"learning_rate_power {learning_rate_power} needs to be negative or zero"
            )
        self._slot_names = {"accum": accum_name, "linear": linear_name}

    def _formula(self, g: Node, w: Any, of: Whole, a: Any, z: Any) -> Any:
        lr, l1, l2, shrinkage, lr_power = self._hypers(w.dtype)

        def root(x: Node) -> Node:
            return sqrt(x) if self._is("learning_rate_power", -0.5) else x**-lr_power

        old, old_w = root(of.read(a)), exact(of.read(w))
        new = root(of.add(a, square(g), "accum"))
        h = g if self._is("l2_shrinkage", 0) else g + 2.0 * shrinkage * old_w
        z = of.add(z, h - (new - old) / lr * old_w, "linear")
        kept = -z if self._is("l1", 0) else clip_by_value(z, -l1, l1) - z
        curvature = new / lr if self._is("l2", 0) else new / lr + 2.0 * l2
        may_be_zero = self._starts["accum"] == 0  # then w is 0 until a gradient comes
        quotient = div_no_nan(kept, curvature) if may_be_zero else kept / curvature
        return of.become(w, quotient, "ApplyFtrl")
