"""Every number of a race of characters as JSON, and back."""

import json
import math
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from adaptive_tx.tune.race.characters.options import BATCH, LEAST, MOST, REFERENCE, SHARES, Options
from adaptive_tx.tune.race.characters.score import ERRORS, WITHIN, Score
from adaptive_tx.tune.race.record import PACKAGES
from adaptive_tx.tune.report.files import finite
from adaptive_tx.tune.tasks.transformer import CONTEXT
from adaptive_tx.tune.training.identity import installed


def save(scores: Sequence[Score], options: Options, path: Path) -> None:
    """Writes the race, the scores in their order."""
    device = jax.devices()[0]
    reference = next(one for one in scores if one.name == REFERENCE)
    budgets = tokens(options)
    record = {
        "task": {"name": "characters-transformer", "text": "pydoc_data.topics, the help of Python"},
        "settings": {
            "seeds": options.seeds,
            "fresh": options.fresh,
            "key": options.key,
            "steps": options.steps,
            "tokens": budgets,
            "rates": options.rates,
        },
        "rules": {
            "rates": f"from {LEAST:g} to {MOST:g} times the usual one, evenly in the logarithm",
            "decays": f"{SHARES} of a weight in a step at the usual rate",
            "loss": "nats a character on the test part, with fresh seeds, of the best of validation",
            "good_rates": f"mean validation loss within {WITHIN} of the best, at its decay",
            "tie": f"mean paired difference from {REFERENCE} within {ERRORS:g} standard errors",
            "seconds": "of the processor, for one training by itself: the fastest one",
            "tokens": f"of the shortest training that ends at {REFERENCE}'s loss, between lengths "
            "linear in their logarithm; null if none does",
        },
        "versions": {name: installed(name) for name in PACKAGES}
        | {"python": platform.python_version()},
        "device": {"platform": device.platform, "kind": device.device_kind},
        "racers": [_record(one, reference, budgets) for one in scores],
    }
    path.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")


def read(path: Path) -> tuple[list[Score], Options]:
    """What `save` wrote: to draw it again, or to look at it otherwise."""
    record = json.loads(path.read_text())
    scores = [
        Score(**{name: racer[name] for name in Score._fields if name != "test"}, test=_test(racer))
        for racer in record["racers"]
    ]
    names = "seeds", "fresh", "steps", "rates"
    settings = {name: record["settings"][name] for name in names}
    settings["key"] = record["settings"].get("key", 0)
    return scores, Options(racers=tuple(one.name for one in scores), out=path.parent, **settings)


def _test(racer: dict[str, Any]) -> list[list[float]]:
    """The losses, NaN where JSON has none."""
    return [[math.nan if x is None else x for x in losses] for losses in racer["test"]]


def tokens(options: Options) -> list[int]:
    """Characters that are predicted in a training of each length."""
    return [steps * BATCH * CONTEXT for steps in options.budgets]


def _record(one: Score, reference: Score, budgets: Sequence[int]) -> dict[str, Any]:
    """What is claimed of a racer, and all that it follows from."""
    against, reached = one.against(reference), one.tokens(reference, budgets)
    return {
        "name": one.name,
        "loss": finite(one.losses.mean()),
        "std": finite(one.losses.std(ddof=1)) if len(one.losses) > 1 else None,
        "difference": finite(against.mean),
        "standard_error": finite(against.error),
        "tie": against.tie,
        "tokens": reached and round(reached.number),
        "tokens_at_most": reached and reached.at_most,
        "decades": finite(one.decades),
        **one._asdict(),
        "test": finite(one.test),
    }
