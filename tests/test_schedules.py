"""Schedules: values, equal to the oracles at every count, and leaves of the optimizer they drive."""

import functools
import operator
import pickle

import chex
import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

import adaptive_tx as atx
from adaptive_tx import schedules

COSINE = {"peak": 0.3, "steps": 40.0, "floor": 0.01}
PAIRS = {
    "constant": (schedules.constant(0.3), oracles.constant(0.3)),
    "step_decay": (schedules.step_decay(0.3, 7, 0.5), oracles.step_decay(0.3, 7, 0.5)),
    "multi_step": (
        schedules.multi_step(0.3, (3, 9, 30), 0.1),
        oracles.multi_step(0.3, (3, 9, 30), 0.1),
    ),
    "exponential": (schedules.exponential(0.3, 7, 0.5), oracles.exponential(0.3, 7, 0.5, False)),
    "staircase": (
        schedules.exponential(0.3, 7, 0.5, staircase=True),
        oracles.exponential(0.3, 7, 0.5, True),
    ),
    "linear": (schedules.linear(0.1, 0.7, 13), oracles.linear(0.1, 0.7, 13)),
    "polynomial": (
        schedules.polynomial(0.7, 0.1, 13, power=2),
        oracles.polynomial(0.7, 0.1, 13, 2),
    ),
    "cosine": (schedules.cosine(**COSINE), oracles.cosine(**COSINE)),
    "cosine_restarts": (
        schedules.cosine_restarts(0.3, 8, growth=1, floor=0.01),
        oracles.cosine_restarts(0.3, 8, 1, 0.01),
    ),
    "cosine_restarts_growing": (
        schedules.cosine_restarts(0.3, 5, growth=2, floor=0.01),
        oracles.cosine_restarts(0.3, 5, 2, 0.01),
    ),
    "cosine_restarts_tripling": (
        schedules.cosine_restarts(0.3, 3, growth=3, floor=0.0),
        oracles.cosine_restarts(0.3, 3, 3, 0.0),
    ),
    "corrected": (
        schedules.corrected(0.1, schedules.cosine(0.5, 20), 0.5),
        oracles.corrected(0.1, oracles.cosine(0.5, 20, 0.0), 0.5),
    ),
    "half_life": (schedules.half_life(0.5, 0.98, 20), oracles.half_life(0.5, 0.98, 20)),
    "half_life_from_none": (schedules.half_life(0, 0.9, 20), oracles.half_life(0.0, 0.9, 20)),
    "inverse_sqrt": (schedules.inverse_sqrt(0.3), oracles.inverse_sqrt(0.3)),
    "constant_then_exponential": (
        schedules.constant_then_exponential(0.3, 10, 0.1),
        oracles.constant_then_exponential(0.3, 10, 0.1),
    ),
    "warmup_stable_decay": (
        schedules.warmup_stable_decay(0.3, 10, 20, 15, floor=0.01),
        oracles.wsd(0.3, 10, 20, 15, 0.01),
    ),
    "with_warmup": (
        schedules.with_warmup(schedules.cosine(**COSINE), 10),
        oracles.with_warmup(oracles.cosine(**COSINE), 10),
    ),
    "with_warmup_from": (
        schedules.with_warmup(schedules.cosine(**COSINE), 10, start=0.25),
        oracles.with_warmup(oracles.cosine(**COSINE), 10, 0.25),
    ),
    "one_cycle": (
        schedules.one_cycle(0.3, 50, warm=0.3, div=25, final_div=1e4),
        oracles.one_cycle(0.3, 50, 0.3, 25, 1e4),
    ),
    "cyclic": (schedules.cyclic(0.1, 0.3, 7), oracles.cyclic(0.1, 0.3, 7)),
    "join": (
        schedules.join(schedules.constant(0.3), schedules.linear(0.3, 0.0, 20), boundaries=[15]),
        lambda count: 0.3 if count < 15 else oracles.linear(0.3, 0.0, 20)(count - 15),
    ),
}
every = pytest.mark.parametrize("name", PAIRS)


def values(schedule, counts):
    return jax.jit(jax.vmap(lambda schedule, c: schedule(c), in_axes=(None, 0)))(
        schedule, jnp.asarray(counts)
    )


@every
def test_equals_the_formula(name):
    """From count 0 past the end, boundaries included."""
    ours, oracle = PAIRS[name]
    counts = np.arange(0, 70)
    exact = [oracle(int(c)) for c in counts]
    np.testing.assert_allclose(values(ours, counts), exact, rtol=3e-6, atol=3e-7)
    with jax.enable_x64(True):
        np.testing.assert_allclose(values(ours, counts), exact, rtol=1e-12, atol=1e-14)


@every
def test_is_a_value(name):
    schedule, _ = PAIRS[name]
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert eval(repr(schedule), vars(schedules)) == schedule
    assert hash(schedule) == hash(eval(repr(schedule), vars(schedules)))
    assert all(isinstance(leaf, float) for leaf in jax.tree.leaves(schedule))
    for count in (3, 3.0, np.int64(3), jnp.asarray(3)):
        np.testing.assert_allclose(schedule(count), schedule(3))


@every
def test_one_compilation_for_all_numbers_and_finite_slopes(name):
    schedule, _ = PAIRS[name]
    chex.clear_trace_counter()

    @jax.jit
    @chex.assert_max_traces(n=1)
    def value_and_slopes(schedule, count):
        return jax.value_and_grad(lambda s: s(count))(schedule)

    with jax.debug_nans(True):
        for count in (0, 1, 7, 10, 15, 35, 100):
            for scale in (1.0, 1.01):
                changed = jax.tree.map(functools.partial(operator.mul, scale), schedule)
                assert all(map(jnp.isfinite, jax.tree.leaves(value_and_slopes(changed, count))))


@pytest.mark.parametrize("count", [0, 1, 500, 999, 1000, 5000])
def test_half_life_gives_a_rule_what_is_left_to_1(count):
    """1 - b to 3e-7, alone and in an average; of b itself, in float32, it is 2e-4 off at the end."""
    schedule, exact = schedules.half_life(0.9, 0.9999, 1000), oracles.half_life(0.9, 0.9999, 1000)
    np.testing.assert_allclose(schedule.decay(count).weight, 1 - exact(count), rtol=3e-7)
    tx = atx.ema(schedule, debias=False)
    state = tx.init(jnp.zeros(3))._replace(count=jnp.int32(count))
    average, _ = jax.jit(tx.update)(jnp.ones(3), state)
    np.testing.assert_allclose(average, 1 - exact(count), rtol=3e-7)
    np.testing.assert_allclose(tx.hyperparameters(state)["b1"], exact(count), rtol=1e-7)


def test_half_life_refuses_what_is_no_decay_rate():
    for start, end in ((-0.1, 0.9), (0.9, 1.0), (0.9, 1.5)):
        with pytest.raises(ValueError, match=r"half_life: (start|end) must lie in \[0, 1\)"):
            schedules.half_life(start, end, 10)


def test_long_restarts_stay_on_the_boundary():
    """At each restart the value is exactly the peak, far out too."""
    schedule = schedules.cosine_restarts(1.0, 10, growth=2)
    begins = [10 * (2**k - 1) for k in range(12)]
    np.testing.assert_allclose(values(schedule, begins), 1.0, rtol=1e-5)
    assert all(values(schedule, [b - 1 for b in begins[1:]]) < 0.05)
