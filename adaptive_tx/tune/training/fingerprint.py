"""What programs and arrays are, as a checksum: equal content is equal, whatever it is called.

Of a program count its equations, and the bytes of every array that it closes over, at any depth. Names
of functions, lines of code and addresses do not count, nor does what only prints.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal
from jax.extend.linear_util import WrappedFun

ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
HIDES = ("pure_callback", "io_callback", "custom_vmap_call")  # run Python that jax does not show
PRINTS = ("debug_callback", "debug_print")  # change no number


class Fingerprint:
    """Of jaxprs, arrays and trees of them: `digest`, and what they run that nobody can see."""

    def __init__(self, *things: Any):
        self.hidden: set[str] = set()  # names of primitives
        self._known: dict[int, bytes] = {}  # by identity: a jaxpr can occur often
        self.digest = self._of(things).hex()[:16]

    def _of(self, x: Any, primitive: str = "", shown: bool = False) -> bytes:
        """The checksum of anything.

        Args:
          primitive: the name of the one that it belongs to.
          shown: whether a jaxpr beside it says what is computed, so that functions do not count.
        """
        if isinstance(x, ClosedJaxpr):
            return _hashed("program", self._jaxpr(x.jaxpr), *map(self._of, x.consts))
        if isinstance(x, Jaxpr):
            return self._jaxpr(x)
        if hasattr(x, "__array__") and not isinstance(x, type):
            return _array(x)
        if isinstance(x, dict):
            x = sorted(x.items(), key=repr)
        if isinstance(x, (tuple, list)):
            return _hashed("list", *(self._of(one, primitive, shown) for one in x))
        return self._printed(x, primitive, shown)

    def _printed(self, x: Any, primitive: str, shown: bool) -> bytes:
        """The checksum of what is neither a program nor an array, as it prints."""
        module, name = getattr(x, "__module__", None), getattr(x, "__qualname__", "<locals>")
        if str(module).startswith("jax.") and "<locals>" not in name:
            return _hashed("jax's", f"{module}.{name}")  # its version is known
        text = repr(x)
        if not (ADDRESS.search(text) or isinstance(x, WrappedFun)):
            return _hashed(type(x).__name__, text)
        if not shown:
            self.hidden.add(primitive)
        return b""

    def _jaxpr(self, jaxpr: Jaxpr) -> bytes:
        if id(jaxpr) not in self._known:
            self._known[id(jaxpr)] = self._equations(jaxpr)
        return self._known[id(jaxpr)]

    def _equations(self, jaxpr: Jaxpr) -> bytes:
        """The checksum of equations; variables are numbered as they come."""
        numbers: dict[Any, int] = {}

        def new(variables: Iterable) -> str:
            for v in variables:
                numbers[v] = len(numbers)
            return "".join(f"{v.aval!r};" for v in variables)

        def known(v: Any) -> bytes | str:
            is_number = isinstance(v, Literal)
            return self._of(v.val) + repr(v.aval).encode() if is_number else str(numbers[v])

        def old(variables: Iterable) -> bytes:
            return _hashed("in", *map(known, variables))

        parts: list[bytes | str] = [new(jaxpr.constvars), new(jaxpr.invars)]
        for equation in jaxpr.eqns:
            name = equation.primitive.name
            if name in PRINTS:
                continue
            if name in HIDES and not any(map(_is_ours, equation.params.values())):
                self.hidden.add(name)
            parts += [name, old(equation.invars), *self._params(name, equation.params)]
            parts.append(new(equation.outvars))
        return _hashed("equations", *parts, old(jaxpr.outvars))

    def _params(self, primitive: str, params: dict[str, Any]) -> Iterable[bytes | str]:
        shown = any(map(_holds_a_jaxpr, params.values()))
        for name in sorted(params):
            if not (shown and name == "name"):
                yield name
                yield self._of(params[name], primitive, shown or primitive in HIDES)


def _holds_a_jaxpr(x: Any) -> bool:
    if isinstance(x, (tuple, list)):
        return any(map(_holds_a_jaxpr, x))
    return isinstance(x, (ClosedJaxpr, Jaxpr))


def _is_ours(x: Any) -> bool:
    """Whether it is a function of the library, whose version is known."""
    return str(getattr(x, "__module__", None)).startswith("adaptive_tx.")


def _array(x: Any) -> bytes:
    """The checksum of an array, or of a key: its type, shape and bytes."""
    kind = str(x.dtype)
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        x = jax.random.key_data(x)
    x = np.asarray(x)
    flat = np.ascontiguousarray(x).reshape(-1).view(np.uint8)
    return _hashed("array", f"{kind}{x.shape}", flat.data)


def _hashed(kind: str, *parts: Any) -> bytes:
    sha = hashlib.sha256(kind.encode())
    for part in parts:
        part = part.encode() if isinstance(part, str) else part
        sha.update(b"%d:" % len(part))
        sha.update(part)
    return sha.digest()
