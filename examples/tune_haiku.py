"""Haiku with BatchNorm and dropout: the rate is tuned along with the length of its warm-up."""

import haiku as hk
import jax.numpy as jnp
import optax
from sklearn.datasets import load_digits

from adaptive_tx import adam, schedules, tune

x, y = (jnp.asarray(array, "float32") for array in load_digits(return_X_y=True))
data, held_out = (x[:1500] / 16, y[:1500].astype(int)), (x[1500:] / 16, y[1500:])


def forward(x, train):
    x = hk.BatchNorm(True, True, 0.9)(hk.Linear(64)(x), train)
    x = hk.dropout(hk.next_rng_key(), 0.2, x) if train else x
    return hk.Linear(10)(jnp.maximum(x, 0))


def make(peak, warmup):
    return adam(schedules.with_warmup(schedules.cosine(peak, 60), warmup))


def loss(params, state, batch, key):
    scores, state = model.apply(params, state, key, batch[0], True)
    losses = optax.softmax_cross_entropy_with_integer_labels(scores, batch[1])
    return losses.mean(), (state, {})


def errors(params, state):
    scores, _ = model.apply(params, state, None, held_out[0], False)
    return (scores.argmax(1) != held_out[1]).mean()


model = hk.transform_with_state(forward)
sweep = tune.sweep(make, peak=tune.log_uniform(1e-3, 0.1, 4), warmup=[1, 10])
how = {"steps": 60, "seeds": 2, "evaluate": errors, "batch_size": 50}
result = tune.train(loss, model.init(0, x[:1], True), data, sweep, **how)
print(result.table(plain=True), errors(result.best.params, result.best.state))
