"""Flax linen: digits with Adam's moments in a byte each; another rate on the way compiles nothing again."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from sklearn.datasets import load_digits

import adaptive_tx as atx
from adaptive_tx.flax import TrainState

data = load_digits()
x, y = jnp.asarray(data.data / 16.0, jnp.float32), jnp.asarray(data.target)
model = nn.Sequential([nn.Dense(32), nn.relu, nn.Dense(10)])


@jax.jit
def train_step(state):
    def loss_of(params):
        scores = jax.nn.log_softmax(state.apply_fn(params, x))
        return -jnp.mean(jnp.take_along_axis(scores, y[:, None], axis=1))

    loss, grads = jax.value_and_grad(loss_of)(state.params)
    return state.apply_gradients(grads=grads), loss


def main():
    tx = atx.chain(atx.clip_by_global_norm(1.0), atx.stored(atx.adamw(0.02, weight_decay=0.01), 8))
    params = model.init(jax.random.key(0), x)
    state, losses = TrainState.create(apply_fn=model.apply, params=params, tx=tx), []
    for i in range(60):
        if i == 40:
            state = state.replace(tx=state.tx.replace(learning_rate=0.005))
        state, loss = train_step(state)
        losses.append(float(loss))
    print("first loss:", losses[0], "last:", losses[-1])
    return losses


if __name__ == "__main__":
    main()
