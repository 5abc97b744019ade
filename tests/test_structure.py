"""The library's own shape: imports point one way, every name is public once, every rule has a row."""

import ast
import graphlib
import inspect
import pathlib

import pytest
from catalogue import CATALOGUE

import adaptive_tx as atx

PACKAGE = pathlib.Path(atx.__file__).parent
LEVELS = [  # of what stands at the top; a folder may import its own files too
    {"core"},
    {"scale_by", "schedules", "clip", "decay", "rate", "patience", "wrappers"},
    {"optimizers"},
    {"compat", "plots", "testing"},
    {"tune"},
    {"__init__"},
    {"__main__"},
]
FILES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imported(path: pathlib.Path) -> set[str]:
    """The modules of the library that a file imports anywhere, in functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in FILES else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name in FILES}


IMPORTS = {module: imported(path) - {module} for module, path in FILES.items()}


def level(module: str) -> int:
    first = [*module.split("."), "__init__"][1]
    return next(i for i, names in enumerate(LEVELS) if first in names)


@pytest.mark.parametrize("module", FILES)
def test_imports_point_one_way(module):
    for other in IMPORTS[module]:
        inside = module.split(".")[1:2] == other.split(".")[1:2]
        assert inside or level(other) < level(module), other


def test_no_circle_of_imports():
    """Over single files, and what functions import when they are called counts as well."""
    list(graphlib.TopologicalSorter(IMPORTS).static_order())


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
    for path in FILES.values():
        lines = len(path.read_text().splitlines())
        assert lines <= (135 if "scale_by" in path.parts else 260), path
