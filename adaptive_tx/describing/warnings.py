"""What in an optimizer is nearly always a mistake, by what acts on each parameter."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from adaptive_tx.wrappers.recipes import no_decay

EMBEDDING = r"embed|(?:^|/)w[tp]e(?:/|$)"
BEFORE_RATE = (
    "add_decayed_weights",
    "add_cautious_decayed_weights",
    "add_l1",
    "add_l2",
)  # what is added to a gradient or a direction
OF_MATRICES = ("orthogonalize",)
OF_GRADIENTS = (  # Adafactor's clip_by_rms is of directions
    "clip_by_global_norm",
    "clip_by_leaf_norm",
    "clip_by_value",
    "adaptive_grad_clip",
    "clip_grad_norm",
)
SHOWN = 3


def warnings_of(leaves: Sequence[Any]) -> Iterator[str]:
    """For each kind of mistake one sentence, with the first of the parameters that it is found at."""
    for mistake in MISTAKES:
        found: dict[str, list[str]] = {}
        for leaf in leaves:
            frozen = any(part.who == "set_to_zero" for part in leaf.parts)
            if not frozen and (text := mistake(leaf)):
                found.setdefault(text, []).append(leaf.path)
        for text, paths in found.items():
            more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
            yield f"{text}: {', '.join(paths[:SHOWN])}{more}"


def decay_after_the_rate(leaf) -> str:
    rate = _first(leaf, _is_rate)
    late = [part for part in leaf.parts[rate + 1 :] if part.who in BEFORE_RATE]
    if rate == len(leaf.parts) or not late:
        return ""
    return (
        f"{late[0]} comes after the learning rate, which then does not scale it, and "
        "it points uphill; put it before, or use subtract_decayed_weights"
    )


def two_rates(leaf) -> str:
    rates = [part for part in leaf.parts if _is_rate(part)]
    if len(rates) < 2:
        return ""
    places = " and ".join(part.name for part in rates)
    return f"two learning rates (parts {places}) multiply each other"


def no_rate(leaf) -> str:
    if any(_is_rate(part) or (part.keeps and not part.is_rule) for part in leaf.parts):
        return ""
    if not any(part.is_rule for part in leaf.parts):
        return "nothing acts on it: its gradient, which points uphill, is its update"
    return "no learning rate: directions, which point uphill, are the updates; add scale_by_learning_rate"


def rate_before_the_rule(leaf) -> str:
    rate = _first(leaf, _is_rate)
    late = [part for part in leaf.parts[rate + 1 :] if part.keeps and "eps" in part.numbers]
    if not late:
        return ""
    return f"{late[0]} comes after the learning rate, and undoes it: its directions have their own size"


def clip_after_the_rule(leaf) -> str:
    rule = _first(leaf, lambda part: part.keeps and part.is_rule)
    late = [part for part in leaf.parts[rule + 1 :] if part.who in OF_GRADIENTS]
    if not late:
        return ""
    return f"{late[0]} clips what {leaf.parts[rule].who} made; clip gradients, before it"


def decayed_scale(leaf) -> str:
    decays = any(part.numbers.get("weight_decay", 0.0) != 0.0 for part in leaf.parts)
    if not decays or no_decay()(leaf.path, leaf) is None:
        return ""
    return (
        "weight decay on biases and scales of norms (grouped(by=no_decay()), or only=, spares them)"
    )


def embedding_under_a_matrix_rule(leaf) -> str:
    rule = [part for part in leaf.parts if part.who in OF_MATRICES]
    if not rule or not re.search(EMBEDDING, leaf.path.lower()):
        return ""
    return f"{rule[0]} steps on an embedding, whose rows are no matrix"


def scale_under_a_matrix_rule(leaf) -> str:
    """A vector that rule refuses itself; with heads or a stack of layers it has two axes."""
    rule = [part for part in leaf.parts if part.who in OF_MATRICES]
    if not rule or no_decay()(leaf.path, leaf) is None:
        return ""
    return (
        f"{rule[0]} steps on biases or scales of norms, which are no matrices "
        "(but= of matrices spares them)"
    )


def _is_rate(part) -> bool:
    """Whether it is a learning rate, or a factor that is negative or may be."""
    factor = part.numbers.get("step_size", 0.0)
    return "learning_rate" in part.numbers or callable(factor) or factor < 0


def _first(leaf, holds: Callable[[Any], bool]) -> int:
    """The place of the first part of which something holds; their number if there is none."""
    return next((i for i, part in enumerate(leaf.parts) if holds(part)), len(leaf.parts))


MISTAKES = (
    decay_after_the_rate,
    two_rates,
    no_rate,
    rate_before_the_rule,
    clip_after_the_rule,
    decayed_scale,
    embedding_under_a_matrix_rule,
    scale_under_a_matrix_rule,
)
