"""A run of every optimizer at once, which `test_checkpoints` saves, and goes on with in a new process.

python tests/checkpointed.py FOLDER      restores FOLDER/orbax, goes on, and writes FOLDER/after.msgpack
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
from catalogue import CATALOGUE
from flax import serialization
from harness import update_of
from test_compat_torch_values import quick_jit

import adaptive_tx as atx
from adaptive_tx import schedules

RISING = schedules.linear(0.9, 0.99, 3)
TXS = {f"{i}-{row}": row() for i, row in enumerate(CATALOGUE)} | {
    "scheduled rate": atx.adamw(schedules.cosine(0.1, 10)),
    "scheduled decay": atx.adam(0.1, b1=RISING, b2=RISING),
    "wrapped": atx.guarded_by_z_score(atx.measured(atx.amsgrad(RISING)), warmup=1),
}


PARAMS = {"w": jnp.linspace(-1.0, 1.0, 6).reshape(2, 3), "b": jnp.linspace(0.1, 0.6, 3)}


@quick_jit
def step(carry):
    """One step of each, from gradients that the parameters and the count of steps make."""
    t, params, states = carry
    for name, tx in TXS.items():
        grads = jax.tree.map(lambda p: jnp.sin(3 * p + t) + 0.3 * p, params[name])  # noqa: B023
        updates, states[name] = update_of(tx)(grads, states[name], params[name])
        params[name] = jax.tree.map(jnp.add, params[name], updates)
    return t + 1, params, states


def start():
    params = {name: PARAMS for name in TXS}
    return jnp.zeros(()), params, {name: tx.init(params[name]) for name, tx in TXS.items()}


def trained(carry, steps: int):
    for _ in range(steps):
        carry = step(carry)
    return carry


def main(folder: pathlib.Path) -> None:
    restored = ocp.StandardCheckpointer().restore(folder / "orbax", start())
    (folder / "after.msgpack").write_bytes(serialization.to_bytes(trained(restored, 2)))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
