"""One look for all figures: colours safe for the colour-blind, quiet axes, words where they are read.

The colours are Okabe and Ito's, and nothing is said by colour alone. Only this module imports
matplotlib, and what draws imports this one inside its functions: the rest works without.
"""

import base64
import io
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

try:
    import matplotlib
except ModuleNotFoundError as error:
    raise ImportError(
        "adaptive_tx.plots needs matplotlib: pip install adaptive-tx[plots]"
    ) from error
import matplotlib.style
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D as Line2D
from matplotlib.patches import Patch as Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from PIL import Image  # comes with matplotlib

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
AMBER, SKY, INK, SOFT, GREY, RED = "#E69F00", "#56B4E9", "#222222", "#6B6B6B", "#D9D9D9", "#C00000"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY, INK)
MARKERS = ("o", "s", "^", "D", "v", "<", ">")
LOOKS = 2 * len(COLOURS)  # as many lines as can be told apart: each colour full, then dashed
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a $ in a name is a dollar
    "axes.edgecolor": "#BBBBBB",
    "axes.linewidth": 0.8,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#EEEEEE",
    "grid.linewidth": 0.7,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
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
DPI = 160  # of a file and of a notebook's picture
FORMATS = ("png", "svg", "pdf")
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def look():
    """The settings of matplotlib under which everything here is made and drawn."""
    return matplotlib.style.context(["default", STYLE])


class Picture(Figure):
    """A figure outside of pyplot that keeps its look wherever it is drawn, and shows in notebooks.

    A plain Figure shows in a notebook only after `%matplotlib inline` or an import of pyplot.
    """

    def draw(self, renderer) -> None:
        with look():
            super().draw(renderer)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        wide, high = self.get_size_inches()
        return self.file("png"), {"width": round(100 * wide), "height": round(100 * high)}

    def file(self, kind: str, **how) -> bytes:
        """The figure as the bytes of a file."""
        buffer = io.BytesIO()
        with look():
            self.savefig(buffer, format=kind, dpi=DPI, **how)
        return buffer.getvalue()


class GifWriter(PillowWriter):
    """One palette for all frames, so that what does not move costs nothing; the last one stays."""

    def setup(self, fig, outfile, dpi=None) -> None:
        super().setup(fig, outfile, dpi)
        self.frames: list[Image.Image] = []

    def grab_frame(self, **savefig_kwargs) -> None:
        buffer = io.BytesIO()
        self.fig.savefig(buffer, format="rgba", dpi=self.dpi, **savefig_kwargs)
        frame = Image.frombytes("RGBA", self.frame_size, buffer.getvalue())
        self.frames.append(frame.convert("RGB"))

    def finish(self) -> None:
        palette = self.frames[-1].quantize(255, kmeans=1)
        first, *rest = [
            frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in self.frames
        ]
        each = int(1000 / self.fps)
        durations = [each] * len(rest) + [2000]
        first.save(self.outfile, save_all=True, append_images=rest, duration=durations, loop=0)


class Animation(FuncAnimation):
    """An animation that shows in notebooks as the GIF that it would be saved as."""

    def __init__(self, figure: Figure, draw: Callable, frames: Sequence[int], fps: int):
        self.figure, self.show, self.fps = figure, draw, fps
        super().__init__(figure, draw, frames=frames, init_func=list, interval=round(1000 / fps))

    def gif(self, path: str | os.PathLike) -> None:
        """Writes the GIF."""
        self.save(os.fspath(path), writer=GifWriter(fps=self.fps), dpi=100)

    def _repr_html_(self) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "animation.gif")
            self.gif(path)
            data = base64.b64encode(path.read_bytes()).decode()
        return f'<img alt="animation" src="data:image/gif;base64,{data}">'


def words(figure: Figure, title: str, subtitle: str) -> None:
    """Title and subtitle in the upper left corner, at a fixed distance from the edges, in inches."""
    wide, high = figure.get_size_inches()
    place = {"x": 0.2 / wide, "va": "center"}
    figure.text(y=1 - 0.3 / high, s=title, size=13, weight="bold", **place)
    figure.text(y=1 - 0.56 / high, s=subtitle, size=9, color=SOFT, **place)


