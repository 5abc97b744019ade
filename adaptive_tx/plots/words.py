"""Numbers and names as they are written in pictures."""

import numpy as np

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power(value: float, digits: int = 6) -> str:
    """A number as at a tick: 0.01, 500, 10⁻⁵, 2·10⁶."""
    if not 0 < abs(value) < np.inf or 1e-3 <= abs(value) < 1e4:
        return f"{value:.{digits}g}".replace("-", "−")
    factor, exponent = f"{value:.{digits - 1}e}".split("e")
    ten = "10" + str(int(exponent)).translate(SUPERSCRIPTS)
    return ten if float(factor) == 1 else f"{float(factor):g}·{ten}".replace("-", "−")


def counted(number: int, thing: str) -> str:
    """1 step, 2,000 steps."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def fitted(text: str, letters: int) -> str:
    """The text, or as much of its end as there is room for: the end of a path says more."""
    return text if len(text) <= letters else "…" + text[1 - letters :]
