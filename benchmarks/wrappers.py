"""What `measured` and `guarded` add to a step of Adam, beside optax's apply_if_finite.

A step is `update` and `apply_updates` under `jit`, parameters and state donated. The arrays, of as many
float32 numbers as there are parameters, that it must read and write at least once, on a CPU:

    plain             g, p, mu, nu -> p, mu, nu                                                     7
    apply_if_finite   g for the flag; the step in a `cond`, whose updates are written and read     10
    guarded           g, mu, nu for the flags of gradients and updates; the same                   12
    measured          the step; g, p, mu for norms and noise; and g, mu, nu each for the updates'
                      norm, the largest entry of the direction, and the flags                      17
    every n steps     the same every n-th step, in a `cond` before a plain one                     7 + 10/n

A CPU runs a reduction apart from what it reduces, on one core if that is more than a sum of squares;
accelerators join them, and fewer arrays are read. A temporary array costs more than its bytes, because its
memory is asked for anew at each step: so guards judge before they write, and keep no copy. Small steps are
bound by calls; and `measured` sorts a sample there, which takes as long as the step.

All run in turns in one process, each round in another order, so that other load hits all alike. Printed are
the median and [quartiles] of the ratio to the plain step of the same round; the milliseconds; and the
arrays that the compiled program reads and writes by XLA's own count, of all its kernels (both sides of a
`cond` count).
"""

import argparse
import importlib.metadata
import json
import os
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
from step import runner

import adaptive_tx as atx

LAYOUTS = {  # parameters: the shapes of a multilayer perceptron
    "5 thousand": [(64, 64), (64,), (64, 10), (10,)],
    "1 million": 4 * [(512, 512), (512,)],
    "8 million": 8 * [(1024, 1024), (1024,)],
}

OPTIMIZERS = {
    "plain": lambda: atx.adam(1e-3),
    "apply_if_finite": lambda: optax.apply_if_finite(atx.adam(1e-3), 10),
    "guarded": lambda: atx.guarded(atx.adam(1e-3)),
    "measured": lambda: atx.measured(atx.adam(1e-3)),
    "measured, every=20": lambda: atx.measured(atx.adam(1e-3), every=20),
    "measured(guarded)": lambda: atx.measured(atx.guarded(atx.adam(1e-3))),
}


def arrays(shapes, seed: int) -> list[jax.Array]:
    rng = np.random.default_rng(seed)
    return [jnp.asarray(rng.standard_normal(s, "f")) for s in shapes]


def compiled(tx, params):
    def step(params, state, grads):
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    start = params, jax.eval_shape(tx.init, params)
    return jax.jit(step, donate_argnums=(0, 1)).lower(*start, params).compile()


def touched(step, params) -> float:
    """Arrays as large as the parameters that the program reads and writes, by XLA's count."""
    return step.cost_analysis()["bytes accessed"] / 4 / sum(p.size for p in params)


def measure(shapes, names, rounds: int, seconds: float) -> dict:
    params, grads = arrays(shapes, 0), arrays(shapes, 1)
    runs, found = {}, {}
    for name in names:
        tx = OPTIMIZERS[name]()
        step = compiled(tx, params)
        runs[name] = runner(tx, step, params, grads, seconds, rounds_of=20)  # of every=20
        found[name] = {"arrays": touched(step, params)}
    times = {name: [] for name in names}
    rng = np.random.default_rng(2)
    for _ in range(rounds):
        for i in rng.permutation(len(names)):
            times[names[i]].append(runs[names[i]]())
    base = np.array(times["plain"])
    for name in names:
        quartiles = np.quantile(np.array(times[name]) / base, [0.25, 0.5, 0.75])
        found[name] |= dict(zip(("q1", "ratio", "q3"), quartiles.tolist()))
        found[name]["ms"] = 1e3 * float(np.median(times[name]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=list(LAYOUTS))
    parser.add_argument("--optimizers", nargs="+", choices=OPTIMIZERS, default=list(OPTIMIZERS))
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--seconds", type=float, default=0.05, help="of one optimizer in a round")
    parser.add_argument("--out", help="write all numbers here, as JSON")
    options = parser.parse_args()
    names = ["plain", *(name for name in options.optimizers if name != "plain")]
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("jax", "optax"))
    print(f"{versions}, {jax.devices()[0].device_kind}, {os.cpu_count()} cores", end=", ")
    print(f"load {os.getloadavg()[0]:.1f}")
    head = ("parameters", "optimizer", "time / plain", "ms", "arrays")
    print("{:12}{:20}{:>22}{:>9}{:>9}".format(*head))
    report = {}
    for layout in options.layouts:
        report[layout] = measure(LAYOUTS[layout], names, options.rounds, options.seconds)
        for name, row in report[layout].items():
            ratio = "{ratio:.2f} [{q1:.2f}, {q3:.2f}]".format(**row)
            print(
                f"{layout:12}{name:20}{ratio:>22}{row['ms']:9.3f}{row['arrays']:9.1f}", flush=True
            )
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
