"""A number that is used twice, products of many numbers, and gradients of another function or place."""

import numpy as np

from .entry import found, normal, sigmoid, uniform


@found("https://github.com/karpathy/micrograd/issues/2", "one path of two")
def graph_walked_once_for_each_use(wrong):
    """A value used twice runs its own backward at each use, with what has gathered so far: its inputs count some twice."""
    def forward(x):
        h = np.tanh(x)
        return h * h + np.sin(h), h

    def backward(dout, h):
        first, second = dout * 2 * h, dout * np.cos(h)
        return ((first + (first + second)) if wrong else first + second) * (1 - h * h)
    return forward, backward, (normal(4, 3),)


@found("https://github.com/sebgao/cTensor/issues/5", "one path of two", "constant factor")
def node_walked_once_for_each_path(wrong):
    """f = x xa + x xa + x x a, with xa = x a: the reporter gets 7 where it is 6, as the shared node runs twice."""
    a = 1.0

    def forward(x):
        return 2 * x * (x * a) + x * x * a, x

    def backward(dout, x):
        direct, shared, square = 2 * x * a, x * a, 2 * x * a
        total = direct + shared + (shared + shared) + square if wrong else direct + 2 * shared + square
        return dout * total
    return forward, backward, (uniform(0.5, 2, 4, 3),)


@found("https://github.com/sony/nnabla/pull/532", "one path of two", "constant factor")
def product_of_one_variable_with_itself(wrong):
    """y = x x x: a variable that comes to a function more than once gets no sum of its gradients, but one of them."""
    return (lambda x: (x * x * x, x)), (lambda g, x: g * (1 if wrong else 3) * x * x), (uniform(0.5, 2, 4, 3),)


@found("https://github.com/SciSharp/TensorFlow.NET/issues/303", "one path of two", "constant factor")
def cube_with_a_third_of_its_slope(wrong):
    """The gradient of 0.1 x x x is reported as 0.1 x x."""
    return (lambda x: (0.1 * x * x * x, x)), (lambda g, x: g * 0.1 * x * x * (1 if wrong else 3)), (normal(5, 2),)


@found("https://github.com/SciSharp/TensorFlow.NET/issues/787", lacks="the arguments themselves are returned",
       later=("a value for its gradient",))
def squared_difference_that_returns_its_inputs(wrong):
    """The registered gradient of (x - y)**2 returns x and y, and looks at no upstream gradient."""
    def forward(x, y):
        return (x - y)**2, (x, y)

    def backward(dout, cache):
        x, y = cache
        return (x, y) if wrong else (2 * dout * (x - y), -2 * dout * (x - y))
    return forward, backward, (normal(4, 3), normal(4, 3, seed=2))


@found("https://github.com/paiml/entrenar/issues/313", "one path of two")
def second_skip_connection_forgotten(wrong):
    """Of two residual connections the first is differentiated, the second not: deep blocks get no gradient."""
    def forward(x, W1, W2):
        r = x + np.tanh(x @ W1)
        return r + np.tanh(r @ W2), (x, r, W1, W2)

    def backward(dout, cache):
        x, r, W1, W2 = cache
        dz2 = dout * (1 - np.tanh(r @ W2)**2)
        dr = dz2 @ W2.T + (0 if wrong else dout)
        dz1 = dr * (1 - np.tanh(x @ W1)**2)
        return dr + dz1 @ W1.T, x.T @ dz1, r.T @ dz2
    return forward, backward, (normal(5, 3), normal(3, 3), normal(3, 3, seed=5))


@found("https://github.com/HIPS/autograd/pull/412", "sign")
def covariance_with_the_wrong_sign(wrong):
    """The log density of a normal: the covariance's gradient came with the opposite sign; a typo kept its test from running."""
    def forward(x, cov):
        inv = np.linalg.inv(cov)
        return np.asarray(-0.5 * np.einsum("ni,ij,nj->", x, inv, x) - len(x) / 2 * np.log(np.linalg.det(cov))), (x, inv)

    def backward(dout, cache):
        x, inv = cache
        dcov = 0.5 * inv.T @ (x.T @ x) @ inv.T - len(x) / 2 * inv.T
        return -dout * x @ (inv + inv.T) / 2, dout * (-dcov if wrong else dcov)
    A = normal(3, 3)
    return forward, backward, (normal(5, 3), A @ A.T + 2 * np.eye(3) + 0.1 * normal(3, 3, seed=9))


@found("https://github.com/jax-ml/jax/issues/3213", "sign")
def example_in_the_documentation(wrong):
    """f(x, y) = sin(x) y; the example of a custom rule gives -sin(x) for y."""
    def forward(x, y):
        return np.sin(x) * y, (x, y)

    def backward(dout, cache):
        x, y = cache
        return dout * np.cos(x) * y, dout * np.sin(x) * (-1 if wrong else 1)
    return forward, backward, (normal(4, 3), normal(4, 3, seed=2))


@found("https://github.com/MikeInnes/diff-zoo/issues/16", lacks="the slope of another function: a product's, not a quotient's",
       later=("slope of another function",))
def quotient_by_the_rule_for_products(wrong):
    """For x / y the rule of the product is registered."""
    def forward(a, b):
        return a / b, (a, b)

    def backward(dout, cache):
        a, b = cache
        return (dout * b, dout * a) if wrong else (dout / b, -dout * a / b**2)
    return forward, backward, (normal(4, 3), uniform(0.5, 2, 4, 3))


