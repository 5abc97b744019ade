"""The learning rate: the last factor of a chain, and its minus sign.

update = -learning_rate u        unit of the parameters, if u has no unit
"""

from jax import lax
from optax import ScaleByScheduleState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import times
from adaptive_tx.core.ranges import non_negative
from adaptive_tx.core.states import exportable
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule

exportable(ScaleByScheduleState)


def step(u, t, *, learning_rate):
    return times(u, lax.neg(learning_rate))


@explained
def scale_by_learning_rate(learning_rate: ScalarOrSchedule) -> Transformation:
    """Turns a direction into an update: multiplies it by minus the learning rate.

    Args:
      learning_rate: a number >= 0 or a schedule. A schedule sees the number of finished updates, so
        the first update uses `schedule(0)`. The state is the same for both.

    Raises:
      TypeError: if there is none; a forgotten rate is never an ascent.
    """
    return leafwise(
        "scale_by_learning_rate",
        step,
        ScaleByScheduleState,
        learning_rate=non_negative(learning_rate),
    )
