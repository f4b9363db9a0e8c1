"""Ready, and another word of a person's: the later one counts, whoever of us hears it first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator import hands, reaper
from orchestrator.records.task import State
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
