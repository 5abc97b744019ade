"""The state of an optimizer as records: one for each part, with the paths of its leaves and its rule.

A state is read by its structure alone (NamedTuples by their fields, tuples, dicts), with the transformation
beside it as far as that is ours: it says which rule keeps a state, and what its slots are.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import optax

from adaptive_tx.core.arguments import Arguments, arguments_of
from adaptive_tx.core.assigning import CHOSEN
from adaptive_tx.core.debiasing import ScheduledDecayState
from adaptive_tx.core.leafwise import rule_of
from adaptive_tx.core.rule import Rule
from adaptive_tx.core.slots import Slot

Path = tuple[str, ...]  # as it is written: (".inner_state", "[0]", ".mu", "['w']")
COUNT = ".count"


@dataclasses.dataclass(frozen=True)
class Record:
    """The state of one part.

    `where` is the path of the state itself; with sums of weights beside it, these are `weights`, by the
    name of the decay rate, and `where` is what the state would be without. `leaves` are the paths of its
    leaves, but for those of the parts inside it.
    """

    where: Path
    state: Any
    leaves: tuple[Path, ...]
    update: Any = None  # the part's; None of one that is not ours
    weights: Mapping[str, Path] = dataclasses.field(default_factory=dict)

    @property
    def kind(self) -> str:
        return type(self.state).__name__

    @property
    def arguments(self) -> Any:
        """The `Arguments` of the call that made the part; None of one that is not ours."""
        return arguments_of(self.update)

    @property
    def rule(self) -> Rule | None:
        return rule_of(self.update) if self.update is not None else None

    @property
    def who(self) -> str:
        return self.arguments.who if self.arguments else ""

    @property
    def slots(self) -> dict[str, Slot]:
        """What its rule keeps: none, if it is no rule's."""
        return dict(self.rule.slots) if self.rule else {}

    @property
    def count(self) -> Path:
        """Where its count is, if it counts."""
        return (*self.where, COUNT)

    @property
    def counts(self) -> bool:
        return self.count in self.leaves

    def below(self, path: Path) -> Path:
        """A leaf's path inside the record: its field, and where in that."""
        return path[len(self.where) :]


def flat(tree) -> dict[Path, Any]:
    """The leaves by their paths."""
    return {written(path): leaf for path, leaf in jax.tree.leaves_with_path(tree)}


def written(path) -> Path:
    return tuple(jax.tree_util.keystr((key,)) for key in path)


def records_of(update: Any, state, params, what: str) -> list[Record]:
    """The records of a state, in order; `what` is how an error calls it.

    Raises:
      ValueError: if it is no state of this transformation.
    """
    return list(_Reading(what, _kinds(params)).walk(update, state, ()))


@dataclasses.dataclass(frozen=True)
class _Reading:
    what: str
    of_params: frozenset[type]  # NamedTuples that are nodes of the parameters

    def walk(self, update: Any, state, where: Path) -> Iterator[Record]:
        if (made := arguments_of(update)) is None:
            yield from self.others(state, where)
        elif rule := rule_of(update):
            yield self._of_rule(rule, update, state, where)
        elif made.inner is not None:
            self._require("inner_state" in _fields(state), made.who, state, where)
            yield self._own(state, where, {"inner_state"}, update)
            yield from self.walk(made.inner, state.inner_state, (*where, ".inner_state"))
        elif made.parts:
            held, at, names = self._held(made, state, where)
            if at != where:
                yield self._own(state, where, {at[-1].removeprefix(".")}, update)
            for name, part in zip(names, made.parts):
                key = jax.tree_util.keystr(
                    (jax.tree_util.DictKey(name),)
                    if isinstance(held, Mapping)
                    else (jax.tree_util.SequenceKey(name),)
                )
                yield from self.walk(part, held[name], (*at, key))
        elif state != ():  # what an empty chain has
            self._require(bool(_fields(state)), made.who, state, where)
            yield self._own(state, where, set(), update)

    def others(self, state, where: Path) -> Iterator[Record]:
        """The records of what is not ours: every NamedTuple, but for those of the parameters."""
        if self._is_record(state):
            inside = [name for name in _fields(state) if self._holds_record(getattr(state, name))]
            yield self._own(state, where, set(inside), None)
            for name in inside:
                yield from self.others(getattr(state, name), (*where, f".{name}"))
        else:
            for key, child in _children(state):
                yield from self.others(child, (*where, jax.tree_util.keystr((key,))))

    def _held(self, made: Arguments, state, where: Path) -> tuple[Any, Path, list]:
        """What holds the states of several parts, where, and by which names."""
        if isinstance(state, tuple) and not _fields(state):
            self._require(len(state) == len(made.parts), made.who, state, where)
            return state, where, list(range(len(state)))
        keys = [name or CHOSEN for name in made.part_names]
        for name in _fields(state):
            value = getattr(state, name)
            if isinstance(value, Mapping) and value.keys() == {*keys}:
                return value, (*where, f".{name}"), keys
            if type(value) is tuple and len(value) == len(made.parts):
                return value, (*where, f".{name}"), list(range(len(value)))
        raise self._unfit(made.who, state, where)

    def _of_rule(self, rule: Rule, update: Any, state, where: Path) -> Record:
        weights = {}
        if isinstance(state, ScheduledDecayState):
            weights = {k: (*where, ".weights", f"[{k!r}]") for k in state.weights}
            where, state = (*where, ".rule_state"), state.rule_state
        made = arguments_of(update)
        self._require(isinstance(state, rule.state), made.who, state, where)
        scheduled = {name for name in rule.kept if made.is_schedule(name)}
        self._require(weights.keys() == scheduled, made.who, state, where)
        return dataclasses.replace(self._own(state, where, set(), update), weights=weights)

    def _own(self, state, where: Path, inside: set[str], update: Any) -> Record:
        fields = {name: getattr(state, name) for name in _fields(state) if name not in inside}
        leaves = tuple(
            (*where, f".{name}", *path) for name, tree in fields.items() for path in flat(tree)
        )
        return Record(where, state, leaves, update)

    def _is_record(self, state) -> bool:
        return _is_named(state) and type(state) not in {*self.of_params, optax.MaskedNode}

    def _holds_record(self, tree) -> bool:
        return self._is_record(tree) or any(self._holds_record(x) for _, x in _children(tree))

    def _require(self, fits: bool, who: str, state, where: Path) -> None:
        if not fits:
            raise self._unfit(who, state, where)

    def _unfit(self, who: str, state, where: Path) -> ValueError:
        return ValueError(
            f"{self.what}{''.join(where)} is a {type(state).__name__}, which is not what {who} keeps"
        )


def _is_named(tree) -> bool:
    return isinstance(tree, tuple) and hasattr(tree, "_fields")


def _fields(state) -> tuple[str, ...]:
    return state._fields if _is_named(state) else ()


def _children(tree) -> list[tuple[Any, Any]]:
    """The nodes right below one, each with its key; none of a leaf."""
    if jax.tree_util.all_leaves([tree]):
        return []
    flat, _ = jax.tree.flatten_with_path(tree, is_leaf=lambda x: x is not tree)
    return [(path[0], child) for path, child in flat]


def _kinds(params) -> frozenset[type]:
    """The classes of NamedTuples in a tree."""
    below = [_kinds(child) for _, child in _children(params)]
    own = {type(params)} if _is_named(params) else set()
    return frozenset(own).union(*below)
