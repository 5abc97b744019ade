"""What the tests share: a small tree, gradients for it, and a run of a transformation over them."""

import contextlib
import functools

import jax
import jax.numpy as jnp
import optax
import pytest

from adaptive_tx.testing import subject
from adaptive_tx.testing.subject import VALUE

DTYPES = ["float16", "bfloat16", "float32"]


def tree(seed: int, dtype="float32", steps: int | None = None, size: float = 1.0):
    """Normal numbers in every leaf; with `steps`, that many of each, along a first axis."""
    complexes = jnp.issubdtype(dtype, jnp.complexfloating)
    numbers = subject.tree(seed, "complex128" if complexes else "float64", steps)
    return jax.tree.map(lambda x: jnp.asarray(size * x, dtype), numbers)


def constant(value: float, dtype="float32", steps: int | None = None):
    """The same number in every entry."""
    return jax.tree.map(lambda x: jnp.full_like(x, value), tree(0, dtype, steps))


def update_of(tx):
    """`tx.update`, given a value too: what needs a loss gets one, and what does not ignores it."""
    return functools.partial(optax.with_extra_args_support(tx).update, value=VALUE)


@jax.jit
def run(tx, grads, params, state=None):
    """The directions for gradients stacked along the first axis, and the last state."""

    def step(state, g):
        direction, state = update_of(tx)(g, state, params)
        return state, direction

    state, directions = jax.lax.scan(step, tx.init(params) if state is None else state, grads)
    return directions, state


def run_optax(tx, grads, params):
    """The same for a transformation that is not a value."""
    return jax.jit(functools.partial(run.__wrapped__, tx))(grads, params)


def steps_of(grads, i=None):
    """The i-th of the stacked gradients, or the list of them all."""
    if i is not None:
        return jax.tree.map(lambda x: x[i], grads)
    return [steps_of(grads, i) for i in range(len(jax.tree.leaves(grads)[0]))]


def finite(values) -> bool:
    return all(bool(jnp.all(jnp.isfinite(x))) for x in jax.tree.leaves(values))


@contextlib.contextmanager
def interrupted(owner, name: str, call: int):
    """A block that the nth call of a method ends, as Ctrl-C does."""
    real, calls = getattr(owner, name), []

    def stopping(*args):
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return real(*args)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(owner, name, stopping)
        yield
