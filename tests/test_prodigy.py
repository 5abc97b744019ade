"""Prodigy while it moves: the laws run it where the parameters stay, and its estimate with them."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest

import adaptive_tx as atx

STEPS = 40


def start(dtype=jnp.float32):
    rng = np.random.RandomState(0)
    shapes = {"w": (4, 3), "b": (3,), "scale": ()}
    return {k: jnp.asarray(0.3 * rng.standard_normal(s), dtype) for k, s in shapes.items()}


def batches(dtype=jnp.float32):
    rng = np.random.RandomState(1)
    shapes = (STEPS, 16, 4), (STEPS, 16, 3)
    return tuple(jnp.asarray(rng.standard_normal(s), dtype) for s in shapes)


def loss(params, x, y):
    with jax.numpy_rank_promotion("allow"):
        return jnp.mean((jnp.tanh(x @ params["w"] + params["b"]) * params["scale"] - y) ** 2)


def train(tx, params, data):
    """Of every step: the gradients, the parameters before it, the updates and the estimate."""

    def step(carry, batch):
        params, state = carry
        grads = jax.grad(loss)(params, *batch)
        updates, state = tx.update(grads, state, params)
        carry = jax.tree.map(jnp.add, params, updates), state
        return carry, (grads, params, updates, optax.tree.get(state, "d"))

    return jax.lax.scan(step, (params, tx.init(params)), data)


NUMBERS = dict(learning_rate=1.0, b1=0.9, b2=0.99, eps=1e-8, d0=1e-4, d_coef=1.0, weight_decay=0.0)
PLAIN = dict(use_bias_correction=False, safeguard_warmup=False)


def rising(count):
    return 0.7 + 0.05 * (count if isinstance(count, int) else count.astype(float))


SETTINGS = {
    "as it is": {},
    "decay": dict(weight_decay=0.1),
    "growth": dict(growth_rate=1.3, d_coef=2.0),
    "a jump from d0": dict(growth_rate=1.02, d_coef=50.0),
    "corrected": dict(use_bias_correction=True),
    "safe": dict(safeguard_warmup=True, learning_rate=rising),
    "b3": dict(b3=0.9, b1=0.0, eps=1e-3),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_training_equals_the_paper(setting):
    """In float64, while the estimate grows: gradients as they came, updates from the float64 loop."""
    arguments = {**NUMBERS, "growth_rate": np.inf, **PLAIN, **SETTINGS[setting]}
    with jax.enable_x64(True):
        tx = atx.scale_by_prodigy(**arguments)
        run = jax.jit(lambda: train(tx, start(jnp.float64), batches(jnp.float64))[1])
        grads, params, updates, d = jax.device_get(run())
    listed = [list(zip(*jax.tree.leaves(tree))) for tree in (grads, params)]
    wanted = oracles.scale_by_prodigy(*listed, **arguments)
    assert d[-1] > 5 * d[0]
    for i, leaves in enumerate(wanted):
        found = [leaf[i] for leaf in jax.tree.leaves(updates)]
        chex.assert_trees_all_close(found, list(leaves), rtol=1e-9, atol=1e-13)


def test_nothing_moves_before_there_is_a_gradient():
    """Nor decays; then it goes on as if nothing had been."""
    tx, params = atx.prodigy(weight_decay=0.1), start()
    zeros, state = jax.tree.map(jnp.zeros_like, params), tx.init(params)
    for _ in range(3):
        updates, state = tx.update(zeros, state, params)
        chex.assert_trees_all_equal(updates, zeros)
    late, state = tx.update(params, state, params)
    early, _ = tx.update(params, tx.init(params), params)
    chex.assert_trees_all_equal(late, early)
    assert float(optax.tree.get(state, "d")) == np.float32(1e-6)


def test_nan_is_seen_at_once():
    tx, params = atx.prodigy(), start()
    grads = {**params, "scale": jnp.nan * params["scale"]}
    updates, state = tx.update(grads, tx.init(params), params)
    assert jnp.isnan(updates["scale"]) and jnp.isnan(optax.tree.get(state, "d"))


def trained(tx, params, data):
    return train(tx, params, data)[0][0]


def test_a_sweep_of_rates_is_each_alone():
    params, data = start(), jax.tree.map(lambda x: x[:10], batches())
    tx = jax.vmap(lambda rate, d0: atx.prodigy(rate, d0=d0))(
        jnp.array([0.5, 1.0]), jnp.array([0.01, 0.1])
    )
    together = jax.jit(jax.vmap(trained, (0, None, None)))(tx, params, data)
    for i, (rate, d0) in enumerate([(0.5, 0.01), (1.0, 0.1)]):
        alone = jax.jit(trained)(atx.prodigy(rate, d0=d0), params, data)
        found = jax.tree.map(lambda x, i=i: x[i], together)
        chex.assert_trees_all_close(found, alone, rtol=1e-4, atol=1e-5)


def test_hypergradients_are_finite_while_it_moves():
    """Of every number, an unlimited growth among them."""
    data = jax.tree.map(lambda x: x[:10], batches())

    def last(tx):
        return loss(trained(tx, start(), data), *jax.tree.map(lambda x: x[0], data))

    tx = atx.prodigy(d0=0.01)
    found = jax.jit(jax.grad(last))(tx).hyperparameters(tx.init(start()))
    assert all(np.isfinite(value) for value in found.values())
    assert found["0.learning_rate"] != 0 and found["0.d0"] != 0


def test_one_trace_for_every_number():
    traced = chex.assert_max_traces(lambda tx, state, p: tx.update(p, state, p), n=1)
    step, params = jax.jit(traced), start()
    for tx in (atx.prodigy(), atx.prodigy(0.5, d0=1e-3), atx.prodigy(growth_rate=1.02)):
        step(tx, tx.init(params), params)


def test_b3_follows_b2_unless_it_is_given():
    params, data = start(), jax.tree.map(lambda x: x[:10], batches())
    changed = atx.prodigy(d0=0.01).replace(b2=0.9)
    given = atx.prodigy(d0=0.01, b2=0.9, b3=0.9**0.5)
    assert changed == atx.prodigy(d0=0.01, b2=0.9) != given
    found, wanted = (jax.jit(trained)(tx, params, data) for tx in (changed, given))
    chex.assert_trees_all_close(found, wanted, rtol=1e-4, atol=1e-6)


def test_only_what_is_chosen_decays():
    params = start()
    tx = atx.prodigy(d0=0.01, weight_decay=0.5, only=lambda path, p: p.ndim > 1)
    plain = atx.prodigy(d0=0.01)
    found, _ = tx.update(params, tx.init(params), params)
    wanted, _ = plain.update(params, plain.init(params), params)
    chex.assert_trees_all_equal({**found, "w": 0}, {**wanted, "w": 0})
    np.testing.assert_allclose(found["w"], wanted["w"] - 0.005 * params["w"], rtol=1e-5)


def test_a_compiled_init_shares_no_buffer_with_the_parameters():
    """So that a step can be given both to overwrite."""
    tx, params = atx.prodigy(), start()
    state = jax.jit(tx.init)(params)
    step = jax.jit(lambda p, s: tx.update(p, s, p), donate_argnums=(0, 1))
    updates, _ = step(params, state)
    assert jnp.all(jnp.isfinite(updates["w"]))


def test_bfloat16_parameters_need_more_bits():
    """The first steps are of d0, which they lose; `rounded` keeps it."""
    params, data = start(jnp.bfloat16), batches()

    def estimate(tx):
        def step(carry, batch):
            params, state = carry
            grads = jax.grad(loss)(jax.tree.map(jnp.float32, params), *batch)
            updates, state = tx.update(grads, state, params)
            return (atx.apply_updates(params, updates), state), None

        (_, state), _ = jax.lax.scan(step, (params, tx.init(params)), data)
        return float(optax.tree.get(state, "d"))

    assert estimate(atx.prodigy()) == np.float32(1e-6)
    assert estimate(atx.rounded(atx.prodigy(), extra_bits=16)) > 1e-3
