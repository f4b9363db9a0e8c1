"""What came of the demo: a table, where the time went, and what is not as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from rich.table import Table

from orchestrator.commands.demo.board import DONE, Card, Run
from orchestrator.records.task import State, Task

GREEN = {"success", "neutral", "skipped"}


class Shipped(Struct, frozen=True, kw_only=True):
    """An issue with everything that is known of it; `merged` is the forge's word for it."""

    card: Card
    task: Task | None = None
    state: State | None = None
    dispatched: datetime | None = None
    checks: tuple[Run, ...] = ()
    merged: bool = False


def missing(found: Shipped) -> str:
    """Why this issue does not count as merged and verified, or ""."""
    card, task = found.card, found.task
    if task is None:
        return "it never became a task"
    if found.state is not State.DONE:
        return f"its task is in {found.state}/: {task.note or 'see the file'}"
    if task.merge is None or not task.merge.verified:
        return "its merge is not verified"
    if not found.merged:
        return "the forge does not show exactly one pull request, merged as the task file says"
    if not found.checks or any(run.conclusion not in GREEN for run in found.checks):
        return "its merged head has no green check"
    if card.open:
        return "its issue is still open"
    return "" if card.status == DONE else f"its card is on {card.status}"


def table(shipped: Sequence[Shipped]) -> Table:
    shown = Table(title="What was shipped", title_justify="left", header_style="bold")
    shown.add_column("issue", overflow="fold")
    for name in ("attempts", "PR", "checks", "merge"):
        shown.add_column(name, no_wrap=True)
    shown.add_column("seconds", justify="right", no_wrap=True)
    for found in shipped:
        task = found.task
        words = [f"{found.card.repo}#{found.card.number} {task.title if task else ''}".strip()]
        words += cells(found, task) if task else ["-"] * 5
        shown.add_row(*words, style="red" if missing(found) else "")
    return shown


def cells(found: Shipped, task: Task) -> list[str]:
    checks = ", ".join(f"{run.name} {run.conclusion or 'running'}" for run in found.checks)
    agents = ", ".join(dict.fromkeys(attempt.agent for attempt in task.attempts))
    return [
        f"{task.runs} by {agents}" if agents else "-",
        f"#{task.pull_request.number}" if task.pull_request else "-",
        checks or "-",
        task.merge.sha[:10] if task.merge and task.merge.sha else "-",
        f"{took(task):.1f}",
    ]


def took(task: Task) -> float:
    """Seconds from the board's Ready to the last mark of the task file."""
    began = task.ready_at or task.created
    return (task.marks[-1].at - began).total_seconds() if task.marks else 0.0


def phases(task: Task, dispatched: datetime | None) -> dict[str, float]:
    """Seconds of one task by what it waited for; they add up to `took`."""
    spent = dict.fromkeys(PHASES, 0.0)
    began = task.ready_at or task.created
    queued = dispatched or began
    spent[DISPATCH] = (queued - began).total_seconds()
    phase, since = AFTER[State.INBOX], queued
    for mark in task.marks:
        spent[phase] += (mark.at - since).total_seconds()
        phase, since = AFTER.get(mark.state, "other"), mark.at
    return spent


# What a task waits for once it is in a state, up to its next mark.
AFTER = {
    State.INBOX: "a free worker",
    State.PROCESSING: "attempts",
    State.BLOCKED: "its time",
    State.REVIEW: "checks and merge",
}
DISPATCH = "dispatch, with dependencies"
PHASES = (DISPATCH, *AFTER.values(), "other")


def times(shipped: Sequence[Shipped]) -> list[str]:
    """One line for each thing that took time: its mean over the issues, and the longest."""
    spent = [phases(found.task, found.dispatched) for found in shipped if found.task]
    if not spent:
        return []
    lines = []
    for phase in PHASES:
        values = [each[phase] for each in spent]
        if any(values):
            lines.append(line(phase, values))
    agents = [
        sum(attempt.seconds for attempt in found.task.attempts) for found in shipped if found.task
    ]
    lines.append(line("  of attempts: the agent", agents))
    checks = [sum(run.seconds for run in found.checks) for found in shipped if found.task]
    lines.append(line("  of merge: checks run by the forge", checks))
    return lines


def line(name: str, values: Sequence[float]) -> str:
    mean = sum(values) / len(values)
    return f"  {name:<36} mean {mean:6.1f} s   longest {max(values):6.1f} s"
