"""`adaptive-tx race`: its options, and what they are without being asked for."""

import argparse
import sys

from adaptive_tx.tune.command import INTERRUPTED
from adaptive_tx.tune.options import COUNT, named_optimizers, optimizer_names
from adaptive_tx.tune.race.options import DEFAULT, MODELS, QUICK, Options, learning_rates

HELP = "race the named optimizers on handwritten digits"
ABOUT = """\
Trains a small classifier of handwritten digits with each named optimizer, over a
grid of learning rates and seeds, and ranks them.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add = parser.add_argument
    add("--optimizers", type=optimizer_names, metavar="A,B,...", help="by name (default: all)")
    add("--model", choices=MODELS, default="mlp", help="what is trained (default: %(default)s)")
    rates = {"type": learning_rates, "metavar": "LOW:HIGH:COUNT"}
    add("--rates", **rates, help=f"log-spaced, or a comma list (default: {DEFAULT['rates']})")
    add("--seeds", **COUNT, help=f"seeds per rate (default: {DEFAULT['seeds']})")
    add("--steps", **COUNT, help=f"updates per run (default: {DEFAULT['steps']})")
    add("--out", default="race", metavar="DIR", help="for race.png and race.json (default: race)")
    quick = ", ".join(f"--{name} {value}" for name, value in QUICK.items())
    add("--quick", action="store_true", help=f"defaults become {quick}")


def run(arguments: argparse.Namespace) -> int:
    """Races; returns the exit code."""
    from adaptive_tx.tune.race.run import race  # needs rich and matplotlib

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
        return INTERRUPTED
    return 0
