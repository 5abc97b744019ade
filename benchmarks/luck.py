"""How much better the best of a search seems than it is, before and after `result.confirm()`.

40 rates within a tenth of each other, 3 seeds, a search for each of 16 keys. The truth of a setting is its
mean over 64 other seeds; shown is that truth over what was reported, the mean (geometric) over the keys.

    python benchmarks/luck.py
"""

import numpy as np

import adaptive_tx as atx
from adaptive_tx import tune

SETTINGS, SEEDS, TRUE_SEEDS, KEYS = 40, 3, 64, 16
TASKS = {"iris": (0.1, 0.11), "wine": (0.03, 0.033)}


def main() -> None:
    print(
        "| task | the best of the search | the same after confirm | intervals that hold the truth |"
    )
    print("|---|---|---|---|")
    for name, (low, high) in TASKS.items():
        task = tune.tasks.load(name)
        sweep = tune.sweep(atx.adam, learning_rate=tune.uniform(low, high, SETTINGS))

        def search(key, seeds, task=task, sweep=sweep):
            how = {"steps": 100, "batch_size": 16, "evaluate": task.evaluate, "progress": False}
            return tune.train(task.loss, task.init, task.data, sweep, **how, seeds=seeds, key=key)

        truth = search(1000, TRUE_SEEDS).scores.mean(1)
        before, after, held = [], [], []
        for key in range(KEYS):
            result = search(key, SEEDS)
            confirmed = result.confirm()
            best = confirmed.best
            before.append(truth[result.best.index] / result.best.score)
            after.append(truth[best.member.index] / best.mean)
            held += [one.low <= truth[one.member.index] <= one.high for one in confirmed.members]
        means = [np.exp(np.mean(np.log(x))) for x in (before, after)]
        print(
            f"| {name} | {means[0]:.2f} | {means[1]:.2f} | {sum(held)} of {len(held)} |", flush=True
        )


if __name__ == "__main__":
    main()
