"""docs/equality.md is what tests/equality.py writes; its numbers are measured anew by `make equality`."""

import re

import equality


def without_numbers(page: str) -> str:
    return re.sub(r"(?<=[=≠/] )[0-9][0-9e.-]*", "#", page)


def test_the_page_is_up_to_date():
    """Rows, reasons and findings, with every number masked."""
    names = {name for line in equality.LINES for name in (*line.torch, *line.keras)}
    stub = {(name, "any"): {"f64": 1.0, "f32": 1.0} for name in names}
    page = equality.table(
        stub,
        stub,
        paper=lambda row: "see its file" if row is None else "= 1",
        optax_=lambda row, peer: (
            peer.why
            if peer.make is None or row is None
            else (f"≠ 1: {peer.why}" if peer.why else "= 1")
        ),
    )
    assert without_numbers(page) == without_numbers(equality.DOCUMENT.read_text())


def test_every_golden_file_is_in_the_page():
    torch, keras = (
        {name for name, _ in module.CASES}
        for module in (equality.test_compat_torch, equality.test_compat_keras)
    )
    assert torch == {name for line in equality.LINES for name in line.torch}
    assert keras == {name for line in equality.LINES for name in line.keras}
