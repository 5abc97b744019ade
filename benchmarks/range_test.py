"""How far `rate_range_test`'s suggestion is from the best rate of a sweep, in decades.

Two sets of 48. With the first in view the rule of the range test was chosen; the other, of other tasks and
optimizers, was held out. The best rate is that of the least training loss, averaged over the last tenth of
900 steps and over three seeds, of rates a quarter of a decade apart. Where a loss is flat its least is a
matter of luck, so beside it stands the interval of rates that are within 5 % of the way that the loss has
come, and how far outside of it the suggestion lies.

The range test makes 300 steps in each of its runs, with three keys. Written as a table, in Markdown.
"""

import argparse
import functools
import importlib.metadata
import json
import os
import pathlib
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import adaptive_tx as atx
from adaptive_tx import tune
from adaptive_tx.tune.tasks import load
from adaptive_tx.tune.training import trials

KEYS = (11, 12, 13)
SWEPT, PER_DECADE = 900, 4
HALF = 10 ** (trials.APART / 2)


def autoencoder():
    """Digits through 16 numbers and back; the mean squared error."""
    data = load("digits-mlp").data.inputs

    def init(key):
        first, second = jax.random.split(key)
        return {
            "in": jax.random.normal(first, (64, 16)) / 8.0,
            "out": jax.random.normal(second, (16, 64)) / 4.0,
            "bias": jnp.zeros(64),
        }

    def loss(params, batch):
        out = jnp.tanh(batch @ params["in"]) @ params["out"] + params["bias"][None]
        return jnp.mean(jnp.square(out - batch))

    return loss, init, data


def bundled(name: str):
    task = load(name)
    return task.loss, task.init, task.data


class Case(NamedTuple):
    task: object  # () -> loss, init, data
    batch: int | None


SETS = {
    "chosen with": (
        {
            "digits, MLP, batch 64": Case(functools.partial(bundled, "digits-mlp"), 64),
            "diabetes, regression, batch 32": Case(functools.partial(bundled, "diabetes"), 32),
            "breast cancer, full batch": Case(functools.partial(bundled, "breast-cancer"), None),
            "digits, autoencoder, batch 64": Case(autoencoder, 64),
        },
        ("sgd", "momentum", "adam", "lion"),
    ),
    "held out": (
        {
            "wine, batch 16": Case(functools.partial(bundled, "wine"), 16),
            "linnerud, regression, full batch": Case(functools.partial(bundled, "linnerud"), None),
            "digits, logistic, batch 64": Case(functools.partial(bundled, "digits-logistic"), 64),
            "characters, batch 16": Case(functools.partial(bundled, "characters"), 16),
        },
        ("nesterov", "rmsprop", "adagrad", "radam"),
    ),
}
HIGHEST = {"adam": 1, "radam": 1, "lion": 0.3, "rmsprop": 1}  # swept; of the others 10


class Swept(NamedTuple):
    best: float
    low: float  # of the rates that are about as good
    high: float


def swept(case: Case, name: str) -> dict:
    """The loss at each rate of a sweep of five decades, and the loss at its start."""
    loss, init, data = case.task()
    high = HIGHEST.get(name, 10)
    rates = tune.log_uniform(high / 1e5, high, 5 * PER_DECADE + 1)
    sweep = tune.sweep(getattr(atx, name), learning_rate=rates)
    how = {"steps": SWEPT, "batch_size": case.batch, "seeds": 3, "key": 1, "progress": False}
    result = tune.train(loss, init, data, sweep, points=100, **how)
    start = float(np.nanmean(result.curves["loss"][0][:, 0]))
    rates, ends = result.settings["learning_rate"], result.losses
    return {"rates": rates.tolist(), "ends": ends.tolist(), "start": start}


def best_of_sweep(rates, ends, start) -> Swept:
    rates, ends = np.array(rates), np.array(ends, float)
    at = int(np.nanargmin(ends))
    good = rates[ends <= ends[at] + 0.05 * max(start - ends[at], 0)]
    return Swept(rates[at], good[0], good[-1])


