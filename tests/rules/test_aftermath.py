"""What a base says of a merge: every fact of the verdict, one at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from orchestrator.records.tracker import Check
from orchestrator.rules import aftermath
from orchestrator.rules.aftermath import AskBefore, Green, Look, Red, RunAgain, Unknown, Waits

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def check(name: str, conclusion: str, id_: int = 1, **more: int) -> Check:
    return Check(
        name=name, group="CI", status="completed" if conclusion else "in_progress",
        conclusion=conclusion, id=id_, started=NOW - timedelta(minutes=30 - id_), **more,
    )  # fmt: skip


GREEN, RED = check("test", "success"), check("test", "failure", workflow_run=7)
AGAIN = check("test", "failure", 2, workflow_run=7)
HEALTHY = check("test", "success", 3, workflow_run=7)
RUNNING = check("slow", "")
BESIDE = check("slow", "", workflow_run=7)
LINT = check("lint", "failure", 9, workflow_run=8)
STATUS = check("test", "failure")
LOOK = Look(checks=(RED,), before=(GREEN,), merged_at=NOW - timedelta(minutes=5), now=NOW)
LATE = dict(merged_at=NOW - aftermath.WATCHED_FOR)
SLOW = dict(merged_at=NOW - aftermath.TOGETHER)
TOO_LATE = dict(merged_at=NOW - aftermath.HEALS_WITHIN)
ORDERED = frozenset({(1, 7)})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, RunAgain),
        (dict(checks=(GREEN,), before=None), Green),
        (dict(checks=(RED, AGAIN), first_red=ORDERED), Red),
        (dict(checks=(RED,), first_red=ORDERED), Waits),  # the second run is not there yet
        (dict(checks=(RED,), first_red=ORDERED, **LATE), Red),
        (dict(checks=(RED, HEALTHY), first_red=ORDERED), Green),  # it was chance
        (dict(checks=(STATUS,)), Red),  # nothing of it can be run again
        (dict(before=None), AskBefore),
        (dict(before=None, **LATE), AskBefore),  # a first look that comes late asks as well
        (dict(before=None, asked_before=True), Waits),
        (dict(before=None, asked_before=True, **LATE), Waits),
        (dict(before=None, asked_before=True, **TOO_LATE), Unknown),
        (LATE, RunAgain),
        (dict(ordered=NOW, first_red=ORDERED, **LATE), Waits),
        (dict(checks=(RUNNING,), ordered=NOW, first_red=ORDERED, **LATE), Waits),
        (dict(ordered=NOW - aftermath.WATCHED_FOR, first_red=ORDERED, **LATE), Red),
        (dict(before=(RED,)), Unknown),  # it was red before
        (dict(before=(check("other", "failure"),)), RunAgain),
        (dict(before=()), RunAgain),
        (dict(before=(check("test", ""),)), Waits),
        (dict(before=(check("test", ""),), **LATE), Unknown),
        (dict(before=(check("other", ""),)), RunAgain),
        (dict(checks=(RED, LINT), before=(check("test", ""),)), RunAgain),  # it waits for no other
        (dict(checks=None), Waits),
        (dict(checks=None, **LATE), Unknown),
        # One that runs, if for ever, hides none that failed.
        (dict(checks=(RUNNING,)), Waits),
        (dict(checks=(RUNNING,), **LATE), Unknown),
        (dict(checks=(RED, RUNNING)), Waits),  # for a while, so that all are run again at once
        (dict(checks=(RED, RUNNING), **SLOW), RunAgain),
        (dict(checks=(RED, RUNNING), **LATE), RunAgain),
        (dict(checks=(RED, RUNNING), before=None, **SLOW), AskBefore),
        (dict(checks=(RED, AGAIN, RUNNING), first_red=ORDERED, **SLOW), Red),
        (dict(checks=(RED, BESIDE), **SLOW), Waits),  # no run is run again before it is over
        (dict(checks=(RED, BESIDE), **LATE), Red),
        (dict(checks=()), Waits),
        (dict(checks=(), merged_at=NOW - aftermath.SILENT), Unknown),
        (dict(checks=(check("test", "cancelled"),)), Waits),
        (dict(checks=(check("test", "skipped"),), merged_at=NOW - aftermath.SILENT), Unknown),
        (dict(checks=(check("test", "a new word"),)), Waits),
        # What is blamed only later has had no second run: before the merge it had not ended.
        (dict(checks=(RED, AGAIN, LINT), first_red=frozenset({(9, 8)})), RunAgain),
        (dict(checks=(RED, HEALTHY, LINT), first_red=ORDERED), RunAgain),
        (dict(checks=(RED, LINT, STATUS), first_red=frozenset({(1, 7), (9, 8)})), Waits),
    ],
)
def test_the_base_after_a_merge(change: dict[str, object], expected: type) -> None:
    verdict = aftermath.judge(structs.replace(LOOK, **change))
    assert isinstance(verdict, expected), verdict
    assert verdict.reason


def test_only_what_was_not_red_before_is_blamed_and_run_again() -> None:
    look = structs.replace(LOOK, checks=(RED, LINT), before=(structs.replace(LINT, id=4),))
    verdict = aftermath.judge(look)
    assert isinstance(verdict, RunAgain)
    assert (verdict.workflow_runs, verdict.checks) == ((7,), ORDERED)
    again = structs.replace(look, checks=(RED, AGAIN, LINT), first_red=ORDERED)
    found = aftermath.judge(again)
    assert isinstance(found, Red) and found.failed == ("test",)