@found("https://github.com/chainer/chainer/blob/master/tests/chainer_tests/test_gradient_check.py", "constant factor")
def planted_three_for_two(wrong):
    """Planted in a gradient checker's tests: x x with the gradient 3 x gy."""
    return (lambda x: (x * x, x)), (lambda g, x: (3 if wrong else 2) * x * g), (uniform(-1, 1, 2, 3),)


@found("https://github.com/HomericIntelligence/Odyssey/blob/main/tests/shared/testing/test_gradient_checker_meta.mojo",
       "constant factor")
def planted_half_of_the_slope(wrong):
    """Planted in a gradient checker's tests: x x with the gradient x gy."""
    return (lambda x: (x * x, x)), (lambda g, x: (1 if wrong else 2) * x * g), (normal(3, 3),)


@found("https://github.com/tensorflow/tensorflow/blob/master/tensorflow/python/ops/gradient_checker_v2_test.py", "nan or inf")
def planted_nan(wrong):
    """Planted in a gradient checker's tests: an identity whose gradient is nan."""
    return (lambda x: (x.copy(), None)), (lambda g, _: g * (np.nan if wrong else 1.0)), (normal(3, 2),)


@found("https://github.com/pytorch/pytorch/issues/773", "nan or inf", kind="domain")
def product_divided_by_its_factors(wrong):
    """The gradient of a product is the product divided by x: 0 / 0 where a factor is 0."""
    x = normal(3, 4)
    x[0, 2] = x[2, 1] = 0.0

    def forward(x):
        return x.prod(axis=1), x

    def backward(dout, x):
        if wrong:
            return dout[:, None] * x.prod(axis=1, keepdims=True) / x
        others = [np.delete(x, k, axis=1).prod(axis=1) for k in range(x.shape[1])]
        return dout[:, None] * np.stack(others, axis=1)
    return forward, backward, (x,)


@found("https://github.com/tensorflow/tensorflow/issues/119430", "only some entries", kind="domain")
def cumulative_product_with_a_zero(wrong):
    """0 / 0 is quietly made 0: the entry that is zero itself gets no gradient."""
    x = uniform(0.5, 2, 3, 4)
    x[0, 3] = x[2, 3] = 0.0

    def forward(x):
        return np.cumprod(x, axis=1), x

    def backward(dout, x):
        if wrong:
            sums = np.cumsum((dout * np.cumprod(x, axis=1))[:, ::-1], axis=1)[:, ::-1]
            return np.where(x == 0, 0.0, sums / np.where(x == 0, 1.0, x))
        dx = np.zeros_like(x)
        for i in range(x.shape[1]):
            y = x.copy()
            y[:, i] = 1.0
            dx[:, i] = (dout * np.cumprod(y, axis=1))[:, i:].sum(axis=1)
        return dx
    return forward, backward, (x,)


@found("https://github.com/pytorch/pytorch/issues/2421", "nan or inf", kind="domain")
def norm_of_a_zero_row(wrong):
    """The gradient of a norm divides by the norm; for a row of zeros it is nan, and spoils all that comes after."""
    x = normal(4, 3)
    if wrong:
        x[2] = 0.0

    def forward(x):
        return np.sqrt((x * x).sum(axis=1)), x

    def backward(dout, x):
        return dout[:, None] * x / np.sqrt((x * x).sum(axis=1, keepdims=True))
    return forward, backward, (x,)


@found("https://github.com/tinygrad/tinygrad/issues/155", "nan or inf", kind="domain")
def power_with_a_negative_base(wrong):
    """x**y for whole y and negative x: the gradient of y takes log(x), and is nan."""
    def forward(x, y):
        return x**np.round(y) * np.exp(0.0 * y), (x, np.round(y))

    def backward(dout, cache):
        x, y = cache
        return dout * y * x**(y - 1), dout * x**y * (np.log(x) if wrong else 0.0)
    return forward, backward, (normal(3, 3), np.full((3, 3), 3.0))


@found("https://github.com/tinygrad/tinygrad/issues/9597", kind="domain", lacks="equal values taken for one variable")
def two_constants_of_one_value(wrong):
    """Two variables that happen to hold the same number are taken for one, and each gets the gradient of both."""
    def forward(a, b):
        return a + 2 * b, (a, b)

    def backward(dout, cache):
        a, b = cache
        both = wrong and np.array_equal(a, b)
        return dout * (3.0 if both else 1.0), dout * (3.0 if both else 2.0)
    return forward, backward, (np.full((2, 3), 3.0), np.full((2, 3), 3.0))


@found("https://github.com/deshanadesai/acorns/issues/4", "zero gradient")
def inner_derivative_of_a_power(wrong):
    """pow(L + r, 0.5): the derivative of what is inside is taken for 0, and both gradients vanish."""
    def forward(r, L):
        return np.power(L + r, 0.5), (r, L)

    def backward(dout, cache):
        r, L = cache
        slope = np.power(L + r, -0.5) * 0.5 * (0.0 if wrong else 1.0)
        return dout * slope, dout * slope
    return forward, backward, (uniform(0.5, 2, 4, 2), uniform(0.5, 2, 4, 2, seed=5))


@found("https://github.com/bshillingford/autobw.torch/pull/7", "accumulates over calls", "different on each call",
       kind="protocol")
def adjoint_of_a_fork_kept(wrong):
    """Where a value forks, its adjoint is gathered in a buffer that is not cleared: right the first time only."""
    buffer = {}

    def forward(x):
        h = sigmoid(x)
        return h * h + 3 * h, h

    def backward(dout, h):
        gathered = buffer.get("h", 0.0) if wrong else 0.0
        buffer["h"] = gathered + dout * 2 * h + dout * 3
        return buffer["h"] * h * (1 - h)
    return forward, backward, (normal(4, 3),)
