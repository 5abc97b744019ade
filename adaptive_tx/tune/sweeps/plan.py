"""How a training goes: in which intervals it is recorded, and who is dropped when."""

import math
from typing import Any, NamedTuple

from adaptive_tx.core import checks, ranges


class Plan(NamedTuple):
    """The steps of one sweep: intervals, each recorded as one point, in rungs.

    After each rung but the last, only `kept` members go on.
    """

    steps: int
    stops: tuple[int, ...]  # where each interval ends; the last is `steps`
    rungs: tuple[int, ...]  # where each rung ends; the last is `steps`
    keep: float | None
    evaluations: tuple[int, ...] = ()  # steps after which members are evaluated, to make a curve

    @property
    def room(self) -> int:
        """The steps of the longest interval."""
        return max(b - a for a, b in zip((0, *self.stops), self.stops))

    def intervals(self, rung: int) -> list[tuple[int, int, int]]:
        """(point, first, last) of each interval of a rung."""
        begin = self.rungs[rung - 1] if rung else 0
        pairs = zip((0, *self.stops), self.stops)
        inside = range(begin, self.rungs[rung])
        return [(i, a, b) for i, (a, b) in enumerate(pairs) if a in inside]

    def kept(self, members: int) -> int:
        """How many of them go on."""
        return members if self.keep is None else max(1, math.ceil(self.keep * members - 1e-9))

    def work(self, members: int) -> int:
        """The steps of all members together."""
        total, begin = 0, 0
        for end in self.rungs:
            total += members * (end - begin)
            members, begin = self.kept(members), end
        return total


def plan(who: str, steps: Any, points: Any, halving: Any, evaluate_every: Any = None) -> Plan:
    """The plan for `steps` steps recorded in about `points` intervals."""
    steps = checks.whole(who, "steps", steps, 1)
    points = checks.whole(who, "points", points, 1)
    rungs, keep = ((), None) if halving is None else _rungs(who, steps, halving)
    interval = -(-steps // points)
    evaluations: tuple[int, ...] = ()
    if evaluate_every is not None:
        every = checks.whole(who, "evaluate_every", evaluate_every, 1)
        if every > steps:
            raise ValueError(f"{who}: evaluate_every {every} is more than the {steps} steps.")
        evaluations = (*range(every, steps, every), steps)
    stops = sorted({*range(interval, steps, interval), *rungs, *evaluations, steps})
    return Plan(steps, tuple(stops), (*rungs, steps), keep, evaluations)


def _rungs(who: str, steps: int, halving: Any) -> tuple[tuple[int, ...], float]:
    if not isinstance(halving, tuple) or len(halving) != 2:
        raise TypeError(f"{who}: halving must be (every, keep), got {halving!r}.")
    every = checks.whole(who, "halving's every", halving[0], 1)
    if every >= steps:
        raise ValueError(
            f"{who}: halving after every {every} steps drops nothing in {steps} steps; "
            f"its every must be below {steps}."
        )
    keep = checks.number(who, "halving's keep", ranges.Range(0.0, 1.0, "()")(halving[1]))
    return tuple(range(every, steps, every)), keep
