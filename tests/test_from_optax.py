"""docs/from_optax.md is what the signatures say, misses no name, and its calls compute the same."""

import inspect

import chex
import from_optax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest
from harness import update_of

import adaptive_tx as atx
from adaptive_tx import schedules

TRANSFORMATIONS = [
    pair
    for title, pairs in from_optax.SECTIONS.items()
    for pair in pairs
    if title != "Schedules" and pair.name != "lookahead"  # of pairs: see test_sequences
]


def test_the_page_is_what_the_signatures_say():
    """Else write it again: `PYTHONPATH=tests python tests/from_optax.py`."""
    assert from_optax.PAGE.read_text() == from_optax.page()


def test_no_name_that_both_have_is_missing():
    listed = {pair.name for pairs in from_optax.SECTIONS.values() for pair in pairs}
    for name in atx.__all__:
        theirs = getattr(optax, name, None) or getattr(optax.contrib, name, None)
        ours = getattr(atx, name)
        if name not in listed and inspect.isfunction(ours) and inspect.isfunction(theirs):
            assert [*inspect.signature(ours).parameters] == [*inspect.signature(theirs).parameters]


def test_no_schedule_of_optax_is_missing():
    listed = {pair.name for pair in from_optax.SCHEDULES}
    elsewhere = {
        "linear_onecycle_schedule",
        "piecewise_interpolate_schedule",
    }  # joins of the others
    named = {name for name in optax.__all__ if name.endswith(("_schedule", "_decay"))}
    assert named - elsewhere - {"scale_by_schedule"} <= listed


@pytest.mark.parametrize("pair", TRANSFORMATIONS, ids=lambda pair: pair.theirs)
def test_every_argument_of_optax_is_answered(pair):
    """With another name, or with what to do instead; not with a list of what there is."""
    theirs, ours = pair.functions()
    here = inspect.signature(ours).parameters
    for name in {*inspect.signature(theirs).parameters} - {*here}:
        if ours is not atx.chain:
            with pytest.raises(
                TypeError, match=rf"^{ours.__name__}: There is no {name}; "
            ) as error:
                ours(**{name: (0.9, 0.99) if name == "betas" else 0.5})
            answer = str(error.value)
            assert "it takes" not in answer
            if (renamed := from_optax.renamed(pair.name, name)) in here:
                assert f"{renamed}=" in answer


def made(pair):
    names = {**vars(atx), "schedules": schedules}
    where = {**vars(optax.contrib), **vars(optax), "optax": optax}
    return eval(pair.ours, names), eval(pair.theirs, where)


def directions(tx):
    def numbers(seed, *shape):
        return {"w": jnp.asarray(np.random.RandomState(seed).standard_normal(shape), jnp.float32)}

    params, grads = numbers(0, 2, 3), numbers(1, 4, 2, 3)

    def step(state, g):
        direction, state = update_of(tx)(g, state, params)
        return state, direction

    with jax.numpy_dtype_promotion("standard"):
        return jax.jit(lambda: jax.lax.scan(step, tx.init(params), grads)[1])()


@pytest.mark.slow
@pytest.mark.parametrize("pair", TRANSFORMATIONS, ids=lambda pair: pair.theirs)
def test_the_calls_of_a_row_agree(pair):
    """Or differ where the page says that they do."""
    ours, theirs = map(directions, made(pair))
    if pair.unlike and pair.name != "apply_if_finite":  # of finite gradients both are sgd
        apart = jax.tree.map(lambda a, b: float(jnp.max(jnp.abs(a - b))), ours, theirs)
        assert apart["w"] > 1e-6
    else:
        chex.assert_trees_all_close(ours, theirs, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("pair", from_optax.SCHEDULES, ids=lambda pair: pair.name)
def test_the_schedules_of_a_row_agree(pair):
    ours, theirs = made(pair)
    counts = range(0, 120, 3)
    with jax.numpy_dtype_promotion("standard"):
        values = [[float(schedule(count)) for count in counts] for schedule in (ours, theirs)]
    if pair.unlike:
        assert not np.allclose(*values, rtol=1e-5)
    else:
        np.testing.assert_allclose(*values, rtol=1e-5, atol=1e-8)
