"""The tasks by name."""

import functools
from collections.abc import Callable
from typing import NamedTuple

from adaptive_tx.tune.tasks.bundled import classes, numbers
from adaptive_tx.tune.tasks.digits import digits
from adaptive_tx.tune.tasks.task import Task
from adaptive_tx.tune.tasks.text import characters
from adaptive_tx.tune.tasks.transformer import transformer


class Row(NamedTuple):
    """A task that is not loaded yet."""

    about: str
    make: Callable[..., Task]
    of: tuple[str, ...] = ()

    def load(self, name: str) -> Task:
        return self.make(name, self.about, *self.of)


DIGITS = "handwritten digits of 8 x 8 pixels"
TASKS = {
    "digits-logistic": Row(f"{DIGITS}; logistic regression", digits, ("logistic",)),
    "digits-mlp": Row(f"{DIGITS}; 64 hidden units", digits, ("mlp",)),
    "digits-cnn": Row(f"{DIGITS}; two convolutions", digits, ("cnn",)),
    "characters": Row(
        "the next character of Python's help from the last 12; 96 hidden units", characters
    ),
    "characters-transformer": Row(
        "the next character of Python's help from up to 32; a transformer of two layers",
        transformer,
    ),
    "iris": Row("3 kinds of iris from 4 measures; 32 hidden units", classes, ("load_iris",)),
    "wine": Row("3 growers of wine from 13 measures; 32 hidden units", classes, ("load_wine",)),
    "breast-cancer": Row(
        "2 diagnoses from 30 features of cells; 32 hidden units", classes, ("load_breast_cancer",)
    ),
    "diabetes": Row(
        "progress of diabetes from 10 features, a number; 32 hidden units",
        numbers,
        ("load_diabetes",),
    ),
    "linnerud": Row(
        "weight, waist and pulse of 20 men from 3 exercises, numbers; 32 hidden units",
        numbers,
        ("load_linnerud",),
    ),
}


@functools.cache
def load(name: str) -> Task:
    """A task by its name; asked again, the same, so that programs are compiled once.

    >>> from adaptive_tx.tune import tasks
    >>> task = tasks.load("iris")
    >>> task.data.inputs.shape, task.held_out.inputs.shape
    ((105, 4), (45, 4))

    Args:
      name: one of `TASKS`.

    Raises:
      ValueError: if there is none of this name.
      ImportError: if it needs scikit-learn, and that is not there.
    """
    if name not in TASKS:
        raise ValueError(f"load: there is no task {name!r}; choose from {', '.join(TASKS)}.")
    return TASKS[name].load(name)
