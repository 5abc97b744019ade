"""What states are made of: classes that JAX can export, and counts that end without wrapping."""

from typing import Any, NamedTuple, TypeVar

import jax
import jax.export
import jax.numpy as jnp
import optax

State = TypeVar("State")


def incremented(count: Any) -> jax.Array:
    """One more, and the largest int32 forever after it."""
    return jnp.asarray(optax.safe_increment(count))


def exportable(state: type[State]) -> type[State]:
    """Registers a class of states for `jax.export`; where somebody has done so, theirs stands."""
    try:
        jax.export.register_namedtuple_serialization(
            state, serialized_name=f"{state.__module__}.{state.__name__}"
        )
    except ValueError:
        pass
    return state


@exportable
class CountState(NamedTuple):
    """The state of a rule that only counts, for its schedules."""

    count: jax.Array  # int32[], the number of finished updates
