"""The picture of walks: contour lines with the ways on them, and beside it the gap to the minimum."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adaptive_tx.plots import scales, style
from adaptive_tx.plots.mpl import Axes, Line2D
from adaptive_tx.plots.picture import Picture
from adaptive_tx.plots.surfaces import Surface
from adaptive_tx.plots.walks import Scene, Walk, Window
from adaptive_tx.plots.words import counted

WIDE, HIGH = 9.6, 3.7  # of the figure, of the panels, in inches
ABOVE, BELOW, ROW = 0.85, 0.62, 0.2  # title, axis' name, a row of the key


def landscape(scene: Scene) -> tuple[Picture, Callable[[int], list[Line2D]]]:
    """The figure, and a function that draws the ways up to a step."""
    title, surface, window, walks, sweep = scene
    steps = len(walks[0].gap) - 1
    with style.look():
        columns = style.columns([_label(walk) for walk in walks], WIDE - 0.6, 0.066, 0.6)
        rows = -(-len(walks) // columns) + 1
        high = ABOVE + HIGH + BELOW + ROW * rows + 0.1
        figure = Picture(WIDE, high)
        heights = [1 - (ABOVE + HIGH) / high, HIGH / high]
        plane = figure.add_axes((0.5 / WIDE, heights[0], 4.75 / WIDE, heights[1]))
        gaps = figure.add_axes((6.0 / WIDE, heights[0], 3.4 / WIDE, heights[1]))
        _contours(plane, surface, window)
        _gap_axes(gaps, walks, steps)
        style.words(figure, title.replace("_", " ").capitalize(), "")
        looks = style.ramp(len(walks)) if sweep else style.looks(len(walks))
        artists = [_artists(plane, gaps, walk.label, look) for walk, look in zip(walks, looks)]
        _points(plane, surface, walks[0].points[0])
        _key(figure, walks, looks, columns, high)
    start = ", ".join(f"{x:.4g}".replace("-", "−") for x in walks[0].points[0])

    def show(step: int) -> list[Line2D]:
        for walk, lines in zip(walks, artists):
            _up_to(step, walk, *lines)
        way = f"step {step} of {steps}" if step < steps else counted(steps, "step")
        figure.texts[1].set_text(f"f(x, y) = {surface.formula};  {way} from ({start})")
        return [line for lines in artists for line in lines]

    return figure, show


def _contours(plane: Axes, surface: Surface, window: Window) -> None:
    """Lines of equal height, evenly spaced in the logarithm; darker ground is lower."""
    left, right, bottom, top = window
    x, y = np.meshgrid(np.linspace(left, right, 300), np.linspace(bottom, top, 300))
    gap = np.maximum(np.asarray(surface(x, y), float) - surface.lowest, 1e-300)
    highest = float(gap.max())
    levels = np.geomspace(highest / 1e5, highest, 16)
    plane.contourf(x, y, np.log10(gap), np.log10(levels), cmap="Greys_r", alpha=0.16, extend="min")
    plane.contour(x, y, gap, levels, colors="#B9B9B9", linewidths=0.6)
    plane.set(xlim=(left, right), ylim=(bottom, top), xlabel="x")
    plane.set_ylabel("y", rotation=0, labelpad=2)
    plane.xaxis.set_major_locator(scales.ticks(6))
    plane.yaxis.set_major_locator(scales.ticks(6))
    plane.spines[["top", "right"]].set_visible(True)


def _gap_axes(gaps: Axes, walks: Sequence[Walk], steps: int) -> None:
    inside = np.concatenate([walk.gap[: walk.until] for walk in walks])
    every = np.concatenate([walk.gap for walk in walks])
    low = every[np.isfinite(every) & (every > 0)].min(initial=1.0)
    high = inside[np.isfinite(inside)].max(initial=low)
    scales.log_axis(gaps, max(low, 1e-16) / 2, 3 * max(high, 1e-15))
    gaps.set(xlim=(0, steps), xlabel="step t")
    gaps.set_title("gap to the minimum, f − f*", loc="left", size=9, color=style.INK, pad=5)
    gaps.grid(axis="y")
    scales.step_axis(gaps, 5)


def _artists(plane: Axes, gaps: Axes, label: str, look: dict) -> tuple[Line2D, ...]:
    """The way, its head, the cross at the edge; the gap, its head."""
    line = {"color": look["color"], "ls": look["ls"], "lw": 1.5, "solid_joinstyle": "round"}
    head = {"color": look["color"], "marker": look["marker"], "ms": 6, "mec": "white", "ls": ""}
    cross = {"color": look["color"], "marker": "x", "ms": 8, "mew": 2, "ls": "", "clip_on": False}
    return (
        *plane.plot([], [], zorder=3, label=label, **line),
        *plane.plot([], [], zorder=5, **head),
        *plane.plot([], [], zorder=6, **cross),
        *gaps.plot([], [], zorder=3, label=label, **line),
        *gaps.plot([], [], zorder=5, clip_on=False, **head),
    )


def _up_to(step: int, walk: Walk, way, head, cross, gap, gap_head) -> None:
    """Sets the lines to the first steps of a walk."""
    k = min(step + 1, walk.until)
    left = step >= walk.until
    points = np.concatenate([walk.points[:k], walk.edge[: int(left)]])
    way.set_data(*points.T)
    head.set_data(*(points[-1:] if not left else points[:0]).T)
    cross.set_data(*(walk.edge[: int(left)]).T)
    gap.set_data(np.arange(step + 1), walk.gap[: step + 1])
    gap_head.set_data([step] * (not left), walk.gap[step : step + 1][: int(not left)])


def _points(plane: Axes, surface: Surface, start: np.ndarray) -> None:
    plane.plot(*start, "o", ms=7, mfc="white", mec=style.INK, mew=1.3, zorder=4)
    plane.plot(*zip(*surface.minima), "*", ms=13, mfc="white", mec=style.INK, mew=1, zorder=4)


def _key(figure, walks: Sequence[Walk], looks: list[dict], columns: int, high: float) -> None:
    line = [Line2D([], [], lw=1.5, ms=5.5, mec="white", **look) for look in looks]
    mark: dict[str, Any] = {"ls": "", "mfc": "white", "mec": style.INK}
    marks = {
        "start": Line2D([], [], marker="o", ms=6.5, mew=1.3, **mark),
        "minimum": Line2D([], [], marker="*", ms=11, **mark),
    }
    if any(len(walk.edge) for walk in walks):
        marks["leaves the window"] = Line2D([], [], marker="x", ms=7, mew=2, ls="", c=style.SOFT)
    for handles, names, row, n, length in (
        (list(marks.values()), list(marks), 0, 3, 1.0),
        (line, [_label(walk) for walk in walks], 1, columns, 2.6),
    ):
        below = ABOVE + HIGH + BELOW + ROW * row
        corner = {"loc": "upper left", "bbox_to_anchor": (0.5 / WIDE, 1 - below / high)}
        spaces = {"handlelength": length, "columnspacing": 2, "labelspacing": 0.45}
        figure.legend(handles, names, ncols=n, **corner, **spaces)


def _label(walk: Walk) -> str:
    return f"{walk.label}: {walk.fate}" if walk.fate else walk.label
