"""What a run has recorded: name -> one number per step, checked."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def checked(who: str, history: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Each metric as float64[steps].

    Raises:
      TypeError: for a history that is no mapping.
      ValueError: naming the metric that is not one number per step, or has other steps than the first.
    """
    if not isinstance(history, Mapping):
        raise TypeError(f"{who}: history must be a dict of name -> values, got {history!r}.")
    if not history:
        raise ValueError(f"{who}: history is empty; it must hold at least one metric.")
    values = {str(name): _series(who, name, given) for name, given in history.items()}
    first = next(iter(values))
    for name, series in values.items():
        if len(series) != len(values[first]):
            raise ValueError(
                f"{who}: {name} has length {len(series)}, but {first} has length {len(values[first])}."
            )
    return values


def window(steps: int) -> int:
    """Over how many steps a line of a run is smoothed: a fortieth of it; 1 for a short one."""
    return steps // 40 if steps >= 100 else 1


def smoothed(values: np.ndarray) -> np.ndarray:
    """The mean over the window around each step, of what is finite there; a gap stays one."""
    half = window(len(values)) // 2
    if not half:
        return values
    known = np.isfinite(values)
    sums, counts = (
        np.concatenate([[0.0], np.cumsum(x)]) for x in (np.where(known, values, 0.0), known)
    )
    at = np.arange(len(values))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    with np.errstate(invalid="ignore"):
        means = (sums[high] - sums[low]) / (counts[high] - counts[low])
    return np.where(known, means, np.nan)


def _series(who: str, name: str, given: Any) -> np.ndarray:
    try:
        values = np.asarray(given)
    except ValueError:  # a ragged list
        values = np.asarray(None)
    if values.dtype.kind in "OUSMmc":
        raise ValueError(f"{who}: {name} must be one real number per step, got {given!r:.60}.")
    if values.ndim != 1:
        hint = "; choose one member of a sweep first" if values.ndim > 1 else ""
        raise ValueError(
            f"{who}: {name} must be one number per step, got an array of shape {values.shape}{hint}."
        )
    if not len(values):
        raise ValueError(f"{who}: {name} has no steps.")
    return values.astype(float)
