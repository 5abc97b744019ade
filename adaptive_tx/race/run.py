"""Runs a race: a sweep of learning rates for each optimizer, then the table, figure and numbers."""

import time

import jax

from adaptive_tx import tune
from adaptive_tx.race import figure, record, report
from adaptive_tx.race.options import BATCH, Options
from adaptive_tx.race.score import Score, ranked, score
from adaptive_tx.tune.options import named_optimizers
from adaptive_tx.tune.tasks import Split, load
from adaptive_tx.tune.tasks.digits import MODELS, Digits, load_digits
from adaptive_tx.tune.tasks.task import accuracy

MOVES = 20  # of the bar, for each optimizer


def race(options: Options) -> list[Score]:
    """Races, prints the ranking, and leaves `race.png` and `race.json` in `options.out`."""
    clock = time.perf_counter()
    data = load_digits()
    result = train(options, data)
    scores = ranked([score(result, name) for name in result.sweeps])
    figure.draw(scores, options, data, options.out / "race.png")
    seconds = time.perf_counter() - clock
    record.save(scores, options, data, seconds, options.out / "race.json")
    report.show(scores, options, data, seconds)
    return scores


def train(options: Options, data: Digits) -> tune.Result:
    """All runs of all optimizers; `found` of the result tells "train_loss", "validation", "test"."""
    task, outputs = load(f"digits-{options.model}"), MODELS[options.model].outputs

    def evaluate(params) -> dict[str, jax.Array]:
        def right(split: Split):
            return accuracy(outputs(params, split.inputs), split.targets)

        return {
            "train_loss": task.loss(params, data.train),
            "validation": right(data.validation),
            "test": right(data.test),
        }

    known = named_optimizers()
    sweeps = {
        name: tune.sweep(known[name], learning_rate=options.rates) for name in options.optimizers
    }
    return tune.train(
        task.loss, task.init, data.train, sweeps, steps=options.steps, batch_size=BATCH,
        seeds=options.seeds, evaluate=evaluate, maximize="validation", points=MOVES,
    )  # fmt: skip
