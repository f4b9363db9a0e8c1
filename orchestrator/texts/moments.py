"""Times as people read them, in their own zone; machines' times stay UTC with a Z (C5)."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo


def spoken(moment: datetime, zone: tzinfo, *, now: datetime) -> str:
    """`14:05 CEST` for a moment of today (by `now`), else with its day: `2026-11-23 14:05 CET`."""
    there = local(moment, zone)
    if there.date() == now.astimezone(zone).date():
        return f"{there:%H:%M} {name(there)}"
    return dated(moment, zone)


def dated(moment: datetime, zone: tzinfo) -> str:
    """`2026-11-22 20:50 UTC`: a moment that is read at any later time."""
    there = local(moment, zone)
    return f"{there:%Y-%m-%d %H:%M} {name(there)}"


def local(moment: datetime, zone: tzinfo) -> datetime:
    """The moment in that zone; in UTC where the zone would carry it past the last year there is.

    `9999-12-31T23:59:59Z` is what people write for never.
    """
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment.astimezone(UTC)


def length(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h`, `4 days`: as long as a person would say."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 129_600 else f"{seconds / 86_400:.0f} days"


def name(moment: datetime) -> str:
    """What its zone is called then; a zone without letters by its distance from UTC."""
    called = moment.tzname() or ""
    return f"UTC{called[:3]}:{called[3:] or '00'}" if called[:1] in {"+", "-"} else called
