"""Where the requests to GitHub went, in lines."""

from __future__ import annotations

from datetime import tzinfo

from orchestrator.records.requests import Allowance, ApiUse
from orchestrator.texts import moments
from orchestrator.texts.overview import BAD, DIM, Row, Section

NOTHING = "no run of a script has asked GitHub anything in the last day"


def sections(used: ApiUse, zone: tzinfo) -> tuple[Section, ...]:
    """What is left, then who used how much of it for what."""
    left = [Row((used.closed,), BAD)] if used.closed else []
    left += [Row(allowance(one, used, zone)) for one in used.allowances]
    found = (Section("Left of GitHub's allowances", tuple(left)), spent(used))
    return tuple(one for one in found if one.rows)


def headline(used: ApiUse, zone: tzinfo) -> str:
    hour = sum(one.hour for one in used.uses)
    points = sum(one.hour_points for one in used.uses)
    said = moments.spoken(used.at, zone, now=used.at)
    return f"Requests to GitHub at {said}: {hour} in the last hour, {points} points"


def spent(used: ApiUse) -> Section:
    rows = [
        Row((one.script, str(one.hour), str(one.hour_points), str(one.day), str(one.day_points),
             one.kind), "" if one.hour else DIM)
        for one in used.uses
    ]  # fmt: skip
    head = Row(("script", "hour", "its points", "day", "the day's points", "for"), "bold")
    return Section("Used", (head, *rows) if rows else (Row((NOTHING,), DIM),))


def allowance(one: Allowance, used: ApiUse, zone: tzinfo) -> tuple[str, ...]:
    told = moments.spoken(one.told, zone, now=used.at)
    if one.resets <= used.at:
        return one.resource, f"all {one.limit}", f"its hour is over (it was told at {told})"
    resets = moments.spoken(one.resets, zone, now=used.at)
    share = f"{one.remaining} of {one.limit}"
    return one.resource, share, f"until {resets}, as told at {told}"

