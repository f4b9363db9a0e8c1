"""The tasks in a table: at a terminal, as plain lines, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

import msgspec
from msgspec import Struct

from orchestrator import hands
from orchestrator.overview import tasks
from orchestrator.overview.tasks import Shelf
from orchestrator.records.task import State
from orchestrator.texts import chatter, moments, overview
from orchestrator.texts.overview import Row
from orchestrator.whereabouts import place
from orchestrator.world import World

# What is over is listed where it is asked for.
USUAL = tuple(
    state for state in State if state not in {State.DONE, State.CANCELLED, State.QUARANTINE}
)


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
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("state", "task", "since", "title"):
        shown.add_column(name, no_wrap=True)
    shown.add_column("why", ratio=1, overflow="fold")
    for one in found:
        shown.add_row(*map(Text, cells(world, one)), style=STYLES.get(one.state, ""))
    Console(file=out, highlight=False).print(shown)
