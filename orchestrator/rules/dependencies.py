"""Which issues an issue waits for, and whether they let it start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from orchestrator.records import regex

LIMIT = 50  # references read from one issue
FENCE = regex.late(r"^\s*(`{3,}|~{3,})")
LINE = regex.late(
    r"^(?: {0,3}(?:#{1,6}\s+)?|\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?)"
    r"[*_]{0,2}(?:depends\s+on|blocked\s+by)[*_]{0,2}\s*:?\s*[*_]{0,2}\s*(?P<rest>.*)$",
    re.IGNORECASE,
)
ITEM = regex.late(r"^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?(?P<rest>.*)$")
REFERENCE = regex.late(
    r"(?:https?://[^/\s]+/(?P<url>[\w.-]+/[\w.-]+)/(?:issues|pull)/(?P<url_number>\d{1,9})"
    r"|(?P<repo>[\w.-]+/[\w.-]+)?#(?P<number>\d{1,9})"
    r"|GH-(?P<short>\d{1,9}))(?!\w)",
    re.IGNORECASE,
)
BETWEEN = regex.late(r"\s*(?:,|;|&|\+)?\s*(?:and\b|or\b)?\s*", re.IGNORECASE)


class IssueState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    NOT_PLANNED = "not_planned"
    UNREADABLE = "unreadable"


class Known(Struct, frozen=True, kw_only=True):
    """An issue of the same repository: its state, and what it depends on itself."""

    state: IssueState
    depends_on: tuple[int, ...] = ()


class Clear(Struct, frozen=True, tag=True):
    """Nothing is in its way."""


class Waiting(Struct, frozen=True, tag=True):
    """It stays Ready until these issues are closed."""

    on: tuple[int, ...]


class Cycle(Struct, frozen=True, tag=True):
    """It waits for itself, along these issues; a person must break the circle."""

    path: tuple[int, ...]


class ClosedAsNotPlanned(Struct, frozen=True, tag=True):
    """What it waits for will never be done; a person must decide."""

    number: int


class Unknown(Struct, frozen=True, tag=True):
    """It waits for what cannot be read: unknown is not done."""

    on: tuple[str, ...]


Dependency = Clear | Waiting | Cycle | ClosedAsNotPlanned | Unknown


def parse(body: str, *, repo: str = "") -> tuple[int, ...]:
    """The numbers of this repository's issues named after `Depends on` or `Blocked by`.

    Only at the beginning of a line or list item; code, quotes and HTML comments say nothing.
    `repo` is "owner/name", so that a reference with the own name counts too.
    """
    found = (number for owner, number in _references(body) if not owner or _same(owner, repo))
    return tuple(dict.fromkeys(found))


def elsewhere(body: str, *, repo: str = "") -> tuple[str, ...]:
    """The references to other repositories, as `owner/name#N`; we do not read those."""
    found = (f"{o}#{n}" for o, n in _references(body) if o and not _same(o, repo))
    return tuple(dict.fromkeys(found))


def judge(
    number: int, known: Mapping[int, Known], *, others: tuple[str, ...] = ()
) -> Dependency:
    """Whether issue `number`, itself among the known, may start.

    What needs a person comes first: a circle through this issue, or one that was closed as not
    planned. An issue that is missing from `known`, or stands in `others`, is unknown.
    """
    wanted = known[number].depends_on if number in known else ()
    states = {n: known[n].state if n in known else IssueState.UNREADABLE for n in wanted}
    path = _circle(number, known)
    if path:
        return Cycle(path)
    dropped = [n for n, state in states.items() if state is IssueState.NOT_PLANNED]
    if dropped:
        return ClosedAsNotPlanned(dropped[0])
    unread = tuple(f"#{n}" for n, state in states.items() if state is IssueState.UNREADABLE)
    if unread or others:
        return Unknown(unread + others)
    still_open = tuple(n for n, state in states.items() if state is IssueState.OPEN)
    return Waiting(still_open) if still_open else Clear()


def _same(owner: str, repo: str) -> bool:
    return owner.lower() == repo.lower()


def _references(body: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    listing = False
    for line in _prose(body):
        match = LINE.match(line) or (ITEM.match(line) if listing else None)
        listed = list(_leading(match["rest"])) if match else []
        found.extend(listed)
        # A line that only announces a list opens it; its items are read until other text comes.
        announced = bool(LINE.match(line)) and not match["rest"].strip() if match else False
        listing = announced or (listing and (bool(listed) or not line.strip()))
    return found[:LIMIT]


def _leading(text: str) -> Iterator[tuple[str, int]]:
    """The references at the beginning of the text, up to the first word that is none."""
    position = 0
    while match := REFERENCE.match(text, position):
        digits = match["number"] or match["url_number"] or match["short"]
        yield match["repo"] or match["url"] or "", int(digits)
        gap = BETWEEN.match(text, match.end())
        position = gap.end() if gap else match.end()


def _prose(body: str) -> Iterator[str]:
    fence, hidden = "", False
    for line in body.splitlines():
        mark = FENCE.match(line)
        if fence:
            closing = line.strip()
            if closing == fence[0] * len(closing) and len(closing) >= len(fence):
                fence = ""
            continue
        if mark and not hidden:
            fence = mark[1]
            continue
        shown, hidden = _shown(line, hidden=hidden)
        if not shown.lstrip().startswith(">"):
            yield shown


def _shown(line: str, *, hidden: bool) -> tuple[str, bool]:
    """The line without what stands in an HTML comment, and whether one is open at its end."""
    pieces: list[str] = []
    position = 0
    while position < len(line):
        mark = "-->" if hidden else "<!--"
        found = line.find(mark, position)
        end = len(line) if found < 0 else found
        if not hidden:
            pieces.append(line[position:end])
        position = end + len(mark)
        hidden = hidden != (found >= 0)
    return "".join(pieces), hidden


def _circle(start: int, known: Mapping[int, Known]) -> tuple[int, ...]:
    """A way from the issue back to itself through open issues, or nothing."""
    seen: set[int] = set()
    ways: list[tuple[int, ...]] = [(start,)]
    while ways:
        way = ways.pop()
        here = known.get(way[-1])
        if here is None or (here.state is not IssueState.OPEN and way[-1] != start):
            continue
        for following in here.depends_on:
            if following == start:
                return (*way, start)
            if following not in seen:
                seen.add(following)
                ways.append((*way, following))
    return ()
