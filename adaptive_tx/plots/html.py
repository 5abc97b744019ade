"""The dashboard as one page: pictures and numbers in a single file that needs nothing else.

The panels are SVG inside the page; their colours are the page's, so that they are dark where it is.
"""

import html
import importlib.metadata
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from adaptive_tx.plots.dashboard import said
from adaptive_tx.plots.panels import Panel, checked, panels

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p>{steps} &middot; {versions}</p>
</header>
<main class="panels">
{panels}
</main>
<section>
<h2>Numbers</h2>
<div class="wide">
<table>
<thead><tr><th>metric</th><th>last</th><th>min</th><th>max</th><th>mean</th><th>not finite</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>
<p>Least, largest and mean are of the finite values.</p>
</section>
</body>
</html>
"""
COLOURS = {  # of a page in light and in dark
    "page": ("#ffffff", "#16181c"),
    "ink": ("#222222", "#e6e6e6"),
    "soft": ("#6b6b6b", "#a2a6ad"),
    "edge": ("#bbbbbb", "#555b63"),
    "grid": ("#eeeeee", "#2a2e34"),
    "red": ("#c00000", "#ff6b6b"),
    "blue": ("#0072b2", "#4db5f0"),
    "orange": ("#d55e00", "#ff8f40"),
    "green": ("#009e73", "#2cc79c"),
    "purple": ("#cc79a7", "#e39dc4"),
    "amber": ("#e69f00", "#f3b63f"),
    "sky": ("#56b4e9", "#9ad6fa"),
}
STYLE = """:root { color-scheme: light dark; LIGHT }
@media screen and (prefers-color-scheme: dark) { :root { DARK } }
body { margin: 0 auto; max-width: 75rem; padding: 1rem; background: var(--page); color: var(--ink);
  font: 1rem/1.45 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 0.5rem; }
p { color: var(--soft); font-size: 0.85rem; margin: 0.2rem 0; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr));
  gap: 1rem 1.8rem; margin-top: 1.2rem; align-items: end; }
figure { margin: 0; min-width: 0; break-inside: avoid; }
figcaption { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem;
  margin-bottom: 0.35rem; }
figcaption b { font-size: 0.95rem; overflow-wrap: anywhere; }
figcaption span { color: var(--soft); font-size: 0.8rem; white-space: nowrap; }
figcaption .bad, td.bad { color: var(--red); }
svg { display: block; width: 100%; height: auto; }
svg * { stroke-linejoin: round; stroke-linecap: butt; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0 0.25rem 1.6rem; text-align: right; white-space: nowrap; }
th { color: var(--soft); font-weight: normal; border-bottom: 1px solid var(--edge); }
td { border-bottom: 1px solid var(--grid); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
@media print { body { max-width: none; padding: 0; } .panels { grid-template-columns: 1fr 1fr; } }
"""


def dashboard_html(
    history: Mapping[str, Any], path: str | os.PathLike, title: str | None = None
) -> None:
    """Writes the dashboard of a run, and a table of its numbers, as one HTML file.

    The file loads nothing, neither from the network nor from beside it; it can be read on a phone,
    printed, and sent. It holds no date: the same run gives the same file.

    Args:
      history: as for `dashboard`.
      path: a .html file to write.
      title: what stands above; without it, "Metrics of a run".

    Raises:
      ImportError: without matplotlib: pip install adaptive-tx[plots].
      TypeError: for a history that is no mapping.
      ValueError: for an empty history, or a metric that is not one real number for each step.
    """
    from adaptive_tx.plots import style

    style.writable("dashboard_html", path, ("html", "htm"))
    values = checked("dashboard_html", history)
    figures = [_figure(i, panel) for i, panel in enumerate(panels(values))]
    page = PAGE.format(
        title=html.escape(title or "Metrics of a run"),
        style=_style(),
        steps=style.counted(len(next(iter(values.values())))),
        versions=html.escape(", ".join(_versions())),
        panels="\n".join(figures),
        rows="\n".join(_row(name, series) for name, series in values.items()),
    )
    Path(path).write_text(page, encoding="utf-8")


def _figure(i: int, panel: Panel) -> str:
    right, bad = said(panel)
    name, kind = html.escape(panel.title), ' class="bad"' if bad else ""
    return (
        f"<figure><figcaption><b>{name}</b><span{kind}>{html.escape(right)}</span></figcaption>\n"
        f"{_svg(i, panel)}\n</figure>"
    )


def _svg(i: int, panel: Panel) -> str:
    """A panel as an element of the page: its names unlike those of others, its colours the page's."""
    from adaptive_tx.plots import curves, style

    with style.look():
        figure = style.Picture(figsize=(curves.WIDE, curves.height(panel)))
        curves.draw(figure, 0, 0, panel)
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    text = figure.file("svg", metadata=nothing, transparent=True).decode()
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    box = text[text.index("viewBox=") :].split('"')[1]
    start = f'<svg viewBox="{box}" role="img" aria-label="{html.escape(panel.title)}">'
    text = start + text[text.index(">", text.index("<svg")) + 1 :]
    text = re.sub(r"<[^>]*>", lambda tag: _at_home(f"p{i}-", tag.group()), text)
    return re.sub(r"\s*\n\s*", "\n", text).strip()


def _at_home(prefix: str, tag: str) -> str:
    """A tag with names of its own, and the page's colours and letters."""
    if tag.startswith("<svg"):
        return tag
    tag = tag.replace("xlink:href", "href").replace("font-family: 'DejaVu Sans'; ", "")
    tag = re.sub(r'( id="|href="#|url\(#)', rf"\1{prefix}", tag)
    return re.sub(r"(?<=: )#[0-9a-f]{6}\b", lambda colour: _colour(colour.group()), tag)


def _colour(light: str) -> str:
    names = [name for name, (known, _) in COLOURS.items() if known == light]
    return f"var(--{names[0]})" if names else light


def _style() -> str:
    light, dark = (
        " ".join(f"--{name}: {pair[i]};" for name, pair in COLOURS.items()) for i in (0, 1)
    )
    return STYLE.replace("LIGHT", light).replace("DARK", dark)


def _versions() -> list[str]:
    found = []
    for name in ("adaptive-tx", "jax", "optax"):
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:  # run from its folder
            found.append(name)
    return found


def _row(name: str, series: np.ndarray) -> str:
    from adaptive_tx.plots import style

    seen = series[np.isfinite(series)]
    numbers = [series[-1], *((seen.min(), seen.max(), seen.mean()) if len(seen) else [np.nan] * 3)]
    cells = "".join(f"<td>{style.power(number, 4)}</td>" for number in numbers)
    n = len(series) - len(seen)
    bad = f'<td class="bad">{n}</td>' if n else "<td>0</td>"
    return f"<tr><td>{html.escape(name)}</td>{cells}{bad}</tr>"
