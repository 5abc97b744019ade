"""guarded: what is skipped, what a skipped step leaves alone, and what is let through in the end."""

import functools
import itertools
import pickle

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from flax.training.train_state import TrainState
from harness import finite, run, steps_of, tree

import adaptive_tx as atx
from adaptive_tx.testing.subject import QUICK

pytestmark = pytest.mark.filterwarnings("error")
GUARDS = [atx.guarded, atx.guarded_by_z_score, atx.guarded_by_percentile]
SPIKES = GUARDS[1:]
every = pytest.mark.parametrize("guard", GUARDS)
by_history = pytest.mark.parametrize("guard", SPIKES)
P = {"w": jnp.array([1.0, -2.0])}


@functools.cache
def updater(tx):
    """One compiled step; `value` is the loss or None."""
    return jax.jit(lambda g, s, value=None: tx.update(g, s, P, value=value))


def after(tx, sizes, state=None, values=None):
    """The state after gradients of these sizes, and whether each was taken."""
    state, taken = tx.init(P) if state is None else state, []
    for i, size in enumerate(sizes):
        value = None if values is None else jnp.float32(values[i])
        updates, state = updater(tx)({"w": jnp.float32(size) * P["w"]}, state, value)
        assert finite(updates)
        taken.append(bool(jnp.any(updates["w"] != 0)))
    return state, taken


def with_bad(values, bad=jnp.nan):
    """The tree with one bad entry."""
    w = np.array(values["enc"]["w"])
    w[1, 2] = bad
    return {**values, "enc": {**values["enc"], "w": jnp.asarray(w)}}


def one_leaf(values):
    """Where the leaves are treated alike: each more compiles as slowly as the first."""
    return {"enc": {"w": values["enc"]["w"]}}


@every
def test_a_step_that_is_not_finite_changes_nothing(guard):
    params, tx = tree(0, "float16"), guard(atx.adamw(0.1))
    jitted = jax.jit(tx.update)
    _, state = jitted(tree(1, "float16"), tx.init(params), params)
    for update, bad in itertools.product((tx.update, jitted), (jnp.nan, jnp.inf, -jnp.inf)):
        updates, skipped = update(with_bad(tree(2, "float16"), bad), state, params)
        chex.assert_trees_all_equal(updates, jax.tree.map(jnp.zeros_like, params))
        chex.assert_trees_all_equal_dtypes(updates, params)
        chex.assert_trees_all_equal(skipped.inner_state, state.inner_state)
        chex.assert_trees_all_equal(skipped.history, state.history)
        assert atx.guard_report(skipped, params) == {
            "count": 2,
            "skipped": 1,
            "in_a_row": 1,
            "too_many": False,
            "not_finite": "grads['enc']['w']",
        }
    _, state = jitted(tree(3, "float16"), skipped, params)
    report = atx.guard_report(state, params)
    assert (report["skipped"], report["in_a_row"], report["count"]) == (1, 0, 3)
    assert report["not_finite"] == "grads['enc']['w']"  # the last time


@every
def test_training_goes_on_as_if_the_bad_step_had_not_been(guard):
    params, grads = tree(0), tree(1, steps=8)
    bad = jax.tree.map(lambda g: np.insert(g, 4, np.nan, axis=0), grads)
    tx = guard(atx.radam(0.1, weight_decay=0.1))
    directions, state = run(tx, bad, params)
    clean, clean_state = run(tx, grads, params)
    kept = jax.tree.map(lambda d: np.delete(d, 4, axis=0), directions)
    chex.assert_trees_all_equal(kept, clean)
    chex.assert_trees_all_equal(state.inner_state, clean_state.inner_state)
    assert not any(np.any(d) for d in jax.tree.leaves(steps_of(directions, 4)))


