"""What `guarded` and `measured` do to cost less: judge beforehand, measure now and then."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from harness import steps_of, tree

import adaptive_tx as atx
from adaptive_tx.wrappers import flags

pytestmark = pytest.mark.filterwarnings("error")


def stacked(tx, grads, params):
    """The directions and the states of every step, in one program."""

    def step(state, g):
        u, state = tx.update(g, state, params)
        return state, (u, state)

    return jax.jit(lambda: jax.lax.scan(step, tx.init(params), grads)[1])()


def bad_steps():
    """Eight gradients, of which the third is not finite, the fifth a spike, the last infinite."""
    grads = tree(1, steps=8)
    grads["enc"]["w"] = grads["enc"]["w"].at[2, 0, 0].set(jnp.nan)
    grads["enc"]["b"] = grads["enc"]["b"].at[7].set(-jnp.inf)
    return jax.tree.map(lambda g: g.at[4].multiply(1e4), grads)


def eager_equals_compiled(tx, grads, params, rtol: float):
    """The updates of all steps, and the states within `rtol`; the last state, of the eager run."""
    found, states = stacked(tx, grads, params)
    state = tx.init(params)
    for i, g in enumerate(steps_of(grads)):
        u, state = tx.update(g, state, params)
        chex.assert_trees_all_close(u, steps_of(found, i), rtol=1e-5, atol=1e-6)
        chex.assert_trees_all_close(state, steps_of(states, i), rtol=rtol, atol=1e-6)
    return state


def test_judged_beforehand_or_afterwards_is_the_same():
    """A compiled step of rules on entries is judged by a probe, an eager one by what it gave."""
    params, grads = tree(0), bad_steps()
    tx = atx.chain(atx.clip_by_global_norm(100.0), atx.adam(0.1))
    tx = atx.guarded_by_z_score(tx, warmup=2)
    state = eager_equals_compiled(tx, grads, params, rtol=1e-5)
    assert state.skipped == 3
    text = jax.jit(tx.update).lower(tree(1), state, params).as_text()
    assert "stablehlo.case" in text or "stablehlo.if" in text


def test_no_rule_sees_a_nan_either_way():
    """Judged afterwards, here eagerly; and judged beforehand where members are mapped, by derivatives."""
    params, tx = {"w": jnp.ones(3)}, atx.guarded(atx.adam(0.1))
    good, bad = {"w": jnp.ones(3)}, {"w": jnp.array([1.0, jnp.nan, 2.0])}
    with jax.debug_nans(True):
        u, _ = tx.update(bad, tx.init(params), params)
    assert not np.any(u["w"])
    both = jax.tree.map(lambda *g: jnp.stack(g), good, bad)

    def total(tx, g):
        return jnp.sum(jnp.sin(tx.update(g, tx.init(params), params)[0]["w"]))

    slopes = jax.jit(jax.grad(lambda tx, both: jnp.sum(jax.vmap(total, (None, 0))(tx, both))))
    assert all(np.isfinite(x) for x in jax.tree.leaves(slopes(tx, both)))


def test_a_guarded_step_keeps_no_copy_of_its_state():
    """Beside what is donated there is room for the updates, as in optax's apply_if_finite."""
    params = {"w": jnp.ones((256, 256))}

    def step(tx, params, state, grads):
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    tx = atx.guarded(atx.adam(0.1))
    arguments = tx, params, tx.init(params), params
    program = jax.jit(step, donate_argnums=(1, 2)).lower(*arguments).compile()
    assert program.memory_analysis().temp_size_in_bytes < 1.1 * params["w"].nbytes


def test_what_is_not_ours_is_called_once_a_step():
    calls = []

    def update(grads, state, params=None):
        jax.debug.callback(lambda: calls.append(1))
        return grads, state

    tx = atx.guarded(optax.GradientTransformation(lambda params: (), update))
    jax.jit(tx.update)(tree(1), tx.init(tree(0)), tree(0))
    jax.effects_barrier()
    assert len(calls) == 1


@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (40, 50), (3, 3, 8, 8)])
def test_flags_and_the_largest_entry(shape):
    x = np.array(np.abs(np.random.RandomState(0).standard_normal(shape)), "f")
    size = x.size
    assert flags.largest(jnp.asarray(x)) == (x.max() if size else 0)
    assert [*map(bool, jnp.stack(flags.not_finite(jnp.asarray(x), jnp.asarray(x)))[:, 0])] == [
        False,
        False,
    ]
    for bad in (np.nan, np.inf, -np.inf) if size else ():
        spoilt = x.copy()
        spoilt.reshape(-1)[size // 2] = bad
        alone, (first, second) = flags.not_finite(spoilt), flags.not_finite(x, spoilt)
        assert (bool(alone[0][0]), bool(first[0]), bool(second[0])) == (True, False, True)
        np.testing.assert_array_equal(flags.largest(jnp.asarray(abs(spoilt))), abs(spoilt).max())


WAYS = {
    "probed": lambda: atx.chain(atx.clip_by_global_norm(3.0), atx.adam(0.1)),
    "branched": lambda: atx.chain(atx.guarded(atx.clip_by_global_norm(3.0)), atx.adam(0.1)),
}


@pytest.mark.parametrize("way", WAYS)
def test_measured_every_third_step(way):
    """The same updates; the metrics of steps 0, 3 and 6 as if all were measured, and kept in between."""
    params, grads, plain = tree(0), tree(1, steps=8), WAYS[way]()
    tx = atx.measured(plain, every=3)
    directions, states = stacked(tx, grads, params)
    chex.assert_trees_all_close(directions, stacked(plain, grads, params)[0], rtol=1e-5, atol=1e-6)
    _, every = stacked(atx.measured(plain), grads, params)
    found, expected = atx.metrics(states), atx.metrics(every)
    assert found.keys() == expected.keys()
    for name, values in found.items():
        np.testing.assert_array_equal(values, np.repeat(values[::3], 3)[:8], err_msg=name)
        if "gradient_" not in name:  # they are of the gradients that were seen
            np.testing.assert_allclose(values[::3], expected[name][::3], rtol=1e-5, err_msg=name)
    np.testing.assert_array_equal(states.count, np.arange(1, 9))


def test_measured_every_second_step_eagerly():
    params, grads = tree(0), tree(1, steps=3)
    tx = atx.measured(atx.momentum(0.1), every=2)
    eager_equals_compiled(tx, grads, params, rtol=1e-4)


def test_the_noise_scale_is_recovered_from_every_seventh_gradient():
    n, steps, scale = 500, 4000, 3.0
    mean = jax.random.normal(jax.random.key(1), (n,))
    mean = mean / jnp.linalg.norm(mean)
    grads = mean[None] + jax.random.normal(jax.random.key(0), (steps, n)) * (scale / n) ** 0.5
    _, states = stacked(atx.measured(atx.scale_by_adam(), every=7), grads, jnp.ones(n))
    found = {name: np.asarray(values[100:]) for name, values in atx.metrics(states).items()}
    np.testing.assert_allclose(found["gradient_noise"].mean(), scale, rtol=0.05)
    np.testing.assert_allclose(found["gradient_signal"].mean(), 1, rtol=0.05)


def test_every_is_a_whole_number():
    with pytest.raises(ValueError, match="^measured: every must be at least 1, got 0"):
        atx.measured(atx.adam(0.1), every=0)
    assert repr(atx.measured(atx.sgd(0.1), every=5)).endswith("every=5)")
    assert atx.measured(atx.sgd(0.1), every=1) == atx.measured(atx.sgd(0.1))
