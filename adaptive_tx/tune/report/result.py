"""What a training returns: its members in numbers, and these as a table, a figure and files."""

import dataclasses
import os
from pathlib import Path
from typing import Any

from adaptive_tx.tune.report import files, tables
from adaptive_tx.tune.report.members import Members


@dataclasses.dataclass(frozen=True)
class Result(Members):
    """The members of all sweeps of a training, in the order of their tables.

    Arrays of floats are NaN where a member was not trained, or does not have the axis.
    """

    def table(self, top: int | None = None, plain: bool = False) -> Any:
        """The members, best first: a table for rich, as wide as the terminal, or with `plain` text.

        Where the terminal is too narrow for the columns, each member has lines of its own; no number is
        cut.

        Args:
          top: how many; the default is all.
          plain: text that needs no rich, with all digits of the scores.
        """
        return tables.plain(self, top) if plain else tables.rich(self, top)

    def plot(self) -> Any:
        """Loss curves, the score against each axis with the spread of the seeds, a map of two axes.

        Returns a matplotlib Figure; in a notebook it shows itself.
        """
        from adaptive_tx.tune.report.figure import draw  # needs matplotlib

        return draw(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as what JSON knows; None where there is no finite number."""
        return files.as_dict(self)

    def to_json(self, path: str | os.PathLike) -> None:
        """Writes `to_dict` to a file."""
        Path(path).write_text(files.as_json(self))

    def to_csv(self, path: str | os.PathLike) -> None:
        """Writes a row for each member and seed: its numbers, without the curves."""
        Path(path).write_text(files.as_csv(self))

    def files(self) -> dict[str, str]:
        """The text of each file that a training leaves in its folder, by name."""
        return {"results.json": files.as_json(self), "results.csv": files.as_csv(self)}
