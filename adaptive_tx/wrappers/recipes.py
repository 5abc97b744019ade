"""What `grouped` is given for the usual recipes: what does not decay, and rates that fall with depth."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import jax

from adaptive_tx.core import checks
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.typing import Scalar


@explained
def no_decay(*, embeddings: bool = False) -> Callable[[str, jax.Array], str | None]:
    """For `grouped(by=...)`: biases and the scales of norms are in the group "no_decay".

    Args:
      embeddings: whether those are in it, too: leaves whose path says "embed", "wte" or "wpe".

    They are told by their shape, fewer than two dimensions, and by their paths: what is called "bias", or
    lies below something called "norm", "ln" or "bn", is one in a stack of layers, too.

    >>> by = no_decay()
    >>> by("layers/0/norm/scale", jax.numpy.ones((12, 768)))
    'no_decay'
    """
    return NoDecay(checks.flag("no_decay", "embeddings", embeddings))


@dataclasses.dataclass(frozen=True)
class NoDecay:
    embeddings: bool

    def __call__(self, path: str, p: jax.Array) -> str | None:
        return "no_decay" if p.ndim < 2 or re.search(self.pattern, path.lower()) else None

    @property
    def pattern(self) -> str:
        norms = r"(?:^|[/_])bias$|norm|(?:^|[/_])(?:ln|bn)_?\w?\d*(?:/|$)"
        return norms + (r"|embed|(?:^|/)w[tp]e(?:/|$)" if self.embeddings else "")


@explained
def layerwise_decay(
    factor: Scalar,
    *,
    layers: int,
    layer: str = r"(?:layers?|blocks?|h|encoderblock)[/_]{}(?!\d)",
    first: str | None = r"embed|(?:^|/)w[tp]e(?:/|$)",
) -> dict[str, Any]:
    """For `grouped(**layerwise_decay(...), default=tx)`: rates that fall from the last layer to the first.

    Args:
      factor: what the rate of a layer is of that of the next, usually 0.65 to 0.95.
      layers: how many there are; the first is number 0.
      layer: a regular expression for the path of a leaf in a layer, {} in place of the layer's number.
      first: one for what comes before the layers, and is a step further from the end; None: nothing is.

    The multiplier is factor^(layers - i) for layer i, factor^(layers + 1) for what comes first, and 1 for
    all others: heads and final norms (Clark et al., ELECTRA, 2020; Bao et al., BEiT, 2021).

    Raises:
      ValueError: from `grouped`, for layers that have no leaf, and leaves in two of them.

    >>> layerwise_decay(0.5, layers=2)["groups"]
    {'layer_0': {'multiplier': 0.25}, 'layer_1': {'multiplier': 0.5}, 'first': {'multiplier': 0.125}}
    """
    layers = checks.whole("layerwise_decay", "layers", layers, 1)
    by = {f"layer_{i}": layer.replace("{}", str(i)) for i in range(layers)}
    groups = {name: {"multiplier": factor ** (layers - i)} for i, name in enumerate(by)}
    if first is not None:
        groups["first"], by["first"] = {"multiplier": factor ** (layers + 1)}, first
    return {"groups": groups, "by": by}
