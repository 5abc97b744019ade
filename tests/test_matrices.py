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
    "scale_by_kron": functools.partial(atx.scale_by_kron, every=2),
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


@pytest.mark.parametrize(
    "name", sorted({*EVERY} - {"scale_by_kron"})
)  # whose probes follow the path
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


def test_kron_makes_gradients_white():
    """Of normal gradients with known covariances of rows and columns: the identity, within a quarter.

    A trajectory would depend on the probes.
    """
    rows, columns = (
        jnp.triu(normal(4, 4, seed=1)) + jnp.eye(4),
        normal(3, 3, seed=2) + 2 * jnp.eye(3),
    )
    n, whole = 4000, {"precision": "highest"}
    gradients = jnp.einsum("ab,nbc,cd->nad", rows, normal(n, 4, 3, seed=3), columns, **whole)
    falling = atx.schedules.exponential(0.1, steps=2000, factor=0.1)
    tx = atx.scale_by_kron(b1=0.0, factor_rate=falling, max_rms=1e6)
    _, state = after(tx, {"w": gradients})
    left, right = (x["w"].T @ x["w"] for x in (state.left, state.right))
    white = jnp.einsum("ab,nbc,cd->nad", left, gradients, right, **whole).reshape(n, 12)
    off = np.abs(np.cov(white.T) - np.eye(12))
    assert np.max(off) < 0.25, np.max(off)
    assert np.max(np.abs(np.cov(gradients.reshape(n, 12).T) - np.eye(12))) > 10
    assert not np.any(np.tril(state.left["w"], -1)) and not np.any(np.tril(state.right["w"], -1))


def test_krons_layouts_are_the_matrix_at_the_same_path():
    steps = normal(STEPS, 4, 6)
    other = jnp.stack([steps.reshape(STEPS, 4, 2, 3)] * 2, 2)  # one beside the other
    tx = functools.partial(atx.scale_by_kron, every=2)
    found, _ = after(tx(axes=lambda path, p: ((0,), (2, 3))), {"w": other})
    wanted, _ = after(tx(), {"w": steps})
    turned = jnp.moveaxis(found["w"], 2, 0).reshape(2, STEPS, 4, 6)
    chex.assert_trees_all_close(turned, jnp.stack([wanted["w"]] * 2), rtol=0, atol=2e-5)
    elsewhere, _ = after(tx(), {"v": steps})
    seeded, _ = after(tx(probe_seed=1), {"w": steps})
    for other in (elsewhere["v"], seeded["w"]):
        assert np.max(np.abs(other - wanted["w"])) > 1e-3


def test_factors_do_not_grow_for_ever_under_zero_gradients():
    steps = jnp.concatenate([jnp.zeros((600, 3, 3)), 1e3 * normal(100, 3, 3)])
    directions, state = after(atx.scale_by_kron(), {"w": steps})
    chex.assert_tree_all_finite((directions, state))
    sizes = np.abs(directions["w"][-20:]).max(axis=(1, 2))
    assert 0.01 < sizes.min() and sizes.max() < 4


def test_kron_refuses_complex_numbers():
    with pytest.raises(ValueError, match=r"scale_by_kron: params\['w'\] is of dtype complex64"):
        atx.scale_by_kron().init({"w": jnp.ones((2, 2), jnp.complex64)})
