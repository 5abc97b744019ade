"""What torch does otherwise in every rule: complex numbers, and betas that change.

    of a complex number     the real and the imaginary part are two entries, each with moments of its own
    of a beta that changes  1 - b_t^t of its last value, as if it had always been so

Of the same rule without this the modulus is squared, and the weights that were given are summed
(`debiasing`). Real numbers and constant betas are not touched. torch looks at complex parameters by
torch.view_as_real; its moments are complex too.
"""

import dataclasses
from typing import Any

from adaptive_tx.core.keeping import Partial
from adaptive_tx.core.on_parts import OnParts
from adaptive_tx.core.transformation import Transformation


def as_torch(tx: Transformation) -> Transformation:
    """The same rule, as torch computes it for complex parameters and for betas that are schedules.

    Args:
      tx: a transformation of `adaptive_tx.scale_by_*`, not a chain.
    """
    init: Any = tx.init
    update: Any = tx.update
    rule, _ = update.args
    rule = dataclasses.replace(rule, step=OnParts(rule.step), by_power=True)

    def turned(side: Partial) -> Partial:
        made = dataclasses.replace(side.args[-1], within="as_torch", scheduled=())
        return Partial(side.func, rule, made)

    return Transformation(turned(init), turned(update))
