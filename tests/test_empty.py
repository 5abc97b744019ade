"""Leaves without entries are leaves: every transformation takes them, and does nothing to them."""

import functools

import chex
import jax
import jax.numpy as jnp
import pytest
from catalogue import CATALOGUE
from harness import finite, update_of
from test_compat_values import OPTIMIZERS

SHAPES = [(0,), (0, 3), (3, 0), ()]
TREES = {"all": SHAPES, "none": [], **{str(shape): [shape] for shape in SHAPES[:3]}}


def two_steps(tx, leaves):
    """The updates of two steps, and the last state, with one size of gradient after another."""
    params = {str(i): jnp.ones(shape) for i, shape in enumerate(leaves)}
    state = tx.init(params)
    for size in (1.0, 0.0):
        grads = jax.tree.map(functools.partial(jnp.full_like, fill_value=size), params)
        updates, state = update_of(tx)(grads, state, params)
        chex.assert_trees_all_equal_shapes_and_dtypes(updates, params)
    return updates, state


def law(tx, trees):
    """All trees in one program."""
    with jax.debug_nans(True):
        found = jax.jit(lambda tx: [two_steps(tx, leaves) for leaves in trees])(tx)
    assert finite(found)


@pytest.mark.parametrize("row", CATALOGUE, ids=str)
def test_the_catalogue(row):
    law(row(), TREES.values())


@pytest.mark.slow
@pytest.mark.parametrize(("library", "label"), OPTIMIZERS)
def test_compat(library, label):
    matrices = [[(0, 3), (3, 0)], [(0, 3)], [(3, 0)], []]
    law(library.make(label), matrices if label.startswith("muon") else TREES.values())
