"""Small programs that TensorFlow 1.15 and tinygraph must answer alike: `program(tf)` gives JSON.

`VALUES` give numbers, `NAMES` names, `DTYPES` dtypes; `record_tf115.py` stores TensorFlow's
answers. A composite is one node in tinygraph, so only the outermost part of its name is compared.
"""

import collections

import numpy as np

VALUES, NAMES, DTYPES = [], [], []


def into(table):
    def add(program):
        table.append(program)
        return program

    return add


def start(tf):
    """A session in which the variables have their initial values."""
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return session


def numbers(x):
    """Fetched values as JSON: arrays as lists, tuples as lists."""
    if isinstance(x, (list, tuple)):
        return [numbers(item) for item in x]
    if isinstance(x, dict):
        return {key: numbers(value) for key, value in x.items()}
    return x if x is None else np.asarray(x).tolist()


def gradient(tf, y, x, **kwargs):
    """The value of dy/dx; None where there is none."""
    found = tf.gradients(y, x, **kwargs)
    with start(tf) as session:
        return [g if g is None else numbers(session.run(g)) for g in found]


# ---------------------------------------------------------------- gradients


@into(VALUES)
def gradients_sum_over_ys(tf):
    x = tf.constant(3.0)
    return gradient(tf, [x * x, 2.0 * x], x)


@into(VALUES)
def gradients_of_several_xs(tf):
    x, w, unused = tf.constant(3.0), tf.Variable(4.0), tf.constant(1.0)
    return gradient(tf, x * w + x, [x, w, unused])


@into(VALUES)
def gradients_with_grad_ys(tf):
    x = tf.constant([1.0, 2.0])
    return gradient(tf, [x * x, x], [x], grad_ys=[tf.constant([10.0, 100.0]), None])


@into(VALUES)
def gradients_with_stop_gradients(tf):
    x = tf.constant(2.0)
    y = x * x
    return gradient(tf, y * x, [x], stop_gradients=[y])


@into(VALUES)
def gradient_past_stop_gradient(tf):
    x = tf.constant(2.0)
    return gradient(tf, x * tf.stop_gradient(x * x), x)


@into(VALUES)
def gradient_by_an_inner_node(tf):
    x = tf.constant(2.0)
    y = x * x
    return gradient(tf, y * y, [y, x])


@into(VALUES)
def gradient_of_x_by_itself(tf):
    x = tf.constant([1.0, 2.0])
    return gradient(tf, x, x)


@into(VALUES)
def second_derivatives(tf):
    x = tf.constant([0.5, 1.5, -2.0])
    found = []
    for y in (x * x * x, tf.exp(x), tf.tanh(x), tf.sigmoid(x), tf.sin(x) / x, tf.nn.softplus(x)):
        first = tf.gradients(y, x)[0]
        found += gradient(tf, first, x)
    return found


def decomposed(tf, build, *shapes):
    """What `build` makes of matrices, its gradient, and that of the gradient."""
    found = []
    for m, n in shapes:
        i = np.arange(1.0, 1 + m * n).reshape(m, n)
        x = tf.constant(np.sin(i * i) + i / 10)
        first = tf.gradients(build(x), x)[0]
        with tf.Session() as session:
            found += [numbers(session.run(y)) for y in (build(x), first)]
        found += gradient(tf, tf.sin(first), x)
    return found


@into(VALUES)
def singular_values_and_vectors(tf):
    def build(x):
        s, u, v = tf.svd(x)
        scaled = tf.matmul(u * tf.exp(0.2 * s), v, transpose_b=True)
        return scaled + tf.matmul(u * u, v * v, transpose_b=True)

    return decomposed(tf, build, [3, 3], [4, 2], [2, 4])


@into(VALUES)
def all_singular_vectors(tf):
    def build(x):
        s, u, v = tf.svd(x, full_matrices=True)
        return tf.reduce_sum(s) + tf.reduce_sum(tf.sin(u * u)) + tf.reduce_sum(tf.cos(v * v))

    return decomposed(tf, build, [3, 3], [3, 2], [2, 3])


@into(VALUES)
def q_and_r(tf):
    def build(x):
        q, r = tf.qr(x)
        return tf.reduce_sum(tf.sin(q * q)) + tf.reduce_sum(tf.cos(r * r))

    return decomposed(tf, build, [3, 3], [4, 2])


