"""How the members of a portion make their steps: all together, or one after the other in the same program.

Together (`vmap`), small operations of many members become few large ones, a batch is fetched once, and the
first layer is one matrix product. But what all members compute on the way must pass through memory, where
that of one stays in the caches of a CPU: one after the other 16 small transformers take 0.63 of the time.
What their steps write decides, and no clock: equal calls give equal numbers, on any day.
`benchmarks/ways.py` measures both ways, benchmarks/ways.md has what it found.
"""

import math
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr

LARGE = 40e6  # bytes that the operations of a step of all members write, before any is fused


def is_mapped(written: float, members: int) -> bool:
    """Whether so many members make each step together: but on one CPU, if they write little."""
    alone = jax.default_backend() == "cpu" and jax.device_count() == 1
    return not alone or written * members < LARGE


def written(jaxpr: Jaxpr) -> float:
    """The bytes of the results of all operations, at any depth; a loop's body counts once."""
    total = 0.0
    for equation in jaxpr.eqns:
        values = [x for param in equation.params.values() for x in _listed(param)]
        inner = [x.jaxpr if isinstance(x, ClosedJaxpr) else x for x in values]
        if programs := [x for x in inner if isinstance(x, Jaxpr)]:
            total += sum(map(written, programs))
        else:
            total += sum(_bytes(v.aval) for v in equation.outvars)
    return total


def _listed(x: Any) -> list:
    return list(x) if isinstance(x, (tuple, list)) else [x]


def _bytes(aval: Any) -> float:
    """Of an array; what is none, or has keys, counts nothing."""
    size = getattr(getattr(aval, "dtype", None), "itemsize", 0)
    return float(math.prod(getattr(aval, "shape", ())) * size)
