"""What can be trained: models with a state, steps of one's own, arguments of the loss; and what is kept."""

import pathlib
import re
import runpy

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from harness import interrupted

import adaptive_tx as atx
from adaptive_tx import tune
from adaptive_tx.tune.training.chunk import Chunk
from adaptive_tx.tune.training.ways import is_mapped, written

RNG = np.random.RandomState(0)
X = RNG.standard_normal((40, 3)).astype(np.float32)
DATA = {"x": X, "y": X @ np.float32([1, -2, 3]) + 0.5}
RATES = [0.01, 0.1, 0.3]
SWEEP = tune.sweep(atx.adam, learning_rate=RATES)
HOW = {"steps": 6, "batch_size": 8, "seeds": 2, "progress": False}


def init(key):
    """Parameters, and the state of the model: a mean of the inputs, and a generator for noise."""
    params = {"w": 0.1 * jax.random.normal(key, (3,))}
    return params, {"mean": jnp.zeros(3), "steps": jnp.int32(0), "noise": jax.random.key(7)}


def loss(params, state, batch, key):
    mean = 0.9 * state["mean"] + 0.1 * batch["x"].mean(0)
    noise, now = jax.random.split(state["noise"])
    inputs = batch["x"] - (mean + 0.01 * jax.random.normal(now, (3,)))[None]
    error = inputs @ params["w"] - batch["y"] + 0.01 * jax.random.normal(key, (8,))
    state = {"mean": mean, "steps": state["steps"] + 1, "noise": noise}
    return jnp.mean(error**2), (state, {"size": jnp.sum(params["w"] ** 2)})


def evaluate(params, state):
    error = (DATA["x"] - state["mean"][None]) @ params["w"] - DATA["y"]
    return {"loss": jnp.mean(error**2), "steps": state["steps"]}


def by_hand(tx, seed: int, batches):
    """One run as anybody would write it, from the same keys."""
    key = jax.random.split(jax.random.key(0), 2)[seed]
    params, state = init(key)
    opt_state = tx.init(params)
    losses = []

    @jax.jit
    def step(params, opt_state, state, batch, key):
        graded = jax.value_and_grad(loss, has_aux=True)
        (value, (state, _)), grads = graded(params, state, batch, key)
        updates, opt_state = tx.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, state, value

    for i, batch in enumerate(batches):
        params, opt_state, state, value = step(
            params, opt_state, state, batch, jax.random.fold_in(key, i)
        )
        losses.append(value)
    return params, state, np.array(losses)


class Batches:
    """A stream that begins again: batches of the data in their order."""

    def __iter__(self):
        for i in range(0, 40, 8):
            yield {name: x[i : i + 8] for name, x in DATA.items()}


def trained(**changes):
    how = {**HOW, "batch_size": None, "evaluate": evaluate, **changes}
    return tune.train(loss, init, Batches(), SWEEP, **how)


@pytest.fixture(scope="module")
def whole():
    return trained(keep="all", evaluate_every=2)


def test_a_model_with_a_state_equals_runs_made_one_by_one(whole):
    batches = [*Batches(), *Batches()][:6]
    close = {"rtol": 1e-4, "atol": 1e-6}
    for i in range(3):
        for seed in range(2):
            params, state, losses = by_hand(SWEEP[i], seed, batches)
            run = whole.member(i).runs[seed]
            np.testing.assert_allclose(whole.curves["loss"][i, seed], losses, **close)
            chex.assert_trees_all_close(
                (run.params, run.state["mean"]), (params, state["mean"]), **close
            )
            assert jnp.array_equal(*map(jax.random.key_data, (run.state["noise"], state["noise"])))
            value = evaluate(params, state)["loss"]
            np.testing.assert_allclose(whole.metrics["loss"][i, seed], value, **close)
    assert (whole.metrics["steps"] == 6).all()
    assert set(whole.curves) == {"loss", "size"}


