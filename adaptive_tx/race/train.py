"""Trains every rate and every seed of one optimizer at once: `vmap` over the optimizer itself.

`jax.vmap(constructor)(rates)` is one optimizer whose hyperparameters have a leading axis. Mapped
over that axis, and over the seeds, one compiled program makes the steps of all runs. Arrays are
laid out [seed, rate, ...]: the batch of a seed is then shared by all its rates.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from adaptive_tx.race.data import CLASSES, Digits, Split
from adaptive_tx.race.models import Model
from adaptive_tx.transformation import Transformation

BATCH = 64
CALLS = 20  # of the program per optimizer, so that progress shows
GUESS = 1 / CLASSES  # accuracy of a uniform guess
DIVERGED = 1.01 * float(np.log(CLASSES))  # nats: 1 % above the loss of a uniform guess


class Start(NamedTuple):
    """Where the runs of each seed start, the same for every optimizer and every rate."""

    params: Any  # [seed, ...]
    order: jax.Array  # int32[seed, step, BATCH], the training images of each batch


class Runs(NamedTuple):
    """What came out of a grid of runs; every array is [rate, seed]."""

    train_loss: np.ndarray  # nats, over the whole training split
    validation: np.ndarray  # accuracy, 0 to 1
    test: np.ndarray  # accuracy, 0 to 1
    diverged: np.ndarray  # bool: not finite, or worse than a guess


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def start(model: Model, seeds: int, steps: int, images: int) -> Start:
    """Each seed's initial parameters, and its batches: the images, shuffled anew in every epoch."""

    def of_seed(seed):
        for_params, for_order = jax.random.split(jax.random.key(seed))
        epochs = -(-steps * BATCH // images)
        order = jnp.argsort(jax.random.uniform(for_order, (epochs, images))).ravel()
        return Start(model.init(for_params), order[: steps * BATCH].reshape(steps, BATCH))

    return jax.vmap(of_seed)(jnp.arange(seeds))


def train(
    tx: Transformation,
    model: Model,
    split: Split,
    begin: Start,
    on_steps: Callable[[int], None] = lambda steps: None,
) -> Any:
    """The parameters that each optimizer reaches from each start: [seed, rate, ...].

    Args:
      tx: a sweep, `jax.vmap(constructor)(rates)`: one optimizer with a leading axis on every leaf.
      model: what is trained.
      split: on what.
      begin: the starts, and the batches of each step.
      on_steps: called now and then with the number of steps made since its last call.
    """

    def of_run(tx, params):
        return params, tx.init(params)

    starts = jax.vmap(jax.vmap(of_run, in_axes=(0, None)), in_axes=(None, 0))
    params, state = starts(tx, begin.params)
    steps = begin.order.shape[1]
    size = -(-steps // CALLS)
    for first in range(0, steps, size):
        last = min(first + size, steps)
        params, state = advance(model, split, tx, begin.order, params, state, first, last)
        jax.block_until_ready(params)
        on_steps(last - first)
    return params


@functools.partial(jax.jit, static_argnums=0, donate_argnums=(4, 5))
def advance(model: Model, split: Split, tx, order, params, state, first, last) -> tuple[Any, Any]:
    """Makes the steps from `first` to before `last` in every run.

    Both are traced, so one compilation serves however many steps a call makes.
    """

    def of_run(tx, order, params, state):
        def step(i, run):
            params, state = run
            batch = Split(split.images[order[i]], split.labels[order[i]])
            grads = jax.grad(loss)(params, model, batch)
            updates, state = tx.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        return lax.fori_loop(first, last, step, (params, state))

    of_seed = jax.vmap(of_run, in_axes=(0, None, 0, 0))
    return jax.vmap(of_seed, in_axes=(None, 0, 0, 0))(tx, order, params, state)


def loss(params, model: Model, split: Split) -> jax.Array:
    """Mean cross entropy, in nats."""
    logits = model.logits(params, split.images)
    return optax.softmax_cross_entropy_with_integer_labels(logits, split.labels).mean()


def evaluate(model: Model, data: Digits, params) -> Runs:
    """The results of the runs that reached `params`, [seed, rate, ...]."""
    results = _evaluate(model, data, params)
    return Runs(**{name: np.asarray(x).T for name, x in results.items()})


@functools.partial(jax.jit, static_argnums=0)
def _evaluate(model: Model, data: Digits, params) -> dict[str, jax.Array]:
    def accuracy(params, split):
        return jnp.mean(jnp.argmax(model.logits(params, split.images), -1) == split.labels)

    def of_run(params):
        train_loss = loss(params, model, data.train)
        finite = jnp.array([jnp.isfinite(p).all() for p in jax.tree.leaves(params)]).all()
        diverged = ~(finite & (train_loss <= DIVERGED))  # a NaN is not <= anything
        return {
            "train_loss": train_loss,
            "validation": accuracy(params, data.validation),
            "test": accuracy(params, data.test),
            "diverged": diverged,
        }

    return lax.map(jax.vmap(of_run), params)  # a seed at a time: all at once would need much memory
