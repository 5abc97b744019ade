"""What is trained: the user's loss, data and evaluation, brought to one form and checked."""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import chex
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

    def evaluated(self, params) -> dict[str, jax.Array]:
        """What `evaluate` says of these parameters, by name; a single number is a loss."""
        if self.evaluate is None:
            return {}
        out = self.evaluate(params)
        return jax.tree.map(
            lambda x: jnp.asarray(x, float), out if isinstance(out, dict) else {"loss": out}
        )


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


class Orders:
    """Which examples each step sees: all of them, shuffled anew in every epoch, for each seed.

    Drawn outside the program: a sort inside it would cost as much compilation as a small model.
    """

    def __init__(self, examples: int, batch_size: int, seeds: int, entropy: tuple[int, ...]):
        self.examples, self.batch_size, self.seeds = examples, batch_size, seeds
        self._epoch = functools.lru_cache(maxsize=4 * seeds)(
            lambda seed, epoch: np.random.default_rng((*entropy, seed, epoch)).permutation(examples)
        )

    def rows(self, first: int, last: int, room: int) -> np.ndarray:
        """int32[seed, room, batch]: the rows of steps `first` to before `last`, then zeros."""
        begin, end = first * self.batch_size, last * self.batch_size
        epochs = range(begin // self.examples, -(-end // self.examples))
        skipped = begin - epochs[0] * self.examples
        rows = np.zeros((self.seeds, room, self.batch_size), np.int32)
        for seed in range(self.seeds):
            order = np.concatenate([self._epoch(seed, epoch) for epoch in epochs])
            now = order[skipped : skipped + end - begin]
            rows[seed, : last - first] = now.reshape(last - first, self.batch_size)
        return rows


def as_key(who: str, key: Any) -> tuple[tuple[int, ...], Callable[[], Any]]:
    """A key as words to seed NumPy with, and a function that makes it.

    From None (always the same), an int, or a key. It is made only where somebody takes one: that
    compiles two programs.
    """
    if key is None or isinstance(key, (int, np.integer)) and not isinstance(key, bool):
        number = 0 if key is None else int(key)
        return (number >> 32 & 0xFFFFFFFF, number & 0xFFFFFFFF), lambda: jax.random.key(number)
    if not isinstance(key, chex.Array) or not (
        jnp.issubdtype(key.dtype, jax.dtypes.prng_key) or jnp.shape(key) == (2,)
    ):
        raise TypeError(f"{who}: key must be an int or a jax.random.key, got {key!r}.")
    return tuple(int(word) for word in np.ravel(jax.random.key_data(key))), lambda: key
