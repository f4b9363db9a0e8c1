"""A fault before any agent: when it is tried again, and when it is given up."""

from __future__ import annotations

from msgspec import Struct

# Five tries with growing waits, then failed/ (DESIGN.md, Mailbox). The numbers multiply
# `retry_wait_minutes`.
WAITS = (0.2, 1.0, 4.0, 12.0)
# An outage counts no further, so that a fault of the task's own after it has two tries still.
OF_AN_OUTAGE = len(WAITS) - 1


class Again(Struct, frozen=True, tag=True):
    """Try it again after `wait`; `tries` is what is remembered, `longest` says that no wait of
    the row is longer."""

    tries: int
    wait: float
    longest: bool


class GiveUp(Struct, frozen=True, tag=True):
    tries: int


def after(tries: int, *, outage: bool) -> Again | GiveUp:
    """What follows one more fault after so many; an outage of GitHub gives nothing up."""
    now = tries + 1
    if outage:
        step = min(now, len(WAITS))
        return Again(min(now, max(tries, OF_AN_OUTAGE)), wait(step), step == len(WAITS))
    return GiveUp(now) if now > len(WAITS) else Again(now, wait(now), now == len(WAITS))


def wait(tries: int) -> float:
    """How long is waited after so many tries."""
    return WAITS[min(tries, len(WAITS)) - 1]
