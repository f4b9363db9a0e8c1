"""A task that comes back: its branch, pull requests and marks of earlier rounds are no obstacle."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator import reaper
from orchestrator.records.task import State
from tests.stories.test_merge_safety import QUICK, an_open_pull_request, tip
from tests.support.office import SLUG, Office, an_office, says, writes


def ready_again(office: Office, issue: int) -> None:
    office.pass_time(60)
    office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})


def patch_pull(office: Office, state: str) -> None:
    number = office.pulls()[-1]["number"]
    office.api.patch(f"/repos/{SLUG}/pulls/{number}", json={"state": state})


def delete_branch(office: Office, branch: str) -> None:
    answer = office.api.delete(f"/repos/{SLUG}/git/refs/heads/{branch}")
    assert answer.status_code == 204, answer.text


def another(office: Office) -> None:
    """Its agent writes something new each time."""
    count = iter(range(100))

    def works(folder: Path, prompt: str) -> str:
        return str(writes("x.txt", f"{next(count)}\n")(folder, prompt))

    office.executor.scripts["first"] = works


def test_escalated_with_an_open_pull_request_it_goes_on_with_that_one(tmp_path: Path) -> None:
    colour = ["failure"]
    with an_office(tmp_path, repository=QUICK, verdict=lambda order: colour[0]) as office:
        another(office)
        issue = office.ready("Add it")
        office.work_until_quiet(20)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        colour[0] = "success"
        ready_again(office, issue)
        office.work_until_quiet(8)
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.task(issue).round == 2
        assert [bool(pull["merged_at"]) for pull in office.pulls()] == [True]


def test_escalated_and_put_back_into_review_it_has_its_attempts_again(tmp_path: Path) -> None:
    """I9: a person's hand begins a round, whichever folder of the living ones it chooses."""
    colour = ["failure"]
    with an_office(tmp_path, repository=QUICK, verdict=lambda order: colour[0]) as office:
        another(office)
        issue = office.ready("Add it")
        office.work_until_quiet(20)
        assert office.state_of(issue) is State.ESCALATED, office.told()
        used = len(office.task(issue).attempts)
        room, name = office.world.mailroom, f"{office.task(issue).task_id}.md"
        os.rename(room.folder(State.ESCALATED) / name, room.folder(State.REVIEW) / name)
        os.utime(room.folder(State.REVIEW) / name, (1, 1))  # it was written long before the move
        reaper.put_right(office.world)
        assert office.state_of(issue) is State.REVIEW and office.task(issue).round == 2
        colour[0] = "success"
        office.work_until_quiet(8)
        assert office.state_of(issue) is State.DONE, office.told()
        assert {one.round for one in office.task(issue).attempts[used:]} <= {2}


def test_closed_with_its_branch_deleted_it_begins_anew(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        patch_pull(office, "closed")
        delete_branch(office, office.task(issue).branch)
        office.monitor()
        assert office.state_of(issue) is State.CANCELLED, office.told()
        ready_again(office, issue)
        office.work_until_quiet(8)
        assert office.state_of(issue) is State.DONE, office.told()
        assert [bool(pull["merged_at"]) for pull in office.pulls()].count(True) == 1


def test_closed_it_opens_another_pull_request_from_the_same_branch(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        another(office)
        patch_pull(office, "closed")
        office.monitor()
        assert office.state_of(issue) is State.CANCELLED, office.told()
        ready_again(office, issue)
        office.work_until_quiet(8)
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(office.pulls()) == 2


def sent_back(office: Office, issue: int) -> None:
    head = office.task(issue).pushed[-1]
    body = {"state": "failure", "context": "lint"}
    office.api.post(f"/repos/{SLUG}/statuses/{head}", json=body)
    office.monitor()
    assert office.state_of(issue) is State.INBOX, office.told()


def test_merged_by_a_person_while_it_waits_for_repair_it_is_done(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        sent_back(office, issue)
        number = office.pulls()[-1]["number"]
        assert office.api.put(f"/repos/{SLUG}/pulls/{number}/merge", json={}).status_code == 200
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.executor.agent_runs == ["first"]


def test_merged_by_a_person_while_its_repair_is_made_it_is_done(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        sent_back(office, issue)

        def merges(folder: Path, prompt: str) -> str:
            number = office.pulls()[-1]["number"]
            office.api.put(f"/repos/{SLUG}/pulls/{number}/merge", json={})
            return str(writes("late.txt", "late\n")(folder, prompt))

        office.executor.scripts["first"] = merges
        office.queue()
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.file("late.txt") is None and len(office.pulls()) == 1


def test_closed_by_a_person_while_it_waits_for_repair_no_agent_runs(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        sent_back(office, issue)
        patch_pull(office, "closed")
        at = tip(office, office.task(issue).branch)
        office.work_until_quiet()
        assert office.state_of(issue) is State.CANCELLED, office.told()
        assert office.executor.agent_runs == ["first"]
        assert tip(office, office.task(issue).branch) == at and len(office.pulls()) == 1


def test_set_ready_twice_while_it_waits_the_board_says_in_progress_twice(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path, repository={"settle_seconds": 9999}) as (office, issue):
        task = office.task(issue)
        board = office.world.config.boards[0]
        for _ in range(3):
            office.pass_time(60)
            page = office.world.read.board(board.owner, board.number, board.status_field)
            ready = next(o.id for o in page.board.options if o.name == "Ready")
            office.world.write.set_status(
                page.board.id, task.board_item, page.board.field_id, ready
            )
            office.dispatch()
            page = office.world.read.board(board.owner, board.number, board.status_field)
            [entry] = page.entries
            assert entry.item.status == "In Progress", office.told()
        assert office.state_of(issue) is State.REVIEW


def test_a_second_agent_is_told_why_the_pull_request_came_back(tmp_path: Path) -> None:
    prompts: list[str] = []
    with an_open_pull_request(tmp_path) as (office, issue):
        sent_back(office, issue)

        def fixes(folder: Path, prompt: str) -> str:
            prompts.append(prompt)
            return str(writes("first.txt", "fixed\n")(folder, prompt))

        office.executor.scripts |= {"first": says(None), "second": fixes}
        office.queue()
        assert len(prompts) == 1 and "failed: lint" in prompts[0], office.told()


