"""Compare freshly generated golden files with the stored ones.

    python tests/golden/compare.py DIR

Prints the largest difference of each file, relative to max(1, |p|), and fails above 1e-12 in float64
or 5e-6 in float32: another version of torch or Keras, or another processor, would show here.
"""

import sys
from pathlib import Path

import numpy as np
import store

FOLDER = Path(__file__).parent
BOUNDS = {"f64": 1e-12, "f32": 5e-6}


def difference(fresh, stored) -> float:
    """The largest, relative to max(1, |p|)."""
    return float(np.max(np.abs(fresh - stored) / np.maximum(1, np.abs(stored)), initial=0))


def compare(name: str, folder: Path) -> dict[str, float]:
    """The largest difference of one file in each precision."""
    fresh, stored = store.load(folder / name), store.load(FOLDER / name)
    if fresh.keys() != stored.keys():
        raise SystemExit(f"{name}: other settings: {sorted(fresh.keys() ^ stored.keys())}")
    worst = dict.fromkeys(BOUNDS, 0.0)
    for setting, kept in stored.items():
        for (problem, precision), values in kept.trajectory.items():
            ours = fresh[setting].trajectory[problem, precision]
            worst[precision] = max(worst[precision], difference(ours, values))
    return worst


def main() -> None:
    folder, failed = Path(sys.argv[1]), []
    for path in sorted(FOLDER.glob("*.npz")):
        worst = compare(path.name, folder)
        bad = any(worst[precision] > bound for precision, bound in BOUNDS.items())
        print(f"{path.name:24}", *(f"{k} {v:.0e}" for k, v in worst.items()), "DIFFERS" * bad)
        failed += [path.name] * bad
    if failed:
        raise SystemExit(f"different: {', '.join(failed)}")


if __name__ == "__main__":
    main()
