"""Adam-atan2: Adam whose quotient is an angle, which needs no eps and is bounded.

    mu, nu as in Adam
    u = a atan2(mu / c1, b sqrt(nu / c2))            no unit

For small quotients atan2 is the quotient itself, so u is a / b times Adam's direction without eps; where
gradients keep their size and sign, and b is 1, it is a pi / 4, which a = 1.27 makes 1 again; it is never
beyond a pi / 2. Nothing depends on the scale of the gradients, however small: an entry whose gradients have
all been 0 has direction 0. Of a complex mean the modulus is taken, and its phase kept.

The defaults are those of lucidrains' adam-atan2-pytorch. Its decay is AdamW's. torch and optax 0.2.8 have
none.

Everett et al., Scaling Exponents Across Parameterizations and Optimizers, 2024, arXiv:2407.05872.
"""

import jax.numpy as jnp
from jax import lax
from optax import ScaleByAdamState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased, ema, modulus, root, sign, squared, times
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import mean_of_gradients, mean_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule

exportable(ScaleByAdamState)


def step(g, mu, nu, t, *, b1, b2, a, b, c1, c2):
    mu, nu = ema(g, mu, b1), ema(squared(g), nu, b2)
    return angle(debiased(mu, c1), times(root(nu / c2), b), a), mu, nu


def angle(x, y, unit):
    """unit atan2(x, y) for y >= 0, with the phase of x, and 0 where both are; its slopes are finite.

    Both are divided by the larger one first, so that neither squares out of range.
    """
    size = modulus(x)
    larger = lax.stop_gradient(jnp.maximum(size, y))
    none = larger == 0
    scale = jnp.where(none, 1, larger)
    y = jnp.where(none, 1, y / scale)
    turned = (
        sign(x) * jnp.arctan2(size / scale, y) if x.dtype != y.dtype else jnp.arctan2(x / scale, y)
    )
    return jnp.where(none, 0, times(turned, unit))


@explained
def scale_by_adam_atan2(
    *,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.99,
    a: ScalarOrSchedule = 1.27,
    b: ScalarOrSchedule = 1.0,
) -> Transformation:
    """Turns gradients into angles: those of their mean to their root mean square.

    Args:
      b1: decay of the mean, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      a: factor of the angle, > 0, in the unit of the direction.
      b: factor of the root mean square, > 0; the larger, the nearer to a / b times Adam's quotient.

    The state holds two arrays like each parameter, `mu` and `nu`, in float32 at least.
    """
    return leafwise(
        "scale_by_adam_atan2",
        step,
        ScaleByAdamState,
        slots={
            "mu": mean_of_gradients("b1", debiased=True),
            "nu": mean_of_squares("b2", debiased=True),
        },
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        a=positive(a),
        b=positive(b),
    )
