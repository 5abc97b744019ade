"""Runs a race: a sweep of learning rates for each optimizer, then the table, figure and numbers."""

import time
from pathlib import Path

import jax

from adaptive_tx.tune.options import sweeps
from adaptive_tx.tune.race import figure, ranking, record
from adaptive_tx.tune.race.options import BATCH, Options
from adaptive_tx.tune.race.score import Score, ranked, score
from adaptive_tx.tune.report.result import Result
from adaptive_tx.tune.sweeps.forms import Axis
from adaptive_tx.tune.tasks import Split, load
from adaptive_tx.tune.tasks.digits import MODELS, Digits, load_digits
from adaptive_tx.tune.tasks.task import accuracy
from adaptive_tx.tune.training.train import train

POINTS = 20  # of the curves, which nobody sees: how often the bar moves for each optimizer


def race(options: Options) -> list[Score]:
    """Races, prints the ranking, and leaves `race.png` and `race.json` in `options.out`."""
    clock = time.perf_counter()
    data = load_digits()
    result = trained(options, data)
    scores = ranked([score(result, name) for name in result.sweeps])
    figure.draw(scores, options, record.images(data)).savefig(options.out / "race.png", dpi=160)
    seconds = time.perf_counter() - clock
    record.save(scores, options, data, seconds, options.out / "race.json")
    ranking.show(scores, options, data, seconds)
    return scores


def redraw(path: Path, out: Path) -> Path:
    """Draws `race.png` in a folder from the numbers of a race."""
    figure.draw(*record.read(path)).savefig(drawn := out / "race.png", dpi=160)
    return drawn


def trained(options: Options, data: Digits) -> Result:
    """All runs of all optimizers, with the metrics "train_loss", "validation" and "test"."""
    task, outputs = load(f"digits-{options.model}"), MODELS[options.model].outputs

    def evaluate(params) -> dict[str, jax.Array]:
        def right(split: Split):
            return accuracy(outputs(params, split.inputs), split.targets)

        return {
            "train_loss": task.loss(params, data.train),
            "validation": right(data.validation),
            "test": right(data.test),
        }

    tried = sweeps(options.optimizers, [Axis(None, "learning_rate", list(options.rates))], None)
    how = {"steps": options.steps, "seeds": options.seeds, "batch_size": BATCH, "points": POINTS}
    how |= {"key": options.key}
    ranking = {"evaluate": evaluate, "maximize": "validation"}
    return train(task.loss, task.init, data.train, tried, **how, **ranking)
