"""Nesterov momentum as torch's Muon has it: a moving average that looks one step ahead.

    ema <- b1 ema + (1 - b1) g          unit of g
    u    = b1 ema + (1 - b1) g

torch.optim.Muon, version 2.13.
"""

from optax import EmaState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.numerics import ema as average
from adaptive_tx.core.ranges import decay_rate
from adaptive_tx.core.transformation import Transformation


def step(g, ema, t, *, b1):
    ema = average(g, ema, b1)
    return average(g, ema, b1), ema


def ema_nesterov(b1=0.95) -> Transformation:
    """Replaces the gradient by its moving average, looking one step ahead.

    Args:
      b1: decay of the average, in [0, 1).
    """
    return leafwise("ema_nesterov", step, EmaState, b1=decay_rate(b1))
