"""What a training loop does around an optimizer: it applies updates, measures trees, averages parameters.

The names and the order of the arguments are optax's, so these are functions of arrays, and no values.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core import checks, tree
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.numerics import arithmetic_dtype, narrow, widen
from adaptive_tx.core.typing import PyTree, Scalar


@explained
def apply_updates(params: PyTree, updates: PyTree) -> Any:
    """The parameters after an update: p + u, in the dtype of p.

    Args:
      params: the parameters. None in place of one stays None.
      updates: what `update` returned: a leaf for each parameter, of its shape and of any floating dtype;
        the sum is taken in the wider of the two and rounded once. Where it is None, the parameter stays.

    Raises:
      ValueError: where structures or shapes differ; nothing is broadcast.
    """

    def moved(path, p, u):
        if p is None or u is None:
            return p
        if jnp.shape(p) != jnp.shape(u):
            raise ValueError(
                f"apply_updates: {checks.keystr('updates', path)} has shape {jnp.shape(u)}, but "
                f"params {jnp.shape(p)}."
            )
        with jax.numpy_dtype_promotion("standard"):
            return optax.apply_updates(p, u)

    _same_structure("apply_updates", "updates", updates, "params has", params)
    return jax.tree.map_with_path(moved, params, updates, is_leaf=_is_none)


@explained
def global_norm(updates: PyTree) -> jax.Array:
    """The Euclidean norm of all leaves together, as float32 at least: squares neither overflow nor vanish.

    Args:
      updates: gradients, updates or parameters: any tree of floating-point arrays. Of none it is 0.
    """
    checks.floating("global_norm", "updates", updates)
    return tree.global_norm(updates)


@explained
def incremental_update(new_tensors: PyTree, old_tensors: PyTree, step_size: Scalar) -> Any:
    """The average moved towards the new: step_size new + (1 - step_size) old.

    Args:
      new_tensors: the latest parameters.
      old_tensors: the average. Each leaf keeps its dtype, and is rounded to it once; start it in float32,
        as in bfloat16 a step of a thousandth is lost.
      step_size: the weight of the new, in [0, 1]; 0.001 averages about the last thousand.

    Leaves that are not floating-point, such as counts, are taken from the new as they are.

    Raises:
      ValueError: where structures or shapes differ.
    """

    def averaged(path, new, old):
        if new is None or not jnp.issubdtype(jnp.result_type(old), jnp.inexact):
            return new
        if jnp.shape(new) != jnp.shape(old):
            raise ValueError(
                f"incremental_update: {checks.keystr('new_tensors', path)} has shape "
                f"{jnp.shape(new)}, but old_tensors {jnp.shape(old)}."
            )
        new, old = jnp.asarray(new), jnp.asarray(old)
        dtype = arithmetic_dtype(new.dtype, old.dtype)
        with jax.numpy_dtype_promotion("standard"):
            mean: Any = optax.incremental_update(widen(new, dtype), widen(old, dtype), step_size)
        return narrow(mean, old.dtype)

    who, has = "incremental_update", "old_tensors has"
    _same_structure(who, "new_tensors", new_tensors, has, old_tensors)
    return jax.tree.map_with_path(averaged, new_tensors, old_tensors, is_leaf=_is_none)


def _is_none(x: Any) -> bool:
    return x is None


def _same_structure(who: str, what: str, tree, like_what: str, like) -> None:
    """None counts as a leaf, which may stand for any."""
    if jax.tree.structure(tree, is_leaf=_is_none) == jax.tree.structure(like, is_leaf=_is_none):
        return
    checks.same_layout(who, what, tree, like_what, like)
