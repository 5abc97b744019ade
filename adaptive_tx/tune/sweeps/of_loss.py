"""The problem of a loss: its gradients go through the optimizer."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from adaptive_tx.tune.sweeps.problem import (
    Scalars,
    as_metrics,
    is_scalar,
    positional,
    takes_axes,
)
from adaptive_tx.tune.sweeps.sweep import Setting
from adaptive_tx.wrappers.eval_params import eval_params

FORMS = "(params, batch), (params, batch, key) or, with a state, (params, state, batch, key)"


class Carry(NamedTuple):
    """What a step changes in a run of a loss."""

    params: Any
    opt_state: Any
    state: Any  # of the model: what its loss returns; () if it has none

    @property
    def weights(self) -> Any:
        """Those to evaluate: an average, where the optimizer keeps one."""
        return eval_params(self.opt_state, self.params)


@dataclasses.dataclass(frozen=True)
class OfLoss:
    """The functions of a training, and which of its arguments the loss takes."""

    loss: Callable
    has_state: bool
    has_key: bool
    draw: Callable | None
    evaluate: Callable | None
    on_state: bool  # whether evaluate takes the state too
    content: str = ""

    @property
    def begin(self) -> Callable:
        """One of two functions for all losses, so that several trainings share its program."""
        return begin_with_state if self.has_state else begin

    def losses(self, params, state, batch, key, given) -> tuple[jax.Array, Any, Scalars]:
        """The loss, the state after it, and everything to record: the loss and scalars of its aux."""
        # Made anew: variables of Flax NNX can be changed in the trace alone in which they were made.
        state_in = (jax.tree.map(lambda x: x, state),) if self.has_state else ()
        out = self.loss(params, *state_in, batch, *((key,) if self.has_key else ()), **given)
        if isinstance(out, tuple) and len(out) != 2:
            returns = "(loss, (state, aux))" if self.has_state else "loss, or (loss, aux)"
            raise TypeError(f"loss{self.call} must return {returns}, got {len(out)} things.")
        loss, aux = out if isinstance(out, tuple) else (out, None)
        if self.has_state:
            if not isinstance(aux, tuple) or len(aux) != 2:
                raise TypeError(f"loss{self.call} must return (loss, (state, aux)).")
            state, aux = aux
        aux = aux if isinstance(aux, dict) else {}
        scalars = {name: x for name, x in aux.items() if is_scalar(x) and name != "loss"}
        return loss, state, jax.tree.map(lambda x: jnp.asarray(x, float), {"loss": loss, **scalars})

    def step(self, setting: Setting, carry: Carry, batch, key) -> tuple[Carry, Scalars]:
        """A gradient, and an update."""

        def loss(params):
            loss, state, scalars = self.losses(params, carry.state, batch, key, setting.of_loss)
            return loss, (state, scalars)

        grads, (state, scalars) = jax.grad(loss, has_aux=True)(carry.params)
        updates, opt_state = setting.tx.update(
            grads, carry.opt_state, carry.params, value=scalars["loss"]
        )
        return Carry(optax.apply_updates(carry.params, updates), opt_state, state), scalars

    def parts(self, carry: Carry, to_evaluate: bool) -> tuple:
        """The parameters, the weights to evaluate (averages, for some optimizers), and the state."""
        weights = carry.weights if to_evaluate else carry.params
        return carry.params, weights, carry.state if self.on_state else ()

    def judged(self, parts: tuple) -> tuple[Scalars, jax.Array]:
        """What `evaluate` gives, and whether all parameters are finite."""
        params, weights, state = parts
        nothing = sum(jnp.sum(0 * p) for p in jax.tree.leaves(params))  # unless 0 * inf is NaN
        return self.metrics(weights, state), jnp.isfinite(nothing)

    def metrics(self, weights, state) -> Scalars:
        """What `evaluate` gives, by name."""
        if self.evaluate is None:
            return {}
        return as_metrics(self.evaluate(weights, *((state,) if self.on_state else ())))

    @property
    def call(self) -> str:
        """The arguments of the loss, as one writes them."""
        names = "params", *(("state",) * self.has_state), "batch", *(("key",) * self.has_key)
        return f"({', '.join(names)})"


def begin(setting: Setting, params: Any) -> Carry:
    """The run that begins with these parameters."""
    return Carry(params, setting.tx.init(params), ())


def begin_with_state(setting: Setting, begun: tuple[Any, Any]) -> Carry:
    """The run that begins with these parameters and this state of the model."""
    params, state = begun
    return Carry(params, setting.tx.init(params), state)


def of_loss(who: str, loss: Any, evaluate: Any, draw: Any, axes: Iterable[str]) -> OfLoss:
    """The problem from what the user gave.

    Raises:
      TypeError: for functions with other arguments.
    """
    if not callable(loss):
        raise TypeError(f"{who}: loss must be a function of params and batch, got {loss!r}.")
    if evaluate is not None and not callable(evaluate):
        raise TypeError(f"{who}: evaluate must be a function of params, got {evaluate!r}.")
    taken, needed = positional(loss)
    has_state = len(needed) == 4 or taken[1:2] == ["state"]
    before_key = 3 if has_state else 2
    if len(taken) < before_key or len(needed) > before_key + 1:
        raise TypeError(f"{who}: loss must take {FORMS}, got ({', '.join(taken)}).")
    third = taken[before_key : before_key + 1]
    has_key = any(name in needed or name in ("key", "rng") for name in third)
    takes_axes(who, "loss", loss, axes)
    on_state = has_state and evaluate is not None and len(positional(evaluate)[1]) == 2
    if evaluate is not None and (len(positional(evaluate)[1]) != 1 + on_state):
        both = " or (params, state)" if has_state else ""
        raise TypeError(
            f"{who}: evaluate must take (params){both}, got ({', '.join(positional(evaluate)[0])})."
        )
    return OfLoss(loss, has_state, has_key, draw, evaluate, on_state)
