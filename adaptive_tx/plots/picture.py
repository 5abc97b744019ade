"""Figures and animations that keep their look, show in notebooks, and are written to files."""

import base64
import io
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from adaptive_tx.plots.mpl import Figure, FuncAnimation, Image, PillowWriter
from adaptive_tx.plots.style import LIGHT, Palette, look

DPI = 160  # of a file and of a notebook's picture


class Picture(Figure):
    """A figure outside of pyplot that keeps its look wherever it is drawn, and shows in notebooks.

    A plain Figure shows in a notebook only after `%matplotlib inline` or an import of pyplot.
    """

    def __init__(self, wide: float, high: float, palette: Palette = LIGHT):
        """Sizes are in inches."""
        super().__init__(figsize=(wide, high), facecolor=palette.page)
        self.palette = palette

    def draw(self, renderer) -> None:
        with look(self.palette):
            super().draw(renderer)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        wide, high = self.get_size_inches()
        return self.file("png"), {"width": round(100 * wide), "height": round(100 * high)}

    def file(self, kind: str) -> bytes:
        """The figure as the bytes of a file."""
        buffer = io.BytesIO()
        with look(self.palette):
            self.savefig(buffer, format=kind, dpi=DPI)
        return buffer.getvalue()

    def embedded(self) -> str:
        """The figure as an address that holds it: an SVG without date and background."""
        buffer = io.BytesIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        with look(self.palette):
            self.savefig(buffer, format="svg", metadata=nothing, transparent=True)
        return data_uri("image/svg+xml", buffer.getvalue())


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
            uri = data_uri("image/gif", path.read_bytes())
        return f'<img alt="animation" src="{uri}">'


def data_uri(kind: str, content: bytes) -> str:
    """The content of a file as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
