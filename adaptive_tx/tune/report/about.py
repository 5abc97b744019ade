"""What a record says of the training that it is of: by which command and versions, of what, and how."""

import functools
import importlib.metadata
import platform
import shlex
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_tx.tune.sweeps.batches import as_key
from adaptive_tx.tune.sweeps.categories import word

if TYPE_CHECKING:
    from adaptive_tx.tune.report.members import Members

PACKAGES = "adaptive-tx", "jax", "jaxlib", "optax", "numpy"


@functools.cache
def of_process() -> dict[str, Any]:
    """The command, and the versions of what computes the numbers; None of one that is not installed."""
    versions: dict[str, str | None] = {name: _installed(name) for name in PACKAGES}
    versions |= {"python": platform.python_version(), "platform": platform.platform()}
    return {"command": shlex.join(sys.orig_argv), "versions": versions}


def of_call(again: functools.partial | None) -> dict[str, Any]:
    """Of a call of `train`: the name of its task, its key as words, and its batches."""
    if again is None:  # read from a pickle, or put together by hand
        return {"task": None, "key": None, "batch_size": None}
    given = again.keywords
    task = next((given[name] for name in ("loss", "step") if given.get(name)), None)
    names = (getattr(task, "__module__", None), getattr(task, "__qualname__", None))
    return {
        "task": ".".join(filter(None, names)) or repr(task),
        "key": list(as_key("train", given.get("key"))[0]),
        "batch_size": given.get("batch_size"),
    }


def of_members(members: "Members") -> dict[str, Any]:
    """How long and how often each was trained, and what was tried."""
    return {
        "steps": int(members.stops[-1]),
        "seeds": members.scores.shape[1],
        "axes": {
            name: {
                **{axis: [word(x)] for axis, x in sweep.words.items()},
                **{axis: np.unique(column).tolist() for axis, column in sweep.settings.items()},
            }
            for name, sweep in members.sweeps.items()
        },
    }


def _installed(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
