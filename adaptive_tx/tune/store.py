"""What a training keeps on disk, so that the same call goes on where the last one stopped."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


class Store:
    """A folder: `call.json` says what is trained, and one .npz for each sweep how far it is."""

    def __init__(self, who: str, folder: str | os.PathLike, call: dict[str, Any]):
        """Opens the folder, or makes it.

        Raises:
          ValueError: if it holds a training that was called with something else.
        """
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "call.json"
        call = json.loads(json.dumps(call))
        if path.exists():
            _same_call(who, self.folder, json.loads(path.read_text()), call)
        else:
            self.write_text("call.json", json.dumps(call, indent=1) + "\n")

    def save(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Replaces what is kept under a name, all at once: a crash leaves the old or the new."""
        path = self.folder / f"{name}.npz"
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, **arrays)
        os.replace(part, path)

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """What was kept under a name."""
        path = self.folder / f"{name}.npz"
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as kept:
            return dict(kept)

    def write_text(self, name: str, text: str) -> None:
        """A file for people: results."""
        part = self.folder / f"{name}.part"
        part.write_text(text)
        os.replace(part, self.folder / name)


def packed(prefix: str, tree: Any) -> dict[str, np.ndarray]:
    """The leaves of a tree as NumPy arrays of bytes' own dtypes: .npz knows no bfloat16."""
    leaves = jax.tree.leaves(tree)
    return {f"{prefix}.{i}": _as_known(np.asarray(leaf)) for i, leaf in enumerate(leaves)}


def unpacked(prefix: str, kept: dict[str, np.ndarray], like: Any) -> Any:
    """The tree whose leaves `packed` made; `like` has its structure and dtypes."""
    leaves, structure = jax.tree.flatten(like)
    found = [kept[f"{prefix}.{i}"].view(np.dtype(leaf.dtype)) for i, leaf in enumerate(leaves)]
    return structure.unflatten(found)


def _as_known(x: np.ndarray) -> np.ndarray:
    return x if x.dtype.kind in "biufc" else x.view(f"u{x.dtype.itemsize}")


def digest(tree: Any) -> str:
    """A fingerprint of what a call was given: of arrays their bytes, of functions their name."""
    sha = hashlib.sha256()
    for path, leaf in jax.tree.leaves_with_path(tree):
        sha.update(jax.tree_util.keystr(path).encode())
        if callable(leaf):
            sha.update(str(named(leaf)).encode())
        else:
            leaf = jax.random.key_data(leaf) if _is_key(leaf) else leaf
            x = np.asarray(leaf)
            sha.update(f"{x.dtype}{x.shape}".encode() + x.tobytes())
    return sha.hexdigest()[:16]


def named(function: Any) -> str | None:
    """A function as it is called."""
    return None if function is None else getattr(function, "__qualname__", repr(type(function)))


def _is_key(leaf) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _same_call(who: str, folder: Path, was: dict, now: dict) -> None:
    changed = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    if changed:
        told = "; ".join(f"{n} was {_short(was.get(n))}, now {_short(now.get(n))}" for n in changed)
        raise ValueError(
            f"{who}: {folder} holds another training ({told}). Choose another out, or delete it."
        )


def _short(value: Any) -> str:
    return text if len(text := str(value)) <= 60 else f"{text[:57]}..."
