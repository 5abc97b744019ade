"""Every number of a race as JSON."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from adaptive_tx.tune.race.options import BATCH, Options
from adaptive_tx.tune.race.score import (
    DIVERGED,
    POINTS,
    Outcomes,
    Score,
    choose,
    mean_accuracy,
    places,
)
from adaptive_tx.tune.report.files import finite
from adaptive_tx.tune.tasks.digits import Digits
from adaptive_tx.tune.training.identity import installed

PACKAGES = "adaptive-tx", "jax", "jaxlib", "optax"


def save(
    scores: Sequence[Score], options: Options, data: Digits, seconds: float, path: Path
) -> None:
    """Writes every number; what is not finite, or the accuracy of a diverged run, is null."""
    device = jax.devices()[0]
    record = {
        "task": {"data": "scikit-learn digits"}
        | {f"{part}_images": number for part, number in images(data).items()},
        "settings": {
            "optimizers": options.optimizers,
            "model": options.model,
            "rates": options.rates,
            "seeds": list(range(options.seeds)),
            "key": options.key,
            "steps": options.steps,
            "batch": BATCH,
        },
        "rules": {
            "rank": "those that the seeds cannot tell from the best of them share one",
            "best_rate": "highest mean validation accuracy; the smallest rate if equal",
            "width": f"mean test accuracy within {POINTS} of that at best_rate, around it",
            "diverged": f"not finite, or train loss above {DIVERGED:.4f} nats; counts as a guess",
        },
        "versions": {name: installed(name) for name in PACKAGES}
        | {"python": platform.python_version()},
        "device": {"platform": device.platform, "kind": device.device_kind},
        "seconds": round(seconds, 3),
        "optimizers": [_record(*pair) for pair in zip(places(scores), scores, strict=True)],
    }
    path.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")


def images(data: Digits) -> dict[str, int]:
    """How many there are in each part."""
    return {part: len(split.targets) for part, split in data._asdict().items()}


def read(path: Path) -> tuple[list[Score], Options, dict[str, int]]:
    """What `save` wrote, to draw it again: the scores in their order, the options, the images."""
    record = json.loads(path.read_text())
    settings, task = record["settings"], record["task"]
    names = tuple(settings["optimizers"])
    rates, key = tuple(settings["rates"]), settings.get("key", 0)
    seeds = len(settings["seeds"])
    options = Options(names, settings["model"], rates, seeds, settings["steps"], path.parent, key)
    parts = {part: task[f"{part}_images"] for part in Digits._fields}
    return [_score(one) for one in record["optimizers"]], options, parts


def _score(one: dict) -> Score:
    known = {
        "train_loss": "train_loss",
        "validation": "validation_accuracy",
        "test": "test_accuracy",
    }
    numbers = {name: np.array(one[kept], float) for name, kept in known.items()}
    runs = Outcomes(**numbers, diverged=np.array(one["diverged"]))
    rates, mean = tuple(one["rates"]), mean_accuracy(runs.test, runs.diverged)
    return Score(one["name"], rates, runs, mean, choose(rates, runs), one["winner"], one["seconds"])


def _record(rank: int, score: Score) -> dict:
    runs, best = score.runs, score.best
    width = best.width if best else None
    return {
        "rank": rank,
        "name": score.name,
        "winner": score.winner,
        "best_rate": best and best.rate,
        "test_accuracy_mean": best and best.mean,
        "test_accuracy_std": best and best.std,
        "width": width and {**width._asdict(), "decades": width.decades},
        "diverged_runs": int(runs.diverged.sum()),
        "runs": runs.diverged.size,
        "seconds": round(score.seconds, 3),
        "rates": score.rates,
        "mean_test_accuracy": score.mean.tolist(),
        "validation_accuracy": finite(np.where(runs.diverged, np.nan, runs.validation)),
        "test_accuracy": finite(np.where(runs.diverged, np.nan, runs.test)),
        "train_loss": finite(runs.train_loss),
        "diverged": runs.diverged.tolist(),
    }
