"""When two trainings are the same: equal numbers, and functions of equal content."""

import importlib.metadata
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr

from adaptive_tx.core.transformation import Transformation
from adaptive_tx.tune.sweeps.sweep import Sweep
from adaptive_tx.tune.training.fingerprint import Fingerprint
from adaptive_tx.tune.training.setup import Setup


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
        "loss": traces.loss,
        "evaluate": traces.evaluate,
        "params": traces.init or Fingerprint(*jax.tree.leaves_with_path(setup.params)),
        "data": traces.draw or Fingerprint(*jax.tree.leaves_with_path(setup.source.data)),
    }
    for name, sweep in sweeps.items():
        step = _first_step(sweep.tx, traces.params)
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


def _first_step(tx: Transformation, params: Any) -> ClosedJaxpr:
    """The first step of one member of a sweep, as a program of its numbers."""
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), tx)

    def step(tx, params, grads, loss):
        return tx.update(grads, tx.init(params), params, value=loss)

    return jax.make_jaxpr(step)(one, params, params, jax.ShapeDtypeStruct((), float))
