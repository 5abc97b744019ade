"""Patience: plateaus are found on any values, alike in a loop, in a scan and in a sweep."""

import copy
import functools
import itertools
import math
import pickle

import chex
import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest
from harness import finite, tree

import adaptive_tx as atx
from adaptive_tx import schedules

INF, NAN = math.inf, math.nan
CONSTANTS = [1.0, -1.0, 0.0, 1e-30, -1e-30, 3e38, -3e38]
FLAGS = [
    {"relative": relative, "maximize": maximize}
    for relative, maximize in itertools.product((True, False), repeat=2)
]
both_ways = pytest.mark.parametrize(  # each flag both ways; the mixtures in `make test`
    "flags",
    [pytest.param(f, marks=[pytest.mark.slow] * (len({*f.values()}) > 1)) for f in FLAGS],
    ids=str,
)


def looped(stop, values):
    """The states after each value, in a Python loop."""
    return list(itertools.accumulate(values, lambda s, v: stop.update(v, s), initial=stop.init()))[
        1:
    ]


def stopped_at(stop, values):
    """How many values it takes; None if it does not stop."""
    return next((int(s.count) for s in looped(stop, values) if s.should_stop), None)


@jax.jit
def scanned(stop, values):
    """The states after each value, along a first axis, in one program."""

    def step(state, value):
        state = stop.update(value, state)
        return state, state

    return jax.lax.scan(step, stop.init(), values)[1]


def emitted(tx, values):
    """The updates for gradients that are all 1, at each value."""

    def step(state, value):
        updates, state = tx.update({"w": jnp.ones(())}, state, value=value)
        return state, updates["w"]

    return jax.lax.scan(step, tx.init({"w": jnp.ones(())}), values)[1]


compiled = jax.jit(emitted)


def scales(tx, values):
    """What the updates are multiplied by, in one program."""
    return compiled(tx, jnp.asarray(values, float))


def scales_in_optax(tx, values):
    """The same for a transformation that is not a value; it does not run under strict promotion."""
    with jax.numpy_dtype_promotion("standard"):
        return jax.jit(functools.partial(emitted, tx))(jnp.asarray(values, float))


@both_ways
def test_fires_on_constants_of_any_sign(flags):
    stop = atx.early_stopping(patience=3, **flags)
    tx = atx.reduce_on_plateau(factor=0.5, patience=3, **flags)
    for constant in CONSTANTS:
        assert stopped_at(stop, [constant] * 8) == 4, constant
        assert scales(tx, [constant] * 8).tolist() == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]


@both_ways
def test_fires_on_what_is_not_finite(flags):
    """It is never an improvement, whichever it is: the third in a row stops."""
    stop = atx.early_stopping(patience=3, **flags)
    tx = atx.reduce_on_plateau(factor=0.5, patience=3, **flags)
    for bad in (NAN, INF, -INF):
        assert stopped_at(stop, [bad] * 5) == 3
        assert stopped_at(stop, [1.0, bad, bad, bad]) == 4
        assert scales(tx, [bad] * 6).tolist() == [1, 1, 0.5, 0.5, 0.5, 0.25]


@both_ways
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_the_first_finite_value_is_an_improvement(flags, bad):
    for constant in CONSTANTS:
        states = looped(atx.early_stopping(min_delta=0.5, **flags), [bad, bad, constant, bad])
        assert [int(s.since) for s in states] == [1, 2, 0, 1]
        assert states[-1].best == np.float32(constant)


def test_optax_never_fires_on_a_constant_below_zero():
    """Documented in patience.py: value < (1 - rtol) best is true of it, so each is an improvement."""
    theirs = scales_in_optax(optax.contrib.reduce_on_plateau(0.5, patience=3), [-1.0] * 50)
    ours = scales(atx.reduce_on_plateau(factor=0.5, patience=3), [-1.0] * 50)
    assert theirs.tolist() == [1.0] * 50
    assert ours[-1] == 0.5**16


