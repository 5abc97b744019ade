"""Many trainings in one program: a member for each seed, mapped, and a scan over the steps.

Member i starts from the same parameters and sees the same batches, whatever keeps its state.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from storages import OPTIMIZERS, PARAMETERS, STORAGES, formats_of
from tasks import Task, task_named

CHAOS = 1e-3  # how far "perturbed" changes each initial parameter, relative to it
LAST = 0.1  # of the steps, over which the training loss is averaged


class Setting(NamedTuple):
    """What is trained, and how."""

    task: str
    optimizer: str
    storage: str
    b2: float
    rate: float
    seeds: int
    steps: int

    def key(self) -> str:
        return "|".join(format(x, ".6g") if isinstance(x, float) else str(x) for x in self)


class Losses(NamedTuple):
    """Of each member, float32[seed]."""

    training: np.ndarray  # mean over the last tenth of the steps, each before its update
    validation: np.ndarray  # of the last parameters, on all held-out examples
    start: np.ndarray  # of the first ones


def train(setting: Setting) -> Losses:
    """All members, with seeds from 0."""
    task = task_named(setting.task)
    with formats_of(setting.storage):
        program = program_of(setting._replace(rate=0.0))
        members = jnp.arange(setting.seeds)
        losses = program(jnp.float32(setting.rate), members, (task.data, task.held_out))
        return Losses(*map(np.asarray, losses))


@functools.lru_cache(maxsize=1)
def program_of(setting: Setting):
    """Compiled once for all rates."""
    one = functools.partial(trained, task_named(setting.task), setting)
    return jax.jit(jax.vmap(one, (None, 0, None)))


def trained(task: Task, setting: Setting, rate, seed, examples):
    data, held_out = examples
    start, order, noise = jax.random.split(jax.random.key(seed), 3)
    params, few = task.init(start), setting.storage in PARAMETERS
    if setting.storage == "perturbed":
        params = disturbed(params, noise)
    if few:
        params = jax.tree.map(cut, params)
    if few and setting.storage != "master":
        params = jax.tree.map(lambda x: x.astype(jnp.bfloat16), params)
    tx = OPTIMIZERS[setting.optimizer](rate, setting.b2)
    tx = STORAGES[setting.storage](tx, jnp.float32(seed))
    size = len(jax.tree.leaves(data)[0])

    def seen(params):
        """The parameters as the model gets them; its arithmetic is in float32."""
        wide = jax.tree.map(lambda p: p.astype(jnp.float32), params)
        return jax.tree.map(cut, wide) if few else wide

    def step(run, t):
        params, state = run
        rows = jax.random.randint(jax.random.fold_in(order, t), (task.batch,), 0, size)
        batch = jax.tree.map(lambda x: x[rows], data)
        loss, grads = jax.value_and_grad(task.loss)(seen(params), batch)
        grads = jax.tree.map(lambda g, p: (cut(g) if few else g).astype(p.dtype), grads, params)
        updates, state = tx.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), loss

    run = lax.scan(step, (params, tx.init(params)), jnp.arange(setting.steps))
    (last, _), losses = run
    after = losses[-int(LAST * setting.steps) :].mean()
    return after, task.loss(seen(last), held_out), task.loss(seen(params), held_out)


def cut(x: jax.Array) -> jax.Array:
    """A float32 to the nearest that bfloat16 has; a conversion there and back may be left out."""
    return lax.reduce_precision(x, 8, 7)


def disturbed(params: Any, key: jax.Array) -> Any:
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    return structure.unflatten(
        x * (1 + CHAOS * jax.random.normal(k, x.shape)) for x, k in zip(leaves, keys)
    )