def test_what_else_is_not_finite():
    """The loss, and updates of finite gradients."""
    params, grads = tree(0), tree(1)
    tx = atx.guarded(atx.adam(0.1))
    for bad in (jnp.nan, jnp.inf):
        updates, state = tx.update(grads, tx.init(params), params, value=bad)
        assert not any(np.any(u) for u in jax.tree.leaves(updates))
        assert atx.guard_report(state, params)["not_finite"] == "value"
    _, state = tx.update(grads, tx.init(params), params, value=0.5)
    assert atx.guard_report(state, params)["not_finite"] is None

    diverging = atx.guarded(atx.adam(lambda count: 1.0 / (1.0 - count.astype(float))))
    _, state = diverging.update(grads, diverging.init(params), params)
    updates, state = diverging.update(grads, state, params)
    assert not any(np.any(u) for u in jax.tree.leaves(updates))
    assert atx.guard_report(state, params)["not_finite"] == "updates['enc']['b']"
    assert state.inner_state[0].count == 1


@by_history
def test_a_spike_is_skipped_and_does_not_enter_the_history(guard):
    tx = guard(atx.adam(0.1), warmup=5)
    usual = 1 + 0.2 * np.random.RandomState(0).standard_normal(30)
    state, taken = after(tx, usual)
    assert all(taken)
    spiked, taken = after(tx, [50.0], state)
    assert not any(taken)
    chex.assert_trees_all_equal(spiked.history, state.history)
    chex.assert_trees_all_equal(spiked.inner_state, state.inner_state)
    assert atx.guard_report(spiked, P)["not_finite"] is None
    _, taken = after(tx, [1.0, 0.01, 1.3], spiked)  # small is no spike
    assert all(taken)
    both, taken = after(tx, [np.nan, 50.0], state)
    assert not any(taken)
    assert atx.guard_report(both, P)["not_finite"] == "grads['w']"  # the spike was finite


@by_history
def test_nothing_is_a_spike_before_the_warmup_is_over(guard):
    tx = guard(atx.adam(0.1), warmup=5)
    assert after(tx, [1, 1, 1, 1, 1000])[1] == [True] * 5
    assert after(tx, [1, 1, 1, 1, 1, 1000])[1] == [True] * 5 + [False]


@by_history
def test_in_every_unit(guard):
    """Spikes are relative: the same steps are skipped at other scales of the gradients."""
    tx = guard(atx.adam(0.1), warmup=5)
    sizes = np.exp(0.1 * np.random.RandomState(1).standard_normal(40))
    sizes[[15, 30]] *= 30
    taken = after(tx, sizes)[1]
    assert taken.count(False) == 2
    for unit in (1e-6, 1e6):
        assert after(tx, unit * sizes)[1] == taken


@by_history
def test_a_history_of_equal_norms_makes_no_spike_of_the_last_digit(guard):
    tx = guard(atx.adam(0.1), warmup=5)
    assert all(after(tx, [1.0] * 20 + [1.001, 1.2, 1.5])[1])


@pytest.mark.parametrize("unit", [1e-4, -1.0, 1e3])
def test_a_loss_may_leave_its_mean_by_six_percent(unit):
    """Where all were equal, max_z = 6 times one percent."""
    tx = atx.guarded_by_z_score(atx.sgd(0.1), of="loss", warmup=3)
    losses = unit + abs(unit) * np.array([0, 0, 0, 0, 0.05, 0, 0, 0, 0.2])
    assert after(tx, np.ones(9), values=losses)[1] == [True] * 8 + [False]


@by_history
def test_zero_gradients_do_not_enter_the_history(guard):
    tx = guard(atx.sgd(0.1), warmup=3)
    state, _ = after(tx, [0.0] * 10)
    assert state.history.n == state.skipped == 0
    assert all(after(tx, [1.0, 1.1, 0.9, 1.0], state)[1])


@by_history
@pytest.mark.parametrize("level", [3.0, -3.0])
def test_of_the_loss(guard, level):
    """Of either sign; the gradients' norm may then be anything."""
    tx = guard(atx.sgd(0.1), of="loss", warmup=5)
    losses = level + 0.05 * np.random.RandomState(0).standard_normal(20)
    losses[12] = level + 20
    sizes = np.ones(20)
    sizes[8] = 1e6
    taken = after(tx, sizes, values=losses)[1]
    assert taken == [i != 12 for i in range(20)]
    with pytest.raises(TypeError, match=r'of="loss" needs the loss; call update\(.*value=loss\)'):
        tx.update(P, tx.init(P), P)
    with pytest.raises(ValueError, match=r"value must be a scalar, got shape \(2,\)"):
        tx.update(P, tx.init(P), P, value=jnp.ones(2))


