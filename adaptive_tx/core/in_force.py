"""What is in force after so many updates: of a number itself, of a schedule what it returns.

A schedule is held to the range of its number, and to one value.
"""

from typing import Any

import jax
import jax.numpy as jnp

from adaptive_tx.core import probing
from adaptive_tx.core.numerics import Decay
from adaptive_tx.core.ranges import Range


def number_at(who: str, name: str, value: Any, allowed: Range, count: jax.Array):
    """A number after `count` finished updates."""
    if isinstance(value, float):
        return value
    if not callable(value):
        if shape := jnp.shape(value):
            raise ValueError(
                f"{who}: {name} is an array of shape {shape}: these are several in one value. Map over "
                "them, jax.vmap(step)(txs, ...), or take one: jax.tree.map(lambda x: x[0], txs)."
            )
        return value
    return probing.within(_one_number(who, name, value(count)), allowed)


def decay_at(who: str, name: str, value: Any, allowed: Range, count: jax.Array) -> Decay:
    """A decay rate in force; a schedule of ours may know 1 - b better than b can say it."""
    if not hasattr(value, "decay"):
        return Decay.of(number_at(who, name, value, allowed, count))
    decay = value.decay(count)
    _one_number(who, name, decay.weight)
    return decay


def _one_number(who: str, name: str, value: Any) -> Any:
    """What a schedule returned.

    Raises:
      ValueError: if that is an array of several.
    """
    if shape := jnp.shape(value):
        raise ValueError(
            f"{who}: the schedule of {name} must return a scalar, got an array of shape {shape}."
        )
    return value
