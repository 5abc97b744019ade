"""What a person sees of tuning: full disks in one line, versions, keys, the range test as a command."""

import errno
import json
import os

import numpy as np
import pytest

import adaptive_tx as atx
from adaptive_tx import tune
from adaptive_tx.__main__ import main
from adaptive_tx.plots import scales
from adaptive_tx.tune.options import named_optimizers
from adaptive_tx.tune.tasks import load
from adaptive_tx.tune.training import store
from adaptive_tx.tune.training.store import Store

SMALL = ["--task", "iris", "--steps", "20", "--seeds", "1", "--batch-size", "16"]
TUNE = ["tune", *SMALL, "--axis", "learning_rate=0.01,0.1", "--confirm", "0"]


def one_line(capsys, *argv) -> str:
    """What a command that gives up says."""
    with pytest.raises(SystemExit) as stopped:
        main([*argv])
    out, err = capsys.readouterr()
    assert (stopped.value.code, out, err.count("\n")) == (2, "", 1)
    return err


# Folders. ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "Make room and call again"), (errno.EROFS, "Make it writable and call again")],
)
def test_a_folder_that_takes_nothing_more_is_one_line(
    number, remedy, tmp_path, capsys, monkeypatch
):
    """And what was saved before is left as it was: the same command goes on from it."""

    def full(file, **arrays):
        file.write(b"PK")
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(store.np, "savez", full)
        said = one_line(capsys, *TUNE, "--out", str(tmp_path))
    assert f"train: cannot write {tmp_path / 'adam.npz'}: {os.strerror(number)}. {remedy}" in said
    assert [path.name for path in tmp_path.iterdir()] == ["call.json"]
    assert main([*TUNE, "--out", str(tmp_path)]) == 0
    assert (tmp_path / "adam.npz").exists()


def test_a_figure_that_cannot_be_written_is_one_line(tmp_path, capsys):
    (tmp_path / "tune.png").mkdir()
    said = one_line(capsys, *TUNE, "--out", str(tmp_path))
    assert f"cannot write {tmp_path / 'tune.png'}: Is a directory; make room there, or ch" in said


@pytest.mark.parametrize("name", ["call.json", "adam.npz"])
def test_a_damaged_file_is_one_line(name, tmp_path, capsys):
    assert main([*TUNE, "--out", str(tmp_path)]) == 0
    (tmp_path / name).write_text("{ half")
    capsys.readouterr()
    said = one_line(capsys, *TUNE, "--out", str(tmp_path))
    assert f"{tmp_path / name} is damaged" in said
    assert "Choose another out, or delete the folder to begin again." in said


def test_files_of_another_program_are_one_line(tmp_path, capsys):
    (tmp_path / "results.csv").write_text("mine\n")
    said = one_line(capsys, *TUNE, "--out", str(tmp_path))
    assert f"{tmp_path} holds results.csv of another training, but no call.json" in said
    assert (tmp_path / "results.csv").read_text() == "mine\n"


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot make the folder .*file: .*Choose another out"):
        Store("train", tmp_path / "file", None, [])  # type: ignore


@pytest.mark.parametrize("data", [None, (), {}])
def test_no_data_says_what_is_wanted(data):
    task = load("iris")
    with pytest.raises(ValueError, match="train: data .*Give all examples as arrays, or a func"):
        tune.train(task.loss, task.init, data, tune.sweep(atx.sgd, learning_rate=0.1), steps=1)


# Commands. ---------------------------------------------------------------------------------------


