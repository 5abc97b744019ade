"""NAdam: Adam whose mean looks one step ahead, as Nesterov momentum does.

    mu, nu as in Adam
    u = (b1 mu / (1 - b1^(t+1)) + (1 - b1) g / (1 - b1^t)) / (sqrt(nu / (1 - b2^t)) + eps)

This is the form with a constant b1. torch and Keras let b1 grow with the steps and give that the same
name: `scale_by_nadam_scheduled`.

Dozat, Incorporating Nesterov Momentum into Adam, 2016, ICLR workshop, OM0jvwB8jIp57ZJjtNEZ.
"""

import jax.numpy as jnp
from optax import ScaleByAdamState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased, ema, over_root, squared
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import mean_of_gradients, mean_of_squares
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


def shared(t, *, b1, c1):
    """1 - b1^(t+1): the sum of the weights of one more average."""
    return {"c1_ahead": ema(jnp.ones_like(c1), c1, b1)}


def step(g, mu, nu, t, *, b1, b2, eps, c1, c1_ahead, c2):
    mu, nu = ema(g, mu, b1), ema(squared(g), nu, b2)
    ahead = ema(debiased(g, c1), debiased(mu, c1_ahead), b1)
    return over_root(ahead, nu / c2, eps), mu, nu


@explained
def scale_by_nadam(
    *, b1: ScalarOrSchedule = 0.9, b2: ScalarOrSchedule = 0.999, eps: ScalarOrSchedule = 1e-8
) -> Transformation:
    """Adam with Nesterov momentum, b1 constant.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.
    """
    return leafwise(
        "scale_by_nadam",
        step,
        ScaleByAdamState,
        slots={
            "mu": mean_of_gradients("b1", debiased=True),
            "nu": mean_of_squares("b2", debiased=True),
        },
        shared=shared,
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
    )
