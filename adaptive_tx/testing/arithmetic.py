"""Laws 3 to 5: float32 or more inside, finite whatever comes, differentiable."""

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.testing.claims import Claims
from adaptive_tx.testing.law import Broken, close, finite, law
from adaptive_tx.testing.subject import (
    STEPS,
    Subject,
    at,
    beginning,
    constant,
    part,
    shocked,
    smallest_eps,
    steps,
    tree,
)


@law(3, "float32 arithmetic", "float16", "bfloat16")
def arithmetic_is_float32(subject: Subject, dtype: str) -> None:
    """Small gradients give, to the bit, the state of the same numbers in float32, and its directions.

    A wrapper's state and the directions of a chain that rounds between its parts differ by that.
    """
    grads, params = part(steps(1, dtype)), part(tree(0, dtype))
    widened = jax.tree.map(lambda x: x.astype(np.float32), (grads, params))
    directions, states = subject.run(grads, params)
    wide_directions, wide_states = subject.run(*widened)
    eps = 3 * float(jnp.finfo(dtype).eps)
    sums = 1e-6 if subject.claims.sums_leaves else 0.0  # XLA adds up in an order of its own
    off = 3 * eps if "state" in subject.claims.rounds else sums  # quotients of what is rounded
    close(beginning(states, 3), beginning(wide_states, 3), "the state", off, off / 100)
    narrowed = jax.tree.map(lambda x, like: x.astype(like.dtype), wide_directions, directions)
    off = eps if "directions" in subject.claims.rounds else 0.0
    close(beginning(directions, 3), beginning(narrowed, 3), "the direction", off, off / 100)


LARGE_AND_SMALL = {
    "float32": (0.0, 1e30, -1e30, 1e-30),
    "float16": (0.0, 65504.0, -65504.0, 6e-8),
}


@law(4, "finite in, finite out", "float32", "float16")
def finite_in_finite_out(subject: Subject, dtype: str) -> None:
    """Directions and states, for zero, huge and tiny gradients: three before usual ones, or all."""
    for size in LARGE_AND_SMALL[dtype]:
        small = dtype == "float16"  # in which nothing huge may be added up with usual ones
        grads = constant(size, dtype) if small else shocked(steps(), size, 0, 3)
        grads = part(grads) if small else grads
        directions, states = subject.run(grads)
        finite(directions, f"with gradients of {size:g}, the direction")
        finite(states, f"with gradients of {size:g}, the state")


@law(4, "finite at the smallest eps", claimed=lambda claims: "eps" in claims.numbers)
def finite_at_the_smallest_eps(subject: Subject, dtype: str) -> None:
    """0 / eps is 0, however the number comes to it, and NaN if eps has become 0."""
    zeros = part(constant(0.0))
    for eps in (1.2e-38, 5e-38, 1e-37, 1e-36):
        finite(subject.run(zeros, eps=eps)[0], f"with eps={eps:g}, the direction")
    closed_over, _ = subject.closed_over(zeros, **smallest_eps(subject.claims))
    finite(closed_over, "with eps=1.2e-38 closed over, the direction")


@law(4, "a direction recovers", claimed=lambda claims: claims.recovers is not None)
def direction_recovers(subject: Subject, dtype: str) -> None:
    """After a huge gradient and 300 usual ones, it is as if the huge one had not been."""
    numbers = subject.claims.recovers or {}

    def after(first):
        directions, states = subject.run(first, **numbers)
        for _ in range(300 // STEPS - 1):
            directions, states = subject.run(steps(), state=at(states, -1), **numbers)
        return at(directions, -1)

    shock = shocked(steps(), 1e30, 0, 1)
    close(after(shock), after(steps()), "300 steps later, the direction", 1e-5, 1e-7)


SCALES = (1.0, 1e18, 1e30, 3e38)
SPIKES = (1e6, 3e38)


def bounded(claims: Claims):
    return claims.scale_free if claims.bounded is None else claims.bounded


@law(4, "bounded directions", claimed=lambda claims: bounded(claims) is not None)
def directions_are_bounded(subject: Subject, dtype: str) -> None:
    """60 steps at any scale, or with one spike of any size: as large as at scale 1, or with a small one."""
    numbers, usual = bounded(subject.claims) or {}, steps()

    def largest(grads, what):
        directions, states = subject.run(grads, **numbers)
        finite((directions, states), f"{what}, (direction, state)")
        return max(float(np.max(np.abs(d))) for d in jax.tree.leaves(directions))

    def scaled(size):
        return jax.tree.map(lambda g: np.float32(size) * np.sign(g), usual)

    def with_spike(size):
        return shocked(usual, size, 10, 11)

    for sizes, grads_of, what in (
        (SCALES, scaled, "with gradients of"),
        (SPIKES, with_spike, "with one gradient of"),
        (tuple(-size for size in SPIKES), with_spike, "with one gradient of"),
    ):
        first, *others = (largest(grads_of(size), f"{what} {size:g}") for size in sizes)
        for size, found in zip(sizes[1:], others):
            if found > 1.01 * first:
                raise Broken(
                    f"{what} {size:g}, the direction is as large as {found:.6g}; "
                    f"{what} {sizes[0]:g}, {first:.6g}"
                )


EDGES = ({}, {"b1": 0.0}, {"b1": 0.0, "b2": 0.0, "eps": 1e-16})


@law(5, "differentiable")
def differentiable(subject: Subject, dtype: str) -> None:
    """Finite derivatives in every gradient and number; where gradients and decay rates are zero, too."""
    usual = beginning(part(steps()), 3)
    zeros = jax.tree.map(np.zeros_like, usual)
    edges = [{k: v for k, v in e.items() if k in subject.claims.numbers} for e in EDGES]
    for changes in [e for i, e in enumerate(edges) if e not in edges[:i]]:
        tx = subject(**changes)
        for what, grads in (("usual", usual), ("zero", zeros)):
            where = f"at {what} gradients" + "".join(f", {k}={v:g}" for k, v in changes.items())
            in_numbers, in_grads = subject.slopes(tx, grads, part(tree(0)))
            finite(by_name(tx, in_numbers), f"{where}, the derivative in number ")
            finite(in_grads, f"{where}, the derivative in grads")


def by_name(tx, slopes):
    """Derivatives by the names of the numbers, where they have some."""
    try:
        return slopes.hyperparameters(tx.init(tree(0)))
    except (AttributeError, IndexError, TypeError):
        return jax.tree.leaves(slopes)
