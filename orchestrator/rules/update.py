"""Which commit of itself this installation may go on to, if any (C10)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from orchestrator.records import regex
from orchestrator.records.tracker import Check
from orchestrator.rules import checks

SETTLED = timedelta(minutes=10)  # a check that ran a moment ago may be run again
HTTPS = regex.late(r"https?://(?:[^/@]*@)?(?P<host>[^/]+)/(?P<slug>[^/]+/[^/]+?)(?:\.git)?/?")
SSH = regex.late(
    r"(?:ssh://)?[^/@:]+@(?P<host>[^/:]+)(?::\d+)?[:/](?P<slug>[^/]+/[^/]+?)(?:\.git)?/?"
)


class Candidate(Struct, frozen=True, kw_only=True):
    """A commit on the way to the remote's tip; `checks` None where GitHub tells no whole list."""

    sha: str
    checks: tuple[Check, ...] | None


class GoTo(Struct, frozen=True):
    """The newest commit whose checks are green and settled."""

    sha: str


class Stay(Struct, frozen=True):
    """Why nothing is taken now."""

    reason: str


def slug_of(remote: str, web: str) -> str:
    """`owner/name` on the GitHub with the address `web`, by any spelling of its remote; else ""."""
    host = web.partition("://")[2].partition("/")[0].lower()
    for shape in (HTTPS, SSH):
        match = shape.fullmatch(remote.strip())
        if match and match["host"].lower() == host:
            return match["slug"]
    return ""


def choice(newest_first: Sequence[Candidate], avoid: str, now: datetime) -> GoTo | Stay:
    """The newest that may be taken; `avoid` is one that a person went back from."""
    why = ""
    for one in newest_first:
        if one.sha == avoid:
            why = why or f"{one.sha[:12]} is the one that was gone back from"
            break  # what lies before it was left for it
        objection = not_yet(one, now)
        if not objection:
            return GoTo(one.sha)
        why = why or f"{one.sha[:12]} {objection}"
    return Stay(why or "nothing newer is there")


def not_yet(one: Candidate, now: datetime) -> str:
    """What speaks against a commit, "" where its checks are green and have been for a while."""
    if one.checks is None:
        return "has checks of which GitHub tells no whole list"
    told = checks.summary(one.checks)
    if told.none:
        return "has no checks"
    if told.red or told.human:
        return f"is red: {', '.join((*told.red, *told.human))}"
    if not told.green:
        return f"waits for {', '.join(told.pending)}" if told.pending else "has no green check"
    ended = [check.completed for check in one.checks if check.completed is not None]
    if ended and now - max(ended) < SETTLED:
        return "is green only since a moment ago"
    return ""
