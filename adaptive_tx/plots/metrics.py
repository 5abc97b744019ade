"""The metrics of a run over its steps, in small panels: what belongs together stands together."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adaptive_tx.plots.files import FORMATS, saved, writable
from adaptive_tx.plots.history import checked
from adaptive_tx.plots.panels import panels
from adaptive_tx.plots.words import of_run

if TYPE_CHECKING:
    from adaptive_tx.plots.picture import Picture

TITLE = "Metrics of a run"


def dashboard(
    history: Mapping[str, Any], path: str | os.PathLike | None = None, title: str | None = None
) -> "Picture":
    """Draws the metrics of a run, step by step.

    Related metrics of `adaptive_tx.metrics` share a panel: the norms; the effective step and its
    bound; the signal-to-noise ratio and its quantiles; RAdam's rectification and rho; the groups of
    one name (`grad_norm/encoder`). Any other name, as `loss`, has its own. Positive values that span
    more than a factor of 50 are shown logarithmically. A value that is not finite is a gap in its
    line and a red tick below it. Runs over 2000 steps are thinned to the extremes of 500 stretches. From
    100 steps on a line is the mean over a fortieth of the run, with the single steps behind it; what is
    zero throughout is named, and has no panel.

    >>> from adaptive_tx import plots
    >>> figure = plots.dashboard({"loss": [2.3, 1.1, 0.7], "grad_norm": [1.0, 3.0, 2.0]})

    Args:
      history: name -> one number per step, as lists or arrays of equal length: what `lax.scan` stacks
        of the metrics of each step. The first is step 1.
      path: a .png, .svg or .pdf file to write the figure to.
      title: what stands above; without it, "Metrics of a run".

    Returns:
      A matplotlib Figure. It belongs to no backend, and shows in notebooks.

    Raises:
      ImportError: without matplotlib: pip install adaptive-tx[plots].
      TypeError: for a history that is no mapping.
      ValueError: for an empty history, or a metric that is not one real number for each step.
    """
    from adaptive_tx.plots.board import board  # needs matplotlib

    writable("dashboard", path, FORMATS)
    values = checked("dashboard", history)
    return saved(board(panels(values), title or TITLE, of_run(values)), path)


def dashboard_html(
    history: Mapping[str, Any], path: str | os.PathLike, title: str | None = None
) -> None:
    """Writes the dashboard of a run, and a table of its numbers, as one HTML file.

    Pointing at a panel shows the step and the numbers there.
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
    from adaptive_tx.plots.page import page  # needs matplotlib

    writable("dashboard_html", path, ("html", "htm"))
    values = checked("dashboard_html", history)
    Path(path).write_text(page(values, title or TITLE), encoding="utf-8")
