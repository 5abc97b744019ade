"""The arithmetic of every rule, against float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adaptive_tx.core.numerics import (
    Decay,
    decayed,
    ema,
    modulus,
    narrow,
    one_minus_power,
    root,
    squared,
)
from adaptive_tx.core.saturation import revealing, squarable

RATES = [0.0, 0.5, 0.9, 0.999, 0.99999, 0.9999999]
every_rate = pytest.mark.parametrize("b", RATES)
X = np.random.RandomState(0).standard_normal((2, 50)).astype(np.float32)


def kept(b):
    return Decay.of(b).astype(jnp.float32)


@every_rate
@pytest.mark.parametrize("how", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_weights_of_an_average_add_up_to_one(b, how):
    """A million times the same number stays that number: nothing drifts."""
    x = X[0]

    def same(mean, _):
        return ema(x, mean, kept(b)), None

    mean, _ = how(lambda: jax.lax.scan(same, jnp.asarray(x), length=100_000))()
    np.testing.assert_allclose(mean, x, rtol=2e-7 * max(1, 1e-3 / (1 - b)), atol=0)


@every_rate
def test_ema_moves_by_one_minus_b(b):
    """From zero, to float32's last digits of 1 - b, not of b."""
    moved = ema(jnp.asarray(X[0]), jnp.zeros(50), kept(b))
    np.testing.assert_allclose(moved, (1 - b) * X[0].astype(np.float64), rtol=1e-6)


@every_rate
def test_ema_and_decayed(b):
    new, old = X.astype(np.float64)
    expected = b * old + (1 - b) * new
    np.testing.assert_allclose(ema(*jnp.asarray(X), kept(b)), expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(decayed(jnp.asarray(X[1]), kept(b)), b * old, rtol=2e-7, atol=1e-30)


def test_an_average_takes_the_place_of_what_was_there():
    """At b = 0 nothing of the old one is left, however large it was."""
    new, old = jnp.full(3, 1e-6), jnp.full(3, 1e6)
    np.testing.assert_array_equal(ema(new, old, kept(0.0)), new)
    np.testing.assert_array_equal(ema(new, old, Decay.of(jnp.float32(0.0))), new)


def test_an_average_of_the_largest_numbers_is_finite():
    largest = jnp.full(3, jnp.finfo(jnp.float32).max)
    for b in [0.1, *RATES]:
        assert bool(jnp.all(jnp.isfinite(ema(-largest, largest, kept(b)))))


@every_rate
@pytest.mark.parametrize("t", [1, 2, 10, 1000, 1_000_000])
def test_one_minus_power_and_its_derivative(b, t):
    """The value to 4e-7, and the slope t b^(t-1) of what b gives it: d(1 - b^t) / d(1 - b)."""
    expected = -np.expm1(t * np.log(b)) if b else 1.0
    np.testing.assert_allclose(one_minus_power(kept(b), jnp.float32(t)), expected, rtol=4e-7)
    slope = jax.grad(lambda w: one_minus_power(Decay(w), jnp.float32(t)))(jnp.float32(1 - b))
    expected = t * b ** (t - 1)
    np.testing.assert_allclose(slope, expected, rtol=1e-6 * t**0.5 + 1e-5, atol=1e-30)


def test_root_has_a_finite_slope():
    x = jnp.array([0.0, 1e-30, 0.25, 4.0])
    np.testing.assert_allclose(root(x), np.sqrt(x), rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(jax.grad(root))(x)[2:], [1.0, 0.25], rtol=1e-6)
    assert jax.grad(root)(0.0) == 0


def test_narrow_keeps_finite_numbers_finite():
    x = jnp.array([1e30, -1e30, jnp.inf, -jnp.inf, jnp.nan, 1.5])
    expected = np.array([65504, -65504, np.inf, -np.inf, np.nan, 1.5], np.float16)
    np.testing.assert_array_equal(narrow(x, jnp.float16), expected, strict=True)


def test_of_complex_numbers():
    z = jnp.array([3 + 4j, 0j, -1j], jnp.complex64)
    np.testing.assert_allclose(squared(z), [25, 0, 1])
    np.testing.assert_allclose(modulus(z), [5, 0, 1])
    slopes = jax.grad(lambda z: jnp.sum(modulus(z)))(z)
    assert bool(jnp.all(jnp.isfinite(slopes.real) & jnp.isfinite(slopes.imag)))


def test_squarable_leaves_room_for_a_million_squares():
    x = jnp.array([1.0, -1e15, 1e30, -3e38, jnp.nan])
    y = squarable(x)
    assert (y[:2] == x[:2]).all() and bool(jnp.isfinite(1e6 * y[2:4] ** 2).all())
    assert jnp.isnan(y[4])


@pytest.mark.parametrize("dtype, bound", [("float32", 2.0**53), ("float64", 2.0**501)])
def test_squarable_changes_what_is_beyond_its_bound_alone(dtype, bound):
    with jax.enable_x64(dtype == "float64"):
        beyond = np.nextafter(np.dtype(dtype).type(bound), np.inf)
        sizes = [0.0, 1e-30, 1.0, bound / 2, bound, beyond, 2 * bound]
        sizes += [float(np.finfo(dtype).max), np.nan]
        x = np.array([*sizes, *(-size for size in sizes)], dtype)
        expected = np.clip(x, -bound, bound).astype(dtype)
        np.testing.assert_array_equal(squarable(jnp.asarray(x)), expected)
        inside = x[np.abs(x) < bound]
        np.testing.assert_array_equal(jax.vmap(jax.grad(squarable))(jnp.asarray(inside)), 1)
        outside = x[np.abs(x) > bound]
        np.testing.assert_array_equal(jax.vmap(jax.grad(squarable))(jnp.asarray(outside)), 0)


def test_what_is_not_finite_is_revealed():
    g = jnp.array([1.0, 3e38, jnp.inf, -jnp.inf, jnp.nan])
    np.testing.assert_array_equal(revealing(jnp.full(5, 2.0), g), [2, 2, *3 * [jnp.nan]])
    z = jnp.array([1 + 1j, complex(np.inf, 0), complex(0, -np.inf)])
    np.testing.assert_array_equal(revealing(jnp.full(3, 2.0), z), [2, np.nan, np.nan])
    assert not jnp.any(jnp.isfinite(revealing(z, z)[1:]))
