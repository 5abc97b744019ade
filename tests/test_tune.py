"""Sweeps and their training: against a plain loop, in chunks, halved, interrupted, on several devices."""

import io
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from rich import console
from test_structure import IMPORTS

import adaptive_tx as atx
from adaptive_tx import tune
from adaptive_tx.schedules import cosine, with_warmup
from adaptive_tx.tune.report import sensitivity
from adaptive_tx.tune.sweeps.batches import BatchOrder
from adaptive_tx.tune.sweeps.plan import plan
from adaptive_tx.tune.training import progress, workers
from adaptive_tx.tune.training.chunk import Chunk

RNG = np.random.RandomState(0)
INPUTS = RNG.standard_normal((40, 3)).astype(np.float32)
DATA = {"x": INPUTS, "y": INPUTS @ np.float32([1, -2, 3]) + 0.5}
HUGE = 1e30


def make_params(key):
    return {"w": 0.1 * jax.random.normal(key, (3,)), "b": jnp.zeros(())}


def loss(params, batch):
    error = batch["x"] @ params["w"] + params["b"] * jnp.ones(len(batch["y"])) - batch["y"]
    return jnp.mean(error**2)


def evaluate(params):
    value = loss(params, jax.tree.map(jnp.asarray, DATA))
    return {"loss": value, "gain": -value}


RATES = [0.01, 0.1, 0.5]
ADAM = tune.sweep(atx.adam, learning_rate=RATES, b2=[0.9, 0.99])
SGD = tune.sweep(atx.sgd, learning_rate=[0.05, 0.1])
HOW = {"steps": 12, "batch_size": 8, "seeds": 2, "evaluate": evaluate, "progress": False}


def trained(sweep=ADAM, data=DATA, **changes):
    return tune.train(loss, make_params, data, sweep, **{**HOW, **changes})


@pytest.fixture(scope="module")
def plain():
    return trained()


# What is tried. ----------------------------------------------------------------------------------


def test_a_sweep_is_the_product_of_its_axes():
    sweep = tune.sweep(atx.adam, tune.zipped(b1=[0.8, 0.9], b2=[0.9, 0.99]), learning_rate=RATES)
    assert len(sweep) == 6
    rows = [sweep.setting(i) for i in range(6)]
    assert rows[0] == {"b1": 0.8, "b2": 0.9, "learning_rate": 0.01}
    assert len({tuple(row.values()) for row in rows}) == 6
    for i, row in enumerate(rows):
        assert sweep[i] == atx.adam(**row)
        taken = jax.tree.map(lambda leaf, i=i: leaf[i], sweep.tx).concrete()
        assert taken == atx.adam(**row)


def test_ranges():
    rates = tune.sweep(atx.sgd, learning_rate=tune.log_uniform(1e-3, 1, 4))
    assert rates.settings["learning_rate"].tolist() == [0.001, 0.01, 0.1, 1.0]
    decays = tune.sweep(atx.adam, learning_rate=0.1, b1=tune.uniform(0, 0.9, 4))
    assert decays.settings["b1"].tolist() == [0.0, 0.3, 0.6, 0.9]


def test_a_narrow_range_keeps_its_points_apart():
    """Four digits of a b2 near 1 are the same, or 1."""
    narrow = tune.uniform(0.999, 0.99999, 5).grid("", "")
    assert narrow == [0.999, 0.9992475, 0.999495, 0.9997425, 0.99999]
    assert tune.log_uniform(0.12345678, 0.12345679, 2).grid("", "") == [0.12345678, 0.12345679]
    assert tune.log_uniform(1e-5, 1, 16).grid("", "")[:4] == [1e-5, 2.154e-5, 4.642e-5, 0.0001]
    for low, high in ((0.999, 0.99999), (0.5, 1 - 1e-9), (0.1, 0.1 + 1e-12)):
        for make in (tune.uniform, tune.log_uniform):
            points = tune.random(200, 0, b=make(low, high)).columns["b"]
            assert len(set(points)) > 190 and low <= min(points) and max(points) <= high
            np.testing.assert_allclose(np.mean(points) - low, (high - low) / 2, rtol=0.1)


def test_random_draws():
    ranges = {"learning_rate": tune.log_uniform(1e-4, 1), "b1": tune.uniform(0.5, 0.9)}
    one, two, other = (tune.random(500, seed, **ranges).columns for seed in (0, 0, 1))
    assert one == two != other
    rates = np.log10(one["learning_rate"])
    assert -4 <= rates.min() < -3.9 and -0.1 < rates.max() <= 0  # even in the logarithm
    np.testing.assert_allclose(rates.mean(), -2, atol=0.2)
    np.testing.assert_allclose(np.mean(one["b1"]), 0.7, atol=0.02)


def test_schedules_and_chains_sweep():
    """A peak, a fraction of warmup and a norm: numbers anywhere in a chain."""

    def make(peak, warmup, max_norm):
        rate = with_warmup(cosine(peak, 100 - warmup), warmup)
        return atx.chain(atx.clip_by_global_norm(max_norm), atx.sgd(rate))

    sweep = tune.sweep(make, peak=[0.1, 0.3], warmup=[5, 20], max_norm=[0.5, 1.0])
    result = trained(sweep, seeds=1)
    assert result.best.tx == make(**result.best.settings)
    assert len(set(result.curves["loss"][:, 0, -1])) == 8


