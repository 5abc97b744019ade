"""Checks of arguments under a framework's names, before the parts check them under ours."""

from adaptive_tx.core import checks, probing, ranges
from adaptive_tx.core.arguments import as_schedule


def check(who: str, **marked: ranges.Number) -> None:
    """Raises for a number out of range, in the words of the optimizer: `adam: lr must lie in ...`.

    A schedule of numbers is probed as the part would, so that this is what complains of it.
    """
    for name, number in marked.items():
        if callable(number.value):
            probing.check(who, name, as_schedule(who, name, number.value), number.range)
        else:
            checks.number(who, name, number)


def several(who: str, name: str, values, *ranges: ranges.Range) -> tuple:
    """A tuple of numbers, each checked against its range."""
    if not isinstance(values, (tuple, list)) or len(values) != len(ranges):
        raise ValueError(f"{who}: {name} must be {len(ranges)} numbers, got {values!r}.")
    for i, (value, allowed) in enumerate(zip(values, ranges)):
        check(who, **{f"{name}[{i}]": allowed(value)})
    return tuple(values)


def absent(value) -> bool:
    """Whether a number is known to be 0 when tracing: torch and Keras then keep no state for it."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == 0
