"""The tasks in a table: at a terminal, as plain lines, or as JSON."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TextIO

import msgspec
from msgspec import Struct

from orchestrator import hands
from orchestrator.overview import tasks
from orchestrator.overview.tasks import Shelf
from orchestrator.records.task import State
from orchestrator.texts import chatter, moments, overview, screen
from orchestrator.texts.overview import Row, Section
from orchestrator.whereabouts import place
from orchestrator.world import World

# What is over is listed where it is asked for.
USUAL = tuple(
    state for state in State if state not in {State.DONE, State.CANCELLED, State.QUARANTINE}
)
REASON_LINES = 5  # of a terminal; a pipe gets the whole of it


class Listed(Struct, frozen=True, kw_only=True):
    """One task in a list; the names of the fields are promised to programs that read `--json`."""

    name: str
    task_id: str
    state: str
    repo: str
    title: str
    since: datetime | None
    attempts: int
    agent: str
    pull_request: str
    why: str
    until: datetime | None


def states(words: str) -> tuple[State, ...] | None:
    """The states that were named, in the order of the mailbox; None where one is none."""
    named = {word.strip().lower() for word in words.split(",") if word.strip()}
    if not named:
        return USUAL
    if "all" in named:
        return tuple(State)
    found = tuple(state for state in State if state.value in named)
    return found if len(found) == len(named) else None


def gathered(world: World, wanted: Sequence[State], repo: str) -> list[Listed]:
    shelf = Shelf(world)
    why: dict[str, tuple[str, datetime | None]] = {}
    for one in tasks.waiting(world, shelf):
        why[one.task_id] = one.why, one.until
    for pull in tasks.pull_requests(world, shelf, live=False):
        why[pull.task_id] = pull.verdict, None
    for call in tasks.calling(world, shelf):
        why[call.task_id] = call.why, None
    for run in tasks.running(world, shelf):
        said = f"{run.agent} works on it" if run.agent else "prepares or delivers"
        why[run.task_id] = said if run.alive else "its worker is gone", None
    found = []
    for state in wanted:
        for each in shelf.found.get(state) or world.mailroom.read_state(state):
            task, pull_request = each.task, each.task.pull_request
            if repo and task.repo.lower() != repo.lower():
                continue
            reason, until = why.get(task.task_id, (place.first_words(task.note), None))
            found.append(
                Listed(
                    name=hands.name_of(task), task_id=task.task_id, state=state.value,
                    repo=task.repo, title=tasks.title_of(world, task), since=tasks.since(task),
                    attempts=task.runs, agent=task.attempt.agent if task.attempt else "",
                    pull_request=f"{task.repo}#{pull_request.number}" if pull_request else "",
                    why=chatter.flat(world.redact(reason)), until=until,
                )
            )  # fmt: skip
    return found


def show(world: World, wanted: Sequence[State], repo: str, out: TextIO, *, json: bool) -> None:
    found = gathered(world, wanted, repo)
    if json:
        out.write(msgspec.json.encode(found).decode() + "\n")
    elif not found:
        out.write("no such tasks\n")
    elif world.environment.get("NO_COLOR") or not out.isatty():
        rows = [Row(cells(world, one)) for one in found]
        out.writelines(f"{line.strip()}\n" for line in overview.aligned(rows))
    else:
        table(world, found, out)


def cells(world: World, one: Listed) -> tuple[str, ...]:
    now = world.clock.now()
    age = moments.length(max(0.0, (now - one.since).total_seconds())) if one.since else ""
    until = f" (until {world.spoken(one.until)})" if one.until else ""
    return one.state, one.name, age, overview.short(one.title), f"{one.why}{until}"


STYLES = {
    "processing": "green", "escalated": "yellow", "failed": "red", "quarantine": "red",
    "done": "dim", "cancelled": "dim",
}  # fmt: skip


def table(world: World, found: Sequence[Listed], out: TextIO) -> None:
    """As bin/status.sh lays it out: a section for each state, the reason wrapped beside."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=out, highlight=False)
    for words, style in laid_out(world, found, console.width):
        console.print(Text(words, style=style), no_wrap=True, crop=True)


def laid_out(world: World, found: Sequence[Listed], width: int) -> Iterator[screen.Line]:
    owners = {one.name.partition("/")[0] if "/" in one.name else "" for one in found}
    shared = f"{owners.pop()}/" if len(owners) == 1 else ""
    sections = []
    for state, those in itertools.groupby(found, key=lambda one: one.state):
        rows = []
        for one in those:
            _, name, *rest = cells(world, one)
            rows.append(Row((name.removeprefix(shared), *rest)))
        style = STYLES.get(state, "")
        sections.append(Section(title=state, rows=tuple(rows), style=style, lines=REASON_LINES))
    head = f"{len(found)} task{'s' * (len(found) != 1)}{f' of {shared[:-1]}' if shared[1:] else ''}"
    return screen.lines(head, sections, width)