def test_the_history_of_z_scores_equals_numpy():
    """Plain mean and variance at first, exponential ones later, of the logarithm of the norm."""
    sizes = np.exp(0.1 * np.random.RandomState(0).standard_normal(60))
    tx = atx.guarded_by_z_score(atx.sgd(0.1), history_decay=0.95)
    logs = np.log(sizes * np.linalg.norm(P["w"]))
    first = after(tx, sizes[:15])[0].history
    np.testing.assert_allclose(first.mean, logs[:15].mean(), rtol=1e-5)
    np.testing.assert_allclose(first.variance, logs[:15].var(), rtol=1e-4)
    mean = variance = 0.0
    for n, x in enumerate(logs):
        b = min(0.95, n / (n + 1))
        away = x - mean
        mean, variance = mean + (1 - b) * away, b * (variance + (1 - b) * away**2)
    last = after(tx, sizes)[0].history
    np.testing.assert_allclose([last.mean, last.variance], [mean, variance], rtol=1e-4)
    assert last.n == 60


@pytest.mark.parametrize("max_z, taken", [(4.0, False), (6.0, True)])
def test_max_z_counts_standard_deviations(max_z, taken):
    sizes = np.exp(0.5 * np.where(np.arange(40) % 2, 1.0, -1.0))  # mean 0, std 0.5
    tx = atx.guarded_by_z_score(atx.sgd(0.1), max_z=max_z, history_decay=0.999)
    state, _ = after(tx, sizes / np.linalg.norm(P["w"]))
    np.testing.assert_allclose(state.history.variance**0.5, 0.5, rtol=1e-3)
    assert after(tx, [np.exp(0.5 * 5) / np.linalg.norm(P["w"])], state)[1] == [taken]


@pytest.mark.parametrize("percentile", [50.0, 90.0, 100.0])
def test_the_percentile_is_that_of_the_window(percentile):
    sizes = np.random.RandomState(0).uniform(1, 2, 50)
    tx = atx.guarded_by_percentile(
        atx.sgd(0.1), percentile=percentile, max_ratio=1.5, window=16, warmup=4, max_in_a_row=1000
    )
    for n in (10, 30, 50):  # before and after the ring is full
        state, taken = after(tx, sizes[:n])
        assert all(taken[:4])
        kept = np.array(sizes[:n])[np.array(taken)][-16:]
        limit = 1.5 * np.percentile(kept, percentile)
        assert after(tx, [limit * 0.999], state)[1] == [True]
        assert after(tx, [limit * 1.001], state)[1] == [False]


@by_history
def test_a_new_level_is_let_through_and_the_history_starts_anew(guard):
    tx = guard(atx.adam(0.1), warmup=3, max_in_a_row=4)
    state, _ = after(tx, [1.0] * 10)
    state, taken = after(tx, [100.0] * 4, state)
    assert not any(taken)
    assert state.too_many
    assert state.in_a_row == 4
    state, taken = after(tx, [100.0], state)
    assert taken == [True]
    assert not state.too_many
    assert (state.in_a_row, state.skipped, state.history.n) == (0, 4, 1)
    state, taken = after(tx, [100.0, 110.0, 90.0, 105.0, 1e5], state)
    assert taken == [True] * 4 + [False]


@every
def test_nan_is_never_applied_however_long_it_lasts(guard):
    tx = guard(atx.adam(0.1), max_in_a_row=3)
    state, _ = after(tx, [1.0] * 30)
    before = state.inner_state
    state, taken = after(tx, [np.nan] * 7, state)
    assert not any(taken)
    chex.assert_trees_all_equal(state.inner_state, before)
    assert atx.guard_report(state, P) == {
        "count": 37,
        "skipped": 7,
        "in_a_row": 7,
        "too_many": True,
        "not_finite": "grads['w']",
    }
    state, taken = after(tx, [1.0], state)
    assert taken == [True]
    assert not state.too_many