@into(VALUES)
def where_leaks_nan(tf):
    x = tf.constant([-1.0, 4.0, 0.0])
    return gradient(tf, tf.where(x > 0.0, tf.log(x), tf.zeros_like(x)), x)


@into(VALUES)
def where_leaks_nothing_from_sqrt(tf):
    x = tf.constant([-1.0, 4.0, 0.0])
    return gradient(tf, tf.where(x > 0.0, tf.sqrt(x), tf.zeros_like(x)), x)


@into(VALUES)
def where_used_twice(tf):
    x = tf.constant([-1.0, 4.0, 0.0])
    safe = tf.where(x > 0.0, x, tf.ones_like(x))
    return gradient(tf, tf.where(x > 0.0, tf.sqrt(safe), tf.zeros_like(x)), x)


@into(VALUES)
def no_gradient(tf):
    x = tf.constant([1.0, 2.0])
    ys = [tf.floor(x), tf.argmax(x), tf.cast(tf.cast(x, tf.int32), tf.float32), tf.zeros_like(x)]
    return [tf.gradients(y, x)[0] is None for y in ys]


@into(VALUES)
def shared_subexpression(tf):
    x = tf.constant(1.5)
    y = x
    for _ in range(5):
        y = y + y
    return gradient(tf, y, x)


