"""A learning rate that falls like 1 / t: the `lr_decay` of torch's Adagrad.

    update = -learning_rate / (1 + (t - 1) lr_decay) u

A part of a chain and not a schedule, so that both numbers stay hyperparameters with names.

torch.optim.Adagrad, version 2.13.
"""

from optax import ScaleByScheduleState

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.ranges import non_negative
from adaptive_tx.core.transformation import Transformation


def step(u, t, *, learning_rate, lr_decay):
    return -(learning_rate / (1 + (t - 1) * lr_decay)) * u


def scale_by_decayed_learning_rate(learning_rate, lr_decay=0.0) -> Transformation:
    """Turns a direction into an update, with a rate that falls as the steps are counted.

    Args:
      learning_rate: the rate of the first step, >= 0, or a schedule.
      lr_decay: >= 0, per step; 0 is `scale_by_learning_rate`.
    """
    return leafwise(
        "scale_by_decayed_learning_rate",
        step,
        ScaleByScheduleState,
        learning_rate=non_negative(learning_rate),
        lr_decay=non_negative(lr_decay),
    )
