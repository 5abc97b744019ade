"""One setting of one optimizer, and what became of it."""

from typing import Any, NamedTuple

from adaptive_tx.core.transformation import Transformation
from adaptive_tx.tune.report.runs import Run, Runs


class Member(NamedTuple):
    """One setting of one optimizer, and what it reached."""

    index: int
    name: str  # of its sweep
    settings: dict[str, Any]  # its numbers, and categories
    tx: Transformation  # with Python numbers, as one would write it
    steps: int  # made; fewer than all if it was dropped
    score: float  # mean over seeds of what ranks; NaN if a run diverged
    std: float | None  # over seeds, with n - 1; None for one seed, and without a finite score
    diverged: int  # of its seeds
    seed: int  # whose run is best
    runs: Runs | None  # what it became, if that was kept

    @property
    def run(self) -> Run:
        """What its best seed became.

        Raises:
          ValueError: if it was not kept.
        """
        if self.runs is None:
            raise ValueError(
                f"result: what member {self.index} became was not kept; by default the best of each "
                f'sweep is: train(..., keep=[{self.index}]), or keep=10 for the ten best, or "all".'
            )
        return self.runs[self.seed]

    @property
    def params(self) -> Any:
        """The trained parameters of its best seed; an average of them where the optimizer keeps one."""
        return self.run.params

    @property
    def state(self) -> Any:
        """The state of its model, of the same run."""
        return self.run.state
