"""AdEMAMix: Adam with a second mean of the gradients, which remembers them ten times as long or more.

    mu   <- b1 mu + (1 - b1) g                  mean of the gradient,   unit of g
    slow <- b3 slow + (1 - b3) g                its slow mean,          unit of g
    nu   <- b2 nu + (1 - b2) |g|^2              mean of its square,     unit of g squared
    u     = (mu / c1 + alpha slow) / (sqrt(nu / c2) + eps)             no unit; c1, c2 as in Adam

The slow mean is not debiased: of ten thousand steps of memory it has nothing to say at first, and grows as
it has seen them. Where gradients keep their size and sign, |u| goes from 1 to 1 + alpha.

So large a memory needs a start. The authors let both numbers grow for T steps, mostly the whole run:
`alpha=schedules.linear(0.0, 5.0, T)`, and of b3 the half-life, `b3=schedules.half_life(0.9, 0.9999, T)`, as
in their code for JAX; in that for torch step t has what the schedule says at count t, not t - 1, and alpha
is 2 by default. optax 0.2.8 computes the same with alpha 5 in `ademamix` and 6 in its rule, and takes no
schedules.

Pagliardini, Ablin and Grangier, The AdEMAMix Optimizer: Better, Faster, Older, 2024, arXiv:2409.03137,
algorithm 1.
"""

from typing import NamedTuple

import jax
import optax

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased, ema, over_root, squared, times
from adaptive_tx.core.ranges import decay_rate, non_negative, positive
from adaptive_tx.core.slots import mean_of_gradients, mean_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class ScaleByAdemamixState(NamedTuple):
    count: jax.Array  # int32[]
    mu: optax.Updates  # like params
    slow: optax.Updates  # like params
    nu: optax.Updates  # like params, real


def step(g, mu, slow, nu, t, *, b1, b2, b3, alpha, eps, c1, c2):
    mu, slow, nu = ema(g, mu, b1), ema(g, slow, b3), ema(squared(g), nu, b2)
    return over_root(debiased(mu, c1) + times(slow, alpha), nu / c2, eps), mu, slow, nu


@explained
def scale_by_ademamix(
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    b3: ScalarOrSchedule = 0.9999,
    alpha: ScalarOrSchedule = 5.0,
    eps: ScalarOrSchedule = 1e-8,
) -> Transformation:
    """Divides a fast and a slow mean of the gradients together by their root mean square.

    Args:
      b1: decay of the fast mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      b3: decay of the slow mean, in [0, 1).
      alpha: how much of the slow mean is added to the fast one, >= 0.
      eps: keeps the quotient finite, > 0, in the unit of the gradients.

    The state holds three arrays like each parameter, the three means, in float32 at least.

    >>> import jax.numpy as jnp
    >>> from adaptive_tx import schedules
    >>> tx = scale_by_ademamix(
    ...     alpha=schedules.linear(0.0, 5.0, 1000), b3=schedules.half_life(0.9, 0.9999, 1000)
    ... )
    >>> params = {"w": jnp.array([1.0, 2.0])}
    >>> updates, state = tx.update({"w": jnp.array([0.1, -3.0])}, tx.init(params))
    >>> print(updates["w"].round(4))
    [ 1. -1.]
    """
    return leafwise(
        "scale_by_ademamix",
        step,
        ScaleByAdemamixState,
        slots={
            "mu": mean_of_gradients("b1", debiased=True),
            "slow": mean_of_gradients("b3"),
            "nu": mean_of_squares("b2", debiased=True),
        },
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        b3=decay_rate(b3),
        alpha=non_negative(alpha),
        eps=positive(eps),
    )
