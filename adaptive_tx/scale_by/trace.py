"""Heavy-ball momentum: the decaying sum of the gradients.

    trace <- decay trace + g        unit of g
    u      = trace

Under a constant gradient u grows to g / (1 - decay): a rate tuned without momentum is too large.

Polyak, Some methods of speeding up the convergence of iteration methods, 1964. As in torch.optim.SGD
without dampening, and optax.trace.
"""

from typing import NamedTuple

import jax
import optax

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import decayed
from adaptive_tx.core.ranges import decay_rate
from adaptive_tx.core.slots import sum_of_gradients
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


@exportable
class TraceState(NamedTuple):
    count: jax.Array  # int32[]
    trace: optax.Updates  # like params


def step(g, trace, t, *, decay):
    trace = g + decayed(trace, decay)
    return trace, trace


@explained
def trace(decay: ScalarOrSchedule = 0.9) -> Transformation:
    """Replaces the gradient by the decaying sum of gradients (heavy ball).

    Args:
      decay: weight of the sum at each step, in [0, 1).
    """
    return leafwise(
        "trace",
        step,
        TraceState,
        slots={"trace": sum_of_gradients("decay")},
        decay=decay_rate(decay),
    )
