"""Compare freshly generated golden files with the stored ones.

    python tests/golden/compare.py DIR

Prints the largest difference of each file, relative to max(1, |p|), and fails above 1e-12 in float64
or 5e-6 in float32: another version of torch or Keras, or another processor, would show here.
"""

import json
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


def numbers(content) -> list:
    """The leaves of a JSON document, in order."""
    if isinstance(content, dict):
        content = [*content, *content.values()]
    return sum(map(numbers, content), []) if isinstance(content, list) else [content]


# The JSON files, and how much their numbers may differ, relatively; in the last they are differences.
DOCUMENTS = {
    "torch_lr_scheduler": 1e-12,
    "keras_schedules": 1e-12,
    "torch_named": 1e-12,
    "keras_excluded": 1e-12,
    "torch_complex": 1e-12,
    "as_shipped": 0.5,
}


def same_document(name: str, folder: Path, rtol: float) -> bool:
    """Whether a JSON file has the same words, and nearly the same numbers."""
    fresh, stored = (
        numbers(json.loads((root / f"{name}.json").read_text())) for root in (folder, FOLDER)
    )
    return len(fresh) == len(stored) and all(_same(*pair, rtol) for pair in zip(fresh, stored))


def _same(a, b, rtol: float) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return bool(np.isclose(a, b, rtol=rtol, atol=1e-15, equal_nan=True))
    return type(a) is type(b) and a == b


def main() -> None:
    folder, failed = Path(sys.argv[1]), []
    for name, rtol in DOCUMENTS.items():
        same = same_document(name, folder, rtol)
        print(f"{name:24}", "same" if same else "DIFFERS")
        failed += [] if same else [name]
    for path in sorted(FOLDER.glob("*.npz")):
        worst = compare(path.name, folder)
        bad = any(worst[precision] > bound for precision, bound in BOUNDS.items())
        print(f"{path.name:24}", *(f"{k} {v:.0e}" for k, v in worst.items()), "DIFFERS" * bad)
        failed += [path.name] * bad
    if failed:
        raise SystemExit(f"different: {', '.join(failed)}")


if __name__ == "__main__":
    main()