@into(VALUES)
def labels_broadcast(tf):
    logits = tf.constant([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
    labels = tf.constant([[0.2, 0.3, 0.5]])
    loss = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
    with tf.Session() as session:
        return numbers(session.run(loss))


# ---------------------------------------------------------------- sparse gradients


def table(tf):
    return tf.Variable(np.arange(8, dtype=np.float32).reshape(4, 2))


@into(VALUES)
def which_gradients_are_sparse(tf):
    w, ids = table(tf), tf.constant([3, 1, 3])
    rows = tf.gather(w, ids)
    ys = [
        rows, tf.gather(w, [[1, 2]]), tf.gather(w, 2), tf.nn.embedding_lookup(w, ids),
        tf.gather(tf.identity(w), ids), rows * tf.gather(w, [0, 0, 1]),
        tf.gather(w, [1, 0], axis=1), tf.gather(2.0 * w, ids), [rows, w],
        tf.gather_nd(w, [[1], [2]]), w[1], tf.gather_nd(w, [[1, 0]]),
    ]
    return [isinstance(tf.gradients(y, w)[0], tf.IndexedSlices) for y in ys]


@into(VALUES)
def slices_of_gradients(tf):
    w = table(tf)
    squares = [tf.square(tf.gather(w, ids)) for ids in ([3, 1, 3], [[1, 2]], 0)]
    found = [tf.gradients(squares[:i], w)[0] for i in (1, 2, 3)]
    with start(tf) as session:
        return numbers(list(map(tuple, session.run(found))))


@into(VALUES)
def slices_as_tensors(tf):
    w = table(tf)
    (slices,) = tf.gradients(tf.square(tf.gather(w, [3, 1, 3])), w)
    (through,) = tf.gradients(tf.identity(w), w, grad_ys=slices)
    nodes = [
        tf.convert_to_tensor(slices), w - slices, tf.add_n([slices, w]), tf.shape(slices),
        tf.clip_by_average_norm(slices, 0.5), tf.convert_to_tensor(through),
    ]
    with start(tf) as session:
        return numbers(session.run(nodes))


@into(VALUES)
def scaled_slices(tf):
    slices = tf.IndexedSlices(tf.constant([0.0, 3.0, 4.0]), tf.constant([5, 1, 1]))
    clipped, norm = tf.clip_by_global_norm([slices, None, tf.constant([12.0])], 6.5)
    scaled = [
        clipped[0], tf.clip_by_norm(slices, 2.5), tf.clip_by_value(slices, 1.0, 3.5), -slices,
        tf.scalar_mul(2.0, slices), tf.cast(slices, tf.float64),
    ]
    with start(tf) as session:
        values = session.run(scaled)
        assert all(value.dense_shape is None for value in values)
        assert all(value.indices.tolist() == [5, 1, 1] for value in values)
        norms = session.run([norm, tf.global_norm([slices])])
        return [numbers(value.values) for value in values], numbers(norms)


@into(VALUES)
def updates_of_rows(tf):
    w = table(tf)
    slices = tf.IndexedSlices(tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([2, 2]))
    updates = [
        tf.scatter_add(w, [3, 0, 3], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        tf.scatter_sub(w, [[0, 1]], [[[1.0, 2.0], [3.0, 4.0]]]), tf.scatter_add(w, 1, [5.0, 6.0]),
        tf.scatter_update(w, [1, 2], 9.0), w.scatter_add(slices), w.scatter_sub(slices),
    ]
    with start(tf) as session:
        return [numbers(session.run(update)) for update in updates]


# ---------------------------------------------------------------- sessions and state


@into(VALUES)
def fetches_keep_their_structure(tf):
    pair = collections.namedtuple("pair", "a b")
    a, b = tf.constant(1.0), tf.constant([2, 3])
    op = tf.no_op()
    with tf.Session() as session:
        found = session.run([a, (b, [a]), {"k": a, "o": op}, pair(a, b)])
    kinds = [type(item).__name__ for item in found]
    return [numbers(found), kinds, bool(found[1][1][0] == 1.0), found[3].b.tolist()]


@into(VALUES)
def fetches_by_name(tf):
    tf.constant(5.0, name="five")
    with tf.Session() as session:
        return numbers([session.run("five:0"), session.run("five"), session.run(["five:0"])])


@into(VALUES)
def anything_can_be_fed(tf):
    c, w = tf.constant([1.0, 2.0]), tf.Variable([1.0, 1.0])
    s = c + w
    with start(tf) as session:
        return numbers(
            [
                session.run(s),
                session.run(s, {c: [5.0, 5.0]}),
                session.run(s, {w: [7.0, 7.0]}),
                session.run(s * 2.0, {s: [1.0, 2.0]}),
                session.run(s, {s: [4.0, 4.0]}),
                session.run(w),
            ]
        )


@into(VALUES)
def placeholder_with_default(tf):
    x = tf.placeholder_with_default([1.0, 2.0], [None])
    with tf.Session() as session:
        return numbers([session.run(x * 2.0), session.run(x * 2.0, {x: [3.0]})])


@into(VALUES)
def assignments_return_the_new_value(tf):
    w = tf.Variable(10.0)
    ops = [tf.assign(w, 3.0), w.assign_add(2.0), tf.assign_sub(w, 1.0), w.assign(w * 2.0)]
    with start(tf) as session:
        return numbers([[session.run(op), session.run(w)] for op in ops])


@into(VALUES)
def control_dependencies_order(tf):
    w = tf.Variable(1.0)
    with tf.control_dependencies([w.assign_add(1.0)]):
        after = tf.identity(w)
    with start(tf) as session:
        return numbers([session.run(after), session.run(after)])


@into(VALUES)
def initial_values_may_depend_on_others(tf):
    a = tf.Variable(2.0)
    b = tf.Variable(a.initialized_value() * 3.0)
    with start(tf) as session:
        return numbers(session.run([a, b]))


@into(VALUES)
def sessions_are_apart(tf):
    w = tf.Variable(0.0)
    step = w.assign_add(1.0)
    first, second = start(tf), start(tf)
    first.run(step)
    first.run(step)
    second.run(step)
    return numbers([first.run(w), second.run(w)])


@into(VALUES)
def initializer_runs_again(tf):
    w = tf.Variable(1.0)
    with start(tf) as session:
        session.run(w.assign(5.0))
        before = session.run(w)
        session.run(w.initializer)
        return numbers([before, session.run(w)])


@into(VALUES)
def eval_and_run(tf):
    x, w = tf.placeholder(tf.float32), tf.Variable(3.0)
    with tf.Session():
        w.initializer.run()
        found = [w.eval(), (x + w).eval({x: 2.0}), (x * w).eval(feed_dict={x: 2.0})]
        tf.assign(w, x).op.run({x: 7.0})
        return numbers([*found, w.eval()])


@into(VALUES)
def interactive_session(tf):
    session = tf.InteractiveSession()
    found = tf.constant([1, 2]).eval()
    session.close()
    return numbers(found)


@into(VALUES)
def make_callable(tf):
    x, y = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    with tf.Session() as session:
        function = session.make_callable([x - y, x * y], [x, y])
        return numbers([function(3.0, 2.0), function(1.0, 4.0)])


@into(VALUES)
def initial_values_with_a_seed(tf):
    tf.Variable(tf.truncated_normal([3], stddev=0.1, seed=2))
    tf.get_variable("a", [2, 3], initializer=tf.glorot_uniform_initializer(seed=1))
    tf.get_variable("b", [2], tf.float64, tf.random_normal_initializer(seed=1))
    with tf.Session() as session:
        init = tf.global_variables_initializer()
        found = []
        for _ in range(2):  # the second time draws on
            session.run(init)
            found.append(session.run(tf.global_variables()))
    return numbers(found)


@into(VALUES)
def random_streams_belong_to_the_session(tf):
    a, b = tf.random_uniform([2], seed=1), tf.random_uniform([2], seed=1)
    with tf.Session() as one, tf.Session() as two:
        return numbers([one.run(a), one.run([a, b, a]), two.run([a, b]), two.run(a + a)])


@into(VALUES)
def group_and_tuple(tf):
    a, b = tf.Variable(1.0), tf.Variable(1.0)
    both = tf.group(a.assign(2.0), b.assign(3.0))
    with start(tf) as session:
        found = [session.run(both), session.run([a, b])]
        found.append(session.run(tf.tuple([a + 1.0, b + 1.0])))
    return numbers(found)


@into(VALUES)
def gradient_descent(tf):
    w, step = tf.Variable([1.0, 2.0]), tf.train.get_or_create_global_step()
    loss = tf.reduce_sum(tf.square(w))
    train = tf.train.GradientDescentOptimizer(0.25).minimize(loss, global_step=step)
    with start(tf) as session:
        found = [session.run([train, w]) for _ in range(2)]
        return numbers([found, session.run(step), session.run(loss)])


@into(VALUES)
def shapes_known_while_building(tf):
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.placeholder(tf.float32)
    shapes = [
        x.shape, y.shape, (x + 1.0).shape, (y * x).shape, tf.reshape(y, [-1, 2]).shape,
        tf.zeros(tf.stack([2, 3])).shape, tf.reshape(x, [tf.shape(x)[0], 3, 1]).shape,
        tf.concat([x, x], 1).shape, tf.transpose(x).shape, tf.expand_dims(x, 1).shape,
        tf.random_normal(tf.shape(x)).shape, tf.reduce_sum(x, 0).shape, x[0].shape,
        x[:, None].shape, tf.matmul(x, tf.zeros([3, 4])).shape, tf.tile(x, [2, 2]).shape,
        tf.constant(1.0).shape,
        tf.nn.softmax(x).shape, tf.one_hot(tf.argmax(x, 1), 5).shape,
    ]
    return [str(shape) for shape in shapes]


@into(VALUES)
def dimensions_are_numbers(tf):
    shape = tf.placeholder(tf.float32, [None, 784]).shape
    return [
        str(shape), shape.ndims, shape[1].value, shape[0].value, int(shape[1]), shape.as_list(),
        (shape[1] // 4).value, (shape[1] * 2).value, (shape[0] + 1).value, shape[1] == 784,
        shape.is_fully_defined(), str(shape[1:]), shape.num_elements(),
    ]


@into(VALUES)
def set_shape_adds_what_is_known(tf):
    x = tf.placeholder(tf.float32, [None, None])
    x.set_shape([None, 3])
    return [str(x.shape), str((x + 1.0).get_shape())]


# ---------------------------------------------------------------- names


def outer(node):
    return node.name.split("/")[0].split(":")[0]


@into(NAMES)
def unique_names(tf):
    wanted = ("a", "a", "a_1", "a", "A", "b", "b_2", "b", None, None)
    return [tf.constant(1.0, name=name or "Const").name for name in wanted]


@into(NAMES)
def name_scopes(tf):
    names = []
    with tf.name_scope("s") as s:
        names += [s, tf.constant(1.0, name="c").name]
        with tf.name_scope("inner"):
            names.append(tf.constant(1.0, name="c").name)
        with tf.name_scope("inner"):
            names.append(tf.constant(1.0, name="c").name)
        with tf.name_scope(None):
            names.append(tf.constant(1.0, name="c").name)
    with tf.name_scope("s"):
        names.append(tf.constant(1.0, name="c").name)
    with tf.name_scope(s):
        names.append(tf.constant(1.0, name="c").name)
    with tf.name_scope("s/"):
        names.append(tf.constant(1.0, name="d").name)
    with tf.name_scope(None, "default"):
        names.append(tf.constant(1.0, name="c").name)
    return names


@into(NAMES)
def operator_names(tf):
    x, y = tf.placeholder(tf.float32, [2, 2], name="x"), tf.placeholder(tf.float32, [2, 2])
    p, i = tf.placeholder(tf.bool, [2]), tf.placeholder(tf.int32, [2])
    nodes = [
        y, p, i, x + y, x - y, x * y, x / y, x // y, x % y, x**y, -x, abs(x), x @ y, 1.0 - x,
        x < y, x <= y, x > y, x >= y, p & p, p | p, ~p, i // 2, i % 2, x + 1.0, 2.0 * x,
    ]
    return [node.name for node in nodes] + [outer(i / i), outer(x[0]), outer(x[0, 1])]


@into(NAMES)
def function_names(tf):
    x, y, b = tf.placeholder(tf.float32, [2, 2]), tf.ones([2, 2]), tf.placeholder(tf.bool, [2, 2])
    i = tf.placeholder(tf.int32, [2])
    nodes = [
        tf.add(x, y), tf.subtract(x, y), tf.multiply(x, y), tf.divide(x, y), tf.truediv(x, y),
        tf.div(x, y), tf.mod(x, y), tf.floordiv(x, y), tf.pow(x, y), tf.maximum(x, y),
        tf.minimum(x, y), tf.squared_difference(x, y), tf.negative(x), tf.abs(x), tf.sign(x),
        tf.square(x), tf.sqrt(x), tf.rsqrt(x), tf.exp(x), tf.log(x), tf.log1p(x), tf.sin(x),
        tf.tanh(x), tf.sigmoid(x), tf.floor(x), tf.ceil(x), tf.round(x), tf.erf(x),
        tf.add_n([x, y]), tf.equal(x, y), tf.not_equal(x, y), tf.less(x, y),
        tf.greater_equal(x, y), tf.is_nan(x),
        tf.logical_and(b, b), tf.logical_not(b), tf.where(b, x, y), tf.cast(x, tf.int32),
        tf.reduce_sum(x), tf.reduce_mean(x), tf.reduce_max(x), tf.reduce_min(x), tf.reduce_prod(x),
        tf.reduce_any(b), tf.reduce_all(b), tf.argmax(x), tf.argmin(x), tf.cumsum(x),
        tf.matmul(x, y), tf.transpose(x), tf.reshape(x, [4]), tf.expand_dims(x, 0), tf.squeeze(x),
        tf.concat([x, y], 0), tf.stack([x, y]), tf.slice(x, [0, 0], [1, 1]), tf.tile(x, [1, 2]),
        tf.pad(x, [[1, 1], [0, 0]]), tf.one_hot(i, 3), tf.fill([2], 1.0), tf.ones([2]),
        tf.zeros([2]),
        tf.zeros_like(x), tf.ones_like(x), tf.shape(x), tf.size(x), tf.rank(x), tf.identity(x),
        tf.stop_gradient(x), tf.nn.relu(x), tf.nn.relu6(x), tf.nn.elu(x), tf.nn.softplus(x),
        tf.nn.softmax(x), tf.nn.bias_add(x, [1.0, 2.0]), tf.nn.l2_loss(x),
        tf.placeholder_with_default(x, [2, 2]),
    ]
    return [node.name for node in nodes]


@into(NAMES)
def composite_names(tf):
    x, labels = tf.placeholder(tf.float32, [2, 3]), tf.placeholder(tf.float32, [2, 3])
    i = tf.placeholder(tf.int32, [2])
    nn = tf.nn
    nodes = [
        nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=x),
        nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=x, name="loss"),
        nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=x),
        nn.sparse_softmax_cross_entropy_with_logits(labels=i, logits=x, name="xent"),
        nn.sparse_softmax_cross_entropy_with_logits(labels=i, logits=x),
        nn.softmax_cross_entropy_with_logits(labels=labels, logits=x),
        nn.weighted_cross_entropy_with_logits(labels=labels, logits=x, pos_weight=1.0),
        nn.dropout(x, keep_prob=0.5), nn.dropout(x, keep_prob=0.5, name="drop"),
        nn.batch_normalization(x, 0.0, 1.0, 0.0, 1.0, 0.1), nn.moments(x, [0])[0],
        nn.l2_normalize(x, 1), nn.leaky_relu(x), tf.random_normal([2]), tf.random_uniform([2]),
        tf.truncated_normal([2]), tf.clip_by_value(x, 0.0, 1.0), tf.clip_by_norm(x, 1.0),
        tf.reduce_logsumexp(x), tf.norm(x), tf.tensordot(x, labels, [[1], [1]]), tf.range(3),
        tf.gather(x, i), tf.trace(x), tf.boolean_mask(x, i > 0),
    ]
    return [outer(node) for node in nodes]


@into(NAMES)
def names_of_outputs(tf):
    x, i = tf.placeholder(tf.float32, [4, 4]), tf.placeholder(tf.int32, [3])
    made = [
        tf.split(x, 2), tf.split(x, [1, 3], 1, name="halves"), tf.unstack(x), tf.split(x, 1),
        tf.nn.top_k(x, 2, name="best"), tf.nn.top_k(x), tf.unique(i), tf.unique_with_counts(i),
        tf.setdiff1d(i, i), tf.self_adjoint_eig(x), tf.svd(x), tf.qr(x), tf.linalg.slogdet(x),
        [tf.self_adjoint_eigvals(x)], [tf.svd(x, compute_uv=False)], tf.nn.moments(x, [0]),
    ]
    names = [[type(outputs).__name__, [y.name for y in outputs]] for outputs in made]
    operations = [[y.op.type, y.op.name, len(y.op.outputs)] for y in made[4]]
    graph = x.graph
    again = [
        graph.get_tensor_by_name("best:1") is made[4][1],
        graph.get_operation_by_name("halves").outputs[1] is made[1][1],
        made[0][0].op == made[0][1].op,
    ]
    return [*names, *operations, *again]


@into(NAMES)
def names_of_variables(tf):
    a, b, c = tf.Variable(1.0), tf.Variable(1.0), tf.Variable(1.0, name="w")
    with tf.name_scope("layer"):
        d = tf.Variable(1.0, name="w")
    e = tf.Variable(1.0, name="w")
    return [v.name for v in (a, b, c, d, e)] + [c.op.name, c.initializer.name]


@into(NAMES)
def get_variable_ignores_name_scope(tf):
    with tf.name_scope("ns"):
        v = tf.get_variable("v", [2])
        w = tf.Variable(1.0, name="w")
        with tf.variable_scope("vs"):
            u = tf.get_variable("v", [2])
            op = tf.constant(1.0, name="c")
    return [v.name, w.name, u.name, op.name]


@into(NAMES)
def a_variable_scope_entered_again(tf):
    names = []
    for _ in range(2):
        with tf.variable_scope("vs", reuse=tf.AUTO_REUSE) as scope:
            v = tf.get_variable("v", [2])
            names += [v.name, tf.constant(1.0, name="c").name, tf.Variable(1.0, name="w").name]
    with tf.variable_scope(scope, reuse=True):
        names += [tf.get_variable("v", [2]).name, tf.constant(1.0, name="c").name]
    return [*names, scope.name, tf.get_variable_scope().name]


@into(NAMES)
def nested_variable_scopes(tf):
    names = []
    with tf.variable_scope("a"):
        with tf.variable_scope("b") as scope:
            names += [scope.name, tf.get_variable("v", [1]).name, tf.constant(1.0, name="c").name]
        with tf.variable_scope("b", reuse=True):
            names += [tf.get_variable("v", [1]).name, tf.constant(1.0, name="c").name]
    with tf.variable_scope(None, default_name="d"):
        names.append(tf.get_variable("v", [1]).name)
    with tf.variable_scope(None, default_name="d"):
        names.append(tf.get_variable("v", [1]).name)
    with tf.variable_scope("a/b", reuse=tf.AUTO_REUSE):
        names.append(tf.get_variable("v", [1]).name)
    return names


@into(NAMES)
def collections_of_variables(tf):
    with tf.variable_scope("scope"):
        tf.get_variable("a", [1])
        tf.get_variable("b", [1], trainable=False)
    tf.Variable(1.0, name="c")
    tf.Variable(1.0, name="d", collections=[tf.GraphKeys.LOCAL_VARIABLES])
    found = []
    for variables in (
        tf.global_variables(), tf.trainable_variables(), tf.local_variables(),
        tf.trainable_variables("scope"), tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, "sc"),
    ):
        found.append([v.name for v in variables])
    return found


