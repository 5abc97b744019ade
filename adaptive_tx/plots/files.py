"""Files that figures are written to: their endings, checked before anything is drawn."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adaptive_tx.plots.picture import Picture

FORMATS = ("png", "svg", "pdf")


def writable(who: str, path: str | os.PathLike | None, formats: Sequence[str]) -> None:
    """A file's ending says in which format it is written; what cannot be written is refused first."""
    if path is None:
        return
    endings = ", ".join(f".{kind}" for kind in formats)
    if Path(path).suffix.lower().lstrip(".") not in formats:
        raise ValueError(f"{who}: path must end in one of {endings}; got {os.fspath(path)!r}.")
    if not Path(path).parent.is_dir():
        raise ValueError(f"{who}: there is no folder {os.fspath(Path(path).parent)!r}.")


def saved(figure: "Picture", path: str | os.PathLike | None) -> "Picture":
    """The figure, written to `path` if there is one."""
    if path is not None:
        Path(path).write_bytes(figure.file(Path(path).suffix.lower().lstrip(".")))
    return figure
