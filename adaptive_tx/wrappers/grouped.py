"""Groups of parameters: each with a rule of its own, or only with numbers of its own.

    grouped({"norms": {"weight_decay": 0.0}}, by={"norms": r"norm|bias"}, default=adamw(1e-3))
    grouped({"vit": set_to_zero(), "head": lion(1e-4)}, by={"vit": "^vit/", "head": "^head/"})
    masked(add_decayed_weights(0.01), only=r"kernel$")

Paths are written alike for dicts, linen, Haiku, NNX and Equinox: "encoder/dense_0/kernel".
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

import jax
import optax

from adaptive_tx.core.arguments import Arguments, arguments_of
from adaptive_tx.core.assigning import ByMask, ByName, Patterns, patterns_of
from adaptive_tx.core.chain import chain, what_ends
from adaptive_tx.core.grouping import grouping
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.masks import mask_of
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import times
from adaptive_tx.core.ranges import non_negative
from adaptive_tx.core.transformation import Transformation, transformation_of
from adaptive_tx.core.typing import LeafPredicate, MaskOrFunction, ScalarOrSchedule

DEFAULT = "default"


@explained
def grouped(
    groups: Mapping[str, optax.GradientTransformation | Mapping[str, ScalarOrSchedule]],
    *,
    by: Mapping[str, str] | Callable[[str, jax.Array], str | None],
    default: optax.GradientTransformation | None = None,
) -> Transformation:
    """Each group of parameters is stepped on by its own transformation.

    Args:
      groups: by the name of the group its transformation, or the numbers in which it differs from
        `default`, by their names there: {"weight_decay": 0.0}. A "multiplier" among them multiplies the
        group's updates, as a multiplier of the rate does. A group that is frozen is
        `set_to_zero()`, of which the state has a count alone.
      by: the group of each leaf: regular expressions, found anywhere in its path ("encoder/dense/kernel"),
        by group; or a function of the path and the array that returns a name, or None for `default`.
        Where `update` gets no parameters, the array is the gradient.
      default: the transformation for leaves in no group.

    A group's transformation sees its own leaves only: a global norm is that of the group. To clip by that
    of all, clip before: `chain(clip_by_global_norm(1.0), grouped(...))`. Its hyperparameters are named
    "group.name", and those of `default` "default.name".

    Raises:
      TypeError: for what is no transformation, and numbers that `default` has not.
      ValueError: for a pattern that matches no leaf, leaves in two groups, and leaves in none without
        `default`, which are listed; for a pattern without a group, or a group without a pattern.

    >>> import adaptive_tx as atx, jax.numpy as jnp
    >>> params = {"dense": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}}
    >>> tx = atx.grouped({"bias": {"weight_decay": 0.0}}, by={"bias": "bias$"}, default=atx.adamw(1e-3))
    >>> tx.hyperparameters(tx.init(params))["bias.1.weight_decay"]
    0.0
    """
    who = "grouped"
    if not isinstance(groups, Mapping):
        raise TypeError(f"{who}: groups must be a dict of transformations by name, got {groups!r}.")
    base = None if default is None else transformation_of(who, "default", default)
    parts = {name: _part(name, value, base) for name, value in groups.items()}
    if base is not None:
        if DEFAULT in parts:
            raise ValueError(f"{who}: give the group 'default' or default=, not both.")
        parts[DEFAULT] = base
    if not parts:
        raise ValueError(f"{who}: there is no group; give some, or default=.")
    named = tuple(name for name in parts if name != DEFAULT)
    found = patterns_of(who, by)
    if isinstance(found, Patterns):
        _check_names(who, [name for name, _ in found], named)
    kind = ByName(found, named, DEFAULT if DEFAULT in parts else None)
    sides = ({name: part[i] for name, part in parts.items()} for i in (0, 1))
    first, later = (
        dataclasses.replace(Arguments.of(who, settings={"by": found}, parts=side), keyed=True)
        for side in sides
    )
    return Transformation(*grouping(kind, (first, later)))


@explained
def masked(
    tx: optax.GradientTransformation,
    *,
    mask: MaskOrFunction | None = None,
    only: LeafPredicate | None = None,
) -> Transformation:
    """Applies a transformation to some of the leaves; the others pass untouched.

    Args:
      tx: the transformation; its hyperparameters keep their names. It keeps nothing for the other leaves.
      mask: the leaves, as a tree of bools or a function of the parameters.
      only: the leaves, as a predicate on path and array, or a regular expression found in the path.

    To freeze leaves, which pass untouched here, see `grouped`.

    Raises:
      TypeError: if neither or both are given.
      ValueError: for a regular expression that matches nothing.
    """
    who = "masked"
    tx = transformation_of(who, "tx", tx)
    if mask is None and only is None:
        raise TypeError(f"{who}: give mask or only: which leaves.")
    chosen = mask_of(who, mask, only)
    first, later = (
        dataclasses.replace(
            Arguments.of(who, settings=chosen.settings(), parts={"": side}), keyed=True
        )
        for side in tx
    )
    return Transformation(*grouping(ByMask(chosen), (first, later)))


def multiply(u, t, *, multiplier):
    return times(u, multiplier)


def _part(name: str, value: Any, default: Transformation | None) -> Transformation:
    """A group's transformation."""
    if not isinstance(name, str) or not re.fullmatch(r"\w+", name):
        raise TypeError(
            f"grouped: a group's name must be a word of letters and digits, got {name!r}."
        )
    if not isinstance(value, Mapping):
        return transformation_of("grouped", f"groups[{name!r}]", value)
    if default is None:
        raise TypeError(f"grouped: groups[{name!r}] changes numbers of default=; give that.")
    changes = {key: number for key, number in value.items() if key != "multiplier"}
    try:
        tx = default.replace(changes)
    except (TypeError, ValueError) as error:
        raise type(error)(f"grouped: groups[{name!r}]: {error}") from error
    if "multiplier" not in value:
        return tx
    if who := what_ends(tx.update):
        raise ValueError(
            f"grouped: groups[{name!r}] has a multiplier, which {who} in default would not see; write "
            f"{who}(grouped(...))."
        )
    last = leafwise("multiplier", multiply, multiplier=non_negative(value["multiplier"]))
    return chain(*_links(tx), last)


def _links(tx: Transformation) -> list[Transformation]:
    """The parts of a chain, so that one more is its last; of anything else it alone."""
    first, later = arguments_of(tx.init), arguments_of(tx.update)
    if later is None or later.who != "chain":
        return [tx]
    return [Transformation(*pair) for pair in zip(first.parts, later.parts)]


def _check_names(who: str, patterns: list[str], groups: tuple[str, ...]) -> None:
    for name in groups:
        if name not in patterns:
            raise ValueError(f"{who}: by has no pattern for the group {name!r}.")
    for name in patterns:
        if name not in groups:
            raise ValueError(f"{who}: by has a pattern for {name!r}, but there is no such group.")
