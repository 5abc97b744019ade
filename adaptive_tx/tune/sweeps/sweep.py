"""A sweep: many settings of one optimizer as a single transformation with a leading axis."""

import dataclasses
import inspect
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.core.transformation import Transformation, transformation_of
from adaptive_tx.tune.sweeps.axes import Together, is_category, points
from adaptive_tx.tune.sweeps.categories import groups, parts_of
from adaptive_tx.tune.sweeps.unswept import OTHERWISE, unswept


@dataclasses.dataclass(frozen=True)
class Sweep:
    """`tx` has one optimizer for each row of the table `settings`.

    `len(sweep)` is their number, and `sweep[i]` the optimizer of row i, with Python numbers.
    """

    make: Callable[..., Transformation]
    settings: dict[str, np.ndarray]  # float64[member], or integers, for each axis of numbers
    tx: Transformation  # every leaf has the leading axis [member]
    words: dict[str, Any] = dataclasses.field(
        default_factory=dict
    )  # what all rows have of categories
    members: int = 1  # how many there are where no number varies

    def __len__(self) -> int:
        return len(next(iter(self.settings.values()), range(self.members)))

    def __getitem__(self, i: int) -> Transformation:
        return self.make(**self.setting(i))

    def setting(self, i: int) -> dict[str, Any]:
        """The numbers of row i by name, and its categories."""
        return {**self.words, **{name: column[i].item() for name, column in self.settings.items()}}

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
        tx = jax.tree.map(lambda leaf: np.asarray(leaf)[rows], self.tx)
        return dataclasses.replace(self, settings=settings, tx=tx)

    @property
    def parts(self) -> dict[str, "Sweep"]:
        """The sweeps of one program each, by what their names have beside that of this one."""
        return {"": self}

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
      **axes: for each of the others a range (`log_uniform`, `log_one_minus`, `uniform`, `integers`, with
        a count), a list of numbers, one number, or a list of categories: strings, bools, None, functions
        (`nesterov=[True, False]`). Each combination of categories, and of integers that change what the
        optimizer is made of, is a program of its own and compiles once; `train` shows them side by side.

    Raises:
      TypeError: for a name that `make` does not take, or that stands twice.
      ValueError: for a number out of the range of its hyperparameter, with its name; and for an axis
        that changes nothing of what `make` returns (a lambda or a closure of optax hides it).
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
    parts = {
        label: _one(make, [rows[i] for i in of], [members[i] for i in of])
        for label, of in groups(rows, members)
    }
    return Sweeps(parts) if len(parts) > 1 else next(iter(parts.values()))


def _one(make: Callable, rows: list[dict[str, Any]], members: list[Transformation]) -> Sweep:
    """The sweep of members that one program trains."""
    leaves = zip(*map(jax.tree.leaves, members), strict=True)
    stacked = [jnp.asarray(np.array(column, np.float64), float) for column in leaves]
    tx = jax.tree.unflatten(jax.tree.structure(members[0]), stacked)
    words = {name: x for name, x in rows[0].items() if any(is_category(row[name]) for row in rows)}
    settings = {
        name: np.array([row[name] for row in rows]) for name in rows[0] if name not in words
    }
    return Sweep(make, settings, tx, words, len(rows))


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


def _checked(part: Any) -> Together:
    if not isinstance(part, Together):
        raise TypeError(f"sweep: expected zipped(...), random(...) or name=axis, got {part!r}.")
    return part


def _grid(axes: dict[str, Any]) -> list[dict[str, list[Any]]]:
    return [{name: points("sweep", name, axis)} for name, axis in axes.items()]


def _rows(part: dict[str, list[Any]]) -> list[tuple[tuple[str, Any], ...]]:
    """The settings of one axis, each as pairs of name and value."""
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
        raise TypeError(
            f"sweep: {getattr(make, '__name__', make)}: {error}. {OTHERWISE}"
        ) from error


def _made(make: Callable, row: dict[str, Any]) -> Transformation:
    """One optimizer with Python numbers, so that every range is checked."""
    member = make(**row)
    if not isinstance(member, Transformation):
        raise TypeError(
            f"sweep: make must return a Transformation, got {member!r} for {row}.{_of_optax(member)}"
        )
    return member


def _of_optax(member: Any) -> str:
    if not hasattr(member, "update"):
        return ""
    return f" {unswept(repr(transformation_of('sweep', 'make', member)))}"


def _every_axis_acts(make: Callable, rows: list[dict[str, Any]], first: Transformation) -> None:
    """Changing one value must change a hyperparameter, or a part."""
    for name in rows[0]:
        other = next((row[name] for row in rows if row[name] != rows[0][name]), None)
        if other is None:
            continue
        changed = _made(make, {**rows[0], name: other})
        same_parts = changed == first or parts_of(changed) == parts_of(first)
        if same_parts and jax.tree.leaves(changed) == jax.tree.leaves(first):
            raise ValueError(
                f"sweep: {name} = {rows[0][name]} and {other} give the same optimizer: {first}. "
                + unswept(repr(first))
            )
