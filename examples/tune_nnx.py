"""Flax NNX with BatchNorm and dropout: rate and decay are tuned, and the winner used."""

import jax.numpy as jnp
import optax
from flax import nnx
from sklearn.datasets import load_digits

from adaptive_tx import adamw, tune

x, y = (jnp.asarray(array, "float32") for array in load_digits(return_X_y=True))
data, held_out = (x[:1500] / 16, y[:1500].astype(int)), (x[1500:] / 16, y[1500:])


def make(key):
    rngs = nnx.Rngs(key)
    norm, drop = nnx.BatchNorm(64, rngs=rngs), nnx.Dropout(0.2, rngs=rngs)
    last = nnx.Linear(64, 10, rngs=rngs)
    return nnx.Sequential(nnx.Linear(64, 64, rngs=rngs), norm, nnx.relu, drop, last)


def init(key):
    return nnx.split(make(key), nnx.Param, ...)[1:]


def loss(params, state, batch):
    model = nnx.merge(graph, params, state)
    losses = optax.softmax_cross_entropy_with_integer_labels(model(batch[0]), batch[1])
    return losses.mean(), (nnx.split(model, nnx.Param, ...)[2], {})


def errors(params, state):
    model = nnx.view(nnx.merge(graph, params, state), deterministic=True, use_running_average=True)
    return (model(held_out[0]).argmax(1) != held_out[1]).mean()


graph, _, _ = nnx.split(make(0), nnx.Param, ...)
sweep = tune.sweep(adamw, learning_rate=tune.log_uniform(1e-3, 0.1, 4), weight_decay=[0, 0.1])
how = {"steps": 60, "seeds": 2, "evaluate": errors, "batch_size": 50}
result = tune.train(loss, init, data, sweep, **how)
print(result.table(plain=True), errors(result.best.params, result.best.state))
