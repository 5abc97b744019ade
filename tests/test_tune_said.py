"""What results say where they might mislead: categories beside numbers, equal seeds, wide gaps."""

import jax.numpy as jnp
import numpy as np
import optuna
import pytest

import adaptive_tx as atx
from adaptive_tx import tune

X = np.random.RandomState(0).standard_normal((16, 4)).astype(np.float32)
START = {"w": jnp.ones(4)}


def loss(params, batch):
    return jnp.mean((batch @ params["w"]) ** 2)


def trained(sweep, **how):
    return tune.train(loss, START, X, sweep, **{"steps": 8, "progress": False, **how})


def clipped(learning_rate, clip):
    tx = atx.adam(learning_rate)
    return tx if clip is None else atx.chain(atx.clip_by_global_norm(clip), tx)


@pytest.fixture(scope="module")
def with_none():
    sweep = tune.sweep(clipped, learning_rate=[0.1, 0.2], clip=[None, 1.0])
    return trained(sweep, batch_size=4, seeds=2)


def test_none_stands_beside_numbers(with_none):
    clips = [with_none.member(i).settings["clip"] for i in range(4)]
    assert sorted(map(str, clips)) == ["1.0", "1.0", "None", "None"]
    assert str(with_none.table()).splitlines()[0].split().count("clip") == 1


def test_categories_are_parameters_of_a_study(with_none):
    study = with_none.to_optuna()
    assert isinstance(
        study.trials[0].distributions["clip"], optuna.distributions.CategoricalDistribution
    )
    assert {trial.params["clip"] for trial in study.trials} == {"None", "1"}


def test_equal_seeds_are_no_evidence():
    result = trained(tune.sweep(atx.adam, learning_rate=[0.1, 0.1001]), seeds=3)
    assert "All 3 seeds gave the same" in result.table(plain=True)


@pytest.mark.parametrize("rates", [[1e-4, 1.0], [0.01, 1e10]])
def test_an_edge_is_one_however_far_the_next_value_is(rates):
    result = trained(tune.sweep(atx.sgd, learning_rate=rates), steps=2, maximize="loss")
    good = trained(tune.sweep(atx.sgd, learning_rate=[1e-9, 1e-2]), steps=2)
    assert "At the edge" in result.table(plain=True) and "At the edge" in good.table(plain=True)


def test_what_would_be_ignored_is_refused():
    sweep = tune.sweep(atx.adam, learning_rate=[0.1])
    with pytest.raises(TypeError, match="evaluate_every needs evaluate"):
        trained(sweep, evaluate_every=2)
    with pytest.raises(ValueError, match="evaluate_every 9 is more than the 8 steps"):
        trained(sweep, evaluate_every=9, evaluate=lambda params: 0.0)
    with pytest.raises(
        TypeError, match="data is a list of 2 batches, which jax takes for one tree"
    ):
        tune.train(loss, START, [(X, X), (X, X)], sweep, steps=2, progress=False)
    with pytest.raises(ValueError, match="evaluate gives no 'loss' to rank by; name one of acc"):
        trained(sweep, evaluate=lambda params: {"acc": 0.0})
