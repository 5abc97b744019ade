"""Steps in proportion to the parameters: the second half of Adafactor.

    u = max(rms(p), min_scale) g          unit of p, if what comes in has none; rms over one leaf

Shazeer and Stern, Adafactor, 2018, arXiv:1804.04235, section 8; there min_scale is epsilon_2.
"""

import jax.numpy as jnp

from adaptive_tx.core.leafwise import leafwise
from adaptive_tx.core.mistakes import explained
from adaptive_tx.core.norms import rms
from adaptive_tx.core.ranges import non_negative
from adaptive_tx.core.transformation import Transformation
from adaptive_tx.core.typing import ScalarOrSchedule


def step(g, t, *, p, min_scale):
    return jnp.maximum(rms(p), min_scale) * g


@explained
def scale_by_param_rms(
    min_scale: ScalarOrSchedule = 1e-3,
) -> Transformation:
    """Multiplies each leaf by the root mean square of its parameters. Needs the parameters.

    Args:
      min_scale: least factor, so that zero weights can move; >= 0, in the unit of p.
    """
    return leafwise("scale_by_param_rms", step, min_scale=non_negative(min_scale))
