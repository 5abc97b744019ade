"""What stands around a direction, or beside it: cautious updates and decay, AdamC's decay, Hyperball."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from harness import finite, tree

import adaptive_tx as atx
from adaptive_tx import schedules

pytestmark = pytest.mark.filterwarnings("error")


def norms(params):
    return jax.tree.map(lambda p: float(jnp.linalg.norm(p)), params)


def test_a_hyperball_keeps_every_norm_and_turns_by_the_rate():
    tx = atx.hyperball(atx.scale_by_adam(), 0.02)
    params = {k: v for k, v in tree(0)["enc"].items()}
    state, first = tx.init(params), norms(params)
    step = jax.jit(tx.update)
    for i in range(200):
        before, (updates, state) = params, step(tree(i + 1)["enc"], state, params)
        params = optax.apply_updates(params, updates)
        for name, p in params.items():
            cosine = jnp.sum(p * before[name]) / first[name] ** 2
            assert jnp.arccos(jnp.clip(cosine, -1, 1)) <= jnp.arctan(0.02) * 1.05
    chex.assert_trees_all_close(norms(params), first, rtol=1e-5)


def test_the_size_of_a_direction_does_not_matter_to_a_hyperball():
    params, grads = tree(0), tree(1)
    one = atx.hyperball(atx.identity(), 0.1)
    found, _ = one.update(jax.tree.map(lambda g: 1000 * g, grads), one.init(params), params)
    wanted, _ = one.update(grads, one.init(params), params)
    chex.assert_trees_all_close(found, wanted, rtol=1e-4, atol=1e-6)


def test_zeros_stay_zeros_under_a_hyperball():
    """The decision: no error, and no NaN, in derivatives neither; a direction of zeros moves nothing."""
    tx = atx.hyperball(atx.identity(), 0.1)
    for p, g in (
        (jnp.zeros(3), jnp.ones(3)),
        (jnp.ones(3), jnp.zeros(3)),
        (jnp.zeros(()), jnp.ones(())),
    ):

        def total(p, g):
            updates, _ = tx.update(g, tx.init(p), p)
            return jnp.sum(updates)

        updates, _ = tx.update(g, tx.init(p), p)
        assert not np.any(updates)
        assert finite(jax.grad(total, argnums=(0, 1))(p, g))


def test_a_scalar_on_a_hyperball_changes_its_sign_at_most():
    tx, p = atx.hyperball(atx.identity(), 0.5), jnp.float32(2.0)
    assert tx.update(jnp.float32(1.0), tx.init(p), p)[0] == 0
    far = atx.hyperball(atx.identity(), 1.5)
    assert far.update(jnp.float32(1.0), far.init(p), p)[0] == -4


def test_matrices_on_a_hyperball_and_the_rest_by_adamw():
    tx = atx.grouped(
        {"rest": atx.adamw(0.01)},
        by={"rest": "b$|scale"},
        default=atx.hyperball(atx.scale_by_adam(), 0.02),
    )
    params = tree(0)
    updates, state = tx.update(tree(1), tx.init(params), params)
    moved = optax.apply_updates(params, updates)
    rest = atx.adamw(0.01)
    plain, _ = rest.update(tree(1), rest.init(params), params)
    np.testing.assert_allclose(updates["enc"]["b"], plain["enc"]["b"], rtol=1e-6)
    np.testing.assert_allclose(
        jnp.linalg.norm(moved["enc"]["w"]), jnp.linalg.norm(params["enc"]["w"]), rtol=1e-6
    )
    assert tx.hyperparameters(state)["rest.2.learning_rate"] == 0.01
    cells = {leaf.path: leaf.cells for leaf in atx.describe(tx, params).leaves}
    assert cells["enc/w"][4] == "0.02" and cells["enc/b"][4] == "0.01"


def test_what_is_cautious_goes_down_the_gradient():
    """As the paper has it: zero elsewhere, and as long on the whole as entries that are all alike."""
    tx, w = atx.cautious(atx.trace(0.9)), jnp.zeros(8)
    state = tx.init(w)
    grads = jax.random.normal(jax.random.key(0), (20, 8))
    for g in grads:
        before = state.inner_state.trace
        updates, state = tx.update(g, state, w)
        u = np.asarray(g + 0.9 * before)
        down = u * np.asarray(g) > 0
        np.testing.assert_allclose(updates, u * down / max(down.mean(), 1e-3), rtol=1e-6)
    opposed, _ = tx.update(-1e-3 * jnp.sign(state.inner_state.trace), state, w)
    assert not np.any(opposed)


def test_tiny_gradients_are_no_less_cautious():
    """u g is 0 in float32, and its sign is not."""
    tx, w = atx.cautious(atx.identity()), jnp.zeros(2)
    np.testing.assert_allclose(tx.update(jnp.full(2, 1e-30), tx.init(w), w)[0], 1e-30)
    decay = atx.add_cautious_decayed_weights(1.0)
    updates, _ = decay.update(jnp.full(2, 1e-30), decay.init(w), jnp.array([-1e-30, 1e-30]))
    np.testing.assert_allclose(updates, [1e-30, 2e-30])


def test_cautious_adamw_is_a_chain():
    tx = atx.chain(
        atx.cautious(atx.scale_by_adam(eps=1e-6)),
        atx.add_decayed_weights(0.01),
        atx.scale_by_learning_rate(0.1),
    )
    params = tree(0)
    updates, state = tx.update(tree(1), tx.init(params), params)
    plain = atx.adamw(0.1, eps=1e-6, weight_decay=0.01)
    same, _ = plain.update(tree(1), plain.init(params), params)
    chex.assert_trees_all_close(
        updates, same, rtol=1e-6
    )  # the first direction follows the gradient
    assert tx.hyperparameters(state)["0.b1"] == 0.9


def test_cautious_decay_does_not_move_a_minimum():
    """Plain decay does: to 1 / 1.5 of it. Inwards it decays, which is all that it does."""

    def trained(decay):
        tx, w = atx.chain(decay, atx.scale_by_learning_rate(0.1)), jnp.array([3.0, 0.2])
        state = tx.init(w)
        for _ in range(300):
            updates, state = tx.update(w - 1.0, state, w)
            w = w + updates
        return w

    np.testing.assert_allclose(trained(atx.add_decayed_weights(0.5)), 1 / 1.5, rtol=1e-4)
    cautious = trained(atx.add_cautious_decayed_weights(0.5))
    assert np.all((cautious > 0.9) & (cautious <= 1.0 + 1e-6))


def test_cautious_decay_at_zero():
    """The paper, the speedrun and dion have >=: where the direction is 0, it decays. Others have >."""
    tx, w = atx.add_cautious_decayed_weights(0.5), jnp.array([1.0, -1.0, 1.0])
    updates, _ = tx.update(jnp.array([0.0, 0.0, -1.0]), tx.init(w), w)
    np.testing.assert_array_equal(updates, [0.5, -0.5, -1.0])


def test_adamcs_decay_follows_the_rate():
    """A step takes weight_decay rate^2 / peak of each parameter."""
    rate = schedules.cosine(0.1, 10)
    tx = atx.adamw(rate, weight_decay=schedules.corrected(0.5, rate, 0.1))
    w = jnp.ones(2)
    state = tx.init(w)
    for count in range(10):
        updates, state = tx.update(jnp.zeros(2), state, w)
        np.testing.assert_allclose(updates, -0.5 * rate(count) ** 2 / 0.1 * w, rtol=1e-5)
        w = w + updates
    with pytest.raises(TypeError, match="^corrected: rate must be a schedule"):
        schedules.corrected(0.5, 0.1, 0.1)
    with pytest.raises(ValueError, match=r"^corrected: peak must lie in"):
        schedules.corrected(0.5, rate, 0.0)
