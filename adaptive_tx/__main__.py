"""The command line: `adaptive-tx tune`, `range` and `race`, or `python -m adaptive_tx ...`."""

import argparse
import importlib.util
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from adaptive_tx.tune import command as tune
from adaptive_tx.tune import range_command
from adaptive_tx.tune.race import command as race
from adaptive_tx.tune.training.identity import installed

COMMANDS = {"tune": tune, "range": range_command, "race": race}
EXTRAS = {"sklearn": "scikit-learn", "rich": "rich", "matplotlib": "matplotlib"}


class OneLineParser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line on stderr, and exit code 2."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: error: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code.

    Raises:
      SystemExit: with code 2 for a wrong option, and 0 for --help and --version.
    """
    parser = OneLineParser(prog="adaptive-tx", description="Adaptive gradient transformations.")
    parser.add_argument("--version", action="version", version=_versions())
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        words = {"help": command.HELP, "description": command.ABOUT}
        layout = argparse.RawDescriptionHelpFormatter
        one = commands.add_parser(name, **words, allow_abbrev=False, formatter_class=layout)
        command.add_options(one)
        one.set_defaults(run=command.run, fail=one.error)
    arguments = parser.parse_args(argv)
    if missing := [name for module, name in EXTRAS.items() if not importlib.util.find_spec(module)]:
        arguments.fail(f"needs {', '.join(missing)}: pip install adaptive-tx[demo]")
    arguments.out = _folder(arguments)
    return arguments.run(arguments)


def _versions() -> str:
    """Of what makes the numbers."""
    names = "adaptive-tx", "jax", "jaxlib", "optax"
    numbers = [f"{name} {installed(name) or '(not installed)'}" for name in names]
    return ", ".join([*numbers, f"Python {platform.python_version()}"])


def _folder(arguments: argparse.Namespace) -> Path:
    """The folder for what a command leaves: made, and fit to be written to."""
    out = Path(arguments.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        arguments.fail(f"argument --out: cannot make the folder {out}: {error.strerror}")
    if not os.access(out, os.W_OK):
        arguments.fail(f"argument --out: cannot write to {out}")
    return out


if __name__ == "__main__":
    sys.exit(main())
