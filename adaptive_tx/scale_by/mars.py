"""MARS: Adam on gradients whose noise is reduced by the change since the step before.

    c     = g + gamma b1 / (1 - b1) (g - prev_grad)         unit of g; prev_grad is 0 at t = 1
    c    <- c / max(1, ||c|| / max_norm)                    the norm of one leaf
    mu   <- b1 mu + (1 - b1) c                              mean of it,             unit of g
    nu   <- b2 nu + (1 - b2) |c|^2                          mean of its square,     unit of g squared
    u     = (mu / c1) / (sqrt(nu / c2) + eps)               no unit; c1, c2 as in Adam
    prev_grad <- g

gamma = 1 is STORM's correction of a mean of old gradients to where the parameters are now, if both
gradients are of one batch; they are not (the paper's approximate form, its authors' default), so gamma is
small. At t = 1, c is 1 + gamma b1 / (1 - b1) times g. timm takes g itself there.

In the authors' code max_norm is 1, a number in the unit of the gradients: losses that are sums need
another. levanter clips all leaves together. There matrices alone go this way by default, all else is
AdamW's (lr 3e-3, b1 0.9, b2 0.95, decay 0.1): `grouped`, as in `mars`. Its forms for Lion (the sign of
mu) and Shampoo (mu made orthogonal) are not here. optax 0.2.8 has no MARS.

Yuan et al., MARS: Unleashing the Power of Variance Reduction for Training Large Models, 2024,
arXiv:2411.10438, algorithm 2.
"""

from typing import NamedTuple

import jax
import optax

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.norms import norm, shrink
from adaptive_tx.core.numerics import debiased, decayed, ema, over_root, squared, times
from adaptive_tx.core.ranges import Range, decay_rate, non_negative, positive
from adaptive_tx.core.slots import Slot, kept, mean_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule

norm_limit = Range(positive.low, 1e12, "[]")


@exportable
class ScaleByMarsState(NamedTuple):
    count: jax.Array  # int32[]
    mu: optax.Updates  # like params
    nu: optax.Updates  # like params, real
    prev_grad: optax.Updates  # like params


def step(g, mu, nu, prev_grad, t, *, b1, b2, gamma, max_norm, eps, c1, c2):
    c = g + times(decayed(g - prev_grad, b1), gamma / b1.weight)
    c = shrink(c, norm(c), max_norm)
    mu, nu = ema(c, mu, b1), ema(squared(c), nu, b2)
    return over_root(debiased(mu, c1), nu / c2, eps), mu, nu, g


@explained
def scale_by_mars(
    *,
    b1: ScalarOrSchedule = 0.95,
    b2: ScalarOrSchedule = 0.99,
    gamma: ScalarOrSchedule = 0.025,
    max_norm: ScalarOrSchedule = 1.0,
    eps: ScalarOrSchedule = 1e-8,
) -> Transformation:
    """Adam on gradients that are corrected by their last change, and clipped to a norm.

    Args:
      b1: decay of the mean, in [0, 1); the change weighs gamma b1 / (1 - b1).
      b2: decay of the mean square, in [0, 1).
      gamma: how much of the change is added, >= 0; 0 is Adam on clipped gradients.
      max_norm: largest norm of a leaf's corrected gradient, > 0, in the unit of the gradients.
      eps: keeps the quotient finite, > 0, in the unit of the gradients.

    The state holds three arrays like each parameter, in float32 at least: the two means and the gradient
    before. Inside `shard_map` the norms are those of a shard.
    """
    return leafwise(
        "scale_by_mars",
        step,
        ScaleByMarsState,
        slots={
            "mu": Slot(
                "mean", "direction", "b1", debiased=True
            ),  # of what is corrected and clipped
            "nu": mean_of_squares("b2", of="step", debiased=True),
            "prev_grad": kept(least_bits=16),
        },
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        gamma=non_negative(gamma),
        max_norm=norm_limit(max_norm),
        eps=positive(eps),
    )
