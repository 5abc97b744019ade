"""What is said of a rule before it is checked: how it is made, and what is true of it."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from optax import GradientTransformation


@dataclasses.dataclass(frozen=True)
class Claims:
    """A rule and what is true of it; `checking.check_laws` documents each field."""

    make: Callable[..., GradientTransformation]
    numbers: Mapping[str, float]
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    oracle: Callable | None = None
    optax: Callable[[], GradientTransformation] | None = None
    optax_rtol: float = 1e-5
    needs_params: bool = False
    sums_leaves: bool = False
    leafwise: bool = True
    odd: bool = True
    takes_complex: bool = True
    takes_schedules: bool = True
    scale_free: Mapping[str, float] | None = None
    bounded: Mapping[str, float] | None = None
    recovers: Mapping[str, float] | None = None
    rounds: tuple[str, ...] = ()
    of_weights: bool = False
    wraps: bool = False
    last_bit: str = ""
    refuses: tuple[str, ...] = ()

    def __str__(self) -> str:
        settings = "".join(f"-{k}={v}" for k, v in self.settings.items())
        return getattr(self.make, "__name__", "the rule") + settings

    @property
    def decay_rates(self) -> dict[str, float]:
        """The numbers whose distance to 1 may matter: those from a quarter to below 1."""
        return {k: v for k, v in self.numbers.items() if 0.25 <= v < 1}

    @property
    def exact(self) -> dict[str, float]:
        """They, as the nearest numbers of which float32 has both b and 1 - b to the last bit."""
        return {k: min(round(v * 1024), 1023) / 1024 for k, v in self.decay_rates.items()}
