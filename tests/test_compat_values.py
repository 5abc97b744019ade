"""What optimizers of `compat` are, whoever they follow: a value, mapped, differentiated, in any dtype."""

import pickle

import chex
import jax
import jax.numpy as jnp
import pytest
import test_compat_keras_values as of_keras
import test_compat_torch_values as of_torch
from harness import finite
from test_compat_torch_values import quick_jit, steps, three_steps

LIBRARIES = {of_torch: "lr", of_keras: "learning_rate"}  # what they call the rate
OPTIMIZERS = [
    pytest.param(library, label, id=f"{library.__name__.split('_')[2]}-{label}")
    for library in LIBRARIES
    for label in library.OPTIMIZERS
]
every_optimizer = pytest.mark.parametrize(("library", "label"), OPTIMIZERS)


def loss(tx, params, grads):
    return sum(jnp.sum(x) for x in jax.tree.leaves(steps(tx, params, grads)[0]))


swept_steps = quick_jit(jax.vmap(steps, in_axes=(0, None, None)))
slopes_of = quick_jit(jax.grad(loss, argnums=(0, 2)))


def with_rate(library, label, rate):
    return library.make(label, **{LIBRARIES[library]: rate})


@every_optimizer
def test_is_a_value(library, label):
    tx, again, other = library.make(label), library.make(label), with_rate(library, label, 0.123)
    assert tx == again and hash(tx) == hash(again) and tx != other
    assert pickle.loads(pickle.dumps(tx)) == tx
    assert eval(repr(tx), library.WRITTEN) == tx
    params, grads = library.trees(label)
    state = tx.init(params)
    numbers = tx.hyperparameters(state)
    assert len(numbers) == len(jax.tree.leaves(tx))
    if any(name.endswith("learning_rate") for name in numbers):  # rprop has none
        assert tx.replace(learning_rate=0.123) == other
    for name, value in numbers.items():
        assert tx.replace({name: float(value)}) == tx

    chex.clear_trace_counter()
    step = quick_jit(chex.assert_max_traces(lambda tx, g, s, p: tx.update(g, s, p), 1))
    for rate in (0.1, 0.2, 0.3):
        _, state = step(with_rate(library, label, rate), grads, state, params)
    chex.assert_trees_all_equal_shapes_and_dtypes(state, tx.init(params))


@pytest.mark.exhaustive  # the rules have it in test_values
@pytest.mark.slow
@every_optimizer
def test_sweeps_and_hypergradients(library, label):
    params, grads = library.trees(label)
    rates = jnp.array([0.01, 0.1])
    sweep = jax.vmap(lambda rate: with_rate(library, label, rate))(rates)
    swept, _ = swept_steps(sweep, params, grads)
    for i, rate in enumerate(rates):
        alone, _ = three_steps(with_rate(library, label, rate), params, grads)
        one = jax.tree.map(lambda x: x[i], swept)  # noqa: B023
        chex.assert_trees_all_close(one, alone, rtol=2e-5, atol=1e-6)
    for g in (grads, jax.tree.map(jnp.zeros_like, grads)):
        assert finite(slopes_of(library.make(label), params, g))


@every_optimizer
def test_dtypes_and_extremes(library, label):
    tx = library.make(label)
    for dtype in ("bfloat16", "float16"):
        params, grads = library.trees(label, dtype)
        updates, state = jax.eval_shape(lambda p, g: tx.update(g, tx.init(p), p), params, grads)
        chex.assert_trees_all_equal_dtypes(updates, grads)
        chex.assert_trees_all_equal_shapes_and_dtypes(state, tx.init(params))
    params, grads = library.trees(label)
    for size in (0.0, 1e-30, 1e29):
        assert finite(three_steps(tx, params, jax.tree.map(lambda g: size * g, grads))), size  # noqa: B023
