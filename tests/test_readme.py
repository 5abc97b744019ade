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


def is_later(example: str) -> bool:
    """A sweep, and all laws of a rule: they take seconds."""
    return "tune." in example or "check_laws" in example


@pytest.mark.parametrize(
    "i",
    [pytest.param(i, marks=[pytest.mark.slow] * is_later(e)) for i, e in enumerate(EXAMPLES)],
)
def test_examples_run(i, capsys):
    """And what they print of a sweep, and of groups, is what stands there."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        exec(EXAMPLES[i], {"__name__": "readme"})
    printed = capsys.readouterr().out
    if "print(best)" in EXAMPLES[i]:
        assert f"# {printed.splitlines()[0]}\nprint(best)\n" in README
    if "atx.describe(" in EXAMPLES[i]:
        assert f"```\n{printed}```" in README


def test_bytes_of_state():
    """For each entry of a vector; of a matrix, where a rule is of these, those of slots like it."""
    listed = {name: int(size) for name, size in ROWS}
    for row in RULES:
        shape = (40, 30) if row.wrapper else (1000,)
        state = jax.eval_shape(row().init, {"w": jax.ShapeDtypeStruct(shape, jnp.bfloat16)})
        slots = [s for s in jax.tree.leaves(state) if s.shape == shape]
        name = row.public.__name__
        assert listed[name] == sum(s.dtype.itemsize for s in slots), row
    assert listed.keys() == {row.public.__name__ for row in RULES}


def test_examples_print_what_is_tried():
    """So that neither comparison above is left out unseen."""
    for what in ("print(best)", "atx.describe("):
        assert sum(what in example for example in EXAMPLES) == 1
