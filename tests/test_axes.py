"""Leaves split over the axes of a `shard_map`: what types say, errors, and the numbers of eight devices."""

import inspect
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
from catalogue import CATALOGUE
from harness import VALUE, tree, update_of
from jax import P

import adaptive_tx as atx
from adaptive_tx.compat import torch
from adaptive_tx.core.axes import varying

pytestmark = pytest.mark.filterwarnings("error")
HERE = pathlib.Path(__file__).parent
MESH = jax.sharding.AbstractMesh((2,), ("x",))
MIXED = {"enc": {"w": P("x"), "b": P()}, "scale": P()}


def traced(step, *trees, spec=MIXED, **check):
    """A function of trees that lie so, traced inside a `shard_map`; no devices are needed."""
    run = jax.shard_map(step, mesh=MESH, in_specs=(spec,) * len(trees), out_specs=P(), **check)
    return jax.eval_shape(run, *trees)


def unlike(old, new) -> list[str]:
    """The leaves that vary over other axes than before."""
    pairs = zip(jax.tree.leaves_with_path(old), jax.tree.leaves(new), strict=True)
    return [jax.tree_util.keystr(path) for (path, a), b in pairs if varying(a) != varying(b)]


EACH_LEAF = {
    atx.grouped,
    atx.masked,
    atx.accumulated,
    atx.averaged,
    atx.schedule_free,
    atx.primal_averaged,
    atx.lookahead,
    atx.cautious,
    atx.hyperball,
    atx.rounded,
    atx.stored,
}  # wrappers that do nothing else


def looks_at_all(row) -> bool:
    """Whether it decides by all leaves together, and so must be able to name an axis."""
    if row.wrapper in EACH_LEAF or row.of_matrices:
        return False
    return row.wrapper is not None or not row.leafwise


WITH_AXIS = {
    "clip_by_global_norm": atx.clip_by_global_norm(1.0, axis_name="x"),
    "scale_by_prodigy": atx.scale_by_prodigy(axis_name="x"),
    "prodigy": atx.prodigy(weight_decay=0.1, axis_name="x"),
    "measured": atx.measured(
        atx.chain(atx.clip_by_value(1.0), atx.adam(0.1)), by="leaf", axis_name="x"
    ),
    "guarded": atx.guarded(atx.measured(atx.adam(0.1), axis_name="x"), axis_name="x"),
    "guarded_by_z_score": atx.guarded_by_z_score(atx.adam(0.1), axis_name="x"),
    "guarded_by_percentile": atx.guarded_by_percentile(atx.adam(0.1), axis_name="x"),
}
OTHERS = {
    "by_z_score-loss": atx.guarded_by_z_score(atx.adam(0.1), of="loss", axis_name="x"),
    "torch-clip_grad_norm-1": torch.clip_grad_norm(1.0, 1, axis_name="x"),
    "torch-clip_grad_norm-2": torch.clip_grad_norm(1.0, 2, axis_name="x"),
    "torch-clip_grad_norm-inf": torch.clip_grad_norm(1.0, float("inf"), axis_name="x"),
    "torch-reduce_lr_on_plateau": torch.reduce_lr_on_plateau(0.1),
}
LEAFWISE = {str(row): row() for row in CATALOGUE if not looks_at_all(row)}


def test_what_looks_at_all_leaves_can_name_an_axis():
    makers = {row.wrapper or row.make for row in CATALOGUE if looks_at_all(row)}
    assert {maker.__name__ for maker in makers} == {*WITH_AXIS}
    assert all("axis_name" in inspect.signature(maker).parameters for maker in makers)


@pytest.mark.parametrize(
    "tx", [pytest.param(tx, id=name) for name, tx in (LEAFWISE | WITH_AXIS | OTHERS).items()]
)
def test_a_replicated_leaf_stays_so(tx):
    """Two steps on split and replicated leaves: what varies is what did, in states and directions."""

    def steps(grads, params):
        first = tx.init(params)
        for _ in range(2):
            direction, state = update_of(tx)(grads, first, params)
            assert not unlike(first, state)
            assert not unlike(grads, direction)
        return ()

    traced(steps, tree(1), tree(0))


NO_AXIS = {
    "clip_by_global_norm": (atx.clip_by_global_norm(1.0), "the norm of all leaves is not; name it"),
    "clip_grad_norm": (torch.clip_grad_norm(1.0), "the norm of all leaves is not; name it"),
    "scale_by_prodigy": (atx.prodigy(), "the norm of all leaves is not; name it"),
    "guarded": (atx.guarded(atx.sgd(0.1)), "whether to skip it is not; name it"),
    "guarded_by_z_score": (atx.guarded_by_z_score(atx.sgd(0.1)), "whether to skip it is not; name"),
}


