"""Ready, and another word of a person's: the later one counts, whoever of us hears it first."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator import hands, reaper
from orchestrator.records.task import State
from tests.stories.test_clock_jumps import put
from tests.stories.test_merge_safety import an_open_pull_request
from tests.stories.test_people import a_worker
from tests.stories.test_second_rounds import (
    NEW,
    edit,
    escalated,
    in_need,
    patch_pull,
    ready_again,
)
from tests.support import hostile
from tests.support.office import SLUG, Office, an_office, meanwhile, says, writes


def moved(office: Office, issue: int, to: State) -> Path:
    room, name = office.world.mailroom, f"{office.task(issue).task_id}.md"
    target = room.folder(to) / name
    (room.folder(office.state_of(issue)) / name).rename(target)
    return target


# --- a person ends it --------------------------------------------------------------------------


def test_a_ready_whose_label_stayed_begins_nothing_after_a_cancel(tmp_path: Path) -> None:
    """GitHub refuses to take it off; a Ready that is set after the end begins a round."""
    with an_open_pull_request(tmp_path) as (office, issue):
        ready_again(office, issue)
        office.pass_time(60)
        bad = hostile.between(office.github)
        bad.on("DELETE", r"/labels/ready$", hostile.answers(502), times=9)
        hands.cancel(office.world, office.task(issue).task_id, by="cli")
        assert office.state_of(issue) is State.CANCELLED, office.told()
        bad.calm()
        office.pass_time(60)
        office.dispatch()
        assert office.state_of(issue) is State.CANCELLED, office.told()
        assert "is older than a person's word that ended its task" in office.told()
        ready_again(office, issue)
        office.dispatch()
        assert office.state_of(issue) is State.INBOX, office.told()


def test_a_ready_that_waited_does_not_outlive_the_end_of_its_task(tmp_path: Path) -> None:
    """Set under `hold`, which is taken off after a person has dropped the task."""
    with in_need(tmp_path) as (office, issue, _):
        url = f"/repos/{SLUG}/issues/{issue}/labels"
        office.api.post(url, json={"labels": ["hold"]})
        ready_again(office, issue)
        office.dispatch()
        assert office.state_of(issue) is State.ESCALATED, office.told()
        office.pass_time(600)
        moved(office, issue, State.CANCELLED)
        office.queue()
        office.pass_time(600)
        office.api.delete(f"{url}/hold")
        office.dispatch()
        assert office.state_of(issue) is State.CANCELLED, office.told()


@pytest.mark.parametrize("to", [State.CANCELLED, State.ESCALATED, State.DONE])
@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize("worked", [False, True])
def test_set_ready_and_then_taken_away_it_begins_nothing(
    tmp_path: Path, to: State, worked: bool, seen: bool
) -> None:
    """Ready once more while it waits, or is in review; the supervisor has looked since, or not."""
    with an_office(tmp_path, agent=writes("x.txt", "x\n")) as office:
        issue = office.ready("Not now")
        office.dispatch()
        if worked:
            office.queue()
        ready_again(office, issue)
        office.pass_time(60)
        moved(office, issue, to)
        if seen:
            reaper.put_right(office.world)
        office.dispatch()
        assert office.state_of(issue) is to, office.told()


@pytest.mark.parametrize("to", [State.CANCELLED, State.ESCALATED, State.FAILED])
def test_taken_from_its_worker_and_then_set_ready_it_begins_anew(
    tmp_path: Path, to: State
) -> None:
    """The worker marks the move an hour after it was made, when it lets go of the file."""
    rooms: list[Office] = []

    def changes_their_mind() -> None:
        [path] = rooms[0].world.mailroom.folder(State.PROCESSING).glob("*.md")
        path.rename(rooms[0].world.mailroom.folder(to) / path.name)
        ready_again(rooms[0], 1)
        rooms[0].pass_time(3600)

    with an_office(tmp_path, agent=meanwhile(changes_their_mind, says(None))) as office:
        rooms.append(office)
        assert office.ready("Not so") == 1
        office.dispatch()
        office.queue()
        assert office.state_of(1) is to, office.told()
        office.dispatch()
        assert (office.state_of(1), office.task(1).round) == (State.INBOX, 2), office.told()


# --- a person closes it on GitHub -------------------------------------------------------------


def hears_at_once(office: Office) -> None:
    """Nobody but the dispatcher has looked."""


def hears_late(office: Office) -> None:
    office.pass_time(3600)
    office.monitor()


@pytest.mark.parametrize("hears", [Office.monitor, hears_late, hears_at_once])
def test_closed_after_its_ready_no_agent_runs_whoever_hears_of_it_first(
    tmp_path: Path, hears: Callable[[Office], object]
) -> None:
    with escalated(tmp_path) as (office, issue, _):
        runs = list(office.executor.agent_runs)
        ready_again(office, issue)
        office.pass_time(20)
        patch_pull(office, "closed")
        office.pass_time(20)
        hears(office)
        office.dispatch()
        office.queue()
        assert office.state_of(issue) is State.CANCELLED, office.told()
        assert office.executor.agent_runs == runs and len(office.pulls()) == 1


def test_set_ready_after_a_closing_that_we_hear_of_later_it_begins_anew(tmp_path: Path) -> None:
    with escalated(tmp_path) as (office, issue, colour):
        colour[0] = "success"
        patch_pull(office, "closed")
        closed = office.world.clock.now()
        ready_again(office, issue)
        office.pass_time(600)
        office.monitor()
        last = office.task(issue).marks[-1]
        assert last.by == "a person, on GitHub" and last.at - closed < timedelta(seconds=2)
        office.dispatch()
        assert office.state_of(issue) is State.INBOX and office.task(issue).round == 2
        office.work_until_quiet(8)
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(office.pulls()) == 2


@pytest.mark.parametrize("later", [False, True])
def test_an_issue_that_is_opened_again_is_begun_by_a_ready_of_after_its_closing(
    tmp_path: Path, later: bool
) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        ready_again(office, issue)
        office.pass_time(60)
        office.close(issue, "not_planned")
        office.pass_time(60)
        if later:
            office.api.delete(f"/repos/{SLUG}/issues/{issue}/labels/ready")
            ready_again(office, issue)
        office.monitor()
        assert office.state_of(issue) is State.CANCELLED, office.told()
        office.pass_time(60)
        office.api.patch(f"/repos/{SLUG}/issues/{issue}", json={"state": "open"})
        office.dispatch()
        assert office.state_of(issue) is (State.INBOX if later else State.CANCELLED)


# --- a person puts it back, or it is out of sight ----------------------------------------------


@pytest.mark.parametrize("ended", [State.ESCALATED, State.CANCELLED, State.DONE])
def test_set_ready_and_moved_to_the_inbox_it_begins_with_the_text_of_now(
    tmp_path: Path, ended: State
) -> None:
    """One round: the Ready begins it, and the claim finds it begun."""
    with in_need(tmp_path) as (office, issue, prompts):
        moved(office, issue, ended)
        reaper.put_right(office.world)
        edit(office, issue)
        ready_again(office, issue)
        moved(office, issue, State.INBOX)
        office.dispatch()
        office.queue()
        assert NEW in prompts[-1] and office.task(issue).round == 2, office.told()
        assert sum(map(len, office.folders().values())) == 1


def test_a_ready_for_a_task_that_was_set_aside_begins_no_second_one(tmp_path: Path) -> None:
    """Its pull request is open, and a person can bring its file back."""
    with an_open_pull_request(tmp_path) as (office, issue):
        path = office.world.mailroom.path(State.REVIEW, office.task(issue).task_id)
        whole = path.read_text()
        path.write_text("---\nrepo: [\n---\n" + whole)
        os.utime(path, (1, 1))
        office.queue()
        [name] = office.folders()[State.QUARANTINE]
        ready_again(office, issue)
        office.dispatch()
        assert office.folders()[State.INBOX] == [], office.told()
        assert "lies in quarantine/ and cannot be read: mend it" in office.told()
        aside = office.world.mailroom.folder(State.QUARANTINE) / name
        aside.rename(path)
        path.write_text(whole)
        office.dispatch()
        assert office.state_of(issue) is State.REVIEW, office.told()


@pytest.mark.parametrize(
    ("stamp", "place", "begins"),
    [
        ("20200101T000000Z", "maria-library", True),  # older than the one that is done
        ("20990101T000000Z", "maria-library", False),
        ("20990101T000000Z", "new-maria-library", True),
    ],
)
def test_what_was_set_aside_counts_beside_what_is_done_where_it_is_newer(
    tmp_path: Path, stamp: str, place: str, begins: bool
) -> None:
    with an_open_pull_request(tmp_path) as (office, issue):
        moved(office, issue, State.DONE)
        reaper.put_right(office.world)
        name = f"task-{stamp}-{place}-{issue}-add-it.md"
        (office.world.mailroom.folder(State.QUARANTINE) / name).write_text("?")
        ready_again(office, issue)
        office.dispatch()
        assert bool(office.folders()[State.INBOX]) is begins, office.told()


# --- while the dispatcher looks ---------------------------------------------------------------


def once_it_looks(office: Office, deed: Callable[[], object]) -> None:
    """Somebody does something between the dispatcher's judgement and its deed."""
    usual, done = office.world.read.permission, list[int]()

    def slow(repo: str, login: str) -> object:
        if not done:
            done.append(1)
            deed()
        return usual(repo, login)

    object.__setattr__(office.world.read, "permission", slow)
    office.dispatch()
    assert done


