"""A law: a number, a title, the dtypes it holds in, and a function that raises where it is broken."""

import contextlib
import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from adaptive_tx.testing.claims import Claims
from adaptive_tx.testing.subject import Subject


class Broken(Exception):
    """A law does not hold; says which leaf, and how far it is off."""


@dataclasses.dataclass(frozen=True)
class Law:
    """Called with a subject, it raises AssertionError naming itself, the rule, the dtype and the leaf."""

    number: int
    title: str
    check: Callable[[Subject, str], None]
    dtypes: tuple[str, ...]
    claimed: Callable[[Claims], bool]  # whether it is one of those that the rule must keep

    def __str__(self) -> str:
        return f"law {self.number} ({self.title})"

    def __call__(self, subject: Subject) -> None:
        for dtype in self.dtypes:
            if dtype in subject.claims.refuses:
                continue
            where = f"{self}: {subject.claims} in {dtype}"
            try:
                with strict(dtype):
                    self.check(subject, dtype)
            except Broken as broken:
                raise AssertionError(f"{where}: {broken}") from broken.__cause__
            except Exception as error:
                raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error


@contextlib.contextmanager
def strict(dtype: str):
    """No promotion of dtypes or ranks, no warnings; 64 bits where they are asked for."""
    with (
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
        jax.enable_x64(dtype in ("float64", "complex128")),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        yield


LAWS: list[Law] = []


def law(number: int, title: str, *dtypes: str, claimed: Callable[[Claims], bool] | None = None):
    """Registers `check(subject, dtype)` as a law."""

    def register(check: Callable[[Subject, str], None]) -> Callable[[Subject, str], None]:
        always = claimed or (lambda claims: True)
        LAWS.append(Law(number, title, check, dtypes or ("float32",), always))
        return check

    return register


def close(found: Any, wanted: Any, what: str, rtol: float = 0.0, atol: float = 0.0) -> None:
    """Raises for the first leaf that is farther off than rtol |wanted| + atol; by default, than nothing."""
    if jax.tree.structure(found) != jax.tree.structure(wanted):
        raise Broken(
            f"{what} has the structure {jax.tree.structure(found)}, "
            f"in place of {jax.tree.structure(wanted)}"
        )
    for (path, x), y in zip(jax.tree.leaves_with_path(found), jax.tree.leaves(wanted)):
        x, y = wide(x), wide(y)
        where = what + jax.tree_util.keystr(path)
        if x.shape != y.shape:
            raise Broken(f"{where} has shape {x.shape}, in place of {y.shape}")
        same = (x == y) | (np.isnan(x) & np.isnan(y))
        with np.errstate(invalid="ignore"):
            off = np.where(same, 0.0, np.abs(x - y))
            beyond = ~(off <= rtol * np.abs(y) + atol)
        if np.any(beyond):
            worst = np.unravel_index(np.argmax(np.where(beyond, off, -1)), off.shape)
            at = f"[{', '.join(map(str, worst))}]" if worst else ""
            raise Broken(
                f"{where} differs by {off[worst]:.3g}: {at or 'it'} is {x[worst]:.9g}, "
                f"in place of {y[worst]:.9g}"
            )


def finite(values: Any, what: str) -> None:
    """Raises for the first leaf with an entry that is infinite or no number."""
    for path, x in jax.tree.leaves_with_path(values):
        x = wide(x)
        if not np.all(np.isfinite(x)):
            worst = x[~np.isfinite(x)].flat[0]
            raise Broken(f"{what}{jax.tree_util.keystr(path)} is {worst} somewhere")


def wide(x: Any) -> np.ndarray:
    """As numpy's widest, in which all narrower ones are compared."""
    x = np.asarray(x)
    return x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)
