"""How the members of a portion make their steps: all together, or one after the other in the same program.

Together (`vmap`), small operations of many members become few large ones, a batch is fetched once, and the
first layer is one matrix product.
"""

import os

from jax.extend.core import ClosedJaxpr


def is_mapped(program: ClosedJaxpr) -> bool:
    return os.environ.get("WAY", "mapped") == "mapped"
