"""A person ended the task: its issue says so to the end, wherever the process died."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from orchestrator import groundwork, hands, reaper
from orchestrator.records.change import Conflict, Updated
from orchestrator.records.task import State, Task
from orchestrator.world import World
from tests.stories.test_merge_safety import (
    QUICK,
    an_open_pull_request,
    merged,
    monitor,
    pushes,
    tip,
    url,
)
from tests.stories.test_people import a_worker
from tests.stories.test_second_rounds import wait_a_day
from tests.support import hostile, repos
from tests.support.crash import a_new_process, crash
from tests.support.office import SLUG, Office, an_office, meanwhile, writes


@contextmanager
def closed_in_review(tmp_path: Path) -> Iterator[tuple[Office, int]]:
    """Its pull request was closed; the issue is open and must say who has the next move."""
    with an_open_pull_request(tmp_path) as (office, issue):
        office.api.patch(url(office), json={"state": "closed"})
        yield office, issue


@contextmanager
def closed_at_work(tmp_path: Path) -> Iterator[tuple[Office, int]]:
    with an_office(tmp_path) as office:
        issue = office.ready("Never mind")
        closes = meanwhile(lambda: office.close(issue), writes("x.txt", "x\n"))
        office.executor.scripts["first"] = closes
        office.dispatch()
        yield office, issue


Way = Callable[[Path], AbstractContextManager[tuple[Office, int]]]
Run = Callable[[Office], int]
# Each way to end a task, who notices it, and the steps that takes.
WAYS: list[tuple[Way, Run, int]] = [
    (closed_in_review, Office.monitor, 5),
    (closed_at_work, Office.queue, 10),
]


@pytest.mark.parametrize(
    ("way", "run", "at"),
    [(way, run, at) for way, run, steps in WAYS for at in range(1, steps + 1)],
)
def test_killed_at_any_step_the_comment_says_the_end(
    tmp_path: Path, way: Way, run: Run, at: int
) -> None:
    with way(tmp_path) as (office, issue):
        reaper = crash(office, at, run=run)
        assert reaper.dead, "it has fewer steps: lower the number in WAYS"
        for _ in range(6):
            office.pass_time(60)
            office.queue()
            office.monitor()
        told = f"died before {reaper.names[-1]}\n{office.told()}"
        assert office.state_of(issue) is State.CANCELLED, told
        [comment] = office.comments(issue)
        assert "Agent OS has stopped" in comment and comment.count("UTC: cancelled") == 1, told


@pytest.mark.parametrize(("way", "run", "steps"), WAYS)
def test_every_step_of_the_end_is_tried(tmp_path: Path, way: Way, run: Run, steps: int) -> None:
    with way(tmp_path) as (office, _):
        reaper = crash(office, 10_000, run=run)
        assert len(reaper.names) == steps, reaper.names


def test_a_file_moved_to_cancelled_while_its_agent_works_brings_no_pull_request(
    tmp_path: Path,
) -> None:
    with an_office(tmp_path) as office:
        room = office.world.mailroom

        def moved() -> None:
            [path] = room.folder(State.PROCESSING).glob("*.md")
            path.rename(room.folder(State.CANCELLED) / path.name)

        office.executor.scripts["first"] = meanwhile(moved, writes("first.txt", "done\n"))
        issue = office.ready("Add first.txt")
        office.dispatch()
        assert office.queue() == 0, office.told()
        assert office.state_of(issue) is State.CANCELLED and not office.pulls(), office.told()
        assert office.task(issue).pushed == ()
        assert "a person moved its file to cancelled/" in office.told()
        [status] = office.comments(issue)
        assert "is on it" not in status


@pytest.mark.parametrize("to", [State.DONE, State.FAILED, State.BLOCKED, State.ESCALATED])
def test_a_file_moved_by_hand_while_its_agent_works_stays_there_and_nothing_is_pushed(
    tmp_path: Path, to: State
) -> None:
    with an_office(tmp_path) as office:
        room = office.world.mailroom

        def moved() -> None:
            [path] = room.folder(State.PROCESSING).glob("*.md")
            path.rename(room.folder(to) / path.name)

        office.executor.scripts["first"] = meanwhile(moved, writes("first.txt", "done\n"))
        issue = office.ready("Add first.txt")
        office.dispatch()
        assert office.queue() == 0, office.told()
        for _ in range(2):
            office.pass_time(3600)
            office.work_until_quiet()
        assert office.state_of(issue) is to and not office.pulls(), office.told()
        task = office.task(issue)
        assert task.pushed == () and task.claim is None and task.salvage
        [status] = office.comments(issue)
        assert f"a person moved its file to {to}/" in status, status
        if to is State.BLOCKED:  # what was judged is not made again
            path = room.path(to, task.task_id)
            path.rename(room.folder(State.INBOX) / path.name)
            office.work_until_quiet()
            assert office.executor.agent_runs == ["first"] and office.pulls(), office.told()


def moved(office: Office, issue: int) -> None:
    room, name = office.world.mailroom, f"{office.task(issue).task_id}.md"
    (room.folder(office.state_of(issue)) / name).rename(room.folder(State.CANCELLED) / name)


def commanded(office: Office, issue: int) -> None:
    said = hands.cancel(a_worker(office), office.task(issue).task_id, by="cli")
    assert "it is cancelled" in said.sentence, said


def left_behind(office: Office, folder: Path) -> None:
    """The base moved on, and its branch will be brought up to date at the next tick."""
    pushes(office, folder, "main", {"new.txt": "n"})
    monitor(office, times=1)


@pytest.mark.parametrize("behind", [False, True], ids=["merge", "update"])
@pytest.mark.parametrize("ended", [commanded, moved])
def test_what_is_cancelled_while_the_tick_looks_is_left_alone(
    tmp_path: Path, ended: Callable[[Office, int], None], behind: bool
) -> None:
    """The pr_monitor has its list already, and the task's lock is free."""
    with an_open_pull_request(tmp_path) as (office, issue):
        head = tip(office, office.task(issue).branch)
        if behind:
            left_behind(office, tmp_path)
        bad = hostile.between(office.github)
        bad.on("POST", "/graphql", hostile.overtaken_by(lambda: ended(office, issue)))
        monitor(office)
        assert office.state_of(issue) is State.CANCELLED, office.told()
        assert not merged(office) and tip(office, office.task(issue).branch) == head
        assert "its file was moved since this tick saw it; the next tick" in office.told()