def test_begun_by_hand_while_the_dispatcher_looks_it_is_one_round(tmp_path: Path) -> None:
    with in_need(tmp_path) as (office, issue, _):
        ready_again(office, issue)
        task_id = office.task(issue).task_id
        once_it_looks(office, lambda: hands.retry(a_worker(office), task_id, by="cli"))
        assert office.task(issue).round == 2, office.told()
        assert "deferred: its task has moved on" in office.told()
        office.dispatch()
        assert office.task(issue).round == 2, office.told()


def test_cancelled_while_the_dispatcher_looks_no_round_begins(tmp_path: Path) -> None:
    with in_need(tmp_path) as (office, issue, _):
        ready_again(office, issue)

        def cancels() -> None:
            office.pass_time(5)
            hands.cancel(a_worker(office), office.task(issue).task_id, by="cli")

        once_it_looks(office, cancels)
        assert office.state_of(issue) is State.CANCELLED, office.told()


# --- times that are not what they seem -----------------------------------------------------------


def test_a_word_from_a_clock_that_was_ahead_overrules_no_later_ready(tmp_path: Path) -> None:
    with in_need(tmp_path) as (office, issue, _):
        put(office, timedelta(hours=2))
        hands.cancel(office.world, office.task(issue).task_id, by="cli")
        assert office.state_of(issue) is State.CANCELLED
        put(office, timedelta(0))
        office.dispatch()
        ready_again(office, issue)
        office.pass_time(30)
        office.dispatch()
        assert office.state_of(issue) is State.INBOX, office.told()


def test_a_backup_of_what_was_put_into_done_overrules_no_ready_that_waits(tmp_path: Path) -> None:
    """A hard link touches the inode as a move does."""
    with in_need(tmp_path) as (office, issue, _):
        now_it_is(office)
        target = moved(office, issue, State.DONE)
        now_it_is(office, 3)
        url = f"/repos/{SLUG}/issues/{issue}/labels"
        office.api.post(url, json={"labels": ["hold", "ready"]})
        office.dispatch()
        assert "left alone" in office.told()
        now_it_is(office, 3)
        os.link(target, tmp_path / "backup.md")
        office.api.delete(f"{url}/hold")
        now_it_is(office, 2)
        office.dispatch()
        assert office.state_of(issue) is State.INBOX, office.told()


def now_it_is(office: Office, more: float = 0) -> None:
    """The forge's time is this machine's, which dates its files, however late that is."""
    until = office.world.clock.now() + timedelta(seconds=more)
    ahead = (until - datetime.now(UTC)).total_seconds()
    if ahead > 0:
        time.sleep(ahead)
    office.pass_time((datetime.now(UTC) - office.world.clock.now()).total_seconds())
