"""What a Ready means for an issue with a history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.records.task import State
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
