"""Keras' exclude_from_weight_decay: the leaves that the decay spares, known at trace time.

    adamw(exclude_from_weight_decay=["bias", "gamma|beta"])      Keras' var_names
    adamw(exclude_from_weight_decay=["encoder/dense/kernel"])    Keras' var_list

A string without "/" is a regular expression, as in Keras; it is searched in the name of the variable, the
last part of its path: "bias" spares every bias, "dense" nothing. One with "/" is the whole path of a leaf.
"""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import jax
from jax.tree_util import Partial

from adaptive_tx.core.arguments import Arguments
from adaptive_tx.core.masks import Mask
from adaptive_tx.core.transformation import Transformation

ARGUMENT = "exclude_from_weight_decay"


@dataclasses.dataclass(frozen=True)
class AllBut:
    """A mask, True for the leaves that decay: all but those that `names` exclude."""

    names: tuple[str, ...]

    def __call__(self, params) -> Any:
        flat, structure = jax.tree.flatten_with_path(params)
        paths = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in flat]
        if unknown := [name for name in self.names if "/" in name and name not in paths]:
            raise ValueError(f"{ARGUMENT}: params has no leaf {unknown[0]!r}.")
        return structure.unflatten([not self.excludes(path) for path in paths])

    def excludes(self, path: str) -> bool:
        last = path.rpartition("/")[-1]
        return any(n == path if "/" in n else re.search(n, last) is not None for n in self.names)


def excluded(who: str, names: Sequence[str] | None) -> tuple[str, ...] | None:
    """The names, checked; None where nothing is excluded, as for none of them in Keras."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names or ()):
        raise TypeError(f"{who}: {ARGUMENT} must be a list of strings, got {names!r}.")
    for name in names or ():
        try:
            re.compile(name)
        except re.error as error:
            raise ValueError(
                f"{who}: {ARGUMENT} has {name!r}, no regular expression: {error}."
            ) from error
    return tuple(names) if names else None


def sparing(tx: Transformation, names: Sequence[str] | None) -> Transformation:
    """A leafwise part with a weight_decay of its own, which the leaves that are excluded go without."""
    update: Any = tx.update
    *static, arguments = update.args
    names = excluded(arguments.who, names)
    if names is None:
        return tx
    settings = (*arguments.settings, (ARGUMENT, names))
    own = dataclasses.replace(arguments, settings=settings)
    return Transformation(tx.init, Partial(_update, Partial(update.func, *static), own))


def _update(part: Partial, arguments: Arguments, grads, state, params=None, **extra):
    """Every leaf with and without decay; the mask is known when tracing, so a jit computes one of them."""
    spared = arguments.put("weight_decay", 0.0)
    ways = [part(way, grads, state, params, **extra) for way in (arguments, spared)]
    structure = jax.tree.structure(grads)
    mask = Mask(AllBut(arguments.setting(ARGUMENT))).leaves(arguments.who, grads, params)

    def chosen(*trees):
        columns = [structure.flatten_up_to(tree) for tree in trees]
        return structure.unflatten([a if decays else b for decays, a, b in zip(mask, *columns)])

    (direction, new), (other, new_other) = ways
    slots = map(chosen, new[1:], new_other[1:])
    return chosen(direction, other), type(new)(new.count, *slots)
