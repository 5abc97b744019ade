"""The examples are short, and train: their loss falls to a fraction of what it was."""

import pathlib
import runpy

import jax
import pytest

EXAMPLES = sorted((pathlib.Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_trains(path, capsys):
    assert len(path.read_text().splitlines()) <= 40
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        losses = runpy.run_path(str(path))["main"]()
    assert losses[-1] < 0.25 * losses[0]
    assert capsys.readouterr().out
