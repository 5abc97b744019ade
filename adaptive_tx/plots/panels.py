"""Which metrics of a run share a panel, and how each is to be read.

    norms            grad_norm, update_norm, param_norm                      logarithmic
    update_to_param                                                          logarithmic
    effective step   effective_step, and dashed its bound                    logarithmic
    signal to noise  snr_median, in the band from snr_q10 to snr_q90
    rectification    rectification, and on an axis of its own rho
    gradient         gradient_signal, gradient_noise

Every other name has a panel of its own. The groups of a name (`grad_norm/encoder`) share one.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from adaptive_tx.plots.words import counted, power

MANY = 50.0  # largest over smallest from which positive values are shown logarithmically


class Curve(NamedTuple):
    """One line of a panel, a number per step."""

    label: str
    values: np.ndarray
    bound: np.ndarray | None = None  # drawn dashed
    band: tuple[np.ndarray, np.ndarray] | None = None  # drawn as an area
    total: bool = False  # of all the groups that the other curves are

    def arrays(self) -> list[np.ndarray]:
        """All its numbers: its line, its bound, its band."""
        bound = [] if self.bound is None else [self.bound]
        return [self.values, *bound, *(self.band or ())]


class Panel(NamedTuple):
    """Curves on one axis, and perhaps one on the right with an axis of its own."""

    title: str
    curves: list[Curve]
    log: bool = False
    right: Curve | None = None
    bound: str = ""  # what the dashed lines are
    band: str = ""  # what the area is

    def every(self) -> list[Curve]:
        """All its curves."""
        return self.curves + ([self.right] if self.right else [])

    def zero(self) -> bool:
        """Whether everything that it shows is 0 at every step."""
        return not any(series.any() for curve in self.every() for series in curve.arrays())

    def broken(self) -> np.ndarray:
        """bool[step]: where something that it shows is not finite."""
        numbers = [series for curve in self.every() for series in curve.arrays()]
        return np.any(~np.isfinite(np.stack(numbers)), axis=0)

    def remark(self) -> tuple[str, bool]:
        """What stands beside its title, and whether it is bad: steps not finite, or the last value."""
        if n := int(self.broken().sum()):
            return f"not finite: {counted(n, 'step')}", True
        return power(self.curves[0].values[-1], 4) if len(self.curves) == 1 else "", False


class Family(NamedTuple):
    """Metrics that are read together."""

    title: str
    names: tuple[str, ...]
    log: bool | None = None  # None: if the values span much
    bound: str = ""
    right: str = ""
    band: bool = False  # whether the last two names are a band around the first


FAMILIES = (
    Family("norms", ("grad_norm", "update_norm", "param_norm"), log=True),
    Family("update_to_param", ("update_to_param",), log=True),
    Family("effective step", ("effective_step",), log=True, bound="effective_step_bound"),
    Family("signal to noise", ("snr_median", "snr_q10", "snr_q90"), log=False, band=True),
    Family("rectification", ("rectification",), log=False, right="rho"),
    Family("clipped", ("clipped",), log=False),
    Family("nonfinite_leaves", ("nonfinite_leaves",), log=False),
    Family("gradient", ("gradient_signal", "gradient_noise")),
    Family("gradient_noise_scale", ("gradient_noise_scale",)),
)
KNOWN = {name for f in FAMILIES for name in (*f.names, f.bound, f.right) if name}


def panels(values: Mapping[str, np.ndarray]) -> list[Panel]:
    """The panels of a checked history; first those of what the library does not know, as a loss.

    One in which everything is zero throughout is left out, unless all are.

    Of a chain with several rules, `measured` names the metrics after the part: "1.0.snr_median".
    """
    parts: dict[str, dict[str, np.ndarray]] = {}
    for name, series in values.items():
        own = name.lstrip("0123456789.")
        own = own if own.split("/")[0] in KNOWN else name
        part = name.removesuffix(own)
        parts.setdefault(part, {})[own] = series
    own, known = [], []
    for part, inside in parts.items():
        left = dict(inside)
        of_library = [panel for family in FAMILIES for panel in _of(family, inside, left)]
        known += (
            [p._replace(title=f"{p.title}, part {part[:-1]}") for p in of_library]
            if part
            else of_library
        )
        while left:
            name = next(iter(left)).split("/")[0]
            own += _of(Family(name, (name,)), inside, left)
    every = sorted(own, key=lambda panel: "loss" not in panel.title) + known
    return [panel for panel in every if not panel.zero()] or every


def _of(family: Family, values: Mapping[str, np.ndarray], left: dict[str, np.ndarray]):
    """The panels of a family; what they show is taken from `left`."""
    totals = [_curve(family, name, "", left) for name in family.names if name in left]
    groups = {name: _groups(family, name, left) for name in family.names}
    if family.band and len(totals) == 3:
        totals = [totals[0]._replace(band=(totals[1].values, totals[2].values))]
    if len(family.names) == 1:
        totals = _with(totals, groups.pop(family.names[0]))
    if totals:
        right = Curve(family.right, left.pop(family.right)) if family.right in left else None
        yield _panel(family, totals, right)
    for name, curves in groups.items():
        if curves:
            total = [Curve(name, values[name])] if name in values else []
            yield _panel(family._replace(title=f"{name} by group"), _with(total, curves))


def _with(total: list[Curve], groups: list[Curve]) -> list[Curve]:
    return [curve._replace(total=bool(groups)) for curve in total] + groups


def _groups(family: Family, name: str, left: dict[str, np.ndarray]) -> list[Curve]:
    names = [other for other in left if other.startswith(f"{name}/")]
    return [_curve(family, name, other.removeprefix(f"{name}/"), left) for other in names]


def _curve(family: Family, name: str, group: str, left: dict[str, np.ndarray]) -> Curve:
    tail = f"/{group}" if group else ""
    bound = left.pop(family.bound + tail, None) if family.bound else None
    return Curve(group or name, left.pop(name + tail), bound)


def _panel(family: Family, curves: list[Curve], right: Curve | None = None) -> Panel:
    bound = family.bound if any(curve.bound is not None for curve in curves) else ""
    band = " to ".join(family.names[1:]) if any(curve.band for curve in curves) else ""
    return Panel(family.title, curves, _log(family.log, curves), right, bound, band)


def _log(wish: bool | None, curves: list[Curve]) -> bool:
    """As wished, where there is something to see; without a wish, for positive values that span much."""
    every = np.concatenate([curve.values for curve in curves])
    seen = every[np.isfinite(every)]
    if wish is not None or not len(seen):
        return bool(wish) and bool((seen > 0).any())
    return bool(seen.min() > 0 and seen.max() > MANY * seen.min())
