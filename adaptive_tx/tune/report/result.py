"""What a training returns: its members in numbers, and these as a table, a figure and files."""

import dataclasses
import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adaptive_tx.tune.report import about, files, tables, trials
from adaptive_tx.tune.report.confirming import Confirmation, confirm
from adaptive_tx.tune.report.members import Members
from adaptive_tx.tune.sweeps.streams import read_once

if TYPE_CHECKING:
    import optuna
    import pandas


@dataclasses.dataclass(frozen=True)
class Result(Members):
    """The members of all sweeps of a training, in the order of their tables.

    Arrays of floats are NaN where a member was not trained, or does not have the axis.
    """

    again: functools.partial | None = dataclasses.field(default=None, compare=False, repr=False)
    origin: dict[str, Any] = dataclasses.field(  # what the process knew that trained
        default_factory=about.of_process, compare=False, repr=False
    )

    @property
    def about(self) -> dict[str, Any]:
        """What was trained, and how: task, command, versions, key, batch size, steps, seeds and axes."""
        return {**about.of_call(self.again), **self.origin, **about.of_members(self)}

    def confirm(self, top: int = 5, seeds: int = 8, key: Any = None) -> Confirmation:
        """Trains the best settings again, on fresh seeds: what they reach without the luck of the search.

        The best score of many is the luckiest: on other seeds the same setting is worse. What is trained
        is the call that made this result, to the end and without halving, each sweep in one program.

        Args:
          top: how many of the best, >= 1.
          seeds: of each, >= 1, with other batches, keys and (from a function) parameters than any of the
            search.
          key: an int or a `jax.random.key` other than that of the search; the default is made from that.

        Returns:
          For each its mean with an interval (Student's t; 95 % for all of them at once, so also for the
          one that comes out best), whether it can be told apart from the best of them (`tied`: a paired
          t test over the seeds, which share their batches), and beside it the score of the search. Of
          scores with a long tail eight seeds say less: 148 of 160 held the truth (benchmarks/luck.md).

        Raises:
          ValueError: if everything diverged, for the key of the search, or if this result was read from
            a pickle, which does not hold the loss and the data.
        """
        if (train := self.again) is None:
            raise ValueError(
                "confirm: this result does not hold its loss and data; train it again."
            )
        given = train.keywords
        if read_once(given["data"]):
            raise ValueError(
                "confirm: data is an iterator that was read; give train an iterable whose iter() begins "
                "again, or an iterator with state() and restore(state)."
            )
        at_once = given["at_once"] and max(1, given["at_once"] * given["seeds"] // seeds)
        fresh = {"halving": None, "out": None, "at_once": at_once, "keep": 1}

        def train_again(sweeps, seeds, key):
            return train(sweep=sweeps, seeds=seeds, key=key, **fresh)

        return confirm(self, train_again, top, seeds, key, given["key"])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "again": None, "origin": about.of_call(self.again) | self.origin}

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
        """Everything, as what JSON knows, `about` first; None where there is no finite number."""
        return {**self.about, **files.as_dict(self)}

    def to_json(self, path: str | os.PathLike) -> None:
        """Writes `to_dict` to a file."""
        Path(path).write_text(files.as_json(self.to_dict()))

    def to_csv(self, path: str | os.PathLike) -> None:
        """Writes a row for each member and seed: its numbers, without the curves."""
        Path(path).write_text(files.as_csv(self))

    def to_frame(self) -> "pandas.DataFrame":
        """A row for each member and seed, as in `to_csv`, with all digits; the index is the member.

        Raises:
          ImportError: without pandas.
        """
        return files.as_frame(self)

    def to_optuna(
        self, study: "optuna.Study | None" = None, space: Mapping[str, Any] | None = None
    ) -> "optuna.Study":
        """The members as finished trials of a study, for `optuna.visualization` and `optuna.importance`.

        A member that diverged is a trial of infinite value; one that was dropped is PRUNED. Of several
        sweeps "optimizer" is a parameter.

        Args:
          study: to add them to, so that a search begins with what is known; the default is a new one in
            memory.
          space: distributions of Optuna by name, as those of that search; without, an axis goes from its
            least value to its largest, in the logarithm if these are a decade or more apart.

        Raises:
          ImportError: without Optuna.
          ValueError: for a study with another direction, or several.
        """
        return trials.as_study(self, study, space or {})

    def files(self) -> dict[str, str]:
        """The text of each file that a training leaves in its folder, by name."""
        return {"results.json": files.as_json(self.to_dict()), "results.csv": files.as_csv(self)}
