"""The daily digest: one letter of at most 39 lines, what needs a person with the command for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo

from msgspec import Struct

from orchestrator.records.letter import Letter, Row, Span, Style
from orchestrator.records.overview import Agent, Overview
from orchestrator.texts import letters, moments

LINES = 39
REASON = 160
SHIPPED, CALLS, LIMITS, NEXT, TROUBLES = 5, 5, 2, 3, 2


class Shipped(Struct, frozen=True, kw_only=True):
    """Something that was done since the last digest."""

    name: str
    title: str
    link: str = ""


class Call(Struct, frozen=True, kw_only=True):
    """Something that needs a person: why, and the command that goes on with it."""

    name: str
    why: str
    command: str


def letter(
    seen: Overview, zone: tzinfo, shipped: Sequence[Shipped], calls: Sequence[Call], cost: str
) -> Letter:
    """The whole digest; `cost` says what was used since the last one."""
    day = f"{seen.at.astimezone(zone):%A, %d %B %Y}"
    lines: list[Row] = [(Span(f"📬 Daily digest, {day}", Style.BOLD),)]
    lines += part("Off", _off(seen, zone), most=TROUBLES)
    lines += part(f"Shipped: {len(shipped) or 'nothing'}", _shipped(shipped), most=SHIPPED)
    lines += part(f"Needs you: {len(calls) or 'nothing'}", _calls(calls), most=2 * CALLS)
    lines += part("Cost", [(Span(cost),), *_limits(seen)], most=1 + LIMITS)
    lines += part("Next", _next(seen), most=2 * NEXT)
    lines += part("Look at", _troubles(seen), most=TROUBLES)
    lines.append((Span("Agents: ", Style.BOLD), Span(_agents(seen.agents) or "none could start")))
    return Letter(lines=tuple(lines[:LINES]))


def part(heading: str, rows: Iterable[Row], *, most: int) -> Iterator[Row]:
    """A bold heading with its rows, and how many did not fit; nothing for an empty one that
    does not say so itself."""
    found = list(rows)
    if not found and "nothing" not in heading:
        return
    yield (Span(heading, Style.BOLD),)
    yield from found[:most]
    if len(found) > most:
        more = len(found) - most
        lines = "1 more line" if more == 1 else f"{more} more lines"
        yield (Span(f"and {lines}; /status and bin/status.sh show all"),)


def _off(seen: Overview, zone: tzinfo) -> Iterator[Row]:
    for one in seen.off:
        since = moments.spoken(one.since, zone, now=seen.at)
        said = letters.spans(f"{one.name}, since {since}: {one.why}", REASON)
        yield (*said, Span(" "), Span(f"/on {'' if one.name == 'everything' else one.name}"))


def _shipped(shipped: Sequence[Shipped]) -> Iterator[Row]:
    for one in shipped:
        yield (Span(one.name, link=one.link), Span(f" {letters.strange(one.title, 100)}"))


def _calls(calls: Sequence[Call]) -> Iterator[Row]:
    for one in calls:
        yield (Span(one.name, Style.BOLD), Span(" "), *letters.spans(one.why, REASON))
        yield (Span("  "), Span(one.command, Style.CODE))


def _limits(seen: Overview) -> Iterator[Row]:
    for one in seen.budgets:
        used = f"{one.used:,.2f}" if one.measure == "usd" else f"{one.used:,.0f}"
        said = f"{used} of {one.limit:,.0f} {one.measure} ({one.share:.0%})"
        yield (Span(f"{letters.strange(one.name, 60)}: {said}"),)


def _next(seen: Overview) -> Iterator[Row]:
    for pull in seen.pull_requests[:NEXT]:
        yield (
            Span(pull.pull_request or pull.name, link=pull.url),
            Span(" "), *letters.spans(pull.verdict, REASON),
        )
    for task in seen.waiting[:NEXT]:
        told = letters.spans(f"{task.title}: {task.why}", REASON)
        yield (Span(task.name), Span(" "), *told)


def _troubles(seen: Overview) -> Iterator[Row]:
    said = [*(one.text for one in seen.alerts), *seen.odd, *seen.config]
    if seen.disk.problem:
        said.insert(0, seen.disk.problem)
    yield from (letters.spans(line, REASON) for line in said)


def _agents(agents: Sequence[Agent]) -> str:
    """All on one line: who could start now, and how the others are hindered."""
    told = []
    for one in agents:
        did = "; ".join(said.removeprefix(f"{one.name}, ") for said in one.achieved)
        state = (did or "ready") if one.ready else "rests" if one.until else "cannot start"
        told.append(f"{one.name} ({letters.strange(state, 80)})")
    return ", ".join(told)[:500]
