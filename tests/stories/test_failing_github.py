"""GitHub on a bad day: every write happens once, a lost answer is looked up (A1, E1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.adapters.effects import SECOND_LOOK
from orchestrator.records.task import State
from tests.support import hostile, repos
from tests.support.office import SLUG, Office, an_office, says

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
REPORT = (
    "STATUS: complete\nBLOCKER_CODE: none\nSUMMARY: SQLite fits: one file, no server, "
    "and our writes are few.\nDONE:\n- Compared three databases for the job at hand.\n"
)
COMMENTS = r"/issues/\d+/comments$"
MERGE = r"/pulls/\d+/merge$"


def finish(office: Office, issue: int) -> None:
    """With GitHub well again: done, one pull request, one comment, one run of the agent."""
    for _ in range(2):
        office.pass_time(SECOND_LOOK.total_seconds() + 1)
        office.work_until_quiet()
    assert office.state_of(issue) is State.DONE, office.told()
    assert [bool(pull["merged_at"]) for pull in office.pulls()] == [True], office.told()
    assert len(office.comments(issue)) == 1, office.told()
    assert office.executor.agent_runs == ["first"], office.told()
    assert office.file("first.txt") == "done\n"
    on_main = repos.git(office.github.bare(SLUG), "log", "--format=%s", "main").splitlines()
    assert len(on_main) == 2, on_main


BREAKS = {
    "500 after it": hostile.applied_then(500),
    "502 before it": hostile.answers(502),
    "cut after it": hostile.applied_then_cut,
    "cut before it": hostile.cut,
}
COMMENT, OPEN, PUSH = ("POST", COMMENTS), ("POST", r"/pulls$"), ("POST", r"/git-receive-pack$")
CASES = [
    *((COMMENT, break_) for break_ in ("500 after it", "502 before it", "cut after it")),
    *((OPEN, break_) for break_ in ("500 after it", "cut before it", "cut after it")),
    *((("PUT", MERGE), break_) for break_ in ("500 after it", "502 before it", "cut after it")),
    *((PUSH, break_) for break_ in ("502 before it", "cut after it")),
    (("PATCH", r"/issues/comments/\d+$"), "cut after it"),
    (("DELETE", r"/labels/ready$"), "500 after it"),
]


@pytest.mark.parametrize(("write", "break_"), CASES, ids=lambda case: str(case)[:40])
def test_a_write_whose_answer_is_lost_happens_once(
    tmp_path: Path, write: tuple[str, str], break_: str
) -> None:
    """F13, F14, F17; and the request itself is sent once, whatever came of it."""
    with an_office(tmp_path, repository=QUICK) as office:
        bad = hostile.between(office.github)
        method, path = write
        bad.on(method, path, BREAKS[break_])
        issue = office.ready("Add first.txt")
        for _ in range(3):
            office.round(5)
            if not bad.rules[0].left:
                break
        assert bad.rules[0].left == 0, "the fault was met"
        finish(office, issue)


def test_a_pull_request_that_was_retargeted_before_we_heard_of_it_is_opened_once(
    tmp_path: Path,
) -> None:
    """E5: it is ours by its branch and its mark, whatever it is to be merged into by now."""
    with an_office(tmp_path, repository=QUICK) as office:
        bad = hostile.between(office.github)
        bad.on("POST", r"/pulls$", hostile.applied_then_cut)
        office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        [pull] = office.pulls()
        repos.git(office.github.bare(SLUG), "branch", "next", "main")
        office.github.forge.pushed(SLUG, "maria")
        path = f"/repos/{SLUG}/pulls/{pull['number']}"
        answer = office.api.patch(path, json={"base": "next"})
        assert answer.status_code == 200, answer.text
        for _ in range(6):
            office.round(600)
        assert len(office.pulls()) == 1, office.told()


@pytest.mark.parametrize("status", [500, 502])
def test_reads_are_repeated_and_then_told(tmp_path: Path, status: int) -> None:
    """Two bad answers are nothing; GitHub away for a tick is a sentence, and the next one works."""
    with an_office(tmp_path, repository=QUICK) as office:
        bad = hostile.between(office.github)
        issue = office.ready("Add first.txt")
        bad.on("POST", r"/graphql$", hostile.answers(status), times=2)
        assert office.dispatch() == 0, office.told()
        bad.on("POST", r"/graphql$", hostile.answers(status), times=99)
        bad.on("GET", r"/repos/", hostile.answers(status), times=99)
        for tick in (office.dispatch, office.queue):
            office.said.clear()
            assert tick() in {0, 10}, office.told()
            assert len([line for line in office.said if str(status) in line]) <= 2, office.told()
        assert office.executor.agent_runs == []
        bad.calm()
        office.world.clock.sleep(61)
        office.queue()
        bad.on("POST", r"/graphql$", hostile.answers(status), times=99)
        office.said.clear()
        assert office.monitor() == 10
        assert len(office.said) == 1, office.told()
        bad.calm()
        finish(office, issue)


@pytest.mark.parametrize(
    ("headers", "status"), [((("Retry-After", "60"),), 403), ((), 429)], ids=["403", "429"]
)
def test_a_limit_ends_the_tick_and_is_not_asked_again_and_again(
    tmp_path: Path, headers: tuple[tuple[str, str], ...], status: int
) -> None:
    """F37: the worker stops at once instead of claiming the same task for ever."""
    with an_office(tmp_path, repository=QUICK) as office:
        issues = [office.ready("Add first.txt"), office.ready("Something else")]
        office.dispatch()
        bad = hostile.between(office.github)
        limit = hostile.answers(status, "You have exceeded a secondary rate limit", headers=headers)
        bad.on("GET", r"/repos/.*", limit, times=999)
        bad.on("POST", r"/graphql", limit, times=999)
        assert office.queue() == 10
        assert office.dispatch() == 10
        assert len(bad.seen) <= 3, bad.seen
        assert len(office.folders()[State.INBOX]) == 2, office.told()
        bad.calm()
        office.work_until_quiet(4)
        assert office.state_of(issues[0]) is State.DONE, office.told()


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (409, "Head branch was modified. Review and try the merge again."),
        (405, "Base branch was modified. Review and try the merge again."),
    ],
)
def test_a_merge_refused_for_now_is_judged_anew(
    tmp_path: Path, status: int, message: str
) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        bad = hostile.between(office.github)
        bad.on("PUT", MERGE, hostile.answers(status, message))
        issue = office.ready("Add first.txt")
        finish(office, issue)
        assert bad.count("PUT", MERGE) == 2


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (405, "Squash merges are not allowed on this repository."),
        (403, "Resource not accessible by personal access token"),
        (422, "Validation Failed"),
    ],
)
def test_a_merge_refused_for_good_goes_to_a_person_once(
    tmp_path: Path, status: int, message: str
) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        bad = hostile.between(office.github)
        bad.on("PUT", MERGE, hostile.answers(status, message), times=9)
        issue = office.ready("Add first.txt")
        for _ in range(4):
            office.round()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert message in office.task(issue).note
        assert bad.count("PUT", MERGE) == 1 and len(office.comments(issue)) == 2


def test_an_issue_that_is_gone_ends_its_task_and_nobody_elses(tmp_path: Path) -> None:
    """Deleted or moved to another repository: nothing can be told there, the file says why."""
    with an_office(tmp_path, repository=QUICK) as office:
        gone, fine = office.ready("Gone soon"), office.ready("Add first.txt")
        office.dispatch()
        bad = hostile.between(office.github)
        for method in ("GET", "POST", "PATCH"):
            bad.on(method, rf"/issues/{gone}(/.*)?$", hostile.answers(404, "Not Found"), times=999)
        bad.on("PATCH", r"/issues/comments/1$", hostile.answers(404, "Not Found"), times=999)
        for minutes in (1, 2, 6, 21, 61, 1):
            office.queue()
            office.world.clock.sleep(minutes * 60)
        assert office.state_of(gone) in {State.FAILED, State.CANCELLED}, office.told()
        office.work_until_quiet()
        assert office.state_of(fine) is State.DONE, office.told()


def test_a_status_comment_that_a_person_deleted_holds_nothing_up(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        bad = hostile.between(office.github)
        gone = hostile.answers(404, "Not Found")
        bad.on("PATCH", r"/issues/comments/\d+$", gone, times=999)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


def test_not_found_just_after_the_work_is_githubs_delay(tmp_path: Path) -> None:
    """A7: what was pushed a moment ago may not be known everywhere yet; nobody is called."""
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        bad = hostile.between(office.github)
        bad.on("POST", r"/pulls$", hostile.answers(404))
        office.dispatch()
        office.queue()
        assert bad.count("POST", r"/pulls$") == 1
        assert office.state_of(issue) is not State.ESCALATED, office.told()
        finish(office, issue)


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_an_issue_is_closed_though_it_was_not_found_a_moment_after_its_report(
    tmp_path: Path, method: str
) -> None:
    """A7: who took that for a closed issue would leave it open for ever."""
    with an_office(tmp_path, agent=says(REPORT)) as office:
        issue = office.ready("Research: which database fits?")
        office.dispatch()
        bad = hostile.between(office.github)
        gone = hostile.answers(404, "Not Found")
        lags = hostile.overtaken_by(lambda: bad.on(method, rf"/issues/{issue}$", gone))
        bad.on("POST", COMMENTS, lags)
        for _ in range(3):
            office.queue()
            office.pass_time(120)
        office.work_until_quiet()
        assert [rule.left for rule in bad.rules] == [0, 0]
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.api.get(f"/repos/{SLUG}/issues/{issue}").json()["state"] == "closed"
        assert len(office.comments(issue)) == 2 and office.executor.agent_runs == ["first"]


def test_a_label_waits_while_its_board_cannot_be_read(tmp_path: Path) -> None:
    """A8: a card that was not seen is no card that is not there; its status might say stop."""
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        # Four sizes of a page, three tries each: then the labels are asked for alone.
        office.github.forge.faults.add("500", operation="Labelled", times=12)
        blind = office.github.forge.faults.add("500", operation="Board", times=99)
        assert office.dispatch() == 10 and not any(office.folders().values()), office.told()
        assert "1 with the label ready wait for their board" in office.told()
        office.github.forge.faults.remove(blind)
        office.dispatch()
        assert office.state_of(issue) is State.INBOX, office.told()


def test_a_listing_that_ends_in_the_middle_decides_nothing(tmp_path: Path) -> None:
    """A8: a page that is missing is no absence; nothing is created on the strength of it."""
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        bad = hostile.between(office.github)
        bad.on("POST", COMMENTS, hostile.applied_then_cut)
        office.dispatch()
        office.pass_time(SECOND_LOOK.total_seconds() + 1)
        bad.on("GET", COMMENTS, hostile.answers(502), times=9)
        office.dispatch()
        assert bad.count("POST", COMMENTS) == 1, "unknown is not absent"
        bad.calm()
        finish(office, issue)


def test_a_task_waits_out_an_outage_of_git_and_a_person_is_told_once(tmp_path: Path) -> None:
    """"Git operations are degraded": the API answers, git does not, for half a day."""
    with an_office(tmp_path, repository=QUICK) as office:
        bad = hostile.between(office.github)
        issue = office.ready("Add first.txt")
        office.dispatch()
        for method in ("GET", "POST"):
            bad.on(method, r"\.git/", hostile.answers(502), times=100_000)
        alerts = []
        for _ in range(12):
            office.queue()
            assert office.state_of(issue) is State.BLOCKED, office.told()
            alerts.append(sum(line.startswith("ALERT") for line in office.said))
            office.pass_time(3700)
        assert alerts[0] == 0 and alerts[-1] == 1, office.told()
        bad.calm()
        office.queue()
        assert f"recovered: {SLUG}: GitHub answers again" in office.told()
        finish(office, issue)
