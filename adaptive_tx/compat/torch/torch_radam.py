"""RAdam as torch computes it: eps is added to the root before the bias correction, not after.

    mu, nu, rho_t, r as in `scale_by_radam`
    u = r mu / (1 - b1^t) sqrt(1 - b2^t) / (sqrt(nu) + eps)       where rho_t > 5, no unit
    u = mu / (1 - b1^t)                                           elsewhere, unit of g

At t = 6 with b2 = 0.999 the same eps is 13 times as large as in `scale_by_radam`.

torch.optim.RAdam, version 2.13.
"""

from typing import Any

import jax.numpy as jnp
from optax import ScaleByAdamState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.numerics import debiased, ema, root, squared
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import mean_of_gradients, mean_of_squares
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.scale_by import radam


def rectified(t, *, b2) -> dict[str, Any]:
    return radam.shared(t, b2=b2, threshold=5)


def step(g, mu, nu, t, *, b1, b2, eps, c1, c2, rectification):
    mu, nu = ema(g, mu, b1), ema(squared(g), nu, b2)
    mu_hat = debiased(mu, c1)
    adapted = rectification * root(c2) * mu_hat / (root(nu) + eps)
    return jnp.where(rectification > 0, adapted, mu_hat), mu, nu


def scale_by_torch_radam(b1=0.9, b2=0.999, eps=1e-8) -> Transformation:
    """Adam, rectified for the few gradients its denominator has seen at first; torch's eps.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.
    """
    return leafwise(
        "scale_by_torch_radam",
        step,
        ScaleByAdamState,
        shared=rectified,
        metrics=("rho", "rectification"),
        slots={
            "mu": mean_of_gradients("b1", debiased=True),
            "nu": mean_of_squares("b2", debiased=True),
        },
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
    )
