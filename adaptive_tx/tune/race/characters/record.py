"""Every number of a race of characters as JSON, and back."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from adaptive_tx.tune.race.characters.options import BATCH, LEAST, MOST, REFERENCE, Options
from adaptive_tx.tune.race.characters.racers import RACERS
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
            "fresh_seeds": options.fresh,
            "steps": options.steps,
            "tokens": budgets,
            "rates": f"{options.rates}, from {LEAST:g} to {MOST:g} times the usual one",
            "decays": "0, and the one that takes 1e-4 of a weight in a step at the usual rate",
        },
        "rules": {
            "loss": "nats a character on the test part, with fresh seeds, of the best of validation",
            "good_rates": f"mean validation loss within {WITHIN} of the best, at its decay",
            "tie": f"mean paired difference from {REFERENCE} within {ERRORS:g} standard errors",
            "tokens": f"of the shortest training that ends at {REFERENCE}'s loss, between lengths "
            "linear in their logarithm; null if none does",
        },
        "versions": {name: installed(name) for name in PACKAGES}
        | {"python": platform.python_version()},
        "device": {"platform": device.platform, "kind": device.device_kind},
        "racers": [_record(one, reference, budgets) for one in scores],
    }
    path.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")


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
        "usual_rate": RACERS[one.name].usual,
        **one._asdict(),
        "test": finite(one.test),
    }
