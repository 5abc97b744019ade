"""Wrappers that keep sequences of weights, and `eval_params`, which says which of them to evaluate."""

import functools

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest
from flax import nnx
from harness import tree

import adaptive_tx as atx
from adaptive_tx import schedules, tune
from adaptive_tx.flax import Optimizer, TrainState

pytestmark = pytest.mark.filterwarnings("error")
DIAGONAL, TARGET = np.array([1.0, 3.0, 10.0, 0.1]), np.array([0.5, -1.0, 2.0, 1.0])
NOISE = 0.3 * np.random.RandomState(0).standard_normal((40, 4))


def slope(w, i):
    """Of a quadratic, with noise: what is stepped on decides what comes next."""
    return DIAGONAL * (w - TARGET) + NOISE[i]


def followed(tx, steps=40, dtype=jnp.float64):
    """The parameters, and what is to be evaluated, after each step from 0."""
    w = jnp.zeros(4, dtype)

    def step(run, i):
        w, state = run
        g = (DIAGONAL * (w - TARGET) + jnp.asarray(NOISE, dtype)[i]).astype(dtype)
        updates, state = tx.update(g, state, w)
        w = optax.apply_updates(w, updates)
        return (w, state), (w, atx.eval_params(state, w))

    with jax.numpy_dtype_promotion("standard"):
        return jax.lax.scan(step, (w, tx.init(w)), jnp.arange(steps))[1]


@pytest.fixture
def x64():
    with jax.enable_x64():
        yield


def schedule_free_loop(rate, momentum, r=0.0, power=2.0, decay=0.0, steps=40):
    """arXiv:2405.15682, algorithm 1, with gradient descent's direction: all y and x."""
    z = x = y = np.zeros(4)
    total, ys, xs = 0.0, [], []
    for t in range(1, steps + 1):
        z = z - rate(t) * (slope(y, t - 1) + decay * y)
        weight = t**r * max(rate(s) for s in range(1, t + 1)) ** power
        total += weight
        c = weight / total if total else 0.0
        x = (1 - c) * x + c * z
        y = (1 - momentum) * z + momentum * x
        ys.append(y)
        xs.append(x)
    return ys, xs


