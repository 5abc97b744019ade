"""What a search may claim: its best on fresh seeds, what seeds cannot tell apart, a best at an edge."""

import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adaptive_tx as atx
from adaptive_tx import tune
from adaptive_tx.schedules import cosine
from adaptive_tx.tune.report import ties
from adaptive_tx.tune.report.remarks import edges
from adaptive_tx.tune.training.chunk import Chunk

EQUAL = 40  # settings, every one with the truth 10, and luck of its own on every seed
TRUTH = 10.0


def init(key):
    return {"luck": jax.random.normal(key, (EQUAL + 1,)), "rate": jnp.zeros(())}


def loss(params, batch):
    return -params["rate"] - params["luck"].sum() + 0 * batch.mean()


def evaluate(params):
    """After one step of sgd the rate is its own name, and all luck has grown by it."""
    at = jnp.round(params["rate"]).astype(int)
    return TRUTH + params["luck"][at] - params["rate"]


def searched(seeds=3, **how):
    sweep = tune.sweep(atx.sgd, learning_rate=np.arange(1.0, EQUAL + 1))
    how = {"steps": 1, "evaluate": evaluate, "progress": False, "seeds": seeds, **how}
    return tune.train(loss, init, np.zeros((4, 1), np.float32), sweep, **how)


@pytest.fixture(scope="module")
def lucky():
    return searched()


@pytest.fixture(scope="module")
def confirmed(lucky):
    return lucky.confirm()


def test_the_best_is_trained_again_without_its_luck(lucky, confirmed):
    assert lucky.best.score < TRUTH - 0.8  # of 40 means of 3
    assert len(confirmed.members) == 5 and confirmed.seeds == 8
    assert {one.member.index for one in confirmed.members} == set(lucky.ranked[:5])
    means = [one.mean for one in confirmed.members]
    assert means == sorted(means) and abs(np.mean(means) - TRUTH) < 0.5
    assert all(one.low < TRUTH < one.high and one.tied for one in confirmed.members)
    assert confirmed.best.member.score == lucky.scores[confirmed.best.member.index].mean()


def test_its_seeds_are_fresh(lucky, confirmed):
    """Luck is drawn from the keys, so no score is one of the search; nor the first ones of 8 seeds."""
    fresh = np.array([one.scores for one in confirmed.members])
    for of_search in (lucky.scores, searched(seeds=8).scores):
        assert np.abs(fresh.reshape(-1, 1) - of_search.reshape(1, -1)).min() > 1e-6
    again, other = lucky.confirm(), lucky.confirm(key=1)
    assert [one.mean for one in again.members] == [one.mean for one in confirmed.members]
    assert other.best.mean != confirmed.best.mean
    for key in (0, jax.random.key(0)):
        with pytest.raises(ValueError, match="key is that of the search"):
            lucky.confirm(key=key)


def test_it_is_one_program_and_the_same_call(monkeypatch):
    """As many members as asked for, all at once; without halving, in no folder."""
    made = []
    real = Chunk.__init__

    def counted(chunk, setup, sweep, members, begun):
        made.append((len(members), setup.seeds, setup.plan.rungs))
        real(chunk, setup, sweep, members, begun)

    monkeypatch.setattr(Chunk, "__init__", counted)
    halved = searched(seeds=2, steps=2, halving=(1, 0.5))
    assert made == [(40, 2, (1, 2)), (20, 2, (1, 2))]
    made.clear()
    assert len(halved.confirm(top=30, seeds=2).members) == 20  # those that were trained to the end
    assert made == [(20, 2, (2,))]


@pytest.mark.exhaustive
def test_several_sweeps_and_what_diverges():
    """A diverged setting is never confirmed; of a score that is to be large, the largest is best."""
    sweeps = {
        "sgd": tune.sweep(atx.sgd, learning_rate=[0.25, 0.5, 1e38]),
        "adam": tune.sweep(atx.adam, learning_rate=[0.75]),
    }
    how = {"steps": 4, "evaluate": lambda p: {"gain": evaluate(p)}, "maximize": "gain"}
    result = tune.train(loss, init, np.zeros((4, 1)), sweeps, **how, seeds=2, progress=False)
    confirmed = result.confirm()
    assert sorted(one.member.name for one in confirmed.members) == ["adam", "sgd", "sgd"]
    means = [one.mean for one in confirmed.members]
    assert means == sorted(means, reverse=True)
    for one in confirmed.members:
        assert one.member.tx in (atx.sgd(0.25), atx.sgd(0.5), atx.adam(0.75))
    lost = tune.sweep(atx.sgd, learning_rate=[1e38])
    lost = tune.train(loss, init, np.zeros((4, 1)), lost, **how, seeds=2, progress=False)
    with pytest.raises(ValueError, match="every member diverged; there is nothing to confirm"):
        lost.confirm()


