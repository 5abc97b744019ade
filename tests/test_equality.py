"""docs/equality.md is what tests/equality.py writes; its numbers are measured anew by `make equality`."""

import json
import re

import equality
from claims import claims


def without_numbers(page: str) -> str:
    return re.sub(r"(?<=[=≠/|] )[0-9][0-9e.-]*", "#", page)


def test_the_page_is_up_to_date():
    """Rows, reasons and findings, with every number masked."""
    one = {"f64": 1.0, "f32": 1.0}
    page = equality.table(
        dict.fromkeys(equality.test_compat_torch.CASES, one),
        dict.fromkeys(equality.test_compat_keras.CASES, one),
        paper=lambda row: "see its file" if row is None else "= 1",
        optax_=lambda row, peer: (
            peer.why
            if peer.make is None or row is None
            else (f"≠ 1: {peer.why}" if peer.why else "= 1")
        ),
    )
    assert without_numbers(page) == without_numbers(equality.DOCUMENT.read_text())


FRAMEWORKS = {"torch": equality.test_compat_torch, "Keras": equality.test_compat_keras}


def test_every_setting_is_in_the_page():
    """The numbers are held to what is found where the settings are run (`claims.holds`)."""
    expected = {(f, *case) for f, module in FRAMEWORKS.items() for case in module.CASES}
    assert claims().keys() == expected


def test_only_two_are_not_within_the_bounds_that_the_page_says():
    bounds = equality.test_compat_torch.PARAMETERS
    beyond = {
        (framework, name, precision)
        for (framework, name, _), said in claims().items()
        for precision, bound in bounds.items()
        if said[precision] > bound
    }
    assert bounds == {"f64": 1e-12, "f32": 5e-6}
    assert beyond == {("torch", "Muon", "f32"), ("Keras", "Adafactor", "f64")}


def test_what_is_said_of_frameworks_as_shipped_was_measured():
    measured = json.loads(equality.SHIPPED.read_text())
    for (framework, name, setting), said in claims().items():
        own = measured[framework.lower()].get(name, {}).get(setting)
        assert said.get("shipped") == (None if own is None else float(equality.number(own)))


def test_every_golden_file_is_in_the_page():
    torch, keras = (
        {name for name, _ in module.CASES}
        for module in (equality.test_compat_torch, equality.test_compat_keras)
    )
    assert torch == {name for line in equality.LINES for name in line.torch}
    assert keras == {name for line in equality.LINES for name in line.keras}