OPTIMIZERS = (
    ("GradientDescent", {}), ("Momentum", {"momentum": 0.9}), ("Adam", {}), ("RMSProp", {}),
    ("RMSProp", {"centered": True}), ("Adagrad", {}), ("Adadelta", {}), ("Ftrl", {}),
)


@into(NAMES)
def names_of_optimizers_and_slots(tf):
    found = []
    for kind, kwargs in OPTIMIZERS:
        with tf.Graph().as_default():
            w = tf.Variable([1.0], name="w")
            optimizer = getattr(tf.train, kind + "Optimizer")(learning_rate=0.1, **kwargs)
            train = optimizer.minimize(tf.reduce_sum(w * w))
            found.append([kind, train.name, sorted(v.name for v in tf.global_variables())])
            found[-1].append([v.name for v in tf.trainable_variables()])
            found[-1].append(optimizer.get_slot_names())
    return found


@into(NAMES)
def names_of_training_ops(tf):
    w = tf.get_variable("w", [1])
    loss, step = tf.reduce_sum(w * w), tf.train.get_or_create_global_step()
    first = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    second = tf.train.GradientDescentOptimizer(0.1).minimize(loss, global_step=step)
    third = tf.train.GradientDescentOptimizer(0.1).minimize(loss, name="train")
    return [first.name, second.name, third.name, step.name]


