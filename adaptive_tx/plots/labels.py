"""Short names for optimizers and schedules: what a legend says when nobody gave a name."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import optax

from adaptive_tx.core.arguments import arguments_of
from adaptive_tx.core.chain import chain
from adaptive_tx.core.checks import shortest
from adaptive_tx.core.naming import below, parts_of
from adaptive_tx.core.schedule import Schedule
from adaptive_tx.core.transformation import Transformation

# Chains that are known under another name than that of their rules.
ADAFACTOR = ("scale_by_factored_rms", "clip_by_rms", "scale_by_param_rms")
KNOWN = {
    (): "sgd",
    ("trace",): "momentum",
    ("trace_nesterov",): "nesterov",
    ("scale_by_rms",): "rmsprop",
    ("scale_by_adam", "add_decayed_weights"): "adamw",
    ("scale_by_nadam", "add_decayed_weights"): "nadamw",
    ("scale_by_adam", "add_decayed_weights", "scale_by_trust_ratio"): "lamb",
    ("scale_by_lars", "trace"): "lars",
    ("scale_by_stable_adam",): "stable_adamw",
    ("scale_by_algoperf_nadam", "add_decayed_weights"): "algoperf_nadamw",
    ("scale_by_factored_rms_big_vision", "ema"): "adafactor_big_vision",
    ("schedule_free(rms_debiased + add_decayed_weights)",): "schedule_free_adamw",
    (*ADAFACTOR, "scale_by_relative_rate"): "adafactor",
    (*ADAFACTOR, "add_decayed_weights", "scale_by_relative_rate"): "adafactor",
}


def pairs(who: str, given: Sequence[Any], is_one: Callable[[Any], bool], what: str):
    """What was given, as (name or None, thing) pairs: several things, or one mapping of names.

    Raises:
      ValueError: if there is nothing.
      TypeError: for a thing that is none.
    """
    named: list[tuple[str | None, Any]] = [(None, one) for one in given]
    if len(given) == 1 and isinstance(given[0], Mapping):
        named = [(str(name), one) for name, one in given[0].items()]
    if not named:
        raise ValueError(f"{who}: needs at least one {what}.")
    for _, one in named:
        if not is_one(one):
            hint = "; was it meant to be called?" if callable(one) else "."
            raise TypeError(f"{who}: expected a {what} or a dict of them, got {one!r}{hint}")
    return named


def of_optimizers(named: Sequence[tuple[str | None, Transformation]]) -> list[str]:
    """The name, or the rule and its learning rate; then, for equal ones, the numbers that differ."""
    facts = [{**dict(_facts(tx.init)), **dict(_facts(tx.update))} for _, tx in named]
    first = [name or _rule_and_rate(tx, of) for (name, tx), of in zip(named, facts)]
    labels = []
    for label, of in zip(first, facts):
        alike = [other for other, name in zip(facts, first) if name == label]
        differ = [
            f"{_short(name)} {text}"
            for name, text in of.items()
            if len({other.get(name) for other in alike}) > 1
        ]
        labels.append(", ".join([label, *differ]))
    return numbered(labels)


def of_schedules(named: Sequence[tuple[str | None, Callable]]) -> list[str]:
    """The name, or a schedule as it would be written, a function by its name."""
    return numbered(
        [
            name or (_brief(repr(one)) if isinstance(one, Schedule) else _function(one))
            for name, one in named
        ]
    )


def _brief(written: str) -> str:
    """Whole numbers without their .0."""
    return re.sub(r"\.0(?=[,)])", "", written)


def numbered(labels: Sequence[str]) -> list[str]:
    """The labels, with a number at those that occur more than once."""
    return [
        f"{label} ({labels[:i].count(label) + 1})" if labels.count(label) > 1 else label
        for i, label in enumerate(labels)
    ]


def members(who: str, tx: optax.GradientTransformation) -> list[Transformation]:
    """The optimizers of a sweep, one after the other; what is no sweep is one optimizer.

    Raises:
      ValueError: if the leaves have more than one leading axis, or several lengths.
    """
    tx = tx if isinstance(tx, Transformation) else chain(tx)
    shapes = {np.shape(leaf) for leaf in jax.tree.leaves(tx)} - {()}
    if not shapes:
        return [tx]
    if len(shapes) > 1 or len(next(iter(shapes))) > 1:
        raise ValueError(
            f"{who}: a sweep must have one leading axis, got leaves of shapes {sorted(shapes)}."
        )
    ((n,),) = shapes
    pick = [lambda leaf, i=i: leaf[i] if np.ndim(leaf) else leaf for i in range(n)]
    return [jax.tree.map(one, tx) for one in pick]


def _rule_and_rate(tx: Transformation, facts: dict[str, str]) -> str:
    rates = [f"lr {text}" for name, text in facts.items() if _short(name) == "lr"]
    return ", ".join([_chained(tuple(_rules(tx.update))), *rates])


def _chained(rules: tuple[str, ...]) -> str:
    """The rules of a chain; those at its end under their own name, if they have one."""
    for i in range(len(rules) or 1):
        if name := KNOWN.get(rules[i:]):
            return " + ".join([*rules[:i], name])
    return " + ".join(rule.removeprefix("scale_by_") for rule in rules)


def _rules(update: Any) -> Iterator[str]:
    """The constructors of the parts, without the chains around them and the learning rate."""
    if (arguments := arguments_of(update)) is None:
        yield f"optax {update.args[-1].value.update.__qualname__.split('.')[0]}"
        return
    parts = [part for _, part in parts_of(arguments)]
    inner = tuple(rule for part in parts for rule in _rules(part))
    if arguments.who == "chain":
        yield from inner
    elif arguments.who != "scale_by_learning_rate":
        yield f"{arguments.who}({_chained(inner)})" if parts else arguments.who


def _facts(function: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each number, schedule and setting as a short text, by the names that `hyperparameters` uses."""
    function = function.evaluate if isinstance(function, Schedule) else function
    if not function.args or (arguments := arguments_of(function)) is None:
        return
    for name, part in parts_of(arguments):
        yield from _facts(part, below(prefix, name))
    for name, value in zip(arguments.names, arguments.values):
        yield prefix + name, _function(value) if callable(value) else f"{shortest(value):.4g}"
        if callable(value):
            yield from _facts(value, f"{prefix}{name}.")
    for name, value in arguments.settings:
        yield prefix + name, str(value)


def _short(name: str) -> str:
    word = name.split(".")[-1]
    return "lr" if word == "learning_rate" else word


def _function(schedule: Any) -> str:
    """The name of what made a schedule: cosine, or that of a Python function."""
    if isinstance(schedule, Schedule):
        return arguments_of(schedule.evaluate).who
    while hasattr(schedule, "func"):  # a partial
        schedule = schedule.func
    names = getattr(schedule, "__qualname__", type(schedule).__name__).split(".<locals>.")
    of_optax = (getattr(schedule, "__module__", None) or "").startswith("optax")
    name = names[0 if of_optax else -1]  # optax's are closures in a function with a good name
    return "lambda" if name == "<lambda>" else name
