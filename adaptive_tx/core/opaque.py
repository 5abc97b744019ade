"""Transformations that are not ours, as parts: optax's, and pairs of somebody's functions.

They have no leaves, and each is equal only to itself.
"""

import inspect
from typing import Any

import jax
import optax

from adaptive_tx.core.arguments import Static


def is_plain(function: Any) -> bool:
    return callable(function) and jax.tree_util.all_leaves([function])


def plain_update(function: Static, updates, state, params=None, **extra):
    parameters = inspect.signature(function.value).parameters.values()
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        extra = {k: v for k, v in extra.items() if k in {p.name for p in parameters}}
    return function.value(updates, state, params, **extra)


def optax_init(part: Static, params):
    return part.value.init(params)


def optax_update(part: Static, updates, state, params=None, **extra):
    update = optax.with_extra_args_support(part.value).update
    return update(updates, state, params, **extra)
