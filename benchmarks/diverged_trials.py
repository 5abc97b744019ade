"""How a diverged trial is best told: as FAIL, as an infinite value, or as PRUNED, to Optuna's TPE.

The loss is a valley in the rate and one more number, beside a cliff behind which everything diverges.
Trials are asked and told eight at a time, as `tune.optuna` does. Prints the share of trials behind the
cliff, after the first batch, and the median of the best loss. The table is in docs/optuna.md.
"""

import argparse
import math

import numpy as np
import optuna
from optuna.trial import TrialState

TRIALS, AT_ONCE = 48, 8
SPACE = {
    "rate": optuna.distributions.FloatDistribution(1e-5, 10, log=True),
    "other": optuna.distributions.FloatDistribution(0, 1),
}


def loss(rate: float, other: float, rng: np.random.Generator) -> float:
    """Least at a rate of 10^-1.8; infinite from 10^-1.5 on."""
    x = math.log10(rate)
    if x > -1.5:
        return math.inf
    return 2 * (x + 1.8) ** 2 + (other - 0.5) ** 2 + 0.02 * rng.standard_normal()


def tell(study: optuna.Study, trial: optuna.Trial, value: float, how: str) -> None:
    if math.isfinite(value) or how == "infinite":
        study.tell(trial, value)
    elif how == "FAIL":
        study.tell(trial, state=TrialState.FAIL)
    else:
        trial.report(value, 1)
        study.tell(trial, state=TrialState.PRUNED)


def searched(how: str, seed: int) -> tuple[float, float]:
    """The share of diverged trials, and the best loss."""
    rng = np.random.default_rng(seed)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    values = []
    for _ in range(TRIALS // AT_ONCE):
        trials = [study.ask(SPACE) for _ in range(AT_ONCE)]
        for trial in trials:
            values.append(loss(**trial.params, rng=rng))
            tell(study, trial, values[-1], how)
    return float(np.mean(np.isinf(values[AT_ONCE:]))), min(values)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=40)
    seeds = parser.parse_args().seeds
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for how in ("FAIL", "infinite", "PRUNED"):
        shares, best = zip(*(searched(how, seed) for seed in range(seeds)))
        spread = np.std(shares, ddof=1) / seeds**0.5
        print(
            f"{how:8}  diverged {np.mean(shares):.3f} +- {spread:.3f}  best {np.median(best):.4f}"
        )
