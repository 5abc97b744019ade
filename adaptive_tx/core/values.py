"""What every value of the library can do: compare, hash and print itself, and become concrete.

A value is a NamedTuple of Partials, the last argument of each being the `Arguments` of the call that
made it (`arguments`). These functions are its methods.
"""

import dataclasses
import math
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from adaptive_tx.core import checks
from adaptive_tx.core.arguments import Arguments, arguments_of
from adaptive_tx.core.keeping import Partial


def equal(self, other) -> bool:
    if type(self) is not type(other):
        return NotImplemented
    ours, structure = jax.tree.flatten(self)
    theirs, other_structure = jax.tree.flatten(other)
    return structure == other_structure and all(map(_same_leaf, ours, theirs))


def _same_leaf(a, b) -> bool:
    if isinstance(a, float) or isinstance(b, float):
        return type(a) is type(b) and a == b
    return a.dtype == b.dtype and np.array_equal(a, b)


def unequal(self, other) -> bool:
    return not self == other


def hashed(self) -> int:
    leaves, structure = jax.tree.flatten(self)
    if not all(isinstance(leaf, float) for leaf in leaves):
        raise TypeError(
            f"{who_made(self)}: its hyperparameters are arrays, so it has no hash and cannot be static "
            "(as in a TrainState or a jit's static argument); tx.concrete() makes them numbers."
        )
    return hash((structure, *leaves))


def concrete(self):
    """The same value with every array hyperparameter as a Python float, checked.

    Values made by `vmap`, `grad`, `device_put` or indexing hold arrays. A float32 becomes the number
    that it prints as, so the winner of a sweep equals the same optimizer written by hand.

    Raises:
      ValueError: if a hyperparameter is not a scalar (index the sweep first) or out of its range.
    """

    def is_call(node):
        return isinstance(node, Arguments)

    def walk(node):
        if not is_call(node):
            return checks.shortest(node)
        values = (
            inside(value) if callable(value) else checks.number(node.who, name, allowed(value))
            for name, value, allowed in zip(node.names, node.values, node.ranges)
        )
        node = dataclasses.replace(node, values=tuple(values))
        return node.with_parts(lambda _, part: inside(part))

    def inside(value):
        return jax.tree.map(walk, value, is_leaf=is_call)

    return inside(self)


def who_made(value) -> str:
    arguments = arguments_of(value[-1] if isinstance(value, tuple) else value.evaluate)
    return arguments.who if arguments else "a transformation of two functions"


def written(*sides: Any) -> str:
    """The call that made a value, as source: `sides` is (init, update), or a schedule's function."""
    if (arguments := arguments_of(sides[-1])) is None:
        return f"<{_name(sides[-1].args[-1].value)}>"
    calls = [arguments_of(side) for side in sides]
    words = []
    for name, *parts in zip(arguments.part_names, *(call.parts for call in calls)):
        text = written(*parts) if len(parts) == 2 else _number_text(parts[0])
        if arguments.keyed:
            words.append(f"{name!r}: {text}" if name else text)
        else:
            words.append(text if name.isdigit() else f"{name}={text}")
    if arguments.keyed and "" not in arguments.part_names:
        words = [f"{{{', '.join(words)}}}"]
    if arguments.inner is not None:
        words.append(written(*(call.inner for call in calls)))
    numbers = [pair for call in calls for pair in zip(call.names, call.values)]
    given = {name: f"{name}={_number_text(value)}" for name, value in numbers}
    seed = given.pop("seed", None) if arguments.bits < 32 else None
    words += given.values()
    words += [f"{name}={value!r}" for name, value in arguments.settings]
    text = f"{arguments.who}({', '.join(words)})"
    if seed is not None:
        text = f"stored({text}, {arguments.bits}, {seed})"
    return f"{arguments.within}({text})" if arguments.within else text


def _name(opaque: Any) -> str:
    """Of a transformation of optax, or of somebody's `update`: the function that it comes from."""
    update = getattr(opaque, "update", None)
    name = getattr(update or opaque, "__qualname__", type(opaque).__name__).split(".")[0]
    return f"optax {name}" if update else name


def _number_text(value) -> str:
    if isinstance(value, jax.Array) and (value.shape or isinstance(value, Tracer)):
        return jax.typeof(value).str_short()
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value.func) if type(value) is Partial else repr(value)
