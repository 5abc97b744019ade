"""What docs/equality.md says of each recorded setting: the numbers of its last table, by row."""

import functools
import pathlib
import re

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "equality.md"
ROW = re.compile(r"^\| (torch|Keras) (\w+) \| (\w+) \| (\S+) \| (\S+) \| (\S+) \|$", re.MULTILINE)
SMALL = {"f64": 2e-15, "f32": 5e-7}  # another machine rounds otherwise


@functools.cache
def claims() -> dict[tuple[str, str, str], dict[str, float]]:
    """{(framework, file, setting): {"f64": ..., "f32": ..., "shipped": ...}}; absent: not said."""
    return {
        tuple(key): {
            name: float(x) for name, x in zip(("f64", "f32", "shipped"), numbers) if x != "–"
        }
        for *key, a, b, c in ROW.findall(PAGE.read_text())
        for numbers in [(a, b, c)]
    }


def holds(framework: str, name: str, setting: str, precision: str, found: float) -> bool:
    """Whether what was found is what the page says: at most ten times as much, or very small."""
    said = claims()[framework, name, setting][precision]
    return found <= max(10 * said, SMALL[precision])
