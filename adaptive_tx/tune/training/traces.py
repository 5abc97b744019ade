"""What is known of a training from tracing it on shapes, before anything is compiled."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from adaptive_tx.core import checks
from adaptive_tx.tune.sweeps.of_loss import OfLoss
from adaptive_tx.tune.sweeps.of_step import OfStep
from adaptive_tx.tune.sweeps.problem import is_scalar
from adaptive_tx.tune.sweeps.sweep import Setting
from adaptive_tx.tune.training.fingerprint import Fingerprint


class Traces(NamedTuple):
    """What the functions of a training compute, and what they return."""

    init: Fingerprint | None  # None if the parameters are a tree
    draw: Fingerprint | None  # None if the data are arrays
    step: Fingerprint  # of the loss's gradients, and of its scalars; or of the user's own step
    evaluate: Fingerprint
    program: ClosedJaxpr  # of a step: what `step` is the checksum of
    begun: Any  # shapes of what a run begins with: parameters and their state, or a carry
    params: Any  # shapes of the parameters alone; None if a step of the user's own has them
    batch: Any  # shapes
    scalars: tuple[str, ...]  # names of those that a step gives
    metrics: tuple[str, ...]  # names of those that `evaluate` gives
    constant: tuple[str, ...]  # the leaves that get no gradient

    @property
    def content(self) -> str:
        """The checksums of what is compiled into a step and an evaluation."""
        return " ".join(one.digest for one in (self.step, self.draw, self.evaluate) if one)


def traces(
    who: str, problem: OfLoss | OfStep, begun: Any, batch: Any, key: Any, setting: Setting
) -> Traces:
    """Each function is traced once.

    Args:
      begun: parameters, with a state if the loss has one, or a function of a key; None of a step.
      batch: its shapes; not read if batches are drawn.
      key: its shape.
      setting: the shapes of one member.

    Raises:
      TypeError: if one of them does not return what it should; or for integer parameters.
    """
    init, draw = None, None
    if isinstance(problem, OfStep):
        init, begun = _traced(problem.begin, setting, key)
    elif callable(begun):
        init, begun = _traced(begun, key)
    if problem.draw is not None:
        draw, batch = _traced(problem.draw, key)
    if isinstance(problem, OfStep):
        known = _of_step(who, problem, begun, batch, key, setting)
    else:
        known = _of_loss(who, problem, begun, batch, key, setting)
    step, params, scalars, evaluate, metrics, constant = known
    for name, x in metrics.items():
        if getattr(x, "shape", None) != ():
            raise TypeError(f"{who}: evaluate must return scalars; {name} is {x}.")
    return Traces(
        init=init and Fingerprint(init),
        draw=draw and Fingerprint(draw),
        step=Fingerprint(step),
        evaluate=Fingerprint(evaluate),
        program=step,
        begun=begun,
        params=params,
        batch=batch,
        scalars=tuple(scalars),
        metrics=tuple(metrics),
        constant=constant,
    )


def one_member(setting: Setting) -> Setting:
    """The shapes of one member, from those of many or their numbers."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), setting)


def _of_step(who, problem: OfStep, carry, batch, key, setting):
    step, (after, scalars) = _traced(problem.step, setting, carry, batch, key)
    _same(who, "step returns a carry", "carry", carry, after)
    if not scalars:
        raise TypeError(f"{who}: step must log at least one scalar, to rank and to show.")
    return step, None, scalars, *_traced(problem.metrics, carry), ()


def _of_loss(who, problem: OfLoss, begun, batch, key, setting):
    params, state = begun, ()
    if problem.has_state:
        if not isinstance(begun, tuple) or len(begun) != 2:
            raise TypeError(
                f"{who}: loss{problem.call} has a state, so params must be (params, state), or a "
                f"function of a key that returns both; got {_kind(begun)}."
            )
        params, state = begun
    checks.floating(who, "params", params)
    gradients = _gradients(who, problem)
    loss, (_, after, scalars) = _traced(gradients, params, state, batch, key, setting.of_loss)
    if problem.has_state:
        _same(who, "loss returns a state", "state", state, after)
    constant = _without_gradient(loss.jaxpr, params)
    return loss, params, scalars, *_traced(problem.metrics, params, state), constant


def _same(who: str, what: str, name: str, before: Any, after: Any) -> None:
    """What goes into a step must come out of it: the same structure, shapes and dtypes."""
    if (was := jax.tree.structure(before)) != (now := jax.tree.structure(after)):
        raise TypeError(f"{who}: {what} of another structure: {now}, where it was {was}.")
    for (path, a), b in zip(jax.tree.leaves_with_path(before), jax.tree.leaves(after)):
        was, now = jax.typeof(a), jax.typeof(b)
        if (was.shape, was.dtype) != (now.shape, now.dtype):
            leaf = checks.keystr(name, path)
            raise TypeError(f"{who}: {what} whose {leaf} is {_kind(b)}, where it was {_kind(a)}.")


def _traced(function: Callable, *args) -> tuple[ClosedJaxpr, Any]:
    """A program, and the shapes that it returns. Wrapped, so that it is not one of before."""
    return jax.make_jaxpr(lambda *args: function(*args), return_shape=True)(*args)


def _gradients(who: str, problem: OfLoss) -> Callable:
    def losses(params, state, batch, key, given):
        try:
            loss, state, scalars = problem.losses(params, state, batch, key, given)
        except Exception as error:
            hint = (
                ""
                if problem.has_state
                else (
                    "; of a model with a state write loss(params, state, batch), and key where it is needed"
                )
            )
            error.add_note(f"{who}: while tracing loss{problem.call} on {_shapes(batch)}{hint}")
            raise
        if not is_scalar(loss):
            returns = (
                "(loss, (state, aux))" if problem.has_state else "a scalar, or a scalar and an aux"
            )
            raise TypeError(f"{who}: loss must return {returns}; got {_kind(loss)}.")
        if not jnp.issubdtype(jnp.result_type(loss), jnp.floating):
            raise TypeError(f"{who}: loss must return a real number, got {_kind(loss)}.")
        return jnp.asarray(loss), (state, scalars)

    def gradients(params, state, batch, key, given):
        def of_params(p):
            return losses(p, state, batch, key, given)

        loss, backward, (state, scalars) = jax.vjp(of_params, params, has_aux=True)
        return *backward(jnp.ones_like(loss)), state, scalars

    return gradients


def _kind(x: Any) -> str:
    """An array as float32[3], anything else by its class."""
    return str(jax.typeof(x)) if hasattr(x, "dtype") else type(x).__name__


def _shapes(batch) -> str:
    leaves = jax.tree.leaves_with_path(batch)
    return ", ".join(f"{checks.keystr('batch', path)} {jnp.shape(x)}" for path, x in leaves)


def _without_gradient(gradients: Jaxpr, params: Any) -> tuple[str, ...]:
    """The leaves whose gradient is a constant zero: jax writes it as a literal, or one broadcast."""
    broadcast = {
        equation.outvars[0]: equation.invars[0]
        for equation in gradients.eqns
        if equation.primitive.name == "broadcast_in_dim"
    }

    def is_zero(v) -> bool:
        v = v if isinstance(v, Literal) else broadcast.get(v)
        return isinstance(v, Literal) and bool(v.val == 0)

    leaves = jax.tree.leaves_with_path(params)
    return tuple(
        checks.keystr("params", path)
        for (path, _), v in zip(leaves, gradients.outvars)
        if is_zero(v)
    )
