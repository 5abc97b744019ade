"""Quantiles over all entries of some leaves; of a sample, where there are many.

Sorting all entries of a model would take longer than its update: 170 ms against 2 for a million entries on
two CPU cores. Quantiles of a sample of 4096 are off by 1 % in rank, and take 0.2 ms.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from adaptive_tx.core import axes

SAMPLE = 4096


def samplers(leaves: Sequence[jax.Array], splits: Sequence[axes.Split]) -> list[Callable]:
    """For each leaf, what takes the sample, a vector, of an array shaped like it.

    Up to 4096 entries are all taken; of more about as many, the same ones in every step, from everywhere
    in every leaf, and from each leaf in proportion to its size. Of symbolic shapes all are taken.
    """
    total = sum(map(axes.size, leaves, splits))

    def sampler(leaf: jax.Array) -> Callable:
        share = -(-leaf.size * SAMPLE // total) if isinstance(total, int) and total else leaf.size
        if not isinstance(total, int) or share >= leaf.size:
            return lambda x: _together(x).ravel()
        picks = np.unravel_index(_spread(leaf.size, share), leaf.shape)
        return lambda x: x.at[picks].get(out_sharding=_everywhere(x))

    return [sampler(leaf) for leaf in leaves]


def quantiles(
    samples: Sequence[jax.Array], splits: Sequence[axes.Split], tenths: Sequence[int]
) -> list[jax.Array]:
    """Of float32 numbers >= 0 on all devices, one sample for each leaf. Zeros if there are none."""
    by_split: dict[axes.Split, list[jax.Array]] = {}
    for sample, split in zip(samples, splits, strict=True):
        by_split.setdefault(split, []).append(sample)
    joined = {split: jnp.concatenate(found) for split, found in by_split.items()}
    x = [lax.all_gather(x, split, tiled=True) if split else x for split, x in joined.items()]
    if not x or not sum(part.size for part in x):
        return [jnp.zeros((), jnp.float32)] * len(tenths)
    found = _of_vector(jnp.concatenate(x), tenths)
    # Gathered, they are the same on all devices already; the largest is so by its type, too.
    return list(axes.largest(jnp.stack(found), axes.union(splits)))


def _of_vector(x: jax.Array, tenths: Sequence[int]) -> list[jax.Array]:
    """As integers they are in the same order, and sort four times as fast."""
    x = lax.bitcast_convert_type(lax.sort(lax.bitcast_convert_type(x, jnp.int32)), jnp.float32)
    found = []
    for n in tenths:
        i, rest = divmod(n * (x.size - 1), 10)
        low, high = x[jnp.asarray(i)], x[jnp.asarray(-(-n * (x.size - 1) // 10))]
        found.append(low + jnp.asarray(rest, jnp.float32) / 10 * (high - low))
    return found


def _spread(size: int, n: int) -> np.ndarray:
    """`n` of `size` positions: one in each of n equal stretches, at a place in it that never repeats.

    Equal steps would meet the same columns of a matrix again and again; the golden ratio does not.
    """
    i = np.arange(n)
    return ((i + i * 0.6180339887498949 % 1) * (size / n)).astype(np.int64)


def _everywhere(x: jax.Array) -> Any:
    """On a mesh with Explicit axes, the sharding in which samples of any leaves can be joined."""
    mesh = jax.typeof(x).sharding.mesh
    return jax.NamedSharding(mesh, jax.P()) if mesh.explicit_axes else None


def _together(x: jax.Array) -> jax.Array:
    sharding = _everywhere(x)
    return x if sharding is None else jax.sharding.reshard(x, sharding)