@pytest.mark.parametrize("momentum", [0.9, 0.5, 0.0, 1.0])
def test_schedule_free_is_the_papers(x64, momentum):
    """At momentum 0, too, where x cannot be told from y and z: there it is the mean of all z."""
    tx = atx.schedule_free(atx.add_decayed_weights(0.1), 0.05, momentum=momentum)
    found = followed(tx)
    wanted = schedule_free_loop(lambda t: 0.05, momentum, decay=0.1)
    chex.assert_trees_all_close(found, tuple(map(np.stack, wanted)), rtol=1e-12, atol=1e-12)
    if momentum == 0.0:
        means = np.cumsum(np.asarray(found[0]), 0) / np.arange(1, 41)[:, None]
        np.testing.assert_allclose(found[1], means, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("r, power", [(0.0, 2.0), (1.0, 2.0), (0.0, 0.0)])
def test_the_authors_warm_up_is_a_schedule(x64, r, power):
    """Their first step has a rate of 1 / n, and their n-th all of it."""
    n = 10
    rate = schedules.with_warmup(schedules.constant(0.05), n - 1, start=1 / n)
    found = followed(atx.schedule_free(atx.identity(), rate, r=r, power=power))
    wanted = schedule_free_loop(lambda t: 0.05 * min(t / n, 1), 0.9, r, power)
    chex.assert_trees_all_close(found, tuple(map(np.stack, wanted)), rtol=1e-6, atol=1e-8)


def test_a_rate_that_starts_at_zero_moves_nothing_at_first():
    rate = schedules.with_warmup(schedules.constant(0.05), 4)
    weights, averages = followed(atx.schedule_free(atx.identity(), rate), 3, jnp.float32)
    assert not np.any(weights[0]) and not np.any(averages[0]) and np.all(weights[1])
    np.testing.assert_allclose(averages[1], weights[1], rtol=1e-6)  # the first of any weight


def test_a_kept_average_is_right_in_bfloat16():
    """Within a last digit of float32's, where one taken from y and z is off by more than it moved."""
    steps, target = 2000, jnp.linspace(1.2, 1.8, 32)
    noise = jax.random.normal(jax.random.key(0), (steps, 32))
    tx = atx.schedule_free_adamw(1e-3)

    def trained(dtype):
        w = jnp.linspace(1.0, 2.0, 32).astype(dtype)

        def step(run, e):
            w, state = run
            g = (w.astype(jnp.float32) - target + e).astype(dtype)
            updates, state = tx.update(g, state, w)
            return (optax.apply_updates(w, updates), state), None

        (w, state), _ = jax.lax.scan(step, (w, tx.init(w)), noise)
        return w.astype(jnp.float32), state

    (_, exact), (y, state) = trained(jnp.float32), trained(jnp.bfloat16)
    moved = float(jnp.max(jnp.abs(exact.average - jnp.linspace(1.0, 2.0, 32))))
    taken = (y - 0.1 * state.z) / 0.9
    kept, rebuilt = (float(jnp.max(jnp.abs(x - exact.average))) for x in (state.average, taken))
    assert state.average.dtype == jnp.float32
    assert kept < 0.05 * moved and kept < 0.5 * rebuilt


@pytest.mark.parametrize("name, momentum", [("momentum", 1.0), ("nesterov", 0.8)])
def test_momentum_is_a_setting_of_primal_averaging(x64, name, momentum):
    """Heavy ball, where gradients are taken at the average; Nesterov's, as far from z as that decays."""
    rate, decay = 0.02, 0.8
    plain, _ = followed(getattr(atx, name)(rate, decay=decay))
    tx = atx.primal_averaged(atx.identity(), rate / (1 - decay), decay=decay, momentum=momentum)
    y, x = followed(tx)
    np.testing.assert_allclose(y, plain, rtol=1e-12, atol=1e-13)
    assert (np.max(np.abs(x - y)) < 1e-12) == (name == "momentum")


def test_primal_averaging_is_the_papers(x64):
    """Followed, with decay of y: the three sequences."""
    tx = atx.primal_averaged(atx.add_decayed_weights(0.1), 0.05, decay=0.9, momentum=0.7)
    found = followed(tx)
    z = x = y = np.zeros(4)
    for i in range(40):
        z = z - 0.05 * (slope(y, i) + 0.1 * y)
        x = 0.9 * x + 0.1 * z
        y = 0.7 * x + 0.3 * z
        for ours, theirs in zip(found, (y, x)):
            np.testing.assert_allclose(ours[i], theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("every, pull", [(5, 0.8), (1, 0.5), (3, 1.0)])
def test_lookahead_is_the_papers_and_optaxs(x64, every, pull):
    found = followed(atx.lookahead(atx.momentum(0.02), every=every, pull=pull))
    tx = optax.lookahead(optax.sgd(0.02, momentum=0.9), every, pull)
    pair = optax.LookaheadParams(jnp.zeros(4), jnp.zeros(4))
    w = slow = trace = np.zeros(4)
    state = tx.init(pair)
    for i in range(40):
        trace = slope(w, i) + 0.9 * trace
        w = w - 0.02 * trace
        if (i + 1) % every == 0:
            w = slow = slow + pull * (w - slow)
        for ours, theirs in zip(found, (w, slow)):
            np.testing.assert_allclose(ours[i], theirs, rtol=1e-12, atol=1e-13)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = tx.update(jnp.asarray(slope(np.asarray(pair.fast), i)), state, pair)
            pair = optax.apply_updates(pair, updates)
        np.testing.assert_allclose(found[0][i], pair.fast, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(found[1][i], pair.slow, rtol=1e-12, atol=1e-13)


def test_lookahead_that_follows_all_the_way_is_the_optimizer():
    found, _ = followed(atx.lookahead(atx.adam(0.1), every=3, pull=1.0), 10, jnp.float32)
    plain, _ = followed(atx.adam(0.1), 10, jnp.float32)
    np.testing.assert_allclose(found, plain, rtol=1e-6, atol=1e-7)


WRAPPERS = {
    "averaged": atx.averaged(atx.sgd(0.05), decay=0.5),
    "schedule_free": atx.schedule_free(atx.identity(), 0.05),
    "primal_averaged": atx.primal_averaged(atx.identity(), 0.05, decay=0.5),
    "lookahead": atx.lookahead(atx.sgd(0.05), every=2, pull=0.5),
}
every = pytest.mark.parametrize("name", WRAPPERS)


@every
def test_parameters_and_state_are_donated_together(name):
    tx, w = WRAPPERS[name], jnp.ones(4)
    step = jax.jit(tx.update, donate_argnums=(1, 2))
    state = tx.init(w)
    _, state = step(jnp.ones(4), state, w)
    _, state = step(jnp.ones(4), state, jnp.ones(4))
    assert w.is_deleted() and np.all(np.isfinite(state.average))


@every
def test_around_it(name):
    """Guards, accumulation, measurements, groups and storage change nothing of what is evaluated."""
    tx = WRAPPERS[name]
    plain = followed(tx, 6, jnp.float32)
    same = {
        "guarded": atx.guarded(tx),
        "measured": atx.measured(tx),
        "stored": atx.stored(tx, 8),
        "grouped": atx.grouped({"all": tx}, by={"all": ""}),
        "masked": atx.masked(tx, only=lambda path, p: True),
        "accumulated": atx.accumulated(atx.chain(tx), every=1),
        "chain": atx.chain(atx.identity(), tx),
        "rounded": atx.rounded(tx, extra_bits=16),
    }
    for what, around in same.items():
        found = followed(around, 6, jnp.float32)
        chex.assert_trees_all_close(found, plain, rtol=1e-6, atol=1e-7), what


@every
def test_a_skipped_step_moves_no_sequence(name):
    tx, w = atx.guarded(WRAPPERS[name]), jnp.ones(4)
    state = tx.init(w)
    updates, new = tx.update(jnp.full(4, jnp.nan), state, w)
    assert not np.any(updates)
    chex.assert_trees_all_equal(new.inner_state, state.inner_state)


@every
def test_rounded_around_it_evaluates_in_full_precision(name):
    tx = atx.rounded(WRAPPERS[name], extra_bits=16)
    w, master = jnp.ones(4, jnp.bfloat16), jnp.ones(4)
    state, alone = tx.init(w), WRAPPERS[name].init(jnp.ones(4))
    for i in range(8):
        g = jnp.asarray(NOISE[i], jnp.bfloat16)
        updates, state = tx.update(g, state, w)
        w = optax.apply_updates(w, updates)
        updates, alone = WRAPPERS[name].update(g.astype(jnp.float32), alone, master)
        master = optax.apply_updates(master, updates)
    assert w.dtype == jnp.bfloat16
    found = atx.eval_params(state, atx.full_precision(w, state))
    np.testing.assert_allclose(found, atx.eval_params(alone, master), rtol=1e-6)


@every
def test_of_a_group_only_its_own_leaves_are_averaged(name):
    tx = atx.grouped({"a": WRAPPERS[name]}, by={"a": "^a$"}, default=atx.sgd(0.05))
    params = {"a": jnp.ones(4), "b": jnp.ones(4)}
    state = tx.init(params)
    for _ in range(3):
        updates, state = tx.update({"a": jnp.ones(4), "b": jnp.ones(4)}, state, params)
        params = optax.apply_updates(params, updates)
    found = atx.eval_params(state, params)
    np.testing.assert_array_equal(found["b"], params["b"])
    assert np.all(found["a"] != params["a"])


@every
def test_what_it_keeps_is_shown_moved_and_laid_out(name):
    """By `describe`, `migrate` and `state_sharding`."""
    tx, params = WRAPPERS[name], {"w": jnp.ones((4, 2))}
    description = atx.describe(tx, params)
    assert description.leaves[0].cells[4] == "0.05" and not description.warnings
    state = tx.init(params)
    _, state = tx.update(params, state, params)
    moved = atx.migrate(state, tx, atx.chain(tx), params)
    chex.assert_trees_all_equal(moved.state, (state,))
    mesh = jax.sharding.AbstractMesh((2,), ("x",))
    lies = jax.NamedSharding(mesh, jax.P("x"))
    assert atx.state_sharding(tx, params, {"w": lies}).average["w"] == lies


@every
def test_nothing_may_follow_it(name):
    with pytest.raises(ValueError, match=f"^chain: part 0 is {name}, or holds it"):
        atx.chain(WRAPPERS[name], atx.add_decayed_weights(0.1))


@every
def test_once_is_enough(name):
    with pytest.raises(ValueError, match=f"^averaged: tx is {name}, .* keeps weights to evaluate"):
        atx.averaged(WRAPPERS[name])
    with pytest.raises(ValueError, match=f"^lookahead: tx is {name}, or holds it"):
        atx.lookahead(WRAPPERS[name])
    inside = atx.grouped({"a": WRAPPERS[name]}, by={"a": "a"}, default=atx.sgd(0.1))
    with pytest.raises(ValueError, match=f"^averaged: tx is {name}, or holds it"):
        atx.averaged(inside)


OF_DIRECTIONS = {
    "schedule_free": atx.schedule_free,
    "primal_averaged": atx.primal_averaged,
    "hyperball": atx.hyperball,
    "cautious": lambda direction, rate: atx.cautious(direction),
}


@pytest.mark.parametrize("who", OF_DIRECTIONS)
def test_a_direction_has_no_rate(who):
    wrapper = OF_DIRECTIONS[who]
    for tx, rate in (
        (atx.adamw(1e-3), "2.learning_rate"),
        (atx.guarded(atx.chain(atx.chain(atx.sgd(1e-3)))), "0.0.0.learning_rate"),
        (atx.scale_by_ftrl(0.1), "learning_rate"),
        (atx.scale_by_rprop(0.1), "learning_rate"),
        (atx.chain(atx.scale_by_rprop(0.1)), "0.learning_rate"),
        (atx.grouped({"a": atx.sgd(0.1)}, by={"a": ""}), "a.0.learning_rate"),
    ):
        with pytest.raises(ValueError, match=rf"^{who}: direction has a rate already, {rate}\."):
            wrapper(tx, 0.1)
    with pytest.raises(ValueError, match=rf"^{who}: direction is rounded, .*rounded\({who}\("):
        wrapper(atx.rounded(atx.trace(0.9)), 0.1)
    with pytest.raises(TypeError, match=f"^{who}: direction must be a gradient transformation"):
        wrapper(0.1, 0.1)


@pytest.mark.parametrize("who", OF_DIRECTIONS)
def test_an_optax_direction_of_bfloat16_parameters(who):
    """It sees float32 alone, so that its state stays as it is."""
    tx = OF_DIRECTIONS[who](optax.scale_by_adam(), 0.1)
    w = jnp.ones(3, jnp.bfloat16)
    state = tx.init(w)
    with jax.numpy_dtype_promotion("standard"):
        updates, new = tx.update(w, state, w)
    chex.assert_trees_all_equal_shapes_and_dtypes(new, state)
    assert updates.dtype == jnp.bfloat16


def test_a_direction_without_a_rate_is_told_what_is_missing():
    with pytest.raises(
        TypeError, match=r"learning_rate is missing; write schedule_free\(direction, 1e-3\)"
    ):
        atx.schedule_free(atx.scale_by_adam())


@every
def test_errors_of_a_step(name):
    tx, params = WRAPPERS[name], {"w": jnp.ones(3)}
    state = tx.init(params)
    with pytest.raises(ValueError, match=f"^{name}: needs the parameters"):
        tx.update(params, state)
    with pytest.raises(ValueError, match=rf"^{name}: params\['w'\] has shape \(4,\)"):
        tx.update(params, state, {"w": jnp.ones(4)})
    with pytest.raises(ValueError, match=f"^{name}: expected the state that its own init makes"):
        tx.update(params, (), params)


def test_an_optax_direction():
    """Of scale_by_adam without momentum, as optax's own wrapper takes it."""
    theirs = optax.contrib.schedule_free(optax.adam(0.05, b1=0.0), 0.05)
    ours = atx.schedule_free(optax.scale_by_adam(b1=0.0), 0.05)
    w, other = jnp.ones(4), jnp.ones(4)
    state, state_of_other = ours.init(w), theirs.init(other)
    with jax.numpy_dtype_promotion("standard"):
        for i in range(10):
            g = jnp.asarray(NOISE[i], jnp.float32)
            updates, state = ours.update(g, state, w)
            w = optax.apply_updates(w, updates)
            updates, state_of_other = theirs.update(g, state_of_other, other)
            other = optax.apply_updates(other, updates)
    np.testing.assert_allclose(w, other, rtol=1e-5)
    x = optax.contrib.schedule_free_eval_params(state_of_other, other)
    np.testing.assert_allclose(atx.eval_params(state, w), x, rtol=1e-5)


def test_a_value():
    """Its numbers are swept, replaced and differentiated like those of any optimizer."""
    tx = atx.schedule_free_adamw(0.05, weight_decay=0.1)
    assert eval(repr(tx), vars(atx)) == tx
    assert {*tx.hyperparameters(tx.init(jnp.ones(2)))} == {
        *("0.b2", "0.eps", "1.weight_decay", "learning_rate", "momentum", "r", "power")
    }
    run = functools.partial(followed, steps=10, dtype=jnp.float32)
    rates = jnp.array([0.01, 0.1])
    together = jax.vmap(lambda rate: run(tx.replace(learning_rate=rate)))(rates)
    for i, rate in enumerate(rates):
        alone = run(tx.replace(learning_rate=rate))
        chex.assert_trees_all_close(jax.tree.map(lambda x, i=i: x[i], together), alone, rtol=1e-5)
    slopes = jax.grad(lambda tx: jnp.sum(run(tx)[1][-1] ** 2))(jax.device_put(tx))
    leaves = jax.tree.leaves(slopes)
    assert np.all(np.isfinite(leaves)) and all(leaves)


def test_tune_evaluates_the_average():
    """And says that a member diverged by its parameters."""
    data = {"x": jnp.asarray(NOISE, jnp.float32)}

    def loss(w, batch):
        return jnp.mean((w[None] - batch["x"]) ** 2)

    def evaluate(w):
        return {"loss": jnp.sum(w**2), "first": w[0]}

    sweep = tune.sweep(lambda rate: atx.schedule_free(atx.identity(), rate), rate=[0.1, 0.5])
    how = {"steps": 5, "evaluate": evaluate, "progress": False}
    result = tune.train(loss, jnp.ones(4), data, sweep, **how)
    for i, rate in enumerate((0.1, 0.5)):
        tx, w = atx.schedule_free(atx.identity(), rate), jnp.ones(4)
        state = tx.init(w)
        for _ in range(5):
            updates, state = tx.update(jax.grad(loss)(w, data), state, w)
            w = w + updates
        wanted = atx.eval_params(state, w)
        assert abs(wanted[0] - w[0]) > 1e-3
        np.testing.assert_allclose(result.metrics["first"][i, 0], wanted[0], rtol=1e-5)


def test_a_train_state_evaluates_the_average():
    model, x = nn.Dense(1), jnp.ones((2, 3))
    params = model.init(jax.random.key(0), x)
    for tx in (WRAPPERS["schedule_free"], atx.sgd(0.1)):
        state = TrainState.create(apply_fn=model.apply, params=params, tx=tx)
        grads = jax.tree.map(jnp.ones_like, params)
        step = jax.jit(lambda s, grads: s.apply_gradients(grads=grads))
        for _ in range(2):
            state = step(state, grads)
        wanted = atx.eval_params(state.opt_state, state.params)
        chex.assert_trees_all_equal(state.eval_params, wanted)
    chex.assert_trees_all_equal(state.eval_params, state.params)


def test_an_nnx_optimizer_evaluates_the_average():
    model = nnx.Linear(3, 1, rngs=nnx.Rngs(0))
    optimizer = Optimizer(model, WRAPPERS["schedule_free"], wrt=nnx.Param)
    grads = jax.tree.map(jnp.ones_like, nnx.state(model, nnx.Param))
    for _ in range(2):
        optimizer.update(model, grads)
    kernel = model.kernel[...]
    ready = nnx.clone(model)
    nnx.update(ready, optimizer.eval_params(model))
    np.testing.assert_array_equal(model.kernel[...], kernel)
    np.testing.assert_allclose(kernel - ready.kernel[...], -0.0025, rtol=1e-2)


def test_schedule_free_under_jit_with_a_tree():
    """Compiled once for all rates, and leaf by leaf."""
    tx, params, grads = atx.schedule_free_adamw(0.1), tree(0), tree(1)
    step = jax.jit(chex.assert_max_traces(lambda tx, *a: tx.update(*a), n=1))
    state = tx.init(params)
    for rate in (0.1, 0.2):
        _, state = step(tx.replace(learning_rate=rate), grads, state, params)
    flat = [np.asarray(g)[None].repeat(2, 0) for g in jax.tree.leaves(grads)]
    ps = [np.asarray(p)[None].repeat(2, 0) for p in jax.tree.leaves(params)]
    numbers = {"momentum": 0.9, "r": 0.0, "power": 2.0, "b2": 0.999, "eps": 1e-8}
    for i, (g, p) in enumerate(zip(flat, ps)):
        wanted = oracles.schedule_free_adamw(
            list(g), list(p), learning_rate=lambda t: (0.1, 0.2)[t], weight_decay=0.0, **numbers
        )[-1]
        y = 0.9 * jax.tree.leaves(state.average)[i] + 0.1 * jax.tree.leaves(state.z)[i]
        np.testing.assert_allclose(y - p[0], wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("who", ["schedule_free", "primal_averaged", "hyperball", "cautious"])
def test_a_rate_without_a_name_is_found(who):
    """optax's sgd(0.1), where a direction belongs, would step uphill: a gradient of ones tells it."""
    wrapper = getattr(atx, who)
    rate = () if who == "cautious" else (0.1,)
    for steps in (optax.sgd(0.1), atx.chain(atx.scale_by_adam(), atx.scale(-0.1))):
        with pytest.raises(
            ValueError, match=rf"^{who}: direction makes steps: .*optax.scale_by_adam"
        ):
            wrapper(steps, *rate)
    for directions in (optax.scale_by_adam(), atx.chain(atx.scale_by_adam(), atx.scale(2.0))):
        assert wrapper(directions, *rate)
