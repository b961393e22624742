"""JAX, CPU: value_and_grad + SGD, one jitted step per batch, or the whole loop in lax.scan."""
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def loss_of(w, x, y):
    a = x
    for i in range(0, len(w), 2):
        a = a @ w[i] + w[i + 1]
        if i < len(w) - 2:
            a = jax.nn.relu(a)
    logp = jax.nn.log_softmax(a)
    return -jnp.take_along_axis(logp, y[:, None], axis=1).mean()


def sgd(w, x, y, lr):
    loss, g = jax.value_and_grad(loss_of)(w, x, y)
    return [v - lr * d for v, d in zip(w, g)], loss


def train_step(p):
    step = jax.jit(lambda w, x, y: sgd(w, x, y, p.lr), donate_argnums=0)
    batches = [(jnp.asarray(x), jnp.asarray(y)) for x, y in p.batches]

    def run():
        w, losses = [jnp.asarray(v) for v in p.fresh_weights()], []
        for _ in range(p.epochs):
            for x, y in batches:
                w, loss = step(w, x, y)
                losses.append(loss)
        return [np.asarray(v) for v in w]

    return run


def train_scan(p):
    xs = jnp.stack([x for x, _ in p.batches])
    ys = jnp.stack([y for _, y in p.batches])
    one = len(p.batches) == 1

    @jax.jit
    def all_epochs(w, xs, ys):
        def epoch(w, _):
            if one:
                return sgd(w, xs[0], ys[0], p.lr)
            return jax.lax.scan(lambda w, b: sgd(w, *b, p.lr), w, (xs, ys))

        return jax.lax.scan(epoch, w, None, length=p.epochs)

    def run():
        w, losses = all_epochs([jnp.asarray(v) for v in p.weights], xs, ys)
        losses.block_until_ready()
        return [np.asarray(v) for v in w]

    return run
