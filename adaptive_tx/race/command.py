"""`adaptive-tx race`: its options, and what they are without being asked for."""

import argparse
import sys

from adaptive_tx.race.options import MODELS, Options, learning_rates
from adaptive_tx.tune.options import at_least_one, named_optimizers, optimizer_names

HELP = "race the named optimizers on handwritten digits"
ABOUT = """\
Trains a small classifier of handwritten digits with each named optimizer, over a
grid of learning rates and seeds, and ranks them.
"""
DEFAULT = {"rates": "1e-5:100:22", "seeds": 5, "steps": 600}
QUICK = {"rates": "1e-4:100:13", "seeds": 3, "steps": 200}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add = parser.add_argument
    add("--optimizers", type=optimizer_names, metavar="A,B,...", help="by name (default: all)")
    add("--model", choices=MODELS, default="mlp", help="what is trained (default: %(default)s)")
    add(
        "--rates",
        type=learning_rates,
        metavar="LOW:HIGH:COUNT",
        help=f"log-spaced, or a comma list (default: {DEFAULT['rates']})",
    )
    for name, of in (("seeds", "seeds per rate"), ("steps", "updates per run")):
        default = f"{of} (default: {DEFAULT[name]})"
        add(f"--{name}", type=at_least_one, metavar="N", help=default)
    add("--out", default="race", metavar="DIR", help="for race.png and race.json (default: race)")
    add("--quick", action="store_true", help=f"defaults become {_written(QUICK)}")


def run(arguments: argparse.Namespace) -> int:
    """Races; returns the exit code."""
    from adaptive_tx.race.run import race

    preset = QUICK if arguments.quick else DEFAULT
    options = Options(
        optimizers=arguments.optimizers or tuple(named_optimizers()),
        model=arguments.model,
        rates=arguments.rates or learning_rates(preset["rates"]),
        seeds=arguments.seeds or preset["seeds"],
        steps=arguments.steps or preset["steps"],
        out=arguments.out,
    )
    try:
        race(options)
    except KeyboardInterrupt:
        print("adaptive-tx race: interrupted", file=sys.stderr)
        return 130
    return 0


def _written(preset: dict) -> str:
    return ", ".join(f"--{name} {value}" for name, value in preset.items())
