"""A rule under test: its values for other numbers, and the few compiled programs that all laws share.

What compiles is slow, what runs is fast: so every law that can do with it calls the same scan over the
same number of steps, with other gradients and numbers.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from adaptive_tx.core.transformation import Transformation, transformation_of
from adaptive_tx.testing.claims import Claims

SHAPES = {"enc": {"w": (4, 3), "b": (3,)}, "scale": ()}
STEPS = 60
QUICK = {"xla_backend_optimization_level": 0}  # for what is only asked whether it is finite
VALUE = np.float32(1)  # the loss, for those that read one


def tree(seed: int, dtype="float32", steps: int | None = None):
    """Normal numbers in every leaf; with `steps`, that many of each, along a first axis."""
    rng = np.random.RandomState(seed)
    lead = () if steps is None else (steps,)

    def leaf(shape):
        x = rng.standard_normal(lead + shape)
        if jnp.issubdtype(dtype, jnp.complexfloating):
            x = x + 1j * rng.standard_normal(lead + shape)
        return np.asarray(x).astype(jnp.dtype(dtype))

    return jax.tree.map(leaf, SHAPES, is_leaf=lambda x: isinstance(x, tuple))


def steps(seed: int = 1, dtype="float32"):
    """As many gradients as a run has steps."""
    return tree(seed, dtype, STEPS)


def constant(value: float, dtype="float32"):
    """The same number in every entry of every step's gradients."""
    return jax.tree.map(lambda x: np.full_like(x, value), steps(0, dtype))


def shocked(values, size: float, first: int, last: int):
    """Gradients, of which some steps in a row are replaced by ones of that size."""

    def replaced(g):
        g = np.array(g)
        g[first:last] = size
        return g

    return jax.tree.map(replaced, values)


def at(values, i):
    """The i-th of what is stacked."""
    return jax.tree.map(lambda x: np.asarray(x[i]), values)


def params_for(grads, dtype="float32"):
    """The usual parameters, as many as there are gradients."""
    return tree(0, dtype) if "scale" in grads else part(tree(0, dtype))


def part(values):
    """Without the scalar: what compiles with two leaves compiles faster than with three."""
    return {"enc": values["enc"]}


def beginning(values, n: int):
    """The first n steps of what is stacked: later on, roundings have added up."""
    return at(values, slice(n))


def update(tx, grads, state, params):
    """One step, given a value too: what does not need one ignores it."""
    return optax.with_extra_args_support(tx).update(grads, state, params, value=VALUE)


def scan(tx, state, grads, params):
    """The directions and the states of every step, stacked."""

    def step(state, g):
        direction, state = update(tx, g, state, params)
        return state, (direction, state)

    return jax.lax.scan(step, state, grads)[1]


def from_start(tx, grads, params):
    """The same with `init` in the same program."""
    return scan(tx, tx.init(params), grads, params)


class Subject:
    """A rule, as the laws see it."""

    def __init__(self, claims: Claims):
        self.claims = claims
        self.traces = 0
        self.made: dict[tuple, Transformation] = {}
        self.closed: dict[tuple, Callable] = {}
        self.scan = jax.jit(lambda *arguments: scan(*arguments))
        self.step = jax.jit(self._counted)
        self.together = jax.jit(jax.vmap(from_start))
        self.slopes = jax.jit(jax.grad(total, argnums=(0, 1)), compiler_options=QUICK)

    def _counted(self, tx, grads, state, params):
        self.traces += 1
        return update(tx, grads, state, params)

    def __call__(self, **changes: Any) -> Transformation:
        """The rule with its numbers, some changed; the same value for the same ones."""
        key = tuple(changes.items())
        if key not in self.made:
            arguments = {**self.claims.numbers, **self.claims.settings, **changes}
            made = self.claims.make(**arguments)
            self.made[key] = transformation_of("check_laws", "make(**numbers)", made)
        return self.made[key]

    def run(self, grads, params=None, state=None, **changes: Any):
        """The directions and states of all steps, the numbers passed as arguments."""
        tx = self(**changes)
        dtype = jax.tree.leaves(grads)[0].dtype
        params = params_for(grads, dtype) if params is None else params
        state = tx.init(params) if state is None else state
        return jax.device_get(self.scan(tx, state, grads, params))

    def closed_over(self, grads, **changes: Any):
        """The same with the numbers in the program."""
        key = tuple(changes.items())
        if key not in self.closed:
            self.closed[key] = jax.jit(functools.partial(from_start, self(**changes)))
        return jax.device_get(self.closed[key](grads, params_for(grads)))

    def eager(self, grads):
        """Three steps, operation by operation, none of which makes a NaN: a list of (direction, state)."""
        with jax.debug_nans(True):
            return eagerly(self(**self.claims.exact), grads, params_for(grads), 3)

    @functools.cached_property
    def usual(self):
        """The run over usual gradients in float32."""
        return self.run(steps())

    @functools.cached_property
    def usual_part(self):
        """The same without the scalar, and with numbers that float32 has exactly."""
        return self.run(part(steps()), **self.claims.exact)

    @functools.cached_property
    def calls(self):
        """The first steps of that, as calls of one compiled step: a list of (direction, state)."""
        tx, params, found = self(**self.claims.exact), part(tree(0)), []
        state, grads = tx.init(params), part(steps())
        for i in range(4):
            direction, state = self.step(tx, at(grads, i), state, params)
            found.append((direction, state))
        return found

    @functools.cached_property
    def models(self):
        """Two models with gradients, parameters and numbers of their own, and their runs side by side."""
        models = [
            (self(**self.claims.exact), part(steps(seed)), part(tree(seed - 1))) for seed in (1, 2)
        ]
        stacked = jax.tree.map(
            lambda *leaves: np.stack([np.asarray(x, found_dtype(x)) for x in leaves]), *models
        )
        return models, jax.device_get(self.together(*stacked))


def found_dtype(x):
    """A number's is float32, as when it is passed."""
    return getattr(x, "dtype", np.float32)


def eagerly(tx, grads, params, n: int):
    """The first n steps in Python: a list of (direction, state)."""
    grads, params = jax.tree.map(jnp.asarray, ([at(grads, i) for i in range(n)], params))
    state, found = tx.init(params), []
    for g in grads:
        direction, state = update(tx, g, state, params)
        found.append((direction, state))
    return found


def smallest_eps(claims: Claims) -> dict[str, float]:
    """The change to the smallest eps that float32 has to full precision, where there is an eps."""
    return {"eps": 1.2e-38} if "eps" in claims.numbers else {}


def total(tx, grads, params):
    """Something that every entry of every direction has a part in."""
    directions, _ = from_start(tx, grads, params)
    return sum(jnp.sum(jnp.sin(d)) for d in jax.tree.leaves(directions))
