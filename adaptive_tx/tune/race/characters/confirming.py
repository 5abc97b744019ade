"""The best setting of a racer on fresh seeds: an ordinary training for each, planned for fewer steps too.

How many steps a loss takes cannot be read off one training whose rate falls to zero at its end: half-way
its loss is higher than where a training of half the steps ends. So there is one of each length.
"""

import functools
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import optax
from jax import lax

from adaptive_tx.core.transformation import Transformation
from adaptive_tx.tune.race.characters.options import BATCH, Options
from adaptive_tx.tune.race.characters.racers import Racer, made
from adaptive_tx.tune.sweeps.batches import BatchOrder
from adaptive_tx.tune.tasks import Split, Task
from adaptive_tx.wrappers.eval_params import eval_params


class Confirmed(NamedTuple):
    """What the best setting reached."""

    test: list[list[float]]  # [budget][seed], nats a character
    seconds: (
        float  # of the processor, for a whole training by itself; the fastest one, compiled before
    )


def confirmed(
    racer: Racer, setting: dict[str, float], task: Task, test: Split, options: Options
) -> Confirmed:
    """Trained or, where it was before, read."""
    path = options.out / "trials" / racer.name / "confirmed.json"
    txs = [made(racer, steps=steps, **setting) for steps in options.budgets]
    asked = {"optimizers": list(map(repr, txs)), "seeds": options.fresh, "batch": BATCH}
    asked |= {"key": options.key} if options.key else {}
    if path.exists() and (kept := json.loads(path.read_text()))["asked"] == asked:
        return Confirmed(**kept["reached"])
    reached = _trained(txs, task, test, options)
    path.write_text(json.dumps({"asked": asked, "reached": reached._asdict()}) + "\n")
    return reached


def _trained(txs: list[Transformation], task: Task, test: Split, options: Options) -> Confirmed:
    fresh = options.key + 1  # the trials have seen the seeds of the key
    order = BatchOrder(len(task.data.targets), BATCH, options.fresh, (0, fresh))
    rows = order.rows(0, options.steps, options.steps)
    starts = [
        jax.jit(task.init)(key) for key in jax.random.split(jax.random.key(fresh), options.fresh)
    ]
    losses, seconds = [], []
    for tx, steps in zip(txs, options.budgets, strict=True):  # the last is the longest
        losses.append([])
        seconds.clear()
        for start, row in zip(starts, rows, strict=True):
            clock = time.process_time()
            params = jax.block_until_ready(training(task.loss, tx, start, task.data, row, steps))
            seconds.append(time.process_time() - clock)
            losses[-1].append(float(_loss(task.loss, params, test)))
    return Confirmed(losses, min(seconds))


@functools.partial(jax.jit, static_argnums=0)
def training(loss: Callable, tx: Transformation, params: Any, data: Split, rows, steps) -> Any:
    """The weights to evaluate after so many steps; compiled once for every number of them."""

    def step(i, run):
        params, state = run
        grads = jax.grad(loss)(params, jax.tree.map(lambda x: x[rows[i]], data))
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    params, state = lax.fori_loop(0, steps, step, (params, tx.init(params)))
    return eval_params(state, params)


@functools.partial(jax.jit, static_argnums=0)
def _loss(loss: Callable, params, examples) -> jax.Array:
    return loss(params, examples)
