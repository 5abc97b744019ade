"""The command line: `python -m adaptive_tx race`, or `adaptive-tx race`."""

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from adaptive_tx.race.options import (
    MODELS,
    Options,
    at_least_one,
    learning_rates,
    named_optimizers,
    optimizer_names,
)

DEFAULT = {"rates": "1e-5:100:22", "seeds": 5, "steps": 600}
QUICK = {"rates": "1e-4:100:13", "seeds": 3, "steps": 200}
EXTRAS = {"sklearn": "scikit-learn", "rich": "rich", "matplotlib": "matplotlib"}


class OneLineParser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line on stderr, and exit code 2."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: error: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code.

    Raises:
      SystemExit: with code 2 for a wrong option, and 0 for --help.
    """
    parser, race_parser = _parsers()
    arguments = parser.parse_args(argv)
    if missing := [name for module, name in EXTRAS.items() if not importlib.util.find_spec(module)]:
        race_parser.error(f"needs {', '.join(missing)}: pip install adaptive-tx[demo]")
    out = Path(arguments.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        race_parser.error(f"argument --out: cannot make the folder {out}: {error.strerror}")
    if not os.access(out, os.W_OK):
        race_parser.error(f"argument --out: cannot write to {out}")

    from adaptive_tx.race.run import race

    preset = QUICK if arguments.quick else DEFAULT
    options = Options(
        optimizers=arguments.optimizers or tuple(named_optimizers()),
        model=arguments.model,
        rates=arguments.rates or learning_rates(preset["rates"]),
        seeds=arguments.seeds or preset["seeds"],
        steps=arguments.steps or preset["steps"],
        out=out,
    )
    try:
        race(options)
    except KeyboardInterrupt:
        print("adaptive-tx race: interrupted", file=sys.stderr)
        return 130
    return 0


def _parsers() -> tuple[OneLineParser, argparse.ArgumentParser]:
    parser = OneLineParser(prog="adaptive-tx", description="Adaptive gradient transformations.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    race = commands.add_parser(
        "race",
        help="race the named optimizers on handwritten digits",
        description="Trains a small classifier of handwritten digits with each named optimizer, "
        "over a grid of learning rates and seeds, and ranks them.",
        allow_abbrev=False,
    )
    add = race.add_argument
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
    return parser, race


def _written(preset: dict) -> str:
    return ", ".join(f"--{name} {value}" for name, value in preset.items())


if __name__ == "__main__":
    sys.exit(main())
