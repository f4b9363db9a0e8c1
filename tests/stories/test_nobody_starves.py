"""One task's trouble is its own: it is told, it ends somewhere, and the others go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from orchestrator import alerts, landing, pr_monitor, queue, reaper, supervisor
from orchestrator.adapters.effects import SECOND_LOOK
from orchestrator.records.task import State
from tests.stories.test_merge_safety import (
    MERGE,
    QUICK,
    an_open_pull_request,
    merged,
    monitor,
    pushes,
    tip,
)
from tests.support import hostile, repos
from tests.support.crash import fresh
from tests.support.office import SLUG, Office, an_office, writes


def two(tmp_path: Path, office: Office) -> tuple[int, int]:
    """Two pull requests in review, the first older than the second, both green."""

    def work(folder: Path, prompt: str) -> str:
        name = "one.txt" if "Title: Add one" in prompt else "two.txt"
        return str(writes(name, "x\n")(folder, prompt))

    office.executor.scripts["first"] = work
    first = office.ready("Add one")
    office.pass_time(5)
    second = office.ready("Add two")
    office.dispatch()
    office.queue()
    office.pass_time(10)
    assert office.state_of(first) is office.state_of(second) is State.REVIEW, office.told()
    return first, second


def test_work_that_could_not_be_delivered_does_not_wait_for_all_the_others(
    tmp_path: Path,
) -> None:
    """One worker, three tasks: the first is delivered before the third is begun."""
    seen: list[State] = []

    def work(folder: Path, prompt: str) -> str:
        number = len(office.executor.agent_runs)
        seen.append(office.state_of(1))
        if number == 2:  # meanwhile the supervisor's ticks come, minute by minute
            office.pass_time(150)
            other = fresh(office)
            reaper.reap(other)
            supervisor.return_due(other)
        return str(writes(f"{number}.txt", "x\n")(folder, prompt))

    with an_office(tmp_path, agent=work, repository=QUICK) as office:
        for number in range(3):
            office.ready(f"Add {number}")
            office.pass_time(5)
        office.dispatch()
        bad = hostile.between(office.github)
        bad.on("POST", r"/pulls$", hostile.applied_then(502))
        assert office.queue() == 10, office.told()
        assert seen == [State.PROCESSING, State.BLOCKED, State.REVIEW], office.told()
        assert office.executor.agent_runs == ["first"] * 3 and len(office.pulls()) == 3


def test_work_that_never_can_be_delivered_is_in_nobodys_way(tmp_path: Path) -> None:
    """Its worker takes up the others, and it is settled ever more seldom."""
    with an_office(tmp_path, repository=QUICK) as office:
        bad = hostile.between(office.github)

        def breaks(folder: Path, prompt: str) -> str:
            if office.executor.agent_runs == ["first"]:
                bad.on("GET", rf"/repos/{SLUG}/issues/1$", hostile.answers(502), times=9999)
            return str(writes(f"{len(office.executor.agent_runs)}.txt", "x\n")(folder, prompt))

        office.executor.scripts["first"] = breaks
        first = office.ready("Add one")
        office.pass_time(5)
        second = office.ready("Add two")
        office.dispatch()
        office.queue()
        assert office.state_of(first) is State.BLOCKED, office.told()
        assert office.state_of(second) is State.REVIEW, office.told()
        for _ in range(120):
            office.pass_time(60)
            office.queue()
        tries = [line for line in office.said if "not finished" in line]
        assert office.executor.agent_runs == ["first"] * 2 and 5 < len(tries) < 30, office.told()


def test_an_old_issue_of_low_priority_does_not_go_before_an_urgent_one(tmp_path: Path) -> None:
    """Q12: what nobody had set Ready has not waited; what was, goes up a class each day."""
    with an_office(tmp_path, repository=QUICK) as office:
        clock, month = office.github.clock, 30 * 24 * 3600
        assert clock is not None
        issues = [office.issue("Some day", labels=("prio:low",))]
        clock.advance(month)
        issues.append(office.issue("Now", labels=("prio:high",)))
        for issue in issues:
            office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})
        office.dispatch()
        assert [entry.issue for entry in queue.waiting(office.world)] == issues[::-1]
        clock.advance(48 * 3600)
        newest = office.ready("And this", labels=("prio:high",))
        office.dispatch()
        assert [entry.issue for entry in queue.waiting(office.world)][-1] == newest


def test_one_that_waits_for_a_person_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """Escalated with a green pull request: it is only watched, and so it is nobody's front."""
    with an_office(tmp_path, repository=QUICK) as office:
        first, second = two(tmp_path, office)
        bad = hostile.between(office.github)
        bad.on("PUT", MERGE, hostile.answers(422, "Validation Failed"))
        monitor(office, 6)
        assert office.state_of(first) is State.ESCALATED, office.told()
        assert office.state_of(second) is State.DONE, office.told()


