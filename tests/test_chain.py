"""A chain is one pass over the leaves: what lies between its parts, and what parts of others see."""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from harness import run, tree

import adaptive_tx as atx
from adaptive_tx.core.arguments import arguments_of
from adaptive_tx.core.chain import walked
from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.ranges import finite
from adaptive_tx.core.slots import Slot, number

SEEN: list[Any] = []


def third(u, t, *, factor):
    return u * factor


def scale_by(factor):
    return leafwise("scale_by", third, factor=finite(factor))


def looks():
    """A part of optax's kind, which writes down the dtype that it is given."""

    def update(updates, state, params=None):
        SEEN.append(jax.tree.leaves(updates)[0].dtype)
        return updates, state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def bfloat16():
    return {"w": jnp.asarray(np.linspace(0.1, 1, 7), jnp.bfloat16)}


def test_nothing_is_rounded_between_our_parts():
    """A thousandth that bfloat16 would lose on the way is kept: 1.001^3 is rounded once."""
    tx, g = atx.chain(scale_by(1.001), scale_by(1.001), scale_by(1.001)), bfloat16()
    direction, _ = tx.update(g, tx.init(g), g)
    once = jax.tree.map(lambda x: (x.astype(jnp.float32) * 1.001**3).astype(jnp.bfloat16), g)
    chex.assert_trees_all_equal(direction, once)


@pytest.mark.parametrize(
    "between",
    [
        lambda: atx.clip_by_global_norm(100.0),  # looks at the whole tree
        lambda: atx.reduce_on_plateau(),  # has an update of its own
        lambda: atx.measured(atx.ema(0.0, debias=False)),
        lambda: atx.chain(atx.chain(atx.trace(0.0)), atx.chain()),
    ],
    ids=["of the tree", "no rule", "wrapper", "nested"],
)
def test_nor_around_those_that_are_no_links_of_a_pass(between):
    tx, g = atx.chain(scale_by(1.001), between(), scale_by(1.001), scale_by(1.001)), bfloat16()
    direction, _ = tx.update(g, tx.init(g), g, value=jnp.float32(1))
    once = jax.tree.map(lambda x: (x.astype(jnp.float32) * 1.001**3).astype(jnp.bfloat16), g)
    chex.assert_trees_all_equal(direction, once)


def test_a_wrapper_before_other_parts_rounds_nothing():
    tx, g = atx.chain(atx.guarded(scale_by(1.001)), scale_by(1.001), scale_by(1.001)), bfloat16()
    direction, _ = tx.update(g, tx.init(g), g)
    once = jax.tree.map(lambda x: (x.astype(jnp.float32) * 1.001**3).astype(jnp.bfloat16), g)
    chex.assert_trees_all_equal(direction, once)


def test_what_is_watched_is_wide():
    """Between rules as before the first: metrics are computed in float32."""
    tx, g = atx.chain(scale_by(1.001), scale_by(1.001)), bfloat16()
    _, _, stages = walked(tx.update, g, tx.init(g), g, {})
    seen = [stage.before["w"].dtype for stage in stages] + [stages[-1].after["w"].dtype]
    assert seen == 3 * [jnp.float32]


def test_a_part_of_optax_gets_the_dtype_of_the_gradients():
    tx, g = atx.chain(scale_by(2.0), looks(), scale_by(2.0), looks()), bfloat16()
    SEEN.clear()
    direction, _ = tx.update(g, tx.init(g), g)
    assert SEEN == [jnp.bfloat16, jnp.bfloat16]
    chex.assert_trees_all_equal(direction, jax.tree.map(lambda x: 4 * x, g))


def test_ours_inside_optax_gets_and_gives_the_dtype_of_the_gradients():
    tx, g = optax.chain(atx.adamw(1e-2), looks()), bfloat16()
    SEEN.clear()
    direction, _ = tx.update(g, tx.init(g), g)
    assert SEEN == [jnp.bfloat16] and direction["w"].dtype == jnp.bfloat16


def test_what_looks_at_the_tree_sees_what_comes_before_it():
    tx, g = atx.chain(scale_by(3.0), atx.clip_by_global_norm(1.0), scale_by(2.0)), tree(0)
    direction, _ = tx.update(g, tx.init(g), g)
    np.testing.assert_allclose(optax.tree.norm(direction), 2.0, rtol=1e-6)


