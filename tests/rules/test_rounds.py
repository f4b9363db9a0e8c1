"""What a Ready means for an issue with a history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.records.task import Mark, State, Task
from orchestrator.rules import rounds
from orchestrator.rules.rounds import (
    Dispatch,
    File,
    Means,
    NewRound,
    Nothing,
    Ready,
    RepairBoard,
    Shown,
    UsedUp,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
BEFORE, AFTER = NOON - timedelta(hours=1), NOON + timedelta(hours=1)


def judged(at, *files):
    return rounds.judge(Ready(at, Means.BOARD), files)


def file(state, ready_at=NOON, task_id="t"):
    return File(task_id=task_id, state=State(state), ready_at=ready_at)


def test_an_issue_without_a_file_is_dispatched():
    assert judged(NOON) == Dispatch(NOON)


@pytest.mark.parametrize(
    ("state", "shown", "newer"),
    [
        ("inbox", Shown.IN_PROGRESS, RepairBoard("t", Shown.IN_PROGRESS, UsedUp.UNDER_WAY)),
        ("processing", Shown.IN_PROGRESS, RepairBoard("t", Shown.IN_PROGRESS, UsedUp.UNDER_WAY)),
        ("blocked", Shown.IN_PROGRESS, RepairBoard("t", Shown.IN_PROGRESS, UsedUp.UNDER_WAY)),
        ("review", Shown.IN_PROGRESS, RepairBoard("t", Shown.IN_PROGRESS, UsedUp.UNDER_WAY)),
        ("escalated", Shown.BLOCKED, NewRound("t", AFTER)),
        ("failed", Shown.BLOCKED, NewRound("t", AFTER)),
        ("cancelled", Shown.BLOCKED, NewRound("t", AFTER)),
        ("done", Shown.DONE, Dispatch(AFTER)),
    ],
)
def test_a_ready_counts_once_by_its_time(state, shown, newer):
    assert judged(BEFORE, file(state)) == RepairBoard("t", shown, UsedUp.COUNTED)
    assert judged(NOON, file(state)) == RepairBoard("t", shown, UsedUp.COUNTED)
    assert judged(AFTER, file(state)) == newer


@pytest.mark.parametrize("state", ["escalated", "failed", "cancelled", "done"])
def test_a_ready_from_the_time_of_the_work_begins_nothing_after_it(state):
    worked = File(task_id="t", state=State(state), ready_at=BEFORE, worked_at=NOON)
    assert judged(NOON, worked) == RepairBoard("t", rounds.SHOWN[State(state)], UsedUp.OVERRULED)
    assert isinstance(judged(AFTER, worked), NewRound | Dispatch)


@pytest.mark.parametrize("state", ["escalated", "failed", "cancelled", "done"])
def test_a_ready_from_before_a_persons_word_that_ended_it_begins_nothing(state):
    said = NOON + timedelta(seconds=0.9)
    ended = File(task_id="t", state=State(state), ready_at=BEFORE, worked_at=BEFORE, ended_at=said)
    second = timedelta(seconds=1)
    overruled = RepairBoard("t", rounds.SHOWN[State(state)], UsedUp.OVERRULED)
    assert judged(NOON - second, ended) == overruled
    assert isinstance(judged(NOON, ended), NewRound | Dispatch)  # perhaps 0.95 s past noon
    assert isinstance(judged(NOON + second, ended), NewRound | Dispatch)


def test_a_ready_begins_the_round_of_what_a_person_put_back():
    returned = File(task_id="t", state=State.INBOX, ready_at=NOON, put_back=True)
    assert judged(AFTER, returned) == NewRound("t", AFTER)
    assert judged(NOON, returned) == RepairBoard("t", Shown.IN_PROGRESS, UsedUp.COUNTED)
    old = file("done", BEFORE, "old")
    assert judged(AFTER, old, returned) == NewRound("t", AFTER)


def test_every_state_has_an_answer():
    for state in State:
        assert judged(BEFORE, file(state)) and judged(AFTER, file(state))


def test_a_file_without_a_time_is_older_than_any_ready():
    assert judged(BEFORE, file("escalated", None)) == NewRound("t", BEFORE)


def test_the_newest_file_counts_unless_another_is_under_way():
    old, new = file("done", BEFORE, "old"), file("cancelled", NOON, "new")
    assert judged(AFTER, new, old) == NewRound("new", AFTER)
    returned = file("inbox", BEFORE, "old")
    assert judged(AFTER, returned, new) == RepairBoard("old", Shown.IN_PROGRESS, UsedUp.UNDER_WAY)


def test_what_cannot_be_read_starts_nothing():
    assert isinstance(judged(None), Nothing)
    assert isinstance(judged(AFTER, file("quarantine")), Nothing)


def begun(*marks, ready_at=None):
    """A task with these marks, an hour apart; the last is at noon."""
    at = [NOON - timedelta(hours=len(marks) - n) for n in range(1, len(marks) + 1)]
    made = [Mark(state=State(m), at=t, by="x") for m, t in zip(marks, at, strict=True)]
    return Task(
        task_id="t", repo="a/b", created=at[0] if at else NOON, marks=tuple(made), ready_at=ready_at
    )


QUARTER = timedelta(minutes=15)


@pytest.mark.parametrize(
    ("task", "since"),
    [
        (begun("inbox", "review"), None),
        (begun("inbox", "review", "escalated"), NOON),
        (begun("inbox", "escalated", "inbox"), NOON),
        (begun("inbox", "escalated", "inbox", "processing"), BEFORE),
        (begun("inbox", "escalated", "inbox", ready_at=NOON - QUARTER), NOON - QUARTER),
        (begun("inbox", "escalated", "inbox", ready_at=BEFORE - QUARTER), NOON),
        (begun("inbox", "cancelled", "inbox", "failed", "inbox"), NOON),
    ],
)
def test_a_closing_counts_from_the_beginning_of_the_round(task, since):
    assert rounds.begun_by_a_person(task) == since
    for closed in (NOON - timedelta(days=1), since) if since else ():
        assert not rounds.counts(task, closed, merged=False)
    assert rounds.counts(task, (since or NOON) + QUARTER, merged=False)


@pytest.mark.parametrize(
    ("marks", "since"),
    [
        (("inbox", "review", "escalated"), None),
        (("inbox", "review", "cancelled", "escalated"), None),
        (("inbox", "cancelled", "inbox", "processing", "escalated"), NOON - timedelta(hours=2)),
        (("escalated",), None),
    ],
)
def test_the_end_of_a_round_makes_no_earlier_closing_one_of_before(marks, since):
    task = begun(*marks)
    assert not rounds.closed_before(task, None)
    assert not rounds.closed_before(task, (since or NOON) + QUARTER)
    assert rounds.closed_before(task, (since or NOON) - QUARTER) is (since is not None)


def test_the_mark_of_a_word_is_of_the_time_of_the_word_in_the_order_of_marks():
    task = begun("inbox", "review")  # in review since noon
    for said, at in (
        (None, AFTER), (NOON + QUARTER, NOON + QUARTER), (BEFORE, NOON), (AFTER + QUARTER, AFTER),
    ):  # fmt: skip
        assert rounds.time_of_word(task, said, AFTER) == at
    assert rounds.time_of_word(begun(), BEFORE, AFTER) == NOON


def test_a_merge_counts_whenever_it_was_unless_it_was_recorded():
    assert rounds.counts(begun("inbox", "cancelled", "inbox"), NOON - QUARTER * 9, merged=True)
    again = begun("inbox", "done", "inbox")
    assert not rounds.counts(again, BEFORE - QUARTER, merged=True)
    assert rounds.counts(again, BEFORE + QUARTER, merged=True)
