"""Flax NNX: digits in bfloat16, with a byte more of each in the state, and a byte for each moment."""

import jax
import jax.numpy as jnp
from flax import nnx
from sklearn.datasets import load_digits

import adaptive_tx as atx
from adaptive_tx.flax import Optimizer

data = load_digits()
x, y = jnp.asarray(data.data / 16.0, jnp.float32), jnp.asarray(data.target)


@nnx.jit
def train_step(model, optimizer):
    def loss_of(model):
        scores = jax.nn.log_softmax(model(x))
        return -jnp.mean(jnp.take_along_axis(scores, y[:, None], axis=1))

    loss, grads = nnx.value_and_grad(loss_of)(model)
    optimizer.update(model, grads)
    return loss


def main():
    rngs = nnx.Rngs(0)
    half = {"param_dtype": jnp.bfloat16, "rngs": rngs}
    model = nnx.Sequential(nnx.Linear(64, 32, **half), nnx.relu, nnx.Linear(32, 10, **half))
    tx = atx.guarded(atx.rounded(atx.stored(atx.adamw(0.02), 8)))
    optimizer = Optimizer(model, tx, wrt=nnx.Param)
    losses = []
    for i in range(60):
        if i == 40:
            optimizer.tx = optimizer.tx.replace(learning_rate=0.005)
        losses.append(float(train_step(model, optimizer)))
    print(losses[-1], atx.guard_report(optimizer, nnx.state(model, nnx.Param))["skipped"])
    return losses


if __name__ == "__main__":
    main()