def test_a_chain_equals_its_parts_one_after_the_other():
    parts = [atx.add_l2(0.1), atx.scale_by_adam(), atx.clip_by_rms(0.5), atx.scale_by_radam()]
    grads, params = tree(1, steps=5), tree(0)
    together, states = run(atx.chain(*parts), grads, params)
    for part, state in zip(parts, states):
        grads, alone = run(part, grads, params)
        chex.assert_trees_all_close(state, alone, rtol=1e-6, atol=1e-9)
    chex.assert_trees_all_close(together, grads, rtol=1e-5, atol=1e-7)


def test_a_masked_part_leaves_the_others_to_the_rest():
    params, g = tree(0), tree(1)
    decay = atx.add_l2(0.5, only=lambda path, p: p.ndim > 1)
    direction, _ = (tx := atx.chain(decay, scale_by(2.0))).update(g, tx.init(params), params)
    chex.assert_trees_all_close(
        direction["enc"]["w"], 2 * (g["enc"]["w"] + 0.5 * params["enc"]["w"])
    )
    chex.assert_trees_all_equal(direction["enc"]["b"], 2 * g["enc"]["b"])
    chex.assert_trees_all_equal(direction["scale"], 2 * g["scale"])


def test_leaves_of_equal_shape_share_one_trace():
    traces = []

    def step(u, t, *, factor):
        traces.append(u.shape)
        return factor * u

    tx = atx.chain(leafwise("one", step, factor=finite(2.0)), atx.trace())
    params = {f"{i}": jnp.ones((3, 2)) for i in range(10)} | {"other": jnp.ones(4)}
    jax.jit(tx.update)(params, tx.init(params), params)
    assert sorted(traces) == [(3, 2), (4,)]


class CountingState(NamedTuple):
    count: jax.Array
    length: jax.Array


def longest(t, *, tree, length):
    longest = jnp.maximum(length, tree.norm())
    total = tree.sum(lambda g: jnp.sum(g))
    return {"longest": longest, "total": total}, {"length": longest}


def over_longest(g, t, *, longest, total, factor):
    return factor * g / longest + 0 * total


def test_a_rule_may_keep_numbers_of_the_whole_tree():
    """Normalised by the largest norm so far: a whole-tree rule in a dozen lines."""
    tx = leafwise(
        "normalized",
        over_longest,
        CountingState,
        slots={"length": number(start=0.5)},
        shared=longest,
        metrics=("longest", "total"),
        factor=finite(1.0),
    )
    g = tree(1)
    state = tx.init(g)
    assert state.length == 0.5
    size = optax.tree.norm(g)
    direction, state = tx.update(g, state, g)
    chex.assert_trees_all_close(direction, jax.tree.map(lambda x: x / size, g), rtol=1e-6)
    small, state = tx.update(jax.tree.map(lambda x: x / 8, g), state, g)
    np.testing.assert_allclose(optax.tree.norm(small), 1 / 8, rtol=1e-6)
    measured = atx.measured(tx)
    _, state = measured.update(g, measured.init(g), g)
    total = sum(float(jnp.sum(x)) for x in jax.tree.leaves(g))
    np.testing.assert_allclose(atx.metrics(state)["total"], total, rtol=1e-5)
    np.testing.assert_allclose(atx.metrics(state)["longest"], size, rtol=1e-6)


def test_a_slot_that_a_state_has_not_is_refused():
    with pytest.raises(TypeError, match="normalized: CountingState has no slot mu; it has length"):
        leafwise("normalized", over_longest, CountingState, slots={"mu": number()})
    with pytest.raises(TypeError, match="wrong: the state must be a NamedTuple whose first field"):
        leafwise("wrong", over_longest, tuple)


def test_a_slot_of_what_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="Slot: of must be one of 'gradient', .*; got 'squares'"):
        Slot("mean", "squares", "b2")
    with pytest.raises(ValueError, match="Slot: kind must be one of 'mean', .*; got 'average'"):
        Slot("average", "square", "b2")
    with pytest.raises(ValueError, match="debiased needs a decay"):
        Slot("mean", "square", debiased=True)


def test_what_is_bound_prints_short():
    assert len(repr(atx.adamw(1e-3).update)) < 120
    assert repr(arguments_of(atx.adam(1e-3).update)) == "Arguments(chain)"
