"""The examples are short, and train: their loss falls to a fraction of what it was."""

import pathlib
import re
import runpy

import chex
import jax
import pytest

EXAMPLES = sorted((pathlib.Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_trains(path, capsys):
    assert len(path.read_text().splitlines()) <= 40
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        found = runpy.run_path(str(path))
        losses = found["main"]() if "main" in found else None
        if (result := found.get("result")) is not None:  # a sweep
            losses = result.curves["loss"][result.best.index].mean(0)
    printed = capsys.readouterr().out
    if losses is None:
        losses = [float(loss) for loss in re.findall(r"loss (\S+)$", printed, re.MULTILINE)]
    assert printed and losses[-1] < 0.25 * losses[0]


PAGE = pathlib.Path(__file__).parent.parent / "docs" / "frameworks.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("i", range(len(BLOCKS)))
def test_what_the_page_shows_runs_and_traces_once(i, tmp_path):
    """Once alone, and once for the sweep."""
    chex.clear_trace_counter()
    counted = re.sub(r"(@\S+jit\n)", r"\1@chex.assert_max_traces(n=2)\n", BLOCKS[i])
    page = tmp_path / "page.py"  # chex reads the source
    page.write_text("import chex\n" + counted)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        runpy.run_path(str(page))
