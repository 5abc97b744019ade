"""Rules of matrices: Muon in stacks, leaf by leaf, and optax's; SOAP's step, and what new bases cost.

    OPENBLAS_NUM_THREADS=1 python benchmarks/matrix.py                       widths 64, 256, 768
    OPENBLAS_NUM_THREADS=1 python benchmarks/matrix.py --layouts 64x48 --soap

A layer has four matrices: (d, 3 d), (d, d), (d, 4 d), (4 d, d). What to expect of Muon's iteration, for a
matrix of r rows and c columns, r <= c: 5 (2 r r c + r r r) multiplications and additions, the same however
it is arranged. So where matrices are large a step is arithmetic, and should tie; where they are small and
many, what is won is the time to trace and compile one body for each size, and to start it.

Ratios are to optax.contrib.muon, below 1 is faster, with median and [quartiles]; all run in turns in one
process. Temporary memory and size of the program are the compiler's. Each compilation is cold.
"""

import argparse
import functools
import os

import jax
import jax.numpy as jnp
import numpy as np
import optax
from step import arrays, cold, runner

import adaptive_tx as atx

LAYOUTS = {"64x48": (64, 48), "256x12": (256, 12), "768x12": (768, 12)}
ADAMW = {"b2": 0.95, "weight_decay": 0.1}


def shapes_of(width: int, layers: int) -> list[tuple[int, ...]]:
    d = width
    return layers * [(d, 3 * d), (d, d), (d, 4 * d), (4 * d, d), (d,)]


def by_matrices(tx):
    return atx.grouped(
        {"matrices": tx}, by=atx.matrices(but=None), default=atx.adamw(3e-4, **ADAMW)
    )


def leaf_by_leaf():
    """Muon with each matrix in a group of one: no stack has two."""
    return atx.chain(atx.ema_nesterov(0.95), alone(), atx.scale_by_learning_rate(0.02))


def alone():
    """The second half of Muon as a rule of whole leaves."""
    step = atx.orthogonalize(factor="original").update.args[0].step
    return atx.leafwise(
        "alone", step, eps=atx.ranges.positive(1e-7), slack=atx.ranges.at_least_one(1.0)
    )


MUON = {
    "optax.contrib.muon": optax.contrib.muon(
        0.02, adam_b2=0.95, adam_weight_decay=0.1, adam_learning_rate=3e-4
    ),
    "muon": by_matrices(atx.muon(0.02)),
    "muon, leaf by leaf": by_matrices(leaf_by_leaf()),
    "normuon": by_matrices(atx.normuon(0.02)),
}


def quartiles(ratios) -> str:
    q1, median, q3 = np.quantile(ratios, [0.25, 0.5, 0.75])
    return f"{median:.2f} [{q1:.2f}, {q3:.2f}]"


def show_muon(layout: str, repeats: int) -> None:
    shapes = shapes_of(*LAYOUTS[layout])
    tree = {f"{i:04d}": jax.ShapeDtypeStruct(s, jnp.float32) for i, s in enumerate(shapes)}
    params, grads = arrays(shapes, 0), arrays(shapes, 1)
    stages, runs, sizes = [], [], []
    for tx in MUON.values():
        times, step = cold(tx, tree)
        temporary = step.memory_analysis().temp_size_in_bytes
        sizes.append((temporary, len(step.as_text())))
        stages.append([times])
        runs.append(runner(tx, step, params, grads))
    for _ in range(repeats - 1):
        for times, tx in zip(stages, MUON.values()):
            times.append(cold(tx, tree)[0])
    steps = in_turns(runs, 2 * repeats)
    compiling = np.array(stages).sum(-1)
    print(f"\n{layout}: {sum(int(np.prod(s)) for s in shapes):,} parameters\n")
    print("| optimizer | step | trace + lower + compile | temporary memory | program |")
    print("|---|---|---|---|---|")
    for i, name in enumerate(MUON):
        cells = [quartiles(steps[:, i] / steps[:, 0]), quartiles(compiling[i] / compiling[0])]
        cells += [f"{sizes[i][k] / sizes[0][k]:.2f}" for k in (0, 1)]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)
    print(
        f"\noptax: a step {np.median(steps[:, 0]):.3g} s, compiling {np.median(compiling[0]):.3g} s"
    )


def in_turns(runs, rounds: int) -> np.ndarray:
    """Seconds of each, there and back."""
    found = []
    for _ in range(rounds):
        there = [run() for run in runs]
        back = [run() for run in reversed(runs)]
        found += [there, back[::-1]]
    return np.array(found)


def show_soap(layout: str, repeats: int) -> None:
    """A step of SOAP beside Adam's: without new bases, with them, and on average over `every` steps."""
    shapes = [s for s in shapes_of(*LAYOUTS[layout]) if len(s) == 2]
    params, grads = arrays(shapes, 0), arrays(shapes, 1)
    print(f"\n{layout}, SOAP / Adam: a step, on average over so many between new bases\n")
    print("| every | step | trace + lower + compile |\n|---|---|---|")
    tree = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), params)
    adam_times, adam_step = cold(adam := atx.adam(1e-3), tree)
    adam_run = runner(adam, adam_step, params, grads)
    for every in (1, 10, 100):
        times, step = cold(tx := atx.soap(1e-3, every=every), tree)
        run = averaged_runner(tx, step, params, grads, every)
        both = in_turns([adam_run, run], repeats)
        cells = quartiles(both[:, 1] / both[:, 0]), f"{times.sum() / adam_times.sum():.1f}"
        print(f"| {every} |", " | ".join(cells), "|", flush=True)


def averaged_runner(tx, step, params, grads, every: int):
    """Seconds per step over whole rounds of `every` steps."""
    run = runner(tx, functools.partial(many, step, every), params, grads)
    return lambda: run() / every


def many(step, n: int, params, state, grads):
    for _ in range(n):
        params, state = step(params, state, grads)
    return params, state


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=list(LAYOUTS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--soap", action="store_true", help="SOAP in place of Muon")
    options = parser.parse_args()
    kind = jax.devices()[0].device_kind
    print(
        f"jax {jax.__version__}, optax {optax.__version__}, {kind}, load {os.getloadavg()[0]:.1f}"
    )
    for layout in options.layouts:
        (show_soap if options.soap else show_muon)(layout, options.repeats)


if __name__ == "__main__":
    main()
