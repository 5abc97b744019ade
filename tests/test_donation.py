"""Law 10: no two leaves of a state share a buffer, so a step may be given its state to overwrite."""

import jax
import jax.numpy as jnp
import optax
import pytest
import test_compat_keras_values as of_keras
import test_compat_torch_values as of_torch
from catalogue import CATALOGUE
from harness import tree, update_of
from test_compat_torch_values import quick_jit

import adaptive_tx as atx
from adaptive_tx.compat import torch

pytestmark = pytest.mark.filterwarnings("error")


TWO = {"a": jnp.ones((3, 4)), "b": jnp.ones((4, 2))}  # matrices, which every optimizer takes


OURS = {str(row): (row(), tree(0)) for row in CATALOGUE}
THEIRS = {
    f"{library.__name__.split('_')[2]}-{label}": (library.make(label), TWO)
    for library in (of_torch, of_keras)
    for label in library.OPTIMIZERS
} | {
    "torch-clip_grad_norm": (torch.clip_grad_norm(1.0), tree(0)),
    "torch-reduce_lr_on_plateau": (torch.reduce_lr_on_plateau(0.1), tree(0)),
}
NESTED = {
    "guarded-in-guarded": (
        atx.guarded(atx.chain(atx.guarded_by_z_score(atx.measured(atx.adam(0.1))))),
        tree(0),
    ),
    "guarded-optax": (atx.guarded(optax.adam(0.1)), tree(0)),
}
CASES = OURS | THEIRS | NESTED
every = pytest.mark.parametrize("name", CASES)


def shared(values) -> list[tuple[str, str]]:
    """The leaves of which a buffer, on some device, is also another leaf's."""
    seen, found = {}, []
    for path, x in jax.tree.leaves_with_path(values):
        name = jax.tree_util.keystr(path)
        for shard in x.addressable_shards if x.size else ():
            other = seen.setdefault(shard.data.unsafe_buffer_pointer(), name)
            found += [(other, name)] if other != name else []
    return found


@every
def test_no_two_leaves_share_a_buffer(name):
    """Nor does one share a parameter's."""
    tx, params = CASES[name]
    assert not shared((tx.init(params), params))


def test_early_stopping_shares_none():
    stop = atx.early_stopping()
    assert not shared(stop.init())
    step = jax.jit(stop.update, donate_argnums=1)
    assert step(jnp.ones(()), stop.init()).count == 1


DONATED = {name: case for name, case in CASES.items() if "guarded" in name or "plateau" in name}


def donated_step(tx, params):
    """Two steps, each overwriting the state that it gets."""
    state, step = tx.init(params), quick_jit(update_of(tx), donate_argnums=1)
    grads = jax.tree.map(jnp.ones_like, params)
    for _ in range(2):
        before = state
        with jax.numpy_dtype_promotion("standard"):
            _, state = step(grads, before, params)
        assert before.count.is_deleted()
    return state


@pytest.mark.parametrize("name", DONATED)
def test_a_donated_step_follows_an_eager_init(name):
    donated_step(*DONATED[name])
