"""What needs eight devices: run by test_axes.py, in a process that has them.

XLA_FLAGS=--xla_force_host_platform_device_count=8 pytest tests/eight_devices.py
"""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import P, lax
from test_compat_torch_values import quick_jit
from test_donation import donated_step, shared

import adaptive_tx as atx
from adaptive_tx.compat import torch

pytestmark = pytest.mark.filterwarnings("error")
AUTO, EXPLICIT = jax.sharding.AxisType.Auto, jax.sharding.AxisType.Explicit
BOTH = ("x", "y")


@functools.cache
def mesh_of(shape=(8,), kind=AUTO):
    """Made when a test asks for it: this file can be imported where there are fewer devices."""
    return jax.make_mesh(shape, BOTH[: len(shape)], axis_types=(kind,) * len(shape))


SPECS = {
    "split": {"w": P(BOTH), "b": P("x"), "c": P("y", "x")},
    "replicated": {"w": P(), "b": P(), "c": P()},
    "mixed": {"w": P("x"), "b": P(), "c": P(None, "y")},
}


def leaves(seed, steps=None):
    """Of 48, 4 and 8 entries; with `steps`, that many of each, along a first axis."""
    rng, lead = np.random.RandomState(seed), () if steps is None else (steps,)
    shapes = {"w": (16, 3), "b": (4,), "c": (2, 4)}
    return {k: jnp.asarray(rng.standard_normal(lead + s), jnp.float32) for k, s in shapes.items()}


def after(tx, params, grads, values=None):
    """The last state of a run over stacked gradients, and all its directions."""
    values = jnp.ones(len(grads["b"])) if values is None else values

    def step(state, both):
        updates, state = tx.update(both[0], state, params, value=both[1])
        return state, updates

    return lax.scan(step, tx.init(params), (grads, values))


def on_shards(tx, spec, expected, mesh, **check):
    """`after` on shards: directions lie as the parameters do, and slots, and the rest everywhere."""

    def lies(node):
        return isinstance(node, dict) and node.keys() == spec.keys()

    state = jax.tree.map(lambda node: spec if lies(node) else P(), expected[0], is_leaf=lies)
    stacked = {k: P(None, *s) for k, s in spec.items()}
    run = functools.partial(after, tx)
    return quick_jit(
        jax.shard_map(run, mesh=mesh, in_specs=(spec, stacked), out_specs=(state, stacked), **check)
    )


MAKERS = {
    "clips": lambda at: atx.chain(
        atx.clip_by_global_norm(8.0, **at),
        torch.clip_grad_norm(20.0, 1, **at),
        torch.clip_grad_norm(4.0, 2, **at),
        torch.clip_grad_norm(1.0, np.inf, **at),
    ),
    "measured": lambda at: atx.measured(
        atx.chain(atx.clip_by_value(1.0), atx.adam(0.1)),
        by=lambda path: "w" if path == "w" else "b",
        **at,
    ),
    "guards": lambda at: atx.guarded_by_z_score(
        atx.chain(atx.guarded_by_percentile(atx.adam(0.1), window=4, warmup=2, **at)),
        warmup=2,
        **at,
    ),
}


@functools.cache
def shocked():
    """A spike after some steps, then one bad entry, which lies on one device where its leaf is split."""
    grads = leaves(1, steps=8)
    grads = {k: g.at[4].mul(1e3) for k, g in grads.items()}
    return {**grads, "w": grads["w"].at[6, 13, 1].set(jnp.nan)}


def close(found, expected):
    chex.assert_trees_all_close(found, expected, rtol=2e-5, atol=1e-7)


@functools.cache
def on_one_device(name):
    return quick_jit(functools.partial(after, MAKERS[name]({})))(leaves(0), shocked())


@pytest.mark.parametrize("kind", SPECS)
@pytest.mark.parametrize("name", MAKERS)
def test_shards_together_are_the_whole(name, kind):
    """Directions, states and metrics; types tell what is split, and `out_specs` checks what comes out."""
    expected, tx = on_one_device(name), MAKERS[name]({"axis_name": BOTH})
    close(on_shards(tx, SPECS[kind], expected, mesh_of((4, 2)))(leaves(0), shocked()), expected)


W_SPLIT = {"w": True, "b": False, "c": False}


@pytest.mark.parametrize("name", MAKERS)
def test_the_user_says_what_is_split_where_types_do_not(name):
    expected, spec = on_one_device(name), {"w": P("x"), "b": P(), "c": P()}
    tx = MAKERS[name]({"axis_name": "x", "sharded": W_SPLIT})
    close(on_shards(tx, spec, expected, mesh_of(), check_vma=False)(leaves(0), shocked()), expected)


