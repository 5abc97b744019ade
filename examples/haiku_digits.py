"""Haiku: a small network on handwritten digits, and what its optimizer did in each step."""

import haiku as hk
import jax
import jax.numpy as jnp
from sklearn.datasets import load_digits

import adaptive_tx as atx
from adaptive_tx import schedules

data = load_digits()
x, y = jnp.asarray(data.data / 16.0, jnp.float32), jnp.asarray(data.target)
model = hk.without_apply_rng(hk.transform(lambda x: hk.nets.MLP([32, 10])(x)))


def loss_of(params):
    scores = jax.nn.log_softmax(model.apply(params, x))
    return -jnp.mean(jnp.take_along_axis(scores, y[:, None], axis=1))


@jax.jit
def train_step(tx, params, state):
    loss, grads = jax.value_and_grad(loss_of)(params)
    updates, state = tx.update(grads, state, params)
    return atx.apply_updates(params, updates), state, loss


def main():
    tx = atx.measured(atx.lion(schedules.with_warmup(schedules.cosine(0.01, 60), 5)))
    params = model.init(jax.random.key(0), x)
    state, losses = tx.init(params), []
    for _ in range(60):
        params, state, loss = train_step(tx, params, state)
        losses.append(float(loss))
    print("first loss:", losses[0], "last:", losses[-1], atx.metrics(state)["grad_norm"])
    return losses


if __name__ == "__main__":
    main()
