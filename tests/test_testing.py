"""`check_laws`: for each law a rule that breaks it, and is caught by the law's name."""

import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.tree_util import Partial

import adaptive_tx as atx
from adaptive_tx.testing import check_laws
from adaptive_tx.testing.claims import Claims
from adaptive_tx.testing.law import LAWS
from adaptive_tx.testing.subject import Subject


def stateless(direction):
    """A rule that is a function of one gradient."""

    def update(grads, state, params=None):
        return jax.tree.map(direction, grads), state

    return optax.GradientTransformation(lambda params: (), update)


def with_slot(advance, start=jnp.zeros_like):
    """A rule with one slot: `advance(g, slot)` returns the direction and the slot's next value."""

    def update(grads, state, params=None):
        pairs = jax.tree.map(advance, grads, state)
        return tuple(jax.tree.map(lambda g, pair: pair[i], grads, pairs) for i in (0, 1))  # noqa: B023

    return optax.GradientTransformation(lambda params: jax.tree.map(start, params), update)


def with_rate(direction):
    """A rule that is a function of one gradient and of a number that is a leaf."""

    def update(rate, grads, state, params=None, **extra):
        return jax.tree.map(lambda g: direction(g, rate), grads), state

    return lambda rate: atx.Transformation(Partial(lambda params: ()), Partial(update, rate))


def plain(g):
    return g


def like(g, x):
    return jnp.asarray(x, g.dtype)


def state_becomes_float32():
    return with_slot(lambda g, mean: (g, (mean + g).astype("float32")))


def state_starts_in_float16():
    return with_slot(lambda g, s: (g, s.astype(g.dtype)), lambda p: jnp.zeros_like(p, "float16"))


def float32_for_any_gradient():
    return stateless(lambda g: g.astype("float32"))


def adds_up_in_the_gradients_dtype():
    start = lambda p: jnp.zeros_like(p, "float32")  # noqa: E731
    return with_slot(lambda g, s: (g, (s.astype(g.dtype) + g).astype("float32")), start)


def squares():
    return stateless(lambda g: g * g)


def squares_eps(eps):
    return stateless(lambda g: g / (abs(g) + like(g, eps) ** 2))


def divides_by_the_sum():
    return with_slot(lambda g, s: (g / (s + abs(g) + like(g, 1e-6)), s + abs(g)))


def takes_roots():
    return stateless(lambda g: jnp.sign(g) * jnp.sqrt(abs(g)))


def looks_whether_it_is_traced():
    return stateless(lambda g: g + g if isinstance(g, jax.core.Tracer) else g)


def counts_its_traces():
    n = itertools.count(1)
    return stateless(lambda g: g * like(g, next(n)))


@jax.custom_batching.custom_vmap
def differs_in_a_batch(g):
    return g


@differs_in_a_batch.def_vmap
def _(size, batched, g):
    return g + g, True


def differs_under_vmap():
    return stateless(differs_in_a_batch)


def adds_the_mean_of_the_tree():
    def update(grads, state, params=None):
        mean = sum(jnp.mean(g) for g in jax.tree.leaves(grads))
        return jax.tree.map(lambda g: g + mean, grads), state

    return optax.GradientTransformation(lambda params: (), update)


def twice_if_it_is_a_float(g, rate):
    return g * like(g, rate) * like(g, 2 if isinstance(rate, float) else 1)


def adds_one():
    return stateless(lambda g: g + like(g, 1))


def conjugates_nothing():
    return stateless(lambda g: g * g * g)


def cubes(grads, params):
    return [g * abs(g) ** 2 for g in grads]


def reads_a_schedule_at_1(rate):
    return stateless(lambda g: g * like(g, rate(1) if callable(rate) else rate))


def scales(grads, params, rate):
    return [g * (rate(i) if callable(rate) else rate) for i, g in enumerate(grads)]


def in_float32():
    return stateless(lambda g: g.astype("float32").astype(g.dtype))


def shares_its_slots():
    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return zeros, zeros

    return optax.GradientTransformation(init, lambda grads, state, params=None: (grads, state))


def promotes():
    return stateless(lambda g: (g * jnp.float32(2)).astype(g.dtype))


def identity():
    return stateless(plain)


