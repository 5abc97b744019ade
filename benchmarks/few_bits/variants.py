"""Formats of 8 bits that the library could have, each as what it replaces in `adaptive_tx.core.formats`."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from adaptive_tx.core import formats


class Fourth(formats.Levels):
    """Rounds so that the mean of the fourth root is right: see `jensen.py`."""

    def code(self, x: jax.Array, d: jax.Array) -> jax.Array:
        rest = np.uint32(2**self.cut - 1)
        bits = lax.bitcast_convert_type(x, jnp.uint32)
        low = lax.bitcast_convert_type(bits & ~rest, jnp.float32)
        high = lax.bitcast_convert_type((bits | rest) + np.uint32(1), jnp.float32)
        part = (x - low) / lax.select(x > 0, x, lax.full_like(x, 1))
        return super().code(x + np.float32(3 / 8) * part * (high - x), d)


TWO, FOUR = (
    {"digits": 1, "lowest": -94, "largest": 254},
    {"digits": 2, "lowest": -50, "largest": 254},
)
VARIANTS: dict[str, dict[str, Any]] = {
    "two levels": {"SQUARE": formats.Levels(**TWO)},
    "four levels": {"SQUARE": formats.Levels(**FOUR)},
    "two levels, fourth root": {"SQUARE": Fourth(**TWO)},
    "four levels, fourth root": {"SQUARE": Fourth(**FOUR)},
    "stored 8, fourth root": {"NU": Fourth(digits=2, lowest=-94, largest=510)},
}