@into(NAMES)
def names_of_initializers_and_groups(tf):
    tf.Variable(1.0)
    ops = [
        tf.global_variables_initializer(), tf.global_variables_initializer(),
        tf.variables_initializer(tf.global_variables(), name="start"), tf.no_op(),
        tf.no_op(name="nothing"), tf.group(tf.no_op()), tf.group(tf.no_op(), name="g"),
    ]
    return [op.name for op in ops]


@into(NAMES)
def names_of_gradients(tf):
    x = tf.placeholder(tf.float32, [2])
    y = tf.sin(x) * x
    first, second = tf.gradients(y, x)[0], tf.gradients(y, x)[0]
    return [outer(first), outer(second), outer(tf.gradients(y, x, name="grads")[0])]


@into(NAMES)
def names_of_assignments(tf):
    w = tf.Variable(1.0, name="w")
    ops = [tf.assign(w, 1.0), tf.assign_add(w, 1.0), w.assign_sub(1.0), tf.assign(w, 1.0)]
    return [op.op.name for op in ops] + [tf.assign(w, 2.0, name="reset").op.name]


@into(NAMES)
def found_by_name(tf):
    with tf.name_scope("s"):
        c = tf.constant(1.0, name="c")
    graph = tf.get_default_graph()
    found = [graph.get_tensor_by_name("s/c:0") is c, graph.get_operation_by_name("s/c") == c.op]
    found += [op.name for op in graph.get_operations()]
    return [*found, c.op.name, c.op.type, c.op.outputs[0] is c]


