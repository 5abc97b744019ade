"""Surfaces of two variables on which to watch an optimizer walk.

Each is plain arithmetic, so it takes NumPy and JAX numbers alike. All have the value 0 at their minima.
"""

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Surface:
    """A function of (x, y), and how to look at it.

    Args:
      function: `(x, y) -> value`, in arithmetic that NumPy and JAX arrays both know.
      formula: the same, to be read in a title.
      minima: where the gradient is zero and the value lowest.
      start: where a walk begins by default.
      window: (left, right, bottom, top) of the picture.
      lowest: the value at the minima.
    """

    function: Callable[[Any, Any], Any]
    formula: str
    minima: tuple[tuple[float, float], ...]
    start: tuple[float, float]
    window: tuple[float, float, float, float]
    lowest: float = 0.0

    def __call__(self, x, y):
        return self.function(x, y)


def rosenbrock(x, y):
    """f = (1 - x)^2 + 100 (y - x^2)^2: a bent valley, easy to find and slow to follow.

    Source: Rosenbrock, An automatic method for finding the greatest or least value of a function, 1960.
    """
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def beale(x, y):
    """f = (1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2: a plateau between cliffs.

    Source: Beale, On an iterative method for finding a local minimum of a function, 1958.
    """
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def ravine(x, y):
    """f = (x^2 + 100 y^2) / 2: condition number 100, its axes those of the coordinates.

    Rules that scale each coordinate by itself see a round bowl here; see `tilted_ravine`.
    """
    return (x**2 + 100 * y**2) / 2


def tilted_ravine(x, y):
    """f = ((x + y)^2 + 100 (x - y)^2) / 4: `ravine`, turned by 45 degrees.

    The same to gradient descent, but no scaling of the coordinates makes it round.
    """
    return ((x + y) ** 2 + 100 * (x - y) ** 2) / 4


def himmelblau(x, y):
    """f = (x^2 + y - 11)^2 + (x + y^2 - 7)^2: four minima, all of them 0.

    Source: Himmelblau, Applied Nonlinear Programming, 1972.
    """
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


HIMMELBLAU_MINIMA = (  # roots of its gradient, by Newton's method in double precision
    (3.0, 2.0),
    (-2.805118086952745, 3.131312518250573),
    (-3.779310253377747, -3.283185991286170),
    (3.584428340330492, -1.848126526964404),
)
SURFACES = {
    "rosenbrock": Surface(
        rosenbrock,
        formula="(1 − x)² + 100 (y − x²)²",
        minima=((1.0, 1.0),),
        start=(-1.2, 1.0),
        window=(-2.0, 2.0, -1.0, 3.0),
    ),
    "beale": Surface(
        beale,
        formula="(1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²",
        minima=((3.0, 0.5),),
        start=(1.0, 1.6),
        window=(-0.5, 4.5, -1.5, 2.0),
    ),
    "ravine": Surface(
        ravine,
        formula="½ (x² + 100 y²)",
        minima=((0.0, 0.0),),
        start=(-4.0, 1.0),
        window=(-5.0, 2.0, -1.5, 1.5),
    ),
    "tilted_ravine": Surface(
        tilted_ravine,
        formula="¼ ((x + y)² + 100 (x − y)²)",
        minima=((0.0, 0.0),),
        start=(-3.5, -2.1),
        window=(-4.5, 1.5, -4.5, 1.5),
    ),
    "himmelblau": Surface(
        himmelblau,
        formula="(x² + y − 11)² + (x + y² − 7)²",
        minima=HIMMELBLAU_MINIMA,
        start=(0.0, 0.0),
        window=(-5.0, 5.0, -5.0, 5.0),
    ),
}
