"""Heavy-ball momentum with dampening: torch's SGD.

    trace <- decay trace + (1 - dampening) g        from the second step on; the first: trace <- g
    u      = trace                                  unit of g

The first gradient is not dampened, so with dampening = decay the sum is a mean that starts at g.
Without dampening it is `trace`.

torch.optim.SGD, version 2.13.
"""

import jax.numpy as jnp

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.numerics import decayed
from adaptive_tx.core.ranges import decay_rate, finite
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.scale_by.trace import TraceState


def step(g, trace, t, *, decay, dampening):
    trace = decayed(trace, decay) + jnp.where(t > 1, 1 - dampening, 1) * g
    return trace, trace


def trace_dampened(decay=0.9, dampening=0.0) -> Transformation:
    """Replaces the gradient by the decaying sum of gradients, all but the first dampened.

    Args:
      decay: weight of the sum at each step, in [0, 1).
      dampening: how much of each new gradient is left out; torch allows any number.
    """
    return leafwise(
        "trace_dampened",
        step,
        TraceState,
        decay=decay_rate(decay),
        dampening=finite(dampening),
    )
