"""NAdam: Adam whose mean looks one step ahead, as Nesterov momentum does.

    mu, nu as in Adam
    u = (b1 mu / (1 - b1^(t+1)) + (1 - b1) g / (1 - b1^t)) / (sqrt(nu / (1 - b2^t)) + eps)

This is the form with a constant b1. torch and Keras let b1 grow with the steps and give that the same
name: `scale_by_nadam_scheduled`.

Dozat, Incorporating Nesterov Momentum into Adam, 2016, ICLR workshop, OM0jvwB8jIp57ZJjtNEZ.
"""

from optax import ScaleByAdamState

from adaptive_tx.checks import decay_rate, positive
from adaptive_tx.leafwise import leafwise
from adaptive_tx.numerics import corrections, ema, one_minus_power, root, squared
from adaptive_tx.transformation import Transformation


def shared(t, **numbers):
    ahead = one_minus_power(numbers["b1"], t + 1)
    return corrections(t, **numbers) | {"c1_ahead": ahead}


def step(g, mu, nu, t, *, b1, b2, eps, c1, c1_ahead, c2):
    mu, nu = ema(g, mu, b1), ema(squared(g), nu, b2)
    ahead = b1 * (mu / c1_ahead) + (1 - b1) * (g / c1)
    return ahead / (root(nu / c2) + eps), mu, nu


def scale_by_nadam(b1=0.9, b2=0.999, eps=1e-8) -> Transformation:
    """Adam with Nesterov momentum, b1 constant.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.
    """
    return leafwise(
        "scale_by_nadam", step, ScaleByAdamState, once=shared,
        b1=decay_rate(b1), b2=decay_rate(b2), eps=positive(eps),
    )  # fmt: skip
