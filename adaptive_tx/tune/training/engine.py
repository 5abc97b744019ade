"""The compiled programs of a training: start all runs, make steps in all of them, evaluate them.

A run is one member of a sweep with one seed; arrays of all runs are laid out [seed, member, ...]. The
members of a seed see the same batches and keys, and so differ by nothing but their numbers. A batch is
fetched once for all of them, and their first layer is one matrix product.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from adaptive_tx.core.transformation import Transformation
from adaptive_tx.tune.sweeps.problem import Init, Problem


class Runs(NamedTuple):
    """The state of all runs: what a step changes."""

    params: Any  # [seed, member, ...]
    state: Any  # [seed, member, ...]


class Source(NamedTuple):
    """Where batches and keys come from; the same for all members."""

    data: Any  # arrays [example, ...]; None if batches are drawn by a function
    keys: jax.Array  # key[seed]


@functools.partial(jax.jit, static_argnums=0)
def init_params(init: Init, keys):
    """The parameters of each seed, [seed, ...].

    A program of its own, so that several sweeps share it: randomness compiles slowly.
    """
    return jax.vmap(init.make)(keys)


@functools.partial(jax.jit, static_argnums=0)
def draw_batch(problem: Problem, key):
    """The batch that a function of a key makes."""
    assert problem.draw is not None
    return problem.draw(key)


@jax.jit
def start(params, tx: Transformation) -> Runs:
    """Every member's first state for the parameters of each seed; `tx` has a leading axis."""

    def of_seed(begin):
        state = jax.vmap(lambda tx: tx.init(begin))(tx)
        members = len(jax.tree.leaves(tx)[0])
        return Runs(jax.tree.map(lambda p: _repeated(p, members), begin), state)

    return jax.vmap(of_seed)(params)


def _repeated(p, members: int):
    p = jnp.asarray(p)
    return jnp.broadcast_to(p, (members, *p.shape))


@functools.partial(jax.jit, static_argnums=(0, 1), donate_argnums=3)
def advance(
    problem: Problem, names: tuple[str, ...], tx, runs: Runs, source: Source, rows, first, last
) -> tuple[Runs, dict[str, jax.Array]]:
    """Makes the steps from `first` to before `last` in every run.

    Both are traced, so one compilation serves however many steps a call makes.

    Args:
      names: of the scalars that the loss gives.
      rows: int32[seed, step, batch], the examples of each step from `first` on; None if batches are
        drawn, or all examples.

    Returns:
      The runs, and [seed, member] by name: the means of the scalars over these steps.
    """

    def of_run(tx, params, state, batch, key):
        def loss(params):
            return problem.losses(params, batch, key)

        grads, scalars = jax.grad(loss, has_aux=True)(params)
        updates, state = tx.update(grads, state, params, value=scalars["loss"])
        return Runs(optax.apply_updates(params, updates), state), scalars

    def of_members(i, rows, key, runs):
        if problem.draw is None:
            batch = source.data if rows is None else _examples(source.data, rows, i - first)
            key = jax.random.fold_in(key, i) if problem.has_key else None
        else:
            key, for_batch = jax.random.split(jax.random.fold_in(key, i))
            batch = problem.draw(for_batch)
        each = jax.vmap(of_run, in_axes=(0, 0, 0, None, None))
        return each(tx, runs.params, runs.state, batch, key)

    def of_seed(args):
        rows, key, runs = args

        def step(i, carry):
            runs, sums = carry
            runs, scalars = of_members(i, rows, key, runs)
            return runs, jax.tree.map(jnp.add, sums, scalars)

        members = len(jax.tree.leaves(runs.params)[0])
        zeros = {name: jnp.zeros(members) for name in names}
        runs, sums = lax.fori_loop(first, last, step, (runs, zeros))
        steps = jnp.broadcast_to(jnp.asarray(last - first, float), (members,))
        return runs, jax.tree.map(lambda total: total / steps, sums)

    return _over_seeds(of_seed)((rows, source.keys, runs))


def _examples(data, rows, i):
    """The examples whose indices are in row i."""
    row = lax.dynamic_index_in_dim(rows, i, keepdims=False)
    return jax.tree.map(lambda x: x[row], data)


def _over_seeds(of_seed: Callable) -> Callable:
    """All seeds at once, or, on a CPU, one after the other.

    There, a matrix product of all members is one fast call, and becomes a slow loop by one more axis.
    """
    if jax.default_backend() == "cpu":
        return functools.partial(lax.map, of_seed)
    return jax.vmap(of_seed)


@functools.partial(jax.jit, static_argnums=0)
def evaluate(problem: Problem, params, weights) -> tuple[dict[str, jax.Array], jax.Array]:
    """What `evaluate` gives for the weights of every run, and whether all its parameters are finite.

    Both are [seed, member]. The weights are the parameters, or averages of them (`eval_params`).
    A program of its own, which several sweeps share. A seed at a time: all at once would hold the
    activations of every run on all evaluation data.
    """

    def of_run(args):
        params, weights = args
        leaves = jax.tree.leaves(params)
        nothing = sum(jnp.sum(0 * p) for p in leaves)  # unless 0 * inf is NaN
        return problem.metrics(weights), jnp.isfinite(nothing)

    return lax.map(jax.vmap(of_run), (params, weights))
