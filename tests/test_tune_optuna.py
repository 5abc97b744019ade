"""Searching with Optuna: batches in one program, told truthfully; results as studies, and back."""

import os
import pathlib
import re
import subprocess
import sys
import time
import types

import jax
import jax.numpy as jnp
import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from test_structure import FILES, PACKAGE

import adaptive_tx as atx
from adaptive_tx import tune
from adaptive_tx.tune.studies import run, worker

optuna.logging.set_verbosity(optuna.logging.WARNING)

RNG = np.random.RandomState(0)
INPUTS = RNG.standard_normal((40, 3)).astype(np.float32)
DATA = {"x": INPUTS, "y": INPUTS @ np.float32([1, -2, 3])}
PARAMS = {"w": np.zeros(3, np.float32)}
RATES = tune.log_uniform(1e-3, 1e3)
SPACE = {"learning_rate": RATES, "momentum": [0.0, 0.9]}
HOW = {"steps": 12, "batch_size": 8, "seeds": 2, "progress": False}


def loss(params, batch):
    return jnp.mean((batch["x"] @ params["w"] - batch["y"]) ** 2)


def evaluate(params):
    value = loss(params, jax.tree.map(jnp.asarray, DATA))
    return {"loss": value, "gain": -value}


def study_of(seed=0, **how):
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed), **how)


def make(learning_rate, momentum):
    return atx.momentum(learning_rate, decay=momentum)


def searched(study, space=SPACE, make=make, trials=16, **changes):
    how = {**HOW, "at_once": 8, "evaluate": evaluate, **changes}
    return tune.optuna(study, loss, PARAMS, DATA, make, space, trials=trials, **how)


@pytest.fixture(scope="module")
def compilations():
    """How many there were so far."""
    count = []

    def listen(event, seconds, **of):
        if event.endswith("backend_compile_duration"):
            count.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield lambda: len(count)
    jax.monitoring.unregister_event_duration_listener(listen)


@pytest.fixture(scope="module")
def plain(compilations):
    """A search of three batches, and the programs that each compiled."""
    study, compiled = study_of(), []
    with pytest.MonkeyPatch.context() as patch:

        def counted(*args, **how):
            before = compilations()
            result = tune.train(*args, **how)
            compiled.append(compilations() - before)
            return result

        patch.setattr(run, "train", counted)
        return study, searched(study, trials=24), compiled


def test_later_batches_compile_nothing(plain):
    _, _, compiled = plain
    assert len(compiled) == 3
    assert compiled[0] >= 2 and compiled[1:] == [0, 0]


def test_a_trial_is_what_training_it_gives(plain):
    """Each member equals the same setting in a sweep of its own; the value is the mean over seeds."""
    study, result, _ = plain
    assert len(result) == len(study.trials) == 24
    columns = {name: column[:8].tolist() for name, column in result.settings.items()}
    alone = tune.train(
        loss, PARAMS, DATA, tune.sweep(make, tune.zipped(**columns)), evaluate=evaluate, **HOW
    )
    np.testing.assert_array_equal(alone.scores, result.scores[:8])
    np.testing.assert_array_equal(alone.curves["loss"], result.curves["loss"][:8])
    np.testing.assert_array_equal(alone.metrics["gain"], result.metrics["gain"][:8])
    for trial, scores, diverged in zip(study.trials, result.scores, result.diverged):
        assert trial.state is TrialState.COMPLETE
        mean = scores.mean()
        assert trial.value == (np.inf if diverged.any() or np.isnan(mean) else mean)
    assert study.best_params == result.best.settings
    assert result.best.tx == make(**study.best_params)
    confirmed = result.confirm(top=2, seeds=2)
    assert len(confirmed.members) == 2


def test_what_diverges_is_told_as_infinite(plain):
    study, result, _ = plain
    lost = [trial for trial in study.trials if trial.value == np.inf]
    assert 3 < len(lost) < 21  # rates up to 1,000
    for trial in study.trials:
        assert trial.user_attrs.get("diverged", 0) == result.diverged[trial.number].sum()
        known = (
            np.isfinite(result.scores[trial.number]).all() and "diverged" not in trial.user_attrs
        )
        assert (trial.value == np.inf) == (not known)
    importance = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
    )
    assert set(importance) == set(SPACE)


