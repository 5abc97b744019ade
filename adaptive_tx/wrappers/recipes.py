"""What `grouped` is given for the usual recipes: matrices, what does not decay, rates by depth."""

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from adaptive_tx.core import checks
from adaptive_tx.core.assigning import listed
from adaptive_tx.core.matrices import MatrixAxes, matrices_of
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.ranges import positive
from adaptive_tx.core.typing import Scalar


@explained
def no_decay(*, embeddings: bool = False) -> Callable[[str, jax.Array], str | None]:
    """For `grouped(by=...)`: biases and the scales of norms are in the group "no_decay".

    Args:
      embeddings: whether those are in it, too: leaves whose path says "embed", "wte" or "wpe".

    They are told by their shape, fewer than two dimensions, and by their names, in stacks of layers, too:
    what is called "bias" or "b", or belongs to something whose name ends in "norm", or is "ln", "bn", "gn"
    or "rms", with a number.

    >>> by = no_decay()
    >>> by("layers/0/norm/scale", jax.numpy.ones((12, 768)))
    'no_decay'
    """
    return NoDecay(checks.flag("no_decay", "embeddings", embeddings))


@dataclasses.dataclass(frozen=True)
class NoDecay:
    embeddings: bool

    def __call__(self, path: str, p: jax.Array) -> str | None:
        above, _, name = path.rpartition("/")
        spared = (
            jnp.ndim(p) < 2
            or re.fullmatch("bias|b", name) is not None
            or re.search(NORM, above.rpartition("/")[-1]) is not None
            or (self.embeddings and re.search(EMBEDDING, path) is not None)
        )
        return "no_decay" if spared else None


NORM = r"(?i)norm_?\d*$|^(?:ln|bn|gn|rms)_?\w?\d*$"
EMBEDDING = r"(?i)(?:^|[/_])embed|(?:token|pos|patch|word|type)_?embed|(?:^|/)w[tp]e(?:/|$)"
LAYER = r"(?i)(?:^|/)(?:\w*(?:layer|block)s?|h)[/_](\d+)"


@explained
def matrices(
    *, but: str | None, axes: MatrixAxes = "matrices"
) -> Callable[[str, jax.Array], str | None]:
    """For `grouped(by=...)`: matrices are in the group "matrices", for rules that step on these alone.

    Args:
      but: a regular expression, found in the paths of the matrices that are not: embeddings and heads,
        which AdamW trains better. Which these are is your word, as no shape tells it:
        `describe(tx, params)` shows what came of it. Biases and scales have two axes, too, where there
        are heads or layers are scanned: "embed|head|bias|scale". None: all matrices are.
      axes: which leaves are matrices, as the rule that is given them has it.

    Raises:
      TypeError, ValueError: for a `but` that is no regular expression.
      ValueError: from `grouped`, for a `but` that is found in no path.

    >>> import adaptive_tx as atx
    >>> tx = atx.grouped(
    ...     {"matrices": atx.muon(0.02)}, by=atx.matrices(but="embed|head"), default=atx.adamw(3e-4)
    ... )
    """
    if not isinstance(but, str | None):
        raise TypeError(f"matrices: but must be a regular expression or None, got {but!r}.")
    try:
        re.compile(but or "")
    except re.error as error:
        raise ValueError(f"matrices: but={but!r} is no regular expression: {error}.") from None
    matrices_of("matrices", axes)
    return ByMatrix(but, axes)


@dataclasses.dataclass(frozen=True)
class ByMatrix:
    but: str | None
    axes: Any

    def __call__(self, path: str, p: jax.Array) -> str | None:
        is_other = self.but is not None and re.search(self.but, path) is not None
        return (
            None
            if is_other or matrices_of("matrices", self.axes).of(path, p) is None
            else "matrices"
        )

    def check(self, paths: Sequence[str]) -> None:
        """Raises ValueError if `but` is found in none of all paths."""
        if self.but is not None and not any(re.search(self.but, path) for path in paths):
            raise ValueError(f"matrices: but={self.but!r} is found in no path of {listed(paths)}.")

    def __repr__(self) -> str:
        more = "" if self.axes == "matrices" else f", axes={self.axes!r}"
        return f"matrices(but={self.but!r}{more})"


@explained
def layerwise_decay(
    factor: Scalar,
    *,
    layers: int,
    layer: str = LAYER,
    first: str | None = EMBEDDING,
) -> dict[str, Any]:
    """For `grouped(**layerwise_decay(...), default=tx)`: rates that fall from the last layer to the first.

    Args:
      factor: what the rate of a layer is of that of the next, > 0, usually 0.65 to 0.95.
      layers: how many there are; the first is number 0.
      layer: a regular expression with one group, the number of a leaf's layer: by default the first of
        "layers_3", "blocks/3", "TransformerBlock_3", "h/3" in its path.
      first: one for what comes before the layers, and is a step further from the end; None: nothing is.

    The multiplier is factor^(layers - i) for layer i, factor^(layers + 1) for what comes first, and 1 for
    all others: heads and final norms (Clark et al., ELECTRA, 2020; Bao et al., BEiT, 2021).

    Raises:
      ValueError: for a factor that is not positive, and a `layer` without a group; from `grouped`, for
        layers without leaves, and leaves of a layer beyond the last.

    >>> layerwise_decay(0.5, layers=2)["groups"]
    {'layer_0': {'multiplier': 0.25}, 'layer_1': {'multiplier': 0.5}, 'first': {'multiplier': 0.125}}
    """
    who = "layerwise_decay"
    layers = checks.whole(who, "layers", layers, 1)
    factor = checks.number(who, "factor", positive(factor))
    if re.compile(layer).groups != 1:
        raise ValueError(
            f"{who}: layer must have one group, the number of the layer; got {layer!r}."
        )
    groups = {f"layer_{i}": {"multiplier": factor ** (layers - i)} for i in range(layers)}
    if first is not None:
        groups["first"] = {"multiplier": factor ** (layers + 1)}
    return {"groups": groups, "by": ByDepth(layer, first, tuple(groups))}


@dataclasses.dataclass(frozen=True)
class ByDepth:
    layer: str
    first: str | None
    required: tuple[str, ...]  # the groups that must have a leaf

    def __call__(self, path: str, p: jax.Array) -> str | None:
        if found := re.search(self.layer, path):
            return f"layer_{int(found[1])}"
        return "first" if self.first and re.search(self.first, path) else None
