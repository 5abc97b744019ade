"""One of several processes that train one model together, on four devices in all: run by test_sharding.py.

python one_of_several.py PROCESS PROCESSES PORT FOLDER FIRST LAST

trains from step FIRST to LAST. What starts at 0 saves a checkpoint in FOLDER at its end, and what starts
later restores that; process 0 also writes the numbers, as NumPy's.
"""

import os
import pathlib
import sys

DEVICES = 4
SHAPES = {"w": (8, 3), "b": (4,)}


def optimizer():
    import adaptive_tx as atx

    return atx.chain(atx.clip_by_global_norm(0.5), atx.adamw(0.1, weight_decay=0.1))


def start():
    """The parameters at step 0, and what the loss pulls them to."""
    import numpy as np

    rng = np.random.RandomState(0)
    return [
        {k: rng.standard_normal(s).astype("float32") for k, s in SHAPES.items()} for _ in range(2)
    ]


def steps(tx, params, state, targets, number, lies=None):
    """A training as a user writes it, on one device or on many; `lies` says where its results are."""
    import jax
    import jax.numpy as jnp
    import optax

    def loss(params, targets):
        away = jax.tree.map(lambda p, t: jnp.sum((p - t) ** 2), params, targets)
        return sum(jax.tree.leaves(away))

    def step(params, state, targets):
        updates, state = tx.update(jax.grad(loss)(params, targets), state, params)
        return optax.apply_updates(params, updates), state

    step = jax.jit(step, out_shardings=lies)
    for _ in range(number):
        params, state = jax.block_until_ready(step(params, state, targets))
    return params, state


def main(process: int, processes: int, port: int, folder: str, first: int, last: int) -> None:
    per_process = DEVICES // processes
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={per_process}"
    import jax
    import numpy as np
    import orbax.checkpoint as ocp
    from jax.experimental import multihost_utils

    import adaptive_tx as atx

    if processes > 1:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(f"127.0.0.1:{port}", processes, process)
    assert (len(jax.devices()), len(jax.local_devices())) == (DEVICES, per_process)
    mesh = jax.make_mesh((DEVICES,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    lies = {"w": jax.NamedSharding(mesh, jax.P("data")), "b": jax.NamedSharding(mesh, jax.P())}
    params, targets = (
        {
            k: jax.make_array_from_callback(x.shape, lies[k], lambda i, x=x: x[i])
            for k, x in tree.items()
        }
        for tree in start()
    )
    tx = optimizer()
    both = lies, atx.state_sharding(tx, params, lies, zero="data")
    state = jax.jit(tx.init, out_shardings=both[1])(params)
    with ocp.StandardCheckpointer() as checkpointer:
        if first:
            like = jax.tree.map(
                lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s),
                (params, state),
                both,
            )
            params, state = checkpointer.restore(pathlib.Path(folder) / f"step{first}", like)
        params, state = steps(tx, params, state, targets, last - first, both)
        if not first:
            checkpointer.save(pathlib.Path(folder) / f"step{last}", (params, state))
    found = multihost_utils.process_allgather((params, state), tiled=True)
    if process == 0:
        np.savez(pathlib.Path(folder) / f"found{last}-by{processes}.npz", *jax.tree.leaves(found))


if __name__ == "__main__":
    process, processes, port, folder, first, last = sys.argv[1:]
    main(int(process), int(processes), int(port), folder, int(first), int(last))
