"""The library's own shape: imports point one way, every name is public once, every rule has a row."""

import ast
import inspect
import pathlib

import pytest
from catalogue import CATALOGUE

import adaptive_tx as atx

PACKAGE = pathlib.Path(atx.__file__).parent
LEVELS = [
    {"numerics", "states", "finding"},
    {"checks"},
    {"masks", "probing"},
    {"arguments"},
    {"values", "naming", "opaque"},
    {"transformation", "scheduling", "debiasing"},
    {"axes", "stepping"},
    {"leafwise"},
    {"clip", "decay", "patience", "rate", "scale_by", "schedules", "quantiles", "histories"},
    {"noise"},
    {"optimizers", "sights", "skipping"},
    {"measured", "guarded"},
    {"compat", "plots"},
    {"tune"},
    {"__init__"},
    {"race", "__main__"},
]
MAY_IMPORT_SIBLINGS = {"scale_by", "schedules", "compat", "plots", "tune", "race", "__main__"}


def level(module: str) -> int:
    return next(i for i, names in enumerate(LEVELS) if module in names)


def imported(path: pathlib.Path):
    """The modules of the library that a file imports, by their first name below adaptive_tx."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("adaptive_tx"):
            rest = node.module.split(".")[1:]
            yield from [rest[0]] if rest else [alias.name for alias in node.names]


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for other in imported(path):
        if own in ("race", "__main__") or (own == "__init__" and other):
            continue  # they may use everything
        assert level(other) < level(own) or (other == own and own in MAY_IMPORT_SIBLINGS), other


def public():
    return {k: v for k, v in vars(atx).items() if not k.startswith("_") and callable(v)}


def test_every_transformation_has_a_row():
    without = {atx.chain, atx.early_stopping, atx.metrics, atx.guard_report}  # they make none
    makers = {f for f in public().values() if inspect.isfunction(f)} - without
    assert makers == {row.wrapper or row.make for row in CATALOGUE}


def test_every_rule_is_public():
    files = {path.stem for path in (PACKAGE / "scale_by").glob("*.py")} - {"__init__"}
    assert files == {
        row.make.__module__.split(".")[-1]
        for row in CATALOGUE
        if ".scale_by." in row.make.__module__
    }


@pytest.mark.parametrize("name", public())
def test_public_names_are_documented(name):
    """A docstring, with every argument of a rule in it; optimizers point to their rule."""
    function = public()[name]
    assert function.__doc__ and len(function.__doc__) > 40
    if function.__module__ != "adaptive_tx.optimizers" and inspect.isfunction(function):
        for argument in inspect.signature(function).parameters:
            assert f"{argument}:" in function.__doc__, argument


def test_files_are_short():
    """About 90 lines a rule and 150 elsewhere; what is over half as much again holds two ideas."""
    for path in FILES:
        lines = len(path.read_text().splitlines())
        assert lines <= (135 if "scale_by" in path.parts else 260), path
