"""The library's own shape: imports point one way, every name is public once, every rule has a row."""

import ast
import graphlib
import inspect
import pathlib
import re

import mutants
import pytest
from catalogue import CATALOGUE

import adaptive_tx as atx

PACKAGE = pathlib.Path(atx.__file__).parent
LEVELS = [  # of what stands at the top; a folder may import its own files too
    {"core"},
    {
        "scale_by",
        "schedules",
        "clipping",
        "decay",
        "rate",
        "factors",
        "loop",
        "patience",
        "wrappers",
    },
    {"describing", "sharding", "storing"},
    {"optimizers", "matrix_optimizers"},
    {"migrating"},
    {"compat", "plots", "testing"},
    {"tune"},
    {"__init__"},
    {"__main__"},
    {"flax"},
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


def test_what_needs_flax_is_imported_by_nobody():
    assert not any("adaptive_tx.flax" in names for names in IMPORTS.values())
    assert [
        m for m, path in FILES.items() if re.search("^(from|import) flax", path.read_text(), re.M)
    ] == ["adaptive_tx.flax"]


def public():
    return {name: value for name in atx.__all__ if callable(value := getattr(atx, name))}


def functions():
    """The public functions, those that make schedules among them."""
    found = {**public(), **{f"schedules.{k}": v for k, v in vars(atx.schedules).items()}}
    return {name: value for name, value in found.items() if inspect.isfunction(value)}


def test_every_transformation_has_a_row():
    none = {  # they make something else
        atx.apply_updates,
        atx.decoded,
        atx.describe,
        atx.early_stopping,
        atx.encoded,
        atx.eval_params,
        atx.full_precision,
        atx.global_norm,
        atx.guard_report,
        atx.incremental_update,
        atx.layerwise_decay,
        atx.matrices,
        atx.metrics,
        atx.migrate,
        atx.no_decay,
        atx.state_sharding,
    }
    any_number = {atx.chain, atx.leafwise, atx.matrixwise}
    makers = {f for f in public().values() if inspect.isfunction(f)} - none - any_number
    assert makers == {row.public for row in CATALOGUE}


def test_every_rule_is_public():
    files = {path.stem for path in (PACKAGE / "scale_by").glob("*.py")} - {"__init__"}
    assert files == {
        made.__module__.split(".")[-1]
        for row in CATALOGUE
        if ".scale_by." in (made := row.public).__module__
    }


@pytest.mark.parametrize("name", public())
def test_public_names_are_documented(name):
    if inspect.isfunction(value := public()[name]) or inspect.isclass(value):
        assert value.__doc__ and len(value.__doc__) > 40


@pytest.mark.parametrize("name", functions())
def test_arguments_are_typed_and_documented(name):
    """Each in the docstring, at its place; a line on a schedule may do without a list."""
    function = functions()[name]
    signature = inspect.signature(function)
    assert signature.return_annotation is not signature.empty
    listed = "Args:" in function.__doc__ or len(signature.parameters) > 1
    for argument, parameter in signature.parameters.items():
        assert parameter.annotation is not parameter.empty, argument
        assert (f" {argument}:" if listed else argument) in function.__doc__.replace("*", ""), (
            argument
        )


NAMED = ("adaptive_tx.optimizers", "adaptive_tx.matrix_optimizers")
OPTIMIZERS = [n for n, f in public().items() if f.__module__ in NAMED]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_help_says_what_an_argument_does(name):
    """In each: the range or the choices, the default as it is, and what it does."""
    text = inspect.getdoc(public()[name]).split("Args:")[1]
    for argument, parameter in inspect.signature(public()[name]).parameters.items():
        entry = re.search(
            rf"^ +{argument}: (.*?)(?=^ +\w+: |^$|\Z)", text, re.DOTALL | re.MULTILINE
        )[1]
        entry = " ".join(entry.split())
        assert len(entry) > 50, argument
        default = parameter.default
        if isinstance(default, float):
            given = re.search(r"default ([\w.-]+)", entry)
            assert given and float(given[1].rstrip(".")) == default, argument
        if "ScalarOrSchedule" in str(parameter.annotation):
            assert re.search(r">= ?\d|> 0|in \[0, 1\)", entry), argument


def test_files_are_short():
    """About 90 lines a rule and 150 elsewhere; what is over half as much again holds two ideas.

    The files of optimizers, and the list of public names, are as long as they have rows.
    """
    for module, path in FILES.items():
        if module in ("adaptive_tx", *NAMED):
            continue
        lines = len(path.read_text().splitlines())
        assert lines <= (135 if "scale_by" in path.parts else 225), path


def test_what_a_mutant_changes_stands_there_once():
    """So that a mutant is not silently none after its file has changed."""
    gone = [str(m) for m in mutants.MUTANTS if (PACKAGE / m.file).read_text().count(m.old) != 1]
    assert gone == []
