"""`adaptive-tx tune`: its options, small real runs, what they leave, and going on after an interrupt."""

import csv
import json
import os
import signal

import pytest

import adaptive_tx as atx
from adaptive_tx import tune
from adaptive_tx.__main__ import main
from adaptive_tx.tune.options import halving, named_optimizers, sweeps
from adaptive_tx.tune.sweeps.forms import Axis, axis
from adaptive_tx.tune.tasks import TASKS, load
from adaptive_tx.tune.training.chunk import Chunk

SMALL = ["--task", "iris", "--steps", "20", "--seeds", "2", "--batch-size", "16", "--confirm", "0"]


def command(*argv) -> int:
    return main(["tune", *argv])


# What is asked. ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--optimizer", "adamm"], "no optimizer 'adamm'; choose from sgd, momentum"),
        (["--task", "mnist"], "argument --task: invalid choice: 'mnist' (choose from"),
        (["--axis", "learning_rate"], "--axis: expected name=values, got 'learning_rate'"),
        (["--axis", "=1,2"], "expected name=values, got '=1,2'"),
        (["--axis", "b3=0.9,0.99"], "adam has no b3; it has learning_rate, b1, b2, eps."),
        (["--axis", "centered=0,1", "--optimizer", "rmsprop"], "rmsprop has no centered"),
        (
            ["--optimizer", "adamw,lion", "--axis", "weight_decay=0.1,1"],
            "lion has no weight_decay; it has learning_rate, b1, b2. For one alone write OPT",
        ),
        (["--axis", "lion.b1=0.9,0.95"], "--axis: lion is not among adam."),
        (["--axis", "b2=0.9,0.99", "--axis", "b2=0.5"], "--axis: b2 stands twice."),
        (["--axis", "b2=0.9,1"], "scale_by_adam: b2 must lie in [0, 1), got 1.0."),
        (["--axis", "b2=0.9,0.9"], "b2 has the same value twice: [0.9, 0.9]."),
        (["--axis", "b2=0.9,big"], "'big' is no number; expected low:high:count, "),
        (["--axis", "b2=nan"], "b2[0] must lie in (-inf, inf), got nan."),
        (["--axis", "learning_rate=1:0.1:4"], "low must be below high, got 1.0 and 0.1."),
        (["--axis", "learning_rate=0:1:4"], "log_uniform: low must lie in "),
        (["--axis", "learning_rate=0.1:1:1"], "count must be at least 2, got 1."),
        (["--axis", "learning_rate=0.1:1:many"], "a whole number of at least 1, got 'many'"),
        (
            ["--axis", "learning_rate=0.1:1:4:log"],
            "expected low:high:count, low:high:count:SPACING",
        ),
        (["--axis", "learning_rate=0.1:1"], "learning_rate needs a count, low:high:count, or --r"),
        (["--axis", "learning_rate=0.1", "--random", "3"], "adam has no range to draw from"),
        (["--random", "0"], "--random: expected a whole number of at least 1, got '0'"),
        (["--steps", "2.5"], "--steps: expected a whole number of at least 1, got '2.5'"),
        (["--halving", "10"], "expected EVERY:KEEP, with KEEP between 0 and 1, got '10'"),
        (["--halving", "10:1"], "expected EVERY:KEEP, with KEEP between 0 and 1, got '10:1'"),
        (["--halving", "0:0.5"], "--halving: expected a whole number of at least 1, got '0'"),
        (
            ["--halving", "1000:0.5", "--steps", "10", "--task", "iris"],
            "halving after every 1000 steps drops nothing in 10 steps; its every must be below 10.",
        ),
        (["--within", "-1"], "--within: expected a number above 0, got '-1'"),
        (["--batch-size", "106", "--task", "iris"], "batch_size 106 is more than the 105"),
        (["--key", "-1"], "--key: expected a whole number of at least 0, got '-1'"),
        (["--confirm", "-1"], "--confirm: expected a whole number of at least 0, got '-1'"),
        (["--fast"], "--fast"),
    ],
)
def test_a_wrong_option_is_one_line(argv, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        command(*argv, "--out", str(tmp_path))
    out, err = capsys.readouterr()
    assert stopped.value.code == 2
    assert out == ""
    assert err.startswith("adaptive-tx") and ": error: " in err
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_help_names_every_option_and_every_task(capsys):
    with pytest.raises(SystemExit) as stopped:
        command("--help")
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    for option in (
        "optimizer",
        "task",
        "axis",
        "steps",
        "batch-size",
        "seeds",
        "halving",
        "at-once",
        "key",
    ):
        assert f"--{option}" in out
    for name in named_optimizers():
        assert f"  {name} " in out
    assert " learning_rate, b1, b2, eps, weight_decay\n" in out
    for name, row in TASKS.items():
        assert name in out
        assert row.about in " ".join(out.split())


def test_axes_are_read():
    assert axis("b2=0.9, 0.99") == Axis(None, "b2", [0.9, 0.99])
    assert axis("lion.b1=0.9") == Axis("lion", "b1", [0.9])
    assert axis("learning_rate=1e-4:1e-1:4").values == tune.log_uniform(1e-4, 1e-1, 4)
    assert axis("b1=0:0.9:4:linear").values == tune.uniform(0, 0.9, 4)
    assert axis("b1=0:0.9:linear").values == tune.uniform(0, 0.9)
    assert axis("b2=0.9:0.99").values == tune.log_uniform(0.9, 0.99)
    assert halving("100:0.25") == (100, 0.25)


def test_axes_become_sweeps():
    axes = [axis("learning_rate=1e-3:1e-1:3"), axis("lion.learning_rate=1e-4"), axis("b1=0.8,0.9")]
    made = sweeps(["adam", "lion"], axes, None)
    assert list(made) == ["adam", "lion"]
    assert (len(made["adam"]), len(made["lion"])) == (6, 2)
    assert made["adam"][2] == atx.adam(1e-2, b1=0.8)
    assert made["lion"][1] == atx.lion(1e-4, b1=0.9)


def test_random_settings_are_drawn_for_each_value_of_a_list():
    axes = [axis("learning_rate=1e-3:1e-1"), axis("b1=0:0.9:linear"), axis("b2=0.9,0.99")]
    made = sweeps(["adam"], axes, 5)["adam"]
    assert len(made) == 10
    rates, b1s, b2s = (made.settings[name] for name in ("learning_rate", "b1", "b2"))
    assert len(set(rates)) == len(set(b1s)) == 5
    assert 1e-3 <= rates.min() and rates.max() <= 1e-1
    assert 0 <= b1s.min() and b1s.max() <= 0.9
    assert sorted(zip(rates, b1s, b2s)) == sorted({*zip(rates, b1s, b2s)})
    assert {0.9, 0.99} == set(b2s)


@pytest.mark.parametrize("name", named_optimizers())
def test_every_optimizer_can_be_swept_by_every_number_it_has(name):
    with pytest.raises(ValueError, match=f"{name} has no colour; it has") as error:
        sweeps([name], [axis("colour=1,2")], None)
    known = str(error.value).split("it has ")[1].rstrip(".").split(", ")
    assert known[0] == "learning_rate"
    values = {
        "learning_rate": "0.1,0.2",
        "threshold": "4,5",
        "eta_plus": "1.2,1.5",
        "b2_decay": "-0.8,-0.5",
        "growth_rate": "1.5,2",
    }
    for one in known:
        axes = [axis(f"{one}={values.get(one, '0.5,0.25')}")]
        if one != "learning_rate":
            axes.append(axis("learning_rate=0.1"))
        assert len(sweeps([name], axes, None)[name]) == 2


# What it does. -----------------------------------------------------------------------------------


def strict(path):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_a_small_sweep_is_the_one_written_in_code(tmp_path, capsys):
    out = tmp_path / "new" / "folder"
    argv = [*SMALL, "--axis", "learning_rate=1e-3:1:7", "--halving", "10:0.5", "--at-once", "4"]
    argv += ["--confirm", "2"]
    assert command(*argv, "--out", str(out)) == 0
    task = load("iris")
    sweep = {"adam": tune.sweep(atx.adam, learning_rate=tune.log_uniform(1e-3, 1, 7))}
    how = {"steps": 20, "batch_size": 16, "seeds": 2, "halving": (10, 0.5), "at_once": 4}
    how |= {"evaluate": task.evaluate, "progress": False}
    result = tune.train(task.loss, task.init, task.data, sweep, **how)
    kept, expected = strict(out / "results.json"), json.loads(json.dumps(result.to_dict()))
    assert kept == {**expected, "task": "iris"}
    assert (out / "tune.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((out / "results.csv").read_text().splitlines()))
    assert len(rows) == 14
    assert sum(row["steps"] == "20" for row in rows) == 8

    printed, err = capsys.readouterr()
    assert err == ""
    assert "\x1b" not in printed  # no bar is redrawn where there is no terminal
    best = result.best
    assert (
        f"atx.adam(learning_rate={best.settings['learning_rate']:g}): loss {best.score:.4g}"
        in printed
    )
    assert f"accuracy {result.metrics['accuracy'][best.index].mean():.4g}" in printed
    assert f"= {best.tx!r}\n" in printed
    assert str(result.sensitivity(0.1)["adam"]) in printed
    assert "7 settings x 2 seeds, 20 steps of 16 of 105 examples; loss on 45 others" in printed
    fresh = strict(out / "confirmed.json")["members"]
    assert {one["settings"]["learning_rate"] for one in fresh} <= {
        result.member(i).settings["learning_rate"] for i in result.ranked[:2]
    }
    assert len(fresh) == 2 and all(len(one["scores"]) == 8 for one in fresh)
    assert "The best again, on 8 fresh seeds" in printed
    for name in ("tune.png", "results.csv", "results.json", "confirmed.json"):
        assert f"{out / name}\n" in printed


def test_several_optimizers_and_one_that_diverges(tmp_path, capsys):
    argv = ["--optimizer", "adam,sgd", "--axis", "sgd.learning_rate=1e25,1e30"]
    argv += ["--axis", "learning_rate=0.01,0.1", "--axis", "adam.b2=0.9,0.99"]
    assert command(*SMALL, *argv, "--out", str(tmp_path)) == 0
    printed, err = capsys.readouterr()
    assert err == ""
    assert "sgd: every setting diverged" in printed
    assert "nan" not in printed
    members = strict(tmp_path / "results.json")["members"]
    assert [one["optimizer"] for one in members] == ["adam"] * 4 + ["sgd"] * 2
    assert [one["score"] is None for one in members] == [False] * 4 + [True] * 2
    best = printed.split("= chain(")[1].split("\n")[0]
    winner = eval(f"chain({best}", vars(atx))
    assert repr(winner) in [one["tx"] for one in members[:4]]


def test_random_settings_have_no_width(tmp_path, capsys):
    argv = ["--random", "3", "--axis", "learning_rate=1e-2:1e-1", "--axis", "eps=1e-9:1e-3"]
    assert command(*SMALL, *argv, "--out", str(tmp_path)) == 0
    assert "decades" not in capsys.readouterr().out
    members = strict(tmp_path / "results.json")["members"]
    assert len({one["settings"]["eps"] for one in members}) == 3


def test_a_task_smaller_than_a_batch_is_one_batch(tmp_path, capsys):
    argv = ["--task", "linnerud", "--steps", "3", "--seeds", "1", "--axis", "learning_rate=0.01"]
    assert command(*argv, "--out", str(tmp_path)) == 0
    printed = capsys.readouterr().out
    assert "1 setting x 1 seed, 3 steps of 14 of 14 examples; loss on 6 others" in printed
    assert ", r2 " in printed


# Interrupted. ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
def test_a_stopped_sweep_goes_on(stop, code, tmp_path, capsys, monkeypatch):
    """Whatever stops it, the steps that are being made are made, and kept."""
    argv = [*SMALL, "--axis", "learning_rate=0.01,0.1", "--out", str(tmp_path)]
    advance, calls = Chunk.advance, []

    def stopped(*args):
        calls.append(args)
        if len(calls) == 7:
            os.kill(os.getpid(), stop)
        return advance(*args)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where in background
    monkeypatch.setattr(Chunk, "advance", stopped)
    assert command(*argv) == code
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.signal(signal.SIGINT, before)
    err = capsys.readouterr().err
    assert err == "adaptive-tx tune: interrupted; the same command goes on from here\n"
    assert len(calls) == 7
    assert command(*argv) == 0
    assert len(calls) == 20


def test_an_interrupted_sweep_goes_on(tmp_path, capsys, monkeypatch):
    argv = [*SMALL, "--optimizer", "adam,sgd", "--axis", "learning_rate=0.01,0.1", "--out"]
    assert command(*argv, str(tmp_path / "whole")) == 0
    advance, calls = Chunk.advance, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 27:  # of 20 for each of the two
            raise KeyboardInterrupt
        return advance(*args)

    monkeypatch.setattr(Chunk, "advance", interrupted)
    capsys.readouterr()
    assert command(*argv, str(tmp_path / "parts")) == 130
    err = capsys.readouterr().err
    assert err == "adaptive-tx tune: interrupted; the same command goes on from here\n"
    assert not (tmp_path / "parts" / "tune.png").exists()
    assert command(*argv, str(tmp_path / "parts")) == 0
    assert len(calls) == 27 + 14
    whole, parts = (strict(tmp_path / name / "results.json") for name in ("whole", "parts"))
    assert whole == parts
    assert (tmp_path / "parts" / "tune.png").exists()
    assert command(*argv, str(tmp_path / "parts")) == 0  # again: nothing is left to train
    assert len(calls) == 27 + 14


def test_a_folder_of_another_sweep_is_left_alone(tmp_path, capsys):
    argv = [*SMALL, "--axis", "learning_rate=0.01,0.1", "--out", str(tmp_path)]
    assert command(*argv) == 0
    before = (tmp_path / "results.json").read_text()
    capsys.readouterr()
    for change in (["--steps", "21"], ["--optimizer", "sgd"], ["--task", "wine"]):
        with pytest.raises(SystemExit) as stopped:
            command(*argv, *change)
        out, err = capsys.readouterr()
        assert stopped.value.code == 2
        assert out == ""
        assert "holds another training (" in err
        assert err.count("\n") == 1
    assert (tmp_path / "results.json").read_text() == before


def test_the_defaults_are_useful(monkeypatch, tmp_path):
    """What `adaptive-tx tune` alone trains: not run here, for it takes some ten seconds."""
    asked = {}

    def train(loss, params, data, tried, **options):
        asked.update(options, tried=tried, data=data)
        raise KeyboardInterrupt

    monkeypatch.setattr("adaptive_tx.tune.command.train", train)
    assert command("--out", str(tmp_path)) == 130
    assert list(asked["tried"]) == ["adam"]
    rates = asked["tried"]["adam"].settings["learning_rate"]
    assert (rates.min(), rates.max(), len(rates)) == (1e-5, 1, 16)
    assert asked["data"] is load("digits-mlp").data
    assert (asked["steps"], asked["batch_size"], asked["seeds"]) == (500, 64, 3)
