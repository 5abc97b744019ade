"""Keras' exclude_from_weight_decay: the leaves that the decay spares, known at trace time.

    adamw(exclude_from_weight_decay=["bias", "gamma|beta"])      Keras' var_names
    adamw(exclude_from_weight_decay=["encoder/dense/kernel"])    Keras' var_list

A string without "/" is a regular expression, as in Keras; it is searched in the name of the variable, the
last part of its path: "bias" spares every bias, "dense" nothing. One with "/" is the whole path of a leaf.
"""

import dataclasses
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax

from adaptive_tx.core.paths import path_of

ARGUMENT = "exclude_from_weight_decay"


@dataclasses.dataclass(frozen=True)
class AllBut:
    """A mask, True for the leaves that decay: all but those that `names` exclude."""

    names: tuple[str, ...]
    who: str = "AllBut"  # whose argument it is, for errors

    def __call__(self, params) -> Any:
        flat, structure = jax.tree.flatten_with_path(params)
        paths = [path_of(path) for path, _ in flat]
        if unknown := [name for name in self.names if "/" in name and name not in paths]:
            raise ValueError(f"{self.who}: {ARGUMENT}: params has no leaf {unknown[0]!r}.")
        return structure.unflatten([not self.excludes(path) for path in paths])

    def excludes(self, path: str) -> bool:
        last = path.rpartition("/")[-1]
        return any(n == path if "/" in n else re.search(n, last) is not None for n in self.names)


def excluded(who: str, names: Sequence[str] | None) -> AllBut | None:
    """The mask of what decays; None where nothing is excluded, as for no names in Keras."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names or ()):
        raise TypeError(f"{who}: {ARGUMENT} must be a list of strings, got {names!r}.")
    for name in names or ():
        try:
            re.compile(name)
        except re.error as error:
            raise ValueError(
                f"{who}: {ARGUMENT} has {name!r}, no regular expression: {error}."
            ) from error
    return AllBut(tuple(names), who) if names else None


@dataclasses.dataclass(frozen=True)
class Undecayed:
    """A step whose decay is one of its numbers, as it is on the leaves that the decay spares."""

    step: Callable

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.step)

    def __call__(self, *args, weight_decay, **keywords):
        return self.step(*args, weight_decay=0.0 * weight_decay, **keywords)
