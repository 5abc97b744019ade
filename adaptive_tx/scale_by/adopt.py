"""ADOPT: each gradient is divided by the root mean square of those before it, and then averaged.

    q   = g / max(sqrt(nu), eps), clipped to |q| <= (t - 1)^(1/4)    no unit; nu without this g
    mu <- b1 mu + (1 - b1) q                                         mean of the quotients, no unit
    u   = mu
    nu <- b2 nu + (1 - b2) |g|^2, and |g|^2 at t = 1                 mean of the square, unit of g squared

The first gradient only starts nu: its bound is 0, and there is no step. No gradient is part of what divides
it, so that the paper's proof holds for any b2. mu is not debiased: the first steps are small. Of a complex
number the modulus is clipped; the authors clip its two parts.

optax 0.2.8 (`optax.contrib.adopt`) computes the same, and has this state. timm's bound is (t - 1)^0.333.
The decay of the optimizer `adopt` is decoupled; the authors add theirs to the gradient by default
(decouple=False): `chain(add_l2(weight_decay), adopt(...))`. Their first version has no bound.

Taniguchi et al., ADOPT: Modified Adam Can Converge with Any beta2 with the Optimal Rate, 2024,
arXiv:2411.02853, algorithm 2.
"""

import jax.numpy as jnp
from optax import ScaleByAdamState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.norms import shrink
from adaptive_tx.core.numerics import ema, modulus, root, squared
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import Slot, mean_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule

exportable(ScaleByAdamState)


def step(g, mu, nu, t, *, b1, b2, eps):
    size, bound = jnp.maximum(root(nu), eps), jnp.sqrt(jnp.sqrt(t - 1))
    mu = ema(shrink(g, modulus(g), bound * size) / size, mu, b1)
    return mu, mu, jnp.where(t == 1, squared(g), ema(squared(g), nu, b2))


@explained
def scale_by_adopt(
    *, b1: ScalarOrSchedule = 0.9, b2: ScalarOrSchedule = 0.9999, eps: ScalarOrSchedule = 1e-6
) -> Transformation:
    """Divides each gradient by the root mean square of those before it, and averages the quotients.

    Args:
      b1: decay of the mean of the quotients, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: least root mean square that divides, > 0, in the unit of the gradients.

    The state holds two arrays like each parameter, `mu` and `nu`, in float32 at least. The first direction
    is 0.
    """
    return leafwise(
        "scale_by_adopt",
        step,
        ScaleByAdamState,
        slots={"mu": Slot("mean", "direction", "b1"), "nu": mean_of_squares("b2")},
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
    )
