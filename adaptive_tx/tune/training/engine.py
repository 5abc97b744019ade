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
from jax import lax

from adaptive_tx.tune.sweeps.problem import Init, Problem
from adaptive_tx.tune.sweeps.sweep import Setting


class Source(NamedTuple):
    """Where batches and keys come from; the same for all members."""

    data: Any  # arrays [example, ...]; None if batches are drawn by a function, or come in a stream
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


@functools.partial(jax.jit, static_argnums=0)
def start(begin: Callable, begun: Any, setting: Setting) -> Any:
    """The carry of every run, from what each seed begins with; `setting` has a leading axis."""

    def of_seed(begun):
        return jax.vmap(lambda setting: begin(setting, begun))(setting)

    return jax.vmap(of_seed)(begun)


@functools.partial(jax.jit, static_argnums=(0, 1, 2), donate_argnums=4)
def advance(
    problem: Problem,
    names: tuple[str, ...],
    mapped: bool,
    setting: Setting,
    runs: Any,
    source: Source,
    rows,
    block,
    first,
    last,
) -> tuple[Any, dict[str, jax.Array]]:
    """Makes the steps from `first` to before `last` in every run.

    Both are traced, so one compilation serves however many steps a call makes.

    Args:
      names: of the scalars that a step gives.
      mapped: whether the members make each step together, or all steps one after the other (`ways.py`).
      rows: int32[seed, step, batch], the examples of each step from `first` on; None if batches are
        drawn, come in a stream, or are all examples.
      block: a tree of arrays [step, ...]: the batches of a stream from `first` on; None without one.

    Returns:
      The runs, and [seed, member] by name: the means of the scalars over these steps.
    """

    def batch_of(i, rows, key):
        if block is not None:
            return jax.tree.map(lambda x: _at(x, i - first), block), key
        if problem.draw is not None:
            key, for_batch = jax.random.split(key)
            return problem.draw(for_batch), key
        if rows is None:
            return source.data, key
        chosen = _at(rows, i - first)
        return jax.tree.map(lambda x: x[chosen], source.data), key

    def of_seed(args):
        rows, key, runs = args

        def trained(each, setting, runs, zero):
            """The runs after the steps, and the means of their scalars."""

            def step(i, carry):
                runs, sums = carry
                has_key = problem.has_key or problem.draw is not None
                batch, of_step = batch_of(i, rows, jax.random.fold_in(key, i) if has_key else None)
                runs, scalars = each(setting, runs, batch, of_step)
                return runs, jax.tree.map(jnp.add, sums, scalars)

            begin = runs, {name: zero for name in names}
            runs, sums = lax.fori_loop(first, last, step, begin)
            steps = jnp.broadcast_to(jnp.asarray(last - first, float), zero.shape)
            return runs, jax.tree.map(lambda total: total / steps, sums)

        if mapped:
            each = jax.vmap(problem.step, in_axes=(0, 0, None, None))
            members = len(jax.tree.leaves(setting)[0])
            return trained(each, setting, runs, jnp.zeros(members))
        one = jnp.zeros(())
        return lax.map(lambda of: trained(problem.step, of[0], of[1], one), (setting, runs))

    return _over_seeds(of_seed)((rows, source.keys, runs))


def _at(x, i):
    return lax.dynamic_index_in_dim(x, i, keepdims=False)


def _over_seeds(of_seed: Callable) -> Callable:
    """All seeds at once, or, on a CPU, one after the other.

    There, a matrix product of all members is one fast call, and becomes a slow loop by one more axis.
    """
    if jax.default_backend() == "cpu":
        return functools.partial(lax.map, of_seed)
    return jax.vmap(of_seed)


@functools.partial(jax.jit, static_argnums=0)
def evaluate(problem: Problem, parts: Any) -> tuple[dict[str, jax.Array], jax.Array]:
    """What `evaluate` gives for every run, and whether all its parameters are finite: [seed, member].

    A program of its own, which several sweeps share. A seed at a time: all at once would hold the
    activations of every run on all evaluation data.
    """
    return lax.map(jax.vmap(problem.judged), parts)