@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize("cooldown", [0, 4])
def test_equals_optax_above_zero(window, cooldown):
    """Where the conventions are the same: positive values, a relative margin."""
    rng = np.random.RandomState(window)
    values = np.float32(np.maximum(0.5, 3 * 0.98 ** np.arange(300)) * rng.uniform(0.9, 1.1, 300))
    ours = atx.reduce_on_plateau(
        factor=0.5, patience=4, min_delta=1e-3, cooldown=cooldown, window=window, min_scale=0.01
    )
    theirs = optax.contrib.reduce_on_plateau(
        0.5, 4, rtol=1e-3, cooldown=cooldown, accumulation_size=window, min_scale=0.01
    )
    expected = scales_in_optax(theirs, values)
    assert jnp.array_equal(scales(ours, values), expected)
    assert expected[-1] < 0.1


def test_an_improvement_must_exceed_the_margin():
    slow = [1 - 0.005 * i for i in range(6)]
    assert stopped_at(atx.early_stopping(patience=3, min_delta=0.02), slow) == 4
    assert (
        stopped_at(
            atx.early_stopping(patience=3, min_delta=0.02), [1 - 0.03 * i for i in range(20)]
        )
        is None
    )
    below_zero = [-1 - 0.005 * i for i in range(6)]
    assert stopped_at(atx.early_stopping(patience=3, min_delta=0.02), below_zero) == 4
    assert (
        stopped_at(
            atx.early_stopping(patience=3, min_delta=0.02), [-1 * 1.03**i for i in range(20)]
        )
        is None
    )
    best = looped(atx.early_stopping(patience=3, min_delta=0.02), [1.0, 0.99, 0.975])[
        -1
    ]  # small steps add up
    assert best.best == np.float32(0.975) and best.since == 0


def test_a_margin_is_in_parts_of_the_best_or_in_the_values_unit():
    by_one = [100.0, 99.0, 98.0, 97.0, 96.0]
    assert stopped_at(atx.early_stopping(patience=3, min_delta=0.1), by_one) == 4
    assert stopped_at(atx.early_stopping(patience=3, min_delta=0.1, relative=False), by_one) is None
    small = [0.01 * v for v in (1.0, 0.8, 0.6, 0.4, 0.3)]
    assert stopped_at(atx.early_stopping(patience=3, min_delta=0.1), small) is None
    assert stopped_at(atx.early_stopping(patience=3, min_delta=0.1, relative=False), small) == 4
    from_zero = [0.0, -1e-6, -2e-6, -3e-6]
    assert (
        stopped_at(atx.early_stopping(patience=3, min_delta=0.1), from_zero) is None
    )  # no part of 0 is a margin
    assert stopped_at(atx.early_stopping(patience=3, min_delta=0.1, relative=False), from_zero) == 4


def test_maximize_is_the_mirror():
    values = np.random.RandomState(0).standard_normal(60).tolist()
    for relative in (True, False):
        low = looped(atx.early_stopping(patience=9, min_delta=0.1, relative=relative), values)
        high = looped(
            atx.early_stopping(patience=9, min_delta=0.1, relative=relative, maximize=True),
            [-v for v in values],
        )
        for a, b in zip(low, high):
            assert (a.best, a.since, a.should_stop) == (-b.best, b.since, b.should_stop)


def test_checks_stand_at_the_end_of_windows_of_means():
    stop = atx.early_stopping(patience=2, min_delta=0.1, window=3)
    states = looped(stop, [3.0, 1.0, 2.0, 1.0, 1.0, 1.0, 9.0, 0.0, 0.0, NAN, 0.0, 0.0])
    assert [float(s.best) for s in states] == [INF] * 2 + [2] * 3 + [1] * 7
    assert [int(s.since) for s in states] == [0] * 8 + [1] * 3 + [2]
    assert [bool(s.should_stop) for s in states] == [False] * 11 + [True]
    assert [int(s.in_window) for s in states] == [1, 2, 0] * 4
    assert (
        stopped_at(atx.early_stopping(patience=1, window=3), [3e38] * 6) == 6
    )  # the sum would be infinite
    assert looped(atx.early_stopping(window=3), [3e38] * 3)[-1].best == np.float32(3e38)


