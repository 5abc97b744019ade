"""What a sweep is made of, checked: its axes, the function that makes its members, and that each acts."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import jax

from adaptive_tx.core.transformation import Transformation, transformation_of
from adaptive_tx.tune.sweeps.axes import Together, is_category
from adaptive_tx.tune.sweeps.categories import parts_of
from adaptive_tx.tune.sweeps.unswept import OTHERWISE, unswept


def checked(part: Any) -> Together:
    if not isinstance(part, Together):
        raise TypeError(f"sweep: expected zipped(...), random(...) or name=axis, got {part!r}.")
    return part


def of_loss_axes(asked: Iterable[str], columns: dict[str, list[Any]]) -> tuple[str, ...]:
    """The axes for the loss: one name is no list of letters, and each must be an axis of numbers."""
    asked = (asked,) if isinstance(asked, str) else tuple(asked)
    for name in asked:
        if any(map(is_category, columns.get(name, ()))):
            raise TypeError(
                f"sweep: {name} is for the loss, which takes numbers that vary in one program, got "
                f"{columns[name]}. {OTHERWISE}"
            )
        if name not in columns:
            raise ValueError(
                f"sweep: of_loss names {name}, which is no axis; the axes are {', '.join(columns)}."
            )
    return asked


def accepts(make: Callable, names: list[str]) -> None:
    if not callable(make):
        got = "an optimizer" if isinstance(make, Transformation) else repr(make)
        raise TypeError(
            f"sweep: make must be a function that makes an optimizer of numbers, got {got}; write "
            'sweep(lambda x: tx.replace({"learning_rate": x}), x=[...]).'
        )
    try:
        inspect.signature(make).bind_partial(**dict.fromkeys(names, 0.0))
    except TypeError as error:
        said = _in_its_own_words(make, names) or f"{getattr(make, '__name__', make)}: {error}."
        raise TypeError(f"sweep: {said} {OTHERWISE}") from error


def _in_its_own_words(make: Callable, names: list[str]) -> str:
    """What a constructor of ours says of names that it does not have."""
    try:
        make(**dict.fromkeys(names, 0.1))
    except TypeError as error:
        return str(error) if "There is no" in str(error) else ""
    return ""


def made(make: Callable, row: dict[str, Any]) -> Transformation:
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


def every_axis_acts(make: Callable, rows: list[dict[str, Any]], first: Transformation) -> None:
    """Changing one value must change a hyperparameter, or a part."""
    for name in rows[0]:
        other = next((row[name] for row in rows if row[name] != rows[0][name]), None)
        if other is None:
            continue
        changed = made(make, {**rows[0], name: other})
        same_parts = changed == first or parts_of(changed) == parts_of(first)
        if same_parts and jax.tree.leaves(changed) == jax.tree.leaves(first):
            raise ValueError(
                f"sweep: {name} = {rows[0][name]} and {other} give the same optimizer: {first}. "
                + unswept(repr(first))
            )
