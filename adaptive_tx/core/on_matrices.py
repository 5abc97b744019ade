"""A step on one matrix as a step on a leaf, or on a stack of the matrices of many leaves."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from adaptive_tx.core.matrices import Layout, product, reshaped
from adaptive_tx.core.placing import everywhere, lying_as


@dataclasses.dataclass(frozen=True)
class OnMatrices:
    """A step on one matrix, as a step on a leaf and on what is kept of it."""

    step: Callable
    layout: Layout
    like: tuple[bool, ...]  # which of the slots are like the leaf; others have a shape of their own
    whole: bool = False  # whether on Explicit axes all is gathered for it

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.step)

    def __call__(self, g, *slots_and_t, **keywords):
        *slots, t = slots_and_t
        layout, given, olds = self.layout, g, slots
        if self.whole:
            g, slots = everywhere(g), [x if x is None else everywhere(x) for x in slots]

        def on_matrix(p, g, *slots):
            return self.step(g, *slots, t, **keywords, **p)

        p = {name: layout.apart(keywords.pop(name)) for name in ("p",) if name in keywords}
        ways = [layout.apart if like else layout.slot_apart for like in self.like]
        kept = [x if x is None else way(x) for way, x in zip(ways, slots, strict=True)]
        each = jax.vmap(on_matrix) if layout.counting else on_matrix
        u, *news = each(p, layout.apart(g), *kept)
        news = [
            x if old is None else layout.together(x, g.shape) if like else reshaped(x, old.shape)
            for like, x, old in zip(self.like, news, slots, strict=True)
        ]
        u = layout.together(u, g.shape)
        if self.whole:
            u = lying_as(u, given)
            news = [x if x is None else lying_as(x, old) for x, old in zip(news, olds)]
        return u, *news


@dataclasses.dataclass(frozen=True)
class OnStack:
    """A step on one matrix that keeps nothing, as a step on a stack of them."""

    step: Callable
    sharding: Any

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.step)

    def __call__(self, g, t, **keywords):
        def on_matrix(g):
            return self.step(g, t, **keywords)

        if self.sharding is not None:
            return jax.vmap(on_matrix)(lax.with_sharding_constraint(g, self.sharding))
        return at_once_or_in_turn(on_matrix, g)


def at_once_or_in_turn(step: Callable, stack: jax.Array) -> jax.Array:
    """A step on all matrices of a stack: in one product of many, or, on CPUs, one after the other.

    There a product of many small matrices is slower than many products, and needs memory for all
    (benchmarks/matrix.py).
    """
    in_turn, at_once = functools.partial(lax.map, step), jax.vmap(step)
    return lax.platform_dependent(stack, cpu=in_turn, default=at_once)


class Stack(NamedTuple):
    """Matrices of equal size, of several leaves."""

    places: tuple[int, ...]  # of the leaves
    matrices: jax.Array  # [matrix, row, column]


def stacks_of(leaves: Sequence[jax.Array], layouts: Sequence[Layout]) -> list[Stack]:
    """The matrices of all leaves, those of equal size and dtype together."""
    by_size: dict[Any, list[int]] = {}
    for i, (x, layout) in enumerate(zip(leaves, layouts, strict=True)):
        by_size.setdefault((*layout.size(x.shape), x.dtype), []).append(i)
    return [
        Stack((*places,), jnp.concatenate([_stack(leaves[i], layouts[i]) for i in places]))
        for places in by_size.values()
    ]


def unstacked(
    stack: Stack, leaves: Sequence[jax.Array], layouts: Sequence[Layout]
) -> list[tuple[int, jax.Array]]:
    """The leaves again, each with its place, of a stack like theirs."""
    found, start = [], 0
    for i in stack.places:
        shape, layout = leaves[i].shape, layouts[i]
        n = product(shape, layout.counting)
        part = lax.slice_in_dim(stack.matrices, start, start + n)
        part = part if layout.counting else lax.squeeze(part, (0,))
        found.append((i, lying_as(layout.together(part, shape), leaves[i])))
        start += n
    return found


def _stack(x: jax.Array, layout: Layout) -> jax.Array:
    """Of one leaf. On Explicit axes it is first brought to all devices: its matrices must be whole."""
    apart = layout.apart(everywhere(x))
    return apart if layout.counting else lax.expand_dims(apart, (0,))
