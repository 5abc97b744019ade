"""Every test runs strict: no implicit promotion of dtypes or ranks."""

import gc
import itertools
import pathlib

import jax
import pytest

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
