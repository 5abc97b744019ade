"""Ranks as far as the seeds allow them: what they cannot tell from the best of a group shares its rank."""

import numpy as np

from adaptive_tx.tune.report.ties import tied


def ranks(losses: np.ndarray) -> list[int]:
    """The rank of each of several: 1, 1, 3 where the first two cannot be told apart.

    A group ends before the first that can be told from its best, whatever comes after.

    Args:
      losses: float[one, seed], by their means, best first; of a diverged run not finite.
    """
    found: list[int] = []
    while (first := len(found)) < len(losses):
        alike = tied(losses[first:])
        members = len(alike) if alike.all() or not alike.any() else max(1, int(np.argmin(alike)))
        found += [first + 1] * members
    return found
