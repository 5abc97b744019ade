"""Plain JAX: logistic regression on handwritten digits; a sweep over rates as one program."""

import jax
import jax.numpy as jnp
from sklearn.datasets import load_digits

import adaptive_tx as atx
from adaptive_tx import schedules

data = load_digits()
x, y = jnp.asarray(data.data / 16.0, jnp.float32), jnp.asarray(data.target)


def loss_of(params):
    scores = jax.nn.log_softmax(x @ params["w"] + params["b"])
    return -jnp.mean(jnp.take_along_axis(scores, y[:, None], axis=1))


@jax.jit
def train(tx):
    def step(run, _):
        params, state = run
        loss, grads = jax.value_and_grad(loss_of)(params)
        updates, state = tx.update(grads, state, params)
        return (atx.apply_updates(params, updates), state), loss

    params = {"w": jnp.zeros((64, 10)), "b": jnp.zeros(10)}
    return jax.lax.scan(step, (params, tx.init(params)), length=100)[1]


def main():
    losses = train(atx.adamw(schedules.cosine(0.05, 100), only=lambda path, p: p.ndim > 1))
    rates = jnp.geomspace(1e-3, 1.0, 7)
    swept = jax.vmap(train)(jax.vmap(atx.adam)(rates))  # seven trainings, one program
    print("cosine:", losses[-1], "best constant rate:", rates[swept[:, -1].argmin()])
    return losses


if __name__ == "__main__":
    main()
