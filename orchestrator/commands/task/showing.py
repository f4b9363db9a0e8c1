"""Everything about one task in words, and what its agents printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from orchestrator import hands
from orchestrator.adapters import events
from orchestrator.adapters.mailbox_index import Found
from orchestrator.records.event import AttemptStat
from orchestrator.records.task import Task
from orchestrator.texts import chatter, moments, timeline
from orchestrator.whereabouts import paper, place, telling
from orchestrator.whereabouts.account import Unknown
from orchestrator.whereabouts.question import Question
from orchestrator.world import World

LARGEST = 50_000_000
LOOK_AGAIN = 1.0
UNASKED = "--live asks it"
Line = tuple[str, str]


def show(world: World, found: Found, out: TextIO, *, live: bool) -> None:
    """The answer of bin/why.sh, then what only a person who looks closer asks for."""
    plain = bool(world.environment.get("NO_COLOR")) or not out.isatty()
    paper.show(lines(world, found, live=live), out, plain=plain)


def lines(world: World, found: Found, *, live: bool) -> Iterator[Line]:
    task = found.task
    asked = Question(text=task.task_id, word=task.task_id)
    told = telling.account(world, asked, unasked="" if live else UNASKED)
    if isinstance(told, Unknown):
        yield from paper.unknown(told)
        return
    yield from paper.lines(told, world.clock.now(), world.spoken)
    for title, rows in (
        ("History", history(world, task)), ("Cost", cost(world, task)), ("Data", data(task)),
        ("Files", files(world, found)),
    ):  # fmt: skip
        if rows:
            yield "", ""
            yield title, "bold"
            yield from ((f"  {row}", "") for row in rows)


def history(world: World, task: Task) -> list[str]:
    left_out = task.marks_left_out
    first = [f"{left_out} waits in between are not kept"] if left_out else []
    return [*first, *(f"{world.spoken(one.at)} {one.state} ({one.by})" for one in task.marks)]


def data(task: Task) -> list[str]:
    """What decides how it is worked on."""
    said = {
        "repository": task.repo, "type": task.task_type.value,
        "deliverable": task.deliverable.value, "priority": task.priority.value,
        "agent": task.agent, "branch": task.branch,
        "base": task.base, "round": str(task.round), "reworks": str(task.reworks or ""),
        "pull request": f"#{task.pull_request.number}" if task.pull_request else "",
        "pushed": task.pushed[-1] if task.pushed else "",
        "merged as": task.merge.sha if task.merge else "", "salvaged": task.salvage,
    }  # fmt: skip
    return [f"{name}: {value}" for name, value in said.items() if value]


def cost(world: World, task: Task) -> list[str]:
    """A line for each run that was measured, the oldest first, and their sum."""
    stats = [
        one
        for one in events.attempts_since(world.paths.agent_stats, task.created)
        if one.task_id == task.task_id
    ]
    rows = [spent(one) for one in reversed(stats)]
    known = [one.cost_usd for one in stats if one.cost_usd is not None]
    if len(stats) > 1:
        untold = len(stats) - len(known)
        unknown = f", {untold} without a known cost" if untold else ""
        rows.append(f"together {sum(known):.2f} USD in {len(stats)} runs{unknown}")
    return rows


def spent(one: AttemptStat) -> str:
    tokens = sum(number or 0 for number in (one.input_tokens, one.output_tokens))
    said = f"{one.cost_usd:.2f} USD" if one.cost_usd is not None else "cost unknown"
    model = f", {one.model}" if one.model else ""
    which = f"attempt {one.attempt}" if one.attempt else one.task_type
    took = moments.length(one.duration_seconds)
    return f"{which} by {one.agent}{model}: {said}, {tokens:,} tokens, {took}"


def files(world: World, found: Found) -> list[str]:
    task = found.task
    rows = [str(found.path)]
    for attempt in task.attempts:
        folder = world.paths.attempt(task.task_id, attempt.n)
        if folder.is_dir():
            rows.append(f"{folder}/: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    return rows


# --- what an agent printed -------------------------------------------------------------------


def log(
    world: World, found: Found, number: int | None, out: TextIO, *, raw: bool, follow: bool
) -> bool:
    """The agent's log of an attempt, redacted; False where there is none, which is told."""
    task = found.task
    if not task.runs:
        why = f"bin/why.sh {hands.name_of(task)} says why"
        world.say(f"{task.task_id}: no attempt has begun yet; {why}")
        return False
    wanted = task.runs if number is None else number
    path = world.paths.attempt(task.task_id, wanted) / "agent.log" if wanted > 0 else None
    if path is None or not path.is_file():
        there = [str(one.n) for one in task.attempts if log_of(world, task, one.n).is_file()]
        which = f"; there is one of attempt {', '.join(there)}" if there else ""
        world.say(f"{task.task_id}: no log of attempt {wanted}{which}")
        return False
    attempt = next((one for one in task.attempts if one.n == wanted), None)
    if attempt is not None and not raw:
        verdict = timeline.VERDICTS[attempt.verdict] if attempt.verdict else "under way"
        out.write(f"attempt {wanted} by {attempt.agent}, {verdict}: {path}\n")
    at = copied(world, path, 0, out, raw=raw)
    while follow and under_way(world, task, wanted):
        world.clock.sleep(LOOK_AGAIN)
        at = copied(world, path, at, out, raw=raw)
    return True


def under_way(world: World, task: Task, number: int) -> bool:
    """Whether that attempt is still to be judged, and its worker lives."""
    found = world.mailroom.locate(task.task_id)
    if found is None or not place.alive(world, found.task):
        return False
    return any(one.n == number and not one.judged for one in found.task.attempts)


def log_of(world: World, task: Task, number: int) -> Path:
    return world.paths.attempt(task.task_id, number) / "agent.log"


def copied(world: World, path: Path, start: int, out: TextIO, *, raw: bool) -> int:
    """Print the whole lines from `start` on; where the next call goes on."""
    with path.open("rb") as stream:
        stream.seek(start)
        read = stream.read(LARGEST)
    whole = read[: read.rfind(b"\n") + 1]
    for line in world.redact(whole.decode("utf-8", "replace")).splitlines():
        said = chatter.flat(line) if raw else chatter.spoken(line)
        if said:
            out.write(f"{said}\n")
    out.flush()
    return start + len(whole)

