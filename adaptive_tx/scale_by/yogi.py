"""Yogi: Adam whose mean square moves by an amount that does not depend on its own size.

    mu <- b1 mu + (1 - b1) g                            unit of g
    nu <- nu - (1 - b2) sign(nu - |g|^2) |g|^2          unit of g squared
    u   = debiased(mu, c1) / (sqrt(nu / c2) + eps)          no unit; c1, c2 as in Adam

nu forgets large gradients more slowly than Adam's does. The corrections are Adam's, as in optax and
the authors' TensorFlow code; the paper's algorithm has none. optax starts mu at the initial value too.

Zaheer et al., Adaptive Methods for Nonconvex Optimization, 2018, NeurIPS, algorithm 2.
"""

import jax.numpy as jnp
from optax import ScaleByAdamState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased, ema, over_root, squared
from adaptive_tx.core.ranges import decay_rate, non_negative, positive
from adaptive_tx.core.slots import Slot, mean_of_gradients
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


def step(g, mu, nu, t, *, b1, b2, eps, c1, c2):
    mu, square = ema(g, mu, b1), squared(g)
    nu = jnp.maximum(nu - b2.weight * jnp.sign(nu - square) * square, 0)
    return over_root(debiased(mu, c1), nu / c2, eps), mu, nu


@explained
def scale_by_yogi(
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-3,
    initial_accumulator_value: ScalarOrSchedule = 1e-6,
) -> Transformation:
    """Adam with additive steps of its mean square.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: one minus the size of the steps of nu, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.
      initial_accumulator_value: what nu starts at, >= 0.
    """
    return leafwise(
        "scale_by_yogi",
        step,
        ScaleByAdamState,
        slots={
            "mu": mean_of_gradients("b1", debiased=True),
            "nu": Slot(
                "exact",
                "square",
                "b2",
                debiased=True,
                start="initial_accumulator_value",
                least_bits=8,  # what it moves by is as a mean's
            ),
        },
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
        initial_accumulator_value=non_negative(initial_accumulator_value),
    )