def test_fractions_count_as_the_next_whole_number():
    values = [1.0] * 40
    for fraction, whole in [(1.5, 2), (2.001, 3)]:
        for name in ("patience", "window"):
            a, b = (atx.early_stopping(**{name: x}) for x in (fraction, whole))
            assert stopped_at(a, values) == stopped_at(b, values) is not None
        for name in ("patience", "window", "cooldown"):
            a, b = (atx.reduce_on_plateau(**{"patience": 2, name: x}) for x in (fraction, whole))
            assert jnp.array_equal(scales(a, values), scales(b, values))


def test_never_before_min_steps():
    assert stopped_at(atx.early_stopping(patience=2, min_steps=3), [1.0] * 20) == 3
    assert stopped_at(atx.early_stopping(patience=2, min_steps=8), [1.0] * 20) == 8
    assert stopped_at(atx.early_stopping(patience=2, min_steps=8, window=3), [1.0] * 20) == 9
    assert stopped_at(atx.early_stopping(patience=2, min_steps=21), [1.0] * 20) is None
    late = [1.0] * 7 + [0.1] * 9  # an improvement at the eighth puts it off
    assert stopped_at(atx.early_stopping(patience=2, min_steps=8), late) == 10


def test_should_stop_stays():
    states = looped(atx.early_stopping(patience=2), [1.0, 1.0, 1.0, 0.1, 0.01, 0.001])
    assert [bool(s.should_stop) for s in states] == [False, False, True, True, True, True]
    assert [int(s.since) for s in states] == [0, 1, 2, 0, 0, 0]


def test_cooldown_and_min_scale():
    halve = {"factor": 0.5, "patience": 2}
    flat = [1.0] * 12
    assert scales(atx.reduce_on_plateau(**halve), flat).tolist() == (
        [1, 1, 0.5, 0.5, 0.25, 0.25] + [0.125] * 2 + [0.0625] * 2 + [0.03125] * 2
    )
    assert scales(atx.reduce_on_plateau(**halve, cooldown=3), flat).tolist() == (
        [1, 1] + [0.5] * 5 + [0.25] * 5
    )
    in_windows = atx.reduce_on_plateau(**halve, cooldown=1, window=2)
    assert scales(in_windows, flat).tolist() == [1] * 5 + [0.5] * 6 + [0.25]
    bounded = scales(atx.reduce_on_plateau(**halve, min_scale=0.2), flat)
    np.testing.assert_allclose(bounded, [1, 1, 0.5, 0.5, 0.25, 0.25] + [0.2] * 6, rtol=1e-6)
    # an improvement while it cools counts: the best is 0.5 then, and 0.7 is none
    improved = [1.0, 1.0, 1.0, 0.5, 0.7, 0.7, 0.7]
    tx = atx.reduce_on_plateau(**halve, cooldown=2)
    assert scales(tx, improved).tolist() == [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]


def test_the_scale_never_rises():
    """Not even when min_scale does."""
    tx = atx.reduce_on_plateau(factor=0.5, patience=1, min_scale=schedules.linear(0.0, 1.0, 10))
    assert jnp.all(jnp.diff(scales(tx, [1.0] * 12)) <= 0)


def sequences():
    """Random walks with drifts to both sides, flat stretches, and a few values that are not finite."""
    rng = np.random.RandomState(0)
    walks = np.cumsum(rng.standard_normal((24, 80)) * 0.3 + rng.uniform(-0.2, 0.2, (24, 1)), axis=1)
    walks += rng.choice([0.0, 5.0, -5.0], (24, 1))
    walks[:8, 30:50] = walks[:8, 30:31]
    bad = rng.uniform(size=walks.shape) < 0.05 * (rng.uniform(size=(24, 1)) < 0.5)
    walks[bad] = rng.choice([NAN, INF, -INF], bad.sum())
    return walks


SETTINGS = [
    {"patience": patience, "min_delta": min_delta, "window": window}
    for patience, min_delta, window in [
        (1, 0.02, 1),
        (3, 0.0, 1),
        (4, 0.3, 1),
        (2, 0.1, 2),
        (3, 0.01, 3),
        (2, 1.5, 5),
    ]
]


