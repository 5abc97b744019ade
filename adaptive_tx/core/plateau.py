"""When a series of values no longer improves: the rule of `reduce_on_plateau` and of `early_stopping`.

    mean   of `window` values at a time; one check at the end of each window
    better = best - mean > min_delta |best|        absolute: > min_delta; maximize: mean - best
    best  <- mean, since <- 0                      at a check that is better
    since <- since + 1                             at one that is not; a plateau once since >= patience

With patience=3, a plateau is the third check in a row that is not better; 2.5 counts as 3. The first
finite mean is always better; one that is not finite never is, nor one equal to the best, whatever its
sign. (optax's reduce_on_plateau asks for value < (1 - rtol) best, as any constant below zero is.)
"""

from typing import Any

import jax.numpy as jnp

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, Static, in_dtype
from adaptive_tx.core.states import incremented


def fresh(kind: Static, arguments: Arguments) -> Any:
    """The state before the first value; what is not named here starts at 0."""
    start = {"scale": jnp.ones(()), "mean": jnp.zeros(()), "should_stop": jnp.array(False)}
    start["best"] = jnp.full((), -jnp.inf if arguments.setting("maximize") else jnp.inf, float)
    return kind.value(*(start.get(k, jnp.zeros((), jnp.int32)) for k in kind.value._fields))


def watched(state, value, *, patience, min_delta, window, relative, maximize):
    """The state after one more value, and whether this is a plateau: the rule of both."""
    n = (state.in_window + 1).astype(value.dtype)
    mean = state.mean * ((n - 1) / n) + value / n  # in this form it cannot overflow
    check, known = n >= window, jnp.isfinite(state.best)
    best = jnp.where(known, state.best, 0)
    gain = mean - best if maximize else best - mean
    margin = min_delta * jnp.abs(best) if relative else min_delta
    better = check & jnp.isfinite(mean) & (~known | (gain > margin))
    since = jnp.where(better, 0, jnp.where(check, incremented(state.since), state.since))
    state = state._replace(
        count=incremented(state.count),
        best=jnp.where(better, mean, state.best),
        since=since,
        in_window=jnp.where(check, 0, state.in_window + 1),
        mean=jnp.where(check, 0, mean),
    )
    return state, check & (since.astype(value.dtype) >= patience)


def after(rule, arguments: Arguments, state, value, call: str) -> Any:
    """The state after a value, by one of the two; `call` shows how a value is given."""
    dtype, kind = state.best.dtype, getattr(value, "dtype", type(value))
    if not jnp.issubdtype(kind, jnp.number) or jnp.issubdtype(kind, jnp.complexfloating):
        raise TypeError(f"{arguments.who}: needs a real number, {call}; got {value!r}.")
    if shape := jnp.shape(value):
        raise ValueError(f"{arguments.who}: value must be a scalar, got an array of shape {shape}.")
    numbers = in_dtype(arguments.at(state.count), dtype)
    return rule(state, jnp.asarray(value, dtype), **numbers, **dict(arguments.settings))


def flags(who: str, relative: bool, maximize: bool) -> dict[str, bool]:
    return {k: checks.flag(who, k, v) for k, v in (("relative", relative), ("maximize", maximize))}
