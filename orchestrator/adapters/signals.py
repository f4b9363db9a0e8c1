"""A signal that asks us to end becomes an exception once; the second one ends us at once (C14)."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from orchestrator.adapters import survivors
from orchestrator.records.errors import Stopped

ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# One Ctrl-C reaches us from the terminal, from `timeout` and from the wrapper: that is one wish.
ECHO_SECONDS = 1.0


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """Within the block the first such signal raises Stopped, wherever the program stands.

    That is as safe as any crash, and kinder: what runs for us is ended on the way out. The second
    one kills the agents of this process and ends it without another step. It is heard also where
    the parent had us ignore it, as a shell does for `cmd &`. In a thread that is not the main one
    nothing can be heard and nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, _ask) for one in ASKING if _wanted(one)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler if handler is not None else signal.SIG_DFL)


def _wanted(one: signal.Signals) -> bool:
    """nohup means what it says: a hang-up that is ignored stays ignored."""
    return one is not signal.SIGHUP or signal.getsignal(one) is not signal.SIG_IGN


def _ask(number: int, frame: FrameType | None) -> None:
    asked = time.monotonic()

    def once_more(again: int, frame: FrameType | None) -> None:
        if time.monotonic() - asked >= ECHO_SECONDS:
            _at_once(again)

    for one in ASKING:
        if _wanted(one):
            signal.signal(one, once_more)
    raise Stopped(number)


def _at_once(number: int) -> NoReturn:
    for pid in survivors.agents_of_ours():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    os._exit(128 + number)