def test_evaluations_on_the_way_are_curves(whole):
    assert whole.eval_stops.tolist() == [2, 4, 6]
    assert (whole.eval_curves["steps"] == [2, 4, 6]).all()
    np.testing.assert_array_equal(whole.eval_curves["loss"][..., -1], whole.metrics["loss"])
    axes = whole.plot().axes[1]
    (best,) = (line for line in axes.lines if line.get_linewidth() == 1.8)
    expected = whole.eval_curves["loss"][whole.best.index].mean(0)
    np.testing.assert_array_equal(best.get_data(), ([2, 4, 6], expected))
    kept = whole.to_dict()["members"][1]["eval_curves"]["loss"]
    np.testing.assert_allclose(kept, whole.eval_curves["loss"][1], rtol=1e-5)
    short = trained(steps=2, seeds=2)
    np.testing.assert_allclose(whole.eval_curves["loss"][..., 0], short.scores, rtol=1e-5)
    assert short.eval_stops.size == 0 and short.eval_curves["loss"].shape == (3, 2, 0)


def test_the_winner_is_there_and_others_where_asked(whole):
    best = trained().best
    value = evaluate(best.params, best.state)["loss"]
    np.testing.assert_allclose(value, whole.scores[best.index].min(), rtol=1e-5)
    assert int(np.argmin(whole.scores[best.index])) == best.seed
    with pytest.raises(ValueError, match=r"what member \d became was not kept; .*keep=\["):
        _ = trained(keep=0).best.params
    two = trained(keep=2, at_once=1)
    assert set(two.runs) == set(whole.ranked[:2])
    chosen = trained(keep=[0])
    chex.assert_trees_all_close(chosen.member(0).params, whole.member(0).params, rtol=1e-5)
    assert set(chosen.runs) == {0, chosen.best.index}  # the winner always
    with pytest.raises(TypeError, match="keep"):
        trained(keep="best")
    with pytest.raises(ValueError, match="keep names member 3; there are 3, from 0"):
        trained(keep=[0, 3])


def test_what_was_kept_comes_back_from_its_folder(tmp_path, whole):
    trained(out=tmp_path)
    again = trained(out=tmp_path).best
    chex.assert_trees_all_close(again.params, whole.best.params, rtol=1e-5)
    assert jnp.issubdtype(again.state["noise"].dtype, jax.dtypes.prng_key)


@pytest.mark.parametrize("how", [{}, {"halving": (2, 0.7)}], ids=["plain", "halved"])
def test_states_streams_and_keys_survive_an_interrupt(how, tmp_path):
    how = how | {"keep": "all", "points": 3, "evaluate_every": 3}
    straight = trained(**how)
    with interrupted(Chunk, "advance", 3):
        trained(**how, out=tmp_path)
    resumed = trained(**how, out=tmp_path)
    chex.assert_trees_all_equal(resumed.curves, straight.curves)
    chex.assert_trees_all_equal(resumed.eval_curves, straight.eval_curves)
    chex.assert_trees_all_equal(resumed.best.params, straight.best.params)


def test_averages_are_what_is_evaluated_and_kept():
    """Of Schedule-Free: at the end, on the way, and in what is kept."""

    def plain(params, batch):
        return jnp.mean((batch["x"] @ params["w"] - batch["y"]) ** 2)

    seen = {name: jnp.asarray(x) for name, x in DATA.items()}
    sweep = tune.sweep(atx.schedule_free_adamw, learning_rate=[0.1, 0.3], momentum=[0.5, 0.9])
    how = HOW | {"evaluate": lambda params: plain(params, seen), "evaluate_every": 6}
    result = tune.train(plain, {"w": jnp.ones(3)}, DATA, sweep, **how)
    run = result.best.run
    assert not np.allclose(run.params["w"], run.carry.params["w"])
    chex.assert_trees_all_equal(run.params, atx.eval_params(run.carry.opt_state, run.carry.params))
    np.testing.assert_allclose(
        plain(run.params, seen), result.scores[result.best.index].min(), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            {"loss": lambda p, state, b, key: jnp.sum(p["w"])},
            r"must return \(loss, \(state, aux\)\)",
        ),
        (
            {"loss": lambda p, s, b, key: (jnp.sum(p["w"]), ({**s, "mean": jnp.zeros(2)}, {}))},
            r"loss returns a state whose state\['mean'\] is float32\[2\], where it was float32\[3\]",
        ),
        (
            {"loss": lambda p, s, b, key: (jnp.sum(p["w"]), ({}, {}))},
            "loss returns a state of another structure",
        ),
        ({"loss": lambda p, s, b, key: (0.0, s, {})}, "must return .* got 3 things"),
        (
            {"evaluate": lambda params, state, batch: 0.0},
            r"evaluate must take \(params\) or \(params, s",
        ),
        ({"params": init(jax.random.key(0))[0]}, r"so params must be \(params, state\)"),
        (
            {"loss": lambda a, b, c, d, e: 0.0},
            r"must take \(params, batch\), .* with a state, \(params, s",
        ),
        ({"loss": None}, r"give loss and params, or step and init; got \['params'\]"),
    ],
)
def test_a_wrong_state_is_refused(bad, message):
    given = {"loss": loss, "params": init, **bad}
    with pytest.raises(TypeError, match=message):
        tune.train(**given, data=Batches(), sweep=SWEEP, steps=2, progress=False)


