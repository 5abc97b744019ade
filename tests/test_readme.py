"""What the README says is so: its examples run, and its table has the bytes that the states have."""

import pathlib
import re

import jax
import jax.numpy as jnp
import pytest
from catalogue import RULES

README = (pathlib.Path(__file__).parent.parent / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
ROWS = re.findall(r"^\| `(\w+)` \| .* \| (\d+)(?: \(.*\))? \| .* \|$", README, re.MULTILINE)


@pytest.mark.parametrize("i", range(len(EXAMPLES)))
def test_examples_run(i):
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        exec(EXAMPLES[i], {"__name__": "readme"})


def test_the_winner_printed_is_the_one_in_the_comment(capsys):
    exec(next(code for code in EXAMPLES if "print(best)" in code), {"__name__": "readme"})
    printed = capsys.readouterr().out.splitlines()[0]
    assert f"# {printed}\nprint(best)\n" in README


def test_bytes_of_state():
    listed = {name: int(size) for name, size in ROWS}
    params = {"w": jnp.zeros(1000, jnp.bfloat16)}
    for row in RULES:
        state = jax.eval_shape(row().init, params)
        slots = [s for s in jax.tree.leaves(state) if s.shape]
        assert listed[row.make.__name__] == sum(s.dtype.itemsize for s in slots), row
    assert listed.keys() == {row.make.__name__ for row in RULES}


def test_what_describe_prints(capsys):
    """The table under the example with groups."""
    (example,) = (text for text in EXAMPLES if "atx.describe(" in text)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        exec(example, {"__name__": "readme"})
    assert f"```\n{capsys.readouterr().out}```" in README
