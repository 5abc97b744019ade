"""A result as files: every number as JSON, and a row of a table for each member and seed."""

import csv
import io
import json
from typing import Any

import numpy as np

from adaptive_tx.tune.report.members import Members


def as_dict(members: Members) -> dict[str, Any]:
    """Everything, as what JSON knows; None where there is no finite number."""
    return {
        "by": members.by,
        "more_is_better": members.sign < 0,
        "ranked": members.ranked,
        "stops": members.stops.tolist(),
        "members": [_member(members, i) for i in range(len(members))],
    }


def _member(members: Members, i: int) -> dict[str, Any]:
    one = members.member(i)
    return {
        "optimizer": one.name,
        "settings": one.settings,
        "tx": repr(one.tx),
        "steps": one.steps,
        "score": finite(one.score),
        "std": None if one.std is None else finite(one.std),
        "scores": finite(members.scores[i]),
        "diverged": members.diverged[i].tolist(),
        **{name: finite(values[i]) for name, values in members.metrics.items()},
        "curves": {name: finite(curve[i]) for name, curve in members.curves.items()},
    }


def as_json(members: Members) -> str:
    """The dictionary as text."""
    return json.dumps(as_dict(members), indent=1, allow_nan=False) + "\n"


def as_csv(members: Members) -> str:
    """A row for each member and seed: its numbers, without the curves."""
    out = io.StringIO()
    head = ["optimizer", *members.settings, "seed", "steps", "diverged", "score", *members.metrics]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    reached = [members.scores, *members.metrics.values()]
    for i, name in enumerate(members.names):
        settings = ["" if np.isnan(c[i]) else float(c[i]) for c in members.settings.values()]
        for seed in range(members.scores.shape[1]):
            run = seed, int(members.trained[i]), bool(members.diverged[i, seed])
            ends = [values[i, seed] for values in reached]
            numbers = [float(f"{x:.7g}") if np.isfinite(x) else "" for x in ends]
            writer.writerow([name, *settings, *run, *numbers])
    return out.getvalue()


def finite(values: Any) -> Any:
    """Numbers to six digits as (nested) lists, None for those that are not finite."""
    if np.ndim(values):
        return [finite(value) for value in values]
    return float(f"{values:.6g}") if np.isfinite(values) else None