@every
def test_under_debug_nans_the_rule_never_sees_a_nan(guard):
    params, tx = tree(0), guard(atx.adam(0.1))
    state = tx.init(params)
    bad = with_bad(tree(1))
    with jax.debug_nans(True):
        updates, state = jax.jit(tx.update)(bad, state, params)
        updates, state = jax.jit(tx.update)(tree(2), state, params)
    assert finite((updates, state.inner_state))


@every
def test_derivatives_of_a_run_with_a_bad_step_are_finite(guard):
    """And those of the run without it."""
    params, grads = one_leaf(tree(0)), one_leaf(tree(1, steps=6))
    bad = jax.tree.map(lambda g: np.insert(g, 3, np.inf, axis=0), grads)

    def total(tx, grads):
        directions, _ = run(tx, grads, params)
        return sum(jnp.sum(jnp.sin(d)) for d in jax.tree.leaves(directions))

    tx = guard(atx.adam(0.1))
    slopes = jax.jit(jax.grad(total), compiler_options=QUICK)
    found = slopes(tx, bad)
    chex.assert_trees_all_close(found, slopes(tx, grads), rtol=1e-5)
    assert abs(found.hyperparameters(tx.init(params))["1.learning_rate"]) > 1e-3


@every
def test_one_bad_member_of_a_sweep_is_skipped_alone(guard):
    params, grads = tree(0), tree(1)
    sweep = jax.vmap(lambda rate: guard(atx.adam(rate)))(jnp.array([0.1, 0.2]))
    pair = jax.tree.map(lambda g: jnp.stack([g, g]), grads)
    pair["scale"] = pair["scale"].at[1].set(jnp.nan)
    step = jax.jit(jax.vmap(lambda tx, g: tx.update(g, tx.init(params), params)))
    updates, states = step(sweep, pair)
    np.testing.assert_array_equal(states.skipped, [0, 1])
    alone = guard(atx.adam(0.1))
    expected, _ = jax.jit(alone.update)(grads, alone.init(params), params)
    chex.assert_trees_all_close(steps_of(updates, 0), expected, rtol=1e-6)
    assert not any(np.any(u) for u in jax.tree.leaves(steps_of(updates, 1)))
    with pytest.raises(ValueError, match="^guard_report: takes the state of one run .*index it"):
        atx.guard_report(states, params)
    assert atx.guard_report(steps_of(states, 1), params)["not_finite"] == "grads['scale']"


def test_the_guard_and_its_history_can_be_read_inside_jit():
    """A loop that stops where the guard says that it is too many."""
    tx = atx.guarded(atx.sgd(0.1), max_in_a_row=5)
    bad = {"w": jnp.array([jnp.nan, 1.0])}

    @jax.jit
    def loop(state):
        return jax.lax.while_loop(lambda s: ~s.too_many, lambda s: tx.update(bad, s, P)[1], state)

    assert loop(tx.init(P)).count == 5


def test_the_report_finds_the_guard_anywhere():
    params, bad = one_leaf(tree(0)), one_leaf(with_bad(tree(1)))
    tx = atx.guarded(atx.measured(atx.adam(0.1)))
    inside = {
        "chain": atx.chain(atx.chain(tx), atx.trace(0.0)),
        "measured": atx.measured(tx),
        "optax.chain": optax.chain(optax.identity(), tx),
        "MultiSteps": optax.MultiSteps(tx, 1).gradient_transformation(),
        "guarded": atx.guarded_by_z_score(atx.chain(tx)),
    }
    with jax.numpy_dtype_promotion("standard"):
        for outer in inside.values():
            _, state = jax.jit(outer.update)(bad, outer.init(params), params)
            report = atx.guard_report(state, params)
            assert (report["skipped"], report["not_finite"]) == (1, "grads['enc']['w']")
    train = TrainState.create(apply_fn=None, params=params, tx=tx)
    train = jax.jit(lambda t: t.apply_gradients(grads=bad))(train)
    assert atx.guard_report(train, params)["skipped"] == 1
    chex.assert_trees_all_equal(train.params, params)
    chex.assert_trees_all_equal(atx.metrics(train), atx.metrics(tx.init(params)))


