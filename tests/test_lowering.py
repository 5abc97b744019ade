"""Every transformation lowers for TPUs and GPUs: by `jax.export`, which needs neither."""

import importlib.util
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
from catalogue import CATALOGUE
from harness import tree, update_of
from jax import export

BENCHMARKS = pathlib.Path(__file__).parent.parent / "benchmarks"
pytestmark = pytest.mark.filterwarnings("error")
PLATFORMS = ("tpu", "cuda")


def step(tx, grads, params):
    """The first state, and a step from it."""
    state = tx.init(params)
    return update_of(tx)(grads, state, params)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("row", CATALOGUE, ids=str)
def test_every_row_lowers(row, dtype):
    """With its numbers as arguments."""
    tx = row()
    exported = export.export(jax.jit(step), platforms=PLATFORMS)(tx, tree(1, dtype), tree(0, dtype))
    assert exported.platforms == PLATFORMS
    found = [(x.shape, x.dtype) for x in exported.out_avals]
    expected = jax.tree.leaves(jax.eval_shape(step, tx, tree(1, dtype), tree(0, dtype)))
    assert found == [(x.shape, x.dtype) for x in expected]


def test_what_has_no_lowering_is_an_error():
    """The test above can fail: this runs on the CPU alone."""
    function = jax.jit(lambda x: jax.lax.platform_dependent(x, cpu=jnp.sin))
    with pytest.raises(NotImplementedError):
        export.export(function, platforms=PLATFORMS)(jnp.ones(3))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("libtpu") is not None, reason="libtpu is installed")
@pytest.mark.parametrize("script", ["tpu_aot.py", "tpu_mesh.py"])
def test_without_the_compiler_nothing_is_measured(script):
    env = {"PYTHONPATH": ":".join(["tests", ".", *sys.path]), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, str(BENCHMARKS / script)]
    done = subprocess.run(command, cwd=BENCHMARKS.parent, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(
        "not measured: the package libtpu is not installed (pip install 'jax[tpu]')."
    )
