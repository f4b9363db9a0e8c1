"""A task's file in a size that its readers take: the oldest and longest words give way first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import structs

from orchestrator.records.result import Result
from orchestrator.records.task import Attempt, RepairItem, Task
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.texts import bounded, frontmatter, taskfile

LARGEST_FILE = 1_000_000  # bytes; a larger file is read by nobody and set aside (Q9)
# A person may touch any file, and one they touched is read by a parser that takes so much.
FRONT = frontmatter.LARGEST - 32_000
WHOLE = LARGEST_FILE - 40_000
# Bytes that are kept of the newest result, and of an item to be repaired, where all is too much.
REPORT = 40_000
LIST = 6_000
TEXT = 4_000
ANSWER = 100
ITEM = 1_000

LEFT_OUT = "Some of what it said is left out here: this file had grown too large for its readers."
LISTS = (
    "done", "blockers", "files_changed", "tests_run", "decisions", "risks", "attempted_approaches",
    "manual_steps",
)  # fmt: skip


def stored(task: Task) -> tuple[Task, bytes]:
    """The task as its file can hold it, and that file; the very task where all of it fits."""
    data = _encoded(task)
    if len(data) <= FRONT:
        return task, data
    front = len(data) - bounded.size(task.body)
    steps = _shorter(task)
    while front > FRONT and (step := next(steps, None)):
        saved, task = step
        front -= saved
    if front + bounded.size(task.body) > WHOLE:
        task = structs.replace(task, body=bounded.prose(task.body, WHOLE - front))
    return task, _encoded(task)


def _encoded(task: Task) -> bytes:
    return taskfile.render(task).encode("utf-8", "replace")


def _shorter(task: Task) -> Iterator[tuple[int, Task]]:
    """The task with less and less in it, the smallest loss first, and what each step saves."""
    for chosen, shortened in STEPS:
        for one in chosen(task):
            less = shortened(one)
            yield _cost(one) - _cost(less), (task := _replaced(task, one, less))
    while task.attempts and task.attempts[0].round != task.round:
        oldest, *others = task.attempts
        yield _cost(oldest), (task := structs.replace(task, attempts=tuple(others)))
    for name in sorted(task.extra, key=lambda name: _weight(task.extra[name]), reverse=True):
        extra = {**task.extra, name: LEFT_OUT}
        yield _weight(task.extra[name]) - _weight(LEFT_OUT), (
            task := structs.replace(task, extra=extra)
        )


def _earlier(task: Task) -> list[Attempt]:
    """All but the newest, the oldest first; the newest delivery, which is on GitHub, goes last."""
    old = [one for one in task.attempts[:-1] if one.result is not None]
    delivered = [one for one in old if one.verdict is AttemptVerdict.DELIVER][-1:]
    return [one for one in old if one not in delivered] + delivered


def _outlined(attempt: Attempt) -> Attempt:
    """Without its report and lists, but for what a person has to do."""
    said = _said(attempt)
    less = Result(
        status=said.status, blocker_code=said.blocker_code, problem=LEFT_OUT,
        summary=said.summary, next_step=said.next_step, manual_steps=said.manual_steps,
    )  # fmt: skip
    return structs.replace(attempt, result=less)


def _bare(attempt: Attempt) -> Attempt:
    """What it came to, and of the agent's words the steps that are still a person's to take."""
    said = _said(attempt)
    less = Result(
        status=said.status, blocker_code=said.blocker_code, problem=LEFT_OUT,
        manual_steps=_first(said.manual_steps, LIST // 10),
    )  # fmt: skip
    return structs.replace(attempt, result=less)


def _newest(task: Task) -> list[Attempt]:
    return [one for one in task.attempts[-1:] if one.result is not None]


def _brief(attempt: Attempt, share: int = 1) -> Attempt:
    """Each of its fields, every answer with it, in as much room as it may have here."""
    said = _said(attempt)
    lists = {name: _first(getattr(said, name), LIST // share) for name in LISTS}
    room = ANSWER // share
    answers = tuple(structs.replace(one, said=_cut(one.said, room)) for one in said.answers)
    less = structs.replace(
        said, problem=said.problem or LEFT_OUT, summary=_cut(said.summary, TEXT // share),
        next_step=_cut(said.next_step, TEXT // share), report=_cut(said.report, REPORT // share),
        answers=answers, **lists,
    )  # fmt: skip
    return structs.replace(attempt, result=less)


def _briefest(attempt: Attempt) -> Attempt:
    return _brief(attempt, 4)


def _asked(task: Task) -> list[RepairItem]:
    return list(task.repair_items)


def _short(item: RepairItem) -> RepairItem:
    return structs.replace(item, text=_cut(item.text, ITEM))


def _said(attempt: Attempt) -> Result:
    assert attempt.result is not None  # no other is chosen
    return attempt.result


def _first(items: tuple[str, ...], room: int) -> tuple[str, ...]:
    """The first items of a list that fit as a whole."""
    kept: list[str] = []
    for item in items:
        room -= bounded.size(item)
        if room < 0:
            break
        kept.append(item)
    return tuple(kept)


def _cut(text: str, room: int) -> str:
    """Whole parts of it; where there is none in so little room, its first letters."""
    if bounded.size(text) <= room:
        return text
    some = bounded.prose(text, room)
    if some.startswith("("):
        some = text.encode("utf-8", "replace")[: room - 4].decode("utf-8", "ignore") + " \u2026"
    return some


STEPS: tuple[tuple[Callable[[Task], list[Any]], Callable[[Any], Any]], ...] = (
    (_earlier, _outlined),
    (_asked, _short),
    (_earlier, _bare),
    (_newest, _brief),
    (_newest, _briefest),
)


def _replaced(task: Task, one: Attempt | RepairItem, less: Attempt | RepairItem) -> Task:
    name = "attempts" if isinstance(one, Attempt) else "repair_items"
    return structs.replace(
        task, **{name: tuple(less if kept is one else kept for kept in getattr(task, name))}
    )


def _cost(item: Attempt | RepairItem) -> int:
    return bounded.size(frontmatter.line("", (item,)))


def _weight(value: object) -> int:
    return bounded.size(frontmatter.dump_extra({"": value}))
