"""What a panel of the page says where one points: the step there, and its numbers. It needs no script.

Over the picture lie as many empty strips as the eye can tell apart; the one that is pointed at shows its
words, which the browser draws.
"""

import html

import numpy as np

from adaptive_tx.plots import curves
from adaptive_tx.plots.history import smoothed
from adaptive_tx.plots.panels import Curve, Panel
from adaptive_tx.plots.words import power

STRIPS = 100  # at most
RIGHT = ' class="right"'  # whose words stand on the left
STYLE = """.shown { position: relative; }
.steps { position: absolute; display: flex; }
.steps i { flex: 1; }
.steps i:hover { box-shadow: inset 1px 0 var(--soft); }
.steps i:hover::after { content: attr(data-at); position: absolute; right: 0; top: 0; white-space: pre;
  padding: 0.15rem 0.4rem; font: 0.75rem/1.35 system-ui, sans-serif; pointer-events: none;
  color: var(--ink); background: var(--page); border: 1px solid var(--edge); }
.steps i.right:hover::after { left: 0; right: auto; }
@media print { .steps { display: none; } }
"""


def steps(panel: Panel) -> str:
    """The strips of a panel, over its axes."""
    left, bottom, wide, high = curves.place(panel)
    tall = curves.height(panel)
    box = {"left": left / curves.WIDE, "width": wide / curves.WIDE}
    box |= {"top": 1 - (bottom + high) / tall, "height": high / tall}
    style = ";".join(f"{name}:{100 * share:.2f}%" for name, share in box.items())
    n = len(panel.curves[0].values)
    centres = (np.arange(count := min(n, STRIPS)) + 0.5) / count
    at = np.round(centres * (n - 1)).astype(int)
    shown = [(curve.label, smoothed(curve.values)) for curve in _named(panel)]
    strips = (
        f'<i{RIGHT if i >= count / 2 else ""} data-at="{_words(step, shown)}"></i>'
        for i, step in enumerate(at)
    )
    return f'<div class="steps" style="{style}">{"".join(strips)}</div>'


def _words(step: int, shown: list[tuple[str, np.ndarray]]) -> str:
    lines = [f"step {step + 1}", *(f"{name} {power(values[step], 4)}" for name, values in shown)]
    return "&#10;".join(map(html.escape, lines))


def _named(panel: Panel) -> list[Curve]:
    """The curves that the key names, and what is on the right."""
    some = [panel.curves[i] for i in curves.named(panel)]
    return some + ([panel.right] if panel.right else [])
