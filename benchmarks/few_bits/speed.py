"""A step of Adam in few bits against optax's in float32: its time, and that of a cold compilation.

    python benchmarks/few_bits/speed.py --layouts resnet50 gpt2

Bytes that a step reads and writes at least once, a parameter; in proportion if bytes were all:

    float32                            28      1
    state in 16 bits                   20      0.71
    state in 8 bits                    16      0.57
    bfloat16, 8 more bits              30      1.07      p, extra, g and the moments in float32
    bfloat16, 8 more bits, 8 bits      12      0.43

XLA writes one result in each pass on a CPU, so that decoding, the average and the random bits are computed
again for each of them: some 70 integer operations an entry, three times. All run in turns in one process;
ratios are to optax's, below 1 is faster, with median and [quartiles].
"""

import argparse
import functools
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax

import adaptive_tx as atx

sys.path.append(str(pathlib.Path(__file__).parent.parent))
from step import LAYOUTS, arrays, cold, runner  # noqa: E402 (a program beside this folder)

EIGHT = atx.stored(atx.adam(1e-2), 8)
HALF = jnp.bfloat16
ROWS = {
    "float32, optax": (jnp.float32, optax.adam(1e-2)),
    "float32": (jnp.float32, atx.adam(1e-2)),
    "state in 16 bits": (jnp.float32, atx.stored(atx.adam(1e-2), 16)),
    "state in 8 bits": (jnp.float32, EIGHT),
    "bfloat16, 8 more bits": (HALF, atx.rounded(atx.adam(1e-2))),
    "bfloat16, 8 more bits, state in 8 bits": (HALF, atx.rounded(EIGHT)),
}


def measured(measures, repeats: int) -> np.ndarray:
    """Seconds of each, in turns, there and back: [round, which]."""
    rounds = []
    for _ in range(repeats):
        there = [measure() for measure in measures]
        back = [measure() for measure in reversed(measures)]
        rounds += [there, back[::-1]]
    return np.asarray(rounds)


def seconds_to_compile(tx, tree) -> float:
    return cold(tx, tree)[0].sum()


def halved(tree, dtype):
    return jax.tree.map(lambda x: x.astype(dtype), tree)


def text(ratios: np.ndarray) -> str:
    q1, median, q3 = np.quantile(ratios, [0.25, 0.5, 0.75])
    return f"{median:.2f} [{q1:.2f}, {q3:.2f}]"


def show(layout: str, repeats: int) -> None:
    shapes = LAYOUTS[layout]
    compiles, runs = [], []
    for dtype, tx in ROWS.values():
        tree = {f"{i:04d}": jax.ShapeDtypeStruct(s, dtype) for i, s in enumerate(shapes)}
        compiles.append(functools.partial(seconds_to_compile, tx, tree))
        start = [halved(arrays(shapes, seed), dtype) for seed in (0, 1)]
        runs.append(runner(tx, cold(tx, tree)[1], *start))
    steps = measured(runs, 5 * repeats)
    colds = measured(compiles, repeats)
    print(f"\n{layout}: {sum(np.prod(s) for s in shapes):,.0f} parameters\n")
    print("| parameters and state | step | trace + lower + compile |\n|---|---|---|")
    for i, name in enumerate(ROWS):
        cells = (text(times[:, i] / times[:, 0]) for times in (steps, colds))
        print(f"| {name} |", " | ".join(cells), "|", flush=True)
    noise = np.median(abs(np.log(steps[1::2, 0] / steps[::2, 0])))
    print(f"\nnoise of a step (optax against itself): {100 * noise:.0f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=["resnet50"])
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    print(f"jax {jax.__version__}, optax {optax.__version__}, {jax.devices()[0].device_kind}")
    for layout in options.layouts:
        show(layout, options.repeats)


if __name__ == "__main__":
    main()
