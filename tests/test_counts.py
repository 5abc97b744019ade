"""Schedules to the step, however many there were: above 2^24 float32 tells only every second count."""

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from harness import tree
from test_schedules import PAIRS

import adaptive_tx as atx
from adaptive_tx import schedules
from adaptive_tx.compat import keras, torch

FAR = [2**24, 2**24 + 1, 2**24 + 3, 20_000_005, 123_456_789, 2**30 + 1, 2**31 - 2]
# With exponents in the count, the rounding of the factor is all there is to see.
NOT_PERIODIC = {
    "exponential",
    "step_decay",
    "staircase",
    "cosine_restarts_growing",
    "cosine_restarts_tripling",
}


def at_each(schedule, counts):
    return jax.jit(jax.vmap(schedule))(jnp.asarray(counts, jnp.int32))


# The loop of restarts goes through all periods up to the largest counts: half a minute.
SLOW = {"cosine_restarts": [pytest.mark.exhaustive]}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=SLOW.get(name, [])) for name in sorted({*PAIRS} - NOT_PERIODIC)],
)
def test_far_out(name):
    schedule, oracle = PAIRS[name]
    exact = [oracle(count) for count in FAR]
    np.testing.assert_allclose(at_each(schedule, FAR), exact, rtol=1e-5, atol=1e-6)


def around(boundary: int):
    return [boundary - 1, boundary, boundary + 1, boundary + 2]


@pytest.mark.parametrize("boundary", [2**24 + 1, 20_000_005, 2**30 + 3])
def test_a_boundary_is_kept_to_the_step(boundary):
    low, line = schedules.constant(1.0), schedules.linear(3.0, 5.0, 2)
    expected = [1.0, 3.0, 4.0, 5.0]
    joined = schedules.join(low, line, boundaries=[boundary])
    assert at_each(joined, around(boundary)).tolist() == expected
    assert at_each(schedules.multi_step(1.0, [boundary], 0.5), around(boundary)).tolist() == [
        1.0,
        0.5,
        0.5,
        0.5,
    ]
    assert (
        at_each(torch.sequential_lr([low, line], [boundary]), around(boundary)).tolist() == expected
    )


@pytest.mark.parametrize("steps", [2**24 + 2, 2**25 + 8, 2**30 + 256])  # as float32 has them
def test_what_begins_after_many_steps_begins_on_time(steps):
    line = schedules.linear(3.0, 5.0, 2)
    counts = [steps, steps + 1, steps + 2]
    assert at_each(schedules.with_warmup(line, steps), counts).tolist() == [3.0, 4.0, 5.0]
    plateau = schedules.warmup_stable_decay(1.0, 128, steps - 128, 2)
    assert at_each(plateau, counts).tolist() == [1.0, 0.5, 0.0]
    dropped = at_each(torch.constant_lr(1.0, 0.5, steps), [steps - 1, *counts])
    assert dropped.tolist() == [0.5, 1.0, 1.0, 1.0]
    tail = at_each(schedules.constant_then_exponential(1.0, steps, 1.0), counts)
    np.testing.assert_allclose(tail, np.exp([0.0, -1.0, -2.0]), rtol=1e-6)


def test_waves_come_on_time():
    cyclic = torch.cyclic_lr(0.0, 1.0, step_size_up=10)
    assert at_each(cyclic, [20_000_005, 20_000_010]).tolist() == [0.5, 1.0]
    restarts = keras.cosine_decay_restarts(1.0, 10, t_mul=1.0)
    np.testing.assert_allclose(at_each(restarts, [20_000_005, 20_000_010]), [0.5, 1.0], atol=1e-6)
    annealed = torch.cosine_annealing_lr(1.0, T_max=10)
    np.testing.assert_allclose(at_each(annealed, [20_000_005, 20_000_010]), [0.5, 0.0], atol=1e-6)
    stairs = schedules.step_decay(1.0, 20_000_004, 0.5)
    assert at_each(stairs, [20_000_003, 20_000_004, 20_000_005]).tolist() == [1.0, 0.5, 0.5]


def test_a_function_gets_a_whole_count():
    """It may index a table, alone and inside every schedule that takes one."""
    table = jnp.array([0.5, 0.25, 0.125])

    def look_up(count):
        assert jnp.issubdtype(jnp.result_type(count), jnp.integer)
        return table[count]

    inside = {
        0.5: schedules.with_warmup(look_up, 1, start=1.0),
        0.25: schedules.join(schedules.constant(0.25), look_up, boundaries=[5]),
        1.0: torch.lambda_lr(2.0, look_up),
    }
    for value, schedule in inside.items():
        assert jax.jit(schedule)(0) == value
    params = tree(0)
    for rate in (look_up, *inside.values()):
        tx = atx.sgd(rate)
        updates, _ = jax.jit(lambda tx, g: tx.update(g, tx.init(params)))(tx, tree(1))
        assert jnp.isfinite(updates["scale"])


def test_the_steps_of_a_warmup_are_rounded_up_for_what_follows():
    line = schedules.linear(3.0, 5.0, 2)
    assert at_each(schedules.with_warmup(line, 1.5, start=1.0), [1, 2, 3]).tolist() == [
        3.0,
        3.0,
        4.0,
    ]


def test_fractional_counts_stay_what_they_are():
    schedule, oracle = schedules.cosine(0.3, 40.0), oracles.cosine(0.3, 40.0, 0.0)
    np.testing.assert_allclose(schedule(2.5), oracle(2.5), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "uint32", "int64"])
def test_any_kind_of_whole_count(dtype):
    schedule = schedules.with_warmup(schedules.cyclic(0.0, 1.0, 5), 5)
    for count in (3, 8):
        assert schedule(np.asarray(count, dtype)) == schedule(count)
    assert schedules.constant_then_exponential(1.0, 5, 0.5)(np.asarray(3, dtype)) == 1.0


def test_waves_that_double_come_on_time():
    """Of 3 (2^k - 1) updates, far beyond what float32 has of it."""
    schedule, begins = (
        schedules.cosine_restarts(1.0, 3, growth=2),
        [3 * (2**k - 1) for k in (20, 23, 25, 28)],
    )
    assert at_each(schedule, begins).tolist() == [1.0] * 4
    assert all(at_each(schedule, [b - 1 for b in begins]) < 1e-6)


def test_a_count_ends_at_the_largest():
    """It does not wrap: a schedule never starts again, and a bias correction stays 1."""
    tx, g = atx.adam(schedules.linear(1.0, 0.5, 10)), jnp.ones(3)
    state = jax.tree.map(
        lambda x: jnp.full_like(x, 2**31 - 1) if x.dtype == jnp.int32 else x, tx.init(g)
    )
    updates, state = tx.update(g, state, g)
    assert all(x == 2**31 - 1 for x in jax.tree.leaves(state) if x.dtype == jnp.int32)
    assert bool(jnp.all(jnp.isfinite(updates)))
