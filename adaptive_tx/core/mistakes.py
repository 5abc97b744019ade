"""A call that does not fit a signature is answered with what to write instead.

The habits of torch, Keras and optax are in the tables of `habits`, `modern_habits` and `schedule_habits`.
A call that fits costs nothing more.
"""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

from adaptive_tx.core import modern_habits, schedule_habits
from adaptive_tx.core.habits import EVEN_FALSE, OPTIMIZER, OTHERWISE, RATES, RENAMED, SECOND
from adaptive_tx.core.schedule import Schedule
from adaptive_tx.core.schedule_habits import OF_SCHEDULES

Function = TypeVar("Function", bound=Callable[..., Any])


def explained(function: Function) -> Function:
    """The same function; where a call does not fit its signature, the error says what to write instead."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except TypeError:
            if text := explanation(function, args, kwargs):
                raise TypeError(text) from None
            raise

    return cast(Function, call)


def explanation(function: Callable, args: tuple, kwargs: Mapping[str, Any]) -> str:
    """What is wrong with a call, and what to write instead; "" where another error says it already."""
    signature = inspect.signature(function)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        texts = list(_Call(function, signature, args, kwargs).mistakes())
        return f"{function.__name__}: " + (" ".join(texts) or f"{error}.")
    return _of_values(function.__name__, bound.arguments)


def _of_values(who: str, given: Mapping[str, Any]) -> str:
    """What fits the signature, but stands for something else."""
    if _holds_parameters(rate := given.get("learning_rate")):
        return (
            f"{who}: learning_rate must be a number or a schedule, got a {type(rate).__name__}. The "
            f"parameters are given to init: tx = {who}(1e-3), state = tx.init(params)."
        )
    for name in ("schedule", "schedules"):
        several = given.get(name, ())
        for value in several if name == "schedules" else (several,):
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return (
                    f"{who}: {name} must be a schedule, a function of the count; got {value!r}. "
                    f"Write schedules.constant({value!r})."
                )
    return ""


class _Call:
    """A call that does not fit."""

    def __init__(self, of: Callable, signature: inspect.Signature, args: tuple, kwargs: Mapping):
        self.who, self.args, self.kwargs = of.__name__, args, kwargs
        self.makes_schedule = signature.return_annotation is Schedule
        parameters = signature.parameters.values()
        self.names = [p.name for p in parameters]
        self.positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        self.several = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "")
        self.required = [p.name for p in parameters if p.default is p.empty]
        self.takes_rate = "learning_rate" in self.names
        by_position = () if args and _holds_parameters(args[0]) else self.positional[: len(args)]
        self.given = {*kwargs, *by_position}

    def mistakes(self) -> Iterator[str]:
        """A sentence or two for each mistake."""
        wrong = [name for name in self.kwargs if name not in self.names]
        if self.kwargs.get("nesterov") and "nesterov" in wrong and "momentum" in wrong:
            wrong.remove("momentum")
        supplied = {*self.kwargs, *self.positional[: len(self.args)]}
        rate_first = self.positional[:1] == ["learning_rate"]
        if rate_first and self.args and _holds_parameters(self.args[0]):
            yield (
                f"The first argument is the learning rate; the parameters are given to init. "
                f"Write tx = {self.call}, state = tx.init(params)."
            )
        elif len(self.args) > len(self.positional):
            yield self.by_name()
        for name in wrong:
            supplied.add(self.renamed(name))
            yield f"There is no {name}; {self.instead(name)}.".replace("....", "...")
        if "learning_rate" in self.required and "learning_rate" not in supplied:
            call = f"{self.who}({'' if rate_first else f'{self.positional[0]}, '}1e-3)"
            yield f"The learning_rate is missing; write {call}, or give a schedule."

    @property
    def rate(self) -> str:
        """The learning rate, if it is among the arguments."""
        numbers = [a for a in self.args[:2] if not _holds_parameters(a)] if self.takes_rate else []
        numbers += [self.kwargs[name] for name in RATES if name in self.kwargs]
        return _short(numbers[0]) if numbers else "learning_rate"

    @property
    def call(self) -> str:
        if self.takes_rate:
            return f"{self.who}({self.rate})"
        return f"{self.who}({', '.join(f'{name}=...' for name in self.required)})"

    def by_name(self) -> str:
        """Too many arguments by position."""
        first = [_short(value) for value in self.args[: len(self.positional)]]
        later = [f"{name}=..." for name in self.names if name not in self.positional]
        text = f"write {self.who}({', '.join([*first, *later])})"
        if self.several:
            written = f"{self.who}(*{self.several}, {later[-1]})"
            return f"Of {self.several} it takes one after the other; write {written}."
        if not self.names:
            return f"It takes no arguments; write {self.who}()."
        if not later:
            value = _short(self.args[len(first)])
            text = SECOND.get(self.who, text)
            if self.args[len(first) + 1 :][:1] == (True,):  # optax's order: momentum, nesterov
                text = OTHERWISE["nesterov"].get(self.who, text)
            text = text.format(rate=self.rate, value=value, momentum=value)
            return f"It takes {' and '.join(self.positional)} only; {text}."
        if self.positional:
            first = " and ".join(self.positional)
            return f"What comes after {first} is given by name, as its order differs elsewhere; {text}."
        if len(self.args) == 1 and (optimizer := self.optimizer) and not _is_large(self.args[0]):
            return (
                f"It has no learning rate, and takes its numbers by name; {text}, or the optimizer "
                f"{optimizer}({_short(self.args[0])})."
            )
        return f"Its arguments are given by name, as their order differs elsewhere; {text}."

    @property
    def optimizer(self) -> str:
        """The optimizer that a rule is the direction of."""
        rule = self.who.removeprefix("scale_by_")
        return OPTIMIZER.get(self.who, rule if rule != self.who else "")

    def renamed(self, name: str) -> str:
        """What this function calls it."""
        return next((n for n in self.candidates(name) if n not in self.given), "")

    def candidates(self, name: str) -> list[str]:
        """What is it called here, of the names that this function has."""
        tables = (RENAMED, modern_habits.RENAMED, schedule_habits.RENAMED)
        return [n for t in tables for n in t.get(name, "").split() if n in self.names]

    def instead(self, name: str) -> str:
        value = self.kwargs[name]
        otherwise = {**OTHERWISE.get(name, {}), **modern_habits.OTHERWISE.get(name, {})}
        if name == "betas" and (pair := self.pair(value)):
            return f"write {pair}"
        here, anywhere = otherwise.get(self.who), otherwise.get("*")
        if self.makes_schedule:
            of_optimizers, anywhere = anywhere, OF_SCHEDULES.get(name)
            anywhere = anywhere or (of_optimizers and OF_SCHEDULES["*"])
        if here is None and (ours := self.renamed(name)):
            return f"write {ours}={_short(value)}"
        if text := here or anywhere:
            off = isinstance(value, (int, float, type(None))) and not value
            if off and not {name, f"{self.who}.{name}"} & {*EVEN_FALSE, *modern_habits.EVEN_FALSE}:
                return "leave it out"
            words = {"who": self.who, "rate": self.rate, "call": self.call, "value": _short(value)}
            words["momentum"] = _short(self.kwargs.get("momentum", 0.9))
            return text.format(**words)
        if taken := self.candidates(name):
            return f"leave it out: {taken[0]} is given"
        if name in RATES and (optimizer := self.optimizer):
            return (
                f"it is a direction without a rate: write {optimizer}({_short(value)}), or put "
                f"scale_by_learning_rate({_short(value)}) after it in a chain"
            )
        if name in RATES and not self.makes_schedule:
            return f"write chain({self.who}(...), scale_by_learning_rate({_short(value)}))"
        if close := difflib.get_close_matches(name, self.names, 1):
            return f"write {close[0]}={_short(value)}"
        return f"it takes {', '.join(self.names)}"

    def pair(self, betas: Any) -> str:
        """torch's betas by their names."""
        if not isinstance(betas, (tuple, list)):
            return ""
        first = "b1" if "b1" in self.names else "momentum"
        named = {f"b{i}" if i > 1 else first: value for i, value in enumerate(betas, 1)}
        return ", ".join(f"{n}={_short(value)}" for n, value in named.items() if n in self.names)


def _holds_parameters(value: Any) -> bool:
    """Whether it looks like a tree of parameters, or torch's list of them."""
    return isinstance(value, (Mapping, list, tuple, Iterator)) or hasattr(value, "parameters")


def _is_large(value: Any) -> bool:
    """Whether it is rather a decay rate than a learning rate: few of either are on this side of 0.5."""
    return isinstance(value, (int, float)) and value > 0.5


def _short(value: Any) -> str:
    """A value as it would be written; "..." for one that is long."""
    text = repr(value)
    return text if len(text) <= 40 and "\n" not in text and "<" not in text else "..."
