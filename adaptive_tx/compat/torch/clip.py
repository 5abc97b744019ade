"""torch.nn.utils.clip_grad_norm_ as a transformation.

    g <- g min(1, max_norm / (||g|| + 1e-6))

over all leaves together. `clip_by_global_norm` is the same rule without the 1e-6. As there, an
entry beyond 1e12 counts as 1e12 in float32, and one that is not finite counts as huge and stays as
it is (torch: everything becomes 0 or NaN).
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from adaptive_tx.core import axes
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.norms import bounded
from adaptive_tx.core.numerics import modulus
from adaptive_tx.core.ranges import Range
from adaptive_tx.core.transformation import Transformation

norm_limit = Range(0.0, 1e12, "[]")


def step(g, t, *, size, max_norm):
    factor = jnp.minimum(max_norm / (size + 1e-6), 1)
    return jnp.where((factor < 1) & jnp.isfinite(g), bounded(g) * factor, g)


@functools.cache
def _norm(norm_type: float) -> Callable:
    """The 1-, 2- or infinity-norm of all leaves together."""

    def shared(t, *, tree):
        if norm_type == 2:
            return {"size": tree.norm()}
        if norm_type == 1:
            return {"size": tree.sum(lambda g: jnp.sum(modulus(bounded(g))))}
        return {"size": tree.largest(lambda g: jnp.max(modulus(bounded(g)), initial=0))}

    return shared


def clip_grad_norm(
    max_norm, norm_type: float = 2.0, *, axis_name: Any = None, sharded: Any = None
) -> Transformation:
    """Scales the whole tree down to a norm of about max_norm, as clip_grad_norm_ does.

    Args:
      max_norm: the bound, in [0, 1e12], in the unit of the gradients.
      norm_type: 1, 2 or inf; known at trace time.
      axis_name: inside `shard_map`, the axes over which leaves are split, as in `clip_by_global_norm`.
      sharded: which leaves are, where JAX does not know it; as there.

    Source: torch.nn.utils.clip_grad_norm_, version 2.13.
    """
    who = "clip_grad_norm"
    if norm_type not in (1, 2, math.inf):
        raise ValueError(f"{who}: norm_type must be 1, 2 or inf, got {norm_type!r}.")
    settings = {"norm_type": float(norm_type), **axes.settings(who, axis_name, sharded)}
    return leafwise(
        who,
        step,
        shared=_norm(float(norm_type)),
        settings=settings,
        clips=True,
        max_norm=norm_limit(max_norm),
    )
