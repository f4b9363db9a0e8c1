"""When a job is due: by its last success and never by cron's minute, whatever the clock does."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from msgspec import Struct

# Clocks of one machine agree to less; what lies further ahead was written before a clock went back.
SLACK = timedelta(minutes=5)


class Due(Struct, frozen=True, tag=True):
    """Run it once now, however many times were missed (C3)."""

    reason: str


class NotYet(Struct, frozen=True, tag=True):
    """It is due at `at`."""

    reason: str
    at: datetime


class ClockWentBack(Struct, frozen=True, tag=True):
    """Its last success lies in the future: count from now, and tell a person."""

    reason: str
    at: datetime


Timing = Due | NotYet | ClockWentBack


def judge(last_success: datetime | None, every: timedelta, now: datetime) -> Timing:
    """Whether a job with this last success (UTC) is due at `now`; a clock put back costs at most
    one interval, and one put forward runs it at most once too often (C3)."""
    if last_success is None:
        return Due("it has not run yet")
    if last_success > now + SLACK:
        reason = f"its last success is {last_success - now} ahead of the clock"
        return ClockWentBack(reason, now + every)
    if now - last_success >= every:
        return Due(f"its last success is {now - last_success} ago")
    return NotYet("it has run", last_success + every)


def week(now: datetime, zone: tzinfo) -> str:
    """The ISO week of a moment as people there count it: `2026-W48`, in order as text."""
    year, number, _ = now.astimezone(zone).isocalendar()
    return f"{year:04d}-W{number:02d}"


def weekly(last_week: str, now: datetime, zone: tzinfo, *, weekday: int = 1, hour: int = 0) -> bool:
    """Whether a weekly job (weekday 1 is Monday) that last succeeded in `last_week` is due (C4).

    Once in each ISO week from that day and hour on, so that a double hour, a restart, a second
    crontab or days without power run it once; a clock put back into an older week runs nothing.
    """
    there = now.astimezone(zone)
    _, _, day = there.isocalendar()
    return week(now, zone) > last_week and (day, there.hour) >= (weekday, hour)


def daily(last_success: datetime | None, now: datetime, zone: tzinfo, *, hour: int = 0) -> bool:
    """Whether a daily job is due: once in each day there, from that hour on, whatever was missed.

    A last success in the future is a clock that was put back, and counts for nothing.
    """
    there = now.astimezone(zone)
    known = last_success is not None and last_success <= now + SLACK
    today = known and last_success.astimezone(zone).date() >= there.date()  # type: ignore[union-attr]
    return not today and there.hour >= hour


def more_seldom(
    since: datetime, now: datetime, *, least: timedelta, most: timedelta = timedelta(hours=1)
) -> datetime:
    """When to look again at what has stood in its way since then: after a quarter of that time."""
    return now + min(max(least, (now - since) / 4), most)


def waits_until(not_before: datetime, marked_at: datetime, now: datetime) -> datetime:
    """Until when a task waits whose wait began at `marked_at`.

    A wait that began in the future was measured by a clock that is put right since: nobody knows
    how long it has lasted, so it is over.
    """
    return now if marked_at > now + SLACK else not_before
