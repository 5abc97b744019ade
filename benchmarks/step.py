"""One optimizer step of ours against optax's: the time it takes, and its cold compilation.

A step is `update` and `apply_updates` under `jit`, parameters and state donated. What to expect,
from the float32 arrays that it reads and writes at least once, in bytes per parameter:

    sgd (momentum), adagrad, rmsprop, lion    g, p, slot -> p, slot           20
    adam, adamw, radam                        g, p, mu, nu -> p, mu, nu       28
    clip (by global norm, then adam)          and g once more, for the norm   32

Both move the same bytes, in as many kernels (on the CPU one per output): steps should tie. Tracing,
optax walks the operations of every leaf; ours are traced once for each shape, and then called.

Ratios are ours / optax: below 1 is faster. The two run in turns (ours, optax, optax, ours), so that
other load hits both alike. Printed are median and [quartiles] over neighbours; as noise the median
|log ratio| of optax with itself. Each compilation is cold: the caches are cleared.
"""

import argparse
import gc
import importlib.metadata
import json
import math
import os
import pathlib
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

import adaptive_tx as atx

ENOUGH = 20.0  # seconds for one row's compilations, or its steps: no further repeats after that
COLUMNS = ("step", "all three", *(STAGES := ("trace", "lower", "compile")))


def gpt2_small() -> list[tuple[int, ...]]:
    d = 768
    norm, attention = [(d,), (d,)], [(d, 3 * d), (3 * d,), (d, d), (d,)]
    mlp = [(d, 4 * d), (4 * d,), (4 * d, d), (d,)]
    return [(50257, d), (1024, d)] + 12 * (norm + attention + norm + mlp) + norm


def resnet50() -> list[tuple[int, ...]]:
    def conv(size, inputs, outputs):  # with its batch norm
        return [(size, size, inputs, outputs), (outputs,), (outputs,)]

    shapes, inputs = conv(7, 3, 64), 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        shapes += conv(1, inputs, 4 * width)  # beside the first block
        for _ in range(blocks):
            shapes += conv(1, inputs, width) + conv(3, width, width) + conv(1, width, 4 * width)
            inputs = 4 * width
    return shapes + [(2048, 1000), (1000,)]


LAYOUTS = {"gpt2": gpt2_small(), "resnet50": resnet50(), "leaves2000": 2000 * [(256,)]}

OPTIMIZERS = {  # ours, and the same of optax
    "sgd": (atx.momentum(1e-2, decay=0.9), optax.sgd(1e-2, 0.9)),
    "adam": (atx.adam(1e-2), optax.adam(1e-2)),
    "adamw": (atx.adamw(1e-2, weight_decay=0.01), optax.adamw(1e-2, weight_decay=0.01)),
    "adagrad": (
        atx.adagrad(1e-2, eps=1e-7, initial_accumulator_value=0.1, eps_in_root=True),
        optax.adagrad(1e-2, 0.1, 1e-7),
    ),
    "rmsprop": (
        atx.rmsprop(1e-2, b2=0.9, eps=1e-8, eps_in_root=True),
        optax.rmsprop(1e-2, 0.9, 1e-8),
    ),
    "lion": (atx.lion(1e-2, weight_decay=1e-3), optax.lion(1e-2, weight_decay=1e-3)),
    "radam": (atx.radam(1e-2), optax.radam(1e-2)),
    "clip": tuple(lib.chain(lib.clip_by_global_norm(1.0), lib.adam(1e-2)) for lib in (atx, optax)),
}


def stepper(tx):
    def step(params, state, grads):
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    return jax.jit(step, donate_argnums=(0, 1))


def arrays(shapes, seed: int) -> dict[str, jax.Array]:
    """Normal numbers, as the leaves of a dict in the order given."""
    rng = np.random.default_rng(seed)
    return {f"{i:04d}": jnp.asarray(rng.standard_normal(s, "f")) for i, s in enumerate(shapes)}


def difference(pair) -> float:
    """How far two optimizers are apart after 3 steps, as a part of how far these went."""
    shapes, ends = [(64, 32), (64,)], []
    start = arrays(shapes, seed=0)
    for tx in pair:
        params, state = jax.tree.map(jnp.copy, start), tx.init(start)
        for seed in (1, 2, 3):
            params, state = stepper(tx)(params, state, arrays(shapes, seed))
        ends.append(params)
    far = [[float(abs(tree[k] - ends[1][k]).max()) for k in start] for tree in (ends[0], start)]
    return max(distance / moved for distance, moved in zip(*far, strict=True))


