"""What wrappers share that keep more sequences of weights than the one that is trained.

The sequences are in float32 at least, whatever the parameters are; an update is what leads a parameter, as
it is, to where the sequence says, so that its rounding never enters what is kept.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core import checks, naming
from adaptive_tx.core.arguments import arguments_of
from adaptive_tx.core.chain import what_ends
from adaptive_tx.core.numerics import arithmetic_dtype, narrow, times, widen
from adaptive_tx.core.transformation import Transformation, transformation_of

KEEP_AN_AVERAGE = ("averaged", "lookahead", "primal_averaged", "schedule_free")


def direction_of(who: str, direction: optax.GradientTransformation) -> Transformation:
    """A transformation without a learning rate, for a wrapper that makes the step, or must come before it.

    Raises:
      ValueError: for one that has a rate, or whose updates are added to the parameters, or point downhill.
    """
    tx = transformation_of(who, "direction", direction)
    if ends := what_ends(tx.update):
        raise ValueError(
            f"{who}: direction is {ends}, or holds it, and its updates are steps; put it around: "
            f"{ends}({who}(...))."
        )
    names = (*naming.names(tx.init), *naming.names(tx.update))  # Rprop's is a number of init
    rates = [n for n in names if n.split(".")[-1] == "learning_rate"]
    if rates:
        raise ValueError(
            f"{who}: direction has a rate already, {rates[0]}. Give the direction without it: in place of "
            "adamw(1e-3) chain(scale_by_adam(), add_decayed_weights(0.01))."
        )
    if _points_downhill(tx):
        raise ValueError(
            f"{who}: direction makes steps: of a gradient of ones it makes what is negative, so it has a "
            "rate of its own, or a factor below 0. Give what comes before that: optax.scale_by_adam() in "
            "place of optax.adam(1e-3)."
        )
    return tx


def _points_downhill(tx: Transformation) -> bool:
    """Whether a rate is in it that has no name: of optax, or a factor. Tried on a gradient of ones."""
    has_factor = any(n.split(".")[-1] == "step_size" for n in naming.names(tx.update))
    if _is_ours(tx.update) and not has_factor:
        return False
    ones: Any = jnp.ones((2, 2))
    try:
        update: Any = tx.update(ones, tx.init(ones), ones)[0]
        return bool(jnp.all(update < 0))
    except Exception:  # it may need more than this, or numbers that are traced
        return False


def _is_ours(update: Any) -> bool:
    arguments = arguments_of(update)
    return arguments is not None and all(_is_ours(p) for _, p in naming.parts_of(arguments))


def whole_optimizer(who: str, tx: optax.GradientTransformation) -> Transformation:
    """A transformation whose updates make weights that can be averaged.

    Raises:
      ValueError: if it is rounded, or keeps an average already.
    """
    tx = transformation_of(who, "tx", tx)
    ends = what_ends(tx.update)
    if ends == "rounded":
        raise ValueError(
            f"{who}: tx is rounded, or holds it, and its parameters would be averaged without their extra "
            f"bits; put the average inside: rounded({who}(tx))."
        )
    if ends in KEEP_AN_AVERAGE:
        raise ValueError(
            f"{who}: tx is {ends}, or holds it, which keeps weights to evaluate already; use one "
            "of the two."
        )
    return tx


def copies(params):
    """A sequence that starts at the parameters, in buffers of its own: either can be donated."""
    return jax.tree.map(lambda p: jnp.array(p, arithmetic_dtype(jnp.result_type(p))), params)


def in_float32(tree):
    """In the arithmetic's precision: what is wrapped sees nothing of small dtypes."""

    def wide(x):
        x = jnp.asarray(x)
        return widen(x, arithmetic_dtype(x.dtype))

    return jax.tree.map(wide, tree)


def check(who: str, grads, params, kept) -> None:
    """Gradients and parameters must be those that a sequence was made for."""
    checks.floating(who, "grads", grads)
    checks.params_given(who, params)
    checks.same_layout(who, "params", params, "the state was made for", kept)
    checks.same_layout(who, "grads", grads, "the state was made for", kept)


def mixed(x: jax.Array, z: jax.Array, of_x) -> jax.Array:
    """of_x x + (1 - of_x) z."""
    of_x = jnp.asarray(of_x)
    return times(x, of_x) + times(z, 1 - of_x)


def leading_to(new, params, grads):
    """The updates that take the parameters to `new`, in the dtypes of the gradients."""

    def update(to, p, g):
        return narrow(to - widen(jnp.asarray(p), to.dtype), jnp.result_type(g))

    return jax.tree.map(update, new, params, grads)
