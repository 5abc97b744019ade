"""AdaMax: Adam with the largest recent gradient in place of the root mean square.

    mu <- b1 mu + (1 - b1) g              unit of g
    nu <- max(b2 nu, |g| + eps)           unit of g
    u   = mu / c1 / nu        no unit, |u| about 1 at most; c1 = 1 - b1^t

A maximum needs no bias correction. The paper has no eps, and divides by zero where all gradients
are zero; torch and optax put it here, Keras beside nu in the quotient.

Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, arXiv:1412.6980, algorithm 2.
"""

import jax.numpy as jnp
from optax import ScaleByAdamState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased, decayed, ema, modulus
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import maximum, mean_of_gradients
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


def step(g, mu, nu, t, *, b1, b2, eps, c1):
    mu, nu = ema(g, mu, b1), jnp.maximum(decayed(nu, b2), modulus(g) + eps)
    return debiased(mu, c1) / nu, mu, nu


@explained
def scale_by_adamax(
    *, b1: ScalarOrSchedule = 0.9, b2: ScalarOrSchedule = 0.999, eps: ScalarOrSchedule = 1e-8
) -> Transformation:
    """Divides the mean of the gradients by the decaying maximum of their size.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the maximum, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.
    """
    return leafwise(
        "scale_by_adamax",
        step,
        ScaleByAdamState,
        slots={"mu": mean_of_gradients("b1", debiased=True), "nu": maximum("magnitude", "b2")},
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
    )
