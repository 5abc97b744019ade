"""Who computes the members of a chunk: several devices, each a share, or the cores of one CPU.

Devices share one array. A CPU is a single device, which spreads each operation over its cores: in vain
where operations are as small as those of a sweep. There a chunk is split into one portion for each core,
and threads run the same compiled program on all of them.
"""

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

COMPILED_AHEAD = 3  # programs, by threads beside those that run one

# On a CPU a quarter less compilation, and programs as fast: the work is done in libraries, or in loops
# that XLA makes wide itself. (With {} here, benchmarks/sweep.py measures the difference.)
ON_CPU = {"xla_backend_optimization_level": 1}

# Settings of jax with which somebody looks for a mistake: then nothing is compiled ahead, and all is done
# in the caller's thread, which knows them.
DEBUGGING = ("jax_disable_jit", "jax_debug_nans", "jax_debug_infs")


class Workers:
    """The devices, or the cores of the only one."""

    def __init__(self) -> None:
        devices = jax.devices()
        self.devices = len(devices)
        on_cpu = devices[0].platform == "cpu"
        self._debugged = any(getattr(jax.config, name) for name in DEBUGGING)
        many = on_cpu and self.devices == 1 and not self._debugged
        self.threads = _cores() if many else 1
        self._options = ON_CPU if on_cpu else {}
        self._mesh = Mesh(np.array(devices), ("members",))
        self._pool = ThreadPoolExecutor(self.threads + COMPILED_AHEAD)

    def portions(self, members: np.ndarray, at_once: int | None) -> list[np.ndarray]:
        """Members for each thread, equally many, which devices can share: the last one repeated.

        They are as large in a smaller last chunk as in one of `at_once` members.
        """
        size = -(-(at_once or len(members)) // self.threads)
        size = -(-size // self.devices) * self.devices
        padded = np.pad(members, (0, -len(members) % size), mode="edge")
        return np.split(padded, len(padded) // size)

    def shared(self, tree: Any, axis: int | None) -> Any:
        """Arrays, or their shapes, with members on an axis: shared by all devices, or on the only one.

        Without an axis, every device has all.
        """
        sharding = None
        if self.devices > 1:
            spec = () if axis is None else (*axis * (None,), "members")
            sharding = NamedSharding(self._mesh, PartitionSpec(*spec))
        return jax.tree.map(lambda x: _on_devices(x, sharding), tree)

    def compiled(self, jitted: Any, static: tuple, *args) -> Future:
        """A compiled program for these arguments, or shapes; others can be at work until its result.

        The program does not take the static arguments again. Traced here, so that errors come at once;
        equal calls share the program.
        """
        if self._debugged:
            return self._pool.submit(functools.partial, jitted, *static)
        return self._pool.submit(jitted.lower(*static, *args).compile, self._options)

    def each(self, function: Callable, *portions: Sequence) -> list:
        """What a function returns for one portion, for all of them."""
        if len(portions[0]) == 1:
            return [function(*(of_one[0] for of_one in portions))]
        return list(self._pool.map(lambda *one: jax.block_until_ready(function(*one)), *portions))


def _on_devices(x: Any, sharding: NamedSharding | None) -> Any:
    if isinstance(x, jax.ShapeDtypeStruct):
        return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding)
    return jax.device_put(x, sharding)


def _cores() -> int:
    """Those this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
