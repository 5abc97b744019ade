"""Every rule on matrices, given what is hardly one: nothing, zeros, a row; stacks and other layouts."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adaptive_tx as atx

pytestmark = pytest.mark.filterwarnings("error")
EVERY = {
    "orthogonalize": atx.orthogonalize,
    "scale_by_normuon": atx.scale_by_normuon,
    "scale_by_lmo": atx.scale_by_lmo,
    "muon": functools.partial(atx.muon, 0.1),
    "scale_by_soap": functools.partial(atx.scale_by_soap, every=2),
    "scale_by_shampoo": functools.partial(atx.scale_by_shampoo, every=2, damping=1e-4),
}
every = pytest.mark.parametrize("name", EVERY)
STEPS = 5


def normal(*shape, seed=0):
    return jnp.asarray(np.random.RandomState(seed).standard_normal(shape), jnp.float32)


def after(tx, steps):
    """The directions of all steps, and the last state."""
    params = jax.tree.map(lambda g: jnp.zeros_like(g[0]), steps)

    def step(state, g):
        u, state = tx.update(g, state, params)
        return state, u

    state, directions = jax.jit(lambda s: jax.lax.scan(step, tx.init(params), s))(steps)
    return directions, state


@every
def test_what_is_hardly_a_matrix(name):
    """The step is finite, and that of zeros is 0."""
    steps = {
        "zeros": jnp.zeros((STEPS, 4, 3)),
        "rank one": normal(STEPS, 4, 1) * normal(1, 1, 3),
        "the same twice": jnp.broadcast_to(normal(1, 4, 4), (STEPS, 4, 4)),
        "a row": normal(STEPS, 1, 5),
        "a column": normal(STEPS, 5, 1),
        "a number": normal(STEPS, 1, 1),
        "nothing": normal(STEPS, 0, 3),
        "later": normal(STEPS, 3, 3).at[:3].set(0),
    }
    directions, state = after(EVERY[name](), steps)
    chex.assert_tree_all_finite((directions, state))
    chex.assert_trees_all_equal(directions["zeros"], steps["zeros"])
    assert np.all(np.any(directions["later"][3:], axis=(1, 2)))


@every
@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
def test_what_is_not_finite_is_seen(name, bad):
    """In its own leaf, at once or one update later; in no other."""
    steps = {"bad": normal(STEPS, 4, 3).at[0, 1, 2].set(bad), "good": normal(STEPS, 4, 3)}
    directions, _ = after(EVERY[name](), steps)
    assert not np.all(np.isfinite(directions["bad"][:2]))
    assert np.all(np.isfinite(directions["good"]))


def axes_of(path, p):
    return {"stack": "last_two", "torch": ((1,), (0,)), "attention": "first_in"}.get(path)


@every
def test_other_layouts_are_each_matrix_alone(name):
    steps = normal(STEPS, 4, 6), normal(STEPS, 4, 6, seed=1)
    other = {
        "stack": jnp.stack(steps, 1),
        "torch": steps[0].transpose(0, 2, 1),
        "attention": steps[0].reshape(STEPS, 4, 2, 3),
    }
    found, _ = after(EVERY[name](axes=axes_of), other)
    wanted, _ = after(EVERY[name](), steps)
    close = functools.partial(chex.assert_trees_all_close, rtol=0, atol=2e-5)
    close(found["stack"], jnp.stack(wanted, 1))
    close(found["torch"].transpose(0, 2, 1), wanted[0])
    close(found["attention"].reshape(STEPS, 4, 6), wanted[0])


@every
def test_half_precision_is_kept_in_whole(name):
    tx, params = EVERY[name](), {"w": jnp.ones((4, 3), jnp.bfloat16)}
    state = jax.eval_shape(tx.init, params)
    kept = {x.dtype for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating)}
    assert kept <= {jnp.dtype(jnp.float32)}
    direction, _ = jax.eval_shape(tx.update, params, state, params)
    assert direction["w"].dtype == jnp.bfloat16


@every
def test_a_vector_is_refused(name):
    with pytest.raises(
        ValueError, match=r"params\['b'\], of shape \(3,\), is no matrix; give it to"
    ):
        EVERY[name]().init({"w": jnp.ones((4, 3)), "b": jnp.ones(3)})


# Rules of bases.


def test_long_sides_have_no_basis():
    """Without any, SOAP is Adam with the first step left out, and eps beside the root as it is."""
    tx, steps = atx.scale_by_soap(max_size=3, every=2), {"w": normal(STEPS, 5, 4)}
    state = jax.eval_shape(tx.init, {"w": jnp.zeros((5, 3))})
    assert state.left["w"] is None and state.right["w"].shape == (3, 3)
    found, _ = after(tx, steps)
    hat = atx.scale_by_adam_eps_hat(b1=0.95, b2=0.95, eps=1e-8)
    wanted, _ = after(hat, {"w": steps["w"][1:]})
    chex.assert_trees_all_close(found["w"][1:], wanted["w"], rtol=1e-5, atol=1e-6)
    assert not np.any(found["w"][0])


def test_a_basis_may_be_kept_for_each_head():
    tx = atx.scale_by_soap(axes=lambda path, p: ((0,), (2,)))
    state = jax.eval_shape(tx.init, {"q": jnp.zeros((6, 2, 3))})
    assert state.left["q"].shape == (2, 6, 6) and state.right_basis["q"].shape == (2, 3, 3)


def test_a_sweep_of_soap_is_each_alone():
    """Mapped over, every step computes bases; what is not due changes nothing."""
    steps = {"w": normal(STEPS, 4, 4)}
    rates = jnp.array([1.0, 2.0])
    together = jax.vmap(lambda k: after(atx.scale_by_soap(every=k), steps)[0])(rates)
    for i, k in enumerate(rates):
        alone, _ = after(atx.scale_by_soap(every=k), steps)
        chex.assert_trees_all_close(together["w"][i], alone["w"], rtol=0, atol=1e-5)
    assert np.max(np.abs(together["w"][0] - together["w"][1])) > 0.01
