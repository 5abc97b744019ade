"""Members of a sweep that make each step together (vmap), or all steps one after the other: their times.

The same chunk of `tune.train` both ways, compiled before, in turns. Printed is one after the other over
together: median [quartiles] of the wall time, and of the processor's, which another load disturbs less.
What to expect on a CPU, where threads share the members: small matrix products of all members are one call
together; convolutions with filters of their own are a grouped one, which is slow; and what one member keeps
in the cache is read from memory where all members take turns. `training/ways.py` has the rule.
"""

import argparse
import importlib.metadata
import os
import time

import flax.linen as nn
import jax
import numpy as np

import adaptive_tx as atx
from adaptive_tx import tune
from adaptive_tx.tune.sweeps.plan import plan
from adaptive_tx.tune.tasks import load
from adaptive_tx.tune.tasks.task import cross_entropy
from adaptive_tx.tune.training.chunk import Chunk
from adaptive_tx.tune.training.setup import setup

STEPS = 10_000  # that could be made


class Cnn(nn.Module):
    """Two convolutions on the digits."""

    @nn.compact
    def __call__(self, x):
        x = x.reshape(-1, 8, 8, 1)
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), (2, 2))
        return nn.Dense(10)(x.reshape(len(x), -1))


def problem(name: str):
    """(loss, params, data)."""
    if name != "flax-cnn":
        task = load(name)
        return task.loss, task.init(jax.random.key(0)), task.data
    task, model = load("digits-mlp"), Cnn()
    params = model.init(jax.random.key(0), task.data.inputs[:1])

    def loss(params, batch):
        return cross_entropy(model.apply(params, batch.inputs), batch.targets)

    return loss, params, task.data


class Way:
    """A chunk that was compiled, and its runs."""

    def __init__(self, shared, sweep, mapped: bool, room: int):
        self.chunk = Chunk(
            shared._replace(written=0.0 if mapped else np.inf), sweep, np.arange(len(sweep)), None
        )
        self.runs, self.at, self.room = self.chunk.begin(), 0, room
        self.times: list[tuple[float, float]] = []

    def advance(self, calls: int) -> tuple[float, float]:
        """Wall time and time of the processor."""
        wall, processor = time.perf_counter(), time.process_time()
        for _ in range(calls):
            self.runs, _ = self.chunk.advance(self.runs, self.at, self.at + self.room)
            self.at += self.room
        return time.perf_counter() - wall, time.process_time() - processor


def ratios(name: str, members: int, rounds: int, seconds: float, room: int) -> np.ndarray:
    """[round, wall or processor]: one after the other / together."""
    loss, params, data = problem(name)
    sweep = tune.sweep(atx.adam, learning_rate=tune.log_uniform(1e-5, 1e-4, members))
    functions = {"loss": loss, "params": params, "step": None, "init": None, "evaluate": None}
    how = {
        "minimize": None,
        "maximize": None,
        "batch_size": 32,
        "seeds": 1,
        "key": 0,
        "at_once": None,
    }
    shared = setup(
        "ways", functions, data, {"": sweep}, plan=plan("ways", STEPS, STEPS // room, None), **how
    )
    together, after = (Way(shared, sweep, mapped, room) for mapped in (True, False))
    one = min(together.advance(1)[0], together.advance(1)[0])
    after.advance(1)
    calls = max(1, int(seconds / one))
    found = []
    for i in range(rounds):
        ways = (together, after) if i % 2 else (after, together)
        times = {way: np.array(way.advance(calls)) for way in ways}
        found.append(times[after] / times[together])
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--tasks", nargs="*", default=["digits-mlp", "flax-cnn", "characters-transformer"]
    )
    parser.add_argument("--members", nargs="*", type=int, default=[4, 16, 64])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each round, about")
    parser.add_argument("--room", type=int, default=50, help="steps of one call")
    arguments = parser.parse_args()
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("jax", "jaxlib", "flax"))
    print(f"{versions}, {jax.devices()[0].device_kind}, {os.cpu_count()} cores")
    print("\n| task | members | wall | processor | load |\n|---|---|---|---|---|")
    for name in arguments.tasks:
        for members in arguments.members:
            found = ratios(name, members, arguments.rounds, arguments.seconds, arguments.room)
            low, mid, high = np.percentile(found, [25, 50, 75], axis=0)
            cells = [f"{m:.2f} [{a:.2f}, {b:.2f}]" for a, m, b in zip(low, mid, high)]
            print(
                f"| {name} | {members} | {cells[0]} | {cells[1]} | {os.getloadavg()[0]:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
