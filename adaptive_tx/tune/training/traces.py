"""What is known of a training from tracing it on shapes, before anything is compiled."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from adaptive_tx.core import checks
from adaptive_tx.tune.sweeps.problem import Problem, is_scalar
from adaptive_tx.tune.training.fingerprint import Fingerprint


class Traces(NamedTuple):
    """What the functions of a training compute, and what they return."""

    init: Fingerprint | None  # None if the parameters are a tree
    draw: Fingerprint | None  # None if the data are arrays
    loss: Fingerprint  # of its gradients, and of its scalars
    evaluate: Fingerprint
    params: Any  # shapes
    scalars: tuple[str, ...]  # names of those that the loss gives
    metrics: tuple[str, ...]  # names of those that `evaluate` gives
    constant: tuple[str, ...]  # the leaves that get no gradient

    @property
    def content(self) -> str:
        """The checksums of what is compiled into a step and an evaluation."""
        return " ".join(one.digest for one in (self.loss, self.draw, self.evaluate) if one)


def traces(who: str, problem: Problem, params: Any, batch: Any, key: Any) -> Traces:
    """Each function is traced once.

    Args:
      params: a tree, or a function of a key.
      batch: its shapes; not read if batches are drawn.
      key: its shape.

    Raises:
      TypeError: if one of them does not return what it should; or for integer parameters.
    """
    init, draw = None, None
    if callable(params):
        init, params = _traced(params, key)
    checks.floating(who, "params", params)
    if problem.draw is not None:
        draw, batch = _traced(problem.draw, key)
    loss, (_, scalars) = _traced(_gradients(who, problem), params, batch, key)
    evaluate, metrics = _traced(problem.metrics, params)
    for name, x in metrics.items():
        if getattr(x, "shape", None) != ():
            raise TypeError(f"{who}: evaluate must return scalars; {name} is {x}.")
    constant = _without_gradient(loss.jaxpr, params)
    return Traces(
        init=init and Fingerprint(init),
        draw=draw and Fingerprint(draw),
        loss=Fingerprint(loss),
        evaluate=Fingerprint(evaluate),
        params=params,
        scalars=tuple(scalars),
        metrics=tuple(metrics),
        constant=constant,
    )


def _traced(function: Callable, *args) -> tuple[ClosedJaxpr, Any]:
    """A program, and the shapes that it returns. Wrapped, so that it is not one of before."""
    return jax.make_jaxpr(lambda *args: function(*args), return_shape=True)(*args)


def _gradients(who: str, problem: Problem) -> Callable:
    def losses(params, batch, key):
        try:
            loss, scalars = problem.losses(params, batch, key)
        except (TypeError, ValueError) as error:
            call = "(params, batch, key)" if problem.has_key else "(params, batch)"
            error.add_note(f"{who}: while tracing loss{call} on {_shapes(batch)}")
            raise
        if not is_scalar(loss):
            raise TypeError(
                f"{who}: loss must return a scalar, or a scalar and an aux; got {_kind(loss)}."
            )
        if not jnp.issubdtype(jnp.result_type(loss), jnp.floating):
            raise TypeError(f"{who}: loss must return a real number, got {_kind(loss)}.")
        return jnp.asarray(loss), scalars

    def gradients(params, batch, key):
        loss, backward, scalars = jax.vjp(lambda p: losses(p, batch, key), params, has_aux=True)
        return *backward(jnp.ones_like(loss)), scalars

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
