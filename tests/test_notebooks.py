"""The notebooks run from top to bottom, and are stored as they ran, with their figures."""

import pathlib

import nbclient
import nbformat
import pytest

FOLDER = pathlib.Path(__file__).parent.parent / "notebooks"
every_notebook = pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem
)


def cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


@every_notebook
def test_is_stored_as_it_ran(path):
    code = cells(nbformat.read(path, as_version=4))
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    figures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(figures) >= 2


@every_notebook
def test_is_small(path):
    """`make notebooks` stores pictures in few colours; a repository keeps every version for ever."""
    assert path.stat().st_size <= 400_000


LONG = ("02_adam_paper", "03_radam", "06_fine_tuning")  # minutes: in `make test-all`


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.exhaustive] * (path.stem in LONG), id=path.stem)
        for path in sorted(FOLDER.glob("*.ipynb"))
    ],
)
def test_runs(path, monkeypatch):
    """14, 93 and 31 seconds alone on two cores (01, 03, 05); 02 and 04: 375 and 65 of one processor.

    06 with few steps: 70 of one processor instead of 240.
    """
    monkeypatch.setenv("NOTEBOOK_STEPS", "8")
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": FOLDER}}
    client = nbclient.NotebookClient(notebook, timeout=1200, kernel_name="python3", resources=where)
    client.execute()  # raises where a cell does
    assert all(cell.execution_count for cell in cells(notebook))
