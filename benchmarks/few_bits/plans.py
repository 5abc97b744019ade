"""Which trainings answer which question. Rates are relative to the best one of float32."""

from collections.abc import Iterator
from typing import NamedTuple

from storages import FASTER, PARAMETERS
from tasks import task_named
from training import Setting

OURS = ("float32", "perturbed", "stored 16", "stored 8", "mean right", "nearest")
SQUARES = (
    "float32",
    "perturbed",
    "stored 8",
    "mean right",
    "four levels",
    "four levels, mean right",
)
GRID_SEEDS = 16  # at each rate among which the best is looked for
LOW, BEST, HIGH = 1 / 3, 1.0, 3.0


class Plan(NamedTuple):
    tasks: tuple[str, ...]
    optimizers: tuple[str, ...] = ("adam",)
    storages: tuple[str, ...] = OURS
    b2: tuple[float, ...] = (0.95, 0.999, 0.9999)
    relative: tuple[float, ...] = (LOW, BEST, HIGH)
    seeds: int = 128
    steps: int | None = None  # as the task has it


PLANS = {
    "mlp": Plan(("mlp",), storages=(*OURS, "bitsandbytes", "flashoptim")),
    "autoencoder": Plan(("autoencoder",)),
    "characters": Plan(
        ("characters",),
        storages=("float32", "perturbed", "stored 16", "stored 8"),
        b2=(0.95, 0.999),
        relative=(BEST, HIGH),
        seeds=16,
    ),
    "long": Plan(
        ("characters",),
        storages=("float32", "perturbed", "stored 16", "stored 8"),
        b2=(0.999,),
        relative=(BEST,),
        seeds=8,
        steps=20_000,
    ),
    "parameters": Plan(
        ("mlp", "autoencoder"),
        ("adamw",),
        tuple(PARAMETERS),
        b2=(0.999,),
        relative=(LOW, BEST),
    ),
    "squares": Plan(
        ("mlp",),
        ("rmsprop",),
        SQUARES,
        b2=(0.9, 0.999),
        relative=(LOW, BEST),
    ),
    "sums": Plan(
        ("mlp",),
        ("adagrad",),
        SQUARES,
        b2=(0.0,),
        relative=(LOW, BEST),
    ),
    "rates": Plan(
        ("mlp", "autoencoder"),
        storages=("float32", "mean right", *(f"rate x {factor}" for factor in FASTER)),
        relative=(LOW,),
    ),
    "zeros": Plan(
        ("mlp",),
        storages=("float32", "bitsandbytes, both 0", "flashoptim, both 0"),
        b2=(0.999,),
        relative=(BEST,),
    ),
}


def grid(task: str, optimizer: str, b2: float) -> list[Setting]:
    """The trainings among which the one with the best rate is."""
    has = task_named(task)
    rates = [10 * r if optimizer == "adagrad" else r for r in has.rates]
    return [Setting(task, optimizer, "float32", b2, r, GRID_SEEDS, has.steps) for r in rates]


def settings(plan: Plan, best) -> Iterator[Setting]:
    """All of a plan; `best(task, optimizer, b2)` is a rate."""
    for task in plan.tasks:
        steps = plan.steps or task_named(task).steps
        for optimizer in plan.optimizers:
            for b2 in plan.b2:
                rate = best(task, optimizer, b2)
                for storage in plan.storages:
                    for relative in plan.relative:
                        yield Setting(
                            task, optimizer, storage, b2, rate * relative, plan.seeds, steps
                        )
