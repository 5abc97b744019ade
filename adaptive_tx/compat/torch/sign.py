"""The minus sign: before a rule it turns descent into ascent, after one it makes a step an update.

u = -g
"""

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.transformation import Transformation


def step(g, t):
    return -g


def maximize() -> Transformation:
    """Turns every gradient around, as torch's `maximize=True` does before anything else."""
    return leafwise("maximize", step)


def negate() -> Transformation:
    """Turns a direction into an update, for rules whose direction has the size of the step."""
    return leafwise("negate", step)
