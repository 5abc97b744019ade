"""A sweep: many settings of one optimizer as a single transformation with a leading axis."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.core.transformation import Transformation
from adaptive_tx.tune.sweeps.axes import Together, is_category, points
from adaptive_tx.tune.sweeps.categories import groups
from adaptive_tx.tune.sweeps.sweepable import accepts, checked, every_axis_acts, made, of_loss_axes


class Setting(NamedTuple):
    """The numbers of one member; of many, with a leading axis."""

    tx: Transformation
    of_loss: dict[str, Any]  # arguments of the loss, by name


@dataclasses.dataclass(frozen=True)
class Sweep:
    """`tx` has one optimizer for each row of the table `settings`.

    `len(sweep)` is their number, and `sweep[i]` the optimizer of row i, with Python numbers.
    """

    make: Callable[..., Transformation]
    settings: dict[str, np.ndarray]  # float64[member], or integers, for each axis of numbers
    tx: Transformation  # every leaf has the leading axis [member]
    words: dict[str, Any] = dataclasses.field(default_factory=dict)  # of categories, of all rows
    members: int = 1  # how many there are where no number varies
    of_loss: tuple[str, ...] = ()  # the axes that are arguments of the loss, not of `make`

    def __len__(self) -> int:
        return len(next(iter(self.settings.values()), range(self.members)))

    def __getitem__(self, i: int) -> Transformation:
        setting = self.setting(i)
        return self.make(**{name: x for name, x in setting.items() if name not in self.of_loss})

    def setting(self, i: int) -> dict[str, Any]:
        """The numbers of row i by name, and its categories."""
        return {**self.words, **{name: column[i].item() for name, column in self.settings.items()}}

    @property
    def name(self) -> str:
        """What `make` is called."""
        return getattr(self.make, "__name__", type(self.make).__name__)

    @property
    def stacked(self) -> Setting:
        """All rows, on a leading axis."""
        given = {name: jnp.asarray(self.settings[name], float) for name in self.of_loss}
        return Setting(self.tx, given)

    def at(self, members: np.ndarray) -> Setting:
        """These rows, on a leading axis."""
        return jax.tree.map(lambda leaf: np.asarray(leaf)[members], self.stacked)

    def only(self, rows: np.ndarray) -> "Sweep":
        """A sweep of these rows alone."""
        settings = {name: column[rows] for name, column in self.settings.items()}
        tx = jax.tree.map(lambda leaf: np.asarray(leaf)[rows], self.tx)
        return dataclasses.replace(self, settings=settings, tx=tx)

    @property
    def parts(self) -> dict[str, "Sweep"]:
        """The sweeps of one program each, by what their names have beside that of this one."""
        return {"": self}

    def __repr__(self) -> str:
        axes = ", ".join(f"{n}={len(set(c))} values" for n, c in self.settings.items())
        return f"<sweep of {len(self)} x {self.name}: {axes}>"


def sweep(
    make: Callable[..., Transformation],
    *together: Together,
    of_loss: Iterable[str] = (),
    **axes: Any,
) -> Sweep:
    """Every combination of the axes, as one transformation and a table.

    >>> import adaptive_tx as atx
    >>> from adaptive_tx import tune
    >>> rates = tune.log_uniform(1e-4, 1e-1, 4)
    >>> four = tune.sweep(atx.adam, learning_rate=rates, b2=[0.99, 0.999])
    >>> len(four), four[2]
    (8, chain(scale_by_adam(b1=0.9, b2=0.99, eps=1e-08), scale_by_learning_rate(learning_rate=0.001)))

    Args:
      make: makes an optimizer from numbers, `make(learning_rate=..., b2=...)`: a constructor of the
        library, or a function of yours that returns a chain. A number that becomes the argument of a
        schedule (`peak`, a fraction of warmup) can be an axis if the schedule is one of
        `adaptive_tx.schedules`.
      *together: `zipped(...)` or `random(...)`: names that vary together, each an axis of the product.
      of_loss: the names of axes that are no numbers of the optimizer, but arguments that the loss (or the
        step) takes by name: `loss(params, batch, key, *, smoothing)`.
      **axes: for each of the others a range (`log_uniform`, `log_one_minus`, `uniform`, `integers`, with
        a count), a list of numbers, one number, or a list of categories: strings, bools, None, functions
        (`nesterov=[True, False]`). Each combination of categories, and of integers that change what the
        optimizer is made of, is a program of its own and compiles once; `train` shows them side by side.

    Raises:
      TypeError: for a name that `make` does not take, or that stands twice.
      ValueError: for a number out of the range of its hyperparameter, with its name; and for an axis
        that changes nothing of what `make` returns (a lambda or a closure of optax hides it).
    """
    columns = [*(part.columns for part in map(checked, together)), *_grid(axes)]
    names = [name for part in columns for name in part]
    if twice := {name for name in names if names.count(name) > 1}:
        raise TypeError(f"sweep: {', '.join(sorted(twice))} stands twice.")
    if not names:
        raise ValueError("sweep: needs at least one axis.")
    of_loss = of_loss_axes(of_loss, {name: part[name] for part in columns for name in part})
    accepts(make, [name for name in names if name not in of_loss])
    rows = [
        {name: value for part in combination for name, value in part}
        for combination in itertools.product(*map(_rows, columns))
    ]
    own = [{name: x for name, x in row.items() if name not in of_loss} for row in rows]
    members = [made(make, row) for row in own]
    every_axis_acts(make, own, members[0])
    words = [name for name in names if any(is_category(row[name]) for row in rows)]
    parts = {
        label: _one(make, [rows[i] for i in of], [members[i] for i in of], words, of_loss)
        for label, of in groups(rows, members)
    }
    return Sweeps(parts) if len(parts) > 1 else next(iter(parts.values()))


def _one(
    make: Callable,
    rows: list[dict[str, Any]],
    members: list[Transformation],
    words: list[str],
    of_loss: tuple[str, ...],
) -> Sweep:
    """The sweep of members that one program trains; `words` are the axes of categories."""
    leaves = zip(*map(jax.tree.leaves, members), strict=True)
    stacked = [jnp.asarray(np.array(column, np.float64), float) for column in leaves]
    tx = jax.tree.unflatten(jax.tree.structure(members[0]), stacked)
    numbers = [name for name in rows[0] if name not in words]
    settings = {name: np.array([row[name] for row in rows]) for name in numbers}
    return Sweep(make, settings, tx, {name: rows[0][name] for name in words}, len(rows), of_loss)


def one_member(tx: Transformation) -> Sweep:
    """A single optimizer as a sweep, whatever it is made of."""
    stacked = jax.tree.map(lambda leaf: jnp.asarray(leaf, float)[None], tx)
    return Sweep(lambda member: tx, {"member": np.zeros(1)}, stacked)


class Sweeps(Sweep):
    """A sweep in several programs, one for each combination of categories, which are its `parts`.

    Rows are numbered through all of them; it has no `tx`, but each part has one.
    """

    _parts: dict[str, Sweep]

    def __init__(self, parts: dict[str, Sweep]):
        sweeps = list(parts.values())
        names = dict.fromkeys(name for one in sweeps for name in one.settings)
        columns = {name: np.concatenate([one.settings[name] for one in sweeps]) for name in names}
        fields = {"make": sweeps[0].make, "settings": columns, "words": {}, "_parts": parts}
        fields |= {"of_loss": sweeps[0].of_loss}
        for name, value in {**fields, "members": sum(map(len, sweeps))}.items():
            object.__setattr__(self, name, value)

    @property
    def parts(self) -> dict[str, Sweep]:
        return self._parts

    def setting(self, i: int) -> dict[str, Any]:
        for part in self.parts.values():
            if i < len(part):
                return part.setting(i)
            i -= len(part)
        raise IndexError("a sweep has no such row")

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}; {len(self.parts)} programs>"


def _grid(axes: dict[str, Any]) -> list[dict[str, list[Any]]]:
    return [{name: points("sweep", name, axis)} for name, axis in axes.items()]


def _rows(part: dict[str, list[Any]]) -> list[tuple[tuple[str, Any], ...]]:
    """The settings of one axis, each as pairs of name and value."""
    return [tuple(zip(part, numbers, strict=True)) for numbers in zip(*part.values(), strict=True)]
