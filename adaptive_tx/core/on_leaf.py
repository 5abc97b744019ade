"""The steps of neighbouring rules as one function of one leaf, compiled once for leaves that are alike.

The leaf is widened to float32 at least where it enters, goes from step to step in that precision, and is
rounded where it leaves. Slots are decoded (`storage`) and widened for their rule, and rounded to what they
replace. Numbers, and whatever else all leaves share, are arguments.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.core import checks, noise, storage
from adaptive_tx.core.arguments import in_dtype
from adaptive_tx.core.numerics import arithmetic_dtype, narrow, real_dtype, widen
from adaptive_tx.core.rule import keywords_of
from adaptive_tx.core.rule_update import RuleUpdate
from adaptive_tx.core.saturation import revealing, squarable


class Step(NamedTuple):
    """A rule's step on a leaf, and whether it squares its gradients, which are then bounded for it."""

    function: Callable
    bounds: bool = False
    revealed_by: int | None = None  # where what is not finite shows: see Rule
    kinds: tuple[str, ...] = ()  # how its slots are stored


class Plan(NamedTuple):
    """How leaves of one dtype, with slots of the same dtypes, go through a pass."""

    steps: tuple[Step, ...]
    # What each step gets: the clock, keywords, and the key of its random bits.
    shared: tuple[tuple[jax.Array, dict[str, Any], jax.Array | None], ...]


def plan_of(runs: Sequence[RuleUpdate], dtype, *links: tuple[Any, tuple | None]) -> Plan:
    steps, shared = [], []
    for run, (step, dtypes) in zip(runs, links):
        if dtypes is not None:
            dtype = arithmetic_dtype(dtype, *storage.arithmetic(run.kinds, dtypes))
            steps.append(Step(step, run.rule.bounds_gradients, run.rule.revealed_by, run.kinds))
            shared.append((*run.for_step(real_dtype(dtype)), run.key))
    return Plan(tuple(steps), tuple(shared))


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def on_leaf(
    steps: tuple[Step, ...], out, watched: bool, g, slots: tuple, p, shared: tuple, salt=None
):
    """All steps on one leaf. Returns the direction, the new slots of each step, and what lay between."""
    u, new, seen = g, [], [widen(g, arithmetic_dtype(g.dtype))]
    for step, kept, (t, keywords, key) in zip(steps, slots, shared, strict=True):
        olds = storage.decoded(step.kinds, kept)
        dtype = arithmetic_dtype(u.dtype, *(old.dtype for old in olds if old is not None))
        names = keywords_of(step.function)
        if "p" in names:
            keywords = {**keywords, "p": widen(p, dtype)}
        if "p_eps" in names:  # the machine epsilon of the parameter as it is
            keywords = {**keywords, "p_eps": float(jnp.finfo(jnp.result_type(p)).eps)}
        if "salt" in names:  # what tells the leaf from others, for random numbers
            keywords = {**keywords, "salt": salt}
        u, wide = widen(u, dtype), [x if x is None else widen(x, dtype) for x in olds]
        u, fresh = _called(step, u, wide, t, keywords)
        fresh = [
            old if old is None else narrow(x, old.dtype) for x, old in zip(fresh, olds, strict=True)
        ]
        word = key if key is None else functools.partial(noise.word, key, salt, u)
        new.append(tuple(storage.encoded(step.kinds, fresh, word)))
        seen.append(u)
    return u if out is None else narrow(u, out), tuple(new), tuple(seen) if watched else ()


def _called(step: Step, g, slots: list, t, keywords: dict[str, Any]) -> tuple[jax.Array, list]:
    """The direction and the new slots. A bounded gradient hides nothing that was not finite."""
    limit = storage.largest_gradient(step.kinds)
    bounded, where = squarable(g, limit) if step.bounds else g, step.revealed_by
    if step.bounds and where is not None:
        slots[where] = revealing(slots[where], g)
    result = real_meets_complex(step.function)(bounded, *slots, t, **keywords)
    u, *fresh = result if isinstance(result, tuple) else (result,)
    return revealing(u, g) if step.bounds and where is None else u, fresh


def on_leaves(who: str, step: Callable, grads, t: jax.Array, **numbers: jax.Array):
    """A step without slots on every leaf: for what steps on the whole tree's numbers by itself."""
    checks.floating(who, "grads", grads)

    def stepped(g):
        g = jnp.asarray(g)
        dtype = real_dtype(arithmetic_dtype(g.dtype))
        shared = lax.convert_element_type(t, dtype), in_dtype(numbers, dtype)
        return on_leaf((Step(step),), g.dtype, False, g, ((),), None, ((*shared, None),))[0]

    return jax.tree.map(stepped, grads)


def real_meets_complex(step: Callable) -> Callable:
    """The step, where real numbers (rates, moduli) may multiply complex ones of the same precision.

    Under strict dtype promotion even that would raise; nothing else is promoted, all being widened.
    """

    @functools.wraps(step)
    def call(*args, **kwargs):
        with jax.numpy_dtype_promotion("standard"):
            return step(*args, **kwargs)

    return call
