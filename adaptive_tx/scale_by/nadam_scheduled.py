"""NAdam with momentum that warms up: the form that torch and Keras call NAdam.

    m_t = b1 (1 - 0.96^(t momentum_decay) / 2)            momentum of step t, from about b1/2 to b1
    P_t = m_1 m_2 ... m_t                                 one number for the whole tree
    mu <- b1 mu + (1 - b1) g,   nu <- b2 nu + (1 - b2) |g|^2
    u   = (m_{t+1} mu / (1 - P_{t+1}) + (1 - m_t) g / (1 - P_t)) / (sqrt(nu / (1 - b2^t)) + eps)

torch takes momentum_decay = 0.004; in Keras it is 1.

Dozat, Incorporating Nesterov Momentum into Adam, 2016; the schedule is from Sutskever et al., 2013.
"""

from typing import NamedTuple

import jax
import optax

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import ema, over_root, squared
from adaptive_tx.core.ranges import decay_rate, non_negative, positive
from adaptive_tx.core.slots import mean_of_gradients, mean_of_squares, number
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class ScaleByNadamScheduledState(NamedTuple):
    count: jax.Array  # int32[]
    b1_product: jax.Array  # float[], P_t
    mu: optax.Updates  # like params
    nu: optax.Updates  # like params, real


def shared(t, *, b1, momentum_decay, b1_product):
    """m_t, m_{t+1} and P_t; the last is kept."""
    b1 = 1 - b1.weight
    now, ahead = (b1 * (1 - 0.96 ** (s * momentum_decay) / 2) for s in (t, t + 1))
    product = b1_product * now
    known = {"momentum": now, "next_momentum": ahead, "product": product}
    return known, {"b1_product": product}


def step(g, mu, nu, t, *, b1, b2, eps, c2, momentum, next_momentum, product):
    mu, nu = ema(g, mu, b1), ema(squared(g), nu, b2)
    ahead = next_momentum * mu / (1 - product * next_momentum)
    direction = ahead + (1 - momentum) * g / (1 - product)
    return over_root(direction, nu / c2, eps), mu, nu


@explained
def scale_by_nadam_scheduled(
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
    momentum_decay: ScalarOrSchedule = 0.004,
) -> Transformation:
    """Adam with Nesterov momentum that grows from about b1/2 to b1.

    Args:
      b1: decay of the mean, and the momentum's final value, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.
      momentum_decay: how fast the momentum grows, >= 0, per step.
    """
    return leafwise(
        "scale_by_nadam_scheduled",
        step,
        ScaleByNadamScheduledState,
        slots={
            "b1_product": number(start=1.0),
            "mu": mean_of_gradients("b1"),
            "nu": mean_of_squares("b2", debiased=True),
        },
        shared=shared,
        metrics=("momentum",),
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
        momentum_decay=non_negative(momentum_decay),
    )
