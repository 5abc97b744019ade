"""Nesterov momentum of a moving average, as Muon has it: the average, one step ahead.

    ema <- b1 ema + (1 - b1) g          unit of g
    u    = b1 ema + (1 - b1) g

It keeps the size of the gradient, but for the first steps: (1 - b1^2) g at t = 1. `trace_nesterov` is the
same of a sum, 1 / (1 - b1) times as large; what is made orthogonal afterwards does not tell them apart.

optax's Muon looks ahead with a mean that is debiased; torch's does as this.

Jordan et al., Muon: An optimizer for hidden layers in neural networks, kellerjordan.github.io/posts/muon,
2024; torch.optim.Muon, version 2.13.
"""

from optax import EmaState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import ema as average
from adaptive_tx.core.ranges import decay_rate
from adaptive_tx.core.slots import mean_of_gradients
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule

exportable(EmaState)


def step(g, ema, t, *, b1):
    ema = average(g, ema, b1)
    return average(g, ema, b1), ema


@explained
def ema_nesterov(b1: ScalarOrSchedule = 0.95) -> Transformation:
    """Replaces the gradient by its exponential moving average, looking one step ahead.

    Args:
      b1: decay of the average, in [0, 1).
    """
    slots = {"ema": mean_of_gradients("b1")}
    return leafwise("ema_nesterov", step, EmaState, slots=slots, b1=decay_rate(b1))
