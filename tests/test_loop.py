"""Around `update`: applying updates, the norm of a tree, and an average of parameters."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from harness import tree

import adaptive_tx as atx


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_applied_updates_are_optaxs(dtype):
    params, updates = tree(0, dtype), tree(1, dtype)
    ours = jax.jit(atx.apply_updates)(params, updates)
    chex.assert_trees_all_equal(ours, jax.jit(optax.apply_updates)(params, updates))
    chex.assert_trees_all_equal_dtypes(ours, params)


def test_wider_updates_are_rounded_once():
    p, u = jnp.ones(1, jnp.bfloat16), jnp.full(1, 0.005859375, jnp.float32)
    assert atx.apply_updates(p, u)[0] == jnp.bfloat16(1.0078125)  # 1.0058 is nearer to it than to 1
    assert atx.apply_updates(p, u).dtype == jnp.bfloat16


def test_nothing_is_applied_where_there_is_none():
    params = {"a": jnp.ones(2), "b": None, "c": jnp.ones(2)}
    moved = atx.apply_updates(params, {"a": jnp.ones(2), "b": None, "c": None})
    assert moved["b"] is None and moved["a"].tolist() == [2, 2] and moved["c"].tolist() == [1, 1]


def test_updates_that_do_not_fit():
    with pytest.raises(ValueError, match=r"apply_updates: updates\['w'\] has shape \(1, 3\), but"):
        atx.apply_updates({"w": jnp.ones(3)}, {"w": jnp.ones((1, 3))})
    with pytest.raises(
        ValueError, match=r"apply_updates: updates\['v'\] exists, but params has no"
    ):
        atx.apply_updates({"w": jnp.ones(3)}, {"v": jnp.ones(3)})


def test_the_norm_is_taken_in_float32():
    """Half precision would have the square of 300 as infinity, and that of 1e-4 as zero."""
    large = {"a": jnp.full(4, 300.0, jnp.float16), "b": jnp.full(4, -300.0, jnp.bfloat16)}
    np.testing.assert_allclose(atx.global_norm(large), 300 * np.sqrt(8), rtol=1e-6)
    np.testing.assert_allclose(atx.global_norm(jnp.full(4, 1e-4, jnp.float16)), 2e-4, rtol=1e-3)
    assert atx.global_norm(large).dtype == jnp.float32 and atx.global_norm({}) == 0
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree(0))])
    np.testing.assert_allclose(atx.global_norm(tree(0)), np.linalg.norm(flat), rtol=1e-6)
    with pytest.raises(TypeError, match=r"global_norm: updates\['n'\] is of type int32"):
        atx.global_norm({"n": jnp.ones(2, jnp.int32)})


def test_an_average_is_optaxs():
    new, old = tree(0), tree(1)
    ours = jax.jit(atx.incremental_update)(new, old, 0.1)
    chex.assert_trees_all_equal(ours, jax.jit(optax.incremental_update)(new, old, 0.1))


def test_an_average_keeps_its_dtype():
    """Of bfloat16 parameters in float32: a step of a thousandth would be lost in bfloat16."""
    new, old = {"w": jnp.full(2, 2.0, jnp.bfloat16)}, {"w": jnp.ones(2)}
    average = atx.incremental_update(new, old, jnp.float32(0.001))
    assert average["w"].dtype == jnp.float32
    np.testing.assert_allclose(average["w"], 1.001, rtol=1e-6)
    half = atx.incremental_update(old, new, 0.5)["w"]
    assert half.dtype == jnp.bfloat16 and half.tolist() == [1.5, 1.5]


def test_counts_are_taken_from_the_new():
    new, old = {"n": jnp.int32(5), "x": None}, {"n": jnp.int32(3), "x": None}
    assert atx.incremental_update(new, old, 0.1) == new
    with pytest.raises(
        ValueError, match=r"new_tensors\['n'\] has shape \(2,\), but old_tensors \(\)"
    ):
        atx.incremental_update({"n": jnp.ones(2)}, {"n": jnp.ones(())}, 0.1)
