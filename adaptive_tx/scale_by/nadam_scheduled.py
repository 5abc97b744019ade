"""NAdam with momentum that warms up: the form that torch and Keras call NAdam.

    m_t = b1 (1 - 0.96^(t momentum_decay) / 2)            momentum of step t, from about b1/2 to b1
    P_t = m_1 m_2 ... m_t                                 one number for the whole tree
    mu <- b1 mu + (1 - b1) g,   nu <- b2 nu + (1 - b2) |g|^2
    u   = (m_{t+1} mu / (1 - P_{t+1}) + (1 - m_t) g / (1 - P_t)) / (sqrt(nu / (1 - b2^t)) + eps)

torch takes momentum_decay = 0.004; in Keras it is 1.

Dozat, Incorporating Nesterov Momentum into Adam, 2016; the schedule is from Sutskever et al., 2013.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.core.arguments import Arguments, in_dtype
from adaptive_tx.core.checks import decay_rate, non_negative, positive
from adaptive_tx.core.debiasing import rule_state_of, started, weights_after, with_weights
from adaptive_tx.core.leafwise import Rule, new_slots
from adaptive_tx.core.numerics import ema, root, squared
from adaptive_tx.core.states import exportable, incremented
from adaptive_tx.core.stepping import on_leaves
from adaptive_tx.core.transformation import Transformation, bind


@exportable
class ScaleByNadamScheduledState(NamedTuple):
    count: jax.Array  # int32[]
    b1_product: jax.Array  # float[], P_t
    mu: optax.Updates  # like params
    nu: optax.Updates  # like params, real


def step(g, mu, nu, t, *, b1, b2, eps, c2, now, ahead, product):
    mu, nu = ema(g, mu, b1), ema(squared(g), nu, b2)
    direction = ahead * mu / (1 - product * ahead) + (1 - now) * g / (1 - product)
    return direction / (root(nu / c2) + eps), mu, nu


RULE = Rule(
    step, ScaleByNadamScheduledState, debiased=("b2",), squares=("nu",), decays=("b1", "b2")
)


def _init(rule: Rule, arguments: Arguments, params):
    mu, nu = new_slots(arguments.who, rule.step, ("mu", "nu"), params, decays=rule.decays)
    state = ScaleByNadamScheduledState(jnp.zeros((), jnp.int32), jnp.ones(()), mu, nu)
    return started(arguments, state)


def _update(rule: Rule, arguments: Arguments, grads, state, params=None, **extra):
    weights = weights_after(arguments, rule, state)
    state = rule_state_of(state)
    count = incremented(state.count)
    numbers = arguments.for_step(state.count)
    b1, decay = in_dtype((numbers["b1"], numbers.pop("momentum_decay")), state.b1_product.dtype)
    b1, t = 1 - b1.weight, count.astype(decay.dtype)
    now, ahead = (b1 * (1 - 0.96 ** (s * decay) / 2) for s in (t, t + 1))
    product = state.b1_product * now
    direction, (mu, nu) = on_leaves(
        arguments.who, rule.step, grads, (state.mu, state.nu), params, t=count, weights=weights,
        numbers={**numbers, "now": now, "ahead": ahead, "product": product}, **rule.engine,
    )  # fmt: skip
    return direction, with_weights(ScaleByNadamScheduledState(count, product, mu, nu), weights)


def scale_by_nadam_scheduled(b1=0.9, b2=0.999, eps=1e-8, momentum_decay=0.004) -> Transformation:
    """Adam with Nesterov momentum that grows from about b1/2 to b1.

    Args:
      b1: decay of the mean, and the momentum's final value, in [0, 1).
      b2: decay of the mean square, in [0, 1).
      eps: keeps the quotient finite, > 0, in the unit of the gradients.
      momentum_decay: how fast the momentum grows, >= 0, per step.
    """
    return bind(
        "scale_by_nadam_scheduled", _init, _update, RULE, shaping=RULE.debiased,
        b1=decay_rate(b1), b2=decay_rate(b2), eps=positive(eps),
        momentum_decay=non_negative(momentum_decay),
    )  # fmt: skip