@pytest.mark.parametrize("who", NO_AXIS)
def test_replicas_that_would_part_are_an_error(who):
    tx, why = NO_AXIS[who]
    leaf = r"grads\['enc'\]\['b'\] is the same on all devices of the axis 'x', but "
    with pytest.raises(ValueError, match=f"^{who}: {leaf}{why}.*axis_name='x'"):
        traced(lambda g: tx.update(g, tx.init(g), g)[0], tree(1))


def test_all_split_and_no_axis_is_one_optimizer_a_device():
    """As in an ensemble: each has its own norm, and its own decisions."""
    tx = atx.guarded(atx.chain(atx.clip_by_global_norm(1.0), atx.adam(0.1)))
    step = lambda g: (tx.update(g, tx.init(g), g), ())[1]  # noqa: E731
    traced(step, {"w": jnp.ones((2, 3))}, spec=P("x"))


@pytest.mark.parametrize("tx", [atx.reduce_on_plateau(), torch.reduce_lr_on_plateau(0.1)])
def test_a_plateau_of_each_device_is_an_error(tx):
    def step(g):
        return tx.update(g, tx.init(g), value=jnp.mean(g["enc"]["w"]))[0]

    why = r"updates\['enc'\]\['b'\] is the same .*but value is not; .*lax.pmean\(value, 'x'\)"
    with pytest.raises(ValueError, match=rf"^reduce_\w+: {why}"):
        traced(step, tree(1))


def test_a_guard_takes_one_value():
    tx = atx.guarded(atx.sgd(0.1), axis_name="x")
    with pytest.raises(
        ValueError, match="^guarded: value differs between the devices of the axis 'x'"
    ):
        traced(lambda g: tx.update(g, tx.init(g), value=jnp.mean(g["enc"]["w"]))[0], tree(1))


@pytest.mark.parametrize("who", WITH_AXIS)
def test_what_is_not_known_must_be_said(who):
    """Without types. Plain flags, of which one is enough, need not be known."""
    tx = WITH_AXIS[who]

    def step(g):
        return tx.update(g, tx.init(g), g, value=VALUE)[0]

    with pytest.raises(ValueError, match=r"check_vma=False\) do not tell .* say it: sharded=True"):
        traced(step, tree(1), check_vma=False)
    plain = atx.guarded(atx.sgd(0.1), axis_name="x")
    traced(lambda g: (plain.update(g, plain.init(g)), ())[1], tree(1), check_vma=False)


def test_errors():
    clip, tx = atx.clip_by_global_norm, atx.sgd(0.1)
    with pytest.raises(TypeError, match="^guarded: axis_name must be a string or a tuple"):
        atx.guarded(tx, axis_name=3)
    with pytest.raises(TypeError, match="^measured: axis_name must be a string or a tuple"):
        atx.measured(tx, axis_name=["x"])
    with pytest.raises(
        ValueError, match="^clip_by_global_norm: sharded says .* over axis_name; give"
    ):
        clip(1.0, sharded=True)
    with pytest.raises(
        TypeError, match=r"^clip_by_global_norm: sharded\['w'\] must be True or False"
    ):
        clip(1.0, axis_name="x", sharded={"w": 1})
    for other in (
        clip(1.0, axis_name="q"),
        atx.guarded(tx, axis_name="q"),
        atx.measured(tx, axis_name="q"),
    ):
        with pytest.raises(NameError, match=r"^\w+: axis_name is 'q', but no such axis is here"):
            other.update(tree(1), other.init(tree(0)), tree(0))
    wrong = clip(1.0, axis_name="x", sharded={"w": True})
    with pytest.raises(ValueError, match="^clip_by_global_norm: the sharded does not fit the tree"):
        traced(lambda g: wrong.update(g, wrong.init(g))[0], tree(1), check_vma=False)
    written = clip(1.0, axis_name=("x", "y"), sharded={"w": True, "b": False})
    assert eval(repr(written), vars(atx)) == written


@pytest.mark.slow
def test_on_eight_devices():
    flags = "--xla_force_host_platform_device_count=8"
    path = os.pathsep.join([str(HERE), *sys.path])
    env = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": path}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "eight_devices.py"]
    done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
