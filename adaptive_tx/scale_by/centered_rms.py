"""Centered RMSProp: the gradient over its recent standard deviation.

    mu <- b2 mu + (1 - b2) g              unit of g
    nu <- b2 nu + (1 - b2) |g|^2          unit of g squared
    u   = g / (sqrt(nu - |mu|^2) + eps)   no unit
    or, eps in the root: g / sqrt(nu - |mu|^2 + eps)

The variance is never negative in exact arithmetic; where rounding makes it so, it counts as zero
(torch, Keras and optax take the root as it comes). Both averages share b2, and start uncorrected.

Graves, Generating Sequences With Recurrent Neural Networks, 2013, arXiv:1308.0850, equation 40.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core.checks import flag
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import ema, over_root, root, squared
from adaptive_tx.core.ranges import decay_rate, non_negative, positive
from adaptive_tx.core.slots import mean_of_gradients, mean_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class ScaleByCenteredRmsState(NamedTuple):
    count: jax.Array  # int32[]
    mu: optax.Updates  # like params
    nu: optax.Updates  # like params, real


def step(g, mu, nu, t, *, b2, eps):
    mu, nu = _moments(g, mu, nu, b2)
    return over_root(g, _variance(mu, nu), eps), mu, nu


def step_eps_in_root(g, mu, nu, t, *, b2, eps):
    mu, nu = _moments(g, mu, nu, b2)
    return g / root(_variance(mu, nu) + eps), mu, nu


def _moments(g, mu, nu, b2):
    return ema(g, mu, b2), ema(squared(g), nu, b2)


def _variance(mu, nu):
    return nu - jnp.minimum(squared(mu), nu)


@explained
def scale_by_centered_rms(
    *,
    b2: ScalarOrSchedule = 0.9,
    eps: ScalarOrSchedule = 1e-8,
    initial_accumulator_value: ScalarOrSchedule = 0.0,
    eps_in_root: bool = False,
) -> Transformation:
    """Divides each gradient by the moving estimate of its standard deviation.

    Args:
      b2: decay of both averages, in [0, 1).
      eps: keeps the quotient finite, > 0; in the unit of g, or of g squared inside the root.
      initial_accumulator_value: what nu starts at, >= 0.
      eps_in_root: whether eps is added under the root (Keras, optax) or to it; a Python bool.
    """
    flag("scale_by_centered_rms", "eps_in_root", eps_in_root)
    return leafwise(
        "scale_by_centered_rms",
        step_eps_in_root if eps_in_root else step,
        ScaleByCenteredRmsState,
        slots={
            "mu": mean_of_gradients("b2", least_bits=32),
            "nu": mean_of_squares("b2", start="initial_accumulator_value", least_bits=32),
        },
        settings={"eps_in_root": eps_in_root},
        b2=decay_rate(b2),
        eps=positive(eps),
        initial_accumulator_value=non_negative(initial_accumulator_value),
    )
