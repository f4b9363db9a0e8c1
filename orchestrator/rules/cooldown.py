"""How long an agent rests after its provider refused it: as told, else longer each time."""

from __future__ import annotations

from datetime import datetime, timedelta
from zlib import crc32

from msgspec import Struct

from orchestrator.records.quota import Learnt, Window

# Without a word of when: after the first refusal, the second, and so on.
WAITS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=2), timedelta(hours=5))
LONGEST = timedelta(days=8)  # a weekly limit; what names a later time was misread
PROBE = timedelta(minutes=5)  # how long one start after a rest goes alone
LONG_TOLD = 4  # refusals in a row of which a person should know
SPREAD_SECONDS = 60


class Rest(Struct, frozen=True, kw_only=True):
    """What is remembered of an agent that was refused `count` times in a row.

    `alone`: the rest is over, and one start is under way that shows whether it is served again.
    `window` is what was used up, and `learnt` where `until` is from.
    """

    until: datetime
    count: int
    alone: bool = False
    window: Window = Window.UNKNOWN
    learnt: Learnt = Learnt.ASSUMED


def rest(
    before: Rest | None,
    hint: datetime | None,
    now: datetime,
    *,
    window: Window = Window.UNKNOWN,
    learnt: Learnt = Learnt.ASSUMED,
) -> Rest:
    """The rest after one more refusal; one that came while it rested already is no new one.

    `hint` is the end that its provider told, as `learnt` says; `window` is what was used up.
    """
    if before is not None and now < before.until and not before.alone:
        if hint is None or hint <= before.until:
            return before
        return Rest(until=hint, count=before.count, window=window, learnt=learnt)
    count = before.count + 1 if before else 1
    until = hint or now + _wait(count)
    if count > 1:
        # It said so before, and refused again.
        until = max(until, now + _wait(count - 1))
    known = learnt if until == hint else Learnt.ASSUMED
    return Rest(until=until, count=count, window=window, learnt=known)


def credible(rest: Rest, now: datetime) -> bool:
    """Whether a rest can have been asked for; a longer one was measured by a wrong clock."""
    return rest.until <= now + LONGEST


def _wait(count: int) -> timedelta:
    return WAITS[min(count, len(WAITS)) - 1]


def staggered(until: datetime, name: str) -> datetime:
    """A little later, by name: tasks that waited for the same hour do not start at once."""
    return until + timedelta(seconds=crc32(name.encode()) % SPREAD_SECONDS)
