"""Every test runs strict: no implicit promotion of dtypes or ranks."""

import gc
import itertools

import jax
import pytest

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

TESTS = itertools.count(1)


@pytest.fixture(autouse=True)
def _forget_what_was_compiled():
    """Each compiled program holds memory maps, of which Linux gives a process 65,530."""
    yield
    if next(TESTS) % 150 == 0:
        jax.clear_caches()
        gc.collect()
