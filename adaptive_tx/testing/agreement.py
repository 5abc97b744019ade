"""Laws 8 and 9: symmetries, and agreement with the paper, written as a loop in float64, and with optax."""

import functools

import jax
import numpy as np

from adaptive_tx.core import naming
from adaptive_tx.testing.claims import Claims
from adaptive_tx.testing.law import close, law
from adaptive_tx.testing.subject import Subject, at, eagerly, steps, tree


@law(8, "sign", claimed=lambda claims: claims.odd)
def sign(subject: Subject, dtype: str) -> None:
    """Everything turned around, the direction turns around."""
    turned, _ = subject.run(*jax.tree.map(np.negative, (steps(), tree(0))))
    opposite = jax.tree.map(lambda d: -np.asarray(d), subject.usual[0])
    close(turned, opposite, "of turned gradients and parameters, the direction")


@law(8, "rescaled gradients", claimed=lambda claims: claims.scale_free is not None)
def rescaled_gradients(subject: Subject, dtype: str) -> None:
    """64 times as large, they give the same directions."""
    numbers = subject.claims.scale_free or {}
    larger = jax.tree.map(lambda g: 64 * g, steps())
    found, wanted = (subject.run(grads, **numbers)[0] for grads in (larger, steps()))
    close(found, wanted, "of gradients 64 times as large, the direction", 1e-5, 1e-7)


def expected(claims: Claims, grads, params, **changes):
    """The oracle's directions for stacked gradients."""
    assert claims.oracle is not None
    arguments = {**claims.numbers, **claims.settings, **changes}
    flat, structure = jax.tree.flatten(grads)
    n = len(flat[0])
    ps = [np.broadcast_to(np.asarray(p), (n, *p.shape)) for p in jax.tree.leaves(params)]
    if not claims.leafwise:
        trees = (flat, ps) if claims.needs_params else (flat,)
        by_step = [list(zip(*map(np.asarray, leaves))) for leaves in trees]
        columns = zip(*claims.oracle(*by_step, **arguments))
    else:
        pairs = zip(map(np.asarray, flat), ps)
        columns = (claims.oracle(list(g), list(p), **arguments) for g, p in pairs)
    return structure.unflatten([np.stack(list(column)) for column in columns])


def has_oracle(claims: Claims) -> bool:
    return claims.oracle is not None


@law(9, "equals the paper", claimed=has_oracle)
def equals_the_paper(subject: Subject, dtype: str) -> None:
    wanted = expected(subject.claims, steps(), tree(0))
    close(subject.usual[0], wanted, "the direction", 2e-5, 2e-6)


def in_complex(claims: Claims) -> bool:
    return has_oracle(claims) and claims.takes_complex


@law(9, "equals the paper for complex gradients", "complex128", claimed=in_complex)
def equals_the_paper_for_complex_gradients(subject: Subject, dtype: str) -> None:
    agrees(subject, dtype, {})


def under_schedules(claims: Claims) -> bool:
    return has_oracle(claims) and claims.takes_schedules


@law(9, "equals the paper under schedules", "float64", claimed=under_schedules)
def equals_the_paper_under_schedules(subject: Subject, dtype: str) -> None:
    """Every number that `update` reads, as a schedule at once."""
    of_init, of_update = (
        {name.split(".")[-1] for name in naming.names(function)} for function in subject()
    )
    agrees(
        subject,
        dtype,
        {
            name: functools.partial(_moving, value)
            for name, value in subject.claims.numbers.items()
            if name in of_update or name not in of_init
        },
    )


def _moving(start: float, count):
    """A user's schedule: it gets an int32, and under strict promotion makes it a float itself."""
    by = 0.005 if start >= 1 else -0.005  # away from 1, where ranges may end
    return start * (1 + by * (count if isinstance(count, int) else count.astype(float)))


def with_numbers_only(claims: Claims) -> bool:
    return has_oracle(claims) and not claims.takes_schedules


@law(9, "equals the paper in float64", "float64", claimed=with_numbers_only)
def equals_the_paper_in_float64(subject: Subject, dtype: str) -> None:
    """That one under schedules, too, where it takes them."""
    agrees(subject, dtype, {})


def agrees(subject: Subject, dtype: str, changes) -> None:
    """With the oracle, to the digits of 64 bits."""
    grads, params = steps(1, dtype), tree(0, dtype)
    wanted = expected(subject.claims, grads, params, **changes)
    close(subject.run(grads, params, **changes)[0], wanted, "the direction", 1e-11, 1e-13)


@law(9, "equals optax", claimed=lambda claims: claims.optax is not None)
def equals_optax(subject: Subject, dtype: str) -> None:
    """The same algorithm in optax, which does not run under strict promotion, for 20 steps."""
    assert subject.claims.optax is not None
    with jax.numpy_dtype_promotion("standard"):
        theirs = eagerly(subject.claims.optax(), steps(), tree(0), 20)
    for i, (direction, _) in enumerate(theirs):
        ours = at(subject.usual[0], i)
        close(ours, direction, f"at step {i + 1}, the direction", subject.claims.optax_rtol, 1e-6)