# ---------------------------------------------------------------- dtypes


def names(*nodes):
    return [node.dtype.base_dtype.name for node in nodes]


@into(DTYPES)
def of_constants(tf):
    values = [
        1, 1.5, True, [1, 2], [1, 2.5], np.float64(1.0), [np.float64(1.0)], np.ones(2),
        np.float32(1.0), np.arange(3), [np.float32(1.0)], 2**40, [True, False], np.int8(1),
    ]
    return names(*[tf.constant(value) for value in values])


@into(DTYPES)
def of_variables(tf):
    values = [1, 1.5, [1.0], np.zeros(2), np.zeros(2, np.float32), True, tf.ones([2])]
    found = names(*[tf.Variable(value) for value in values])
    found += names(tf.Variable(1, dtype=tf.float32), tf.get_variable("v", [2]))
    return found + names(tf.get_variable("i", [2], tf.int32, tf.zeros_initializer()))


@into(DTYPES)
def of_arithmetic(tf):
    i, j = tf.placeholder(tf.int32, [2]), tf.placeholder(tf.int64, [2])
    f, d = tf.placeholder(tf.float32, [2]), tf.placeholder(tf.float64, [2])
    return names(
        i / i, j / j, f / f, d / d, i // i, i % 2, tf.div(i, i), i + 1, 1 - i, f + 1, f * 2.5,
        d * 2.5, 2.5 / d, f + np.float64(1.0), f * np.ones(2), d + np.float32(1.0), i * np.int64(2),
        f**2, f + np.arange(2), i < 1, tf.equal(f, 1.0), tf.truediv(i, 2), tf.divide(i, 2),
        tf.square(i),
        tf.pow(i, 2), tf.maximum(f, 0), tf.clip_by_value(f, 0, 1), i / 2,
    )


