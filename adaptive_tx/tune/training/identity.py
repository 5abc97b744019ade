"""When two trainings are the same: equal numbers, and functions of equal content."""

import importlib.metadata
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr

from adaptive_tx.tune.sweeps.of_step import OfStep
from adaptive_tx.tune.sweeps.sweep import Setting, Sweep
from adaptive_tx.tune.training.fingerprint import Fingerprint
from adaptive_tx.tune.training.setup import Setup
from adaptive_tx.tune.training.traces import one_member


class Identity(NamedTuple):
    """A training as a folder knows it."""

    asked: dict[str, Any]  # as it was given
    content: dict[str, str]  # checksums, by what they are of


def identity(
    who: str, setup: Setup, sweeps: dict[str, Sweep], version: Any, asked: dict[str, Any]
) -> Identity:
    """The identity of a training.

    Args:
      asked: what JSON can write.
      version: of code that runs in Python, which jax does not show; None if there is none.

    Raises:
      TypeError: for a version that is neither a whole number nor a string.
      ValueError: if there is such code, and no version of it.
    """
    if not isinstance(version, (int, str, type(None))):
        raise TypeError(f"{who}: version must be an int or a string, got {version!r}.")
    traces = setup.traces
    prints = {
        "step" if traces.params is None else "loss": traces.step,
        "evaluate": traces.evaluate,
        "params": traces.init or Fingerprint(*jax.tree.leaves_with_path(setup.begun)),
        "data": traces.draw or Fingerprint(*jax.tree.leaves_with_path(_data(setup))),
    }
    for name, sweep in sweeps.items():
        step = _first_step(setup, one_member(sweep.stacked))
        numbers = jax.tree.leaves(sweep.tx)
        prints[f"sweep {name}"] = Fingerprint(step, numbers, sweep.settings)
    hidden = {name: ", ".join(sorted(one.hidden)) for name, one in prints.items() if one.hidden}
    if hidden and version is None:
        functions = " and ".join(f"{name} ({of})" for name, of in hidden.items())
        raise ValueError(
            f"{who}: {functions} runs Python code that jax does not show, so nobody can tell whether a "
            "training in out is still the same. Give version=, a number or a word that you change "
            "whenever you change that code."
        )
    asked = asked | {
        "version": version,
        "float": jnp.dtype(jax.dtypes.canonicalize_dtype(float)).name,
        "jax": jax.__version__,
        "adaptive-tx": installed("adaptive-tx"),
    }
    return Identity(asked, {name: one.digest for name, one in prints.items()})


def installed(package: str) -> str | None:
    """The version of a package; None if it is only found on the path."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _data(setup: Setup) -> Any:
    """The arrays of examples; of a stream its first batch, for nobody knows the others."""
    return setup.source.data if setup.stream is None else setup.stream.first


def _first_step(setup: Setup, setting: Setting) -> ClosedJaxpr:
    """The first step of one member of a sweep, as a program of its numbers."""
    params = setup.traces.params
    if isinstance(setup.problem, OfStep):
        key = jax.eval_shape(lambda: jax.random.key(0))
        return jax.make_jaxpr(setup.problem.first_step)(setting, setup.traces.batch, key)

    def step(tx, params, grads, loss):
        return tx.update(grads, tx.init(params), params, value=loss)

    return jax.make_jaxpr(step)(setting.tx, params, params, jax.ShapeDtypeStruct((), float))
