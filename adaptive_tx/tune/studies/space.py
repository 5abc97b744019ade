"""The space of a search: our axes, Optuna's distributions, lists and single numbers, by name."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adaptive_tx.tune.report.trials import needed
from adaptive_tx.tune.sweeps.axes import Interval, numbers

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
            asked[name] = distributions.FloatDistribution(axis.low, axis.high, log=axis.log)
        elif len(values := numbers(who, name, axis)) > 1:
            asked[name] = distributions.CategoricalDistribution(values)
        else:
            fixed[name] = values[0]
    if not asked:
        raise ValueError(f"{who}: space needs at least one range or list.")
    return asked, fixed
