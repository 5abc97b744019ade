"""Categories: values of an axis that no single program can sweep, and the programs that they make."""

import re
from typing import Any

import jax

from adaptive_tx.core.transformation import Transformation
from adaptive_tx.tune.sweeps.axes import is_category

ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def written(setting: dict[str, Any]) -> str:
    """A setting as the arguments of a call, to the seven digits of float32."""
    return ", ".join(f"{name}={_value(x)}" for name, x in setting.items())


def _value(x: Any) -> str:
    return repr(x) if isinstance(x, str) else word(x)


def word(x: Any) -> str:
    """A value of an axis, to be read: a number to seven digits, a category by its name."""
    if is_category(x):
        return str(getattr(x, "__name__", x))
    return f"{x:.7g}"


def groups(
    rows: list[dict[str, Any]], members: list[Transformation]
) -> list[tuple[str, list[int]]]:
    """The rows of each program with the label of it: equal categories, and optimizers of equal parts."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    words = [name for name, column in columns.items() if any(map(is_category, column))]
    found: list[tuple[Any, list[int]]] = []
    for i, member in enumerate(members):
        kind = [columns[name][i] for name in words], parts_of(member)
        of_kind = next((of for known, of in found if known == kind), None)
        if of_kind is None:
            found.append((kind, of_kind := []))
        of_kind.append(i)
    if len({str(kind) for kind, _ in found}) > len({str(kind[0]) for kind, _ in found}):
        words += [n for n, column in columns.items() if n not in words and _fixed(column, found)]
    labels = [_label({n: columns[n][of[0]] for n in words}) for _, of in found]
    again = [
        f" ({labels[:i].count(one) + 1})" if one in labels[:i] else ""
        for i, one in enumerate(labels)
    ]
    return [(label + more, of) for label, more, (_, of) in zip(labels, again, found, strict=True)]


def _fixed(column: list[Any], groups: list[tuple[Any, list[int]]]) -> bool:
    """Whether a number varies, but in no group."""
    each = [{column[i] for i in of} for _, of in groups]
    return all(len(one) == 1 for one in each) and len(set.union(*each)) > 1


def _label(words: dict[str, Any]) -> str:
    """Such as ", nesterov=True", fit for the name of a file."""
    return "".join(f", {name}={word(x)}" for name, x in words.items()).replace("/", "|")


def parts_of(tx: Transformation) -> str:
    """An optimizer without its numbers: its parts and their settings, in words."""
    return ADDRESS.sub("", repr(jax.tree.map(lambda _: 0.0, tx)))
