"""What the library makes and somebody calls: schedules, `init`, `update`. JAX takes them as functions.

JAX keeps weak references to functions, and hashes and compares them: what cannot take part in that must
say so, and not crash the process.
"""

import subprocess
import sys
import weakref

import jax
import jax.numpy as jnp
import pytest
from catalogue import CATALOGUE
from harness import tree, update_of
from test_schedules import PAIRS

import adaptive_tx as atx
from adaptive_tx import schedules

every_schedule = pytest.mark.parametrize("name", PAIRS)


@every_schedule
def test_a_schedule_is_a_function_for_jax(name):
    schedule, oracle = PAIRS[name]
    assert weakref.ref(schedule)() is schedule
    value = pytest.approx(oracle(5), rel=1e-5)
    assert jax.jit(schedule)(5) == value
    assert jax.eval_shape(schedule, 5).shape == ()
    assert jax.lax.cond(True, schedule, schedule, 5) == value
    assert jax.vmap(schedule)(jnp.array([5, 6]))[0] == value
    assert jnp.isfinite(jax.grad(jax.checkpoint(schedule))(5.0))


def test_equal_schedules_share_a_compilation():
    traced = []

    @jax.jit
    def value(schedule, count):
        traced.append(count)
        return schedule(count)

    for peak in (0.1, 0.2):
        assert value(schedules.cosine(peak, 10), 0) == jnp.float32(peak)
    assert len(traced) == 1


def test_a_schedule_of_traced_numbers_is_an_argument():
    """As a function it cannot be told from others; passed, it is a tree of numbers."""
    sweep = jax.vmap(lambda peak: schedules.cosine(peak, 10))(jnp.array([0.1, 0.2]))
    assert jax.vmap(lambda s: s(0))(sweep).tolist() == pytest.approx([0.1, 0.2])
    program = """
import jax, jax.numpy as jnp
from adaptive_tx import schedules
sweep = jax.vmap(lambda peak: schedules.cosine(peak, 10))(jnp.array([0.1, 0.2]))
for _ in range(3):
    try:
        jax.jit(sweep)(0)
    except TypeError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("cosine: its hyperparameters are arrays") == 3


@pytest.mark.parametrize("row", CATALOGUE, ids=str)
def test_init_and_update_are_functions_for_jax(row):
    tx, params, grads = row(), tree(0), tree(1)
    assert weakref.ref(tx.init)() is tx.init and weakref.ref(tx.update)() is tx.update
    state = jax.eval_shape(tx.init, params)
    init, update = jax.jit(tx.init), jax.checkpoint(update_of(tx))
    assert jax.eval_shape(init, params) == state
    direction, _ = jax.eval_shape(update, grads, state, params)
    both = jax.eval_shape(lambda: jax.lax.cond(True, tx.init, tx.init, params))
    assert jax.tree.structure(both) == jax.tree.structure(state)
    assert jax.tree.structure(direction) == jax.tree.structure(grads)


def test_what_patience_calls_is_a_function_for_jax():
    stop = atx.early_stopping()
    assert weakref.ref(stop.update)() is stop.update
    assert not jax.jit(stop.update)(1.0, jax.jit(stop.init)()).should_stop
