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
    """Sums over eight devices differ in the last digits, and later on so do some of the codes of a byte."""
    on_eight, on_one = losses(8), losses(1)
    assert on_eight[:80] == pytest.approx(on_one[:80], abs=5e-4)
    assert on_eight == pytest.approx(on_one, rel=0.1)
    assert on_eight[-1] < on_eight[0] / 10


def test_it_is_short():
    assert len(EXAMPLE.read_text().splitlines()) <= 40
