"""The types of public signatures, each under one name, which `help` shows as it is."""

import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

if sys.version_info >= (3, 12):
    from typing import TypeAliasType
else:
    from typing_extensions import TypeAliasType  # which chex needs, too

# One number: a Python or NumPy one, or an array of no dimensions, which may be traced.
Scalar = TypeAliasType("Scalar", float | jax.Array | np.ndarray[Any, Any] | np.number[Any])

# A function of the number of finished updates, an int32: one of `schedules`, of optax, or a user's own.
ScheduleFunction = TypeAliasType("ScheduleFunction", Callable[[jax.Array], ArrayLike])

# What every hyperparameter may be.
ScalarOrSchedule = TypeAliasType("ScalarOrSchedule", Scalar | ScheduleFunction)

# A tree of arrays, or of what else is said: JAX has no narrower type.
PyTree = TypeAliasType("PyTree", Any)

# Which leaves: a tree of bools, which may stop above the leaves, or a function from the parameters to one.
MaskOrFunction = TypeAliasType("MaskOrFunction", PyTree | Callable[[PyTree], PyTree])

# Which leaves: a predicate on the path of a leaf, "encoder/dense/kernel", and its array; or a regular
# expression that is found in the path.
LeafPredicate = TypeAliasType("LeafPredicate", Callable[[str, jax.Array], bool] | str)

# The name of a mesh axis, or of several.
AxisName = TypeAliasType("AxisName", str | tuple[str, ...])
