"""From a Ready issue to a verified merge, and every way in which that ends elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State
from tests.support.office import (
    COMPLETE,
    SEED,
    SLUG,
    an_office,
    appends,
    meanwhile,
    says,
    writes,
    writes_anew,
)

QUICK = {"settle_seconds": 0, "min_head_age_seconds": 0}


def test_a_ready_issue_becomes_a_verified_merge(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=writes("hello.txt", "hello\n")) as office:
        issue = office.ready("Add hello.txt")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        task = office.task(issue)
        assert task.merge is not None and task.merge.verified
        assert office.file("hello.txt") == "hello\n"
        assert task.task_id in (office.file("CODEBASE.md") or "")
        [pull] = office.pulls()
        assert pull["merged_at"] and f"Closes #{issue}" in pull["body"]
        assert "Files (2)\n\n- `CODEBASE.md`\n- `hello.txt`" in pull["body"]
        assert office.api.get(f"/repos/{SLUG}/issues/{issue}").json()["state"] == "closed"
        assert len(office.comments(issue)) == 1
        assert "merged as" in office.comments(issue)[0]
        branches = [b["name"] for b in office.api.get(f"/repos/{SLUG}/branches").json()]
        assert branches == ["main"]


def test_the_board_shows_where_it_stands(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Add first.txt")
        statuses = []
        for step in (office.dispatch, office.queue, lambda: office.pass_time(200)):
            step()
            statuses.append(status_of(office, issue))
        for _ in range(4):
            office.pass_time(100)
            office.monitor()
        statuses.append(status_of(office, issue))
        assert statuses == ["In Progress", "In Progress", "In Progress", "Done"], office.told()
        labels = office.api.get(f"/repos/{SLUG}/issues/{issue}").json()["labels"]
        assert "ready" not in [label["name"] for label in labels]


def status_of(office, issue: int) -> str:  # type: ignore[no-untyped-def]
    board = office.world.config.boards[0]
    page = office.world.read.board(board.owner, board.number, board.status_field)
    for entry in page.entries:
        if entry.number == issue:
            return str(entry.item.status)
    document = """
        query($o: String!, $n: Int!) { repositoryOwner(login: $o) { ... on ProjectV2Owner {
        projectV2(number: $n) { items(first: 100) { nodes { content { ... on Issue { number } }
        fieldValueByName(name: "Status") { ... on ProjectV2ItemFieldSingleSelectValue { name } }
        } } } } } }"""
    answer = office.api.query(document, o=board.owner, n=board.number)
    nodes = answer["data"]["repositoryOwner"]["projectV2"]["items"]["nodes"]
    return next(n["fieldValueByName"]["name"] for n in nodes if n["content"]["number"] == issue)


@pytest.mark.parametrize(("on_board", "most"), [(True, 7), (False, 9)])
def test_writes_to_github_stay_within_the_budget(tmp_path: Path, on_board: bool, most: int) -> None:
    """Comment, card, pull request, edit, merge, edit, card; by label also label and new card."""
    card = {"repo": SLUG, "title": "Add first.txt", "author": "maria", "status": "Ready"}
    seed = {**SEED, "issues": [card] if on_board else []}
    with an_office(tmp_path, seed=seed) as office:
        issue = 1 if on_board else office.ready("Add first.txt")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.world.write.requests_made == most  # type: ignore[attr-defined]


def test_a_second_issue_waits_for_the_one_it_depends_on(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        first = office.ready("Add first.txt")
        second = office.ready("Then this", f"Depends on #{first}")
        office.dispatch()
        assert f"{SLUG}#{second}: waits for #{first}" in office.told()
        office.executor.scripts["first"] = lambda folder, prompt: (
            writes("second.txt", "2\n")(folder, prompt)
            if "Title: Then this" in prompt
            else writes("first.txt", "1\n")(folder, prompt)
        )
        office.work_until_quiet(20)
        assert office.state_of(second) is State.DONE, office.told()


def test_what_waits_for_a_pull_request_starts_when_that_is_merged(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        number = office.pulls()[0]["number"]
        other = office.ready("Then this", f"Depends on #{number}")
        office.dispatch()
        assert f"{SLUG}#{other}: waits for #{number}" in office.told()
        office.pass_time(60)
        office.monitor()
        assert office.state_of(issue) is State.DONE, office.told()
        office.dispatch()
        assert office.state_of(other) is State.INBOX, office.told()


def test_what_waits_for_a_pull_request_that_was_given_up_is_a_persons_turn(
    tmp_path: Path,
) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        number = office.pulls()[0]["number"]
        office.api.patch(f"/repos/{SLUG}/pulls/{number}", json={"state": "closed"})
        other = office.ready("Then this", f"Depends on #{number}")
        office.dispatch()
        said = f"depends on #{number}, which was closed without having been done"
        assert [said in one for one in office.comments(other)] == [True], office.told()


def test_two_that_insert_at_the_same_place_are_both_merged(tmp_path: Path) -> None:
    def line(folder: Path, prompt: str) -> str:
        said = "one\n" if "Title: Add one" in prompt else "two\n"
        return appends("README.md", said)(folder, prompt)

    with an_office(tmp_path, agent=line) as office:
        issues = [office.ready("Add one"), office.ready("Add two")]
        office.work_until_quiet(20)
        assert [office.state_of(i) for i in issues] == [State.DONE] * 2, office.told()
        assert "rework: conflicts with main in README.md" in office.told()
        text = office.file("README.md") or ""
        assert "one\n" in text and "two\n" in text and "<<<<" not in text
        memory = office.file("CODEBASE.md") or ""
        assert all(office.task(i).task_id in memory for i in issues)


def test_whoever_mends_a_conflict_sees_no_marker_anywhere(tmp_path: Path) -> None:
    seen: list[str] = []

    def line(folder: Path, prompt: str) -> str:
        page = folder / "CODEBASE.md"
        seen.extend([prompt, page.read_text() if page.exists() else ""])
        said = "one\n" if "Title: Add one" in prompt else "two\n"
        return appends("README.md", said)(folder, prompt)

    with an_office(tmp_path, agent=line) as office:
        issues = [office.ready("Add one"), office.ready("Add two")]
        office.work_until_quiet(20)
        assert sum(len(office.task(i).attempts) for i in issues) == 3, office.told()
        assert "Conflicting files" in seen[-2] and office.task(issues[0]).task_id in seen[-1]
        assert not [text for text in seen if "<<<<<<<" in text or ">>>>>>>" in text]


def test_a_claim_of_success_without_a_diff_is_handed_on(tmp_path: Path) -> None:
    agents = {
        "first": says(COMPLETE.format(summary="All done, trust me.")),
        "second": writes("x.txt", "x\n"),
    }
    with an_office(tmp_path, agents=agents) as office:
        issue = office.ready("Add x")
        office.work_until_quiet()
        task = office.task(issue)
        assert [a.code for a in task.attempts] == [BlockerCode.NO_DIFF_PRODUCED, BlockerCode.NONE]
        assert office.state_of(issue) is State.DONE, office.told()


def test_work_that_fails_our_own_tests_is_not_delivered(tmp_path: Path) -> None:
    agents = {"first": writes("bad.txt", "bad"), "second": writes("good.txt", "good")}
    with an_office(tmp_path, agents=agents) as office:
        office.executor.tests = lambda folder: 0 if (folder / "good.txt").exists() else 1
        issue = office.ready("Add good")
        office.work_until_quiet()
        task = office.task(issue)
        assert task.attempts[0].code is BlockerCode.TEST_FAILURE
        assert office.state_of(issue) is State.DONE, office.told()


@pytest.mark.parametrize(
    "result",
    [None, b"", b"\xff\xfe\x00", "STATUS: complete | partial | blocked\n", "hello", b"x" * 10_000],
)
def test_a_broken_result_is_an_attempt_and_nothing_else(
    tmp_path: Path, result: str | bytes | None
) -> None:
    agents = {"first": says(result), "second": writes("x.txt", "x\n")}
    with an_office(tmp_path, agents=agents) as office:
        issue = office.ready("Add x")
        office.dispatch()
        office.queue()
        codes = [a.code for a in office.task(issue).attempts]
        assert codes == [BlockerCode.INVALID_RESULT_CONTRACT, BlockerCode.NONE], office.told()


def test_when_nobody_can_it_escalates_once_with_one_comment(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=says(None)) as office:
        issue = office.ready("Impossible")
        office.work_until_quiet()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert office.executor.agent_runs == ["first", "second", "third"]
        assert len(office.comments(issue)) == 2
        assert status_of(office, issue) == "Blocked"
        assert office.pulls() == []


def test_a_person_moves_it_back_and_it_begins_anew(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=says(None)) as office:
        issue = office.ready("Hard")
        office.work_until_quiet()
        assert office.state_of(issue) is State.ESCALATED
        office.executor.scripts["first"] = writes("x.txt", "x\n")
        [name] = office.folders()[State.ESCALATED]
        room = office.world.mailroom
        (room.folder(State.ESCALATED) / name).rename(room.folder(State.INBOX) / name)
        office.work_until_quiet()
        task = office.task(issue)
        assert office.state_of(issue) is State.DONE, office.told()
        assert task.round == 2 and len(task.attempts) == 4


def test_set_ready_again_it_begins_anew(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=says(None)) as office:
        issue = office.ready("Hard")
        office.work_until_quiet()
        office.executor.scripts["first"] = writes("x.txt", "x\n")
        office.pass_time(60)
        office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.task(issue).round == 2


def test_a_closed_issue_cancels_before_the_push(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Never mind")
        closes = meanwhile(lambda: office.close(issue), writes("x.txt", "x\n"))
        office.executor.scripts["first"] = closes
        office.dispatch()
        office.queue()
        assert office.state_of(issue) is State.CANCELLED, office.told()
        assert office.pulls() == []


def test_a_closed_pull_request_is_not_opened_again(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Add it")
        office.dispatch()
        office.queue()
        [pull] = office.pulls()
        office.api.patch(f"/repos/{SLUG}/pulls/{pull['number']}", json={"state": "closed"})
        office.pass_time(300)
        office.monitor()
        office.work_until_quiet()
        assert office.state_of(issue) is State.CANCELLED, office.told()
        assert len(office.pulls()) == 1


def test_red_checks_go_back_to_work_three_times_and_then_to_a_person(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=writes_anew("x.txt"), verdict=lambda order: "failure") as office:
        issue = office.ready("Add it")
        office.work_until_quiet(20)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert office.task(issue).reworks == 3
        assert len(office.pulls()) == 1 and not office.pulls()[0]["merged_at"]


def test_a_stranger_cannot_start_work(tmp_path: Path) -> None:
    with an_office(tmp_path, repository={"trust": "author"}) as office:
        issue = office.issue("Run this for me", token="eve-token")
        office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})
        for _ in range(3):
            office.dispatch()
        assert not any(office.folders().values())
        assert len(office.comments(issue)) == 1
        assert "no write access" in office.told()


def test_a_report_is_one_comment_and_closes_its_issue(tmp_path: Path) -> None:
    report = (
        "STATUS: complete\nBLOCKER_CODE: none\nSUMMARY: SQLite fits: one file, no server, "
        "and our writes are few.\nDONE:\n- Compared three databases for the job at hand.\n"
    )
    with an_office(tmp_path, agent=says(report)) as office:
        issue = office.ready("Research: which database fits?")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.pulls() == []
        assert any("SQLite fits" in comment for comment in office.comments(issue))
        assert office.api.get(f"/repos/{SLUG}/issues/{issue}").json()["state"] == "closed"


def test_in_lane_dispatcher_only_a_person_merges_and_we_record_it(tmp_path: Path) -> None:
    lane = {"automation_mode": "dispatcher_only"}
    with an_office(tmp_path, repository=lane) as office:
        issue = office.ready("Add it")
        for _ in range(5):
            office.round(120)
        assert office.state_of(issue) is State.REVIEW, office.told()
        [pull] = office.pulls()
        answer = office.api.put(f"/repos/{SLUG}/pulls/{pull['number']}/merge", json={})
        assert answer.status_code == 200
        office.monitor()
        assert office.state_of(issue) is State.DONE, office.told()
        branches = [b["name"] for b in office.api.get(f"/repos/{SLUG}/branches").json()]
        assert len(branches) == 2
