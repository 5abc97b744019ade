"""Every step compiled ahead of time for a TPU v5e, without one: what XLA says that it moves.

    PYTHONPATH=tests python benchmarks/tpu_aot.py

For every row of the tests' catalogue, a step of `update` and `apply_updates`, parameters and state donated,
over four matrices of 4,096 x 8,192:

    bytes       what the step reads and writes by XLA's own count, over what it must at least: gradients,
                parameters and state once in, parameters and state once out
    temporary   the memory that it needs besides its arguments and results, in MiB

ours, and optax's same optimizer where it has it. A norm of the gradients, or of their rows, is known only
when all of them have been read, so that they are read twice. It needs the package libtpu (`pip install
"jax[tpu]"`), no TPU; without the package it says so. Nothing is run: no time is measured.
"""

import argparse
import importlib.util
import sys

import jax
import jax.numpy as jnp
import optax
from catalogue import CATALOGUE
from jax.experimental import topologies

import adaptive_tx as atx

TOPOLOGY = "v5e:2x2"
SHAPES = {f"{i}": (4096, 8192) for i in range(4)}
CLIPPED = tuple(
    lib.chain(lib.clip_by_global_norm(1.0), lib.adamw(1e-2, weight_decay=0.01))
    for lib in (atx, optax)
)
PAIRS = {"clip_by_global_norm, adamw": CLIPPED} | {
    str(row): (row(), row.optax and row.optax()) for row in reversed(CATALOGUE)
}


def devices() -> list[jax.Device]:
    """Of the topology, as the compiler knows them. Without the compiler it says so and ends."""
    if importlib.util.find_spec("libtpu") is None:
        sys.exit("not measured: the package libtpu is not installed (pip install 'jax[tpu]').")
    return [*topologies.get_topology_desc(TOPOLOGY, platform="tpu").devices]


def step_of(tx):
    def step(params, state, grads):
        update = optax.with_extra_args_support(tx).update
        updates, state = update(grads, state, params, value=jnp.ones(()))
        return optax.apply_updates(params, updates), state

    return jax.jit(step, donate_argnums=(0, 1))


def compiled(tx, sharding, dtype):
    """The step for one device, and the bytes that it must move."""
    params = {k: jax.ShapeDtypeStruct(s, dtype) for k, s in SHAPES.items()}
    given = params, jax.eval_shape(tx.init, params), params
    placed = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), given
    )
    sizes = [sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree)) for tree in given]
    return step_of(tx).lower(*placed).compile(), 2 * (sizes[0] + sizes[1]) + sizes[2]


def cells(tx, sharding, dtype) -> str:
    if tx is None:
        return "| | "
    program, least = compiled(tx, sharding, dtype)
    moved = program.cost_analysis()["bytes accessed"] / least
    return f"| {moved:.2f} | {program.memory_analysis().temp_size_in_bytes / 2**20:.1f} "


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", nargs="+", choices=PAIRS, metavar="ROW", help="of the catalogue")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    options = parser.parse_args()
    (device, *_), dtype = devices(), jnp.dtype(options.dtype)
    print(f"{device.device_kind}, jax {jax.__version__}, optax {optax.__version__}, {dtype}\n")
    sharding = jax.NamedSharding(jax.sharding.Mesh([device], ("device",)), jax.P())
    print("| row | bytes | temporary | of optax: bytes | temporary |\n|---|---|---|---|---|")
    for name in options.rows or reversed(PAIRS):
        ours, theirs = (cells(tx, sharding, dtype) for tx in PAIRS[name])
        print(f"| `{name}` {ours}{theirs}|", flush=True)


if __name__ == "__main__":
    main()
