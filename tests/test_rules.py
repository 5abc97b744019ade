"""What single rules must do beyond the laws."""

import jax
import jax.numpy as jnp
import numpy as np
import oracles
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


def test_a_proximal_step_is_a_decay_of_the_new_weights():
    """Adan's p <- (p - rate u) / (1 + rate weight_decay)."""
    params, grads = jnp.array([1.0, -2.0, 0.5]), jnp.array([0.3, 0.1, -4.0])
    rate, weight_decay = 0.1, 0.5
    x = rate * weight_decay
    step, _ = atx.adan(rate).update(grads, atx.adan(rate).init(params))
    tx = atx.chain(atx.adan(rate), atx.decay_new_weights(x / (1 + x)))
    update, _ = tx.update(grads, tx.init(params), params)
    np.testing.assert_allclose(params + update, (params + step) / (1 + x), rtol=1e-6)


def test_stable_adam_shortens_all_of_a_step():
    """Where gradients jump, by the same factor with decay and in a leaf without; where not, not at all."""
    params = {"w": jnp.full(4, 2.0), "b": jnp.full(4, 2.0)}
    tx = atx.scale_by_stable_adam(b1=0.0, b2=0.99, eps=1e-30, weight_decay=0.5, only="w")
    update, state = tx.update(jax.tree.map(jnp.ones_like, params), tx.init(params), params)
    np.testing.assert_allclose(update["w"], 2.0, rtol=1e-6)  # 1 of Adam, and 0.5 2
    np.testing.assert_allclose(update["b"], 1.0, rtol=1e-6)
    jump = jax.tree.map(lambda p: jnp.full_like(p, 100.0), params)
    update, state = tx.update(jump, state, params)
    times = np.sqrt(1e4 / ((0.99 + 1e4) / 1.99))  # g over the root of its debiased mean square
    np.testing.assert_allclose(update["w"], (times + 1.0) / times, rtol=1e-5)
    np.testing.assert_allclose(update["b"], 1.0, rtol=1e-5)


def test_what_is_not_finite_spoils_a_leaf_that_is_clipped_as_one_only():
    """Of MARS the bad entry shows, the others of its leaf shrink, and other leaves know nothing."""
    good, bad = (
        {"a": jnp.ones(3), "b": jnp.ones(3)},
        {"a": jnp.array([1, jnp.nan, 1]), "b": jnp.ones(3)},
    )
    tx = atx.scale_by_mars()
    wanted, _ = tx.update(good, tx.init(good))
    found, state = tx.update(bad, tx.init(good))
    assert jnp.isnan(found["a"][1]) and bool(jnp.all(jnp.isfinite(found["a"][jnp.array([0, 2])])))
    assert jnp.array_equal(found["b"], wanted["b"])
    again, _ = tx.update(good, state)
    assert bool(jnp.all(jnp.isfinite(again["b"])))


@pytest.mark.parametrize("size", [1e-30, 1e-3, 1e3])
def test_adam_atan2_knows_no_scale(size):
    """Its slope too: it is that of the angle, over the size of the gradient."""
    tx = atx.scale_by_adam_atan2(b1=0.0)

    def direction(g):
        u, _ = tx.update(g, tx.init(g)._replace(nu=jnp.float32((0.5 * size) ** 2)))
        return u

    value, slope = jax.value_and_grad(direction)(jnp.float32(size))
    assert 0 < value <= 1.27 * np.pi / 2 and jnp.isfinite(slope)


@pytest.mark.parametrize(
    "shape, kept",
    [
        ((6, 2, 5), [(1, 2, 5), (6, 2, 1)]),
        ((2, 5, 5), [(2, 1, 5), (2, 5, 1)]),
        ((2, 2, 7), [(2, 2, 7)]),
    ],
)
def test_big_vision_factors_the_two_longest_axes(shape, kept):
    """If both are long enough, wherever they are: the oracle's numbers, and the slots that these need."""
    grads = jnp.asarray(np.random.RandomState(0).standard_normal((12, *shape)), jnp.float32)
    tx = atx.scale_by_factored_rms_big_vision(min_dim_size_to_factor=3)
    found, _ = run(tx, {"w": grads}, {"w": grads[0]})
    numbers = {"b2_decay": -0.8, "b2_cap": 0.999, "eps": 1e-30, "min_dim_size_to_factor": 3}
    wanted = oracles.scale_by_factored_rms_big_vision(list(np.asarray(grads)), **numbers)
    np.testing.assert_allclose(found["w"], np.stack(wanted), rtol=1e-5)
    state = tx.init({"w": grads[0]})
    assert sorted(x.shape for x in jax.tree.leaves(state) if x.shape) == sorted(kept)