RATE = {"rate": 0.9}
BROKEN = {
    "state is a fixed point": (
        Claims(state_becomes_float32, {}),
        "in float16: the next state['enc']['b'] is float32[3], in place of float16[3]",
    ),
    "a direction is like its gradient": (
        Claims(float32_for_any_gradient, {}),
        "in float16: the direction['enc']['b'] is float32[3], in place of float16[3]",
    ),
    "float32 arithmetic": (
        Claims(adds_up_in_the_gradients_dtype, {}),
        "in float16: the state['enc']['b'] differs by ",
    ),
    "finite in, finite out": (
        Claims(squares, {}),
        "in float32: with gradients of 1e+30, the direction['enc']['b'] is inf",
    ),
    "finite at the smallest eps": (
        Claims(squares_eps, {"eps": 1e-8}),
        "in float32: with eps=1.2e-38, the direction['enc']['b'] is nan",
    ),
    "a direction recovers": (
        Claims(divides_by_the_sum, {}, recovers={}),
        "in float32: 300 steps later, the direction['enc']['b'] differs by ",
    ),
    "bounded directions": (
        Claims(identity, {}, bounded={}),
        "in float32: with gradients of 1e+18, the direction is as large as 1e+18; ",
    ),
    "differentiable": (
        Claims(takes_roots, {}),
        "in float32: at zero gradients, the derivative in grads['enc']['b'] is nan",
    ),
    "jit equals eager": (
        Claims(looks_whether_it_is_traced, {}),
        "in float32: at step 1, (direction, state)[0]['enc']['b'] differs by ",
    ),
    "one trace": (
        Claims(state_starts_in_float16, {}),
        "in float32: a jitted step was traced 2 times in 4 calls",
    ),
    "scan equals calls": (
        Claims(counts_its_traces, {}),
        "in float32: at step 1, the direction['enc']['b'] differs by ",
    ),
    "vmap equals a loop": (
        Claims(differs_under_vmap, {}),
        "in float32: mapped over, (direction, state)[0]['enc']['b'] differs by ",
    ),
    "a leaf alone equals it in a tree": (
        Claims(adds_the_mean_of_the_tree, {}),
        "in float32: at step 1, the direction in a larger tree['enc']['b'] differs by ",
    ),
    "closed over, passed or traced": (
        Claims(with_rate(twice_if_it_is_a_float), RATE),
        "in float32: passed, (direction, state)[0]['enc']['b'] differs by ",
    ),
    "passed is what float32 has of it": (
        Claims(with_rate(twice_if_it_is_a_float), RATE),
        "in float32: passed, the direction['enc']['b'] differs by ",
    ),
    "sign": (
        Claims(adds_one, {}),
        "in float32: of turned gradients and parameters, the direction['enc']['b'] differs by 2",
    ),
    "rescaled gradients": (
        Claims(identity, {}, scale_free={}),
        "in float32: of gradients 64 times as large, the direction['enc']['b'] differs by ",
    ),
    "equals the paper": (
        Claims(identity, {}, oracle=cubes),
        "in float32: the direction['enc']['b'] differs by ",
    ),
    "equals the paper for complex gradients": (
        Claims(conjugates_nothing, {}, oracle=cubes),
        "in complex128: the direction['enc']['b'] differs by ",
    ),
    "equals the paper under schedules": (
        Claims(reads_a_schedule_at_1, RATE, oracle=scales),
        "in float64: the direction['enc']['b'] differs by ",
    ),
    "equals the paper in float64": (
        Claims(in_float32, {}, oracle=cubes, takes_schedules=False),
        "in float64: the direction['enc']['b'] differs by ",
    ),
    "equals optax": (
        Claims(adds_one, {}, optax=optax.identity),
        "in float32: at step 1, the direction['enc']['b'] differs by 1",
    ),
    "wrappers change nothing": (
        Claims(counts_its_traces, {}),
        "in float32: at step 1, what is wrapped: the direction['enc']['b'] differs by ",
    ),
    "a state has buffers of its own": (
        Claims(shares_its_slots, {}),
        "in float32: state[1]['enc']['b'] is state[0]['enc']['b']: one buffer for both",
    ),
    "strict mode": (Claims(promotes, {}), "in float16: TypePromotionError: "),
    "bad input is an error": (
        Claims(identity, {}),
        "in float32: grads['enc']['b'] in int32: taken without an error",
    ),
}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.title.replace(" ", "-"))
def test_a_rule_that_breaks_a_law_is_caught_by_its_name(law):
    claims, message = BROKEN[law.title]
    assert law.claimed(claims)
    with pytest.raises(AssertionError, match=re.escape(f"{law}: {claims} {message}")):
        law(Subject(claims))


def test_a_rule_that_keeps_them_all():
    check_laws(atx.clip_by_value, {"max_value": 1.0}, recovers={}, optax=lambda: optax.clip(1.0))


def test_each_broken_law_has_a_line():
    """A rule of another library need not know a bad input; it says so, and what is left is told."""
    unchecked = ["bad input is an error"]
    check_laws(identity, {}, without=unchecked)
    with pytest.raises(AssertionError) as caught:
        check_laws(float32_for_any_gradient, {})
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("law 2 (a direction is like its gradient): float32_for_any_gradient")
    assert lines[-1].startswith(
        "law 12 (bad input is an error): float32_for_any_gradient in float32"
    )


def test_a_law_that_does_not_exist():
    with pytest.raises(ValueError, match="^check_laws: no law is titled 'gravity'; there are "):
        check_laws(identity, {}, without=["gravity"])


def test_a_rule_of_optax():
    """It lives by optax's promotion of dtypes, and its second moment is the gradient's dtype."""
    with pytest.raises(AssertionError, match=r"law 4 \(finite in, finite out\): scale_by_adam"):
        check_laws(optax.scale_by_adam, {"b1": 0.9, "b2": 0.999, "eps": 1e-8})


def test_nothing_is_promoted_while_it_checks():
    before = jax.config.jax_numpy_dtype_promotion
    with jax.numpy_dtype_promotion("standard"), pytest.raises(AssertionError, match="law 11"):
        check_laws(promotes, {})
    assert jax.config.jax_numpy_dtype_promotion == before
    assert np.float32(1).dtype == "float32"
