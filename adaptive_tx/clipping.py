"""Clipping: bounds on gradients before a rule sees them, or on directions after it.

    clip_by_value        each entry           |g_i| <= max_value
    clip_by_leaf_norm    each leaf            ||g|| <= max_norm
    clip_by_global_norm  the whole tree       ||g|| <= max_norm
    clip_by_rms          each leaf            rms(g) = ||g|| / sqrt(size) <= threshold
    adaptive_grad_clip   each output unit     ||g|| <= clipping max(||p||, eps)

Norms are taken in float32 at least, whatever the gradients are. Except by value, an entry that is not
finite counts as huge and stays as it is: the failure remains visible where it happened, and the finite
entries that share its norm shrink to almost nothing, instead of all becoming NaN.
"""

import jax.numpy as jnp

from adaptive_tx.core import axes
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.norms import norm, rms, shrink
from adaptive_tx.core.numerics import modulus
from adaptive_tx.core.ranges import Range, positive
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import AxisName, PyTree, ScalarOrSchedule

# Far below where float32 squares overflow (see `norms.norm_of`).
norm_limit = Range(positive.low, 1e12, "[]")


def by_value(g, t, *, max_value):
    if jnp.iscomplexobj(g):
        return shrink(g, modulus(g), max_value)
    return jnp.clip(g, -max_value, max_value)


@explained
def clip_by_value(max_value: ScalarOrSchedule) -> Transformation:
    """Brings each entry into [-max_value, max_value] (a complex one: its modulus, keeping the phase).

    An infinite real entry becomes the bound; NaN stays NaN.

    Args:
      max_value: the bound, > 0, in the unit of the gradients.
    """
    return leafwise("clip_by_value", by_value, clips=True, max_value=positive(max_value))


def by_leaf_norm(g, t, *, max_norm):
    return shrink(g, norm(g), max_norm)


@explained
def clip_by_leaf_norm(max_norm: ScalarOrSchedule) -> Transformation:
    """Scales each leaf down to a norm of at most max_norm.

    Args:
      max_norm: the bound, > 0 and at most 1e12, in the unit of the gradients.
    """
    return leafwise("clip_by_leaf_norm", by_leaf_norm, clips=True, max_norm=norm_limit(max_norm))


def by_rms(g, t, *, threshold):
    return shrink(g, rms(g), threshold)


@explained
def clip_by_rms(threshold: ScalarOrSchedule) -> Transformation:
    """Scales each leaf down to a root mean square of at most threshold, as Adafactor does with updates.

    Args:
      threshold: the bound, > 0 and at most 1e12, in the unit of what it clips.

    Source: Shazeer and Stern, Adafactor, 2018, arXiv:1804.04235, section 6.
    """
    return leafwise("clip_by_rms", by_rms, clips=True, threshold=norm_limit(threshold))


def by_unit_norm(g, t, *, p, clipping, eps):
    axis = tuple(range(g.ndim - 1)) if g.ndim > 1 else None
    return shrink(g, norm(g, axis), clipping * jnp.maximum(norm(p, axis), eps))


@explained
def adaptive_grad_clip(
    clipping: ScalarOrSchedule = 0.01, *, eps: ScalarOrSchedule = 1e-3
) -> Transformation:
    """Scales the gradient of each output unit down to a fraction of the norm of its weights.

    A unit is what shares the last axis's index: a column of a (in, out) kernel, a filter of a
    (height, width, in, out) one; scalars and vectors are one unit. Needs the parameters.

    Args:
      clipping: largest ratio of the gradient's norm to the parameter's, > 0.
      eps: least norm of the parameter that counts, > 0, so that zero weights can move.

    Source: Brock et al., High-Performance Large-Scale Image Recognition Without Normalization, 2021,
    arXiv:2102.06171, section 4.1.
    """
    return leafwise(
        "adaptive_grad_clip",
        by_unit_norm,
        clips=True,
        clipping=norm_limit(clipping),
        eps=positive(eps),
    )


def global_norm(t, *, tree):
    return {"size": tree.norm()}


def by_global_norm(g, t, *, size, max_norm):
    return shrink(g, size, max_norm)


@explained
def clip_by_global_norm(
    max_norm: ScalarOrSchedule, *, axis_name: AxisName | None = None, sharded: PyTree | None = None
) -> Transformation:
    """Scales the whole tree down to a norm of at most max_norm.

    Args:
      max_norm: the bound, > 0 and at most 1e12, in the unit of the gradients.
      axis_name: inside `shard_map`, the name(s) of the axes over which leaves are split: their squares
        are summed over these, and those of a replicated leaf count once. Under `jit` alone, shardings
        are seen through.
      sharded: which leaves are split over them, where JAX does not know it (in `pmap`, `vmap` and
        `shard_map(check_vma=False)`): True for all, False for none, or a tree of bools.

    Raises:
      ValueError: from `update`, if it is not known what is split, or a replicated leaf would be scaled by
        another norm on each device.

    Source: Pascanu et al., On the difficulty of training recurrent neural networks, 2013.
    """
    who = "clip_by_global_norm"
    return leafwise(
        who,
        by_global_norm,
        shared=global_norm,
        settings=axes.settings(who, axis_name, sharded),
        clips=True,
        max_norm=norm_limit(max_norm),
    )
