"""Optimizers on a surface of two variables, side by side: their ways as a figure, or as an animation."""

import os
from typing import TYPE_CHECKING

import numpy as np

from adaptive_tx.core import checks
from adaptive_tx.plots.files import FORMATS, saved, writable
from adaptive_tx.plots.surfaces import Surface
from adaptive_tx.plots.walks import scene

if TYPE_CHECKING:
    from adaptive_tx.plots.picture import Animation, Picture


def trajectories(
    *optimizers,
    surface: str | Surface = "rosenbrock",
    steps: int = 200,
    start: tuple[float, float] | None = None,
    path: str | os.PathLike | None = None,
) -> "Picture":
    """Draws the way of each optimizer down a surface, and beside it f(x_t) - f* after each step.

    A way that leaves the window for good, or stops being finite, is drawn to the edge and ends in a
    cross there; the legend says at which step.

    >>> import jax, jax.numpy as jnp, adaptive_tx as atx
    >>> from adaptive_tx import plots
    >>> figure = plots.trajectories(atx.momentum(3e-4), atx.adam(0.1), surface="beale", steps=50)
    >>> sweep = jax.vmap(atx.adam)(jnp.array([0.01, 0.1]))  # one way per member
    >>> figure = plots.trajectories({"Adam": sweep}, steps=50)

    Args:
      *optimizers: transformations, ours or optax's, or one dict of name -> transformation; a sweep
        (one leading axis, as `jax.vmap` makes it) is drawn as one way per member. At most 14 in all.
      surface: a name of `plots.SURFACES` (rosenbrock, beale, ravine, tilted_ravine, himmelblau), or a
        `plots.Surface` of your own.
      steps: number of updates, >= 1.
      start: where all begin, (x, y); without it, the surface's own start.
      path: a .png, .svg or .pdf file to write the figure to.

    Returns:
      A matplotlib Figure. It belongs to no backend, and shows in notebooks.

    Raises:
      ImportError: without matplotlib: pip install adaptive-tx[plots].
      TypeError: for something that is no optimizer.
      ValueError: for none or too many optimizers, an unknown surface, or a start that is not finite.
    """
    from adaptive_tx.plots.landscape import landscape  # needs matplotlib

    writable("trajectories", path, FORMATS)
    figure, show = landscape(scene("trajectories", optimizers, surface, steps, start))
    show(steps)
    return saved(figure, path)


def animate(
    *optimizers,
    surface: str | Surface = "rosenbrock",
    steps: int = 200,
    start: tuple[float, float] | None = None,
    path: str | os.PathLike | None = None,
    frames: int = 80,
    fps: int = 15,
) -> "Animation":
    """The figure of `trajectories` as an animation: every optimizer takes its steps at the same time.

    Args:
      *optimizers: as for `trajectories`.
      surface: as for `trajectories`.
      steps: number of updates, >= 1.
      start: where all begin, (x, y); without it, the surface's own start.
      path: a .gif file to write the animation to.
      frames: pictures in the animation, >= 2; with more steps than that, each shows several steps.
      fps: pictures per second, >= 1.

    Returns:
      A matplotlib FuncAnimation. It shows in notebooks as a GIF; keep it in a variable until then.

    Raises:
      ImportError: without matplotlib: pip install adaptive-tx[plots].
      TypeError: for something that is no optimizer.
      ValueError: as for `trajectories`, and for a path that does not end in .gif.
    """
    from adaptive_tx.plots.landscape import landscape  # needs matplotlib
    from adaptive_tx.plots.picture import Animation

    writable("animate", path, ("gif",))
    frames = checks.whole("animate", "frames", frames, at_least=2)
    fps = checks.whole("animate", "fps", fps, at_least=1)
    figure, show = landscape(scene("animate", optimizers, surface, steps, start))
    shown = np.unique(np.linspace(0, steps, min(frames, steps + 1)).round().astype(int))
    animation = Animation(figure, show, shown.tolist(), fps)
    if path is not None:
        animation.gif(path)
    return animation