@into(DTYPES)
def of_functions(tf):
    i, f = tf.placeholder(tf.int32, [2, 2]), tf.placeholder(tf.float32, [2, 2])
    d = tf.placeholder(tf.float64, [2, 2])
    return names(
        tf.reduce_mean(i), tf.reduce_sum(i), tf.reduce_sum(d), tf.argmax(f), tf.argmin(i, 1),
        tf.argmax(f, output_type=tf.int32), tf.shape(f), tf.size(f), tf.rank(f), tf.where(f > 0),
        tf.one_hot([0, 1], 2), tf.one_hot([0, 1], 2, on_value=1, off_value=0), tf.range(3),
        tf.range(3.0), tf.range(0, 1, 0.5), tf.linspace(0.0, 1.0, 3), tf.zeros([1]),
        tf.fill([1], 1), tf.zeros_like(i), tf.ones_like(d), tf.cast(i, tf.float64), tf.to_float(i),
        tf.to_int64(f), tf.round(f), tf.random_uniform([1]), tf.random_uniform([1], 0, 5, tf.int32),
        tf.random_normal([1], dtype=tf.float64), tf.multinomial(f, 2), tf.random_shuffle(i),
        tf.nn.top_k(f)[0], tf.nn.top_k(f)[1], tf.nn.in_top_k(f, [0, 1], 1), tf.cumsum(i),
        tf.stack([1.0, 2.0]), tf.concat([[1], [2]], 0), tf.matmul(d, d), tf.convert_to_tensor(1),
        tf.stack([f, f]), tf.convert_to_tensor([1, 2.0]), tf.placeholder(tf.bool),
        tf.reduce_any(f > 0),
    )


