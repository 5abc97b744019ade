"""Equinox: a small network on handwritten digits; another rate on the way compiles nothing again."""

import equinox as eqx
import jax
import jax.numpy as jnp
from sklearn.datasets import load_digits

import adaptive_tx as atx

data = load_digits()
x, y = jnp.asarray(data.data / 16.0, jnp.float32), jnp.asarray(data.target)


@eqx.filter_jit
def train_step(model, tx, state):
    @eqx.filter_value_and_grad
    def loss_and_grads(model):
        scores = jax.nn.log_softmax(jax.vmap(model)(x))
        return -jnp.mean(jnp.take_along_axis(scores, y[:, None], axis=1))

    loss, grads = loss_and_grads(model)
    updates, state = tx.update(grads, state, eqx.filter(model, eqx.is_array))
    return eqx.apply_updates(model, updates), state, loss


def main():
    model = eqx.nn.MLP(64, 10, 32, 1, key=jax.random.key(0))
    tx, losses = atx.adamw(0.02), []
    state = tx.init(eqx.filter(model, eqx.is_array))  # its arrays; its activation is a leaf, too
    for i in range(60):
        if i == 40:
            tx = tx.replace(learning_rate=0.005)
        model, state, loss = train_step(model, jax.device_put(tx), state)  # numbers as arrays
        losses.append(float(loss))
    print("first loss:", losses[0], "last:", losses[-1])
    return losses


if __name__ == "__main__":
    main()