def test_the_report_of_flax_nnx():
    model = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
    tx = atx.guarded_by_z_score(atx.adam(0.1))
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)
    params = nnx.state(model, nnx.Param)
    bad = jax.tree.map(lambda p: jnp.full_like(p, jnp.nan), params)
    with jax.numpy_dtype_promotion("standard"):
        optimizer.update(model, bad)
        train = TrainState.create(apply_fn=None, params=params, tx=tx).apply_gradients(grads=bad)
    for holder in (optimizer, optimizer.opt_state, train):
        for names in (params, nnx.as_pure(params)):
            report = atx.guard_report(holder, names)
            assert (report["count"], report["skipped"], report["too_many"]) == (1, 1, False)
            assert report["not_finite"].startswith("grads['bias']")
    with pytest.raises(ValueError, match="^guard_report: .* Of flax.nnx give the optimizer"):
        atx.guard_report(nnx.state(optimizer), params)


def test_measured_outside_sees_the_skipped_step():
    params, tx = tree(0), atx.measured(atx.guarded(atx.adam(0.1)))
    _, state = tx.update(with_bad(tree(1)), tx.init(params), params)
    found = atx.metrics(state)
    assert (found["nonfinite_leaves"], found["update_norm"]) == (1, 0)


def test_both_norm_and_loss():
    tx = atx.guarded_by_z_score(
        atx.chain(atx.guarded_by_percentile(atx.sgd(0.1), of="loss", warmup=3)), warmup=3
    )
    assert {"0.0.learning_rate", "0.percentile", "max_z"} <= tx.hyperparameters(tx.init(P)).keys()
    sizes, losses = np.ones(9), np.ones(9)
    sizes[5], losses[7] = 100, 100
    taken = after(tx, sizes, values=losses)[1]
    assert taken == [i not in (5, 7) for i in range(9)]
    assert tx.replace({"0.percentile": 50.0}) != tx
    assert pickle.loads(pickle.dumps(tx)) == tx


def test_numbers_may_be_schedules():
    """A guard that grows strict: a schedule sees the guard's own count."""
    tx = atx.guarded_by_z_score(
        atx.sgd(0.1), max_z=lambda count: jnp.where(count < 10, 1e3, 5.0), warmup=3
    )
    assert after(tx, [1.0] * 6 + [10.0] + [1.0] * 2)[1] == [True] * 9
    tx = atx.guarded_by_z_score(atx.sgd(0.1), max_z=5.0, warmup=3)
    assert after(tx, [1.0] * 6 + [10.0] + [1.0] * 2)[1] == [i != 6 for i in range(9)]


def test_errors():
    tx, params = atx.adam(0.1), tree(0)
    with pytest.raises(ValueError, match="^guarded: max_in_a_row must be at least 1, got 0"):
        atx.guarded(tx, max_in_a_row=0)
    with pytest.raises(TypeError, match="^guarded: max_in_a_row must be a Python int, got 2.5"):
        atx.guarded(tx, max_in_a_row=2.5)
    with pytest.raises(
        ValueError, match="^guarded_by_percentile: warmup must be at most window, 8"
    ):
        atx.guarded_by_percentile(tx, window=8)
    with pytest.raises(ValueError, match="^guarded_by_z_score: of must be one of norm, loss"):
        atx.guarded_by_z_score(tx, of="gradient")
    with pytest.raises(ValueError, match="tx has a history_decay too, .* put tx in a chain"):
        atx.guarded_by_z_score(atx.guarded_by_z_score(tx))
    guarded = atx.guarded(atx.sgd(0.1))
    with pytest.raises(ValueError, match="^guarded: grads has 4 leaves, .* was made for 3"):
        guarded.update({**tree(1), "more": jnp.ones(2)}, guarded.init(params), params)
    with pytest.raises(ValueError, match=r"^guard_report: no guard in this state; .*guarded\(tx\)"):
        atx.guard_report(tx.init(params), params)
    with pytest.raises(ValueError, match="^guard_report: params has 1 leaves, but .* seen 3"):
        atx.guard_report(guarded.init(params), {"w": 1.0})
