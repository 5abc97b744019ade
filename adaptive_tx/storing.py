"""Optimizer state in few bits: the same optimizer, whose rules keep each number in 32, 16 or 8 of them.

    tx = stored(adamw(1e-3), 8)          two bytes a parameter, where float32 takes eight

It is no wrapper: the value that it makes has another structure, and the same numbers. How numbers are
rounded is in `core/formats.py`, which slots may be kept in how few bits in `core/storage.py`.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core import storage
from adaptive_tx.core.arguments import arguments_of
from adaptive_tx.core.keeping import Partial
from adaptive_tx.core.leafwise import is_side_of_rule, with_storage
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.naming import parts_of
from adaptive_tx.core.ranges import Number
from adaptive_tx.core.seeds import seed_of
from adaptive_tx.core.transformation import Transformation, transformation_of
from adaptive_tx.core.typing import ScalarOrSchedule
from adaptive_tx.core.values import written

WHO = "stored"


@explained
def stored(
    tx: optax.GradientTransformation, bits: int, *, seed: ScalarOrSchedule = 0
) -> Transformation:
    """The same optimizer, whose rules keep each number of their state in fewer bits.

    Args:
      tx: a transformation. In chains, groups and wrappers all rules are stored so.
      bits: of each number in the state, 16 or 8; 32 undoes it.
      seed: of the rounding, in [0, 16777216], default 0. It is a hyperparameter of each rule that is
        stored; members of a sweep with equal seeds share their random bits.

    Steps are in float32 as before; what a rule keeps is rounded at random to one of two neighbours, right
    in the mean (squares so that their roots are). 16 bits are bfloat16, for all but centered RMS, FTRL and
    Rprop. 8 are for a mean of gradients with a mean of their squares (Adam, AdamW, NAdam, RAdam, Yogi,
    LAMB), for a mean of squares alone (RMSProp, AdaDelta) and for a sum of squares (AdaGrad). There
    gradients beyond 65,536 (2,097,152 of a sum) count as that, and those below 1e-14 (1e-10) mostly as 0.
    What is kept has the shape and the sharding of its parameter. What wrappers keep (`accumulated`,
    `averaged`) and slots of another shape (Adafactor's) stay in float32. docs/few_bits.md tells the cost.

    A state in 8 bits has no derivatives: after several steps only those in the learning rate are of use. In
    16 bits they are those of the mean.

    Raises:
      ValueError: for fewer bits than a rule can keep a slot in, which it names; for a part of optax that
        keeps something of each parameter.
      TypeError: from `init`, for complex parameters.

    >>> import adaptive_tx as atx, jax.numpy as jnp
    >>> tx = stored(atx.adam(1e-3), 8)
    >>> tx
    chain(stored(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08), 8, seed=0.0), scale_by_learning_rate(...))
    >>> print(tx.init(jnp.ones(3))[0].mu.dtype)
    uint8
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or bits not in storage.WIDTHS:
        raise ValueError(f"{WHO}: bits must be the Python int 32, 16 or 8, got {bits!r}.")
    tx = transformation_of(WHO, "tx", tx)
    number = seed_of(WHO, seed)
    if bits < 32:
        _check_others(tx.init, tx.update, "tx")
    return Transformation(*(_with(side, bits, number) for side in tx))


def _with(side: Any, bits: int, seed: Number) -> Any:
    """One side, `init` or `update`, of a transformation whose rules are stored so."""
    if (arguments := arguments_of(side)) is None:
        return side
    arguments = arguments.with_parts(lambda _, part: _with(part, bits, seed))
    side = Partial(side.func, *side.args[:-1], arguments)
    return with_storage(side, bits, seed) if is_side_of_rule(side) else side


def _check_others(init: Any, update: Any, where: str) -> None:
    """A part that is not ours may keep nothing like a parameter.

    Raises:
      ValueError: if it does, or does not let itself be asked.
    """
    if (arguments := arguments_of(update)) is None:
        if not _keeps_nothing(init):
            raise ValueError(
                f"{WHO}: {where} is {written(init, update)}, and what it keeps of each parameter is not "
                "ours to store; put ours in its place, or store the other parts alone."
            )
        return
    for (name, first), (_, later) in zip(parts_of(arguments_of(init)), parts_of(arguments)):
        _check_others(first, later, f"part {name}" if name else where)


def _keeps_nothing(init: Any) -> bool:
    like = jax.ShapeDtypeStruct((3, 5), jnp.float32)
    try:
        state = jax.eval_shape(init, {"w": like})
    except Exception:  # somebody's init may want other parameters, and say so in its own way
        return False
    return all(leaf.shape != like.shape for leaf in jax.tree.leaves(state))
