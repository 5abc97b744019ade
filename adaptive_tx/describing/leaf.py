"""A parameter, and the parts of an optimizer that act on it: what stands in a row of the table."""

import dataclasses
import re
from typing import Any, NamedTuple

import jax
from jax.tree_util import Partial


class Part(NamedTuple):
    """An innermost part of an optimizer, as it acts on one parameter."""

    name: str  # where it stands: "default.0"
    who: str  # the constructor that made it
    numbers: dict[str, Any]
    is_rule: bool = False  # whether it steps on leaves
    keeps: bool = True  # whether it keeps something of each; as far as is known
    clips: bool = False

    def __str__(self) -> str:
        return f"{self.who} (part {self.name})" if self.name else self.who

    @property
    def is_direction(self) -> bool:
        """Whether it is what the rate, the decay and the clipping stand around."""
        around = {"learning_rate", "weight_decay", "multiplier"}
        return self.keeps or self.is_rule and not self.clips and not around & {*self.numbers}


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A parameter, and what happens to it."""

    path: str
    shape: tuple[int, ...]
    dtype: Any
    group: str  # of `grouped`; "" without groups
    parts: tuple[Part, ...]  # that act on it, in order
    state: tuple[jax.ShapeDtypeStruct, ...]  # what is kept of it

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def bytes(self) -> int:
        return sum(map(bytes_of, self.state))

    @property
    def cells(self) -> tuple[str, ...]:
        """A row of the table."""
        rules = [part.who for part in self.parts if part.is_direction]
        clips = [
            f"{p.who}({', '.join(map(_number, p.numbers.values()))})" for p in self.parts if p.clips
        ]
        rate = " x ".join([*self.numbers("learning_rate"), *self.numbers("multiplier")])
        decay = " + ".join(text for text in self.numbers("weight_decay") if text != "0")
        kept = [str(leaf.dtype) for leaf in self.state]
        words = [f"{kept.count(d)} {d}" for d in dict.fromkeys(kept)]
        state = f"{', '.join(words)}: {size_text(self.bytes)}" if kept else ""
        shape = str(self.shape).replace(" ", "")
        texts = (
            self.path,
            shape,
            self.group,
            ", ".join(rules),
            rate,
            decay,
            ", ".join(clips),
            state,
        )
        return tuple(text or "-" for text in texts)

    def numbers(self, name: str) -> list[str]:
        return [_number(part.numbers[name]) for part in self.parts if name in part.numbers]


def _number(value: Any) -> str:
    """A number, or the name of a schedule."""
    if isinstance(value, Partial):
        name = getattr(value.func, "__name__", "")
        return name if name.isidentifier() else "schedule"
    if callable(value):
        return re.split(r"\W", repr(value))[0] or "schedule"
    return f"{value:g}" if isinstance(value, float) else str(value)


def bytes_of(leaf) -> int:
    return leaf.size * leaf.dtype.itemsize


def size_text(n: float) -> str:
    """Bytes, as people read them."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 1024:
            return f"{n:.3g} {unit}" if unit != "B" else f"{n:.0f} B"
        n /= 1024
    return f"{n:.3g} TiB"
