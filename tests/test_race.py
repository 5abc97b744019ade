"""The demo: its options, its notion of diverged, its score, its files."""

import importlib.util
import json
import math
import pathlib

import jax
import numpy as np
import pytest

import adaptive_tx as atx
from adaptive_tx.__main__ import main
from adaptive_tx.tune.options import named_optimizers, optimizer_names
from adaptive_tx.tune.race import figure
from adaptive_tx.tune.race.options import MODELS, Options, learning_rates
from adaptive_tx.tune.race.record import read
from adaptive_tx.tune.race.run import trained
from adaptive_tx.tune.race.score import Outcomes, Score, choose, places, ranked, score
from adaptive_tx.tune.tasks.digits import MODELS as KNOWN
from adaptive_tx.tune.tasks.digits import load_digits

HUGE = "1e30"
SEEDS, STEPS = 2, 23


# What is asked. ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "required: COMMAND"),
        (["rase"], "rase"),
        (["race", "--optimizers", "adam,adamm"], "no optimizer 'adamm'; choose from sgd, momentum"),
        (["race", "--optimizers", ""], "no optimizer ''"),
        (["race", "--model", "transformer"], "transformer"),
        (["race", "--rates", "0.1,-1"], "got -1 in '0.1,-1'"),
        (["race", "--rates", "0"], "a positive float32 number, got 0 in '0'"),
        (["race", "--rates", "nan"], "got nan in 'nan'"),
        (["race", "--rates", "1e99"], "got 1e+99 in '1e99'"),
        (["race", "--rates", "0.1,fast"], "'fast'"),
        (["race", "--rates", ""], "''"),
        (["race", "--rates", "1:0.1:5"], "low must be below high, got 1.0 and 0.1"),
        (["race", "--rates", "0.1:1"], "low:high:count"),
        (["race", "--rates", "0.1:1:1"], "count must be at least 2, got 1."),
        (["race", "--rates", "0.1:1:many"], "'many'"),
        (["race", "--seeds", "0"], "--seeds: expected a whole number of at least 1, got '0'"),
        (["race", "--steps", "2.5"], "--steps: expected a whole number of at least 1, got '2.5'"),
        (["race", "--fast"], "--fast"),
        (["race", "--task", "mnist"], "mnist"),
        (
            ["race", "--task", "characters", "--rates", "1"],
            "argument --rates: it is for --task digits",
        ),
        (["race", "--task", "characters", "--model", "cnn"], "argument --model: it is for --task"),
        (
            ["race", "--task", "characters", "--optimizers", "lino"],
            "no 'lino'; choose from sgd mom",
        ),
    ],
)
def test_a_wrong_option_is_one_line(argv, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    out, err = capsys.readouterr()
    assert stopped.value.code == 2
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_an_unknown_optimizer_is_answered_with_all_the_known(capsys):
    with pytest.raises(SystemExit):
        main(["race", "--optimizers", "adamm"])
    assert ", ".join(named_optimizers()) in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as stopped:
        main(["race", "--out", str(tmp_path / "file")])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_missing_extras_are_one_line(monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name != "rich" and find(name))
    with pytest.raises(SystemExit) as stopped:
        main(["race"])
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert err.endswith("needs rich: pip install adaptive-tx[demo]\n")
    assert err.count("\n") == 1


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["race", "--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    for option in ("task", "optimizers", "model", "rates", "seeds", "steps", "out", "quick"):
        assert f"--{option}" in out


def test_options_are_read():
    assert learning_rates("1e-3:10:5") == (1e-3, 1e-2, 1e-1, 1.0, 10.0)
    assert learning_rates("1, 0.1,1") == (0.1, 1.0)
    assert optimizer_names("lion, adam,lion") == ("lion", "adam")


def test_every_named_optimizer_races():
    names = named_optimizers()
    assert len(names) >= 17
    for name, constructor in names.items():
        assert constructor is getattr(atx, name)


# The runs. ---------------------------------------------------------------------------------------


def test_every_model_can_be_asked_for():
    assert set(MODELS) == set(KNOWN)


@pytest.mark.slow
def test_a_diverged_run_is_marked_and_spoils_no_other(tmp_path):
    data = load_digits()

    def results(*rates) -> Score:
        options = Options(("sgd",), "logistic", rates, SEEDS, STEPS, tmp_path)
        return score(trained(options, data), "sgd")

    beside, among_others = results(0.1, float(HUGE)), results(0.1, 0.2)
    assert beside.runs.diverged.tolist() == [[False, False], [True, True]]
    np.testing.assert_allclose(
        beside.runs.train_loss[0], among_others.runs.train_loss[0], rtol=1e-5
    )
    assert beside.runs.test[0].min() > 0.8
    assert beside.winner == repr(atx.sgd(0.1))
    np.testing.assert_allclose(beside.mean, [beside.runs.test[0].mean(), 0.1], atol=1e-6)


# The score. --------------------------------------------------------------------------------------


def runs_of(validation, test, diverged) -> Outcomes:
    return Outcomes(np.zeros_like(test), np.array(validation), np.array(test), np.array(diverged))


def test_the_rate_is_chosen_by_validation_and_test_is_reported():
    good = [[False, False]] * 2
    best = choose((0.1, 1.0), runs_of([[0.9, 0.9], [0.8, 0.8]], [[0.7, 0.9], [1, 1]], good))
    assert best is not None
    assert best.rate == 0.1
    np.testing.assert_allclose([best.mean, best.std], [0.8, 0.2 / 2**0.5])


def test_the_width_is_of_test_accuracy_within_two_points():
    accuracy = np.array([0.5, 0.9, 0.89, 0.69])
    runs = runs_of([[0.0], [1.0], [0.0], [0.0]], accuracy[:, None], np.zeros((4, 1), bool))
    best = choose((1e-3, 1e-2, 1e-1, 1.0), runs)
    assert best is not None
    np.testing.assert_allclose(best.width.low, 1e-2 * 10 ** (-0.02 / 0.4), rtol=1e-6)
    np.testing.assert_allclose(best.width.high, 1e-1 * 10 ** (0.01 / 0.2), rtol=1e-6)
    assert not best.width.open
    alone = choose((0.1,), runs_of([[0.9]], [[0.9]], [[False]]))
    assert alone is not None
    assert alone.width == (0.1, 0.1, True)


def test_of_equal_rates_the_smallest_is_best():
    """The same right answers in another order: float32 sums of them differ in the last bit."""
    accuracy = np.array([[0.1, 0.2, 0.7], [0.7, 0.2, 0.1], [0.2, 0.7, 0.1]], np.float32)
    best = choose((1.0, 2.0, 3.0), runs_of(accuracy, accuracy, np.zeros((3, 3), bool)))
    assert best is not None
    assert best.at == 0


def test_a_diverged_run_counts_as_a_guess():
    accuracy = [[0.9, 0.9], [1.0, math.nan]]
    best = choose((0.1, 1.0), runs_of(accuracy, accuracy, [[False, False], [False, True]]))
    assert best is not None
    assert best.rate == 0.1
    nothing = runs_of(accuracy, accuracy, [[True, True]] * 2)
    assert choose((0.1, 1.0), nothing) is None
    scores = [
        Score("none", (0.1, 1.0), nothing, np.array([0.1, 0.1]), None, None, 0.0),
        Score("some", (0.1, 1.0), nothing, np.array([0.9, 0.5]), best, "", 0.0),
    ]
    assert [one.name for one in ranked(scores)] == ["some", "none"]


def made_up(name, accuracy, width, at=3) -> Score:
    """A score whose accuracies at the rate `at` are these, one of each seed."""
    rates = tuple(np.geomspace(1e-3, 1e3, 7))
    test = np.full((7, len(accuracy)), 0.1)
    test[at] = accuracy
    for i in range(1, width + 1):
        test[at + i] = np.array(accuracy) - 0.01
    runs = runs_of(test, test, np.zeros(test.shape, bool))
    return Score(name, rates, runs, test.mean(1), choose(rates, runs), "", 1.0)


def test_a_rank_is_shared_where_the_seeds_tell_no_more():
    """`close` is ahead in two seeds of four, `worse` behind in each, by much more than these differ."""
    best = made_up("best", [0.97, 0.95, 0.96, 0.98], 0)
    close = made_up("close", [0.96, 0.96, 0.95, 0.98], 0)
    worse = made_up("worse", [0.91, 0.89, 0.90, 0.92], 0)
    worst = made_up("worst", [0.61, 0.59, 0.60, 0.62], 0)
    none = best._replace(name="none", best=None)
    assert places([best, close, worse, worst, none]) == [1, 1, 3, 4, 5]
    wild = made_up("wild", [0.95, 0.15, 0.95, 0.25], 0)
    assert places([best, close, worse, worst, wild]) == [1, 1, 3, 4, 4]  # not 3: it is behind
    assert places([made_up("a", [0.9], 0), made_up("b", [0.8], 0)]) == [1, 1]  # of one seed nothing


def test_the_picture_of_a_race_says_how_wide_the_good_rates_are(tmp_path):
    """A bar from the first to the last good rate, and its number; nothing is cut or overlaps."""
    names = sorted(named_optimizers(), key=len)[-13:]
    scores = [made_up(name, [0.97, 0.95], i % 3, at=1 + i % 3) for i, name in enumerate(names)]
    options = Options(tuple(names), "mlp", scores[0].rates, 2, 10, tmp_path)
    picture = figure.draw(scores, options, {"train": 9, "validation": 9, "test": 9})
    renderer = picture._get_renderer()
    picture.draw(renderer)
    page = picture.bbox
    for axes, one in zip(picture.axes, scores):
        assert one.best is not None
        (bar,) = [x for x in axes.lines if x.get_ydata()[0] == figure.BAR]
        assert tuple(bar.get_xdata()) == (one.best.width.low, one.best.width.high)
        said = [text.get_text() for text in axes.texts]
        number = f"{'≥ ' if one.best.width.open else ''}{one.best.width.decades:.1f}"
        assert said == [number, f"{100 * one.best.mean:.1f} %"]
        assert axes.get_title(loc="left") == f"1  {one.name}"
        box = axes.get_tightbbox(renderer)
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
    boxes = [axes.get_tightbbox(renderer) for axes in picture.axes if axes.get_visible()]
    boxes += [one.get_window_extent(renderer) for one in (*picture.texts, *picture.legends)]
    assert all(box.x1 <= page.x1 for box in boxes)
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
    said = [text.get_text() for text in picture.legends[0].get_texts()]
    assert "within 2 points of it, and how many decades" in said


def test_the_numbers_of_the_stored_picture_are_read_as_they_were_written():
    """Ranks and widths of docs/race.json follow from its accuracies."""
    path = pathlib.Path(__file__).parent.parent / "docs" / "race.json"
    scores, options, images = read(path)
    kept = json.loads(path.read_text())["optimizers"]
    assert places(scores) == [one["rank"] for one in kept]
    for one, again in zip(kept, scores):
        assert again.best is not None
        assert (one["name"], one["best_rate"]) == (again.name, again.best.rate)
        np.testing.assert_allclose(one["width"]["decades"], again.best.width.decades, atol=1e-3)
    assert (options.seeds, images["test"]) == (5, 359)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"optimizers": 3}'])
def test_a_record_that_is_none_is_one_line(text, tmp_path, capsys):
    (tmp_path / "race.json").write_text(text)
    with pytest.raises(SystemExit) as stopped:
        main(["race", "--redraw", str(tmp_path / "race.json"), "--out", str(tmp_path)])
    err = capsys.readouterr().err
    assert (stopped.value.code, err.count("\n")) == (2, 1)
    assert f"argument --redraw: {tmp_path / 'race.json'} is no record of a race" in err


# The whole. --------------------------------------------------------------------------------------


def strict(text: str):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.slow
def test_a_small_race(tmp_path, capsys):
    options = f"--model logistic --rates 0.1,{HUGE} --seeds {SEEDS} --steps {STEPS}".split()
    out = tmp_path / "new" / "folder"
    assert main(["race", "--optimizers", "sgd,adam", *options, "--out", str(out)]) == 0

    record = strict((out / "race.json").read_text())
    assert {one["name"] for one in record["optimizers"]} == {"sgd", "adam"}
    assert record["optimizers"][0]["rank"] == 1
    for one in record["optimizers"]:
        assert one["diverged"] == [[False, False], [True, True]]
        assert one["test_accuracy"][1] == [None, None]
        assert all(0.5 < x <= 1 for x in one["test_accuracy"][0])
        assert one["rates"] == [0.1, float(HUGE)]
        winner = eval(one["winner"], vars(atx))
        assert winner == getattr(atx, one["name"])(one["best_rate"])
    assert record["versions"]["jax"] == jax.__version__

    assert (out / "race.png").read_bytes().startswith(b"\x89PNG")
    printed, err = capsys.readouterr()
    assert err == ""
    assert "\x1b" not in printed  # no bar is redrawn where there is no terminal
    assert len(printed.splitlines()) < 40
    assert "2/4" in printed  # diverged
    assert "nan" not in printed
    assert str(out / "race.png") in printed.replace("\n", "")

    again = tmp_path / "again"
    assert main(["race", "--redraw", str(out / "race.json"), "--out", str(again)]) == 0
    assert capsys.readouterr().out == f"{again / 'race.png'}\n"
    assert (again / "race.png").read_bytes() == (out / "race.png").read_bytes()


@pytest.mark.slow
def test_a_race_that_nobody_finishes(tmp_path, capsys):
    options = f"--model logistic --rates {HUGE} --seeds {SEEDS} --steps {STEPS}".split()
    assert main(["race", "--optimizers", "sgd", *options, "--out", str(tmp_path)]) == 0
    (one,) = strict((tmp_path / "race.json").read_text())["optimizers"]
    assert one["winner"] is one["best_rate"] is one["test_accuracy_mean"] is one["width"] is None
    assert one["diverged_runs"] == one["runs"] == SEEDS
    assert "2/2" in capsys.readouterr().out
