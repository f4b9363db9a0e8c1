"""F13 to F17, F37, F38: answers that are lost, late or a refusal."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.effects import SECOND_LOOK
from orchestrator.records.task import State
from tests.support import hostile, repos
from tests.support import office as offices
from tests.support.office import SLUG, Office, an_office

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}
COMMENTS = r"/issues/\d+/comments$"
ISSUES = r"/repos/[^/]+/[^/]+/issues$"
MERGE = r"/pulls/\d+/merge$"


def later(office: Office) -> None:
    """Past the second look that must come before anything is sent again."""
    office.pass_time(SECOND_LOOK.total_seconds() + 1)


def ends_well(office: Office, issue: int, comments: int = 1) -> None:
    later(office)
    office.work_until_quiet()
    assert office.state_of(issue) is State.DONE, office.told()
    assert [bool(pull["merged_at"]) for pull in office.pulls()] == [True], office.told()
    assert len(office.comments(issue)) == comments
    assert office.executor.agent_runs == ["first"]


def test_f13_a_pull_request_that_was_opened_though_the_answer_was_502(tmp_path: Path) -> None:
    """create-PR answers 502 and the pull request exists =>
    looked for by its head, found and adopted: one pull request, one request."""
    with an_office(tmp_path, repository=QUICK) as office:
        bad = hostile.between(office.github)
        bad.on("POST", r"/pulls$", hostile.applied_then(502))
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        assert len(office.pulls()) == 1
        ends_well(office, issue)
        assert bad.count("POST", r"/pulls$") == 1


def test_f14_a_comment_whose_answer_was_cut_off(tmp_path: Path) -> None:
    """comment POST: the connection is reset after it was applied =>
    one request only; found by its marker: one comment."""
    with an_office(tmp_path, repository=QUICK) as office:
        bad = hostile.between(office.github)
        bad.on("POST", COMMENTS, hostile.applied_then_cut)
        issue = office.ready("Add first.txt")
        office.dispatch()
        ends_well(office, issue)
        assert bad.count("POST", COMMENTS) == 1


def test_f15_our_comment_is_on_the_second_page(tmp_path: Path) -> None:
    """Writing at more than 100 existing comments =>
    the marker is found on page 2, nothing is written twice."""
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.issue("Add first.txt")
        where = f"/repos/{SLUG}/issues/{issue}"
        for number in range(101):
            office.api.post(f"{where}/comments", json={"body": f"Talk {number}"})
        office.api.post(f"{where}/labels", json={"labels": ["ready"]})
        bad = hostile.between(office.github)
        bad.on("POST", COMMENTS, hostile.applied_then_cut)
        office.dispatch()
        later(office)
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert bad.count("POST", COMMENTS) == 1
        shown = office.api.get(f"{where}/comments?per_page=100&page=2").json()
        assert sum("aos:fx=" in comment["body"] for comment in shown) == 1


def test_f16_a_list_that_lags_behind_what_was_made(tmp_path: Path) -> None:
    """A list lags a minute behind a create =>
    the effects log waits for two looks, spaced, before anything is made again, a comment or an
    issue that we file; of two with one marker the older counts, and the other issue is closed."""

    def without_ours(body: bytes) -> bytes:
        return json.dumps([c for c in json.loads(body) if "aos:fx=" not in c["body"]]).encode()

    with an_office(tmp_path, repository=QUICK) as office:
        bad = hostile.between(office.github)
        bad.on("POST", COMMENTS, hostile.applied_then_cut)
        bad.on("GET", COMMENTS, hostile.rewritten(without_ours), times=2)
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.dispatch()
        assert bad.count("POST", COMMENTS) == 1, "the first empty look proves nothing"
        later(office)
        bad.calm()
        sent = bad.count("POST", COMMENTS)
        ours = office.comments(issue)[0]
        office.api.post(f"/repos/{SLUG}/issues/{issue}/comments", json={"body": f"Copy: {ours}"})
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        shown = office.comments(issue)
        assert sent == 1 and bad.count("POST", COMMENTS) == 2 and len(shown) == 2, "theirs alone"
        assert "merged" in shown[0] and "merged" not in shown[1], "the older one is kept up to date"


def split_with_lost_answers(office: Office, *, unseen: int) -> tuple[int, hostile.Hostile]:
    """An epic of two parts whose first is filed without an answer, and listed late."""
    epic = office.ready("Weeks", "- [ ] Read weeks\n- [ ] Show weeks\n", labels=("epic",))
    office.dispatch()
    bad = hostile.between(office.github)
    bad.on("POST", ISSUES, hostile.applied_then_cut)
    bad.on("GET", ISSUES, hostile.rewritten(lambda body: b"[]"), times=unseen)
    for _ in range(4):
        office.queue()
        later(office)
    return epic, bad


def test_f16_is_so_for_the_issues_that_we_file(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        epic, bad = split_with_lost_answers(office, unseen=2)
        assert bad.count("POST", ISSUES) == 2, office.told()
        titles = [one["title"] for one in office.api.get(f"/repos/{SLUG}/issues").json()]
        assert sorted(titles) == ["Read weeks", "Show weeks", "Weeks"], office.told()
        assert office.state_of(epic) is State.BLOCKED, office.told()


def test_f16_is_closed_where_it_was_filed_twice_all_the_same(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        epic, bad = split_with_lost_answers(office, unseen=3)
        bad.calm()
        twins = [one for one in office.api.get(f"/repos/{SLUG}/issues?direction=asc").json()
                 if one["title"] == "Read weeks"]  # fmt: skip
        assert len(twins) == 2, office.told()
        first, second = sorted(one["number"] for one in twins)
        for _ in range(2):
            office.pass_time(3700)
            office.work_until_quiet()
        told = office.api.get(f"/repos/{SLUG}/issues/{second}").json()
        assert (told["state"], told["state_reason"]) == ("closed", "not_planned"), office.told()
        said = [one for one in office.comments(second) if f"#{first} counts" in one]
        assert len(said) == 1, office.comments(second)
        assert office.api.get(f"/repos/{SLUG}/issues/{first}").json()["state"] == "open"
        shown = "\n".join(office.comments(epic))
        assert f"#{first} Read weeks" in shown and f"#{second} " not in shown


def test_f17_a_merge_that_answers_500_and_has_happened(tmp_path: Path) -> None:
    """merge answers 500 and the base has advanced =>
    no retry; the next tick sees it and is done."""
    with an_office(tmp_path, repository=QUICK) as office:
        bad = hostile.between(office.github)
        bad.on("PUT", MERGE, hostile.applied_then(500))
        issue = office.ready("Add first.txt")
        ends_well(office, issue)
        assert bad.count("PUT", MERGE) == 1
        log = repos.git(office.github.bare(SLUG), "log", "--format=%s", "main").splitlines()
        assert len(log) == 2, "the base holds it once"


LIMITS = ("403-secondary", "403-retry-after", "429", "primary")


@pytest.mark.parametrize("limit", LIMITS)
def test_f37_a_limit_met_by_one_job_holds_for_all(tmp_path: Path, limit: str) -> None:
    """A rate limit (403, 429 without a header, 200 with an error) in one of the jobs =>
    all see the shared pause and end at once, locks free; nothing is lost or repeated; GitHub is
    not asked again before its time."""
    with an_office(tmp_path, repository=QUICK) as office:
        number = office.github.forge.faults.add(limit, login="robot", method="POST",
                                                path=r"/issues/\d+/comments$")  # fmt: skip
        issue, other = office.ready("Add first.txt"), office.ready("Another")
        office.dispatch()
        assert office.github.forge.faults.met(number) == 1, office.told()
        bad, met, asked = hostile.between(office.github), office.world.clock.now(), list[float]()

        def notes() -> None:
            asked.append((office.world.clock.now() - met).total_seconds())

        for method in ("GET", "POST", "PATCH"):
            bad.on(method, "", hostile.overtaken_by(notes))
        for job in (office.dispatch, office.queue, office.monitor):
            job()
        assert not asked or min(asked) >= 60, "a pause is for every job"
        assert office.world.locks.free_worker_slots(1) == 1
        office.pass_time(3700)
        office.executor.scripts["first"] = offices.writes("first.txt", "done\n")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(office.comments(issue)) == 1 and office.state_of(other) is not State.FAILED


def test_f38_a_token_that_was_revoked(tmp_path: Path) -> None:
    """The token is revoked (401) =>
    one alert, every job ends with 30, no task moves or loses an attempt; all goes on after the
    token works again."""
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        before = office.task(issue)
        faults = office.github.forge.faults
        until = office.world.clock.now() + timedelta(hours=5)
        faults.add("401", login="robot", times=None, until=until)
        for _ in range(5):
            for job in (office.dispatch, office.queue, office.monitor):
                assert job() in {0, 30}, office.told()
            office.pass_time(60)
        assert office.told().count("ALERT ") == 1, office.told()
        assert office.task(issue) == before
        faults.clear()
        office.pass_time(7200)
        office.world = replace(office.world, troubles=[])
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(office.task(issue).attempts) == 1
