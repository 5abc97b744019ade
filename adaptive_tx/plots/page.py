"""The dashboard as one page: pictures and numbers in a single file that needs nothing else.

Each panel is a picture inside the page, twice: where the reader's screen is dark, the dark one shows.
"""

import html
import importlib.metadata
from collections.abc import Mapping

import numpy as np

from adaptive_tx.plots import curves, hover, style
from adaptive_tx.plots.panels import Panel, panels
from adaptive_tx.plots.picture import Picture
from adaptive_tx.plots.style import DARK, LIGHT, Palette
from adaptive_tx.plots.words import of_run, power

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
<p>{run} &middot; {versions}</p>
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
<p>Least, largest and mean are of the finite values. A panel tells its numbers where one points at it.</p>
</section>
</body>
</html>
"""
STYLE = """:root { color-scheme: light dark; LIGHT }
@media IS_DARK { :root { DARK } }
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
HOVER
img { display: block; width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0 0.25rem 1.6rem; text-align: right; white-space: nowrap; }
th { color: var(--soft); font-weight: normal; border-bottom: 1px solid var(--edge); }
td { border-bottom: 1px solid var(--grid); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
@media print { body { max-width: none; padding: 0; } .panels { grid-template-columns: 1fr 1fr; } }
"""
IS_DARK = "screen and (prefers-color-scheme: dark)"


def page(values: Mapping[str, np.ndarray], title: str) -> str:
    """The text of the page for a checked history."""
    return PAGE.format(
        title=html.escape(title),
        style=_style(),
        run=html.escape("; ".join(of_run(values))),
        versions=html.escape(", ".join(_versions())),
        panels="\n".join(map(_figure, panels(values))),
        rows="\n".join(_row(name, series) for name, series in values.items()),
    )


def _figure(panel: Panel) -> str:
    """A panel with its title; its curves are named for those who hear the page, or search it."""
    remark, bad = panel.remark()
    kind = ' class="bad"' if bad else ""
    alt = html.escape(f"{panel.title}: {', '.join(curve.label for curve in panel.every())}")
    return (
        f"<figure><figcaption><b>{html.escape(panel.title)}</b>"
        f"<span{kind}>{html.escape(remark)}</span></figcaption>\n"
        f'<div class="shown"><picture><source media="{IS_DARK}" srcset="{_drawn(panel, DARK)}">\n'
        f'<img src="{_drawn(panel, LIGHT)}" alt="{alt}"></picture>\n{hover.steps(panel)}</div></figure>'
    )


def _drawn(panel: Panel, palette: Palette) -> str:
    with style.look(palette):
        figure = Picture(curves.WIDE, curves.height(panel), palette)
        curves.draw(figure, 0, 0, panel)
    return figure.embedded()


def _style() -> str:
    light, dark = (
        " ".join(f"--{name}: {colour};" for name, colour in zip(Palette._fields[:-1], palette))
        for palette in (LIGHT, DARK)
    )
    return (
        STYLE.replace("HOVER\n", hover.STYLE)
        .replace("LIGHT", light)
        .replace("IS_DARK", IS_DARK)
        .replace("DARK", dark)
    )


def _versions() -> list[str]:
    versions = []
    for name in ("adaptive-tx", "jax", "optax"):
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:  # run from its folder
            versions.append(name)
    return versions


def _row(name: str, series: np.ndarray) -> str:
    seen = series[np.isfinite(series)]
    numbers = [series[-1], *((seen.min(), seen.max(), seen.mean()) if len(seen) else [np.nan] * 3)]
    cells = "".join(f"<td>{power(number, 4)}</td>" for number in numbers)
    n = len(series) - len(seen)
    bad = f'<td class="bad">{n}</td>' if n else "<td>0</td>"
    return f"<tr><td>{html.escape(name)}</td>{cells}{bad}</tr>"
