"""On a GPU: laws that ask for no last bit, torch's recorded numbers, and steps against those of the CPU.

pytest -m gpu, where JAX finds one; elsewhere all of it is skipped. benchmarks/RESULTS.md has its results.
"""

import functools

import chex
import jax
import pytest
from catalogue import CATALOGUE
from harness import run, tree
from test_compat_torch import parameter_difference
from test_laws import claims_of

from adaptive_tx.testing.checking import laws_of
from adaptive_tx.testing.subject import Subject

pytestmark = [
    pytest.mark.filterwarnings("error"),
    pytest.mark.gpu,
    pytest.mark.skipif(jax.default_backend() != "gpu", reason="there is no GPU here"),
]

# State and direction keep their layout, finite stays finite, derivatives are finite, the paper's numbers.
WITHOUT_LAST_BIT = {1, 2, 4, 5, 9}
NAMES = ("adamw", "lion", "adafactor", "lamb", "clip_by_global_norm", "guarded_adam")
ROWS = {row.make.__name__: row for row in reversed(CATALOGUE) if row.make.__name__ in NAMES}


@functools.lru_cache(maxsize=1)
def subject_of(name):
    return Subject(claims_of(ROWS[name]))


@pytest.mark.parametrize(
    "name, law",
    [
        pytest.param(name, law, id=f"{name}-{law.title.replace(' ', '-')}")
        for name in NAMES
        for law in laws_of(claims_of(ROWS[name]))
        if law.number in WITHOUT_LAST_BIT
    ],
)
def test_law(name, law):
    law(subject_of(name))


@pytest.mark.parametrize("name", ["Adam", "RAdam"])
def test_the_numbers_of_torch(name):
    """Thirty steps in float32, within ten times what the CPU is allowed: sums have another order."""
    assert parameter_difference(name, "defaults", "f32") <= 5e-5


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", NAMES)
def test_steps_are_those_of_the_cpu(name, dtype):
    """Ten of them, directions and state."""
    given = ROWS[name](), tree(1, dtype, steps=10), tree(0, dtype)
    cpu = jax.devices("cpu")[0]
    found = jax.device_put(run(*given), cpu)
    expected = run(*jax.device_put(given, cpu))
    tolerance = 2e-5 if dtype == "float32" else 1e-2
    chex.assert_trees_all_close(found, expected, rtol=tolerance, atol=1e-6)
