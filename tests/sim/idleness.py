"""Which ticks need not be run: those whose inputs are as they were when the last one did nothing.

A tick also depends on the clock. After the last change it is run again at each moment at which a
rule of the product may judge the same facts differently; between two of them it may not change
anything, and now and then one that need not run is run to prove that.
"""

from __future__ import annotations

import bisect
from datetime import datetime, timedelta

from msgspec import Struct

# Seconds after a change at which the same facts may be judged anew, longer than the product's own
# number by less than a cron interval: retry waits of PyGithub-free reads and second looks (30),
# settle_seconds (60), min_head_age_seconds (120), retry_wait_minutes and its multiples (1, 5, 20,
# 60 minutes), checks that are missing, silent, cancelled, red beside running (15 min, 1 h, 2 h,
# 30 min), what GitHub does not know (6 h), strange commits, running checks, alerts (24 h).
THRESHOLDS = (
    0, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200, 6 * 3600, 12 * 3600, 24 * 3600,
    25 * 3600, 49 * 3600,
)  # fmt: skip


class Inputs(Struct, frozen=True):
    """Versions of everything that a tick reads."""

    forge: int
    work: int
    people: int


class Habit:
    """One script's record: what it saw last, and whether that made it do anything."""

    def __init__(self) -> None:
        self.seen: Inputs | None = None
        self.idle = False
        self.last: datetime | None = None

    def ran(self, inputs: Inputs, now: datetime, *, idle: bool) -> None:
        self.seen, self.idle, self.last = inputs, idle, now


class Changes:
    """When anything changed, so that the clock's own moments are known."""

    def __init__(self) -> None:
        self.moments: list[datetime] = []

    def note(self, now: datetime) -> None:
        if not self.moments or self.moments[-1] < now:
            self.moments.append(now)

    def next_after(self, last: datetime) -> datetime | None:
        """The first threshold of the last change that lies after a moment."""
        if not self.moments:
            return None
        began = self.moments[-1]
        return next(
            (m for s in THRESHOLDS if (m := began + timedelta(seconds=s)) > last), None
        )

    def any_between(self, since: datetime, until: datetime) -> bool:
        """Whether a threshold of any change at all lies in a stretch of time."""
        slack = timedelta(seconds=1)
        for seconds in THRESHOLDS:
            ahead = timedelta(seconds=seconds)
            place = bisect.bisect_left(self.moments, since - ahead - slack)
            if place < len(self.moments) and self.moments[place] + ahead <= until + slack:
                return True
        return False