def test_work_whose_last_move_failed_is_over_and_not_begun_again(tmp_path: Path) -> None:
    work = {"first": writes("x.txt", "x\n")}
    with an_office(tmp_path, agents=work, repository=QUICK) as office:
        room, plain, failed = office.world.mailroom, office.world.mailroom._renamed, list[State]()

        def renamed(found: Any, to: State) -> Any:
            if to is State.REVIEW and not failed:
                failed.append(to)
                raise PermissionError(13, "Permission denied")
            return plain(found, to)

        object.__setattr__(room, "_renamed", renamed)
        issue = office.ready("Add x.txt")
        office.dispatch()
        office.queue()
        assert failed and office.state_of(issue) is State.PROCESSING, office.told()
        for _ in range(6):
            office.pass_time(60)
            reaper.reap(office.world)
            office.round()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.executor.agent_runs == ["first"]


def test_a_pull_request_that_is_gone_is_told_of_after_a_day_and_may_come_back(
    tmp_path: Path,
) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        link = office.task(issue).pull_request
        assert link is not None

        def shown(node_id: str) -> None:
            now = structs.replace(link, node_id=node_id)
            office.world.mailroom.update(structs.replace(office.task(issue), pull_request=now))

        shown("PR_gone")
        for hours in (0, 12, 11):
            office.pass_time(hours * 3600)
            office.monitor()
        assert "was not in GitHub's answer" in office.told() and "ALERT" not in office.told()
        office.pass_time(3600)
        office.monitor()
        assert office.told().count("GitHub has not shown its pull request for a day") == 1
        shown(link.node_id)
        office.monitor()
        assert office.told().count("recovered: GitHub shows the pull request of") == 1
        assert not alerts.raised(office.world, "gone ")
        monitor(office, 4)
        assert office.state_of(issue) is State.DONE, office.told()


