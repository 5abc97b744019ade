"""The trials of one racer: for everybody as many rates and decays, over as many decades, and seeds."""

from adaptive_tx.tune.race.characters.options import BATCH, LEAST, MOST, SHARES, Options
from adaptive_tx.tune.race.characters.racers import Racer, made
from adaptive_tx.tune.report.result import Result
from adaptive_tx.tune.sweeps.intervals import log_uniform
from adaptive_tx.tune.sweeps.sweep import Sweep, sweep
from adaptive_tx.tune.tasks import Task
from adaptive_tx.tune.training.train import train


def tried(racer: Racer, options: Options) -> Sweep:
    """Every setting of a racer."""

    def make(learning_rate: float, weight_decay: float):
        return made(racer, learning_rate, weight_decay, options.steps)

    rates = log_uniform(LEAST * racer.usual, MOST * racer.usual, options.rates)
    return sweep(make, learning_rate=rates, weight_decay=[share / racer.usual for share in SHARES])


def trials(racer: Racer, task: Task, options: Options) -> Result:
    """All of them, trained or, where they were before, read."""
    return train(
        task.loss,
        task.init,
        task.data,
        {racer.name: tried(racer, options)},
        steps=options.steps,
        batch_size=BATCH,
        seeds=options.seeds,
        evaluate=task.evaluate,
        key=options.key,
        points=1,
        out=options.out / "trials" / racer.name,
        progress=False,
    )