def looks(n: int) -> list[dict[str, Any]]:
    """How to draw each of n lines of unlike things."""
    k = len(COLOURS)
    dashes = ("-", (0, (4, 1.5)))
    return [
        {"color": COLOURS[i % k], "marker": MARKERS[i % k], "ls": dashes[i // k % 2]}
        for i in range(n)
    ]


def ramp(n: int, dark: float = 0.0) -> list[dict[str, Any]]:
    """How to draw each of n lines of one thing in an order: from dark (0 is darkest) to light."""
    shades = matplotlib.colormaps["viridis"](np.linspace(dark, 0.88, n))
    return [
        {"color": to_hex(shade), "marker": MARKERS[i % len(MARKERS)], "ls": "-"}
        for i, shade in enumerate(shades)
    ]


def log_axis(axes: Axes, low: float, high: float) -> None:
    """A logarithmic y axis from low to high, with a few ticks that say their number."""
    axes.set_yscale("log", nonpositive="clip")
    axes.set_ylim(low, high)
    decades = np.log10(high / low)
    locator = LogLocator(numticks=6) if decades > 2 else LogLocator(subs=(1, 2, 5), numticks=6)
    axes.yaxis.set_major_locator(locator if decades > 0.7 else ticks(4))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(_number_tick))


def linear_axis(axes: Axes, low: float, high: float) -> None:
    """A linear y axis from low to high."""
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(ticks(4))
    axes.yaxis.set_major_formatter(FuncFormatter(_number_tick))


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


def step_axis(axes: Axes, most: int) -> None:
    """An x axis of steps: whole numbers, thousands as 20k."""
    axes.xaxis.set_major_locator(ticks(most, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(_step_tick))


def counted(steps: int) -> str:
    """1 step, 2,000 steps."""
    return f"{steps:,} step" if steps == 1 else f"{steps:,} steps"


def few_decades(axes: Axes, span: float) -> None:
    """A logarithmic x axis over `span` (last over first) with few numbers."""
    axes.set_xscale("log")
    subs = (1,) if span >= 1000 else (1, 3) if span >= 100 else (1, 2, 5)
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=5))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))


def ticks(most: int, integer: bool = False) -> MaxNLocator:
    """Where a linear axis has its numbers: round ones, at most so many and one."""
    return MaxNLocator(most, steps=[1, 2, 5, 10], integer=integer)


def power(value: float, digits: int = 6) -> str:
    """A number as a tick says it: 0.01, 500, 10⁻⁵, 2·10⁶."""
    if not 0 < abs(value) < np.inf or 1e-3 <= abs(value) < 1e4:
        return f"{value:.{digits}g}".replace("-", "−")
    factor, exponent = f"{value:.{digits - 1}e}".split("e")
    ten = "10" + str(int(exponent)).translate(SUPERSCRIPTS)
    return ten if float(factor) == 1 else f"{float(factor):g}·{ten}".replace("-", "−")


def _number_tick(value: float, _: int) -> str:
    return power(value)


def _step_tick(step: float, _: int) -> str:
    return f"{step:.6g}" if step < 1e4 else f"{step / 1000:.6g}k"


def writable(who: str, path: str | os.PathLike | None, formats: Sequence[str]) -> None:
    """A file's ending says in which format it is written; what cannot be written is said first."""
    if path is None:
        return
    kinds = ", ".join(f".{kind}" for kind in formats)
    if Path(path).suffix.lower().lstrip(".") not in formats:
        raise ValueError(f"{who}: path must end in one of {kinds}; got {os.fspath(path)!r}.")
    if not Path(path).parent.is_dir():
        raise ValueError(f"{who}: there is no folder {os.fspath(Path(path).parent)!r}.")


def saved(figure: Picture, path: str | os.PathLike | None) -> Picture:
    """The figure, written to `path` if there is one."""
    if path is not None:
        Path(path).write_bytes(figure.file(Path(path).suffix.lower().lstrip(".")))
    return figure
