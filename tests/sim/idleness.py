"""Which ticks need not be run: those whose inputs are as they were when the last one did nothing.

A tick also depends on the clock. After the last change it is run again at each moment at which a
rule of the product may judge the same facts differently; between two of them it may not change
anything, and now and then one that need not run is run to prove that. A tick that asked for nothing
and met no trouble had nothing to judge by the clock, and only its files can change that.
"""

from __future__ import annotations

import bisect
from datetime import datetime, timedelta
from itertools import zip_longest

from msgspec import Struct

# Seconds after a change at which the same facts may be judged anew: second looks (90),
# settle_seconds (60), min_head_age_seconds (120), checks that are missing, silent, cancelled, red
# beside running (15 min, 1 h, 2 h, 30 min), who waits for another's files (1 h), what GitHub does
# not know (6 h), strange commits, running checks, alerts (24 h). What a task file itself says
# (not_before) is known exactly and not listed.
MINUTE, HOUR = 60, 3600
THRESHOLDS: dict[str, tuple[int, ...]] = {
    "github_dispatcher": (HOUR,),
    "supervisor": (HOUR,),
    "pr_monitor": (
        2 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, 24 * HOUR, 25 * HOUR,
    ),
}  # fmt: skip


class Inputs(Struct, frozen=True):
    """Versions of everything that a script's tick reads; 0 where it would find nothing to do."""

    forge: int
    files: tuple[int, ...]
    people: int

    @property
    def something(self) -> bool:
        """Whether a tick would find anything at all that it could act upon."""
        return self.forge != 0 or any(self.files)

    def news_since(self, seen: Inputs) -> bool:
        """Whether a tick may do what the one that saw `seen` did not do."""
        pairs = zip_longest((self.forge, *self.files), (seen.forge, *seen.files), fillvalue=0)
        return self.people != seen.people or any(now and now != then for now, then in pairs)


class Habit:
    """One script's record: what it saw last, and whether that made it do anything."""

    def __init__(self) -> None:
        self.seen: Inputs | None = None
        # Whether it changed nothing that it reads; whether it met trouble, and is run again for it.
        self.idle = False
        self.again = False
        self.last: datetime | None = None
        # Whether it met the one before still at work, and looked at nothing.
        self.kept_out = False
        self.troubled = 0
        # The fewest requests of a tick that made any: one with no more met nothing to look into.
        self.fewest = 1_000_000
        self.looked = True
        # Whether it had something before it that time alone may change.
        self.watching = True

    def ran(self, inputs: Inputs, now: datetime, *, idle: bool, again: bool = False) -> None:
        self.seen, self.idle, self.again, self.last = inputs, idle, again, now
        self.kept_out = False

    def wants(self, inputs: Inputs) -> bool:
        """Whether the next tick may do something, whatever the clock says."""
        if self.seen is None or self.again:
            return True
        return inputs.news_since(self.seen) or (not self.idle and inputs.something)

    def asked(self, script: str, requests: int, *, in_order: bool) -> None:
        """The requests of a tick; one that came through without trouble tells what it had to do."""
        if requests:
            self.fewest = min(self.fewest, requests)
        self.looked = requests > self.fewest or not in_order
        self.watching = {"pr_monitor": requests > 0, "github_dispatcher": self.looked}.get(
            script, True
        ) or not in_order


class Changes:
    """When what a script reads has changed, so that the clock's own moments are known."""

    def __init__(self, script: str) -> None:
        self.thresholds = THRESHOLDS[script]
        self.moments: list[datetime] = []
        self.known: Inputs | None = None

    def note(self, inputs: Inputs, now: datetime) -> None:
        if inputs != self.known:
            self.known = inputs
            if not self.moments or self.moments[-1] < now:
                self.moments.append(now)

    def seen(self, now: datetime) -> None:
        """A tick has looked at a change: what a rule measures from its first look begins here."""
        if self.moments and self.moments[-1] < now:
            self.moments.append(now)

    def next_after(self, last: datetime) -> datetime | None:
        """The first threshold of the last change that lies after a moment."""
        if not self.moments:
            return None
        began = self.moments[-1]
        moments = (began + timedelta(seconds=seconds) for seconds in self.thresholds)
        return next((moment for moment in moments if moment > last), None)

    def any_between(self, since: datetime, until: datetime) -> bool:
        """Whether a threshold of any change at all lies in a stretch of time."""
        slack = timedelta(seconds=1)
        for seconds in self.thresholds:
            ahead = timedelta(seconds=seconds)
            place = bisect.bisect_left(self.moments, since - ahead - slack)
            if place < len(self.moments) and self.moments[place] + ahead <= until + slack:
                return True
        return False
