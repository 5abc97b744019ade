"""How many updates a run has finished: from there the schedules of a part that is new in it go on."""

from collections.abc import Mapping, Sequence

from adaptive_tx.migrating.records import Path, Record


def count_of_run(
    who: str, record: Record, goes_on: Mapping[Path, int], old: Sequence[int], given: int | None
) -> int:
    """The count of the nearest part that goes on, of several the largest; without one, of any that was.

    Args:
      who: the function that was called.
      record: of the new part.
      goes_on: the counts of the parts that go on, by where they stand.
      old: all counts of the old state.
      given: the count as the user knows it.

    Raises:
      ValueError: if a schedule needs it and nobody knows, or it is given and another was counted.
    """
    near = {where: _shared(where, record.where) for where in goes_on}
    known = [count for where, count in goes_on.items() if near[where] == max(near.values())]
    known = known or list(old)
    if known and given is not None and given not in known:
        raise ValueError(f"{who}: count is {given}, but old_state has counted {max(known)}.")
    if not known and given is None and _has_schedule(record):
        raise ValueError(
            f"{who}: {record.who} has a schedule, and nothing in old_state has counted the finished "
            "updates; give count=."
        )
    return max(known) if known else given or 0


def _shared(path: Path, other: Path) -> int:
    """How many steps two paths have in common."""
    return next(
        (i for i, (a, b) in enumerate(zip(path, other)) if a != b), min(len(path), len(other))
    )


def _has_schedule(record: Record) -> bool:
    return record.arguments is not None and any(map(callable, record.arguments.values))
