"""Every transformation under symbolic shapes, and on a mesh with Explicit axes: both by tracing alone."""

import chex
import jax
import jax.numpy as jnp
import pytest
from catalogue import CATALOGUE
from harness import update_of
from jax import P, export

import adaptive_tx as atx
from adaptive_tx.compat import torch

pytestmark = pytest.mark.filterwarnings("error")
CASES = {str(row): row() for row in CATALOGUE} | {
    "torch-clip_grad_norm-1": torch.clip_grad_norm(1.0, 1),
    "torch-clip_grad_norm-2": torch.clip_grad_norm(1.0, 2),
    "torch-clip_grad_norm-inf": torch.clip_grad_norm(1.0, float("inf")),
    "torch-reduce_lr_on_plateau": torch.reduce_lr_on_plateau(0.1),
}
every = pytest.mark.parametrize("name", CASES)
EXPLICIT = jax.sharding.AbstractMesh((2,), ("x",), axis_types=(jax.sharding.AxisType.Explicit,))


def of_shapes(shape, matrix, vector):
    """The harness's tree, in other shapes."""
    return {"enc": {"w": shape(*matrix), "b": shape(*vector)}, "scale": shape()}


@every
def test_symbolic_shapes(name):
    rows, columns = export.symbolic_shape("rows, columns")
    values = of_shapes(
        lambda *dims: jax.ShapeDtypeStruct(dims, jnp.float32), (rows, columns), (columns,)
    )
    tx = CASES[name]
    state = jax.eval_shape(tx.init, values)
    _, after = jax.eval_shape(update_of(tx), values, state, values)
    chex.assert_trees_all_equal_shapes_and_dtypes(after, state)


@every
def test_explicit_axes(name):
    """States and directions are laid out as what they replace."""

    def leaf(*shape):
        sharding = jax.NamedSharding(EXPLICIT, P(*["x"] * bool(shape)))
        return jax.ShapeDtypeStruct(shape, jnp.float32, sharding=sharding)

    def laid_out(values):
        return [jax.typeof(x).sharding.spec for x in jax.tree.leaves(values)]

    def step(values):
        state = tx.init(values)
        updates, after = update_of(tx)(values, state, values)
        assert laid_out(updates) == laid_out(values)
        assert laid_out(after) == laid_out(state)
        return ()

    tx, values = CASES[name], of_shapes(leaf, (4, 3), (4,))
    with jax.sharding.use_abstract_mesh(EXPLICIT):
        jax.eval_shape(step, values)


@pytest.mark.parametrize("sizes", [(40, 60), (1, 1)])
def test_metrics_of_symbolic_shapes_are_those_of_the_shapes(sizes):
    rows, columns = export.symbolic_shape("rows, columns")
    symbolic = of_shapes(
        lambda *dims: jax.ShapeDtypeStruct(dims, jnp.float32), (rows, columns), (columns,)
    )
    real = of_shapes(
        lambda *dims: jax.random.normal(jax.random.key(len(dims)), dims), sizes, sizes[1:]
    )
    tx = atx.measured(atx.chain(atx.clip_by_global_norm(1.0), atx.adam(0.1)))

    def found(values):
        _, state = tx.update(values, tx.init(values), values)
        other = jax.tree.map(jnp.sin, values)  # after one gradient all ratios are 1
        return tx.update(other, state, values)[1].metrics

    exported = export.export(jax.jit(found))(symbolic).call(real)
    chex.assert_trees_all_close(exported, jax.jit(found)(real), rtol=1e-3)