@pytest.mark.parametrize(
    ("axes", "error", "message"),
    [
        (
            {"learning_rate": [0.1], "b2": [0.9, 1.5]},
            ValueError,
            r"b2 must lie in \[0, 1\), got 1.5",
        ),
        ({"learning_rate": [0.1], "beta": [0.9]}, TypeError, "adam: .*beta"),
        ({"learning_rate": [0.1, 0.1]}, ValueError, "learning_rate has the same value twice"),
        ({"learning_rate": []}, ValueError, "learning_rate has no values"),
        ({"learning_rate": "0.1"}, TypeError, "learning_rate must be a range"),
        ({"learning_rate": [0.1, "x"]}, TypeError, "learning_rate must be a number, got 'x'"),
        ({"learning_rate": [True]}, TypeError, "bool"),
        ({"learning_rate": tune.log_uniform(1e-3, 1)}, ValueError, "learning_rate needs a count"),
        ({}, ValueError, "at least one axis"),
        ({"b2": [0.9]}, TypeError, "learning_rate"),
    ],
)
def test_a_wrong_axis_is_refused(axes, error, message):
    with pytest.raises(error, match=message):
        tune.sweep(atx.adam, **axes)


def test_an_optimizer_is_swept_by_replacing_its_numbers():
    tx = atx.grouped({"w": {"learning_rate": 0.1}}, by={"w": "w"}, default=atx.sgd(0.2))
    name = "w.0.learning_rate"
    with pytest.raises(
        TypeError, match=r"sweep: make must be .*, got an optimizer; write sweep\(lambda x"
    ):
        tune.sweep(tx, **{name: [0.1]})  # pyright: ignore[reportArgumentType]
    two = tune.sweep(lambda x: tx.replace({name: x}), x=[0.3, 0.4])
    assert two[1] == tx.replace({name: 0.4})


def test_an_axis_that_does_nothing_is_refused():
    with pytest.raises(ValueError, match="peak = 0.1 and 0.2 give the same optimizer"):
        tune.sweep(lambda peak: atx.sgd(lambda count: peak), peak=[0.1, 0.2])
    with pytest.raises(ValueError, match="zipped: the lists must be equally long, got a 1, b 2"):
        tune.zipped(a=[1], b=[1, 2])
    with pytest.raises(TypeError, match="learning_rate stands twice"):
        tune.sweep(atx.sgd, tune.zipped(learning_rate=[1.0]), learning_rate=[1.0])
    with pytest.raises(TypeError, match="make must return a Transformation"):
        tune.sweep(lambda learning_rate: optax.sgd(learning_rate), learning_rate=[0.1])
    with pytest.raises(ValueError, match="low must be below high"):
        tune.log_uniform(1, 0.1)
    with pytest.raises(ValueError, match="low must lie in"):
        tune.log_uniform(0, 0.1)


# The training. -----------------------------------------------------------------------------------


def by_hand(tx, seed: int, seeds: int, steps: int, size: int):
    """One run, a step at a time, from the same keys and orders."""
    root = jax.random.key(0)
    params = make_params(jax.random.split(root, seeds)[seed])
    entropy = tuple(int(word) for word in jax.random.key_data(root))
    orders = BatchOrder(len(INPUTS), size, seeds, entropy).rows(0, steps, steps)
    state, losses = tx.init(params), []
    for row in orders[seed]:
        batch = {name: jnp.asarray(x[row]) for name, x in DATA.items()}
        params, state, value = step_by_hand(tx, params, state, batch)
        losses.append(value)
    return params, np.array(losses)


@jax.jit
def step_by_hand(tx, params, state, batch):
    value, grads = jax.value_and_grad(loss)(params, batch)
    updates, state = tx.update(grads, state, params)
    return optax.apply_updates(params, updates), state, value


def test_the_sweep_equals_runs_made_one_by_one(plain):
    for i in range(len(ADAM)):
        for seed in range(2):
            params, losses = by_hand(ADAM[i], seed, 2, 12, 8)
            close = {"rtol": 1e-4, "atol": 1e-6}
            np.testing.assert_allclose(plain.curves["loss"][i, seed], losses, **close)
            np.testing.assert_allclose(
                plain.metrics["loss"][i, seed], evaluate(params)["loss"], **close
            )


def test_an_epoch_sees_every_example_once():
    orders = BatchOrder(10, 4, 2, (0,))
    rows = orders.rows(0, 5, 7)
    assert rows.shape == (2, 7, 4) and not rows[:, 5:].any()
    for seed in range(2):
        epochs = rows[seed, :5].reshape(2, 10)
        assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
        assert not np.array_equal(*epochs)
    assert not np.array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[:, 3:5], orders.rows(3, 5, 2))


def test_one_program_for_all_rates_and_steps():
    """Other rates, and more steps: the loss is traced again for nothing but the check of its shape."""
    traces = []

    def traced(params, batch):
        traces.append(1)
        return loss(params, batch)

    how = {**HOW, "evaluate": None, "points": 5}
    tune.train(traced, make_params, DATA, ADAM, **how)
    assert len(traces) <= 3
    traces.clear()
    others = tune.sweep(atx.adam, learning_rate=[0.2, 0.3, 0.4], b2=[0.8, 0.95])
    tune.train(traced, make_params, DATA, others, **{**how, "steps": 14})
    assert len(traces) == 1


