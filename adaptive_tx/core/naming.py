"""Hyperparameters by name: listing them, reading them at a state's count, putting others in place.

A name is an address: the position of the part in its chain, then the argument: `"1.0.b1"`. A wrapper
adds nothing to it (the part that it holds is named ""), so an optimizer's names stay when it is wrapped.
"""

from collections.abc import Callable, Iterator
from typing import Any

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, arguments_of
from adaptive_tx.core.assigning import CHOSEN
from adaptive_tx.core.keeping import Partial


def names(function: Callable, prefix: str = "") -> Iterator[str]:
    """The names of what is bound to one side, `init` or `update`."""
    if (arguments := arguments_of(function)) is None:
        return
    for name, part in parts_of(arguments):
        yield from names(part, below(prefix, name))
    for name in arguments.names:
        yield prefix + name


def parts_of(arguments: Arguments) -> Iterator[tuple[str, Callable]]:
    """The parts of a chain by their names, and what a wrapper holds, which adds none."""
    yield from zip(arguments.part_names, arguments.parts)
    if arguments.inner is not None:
        yield "", arguments.inner


def below(prefix: str, name: str) -> str:
    """The prefix of the names inside a part."""
    return f"{prefix}{name}." if name else prefix


def numbers(
    update: Callable, init: Callable, state: Any, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """The numbers in force, by name: schedules are evaluated at the count in `state`."""
    if (arguments := arguments_of(update)) is None:
        return
    sides = zip(parts_of(arguments), parts_of(arguments_of(init)))
    for ((name, part), (_, part_init)), inner in zip(sides, _inner_states(arguments, state)):
        yield from numbers(part, part_init, inner, below(prefix, name))
    for name, value in arguments_of(init).at_start().items():
        yield prefix + name, value
    if arguments.names:
        checks.has_field(arguments.who, state, "count")
        for name, value in arguments.at(state.count).items():
            yield prefix + name, value


def _inner_states(arguments: Arguments, state: Any) -> tuple:
    """The states of the parts of a chain, or of what a wrapper holds."""
    if arguments.inner is not None:
        checks.has_field(arguments.who, state, "inner_state")
        return (state.inner_state,)
    if arguments.keyed:
        checks.has_field(arguments.who, state, "states")
        return tuple(state.states[name or CHOSEN] for name in arguments.part_names)
    if arguments.parts:
        checks.chain_state(state, len(arguments.parts))
        return state
    return ()


def put(function: Any, changes: dict[str, Any], prefix: str = "") -> Any:
    """One side with other numbers, by their full names; checked again."""
    if (arguments := arguments_of(function)) is None:
        return function
    arguments = arguments.with_parts(lambda name, part: put(part, changes, below(prefix, name)))
    for name in (*arguments.names, *dict(arguments.scheduled)):
        if prefix + name in changes:
            arguments = arguments.put(name, changes[prefix + name])
    return Partial(function.func, *function.args[:-1], arguments)


def full_name(who: str, name: str, known: list[str]) -> str:
    """The full name that a short one stands for."""
    if name in known:
        return name
    found = [full for full in known if full.endswith(f".{name}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise TypeError(f"{who}: {name} is ambiguous; name one of {', '.join(found)}.")
    raise TypeError(f"{who}: no hyperparameter {name}; there are {', '.join(known) or 'none'}.")
