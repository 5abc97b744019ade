"""Losses by setting in a file, and the best rate of each task."""

import importlib.metadata
import json
import os
import pathlib
import time

import jax
import numpy as np
from plans import grid
from training import Setting, train


class Results:
    """Losses by setting, in a file that is written after each: a program that is stopped goes on there."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.data = json.loads(path.read_text()) if path.exists() else {"losses": {}}

    def of(self, setting: Setting) -> dict[str, list[float]]:
        """Trains, if that has not been done before."""
        if (key := setting.key()) not in self.data["losses"]:
            begin = time.perf_counter()
            losses = train(setting)._asdict()
            self.data["losses"][key] = {
                n: [float(f"{x:.7g}") for x in v] for n, v in losses.items()
            }
            self.data["environment"] = environment()
            self.path.write_text(json.dumps(self.data))
            mean = np.mean(self.data["losses"][key]["validation"])
            print(f"{time.perf_counter() - begin:6.1f} s  {mean:.5f}  {key}", flush=True)
        return self.data["losses"][key]

    def best(self, task: str, optimizer: str, b2: float) -> float:
        """The rate with which float32 ends at the smallest loss on held-out examples."""
        means = {s.rate: np.mean(self.of(s)["validation"]) for s in grid(task, optimizer, b2)}
        return min(means, key=lambda rate: means[rate] if np.isfinite(means[rate]) else np.inf)


def environment() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "numpy")}
    device = f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores"
    return versions | {"device": device, "date": time.strftime("%Y-%m-%d")}
