"""Adan: Adam that looks ahead, by the mean of how gradients change from step to step.

    d     = g - prev_grad, and 0 at t = 1                     unit of g
    mu   <- b1 mu + (1 - b1) g                                mean of the gradient, unit of g
    diff <- b2 diff + (1 - b2) d                              mean of its changes, unit of g
    nu   <- b3 nu + (1 - b3) |g + b2 d|^2                     mean square of the gradient ahead
    u     = (mu / c1 + b2 diff / c2) / (sqrt(nu / c3) + eps)          no unit; c1, c2, c3 as in Adam
    prev_grad <- g

g + b2 d stands for the gradient where Nesterov's momentum would take it. The paper writes 1 - b for each
decay (0.02, 0.08, 0.01), and starts its means with the first gradient; the corrections are those of the
authors' code, which timm has too. optax 0.2.8 is another algorithm: it takes the paper's formula with the
numbers of the code, so that d counts 1 - b2 in place of b2.

The paper's decay is p <- (p - rate u) / (1 + rate weight_decay): after `adan` without decay,
`decay_new_weights(x / (1 + x))`, with x = rate weight_decay. That of the optimizer `adan` itself is
decoupled, as in the authors' code with no_prox; the two differ by rate weight_decay of what they do.

Xie et al., Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models, 2022,
arXiv:2208.06677, algorithm 1.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased, decayed, ema, over_root, squared
from adaptive_tx.core.ranges import decay_rate, positive
from adaptive_tx.core.slots import Slot, kept, mean_of_gradients, mean_of_squares
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class ScaleByAdanState(NamedTuple):
    count: jax.Array  # int32[]
    mu: optax.Updates  # like params
    diff: optax.Updates  # like params
    nu: optax.Updates  # like params, real
    prev_grad: optax.Updates  # like params


def step(g, mu, diff, nu, prev_grad, t, *, b1, b2, b3, eps, c1, c2, c3):
    d = jnp.where(t == 1, 0, g - prev_grad)
    mu, diff, nu = ema(g, mu, b1), ema(d, diff, b2), ema(squared(g + decayed(d, b2)), nu, b3)
    ahead = debiased(mu, c1) + decayed(debiased(diff, c2), b2)
    return over_root(ahead, nu / c3, eps), mu, diff, nu, g


@explained
def scale_by_adan(
    *,
    b1: ScalarOrSchedule = 0.98,
    b2: ScalarOrSchedule = 0.92,
    b3: ScalarOrSchedule = 0.99,
    eps: ScalarOrSchedule = 1e-8,
) -> Transformation:
    """Divides the mean gradient and its mean change by the root mean square of both together.

    Args:
      b1: decay of the mean of the gradients, in [0, 1).
      b2: decay of the mean of their changes, and the weight of a change, in [0, 1).
      b3: decay of the mean square, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.

    The state holds four arrays like each parameter, in float32 at least: the three means and the gradient
    before.
    """
    return leafwise(
        "scale_by_adan",
        step,
        ScaleByAdanState,
        slots={
            "mu": mean_of_gradients("b1", debiased=True),
            "diff": Slot("mean", "change", "b2", debiased=True),
            "nu": mean_of_squares("b3", of="step", debiased=True),  # of g + b2 d, as it will step
            "prev_grad": kept(least_bits=16),
        },
        b1=decay_rate(b1),
        b2=decay_rate(b2),
        b3=decay_rate(b3),
        eps=positive(eps),
    )
