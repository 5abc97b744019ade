"""What there is to see in one part of a chain, from outside: its state, what goes in and what comes out.

No rule is known here by name. What a part offers follows from how it was made: the slots of its state,
the keywords of its step, and what it computes once for all leaves.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from adaptive_tx.core.arguments import arguments_of
from adaptive_tx.core.axes import Split, largest, size, summed, union
from adaptive_tx.core.debiasing import correction, rule_state_of
from adaptive_tx.core.leafwise import Rule, known_to, rule_of
from adaptive_tx.core.numerics import Decay, modulus, narrow
from adaptive_tx.core.stepping import keywords_of
from adaptive_tx.core.transformation import Stage, Transformation, innermost
from adaptive_tx.wrappers import gradient_noise

NOISE = ("gradient_signal", "gradient_noise", "gradient_noise_scale")
RATIOS = tuple(f"snr_{name}" for name in gradient_noise.FRACTIONS)


@dataclasses.dataclass(frozen=True)
class Sight:
    """One part: known when the transformation is made, so hashable."""

    prefix: str  # of the names of what it alone has
    clips: bool
    scalars: tuple[str, ...] = ()  # what its `once` computes, but for bias corrections
    has_ratios: bool = False  # mu and nu, both to be corrected
    has_mean: bool = False  # mu is the average of g
    has_squares: bool = False  # and nu that of |g|^2

    def names(self, whole: bool) -> list[str]:
        """The metrics of a group of leaves, or of the whole tree."""
        found = [*RATIOS] if self.has_ratios else []
        if whole:
            found += self.scalars
            found += ["effective_step"] if self.has_ratios else []
            found += ["effective_step_bound"] if self.has_squares else []
            found += NOISE if self.has_mean else []
        return [self.prefix + name for name in found]

    def metrics(
        self, stage: Stage, leaves: Sequence[int], whole: bool, old: dict, splits: Sequence[Split]
    ) -> dict:
        """The same, with their values for some of the leaves; `old` are those of the step before.

        `splits` says over which axes of devices each of these leaves is split.
        """
        if not self.names(whole):
            return {}
        known, found = known_to(stage.part, stage.old), {}
        new = rule_state_of(stage.new)
        if self.has_ratios:
            mus, nus = _picked(new.mu, leaves), _picked(new.nu, leaves)
            found |= dict(
                zip(RATIOS, gradient_noise.ratios(mus, nus, known["c1"], known["c2"], splits))
            )
        if whole:
            found |= {name: known[name] for name in self.scalars}
        if whole and self.has_ratios:
            found["effective_step"] = largest(_largest(stage.after), union(splits))
        if whole and self.has_squares:
            bound = known["b1"].weight / jnp.sqrt(known["b2"].weight)
            found["effective_step_bound"] = jnp.maximum(1, bound)
        if whole and self.has_mean:
            power = old[self.prefix + NOISE[0]] + old[self.prefix + NOISE[1]]
            grads, mus = _picked(stage.before, leaves), _picked(new.mu, leaves)
            pair = gradient_noise.signal_and_noise(
                grads, mus, power, known["b1"], known["c1"], splits
            )
            found |= dict(zip(NOISE, (*pair, gradient_noise.scale(*pair))))
        return {self.prefix + name: value for name, value in found.items()}


def sights_of(tx: Transformation) -> tuple[Sight, ...]:
    """What there is to see in each innermost part. Names have a prefix where two parts have some."""
    sights = [_sight(where, part) for where, part in innermost(tx.update)]
    if sum(bool(sight.names(whole=True)) for sight in sights) > 1:
        return tuple(sights)
    return tuple(dataclasses.replace(sight, prefix="") for sight in sights)


def _sight(where: str, update: Partial) -> Sight:
    rule, arguments = rule_of(update), arguments_of(update)
    clips = arguments is not None and arguments.clips
    if rule is None:
        return Sight(where, clips)
    slots, keywords = rule.state._fields[1:], {*keywords_of(rule.step)}
    averages = _averages(rule.step, slots, rule.decays) if {"b1", "c1"} <= keywords else {}
    has_ratios = {"mu", "nu"} <= {*slots} and {"c1", "c2"} <= keywords
    return Sight(
        where,
        clips,
        scalars=_scalars(rule, update.args[-1].names),
        has_ratios=has_ratios,
        has_mean=averages.get("mu", False),
        has_squares=has_ratios and averages.get("nu", False),
    )


@functools.cache
def _scalars(rule: Rule, numbers: tuple[str, ...]) -> tuple[str, ...]:
    """The names of what a rule computes once for all leaves, but for bias corrections (c1, c2, ...)."""
    if rule.once is None:
        return ()
    scalar = jax.ShapeDtypeStruct((), jnp.float32)
    known = {name: Decay(scalar) if name in rule.decays else scalar for name in numbers}
    known |= {correction(name): scalar for name in rule.debiased}
    found = jax.eval_shape(rule.once, scalar, **known)
    return tuple(name for name in found if not name.startswith(("c1", "c2")))


@functools.cache
def _averages(step: Callable, slots: tuple[str, ...], decays: tuple[str, ...]) -> dict[str, bool]:
    """Whether mu is the average of g, and nu of |g|^2: asked of the rule, by a step on one number.

    AdaBelief's nu is the average of something else, and Yogi's is none.
    """
    old, numbers = {"mu": 1.0, "nu": 2.0}, {"b1": 0.5, "b2": 0.25}
    with jax.ensure_compile_time_eval():
        g, t, *state = map(jnp.float32, (3.0, 2.0, *(old.get(slot, 0.0) for slot in slots)))
        keywords: dict[str, Any] = {n: jnp.float32(numbers.get(n, 1.0)) for n in keywords_of(step)}
        keywords |= {n: Decay(1 - keywords[n]) for n in decays if n in keywords}
        _, *state = step(g, *state, t, **keywords)
        new = dict(zip(slots, map(float, state)))
    expected = {"mu": 0.5 * 1 + 0.5 * 3, "nu": 0.25 * 2 + 0.75 * 9}
    return {name: new.get(name) == value for name, value in expected.items()}


def _picked(tree, leaves: Sequence[int]) -> list[jax.Array]:
    flat = jax.tree.leaves(tree)
    return [flat[i] for i in leaves]


def _largest(tree) -> jax.Array:
    """The largest entry."""
    sizes = [narrow(jnp.max(modulus(u), initial=0), jnp.float32) for u in jax.tree.leaves(tree)]
    return functools.reduce(jnp.maximum, sizes, jnp.zeros((), jnp.float32))


def clipped(stages: Sequence[Stage], splits: Sequence[Split]) -> jax.Array:
    """The fraction of all entries that some of these parts changed."""
    pairs = [zip(jax.tree.leaves(s.before), jax.tree.leaves(s.after)) for s in stages]
    differ = [
        functools.reduce(jnp.logical_or, [_differ(a, b) for a, b in leaf]) for leaf in zip(*pairs)
    ]
    changed = summed([jnp.sum(d, dtype=jnp.float32) for d in differ], splits, jnp.float32)
    return changed / jnp.maximum(jnp.asarray(sum(map(size, differ, splits)), jnp.float32), 1)


def _differ(a: jax.Array, b: jax.Array) -> jax.Array:
    return (a != b) & ~(jnp.isnan(a) & jnp.isnan(b))