def machine(values, *, patience, min_delta, window, min_steps, relative, maximize):
    """Early stopping again in plain Python: (best, since, should_stop) after each value."""
    best, since, stop, seen = None, 0, False, []
    for count, value in enumerate(values, 1):
        seen.append(value)
        if len(seen) == window:
            mean, seen = sum(seen) / window, []
            if oracles.improves(mean, best, min_delta, relative, maximize):
                best, since = mean, 0
            else:
                since += 1
            stop = stop or (count >= min_steps and since >= patience)
        yield (-INF if maximize else INF) if best is None else best, since, stop


@both_ways
def test_no_step_makes_a_nan_of_its_own(flags):
    """Nor an intermediate one, where best is still infinite and the margin is a part of it."""
    with jax.disable_jit(), jax.debug_nans(True):
        states = looped(atx.early_stopping(min_delta=0.0, **flags), [INF, -INF, 1.0, 2.0])
    assert states[-1].count == 4


@both_ways
def test_early_stopping_equals_a_machine_in_python(flags):
    """A sweep over settings and sequences at once, in float64, against one at a time."""
    with jax.enable_x64(True):
        settings = [{**s, "min_steps": m} for s in SETTINGS for m in (0, 25)]
        numbers = {k: jnp.array([s[k] for s in settings], float) for k in settings[0]}
        stops = jax.vmap(lambda numbers: atx.early_stopping(**numbers, **flags))(numbers)
        over_values = jax.vmap(scanned, in_axes=(None, 0))
        states = jax.vmap(over_values, in_axes=(0, None))(stops, jnp.asarray(sequences()))
        fates = set()
        for i, s in enumerate(settings):
            for j, values in enumerate(sequences().tolist()):
                best, since, stop = map(np.array, zip(*machine(values, **s, **flags)))
                np.testing.assert_allclose(states.best[i, j], best, rtol=1e-13)
                np.testing.assert_array_equal(states.since[i, j], since)
                np.testing.assert_array_equal(states.should_stop[i, j], stop)
                fates.add(int(stop.sum()))
    assert len(fates) > 30  # early, late and never


@both_ways
def test_reduce_on_plateau_equals_its_oracle(flags):
    more = {"factor": 0.7, "min_scale": 0.05}
    settings = [{**s, **more, "cooldown": c} for s in SETTINGS for c in (0.0, 2.0)]
    with jax.enable_x64(True):
        numbers = {k: jnp.array([s[k] for s in settings], float) for k in settings[0]}
        txs = jax.vmap(lambda numbers: atx.reduce_on_plateau(**numbers, **flags))(numbers)
        over_values = jax.vmap(emitted, in_axes=(None, 0))
        ours = jax.jit(jax.vmap(over_values, in_axes=(0, None)))(txs, jnp.asarray(sequences()))
        for member, s in zip(ours, settings):
            for row, values in zip(member, sequences()):
                exact = oracles.reduce_on_plateau([1.0] * 80, None, values, **s, **flags)
                np.testing.assert_allclose(row, exact, rtol=1e-12)
            assert len(np.unique(np.asarray(member).round(9))) > 3


@both_ways
def test_a_loop_a_jitted_loop_and_a_scan_agree(flags):
    """To the bit, means over windows too."""
    stop = atx.early_stopping(patience=4, min_delta=0.01, min_steps=10, window=3, **flags)
    values = np.float32(sequences()[0])
    states = scanned(stop, values)
    update, compiled = jax.jit(lambda v, s: stop.update(v, s)), stop.init()
    for i, state in enumerate(looped(stop, values)):
        compiled = update(values[i], compiled)
        here = jax.tree.map(lambda x, i=i: x[i], states)
        chex.assert_trees_all_equal(state, here)
        chex.assert_trees_all_equal(compiled, here)


@both_ways
def test_reducing_in_a_loop_and_in_a_scan_agree(flags):
    values = np.float32(sequences()[3])
    tx = atx.reduce_on_plateau(
        factor=0.7, patience=2, min_delta=0.01, cooldown=1, window=2, **flags
    )
    state, params = tx.init({"w": jnp.ones(())}), {"w": jnp.ones(())}
    for value, expected in zip(values, scales(tx, values)):
        updates, state = tx.update(params, state, value=value)
        assert updates["w"] == expected