@pytest.mark.parametrize("at_once", [1, 4, 6, 100])
def test_chunks_change_nothing(plain, at_once):
    chunked = trained(at_once=at_once)
    np.testing.assert_allclose(chunked.scores, plain.scores, rtol=1e-5)
    np.testing.assert_allclose(chunked.curves["loss"], plain.curves["loss"], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("cores", [1, 3, 4, 64])
def test_cores_change_nothing(plain, cores, monkeypatch):
    """6 members as 1 portion of 6, 3 of 2, 3 of 2 (one core rests), 6 of 1."""
    sizes = []
    begin = Chunk.begin
    monkeypatch.setattr(workers, "_cores", lambda: cores)
    monkeypatch.setattr(Chunk, "begin", lambda self: sizes.append(_sizes(self)) or begin(self))
    shared = trained()
    assert sizes == [{1: [6], 3: [2, 2, 2], 4: [2, 2, 2], 64: [1] * 6}[cores]]
    np.testing.assert_allclose(shared.scores, plain.scores, rtol=1e-5)
    np.testing.assert_allclose(shared.curves["loss"], plain.curves["loss"], rtol=1e-4, atol=1e-6)


def test_cores_know_the_precision_of_the_call(monkeypatch):
    """Threads have a configuration of their own in jax; the caller's counts."""
    scores = []
    with jax.enable_x64(True):
        sweep = tune.sweep(atx.sgd, learning_rate=[0.05, 0.1])
        data = {name: x.astype(np.float64) for name, x in DATA.items()}
        how = {**HOW, "evaluate": None}
        for cores in (1, 2):
            monkeypatch.setattr(workers, "_cores", lambda cores=cores: cores)
            scores.append(tune.train(loss, make_params, data, sweep, **how).scores)
    np.testing.assert_allclose(*scores, rtol=1e-12)
    assert (scores[0] != scores[0].astype(np.float32)).all()


def _sizes(chunk):
    return [len(places) for places in chunk._portions]


def test_a_diverged_member_is_marked_and_spoils_none(plain):
    sweep = tune.sweep(atx.adam, learning_rate=[*RATES, HUGE], b2=[0.9, 0.99])
    beside = trained(sweep, at_once=6)
    np.testing.assert_allclose(beside.scores[:6], plain.scores, rtol=1e-5)
    assert beside.diverged.tolist() == [[False, False]] * 6 + [[True, True]] * 2
    assert beside.best.settings == plain.best.settings
    assert beside.member(7).diverged == 2 and np.isnan(beside.member(7).score)
    assert "2/2" in beside.table(plain=True)
    only = trained(tune.sweep(atx.sgd, learning_rate=[HUGE]))
    with pytest.raises(ValueError, match="every member diverged"):
        _ = only.best
    assert only.sensitivity(0.1) == {}


def test_the_best_is_an_optimizer_as_one_would_write_it(plain):
    best = plain.best
    assert best.tx == atx.adam(**best.settings)
    assert best.score == plain.scores[best.index].mean() == plain.losses.min()
    np.testing.assert_allclose(best.std, plain.scores[best.index].std(ddof=1))


def test_keys_and_seeds(plain):
    np.testing.assert_array_equal(trained().scores, plain.scores)
    assert not np.allclose(trained(key=1).scores, plain.scores)
    assert not np.allclose(plain.scores[:, 0], plain.scores[:, 1])
    same = tune.train(loss, make_params(jax.random.key(3)), DATA, ADAM, **HOW)
    batches = same.curves["loss"][:, :, 0]
    assert not np.allclose(batches[:, 0], batches[:, 1])  # the same start, other batches


def test_a_loss_with_a_key_aux_and_drawn_batches():
    seen = []

    def draw(key):
        x = jax.random.normal(key, (8, 3))
        return {"x": x, "y": x @ jnp.array([1.0, -2.0, 3.0])}

    def noisy(params, batch, key):
        seen.append(1)
        mask = jax.random.bernoulli(key, 0.5, batch["x"].shape).astype(float)
        value = loss(params, {**batch, "x": batch["x"] * mask})
        others = {"vector": params["w"], "name": "noisy", "nothing": None}
        stats = {"mean": batch["x"].mean(0), "count": jnp.ones(())}
        return value, {"norm": jnp.linalg.norm(params["w"]), "batch_stats": stats, **others}

    sweep = tune.sweep(atx.sgd, learning_rate=[0.01, 0.1])
    how = {"steps": 6, "seeds": 2, "progress": False, "points": 6}
    result = tune.train(noisy, make_params, draw, sweep, **how)
    assert set(result.curves) == {"loss", "norm"}
    assert np.ptp(result.curves["loss"], axis=1).min() > 0  # seeds see other batches and masks
    again = tune.train(noisy, make_params, draw, sweep, **how, at_once=1)
    np.testing.assert_allclose(again.curves["loss"], result.curves["loss"], rtol=1e-4)
    first = tune.train(noisy, make_params, draw, sweep, **how, maximize="norm")
    assert first.best.score == first.scores.mean(1).max()


def test_maximize(plain):
    most = trained(maximize="gain")
    assert most.ranked == plain.ranked
    assert most.best.score == -plain.best.score
    assert "highest gain" in most.table(plain=True)


# Halving. ----------------------------------------------------------------------------------------


def test_a_plan():
    halved = plan("x", 100, 10, (30, 0.5))
    assert halved.rungs == (30, 60, 90, 100)
    assert [halved.kept(n) for n in (8, 4, 3, 1)] == [4, 2, 2, 1]
    assert halved.work(8) == 8 * 30 + 4 * 30 + 2 * 30 + 1 * 10
    assert halved.intervals(0) == [(0, 0, 10), (1, 10, 20), (2, 20, 30)]
    assert plan("x", 100, 10, None).work(8) == 800
    assert plan("x", 7, 3, (4, 0.5)).stops == (3, 4, 6, 7)


@pytest.mark.parametrize("at_once", [None, 2, 4])
def test_halving_drops_the_worst_and_computes_them_no_more(plain, at_once, monkeypatch):
    """Survivors end as without halving; steps of dropped members are not made."""
    made = []
    real = Chunk.advance

    def counted(chunk, runs, first, last):
        made.append(sum(_sizes(chunk)) * (last - first))
        return real(chunk, runs, first, last)

    monkeypatch.setattr(workers, "_cores", lambda: 2)
    monkeypatch.setattr(Chunk, "advance", counted)
    halved = trained(halving=(4, 0.5), at_once=at_once)
    assert sorted(halved.trained) == [4, 4, 4, 8, 12, 12]
    padded = {None: [6, 4, 2], 2: [6, 3, 2], 4: [6, 4, 2]}[at_once]
    assert sum(made) == sum(4 * n for n in padded)
    for i in np.flatnonzero(halved.trained == 12):
        np.testing.assert_allclose(halved.scores[i], plain.scores[i], rtol=1e-5)
    early = trained(steps=4)
    dropped = np.flatnonzero(halved.trained == 4)
    np.testing.assert_allclose(halved.scores[dropped], early.scores[dropped], rtol=1e-5)
    assert set(early.ranked[3:]) == set(dropped)
    assert np.isnan(halved.curves["loss"][dropped, :, -1]).all()
    assert halved.best.index in early.ranked[:2]
    assert "steps" in halved.table(plain=True)


# Interrupts. -------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [1, 4, 7, 11])
@pytest.mark.parametrize("how", [{}, {"halving": (4, 0.5), "at_once": 4}], ids=["plain", "halved"])
def test_an_interrupt_loses_nothing(after, how, tmp_path, monkeypatch):
    """Stopped after some calls, the same call ends with the same numbers, to the bit."""
    whole = trained(**how, points=6)
    real, calls = Chunk.advance, []

    def stopping(*args):
        calls.append(1)
        if len(calls) == after + 1:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(Chunk, "advance", stopping)
        try:
            trained(**how, points=6, out=tmp_path)
            stopped = False
        except KeyboardInterrupt:
            stopped = True
    before = len(calls) - stopped
    calls.clear()
    with monkeypatch.context() as patch:
        patch.setattr(Chunk, "advance", lambda *args: calls.append(1) or real(*args))
        resumed = trained(**how, points=6, out=tmp_path)
    chex.assert_trees_all_equal(resumed.curves, whole.curves)
    np.testing.assert_array_equal(resumed.scores, whole.scores)
    full = 6 if not how else 2 * 2 + 2 + 2
    assert before + len(calls) == full, "a step was made twice, or never"
    again = trained(**how, points=6, out=tmp_path)
    np.testing.assert_array_equal(again.scores, whole.scores)
    written = json.loads((tmp_path / "results.json").read_text())
    assert written["ranked"] == whole.ranked


@pytest.fixture
def ctrl_c():
    """Presses it. Where pytest runs in the background, it is ignored: not here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_waits_for_the_steps_that_are_being_made(ctrl_c, tmp_path, monkeypatch):
    real, calls = Chunk.advance, []

    def pressed(*args):
        calls.append(1)
        if len(calls) == 4:
            ctrl_c()
        return real(*args)

    monkeypatch.setattr(Chunk, "advance", pressed)
    with pytest.raises(KeyboardInterrupt):
        trained(points=6, out=tmp_path)
    assert len(calls) == 4
    resumed = trained(points=6, out=tmp_path)
    assert len(calls) == 6, "the fourth interval was lost"
    np.testing.assert_array_equal(resumed.scores, trained(points=6).scores)


def test_a_second_ctrl_c_does_not_wait(ctrl_c, monkeypatch):
    def pressed(*args):
        ctrl_c()
        ctrl_c()
        raise AssertionError("went on")

    monkeypatch.setattr(Chunk, "advance", pressed)
    with pytest.raises(KeyboardInterrupt):
        trained()


def test_ctrl_c_while_compiling_is_heard_at_once(ctrl_c, monkeypatch):
    class Slow(Future):
        def result(self, timeout=None):
            ctrl_c()
            return super().result(timeout)

    def compiled(self, *args):
        future = Slow()
        future.set_exception(AssertionError("waited"))
        return future

    monkeypatch.setattr(workers.Workers, "compiled", compiled)
    with pytest.raises(KeyboardInterrupt):
        trained()


def test_threads_other_than_the_main_one_can_train(plain):
    with ThreadPoolExecutor(1) as pool:
        elsewhere = pool.submit(trained).result()
    np.testing.assert_array_equal(elsewhere.scores, plain.scores)


def test_another_call_does_not_overwrite(tmp_path):
    trained(out=tmp_path)
    with pytest.raises(ValueError, match=r"holds another training \(steps was 12, now 13\)"):
        trained(out=tmp_path, steps=13)
    with pytest.raises(ValueError, match="another sweep adam"):
        trained(tune.sweep(atx.adam, learning_rate=[0.3]), out=tmp_path)


def test_bfloat16_and_nested_states_come_back(tmp_path):
    def make(key):
        return jax.tree.map(lambda p: p.astype(jnp.bfloat16), make_params(key))

    def low(params, batch):
        return loss(jax.tree.map(lambda p: p.astype(jnp.float32), params), batch)

    how = {"steps": 4, "batch_size": 8, "progress": False, "halving": (2, 0.5), "at_once": 1}
    sweep = tune.sweep(atx.adamw, learning_rate=[0.1, 0.2])
    once = tune.train(low, make, DATA, sweep, **how)
    kept = tune.train(low, make, DATA, sweep, **how, out=tmp_path)
    np.testing.assert_array_equal(once.curves["loss"], kept.curves["loss"])


def test_another_precision_is_another_training(tmp_path):
    def square(params, batch):
        return sum(jnp.sum(p**2) for p in jax.tree.leaves(params))

    how = {**HOW, "evaluate": None, "out": tmp_path}
    tune.train(square, make_params, DATA, SGD, **how)
    with jax.enable_x64(True), pytest.raises(ValueError, match="float was float32, now float64"):
        tune.train(square, make_params, DATA, SGD, **how)


# Looking for a mistake. --------------------------------------------------------------------------


@pytest.mark.slow
def test_without_jit_the_loss_sees_numbers():
    seen, start = [], {"w": jnp.ones(3), "b": jnp.zeros(())}

    def looked_at(params, batch):
        seen.append(params["b"])
        return loss(params, batch)

    how = {**HOW, "steps": 2, "seeds": 1, "evaluate": None}
    with jax.disable_jit():
        eager = tune.train(looked_at, start, DATA, SGD, **how)
    compiled = tune.train(loss, start, DATA, SGD, **how)
    np.testing.assert_allclose(eager.scores, compiled.scores, rtol=1e-5)
    assert len(seen) == 1 + 2, "traced, not run"


def test_debug_nans_finds_the_step():
    with jax.debug_nans(True), pytest.raises(FloatingPointError, match="invalid value"):
        trained(tune.sweep(atx.sgd, learning_rate=[0.1, 1e20, 1e30]), steps=9)


# Its files. -------------------------------------------------------------------------------------

FOLDERS = [
    {"sweeps", "tasks"},
    {"report", "options"},
    {"training"},
    {"command", "studies"},
    {"range_command", "race"},
]


@pytest.mark.parametrize("module", [name for name in IMPORTS if ".tune." in name])
def test_folders_point_one_way(module):
    """What is asked, what comes out, how it is trained, the commands: each knows those before."""

    def level(name):
        return next(i for i, names in enumerate(FOLDERS) if name.split(".")[2] in names)

    for other in {name for name in IMPORTS[module] if ".tune." in name}:
        assert other.split(".")[2] == module.split(".")[2] or level(other) < level(module), other


# Several devices. --------------------------------------------------------------------------------

ON_THREE = """
import sys; sys.path.insert(0, {tests!r})
import jax, numpy as np, test_tune
assert len(jax.devices()) == 3
result = test_tune.trained(halving=(4, 0.5))
print(" ".join(f"{{x:.9g}}" for x in result.scores.ravel()))
last = jax.device_put(jax.random.key(0), jax.devices()[-1])
moved = test_tune.trained(halving=(4, 0.5), key=last)
np.testing.assert_allclose(moved.scores, result.scores)  # its key is the default
"""


@pytest.mark.slow
def test_devices_share_the_members():
    env = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=3"}
    code = ON_THREE.format(tests=os.path.dirname(__file__))
    out = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    shared = np.array(out.stdout.split(), float)
    np.testing.assert_allclose(shared, trained(halving=(4, 0.5)).scores.ravel(), rtol=1e-5)


# Wrong calls. ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"steps": 0}, ValueError, "train: steps must be at least 1, got 0"),
        ({"batch_size": 0}, ValueError, "train: batch_size must be at least 1, got 0"),
        ({"batch_size": 41}, ValueError, "batch_size 41 is more than the 40 examples"),
        ({"seeds": 0}, ValueError, "seeds must be at least 1"),
        ({"at_once": 0}, ValueError, "at_once must be at least 1"),
        ({"halving": 3}, TypeError, r"halving must be \(every, keep\), got 3"),
        ({"halving": (12, 0.5)}, ValueError, "halving after every 12 steps drops nothing in 12"),
        ({"halving": (3, 1.0)}, ValueError, r"keep must lie in \(0, 1\), got 1.0"),
        ({"maximize": "accuracy"}, ValueError, "no 'accuracy' to rank by; name one of gain, loss"),
        ({"minimize": "a", "maximize": "b"}, TypeError, "minimize or maximize, not both"),
        ({"key": "seed"}, TypeError, "key must be an int or a jax.random.key"),
        ({"evaluate": 3}, TypeError, "evaluate must be a function"),
        ({"evaluate": lambda params: params["w"]}, TypeError, "evaluate must return scalars"),
        ({"sweep": atx.adam(0.1)}, TypeError, "sweep must be made by tune.sweep"),
        ({"sweep": {"a/b": ADAM}}, ValueError, "'a/b' cannot name a sweep"),
    ],
)
def test_a_wrong_call_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        trained(**changes)


def test_wrong_data_and_losses_are_refused():
    def call(loss=loss, data=DATA, params=make_params):
        tune.train(loss, params, data, ADAM, **HOW)

    with pytest.raises(ValueError, match=r"data\['x'\] 40, data\['y'\] 39"):
        call(data={**DATA, "y": DATA["y"][1:]})
    with pytest.raises(ValueError, match=r"data\['x'\] has no axis of examples"):
        call(data={"x": 1.0})
    with pytest.raises(
        TypeError, match="train: data holds lists of Python numbers; make them np.arr"
    ):
        call(data=INPUTS.tolist())
    with pytest.raises(TypeError, match=r"train: data\['y'\] holds lists of Python numbers"):
        call(data={**DATA, "y": DATA["y"].tolist()})
    with pytest.raises(TypeError, match="batch_size is for arrays; data is a stream, of batches"):
        call(data=(DATA for _ in range(3)))
    with pytest.raises(TypeError, match=r"train: data\['y'\] is a list_iterator, which"):
        call(data={**DATA, "y": iter([1.0])})
    with pytest.raises(TypeError, match=r"train: data\['y'\] is an array of <U1, which are no num"):
        call(data={**DATA, "y": np.array(["a"] * 40)})
    with pytest.raises(TypeError, match=r"loss must take \(params, batch\)"):
        call(loss=lambda params: 0.0)
    with pytest.raises(TypeError, match="loss must return a scalar"):
        call(loss=lambda params, batch: batch["x"])
    with pytest.raises(TypeError, match=r"params\['w'\] is of type int32"):
        call(params={"w": jnp.zeros(3, jnp.int32)})
    with pytest.raises(TypeError) as caught:
        call(loss=lambda params, batch: params["w"] @ batch["x"])
    assert any("batch['x'] (8, 3)" in note for note in caught.value.__notes__)


# Batches that never change, leaves that never do. -------------------------------------------------


def one_batch(key):
    return jax.tree.map(lambda x: jnp.asarray(x[:8]), DATA)


@pytest.mark.parametrize(
    "draw",
    [
        one_batch,
        jax.jit(one_batch),
        lambda key: jax.tree.map(lambda x: jnp.asarray(RNG.permutation(x)), DATA),
        lambda key: jax.tree.map(lambda x: x + jnp.zeros(8)[0], one_batch(key)),
    ],
    ids=["ignores", "jitted", "numpy", "constant"],
)
def test_a_data_function_must_use_its_key(draw):
    """NumPy's numbers differ from call to call, but a compiled program draws them once."""
    message = r"train: data gives equal batches for two keys.*randint\(key.*batch_size=None"
    with pytest.raises(ValueError, match=message):
        trained(data=draw, batch_size=None)


def test_a_batch_of_nothing_need_not_vary():
    def bowl(params, batch):
        return jnp.sum(params["w"] ** 2) + params["b"] ** 2

    result = tune.train(
        bowl, make_params, lambda key: (), SGD, steps=2, progress=False, evaluate=None
    )
    assert not result.diverged.any()


@pytest.mark.parametrize("seeds", [1, 2])
def test_without_a_batch_size_every_step_sees_all(seeds):
    result = trained(SGD, batch_size=None, seeds=seeds, steps=3)
    for i, rate in enumerate([0.05, 0.1]):
        params = make_params(jax.random.split(jax.random.key(0), seeds)[0])
        for step in range(3):
            value, grads = jax.value_and_grad(loss)(params, jax.tree.map(jnp.asarray, DATA))
            np.testing.assert_allclose(result.curves["loss"][i, 0, step], value, rtol=1e-5)
            params = jax.tree.map(lambda p, g, rate=rate: p - rate * g, params, grads)


def test_leaves_without_a_gradient_are_named():
    def init(key):
        return {**make_params(key), "stats": {"mean": jnp.zeros(()), "var": jnp.ones(())}}

    @jax.jit
    def normalised(params, batch):
        stats = jax.lax.stop_gradient(params["stats"])
        moved = batch["x"] - stats["mean"]
        return loss(params, {**batch, "x": moved / jnp.sqrt(stats["var"])}), {"x": moved.mean()}

    message = (
        r"train: no gradient reaches params\['stats'\]\['mean'\], params\['stats'\]\['var'\]: .*"
    )
    with pytest.warns(UserWarning, match=message + "statistics of batches.*state, loss") as caught:
        tune.train(normalised, init, DATA, SGD, steps=1, batch_size=8, progress=False)
    assert caught[0].filename == __file__


def test_a_gradient_that_begins_at_zero_is_one():
    """The layer below a layer of zeros gets its first gradient in the second step."""

    def init(key):
        return {"in": jax.random.normal(key, (3, 4)), "out": jnp.zeros(4)}

    def deep(params, batch):
        return jnp.mean((batch["x"] @ params["in"] @ params["out"] - batch["y"]) ** 2)

    tune.train(deep, init, DATA, SGD, steps=1, batch_size=8, progress=False)


# What comes out. ---------------------------------------------------------------------------------


def test_tables_and_files(plain, tmp_path):
    lines = plain.table(plain=True).splitlines()
    assert lines[0].split() == ["optimizer", "learning_rate", "b2", "loss", "±", "std", "tied"]
    remarks = [line for line in lines if line.startswith(("At the edge", "~", "No"))]
    assert len(lines) == 7 + len(remarks)
    assert len(plain.table(2, plain=True).splitlines()) == 3 + len(remarks)
    assert lines[1].split()[1:3] == [f"{x:g}" for x in plain.best.settings.values()]
    np.testing.assert_allclose(float(lines[1].split()[3]), plain.best.score, rtol=1e-8)
    plain.to_json(tmp_path / "a.json")
    plain.to_csv(tmp_path / "a.csv")
    kept = json.loads((tmp_path / "a.json").read_text())
    assert kept == json.loads(json.dumps(plain.to_dict()))
    assert eval(kept["members"][plain.ranked[0]]["tx"], vars(atx)) == plain.best.tx
    rows = (tmp_path / "a.csv").read_text().splitlines()
    assert rows[0] == "optimizer,learning_rate,b2,seed,steps,diverged,score,gain,loss"
    assert len(rows) == 1 + 6 * 2


@pytest.mark.parametrize("wide", [200, 80, 60, 40, 20])
def test_no_number_is_cut_however_narrow_the_terminal(plain, wide):
    printed = io.StringIO()
    console.Console(file=printed, width=wide).print(plain.table())
    lines = printed.getvalue().splitlines()
    assert max(map(len, lines)) <= wide
    every = io.StringIO()
    console.Console(file=every, width=200).print(plain.table())
    rows = every.getvalue().splitlines()
    head, best = rows[0].split(), rows[1].split()
    assert lines[0].split() == head if wide >= 60 else len(lines) > 7
    shown = " ".join(printed.getvalue().split())
    assert "\u2026" not in shown and all(x in shown for line in rows[1:] for x in line.split())
    if wide == 20:
        assert lines[0].split() == best[:1] and "learning_rate" in shown


def test_close_settings_are_written_apart():
    b2 = tune.uniform(0.999, 0.99999, 5)
    sweep = tune.sweep(atx.adam, learning_rate=[0.1, 0.2], b2=b2)
    result = trained(sweep, steps=1, at_once=6)
    close = ["0.999", "0.9992475", "0.999495", "0.9997425", "0.99999"]
    assert set(close) <= set(result.table(plain=True).split())
    figure = result.plot()
    figure.canvas.draw()
    labels = [tick.get_text() for tick in figure.axes[3].get_yticklabels()]
    assert len(set(labels)) == 5, labels


def test_the_bar_says_which_loss_it_shows(capsys, monkeypatch):
    """On stderr: of what is trained the training loss, at the end what `evaluate` found."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    best, said = progress.best, []
    monkeypatch.setattr(progress, "best", lambda search: said.append(best(search)) or said[-1])
    result = trained(steps=4, progress=True)
    out, err = capsys.readouterr()
    printed = " ".join(err.split())
    assert out == ""
    assert all(words.startswith("best training loss ") for words in said) and len(said) == 4
    assert "adam" in printed
    assert f"best evaluated loss {result.best.score:.4g} at learning_rate=" in printed


def test_no_bar_in_a_file(capsys):
    trained(steps=4, progress=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_several_optimizers(tmp_path):
    sweeps = {
        "adam": tune.sweep(atx.adam, learning_rate=[0.1, 0.5]),
        "nesterov": tune.sweep(atx.nesterov, learning_rate=[0.01, 0.1], decay=[0.8, 0.9]),
    }
    both, alone = trained(sweeps), trained(sweeps["nesterov"])
    np.testing.assert_allclose(both.scores[2:], alone.scores, rtol=1e-6)
    assert both.names == ["adam"] * 2 + ["nesterov"] * 4
    assert np.isnan(both.settings["decay"][:2]).all()
    assert both.best_of("nesterov").settings == alone.best.settings
    assert both.best_of("adam").tx == atx.adam(both.best_of("adam").settings["learning_rate"])
    assert set(both.sensitivity(0.1)) == {"adam", "nesterov"}
    figure = both.plot()
    assert [axes.get_xlabel() for axes in figure.axes] == ["step", "learning_rate", "decay"]
    both.to_csv(tmp_path / "a.csv")
    assert "adam,0.1,,0," in (tmp_path / "a.csv").read_text()
    with pytest.raises(ValueError, match="no sweep 'lion'; there are adam, nesterov"):
        both.best_of("lion")


def test_the_figure_shows_the_numbers(plain):
    figure = plain.plot()
    curves, rates, _, heat = figure.axes[:4]
    assert [axes.get_xlabel() for axes in figure.axes[:4]] == [
        "step",
        *ADAM.settings,
        "learning_rate",
    ]
    best = plain.curves["loss"][plain.best.index].mean(0)
    np.testing.assert_allclose(curves.lines[-1].get_ydata(), best)
    line = next(line for line in rates.lines if len(line.get_xdata()) == 3)
    alike = [i for i in range(6) if plain.settings["b2"][i] == plain.best.settings["b2"]]
    np.testing.assert_allclose(line.get_ydata(), plain.scores[alike].mean(1))
    cells = heat.collections[0].get_array()
    np.testing.assert_allclose(np.sort(cells.ravel()), np.sort(plain.losses), rtol=1e-6)


def test_the_width_is_interpolated():
    rates = np.array([1e-3, 1e-2, 1e-1, 1.0])
    width = sensitivity.width(rates, np.array([0.5, 0.1, 0.11, 0.31]), 1, 0.02)
    np.testing.assert_allclose(width.low, 1e-2 * 10 ** (-0.02 / 0.4), rtol=1e-6)
    np.testing.assert_allclose(width.high, 1e-1 * 10 ** (0.01 / 0.2), rtol=1e-6)
    np.testing.assert_allclose(width.decades, 0.05 + 1 + 0.05, rtol=1e-6)
    assert not width.open and str(width) == "1.10 decades, 0.0089 to 0.11"
    assert sensitivity.width(rates, np.array([0.5, 0.1, 0.11, 0.115]), 1, 0.02).open
    to_nothing = sensitivity.width(rates, np.array([0.5, 0.1, np.inf, np.nan]), 1, 0.02)
    assert to_nothing.high == 1e-2 and not to_nothing.open


@pytest.mark.slow
def test_the_width_ends_before_what_was_dropped():
    """A loss from before the end is too high: it may count as good, but not as bad."""
    rates, losses = np.array([1e-3, 1e-2, 1e-1, 1.0]), np.array([0.5, 0.1, 0.11, 0.31])
    known = np.array([True, True, False, False])
    width = sensitivity.width(rates, losses, 1, 0.02, known)
    assert width.high == 0.1 and width.open
    assert width.low == sensitivity.width(rates, losses, 1, 0.02).low
    through = sensitivity.width(rates, losses, 1, 0.02, np.array([True, True, False, True]))
    assert through.high > 0.1 and through.open, "its loss at 0.1 would have become less"
    losses[3] = np.inf  # diverged: it would not have come back
    assert not sensitivity.width(rates, losses, 1, 0.02, known).open

    halved = trained(
        tune.sweep(atx.adam, learning_rate=tune.log_uniform(0.01, 10, 8)), halving=(4, 0.5)
    )
    width = halved.sensitivity(1e-6)["adam"]
    best = halved.best.settings["learning_rate"]
    lasted = halved.settings["learning_rate"][halved.trained == 12]
    assert width.open and lasted.min() <= width.low <= best <= width.high <= lasted.max()


def test_sensitivity_holds_the_other_axes(plain):
    width = plain.sensitivity(1.0)["adam"]
    alike = [i for i in range(6) if plain.settings["b2"][i] == plain.best.settings["b2"]]
    at = alike.index(plain.best.index)
    rates = plain.settings["learning_rate"][alike]
    assert width == sensitivity.width(rates, plain.losses[alike], at, 1.0)
    with pytest.raises(ValueError, match="adam has no axis eps; it has learning_rate, b2"):
        plain.sensitivity(1.0, "eps")
    drawn = trained(tune.sweep(atx.sgd, tune.random(1, learning_rate=tune.log_uniform(0.01, 0.1))))
    with pytest.raises(ValueError, match="sweep a grid"):
        drawn.sensitivity(1.0)


# The range test. ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_the_range_test_finds_a_rate_that_trains(name):
    tx = getattr(atx, name)(1.0)
    test = tune.rate_range_test(loss, make_params, DATA, tx, high=1e4, batch_size=8)
    assert test.rates[0] == 1e-6 and test.rates[-1] == 1e4 and len(test.losses) == 300
    assert test.edge is not None and test.steepest <= test.edge
    assert test.tx == getattr(atx, name)(test.suggestion)
    rates = [test.suggestion / 100, test.suggestion, test.edge * 10]
    low, good, high = trained(tune.sweep(getattr(atx, name), learning_rate=rates), steps=200).losses
    assert good < 0.3 * low and good < 0.3 * high
    if name == "sgd":  # stable below 2 / (largest curvature of the mean square) = about 1
        curvature = 2 * np.linalg.eigvalsh(np.cov(INPUTS.T, bias=True)).max()
        assert 0.2 < test.edge * curvature / 2 < 5
    assert len(test.plot().axes[0].lines) >= 4


def test_a_range_test_that_shows_nothing_says_so():
    how = {"batch_size": 8, "steps": 40}
    with pytest.raises(ValueError, match="the loss never falls"):
        tune.rate_range_test(loss, make_params, DATA, atx.sgd(1.0), low=1e10, high=1e12, **how)
    with pytest.raises(TypeError, match="no hyperparameter learning_rate"):
        tune.rate_range_test(loss, make_params, DATA, atx.scale_by_adam(), **how)
    with pytest.raises(ValueError, match="the loss is nan before"):
        nan = lambda params, batch: loss(params, batch) * jnp.nan  # noqa: E731
        tune.rate_range_test(nan, make_params, DATA, atx.sgd(1.0), **how)
