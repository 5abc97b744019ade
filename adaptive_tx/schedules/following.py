"""A number that follows a learning rate: AdamC's corrected weight decay."""

from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.ranges import finite, positive
from adaptive_tx.core.schedule import Schedule, bind_schedule
from adaptive_tx.core.typing import Scalar, ScheduleFunction


@explained
def corrected(value: Scalar, rate: ScheduleFunction, peak: Scalar) -> Schedule:
    """`value` in proportion to a rate: value rate(count) / peak.

    Is value where the rate is at its peak, and 0 where it is 0, at all counts that the rate knows.

    Where norms follow matrices (as LayerNorm does), decay and gradients balance at a norm that grows as the
    root of decay over rate falls: at the end of a schedule, gradients and losses rise. With
    `add_decayed_weights(corrected(weight_decay, rate, peak))` before the same rate, a step takes
    weight_decay rate^2 / peak of each parameter, and the balance stays.

    Args:
      value: the weight decay at the peak.
      rate: the schedule of the learning rate; of a number nothing would change.
      peak: its largest value, > 0.

    Source: Defazio, Why Gradients Rapidly Increase Near the End of Training, 2025,
    arXiv:2506.02285, AdamC: on all layers that a norm follows, and plain decay on the others.
    """
    return bind_schedule(
        "corrected", _corrected, value=finite(value), rate=rate, peak=positive(peak)
    )


def _corrected(count, value, rate, peak):
    return value * (rate(count) / peak)