def test_halving_prunes(plain):
    study = study_of()
    result = searched(study, trials=8, halving=(4, 0.5))
    pruned = [trial for trial in study.trials if trial.state is TrialState.PRUNED]
    lost = [trial for trial in study.trials if trial.value == np.inf]
    assert result.trained.tolist() == [
        trial.last_step or result.trained[i] for i, trial in enumerate(study.trials)
    ]
    assert pruned and len(pruned) + len(lost) >= 6
    for trial in pruned:
        assert list(trial.intermediate_values) == [result.trained[trial.number]]
        assert trial.value == result.scores[trial.number].mean()
    assert study.best_trial.last_step == HOW["steps"]
    assert plain[1].trained.tolist() == [HOW["steps"]] * 24


def test_a_study_that_maximizes():
    study = study_of(direction="maximize")
    result = searched(study, trials=8, maximize="gain")
    assert result.by == "gain" and study.best_value == result.best.score
    assert min(trial.value for trial in study.trials) == -np.inf
    assert study.best_value == max(trial.value for trial in study.trials)
    assert study.trials[0].user_attrs["loss"] == -study.trials[0].value


def test_what_is_reported_of_the_training_loss():
    """Without `evaluate` the curve is what ranks: it is told step by step."""
    study = study_of()
    result = searched(
        study, {"learning_rate": tune.log_uniform(1e-3, 0.1)}, atx.sgd, 8, evaluate=None
    )
    reported = study.trials[0].intermediate_values
    assert list(reported) == result.stops.tolist()
    np.testing.assert_allclose(list(reported.values())[:-1], result.curves["loss"][0].mean(0)[:-1])
    assert study.trials[0].value == pytest.approx(result.scores[0].mean())


def test_distributions_of_optuna_integers_and_numbers_near_1():
    of = optuna.distributions
    space = {
        "learning_rate": of.FloatDistribution(1e-3, 0.1, log=True),
        "b1": 0.5,
        "b2": tune.log_one_minus(0.9, 0.999),
        "warmup": tune.integers(2, 6),
    }

    def warmed(learning_rate, b1, b2, warmup):
        rate = atx.schedules.with_warmup(atx.schedules.constant(learning_rate), warmup)
        return atx.adam(rate, b1=b1, b2=b2)

    study = study_of()
    result = searched(study, space, warmed, 8)
    assert set(result.settings["b1"]) == {0.5} and "b1" not in study.best_params
    assert {2, 6} < set(result.settings["warmup"]) <= {2, 3, 4, 5, 6}
    known = study.trials[0].distributions
    assert known["1 - b2"] == of.FloatDistribution(1 - 0.999, 1 - 0.9, log=True)
    assert known["warmup"] == of.IntDistribution(2, 6)
    far = [trial.params["1 - b2"] for trial in study.trials]
    assert result.settings["b2"].tolist() == [1 - x for x in far]
    assert result.best.tx == warmed(**result.best.settings)


def test_arguments_of_the_loss_are_searched_too():
    """And curves of the evaluation come back as they were."""

    def scaled(params, batch, *, scale):
        return scale * loss(params, batch)

    space = {"learning_rate": tune.log_uniform(1e-3, 0.1), "scale": tune.uniform(0.5, 2.0)}
    how = {**HOW, "at_once": 8, "evaluate": evaluate, "evaluate_every": 4, "of_loss": ["scale"]}
    result = tune.optuna(study_of(), scaled, PARAMS, DATA, atx.sgd, space, trials=8, **how)
    settings = result.best.settings
    assert 0.5 <= settings["scale"] <= 2 and result.best.tx == atx.sgd(settings["learning_rate"])
    assert result.eval_stops.tolist() == [4, 8, 12]
    np.testing.assert_array_equal(result.eval_curves["gain"][..., -1], result.metrics["gain"])


def test_what_makes_several_programs_is_refused():
    def layered(learning_rate, parts):
        return atx.chain(*[atx.clip_by_global_norm(1.0)] * parts, atx.sgd(learning_rate))

    with pytest.raises(ValueError, match="optuna: the space changes which parts the optimizer has"):
        searched(study_of(), {"learning_rate": RATES, "parts": tune.integers(1, 3)}, layered, 8)
    with pytest.raises(
        TypeError, match="nesterov.0. must be a number.*give each a study of its own"
    ):
        searched(study_of(), {"learning_rate": RATES, "nesterov": [True, False]}, make, 8)


# Going on, and going down. -----------------------------------------------------------------------


def test_a_call_goes_on_where_the_last_one_ended(plain):
    study = study_of()
    first = searched(study, trials=8)
    both = searched(study, trials=16)
    assert len(both) == 16 and len(searched(study, trials=16)) == 16
    np.testing.assert_array_equal(both.scores[:8], first.scores)
    np.testing.assert_array_equal(both.scores, plain[1].scores[:16])


