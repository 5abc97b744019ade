"""Transformations that are not ours, as parts: optax's, and those of somebody's two functions.

They have no leaves, and each is equal only to itself.
"""

import inspect
from typing import Any

import jax
import optax

from adaptive_tx.core.arguments import Static


def is_plain(function: Any) -> bool:
    return callable(function) and jax.tree_util.all_leaves([function])


def is_like_one(part: Any) -> bool:
    """Whether it has the two functions, as `optax.MultiSteps` does; a class has not made them yet."""
    if isinstance(part, type):
        return False
    return all(callable(getattr(part, name, None)) for name in ("init", "update"))


def hint(part: Any) -> str:
    """What to do with something that is no transformation, as the end of an error."""
    if isinstance(part, (tuple, list)) and len(part) == 2 and all(map(callable, part)):
        return "; of two functions Transformation(init, update) makes one."
    if isinstance(part, (tuple, list)) and part and all(map(is_like_one, part)):
        return "; give several one after the other: chain(*parts)."
    if callable(part):
        return "; was it meant to be called?"
    return ". It is anything with init(params) and update(updates, state, params)."


def plain_init(function: Static, params):
    return function.value(params)


def plain_update(function: Static, updates, state, params=None, **extra):
    """Gives a function what it takes: perhaps no parameters, and of the other keywords those it names."""
    parameters = inspect.signature(function.value).parameters.values()
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        extra = {k: v for k, v in extra.items() if k in {p.name for p in parameters}}
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if [p.kind in by_position for p in parameters] == [True, True]:
        return function.value(updates, state, **extra)
    return function.value(updates, state, params, **extra)


def optax_init(part: Static, params):
    return part.value.init(params)


def optax_update(part: Static, updates, state, params=None, **extra):
    update = optax.with_extra_args_support(part.value).update
    return update(updates, state, params, **extra)
