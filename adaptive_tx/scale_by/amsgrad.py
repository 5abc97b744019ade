"""AMSGrad: Adam whose denominator never shrinks.

    mu, nu as in Adam
    nu_max <- max(nu_max, nu)                                         unit of g squared
    u       = debiased(mu, c1) / (sqrt(nu_max / c2) + eps)          no unit; c1, c2 as in Adam

The maximum is over the raw nu, as in the paper, torch and Keras; the corrections are Adam's (the paper
leaves them out "for simplicity"). optax takes the maximum over the corrected nu, which its first
steps dominate: another algorithm.

Reddi, Kale and Kumar, On the Convergence of Adam and Beyond, 2018, arXiv:1904.09237, algorithm 2.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased, ema, over_root, squared
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import maximum, mean_of_gradients, mean_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class ScaleByAmsgradState(NamedTuple):
    count: jax.Array  # int32[]
    mu: optax.Updates  # like params
    nu: optax.Updates  # like params, real
    nu_max: optax.Updates  # like params, real


def moments(g, mu, nu, nu_max, b1, b2):
    """The next ones."""
    mu, nu = ema(g, mu, b1), ema(squared(g), nu, b2)
    return mu, nu, jnp.maximum(nu_max, nu)


def step(g, mu, nu, nu_max, t, *, b1, b2, eps, c1, c2):
    mu, nu, nu_max = moments(g, mu, nu, nu_max, b1, b2)
    return over_root(debiased(mu, c1), nu_max / c2, eps), mu, nu, nu_max


@explained
def scale_by_amsgrad(
    *, b1: ScalarOrSchedule = 0.9, b2: ScalarOrSchedule = 0.999, eps: ScalarOrSchedule = 1e-8
) -> Transformation:
    """Adam with the largest mean square so far in the denominator.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.
    """
    return leafwise(
        "scale_by_amsgrad",
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
