"""What becomes of a task after an attempt: proof, not claims."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest
from msgspec import structs

from orchestrator.records.result import AGENT_CODES, BlockerCode, Result, Status
from orchestrator.records.task import Attempt, Deliverable
from orchestrator.records.verdicts import (
    AttemptVerdict,
    Cancelled,
    Defer,
    Deliver,
    Escalate,
    Interrupt,
    Rework,
)
from orchestrator.rules import retry, stuck
from orchestrator.rules.retry import Facts, OwnTests

LATER = datetime(2026, 5, 4, 12, tzinfo=UTC)
COMPLETE = Result(status=Status.COMPLETE, summary="The parser reads dates now, in three formats.")
GOOD = Facts(
    result=COMPLETE, deliverable=Deliverable.CHANGE, has_diff=True, tests=OwnTests.PASSED,
    agents_left=2, attempts=1, max_attempts=4,
)
REPORT = structs.replace(GOOD, deliverable=Deliverable.REPORT, has_diff=False, tests=OwnTests.NONE)


def result(status, code="none", **fields):
    return Result(status=Status(status), blocker_code=BlockerCode(code), **fields)


def judged(facts=GOOD, **fields):
    return retry.judge(structs.replace(facts, **fields))


@pytest.mark.parametrize(
    ("facts", "fields", "words"),
    [
        (GOOD, {}, "our own test run passes"),
        (GOOD, dict(tests=OwnTests.NONE), "no test command"),
        (GOOD, dict(attempts=4, agents_left=0), "passes"),
        (GOOD, dict(fault=BlockerCode.RUNNER_FAILURE, fault_reason="exit 2"), "passes"),
        (REPORT, {}, "a report that answers"),
        (REPORT, dict(result=result("complete", report="yes " * 20)), "a report"),
        (REPORT, dict(has_diff=True, tests=OwnTests.PASSED), "a diff"),
    ],
)
def test_what_is_proved_is_delivered(facts, fields, words):
    verdict = judged(facts, **fields)
    assert isinstance(verdict, Deliver) and words in verdict.reason


REFUSED = ("symlink out of the repository",)
TO_THE_NEXT = [
    (GOOD, dict(has_diff=False), "no_diff_produced", "does not differ from its base"),
    (GOOD, dict(tests=OwnTests.FAILED), "test_failure", "test run fails"),
    (GOOD, dict(idle_repair=True), "no_diff_produced", "nothing of what was red"),
    (GOOD, dict(idle_merge=True), "no_diff_produced", "nothing of this branch"),
    (REPORT, dict(has_diff=True, tests=OwnTests.FAILED), "test_failure", "test run fails"),
    (GOOD, dict(tests=OwnTests.HOLLOW), "test_failure", "changes what it tests"),
    (GOOD, dict(gate_refused=REFUSED), "gate_refused", "symlink out"),
    (GOOD, dict(gate_refused=REFUSED, result=None), "gate_refused", "symlink out"),
    (GOOD, dict(result=None), "invalid_result_contract", "left no result file"),
    (GOOD, dict(result=result("blocked", "invalid_result_contract", problem="it is empty")),
     "invalid_result_contract", "it is empty"),
    (GOOD, dict(result=result("blocked", "invalid_result_contract")),
     "invalid_result_contract", "cannot be read"),
    (GOOD, dict(result=None, fault=BlockerCode.TIMEOUT, fault_reason="killed after 40 minutes"),
     "timeout", "killed after 40 minutes"),
    (GOOD, dict(result=None, fault=BlockerCode.WORKER_CRASH), "worker_crash", "worker_crash"),
    (GOOD, dict(result=None, fault=BlockerCode.MISSING_CREDENTIALS, fault_reason="not logged in"),
     "missing_credentials", "not logged in"),
    (REPORT, dict(result=result("complete", summary="Done.")), "invalid_result_contract",
     "answers nothing"),
    (REPORT, dict(result=result("partial", "timeout", report="x" * 99)), "timeout", "partial with"),
    (GOOD, dict(result=result("partial", "timeout", summary="half of it")), "timeout",
     "partial with timeout: half of it"),
    (GOOD, dict(result=result("blocked", "dependency_blocked", blockers=("no npm",), summary="x")),
     "dependency_blocked", "no npm"),
]


@pytest.mark.parametrize(("facts", "fields", "code", "words"), TO_THE_NEXT)
def test_what_is_not_proved_goes_to_the_next_agent(facts, fields, code, words):
    verdict = judged(facts, **fields)
    assert isinstance(verdict, Rework)
    assert verdict.code is BlockerCode(code) and words in verdict.reason


@pytest.mark.parametrize(("facts", "fields", "code", "words"), TO_THE_NEXT)
@pytest.mark.parametrize("spent", [dict(attempts=4), dict(attempts=5), dict(agents_left=0)])
def test_a_chain_or_a_budget_that_is_spent_goes_to_a_person(facts, fields, code, words, spent):
    verdict = judged(facts, **fields, **spent)
    assert isinstance(verdict, Escalate)
    # What says something of the machine or the task, and not of who tried, keeps its own name.
    plain = stuck.common((), BlockerCode(code))
    assert verdict.code is (BlockerCode.FALLBACK_EXHAUSTED if plain == "none" else plain)
    assert verdict.cause is BlockerCode(code) and words in verdict.reason


def test_a_chain_of_cooling_agents_waits_for_the_first_of_them():
    verdict = judged(result=None, agents_left=0, retry_at=LATER)
    assert isinstance(verdict, Defer) and verdict.until == LATER
    assert verdict.code is BlockerCode.INVALID_RESULT_CONTRACT
    assert isinstance(judged(result=None, agents_left=0, retry_at=LATER, attempts=4), Escalate)


@pytest.mark.parametrize("status", ["partial", "blocked"])
@pytest.mark.parametrize(
    "code", ["missing_credentials", "manual_intervention_required", "missing_context"]
)
def test_what_no_other_agent_can_cure_goes_to_a_person_at_once(status, code):
    verdict = judged(result=result(status, code, blockers=("the deploy key",)))
    assert isinstance(verdict, Escalate)
    assert verdict.code is BlockerCode(code) and "the deploy key" in verdict.reason


def test_a_person_who_cancelled_is_obeyed_whatever_was_proved():
    assert judged(cancelled="somebody closed issue #3") == Cancelled("somebody closed issue #3")


def test_deliver_appears_only_with_a_complete_claim_and_its_proof():
    results = [None, COMPLETE] + [
        result(s, c) for s in ("partial", "blocked") for c in sorted(AGENT_CODES - {"none"})
    ]
    for claim, deliverable, diff, tests, refused, left, used in product(
        results, Deliverable, (True, False), OwnTests, ((), REFUSED), (0, 1), (1, 4)
    ):
        verdict = judged(
            result=claim, deliverable=deliverable, has_diff=diff, tests=tests,
            gate_refused=refused, agents_left=left, attempts=used,
        )
        proved = diff and tests in {OwnTests.PASSED, OwnTests.NONE} or (
            not diff and deliverable is Deliverable.REPORT
        )
        expected = claim is COMPLETE and not refused and proved
        assert isinstance(verdict, Deliver) == expected


def test_tests_without_a_place_to_run_cost_no_attempt_and_a_person_looks_at_the_fourth():
    later = datetime(2026, 1, 5, 9, tzinfo=UTC)
    for before in range(3):
        verdict = judged(tests=OwnTests.UNREADY, unready_before=before, try_again=later, attempts=4)
        assert isinstance(verdict, Interrupt) and verdict.until == later
    verdict = judged(tests=OwnTests.UNREADY, unready_before=3, try_again=later)
    assert isinstance(verdict, Escalate) and verdict.code is BlockerCode.ENVIRONMENT_FAILURE


def test_what_changed_nothing_hides_no_reason_of_the_work_before_it():
    bad = Attempt(
        n=1, agent="first", started=LATER, verdict=AttemptVerdict.REWORK, head_sha="a",
        code=BlockerCode.TEST_FAILURE, reason="our own test run fails",
    )  # fmt: skip
    fields = dict(agents_left=0, agent="second", refused_work=bad, result=None)
    verdict = judged(idle=True, **fields)
    assert isinstance(verdict, Escalate) and verdict.cause is BlockerCode.TEST_FAILURE
    assert verdict.reason.startswith("our own test run fails; second then changed nothing (the ag")
    own = judged(idle=False, **fields)
    assert isinstance(own, Escalate) and own.reason.startswith("the agent left no result file")
    asks = judged(idle=True, **fields | dict(result=result("blocked", "missing_context")))
    assert isinstance(asks, Escalate) and asks.code is BlockerCode.MISSING_CONTEXT
    assert isinstance(judged(idle=True, **fields | dict(agents_left=1)), Rework)


@pytest.mark.parametrize(
    ("before", "fields", "own"),
    [
        ("quota_limited", dict(result=None), "invalid_result_contract"),
        ("quota_limited", dict(result=None, fault=BlockerCode.TIMEOUT), "timeout"),
        ("test_failure", dict(result=None, fault=BlockerCode.QUOTA_LIMITED), "quota_limited"),
    ],
)
def test_who_changed_nothing_is_put_off_for_what_it_met_itself(before, fields, own):
    """Whether it had its turn, and whether that counts, is read from this code."""
    work = Attempt(n=1, agent="first", started=LATER, code=BlockerCode(before), reason="the work")
    common = dict(agents_left=0, agent="second", refused_work=work, idle=True)
    verdict = judged(**common, **fields, retry_at=LATER)
    assert isinstance(verdict, Defer) and verdict.code is BlockerCode(own)
    assert verdict.reason.startswith("the work; second then changed nothing")
    told = judged(**common, **fields)
    assert isinstance(told, Escalate) and told.cause is BlockerCode(before)


def test_the_last_work_is_the_last_that_moved_the_head():
    def made(n, head, round_=1, verdict=AttemptVerdict.REWORK):
        return Attempt(
            n=n, agent="a", started=LATER, round=round_, head_sha=head, verdict=verdict
        )

    old, work, idle, none = made(1, "a"), made(2, "b", 2), made(3, "b", 2), made(4, "", 2)
    assert stuck.refused_work((old, work, idle, none), 2) == work
    assert stuck.refused_work((old, made(2, "a", 2), none), 2) is None
    delivered = made(5, "c", 2, AttemptVerdict.DELIVER)
    assert stuck.refused_work((old, work, delivered, made(6, "c", 2)), 2) is None
    assert stuck.refused_work((), 1) is None


def test_who_cannot_answer_is_not_asked_and_a_person_sees_the_work():
    asked = dict(unexplained=("a.py:1 x",), deaf=True)
    assert isinstance(judged(GOOD, **asked), Rework)
    assert isinstance(judged(GOOD, **asked, agents_left=0), Deliver)


def test_a_change_in_question_is_asked_about_and_no_reason_to_give_up():
    """The same agent answers; where no attempt is left for that, it is shown with the question."""
    asked = judged(GOOD, unexplained=("a.py:1 x",), agents_left=0)
    assert isinstance(asked, Rework) and asked.code is BlockerCode.UNEXPLAINED_CHANGE
    assert "a reason or an honest fix: a.py:1 x" in asked.reason
    assert isinstance(judged(GOOD, unexplained=("a.py:1 x",), attempts=4), Deliver)
    failed = judged(GOOD, unexplained=("a.py:1 x",), tests=OwnTests.FAILED)
    assert isinstance(failed, Rework) and failed.code is BlockerCode.TEST_FAILURE
