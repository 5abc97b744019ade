"""Ctrl-C, and SIGTERM as a scheduler sends it: both wait until what is begun is whole."""

import contextlib
import signal
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(SystemExit):
    """What SIGTERM raises inside `unwinding`; uncaught, it ends the process with exit code 143."""


@contextlib.contextmanager
def unwinding() -> Iterator[None]:
    """SIGTERM raises `Terminated` in the block, where it would else end the process at once."""
    if not _here() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(number, frame):
        raise Terminated(128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """An interrupt is raised at the end of the block; a second one at once.

    Where Python does not raise interrupts itself (in other threads, or where they are ignored), nothing
    is changed.
    """
    acts = {number: act for number in SIGNALS if callable(act := signal.getsignal(number))}
    if not _here():
        acts = {}
    came = []

    def wait(number, frame):
        if came:
            acts[number](number, frame)
        came.append((number, frame))

    for number in acts:
        signal.signal(number, wait)
    try:
        yield
    finally:
        for number, act in acts.items():
            signal.signal(number, act)
    if came:
        number, frame = came[0]
        acts[number](number, frame)


def _here() -> bool:
    """Whether this thread is the one that hears signals."""
    return threading.current_thread() is threading.main_thread()
