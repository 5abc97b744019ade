"""Gradients added up over several batches, and one update for all of them: a large batch in small memory.

    sum <- sum + g          float32 at least
    after k of them: one update of the inner transformation on sum / k, and the sum starts anew

Between them updates are zero, and nothing of the inner transformation runs, neither its arithmetic nor its
counts: its schedules see updates, not batches. For losses that are means over examples, k batches of n give
the numbers of one of k n.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, in_dtype
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import arithmetic_dtype, narrow, widen
from adaptive_tx.core.placing import laid_out
from adaptive_tx.core.ranges import at_least_one
from adaptive_tx.core.states import exportable, incremented
from adaptive_tx.core.transformation import Transformation, wrap
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class AccumulatedState(NamedTuple):
    inner_state: Any
    count: jax.Array  # int32[], finished updates
    batches: jax.Array  # int32[], added up since the last of them
    sum: optax.Updates  # like params, of their gradients
    value: jax.Array  # float32[], of their losses


@explained
def accumulated(
    tx: optax.GradientTransformation, *, every: ScalarOrSchedule, mean: bool = True
) -> Transformation:
    """Adds up gradients, and makes one update of `every` of them.

    Args:
      tx: the transformation; its hyperparameters keep their names. If `update` gets `value=loss`, it gets
        the mean of the losses.
      every: how many batches make an update, >= 1; a schedule sees the number of finished updates.
      mean: whether the update is made of the mean of the gradients, or of their sum; a Python bool.

    The state holds one more array like each parameter, in float32 at least. A gradient that is not finite
    spoils the sum: skip batches with `guarded(accumulated(tx, ...))`, and updates with
    `accumulated(guarded(tx), ...)`.

    >>> import adaptive_tx as atx, jax.numpy as jnp
    >>> tx = accumulated(atx.sgd(1.0), every=2)
    >>> state = tx.init(jnp.zeros(()))
    >>> for g in (1.0, 3.0):
    ...     update, state = tx.update(jnp.asarray(g), state)
    ...     print(update)
    0.0
    -2.0
    """
    settings = {"mean": checks.flag("accumulated", "mean", mean)}
    return wrap("accumulated", _init, _update, tx, settings=settings, every=at_least_one(every))


def _init(arguments: Arguments, params) -> AccumulatedState:
    checks.floating(arguments.who, "params", params)
    sums = jax.tree.map(lambda p: _zeros(jnp.asarray(p)), params)
    count, batches = (jnp.zeros((), jnp.int32) for _ in range(2))
    return AccumulatedState(
        arguments.inner(params), count, batches, sums, jnp.zeros((), jnp.float32)
    )


def _update(arguments: Arguments, grads, state, params=None, **extra):
    who = arguments.who
    checks.state_type(who, AccumulatedState, state)
    checks.floating(who, "grads", grads)
    checks.same_layout(who, "grads", grads, "the state was made for", state.sum)
    batches = incremented(state.batches)
    sums = jax.tree.map(lambda s, g: lax.add(s, widen(jnp.asarray(g), s.dtype)), state.sum, grads)
    value = state.value
    if extra.get("value") is not None:
        value = value + jnp.asarray(extra["value"]).astype(value.dtype)

    def step(sums, value, inner_state):
        n = batches.astype(jnp.float32)
        of = n if arguments.setting("mean") else jnp.ones((), jnp.float32)
        given = jax.tree.map(
            lambda s, g: narrow(s / of.astype(s.dtype), jnp.result_type(g)), sums, grads
        )
        more = {**extra, "value": value / n} if extra.get("value") is not None else extra
        return arguments.inner(given, inner_state, params, **more)

    def wait(sums, value, inner_state):
        updates, _ = jax.eval_shape(step, sums, value, inner_state)
        return jax.tree.map(lambda s, u: jnp.zeros_like(s, u.dtype), sums, updates), inner_state

    every = in_dtype(arguments.at(state.count), jnp.float32)["every"]
    due = batches.astype(jnp.float32) >= every
    updates, inner_state = lax.cond(due, step, wait, sums, value, state.inner_state)
    return updates, AccumulatedState(
        inner_state,
        count=jnp.where(due, incremented(state.count), state.count),
        batches=jnp.where(due, 0, batches),
        sum=jax.tree.map(lambda s: jnp.where(due, jnp.zeros_like(s), s), sums),
        value=jnp.where(due, 0, value),
    )


def _zeros(p: jax.Array) -> jax.Array:
    return laid_out(jnp.zeros_like(p, arithmetic_dtype(p.dtype)), p)
