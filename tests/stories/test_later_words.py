"""Ready, and another word of a person's: the later one counts, whoever of us hears it first."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator import hands, reaper
from orchestrator.records.task import State
from tests.stories.test_merge_safety import an_open_pull_request
from tests.stories.test_people import a_worker
from tests.stories.test_second_rounds import NEW, edit, in_need, ready_again
from tests.support.office import Office


def moved(office: Office, issue: int, to: State) -> Path:
    room, name = office.world.mailroom, f"{office.task(issue).task_id}.md"
    target = room.folder(to) / name
    (room.folder(office.state_of(issue)) / name).rename(target)
    return target


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
