"""One look for all figures: colours safe for the colour-blind, quiet axes, words where they are read.

The colours are Okabe and Ito's, and nothing is said by colour alone.
"""

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from adaptive_tx.plots.mpl import Figure, colormaps, context, to_hex


class Palette(NamedTuple):
    """The colours of a figure: its lines by what they are, and those of unlike things."""

    page: str
    ink: str
    soft: str
    edge: str
    grid: str
    red: str
    lines: tuple[str, ...]  # blue, orange, green, purple, amber, sky and ink


BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
AMBER, SKY, RED = "#E69F00", "#56B4E9", "#C00000"
INK, SOFT, EDGE, GREY = "#222222", "#6B6B6B", "#BBBBBB", "#D9D9D9"  # from dark to light
LIGHT = Palette(
    page="#FFFFFF",
    ink=INK,
    soft=SOFT,
    edge=EDGE,
    grid="#EEEEEE",
    red=RED,
    lines=(BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY, INK),
)
DARK = Palette(
    page="#16181C",
    ink="#E6E6E6",
    soft="#A2A6AD",
    edge="#555B63",
    grid="#2A2E34",
    red="#FF6B6B",
    lines=("#4DB5F0", "#FF8F40", "#2CC79C", "#E39DC4", "#F3B63F", "#9AD6FA", "#E6E6E6"),
)
MARKERS = ("o", "s", "^", "D", "v", "<", ">")
LOOKS = 2 * len(LIGHT.lines)  # as many lines as the eye keeps apart: each colour full, then dashed
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",  # where an SVG is read without the next
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "text.parse_math": False,  # a $ in a name is a dollar
    "axes.linewidth": 0.8,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.linewidth": 0.7,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.borderaxespad": 0,
    "legend.borderpad": 0,
    "svg.fonttype": "none",
    "svg.hashsalt": "adaptive_tx",
}


def look(palette: Palette = LIGHT):
    """The settings of matplotlib under which everything here is made and drawn."""
    colours = {
        "text.color": palette.ink,
        "axes.facecolor": palette.page,
        "axes.edgecolor": palette.edge,
        "axes.labelcolor": palette.ink,
        "grid.color": palette.grid,
        "xtick.color": palette.soft,
        "ytick.color": palette.soft,
    }
    return context(["default", STYLE | colours])


def lines(subtitle: str, wide: float) -> list[str]:
    """A subtitle in lines that fit a figure so many inches wide."""
    return textwrap.wrap(subtitle, int((wide - 0.4) / 0.068))


def words(figure: Figure, title: str, subtitle: str) -> None:
    """Title and subtitle in the upper left corner, at a fixed distance from the edges, in inches.

    A subtitle may have several lines, of 0.17 inches.
    """
    wide, high = figure.get_size_inches()
    corner = {"x": 0.2 / wide, "linespacing": 1.36}
    figure.text(y=1 - 0.3 / high, s=title, size=13, weight="bold", va="center", **corner)
    below = 1 - (0.56 + 0.085 * subtitle.count("\n")) / high
    figure.text(y=below, s=subtitle, size=9, color=SOFT, va="center", **corner)


def looks(n: int, palette: Palette = LIGHT) -> list[dict[str, Any]]:
    """How to draw each of n lines of unlike things; up to 28 of them differ."""
    k = len(palette.lines)
    dashes = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))
    return [
        {"color": palette.lines[i % k], "marker": MARKERS[i % k], "ls": dashes[i // k % 4]}
        for i in range(n)
    ]


def ramp(n: int, dark: float = 0.0) -> list[dict[str, Any]]:
    """How to draw each of n lines of one thing in an order: from dark (0 is darkest) to light."""
    shades = colormaps["viridis"](np.linspace(dark, 0.88, n))
    return [
        {"color": to_hex(shade), "marker": MARKERS[i % len(MARKERS)], "ls": "-"}
        for i, shade in enumerate(shades)
    ]


def columns(names: Sequence[str], room: float, letter: float, handle: float) -> int:
    """How many columns of a key fit in so many inches, each as wide as it must; none of them in vain.

    A name is as wide as its letters, and has a handle before it.
    """
    n = len(names)
    for k in range(n, 1, -1):
        widest = [max(part) for part in np.array_split([len(name) for name in names], k)]
        if letter * sum(widest) + handle * k <= room:
            return -(-n // -(-n // k))
    return 1