def test_pmap_is_told_too():
    """Of leaves split over all devices, and of replicas."""
    params = {"w": jnp.arange(16.0).reshape(8, 2)}
    tx = atx.clip_by_global_norm(1.0)
    expected, _ = tx.update(params, tx.init(params))

    def clip(tx, g):
        return tx.update(g, tx.init(g))[0]

    split = atx.clip_by_global_norm(1.0, axis_name="x", sharded=True)
    close(jax.pmap(functools.partial(clip, split), "x")(params), expected)
    same = jax.tree.map(lambda x: jnp.stack([x] * 8), params)
    replicas = jax.pmap(
        functools.partial(clip, atx.clip_by_global_norm(1.0, axis_name="x", sharded=False)), "x"
    )(same)
    close(jax.tree.map(lambda x: x[5], replicas), expected)
    with pytest.raises(
        ValueError, match="clip_by_global_norm: pmap, .* which leaves are split over x"
    ):
        jax.pmap(functools.partial(clip, atx.clip_by_global_norm(1.0, axis_name="x")), "x")(params)


@pytest.mark.parametrize("check", [True, False])
def test_replicas_of_a_guard_decide_together(check):
    """Also where each device has gradients of its own: one bad device, and all skip."""
    tx, params = atx.guarded(atx.chain(atx.sgd(0.1)), axis_name="x"), {"w": jnp.ones((8, 2))}

    def step(g):
        updates, state = tx.update(g, tx.init(g), value=jnp.ones(()))
        return updates, state.skipped

    run = jax.shard_map(
        step, mesh=mesh_of(), in_specs=P("x"), out_specs=(P("x"), P()), check_vma=check
    )
    assert jax.jit(run)(params)[1] == 0
    updates, skipped = jax.jit(run)({"w": params["w"].at[3, 0].set(jnp.inf)})
    assert skipped == 1
    assert not np.any(updates["w"])


def test_metrics_of_an_explicit_mesh():
    """The default of `jax.make_mesh`, under jit; large leaves, of which a sample is taken, too."""
    mesh = mesh_of((4, 2), EXPLICIT)
    rng = np.random.RandomState(0)
    values = {"w": rng.standard_normal((400, 30)), "b": rng.standard_normal(30), "s": rng.rand()}
    values = {k: jnp.asarray(v, jnp.float32) for k, v in values.items()}
    tx = atx.measured(atx.chain(atx.clip_by_global_norm(1.0), atx.adam(0.1)))

    @quick_jit
    def found(values):
        return tx.update(values, tx.init(values), values)[1].metrics

    expected = found(values)
    spec = {"w": P("x", "y"), "b": P("y"), "s": P()}
    put = {k: jax.device_put(v, jax.NamedSharding(mesh, spec[k])) for k, v in values.items()}
    close(found(put), expected)
    with jax.set_mesh(mesh):
        close(found(put), expected)


def test_a_donated_step_follows_an_eager_init():
    inside = atx.chain(atx.guarded_by_percentile(atx.sgd(0.1)), torch.reduce_lr_on_plateau(0.1))
    tx = atx.guarded(atx.chain(atx.guarded_by_z_score(inside)))
    params = jax.device_put(leaves(0), jax.NamedSharding(mesh_of(), P()))
    assert not shared((tx.init(params), params))
    jax.block_until_ready(donated_step(tx, params))


@pytest.mark.parametrize("kind", [AUTO, EXPLICIT], ids=["auto", "explicit"])
@pytest.mark.parametrize("bits", [16, 8])
def test_stored_rounds_on_eight_devices_as_on_one(bits, kind):
    """To the bit: an entry's random bits follow from its place in the whole array."""
    tx, mesh = atx.stored(atx.scale_by_adam(), bits), mesh_of((4, 2), kind)
    params, grads = leaves(0), leaves(1, steps=6)
    lies = {k: jax.NamedSharding(mesh, spec) for k, spec in SPECS["mixed"].items()}
    stacked = {k: jax.NamedSharding(mesh, P(None, *s)) for k, s in SPECS["mixed"].items()}
    run = quick_jit(functools.partial(after, tx))
    alone = run(params, grads)
    with jax.set_mesh(mesh):
        state, directions = run(jax.device_put(params, lies), jax.device_put(grads, stacked))
    chex.assert_trees_all_equal(state, alone[0])
    chex.assert_trees_all_close(directions, alone[1], rtol=1e-6)
    for name, sharding in lies.items():
        assert state.nu[name].sharding.is_equivalent_to(sharding, state.nu[name].ndim)


def test_shards_of_stored_slots():
    """In `shard_map` each part of a split leaf has random bits of its own, and replicas the same."""
    tx, mesh = atx.stored(atx.scale_by_adam(), 8), mesh_of()
    spec = {"split": P("x"), "same": P()}
    grads = {"split": jnp.full((8, 64), 0.3), "same": jnp.full(64, 0.3)}

    def step(g):
        return tx.update(g, tx.init(g))[1].nu

    nu = jax.jit(jax.shard_map(step, mesh=mesh, in_specs=(spec,), out_specs=spec))(grads)
    assert len({bytes(np.asarray(row)) for row in nu["split"]}) == 8
    for shard in nu["same"].addressable_shards:
        np.testing.assert_array_equal(shard.data, nu["same"])
