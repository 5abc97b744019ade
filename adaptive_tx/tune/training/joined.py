"""The searches of a training as one result."""

import numpy as np

from adaptive_tx.tune.report.result import Result
from adaptive_tx.tune.report.runs import Runs
from adaptive_tx.tune.training.on_host import from_host
from adaptive_tx.tune.training.search import Search
from adaptive_tx.tune.training.setup import Setup


def as_result(setup: Setup, searches: list[Search]) -> Result:
    """The records of all searches as one."""
    records = [search.record for search in searches]
    sweeps = {search.name: search.sweep for search in searches}

    def joined(field: str) -> dict[str, np.ndarray]:
        parts = [getattr(record, field) for record in records]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return Result(
        sweeps=sweeps,
        stops=np.array(setup.plan.stops),
        curves=joined("curves"),
        eval_stops=np.array(setup.plan.evaluations, int),
        eval_curves=joined("eval_curves"),
        metrics=joined("metrics"),
        scores=np.concatenate([search.values() for search in searches]),
        trained=np.concatenate([record.trained for record in records]),
        diverged=~np.concatenate([record.finite for record in records]),
        seconds={search.name: search.seconds for search in searches},
        by=setup.by[0],
        sign=setup.by[1],
        runs=_runs(searches),
    )


def _runs(searches: list[Search]) -> dict[int, Runs]:
    """The runs that are kept, by the places of members in the result."""
    first, runs = 0, {}
    for search in searches:
        runs |= {first + i: Runs(from_host(of_one)) for i, of_one in search.kept.runs.items()}
        first += len(search.sweep)
    return runs
