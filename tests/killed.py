"""A run that saves every step, by Orbax and by flax, until it is killed; `test_checkpoints` kills it.

python tests/killed.py FOLDER       goes on from the last complete checkpoint in FOLDER
"""

import os
import pathlib
import sys

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
from flax import serialization

import adaptive_tx as atx
from adaptive_tx import schedules

TX = atx.guarded(atx.measured(atx.adamw(schedules.cosine(0.1, 1000))))
PARAMS = {"w": jnp.linspace(-1.0, 1.0, 4096).reshape(64, 64), "b": jnp.linspace(0.1, 0.6, 3)}


def rate(count):
    """A schedule of one's own."""
    return 0.1 / (1.0 + count.astype(float))


def start():
    return {"params": PARAMS, "state": TX.init(PARAMS)}


@jax.jit
def step(run):
    grads = jax.tree.map(lambda p: jnp.sin(3 * p) + 0.3 * p, run["params"])
    updates, state = TX.update(grads, run["state"], run["params"])
    return {"params": jax.tree.map(jnp.add, run["params"], updates), "state": state}


def manager(folder: pathlib.Path) -> ocp.CheckpointManager:
    return ocp.CheckpointManager(
        folder / "orbax", options=ocp.CheckpointManagerOptions(max_to_keep=2)
    )


def restored(checkpoints: ocp.CheckpointManager):
    """The last complete checkpoint, or the start."""
    if (last := checkpoints.latest_step()) is None:
        return start()
    return checkpoints.restore(last, args=ocp.args.StandardRestore(start()))


def save_by_flax(path: pathlib.Path, run) -> None:
    """The file is the old one or the new one, whole, whenever the process ends."""
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(serialization.to_bytes(run))
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def main(folder: pathlib.Path) -> None:
    checkpoints = manager(folder)
    run = restored(checkpoints)
    step(run)  # compiled; it is killed while it steps and saves
    print("ready", flush=True)
    while True:
        run = step(run)
        save_by_flax(folder / "run.msgpack", run)
        checkpoints.save(int(run["state"].count), args=ocp.args.StandardSave(run))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
