"""Members as trials of Optuna, and back: a study holds every number of a training that trained its trials.

A member that was trained to the end is COMPLETE, with the mean of its scores over the seeds; one that was
dropped is PRUNED, with what it had then. One that diverged is COMPLETE with an infinite value: told as
FAIL, samplers would not know of it, and go where it was again.
"""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from adaptive_tx.tune.report.members import Members
from adaptive_tx.tune.sweeps.categories import word

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, TrialState

RECORD = "adaptive_tx"  # the attribute that holds every number


class Outcome(NamedTuple):
    """What became of a member, as a trial has it."""

    state: "TrialState"
    value: float | None  # of one that is COMPLETE
    reported: dict[int, float]  # by step
    attributes: dict[str, Any]  # for people, but RECORD


def needed(who: str) -> Any:
    """The package optuna.

    Raises:
      ImportError: which names the extra.
    """
    try:
        import optuna
    except ImportError:
        raise ImportError(f"{who}: needs Optuna: pip install adaptive-tx[optuna].") from None
    return optuna


def outcome(members: Members, i: int) -> Outcome:
    """The outcome of one member."""
    state = needed("optuna").trial.TrialState
    one, loss = members.member(i), members.losses[i]
    at_last = {name: float(values[i].mean()) for name, values in members.metrics.items()}
    attributes = {"tx": repr(one.tx), "std": one.std, **at_last}
    attributes = {
        name: x for name, x in attributes.items() if isinstance(x, str) or x and math.isfinite(x)
    }
    attributes |= {"diverged": one.diverged} if one.diverged else {}
    attributes[RECORD] = _record(members, i)
    if not np.isfinite(loss):
        return Outcome(state.COMPLETE, members.sign * math.inf, {}, attributes)
    reported = _curve(members, i) | {one.steps: one.score}
    if one.steps < members.stops[-1]:
        return Outcome(state.PRUNED, None, reported, attributes)
    return Outcome(state.COMPLETE, one.score, reported, attributes)


def _curve(members: Members, i: int) -> dict[int, float]:
    """What ranks, at every step at which it is known."""
    if members.by in members.metrics or members.by not in members.curves:
        return {}
    means = members.curves[members.by][i].mean(0)
    known = (members.stops <= members.trained[i]) & np.isfinite(means)
    return {int(step): float(x) for step, x in zip(members.stops[known], means[known])}


def _record(members: Members, i: int) -> dict[str, Any]:
    """All numbers of a member."""
    return {
        "settings": members.member(i).settings,
        "steps": int(members.trained[i]),
        "stops": members.stops.tolist(),
        "diverged": members.diverged[i].tolist(),
        "scores": _listed(members.scores[i]),
        "metrics": {name: _listed(x[i]) for name, x in members.metrics.items()},
        "curves": {name: _listed(x[i]) for name, x in members.curves.items()},
        "eval_stops": members.eval_stops.tolist(),
        "eval_curves": {name: _listed(x[i]) for name, x in members.eval_curves.items()},
    }


def records(trials: Iterable["FrozenTrial"]) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """What was recorded: the settings, and the arrays of a result."""
    rows = [trial.user_attrs[RECORD] for trial in trials]

    def column(name: str) -> dict[str, np.ndarray]:
        return {one: np.array([row[name][one] for row in rows], float) for one in rows[0][name]}

    return [row["settings"] for row in rows], {
        "stops": np.array(rows[0]["stops"]),
        "curves": column("curves"),
        "eval_stops": np.array(rows[0]["eval_stops"], int),
        "eval_curves": column("eval_curves"),
        "metrics": column("metrics"),
        "scores": np.array([row["scores"] for row in rows], float),
        "trained": np.array([row["steps"] for row in rows]),
        "diverged": np.array([row["diverged"] for row in rows]),
    }


def as_study(members: Members, study: "Study | None", space: Mapping[str, Any]) -> "Study":
    """A study whose trials are the members, in their order."""
    optuna: Any = needed("to_optuna")
    direction = "maximize" if members.sign < 0 else "minimize"
    if study is None:
        return as_study(members, optuna.create_study(direction=direction), space)
    if [one.name.lower() for one in study.directions] != [direction]:
        raise ValueError(
            f"to_optuna: the study must {direction} one number, as the training did with {members.by}."
        )
    distributions = _distributions(members) | dict(space)
    several = {"optimizer": optuna.distributions.CategoricalDistribution(list(members.sweeps))}
    for i, name in enumerate(members.names):
        params = {
            axis: word(x) if axis in members.words else x
            for axis, x in members.member(i).settings.items()
        }
        own = {axis: distributions[axis] for axis in params}
        if len(members.sweeps) > 1:
            params, own = {"optimizer": name, **params}, {**several, **own}
        one = outcome(members, i)
        study.add_trial(
            optuna.create_trial(
                state=one.state,
                value=one.value if one.value is not None else one.reported[max(one.reported)],
                params=params,
                distributions=own,
                user_attrs=one.attributes,
                intermediate_values=one.reported,
            )
        )
    return study


def _distributions(members: Members) -> dict[str, "BaseDistribution"]:
    """Of each axis from its least value to its largest, in the logarithm if these are a decade apart.

    Of categories their words.
    """
    kinds = needed("to_optuna").distributions
    made: dict[str, Any] = {
        name: kinds.CategoricalDistribution(sorted(set(column) - {""}))
        for name, column in members.words.items()
    }
    for name, column in members.settings.items():
        low, high = float(np.nanmin(column)), float(np.nanmax(column))
        log = low > 0 and high >= 10 * low
        made[name] = kinds.FloatDistribution(low, high, log=log)
    return made


def _listed(values: np.ndarray) -> list:
    """Numbers as (nested) lists; those that JSON does not know as words, which NumPy reads."""
    if values.ndim > 1:
        return [_listed(row) for row in values]
    return [float(x) if np.isfinite(x) else str(x) for x in values]