# A step of one's own. ----------------------------------------------------------------------------


def players(tx, key):
    """Two players with optimizers of their own, and one number each."""
    params = {"a": jax.random.normal(key), "b": jnp.float32(0.5)}
    return {"params": params, "states": jax.tree.map(tx.init, params), "key": key}


def play(tx, carry, batch, key):
    """One goes down, the other up, on the same function."""
    assert batch is None
    params, states = dict(carry["params"]), dict(carry["states"])
    noise = 0.1 * jax.random.normal(key)
    for name, sign in (("a", 1.0), ("b", -1.0)):
        other = params["b" if name == "a" else "a"]
        grad = params[name] + sign * (other + noise)
        updates, states[name] = tx.update(grad, states[name], params[name])
        params[name] = params[name] + updates
    gap = jnp.abs(params["a"]) + jnp.abs(params["b"])
    return {"params": params, "states": states, "key": carry["key"]}, {"gap": gap}


@pytest.fixture(scope="module")
def played():
    sweeps = {"sgd": tune.sweep(atx.sgd, learning_rate=[0.1, 0.2]), "adam": SWEEP}
    how = {"steps": 5, "seeds": 2, "minimize": "gap", "progress": False, "keep": "all"}
    return tune.train(step=play, init=players, sweep=sweeps, **how)


def test_a_step_of_ones_own_equals_a_loop(played):
    for i, tx in enumerate([atx.sgd(0.1), atx.sgd(0.2), *map(atx.adam, RATES)]):
        for seed in range(2):
            key = jax.random.split(jax.random.key(0), 2)[seed]
            carry, gaps = players(tx, key), []
            for t in range(5):
                carry, logged = play(tx, carry, None, jax.random.fold_in(key, t))
                gaps.append(logged["gap"])
            np.testing.assert_allclose(played.curves["gap"][i, seed], gaps, rtol=1e-4)
            kept = played.member(i).runs[seed].carry
            chex.assert_trees_all_close(kept["params"], carry["params"], rtol=1e-4)


def test_a_step_without_a_loss_is_shown_by_what_ranks(played):
    assert played.by == "gap" and not played.diverged.any()
    assert "gap" in played.table(plain=True)
    played.plot()
    assert played.best.run.params is None


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"step": lambda tx, carry, batch, key: carry}, r"must return \(carry, logged\)"),
        ({"step": lambda tx, c, b, k: (c, {"x": jnp.ones(2)})}, "must log scalars; x is"),
        ({"step": lambda tx, c, b, k: (c, {})}, "must log at least one scalar"),
        ({"step": lambda tx, c, b, k: ({}, {"gap": 0.0})}, "a carry of another structure"),
        (
            {"step": lambda tx, c: (c, {})},
            r"step must take \(tx, carry, batch, key\), got \(tx, c\)",
        ),
        ({"init": lambda key: 0}, r"init must take \(tx, key\)"),
        ({"init": None}, r"give loss and params, or step and init; got \['step'\]"),
    ],
)
def test_a_wrong_step_is_refused(bad, message):
    given = {"step": play, "init": players, **bad}
    with pytest.raises(TypeError, match=message):
        tune.train(**given, sweep=SWEEP, steps=2, minimize="gap", progress=False)


