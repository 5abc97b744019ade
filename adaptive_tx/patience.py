"""Patience: what to do once a value no longer improves (`core.plateau`): lower the scale, or stop."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from adaptive_tx.core import checks, values
from adaptive_tx.core.arguments import Arguments, Static
from adaptive_tx.core.axes import check_value
from adaptive_tx.core.keeping import Partial
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.on_leaf import on_leaves
from adaptive_tx.core.plateau import after, flags, fresh, watched
from adaptive_tx.core.ranges import SMALLEST, Range, at_least_one, fraction, non_negative
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation, bind
from adaptive_tx.core.typing import Scalar, ScalarOrSchedule

factor_range = Range(SMALLEST, 1.0, "[)")


@exportable
class ReduceOnPlateauState(NamedTuple):
    count: jax.Array  # int32[], finished updates
    scale: jax.Array  # float[], what the last updates were multiplied by
    best: jax.Array  # float[], the mean at the last improvement; infinite before the first
    since: jax.Array  # int32[], checks since the last improvement, reduction or cooldown
    cooldown_left: jax.Array  # int32[], checks that do not count yet
    in_window: jax.Array  # int32[], values since the last check
    mean: jax.Array  # float[], their mean


@exportable
class EarlyStoppingState(NamedTuple):
    count: jax.Array  # int32[], values seen
    best: jax.Array  # float[], the mean at the last improvement; infinite before the first
    since: jax.Array  # int32[], checks since the last improvement
    should_stop: jax.Array  # bool[], once True it stays so
    in_window: jax.Array  # int32[], values since the last check
    mean: jax.Array  # float[], their mean


@functools.partial(jax.jit, static_argnames=("relative", "maximize"))
def reduced(state, value, *, factor, cooldown, min_scale, **rule):
    cooling = state.cooldown_left > 0
    state, plateau = watched(state, value, **rule)
    reduce = plateau & ~cooling
    lower = jnp.minimum(state.scale, jnp.maximum(state.scale * factor, min_scale))
    left = state.cooldown_left - (cooling & (state.in_window == 0)).astype(jnp.int32)
    return state._replace(
        scale=jnp.where(reduce, lower, state.scale),
        since=jnp.where(reduce | cooling, 0, state.since),
        cooldown_left=jnp.where(reduce, jnp.ceil(cooldown).astype(jnp.int32), left),
    )


@functools.partial(jax.jit, static_argnames=("relative", "maximize"))
def judged(state, value, *, min_steps, **rule):
    state, plateau = watched(state, value, **rule)
    stop = plateau & (state.count.astype(value.dtype) >= min_steps)
    return state._replace(should_stop=state.should_stop | stop)


def step(u, t, *, scale):
    return scale * u


def _init(arguments: Arguments, params) -> ReduceOnPlateauState:
    checks.floating(arguments.who, "params", params)
    return fresh(Static(ReduceOnPlateauState), arguments)


def _update(arguments: Arguments, updates, state, params=None, *, value: Any = None, **extra):
    checks.state_type(arguments.who, ReduceOnPlateauState, state)
    state = after(reduced, arguments, state, value, "update(grads, state, params, value=loss)")
    check_value(arguments.who, updates, value)
    return on_leaves(arguments.who, step, updates, state.count, scale=state.scale), state


@explained
def reduce_on_plateau(
    *,
    factor: ScalarOrSchedule = 0.1,
    patience: ScalarOrSchedule = 10,
    min_delta: ScalarOrSchedule = 1e-4,
    cooldown: ScalarOrSchedule = 0,
    window: ScalarOrSchedule = 1,
    min_scale: ScalarOrSchedule = 0.0,
    relative: bool = True,
    maximize: bool = False,
) -> Transformation:
    """Multiplies the updates by a scale that falls when the `value` given to `update` stops improving.

    Inside `shard_map` give all devices the same value, such as `jax.lax.pmean(loss, axis_name)`.

    Args:
      factor: what the scale is multiplied by at a plateau, in (0, 1).
      patience: checks in a row without an improvement that make a plateau, >= 1; counted anew after it.
      min_delta: what an improvement must exceed, >= 0, in parts of |best|.
      cooldown: checks after a reduction that do not count towards the next, >= 0.
      window: values averaged for one check, >= 1; more for the noisy losses of batches.
      min_scale: the scale falls no lower, in [0, 1].
      relative: False makes min_delta absolute, in the unit of the value.
      maximize: True for a value that should rise, such as an accuracy.

    Raises:
      TypeError, ValueError: from `update(grads, state, params, value=loss)`, unless value is a real scalar,
        and the same on all devices where the updates are.
    """
    return bind(
        "reduce_on_plateau",
        _init,
        _update,
        settings=flags("reduce_on_plateau", relative, maximize),
        factor=factor_range(factor),
        patience=at_least_one(patience),
        min_delta=non_negative(min_delta),
        cooldown=non_negative(cooldown),
        window=at_least_one(window),
        min_scale=fraction(min_scale),
    )


@exportable
class EarlyStopping(NamedTuple):
    """When to stop, as a value: `init()` makes a state, `update(value, state)` the next one."""

    init: Callable[[], EarlyStoppingState]
    update: Callable[[Scalar, EarlyStoppingState], EarlyStoppingState]

    __eq__, __ne__, __hash__ = values.equal, values.unequal, values.hashed
    concrete = values.concrete

    def __repr__(self) -> str:
        return values.written(self.init, self.update)


def _seen(arguments: Arguments, value, state) -> EarlyStoppingState:
    checks.state_type(arguments.who, EarlyStoppingState, state)
    return after(judged, arguments, state, value, "update(loss, state)")


@explained
def early_stopping(
    *,
    patience: ScalarOrSchedule = 3,
    min_delta: ScalarOrSchedule = 0.02,
    min_steps: ScalarOrSchedule = 0,
    window: ScalarOrSchedule = 1,
    relative: bool = True,
    maximize: bool = False,
) -> EarlyStopping:
    """Says when to stop: `should_stop` in its state, from the first plateau on.

    >>> stop = early_stopping(patience=2)
    >>> state = stop.init()
    >>> for loss in [1.0, 0.5, 0.495, 0.495]:
    ...     state = stop.update(loss, state)
    >>> bool(state.should_stop), float(state.best), int(state.since)
    (True, 0.5, 2)

    Args:
      patience: checks in a row without an improvement that make a plateau, >= 1.
      min_delta: what an improvement must exceed, >= 0, in parts of |best|.
      min_steps: before so many values it never stops, >= 0.
      window: values averaged for one check, >= 1; more for the noisy losses of batches.
      relative: False makes min_delta absolute, in the unit of the value.
      maximize: True for a value that should rise, such as an accuracy.

    Raises:
      TypeError, ValueError: from `update`, for a value that is not a real scalar.
    """
    who = "early_stopping"
    settings = flags(who, relative, maximize)
    numbers = {
        "patience": at_least_one(patience),
        "min_delta": non_negative(min_delta),
        "min_steps": non_negative(min_steps),
        "window": at_least_one(window),
    }
    start, seen = Arguments.of(who, {}, settings), Arguments.of(who, numbers, settings)
    return EarlyStopping(Partial(fresh, Static(EarlyStoppingState), start), Partial(_seen, seen))
