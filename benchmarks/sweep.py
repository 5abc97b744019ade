"""Tuning a learning rate: 64 members on the digits MLP, by `tune.train` and by loops over optax.

    optax, a loop             each rate its own optax.adam, one jitted step, compiled for each rate
    optax, injected           optax.inject_hyperparams: one jitted step for all rates
    optax, injected and scan  the same, a whole training as one compiled scan, called for each rate
    tune.train                all rates in one program
    tune.train, halving       a quarter of the members goes on after each quarter of the steps

All start from the same parameters and see the same batches; wall time includes tracing and compiling,
with empty caches, and ends with the loss on the held-out examples. What to expect on two cores: a loop
compiles 64 times (0.3 s each) and makes 64 x steps calls of some 0.15 ms, most of it dispatch (a step of 64
examples is 2 MFLOP, 30 us). tune.train compiles three programs, in 0.9 to 1 s together, of which 0.3 s are
tracing; then its steps are bound by arithmetic, on both cores. A scan has no dispatch either, but uses one
core. So the loop is at most 64 x 0.3 / 1 = 20 times as slow, and the injected step falls behind with more
and smaller steps; halving saves steps only, and shows in long trainings (--steps 5000). Losses differ where
a rate is so high (above 0.02) that training amplifies rounding; the loops differ from each other as much.

The ways run in turns, so that other load hits all alike. Printed are for each the median and [quartiles]
of its time over that of tune.train, members per second, and how many final losses agree to 1e-3 with it.
"""

import argparse
import functools
import importlib.metadata
import os
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

import adaptive_tx as atx
from adaptive_tx import tune
from adaptive_tx.tune.sweeps.batches import BatchOrder
from adaptive_tx.tune.tasks import load

MEMBERS = 64
RATES = tune.log_uniform(1e-4, 1e-1, MEMBERS)


class Race:
    """What all ways train."""

    def __init__(self, steps: int, batch: int):
        task = load("digits-mlp")
        self.loss, self.data, self.steps, self.batch = task.loss, task.data, steps, batch
        self.held_out = task.held_out
        self.params = jax.block_until_ready(task.init(jax.random.key(0)))
        self.sweep = tune.sweep(atx.adam, learning_rate=RATES)
        self.rates = self.sweep.settings["learning_rate"]
        examples = len(jax.tree.leaves(self.data)[0])
        self.orders = BatchOrder(examples, batch, 1, (0, 0)).rows(0, steps, steps)[0]

    def step(self, tx):
        """One step of optax: the gradient of a batch, and its update."""

        def step(params, state, row):
            batch = jax.tree.map(lambda x: x[row], self.data)
            grads = jax.grad(self.loss)(params, batch)
            updates, state = tx.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        return step

    def final(self):
        return jax.jit(lambda params: self.loss(params, self.held_out))

    def a_loop(self) -> np.ndarray:
        final, losses = self.final(), []
        for rate in self.rates:
            tx = optax.adam(rate)
            step = jax.jit(self.step(tx))
            params, state = self.params, tx.init(self.params)
            for row in self.orders:
                params, state = step(params, state, row)
            losses.append(final(params))
        return np.array(losses)

    def injected(self) -> np.ndarray:
        final, losses = self.final(), []
        tx = optax.inject_hyperparams(optax.adam)(learning_rate=1e-3)
        step = jax.jit(self.step(tx))
        for rate in self.rates:
            params, state = self.params, tx.init(self.params)
            state.hyperparams["learning_rate"] = jnp.float32(rate)
            for row in self.orders:
                params, state = step(params, state, row)
            losses.append(final(params))
        return np.array(losses)

    def injected_scan(self) -> np.ndarray:
        tx, losses = optax.inject_hyperparams(optax.adam)(learning_rate=1e-3), []
        step = self.step(tx)

        @jax.jit
        def train(params, rate, orders):
            state = tx.init(params)
            state.hyperparams["learning_rate"] = rate
            run = lax.scan(lambda run, row: (step(*run, row), None), (params, state), orders)
            return self.loss(run[0][0], self.held_out)

        for rate in self.rates:
            losses.append(train(self.params, jnp.float32(rate), self.orders))
        return np.array(losses)

    def ours(self, **halving) -> np.ndarray:
        how = {"steps": self.steps, "batch_size": self.batch, "points": 10, "progress": False}
        how |= {"evaluate": functools.partial(self.loss, batch=self.held_out), **halving}
        result = tune.train(self.loss, self.params, self.data, self.sweep, **how)
        return np.where(result.trained == self.steps, result.scores[:, 0], np.nan)

    def halved(self) -> np.ndarray:
        return self.ours(halving=(-(-self.steps // 4), 1 / 4), at_once=MEMBERS // 4)


WAYS = {
    "tune.train": Race.ours,
    "tune.train, halving": Race.halved,
    "optax, injected and scan": Race.injected_scan,
    "optax, injected": Race.injected,
    "optax, a loop": Race.a_loop,
}


def timed(way, race: Race) -> tuple[float, np.ndarray]:
    jax.clear_caches()
    begin = time.perf_counter()
    losses = way(race)
    return time.perf_counter() - begin, losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ways", default="", help="only those whose name contains one of a,b,...")
    arguments = parser.parse_args()
    wanted = arguments.ways.split(",")
    ways = {n: f for n, f in WAYS.items() if n == "tune.train" or any(w in n for w in wanted)}
    race = Race(arguments.steps, arguments.batch)
    times: dict[str, list[float]] = {name: [] for name in ways}
    losses: dict[str, np.ndarray] = {}
    for _ in range(arguments.repeats):
        for name, way in ways.items():
            seconds, losses[name] = timed(way, race)
            times[name].append(seconds)
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("jax", "optax"))
    print(f"{versions}, {jax.devices()[0].device_kind}, {os.cpu_count()} cores")
    task = f"{arguments.steps} steps of {arguments.batch} examples"
    print(f"{MEMBERS} members, {task}; load {os.getloadavg()[0]:.1f}\n")
    head = ("", "time / tune.train", "members/s", "losses agree", "best rate")
    print("{:26}{:>24}{:>12}{:>14}{:>11}".format(*head))
    base, ours = np.array(times["tune.train"]), losses["tune.train"]
    for name in ways:
        low, mid, high = np.percentile(np.array(times[name]) / base, [25, 50, 75])
        known = np.isfinite(losses[name])
        agree = np.isclose(losses[name], ours, rtol=1e-3)[known].sum()
        best = race.rates[np.nanargmin(losses[name])]
        rate = MEMBERS / np.median(times[name])
        ratio, same = f"{mid:.2f} [{low:.2f}, {high:.2f}]", f"{agree} of {known.sum()}"
        print(f"{name:26}{ratio:>24}{rate:12.1f}{same:>14}{best:11.4g}")


if __name__ == "__main__":
    main()
