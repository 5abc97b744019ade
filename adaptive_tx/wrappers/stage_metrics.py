"""What `measured` shows of each part of a chain: its state, what goes in and what comes out.

No rule is known here by name. What a part offers follows from what its rule declares: what its slots are,
and which of the things that all leaves share are worth showing.
"""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from adaptive_tx.core.arguments import arguments_of
from adaptive_tx.core.axes import Split, largest, size, summed, union
from adaptive_tx.core.chain import Stage, innermost
from adaptive_tx.core.debiasing import correction, rule_state_of
from adaptive_tx.core.keeping import Partial
from adaptive_tx.core.leafwise import rule_of
from adaptive_tx.core.numerics import Decay, modulus, narrow
from adaptive_tx.core.slots import Slot
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.wrappers import flags, gradient_noise

NOISE = ("gradient_signal", "gradient_noise", "gradient_noise_scale")
RATIOS = tuple(f"snr_{name}" for name in gradient_noise.FRACTIONS)


@dataclasses.dataclass(frozen=True)
class Moment:
    """A debiased slot of a rule: how to find it, and what belongs to it, in a step."""

    name: str
    slot: Slot

    def leaves(self, stage: Stage, leaves: Sequence[int]) -> list[jax.Array]:
        return _picked(getattr(rule_state_of(stage.new), self.name), leaves)

    def decay(self, stage: Stage) -> Decay:
        return stage.shared[self.slot.decay]

    def weights(self, stage: Stage) -> jax.Array:
        """Their sum."""
        return stage.shared[correction(self.slot.decay)]


@dataclasses.dataclass(frozen=True)
class StageMetrics:
    """Of one part: known when the transformation is made, so hashable."""

    prefix: str  # of the names of what it alone has
    clips: bool
    declared: tuple[str, ...] = ()  # by the rule
    mean: Moment | None = None  # of g
    square: Moment | None = None  # of |g|^2, or of the like

    @property
    def has_bound(self) -> bool:
        """Whether the Adam paper's bound holds for its steps."""
        if self.mean is None or self.square is None:
            return False
        return (self.square.slot.kind, self.square.slot.of) == ("mean", "square")

    def names(self, whole: bool) -> list[str]:
        """The metrics of a group of leaves, or of the whole tree."""
        names = [*RATIOS] if self.mean and self.square else []
        if whole:
            names += self.declared
            names += ["effective_step"] if self.mean and self.square else []
            names += ["effective_step_bound"] if self.has_bound else []
            names += NOISE if self.mean else []
        return [self.prefix + name for name in names]

    def metrics(
        self,
        stage: Stage,
        leaves: Sequence[int],
        whole: bool,
        old: dict,
        splits: Sequence[Split],
        every: int,
    ) -> dict:
        """The same, with their values for some of the leaves; `old` are those `every` steps before.

        `splits` says over which axes of devices each of these leaves is split. Of a part that steps on a
        group of its own, they are what it has of them.
        """
        values = {name: stage.shared[name] for name in self.declared if whole}
        own = stage.among(leaves)
        splits, leaves = [splits[i] for i, _ in own], [place for _, place in own]
        if self.mean and self.square:
            values |= _ratios(stage, self.mean, self.square, leaves, splits)
        if whole and self.mean and self.square:
            values["effective_step"] = largest(_largest(stage.after), union(splits))
            if self.has_bound:
                b1, b2 = self.mean.decay(stage), self.square.decay(stage)
                values["effective_step_bound"] = jnp.maximum(1, b1.weight / jnp.sqrt(b2.weight))
        if whole and self.mean:
            power = old[self.prefix + NOISE[0]] + old[self.prefix + NOISE[1]]
            values |= _noise(stage, self.mean, leaves, power, splits, every)
        return {self.prefix + name: value for name, value in values.items()}


def _ratios(stage: Stage, mean: Moment, square: Moment, leaves, splits) -> dict[str, jax.Array]:
    moments = mean.leaves(stage, leaves), square.leaves(stage, leaves)
    sums = mean.weights(stage), square.weights(stage)
    return dict(zip(RATIOS, gradient_noise.ratios(*moments, *sums, splits)))


def _noise(stage: Stage, mean: Moment, leaves, power, splits, every: int) -> dict[str, jax.Array]:
    grads, means = _picked(stage.before, leaves), mean.leaves(stage, leaves)
    b1, weights = mean.decay(stage), mean.weights(stage)
    pair = gradient_noise.signal_and_noise(grads, means, power, b1, weights, splits, every)
    return dict(zip(NOISE, (*pair, gradient_noise.scale(*pair))))


def stage_metrics(tx: Transformation) -> tuple[StageMetrics, ...]:
    """What each innermost part offers. Names have a prefix where two parts offer some."""
    stages = [_of_part(where, part) for where, part in innermost(tx.update)]
    if sum(bool(stage.names(whole=True)) for stage in stages) > 1:
        return tuple(stages)
    return tuple(dataclasses.replace(stage, prefix="") for stage in stages)


def _of_part(where: str, update: Partial) -> StageMetrics:
    rule, arguments = rule_of(update), arguments_of(update)
    clips = arguments is not None and arguments.clips
    if rule is None:
        return StageMetrics(where, clips)
    debiased = [Moment(name, slot) for name, slot in rule.slots if slot.debiased]
    return StageMetrics(
        where,
        clips,
        declared=rule.metrics,
        mean=next((m for m in debiased if m.slot.of == "gradient"), None),
        square=next((m for m in debiased if m.slot.of in ("square", "spread")), None),
    )


def _picked(tree, leaves: Sequence[int]) -> list[jax.Array]:
    flat = jax.tree.leaves(tree)
    return [flat[i] for i in leaves]


def _largest(tree) -> jax.Array:
    """The largest entry."""
    sizes = [flags.largest(narrow(modulus(u), jnp.float32)) for u in jax.tree.leaves(tree)]
    return functools.reduce(jnp.maximum, sizes, jnp.zeros((), jnp.float32))


def clipped(stages: Sequence[Stage], splits: Sequence[Split]) -> jax.Array:
    """The fraction of all entries that some of these parts changed."""
    differ: dict[int, jax.Array] = {}
    for stage in stages:
        pairs = list(zip(jax.tree.leaves(stage.before), jax.tree.leaves(stage.after), strict=True))
        for leaf, place in stage.among(range(len(splits))):
            changed = _differ(*pairs[place])
            differ[leaf] = differ[leaf] | changed if leaf in differ else changed
    seen = [splits[leaf] for leaf in differ]
    changed = summed([jnp.sum(d, dtype=jnp.float32) for d in differ.values()], seen, jnp.float32)
    entries = sum(map(size, differ.values(), seen))
    return changed / jnp.maximum(jnp.asarray(entries, jnp.float32), 1)


def _differ(a: jax.Array, b: jax.Array) -> jax.Array:
    return (a != b) & ~(jnp.isnan(a) & jnp.isnan(b))
