"""When a refusal says that it ends: reset times as programs and providers write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

from orchestrator.records import regex

SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=8)  # a weekly limit; what names a later time was misread
JUST_PASSED = timedelta(minutes=10)  # a clock time so shortly ago means now, not tomorrow

MONTHS = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
]  # fmt: skip
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
AMOUNT = (
    r"\d+(?:\.\d+)?\s*(?:milliseconds?|ms|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)"
    r"(?![a-z])"
)
SPAN = regex.late(
    r"(?:again|retry(?:ing)?|resets?|available|wait)\s+(?:again\s+)?(?:in|after|for)?\s*"
    rf"(?P<span>(?:{AMOUNT}[\s,]*(?:and\s+)?)+)",
    re.IGNORECASE,
)
PART = regex.late(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[a-z]+)", re.IGNORECASE)
AFTER = regex.late(
    r"(?:retry[-_ ]?after|resets?[-_ ]?in[-_ ]?seconds)[\"']?\s*[:=]?\s*[\"']?"
    r"(?P<seconds>\d+(?:\.\d+)?)(?![\d.]*\s*(?:ms|m|h|d))",
    re.IGNORECASE,
)
STAMP = regex.late(
    r"resets?[-_ ]?at[\"']?\s*[:=]\s*[\"']?(?P<stamp>\d{10})(?!\d)", re.IGNORECASE
)
ISO = regex.late(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)")
CLOCK = regex.late(
    r"(?:resets?|again|available|until)\b\s*(?:at|on|:)?\s*"
    r"(?:(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+"
    r"(?P<day>\d{1,2})(?:st|nd|rd|th)?(?:,?\s+(?P<year>\d{4}))?,?\s+(?:at\s+)?)?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s*(?P<half>[ap]\.?m\b\.?)?"
    r"(?:\s*\((?P<zone>[A-Za-z][A-Za-z0-9_+/-]*)\))?",
    re.IGNORECASE,
)


def told(text: str, now: datetime) -> datetime | None:
    """When the words of an error say that it ends; a time without a zone is in the zone of `now`.

    The end is in UTC and at least a minute away; None where they do not say, or cannot be meant.
    """
    return reset_at(text, now, local=now.tzinfo or UTC, zone=named)


def at(seconds: float, now: datetime) -> datetime | None:
    """A point of time in seconds since 1970, where it can be the end of a refusal."""
    try:
        return _sane(datetime.fromtimestamp(seconds, UTC), now)
    except (ValueError, OverflowError, OSError):
        return None


def after(seconds: float, now: datetime) -> datetime | None:
    """A number of seconds from now, where it can be the end of a refusal."""
    return _sane(now + timedelta(seconds=min(max(seconds, 0.0), 1e8)), now)


def named(zone: str) -> tzinfo | None:
    """The zone of that IANA name; its rules are data of the language, like an alphabet."""
    if zone.upper() in {"UTC", "GMT", "Z"}:
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def reset_at(
    text: str, now: datetime, *, local: tzinfo, zone: Callable[[str], tzinfo | None]
) -> datetime | None:
    """When a refusal says that it ends (UTC, at least a minute away); None where it does not say.

    `local` is the zone of times without one, `zone` finds one by its name. Give it the words of
    the error alone: what an agent writes elsewhere may name any time.
    """
    for read in (_stamp, _iso, _after, _span):
        found = read(text, now)
        if found is not None:
            return _sane(found, now)
    found = _clock(text, now, local, zone)
    return None if found is None else _sane(found, now)


def _sane(found: datetime, now: datetime) -> datetime | None:
    if found > now + LONGEST or found < now - JUST_PASSED:
        return None
    return max(found.astimezone(UTC), now + SHORTEST)


def _stamp(text: str, now: datetime) -> datetime | None:
    found = STAMP.search(text)
    return datetime.fromtimestamp(int(found["stamp"]), UTC) if found else None


def _iso(text: str, now: datetime) -> datetime | None:
    found = ISO.search(text)
    try:
        return datetime.fromisoformat(found[0]) if found else None
    except ValueError:
        return None


def _after(text: str, now: datetime) -> datetime | None:
    found = AFTER.search(text)
    return now + timedelta(seconds=min(float(found["seconds"]), 1e8)) if found else None


def _span(text: str, now: datetime) -> datetime | None:
    found = SPAN.search(text)
    if found is None:
        return None
    seconds = 0.0
    for part in PART.finditer(found["span"]):
        unit = part["unit"].lower()
        short = "ms" if unit in {"ms"} or unit.startswith("milli") else unit[0]
        seconds += float(part["number"]) * UNITS[short]
    return now + timedelta(seconds=min(seconds, 1e8))


def _clock(
    text: str, now: datetime, local: tzinfo, zone: Callable[[str], tzinfo | None]
) -> datetime | None:
    for found in CLOCK.finditer(text):
        if not (found["half"] or found["minute"]):
            continue  # a bare number is no time of day
        place = zone(found["zone"]) if found["zone"] else local
        hour, minute = int(found["hour"]), int(found["minute"] or 0)
        if found["half"]:
            if not 1 <= hour <= 12:
                continue
            hour = hour % 12 + (12 if found["half"][0] in "pP" else 0)
        if place is None or hour > 23 or minute > 59:
            continue
        here = now.astimezone(place)
        at = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
        if found["month"]:
            return _on_the_day(at, found["month"], int(found["day"]), found["year"])
        return at if at >= here - JUST_PASSED else at + timedelta(days=1)
    return None


def _on_the_day(at: datetime, month: str, day: int, year: str | None) -> datetime | None:
    """The day as written; one without a year that has long passed is next year's."""
    number = MONTHS.index(month[:3].lower()) + 1
    try:
        named = at.replace(year=int(year) if year else at.year, month=number, day=day)
        far = not year and named < at - timedelta(days=180)
        return named.replace(year=at.year + 1) if far else named
    except ValueError:
        return None
