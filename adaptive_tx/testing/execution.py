"""Laws 6, 7 and 10: however a rule is run, it gives the same numbers."""

from typing import Any

import jax
import jax.numpy as jnp

from adaptive_tx.testing.claims import Claims
from adaptive_tx.testing.law import Broken, close, law
from adaptive_tx.testing.subject import (
    Subject,
    at,
    beginning,
    part,
    smallest_eps,
    steps,
    tree,
    update,
)
from adaptive_tx.wrappers.guarded import guarded
from adaptive_tx.wrappers.measured import measured


def rounded(claims: Claims) -> dict[str, float]:
    """XLA computes in another order in another program; differences of weights have their last digits."""
    return {"rtol": 1e-6, "atol": 1e-6 if claims.of_weights else 1e-7}


@law(6, "jit equals eager")
def jit_equals_eager(subject: Subject, dtype: str) -> None:
    """Operation by operation in Python, under debug_nans: no number on the way is NaN."""
    for i, (found, wanted) in enumerate(zip(subject.calls, subject.eager(part(steps())))):
        close(found, wanted, f"at step {i + 1}, (direction, state)", **rounded(subject.claims))


@law(6, "one trace")
def one_trace(subject: Subject, dtype: str) -> None:
    """However often a compiled step is called."""
    calls = len(subject.calls)
    if subject.traces != 1:
        raise Broken(f"a jitted step was traced {subject.traces} times in {calls} calls")


@law(6, "scan equals calls")
def scan_equals_calls(subject: Subject, dtype: str) -> None:
    """For four steps, each."""
    directions, states = subject.usual_part
    for i, (direction, state) in enumerate(subject.calls[:4]):
        close(
            at(directions, i),
            direction,
            f"at step {i + 1}, the direction",
            **rounded(subject.claims),
        )
        close(at(states, i), state, f"at step {i + 1}, the state", **rounded(subject.claims))


@law(6, "vmap equals a loop")
def vmap_equals_a_loop(subject: Subject, dtype: str) -> None:
    """Over models, each with gradients and parameters of its own."""
    models, together = subject.models
    _, grads, params = models[1]
    alone = subject.run(grads, params, **subject.claims.exact)
    found = beginning(at(together, 1), 3)
    close(found, beginning(alone, 3), "mapped over, (direction, state)", **rounded(subject.claims))


@law(6, "a leaf alone equals it in a tree", claimed=lambda claims: claims.leafwise)
def a_leaf_alone(subject: Subject, dtype: str) -> None:
    """To the bit."""
    together, alone = subject.eager(steps()), subject.eager(part(steps()))
    for i, ((found, _), (wanted, _)) in enumerate(zip(together, alone)):
        close(part(found), wanted, f"at step {i + 1}, the direction in a larger tree")


@law(7, "closed over, passed or traced")
def closed_over_passed_or_traced(subject: Subject, dtype: str) -> None:
    """However its numbers come to it, a transformation gives the same, if float32 has them exactly.

    Closed over or passed, to the bit, but where it is claimed why not; mapped over, XLA computes in
    another order.
    """
    exact = subject.claims.exact
    passed = subject.usual_part
    last_bit = rounded(subject.claims) if subject.claims.last_bit else {}
    closed_over = subject.closed_over(part(steps()), **exact)
    close(
        beginning(passed, 10), beginning(closed_over, 10), "passed, (direction, state)", **last_bit
    )
    _, together = subject.models
    traced = beginning(at(together, 0), 10)
    close(
        beginning(passed, 10), traced, "mapped over, (direction, state)", **rounded(subject.claims)
    )


def is_rounded(claims: Claims) -> bool:
    return claims.exact != claims.decay_rates or "eps" in claims.numbers


@law(7, "passed is what float32 has of it", claimed=is_rounded)
def passed_is_what_float32_has(subject: Subject, dtype: str) -> None:
    """Closed over, 1 - b is exact; passed, it is off by up to 6e-8 / (1 - b). With the smallest eps."""
    least = min([1 - b for b in subject.claims.decay_rates.values()], default=1.0)
    changes = smallest_eps(subject.claims)
    passed, closed_over = (
        f(part(steps()), **changes)[0] for f in (subject.run, subject.closed_over)
    )
    found, wanted = beginning(passed, 10), beginning(closed_over, 10)
    close(found, wanted, "passed, the direction", 6e-8 / least, 1e-6)


@law(10, "wrappers change nothing", claimed=lambda claims: not claims.wraps)
def wrappers_change_nothing(subject: Subject, dtype: str) -> None:
    """Measured and guarded, it has the same updates and states to the bit, but where leaves are summed.

    As one program XLA may round otherwise: see law 6.
    """
    sums = {"rtol": 1e-6, "atol": 1e-12} if subject.claims.sums_leaves else {}
    params, around = (
        jax.tree.map(jnp.asarray, tree(0)),
        guarded(measured(subject(**subject.claims.exact))),
    )
    outer: Any = around.init(params)
    for i, (updates, state) in enumerate(subject.eager(steps())):
        g = jax.tree.map(jnp.asarray, at(steps(), i))
        same, outer = update(around, g, outer, params)
        close(same, updates, f"at step {i + 1}, what is wrapped: the direction", **sums)
        where = f"at step {i + 1}, what is wrapped: the state"
        close(outer.inner_state.inner_state, state, where, **sums)
    if outer.skipped != 0:
        raise Broken(f"guarded skipped {outer.skipped} of 3 usual gradients")
