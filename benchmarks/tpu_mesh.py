"""Steps on four devices of a TPU v5e, compiled ahead of time: what they exchange, read in the program.

    PYTHONPATH=tests python benchmarks/tpu_mesh.py

Four matrices of 4,096 x 8,192 in float32, gradients that lie as the parameters do, layouts as in
docs/sharding.md: parameters on all devices ("data"), split by rows ("fsdp"), or on all devices with split
moments ("zero"). MiB: of gradients, parameters and state on one device, and temporary. It needs libtpu, as
tpu_aot.py does, and runs nothing.
"""

import collections
import re

import jax
import jax.numpy as jnp
import numpy as np
from jax import NamedSharding, P
from tpu_aot import SHAPES, devices, step_of

import adaptive_tx as atx

LAYOUTS = {"data": (P(), None), "fsdp": (P("data"), None), "zero": (P(), "data")}
OPTIMIZERS = {
    "clip_by_global_norm, adamw": atx.chain(atx.clip_by_global_norm(1.0), atx.adamw(1e-2)),
    "lamb": atx.lamb(1e-2),
    "adafactor": atx.adafactor(1e-2),
}
COLLECTIVE = re.compile(
    r"= (.*?) (all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter)(?:-start)?\("
)


def compiled(tx, sharding, zero):
    params = {k: jax.ShapeDtypeStruct(s, jnp.float32, sharding=sharding) for k, s in SHAPES.items()}
    lies = atx.state_sharding(tx, params, sharding, zero=zero)
    state = jax.tree.map(
        lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s),
        jax.eval_shape(tx.init, params),
        lies,
    )
    step = jax.jit(step_of(tx), donate_argnums=(0, 1), out_shardings=(sharding, lies))
    return step.lower(params, state, params).compile()


def exchanged(program) -> str:
    """Each result of a collective, and how often there is such a one."""
    found = collections.Counter(
        f"{kind} {shape}"
        for results, kind in COLLECTIVE.findall(program.as_text())
        for shape in re.findall(r"\w+\[[\d,]*\]", results)
    )
    return ", ".join(f"{n} {what}" for what, n in sorted(found.items())) or "nothing"


def main() -> None:
    mesh = jax.sharding.Mesh(np.array(devices()), ("data",))
    print("| optimizer | layout | exchanged | MiB | temporary |\n|---|---|---|---|---|")
    for name, tx in OPTIMIZERS.items():
        for layout, (spec, zero) in LAYOUTS.items():
            program = compiled(tx, NamedSharding(mesh, spec), zero)
            memory = program.memory_analysis()
            sizes = memory.argument_size_in_bytes, memory.temp_size_in_bytes
            cells = " | ".join(f"{size / 2**20:.0f}" for size in sizes)
            print(f"| {name} | {layout} | {exchanged(program)} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
