"""Flax linen with BatchNorm, dropout and a loader (grain's): the rate is tuned, and the winner used."""

import flax.linen as nn
import grain
import numpy as np
import optax
from sklearn.datasets import load_digits

from adaptive_tx import adamw, tune

x, y = (np.float32(array) for array in load_digits(return_X_y=True))
rows = grain.MapDataset.source([{"x": a / 16, "y": np.int32(b)} for a, b in zip(x, y)])
loader = rows[:1500].shuffle(0).repeat().batch(50).to_iter_dataset()


class Model(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.relu(nn.BatchNorm(use_running_average=not train)(nn.Dense(64)(x)))
        return nn.Dense(10)(nn.Dropout(0.2, deterministic=not train)(x))


def init(key):
    made = Model().init(key, x[:1], train=False)
    return made["params"], made["batch_stats"]


def loss(params, stats, batch, key):
    given, how = {"params": params, "batch_stats": stats}, {"mutable": ["batch_stats"]}
    scores, after = Model().apply(given, batch["x"], True, rngs={"dropout": key}, **how)
    losses = optax.softmax_cross_entropy_with_integer_labels(scores, batch["y"])
    return losses.mean(), (after["batch_stats"], {})


def accuracy(params, stats, n=1500):
    scores = Model().apply({"params": params, "batch_stats": stats}, x[n:] / 16, False)
    return {"accuracy": (scores.argmax(1) == y[n:]).mean()}


sweep = tune.sweep(adamw, learning_rate=tune.log_uniform(1e-3, 0.1, 4))
how = {"steps": 60, "seeds": 2, "evaluate": accuracy, "maximize": "accuracy"}
result = tune.train(loss, init, loader, sweep, **how, progress=False)
print(result.table(plain=True), accuracy(result.best.params, result.best.state))
