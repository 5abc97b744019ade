"""Numbers and names as they are written in pictures."""

from collections.abc import Mapping

import numpy as np

from adaptive_tx.plots.history import window

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power(value: float, digits: int = 6) -> str:
    """A number as at a tick: 0.01, 500, 10⁻⁵, 2·10⁶."""
    if not 0 < abs(value) < np.inf or 1e-3 <= abs(value) < 1e4:
        return f"{value:.{digits}g}".replace("-", "−")
    factor, exponent = f"{value:.{digits - 1}e}".split("e")
    ten = "10" + str(int(exponent)).translate(SUPERSCRIPTS)
    return ten if float(factor) == 1 else f"{float(factor):g}·{ten}".replace("-", "−")


def of_run(values: Mapping[str, np.ndarray]) -> list[str]:
    """What is said of a run above its panels: its length, how its lines are smoothed, what is zero."""
    steps = len(next(iter(values.values())))
    words = [counted(steps, "step")]
    if (n := window(steps)) > 1:
        words.append(f"lines are means over {2 * (n // 2) + 1} steps, behind them each step")
    if zero := [name for name, series in values.items() if not series.any()]:
        words.append("zero throughout: " + ", ".join(zero))
    return words


def counted(number: int, thing: str) -> str:
    """1 step, 2,000 steps."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def fitted(text: str, letters: int) -> str:
    """The text, or as much of its end as there is room for: the end of a path says more."""
    return text if len(text) <= letters else "…" + text[1 - letters :]
