"""How much loss few bits of optimizer state cost: `python benchmarks/few_bits mlp --out mlp.json`."""

import argparse
import itertools
import pathlib

from plans import PLANS, settings
from results import Results
from tables import show


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plans", nargs="+", choices=PLANS)
    parser.add_argument("--seeds", type=int, help="fewer or more than the plan has")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("few_bits.json"))
    parser.add_argument("--table", action="store_true", help="print Markdown from the file")
    options = parser.parse_args()
    results = Results(options.out)
    for name in options.plans:
        given = {n: getattr(options, n) for n in ("seeds", "steps") if getattr(options, n)}
        plan = PLANS[name]._replace(**given)
        for task, optimizer in itertools.product(plan.tasks, plan.optimizers):
            part = plan._replace(tasks=(task,), optimizers=(optimizer,))
            rows = {s: results.of(s) for s in settings(part, results.best)}
            if options.table:
                print(show(rows, lambda s: results.best(s.task, s.optimizer, s.b2)))


if __name__ == "__main__":
    main()
