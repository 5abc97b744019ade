"""Runs a race of characters: each racer's trials and confirmation, then the table, figure and numbers."""

import time
from pathlib import Path

import jax

from adaptive_tx.plots.words import counted
from adaptive_tx.tune.race.characters import figure, ranking, record
from adaptive_tx.tune.race.characters.confirming import confirmed
from adaptive_tx.tune.race.characters.options import Options
from adaptive_tx.tune.race.characters.racers import RACERS
from adaptive_tx.tune.race.characters.score import Score, ranked, score
from adaptive_tx.tune.race.characters.trials import trials
from adaptive_tx.tune.report.terminal import Page
from adaptive_tx.tune.tasks import load
from adaptive_tx.tune.tasks.transformer import load_windows

TASK = "characters-transformer"


def race(options: Options) -> list[Score]:
    """Races, prints the ranking, and leaves `characters.png` and `characters.json` in `options.out`."""
    page, scores = Page(), []
    for i, name in enumerate(options.racers, 1):
        clock = time.perf_counter()
        scores.append(one := raced(name, options))
        after = counted(round(time.perf_counter() - clock), "second")
        page.say(f"{i}/{len(options.racers)}  {name}: {one.losses.mean():.3f} after {after}")
    scores = ranked(scores)
    figure.draw(scores, options).savefig(options.out / "characters.png", dpi=160)
    record.save(scores, options, options.out / "characters.json")
    ranking.show(scores, options)
    return scores


def redraw(path: Path, out: Path) -> Path:
    """Draws `characters.png` in a folder from the numbers of a race."""
    figure.draw(*record.read(path)).savefig(drawn := out / "characters.png", dpi=160)
    return drawn


def raced(name: str, options: Options) -> Score:
    """One racer, tuned and confirmed."""
    racer, task = RACERS[name], load(TASK)
    result = trials(racer, task, options)
    reached = confirmed(racer, result.best.settings, task, load_windows().test, options)
    return score(name, result, reached, jax.eval_shape(task.init, jax.random.key(0)))