def test_the_version_is_that_of_all_that_makes_the_numbers(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    words = capsys.readouterr().out.replace(",", "").split()
    assert words[::2] == ["adaptive-tx", "jax", "jaxlib", "optax", "Python"]


def test_another_key_is_another_training_and_its_table_has_all_digits(tmp_path, capsys):
    scores = []
    for i in ("0", "1", "1"):
        out = tmp_path / str(len(scores))
        assert main([*TUNE, "--key", i, "--out", str(out)]) == 0
        members = json.loads((out / "results.json").read_text())["members"]
        rows = (out / "results.csv").read_text().splitlines()
        kept = [float(row.split(",")[5]) for row in rows[1:]]
        scores.append([one["score"] for one in members])
        printed = capsys.readouterr().out
        shown = [float(line.split()[2]) for line in printed.splitlines() if line[:6] == "adam  "]
        np.testing.assert_allclose(sorted(shown), sorted(kept), rtol=1e-6)
    assert scores[0] != scores[1] == scores[2]
    assert "holds another training" in one_line(
        capsys, *TUNE, "--key", "2", "--out", str(tmp_path / "0")
    )


def test_the_range_test_as_a_command(tmp_path, capsys):
    argv = ["--optimizer", "adam,sgd", *SMALL, "--steps", "40", "--out", str(tmp_path)]
    assert main(["range", *argv]) == 0
    printed, err = capsys.readouterr()
    assert err == ""
    task = load("iris")
    kept = json.loads((tmp_path / "range.json").read_text())
    assert list(kept) == ["adam", "sgd"]
    how = {"steps": 40, "batch_size": 16, "key": 0}
    test = tune.rate_range_test(task.loss, task.init, task.data, atx.adam(1.0), **how)
    assert kept["adam"]["suggestion"] == test.suggestion
    assert eval(kept["adam"]["tx"], vars(atx)) == test.tx == atx.adam(test.suggestion)
    assert f"= {test.tx!r}\n" in printed
    for name in ("adam.png", "sgd.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
        assert f"{tmp_path / name}\n" in printed


def test_a_range_without_a_good_rate_says_so(tmp_path, capsys):
    argv = ["--optimizer", "sgd", *SMALL, "--low", "1e20", "--high", "1e30"]
    assert main(["range", *argv, "--out", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("adaptive-tx range: sgd: the loss never falls below its first value")
    said = one_line(capsys, "range", *SMALL, "--low", "-1", "--out", str(tmp_path))
    assert "argument --low: expected a number above 0, got '-1'" in said


# Figures. ----------------------------------------------------------------------------------------


def result(sweeps, seeds=2, steps=100, dropped=0, diverged=0) -> tune.Result:
    """A result of made-up numbers: the first members were dropped, the last diverged."""
    n, rng = sum(map(len, sweeps.values())), np.random.default_rng(0)
    stops = np.arange(10, steps + 1, 10)
    curves = {"loss": np.exp(-stops / 50) * rng.uniform(1, 3, (n, seeds, 1))}
    lost, trained = np.zeros((n, seeds), bool), np.full(n, steps)
    lost[n - diverged :], trained[:dropped] = True, steps // 2
    return tune.Result(
        sweeps=sweeps,
        stops=stops,
        curves={"loss": np.where(stops > trained[:, None, None], np.nan, curves["loss"])},
        metrics={},
        scores=np.where(lost, np.nan, rng.uniform(0.1, 30, (n, seeds))),
        trained=trained,
        diverged=lost,
        seconds=dict.fromkeys(sweeps, 1.0),
        by="loss",
        sign=1.0,
    )


def swept(make=atx.adam, **axes) -> tune.Sweep:
    return tune.sweep(make, **axes)


RATES = tune.log_uniform(1e-4, 1, 8)
SHOWN = {
    "one": result({"sgd": swept(atx.sgd, learning_rate=RATES)}, seeds=1),
    "grid": result({"adam": swept(learning_rate=RATES, b2=[0.9, 0.99, 0.999, 0.9999])}, diverged=3),
    "many axes": result(
        {
            "adamw": swept(
                atx.adamw,
                learning_rate=[0.1, 0.01],
                b1=[0, 0.5],
                b2=[0.9, 0.99],
                eps=[1e-8, 1e-4],
                weight_decay=[0.1, 1],
            )
        },
        dropped=20,
    ),
    "17 sweeps": result(
        {
            name: swept(make, learning_rate=RATES)
            for name, make in list(named_optimizers().items())[:17]
        },
        diverged=3,
    ),
    "nothing": result({"sgd": swept(atx.sgd, learning_rate=[0.1, 1.0])}, diverged=2),
}


@pytest.mark.parametrize("which", SHOWN)
def test_nothing_in_a_figure_is_cut_or_stands_over_another_thing(which):
    """Every word lies within the figure; no panel reaches into another, or into the key."""
    figure = SHOWN[which].plot()
    renderer = figure._get_renderer()
    figure.draw(renderer)
    page = figure.bbox
    (key,) = figure.legends
    panels = [
        axes.get_tightbbox(renderer) for axes in figure.axes if axes.get_label() != "<colorbar>"
    ]
    words = [text.get_window_extent(renderer) for text in figure.texts]
    parts = [key.get_window_extent(renderer), *words, *panels]
    bars = [axes.get_tightbbox(renderer) for axes in figure.axes]
    for box in (*parts, *bars):
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
    for i, one in enumerate(parts):
        for other in parts[:i]:
            assert not one.overlaps(other)


def test_panels_stand_in_rows_of_at_most_four():
    axes = SHOWN["many axes"].plot().axes
    rows = [round(one.get_position().y0, 3) for one in axes]
    assert len(axes) == 6 and sorted(map(rows.count, set(rows))) == [3, 3]


@pytest.mark.parametrize(
    ("which", "named"),
    [
        ("one", ["the best, and", "a setting"]),
        ("grid", ["the best, and", "a setting, from its lowest", "lowest to highest", "diverged"]),
        ("many axes", ["the best, and", "a setting, from", "lowest to highest", "dropped, at the"]),
        ("17 sweeps", [*SHOWN["17 sweeps"].sweeps, "a setting", "lowest to highest", "diverged"]),
        ("nothing", ["diverged"]),
    ],
)
def test_the_key_names_every_mark(which, named):
    (key,) = SHOWN[which].plot().legends
    said = [text.get_text() for text in key.get_texts()]
    assert len(said) == len(named)
    assert all(one.startswith(word) for one, word in zip(said, named))
    looks = [
        str((h.get_color(), h._unscaled_dash_pattern, h.get_marker())) for h in key.get_lines()
    ]
    assert len(set(looks)) == len(looks)


def test_what_diverged_is_a_cross_at_the_edge():
    """One for each, at its value, where the axis ends."""
    axes = SHOWN["grid"].plot().axes[1]
    (crosses,) = [one for one in axes.lines if one.get_marker() == "x"]
    lost = SHOWN["grid"].diverged.all(1)
    np.testing.assert_array_equal(
        crosses.get_xdata(), SHOWN["grid"].settings["learning_rate"][lost]
    )
    assert set(crosses.get_ydata()) == {axes.get_ylim()[1]}


@pytest.mark.parametrize(
    ("values", "way"),
    [
        (tune.log_uniform(1e-4, 1, 9).grid("", ""), "log"),
        (tune.uniform(5, 60, 9).grid("", ""), "linear"),
        (tune.uniform(5, 60).draws(np.random.default_rng(0), 32), "linear"),
        (tune.log_uniform(5, 500).draws(np.random.default_rng(0), 16), "log"),
        ([0.9, 0.99, 0.999, 0.9999], "log of 1 - x"),
        ([0.9, 0.95, 0.98, 0.99, 0.999], "log of 1 - x"),
        ([0.9, 0.92, 0.94, 0.96, 0.98], "linear"),
        ([0.0, 0.3, 0.6, 0.9], "linear"),
        ([0.0, 1e-4, 1.0], "linear"),
        ([3.0], "linear"),
    ],
)
def test_axes_are_drawn_as_their_values_are_spread(values, way):
    assert scales.spread(np.array(values)) == way


def test_an_axis_near_one_is_even_in_the_logarithm_of_its_distance():
    figure = SHOWN["grid"].plot()
    axes = figure.axes[2]
    assert axes.get_xlabel() == "b2"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [
        "0.9",
        "0.99",
        "0.999",
        "0.9999",
    ]
    at = axes.transData.transform([(b2, 1) for b2 in (0.9, 0.99, 0.999, 0.9999)])[:, 0]
    np.testing.assert_allclose(np.diff(at), np.diff(at)[0], rtol=1e-6)
    shown = [tick.get_text() for tick in figure.axes[3].get_yticklabels()]
    assert shown == ["0.9", "0.99", "0.999", "0.9999"]
