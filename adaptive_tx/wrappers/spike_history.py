"""The running history of one number, a norm or a loss, and whether the next one is a spike against it.

    z-score       x > mean + max_z std                  exponential averages
    percentile    x > p + (max_ratio - 1) |p|              p: a percentile of the last values

By z-score a norm is compared by its logarithm: the same test in every unit, and one large value does
not spoil the spread for long. A loss may be negative, and is compared as it is.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from adaptive_tx.core.numerics import clamp, root, squared
from adaptive_tx.core.states import exportable

OF = ("norm", "loss")
LARGEST = 1e18  # larger values count as this, so that squares stay finite
# The least standard deviation that counts. Without one, where a history is all but constant the next
# value would be a spike by its last digits.
LEAST_OF_LOG = 0.1  # 10 % of a norm
LEAST_OF_LOSS = 0.01  # 1 % of its mean


@exportable
class Moments(NamedTuple):
    """What a z-score needs: over all values at first, then over the last 1/(1 - decay) or so."""

    n: jax.Array  # int32[], how many values have entered
    mean: jax.Array  # float32[]
    variance: jax.Array  # float32[]


@exportable
class Window(NamedTuple):
    """The last values, in a ring."""

    n: jax.Array  # int32[], how many values have entered
    values: jax.Array  # float32[window]


@dataclasses.dataclass(frozen=True)
class ByZScore:
    """The history that `guarded_by_z_score` keeps."""

    of: str

    def empty(self) -> Moments:
        return Moments(jnp.zeros((), jnp.int32), *jnp.zeros((2,), jnp.float32))

    def is_spike(self, history: Moments, x: jax.Array, numbers: dict[str, Any]) -> jax.Array:
        least = LEAST_OF_LOG if self.of == "norm" else LEAST_OF_LOSS * history.mean
        spread = root(history.variance + squared(jnp.asarray(least)))
        return self._scale(x) - history.mean > numbers["max_z"] * spread

    def entered(self, history: Moments, x: jax.Array, numbers: dict[str, Any]) -> Moments:
        n = history.n.astype(jnp.float32)
        b = jnp.minimum(numbers["history_decay"], n / (n + 1))  # 0 first: all values weigh the same
        away = self._scale(x) - history.mean
        variance = b * (history.variance + (1 - b) * squared(away))
        return Moments(history.n + 1, history.mean + (1 - b) * away, variance)

    def _scale(self, x: jax.Array) -> jax.Array:
        return jnp.log(jnp.maximum(x, 1 / LARGEST)) if self.of == "norm" else clamp(x, LARGEST)


@dataclasses.dataclass(frozen=True)
class ByPercentile:
    """The history that `guarded_by_percentile` keeps."""

    of: str
    window: int

    def empty(self) -> Window:
        return Window(jnp.zeros((), jnp.int32), jnp.zeros(self.window, jnp.float32))

    def is_spike(self, history: Window, x: jax.Array, numbers: dict[str, Any]) -> jax.Array:
        n = jnp.clip(history.n, 1, self.window)
        there = jnp.arange(self.window, dtype=jnp.int32) < n
        values = jnp.sort(jnp.where(there, history.values, LARGEST))
        rank = numbers["percentile"] / 100 * (n - 1).astype(jnp.float32)
        i = rank.astype(jnp.int32)
        low, high = values[i], values[jnp.minimum(i + 1, n - 1)]
        usual = low + (rank - i.astype(jnp.float32)) * (high - low)
        return clamp(x, LARGEST) > usual + (numbers["max_ratio"] - 1) * jnp.abs(usual)

    def entered(self, history: Window, x: jax.Array, numbers: dict[str, Any]) -> Window:
        del numbers
        values = history.values.at[history.n % self.window].set(clamp(x, LARGEST))
        return Window(history.n + 1, values)