def test_nobody_is_told_of_a_gone_pull_request_whose_task_is_over(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        task = office.task(issue)
        pr_monitor.tell_of_what_is_gone(office.world, task)
        pr_monitor.tell_of_what_is_back(office.world, ())
        assert alerts.raised(office.world, "gone "), "it waits still"
        office.world.mailroom.move(task, State.CANCELLED, by="person")
        office.monitor()
        assert "waits for its pull request no more" in office.told()
        assert not alerts.raised(office.world, "gone ")


def test_whose_base_never_stands_still_is_told_once_a_day(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        for number in range(landing.MANY_UPDATES + 2):
            assert (office.told().count("ALERT") > 0) is (number >= landing.MANY_UPDATES)
            pushes(office, tmp_path / str(number), "main", {f"{number}.txt": "n"})
            office.pass_time(5)
            office.monitor()
        assert len(office.task(issue).pushed) == landing.MANY_UPDATES + 3, office.told()
        assert office.told().count("ALERT") == 1
        assert f"was brought up to date {landing.MANY_UPDATES} times" in office.told()
        monitor(office, 4)
        assert office.state_of(issue) is State.DONE, office.told()


def test_an_update_that_died_before_it_was_written_down_is_known_as_ours(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        pushes(office, tmp_path, "main", {"new.txt": "n"})

        class Dies(Exception):
            pass

        room, plain = office.world.mailroom, office.world.mailroom.update

        def update(task: Any) -> Any:
            if len(task.pushed) > 1:
                raise Dies
            return plain(task)

        object.__setattr__(room, "update", update)
        office.pass_time(5)
        office.monitor()
        object.__setattr__(room, "update", plain)
        assert len(office.task(issue).pushed) == 1
        assert tip(office, office.task(issue).branch) != office.task(issue).pushed[-1]
        monitor(office, 4)
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(office.task(issue).pushed) == 2


def test_a_closed_issue_whose_base_is_not_the_default_branch_cancels(tmp_path: Path) -> None:
    """GitHub links no issue there; the question before the merge is answered, and it ends."""
    with an_office(tmp_path, repository={**QUICK, "base_branch": "next"}) as office:
        repos.git(office.github.bare(SLUG), "branch", "next", "main")
        office.github.forge.pushed(SLUG, "maria")
        first, second = two(tmp_path, office)
        office.close(first)
        monitor(office, 5)
        assert office.state_of(first) is State.CANCELLED, office.told()
        assert office.state_of(second) is State.DONE, office.told()


def test_a_merge_that_left_the_base_again_is_a_persons_turn(tmp_path: Path) -> None:
    """Somebody merged by hand and then rewrote the base: told once, the others go on."""
    with an_office(tmp_path, repository=QUICK) as office:
        first, second = two(tmp_path, office)
        at, number = tip(office, "main"), min(pull["number"] for pull in office.pulls())
        assert office.api.put(f"/repos/{SLUG}/pulls/{number}/merge", json={}).status_code == 200
        repos.git(office.github.bare(SLUG), "update-ref", "refs/heads/main", at)
        office.github.forge.pushed(SLUG, "maria")
        monitor(office, 3)
        assert office.state_of(first) is State.REVIEW, office.told()
        office.world.clock.sleep(3700)
        monitor(office, 4)
        assert office.state_of(first) is State.ESCALATED, office.told()
        assert office.state_of(second) is State.DONE, office.told()


def test_a_merge_that_github_puts_off_for_ever_is_a_persons_turn(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        first, second = two(tmp_path, office)
        bad = hostile.between(office.github)
        words = "At least 1 approving review is required by reviewers with write access."
        number = min(pull["number"] for pull in office.pulls())
        refusal = hostile.answers(405, words)
        bad.on("PUT", rf"/pulls/{number}/merge$", refusal, times=99)
        monitor(office, 3)
        assert office.state_of(first) is State.REVIEW, office.told()
        office.world.clock.sleep(3700)
        monitor(office, 5)
        assert office.state_of(first) is State.ESCALATED, office.told()
        assert "approving review" in office.task(first).note
        assert office.state_of(second) is State.DONE, office.told()


@pytest.mark.parametrize("what", ["POST comment", "PATCH comment", "PATCH issue"])
def test_what_github_lets_us_not_show_holds_nothing_up(tmp_path: Path, what: str) -> None:
    """A token without the right to write issues, or an issue that is locked."""
    method, _, noun = what.partition(" ")
    path = {"comment": r"/issues/(\d+/)?comments(/\d+)?$", "issue": r"/issues/\d+$"}[noun]
    base = {**QUICK, "base_branch": "next"} if noun == "issue" else QUICK
    with an_office(tmp_path, repository=base) as office:
        repos.git(office.github.bare(SLUG), "branch", "next", "main")
        office.github.forge.pushed(SLUG, "maria")
        bad = hostile.between(office.github)
        bad.on(method, path, hostile.answers(403, "Resource not accessible"), times=99)
        issue = office.ready("Add first.txt")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert "Resource not accessible" in office.told()


@pytest.mark.parametrize("what", ["pull request", "push"])
def test_what_cannot_be_delivered_is_told_once_and_not_tried_each_minute(
    tmp_path: Path, what: str
) -> None:
    path = r"/pulls$" if what == "pull request" else r"/git-receive-pack$"
    with an_office(tmp_path, repository=QUICK) as office:
        bad = hostile.between(office.github)
        bad.on("POST", path, hostile.answers(403, "Resource not accessible"), times=99)
        issue = office.ready("Add first.txt")
        for _ in range(3):
            office.round()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        assert bad.count("POST", path) == 1
        assert office.executor.agent_runs == ["first"]


def test_a_card_that_a_person_took_off_the_board_is_put_back(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        issue = office.ready("Add first.txt")
        office.dispatch()
        board = office.world.config.boards[0]
        page = office.world.read.board(board.owner, board.number, board.status_field)
        item = office.task(issue).board_item
        document = (
            "mutation($p: ID!, $i: ID!) { deleteProjectV2Item(input: "
            "{projectId: $p, itemId: $i}) { deletedItemId } }"
        )
        gone = office.api.query(document, p=page.board.id, i=item)
        assert "errors" not in gone, gone
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert office.task(issue).board_item != item


def test_a_switch_is_found_however_the_repository_is_spelled(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path, repository={"github_repo": "Maria/Library"}) as (office, _):
        switch = office.world.paths.switch("Maria/Library")
        switch.parent.mkdir(exist_ok=True)
        switch.write_text("back on Monday\n")
        monitor(office)
        assert not merged(office), office.told()
        switch.unlink()
        monitor(office)
        assert merged(office), office.told()


def test_a_frozen_repository_is_not_worked_on_by_the_monitor(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        switch = office.world.paths.switch(SLUG)
        switch.parent.mkdir(exist_ok=True)
        switch.write_text("back on Monday\n")
        body = {"state": "failure", "context": "lint"}
        office.api.post(f"/repos/{SLUG}/statuses/{office.task(issue).pushed[-1]}", json=body)
        monitor(office)
        assert office.state_of(issue) is State.REVIEW, office.told()
        assert "back on Monday" in office.told()


def test_the_age_of_a_head_counts_from_its_push_and_not_from_its_date(tmp_path: Path) -> None:
    """M7: an attempt of an hour makes a commit with an hour's date; its CI has just begun."""
    with an_office(tmp_path, repository={"settle_seconds": 0}) as office:

        def slowly(folder: Path, prompt: str) -> str:
            office.world.clock.sleep(3600)
            return str(writes("x.txt", "x\n")(folder, prompt))

        office.executor.scripts["first"] = slowly
        office.ready("Add it")
        office.dispatch()
        office.queue()
        office.pass_time(30)
        monitor(office, 2)
        assert not merged(office), office.told()
        office.pass_time(120)
        office.monitor()
        assert merged(office), office.told()


def test_a_settling_that_took_two_tries_leaves_no_worktree_behind(tmp_path: Path) -> None:
    with an_office(tmp_path, repository=QUICK) as office:
        bad = hostile.between(office.github)
        bad.on("POST", r"/pulls$", hostile.answers(502))
        issue = office.ready("Add first.txt")
        for _ in range(3):
            office.work_until_quiet()
            office.pass_time(SECOND_LOOK.total_seconds() + 1)
        assert office.state_of(issue) is State.DONE, office.told()
        assert list(office.world.paths.worktrees.glob("*/*")) == []


def test_a_branch_to_which_somebody_pushed_after_the_merge_is_kept(tmp_path: Path) -> None:
    """M15: it is deleted only where it still stands at what was merged."""
    with an_open_pull_request(tmp_path) as (office, issue):
        bad, branch = hostile.between(office.github), office.task(issue).branch
        late = hostile.overtaken_by(lambda: pushes(office, tmp_path, branch, {"mine.txt": "m"}))
        bad.on("GET", r"/pulls\?.*base=agent", late)
        monitor(office)
        assert office.state_of(issue) is State.DONE, office.told()
        assert f"branch {branch} was kept" in office.told()
        assert branch in [b["name"] for b in office.api.get(f"/repos/{SLUG}/branches").json()]


@pytest.mark.parametrize("stacked", [True, False])
def test_a_branch_on_which_somebody_built_is_kept(tmp_path: Path, stacked: bool) -> None:
    """M15: deleting it would close their pull request."""
    with an_open_pull_request(tmp_path) as (office, issue):
        branch = office.task(issue).branch
        if stacked:
            repos.git(office.github.bare(SLUG), "branch", "theirs", branch)
            office.github.forge.pushed(SLUG, "maria")
            pushes(office, tmp_path, "theirs", {"theirs.txt": "t"})
            body = {"title": "On top", "head": "theirs", "base": branch}
            assert office.api.post(f"/repos/{SLUG}/pulls", json=body).status_code == 201
        monitor(office)
        assert office.state_of(issue) is State.DONE, office.told()
        names = [b["name"] for b in office.api.get(f"/repos/{SLUG}/branches").json()]
        assert (branch in names) is stacked
