"""One step on every leaf of a tree: checked, widened, computed, narrowed, and compiled once a shape.

The engine of `leafwise`, and of what looks at the whole tree before it steps on its leaves.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import in_dtype
from adaptive_tx.core.debiasing import corrections
from adaptive_tx.core.masks import ALL, Mask
from adaptive_tx.core.numerics import arithmetic_dtype, narrow, real_dtype, squarable, widen

NONE: dict[str, jax.Array] = {}


def on_leaves(
    who: str, step: Callable, grads, slots: tuple = (), params=None,
    *, t: jax.Array, numbers: dict[str, Any], weights: dict[str, jax.Array] = NONE, mask: Mask = ALL,
    once: Callable | None = None, debiased: tuple[str, ...] = (), squares: bool = False,
    of_leaf: tuple[int, ...] = (),
):  # fmt: skip
    """One step on every leaf: checked, widened to at least float32, narrowed to what it replaces.

    Returns the tree of directions and the tuple of trees of new slots.

    Args:
      who: the public constructor that complains.
      step: the rule, on one array (`leafwise`).
      grads: what the step is on.
      slots: trees like it.
      params: needed by a step that takes `p`.
      t: the number of this update, from 1.
      numbers: the step's keywords, decay rates as `Decay`.
      weights: the sums of the weights of those that are schedules, by name (`debiasing`).
      mask: the leaves that the step is on; the others pass untouched.
      once: as in `leafwise`.
      debiased: as in `leafwise`.
      squares: whether some slot holds squares of gradients.
      of_leaf: which of the slots hold one number a leaf.
    """
    checks.floating(who, "grads", grads)
    for i, slot in enumerate(slots):
        like = jax.tree.map(lambda _: 0.0, grads) if i in of_leaf else grads
        checks.same_layout(who, "grads", like, "the state was made for", slot)
    if reads_params := "p" in keywords_of(step):
        checks.params_given(who, params)
        checks.same_layout(who, "grads", grads, "params has", params)
    leaves, structure = jax.tree.flatten(grads)
    columns = [jax.tree.leaves(slot) for slot in slots]
    ps = jax.tree.leaves(params) if reads_params else [None] * len(leaves)
    chosen = mask.leaves(who, grads, params)
    clock = functools.cache(functools.partial(_clock, step, once, debiased, t, numbers, weights))

    results = []
    for i, (g, p, applies, *slot) in enumerate(zip(leaves, ps, chosen, *columns, strict=True)):
        if not applies:
            results.append((g, *slot))
            continue
        g = jnp.asarray(g)
        dtype = real_dtype(arithmetic_dtype(g.dtype, *(s.dtype for s in slot)))
        try:
            results.append(_on_leaf(step, squares, g, tuple(slot), p, *clock(dtype)))
        except TypeError as error:
            path, _ = jax.tree.leaves_with_path(grads)[i]
            raise TypeError(f"{who}: {checks.keystr('grads', path)}: {error}.") from error
    trees = (
        [structure.unflatten(column) for column in zip(*results)] if results else [grads, *slots]
    )
    return trees[0], tuple(trees[1:])


def _clock(step: Callable, once, debiased, t: jax.Array, numbers: dict, weights: dict, dtype):
    """The clock and the step's keywords as arrays of the arithmetic's dtype."""
    t, known = all_numbers(once, debiased, t, numbers, weights, dtype)
    if once is not None or debiased:
        known = {name: known[name] for name in keywords_of(step) if name != "p"}
    return t, known


def all_numbers(once, debiased, t: jax.Array, numbers: dict, weights: dict, dtype):
    """The clock, the hyperparameters, and what all leaves share of what follows, in one dtype."""
    t, numbers = lax.convert_element_type(t, dtype), in_dtype(numbers, dtype)
    if once is None and not debiased:
        return t, numbers
    return t, {**numbers, **_shared(once, debiased, t, numbers, weights)}


@functools.partial(jax.jit, static_argnums=(0, 1))
def _shared(
    once: Callable | None, debiased: tuple[str, ...], t, numbers: dict, weights: dict
) -> dict:
    """What all leaves share, in one compiled call."""
    sums = corrections(t, debiased, numbers, weights)
    return sums if once is None else {**sums, **once(t, **numbers, **sums)}


@functools.partial(jax.jit, static_argnums=(0, 1))
def _on_leaf(step: Callable, squares: bool, g, slots: tuple, p, t, numbers: dict):
    """The step on one leaf. Leaves of equal shape and dtype share one trace."""
    dtype = arithmetic_dtype(g.dtype, *(slot.dtype for slot in slots))
    if p is not None:
        numbers = {**numbers, "p": widen(p, dtype)}
    wide_g, *wide = (widen(x, dtype) for x in (g, *slots))
    wide_g = squarable(wide_g) if squares else wide_g
    result = real_meets_complex(step)(wide_g, *wide, t, **numbers)
    direction, *new = result if isinstance(result, tuple) else (result,)
    narrowed = (narrow(x, old.dtype) for x, old in zip((direction, *new), (g, *slots), strict=True))
    return tuple(narrowed)


@functools.cache
def keywords_of(step: Callable) -> tuple[str, ...]:
    parameters = inspect.signature(step).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def real_meets_complex(step: Callable) -> Callable:
    """The step, where real numbers (rates, moduli) may multiply complex ones of the same precision.

    Under strict dtype promotion even that would raise; nothing else is promoted, all being widened.
    """

    @functools.wraps(step)
    def call(*args, **kwargs):
        with jax.numpy_dtype_promotion("standard"):
            return step(*args, **kwargs)

    return call