@into(DTYPES)
def of_fetched_scalars(tf):
    nodes = [
        tf.constant(1.0), tf.constant(1), tf.constant(True), tf.constant(1.0, tf.float64),
        tf.reduce_sum([1.0, 2.0]), tf.argmax([1, 2]), tf.shape([1.0])[0], tf.constant([1.0]),
        tf.Variable(1.0),
    ]
    with start(tf) as session:
        return [type(session.run(node)).__name__.rstrip("_") for node in nodes]


@into(DTYPES)
def of_operands_of_matmul(tf):
    f, d = tf.placeholder(tf.float32, [2, 2]), tf.placeholder(tf.float64, [2, 2])
    array = np.ones((2, 2))
    return names(tf.matmul(f, array.astype(np.float32)), tf.matmul(d, array), array @ d)


@into(DTYPES)
def of_gradients(tf):
    f, d = tf.Variable(1.0), tf.Variable(1.0, dtype=tf.float64)
    y = tf.cast(f, tf.float64) * d
    return names(*tf.gradients(y, [f, d]))


@into(DTYPES)
def properties(tf):
    found = []
    for name in "float16 float32 float64 int8 int16 int32 int64 uint8 bool".split():
        dtype = getattr(tf, name)
        kind = dtype.as_numpy_dtype
        found.append([dtype.name, dtype.is_floating, dtype.is_integer, dtype.size])
        found[-1] += [kind.__name__.rstrip("_"), tf.as_dtype(name) == dtype, dtype == kind]
    return found
