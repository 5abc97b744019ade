"""`adaptive-tx race`: its options, and what they are without being asked for."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from adaptive_tx.tune.command import INTERRUPTED
from adaptive_tx.tune.options import COUNT, add_key, named_optimizers, optimizer_names
from adaptive_tx.tune.race.characters import options as characters
from adaptive_tx.tune.race.characters.racers import RACERS, racer_names
from adaptive_tx.tune.race.options import DEFAULT, MODELS, QUICK, Options, learning_rates

HELP = "race the optimizers, on handwritten digits or on text"
ABOUT = """\
digits: trains a small classifier of handwritten digits with each named optimizer,
over a grid of learning rates and seeds, and ranks them.

characters: trains a small transformer on the text of Python's help. Everybody gets
as many trials of rate and weight decay, around a rate of its own; the best setting
is confirmed on fresh seeds, and held against AdamW's. An interrupted race goes on
when the same command is given again, and takes new optimizers in.
"""
PRESETS = {
    "digits": {False: DEFAULT, True: QUICK},
    "characters": {False: characters.DEFAULT, True: characters.QUICK},
}
OF_DIGITS = "model", "rates"  # options that the other task has not


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add = parser.add_argument
    add("--task", choices=PRESETS, default="digits", help="see above (default: %(default)s)")
    add("--optimizers", metavar="A,B,...", help="by name, see below (default: all)")
    add("--model", choices=MODELS, help="of digits: what is trained (default: mlp)")
    rates = {"type": learning_rates, "metavar": "LOW:HIGH:COUNT"}
    words = "log-spaced, or a comma list"
    add("--rates", **rates, help=f"of digits: {words} (default: {DEFAULT['rates']})")
    for name, what in {"seeds": "seeds per setting", "steps": "updates per run"}.items():
        usual = ", of ".join(f"{task} {preset[False][name]}" for task, preset in PRESETS.items())
        add(f"--{name}", **COUNT, help=f"{what} (default: of {usual})")
    add_key(add)
    add("--out", default="race", metavar="DIR", help="for figure and numbers (default: race)")
    redraw = "draw the figure again from the numbers of a race, without training"
    add("--redraw", type=Path, metavar="FILE", help=redraw)
    quick = "; ".join(
        f"of {task} " + ", ".join(f"{name} {value}" for name, value in preset[True].items())
        for task, preset in PRESETS.items()
    )
    add("--quick", action="store_true", help=f"defaults become {quick}")
    parser.epilog = (
        f"optimizers:\n  digits: {', '.join(named_optimizers())}\n  characters: {', '.join(RACERS)}"
    )


def run(arguments: argparse.Namespace) -> int:
    """Races; returns the exit code."""
    if arguments.redraw:
        return _redrawn(arguments)
    race = {"digits": _digits, "characters": _characters}[arguments.task]
    preset = dict(PRESETS[arguments.task][arguments.quick])
    preset |= {n: x for n in ("seeds", "steps") if (x := getattr(arguments, n)) is not None}
    preset["key"] = arguments.key
    try:
        race(arguments, preset)
    except argparse.ArgumentTypeError as error:
        arguments.fail(str(error))
    except OSError as error:  # a full disk has no name
        reason = f"{error.strerror or error}; make room there, or choose another --out"
        arguments.fail(f"cannot write {error.filename or arguments.out}: {reason}")
    except KeyboardInterrupt:
        print("adaptive-tx race: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _redrawn(arguments: argparse.Namespace) -> int:
    """From a file that a race left, race.json or characters.json."""
    from adaptive_tx.tune.race import run as digits  # need rich and matplotlib
    from adaptive_tx.tune.race.characters import run as of_characters

    path = arguments.redraw
    try:
        known = "optimizers" in json.loads(path.read_text())
        print((digits if known else of_characters).redraw(path, arguments.out))
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        arguments.fail(
            f"argument --redraw: {path} is no record of a race, or cannot be used: {reason}"
        )
    return 0


def _digits(arguments: argparse.Namespace, preset: dict[str, Any]) -> None:
    names = arguments.optimizers
    chosen = tuple(named_optimizers()) if names is None else optimizer_names(names)
    from adaptive_tx.tune.race.run import race  # needs rich and matplotlib

    preset["rates"] = arguments.rates or learning_rates(preset["rates"])
    race(Options(optimizers=chosen, model=arguments.model or "mlp", out=arguments.out, **preset))


def _characters(arguments: argparse.Namespace, preset: dict[str, Any]) -> None:
    if given := [name for name in OF_DIGITS if getattr(arguments, name) is not None]:
        raise argparse.ArgumentTypeError(f"argument --{given[0]}: it is for --task digits")
    names = arguments.optimizers
    chosen = tuple(RACERS) if names is None else racer_names(names)
    from adaptive_tx.tune.race.characters.run import race  # needs rich and matplotlib

    race(characters.Options(racers=chosen, out=arguments.out, **preset))