def test_what_it_shows(lucky, confirmed, tmp_path):
    head, *rows = str(confirmed).splitlines()
    words = "optimizer learning_rate loss on fresh seeds 95 % interval tied loss in the search"
    assert head.split() == words.split()
    best = confirmed.best
    assert rows[0].split()[1:3] == [
        f"{best.member.settings['learning_rate']:g}",
        f"{best.mean:.4g}",
    ]
    error = best.scores.std(ddof=1) / 8**0.5
    np.testing.assert_allclose(
        [best.low, best.high], best.mean + error * np.array([-3.4995, 3.4995]), rtol=1e-4
    )
    confirmed.to_json(tmp_path / "a.json")
    kept = json.loads((tmp_path / "a.json").read_text())
    assert kept["members"][0]["mean"] == float(f"{best.mean:.6g}")
    copy = pickle.loads(pickle.dumps(lucky))
    with pytest.raises(ValueError, match="does not hold its loss and data"):
        copy.confirm()


# Intervals and ties. -----------------------------------------------------------------------------


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Of one mean, and of the least of five means, whose luck a single interval would not cover."""
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((2000, 5, 8))

    def covered(values, of):
        low, high = ties.interval(values, of)
        return low < 0 < high

    assert 0.935 < np.mean([covered(one[0], 1) for one in draws]) < 0.965
    least = [one[one.mean(1).argmin()] for one in draws]
    assert np.mean([covered(one, 1) for one in least]) < 0.92
    assert np.mean([covered(one, 5) for one in least]) > 0.945
    assert ties.interval(np.ones(1)) == (-np.inf, np.inf)


@pytest.mark.parametrize(("members", "seeds"), [(40, 3), (16, 3), (5, 8), (12, 2)])
@pytest.mark.parametrize("apart", [0.0, 3.0])
def test_the_true_best_is_among_the_tied(members, seeds, apart):
    """In 9 of 10 where all are equal, whatever their variances; few others if they are not."""
    rng = np.random.default_rng(1)
    held, marked = [], []
    for _ in range(200):
        truth = np.sort(rng.standard_normal(members)) * apart
        noise = np.exp(0.5 * rng.standard_normal((members, 1))) * rng.standard_normal(
            (members, seeds)
        )
        alike = ties.tied(truth[:, None] + noise + 5 * rng.standard_normal(seeds))
        held.append(alike[0])
        marked.append(alike.mean())
    assert np.mean(held) > 0.86
    assert np.mean(marked) > 0.85 if apart == 0 else np.mean(marked) < 0.75
    if apart and seeds < 8 and members > 12:
        assert np.mean(marked) < 0.35, "with few seeds, variances have to borrow from each other"


def test_ties_at_the_ends():
    one_seed = np.array([[1.0], [2.0], [np.nan]])
    assert ties.tied(one_seed).tolist() == [True, True, False]
    assert ties.tied(np.full((2, 3), np.inf)).tolist() == [False, False]
    same = np.array([[1.0, 2.0], [1.0, 2.0], [1.1, 2.1]])  # full batches: seeds tell exactly
    assert ties.tied(same).tolist() == [True, True, False]


def test_the_table_says_it(lucky):
    text = lucky.table(plain=True)
    assert text.splitlines()[0].split()[-1] == "tied"
    assert f"~ {lucky.tied.sum()} cannot be told apart by 3 seeds" in text
    assert lucky.tied.sum() > 30 and lucky.tied[lucky.best.index]
    assert "One seed tells no setting from another" in searched(seeds=1).table(plain=True)


def test_a_best_at_an_edge_is_said():
    """In the table and the figure, but not where there is nothing beyond, as below b1 = 0."""
    sweep = tune.sweep(atx.adam, learning_rate=[0.1, 0.2, 0.4], b1=[0.0, 0.5, 0.9])
    assert edges(sweep, 0) == {"learning_rate": "smallest"}
    assert edges(sweep, 4) == {}
    assert edges(sweep, 8) == {"learning_rate": "largest", "b1": "largest"}
    assert edges(tune.sweep(atx.sgd, learning_rate=[0.1]), 0) == {}
    whole = tune.sweep(lambda steps: atx.sgd(cosine(0.1, steps)), steps=tune.integers(1, 9, 3))
    assert edges(whole, 0) == {} and edges(whole, 2) == {"steps": "largest"}
    sweep = tune.sweep(atx.sgd, learning_rate=[1.0, 2.0, 3.0])
    how = {"steps": 1, "evaluate": lambda params: params["rate"], "progress": False}
    result = tune.train(loss, init, np.zeros((4, 1)), sweep, **how)
    assert "At the edge of what was tried: learning_rate 1 is the smallest." in result.table(
        plain=True
    )
    words = " ".join(text.get_text() for text in result.plot().texts)
    assert "learning_rate 1 is the smallest tried" in words
