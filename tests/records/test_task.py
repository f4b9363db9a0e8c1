"""What a task file keeps of a long life: numbers used once, refusals and waits that stay small."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec import structs

from orchestrator.records.result import BlockerCode, Result, Status
from orchestrator.records.task import (
    MARKS_OF_A_WAIT,
    Attempt,
    State,
    Task,
    marked,
    with_attempt,
    with_refusals_folded,
)
from orchestrator.records.usage import Usage
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.texts import taskfile, timeline

START = datetime(2026, 11, 1, 9, tzinfo=UTC)
TASK = Task(task_id="task-1", repo="o/r", created=START, body="## Goal\n\nIt works.\n")


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def refusal(n: int, agent: str = "first", **values: object) -> Attempt:
    plain = Attempt(
        n=n, agent=agent, started=at(n), judged=at(n), settled=at(n),
        verdict=AttemptVerdict.REWORK, code=BlockerCode.QUOTA_LIMITED, reason="session limit",
    )  # fmt: skip
    return structs.replace(plain, **values)


def folded(*attempts: Attempt) -> list[tuple[int, int]]:
    task = with_refusals_folded(structs.replace(TASK, attempts=attempts))
    assert with_refusals_folded(task) == task
    return [(one.n, one.times) for one in task.attempts]


def test_refusals_in_a_row_are_one_entry_of_each_agent() -> None:
    assert folded(refusal(1), refusal(2)) == [(2, 2)]
    others = (refusal(1), refusal(2, "second"), refusal(3), refusal(4, "second"), refusal(5))
    assert folded(*others) == [(4, 2), (5, 3)]


def test_what_refused_runs_used_is_added_up() -> None:
    used = Usage(input_tokens=500, output_tokens=100, cost_usd=0.5)
    attempts = (refusal(1), refusal(2, usage=used), refusal(3, usage=used), refusal(4))
    [one] = with_refusals_folded(structs.replace(TASK, attempts=attempts)).attempts
    assert one.usage == Usage(input_tokens=1000, output_tokens=200, cost_usd=1.0)
    [none] = with_refusals_folded(structs.replace(TASK, attempts=attempts[:1])).attempts
    assert none.usage is None


def test_what_is_no_refusal_stands_and_ends_the_row() -> None:
    steps = Result(status=Status.BLOCKED, manual_steps=("buy a disk",))
    claim = Result(status=Status.BLOCKED, blocker_code=BlockerCode.QUOTA_LIMITED)
    for other in (
        refusal(2, head_sha="a" * 40),
        refusal(2, code=BlockerCode.TIMEOUT),
        refusal(2, result=steps),
        refusal(2, result=claim),
    ):
        assert folded(refusal(1), other, refusal(3)) == [(1, 1), (2, 1), (3, 1)]
    assert folded(refusal(1), refusal(2, round=2)) == [(1, 1), (2, 1)]
    assert folded(refusal(1), refusal(2, settled=None)) == [(1, 1), (2, 1)]


def test_the_next_number_is_one_that_was_never_used() -> None:
    assert TASK.runs == 0
    task = with_refusals_folded(structs.replace(TASK, attempts=(refusal(1), refusal(2))))
    assert len(task.attempts) == 1 and task.runs == 2


def test_a_month_of_refusals_stays_small_and_is_told() -> None:
    task = structs.replace(TASK, branch="agent/task-1")
    agents = ("first", "second", "third")
    for hour in range(0, 24 * 30, 3):
        for number, agent in enumerate(agents):
            moment = at(hour + number / 60)
            task = marked(task, State.INBOX, moment, "supervisor")
            task = marked(task, State.PROCESSING, moment, "queue")
            made = refusal(task.runs + 1, agent, started=moment)
            task = with_refusals_folded(with_attempt(task, made))
        task = marked(task, State.BLOCKED, at(hour + 0.1), "queue")
    text = taskfile.render(task)
    assert len(text) < 6000
    assert taskfile.parse(text, stem="task-1", modified=START) == task
    assert [(one.n, one.times) for one in task.attempts] == [(718, 240), (719, 240), (720, 240)]
    told = timeline.lines(task)
    assert told[0] == f"{240 * 7 - MARKS_OF_A_WAIT} earlier steps are not shown"
    assert any("by first: refused 240 times since 2026-11-01 09:00 UTC" in line for line in told)


def test_a_long_wait_keeps_its_first_mark_and_what_came_before() -> None:
    task = marked(marked(TASK, State.ESCALATED, at(0), "queue"), State.INBOX, at(1), "a person")
    for hour in range(2, 200, 2):
        task = marked(task, State.PROCESSING, at(hour), "queue")
        task = marked(task, State.BLOCKED, at(hour + 1), "queue")
    assert [mark.at for mark in task.marks[:2]] == [at(0), at(1)]
    assert task.state is State.BLOCKED and task.marks[-1].at == at(199)
    assert len(task.marks) == MARKS_OF_A_WAIT + 1
    assert len(task.marks) + task.marks_left_out == 2 + 2 * 99


def test_a_file_from_before_is_read() -> None:
    old = (
        "---\ntask_id: task-1\nrepo: o/r\ncreated: 2026-11-01T09:00:00Z\nattempts:\n"
        '- {"n": 1, "agent": "first", "started": "2026-11-01T10:00:00Z"}\n---\n\n## Goal\n\nX\n'
    )
    [made] = taskfile.parse(old, stem="task-1", modified=START).attempts
    assert (made.times, made.since) == (1, None)
