"""What a rule keeps from step to step: each slot of its state, declared as what it is.

    slots={"mu": mean_of_gradients("b1", debiased=True), "nu": mean_of_squares("b2", debiased=True)}

Nothing about a slot is guessed from its name: metrics, the bias corrections that a step gets, the bound on
gradients that are squared, and how few bits it may be stored in follow from the declaration. A slot without
one is `kept`.
"""

import dataclasses
from collections.abc import Callable

from adaptive_tx.core.typing import TypeAliasType

# From the shape of a parameter to that of its slot; None where there is nothing to keep. In a rule on
# matrices: from the numbers of rows and columns to what is kept of one of them.
ShapeOfSlot = TypeAliasType("ShapeOfSlot", Callable[..., tuple[int, ...] | None])


PARAMETERS = "p"  # as a start: each where its parameter is
KINDS = ("mean", "sum", "maximum", "exact")  # the last: whatever the step returns
SQUARES = {
    "square": "|g|^2",
    "spread": "|g - mean|^2",
    "step": "the square of a direction, or of what it is made from",
}
OF = {
    "gradient": "g",
    "magnitude": "|g|",
    "change": "g - the g before",
    "direction": "what the rule returns",
    **SQUARES,
    "": "anything else",
}


@dataclasses.dataclass(frozen=True)
class Slot:
    """One slot: like each parameter, unless `shape` or `of_tree` says otherwise.

    Raises:
      ValueError: for a kind or an `of` that the engine does not know, and would not heed.
    """

    kind: str  # one of KINDS
    of: str = ""  # of what: one of OF
    decay: str = ""  # the decay rate of a mean, or of a sum that forgets
    debiased: bool = False  # whether the step divides it by the sum of its weights
    start: str | float = 0.0  # where: a number, the name of a hyperparameter, or "p", the parameter
    shape: ShapeOfSlot | None = None
    of_tree: bool = False  # one number for the whole tree, which `shared` steps on
    least_bits: int | None = None  # that it may be kept in; None: as its kind says (`storage`)
    late: bool = False  # whether a debiased mean begins with the second gradient

    def __post_init__(self):
        for name, value, known in (("kind", self.kind, KINDS), ("of", self.of, OF)):
            if value not in known:
                words = ", ".join(map(repr, known))
                raise ValueError(f"Slot: {name} must be one of {words}; got {value!r}.")
        if self.debiased and not self.decay:
            raise ValueError("Slot: debiased needs a decay, whose weights are summed.")

    @property
    def holds_squares(self) -> bool:
        return self.of in SQUARES


def mean_of_gradients(decay: str, *, debiased: bool = False, least_bits: int | None = None) -> Slot:
    """decay m + (1 - decay) g. `debiased`: the step divides by the sum of the weights, c1 for b1."""
    return Slot("mean", "gradient", decay, debiased, least_bits=least_bits)


def mean_of_squares(
    decay: str,
    *,
    of: str = "square",
    debiased: bool = False,
    start: str | float = 0.0,
    shape: ShapeOfSlot | None = None,
    least_bits: int | None = None,
) -> Slot:
    """decay v + (1 - decay) |g|^2; of "spread", |g - mean|^2; of "step", the squares of directions."""
    return Slot("mean", of, decay, debiased, start, shape, least_bits=least_bits)


def sum_of_gradients(decay: str = "") -> Slot:
    """decay s + g."""
    return Slot("sum", "gradient", decay)


def sum_of_squares(start: str | float = 0.0) -> Slot:
    """s + |g|^2."""
    return Slot("sum", "square", start=start)


def maximum(of: str = "square", decay: str = "") -> Slot:
    """The largest so far, "square" or "magnitude"; with a decay, of what decays."""
    return Slot("maximum", of, decay)


def kept(
    start: str | float = 0.0,
    *,
    of: str = "",
    shape: ShapeOfSlot | None = None,
    least_bits: int | None = None,
) -> Slot:
    """Anything else: what the step returns is kept as it is."""
    return Slot("exact", of, start=start, shape=shape, least_bits=least_bits)


def parameters() -> Slot:
    """The parameters as they are at `init`, for a step that returns them unchanged."""
    return Slot("exact", start=PARAMETERS)


def number(start: str | float = 0.0) -> Slot:
    """One number for the whole tree. `shared` gets it, and returns the next one."""
    return Slot("exact", start=start, of_tree=True)


def per_leaf(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a slot that holds one number for each leaf."""
    return ()


def of_rows(rows: int, columns: int) -> tuple[int, ...]:
    """The shape of a slot with one number for each row of a matrix."""
    return rows, 1


def of_columns(rows: int, columns: int) -> tuple[int, ...]:
    """With one for each column."""
    return 1, columns


@dataclasses.dataclass(frozen=True)
class UpTo:
    """A shape of a slot of matrices, where all its axes are at most so long; else nothing is kept."""

    largest: int
    of_matrix: Callable[[int, int], tuple[int, ...]]

    def __call__(self, rows: int, columns: int) -> tuple[int, ...] | None:
        shape = self.of_matrix(rows, columns)
        known = [
            n for n in shape if isinstance(n, int)
        ]  # others are symbols, in an exported function
        return shape if all(n <= self.largest for n in known) else None


def of_pairs_of_rows(rows: int, columns: int) -> tuple[int, ...]:
    """With one for each pair of rows: of what multiplies a matrix from the left."""
    return rows, rows


def of_pairs_of_columns(rows: int, columns: int) -> tuple[int, ...]:
    """With one for each pair of columns: of what multiplies it from the right."""
    return columns, columns
