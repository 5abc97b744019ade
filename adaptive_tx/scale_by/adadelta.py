"""AdaDelta: the gradient over its recent size, times the recent size of the steps.

    e_g <- b2 e_g + (1 - b2) |g|^2                 unit of g squared
    u    = sqrt(e_x + eps) / sqrt(e_g + eps) g     unit of the parameters
    e_x <- b2 e_x + (1 - b2) |u|^2                 unit of the parameters squared

The step has the unit of the parameters, so the paper takes a learning rate of 1. `eps` sets the size of
the first steps.

Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012, arXiv:1212.5701, algorithm 1 (b2 is its rho).
"""

from typing import NamedTuple

import jax
import optax

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import ema, root, squared
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import mean_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class ScaleByAdadeltaState(NamedTuple):
    count: jax.Array  # int32[]
    e_g: optax.Updates  # like params, real
    e_x: optax.Updates  # like params, real


def step(g, e_g, e_x, t, *, b2, eps):
    e_g = ema(squared(g), e_g, b2)
    u = root(e_x + eps) / root(e_g + eps) * g
    return u, e_g, ema(squared(u), e_x, b2)


@explained
def scale_by_adadelta(
    *, b2: ScalarOrSchedule = 0.95, eps: ScalarOrSchedule = 1e-6
) -> Transformation:
    """Scales each gradient to the recent size of its own steps.

    Args:
      b2: decay of both averages (rho in the paper), in [0, 1).
      eps: keeps the quotient finite and starts the steps, > 0.
    """
    return leafwise(
        "scale_by_adadelta",
        step,
        ScaleByAdadeltaState,
        slots={"e_g": mean_of_squares("b2"), "e_x": mean_of_squares("b2", of="step")},
        b2=decay_rate(b2),
        eps=positive(eps),
    )
