"""Equinox with BatchNorm and dropout: the rate is tuned, and the winner is a model again."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from sklearn.datasets import load_digits

from adaptive_tx import adamw, tune

x, y = (jnp.asarray(array, "float32") for array in load_digits(return_X_y=True))
data, held_out = (x[:1500] / 16, y[:1500].astype(int)), (x[1500:] / 16, y[1500:])


class Model(eqx.Module):
    layers: tuple = tuple(eqx.nn.Linear(64, n, key=jax.random.key(n)) for n in (64, 10))
    norm: eqx.nn.BatchNorm = eqx.nn.BatchNorm(64, "batch", mode="batch")

    def __call__(self, x, state, key):
        x, state = self.norm(self.layers[0](x), state)
        drop = eqx.nn.Dropout(0.2, inference=key is None)
        return self.layers[1](drop(jax.nn.relu(x), key=key)), state


def loss(params, state, batch, key):
    model, keys = eqx.combine(params, static), jax.random.split(key, len(batch[1]))
    scores, state = jax.vmap(model, axis_name="batch", in_axes=(0, None, 0), out_axes=(0, None))(
        batch[0], state, keys
    )
    losses = optax.softmax_cross_entropy_with_integer_labels(scores, batch[1])
    return losses.mean(), (state, {})


def accuracy(params, state):
    model = eqx.nn.inference_mode(eqx.combine(params, static))
    scores, _ = jax.vmap(lambda x: model(x, state, None))(held_out[0])
    return {"accuracy": (scores.argmax(1) == held_out[1]).mean()}


model, state = eqx.nn.make_with_state(Model)()
params, static = eqx.partition(model, eqx.is_inexact_array)
sweep = tune.sweep(adamw, learning_rate=tune.log_uniform(1e-3, 0.1, 4))
how = {"steps": 60, "batch_size": 50, "seeds": 2, "evaluate": accuracy, "maximize": "accuracy"}
result = tune.train(loss, (params, state), data, sweep, **how, progress=False)
print(result.table(plain=True), eqx.combine(result.best.params, static))
