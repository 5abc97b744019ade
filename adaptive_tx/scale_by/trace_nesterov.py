"""Nesterov momentum: heavy ball, looking one step ahead.

    trace <- decay trace + g        unit of g
    u      = g + decay trace

Nesterov, A method of solving a convex programming problem with convergence rate O(1/k^2), 1983, in the
form of Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.
"""

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import decayed
from adaptive_tx.core.ranges import decay_rate
from adaptive_tx.core.slots import sum_of_gradients
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule
from adaptive_tx.scale_by.trace import TraceState


def step(g, trace, t, *, decay):
    trace = g + decayed(trace, decay)
    return g + decayed(trace, decay), trace


@explained
def trace_nesterov(decay: ScalarOrSchedule = 0.9) -> Transformation:
    """Replaces the gradient by the sum that `trace` would hold one step later.

    Args:
      decay: weight of the sum at each step, in [0, 1).
    """
    return leafwise(
        "trace_nesterov",
        step,
        TraceState,
        slots={"trace": sum_of_gradients("decay")},
        decay=decay_rate(decay),
    )
