"""LaProp: Adam that divides each gradient before it averages, so that momentum knows no scale.

    nu <- b2 nu + (1 - b2) |g|^2                              mean of the square, unit of g squared
    mu <- b1 mu + (1 - b1) g / (sqrt(nu / c2) + eps)          mean of the quotients, no unit
    u   = debiased(mu, c1)                                    c1, c2 as in Adam

A gradient enters mu divided by the root of its own time, so |u| <= 1 / sqrt(1 - b2) for every b1, where
Adam's direction is bounded only for b1^2 < b2. With b1 = 0 the two are one.

Where the rate changes, the authors' code has it inside the mean: old quotients keep the weight of the rate
that they were taken at. Its decay is that of the new p, without the rate: `decay_new_weights` after
`laprop` without decay; timm's and ours is multiplied by the rate. optax 0.2.8 has no LaProp.

Ziyin, Wang and Ueda, LaProp: Separating Momentum and Adaptivity in Adam, 2020, arXiv:2002.04839,
algorithm 1; eps 1e-15 as in the authors' code.
"""

from typing import NamedTuple

import jax
import optax

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased, ema, over_root, squared
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import Slot, mean_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class ScaleByLapropState(NamedTuple):
    count: jax.Array  # int32[]
    mu: optax.Updates  # like params
    nu: optax.Updates  # like params, real


def step(g, mu, nu, t, *, b1, b2, eps, c1, c2):
    nu = ema(squared(g), nu, b2)
    mu = ema(over_root(g, nu / c2, eps), mu, b1)
    return debiased(mu, c1), mu, nu


@explained
def scale_by_laprop(
    *, b1: ScalarOrSchedule = 0.9, b2: ScalarOrSchedule = 0.999, eps: ScalarOrSchedule = 1e-15
) -> Transformation:
    """Divides each gradient by its root mean square, and averages the quotients.

    Args:
      b1: decay of the mean of the quotients, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.

    The state holds two arrays like each parameter, `mu` and `nu`, in float32 at least.
    """
    return leafwise(
        "scale_by_laprop",
        step,
        ScaleByLapropState,
        slots={
            "mu": Slot("mean", "direction", "b1", debiased=True),
            "nu": mean_of_squares("b2", debiased=True),
        },
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
    )
