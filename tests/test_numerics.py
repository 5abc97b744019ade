"""The arithmetic of every rule, against float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adaptive_tx.core.numerics import Decay, decayed, ema, modulus, one_minus_power, root, squared
from adaptive_tx.core.saturation import squarable

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


def test_excess_is_what_the_rounded_weights_are_too_much():
    """1 - w, rounded, plus w is not 1: the average would forget at another rate than it learns."""
    weight = np.float32(1 - 0.9)
    assert (np.float32(1) - weight) + weight == 1 or kept(0.9).excess != 0
    for b in RATES:
        w, excess = (np.float64(x) for x in (kept(b).weight, kept(b).excess))
        assert np.float64(np.float32(1) - np.float32(w)) - excess + w == 1


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


def test_of_complex_numbers():
    z = jnp.array([3 + 4j, 0j, -1j], jnp.complex64)
    np.testing.assert_allclose(squared(z), [25, 0, 1])
    np.testing.assert_allclose(modulus(z), [5, 0, 1])
    slopes = jax.grad(lambda z: jnp.sum(modulus(z)))(z)
    assert bool(jnp.all(jnp.isfinite(slopes.real) & jnp.isfinite(slopes.imag)))


def test_squarable_leaves_room_for_a_million_squares_and_hides_nothing():
    x = jnp.array([1.0, -1e15, 1e30, -3e38, jnp.inf, -jnp.inf, jnp.nan])
    y = squarable(x)
    assert (y[:2] == x[:2]).all() and bool(jnp.isfinite(1e6 * y[2:4] ** 2).all())
    np.testing.assert_array_equal(y[4:], x[4:])


@pytest.mark.parametrize("dtype, bound", [("float32", 2.0**53), ("float64", 2.0**501)])
def test_squarable_changes_what_is_beyond_its_bound_alone(dtype, bound):
    with jax.enable_x64(dtype == "float64"):
        sizes = [
            0.0,
            1e-40,
            1.0,
            bound / 2,
            bound,
            np.nextafter(np.dtype(dtype).type(bound), np.inf),
        ]
        sizes += [2 * bound, float(np.finfo(dtype).max), np.inf, np.nan]
        x = np.array([*sizes, *(-size for size in sizes)], dtype)
        finite = np.isfinite(x)
        expected = np.where(finite, np.clip(x, -bound, bound), x).astype(dtype)
        np.testing.assert_array_equal(squarable(jnp.asarray(x)), expected)
        slopes = jax.vmap(jax.grad(squarable))(jnp.asarray(x[finite]))
        np.testing.assert_array_equal(slopes, np.abs(x[finite]) <= bound)
