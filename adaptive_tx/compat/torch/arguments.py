"""What many of torch's optimizers share: two betas, and ascent."""

from adaptive_tx.compat.arguments import several
from adaptive_tx.compat.torch.sign import maximize as turned_around
from adaptive_tx.core.checks import flag
from adaptive_tx.core.ranges import decay_rate
from adaptive_tx.core.transformation import Transformation


def betas(who: str, values) -> tuple:
    """Two decay rates."""
    return several(who, "betas", values, decay_rate, decay_rate)


def ascent(who: str, maximize: bool) -> tuple[Transformation, ...]:
    """The part that `maximize=True` begins with."""
    return (turned_around(),) if flag(who, "maximize", maximize) else ()
