"""Adafactor's learning rate as in torch: its decay takes all of it, even where the step takes less.

    update = -(min(learning_rate, 1 / sqrt(t)) u + learning_rate weight_decay p)

Without decay it is `scale_by_relative_rate`.

torch.optim.Adafactor, version 2.13.
"""

import jax.numpy as jnp

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.ranges import non_negative
from adaptive_tx.core.transformation import Transformation


def step(u, t, *, p, learning_rate, weight_decay):
    rate = jnp.minimum(learning_rate, 1 / jnp.sqrt(t))
    return -(rate * u + learning_rate * weight_decay * p)


def scale_by_torch_relative_rate(learning_rate, weight_decay=0.0) -> Transformation:
    """Turns a direction into an update, at a rate of at most 1 / sqrt(t). Needs the parameters.

    Args:
      learning_rate: >= 0, as a fraction of p, or a schedule.
      weight_decay: >= 0; p loses learning_rate weight_decay of itself a step.
    """
    return leafwise(
        "scale_by_torch_relative_rate",
        step,
        learning_rate=non_negative(learning_rate),
        weight_decay=non_negative(weight_decay),
    )
