"""What is trained: the loss, the data and the evaluation of a user, brought to one form."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


@dataclasses.dataclass(frozen=True)
class Problem:
    """The functions of a training, known at trace time: equal ones share compiled programs."""

    loss: Callable
    has_key: bool  # whether the loss takes a key
    draw: Callable | None  # (key) -> batch; None: batches are rows of arrays
    evaluate: Callable | None
    content: str = ""  # their fingerprint: a function can read what has changed since

    def losses(self, params, batch, key) -> tuple[jax.Array, dict[str, jax.Array]]:
        """The loss, and everything to record: the loss and the scalars of its aux."""
        out = self.loss(params, batch, key) if self.has_key else self.loss(params, batch)
        loss, aux = out if isinstance(out, tuple) else (out, None)
        aux = aux if isinstance(aux, dict) else {}
        scalars = {name: x for name, x in aux.items() if is_scalar(x) and name != "loss"}
        return loss, jax.tree.map(lambda x: jnp.asarray(x, float), {"loss": loss, **scalars})

    def metrics(self, params) -> dict[str, jax.Array]:
        """What `evaluate` gives for these parameters, by name; a single number is a loss."""
        if self.evaluate is None:
            return {}
        out = self.evaluate(params)
        metrics = out if isinstance(out, dict) else {"loss": out}
        return jax.tree.map(lambda x: jnp.asarray(x, float), metrics)


class Init(NamedTuple):
    """What makes the parameters, and its fingerprint."""

    make: Callable  # key -> parameters
    content: str


def is_scalar(x: Any) -> bool:
    """Whether this is a number, or an array of one."""
    return isinstance(x, (jax.Array, np.ndarray, np.generic, int, float)) and jnp.shape(x) == ()


def problem(who: str, loss: Callable, data: Any, evaluate: Callable | None = None) -> Problem:
    """The problem from what the user gave."""
    if not callable(loss):
        raise TypeError(f"{who}: loss must be a function of params and batch, got {loss!r}.")
    if evaluate is not None and not callable(evaluate):
        raise TypeError(f"{who}: evaluate must be a function of params, got {evaluate!r}.")
    return Problem(loss, _takes_key(who, loss), data if callable(data) else None, evaluate)


def _takes_key(who: str, loss: Callable) -> bool:
    """Whether the loss has a third argument without a default, or one that is named key or rng."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    taken = [p for p in inspect.signature(loss).parameters.values() if p.kind in kinds]
    third = taken[2:3]
    needed = [p.name for p in taken if p.default is p.empty]
    if len(taken) < 2 or len(needed) > 3:
        raise TypeError(
            f"{who}: loss must take (params, batch) or (params, batch, key), "
            f"got ({', '.join(p.name for p in taken)})."
        )
    return any(p.default is p.empty or p.name in ("key", "rng") for p in third)
