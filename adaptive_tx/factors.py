"""Factors that are given: a number or a schedule, with its sign; one; and zero.

    scale, scale_by_schedule    u = step_size g
    identity                    u = g
    set_to_zero                 u = 0, also where g is not finite

The learning rate is `scale_by_learning_rate`: it is never negative, and brings the minus sign itself. A
program that writes its own minus sign, `scale(-0.1)`, may do so here as in optax.
"""

import jax.numpy as jnp
from optax import ScaleByScheduleState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import times
from adaptive_tx.core.ranges import finite
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


def by_step_size(g, t, *, step_size):
    return times(g, step_size)


@explained
def scale(step_size: ScalarOrSchedule) -> Transformation:
    """Multiplies by a number; unlike `scale_by_learning_rate` it keeps the sign.

    Args:
      step_size: any finite number, negative ones too, or a schedule; without a unit, or in that of the
        parameters over that of what it multiplies. The state is the same for both.

    >>> scale(-0.1)
    scale(step_size=-0.1)
    """
    return leafwise("scale", by_step_size, ScaleByScheduleState, step_size=finite(step_size))


@explained
def scale_by_schedule(step_size: ScalarOrSchedule) -> Transformation:
    """Multiplies by a schedule: `scale` under the name that optax has for it.

    Args:
      step_size: a function of the number of finished updates (the first update uses `step_size(0)`) with
        finite values, or a number. Its sign is kept: to descend, minus the rate.
    """
    return leafwise(
        "scale_by_schedule", by_step_size, ScaleByScheduleState, step_size=finite(step_size)
    )


def as_it_is(g, t):
    return g


@explained
def identity() -> Transformation:
    """Changes nothing: for where a chain has a part in one case, and none in another."""
    return leafwise("identity", as_it_is)


def to_zero(g, t):
    return jnp.zeros_like(g)


@explained
def set_to_zero() -> Transformation:
    """Returns zeros, so that nothing moves; whatever the gradient is, NaN too."""
    return leafwise("set_to_zero", to_zero)
