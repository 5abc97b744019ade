"""A result as files: every number as JSON, and a row of a table for each member and seed."""

import csv
import io
import json
from typing import Any

import numpy as np

from adaptive_tx.tune.report.members import Member, Members
from adaptive_tx.tune.sweeps.categories import word


def as_dict(members: Members) -> dict[str, Any]:
    """Everything, as what JSON knows; None where there is no finite number."""
    return {
        "by": members.by,
        "more_is_better": members.sign < 0,
        "ranked": members.ranked,
        "stops": members.stops.tolist(),
        "eval_stops": members.eval_stops.tolist(),
        "members": [_member(members, i) for i in range(len(members))],
    }


def _member(members: Members, i: int) -> dict[str, Any]:
    one = members.member(i)
    return {
        "optimizer": one.name,
        "settings": settings(one),
        "tx": repr(one.tx),
        "steps": one.steps,
        "score": finite(one.score),
        "std": None if one.std is None else finite(one.std),
        "scores": finite(members.scores[i]),
        "diverged": members.diverged[i].tolist(),
        **{name: finite(values[i]) for name, values in members.metrics.items()},
        "curves": {name: finite(curve[i]) for name, curve in members.curves.items()},
        "eval_curves": {name: finite(curve[i]) for name, curve in members.eval_curves.items()},
    }


def settings(one: Member) -> dict[str, Any]:
    """As JSON knows them: a function by its name."""
    return {name: word(x) if callable(x) else x for name, x in one.settings.items()}


def as_json(record: dict[str, Any]) -> str:
    """A dictionary as text."""
    return json.dumps(record, indent=1, allow_nan=False) + "\n"


def as_csv(members: Members) -> str:
    """A row for each member and seed: its numbers, without the curves."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head, rows = _table(members)
    writer.writerow(head)
    for name, settings, run, ends in rows:
        known = ["" if x != x else x for x in settings]  # NaN, where it has no such axis
        numbers = [float(f"{x:.7g}") if np.isfinite(x) else "" for x in ends]
        writer.writerow([name, *known, *run, *numbers])
    return out.getvalue()


def as_frame(members: Members) -> Any:
    """The same rows as a table of pandas, NaN where nothing is known.

    Raises:
      ImportError: without pandas.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError("to_frame: needs pandas: pip install pandas.") from None
    head, rows = _table(members)
    seeds = members.scores.shape[1]
    index = pandas.Index(np.repeat(np.arange(len(members)), seeds), name="member")
    flat = [[name, *settings, *run, *ends] for name, settings, run, ends in rows]
    return pandas.DataFrame(flat, index, head)


def _table(members: Members) -> tuple[list[str], list[tuple[str, list, tuple, list]]]:
    """The header, and for each member and seed its optimizer, settings, run, and what it reached."""
    words, run = members.words, ("seed", "steps", "diverged", "score")
    head = ["optimizer", *words, *members.settings, *run, *members.metrics]
    reached, rows = [members.scores, *members.metrics.values()], []
    for i, name in enumerate(members.names):
        settings: list[Any] = [column[i] for column in words.values()]
        settings += [float(column[i]) for column in members.settings.values()]
        for seed in range(members.scores.shape[1]):
            run = seed, int(members.trained[i]), bool(members.diverged[i, seed])
            rows.append((name, settings, run, [float(values[i, seed]) for values in reached]))
    return head, rows


def finite(values: Any) -> Any:
    """Numbers to six digits as (nested) lists, None for those that are not finite."""
    if np.ndim(values):
        return [finite(value) for value in values]
    return float(f"{values:.6g}") if np.isfinite(values) else None
