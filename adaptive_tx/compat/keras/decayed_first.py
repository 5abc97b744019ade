"""The last parts of Keras' Lamb and Adafactor, whose steps have the size of the parameters.

    p'      = p - learning_rate weight_decay p                       Keras decays before it steps
    update  = p' - p - learning_rate ||p'|| / ||u|| u                `scale_by_keras_trust_ratio` (Lamb)
    update  = p' - p - min(learning_rate, 1 / sqrt(t)) max(rms(p'), min_scale) u
                                                                     `scale_by_param_size` (Adafactor)

The trust ratio is 1 where p' or u is all zero. The paper's LAMB has the decay within u instead;
torch's Adafactor takes the size of p.

keras.optimizers.Lamb and Adafactor, version 3.15. You et al., Large Batch Optimization for Deep
Learning, 2020, arXiv:1904.00962; Shazeer and Stern, Adafactor, 2018, arXiv:1804.04235.
"""

import jax.numpy as jnp

from adaptive_tx.compat.keras.excluded import AllBut, Undecayed
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.masks import Mask
from adaptive_tx.core.norms import norm, rms
from adaptive_tx.core.ranges import non_negative
from adaptive_tx.core.transformation import Transformation


def by_trust_ratio(u, t, *, p, learning_rate, weight_decay):
    lost = learning_rate * weight_decay * p
    length, size = norm(p - lost), norm(u)
    known = (length > 0) & (size > 0)
    ratio = jnp.where(known, length / jnp.where(known, size, 1), 1)
    return -(ratio * learning_rate * u) - lost


def scale_by_keras_trust_ratio(
    learning_rate, weight_decay=0.0, mask: AllBut | None = None
) -> Transformation:
    """Turns a direction into an update as long as learning_rate times the parameters of the leaf.

    Args:
      learning_rate: >= 0, the length of the step as a fraction of that of p, or a schedule.
      weight_decay: >= 0; p loses learning_rate weight_decay of itself first.
      mask: the leaves that do; the others keep all of themselves (`excluded`).
    """
    return leafwise(
        "scale_by_keras_trust_ratio",
        by_trust_ratio,
        mask=Mask(mask),
        otherwise=Undecayed(by_trust_ratio),
        learning_rate=non_negative(learning_rate),
        weight_decay=non_negative(weight_decay),
    )


def by_param_size(u, t, *, p, learning_rate, weight_decay, min_scale):
    lost = learning_rate * weight_decay * p
    size = jnp.maximum(rms(p - lost), min_scale)
    return -(jnp.minimum(learning_rate, 1 / jnp.sqrt(t)) * size * u) - lost


def scale_by_param_size(
    learning_rate, weight_decay=0.0, min_scale=1e-3, mask: AllBut | None = None
) -> Transformation:
    """Turns a direction into an update in the unit of the parameters, at a rate of at most 1/sqrt(t).

    Args:
      learning_rate: >= 0, as a fraction of p, or a schedule.
      weight_decay: >= 0; p loses learning_rate weight_decay of itself first, also where the rate is less.
      min_scale: least size, so that zero weights can move; >= 0, in the unit of p.
      mask: the leaves that do; the others keep all of themselves (`excluded`).
    """
    return leafwise(
        "scale_by_param_size",
        by_param_size,
        mask=Mask(mask),
        otherwise=Undecayed(by_param_size),
        learning_rate=non_negative(learning_rate),
        weight_decay=non_negative(weight_decay),
        min_scale=non_negative(min_scale),
    )
