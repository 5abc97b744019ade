"""AMSGrad as Keras computes it: eps is added to the root before the bias correction, not after.

    mu, nu, nu_max as in `scale_by_amsgrad`
    u = sqrt(c2) / c1 mu / (sqrt(nu_max) + eps)        no unit; c1 = 1 - b1^t, c2 = 1 - b2^t

It is to `scale_by_amsgrad` what `scale_by_adam_eps_hat` is to `scale_by_adam`.

keras.optimizers.Adam(amsgrad=True), version 3.15.
"""

import jax.numpy as jnp

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.numerics import ema, root, squared
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import maximum, mean_of_gradients, mean_of_squares
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.scale_by.amsgrad import ScaleByAmsgradState


def step(g, mu, nu, nu_max, t, *, b1, b2, eps, c1, c2):
    mu, nu = ema(g, mu, b1), ema(squared(g), nu, b2)
    nu_max = jnp.maximum(nu_max, nu)
    return root(c2) / c1 * (mu / (root(nu_max) + eps)), mu, nu, nu_max


def scale_by_amsgrad_eps_hat(b1=0.9, b2=0.999, eps=1e-7) -> Transformation:
    """Adam with the largest mean square so far in the denominator, and the paper's epsilon hat.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.
    """
    return leafwise(
        "scale_by_amsgrad_eps_hat",
        step,
        ScaleByAmsgradState,
        slots={
            "mu": mean_of_gradients("b1", debiased=True),
            "nu": mean_of_squares("b2", debiased=True),
            "nu_max": maximum("square"),
        },
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
    )
