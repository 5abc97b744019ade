"""The minus sign that turns descent into ascent.

u = -g
"""

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.transformation import Transformation


def step(g, t):
    return -g


def maximize() -> Transformation:
    """Turns every gradient around, as torch's `maximize=True` does before anything else."""
    return leafwise("maximize", step)