def cold(tx, tree):
    """Seconds to trace, to lower and to compile a step, nothing cached; and the compiled step."""
    state = jax.eval_shape(tx.init, tree)
    jax.clear_caches()
    gc.collect()
    stage, marks = stepper(tx), [time.perf_counter()]
    for advance, arguments in zip(STAGES, [(tree, state, tree), (), ()], strict=True):
        stage = getattr(stage, advance)(*arguments)
        marks.append(time.perf_counter())
    return np.diff(marks), stage


def runner(tx, step, params, grads, seconds: float = 0.05, rounds_of: int = 1):
    """A training that goes on for so many seconds at each call, and returns its seconds per step.

    Its steps are whole rounds of so many.
    """
    carry, calls = (jax.tree.map(jnp.copy, params), tx.init(params)), 1

    def run() -> float:
        nonlocal carry
        start = time.perf_counter()
        for _ in range(calls):
            carry = step(*carry, grads)
        jax.block_until_ready(carry)
        return (time.perf_counter() - start) / calls

    run()  # warm up
    calls = rounds_of * max(1, math.ceil(seconds / rounds_of / run()))
    return run


def in_turns(measure, repeats: int) -> np.ndarray:
    """`measure(side)` in the order ours, optax, optax, ours: [pair, side, quantity]."""
    start, pairs = time.perf_counter(), []
    while len(pairs) < 2 * repeats and (not pairs or time.perf_counter() - start < ENOUGH):
        a, b, c, d = (measure(side) for side in (0, 1, 1, 0))
        pairs += [(a, b), (d, c)]
    return np.asarray(pairs).reshape(len(pairs), 2, -1)


def summary(times: np.ndarray) -> dict:
    """Of [pair, side] seconds: the ratios' median and quartiles, the seconds, the noise."""
    q1, median, q3 = np.quantile(times[:, 0] / times[:, 1], [0.25, 0.5, 0.75])
    noise = np.median(abs(np.log(times[0::2, 1] / times[1::2, 1])))
    ours, theirs = np.median(times, axis=0)
    values = dict(ratio=median, q1=q1, q3=q3, noise=noise, ours=ours, optax=theirs)
    return {name: float(x) for name, x in values.items()} | {"pairs": len(times)}


def row(pair, shapes, repeats: int) -> dict:
    tree = {f"{i:04d}": jax.ShapeDtypeStruct(s, jnp.float32) for i, s in enumerate(shapes)}
    compiled = [None, None]

    def compile_once(side):
        seconds, compiled[side] = cold(pair[side], tree)
        return [*seconds, sum(seconds)]

    times = in_turns(compile_once, repeats)
    result = {name: summary(times[..., i]) for i, name in enumerate((*STAGES, "all three"))}
    start = arrays(shapes, seed=0), arrays(shapes, seed=1)
    runs = [runner(tx, step, *start) for tx, step in zip(pair, compiled, strict=True)]
    return {"step": summary(in_turns(lambda side: runs[side](), 5 * repeats)[..., 0]), **result}


def show(result: dict) -> None:
    name = result["optimizer"] + ("" if result["same"] else " (differs)")
    cells = ["{ratio:5.2f} [{q1:.2f}, {q3:.2f}]".format(**result[c]) for c in COLUMNS]
    numbers = [1e3 * result["step"][who] for who in ("ours", "optax")]
    numbers += [result[c]["noise"] for c in COLUMNS[:2]]
    last = "{:.2f}, {:.2f}; {:.2f}, {:.2f}".format(*numbers)
    print(f"{result['layout']:11}{name:10}", *(f"{c:20}" for c in cells), last, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=list(LAYOUTS))
    parser.add_argument("--optimizers", nargs="+", choices=OPTIMIZERS)
    parser.add_argument("--repeats", type=int, help="rounds of compiling; 5 times as many of steps")
    parser.add_argument("--out", help="write all numbers here, as JSON, after each row")
    parser.add_argument("--quick", action="store_true", help="1 repeat; sgd and adam unless named")
    options = parser.parse_args()
    names, repeats = (["sgd", "adam"], 1) if options.quick else (list(OPTIMIZERS), 3)
    names, repeats = options.optimizers or names, options.repeats or repeats
    machine = {"device": jax.devices()[0].device_kind, "load": os.getloadavg()[0]}
    machine |= {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "optax")}
    report = {"environment": machine, "rows": []}
    print(*(f"{key} {value}" for key, value in machine.items()), sep=", ")
    print(f"{'ours / optax':21}", *(f"{c:20}" for c in COLUMNS), "ms of both; noise: step, all")
    for layout in options.layouts:
        for name in names:
            head = {
                "layout": layout,
                "optimizer": name,
                "same": difference(OPTIMIZERS[name]) < 1e-4,
            }
            report["rows"].append(head | row(OPTIMIZERS[name], LAYOUTS[layout], repeats))
            show(report["rows"][-1])
            if options.out:
                pathlib.Path(options.out).write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