def test_what_is_cancelled_in_the_last_moment_is_not_merged(tmp_path: Path) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        bad = hostile.between(office.github)
        bad.on("GET", r"/pulls/\d+$", hostile.overtaken_by(lambda: moved(office, issue)))
        monitor(office)
        assert not merged(office), office.told()
        assert office.state_of(issue) is State.CANCELLED and office.task(issue).merge is None


def test_what_is_cancelled_while_the_base_is_brought_in_is_not_pushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        head, usual = tip(office, office.task(issue).branch), groundwork.update
        left_behind(office, tmp_path)

        def slow(world: World, task: Task, *shas: str) -> Updated | Conflict:
            moved(office, issue)
            return usual(world, task, *shas)

        monkeypatch.setattr(groundwork, "update", slow)
        office.monitor()
        assert tip(office, office.task(issue).branch) == head, office.told()
        assert office.state_of(issue) is State.CANCELLED


@pytest.mark.parametrize("waits", [State.ESCALATED, State.REVIEW])
def test_a_closed_issue_ends_what_waits_for_a_person_whatever_its_base(
    tmp_path: Path, waits: State
) -> None:
    """GitHub links no issue where the base is not the default branch."""
    more = {**QUICK, "base_branch": "next", "merge": "approved"}
    with an_office(tmp_path, repository=more) as office:
        repos.git(office.github.bare(SLUG), "branch", "next", "main")
        office.github.forge.pushed(SLUG, "maria")
        issue = office.ready("Add first.txt")
        office.dispatch()
        office.queue()
        office.pass_time(10)
        if waits is State.ESCALATED:
            pushes(office, tmp_path, office.task(issue).branch, {"theirs.txt": "x\n"})
            wait_a_day(office)
        else:
            monitor(office)
        assert office.state_of(issue) is waits, office.told()
        office.close(issue, "not_planned")
        office.monitor()
        assert office.state_of(issue) is State.CANCELLED, office.told()


@pytest.mark.parametrize("way", ["by command", "by mv", "issue closed"])
def test_what_was_cancelled_before_its_push_is_no_answer_to_the_next_words(
    tmp_path: Path, way: str
) -> None:
    with an_office(tmp_path, agent=writes("wrong.txt", "no\n"), repository=QUICK) as office:
        bad = hostile.between(office.github)
        issue = office.ready("Add wrong.txt")
        office.dispatch()
        bad.on("POST", r"git-receive-pack$", hostile.answers(502), times=9)
        office.queue()
        assert office.state_of(issue) is State.BLOCKED, office.told()
        bad.calm()
        if way == "by command":
            assert hands.cancel(office.world, office.task(issue).task_id, by="cli").done
        elif way == "by mv":
            [path] = office.world.mailroom.folder(State.BLOCKED).glob("*.md")
            path.rename(office.world.mailroom.folder(State.CANCELLED) / path.name)
        else:
            office.close(issue, "not_planned")
            office.pass_time(reaper.UNFINISHED_WAIT.total_seconds() + 1)
            office.queue()
            office.api.patch(f"/repos/{SLUG}/issues/{issue}", json={"state": "open"})
        a_new_process(office)
        office.pass_time(60)
        words = {"title": "Add right.txt", "body": "Not wrong.txt, by no means."}
        office.api.patch(f"/repos/{SLUG}/issues/{issue}", json=words)
        office.executor.scripts["first"] = writes("right.txt", "yes\n")
        office.api.post(f"/repos/{SLUG}/issues/{issue}/labels", json={"labels": ["ready"]})
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(office.executor.agent_runs) == 2, "nobody was asked to do what they wrote"
        assert office.file("right.txt") == "yes\n"
