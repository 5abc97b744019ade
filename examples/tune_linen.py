"""Flax linen with BatchNorm, dropout and a loader (grain's): the rate is tuned, and the winner used."""

import flax.linen as nn
import grain
import optax
from sklearn.datasets import load_digits

from adaptive_tx import adamw, tune

x, y = load_digits(return_X_y=True)
rows = grain.MapDataset.source(list(zip(x[:1500] / 16, y)))
loader = rows.shuffle(0).repeat().batch(50).to_iter_dataset()


class Model(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.relu(nn.BatchNorm(use_running_average=not train)(nn.Dense(64)(x)))
        return nn.Dense(10)(nn.Dropout(0.2, deterministic=not train)(x))


def init(key):
    return tuple(Model().init(key, x[:1], False)[name] for name in ("params", "batch_stats"))


def loss(params, stats, batch, key):
    both, rngs = {"params": params, "batch_stats": stats}, {"dropout": key}
    scores, after = Model().apply(both, batch[0], True, rngs=rngs, mutable="batch_stats")
    losses = optax.softmax_cross_entropy_with_integer_labels(scores, batch[1])
    return losses.mean(), (after["batch_stats"], {})


def errors(params, stats, n=1500):
    scores = Model().apply({"params": params, "batch_stats": stats}, x[n:] / 16, False)
    return (scores.argmax(1) != y[n:]).mean()


sweep = tune.sweep(adamw, learning_rate=tune.log_uniform(1e-3, 0.1, 4))
result = tune.train(loss, init, loader, sweep, steps=60, seeds=2, evaluate=errors)
print(result.table(plain=True), errors(result.best.params, result.best.state))
