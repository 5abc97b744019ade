"""The space of a search: our ranges, Optuna's distributions, lists and single numbers, by name."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from adaptive_tx.tune.report.trials import needed
from adaptive_tx.tune.sweeps.axes import numbers
from adaptive_tx.tune.sweeps.intervals import Interval

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

FAR = "1 - "  # before the name of a number whose distance from 1 is what Optuna knows


class Space(NamedTuple):
    """What Optuna is asked for, by its names, and what stays as it is."""

    asked: dict[str, "BaseDistribution"]
    fixed: dict[str, Any]

    def setting(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The numbers of a trial by the names of `make`."""
        far = {name for name in self.asked if name.startswith(FAR)}
        own = {name.removeprefix(FAR): 1 - params[name] for name in far}
        return self.fixed | {name: params[name] for name in self.asked if name not in far} | own


def space(who: str, axes: Any) -> Space:
    """The space that is asked for.

    Raises:
      TypeError, ValueError: for what is none, and if there is nothing to ask for.
    """
    if not isinstance(axes, Mapping):
        raise TypeError(f"{who}: space must be a dict of axes by name, got {axes!r}.")
    known = needed(who).distributions
    asked, fixed = {}, {}
    for name, axis in axes.items():
        if isinstance(axis, known.CategoricalDistribution):
            axis = list(axis.choices)
        if isinstance(axis, known.BaseDistribution):
            asked[name] = axis
        elif isinstance(axis, Interval):
            far = FAR if axis.spacing == "log_one_minus" else ""
            asked[far + name] = _distribution(who, axis)
        elif len(values := _numbers(who, name, axis)) > 1:
            asked[name] = known.CategoricalDistribution(values)
        else:
            fixed[name] = values[0]
    if not asked:
        raise ValueError(f"{who}: space needs at least one range or list.")
    return Space(asked, fixed)


def _numbers(who: str, name: str, axis: Any) -> list[Any]:
    try:
        return numbers(who, name, axis)
    except TypeError as error:
        raise TypeError(
            f"{error} Words and settings make several programs; give each a study of its own."
        ) from None


def _distribution(who: str, axis: Interval) -> "BaseDistribution":
    """What Optuna has for it: even, or even in the logarithm, of floats or of integers."""
    known = needed(who).distributions
    if axis.spacing == "log_one_minus":
        return known.FloatDistribution(1 - axis.high, 1 - axis.low, log=True)
    make = known.IntDistribution if axis.whole else known.FloatDistribution
    return make(axis.low, axis.high, log=axis.spacing == "log_uniform")
