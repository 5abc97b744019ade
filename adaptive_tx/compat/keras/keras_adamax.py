"""AdaMax as Keras computes it: eps beside the maximum in the quotient, not in it.

    mu <- b1 mu + (1 - b1) g              unit of g
    nu <- max(b2 nu, |g|)                 unit of g
    u   = mu / c1 / (nu + eps)            no unit; c1 = 1 - b1^t

In `scale_by_adamax`, as in torch and optax, nu <- max(b2 nu, |g| + eps).

keras.optimizers.Adamax, version 3.15.
"""

import jax.numpy as jnp
from optax import ScaleByAdamState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.numerics import debiased, decayed, ema, modulus
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import maximum, mean_of_gradients
from adaptive_tx.core.transformation import Transformation


def step(g, mu, nu, t, *, b1, b2, eps, c1):
    mu, nu = ema(g, mu, b1), jnp.maximum(decayed(nu, b2), modulus(g))
    return debiased(mu, c1) / (nu + eps), mu, nu


def scale_by_keras_adamax(b1=0.9, b2=0.999, eps=1e-7) -> Transformation:
    """Divides the mean of the gradients by the decaying maximum of their size.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the maximum, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.
    """
    return leafwise(
        "scale_by_keras_adamax",
        step,
        ScaleByAdamState,
        slots={"mu": mean_of_gradients("b1", debiased=True), "nu": maximum("magnitude", "b2")},
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
    )
