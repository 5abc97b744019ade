"""How the members of a portion make their steps: all together, or one after the other in the same program.

Together (`vmap`), small operations of many members become few large ones, a batch is fetched once, and the
first layer is one matrix product. But what all members compute on the way must pass through memory, where
that of one stays in the caches of a CPU: one after the other 16 small transformers take 0.63 of the time.
What a step writes decides, and no clock: equal calls give equal numbers, on any day.
`benchmarks/ways.py` measures both ways, benchmarks/ways.md has what it found.
"""

import math
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr

LARGE = 8e6  # bytes that the operations of one step of one member write, before any is fused


def is_mapped(program: ClosedJaxpr) -> bool:
    """Whether members make each step of this program together: but on one CPU, if a step is small."""
    alone = jax.default_backend() == "cpu" and jax.device_count() == 1
    return not alone or _written(program.jaxpr) < LARGE


def _written(jaxpr: Jaxpr) -> float:
    """The bytes of the results of all operations, at any depth; a loop's body counts once."""
    total = 0.0
    for equation in jaxpr.eqns:
        values = [x for param in equation.params.values() for x in _listed(param)]
        inner = [x.jaxpr if isinstance(x, ClosedJaxpr) else x for x in values]
        if programs := [x for x in inner if isinstance(x, Jaxpr)]:
            total += sum(map(_written, programs))
        else:
            total += sum(_bytes(v.aval) for v in equation.outvars)
    return total


def _listed(x: Any) -> list:
    return list(x) if isinstance(x, (tuple, list)) else [x]


def _bytes(aval: Any) -> float:
    """Of an array; what is none, or has keys, counts nothing."""
    size = getattr(getattr(aval, "dtype", None), "itemsize", 0)
    return float(math.prod(getattr(aval, "shape", ())) * size)
