"""What AdamW keeps, in bytes a parameter: counted from the compiled step, nothing allocated.

    python benchmarks/few_bits/size.py      GPT-2 small, and 7 billion parameters on eight devices (FSDP)

A step is `update` and `apply_updates`, parameters and state donated, compiled from shapes alone. `kept` is
what it takes as parameters and state, `temporary` what it needs besides arguments and results on this
backend. `describe` must say the same of the state. Expected, with gradients like the parameters:

    parameters  state            kept              read and written in a step
    float32     float32          4 + 8 = 12        4 + 12 + 12      = 28
    float32     16 bits          4 + 4 = 8         4 + 8 + 8        = 20
    float32     8 bits           4 + 2 = 6         4 + 6 + 6        = 16
    bfloat16    float32 master   2 + 4 + 8 = 14    2 + 14 + 14      = 30
    bfloat16    8 bits, 8 more   2 + 1 + 2 = 5     2 + 5 + 5        = 12
"""

import os
import pathlib
import sys
from typing import Any

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")

import jax  # noqa: E402 (the devices are made when it is imported)
import jax.numpy as jnp  # noqa: E402
import optax  # noqa: E402
from jax import NamedSharding, P  # noqa: E402

import adaptive_tx as atx  # noqa: E402

sys.path.append(str(pathlib.Path(__file__).parent.parent))
from step import LAYOUTS  # noqa: E402 (a program beside this folder)

EIGHT = atx.stored(atx.adamw(3e-4), 8)
ROWS = {  # what stands in the table: parameters, optimizer
    "float32, optax": (jnp.float32, optax.adamw(3e-4)),
    "float32": (jnp.float32, atx.adamw(3e-4)),
    "float32, state in 16 bits": (jnp.float32, atx.stored(atx.adamw(3e-4), 16)),
    "float32, state in 8 bits": (jnp.float32, EIGHT),
    "bfloat16, 16 more bits": (jnp.bfloat16, atx.rounded(atx.adamw(3e-4), extra_bits=16)),
    "bfloat16, 8 more bits": (jnp.bfloat16, atx.rounded(atx.adamw(3e-4))),
    "bfloat16, 8 more bits, state in 8 bits": (jnp.bfloat16, atx.rounded(EIGHT)),
}


def seven_billion() -> dict[str, tuple[int, ...]]:
    """Llama's first: 32 layers of width 4,096, stacked, as a scan over layers has them."""
    d, hidden, layers, words = 4096, 11008, 32, 32000
    shapes = {"embed": (words, d), "head": (d, words), "norm": (d,)}
    shapes |= {f"layers/{k}": (layers, d, d) for k in ("q", "k", "v", "o")}
    shapes |= {f"layers/{k}": (layers, d, hidden) for k in ("gate", "up")}
    return shapes | {"layers/down": (layers, hidden, d), "layers/norms": (layers, 2, d)}


def step_of(tx):
    def step(params, state, grads):
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    return step


def compiled(tx, params, shardings=None):
    """The step, from shapes."""
    state, out = jax.eval_shape(tx.init, params), None
    if shardings is not None:
        lies = atx.state_sharding(tx, params, shardings)
        out = shardings, lies
        params, state = (
            jax.tree.map(placed, x, s) for x, s in ((params, shardings), (state, lies))
        )
    step = jax.jit(step_of(tx), donate_argnums=(0, 1), out_shardings=out)
    return step.lower(params, state, params).compile(), (params, state)


def placed(x, sharding):
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding)


def size_of(tree) -> int:
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))


def show(title: str, shapes, mesh=None) -> None:
    entries = sum(jax.ShapeDtypeStruct(s, jnp.float32).size for s in shapes.values())
    devices = 1 if mesh is None else mesh.size
    print(
        f"\n{title}: {entries:,} parameters, {devices} device{'s' * (devices > 1)}; bytes a parameter\n"
    )
    print(
        "| parameters and state | kept | of these the state | temporary | GiB kept on each device |"
    )
    print("|---|---|---|---|---|")
    for name, (dtype, tx) in ROWS.items():
        params = {k: jax.ShapeDtypeStruct(s, dtype) for k, s in shapes.items()}
        lies = mesh and {k: NamedSharding(mesh, split(s, mesh.size)) for k, s in shapes.items()}
        program, (_, state) = compiled(tx, params, lies)
        memory: Any = program.memory_analysis()
        grads = size_of(params) / devices
        kept = memory.argument_size_in_bytes - grads
        said = atx.describe(tx, params).bytes
        assert abs(said - size_of(state)) < 1, (said, size_of(state))
        cells = (
            kept * devices / entries,
            said / entries,
            memory.temp_size_in_bytes * devices / entries,
        )
        print(
            f"| {name} |",
            " | ".join(f"{x:.2f}" for x in cells),
            f"| {kept / 2**30:.2f} |",
            flush=True,
        )


def split(shape: tuple[int, ...], devices: int) -> P:
    """The longest axis that the devices divide, as FSDP does; small arrays are everywhere."""
    axes = [i for i, n in enumerate(shape) if n % devices == 0 and len(shape) > 1]
    if not axes:
        return P()
    longest = max(axes, key=lambda i: shape[i])
    return P(*(None,) * longest, "data")


def main() -> None:
    print(f"jax {jax.__version__}, optax {optax.__version__}, {jax.devices()[0].device_kind}")
    show("GPT-2 small", dict(enumerate(LAYOUTS["gpt2"])))
    show(
        "7 billion",
        seven_billion(),
        jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,)),
    )


if __name__ == "__main__":
    main()
