"""Every test runs strict: no promotion of dtypes or ranks. And which tests wait for which command."""

import gc
import itertools
import pathlib

import jax
import pytest
from catalogue import CATALOGUE, OPTIMIZERS, Row

import adaptive_tx as atx
from adaptive_tx.testing.law import Law

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

MAPS = pathlib.Path("/proc/self/maps")
ENOUGH = 8_000  # of the 65,530 maps that Linux gives a process; some 1.5 GB of programs
TESTS = itertools.count(1)


@pytest.fixture(autouse=True)
def _forget_what_was_compiled():
    """Each compiled program holds some memory maps, for as long as it may be called again.

    What is compiled for one test file serves the next, so it is kept while there is room.
    """
    yield
    if next(TESTS) % 20 == 0 and MAPS.exists() and MAPS.read_bytes().count(b"\n") > ENOUGH:
        jax.clear_caches()
        gc.collect()


def is_tried_elsewhere(row: Row) -> bool:
    """A named optimizer, whose parts have rows of their own, and the second row of one function."""
    if row in OPTIMIZERS:
        return row.make is not atx.adamw
    first = next(other for other in CATALOGUE if other.public == row.public)
    return row is not first


ALWAYS = {1, 2, 3, 9}  # the laws that a chain of lawful rules, or another setting, might break
LATER = {  # each compiles programs of its own
    "differentiable",
    "closed over, passed or traced",
    "passed is what float32 has of it",
    "wrappers change nothing",
    "a state has buffers of its own",
    "finite at the smallest eps",
    "vmap equals a loop",
    "jit equals eager",
    "equals the paper under schedules",
    "equals the paper for complex gradients",
}
LAST = {  # what another test has told nearly, or each takes long; `make test-all` has them for every rule
    "wrappers change nothing",
    "vmap equals a loop",  # test_values maps every rule, over its numbers too
    "equals the paper for complex gradients",
    "closed over, passed or traced",
}
FIRST = (
    "adamw",
    "scale_by_adam",
    "scale_by_lion",
    "scale_by_factored_rms",
    "trace",
)  # have them in make test
LAST_TESTS = {  # the same, of tests with a row for each rule
    "test_any_number_may_be_a_schedule",  # law 9 has schedules
    "test_hypergradients",  # law 5 differentiates
    "test_slots_are_right_in_the_mean",
    "test_state_can_be_exported_and_searched",
}
LATER_FILES = {  # whole trainings, and what compiles a program for each optimizer of a framework
    "test_command.py",
    "test_compat_keras_excluded.py",
    "test_compat_torch_complex.py",
    "test_compat_torch_values.py",
    "test_compat_values.py",
    "test_example_multi_device.py",
    "test_examples.py",
    "test_rounded.py",
    "test_stored.py",
}


def is_later(law: Law) -> bool:
    """And law 3 in its second dtype, which tells nearly what the first has told."""
    return law.title in LATER or law.number == 3 and law.dtypes == ("bfloat16",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make check` tries each rule once, `make test` all that is public, `make test-all` all its laws."""
    for item in items:
        given = getattr(item, "callspec", None)
        parameters = given.params if given else {}
        index, law = parameters.get("index"), parameters.get("law")
        row = parameters.get("row") if index is None else CATALOGUE[index]
        if isinstance(row, Row) and is_tried_elsewhere(row):
            late = law is not None and law.number not in ALWAYS
            item.add_marker(pytest.mark.exhaustive if late else pytest.mark.slow)
        if isinstance(row, Row) and law is not None and row.make.__name__ not in FIRST:
            if law.title in LAST or law.number == 3 and law.dtypes == ("bfloat16",):
                item.add_marker(pytest.mark.exhaustive)
        if getattr(item, "originalname", "") in LAST_TESTS and (
            not isinstance(row, Row) or row.make.__name__ not in FIRST
        ):
            item.add_marker(pytest.mark.exhaustive)
        later = item.path.name in LATER_FILES or (law is not None and is_later(law))
        if later or parameters.get("setting", "defaults") != "defaults":
            item.add_marker(pytest.mark.slow)
