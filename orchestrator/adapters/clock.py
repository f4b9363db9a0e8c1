"""The time of day, waiting, and elapsed time, as one value that tests and `--now` can replace."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo

from orchestrator.records.errors import AgentOSError


class UnknownZone(AgentOSError):
    """A name of no time zone."""

    exit_code = 20


class Clock:
    """The machine's own time: `now` is aware UTC, `monotonic` counts through sleep (C5)."""

    def now(self) -> datetime:
        """The present moment in UTC, to the millisecond."""
        return _to_the_millisecond(datetime.now(UTC))

    def monotonic(self) -> float:
        """Seconds since an unspecified start; never goes back, goes on while suspended."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


class FixedClock(Clock):
    """A clock that was set to `start` (aware) when it was made, and has gone on since."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("A clock needs a time with its zone, such as 2026-11-22T20:50:00Z.")
        self._start = start.astimezone(UTC)
        self._began = self.monotonic()

    def now(self) -> datetime:
        elapsed = timedelta(seconds=self.monotonic() - self._began)
        return _to_the_millisecond(self._start + elapsed)


def zone(name: str) -> tzinfo:
    """A time zone by its IANA name; the one of machines costs nothing. Raises UnknownZone."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as wrong:
        raise UnknownZone(f"{name!r} is no time zone that this machine knows") from wrong


def zones() -> frozenset[str]:
    """Every IANA name that this machine knows."""
    from zoneinfo import available_timezones

    return frozenset(available_timezones())


def _to_the_millisecond(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