def test_a_scan_that_stops_is_a_loop_that_breaks():
    """Training in one program, its carry frozen from the stop on."""
    stop, tx = atx.early_stopping(patience=3, min_delta=0.05), atx.sgd(0.1)
    slope = jax.value_and_grad(lambda w: jnp.sum((w - 3) ** 2) + 1)

    def train(carry):
        w, state, watch = carry
        loss, g = slope(w)
        updates, state = tx.update(g, state, w)
        return w + updates, state, stop.update(loss, watch)

    def step(carry, _):
        done = carry[-1].should_stop
        carry = jax.tree.map(lambda old, new: jnp.where(done, old, new), carry, train(carry))
        return carry, carry[-1].should_stop

    carry = start = (jnp.zeros(2), tx.init(jnp.zeros(2)), stop.init())
    frozen, done = jax.jit(lambda c: jax.lax.scan(step, c, None, 60))(start)
    steps = 0
    while not carry[-1].should_stop:
        carry, steps = jax.jit(train)(carry), steps + 1
    chex.assert_trees_all_close(frozen, carry, rtol=1e-6)
    assert int(frozen[-1].count) == steps == 60 - int(done.sum()) + 1
    assert 5 < steps < 50


def test_a_sweep_over_patience():
    patience = jnp.array([1.0, 2.0, 5.0, 50.0])
    stops = jax.vmap(lambda p: atx.early_stopping(patience=p))(patience)
    states = jax.vmap(scanned, in_axes=(0, None))(stops, jnp.ones(20))
    assert jnp.sum(~states.should_stop, axis=1).tolist() == [1, 2, 5, 20]
    third = jax.tree.map(lambda x: x[2], stops).concrete()
    assert third == atx.early_stopping(patience=5)

    txs = jax.vmap(lambda p: atx.reduce_on_plateau(factor=0.5, patience=p))(patience)
    ends = jax.vmap(lambda tx: scales(tx, [1.0] * 20)[-1])(txs)
    assert ends.tolist() == [0.5**19, 0.5**9, 0.5**3, 1.0]


def test_many_values_at_once():
    """One rule, a batch of runs."""
    stop = atx.early_stopping(patience=2)
    states = jax.vmap(lambda _: stop.init())(jnp.arange(3))
    for values in ([1.0, 1.0, NAN], [1.0, 0.5, NAN], [1.0, 0.2, 1.0]):
        states = jax.jit(jax.vmap(stop.update))(jnp.array(values), states)
    assert states.should_stop.tolist() == [True, False, True]
    assert states.since.tolist() == [2, 0, 0]


def described(values):
    return jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), values)


@pytest.mark.parametrize(
    "value",
    [
        1,
        1.0,
        np.float64(1),
        np.int64(1),
        jnp.float16(1),
        jnp.bfloat16(1),
        jnp.int32(1),
        2**40,
    ],
    ids=lambda v: type(v).__name__ + str(getattr(v, "dtype", "")),
)
def test_states_are_fixed_points(value):
    stop, tx = atx.early_stopping(window=2), atx.reduce_on_plateau(window=2)
    params = tree(0, "bfloat16")
    for x64 in (False, True):
        with jax.enable_x64(x64):
            state = stop.init()
            assert described(stop.update(value, state)) == described(state)
            assert state.best.dtype == state.mean.dtype == (jnp.float64 if x64 else jnp.float32)
            assert {state.count.dtype, state.since.dtype} == {jnp.dtype("int32")}
            state = tx.init(params)
            updates, new = tx.update(params, state, value=value)
            assert described(new) == described(state)
            chex.assert_trees_all_equal_shapes_and_dtypes(updates, params)


def test_small_dtypes_are_widened():
    """In float16 these means and margins would be wrong or infinite."""
    stop = atx.early_stopping(patience=1, min_delta=1e-4, window=4)
    state = looped(stop, [jnp.float16(60000)] * 4)[-1]
    assert state.best == 60000 and state.since == 0
    assert stopped_at(stop, [jnp.float16(1)] * 4 + [jnp.float16(0.9995)] * 4) is None


def test_one_trace_for_all_numbers():
    chex.clear_trace_counter()

    @jax.jit
    @chex.assert_max_traces(n=1)
    def update(stop, value, state):
        return stop.update(value, state)

    state = atx.early_stopping().init()
    for patience in (1, 2, 3):
        state = update(
            atx.early_stopping(patience=patience, min_delta=0.1 * patience), float(patience), state
        )


