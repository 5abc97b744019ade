"""What a stream of batches is, and how often it can be read."""

from typing import Any

import jax

ACCESS = ("state", "restore"), ("get_state", "set_state")  # ours, and grain's


def is_stream(data: Any) -> bool:
    """Whether it yields batches: an iterable that is no array and no tree of arrays."""
    return (
        hasattr(type(data), "__iter__")
        and not isinstance(data, (str, bytes))
        and not hasattr(data, "shape")
        and jax.tree_util.default_registry.flatten_one_level(data) is None
    )


def state_of(iterator: Any) -> Any:
    """Where an iterator is; None if it does not tell."""
    for get, _ in ACCESS:
        if callable(function := getattr(iterator, get, None)):
            return function()
    return None


def restore(iterator: Any, state: Any) -> None:
    """Brings an iterator there."""
    for _, put in ACCESS:
        if callable(function := getattr(iterator, put, None)):
            function(state)
            return


def read_once(data: Any) -> bool:
    """Whether data is a stream of which nobody can begin a second time."""
    return is_stream(data) and iter(data) is data and state_of(data) is None
