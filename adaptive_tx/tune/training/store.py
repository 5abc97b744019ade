"""What a training keeps on disk, so that the same call goes on where the last one stopped."""

import contextlib
import errno
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from adaptive_tx.tune.training.identity import Identity
from adaptive_tx.tune.training.on_host import to_host

DAMAGES = (OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, zipfile.BadZipFile)
RESULTS = ("results.json", "results.csv")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Store:
    """A folder: `call.json` says what is trained, and one .npz for each sweep how far it is."""

    def __init__(
        self, who: str, folder: str | os.PathLike, identity: Identity, sweeps: Iterable[str]
    ):
        """Opens the folder, or makes it; `sweeps` are the names under which it will keep something.

        Raises:
          ValueError: if it holds another training, or something that cannot be read.
          OSError: if it cannot be written to.
        """
        self.who, self.folder = who, Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"{who}: cannot make the folder {folder}: {error.strerror}. Choose another out."
            ) from error
        now = json.loads(json.dumps(identity._asdict()))
        if (path := self.folder / "call.json").exists():
            with self._reading(path):
                was = json.loads(path.read_text())
                changes = [*_changes(was["asked"], now["asked"]), *_others(was, now)]
            if changes:
                self._refuse(f"another training ({'; '.join(changes)})")
        else:
            files = [*(self.folder / name for name in RESULTS), *map(self._kept, sweeps)]
            if left := [path.name for path in files if path.exists()]:
                self._refuse(f"{', '.join(left)} of another training, but no call.json")
            self.write_text("call.json", json.dumps(now, indent=1) + "\n")

    def save(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Replaces what is kept under a name, all at once: a crash leaves the old or the new.

        Raises:
          OSError: if it cannot be written; the old one stays.
        """
        with self._writing(self._kept(name)) as part, part.open("wb") as file:
            np.savez(file, **arrays)

    def __contains__(self, name: str) -> bool:
        return self._kept(name).exists()

    @contextlib.contextmanager
    def load(self, name: str) -> Iterator[dict[str, np.ndarray]]:
        """What was kept under a name, for the block that reads it.

        Raises:
          ValueError: if it is not what was saved.
        """
        path = self._kept(name)
        with self._reading(path), path.open("rb") as file, np.load(file) as kept:
            yield dict(kept)

    def write_text(self, name: str, text: str) -> None:
        """A file for people: results."""
        with self._writing(self.folder / name) as part:
            part.write_text(text)

    def _kept(self, name: str) -> Path:
        return self.folder / f"{name}.npz"

    @contextlib.contextmanager
    def _reading(self, path: Path) -> Iterator[None]:
        try:
            yield
        except DAMAGES as error:
            raise ValueError(
                f"{self.who}: {path} is damaged ({type(error).__name__}: {error}). "
                "Choose another out, or delete the folder to begin again."
            ) from error

    @contextlib.contextmanager
    def _writing(self, path: Path) -> Iterator[Path]:
        """A file beside it, which takes its place when it is whole."""
        part = path.with_name(f"{path.name}.part")
        try:
            yield part
            os.replace(part, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            remedy = "Make room" if error.errno in FULL else "Make it writable"
            raise OSError(
                f"{self.who}: cannot write {path}: {error.strerror or error}. {remedy} and call again: it "
                "goes on from what was saved before; or choose another out."
            ) from error

    def _refuse(self, holds: str) -> None:
        raise ValueError(
            f"{self.who}: {self.folder} holds {holds}. Choose another out, or delete the folder."
        )


def packed(prefix: str, tree: Any) -> dict[str, np.ndarray]:
    """The leaves of a tree as NumPy arrays of bytes' own dtypes: .npz knows no bfloat16."""
    leaves = jax.tree.leaves(to_host(tree))
    return {f"{prefix}.{i}": _as_known(np.asarray(leaf)) for i, leaf in enumerate(leaves)}


def unpacked(prefix: str, kept: dict[str, np.ndarray], like: Any) -> Any:
    """The tree whose leaves `packed` made; `like` has its structure and dtypes."""
    leaves, structure = jax.tree.flatten(like)
    arrays = [kept[f"{prefix}.{i}"].view(np.dtype(leaf.dtype)) for i, leaf in enumerate(leaves)]
    return structure.unflatten(arrays)


def _as_known(x: np.ndarray) -> np.ndarray:
    return x if x.dtype.kind in "biufc" else x.view(f"u{x.dtype.itemsize}")


def _changes(was: dict, now: dict) -> list[str]:
    """What was asked for otherwise."""
    changed = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    return [f"{n} was {_short(was.get(n))}, now {_short(now.get(n))}" for n in changed]


def _others(was: dict, now: dict) -> list[str]:
    """What has another content, which says little as a checksum."""
    was, now = was["content"], now["content"]
    return [f"another {name}" for name in {**was, **now} if was.get(name) != now.get(name)]


def _short(value: Any) -> str:
    return text if len(text := str(value)) <= 60 else f"{text[:57]}..."
