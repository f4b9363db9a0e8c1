"""What was done and said of it: attempts from its file, steps from the events, lines of logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from orchestrator.adapters import events, reading
from orchestrator.records.event import Event
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import Task
from orchestrator.texts import timeline
from orchestrator.whereabouts.account import Try
from orchestrator.world import World

STEPS = 6
LOOKED_BACK = timedelta(days=60)
AGAIN = timedelta(minutes=1)
ALERT = "alert"
TAIL_BYTES = 400_000
LOGS = ("dispatcher.log", "pr_monitor.log", "queue.log", "cron.log")


def tries(task: Task) -> tuple[Try, ...]:
    """Every attempt, the oldest first."""
    return tuple(
        Try(
            n=one.n,
            round=one.round,
            agent=one.agent,
            began=one.started,
            verdict=timeline.VERDICTS[one.verdict] if one.verdict else "not judged",
            code="" if one.code is BlockerCode.NONE else one.code.value,
            seconds=one.seconds,
            reason=one.reason,
            times=one.times,
            since=one.since,
        )
        for one in task.attempts
    )


def said(world: World, repo: str, number: int | None, task_id: str) -> tuple[str, ...]:
    """The newest steps of the events log, and the newest line that each script said of it."""
    told = [
        (event.at, f"{event.kind}: {event.reason}" if event.reason else event.kind)
        for event in events.read(world.paths.events, world.clock.now() - LOOKED_BACK)
        if about(event, repo, number, task_id)
    ][-STEPS:]
    for log in LOGS:
        if line := last_line(world, log, repo, number, task_id):
            told.append(line)
    told.sort(key=lambda pair: pair[0])
    return tuple(f"{moment:%Y-%m-%dT%H:%M:%SZ} {text}" for moment, text in once(told))


def once(told: Sequence[tuple[datetime, str]]) -> Iterator[tuple[datetime, str]]:
    """Each reason once: of two in the same minute with the same one the shortest says it.

    Of another event its kind is left; a log's line and an alert have nothing else to say.
    """
    for index, (moment, text) in enumerate(told):
        again = any(
            abs(moment - other) < AGAIN and said_by(text, words)
            for place, (other, words) in enumerate(told)
            if place != index and (len(words), place) < (len(text), index)
        )
        kind = text.partition(": ")[0]
        if not again:
            yield moment, text
        elif " " not in kind and kind != ALERT:
            yield moment, kind


def said_by(text: str, words: str) -> bool:
    """Whether the text ends with the reason that the words give."""
    _, _, reason = words.partition(": ")
    return text == words or (bool(reason) and text.endswith(reason))


def set_aside(world: World, name: str) -> str:
    """Why the file of quarantine/ was put there, where an event still tells it; else ""."""
    since = world.clock.now() - LOOKED_BACK
    reasons = [
        event.reason for event in events.read(world.paths.events, since)
        if event.kind == events.QUARANTINED and event.details.get("file") == name
    ]
    return reasons[-1].partition(" It was kept as ")[0] if reasons else ""


def about(event: Event, repo: str, number: int | None, task_id: str) -> bool:
    if task_id and event.task_id == task_id:
        return True
    same = event.repo.lower() == repo.lower()
    return number is not None and event.issue == number and same and not event.task_id


def last_line(
    world: World, log: str, repo: str, number: int | None, task_id: str
) -> tuple[datetime, str] | None:
    """What cron's redirected output holds of it, newest first found."""
    named = [f"{repo}#{number}:"] if number is not None else []
    named += [task_id] if task_id else []
    for raw in reversed(reading.read_lines_tail(world.paths.logs / log, TAIL_BYTES)):
        line = raw.decode("utf-8", "replace")
        stamp, _, rest = line.partition(" ")
        if any(name in rest for name in named):
            try:
                return datetime.fromisoformat(stamp), rest
            except ValueError:
                continue
    return None
