"""What single rules must do beyond the laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from harness import run

import adaptive_tx as atx


@pytest.mark.parametrize("b2", [0.9, 0.875])
@pytest.mark.parametrize("eps_in_root", [False, True])
def test_a_variance_is_never_negative(eps_in_root, b2):
    """Of gradients almost constant the mean square is the square of the mean, but for rounding."""
    tx = atx.scale_by_centered_rms(b2=b2, eps=1e-30, eps_in_root=eps_in_root)
    nearly = 1 + 1e-5 * np.random.RandomState(0).standard_normal((200, 1))
    g = jnp.asarray(nearly * np.geomspace(1e-3, 1e3, 1000), jnp.float32)
    directions, _ = run(tx, g, g[0])
    assert bool(jnp.all(jnp.isfinite(directions)))


def test_what_is_not_finite_stays_visible_and_alone():
    """In the entry where it is, and in no other of the leaf."""
    g = jnp.array([1.0, jnp.nan, jnp.inf, 1.0])
    for tx in (atx.scale_by_adam(), atx.scale_by_rms(), atx.scale_by_radam(), atx.scale_by_adan()):
        direction, _ = tx.update(g, tx.init(g), g)
        assert jnp.isnan(direction[1]) and not jnp.isfinite(direction[2])
        assert bool(jnp.all(jnp.isfinite(direction[jnp.array([0, 3])])))


def test_rates_near_one_keep_their_distance():
    """RMSProp's first step is 1 / sqrt(1 - b2), which float32(b2) would have 7e-4 off."""
    for b2 in (0.99999, 0.9999999):
        tx = atx.scale_by_rms(b2=b2, eps=1e-30)
        direction, _ = jax.jit(tx.update)(jnp.ones(()), tx.init(jnp.ones(())))
        np.testing.assert_allclose(direction, 1 / np.sqrt(1 - b2), rtol=1e-6)


def test_nothing_moves_where_a_gradient_is_not_finite():
    g = jnp.array([1.0, jnp.nan, -jnp.inf])
    still, _ = atx.set_to_zero().update(g, atx.set_to_zero().init(g))
    assert still.tolist() == [0, 0, 0]
    same, _ = atx.identity().update(g, atx.identity().init(g))
    assert jnp.array_equal(same, g, equal_nan=True)
