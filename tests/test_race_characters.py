"""The race of characters: everybody gets as many trials, and its numbers mean what they are said to."""

import json
import math
import pathlib

import jax
import numpy as np
import pytest

import adaptive_tx as atx
from adaptive_tx.__main__ import main
from adaptive_tx.core.paths import path_of
from adaptive_tx.tune.race.characters import figure, ranking, record
from adaptive_tx.tune.race.characters.options import DEFAULT, REFERENCE, Options
from adaptive_tx.tune.race.characters.racers import RACERS, decaying, made, racer_names
from adaptive_tx.tune.race.characters.score import Score, ranked
from adaptive_tx.tune.race.characters.trials import tried
from adaptive_tx.tune.tasks import load

BUDGETS = (100, 200, 400)


def options(tmp_path, **changed) -> Options:
    return Options(**{"racers": tuple(RACERS), "out": tmp_path, **DEFAULT, **changed})


def scored(name, *test, **changed) -> Score:
    """A racer with these losses: for each length of training one for each seed."""
    usual = {
        "learning_rate": 0.01,
        "weight_decay": 0.0,
        "at_edge": False,
        "low": 1e-3,
        "high": 1e-2,
    }
    usual |= {"open": False, "bytes": 8.0, "seconds": 1.0, "rates": [0.01], "decays": [0.0]}
    return Score(
        name=name,
        winner="",
        test=[list(map(float, x)) for x in test],
        validation=[],
        **usual | changed,
    )


# Who takes part. ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RACERS)
def test_everybody_has_as_many_trials_over_as_many_decades(name, tmp_path):
    """Of rates around their own, and of two decays; each of them changes a number of the optimizer."""
    sweep = tried(RACERS[name], options(tmp_path))
    rates, decays = (
        sorted(set(sweep.settings[axis])) for axis in ("learning_rate", "weight_decay")
    )
    assert (len(rates), len(decays), len(sweep)) == (7, 2, 14)
    np.testing.assert_allclose(rates[-1] / rates[0], 100)
    assert rates[0] == RACERS[name].usual
    np.testing.assert_allclose(decays[1] * RACERS[name].usual, 1e-4)
    assert len(set(map(repr, (sweep[i] for i in range(len(sweep)))))) == 14


@pytest.mark.parametrize("name", RACERS)
def test_decay_is_of_all_but_the_scales_of_norms(name):
    """On a tree of the same paths and small arrays: what it changes in the second step."""
    paths = jax.eval_shape(load("characters-transformer").init, jax.random.key(0))
    paths = {key: paths[key] for key in ("embedding", "layers_0", "norm", "head")}
    params = jax.tree.map(lambda p: np.full((2,) * p.ndim, 0.5, np.float32) + np.eye(2)[0], paths)
    grads = jax.tree.map(lambda p: 0.1 * p, params)

    @jax.jit
    def updates(tx):
        _, state = tx.update(grads, tx.init(params), params)
        return tx.update(grads, state, params)[0]

    racer = RACERS[name]
    without, with_decay = (updates(made(racer, racer.usual, x, 100)) for x in (0.0, 10.0))
    for keys, update in jax.tree.leaves_with_path(without):
        path, other = path_of(keys), with_decay
        for key in keys:
            other = other[key.key]
        assert np.isfinite(update).all()
        same = np.array_equal(update, other)
        if "/attention/" not in path and "/mlp/" not in path:  # which Hyperball keeps at their size
            assert same == ("norm" in path), path


def test_rules_for_matrices_get_the_hidden_ones_alone():
    params = jax.eval_shape(load("characters-transformer").init, jax.random.key(0))
    found = atx.describe(made(RACERS["muon"], 1e-3, 0.1, 100), params)
    assert found.warnings == ()
    hidden = {leaf.path for leaf in found.leaves if leaf.group == "hidden"}
    assert len(hidden) == 12
    assert all("/attention/" in path or "/mlp/" in path for path in hidden)


def test_the_rate_rises_and_falls_to_zero():
    rate = decaying(0.5, 200)
    np.testing.assert_allclose([rate(t) for t in (0, 10, 20, 110, 200)], [0, 0.25, 0.5, 0.25, 0])
    assert decaying(1.0, 1)(0) == 0.0  # the shortest


def test_the_one_that_all_are_held_against_always_takes_part():
    assert racer_names("lion, lamb,lion") == (REFERENCE, "lion", "lamb")


# The score. --------------------------------------------------------------------------------------


def test_tokens_are_those_of_the_shortest_training_that_ends_as_low():
    reference = scored("adamw", [4, 4], [3, 3], [2, 2])
    same = reference.tokens(reference, BUDGETS)
    assert same == (400.0, False)
    faster = scored("a", [4, 4], [3, 3], [1, 1]).tokens(reference, BUDGETS)
    np.testing.assert_allclose(faster.number, 200 * 2**0.5)  # half-way, in the logarithm
    assert scored("b", [2, 1.9], [1, 1], [1, 1]).tokens(reference, BUDGETS) == (100.0, True)
    assert scored("c", [4, 4], [3, 3], [2.1, 2]).tokens(reference, BUDGETS) is None
    assert scored("d", [4, 4], [3, 3], [math.nan, 2]).tokens(reference, BUDGETS) is None