# Arguments of the loss. --------------------------------------------------------------------------


def smooth(params, batch, *, pull, power=2.0):
    error = jnp.abs(batch["x"] @ params["w"] - batch["y"])
    return jnp.mean(error**power) + pull * jnp.sum(params["w"] ** 2)


def test_arguments_of_the_loss_are_axes():
    start = {"w": jnp.ones(3)}
    sweep = tune.sweep(
        atx.adam,
        tune.zipped(pull=[0.0, 0.1], power=[2.0, 1.5]),
        learning_rate=[0.1, 0.3],
        of_loss=["pull", "power"],
    )
    result = tune.train(smooth, start, DATA, sweep, **HOW)
    for i in range(4):
        setting = sweep.setting(i)
        alone = tune.sweep(atx.adam, learning_rate=[setting["learning_rate"]])

        def of_one(params, batch, pull=setting["pull"], power=setting["power"]):
            return smooth(params, batch, pull=pull, power=power)

        expected = tune.train(of_one, start, DATA, alone, **HOW)
        np.testing.assert_allclose(result.curves["loss"][i], expected.curves["loss"][0], rtol=1e-5)
    assert repr(sweep[3]) == repr(atx.adam(0.3))
    assert result.settings["pull"].tolist() == [0.0, 0.0, 0.1, 0.1]
    assert "pull" in result.table(plain=True)


def test_axes_of_the_loss_must_be_taken_and_given():
    start = {"w": jnp.ones(3)}
    with pytest.raises(
        TypeError, match=r"pull is an axis for loss, which must take it by name alone"
    ):
        sweep = tune.sweep(atx.adam, learning_rate=[0.1], pull=[1.0], of_loss=["pull"])
        tune.train(lambda params, batch, pull=0.0: 0.0, start, DATA, sweep, **HOW)
    with pytest.raises(TypeError, match="loss needs pull, which is no axis; give it a default, or"):
        tune.train(smooth, start, DATA, SWEEP, **HOW)
    wrong = tune.sweep(atx.adam, learning_rate=[0.1], push=[1.0], of_loss=["push"])
    with pytest.raises(
        TypeError, match=r"push is an axis for loss, which does not take it; write los"
    ):
        tune.train(smooth, start, DATA, wrong, **HOW)
    with pytest.raises(
        ValueError, match="of_loss names pull, which is no axis; the axes are learn"
    ):
        tune.sweep(atx.adam, learning_rate=[0.1], of_loss="pull")


PAGE = pathlib.Path(__file__).parent.parent / "docs" / "tuning.md"


@pytest.mark.slow
def test_what_the_page_shows_runs(tmp_path):
    """Its blocks are one program."""
    program = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    (tmp_path / "page.py").write_text(program)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        found = runpy.run_path(str(tmp_path / "page.py"))
    whole, streamed, game = (found[name] for name in ("result", "streamed", "game"))
    assert (
        max(one.best.score for one in (whole, streamed)) < 0.5 < whole.curves["loss"][:, :, 0].min()
    )
    assert game.best.score < 0.1


# One after the other. ----------------------------------------------------------------------------


def test_members_one_after_the_other_are_those_together(whole, monkeypatch):
    monkeypatch.setattr("adaptive_tx.tune.training.chunk.is_mapped", lambda *of: False)
    after = trained(evaluate_every=2)
    for name, curve in whole.curves.items():
        np.testing.assert_allclose(after.curves[name], curve, rtol=1e-4)
    np.testing.assert_allclose(after.scores, whole.scores, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "together"), [("digits-mlp", True), ("characters-transformer", False)]
)
def test_small_steps_are_made_together(name, together):
    task = tune.tasks.load(name)
    batch = jax.tree.map(lambda x: x[:32], task.data)
    graded = jax.make_jaxpr(jax.grad(task.loss))(task.init(jax.random.key(0)), batch)
    assert is_mapped(written(graded.jaxpr), 8) == together or jax.default_backend() != "cpu"