def test_another_training_is_refused(plain):
    with pytest.raises(ValueError, match="another training .steps was 12, now 13.*make a new one"):
        searched(plain[0], steps=13)
    with pytest.raises(ValueError, match="seeds was 2, now 1; key was "):
        searched(plain[0], seeds=1, key=7)


@pytest.fixture
def journal(tmp_path):
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal"))
    return optuna.storages.JournalStorage(backend)


def test_an_interrupt_puts_the_trials_back(monkeypatch, journal):
    def interrupted(*args, **how):
        raise KeyboardInterrupt

    study = study_of(storage=journal)
    monkeypatch.setattr(run, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        searched(study, trials=8)
    states = [trial.state for trial in study.trials]
    assert states == [TrialState.FAIL] * 8 + [TrialState.WAITING] * 8
    monkeypatch.undo()
    result = searched(study, trials=8)
    assert len(study.trials) == 16 and len(result) == 8
    lost, again = study.trials[:8], study.trials[8:]
    assert [trial.params for trial in again] == [trial.params for trial in lost]
    assert [trial.user_attrs["again"] for trial in again] == list(range(8))


def test_trials_of_a_dead_worker_are_asked_again(journal, monkeypatch):
    """Of one that is silent for longer than `grace`; one that is not is waited for; others' stay."""
    study = study_of(storage=journal)
    space = {"learning_rate": optuna.distributions.FloatDistribution(1e-3, 0.1, log=True)}
    dead, alive = worker.Worker(study, 60.0), worker.Worker(study, 60.0)
    study.set_user_attr(worker.BEAT + dead.name, time.time() - 61)
    study.set_user_attr(worker.BEAT + alive.name, time.time() - 1)
    lost, late = dead.ask(space, 1)[0], alive.ask(space, 1)[0]
    foreign = study.ask(space)
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        study.set_user_attr(worker.BEAT + alive.name, time.time() - 61)

    monkeypatch.setattr(run, "time", types.SimpleNamespace(sleep=sleep, monotonic=time.monotonic))
    axes = {"learning_rate": tune.log_uniform(1e-3, 0.1)}
    result = searched(study, axes, atx.sgd, trials=3, at_once=2)
    assert len(result) == 4 and waited == [1.0]
    params = [trial.params for trial in study.trials if trial.state is TrialState.COMPLETE]
    assert lost.params in params and late.params in params
    states = [study.trials[one.number].state for one in (lost, late, foreign)]
    assert states == [TrialState.FAIL, TrialState.FAIL, TrialState.RUNNING]
    with pytest.raises(ValueError, match="Cannot tell a FAIL trial"):
        study.tell(lost, 1.0)


PROGRAM = """
import sys
import optuna
import test_tune_optuna as tests

storage = sys.argv[1]
if not storage.startswith("sqlite"):
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(storage))
study = optuna.load_study(study_name="one", storage=storage)
tests.searched(study, trials=12, at_once=4, grace=2.0)
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_two_workers_of_which_one_is_killed(tmp_path, kind, journal):
    """In the middle of its first batch: the other one trains that batch too."""
    where = f"sqlite:///{tmp_path}/study.db" if kind == "sqlite" else str(tmp_path / "journal")
    study = study_of(study_name="one", storage=where if kind == "sqlite" else journal)
    paths = f"{pathlib.Path(__file__).parent}{os.pathsep}{PACKAGE.parent}"
    command, env = [sys.executable, "-c", PROGRAM, where], {**os.environ, "PYTHONPATH": paths}
    workers = [subprocess.Popen(command, env=env) for _ in range(2)]

    def batch(process):
        trials = study.get_trials(states=(TrialState.RUNNING,))
        named = [one for one in trials if f"-{process.pid}-" in one.user_attrs.get("worker", "")]
        return [one for one in named if len(one.params) == 2]

    while len(lost := batch(workers[0])) < 4:
        assert workers[0].poll() is None
        time.sleep(0.05)
    workers[0].kill()
    workers[0].wait()
    assert workers[1].wait(120) == 0
    ended = study.get_trials(states=(TrialState.COMPLETE,))
    assert len(ended) >= 12 and not study.get_trials(states=(TrialState.RUNNING,))
    assert len({one.user_attrs["worker"] for one in ended}) == 1
    again = {one.user_attrs["again"]: one.params for one in ended if "again" in one.user_attrs}
    assert again == {one.number: one.params for one in lost}
    assert len(searched(study, trials=12)) == len(ended)


# What cannot be. ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"space": {}}, ValueError, "space needs at least one range or list"),
        ({"space": [RATES]}, TypeError, "space must be a dict of axes by name, got"),
        ({"space": {"learning_rate": "x"}}, TypeError, "optuna: learning_rate must be a range"),
        ({"space": {"rate": RATES}}, TypeError, "rate"),
        ({"trials": 0}, ValueError, "optuna: trials must be"),
        ({"at_once": 1.5}, TypeError, "optuna: at_once must be"),
        ({"grace": -1.0}, ValueError, "optuna: grace must"),
        ({"out": "folder"}, TypeError, "optuna: takes no out: the study keeps what is known"),
        ({"maximize": "gain"}, ValueError, "the study is one to minimize; say what with minimize="),
    ],
)
def test_a_wrong_argument_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        searched(study_of(), **changes)


def test_a_wrong_study_is_refused():
    with pytest.raises(TypeError, match="must be a study of Optuna, got 'sqlite"):
        searched("sqlite:///study.db")
    with pytest.raises(ValueError, match="2 objectives; one can be"):
        searched(study_of(directions=["minimize", "minimize"]))
    with pytest.raises(ValueError, match="one to maximize; say what with maximize="):
        searched(study_of(direction="maximize"))


def test_without_optuna_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(
        ImportError, match=r"optuna: needs Optuna: pip install adaptive-tx\[optuna\]"
    ):
        searched(None)


def test_nobody_imports_optuna_or_pandas_before_they_are_needed():
    at_top = re.compile("^(from|import) (optuna|pandas)", re.MULTILINE)
    assert not [path for path in FILES.values() if at_top.search(path.read_text())]


# Results as studies and tables. ------------------------------------------------------------------


def test_a_result_is_a_study(plain):
    result = plain[1]
    study = result.to_optuna()
    assert [trial.value for trial in study.trials] == [trial.value for trial in plain[0].trials]
    assert study.best_params == result.best.settings
    rates = study.trials[0].distributions["learning_rate"]
    column = result.settings["learning_rate"]
    assert (rates.low, rates.high, rates.log) == (column.min(), column.max(), True)
    assert not study.trials[0].distributions["momentum"].log


def test_several_sweeps_are_a_study_with_an_optimizer():
    rates = [0.001, 0.01]
    sweeps = {one.__name__: tune.sweep(one, learning_rate=rates) for one in (atx.adam, atx.sgd)}
    result = tune.train(loss, PARAMS, DATA, sweeps, evaluate=evaluate, halving=(6, 0.5), **HOW)
    study = result.to_optuna()
    assert [trial.params["optimizer"] for trial in study.trials] == result.names
    states = [trial.state is TrialState.PRUNED for trial in study.trials]
    assert states == (result.trained == 6).tolist() and sum(states) == 2


def test_a_sweep_begins_a_search():
    """With the distributions of the search, its sampler knows what the sweep has found."""
    swept = tune.train(
        loss, PARAMS, DATA, tune.sweep(atx.sgd, learning_rate=[0.01, 0.1]), evaluate=evaluate, **HOW
    )
    space = {"learning_rate": optuna.distributions.FloatDistribution(1e-3, 10, log=True)}
    study = swept.to_optuna(study_of(), space)
    both = searched(study, space, atx.sgd, trials=6, at_once=4)
    assert len(both) == 6
    np.testing.assert_array_equal(both.scores[:2], swept.scores)
    with pytest.raises(ValueError, match="to_optuna: the study must minimize one number"):
        swept.to_optuna(study_of(direction="maximize"))


def test_a_result_is_a_frame(plain):
    result = plain[1]
    frame = result.to_frame()
    assert list(frame.columns)[:4] == ["optimizer", "learning_rate", "momentum", "seed"]
    assert len(frame) == 48 and frame.index.name == "member"
    np.testing.assert_array_equal(frame["score"].to_numpy().reshape(24, 2), result.scores)
    means = frame.groupby("member")["gain"].mean()
    np.testing.assert_allclose(means, result.metrics["gain"].mean(1))
    assert frame["diverged"].dtype == bool


def test_without_pandas_the_error_says_so(plain, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="to_frame: needs pandas: pip install pandas"):
        plain[1].to_frame()


@pytest.mark.slow
def test_the_page_runs(tmp_path, monkeypatch):
    page = (PACKAGE.parent / "docs" / "optuna.md").read_text()
    first, second = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        exec(first, known := {})
    assert known["result"].best.settings == known["study"].best_params
    exec(second, known)
    assert known["study"].trials == []
