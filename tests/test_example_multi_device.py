"""The example for many devices runs, on eight and on one, and learns the same."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "multi_device.py"


def losses(devices: int) -> list[float]:
    flags = f"--xla_force_host_platform_device_count={devices}"
    path = os.pathsep.join([str(ROOT), *sys.path])
    env = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": path}
    command = [sys.executable, "-W", "error", str(EXAMPLE)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [float(loss) for loss in re.findall(r"loss ([\d.]+)", done.stdout)]


@pytest.mark.slow
def test_it_learns_on_eight_devices_as_on_one():
    first, *_, last = on_eight = losses(8)
    assert on_eight == pytest.approx(losses(1), abs=5e-4)
    assert last < first / 10


def test_it_is_short():
    assert len(EXAMPLE.read_text().splitlines()) <= 40
