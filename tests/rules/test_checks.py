"""Checks in five words (M3 to M6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.records.tracker import Check, CheckState
from orchestrator.rules import checks

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
WORDS = {
    CheckState.PASS: ["success"],
    CheckState.NEUTRAL: ["neutral", "skipped"],
    CheckState.RED: ["failure", "timed_out", "startup_failure", "error"],
    CheckState.HUMAN: ["cancelled", "action_required", "stale"],
    CheckState.PENDING: ["", "queued", "pending", "shiny_new_word", "SUCCESS", "green"],
}


def check(name="test", conclusion="success", **more):
    fields = {"group": "actions/ci", "status": "completed", "started": NOW, **more}
    return Check(name=name, conclusion=conclusion, **fields)


@pytest.mark.parametrize(("state", "word"), [(s, w) for s, words in WORDS.items() for w in words])
def test_every_word_has_one_meaning_and_a_new_one_is_pending(state, word):
    assert checks.check_state(check(conclusion=word)) is state
    assert checks.check_state(check(conclusion=word, group="status", status="")) is state


@pytest.mark.parametrize("status", ["queued", "in_progress", "waiting", "requested", "new"])
def test_a_run_that_is_not_completed_is_pending_whatever_it_concludes(status):
    assert checks.check_state(check(status=status)) is CheckState.PENDING


def test_a_commit_status_may_carry_its_word_as_its_status():
    assert checks.check_state(check(group="status", conclusion="", status="failure")) is (
        CheckState.RED
    )


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        (dict(conclusion="success"), dict(conclusion="failure", started=NOW + timedelta(1)), "red"),
        (dict(conclusion="failure", id=1), dict(conclusion="success", id=2), "passed"),
        (dict(conclusion="success", id=9), dict(status="queued", started=None, id=3), "pending"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_only_the_newest_run_of_a_name_counts(first, second, state, turned):
    both = [check(**first), check(**second)]
    seen = checks.summary(reversed(both) if turned else both)
    assert getattr(seen, state) == ("test",)
    assert [seen.passed, seen.red, seen.pending].count(("test",)) == 1


def test_the_same_name_in_two_workflows_must_pass_in_both():
    seen = checks.summary([check(), check(group="status", conclusion="failure")], ["test"])
    assert seen.passed == seen.red == ("test",)
    assert not seen.green


def test_a_skipped_check_beside_a_red_one_of_its_workflow_is_red():
    seen = checks.summary([check("a", "failure"), check("b", "skipped")])
    assert seen.red == ("a", "b")
    elsewhere = checks.summary([check("a", "failure"), check("b", "skipped", group="other")])
    assert (elsewhere.red, elsewhere.neutral) == (("a",), ("b",))


@pytest.mark.parametrize(
    ("seen", "required", "green"),
    [
        ([check()], ["test"], True),
        ([check()], [], True),
        ([check(), check("lint", "skipped", group="x")], ["lint"], True),
        ([check("lint", "skipped")], ["lint"], False),
        ([check()], ["lint"], False),
        ([check(), check("lint", "cancelled")], [], False),
        ([check(), check("lint", "")], [], False),
        ([], [], False),
    ],
)
def test_green_needs_a_success_the_required_names_and_nothing_open(seen, required, green):
    assert checks.summary(seen, required).green is green


def test_what_has_not_reported_is_missing_and_nothing_is_none():
    assert checks.summary([], ["b", "a"]).missing == ("a", "b")
    assert checks.summary([]).none
    assert not checks.summary([check()]).none


def test_the_duration_spans_all_runs_that_passed():
    def late(seconds):
        return NOW + timedelta(seconds=seconds)

    runs = [
        check("a", completed=late(5)),
        check("b", started=late(3), completed=late(9)),
        check("c", "failure", completed=late(99)),
        check("d"),
    ]
    assert checks.duration(runs) == timedelta(seconds=9)
    assert checks.duration([check("d")]) is None
