"""A sweep: many settings of one optimizer as a single transformation with a leading axis."""

import dataclasses
import inspect
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.core.transformation import Transformation
from adaptive_tx.tune.sweeps.axes import Together, points


@dataclasses.dataclass(frozen=True)
class Sweep:
    """`tx` has one optimizer for each row of the table `settings`.

    `len(sweep)` is their number, and `sweep[i]` the optimizer of row i, with Python numbers.
    """

    make: Callable[..., Transformation]
    settings: dict[str, np.ndarray]  # float64[member] for each axis
    tx: Transformation  # every leaf has the leading axis [member]

    def __len__(self) -> int:
        return len(next(iter(self.settings.values())))

    def __getitem__(self, i: int) -> Transformation:
        return self.make(**self.setting(i))

    def setting(self, i: int) -> dict[str, float]:
        """The numbers of row i by name."""
        return {name: float(column[i]) for name, column in self.settings.items()}

    @property
    def name(self) -> str:
        """What `make` is called."""
        return getattr(self.make, "__name__", type(self.make).__name__)

    def at(self, members: np.ndarray) -> Transformation:
        """The optimizers of these rows, as one transformation."""
        return jax.tree.map(lambda leaf: np.asarray(leaf)[members], self.tx)

    def only(self, rows: np.ndarray) -> "Sweep":
        """A sweep of these rows alone."""
        settings = {name: column[rows] for name, column in self.settings.items()}
        return dataclasses.replace(self, settings=settings, tx=self.at(rows))

    def __repr__(self) -> str:
        axes = ", ".join(f"{n}={len(set(c))} values" for n, c in self.settings.items())
        return f"<sweep of {len(self)} x {self.name}: {axes}>"


def sweep(make: Callable[..., Transformation], *together: Together, **axes: Any) -> Sweep:
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
      **axes: for each of the others a range (`log_uniform`, `uniform`, with a count), a list of
        numbers, or one number.

    Raises:
      TypeError: for a name that `make` does not take, or that stands twice.
      ValueError: for a number out of the range of its hyperparameter, with its name; and for an axis
        that changes no number of what `make` returns (a lambda hides it; a setting is no number).
    """
    columns = [*(part.columns for part in map(_checked, together)), *_grid(axes)]
    names = [name for part in columns for name in part]
    if twice := {name for name in names if names.count(name) > 1}:
        raise TypeError(f"sweep: {', '.join(sorted(twice))} stands twice.")
    if not names:
        raise ValueError("sweep: needs at least one axis.")
    _accepts(make, names)
    rows = [
        {name: value for part in combination for name, value in part}
        for combination in itertools.product(*map(_rows, columns))
    ]
    members = [_made(make, row) for row in rows]
    _every_axis_acts(make, rows, members[0])
    leaves = zip(*map(jax.tree.leaves, members), strict=True)
    stacked = [jnp.asarray(np.array(column, np.float64), float) for column in leaves]
    settings = {name: np.array([row[name] for row in rows]) for name in names}
    return Sweep(make, settings, jax.tree.unflatten(jax.tree.structure(members[0]), stacked))


def one_member(tx: Transformation) -> Sweep:
    """A single optimizer as a sweep, whatever it is made of."""
    stacked = jax.tree.map(lambda leaf: jnp.asarray(leaf, float)[None], tx)
    return Sweep(lambda member: tx, {"member": np.zeros(1)}, stacked)


def written(setting: dict[str, float]) -> str:
    """A setting as the arguments of a call, to the seven digits of float32."""
    return ", ".join(f"{name}={x:.7g}" for name, x in setting.items())


def _checked(part: Any) -> Together:
    if not isinstance(part, Together):
        raise TypeError(f"sweep: expected zipped(...), random(...) or name=axis, got {part!r}.")
    return part


def _grid(axes: dict[str, Any]) -> list[dict[str, list[float]]]:
    return [{name: points("sweep", name, axis)} for name, axis in axes.items()]


def _rows(part: dict[str, list[float]]) -> list[tuple[tuple[str, float], ...]]:
    """The settings of one axis, each as pairs of name and number."""
    return [tuple(zip(part, numbers, strict=True)) for numbers in zip(*part.values(), strict=True)]


def _accepts(make: Callable, names: list[str]) -> None:
    if not callable(make):
        got = "an optimizer" if isinstance(make, Transformation) else repr(make)
        raise TypeError(
            f"sweep: make must be a function that makes an optimizer of numbers, got {got}; write "
            'sweep(lambda x: tx.replace({"learning_rate": x}), x=[...]).'
        )
    try:
        inspect.signature(make).bind_partial(**dict.fromkeys(names, 0.0))
    except TypeError as error:
        raise TypeError(f"sweep: {getattr(make, '__name__', make)}: {error}") from error


def _made(make: Callable, row: dict[str, float]) -> Transformation:
    """One optimizer with Python numbers, so that every range is checked."""
    member = make(**row)
    if not isinstance(member, Transformation):
        raise TypeError(f"sweep: make must return a Transformation, got {member!r} for {row}.")
    return member


def _every_axis_acts(make: Callable, rows: list[dict[str, float]], first: Transformation) -> None:
    """Changing one number must change a hyperparameter, and nothing but hyperparameters."""
    for name in rows[0]:
        other = next((row[name] for row in rows if row[name] != rows[0][name]), None)
        if other is None:
            continue
        changed = _made(make, {**rows[0], name: other})
        if len(jax.tree.leaves(changed)) != len(jax.tree.leaves(first)):
            raise ValueError(f"sweep: {name} changes which parts the optimizer has: {changed}.")
        if jax.tree.leaves(changed) == jax.tree.leaves(first):
            raise ValueError(
                f"sweep: {name} = {rows[0][name]} and {other} give the same numbers: {first}. "
                "A number inside a lambda, or a setting, cannot be an axis; use adaptive_tx.schedules."
            )
