"""The walks of optimizers on a surface, as numbers: each way, and how far above the minimum it is."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from adaptive_tx.core import checks
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.plots import labels
from adaptive_tx.plots.surfaces import SURFACES, Surface

Window = tuple[float, float, float, float]  # left, right, bottom, top


class Walk(NamedTuple):
    """The way of one optimizer, from the start to the last step or to the edge of the window."""

    label: str
    points: np.ndarray  # float64[steps + 1, 2]
    gap: np.ndarray  # float64[steps + 1], f - f*
    until: int  # how many points are drawn
    fate: str  # what the legend says of a way that leaves the window; empty if it stays
    edge: np.ndarray  # float64[0 or 1, 2], where it leaves for good


class Scene(NamedTuple):
    """What is to be drawn."""

    title: str
    surface: Surface
    window: Window
    walks: list[Walk]
    sweep: bool  # whether the walks are the members of one sweep, in their order


def scene(who: str, optimizers, surface: str | Surface, steps: int, start) -> Scene:
    """The walks of all optimizers, and where they are seen."""
    title, surface = _surface(who, surface)
    steps = checks.whole(who, "steps", steps, at_least=1)
    start = np.asarray(surface.start if start is None else start, float)
    if start.shape != (2,) or not np.isfinite(start).all():
        raise ValueError(f"{who}: start must be two finite numbers, got {start.tolist()}.")
    given = labels.pairs(who, optimizers, _is_optimizer, "gradient transformation")
    one_by_one = [(name, tx) for name, sweep in given for tx in labels.members(who, sweep)]
    if len(one_by_one) > (most := 14):
        raise ValueError(
            f"{who}: at most {most} ways can be told apart, got {len(one_by_one)}; of a sweep, take "
            "every k-th member with jax.tree.map(lambda leaf: leaf[::k], sweep)."
        )
    names = labels.of_optimizers(one_by_one)
    window = _window(surface, start)
    walks = [
        _walk(name, tx, surface, start, steps, window) for name, (_, tx) in zip(names, one_by_one)
    ]
    return Scene(title, surface, window, walks, sweep=len(given) == 1 < len(walks))


def _window(surface: Surface, start: np.ndarray) -> Window:
    """The surface's window; wider, with room around the start, if that is outside."""
    left, right, bottom, top = surface.window
    x, y = start
    if left <= x <= right and bottom <= y <= top:
        return surface.window
    wide, high = 0.2 * (right - left), 0.2 * (top - bottom)
    return min(left, x - wide), max(right, x + wide), min(bottom, y - high), max(top, y + high)


def _walk(label, tx, surface: Surface, start, steps: int, window) -> Walk:
    points = np.asarray(_descend(tx, jnp.asarray(start, float), surface.function, steps), float)
    with np.errstate(all="ignore"):
        gap = np.asarray(surface(*points.T), float) - surface.lowest
    left, right, bottom, top = window
    x, y = points.T
    inside = (left <= x) & (x <= right) & (bottom <= y) & (y <= top)
    last = int(np.flatnonzero(inside)[-1])  # the start is inside
    edge = _edge(points[last], points[last + 1], window) if last < steps else points[:0]
    return Walk(label, points, gap, last + 1, _fate(inside, points, last), edge)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _descend(tx: Transformation, start: jax.Array, function, steps: int) -> jax.Array:
    """All points of a walk: [steps + 1, 2]."""

    def loss(point):
        return function(point[0], point[1])

    def step(carry, _):
        params, state = carry
        value, grads = jax.value_and_grad(loss)(params)
        extra = {"value": value, "grad": grads, "value_fn": loss}  # for rules that want them
        updates, state = tx.update(grads, state, params, **extra)
        params = params + updates
        return (params, state), params

    _, points = lax.scan(step, (start, tx.init(start)), length=steps)
    return jnp.concatenate([start[None], points])


def _edge(inside: np.ndarray, outside: np.ndarray, window) -> np.ndarray:
    """Where the straight way out crosses the window's edge; nowhere if it is not finite."""
    if not np.isfinite(outside).all():
        return inside[None]
    left, right, bottom, top = window
    way = outside - inside
    bound = np.where(way > 0, (right, top), (left, bottom))
    shares = np.divide(bound - inside, way, out=np.full(2, np.inf), where=way != 0)
    return (inside + shares.min() * way)[None]


def _fate(inside: np.ndarray, points: np.ndarray, last: int) -> str:
    """What the key says of a walk that leaves the window."""
    if inside.all():
        return ""
    if last < len(inside) - 1:
        broken = np.flatnonzero(~np.isfinite(points).all(1))
        beyond = f", not finite from step {broken[0]}" if len(broken) else ""
        return f"leaves at step {last + 1}{beyond}"
    first, last = np.flatnonzero(~inside)[[0, -1]]
    return f"outside at step {first}" if first == last else f"outside in steps {first} to {last}"


def _surface(who: str, surface) -> tuple[str, Surface]:
    if isinstance(surface, Surface):
        name = getattr(surface.function, "__name__", "surface")
        return "surface" if name == "<lambda>" else name, surface
    name = checks.choice(who, "surface", surface, list(SURFACES))
    return name, SURFACES[name]


def _is_optimizer(one) -> bool:
    return isinstance(one, optax.GradientTransformation)
