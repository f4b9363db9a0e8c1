"""The merge verdict: one table, and the proof that Merge needs every guard (M1, T12)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from msgspec import structs

from orchestrator.records.change import Mending
from orchestrator.records.config import (
    AutomationMode,
    MergeMethod,
    MergePolicy,
    RepositoryConfig,
)
from orchestrator.records.errors import Trouble
from orchestrator.records.result import BlockerCode
from orchestrator.records.suspicion import Suspicion, Weight
from orchestrator.records.task import Attempt, MergeMark, Priority, PullRequestLink, Rerun, Task
from orchestrator.records.tracker import Check, Closes, PullRequest, Review
from orchestrator.records.verdicts import (
    AttemptVerdict,
    Cancelled,
    Escalate,
    Merge,
    Merged,
    Rework,
    RunAgain,
    Update,
    Wait,
)
from orchestrator.rules import merge, obstacles
from orchestrator.rules.checks import Checks
from orchestrator.rules.conflicts import Ahead
from orchestrator.rules.facts import Obstacle
from orchestrator.rules.merge import AfterCall, Facts
from orchestrator.rules.redness import Base

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=3)
HEAD, BASE, OLD = "a" * 40, "b" * 40, "c" * 40


def check(name="test", conclusion="success", **more):
    fields = {"group": "actions/ci", "status": "completed", "started": LONG_AGO, **more}
    return Check(name=name, conclusion=conclusion, **fields)


RUNNING = check("slow", "", status="in_progress")
RED = check("lint", "failure")
AGAIN = check("lint", "failure", id=4, workflow_run=9)
STOPPED = check("lint", "cancelled", id=4, workflow_run=9)
ASKED = Rerun(head=HEAD, check="lint", run=AGAIN.run, at=LONG_AGO)
APPROVING = Review(author="ann", state="APPROVED", commit=HEAD, by_writer=True)
REFUSING = Review(author="ann", state="CHANGES_REQUESTED", commit=HEAD, by_writer=True)

PULL = PullRequest(
    node_id="PR_1", repo="o/r", number=7, url="https://github.com/o/r/pull/7", head="agent/t",
    head_sha=HEAD, head_committed=LONG_AGO, base="main", base_tip=BASE, mergeable=True,
    checks=(check(),), issue_open=True,
)
TASK = Task(
    task_id="t", repo="o/r", issue=3, branch="agent/t", base="main", created=LONG_AGO,
    pull_request=PullRequestLink(number=7, node_id="PR_1"), pushed=(HEAD,),
)
REPOSITORY = RepositoryConfig(slug="o/r", clone_url="https://github.com/o/r.git")
REPAIR = Attempt(
    n=2, agent="a", started=LONG_AGO, verdict=AttemptVerdict.DELIVER, head_sha=HEAD
)
GOOD = Facts(
    pull=PULL, task=TASK, repository=REPOSITORY, required=(), marker_ok=True, behind=False,
    empty_diff=False, suspicions=(), commits_ours=True, in_base="", work_at=LONG_AGO, front=True,
    held_since=NOW - timedelta(hours=1),
)


def changed(facts=GOOD, **fields):
    """The facts with some fields replaced, wherever they live."""
    parts = {"pull": {}, "task": {}, "repository": {}, "": {}}
    for name, value in fields.items():
        place = next((p for p in parts if p and name.startswith(p + "__")), "")
        parts[place][name.removeprefix(f"{place}__") if place else name] = value
    for place in ("pull", "task", "repository"):
        if parts[place]:
            parts[""][place] = structs.replace(getattr(facts, place), **parts[place])
    return structs.replace(facts, **parts[""])


def judged(**fields):
    return merge.judge(changed(**fields), NOW)


def test_a_green_pull_request_up_to_date_and_settled_is_merged_at_this_head():
    assert judged() == Merge("every check is green and it is up to date", HEAD, BASE)


BENT = Suspicion(
    path="t.py", line=3, rule="x", said="checks nothing any more", weight=Weight.MEND
)
ITS_ISSUE = Closes(repo="O/R", number=3, open=True, labels=("bug", "Hold"))
STILL_MERGED = [
    dict(pull__closes=(structs.replace(ITS_ISSUE, number=4),)),
    dict(pull__closes=(structs.replace(ITS_ISSUE, labels=("blocked",)),)),
    dict(suspicions=(BENT,), pull__reviews=(APPROVING,)),
    dict(suspicions=(BENT,), pull__labels=("approved",), pull__approved_label_at=NOW,
         label_by_writer=True),
    dict(task__issue=None, pull__issue_open=None),
    dict(pull__labels=("bug", "approved")),
    dict(required=("test",)),
    dict(repository__required_checks=("test",)),
    dict(expected=("test",)),
    dict(expected=("elsewhere",), required=("test",)),
    dict(pull__checks=(check(), check("lint", "skipped"))),
    dict(pull__checks=(check(), check("lint", "neutral")), required=("lint", "test")),
    dict(pull__checks=(), repository__allow_no_ci=True),
    dict(pull__checks=(check("x", "skipped"),), repository__allow_no_ci=True),
    dict(pull__checks=(), repository__allow_no_ci=True, repository__min_ci_seconds=5),
    dict(repository__settle_seconds=0, held_since=None),
    dict(pull__head_committed=NOW + timedelta(hours=1)),
    dict(task__pushed=(OLD, HEAD)),
    dict(commits_ours=False, pull__reviews=(APPROVING,)),
    dict(pull__head_sha=OLD, task__pushed=(HEAD,), commits_ours=False,
         pull__reviews=(structs.replace(APPROVING, commit=OLD),)),
    dict(pull__reviews=(REFUSING, APPROVING)),
    dict(pull__reviews=(structs.replace(REFUSING, by_writer=False),)),
    dict(repository__merge=MergePolicy.APPROVED, pull__reviews=(APPROVING,)),
    dict(repository__merge=MergePolicy.APPROVED, carried=(OLD,), task__pushed=(OLD, HEAD),
         pull__reviews=(structs.replace(APPROVING, commit=OLD),)),
    dict(repository__merge=MergePolicy.APPROVED, pull__labels=("Approved",),
         pull__approved_label_at=NOW, label_by_writer=True),
    dict(repository__min_ci_seconds=5,
         pull__checks=(check(completed=LONG_AGO + timedelta(seconds=6)),)),
    dict(task__merge=MergeMark(head_sha=HEAD, base_sha=BASE)),
]


@pytest.mark.parametrize("others", [(), (RUNNING,)], ids=["over", "one never ends"])
def test_a_base_that_is_red_itself_is_told_of_whatever_still_runs(others):
    base = Base(name="main", tip=Checks(red=("lint",)))
    facts = changed(pull__checks=(RED, *others), base=base)
    assert obstacles.view(facts).obstacle is Obstacle.BASE_RED


@pytest.mark.parametrize("fields", STILL_MERGED)
def test_facts_that_are_no_obstacle(fields):
    assert isinstance(judged(**fields), Merge)


HOUR = NOW - timedelta(hours=1)
NOT_MERGED = [
    # over already
    (dict(task__merge=MergeMark(head_sha=OLD, base_sha=BASE, sha="m")), Merged, "we merged it"),
    (dict(task__merge=MergeMark(head_sha=HEAD, base_sha=BASE, sha="m"), pull__merged=False,
          pull__open=False), Merged, "we merged it"),
    (dict(pull__merged=True, pull__open=False, pull__merge_sha="m"), Merged, "somebody merged it"),
    (dict(pull__merged=True, pull__open=False, pull__merge_sha="m",
          task__merge=MergeMark(head_sha=HEAD, base_sha=BASE)), Merged, "we merged it"),
    (dict(task__merge=MergeMark(head_sha=HEAD, base_sha=BASE), in_base="m"), Merged,
     "on the base already"),
    (dict(task__merge=MergeMark(head_sha=HEAD, base_sha=BASE), in_base=None,
          held_since=LONG_AGO), Escalate, "for 6 h now"),
    (dict(task__merge=MergeMark(head_sha=HEAD, base_sha=BASE), in_base=None), Wait,
     "no clear answer"),
    (dict(pull__open=False), Cancelled, "closed the pull request"),
    (dict(empty_diff=True), Merged, "whole change is on the base"),
    # lane and issue
    (dict(repository__automation_mode=AutomationMode.DISPATCHER_ONLY), Wait, "lane"),
    (dict(pull__issue_open=None), Wait, "could not be read"),
    (dict(pull__issue_open=None, held_since=LONG_AGO), Escalate, "for 6 h now"),
    (dict(pull__issue_open=False), Cancelled, "closed issue #3"),
    # identity
    (dict(pull__cross_repository=True), Escalate, "comes from"),
    (dict(pull__head="agent/other"), Escalate, "comes from agent/other"),
    (dict(pull__base="release"), Escalate, "aims at release"),
    (dict(marker_ok=False), Escalate, "lacks the mark"),
    # people's brakes
    (dict(pull__labels_complete=False), Wait, "not all labels"),
    (dict(pull__labels_complete=False, held_since=LONG_AGO), Escalate, "for 6 h now"),
    (dict(pull__reviews_complete=False), Wait, "not all reviews"),
    (dict(pull__reviews_complete=False, held_since=LONG_AGO), Escalate, "for 6 h now"),
    (dict(pull__labels=("Hold",)), Wait, "label hold"),
    (dict(pull__closes=(ITS_ISSUE,)), Wait, "its issue #3 bears the label hold"),
    (dict(pull__labels=("blocked",), held_since=LONG_AGO), Wait, "label blocked"),
    (dict(pull__draft=True), Wait, "draft"),
    # commits and reviews
    (dict(task__pushed=(OLD,)), Wait, "not ours"),
    (dict(task__pushed=()), Wait, "not ours"),
    (dict(task__pushed=(HEAD, OLD)), Wait, "before our last push"),
    (dict(task__pushed=(HEAD, OLD), held_since=LONG_AGO), Escalate, "was it set back?"),
    (dict(commits_ours=False), Wait, "not ours"),
    (dict(commits_ours=False, held_since=LONG_AGO), Escalate, "for 24 h now"),
    (dict(commits_ours=False, pull__reviews=(structs.replace(APPROVING, commit=OLD),)), Wait,
     "not ours"),
    (dict(commits_ours=False, pull__reviews=(structs.replace(APPROVING, by_writer=False),)), Wait,
     "not ours"),
    (dict(pull__reviews=(REFUSING,)), Rework, "asks for changes"),
    (dict(pull__reviews=(APPROVING, REFUSING)), Rework, "asks for changes"),
    (dict(pull__reviews=(REFUSING,), task__reworks=3), Escalate, "after 3 repairs"),
    (dict(pull__reviews=(structs.replace(REFUSING, commit=OLD),)), Wait, "has not looked again"),
    (dict(pull__reviews=(structs.replace(REFUSING, commit=OLD, submitted=NOW),)), Rework,
     "asks for changes"),
    (dict(pull__reviews=(structs.replace(REFUSING, commit=OLD, submitted=NOW),), task__heard=NOW),
     Wait, "has not looked again"),
    (dict(pull__reviews=(structs.replace(REFUSING, by_writer=False),),
          repository__trusted_authors=("Ann",)), Wait, "has not looked again"),
    # checks
    (dict(pull__checks=None), Wait, "checks could not be read"),
    (dict(required=None), Wait, "which checks main requires could not be read"),
    (dict(required=None, held_since=LONG_AGO), Escalate, "for 6 h now"),
    (dict(pull__checks=(RED, check())), Rework, "failed: lint"),
    (dict(pull__checks=(RED,), task__reworks=2), Rework, "failed: lint"),
    (dict(pull__checks=(RED,), task__reworks=3), Escalate, "failed: lint, after 3 repairs"),
    (dict(pull__checks=(RED,), task__red_heads=(HEAD,)), Escalate, "it is still red"),
    (dict(pull__checks=(AGAIN, check()), held_since=NOW), RunAgain, "run again before anybody"),
    (dict(pull__checks=(AGAIN,), task__reruns=(ASKED,), held_since=NOW), RunAgain, "is being run"),
    (dict(pull__checks=(AGAIN,), task__reruns=(ASKED,)), Rework, "failed: lint"),
    (dict(pull__checks=(AGAIN, check("unit", "failure")), held_since=NOW), Rework, "failed: lint"),
    (dict(pull__checks=(AGAIN,), task__reruns=(structs.replace(ASKED, run="2"),)), Rework,
     "run again 1 time"),
    (dict(pull__checks=(STOPPED,), held_since=NOW), RunAgain, "before they said anything"),
    (dict(pull__checks=(STOPPED,), held_since=LONG_AGO), Escalate, "were not run again"),
    (dict(pull__checks=(STOPPED,), task__reruns=(structs.replace(ASKED, run="2"),),
          held_since=NOW), Wait, "cancelled or waiting"),
    (dict(task__cancel="maria ended it"), Cancelled, "maria ended it"),
    (dict(pull__checks=(RED,), base=Base(name="main", tip=Checks(red=("lint",)))), Wait,
     "main is red itself: lint"),
    (dict(pull__checks=(RED, RUNNING), base=Base(name="main", tip=Checks(red=("lint",)))), Wait,
     "main is red itself: lint"),
    (dict(pull__checks=(RED,), base=Base(name="main", tip=Checks(passed=("lint",)))), Rework,
     "failed: lint"),
    (dict(pull__checks=(RED, check("unit", "failure")),
          base=Base(name="main", tip=Checks(red=("lint",)))), Rework, "failed: unit"),
    (dict(pull__checks=(RED,), base=Base(name="main", tip=Checks(pending=("lint",))),
          held_since=NOW), Wait, "main is running lint itself"),
    (dict(pull__checks=(RED,), base=Base(name="main", later=True), held_since=NOW), Wait,
     "is asked next"),
    (dict(pull__checks=(RED,), base=Base(name="main", later=True)), Rework, "failed: lint"),
    (dict(pull__checks=(RED,), base=Base(name="main", tip=Checks(passed=("lint",)),
                                         below=Checks(red=("lint",)))), Update, "is not any more"),
    (dict(pull__checks=(RED,), base=Base(name="main", tip=Checks(pending=("lint",)),
                                         below=Checks(red=("lint",))), held_since=NOW), Wait,
     "has not ended yet"),
    (dict(pull__checks=(RED,), front=False, base=Base(
        name="main", tip=Checks(passed=("lint",)), below=Checks(red=("lint",)))), Wait,
     "another one is updated first"),
    (dict(pull__checks=(RED, RUNNING), held_since=NOW), Wait, "still running: slow"),
    (dict(pull__checks=(RED, RUNNING)), Rework, "failed: lint"),
    (dict(pull__checks=(AGAIN, RUNNING), held_since=NOW), Wait, "still running: slow"),
    (dict(pull__checks=(AGAIN, RUNNING)), RunAgain, "run again before anybody"),
    (dict(pull__checks=(AGAIN, RUNNING), task__reruns=(ASKED,)), Wait, "still running: slow"),
    (dict(pull__checks=(AGAIN, RUNNING), task__reruns=(ASKED,), held_since=LONG_AGO), Rework,
     "failed: lint"),
    (dict(pull__checks=(RED, RUNNING), base=Base(name="main", tip=Checks(pending=("lint",)))), Wait,
     "still running: slow"),
    (dict(pull__checks=(RED, RUNNING), base=Base(name="main", tip=Checks(pending=("lint",))),
          held_since=LONG_AGO), Rework, "failed: lint"),
    (dict(pull__checks=(RED, RUNNING), held_since=NOW, base=Base(
        name="main", tip=Checks(passed=("lint",)), below=Checks(red=("lint",)))), Update,
     "is not any more"),
    (dict(pull__checks=(RED,), base=Base(name="main", tip=Checks(pending=("lint",)))), Wait,
     "main is running lint itself"),
    # A base that moves on all the time always runs it somewhere; where the head stands it passed.
    (dict(pull__checks=(RED,), base=Base(name="main", tip=Checks(pending=("lint",)),
                                         below=Checks(passed=("lint",)))), Rework, "failed: lint"),
    (dict(pull__checks=(RED,), base=Base(name="main", tip=Checks(pending=("lint",))),
          held_since=LONG_AGO), Rework, "failed: lint"),
    (dict(pull__checks=(RUNNING, check())), Wait, "still running: slow"),
    (dict(pull__checks=(RUNNING,), held_since=LONG_AGO), Escalate, "for 24 h now"),
    (dict(pull__checks=(check("x", "cancelled"),)), Wait, "cancelled"),
    (dict(pull__checks=(check("x", "stale"), check()), held_since=LONG_AGO), Escalate, "for 2 h"),
    (dict(required=("lint",), held_since=NOW), Wait, "not reported yet: lint"),
    (dict(required=("lint",)), Escalate, "lint never reported"),
    (dict(repository__required_checks=("lint",), held_since=NOW), Wait, "not reported yet: lint"),
    (dict(expected=("lint",), held_since=NOW), Wait, "not reported yet: lint"),
    (dict(pull__checks=(), held_since=NOW), Wait, "no check has reported"),
    (dict(pull__checks=()), Escalate, "no CI: o/r ran no check"),
    (dict(pull__checks=(), repository__allow_no_ci=True, expected=("test",), held_since=NOW), Wait,
     "not reported yet: test"),
    (dict(pull__checks=(check("x", "skipped"),), held_since=NOW), Wait, "no check succeeded"),
    (dict(pull__checks=(check("x", "neutral"),)), Escalate, "no check succeeded"),
    (dict(repository__min_ci_seconds=5), Escalate, "not known"),
    (dict(repository__min_ci_seconds=5, held_since=NOW), Wait, "not known"),
    (dict(repository__min_ci_seconds=5,
          pull__checks=(check(completed=LONG_AGO + timedelta(seconds=1)),)), Escalate,
     "took 1 s, less than the 5 s"),
    # approval
    (dict(repository__merge=MergePolicy.APPROVED), Wait, "maintainer's approving review"),
    # work that bends what judges it
    (dict(suspicions=(BENT,)), Wait, "t.py:3 checks nothing"),
    (dict(suspicions=(BENT, BENT)), Wait, "and 1 more"),
    (dict(suspicions=(BENT,), held_since=LONG_AGO), Wait, "t.py:3 checks nothing"),
    (dict(suspicions=(BENT,), pull__labels=("approved",), label_by_writer=False,
          pull__approved_label_at=NOW), Wait, "t.py:3 checks nothing"),
    (dict(suspicions=None), Wait, "not been compared"),
    (dict(repository__merge=MergePolicy.APPROVED, held_since=LONG_AGO,
          pull__reviews=(structs.replace(APPROVING, commit=OLD),)), Wait, "approving review"),
    (dict(repository__merge=MergePolicy.APPROVED,
          pull__reviews=(structs.replace(APPROVING, state="DISMISSED"),)), Wait, "approving"),
    (dict(repository__merge=MergePolicy.APPROVED, pull__labels=("approved",), label_by_writer=True),
     Wait, "approving review"),
    (dict(repository__merge=MergePolicy.APPROVED, pull__labels=("approved",), label_by_writer=True,
          pull__approved_label_at=LONG_AGO), Wait, "approving review"),
    (dict(repository__merge=MergePolicy.APPROVED, pull__labels=("approved",), label_by_writer=False,
          pull__approved_label_at=NOW), Wait, "approving review"),
    (dict(repository__merge=MergePolicy.APPROVED, pull__labels=("approved",),
          pull__approved_label_at=NOW, pull__approved_label_by="bo"), Wait, "whether bo may write"),
    # git
    (dict(pull__mergeable=None), Wait, "has not said whether"),
    (dict(pull__mergeable=None, behind=True, held_since=LONG_AGO), Escalate, "for 6 h now"),
    (dict(pull__mergeable=False), Wait, "where git sees none"),
    (dict(behind=None), Wait, "not been compared"),
    (dict(empty_diff=None), Wait, "not been compared"),
    (dict(commits_ours=None), Wait, "not been compared"),
    (dict(pull__base_tip=""), Wait, "not been compared"),
    (dict(behind=True), Update, "the base has moved on"),
    (dict(behind=True, pull__mergeable=False), Update, "the base has moved on"),
    (dict(behind=True, pull__mergeable=False, pull__checks=()), Update, "the base has moved on"),
    (dict(behind=True, pull__mergeable=False, required=("deploy",)), Update, "base has moved on"),
    (dict(pull__mergeable=False, required=("deploy",)), Wait, "where git sees none"),
    (dict(behind=True, front=False), Wait, "another one goes first"),
    (dict(behind=True, front=None), Wait, "another one goes first"),
    # settling
    (dict(pull__head_committed=None), Wait, "age of the head"),
    (dict(pull__head_committed=NOW - timedelta(seconds=119)), Wait, "seen less than 120 s ago"),
    # A wrong clock wrote the future into the commit: it is as old as it has been watched.
    (
        dict(
            pull__head_committed=NOW + timedelta(hours=1), held_since=NOW - timedelta(seconds=119)
        ),
        Wait,
        "seen less than 120 s ago",
    ),
    (dict(held_since=None), Wait, "settling for 60 s"),
    (dict(held_since=NOW - timedelta(seconds=59)), Wait, "settling for 60 s"),
    (dict(held_since=NOW + timedelta(hours=1)), Wait, "settling for 60 s"),
    (dict(front=False), Wait, "goes first"),
    (dict(front=None), Wait, "goes first"),
]


@pytest.mark.parametrize(("fields", "kind", "words"), NOT_MERGED)
def test_one_changed_fact_that_keeps_it_from_merging(fields, kind, words):
    verdict = judged(**fields)
    assert isinstance(verdict, kind)
    assert words in verdict.reason


def test_red_checks_are_told_with_the_code_that_the_next_attempt_needs():
    assert judged(pull__checks=(RED,)).code is BlockerCode.TEST_FAILURE
    assert judged(pull__reviews=(REFUSING,)).code is BlockerCode.NONE


def test_a_merge_of_ours_is_told_from_one_by_a_person():
    by_us = judged(pull__merged=True, pull__merge_sha="m",
                   task__merge=MergeMark(head_sha=HEAD, base_sha=BASE))
    by_them = judged(pull__merged=True, pull__merge_sha="m")
    already = judged(empty_diff=True)
    assert (by_us.ours, by_them.ours, already.ours) == (True, False, False)
    assert (by_us.sha, by_them.sha, already.sha) == ("m", "m", BASE)


GUARDS = {
    "pull__open": (True, False),
    "repository__automation_mode": tuple(AutomationMode),
    "pull__issue_open": (True, False, None),
    "marker_ok": (True, False),
    "pull__labels": ((), ("hold",)),
    "commits_ours": (True, False, None),
    "pull__checks": ((check(),), (check(), RED), (check(), RUNNING), (), None),
    "required": ((), ("lint",), None),
    "pull__mergeable": (True, False, None),
    "behind": (False, True, None),
    "empty_diff": (False, True, None),
    "held_since": (GOOD.held_since, None),
    "front": (True, False, None),
}


def test_merge_appears_only_where_every_guard_holds():
    """The whole product: of some 350,000 worlds exactly one is merged."""
    pulls = [n for n in GUARDS if n.startswith("pull__")]
    others = [n for n in GUARDS if n not in pulls and n != "repository__automation_mode"]
    lanes = {m: structs.replace(REPOSITORY, automation_mode=m) for m in AutomationMode}
    merged = []
    for chosen in product(*(GUARDS[n] for n in pulls)):
        fields = dict(zip(pulls, chosen, strict=True))
        pull = structs.replace(PULL, **{n[6:]: v for n, v in fields.items()})
        for repository in lanes.values():
            for rest in product(*(GUARDS[n] for n in others)):
                more = dict(zip(others, rest, strict=True))
                facts = structs.replace(GOOD, pull=pull, repository=repository, **more)
                if isinstance(merge.judge(facts, NOW), Merge):
                    merged.append(facts)
    assert merged == [GOOD]


def test_the_key_changes_with_the_head_and_for_a_merge_with_the_base():
    keys = [merge.key(changed(**fields)) for fields in (
        {}, dict(pull__base_tip=OLD), dict(behind=True), dict(pull__draft=True),
        dict(pull__checks=(RUNNING,)), dict(pull__head_sha=OLD, task__pushed=(OLD,)),
    )]
    assert len(set(keys)) == len(keys)
    running = [dict(pull__checks=(RUNNING,), pull__base_tip=tip) for tip in (BASE, OLD)]
    assert len({merge.key(changed(**fields)) for fields in running}) == 1
    assert merge.key(GOOD) == f"{Obstacle.NOTHING} {HEAD} {BASE}"
    again = structs.replace(GOOD, task=structs.replace(GOOD.task, round=2))
    assert merge.key(again) != merge.key(GOOD)  # a person set it Ready: every patience is new


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        (dict(behind=None), True),
        (dict(behind=True), True),
        ({}, True),
        (dict(pull__checks=(RUNNING,), behind=None), False),
        (dict(pull__draft=True), False),
        (dict(task__merge=MergeMark(head_sha=HEAD, base_sha=BASE), in_base=None), True),
    ],
)
def test_git_is_asked_only_where_github_has_no_objection(fields, wanted):
    assert merge.wants_git(changed(**fields)) is wanted


def candidate(number, **fields):
    return changed(pull__number=number, front=None, **fields)


@pytest.mark.parametrize(
    ("candidates", "front"),
    [
        ([], {}),
        ([candidate(1, behind=True), candidate(2, behind=True)], 1),
        ([candidate(1, behind=True, task__created=NOW), candidate(2, behind=True)], 2),
        ([candidate(1, behind=True, task__priority=Priority.LOW),
          candidate(2, behind=True, task__created=NOW)], 2),
        ([candidate(1, behind=True),
          candidate(2, behind=True, task__created=NOW, task__priority=Priority.HIGH)], 2),
        ([candidate(1, behind=True, pull__draft=True), candidate(2, behind=True)], 2),
        ([candidate(1, behind=True, pull__checks=(RED,)), candidate(2, behind=True)], 2),
        ([candidate(1, behind=True, pull__checks=(RUNNING,)), candidate(2, behind=True)], 2),
        ([candidate(1, behind=True, repository__merge=MergePolicy.APPROVED),
          candidate(2, behind=True)], 2),
        ([candidate(1, behind=True), candidate(2)], 2),
        ([candidate(1, behind=True), candidate(2, held_since=None)], 2),
        ([candidate(1, behind=True),
          candidate(2, carried=(OLD,), pull__checks=(RUNNING,), pull__head_committed=NOW)], 2),
        ([candidate(1, behind=True),
          candidate(2, carried=(OLD,), pull__checks=(RUNNING,), pull__head_committed=NOW,
                    behind=True)], 1),
        ([candidate(1, behind=True),
          candidate(2, task__pushed=(OLD, HEAD), pull__checks=(RUNNING,),
                    pull__head_committed=NOW, behind=None)], 2),
        ([candidate(1, behind=True),
          candidate(2, task__pushed=(OLD, HEAD), task__attempts=(REPAIR,),
                    pull__checks=(RUNNING,), pull__head_committed=NOW, behind=None)], 1),
        ([candidate(1, behind=True),
          candidate(2, carried=(OLD,), pull__checks=(RUNNING,))], 1),
        ([candidate(1, behind=True),
          candidate(2, carried=(OLD,), pull__checks=(RUNNING,), pull__head_committed=None)], 1),
        ([candidate(1, pull__draft=True)], {}),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_who_goes_first(candidates, front, turned):
    seen = reversed(candidates) if turned else candidates
    expected = front if isinstance(front, dict) else {("o/r", "main"): front}
    assert merge.order(seen, NOW) == expected


REPAIRED = dict(task__reworks=1, pull__checks=(RUNNING,), pull__head_committed=NOW)


@pytest.mark.parametrize(
    ("first", "second", "front"),
    [
        ({}, REPAIRED, None),  # merged now, it would cost the other one more repair
        (dict(behind=True), REPAIRED, None),
        (dict(task__reworks=1), REPAIRED, 1),
        (dict(task__reworks=1), {**REPAIRED, "task__reworks": 2}, None),
        ({}, {**REPAIRED, "pull__head_committed": NOW - merge.IN_FLIGHT}, 1),
        ({}, {**REPAIRED, "pull__checks": (RED,)}, 1),
        ({}, {**REPAIRED, "pull__draft": True}, 1),
        ({}, {**REPAIRED, "task__reworks": 0}, 1),
        ({}, dict(task__reworks=1, behind=True), 2),
        ({}, dict(task__reworks=1), 2),
        (dict(task__priority=Priority.HIGH), REPAIRED, 1),
    ],
)
@pytest.mark.parametrize("clash", [True, False])
def test_who_was_repaired_is_not_overtaken_by_what_it_conflicts_with(first, second, front, clash):
    young = dict(task__created=NOW, task__marks=())
    candidates = [candidate(1, **young, **first), candidate(2, **young, **second)]
    pairs = {("o/r", "main"): [frozenset({1, 2})]} if clash else {}
    found = merge.order(candidates, NOW, merge.turns(candidates, Ahead(clashes=pairs), NOW))
    if clash:
        assert found.get(("o/r", "main")) == front
    elif front is None:
        assert found == {("o/r", "main"): 1}


@pytest.mark.parametrize("behind", [False, True])
def test_nobody_goes_first_whose_merge_would_spoil_a_repair(behind):
    first = candidate(1, behind=behind, task__created=NOW, task__marks=())
    mending = Mending(
        task_id="t", repo="o/r", base="main", number=9, priority=Priority.NORMAL,
        paths=("LIST.md",), repaired=1, since=NOW,
    )  # fmt: skip
    for base, paths in (("main", {"LIST.md"}), ("next", {"LIST.md"}), ("main", {"a.py"})):
        ahead = Ahead(
            paths={("o/r", 1): frozenset(paths)}, mending=(structs.replace(mending, base=base),)
        )
        front = merge.order([first], NOW, merge.turns([first], ahead, NOW))
        assert front == ({} if (base, paths) == ("main", {"LIST.md"}) else {("o/r", "main"): 1})


def test_each_repository_and_base_has_its_own_front():
    candidates = [
        candidate(1), candidate(2, pull__repo="o/s"),
        candidate(3, pull__base="next", task__base="next"),
    ]
    assert merge.order(candidates, NOW) == {
        ("o/r", "main"): 1, ("o/s", "main"): 2, ("o/r", "next"): 3,
    }


def test_repairs_are_bounded():
    assert merge.bounded(2, "conflict") == Rework("conflict")
    assert merge.bounded(3, "conflict") == Escalate("conflict, after 3 repairs")


@pytest.mark.parametrize(
    ("trouble", "after"),
    [
        (None, AfterCall.PROVE),
        (Trouble.REFUSED, AfterCall.LOOK),
        (Trouble.CONFLICT, AfterCall.FORGET),
        (Trouble.RATE, AfterCall.LATER),
        (Trouble.READ_ONLY, AfterCall.LATER),
        (Trouble.PERMISSION, AfterCall.ESCALATE),
        (Trouble.NOT_FOUND, AfterCall.LATER),
        (Trouble.VALIDATION, AfterCall.ESCALATE),
        (Trouble.SERVER, AfterCall.AMBIGUOUS),
        (Trouble.NETWORK, AfterCall.AMBIGUOUS),
    ],
)
def test_what_follows_the_merge_call(trouble, after):
    assert merge.after_call(trouble) is after


@pytest.mark.parametrize("trouble", list(Trouble))
def test_every_trouble_has_an_answer_and_none_but_success_counts_as_merged(trouble):
    assert merge.after_call(trouble) is not AfterCall.PROVE


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Base branch was modified. Review and try the merge again.", Wait),
        ("Pull Request is not mergeable", Wait),
        ("Squash merges are not allowed on this repository.", Escalate),
        ("You're not authorized to push to this branch.", Escalate),
        ("Repository rule violations found", Escalate),
    ],
)
def test_a_refusal_is_final_or_not_by_its_words(message, kind):
    verdict = merge.after_refusal(message)
    assert isinstance(verdict, kind) and message in verdict.reason


@pytest.mark.parametrize(
    ("wanted", "linear", "used"),
    [
        (MergeMethod.REBASE, True, MergeMethod.REBASE),
        (MergeMethod.REBASE, False, MergeMethod.SQUASH),
        (MergeMethod.REBASE, None, MergeMethod.SQUASH),
        (MergeMethod.MERGE, False, MergeMethod.MERGE),
        (MergeMethod.SQUASH, False, MergeMethod.SQUASH),
    ],
)
def test_a_branch_with_merges_is_never_rebased(wanted, linear, used):
    """A rebase leaves merges out, and with them what they brought together (M9)."""
    repository = structs.replace(REPOSITORY, merge_method=wanted)
    assert merge.method(structs.replace(GOOD, repository=repository, linear=linear)) is used
