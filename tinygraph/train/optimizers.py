"""The optimizers: each is the formula of its update."""

from __future__ import annotations

from typing import Any

from tinygraph.arguments import flag, number
from tinygraph.errors import GraphError
from tinygraph.graph import Graph, Node, Operation
from tinygraph.ops.compare import cast, exact, exact_dtype
from tinygraph.ops.elementary import sqrt, square
from tinygraph.ops.gathering import gather
from tinygraph.ops.groups import group
from tinygraph.ops.indexed_slices import IndexedSlices
from tinygraph.ops.math import clip_by_value, div_no_nan, divide, maximum
from tinygraph.ops.scattering import row_totals
from tinygraph.origin import is_foreign
from tinygraph.spec import DType
from tinygraph.train.optimizer import Optimizer
from tinygraph.train.parts import Rows, Whole
from tinygraph.train.slots import filled_slot
from tinygraph.variables.updates import scatter_update
from tinygraph.variables.variable import Variable, latest_value

Number = Any  # a Python number, a scalar tensor or a function that returns one


class ExactOptimizer(Optimizer):
    """One whose formula computes with float16s in float32, which holds 1e-8 and squares of 300.

    So are its slots, where in TF they are float16s, and the formula's gradient; a step is taken in
    the variable's own dtype.

    A subclass gives `_formula(grad, var, of)`, which reads and updates the parts `of` variables for
    which there is a gradient: the whole, or rows, if the gradient is sparse.
    """

    def _update(self, grad: Any, var: Any) -> Node | Operation:
        return super()._update(exact(grad), var)

    def _apply_dense(self, grad: Node, var: Any) -> Node | Operation:
        return self._formula(grad, var, Whole())

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Any) -> Node | Operation:
        if is_foreign(self._apply_sparse):  # a user's, which may count on each index coming once
            return super()._apply_sparse_duplicate_indices(grad, var)
        totals = row_totals(grad.values, grad.indices)
        return self._apply_sparse(grad.with_values(totals), var)

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Node | Operation:
        """The update for slices that have the total of their index in each of its rows."""
        return self._formula(grad.values, var, Rows(grad.indices))

    def _formula(self, grad: Node, var: Any, of: Whole) -> Any:
        raise NotImplementedError

    def _hypers(self, dtype: DType) -> list[Node]:
        return super()._hypers(exact_dtype(dtype))

    def _filled_slot(self, var: Variable, value: float, slot_name: str, op_name: str) -> Variable:
        dtype = exact_dtype(var.dtype)
        return self._made_once(var, slot_name, lambda: filled_slot(var, value, op_name, dtype))


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
        super().__init__(use_locking, name)
        self._define(learning_rate=learning_rate)

    def _formula(self, grad: Node, var: Any, of: Whole) -> Any:
        (lr,) = self._hypers(var.dtype)
        return of.descend(var, lr * grad, "ApplyGradientDescent")

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
        super().__init__(use_locking, name)
        self._define(learning_rate=learning_rate, momentum=momentum)
        self._use_nesterov = flag(use_nesterov, "use_nesterov")

    def _create_slots(self, var_list: list[Variable]) -> None:
        for var in var_list:
            self._zeros_slot(var, "momentum", self._name)

    def _formula(self, grad: Node, var: Any, of: Whole) -> Any:
        lr, momentum = self._hypers(var.dtype)
        m: Any = self.get_slot(var, "momentum")
        m = of.assign(m, momentum * of.read(m) + grad, "momentum")
        step = grad + momentum * m if self._use_nesterov else m
        return of.descend(var, lr * step, "ApplyMomentum")


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
        if number(initial_accumulator_value, "initial_accumulator_value") <= 0.0:
            raise GraphError(
                f"initial_accumulator_value must be positive: {initial_accumulator_value}"
            )
        super().__init__(use_locking, name)
        self._define(learning_rate=learning_rate)
        self._initial_accumulator_value = initial_accumulator_value

    def _create_slots(self, var_list: list[Variable]) -> None:
        for var in var_list:
            self._filled_slot(var, self._initial_accumulator_value, "accumulator", self._name)

    def _formula(self, grad: Node, var: Any, of: Whole) -> Any:
        (lr,) = self._hypers(var.dtype)
        a: Any = self.get_slot(var, "accumulator")
        a = of.add(a, square(grad), "accumulator")
        return of.descend(var, lr * grad / sqrt(a), "ApplyAdagrad")


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
        super().__init__(use_locking, name)
        self._define(lr=learning_rate, rho=rho, epsilon=epsilon)

    def _create_slots(self, var_list: list[Variable]) -> None:
        for var in var_list:
            self._zeros_slot(var, "accum", self._name)
            self._zeros_slot(var, "accum_update", self._name)

    def _scalars(self, dtype: DType) -> list[Node]:
        lr, rho, epsilon = super()._scalars(dtype)
        return [lr, 1.0 - rho, epsilon]

    def _formula(self, grad: Node, var: Any, of: Whole) -> Any:
        lr, gain, epsilon = self._hypers(var.dtype)
        a: Any = self.get_slot(var, "accum")
        d: Any = self.get_slot(var, "accum_update")
        a = of.add(a, (square(grad) - of.read(a)) * gain, "accum")
        old = of.read(d)
        step = sqrt((old + epsilon) / (a + epsilon)) * grad
        d = of.add(d, (square(step) - old) * gain, "accum_update")
        update = of.descend(var, lr * step, "ApplyAdadelta")
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
        super().__init__(use_locking, name)
        self._define(
            learning_rate=learning_rate, decay=decay, momentum=momentum,
            epsilon=epsilon,
        )
        self._centered = flag(centered, "centered")

    def _create_slots(self, var_list: list[Variable]) -> None:
        for var in var_list:
            self._filled_slot(var, 1.0, "rms", self._name)
            if self._centered:
                self._zeros_slot(var, "mg", self._name)
            self._zeros_slot(var, "momentum", self._name)

    def _scalars(self, dtype: DType) -> list[Node]:
        lr, decay, momentum, epsilon = super()._scalars(dtype)
        return [lr, 1.0 - decay, momentum, epsilon]

    def _formula(self, grad: Node, var: Any, of: Whole) -> Any:
        lr, gain, momentum, epsilon = self._hypers(var.dtype)
        s: Any = self.get_slot(var, "rms")
        m: Any = self.get_slot(var, "momentum")
        s = of.add(s, (square(grad) - of.read(s)) * gain, "rms")
        scale = s + epsilon
        if self._centered:
            a: Any = self.get_slot(var, "mg")
            a = of.add(a, (grad - of.read(a)) * gain, "mg")
            scale = maximum(s - square(a) + epsilon, epsilon)
        step = lr * grad / sqrt(scale)
        decayed = step if self._is("momentum", 0) else momentum * of.read(m) + step
        m = of.replace(m, decayed, "momentum")
        kind = "ApplyCenteredRMSProp" if self._centered else "ApplyRMSProp"
        return of.descend(var, m, kind)


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
        super().__init__(use_locking, name)
        self._define(learning_rate=learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon)

    def _create_slots(self, var_list: list[Variable]) -> None:
        for name in ("beta1", "beta2"):
            graph = var_list[0].graph
            self._create_non_slot_variable(self._given[name], f"{name}_power", graph)
        for var in var_list:
            self._zeros_slot(var, "m", self._name)
            self._zeros_slot(var, "v", self._name)

    def _powers(self, graph: Graph) -> list[Variable]:
        """The variables that hold beta1^t and beta2^t."""
        return [self._get_non_slot_variable(f"{name}_power", graph) for name in ("beta1", "beta2")]

    def _scalars(self, dtype: DType) -> list[Node]:
        lr, beta1, beta2, epsilon = super()._scalars(dtype)
        powers = [latest_value(power) for power in self._powers(lr.graph)]
        power1, power2 = (cast(power, dtype) for power in powers)
        rate = divide(lr * sqrt(1.0 - power2), 1.0 - power1, name="rate")
        return [rate, beta1, 1.0 - beta1, beta2, 1.0 - beta2, epsilon]

    def _formula(self, grad: Node, var: Any, of: Whole) -> Any:
        rate, beta1, gain1, beta2, gain2, epsilon = self._hypers(var.dtype)
        m: Any = self.get_slot(var, "m")
        v: Any = self.get_slot(var, "v")
        # first, so that m can take the gradient's place
        new_v = beta2 * of.read(v) + gain2 * square(grad)
        m = of.assign(m, beta1 * of.read(m) + gain1 * grad, "m")
        v = of.assign(v, new_v, "v")
        return of.descend(var, rate * m / (sqrt(v) + epsilon), "ApplyAdam")

    def _apply_sparse(self, grad: IndexedSlices, var: Any) -> Node | Operation:
        """The formula for a gradient of zeros elsewhere, where m and v decay and move the rows too.
        """
        rate, beta1, gain1, beta2, gain2, epsilon = self._hypers(var.dtype)
        m = self._decayed(var, "m", beta1, grad.indices, gain1 * grad.values)
        v = self._decayed(var, "v", beta2, grad.indices, gain2 * square(grad.values))
        return Whole().descend(var, rate * m / (sqrt(v) + epsilon), "ApplyAdam")

    def _decayed(self, var: Any, slot: str, beta: Node, indices: Node, rows: Node) -> Node:
        """A slot that decays, with rows added."""
        average: Any = self.get_slot(var, slot)
        decayed = average.assign(beta * latest_value(average))
        return scatter_update(average, indices, gather(decayed, indices) + rows, name=slot)

    def _finish(self, update_ops: list, name_scope: str) -> Operation:
        power1, power2 = self._powers(update_ops[0].graph)
        powers = [
            power1.assign(latest_value(power1) * self._tensors["beta1"]),
            power2.assign(latest_value(power2) * self._tensors["beta2"]),
        ]
        return group(*update_ops, *powers, name=name_scope)


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
        super().__init__(use_locking, name)
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
        self._define(
            learning_rate=learning_rate, l1=l1_regularization_strength,
            l2=l2_regularization_strength, l2_shrinkage=l2_shrinkage_regularization_strength,
            learning_rate_power=learning_rate_power,
        )
        self._initial_accumulator_value = initial_accumulator_value
        self._accum_name = accum_name
        self._linear_name = linear_name

    def _create_slots(self, var_list: list[Variable]) -> None:
        for var in var_list:
            start = self._initial_accumulator_value
            self._filled_slot(var, start, "accum", self._accum_name or self._name)
            self._zeros_slot(var, "linear", self._linear_name or self._name)

    def _formula(self, grad: Node, var: Any, of: Whole) -> Any:
        lr, l1, l2, shrinkage, lr_power = self._hypers(var.dtype)

        def root(x: Node) -> Node:
            return sqrt(x) if self._is("learning_rate_power", -0.5) else x**-lr_power

        a: Any = self.get_slot(var, "accum")
        z: Any = self.get_slot(var, "linear")
        old, w = root(of.read(a)), exact(of.read(var))
        new = root(of.add(a, square(grad), "accum"))
        shrunk = grad if self._is("l2_shrinkage", 0) else grad + 2.0 * shrinkage * w
        z = of.add(z, shrunk - (new - old) / lr * w, "linear")
        kept = -z if self._is("l1", 0) else clip_by_value(z, -l1, l1) - z
        curvature = new / lr if self._is("l2", 0) else new / lr + 2.0 * l2
        may_be_zero = self._initial_accumulator_value == 0  # then w is 0 until a gradient comes
        quotient = div_no_nan(kept, curvature) if may_be_zero else kept / curvature
        return of.become(var, quotient, "ApplyFtrl")
