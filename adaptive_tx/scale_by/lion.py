"""Lion: the sign of a mean of the gradients, with one decay to step and another to remember.

    u   = sign(b1 mu + (1 - b1) g)        -1, 0 or 1 (a complex number of modulus 1)
    mu <- b2 mu + (1 - b2) g              unit of g

The step uses the old mu. Every entry moves by the full rate: the authors take rates 3 to 10 times
smaller than Adam's, and decays larger by as much.

Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, arXiv:2302.06675, algorithm 2.
"""

from optax import ScaleByLionState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import ema, sign
from adaptive_tx.core.ranges import decay_rate
from adaptive_tx.core.slots import mean_of_gradients
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule

exportable(ScaleByLionState)


def step(g, mu, t, *, b1, b2):
    return sign(ema(g, mu, b1)), ema(g, mu, b2)


@explained
def scale_by_lion(*, b1: ScalarOrSchedule = 0.9, b2: ScalarOrSchedule = 0.99) -> Transformation:
    """Replaces each gradient by the sign of its moving average.

    Args:
      b1: decay of the average that the step takes the sign of, in [0, 1).
      b2: decay of the average that is kept, in [0, 1).
    """
    return leafwise(
        "scale_by_lion",
        step,
        ScaleByLionState,
        slots={"mu": mean_of_gradients("b2")},
        b1=decay_rate(b1),
        b2=decay_rate(b2),
    )
