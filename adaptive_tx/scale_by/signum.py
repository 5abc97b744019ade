"""Signum: the sign of the mean of the gradients.

    mu <- b1 mu + (1 - b1) g        unit of g
    u   = sign(mu)                  -1, 0 or 1 (a complex number of modulus 1)

With b1 = 0 it is signSGD.

Bernstein et al., signSGD: Compressed Optimisation for Non-Convex Problems, 2018, arXiv:1802.04434,
algorithm 2.
"""

from typing import NamedTuple

import jax
import optax

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import ema, sign
from adaptive_tx.core.ranges import decay_rate
from adaptive_tx.core.slots import mean_of_gradients
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class ScaleBySignumState(NamedTuple):
    count: jax.Array  # int32[]
    mu: optax.Updates  # like params


def step(g, mu, t, *, b1):
    mu = ema(g, mu, b1)
    return sign(mu), mu


@explained
def scale_by_signum(*, b1: ScalarOrSchedule = 0.9) -> Transformation:
    """Replaces each gradient by the sign of its moving average.

    Args:
      b1: decay of the average, in [0, 1).
    """
    return leafwise(
        "scale_by_signum",
        step,
        ScaleBySignumState,
        slots={"mu": mean_of_gradients("b1")},
        b1=decay_rate(b1),
    )