def test_slopes():
    """Scale = factor^reductions; everything else only chooses."""
    with jax.debug_nans(True):
        slopes = jax.grad(lambda tx: scales(tx, [1.0] * 7)[-1])(
            atx.reduce_on_plateau(factor=0.5, patience=2)
        )
        assert slopes.hyperparameters(slopes.init({"w": jnp.ones(())})) == {
            "factor": 3 * 0.5**2,
            "patience": 0,
            "min_delta": 0,
            "cooldown": 0,
            "window": 0,
            "min_scale": 0,
        }
        at_bound = atx.reduce_on_plateau(factor=0.1, patience=1, min_delta=0.0, min_scale=0.3)
        slopes = jax.grad(lambda tx: scales(tx, [1.0] * 7)[-1])(at_bound)
        assert (slopes.update.args[-1].values[0], slopes.update.args[-1].values[-1]) == (0, 1)
        best = jax.grad(lambda v: scanned(atx.early_stopping(window=2), v).best[-1])(jnp.ones(4))
        assert best.tolist() == [0.5, 0.5, 0, 0]
        assert finite(jax.grad(lambda s: scanned(s, jnp.zeros(4)).best[-1])(atx.early_stopping()))


def test_slopes_are_finite_where_values_are_not():
    values = jnp.array([INF, NAN, 1.0, -INF, NAN, 1.0, 1.0])
    tx = atx.reduce_on_plateau(factor=0.5, patience=2, min_delta=0.0, window=2)
    assert finite(jax.grad(lambda tx: scales(tx, values)[-1])(tx))


def test_it_stands_anywhere_in_a_chain():
    plateau, rate = atx.reduce_on_plateau(factor=0.5, patience=1), atx.scale_by_learning_rate(0.1)
    params, grads = tree(0), tree(1)
    ends = []
    for parts in ([plateau, rate], [rate, plateau], [atx.chain(rate, plateau)]):
        tx = atx.chain(*parts)
        state = tx.init(params)
        for _ in range(3):
            updates, state = tx.update(grads, state, params, value=1.0)
        ends.append(updates)
    chex.assert_trees_all_close(*ends, jax.tree.map(lambda g: -0.025 * g, grads), rtol=1e-6)
    assert tx.hyperparameters(state)["0.1.patience"] == 1
    inside = optax.chain(optax.identity(), plateau)
    updates, state = inside.update(grads, inside.init(params), params, value=jnp.float32(1))
    chex.assert_trees_all_equal(updates, grads)


def test_a_number_may_be_a_schedule():
    impatient = schedules.multi_step(5.0, (4,), 0.2)  # 5 for four values, then 1
    assert stopped_at(atx.early_stopping(patience=impatient), [1.0] * 12) == 5
    tx = atx.reduce_on_plateau(factor=0.5, patience=impatient)
    assert scales(tx, [1.0] * 6).tolist() == [1, 1, 1, 1, 0.5, 0.25]
    with pytest.raises(ValueError, match="early_stopping: the schedule of patience must return"):
        stop = atx.early_stopping(patience=lambda count: jnp.ones(2))
        stop.update(1.0, stop.init())


def test_early_stopping_is_a_value():
    stop = atx.early_stopping(patience=5, min_delta=0.1, window=2, maximize=True)
    assert jax.tree.leaves(stop) == [5.0, 0.1, 0.0, 2.0]
    assert repr(stop) == (
        "early_stopping(patience=5.0, min_delta=0.1, min_steps=0.0, window=2.0, "
        "relative=True, maximize=True)"
    )
    same = [eval(repr(stop), vars(atx)), pickle.loads(pickle.dumps(stop)), copy.deepcopy(stop)]
    for other in (*same, jax.device_put(stop).concrete()):
        assert other == stop and hash(other) == hash(stop) and not other != stop
        assert isinstance(other, atx.EarlyStopping)
    assert stop != atx.early_stopping(patience=5, min_delta=0.1, window=2)
    assert stop != atx.early_stopping(patience=6, min_delta=0.1, window=2, maximize=True)
    assert stop != "stop"
    with pytest.raises(TypeError, match="early_stopping: its hyperparameters are arrays"):
        hash(jax.device_put(stop))


