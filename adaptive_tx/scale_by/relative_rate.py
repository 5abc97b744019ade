"""Adafactor's learning rate: it falls like 1 / sqrt(t) from where that is less than what is given.

    update = -min(learning_rate, 1 / sqrt(t)) u

The bound makes the first steps safe where the mean of the squares has seen few gradients.

Shazeer and Stern, Adafactor, 2018, arXiv:1804.04235, algorithms 4 and 5: min(0.01, 1 / sqrt(t)).
"""

import jax.numpy as jnp
from optax import ScaleByScheduleState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.ranges import non_negative
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


def step(u, t, *, learning_rate):
    return -jnp.minimum(learning_rate, 1 / jnp.sqrt(t)) * u


@explained
def scale_by_relative_rate(
    learning_rate: ScalarOrSchedule,
) -> Transformation:
    """Turns a direction into an update, at a rate of at most 1 / sqrt(t).

    Args:
      learning_rate: a number >= 0 or a schedule: as a fraction of the parameters after
        `scale_by_param_rms`.
    """
    return leafwise(
        "scale_by_relative_rate",
        step,
        ScaleByScheduleState,
        learning_rate=non_negative(learning_rate),
    )
