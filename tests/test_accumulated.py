"""One update of several batches, and the average of the weights."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from harness import run, run_optax, tree

import adaptive_tx as atx
from adaptive_tx import schedules


def batches(n, seed=1):
    return tree(seed, steps=n)


def means(grads, k):
    return jax.tree.map(lambda g: g.reshape(-1, k, *g.shape[1:]).mean(1), grads)


@pytest.mark.parametrize("mean", [True, False])
def test_it_equals_the_big_batch(mean):
    """Trained on the same sums; zero in between; the rate falls with updates, not with batches."""
    k, grads, params = 3, batches(12), tree(0)
    tx = atx.chain(atx.clip_by_global_norm(1.0), atx.adamw(schedules.linear(0.1, 0.01, 4)))
    updates, state = run(atx.accumulated(tx, every=k, mean=mean), grads, params)
    big = jax.tree.map(lambda g: g * (1 if mean else k), means(grads, k))
    expected, _ = run(tx, big, params)
    chex.assert_trees_all_close(
        jax.tree.map(lambda u: u[k - 1 :: k], updates), expected, rtol=1e-5, atol=1e-7
    )
    between = jax.tree.map(lambda u: np.delete(u, np.s_[k - 1 :: k], 0), updates)
    assert not any(map(np.any, jax.tree.leaves(between)))
    assert state.count == 4 and state.batches == 0


def test_it_equals_multi_steps():
    theirs = optax.MultiSteps(optax.adam(0.01), 4).gradient_transformation()
    with jax.numpy_dtype_promotion("standard"):
        expected, _ = run_optax(theirs, batches(8), tree(0))
    updates, _ = run(atx.accumulated(atx.adam(0.01), every=4), batches(8), tree(0))
    chex.assert_trees_all_close(updates, expected, rtol=1e-4, atol=1e-7)


def test_a_schedule_of_updates():
    """One batch for the first two updates, then three."""
    tx = atx.accumulated(atx.sgd(1.0), every=lambda count: jnp.where(count < 2, 1.0, 3.0))
    updates, state = run(tx, jnp.arange(1.0, 9.0), jnp.zeros(()))
    np.testing.assert_allclose(updates, [-1, -2, 0, 0, -4, 0, 0, -7])
    assert state.count == 4


def test_nothing_runs_in_between():
    """The inner transformation is called from one branch of a cond, and only there."""
    calls = []

    def update(updates, state, params=None):
        jax.debug.callback(lambda: calls.append(1))
        return updates, state

    inner = optax.GradientTransformation(lambda params: optax.EmptyState(), update)
    run(atx.accumulated(inner, every=4), jnp.ones((8, 3)), jnp.zeros(3))
    jax.effects_barrier()
    assert len(calls) == 2


def test_the_sum_is_float32():
    """Of bfloat16 gradients: 1 + 1/256 four times would be 4 in bfloat16 sums."""
    g = jnp.asarray([1.0, 1 / 128, 1 / 128, 1 / 128], jnp.bfloat16)
    tx = atx.accumulated(atx.chain(), every=4, mean=False)
    state = tx.init(g[0])
    assert state.sum.dtype == jnp.float32
    for each in g:
        update, state = tx.update(each, state)
    assert update.dtype == jnp.bfloat16
    assert float(update) == float(jnp.bfloat16(1 + 3 / 128))


def test_the_loss_is_averaged_too():
    tx = atx.accumulated(
        atx.chain(atx.sgd(1.0), atx.reduce_on_plateau(patience=1, factor=0.5)), every=2
    )
    g, losses = jnp.ones(()), [1.0, 3.0, 0.0, 4.0, 4.0, 0.0]
    state, updates = tx.init(g), []
    for loss in losses:
        update, state = tx.update(g, state, g, value=jnp.float32(loss))
        updates.append(float(update))
    assert state.inner_state[1].best == 2
    np.testing.assert_allclose(updates, [0, -1, 0, -0.5, 0, -0.25])


def test_guards_skip_batches_or_updates():
    grads = jnp.ones(8).at[1].set(jnp.nan)
    batch = atx.guarded(atx.accumulated(atx.sgd(1.0), every=4))
    np.testing.assert_allclose(run(batch, grads, jnp.zeros(()))[0], [0, 0, 0, 0, -1, 0, 0, 0])
    whole = atx.accumulated(atx.guarded(atx.sgd(1.0)), every=4)
    np.testing.assert_allclose(run(whole, grads, jnp.zeros(()))[0], [0, 0, 0, 0, 0, 0, 0, -1])


def weights_of(tx, grads, params):
    """The weights after each update, and what is to be evaluated."""
    state, seen = tx.init(params), []

    @jax.jit
    def step(params, state, g):
        updates, state = tx.update(g, state, params)
        return optax.apply_updates(params, updates), state

    for i in range(jax.tree.leaves(grads)[0].shape[0]):
        params, state = step(params, state, jax.tree.map(lambda g, i=i: g[i], grads))
        seen.append((params, atx.eval_params(state, params)))
    return seen


def test_the_average_of_the_weights():
    """It starts at the first weights that were made, as Keras' and torch's; the training is as without."""
    grads, params, b = batches(6), tree(0), 0.8
    found = weights_of(atx.averaged(atx.adam(0.1), decay=b), grads, params)
    plain = weights_of(atx.adam(0.1), grads, params)
    mean = None
    for (w, average), (other, same) in zip(found, plain):
        chex.assert_trees_all_equal(w, other)
        chex.assert_trees_all_equal(same, other)  # of an optimizer without an average
        wide = jax.tree.map(np.float64, w)
        mean = wide if mean is None else jax.tree.map(lambda m, x: b * m + (1 - b) * x, mean, wide)
        chex.assert_trees_all_close(average, mean, rtol=1e-6)


def test_before_the_first_update_it_is_the_parameters():
    tx, params = atx.averaged(atx.adam(0.1)), tree(0)
    chex.assert_trees_all_equal(atx.eval_params(tx.init(params), params), params)


def test_it_grows_by_a_schedule():
    """(1 + t) / (10 + t): soon nothing of the first weights is left."""
    tx = atx.averaged(atx.sgd(1.0), decay=lambda t: jnp.minimum(0.9, (1 + t) / (10 + t)))
    found = weights_of(tx, jnp.ones(4), jnp.zeros(()))
    mean = -1.0
    for t, (w, average) in enumerate(found):
        b = min(0.9, (1 + t) / (10 + t))
        mean = float(w) if t == 0 else b * mean + (1 - b) * float(w)
        np.testing.assert_allclose(average, mean, rtol=1e-6)


def test_of_bfloat16_weights_the_average_is_finer():
    tx, params = atx.averaged(atx.sgd(1.0), decay=0.5), jnp.ones((), jnp.bfloat16)
    state = tx.init(params)
    for g in (2.0**-7, 2.0**-7):
        updates, state = tx.update(jnp.asarray(g, jnp.bfloat16), state, params)
        params = optax.apply_updates(params, updates)
    assert (
        state.average.dtype == jnp.float32 and atx.eval_params(state, params).dtype == jnp.bfloat16
    )
    assert float(state.average) == 1 - 1.5 * 2.0**-7


def test_the_average_is_of_the_weights_as_they_are_rounded():
    """An update that bfloat16 loses moves neither the weight nor its average."""
    tx, params = atx.averaged(atx.sgd(1.0), decay=0.5), jnp.ones((), jnp.bfloat16)
    updates, state = tx.update(jnp.asarray(2.0**-10, jnp.bfloat16), tx.init(params), params)
    assert float(updates) == -(2.0**-10) and float(optax.apply_updates(params, updates)) == 1
    assert float(state.average) == 1


def test_a_group_may_be_averaged_alone():
    params = {"head": jnp.zeros(2), "body": jnp.zeros(3)}
    tx = atx.grouped(
        {"head": atx.averaged(atx.sgd(1.0), decay=0.5)}, by={"head": "head"}, default=atx.sgd(1.0)
    )
    grads = jax.tree.map(lambda p: jnp.ones((2, *p.shape)), params)
    _, average = weights_of(tx, grads, params)[-1]
    np.testing.assert_allclose(average["head"], -1.5)
    np.testing.assert_allclose(average["body"], -2)


def test_kerass_gradient_accumulation_and_ema():
    """`gradient_accumulation_steps=2, use_ema=True`: an average over updates."""
    tx = atx.accumulated(atx.averaged(atx.sgd(1.0), decay=0.5), every=2)
    found = weights_of(tx, jnp.asarray([1.0, 3.0, 1.0, 3.0]), jnp.zeros(()))
    np.testing.assert_allclose([a for _, a in found], [0, -2, -2, -3])


def test_what_is_evaluated_outlives_a_donated_step():
    tx, params = atx.averaged(atx.sgd(1.0), decay=0.5), jnp.zeros(3)
    state = tx.init(params)
    kept = atx.eval_params(state, params)
    jax.jit(tx.update, donate_argnums=1)(jnp.ones(3), state, params)
    np.testing.assert_array_equal(kept, 0)
    with pytest.raises(TypeError, match="^eval_params: params holds a state"):
        atx.eval_params(params, tx.init(params))


def test_errors():
    tx, params = atx.averaged(atx.sgd(1.0)), {"w": jnp.zeros(3)}
    state = tx.init(params)
    with pytest.raises(ValueError, match="^averaged: needs the parameters"):
        tx.update(params, state)
    with pytest.raises(ValueError, match="^eval_params: the state holds the average of 'w'"):
        atx.eval_params(state, {"v": jnp.zeros(3)})
    with pytest.raises(ValueError, match="^eval_params: the state holds the average of 'w' twice"):
        atx.eval_params((state, state), params)
    with pytest.raises(ValueError, match=r"^accumulated: grads\['w'\] has shape \(4,\)"):
        many = atx.accumulated(atx.sgd(1.0), every=2)
        many.update({"w": jnp.zeros(4)}, many.init(params))