def tested(case: Case, name: str, key: int) -> dict:
    """The trials of one range test."""
    loss, init, data = case.task()
    begin = time.perf_counter()
    how = {"batch_size": case.batch, "key": key}
    test = tune.rate_range_test(loss, init, data, getattr(atx, name)(1.0), **how)
    seconds = time.perf_counter() - begin
    trials = {"rates": test.tried.tolist(), "finals": test.finals.tolist()}
    return trials | {"start": float(test.smoothed[0]), "seconds": seconds}


def measured(which: str) -> list[dict]:
    cases, names = SETS[which]
    return [
        {"task": task, "optimizer": name, "sweep": swept(case, name)}
        | {"tests": [tested(case, name, key) for key in KEYS]}
        for task, case in cases.items()
        for name in names
    ]


def outside(rate: float, best: Swept) -> float:
    """How many decades from the interval of good rates; below it negative."""
    return float(np.log10(rate / np.clip(rate, best.low, best.high)))


def show(rows: list[dict]) -> None:
    """The table, with what `range_test` suggests of the trials."""
    print("| task | optimizer | best of sweep | as good | suggested | error, decades | outside |")
    print("|---|---|---|---|---|---|---|")
    errors, beyond = [], []
    for row in rows:
        best = best_of_sweep(**row["sweep"])
        suggestions = [
            trials.best_of(np.array(t["rates"]), np.array(t["finals"]), t["start"])
            for t in row["tests"]
        ]
        off = [float(np.log10(rate / best.best)) for rate in suggestions]
        out = [outside(rate, best) for rate in suggestions]
        errors, beyond = errors + off, beyond + out
        said = ", ".join(f"{rate:.2g}" for rate in suggestions)
        told = [", ".join(f"{x:+.2f}" for x in each) for each in (off, out)]
        cells = [row["task"], row["optimizer"], f"{best.best:.2g}"]
        cells += [f"{best.low:.2g} to {best.high:.2g}", said, *told]
        print("|", " | ".join(cells), "|")
    errors, beyond = np.abs(errors), np.abs(beyond)
    held, widths = [], []
    for row in rows:
        best = best_of_sweep(**row["sweep"]).best
        for t in row["tests"]:
            seen = np.array(t["rates"]), np.array(t["finals"]), t["start"]
            low, high = trials.stretch(*seen, trials.GOOD)
            widths.append(np.log10(high / low))
            held.append(low / HALF <= best <= high * HALF)
    near, good = (np.sum(x <= np.log10(3)) for x in (errors, beyond))
    seconds = np.median([t["seconds"] for row in rows for t in row["tests"]])
    number = np.mean([len(t["rates"]) for row in rows for t in row["tests"]])
    print(f"\nWithin a factor of 3 of the best: {near} of {len(errors)}; median", end=" ")
    print(
        f"{np.median(errors):.2f} decades, worst {errors.max():.2f}. In the interval, or", end=" "
    )
    print(f"within a factor of 3 of it: {good}; worst {beyond.max():.2f}.", end=" ")
    print(
        f"`good` held the best of the sweep, to half of what is between trials, {sum(held)}",
        end=" ",
    )
    print(f"times; it is {np.median(widths):.1f} decades wide in the median, at most", end=" ")
    print(f"{max(widths):.1f}. {number:.0f} trials and {seconds:.1f} s a test.\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument(
        "--store", type=pathlib.Path, help="a folder for the numbers, read if there"
    )
    options = parser.parse_args()
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("jax", "optax"))
    print(f"{versions}, {jax.devices()[0].device_kind}, {os.cpu_count()} cores\n")
    for which in options.sets:
        path = options.store and options.store / f"{which.replace(' ', '_')}.json"
        rows = json.loads(path.read_text()) if path and path.exists() else measured(which)
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(rows))
        print(f"## {which}\n")
        show(rows)


if __name__ == "__main__":
    main()
