"""The space of a search: our axes, Optuna's distributions, lists and single numbers, by name."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adaptive_tx.tune.report.trials import needed
from adaptive_tx.tune.sweeps.axes import numbers
from adaptive_tx.tune.sweeps.intervals import Interval

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def space(who: str, axes: Any) -> tuple[dict[str, "BaseDistribution"], dict[str, float]]:
    """What is asked for as distributions, and what stays as it is.

    Raises:
      TypeError, ValueError: for what is neither, and if there is nothing to ask for.
    """
    if not isinstance(axes, Mapping):
        raise TypeError(f"{who}: space must be a dict of axes by name, got {axes!r}.")
    distributions = needed(who).distributions
    asked, fixed = {}, {}
    for name, axis in axes.items():
        if isinstance(axis, distributions.BaseDistribution):
            asked[name] = axis
        elif isinstance(axis, Interval):
            asked[name] = _distribution(who, name, axis)
        elif len(values := numbers(who, name, axis)) > 1:
            asked[name] = distributions.CategoricalDistribution(values)
        else:
            fixed[name] = values[0]
    if not asked:
        raise ValueError(f"{who}: space needs at least one range or list.")
    return asked, fixed


def _distribution(who: str, name: str, axis: Interval) -> "BaseDistribution":
    """What Optuna has for it: even, or even in the logarithm, of floats or of integers."""
    known = needed(who).distributions
    if axis.spacing == "log_one_minus":
        raise ValueError(
            f"{who}: {name} is even in log(1 - {name}), which Optuna does not know; let make take its "
            f"distance from 1, as in lambda far: adam(0.1, {name}=1 - far), and search far in log_uniform."
        )
    make = known.IntDistribution if axis.whole else known.FloatDistribution
    return make(axis.low, axis.high, log=axis.spacing == "log_uniform")
