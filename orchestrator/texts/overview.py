"""The whole installation in words: sections of rows, and these as plain lines for pipe and chat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, tzinfo

from msgspec import Struct

from orchestrator.records.overview import (
    Agent,
    Calling,
    Off,
    Open,
    Overview,
    Running,
    Script,
    Waiting,
)
from orchestrator.texts import moments

GIGABYTE = 1_000_000_000
MOST = 8
TITLE = 32  # of a title, beside which there is more to say
CALM, GOOD, WARNING, BAD, DIM, DO = "", "green", "yellow", "red", "dim", "cyan"
UNITS = {"usd": "USD", "tokens": "tokens", "attempts": "attempts"}


class Row(Struct, frozen=True):
    """One line in columns, the last of which may be long; `below` belongs to the one above."""

    cells: tuple[str, ...]
    style: str = CALM
    below: bool = False


class Section(Struct, frozen=True):
    """What is said under one heading; on a screen a row may take so many `lines`."""

    title: str
    rows: tuple[Row, ...]
    style: str = CALM
    lines: int = 1


def sections(seen: Overview, zone: tzinfo, *, most: int = MOST) -> tuple[Section, ...]:
    """Everything worth a line, what needs a person first; at most `most` of each kind."""
    told = Telling(seen, zone, most)
    found = (
        section("Config", (Row((line,), BAD) for line in seen.config), BAD, lines=3),
        section("Off", told.off(), BAD, lines=2),
        section("Needs you", (*told.calling(), *told.steps()), WARNING, lines=2),
        section("Works now", told.running()),
        section("Waits", told.waiting()),
        section("Pull requests", told.pull_requests()),
        section("Agents", told.agents()),
        section("Today", told.money()),
        section("Scripts", told.scripts()),
        section("Look at", told.troubles(), WARNING, lines=3),
    )
    return tuple(one for one in found if one.rows)


def section(title: str, rows: Iterable[Row], style: str = CALM, *, lines: int = 1) -> Section:
    return Section(title, tuple(rows), style, lines)


def headline(seen: Overview, zone: tzinfo) -> str:
    """How many tasks stand where, and when that was."""
    folders = seen.folders
    counts = [f"{folders[name]} {name}" for name in folders if name != "done" and folders[name]]
    today = f", {len(seen.finished)} today" if seen.finished else ""
    done = f"{folders.get('done', 0)} done{today}"
    said = moments.spoken(seen.at, zone, now=seen.at)
    return f"{said}: {', '.join([*counts, done])}"


def plain(seen: Overview, zone: tzinfo, *, most: int = MOST) -> Iterator[str]:
    """The same as lines without colour or cursor, columns aligned and nothing cut off."""
    yield from printed(headline(seen, zone), sections(seen, zone, most=most))


def printed(headline: str, sections: Iterable[Section]) -> Iterator[str]:
    """Sections without colour or cursor."""
    yield headline
    for section in sections:
        yield ""
        yield section.title
        yield from aligned(section.rows)


def aligned(rows: Sequence[Row]) -> Iterator[str]:
    columns = [row.cells for row in rows if not row.below and len(row.cells) > 1]
    count = max(map(len, columns), default=1)
    widths = [
        max((len(cells[i]) for cells in columns if i < len(cells) - 1), default=0)
        for i in range(count)
    ]
    for row in rows:
        if row.below or len(row.cells) == 1:
            yield f"{'      ' if row.below else '  '}{'  '.join(row.cells)}".rstrip()
        else:
            *first, last = row.cells
            cells = [cell.ljust(width) for cell, width in zip(first, widths, strict=False)]
            yield f"  {'  '.join([*cells, last])}".rstrip()


class Telling:
    """The rows of each section; times in `zone`, and names without an owner that all share."""

    def __init__(self, seen: Overview, zone: tzinfo, most: int) -> None:
        self.seen = seen
        self.zone = zone
        self.most = most
        named = [
            one.name
            for kind in (seen.running, seen.waiting, seen.pull_requests, seen.calling, seen.steps)
            for one in kind
        ]
        named += seen.finished
        owners = {name.partition("/")[0] for name in named if "/" in name}
        self.owner = f"{owners.pop()}/" if len(owners) == 1 else ""

    def off(self) -> Iterator[Row]:
        for one in self.seen.off:
            yield Row((one.name, f"since {self.at(one.since)}", off_why(one)), BAD)

    def calling(self) -> Iterator[Row]:
        def rows(one: Calling) -> Iterator[Row]:
            yield Row((self.name(one.name), self.age(one.since), one.why), WARNING)
            first = one.commands[0]
            yield Row((first if "://" in first else self.name(first),), DO, below=True)

        yield from self.some(self.seen.calling, rows, "bin/task.sh list --state escalated")

    def steps(self) -> Iterator[Row]:
        for one in self.seen.steps[: self.most]:
            perhaps = "" if one.known else ", perhaps ticked already"
            said = f"{len(one.steps)} step{'s' * (len(one.steps) > 1)} for you{perhaps}"
            yield Row((self.name(one.name), "", f"{said}: {'; '.join(one.steps)}"), WARNING)

    def running(self) -> Iterator[Row]:
        def rows(one: Running) -> Iterator[Row]:
            age = self.age(one.since)
            if not one.alive:
                said = "its worker is gone; the next tick of run_queue.sh returns it"
                yield Row((self.name(one.name), age, said), BAD)
                return
            who = f"{one.agent}, attempt {one.attempt}" if one.agent else "prepares or delivers"
            yield Row((self.name(one.name), age, who, one.title), GOOD)
            yield from (Row((line,), DIM, below=True) for line in one.lines)

        yield from self.some(self.seen.running, rows, "bin/task.sh list --state processing")

    def waiting(self) -> Iterator[Row]:
        def rows(one: Waiting) -> Iterator[Row]:
            until = f" (until {self.at(one.until)})" if one.until else ""
            mark = "first" if one.first else "" if one.priority == "normal" else one.priority
            yield Row((self.name(one.name), mark, short(one.title), f"{one.why}{until}"))

        yield from self.some(self.seen.waiting, rows, "bin/task.sh list --state inbox,blocked")

    def pull_requests(self) -> Iterator[Row]:
        def rows(one: Open) -> Iterator[Row]:
            pull = self.name(one.pull_request or one.name)
            yield Row((pull, self.age(one.since), short(one.title), one.verdict))

        yield from self.some(self.seen.pull_requests, rows, "bin/task.sh list --state review")

    def agents(self) -> Iterator[Row]:
        yield from (self.agent(one) for one in self.seen.agents)
        yield from (Row((line,), DIM) for line in self.seen.quotas)

    def agent(self, one: Agent) -> Row:
        if one.ready:
            did = "; ".join(said.removeprefix(f"{one.name}, ") for said in one.achieved)
            return Row((one.name, "ready", did), GOOD)
        state = "rests" if one.until else "cannot start"
        return Row((one.name, state, one.why), WARNING if one.until else DIM)

    def money(self) -> Iterator[Row]:
        cost = self.seen.cost
        unknown = f", of {cost.unknown} the cost is unknown" if cost.unknown else ""
        runs = f"{cost.attempts} attempt{'s' * (cost.attempts != 1)}"
        yield Row((f"{cost.usd:.2f} USD, {cost.tokens:,} tokens, {runs}{unknown}",))
        for one in self.seen.budgets[: self.most]:
            used = f"{one.used:,.2f}" if one.measure == "usd" else f"{one.used:,.0f}"
            said = f"{used} of {one.limit:,.0f} {UNITS[one.measure]}"
            style = BAD if one.share >= 1 else WARNING if one.share >= 0.8 else CALM
            yield Row((one.name, f"{one.share:.0%}", said), style)
        if self.seen.finished:
            done = [self.name(name) for name in self.seen.finished]
            more = f" and {len(done) - self.most} more" if len(done) > self.most else ""
            yield Row((f"done: {', '.join(done[: self.most])}{more}",), GOOD)

    def scripts(self) -> Iterator[Row]:
        yield from (self.script(one) for one in self.seen.scripts)

    def script(self, one: Script) -> Row:
        if one.ended is None:
            return Row((one.name, "never", one.problem), WARNING)
        took = f"{one.seconds:.1f} s" + (f", {one.requests} requests" if one.requests else "")
        failing = f", failing since {self.at(one.failing_since)}" if one.failing_since else ""
        problem = f"{one.problem}{failing}; {took}" if one.problem else took
        return Row((one.name, f"{self.age(one.ended)} ago", problem), BAD if one.problem else CALM)

    def troubles(self) -> Iterator[Row]:
        if self.seen.github:
            yield Row((f"GitHub: {self.seen.github}",), BAD)
        room = self.seen.disk
        if room.problem:
            yield Row((f"disk: {room.problem}",), BAD)
        yield from (
            Row((f"{self.at(one.at)}: {one.text}",), WARNING)
            for one in self.seen.alerts[: self.most]
        )
        yield from (Row((line,), WARNING) for line in self.seen.odd[: self.most])
        if (over := len(self.seen.odd) - self.most) > 0:
            yield Row((f"and {over} more files that cannot be read",), WARNING)

    def some(
        self, all_of: Sequence[object], rows: Callable[..., Iterable[Row]], command: str
    ) -> Iterator[Row]:
        for one in all_of[: self.most]:
            yield from rows(one)
        if (over := len(all_of) - self.most) > 0:
            yield Row((f"and {over} more: {command}",), DIM)

    def name(self, said: str) -> str:
        return said.replace(self.owner, "") if self.owner else said

    def at(self, moment: datetime | None) -> str:
        return moments.spoken(moment, self.zone, now=self.seen.at) if moment else "unknown"

    def age(self, moment: datetime | None) -> str:
        if moment is None:
            return ""
        return moments.length(max(0.0, (self.seen.at - moment).total_seconds()))


def off_why(one: Off) -> str:
    why = one.why or "no reason was given"
    return f"stops nothing: no script or repository is called so ({why})" if one.idle else why


def short(title: str) -> str:
    return title if len(title) <= TITLE else f"{title[: TITLE - 1]}…"
