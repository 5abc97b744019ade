"""Adafactor's steps in the unit of the parameters, as torch computes them.

    scale_by_param_rms        u max(rms(p), min_scale)                            unit of p
    scale_by_relative_rate    -(min(learning_rate, 1 / sqrt(t)) u + learning_rate weight_decay p)

They follow `scale_by_factored_rms` and `clip_by_rms`. The decay takes the whole learning rate, even
where the step takes less.

Shazeer and Stern, Adafactor, 2018, arXiv:1804.04235, section 8; torch.optim.Adafactor, version
2.13.
"""

import jax.numpy as jnp

from adaptive_tx.core.checks import non_negative
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.norms import rms
from adaptive_tx.core.transformation import Transformation


def by_param_rms(u, t, *, p, min_scale):
    return jnp.maximum(rms(p), min_scale) * u


def scale_by_param_rms(min_scale=1e-3) -> Transformation:
    """Multiplies each leaf by the root mean square of its parameters. Needs the parameters.

    Args:
      min_scale: least factor, so that zero weights can move; >= 0, in the unit of p.
    """
    return leafwise("scale_by_param_rms", by_param_rms, min_scale=non_negative(min_scale))


def relative_rate(u, t, *, p, learning_rate, weight_decay):
    rate = jnp.minimum(learning_rate, 1 / jnp.sqrt(t))
    return -(rate * u + learning_rate * weight_decay * p)


def scale_by_relative_rate(learning_rate, weight_decay=0.0) -> Transformation:
    """Turns a direction into an update, at a rate of at most 1 / sqrt(t). Needs the parameters.

    Args:
      learning_rate: >= 0, as a fraction of p, or a schedule.
      weight_decay: >= 0; p loses learning_rate weight_decay of itself a step, also where the rate is less.
    """
    return leafwise(
        "scale_by_relative_rate",
        relative_rate,
        learning_rate=non_negative(learning_rate),
        weight_decay=non_negative(weight_decay),
    )