def test_reduce_on_plateau_is_a_value():
    tx = atx.reduce_on_plateau(maximize=True)
    assert repr(tx) == (
        "reduce_on_plateau(factor=0.1, patience=10.0, min_delta=0.0001, cooldown=0.0, window=1.0, "
        "min_scale=0.0, relative=True, maximize=True)"
    )
    changed = tx.replace(patience=3)
    assert changed == atx.reduce_on_plateau(patience=3, maximize=True) != tx
    assert scales(changed.replace(factor=0.5), [1.0] * 4)[-1] == 0.5
    with pytest.raises(ValueError, match="reduce_on_plateau: patience must lie in"):
        tx.replace(patience=0)


def test_states_can_be_exported():
    stop = atx.early_stopping(patience=1)
    update = jax.jit(lambda stop, value, state: stop.update(value, state))
    args = stop, jnp.float32(1), stop.update(1.0, stop.init())
    restored = jax.export.deserialize(jax.export.export(update)(*args).serialize())
    state = restored.call(*args)
    assert type(state) is type(args[2]) and state.should_stop


@pytest.mark.parametrize("make", [atx.early_stopping, atx.reduce_on_plateau])
@pytest.mark.parametrize(
    "name, bad, error",
    [
        ("patience", 0, "patience must lie in"),
        ("patience", NAN, "patience must lie in"),
        ("min_delta", -0.1, "min_delta must lie in"),
        ("window", 0.5, "window must lie in"),
        ("window", jnp.ones(2), r"window must be a scalar, got .* \(2,\)"),
        ("patience", True, "patience must be a number, got the bool"),
        ("relative", 1, "relative must be True or False, got 1"),
        ("maximize", None, "maximize must be True or False, got None"),
    ],
)
def test_wrong_arguments(make, name, bad, error):
    with pytest.raises((ValueError, TypeError), match=f"^{make.__name__}: {error}"):
        make(**{name: bad})


def test_wrong_arguments_of_one():
    with pytest.raises(ValueError, match="^early_stopping: min_steps must lie in"):
        atx.early_stopping(min_steps=-1)
    for name, bad in [("factor", 1.0), ("factor", 0.0), ("cooldown", -1), ("min_scale", 1.5)]:
        with pytest.raises(ValueError, match=f"^reduce_on_plateau: {name} must lie in"):
            atx.reduce_on_plateau(**{name: bad})


BAD_VALUES = [None, "1.0", True, jnp.array(True), 1j, jnp.array(1j), {}, [1.0], jax.random.key(0)]


def test_wrong_values():
    stop, tx, params = atx.early_stopping(), atx.reduce_on_plateau(), tree(0)
    chained = atx.chain(atx.sgd(0.1), tx)
    for bad in BAD_VALUES:
        with pytest.raises(
            TypeError, match=r"^early_stopping: needs .*, update\(loss, state\); got"
        ):
            stop.update(bad, stop.init())
        with pytest.raises(TypeError, match="^reduce_on_plateau: needs a real number, update"):
            tx.update(params, tx.init(params), params, value=bad)
    for update in (chained.update, jax.jit(chained.update)):
        with pytest.raises(
            TypeError,
            match=r"needs a real number, update\(grads, state, params, value=loss\); got None",
        ):
            update(params, chained.init(params), params)
    for shape in ((1,), (2, 3)):
        message = rf"value must be a scalar, got an array of shape \({shape[0]},"
        with pytest.raises(ValueError, match=f"^early_stopping: {message}"):
            stop.update(jnp.ones(shape), stop.init())
        with pytest.raises(ValueError, match=f"^reduce_on_plateau: {message}"):
            tx.update(params, tx.init(params), params, value=np.ones(shape))


def test_foreign_states():
    stop, tx = atx.early_stopping(), atx.reduce_on_plateau()
    with pytest.raises(
        ValueError, match="early_stopping: expected the state .* EarlyStoppingState"
    ):
        stop.update(stop.init(), 1.0)
    with pytest.raises(ValueError, match="reduce_on_plateau: expected the state"):
        tx.update(tree(0), stop.init(), tree(0), value=1.0)
