"""The exponential moving average of the gradients, with or without bias correction.

    ema <- b1 ema + (1 - b1) g      unit of g
    u    = ema / (1 - b1^t)         or ema itself

Unlike `trace` it keeps the size of the gradient. Without the correction the first steps are small:
(1 - b1) g at t = 1.
"""

from optax import EmaState

from adaptive_tx.core.checks import flag
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import debiased
from adaptive_tx.core.numerics import ema as average
from adaptive_tx.core.ranges import decay_rate
from adaptive_tx.core.slots import mean_of_gradients
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule

exportable(EmaState)


def step(g, ema, t, *, b1, c1):
    ema = average(g, ema, b1)
    return debiased(ema, c1), ema


def step_uncorrected(g, ema, t, *, b1):
    ema = average(g, ema, b1)
    return ema, ema


@explained
def ema(b1: ScalarOrSchedule = 0.9, *, debias: bool = True) -> Transformation:
    """Replaces the gradient by its exponential moving average.

    Args:
      b1: decay of the average, in [0, 1).
      debias: whether to divide by 1 - b1^t; a Python bool.
    """
    corrects = flag("ema", "debias", debias)
    return leafwise(
        "ema",
        step if corrects else step_uncorrected,
        EmaState,
        slots={"ema": mean_of_gradients("b1", debiased=corrects)},
        settings={"debias": debias},
        b1=decay_rate(b1),
    )
