"""NovoGrad: Adam with one second moment for each leaf, taken before the momentum.

    nu <- b2 nu + (1 - b2) ||g||^2               one number a leaf, unit of g squared; nu = ||g||^2 at t = 1
    mu <- b1 mu + g / (sqrt(nu) + eps) + weight_decay p              no unit
    u   = mu

The gradient of a leaf keeps its direction: what is normalised is its length. mu is a sum, as heavy ball's,
and grows to 1 / (1 - b1) times what it adds. The decay enters the momentum, in the unit of a direction.

Ginsburg et al., Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training of Deep
Networks, 2019, arXiv:1905.11286, algorithm 1. Its defaults are those of the paper for ResNet-50;
optax has b1 0.9 and b2 0.25.
"""

import jax.numpy as jnp
from optax import ScaleByNovogradState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.norms import sum_of_squares
from adaptive_tx.core.numerics import decayed, ema, root
from adaptive_tx.core.ranges import decay_rate, non_negative, positive
from adaptive_tx.core.slots import mean_of_squares, per_leaf, sum_of_gradients
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule

exportable(ScaleByNovogradState)


def step(g, mu, nu, t, *, p, b1, b2, eps, weight_decay):
    # Far enough below the largest number that rounding in the mean of such squares makes none infinite.
    square = jnp.minimum(sum_of_squares(g), float(jnp.finfo(nu.dtype).max) / 4)
    nu = jnp.where(t > 1, ema(square, nu, b2), square)
    mu = decayed(mu, b1) + g / (root(nu) + eps) + weight_decay * p
    return mu, mu, nu


@explained
def scale_by_novograd(
    *,
    b1: ScalarOrSchedule = 0.95,
    b2: ScalarOrSchedule = 0.98,
    eps: ScalarOrSchedule = 1e-8,
    weight_decay: ScalarOrSchedule = 0.0,
) -> Transformation:
    """Divides the gradient of each leaf by the mean of its length, and sums the quotients up.

    Args:
      b1: decay of the sum, in [0, 1).
      b2: decay of the mean squared length, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.
      weight_decay: >= 0, in the unit of a direction over that of p. Needs the parameters.

    The state holds one array like each parameter, `mu`, and one number for each, `nu`. Inside `shard_map`
    the length is that of a shard.
    """
    return leafwise(
        "scale_by_novograd",
        step,
        ScaleByNovogradState,
        slots={"mu": sum_of_gradients("b1"), "nu": mean_of_squares("b2", shape=per_leaf)},
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        eps=positive(eps),
        weight_decay=non_negative(weight_decay),
    )
