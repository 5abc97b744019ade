"""Which examples each step sees: shuffled anew in every epoch, from the words of a key."""

import functools
from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np


class BatchOrder:
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
            taken = order[skipped : skipped + end - begin]
            rows[seed, : last - first] = taken.reshape(last - first, self.batch_size)
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
