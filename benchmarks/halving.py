"""How often halving keeps the setting that wins the full training, where an axis is a warm-up.

Every setting of Adam's peak and warm-up is trained to the end once, by 40 keys with three seeds each, and
halving is then played on the recorded losses, with the survivors that `tune.train` would choose: so all
rules see the same trainings. Scores are training losses over the last tenth of the steps made, as without
`evaluate`, and ranks those of their means over the three seeds of a key.

    python benchmarks/halving.py > benchmarks/halving.md   # nice -n 10; some eight minutes on two cores
"""

import sys
from typing import Any

import numpy as np
from scipy import special

import adaptive_tx as atx
from adaptive_tx import tune
from adaptive_tx.schedules import cosine, with_warmup
from adaptive_tx.tune.sweeps.plan import Plan, plan
from adaptive_tx.tune.sweeps.shapes import Shapes, shapes_over

STEPS, KEYS, SEEDS, BATCH = 160, 40, 3, 16
NEAR, FLOOR = 1.1, 1e-4  # as good: at most 1.1 times the loss of the winner, or so little more
TASKS = "wine", "breast-cancer", "diabetes", "digits-logistic", "digits-mlp"
PEAKS, WARMUPS = tune.log_uniform(3e-3, 0.3, 5), [1, 20, 50, 100]
HALVINGS = (40, 0.5), (40, 0.7), (20, 0.5)


def make(peak, warmup):
    return atx.adam(with_warmup(cosine(peak, STEPS - warmup), warmup))


def recent(curve: np.ndarray, steps: int) -> np.ndarray:
    """The mean over the last tenth of the steps made, of [member, step]."""
    return np.nan_to_num(curve[:, int(0.9 * steps) : steps].mean(1), nan=np.inf)


def at_equal_parts(curve: np.ndarray, steps: int, sums: np.ndarray) -> np.ndarray:
    """The same where each member had as much of the sum of its rates as the latest starter has now."""
    ends = [int(np.searchsorted(one, sums[:, steps - 1].min() - 1e-9)) + 1 for one in sums]
    return np.array([recent(curve[i : i + 1], end)[0] for i, end in enumerate(ends)])


def survivors(
    curve: np.ndarray, rule: str, how: Plan, found: Shapes, sums: np.ndarray
) -> np.ndarray:
    """The members that are trained to the end by one of the rules."""
    known = {
        "as before": Shapes(np.zeros(len(curve), int), 0),
        "equal parts": Shapes(np.zeros(len(curve), int), 0),
        "by shape": found._replace(late=0),
        "wait": Shapes(np.zeros(len(curve), int), found.late),
        "now": found,
    }[rule]
    alive = np.arange(len(curve))
    for rung, end in enumerate(how.rungs[:-1]):
        losses = recent(curve, end)
        if rule == "equal parts":
            losses = at_equal_parts(curve[alive], end, sums[alive])
            alive = known.survivors(alive, losses, how, rung)
        else:
            alive = known.survivors(alive, losses[alive], how, rung)
    return alive


def lower(kept: int, tries: int) -> float:
    """The one-sided 95 % bound of Clopper and Pearson."""
    return float(special.betaincinv(kept, tries - kept + 1, 0.05)) if kept else 0.0


def main() -> None:
    rules = "as before", "equal parts", "by shape", "wait", "now"
    sweep = tune.sweep(make, peak=PEAKS, warmup=WARMUPS)
    found = shapes_over(sweep, STEPS)
    rates = np.array([[float(cosine_of(row, t)) for t in range(STEPS)] for row in rows(sweep)])
    sums = np.cumsum(rates, 1) / rates.sum(1, keepdims=True)
    lines, total = (
        {how: [] for how in HALVINGS},
        {how: {rule: np.zeros(2, int) for rule in rules} for how in HALVINGS},
    )
    for name in TASKS:
        task = tune.tasks.load(name)
        how_long: dict[str, Any] = {"steps": STEPS, "batch_size": BATCH, "seeds": KEYS * SEEDS}
        how_long |= {"points": STEPS, "progress": False}
        result = tune.train(task.loss, task.init, task.data, sweep, **how_long)
        print(name, file=sys.stderr)
        curves = result.curves["loss"].reshape(len(sweep), KEYS, SEEDS, STEPS).mean(2)
        for how in HALVINGS:
            asked, cells = plan("halving", STEPS, STEPS, how), []
            for rule in rules:
                kept, near = 0, 0
                for key in range(KEYS):
                    ends = recent(curves[:, key], STEPS)
                    last = survivors(curves[:, key], rule, asked, found, sums)
                    kept += int(np.argmin(ends)) in last
                    near += ends[last].min() <= max(NEAR * ends.min(), ends.min() + FLOOR)
                total[how][rule] += np.array([kept, near])
                cells.append(f"{kept} ({lower(kept, KEYS):.2f}), {near}")
            lines[how].append(f"| {name} | {' | '.join(cells)} |")
    print(HEAD.format(keys=KEYS, steps=STEPS, late=found.late, shapes=found.of.max() + 1))
    for how in HALVINGS:
        asked = plan("halving", STEPS, STEPS, how)
        works = asked.work(len(sweep)), found.work(asked), STEPS * len(sweep)
        print(f"\n## halving={how}\n")
        print(f"Steps made, of those without halving: as before {works[0] / works[2]:.2f}, now "
              f"{works[1] / works[2]:.2f}.\n")  # fmt: skip
        print(f"| of {KEYS} | {' | '.join(rules)} |\n|---|{'---|' * len(rules)}")
        print("\n".join(lines[how]))
        tries = KEYS * len(TASKS)
        sums_of = [
            f"{kept} ({lower(int(kept), tries):.3f}), {near} of {tries}"
            for kept, near in total[how].values()
        ]
        print(f"| all | {' | '.join(sums_of)} |")


def rows(sweep) -> list[dict]:
    return [sweep.setting(i) for i in range(len(sweep))]


def cosine_of(row: dict, t: int):
    """The rate of a setting at a step."""
    return with_warmup(cosine(row["peak"], STEPS - row["warmup"]), row["warmup"])(t)


HEAD = """\
# How often halving keeps the winner, where an axis is a warm-up

`python benchmarks/halving.py`: Adam, five peaks x warm-ups of 1, 20, 50 and 100 of {steps} steps before a
cosine, three seeds; of {keys} keys, how often the setting that is best at the end of full training is among
those that are trained to the end (in brackets the lower end, one-sided 95 %, Clopper and Pearson), and then
how often one is that is as good: a loss of at most 1.1 times the winner's, or 0.0001 more.

- as before: the best fraction goes on, whatever its schedule;
- equal parts: each with the loss that it had where its part of the sum of its rates was that of the latest
  starter now;
- by shape: the best fraction of each shape of the rate ({shapes} of them);
- wait: nothing is dropped before the last warm-up is over (step {late});
- now, what `tune.train` does: both of the last."""

if __name__ == "__main__":
    main()
