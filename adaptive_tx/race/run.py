"""Runs a race: each optimizer in turn, then the table, the figure and the numbers."""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

from adaptive_tx.race import figure, record, report
from adaptive_tx.race.data import Digits, load_digits
from adaptive_tx.race.models import MODELS
from adaptive_tx.race.options import Options, named_optimizers
from adaptive_tx.race.score import Score, ranked, score
from adaptive_tx.race.train import Start, evaluate, start, train


def race(options: Options) -> list[Score]:
    """Races, prints the ranking, and leaves `race.png` and `race.json` in `options.out`."""
    clock = time.perf_counter()
    data = load_digits()
    scores = []
    with report.progress(options) as show:
        begin = start(MODELS[options.model], options.seeds, options.steps, len(data.train.labels))
        for name in options.optimizers:
            scores.append(_of_one(name, options, data, begin, show))
    scores = ranked(scores)
    figure.draw(scores, options, data, options.out / "race.png")
    seconds = time.perf_counter() - clock
    record.save(scores, options, data, seconds, options.out / "race.json")
    report.show(scores, options, data, seconds)
    return scores


def _of_one(
    name: str, options: Options, data: Digits, begin: Start, show: Callable[[str, int], None]
) -> Score:
    """One optimizer: all its rates and seeds at once."""
    show(name, 0)
    clock = time.perf_counter()
    model = MODELS[options.model]
    sweep = jax.vmap(named_optimizers()[name])(jnp.asarray(options.rates, jnp.float32))
    params = train(sweep, model, data.train, begin, lambda steps: show(name, steps))
    seconds = time.perf_counter() - clock
    return score(name, sweep, options.rates, evaluate(model, data, params), seconds)
