"""Equinox with BatchNorm and dropout: the rate is tuned, and the winner used."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from sklearn.datasets import load_digits

from adaptive_tx import adamw, tune

x, y = (jnp.asarray(array, "float32") for array in load_digits(return_X_y=True))
data, held_out = (x[:1500] / 16, y[:1500].astype(int)), (x[1500:] / 16, y[1500:])


def make():
    first, last = (eqx.nn.Linear(64, n, key=jax.random.key(n)) for n in (64, 10))
    norm, act = eqx.nn.BatchNorm(64, "batch", mode="batch"), eqx.nn.Lambda(jax.nn.relu)
    return eqx.nn.Sequential([first, norm, act, eqx.nn.Dropout(0.2), last])


def loss(params, state, batch, key):
    model, keys = eqx.combine(params, static), jax.random.split(key, len(batch[1]))
    over = {"axis_name": "batch", "in_axes": (0, None, 0), "out_axes": (0, None)}
    scores, state = jax.vmap(lambda x, s, k: model(x, s, key=k), **over)(batch[0], state, keys)
    losses = optax.softmax_cross_entropy_with_integer_labels(scores, batch[1])
    return losses.mean(), (state, {})


def errors(params, state):
    model = eqx.nn.inference_mode(eqx.combine(params, static))
    scores = jax.vmap(lambda x: model(x, state)[0])(held_out[0])
    return (scores.argmax(1) != held_out[1]).mean()


model, state = eqx.nn.make_with_state(make)()
params, static = eqx.partition(model, eqx.is_inexact_array)
sweep = tune.sweep(adamw, learning_rate=tune.log_uniform(1e-3, 0.1, 4))
how = {"steps": 60, "seeds": 2, "evaluate": errors, "batch_size": 50}
result = tune.train(loss, (params, state), data, sweep, **how)
print(result.table(plain=True), errors(result.best.params, result.best.state))
