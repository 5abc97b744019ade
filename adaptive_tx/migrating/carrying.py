"""What of an old state goes on in a new one: part by part, leaf by leaf, and the counts along with them.

a rule      goes on at a leaf if all that it keeps of it is there; it has one count for all leaves
a mean      that is debiased keeps what it says: m / c stays, where c becomes another sum of weights
a count     goes on with what it counts; one that is new is the run's, unless it is an age (`ages`)
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adaptive_tx.migrating.ages import is_age, is_clock, same_decay, weights_in
from adaptive_tx.migrating.count_of_run import count_of_run
from adaptive_tx.migrating.fitting import fits, has, mean_of, paired
from adaptive_tx.migrating.records import COUNT, Path, Record

ALONE = ("",)  # where the only leaf is, of parameters that are one array


class Carrying:
    """A move under way: the new leaves by path, and where each comes from."""

    def __init__(
        self, old: Sequence[Record], new: Sequence[Record], leaves, start, params, who: str
    ):
        self.params = params
        self.old, self.new, self.who = old, new, who
        self.leaves: dict[Path, Any] = leaves
        self.values: dict[Path, Any] = dict(start)
        self.kept: dict[Path, Path] = {}
        self.taken: set[Path] = set()  # of the old leaves
        self.fresh: dict[Path, str] = {}  # how a leaf starts, where it is not as init makes it
        self.clocks: list[Record] = []

    def run(self, count: int | None) -> None:
        for record, first in zip(self.new, paired(self.old, self.new)):
            others = [old for old in self.old if old is not first and fits(old, record)]
            sources = [*([first] if first else []), *others]
            if record.slots:
                on = self._rule(record, sources)
            else:
                on = self._fields(record, first)
            if record.counts and record.count not in self.kept:
                if on or is_clock(record, self.params):
                    self.clocks.append(record)
                else:
                    self.fresh[record.count] = "0: its averages start anew"
        for record in self.clocks:
            goes_on = {r.where: int(self.values[r.count]) for r in self.new if r.count in self.kept}
            now = count_of_run(self.who, record, goes_on, self._old_counts(), count)
            self.values[record.count] = jnp.asarray(now, self.values[record.count].dtype)
            self.fresh[record.count] = f"{now}, the count of the run"

    def _take(self, path: Path, old: Path, factor: Any = None) -> None:
        value, like = self.leaves[old], self.values[path]
        if factor is not None:
            value = jnp.asarray(value, like.dtype) * jnp.asarray(
                factor, jnp.finfo(like.dtype).dtype
            )
        same = isinstance(value, jax.Array) and value.dtype == like.dtype
        self.values[path] = value if same else jnp.asarray(np.asarray(value)).astype(like.dtype)
        self.kept[path] = old
        self.taken.add(old)

    def _fits(self, path: Path, old: Path) -> bool:
        """Whether a leaf is there, not taken yet, and of the same shape and kind."""
        if old not in self.leaves or old in self.taken:
            return False
        value, like = self.leaves[old], self.values[path]
        kinds = [_kind(x) for x in (value, like)]
        return jnp.shape(value) == jnp.shape(like) and kinds[0] == kinds[1]

    def _old_counts(self) -> list[int]:
        return [int(self.leaves[record.count]) for record in self.old if record.counts]

    def _count(self, record: Record) -> int | None:
        return int(self.leaves[record.count]) if record.counts else None

    # What a rule keeps. --------------------------------------------------------------------------

    def _rule(self, new: Record, sources: Sequence[Record]) -> bool:
        """Whether it goes on at some leaf, or has none."""
        if not sources:
            return False
        first, rows = sources[0], self._rows(new)
        rest = rows.pop((), {})
        numbers = {n: (*first.where, f".{n}") for n in rest}
        if not all(has(first, new, n) and self._fits(rest[n], old) for n, old in numbers.items()):
            return False
        if (sums := self._sums(new, first)) is None:
            return False
        same = [old for old in sources if self._count(old) == self._count(first)]
        missing = {
            below: row
            for below, row in rows.items()
            if not any(self._row(new, old, below, row) for old in same)
        }
        if rows and len(missing) == len(rows):
            return False
        self._put_sums(sums)
        for n, old in numbers.items():
            self._take(rest[n], old)
        if first.counts and new.counts:
            self._take(new.count, first.count)
        if missing and (
            any(slot.debiased for slot in new.slots.values()) or is_age(new, self.params)
        ):
            late = f"stepped on as after {self._count(first)} updates"
            self.fresh |= {path: late for row in missing.values() for path in row.values()}
        return True

    def _rows(self, new: Record) -> dict[Path, dict[str, Path]]:
        """The slots of each leaf, by its place in the parameters; at () the numbers of the whole tree."""
        rows: dict[Path, dict[str, Path]] = {}
        of_tree = {n for n, slot in new.slots.items() if slot.of_tree}
        for path in new.leaves:
            field, *below = new.below(path)
            if field != COUNT:
                where = () if field[1:] in of_tree else tuple(below) or ALONE
                rows.setdefault(where, {})[field[1:]] = path
        return rows

    def _row(self, new: Record, old: Record, below: Path, row: dict[str, Path]) -> bool:
        """All slots of one leaf, or none."""
        there = () if below == ALONE else below
        given = {n: (*old.where, f".{n}", *there) for n in row if has(old, new, n)}
        if any(n not in given and mean_of(new, n) not in given for n in row):
            return False
        if not all(self._fits(row[n], path) for n, path in given.items()):
            return False
        for n, path in given.items():
            self._take(row[n], path, self._factor(new, old, n))
        for n in row.keys() - given.keys():
            mean = mean_of(new, n)
            self.values[row[n]] = jnp.array(self.values[row[mean]], copy=True)
            self.fresh[row[n]] = f"at {mean}"
        return True

    def _factor(self, new: Record, old: Record, name: str) -> Any:
        """By what a debiased mean changes where the sum of its weights does; None for nothing."""
        name = mean_of(new, name) or name
        slot, before = new.slots[name], old.slots.get(name)
        if not (slot.debiased and before and before.debiased):
            return None
        if slot.decay in new.weights or same_decay(old, before.decay, new, slot.decay):
            return None
        was = weights_in(old, before.decay, self.leaves)
        counted = {**self.values, new.count: self.leaves[old.count]}
        now = weights_in(new, slot.decay, counted)
        return None if was is None or now is None or not was > 0 else now / was

    def _sums(self, new: Record, old: Record) -> dict[Path, tuple[Any, Path | None]] | None:
        """The sums of weights that the new state keeps, and where each was; None if one is not known."""
        sums = {}
        for decay, path in new.weights.items():
            slot = next(n for n, s in new.slots.items() if s.debiased and s.decay == decay)
            if (before := old.slots.get(slot)) is None:
                raise ValueError(
                    f"{self.who}: {decay} of {new.who} is a schedule, so its state keeps the sum of the "
                    f"weights so far, which depends on the {decay} that was; old_state{''.join(old.where)} "
                    "does not tell it. Move to ours with the same numbers first, by "
                    "compat.optax.from_optax, and from there to the schedule."
                )
            value = weights_in(old, before.decay, self.leaves)
            sums[path] = value, old.weights.get(before.decay)
        return None if any(value is None for value, _ in sums.values()) else sums

    def _put_sums(self, sums: dict[Path, tuple[Any, Path | None]]) -> None:
        for path, (value, source) in sums.items():
            self.values[path] = jnp.asarray(value, self.values[path].dtype)
            if source:
                self.kept[path] = source
                self.taken.add(source)
            else:
                self.fresh[path] = f"{float(value):.4g}, the sum of the weights so far"

    # What others keep. ---------------------------------------------------------------------------

    def _fields(self, new: Record, old: Record | None) -> bool:
        """Field by field; what is a record in a field as a whole, as its parts belong together."""
        if old is None:
            return False
        groups: dict[Path, list[Path]] = {}
        for path in new.leaves:
            field, *below = new.below(path)
            whole = bool(below) and below[0].startswith(".")
            groups.setdefault((field,) if whole else (field, *below), []).append(path)
        for group in groups.values():
            olds = [(*old.where, *new.below(path)) for path in group]
            if all(map(self._fits, group, olds)):
                for path, source in zip(group, olds):
                    self._take(path, source)
        return True


def _kind(x: Any) -> Any:
    """Real or complex, in any precision; of codes, which stand for something else in another, the dtype."""
    dtype = jnp.result_type(x)
    return jnp.iscomplexobj(x) if jnp.issubdtype(dtype, jnp.inexact) else dtype
