"""Checks of torch's arguments under torch's names, before the parts check them under theirs."""

from adaptive_tx.compat.torch.sign import maximize as turned_around
from adaptive_tx.core import checks
from adaptive_tx.core.transformation import Transformation


def check(who: str, **marked: checks.Number) -> None:
    """Raises for a number out of range, in the words of the optimizer: `adam: lr must lie in ...`."""
    for name, number in marked.items():
        if not callable(number.value):
            checks.number(who, name, number)


def several(who: str, name: str, values, *ranges: checks.Range) -> tuple:
    """A tuple of numbers, each checked against its range."""
    if not isinstance(values, (tuple, list)) or len(values) != len(ranges):
        raise ValueError(f"{who}: {name} must be {len(ranges)} numbers, got {values!r}.")
    for i, (value, allowed) in enumerate(zip(values, ranges)):
        check(who, **{f"{name}[{i}]": allowed(value)})
    return tuple(values)


def betas(who: str, values) -> tuple:
    """Two decay rates."""
    return several(who, "betas", values, checks.decay_rate, checks.decay_rate)


def ascent(who: str, maximize: bool) -> tuple[Transformation, ...]:
    """The part that `maximize=True` begins with."""
    return (turned_around(),) if checks.flag(who, "maximize", maximize) else ()


def absent(value) -> bool:
    """Whether a number is known to be 0 when tracing: torch then keeps no state for it."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == 0