def test_a_tie_is_within_three_standard_errors_of_the_paired_differences():
    """The seeds differ by more than the optimizers do; the same seed is the same for both."""
    reference = scored("adamw", [2.0, 2.5, 3.0])
    better = scored("a", [1.9, 2.4, 2.89]).against(reference)
    np.testing.assert_allclose(better, (-0.31 / 3, 0.01 / 3), rtol=1e-6)
    assert not better.tie
    assert scored("b", [2.1, 2.4, 2.9]).against(reference).tie
    assert reference.against(reference).tie
    assert scored("c", [1.0]).against(scored("adamw", [2.0])).tie  # nothing is known of one seed


def test_the_lowest_loss_is_first_and_what_is_not_finite_last():
    scores = [scored("a", [math.nan, 1]), scored("b", [2, 2]), scored("c", [1, 2])]
    assert [one.name for one in ranked(scores)] == ["c", "b", "a"]


# What is shown. ----------------------------------------------------------------------------------


def field(tmp_path) -> list[Score]:
    return [
        scored("schedule_free_adamw", [2.0, 2.1], [1.9, 2.0], [1.8, 1.9]),
        scored("adamw", [2.4, 2.6], [2.2, 2.3], [2.0, 2.1], bytes=8.0),
        scored("lion", [3, 3], [2.5, 2.5], [2.01, 2.1], bytes=4.0, open=True, at_edge=True),
        scored("far", [9, 9], [9, 9], [9, 9], seconds=31.25),
        scored("away", [9, 9], [9, 9], [math.nan, 9], low=1.0, high=1.0),
    ]


def test_the_figure_cuts_no_word(tmp_path):
    drawn = figure.draw(field(tmp_path), options(tmp_path))
    drawn.canvas.draw()
    page = drawn.bbox
    texts = [t for axes in drawn.axes for t in (*axes.texts, *axes.get_yticklabels(), axes.title)]
    texts += [t for axes in drawn.axes for t in (axes._left_title,)]
    for text in (*texts, *drawn.texts):
        box = text.get_window_extent()
        inside = page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
        assert inside, text.get_text()
    words = {text.get_text() for text in texts}
    assert {"≤ 50", "not", "≥ 1.0", "31.25", "1  schedule_free_adamw", "2.050 ± 0.071"} <= words


def test_the_table_says_ties_and_fits(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    ranking.show(field(tmp_path), options(tmp_path))
    out = capsys.readouterr().out
    rows = {line.split()[1]: line for line in out.splitlines() if line.strip()[:1].isdigit()}
    assert "\u22120.200" in rows["schedule_free_adamw"]
    assert "tie" in rows["lion"]
    assert "0.01*" in rows["lion"]
    assert "diverged" in rows["away"]
    assert "nan" not in out


def test_what_is_saved_can_be_read(tmp_path):
    """To six digits, and what is not finite too."""
    path, scores = tmp_path / "characters.json", field(tmp_path)
    record.save(scores, options(tmp_path, racers=tuple(one.name for one in scores)), path)
    again, how = record.read(path)
    assert how == options(tmp_path, racers=tuple(one.name for one in scores))
    assert str(again) == str(scores)


DOCS = pathlib.Path(__file__).parent.parent / "docs"


def test_the_race_that_is_shown_is_of_everybody_and_says_what_follows_from_it():
    scores, how = record.read(DOCS / "race_characters.json")
    shown = json.loads((DOCS / "race_characters.json").read_text())
    assert how == options(DOCS, racers=tuple(one.name for one in scores))
    assert set(how.racers) <= set(RACERS)
    reference = next(one for one in scores if one.name == REFERENCE)
    assert [one["name"] for one in shown["racers"]] == [one.name for one in ranked(scores)]
    for one, said in zip(scores, shown["racers"]):
        reached = one.tokens(reference, record.tokens(how))
        assert said["tie"] == one.against(reference).tie
        assert (said["tokens"] is None) == (reached is None)
        if reached:
            np.testing.assert_allclose(said["tokens"], reached.number, rtol=1e-4)
        np.testing.assert_allclose(said["loss"], one.losses.mean(), rtol=1e-5)
        assert not one.at_edge


# The whole. --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_small_race_goes_on_and_takes_others_in(tmp_path, capsys):
    def run(names):
        few = ["--steps", "4", "--seeds", "1", "--quick", "--out", str(tmp_path)]
        assert main(["race", "--task", "characters", "--optimizers", names, *few]) == 0
        return json.loads((tmp_path / "characters.json").read_text())

    alone, both = run("adamw"), run("sgd momentum")
    assert [one["name"] for one in alone["racers"]] == ["adamw"]
    assert {one["name"] for one in both["racers"]} == {"adamw", "sgd momentum"}
    again = next(one for one in both["racers"] if one["name"] == "adamw")
    assert alone["racers"] == [again]  # read, the time it took included
    assert again["tie"] and again["tokens"] <= both["settings"]["tokens"][-1]
    assert np.shape(again["test"]) == (3, 3)
    assert np.shape(again["validation"]) == (5, 2, 1)
    assert eval(again["winner"], vars(atx) | vars(atx.schedules)).hyperparameters
    np.testing.assert_allclose(again["bytes"], 8.0, atol=0.01)
    assert (tmp_path / "characters.png").read_bytes().startswith(b"\x89PNG")
    assert "nan" not in capsys.readouterr().out
