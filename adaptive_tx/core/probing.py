"""Whether a schedule keeps to the range of the number that it stands for.

Its numbers are checked for themselves; whether what it returns fits is seen by trying: a function of
the user's at the first two counts, for it may be meant for some counts only; one of the library's at many.
In an update, where nothing can be raised, a value beyond the range counts as the nearest within it.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from adaptive_tx.core.ranges import SMALLEST, Range

FIRST = (0, 1)  # a warmup is 0 at first, whatever its sign
# All that a schedule may do at first, and as it goes on, up to the largest counts.
MANY = np.unique([*range(33), *(c for k in range(5, 31) for c in (2**k - 1, 2**k, 3 * 2**k // 2))])


def check(who: str, name: str, schedule: Callable, allowed: Range) -> None:
    """Raises for the first value that does not fit; does nothing while numbers are traced, or several."""
    if any(isinstance(leaf, Tracer) or jnp.ndim(leaf) for leaf in jax.tree.leaves(schedule)):
        return
    for count, value in _values(who, name, schedule):
        if not (_fits(value, allowed) if math.isfinite(value) else count):
            raise ValueError(
                f"{who}: {name} must lie in {allowed}, but its schedule is {value:.6g} at count {count}."
            )


def _fits(value: float, allowed: Range) -> bool:
    """At a closed end, to float32's digits; what has become too small for them counts as 0."""
    return value in allowed or any(
        np.isclose(value, end, rtol=1e-6, atol=SMALLEST)
        for end, sign in zip((allowed.low, allowed.high), allowed.ends)
        if sign in "[]"
    )


def _values(who: str, name: str, schedule: Callable) -> list[tuple[int, float]]:
    """Counts and values; none where a function cannot be called before it is needed."""
    with jax.ensure_compile_time_eval():
        if not getattr(schedule, "holds_functions", True):
            return list(zip(MANY.tolist(), _at_many(schedule, MANY.astype(np.int32)).tolist()))
        try:
            values = [schedule(jnp.asarray(count, jnp.int32)) for count in FIRST]
        except Exception:  # whatever it does, it will do again where it is needed
            return []
        found = []
        for count, value in zip(FIRST, values):
            if isinstance(value, Tracer):
                return []
            kind = getattr(value, "dtype", type(value))
            if not jnp.issubdtype(kind, jnp.number) or jnp.issubdtype(kind, jnp.complexfloating):
                raise TypeError(
                    f"{who}: the schedule of {name} must return a number, got {value!r}."
                )
            found += [(count, float(value))] if jnp.ndim(value) == 0 else []
        return found


@jax.jit
def _at_many(schedule: Callable, counts: jax.Array) -> jax.Array:
    return jax.vmap(schedule)(counts)


def within(value, allowed: Range) -> jax.Array:
    """The value, or the nearest in the range; NaN stays."""
    value = jnp.asarray(value, float)
    low, high = (np.float32(end) for end in (allowed.low, allowed.high))
    least = float(low if allowed.ends[0] == "[" else np.nextafter(low, high))
    most = float(high if allowed.ends[1] == "]" else np.nextafter(high, low))
    if math.isfinite(allowed.low):
        value = jnp.where(value < least, least, value)
    if math.isfinite(allowed.high):
        value = jnp.where(value > most, most, value)
    return value
