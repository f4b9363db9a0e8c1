"""As many workers as could really start a task, and not one more."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from msgspec import structs

from orchestrator import reaper, supervisor
from orchestrator.records.task import State
from tests.stories.test_people import a_worker
from tests.support.office import SLUG, Office, an_office, writes


def test_a_busy_repository_starts_no_worker(tmp_path: Path) -> None:
    with an_office(tmp_path, config={"max_parallel_workers": 3}) as office:
        for number in range(4):
            office.ready(f"Task {number}")
        office.dispatch()
        assert supervisor.could_start(office.world) == 1
        slot = office.world.locks.try_repository_slot(SLUG, 1)
        assert slot is not None
        with slot:
            assert supervisor.could_start(office.world) == 0
        assert supervisor.could_start(office.world) == 1


def test_two_slots_start_two(tmp_path: Path) -> None:
    with an_office(tmp_path, repository={"max_parallel_per_repo": 2}) as office:
        for number in range(4):
            office.ready(f"Task {number}")
        office.dispatch()
        assert supervisor.could_start(office.world) == 2


def test_a_repository_that_is_switched_off_starts_none(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        office.ready("Task")
        office.dispatch()
        switch = office.world.paths.switch(SLUG)
        switch.parent.mkdir(parents=True, exist_ok=True)
        switch.write_text("holidays")
        assert supervisor.could_start(office.world) == 0


def parked(office: Office, issue: int) -> None:
    room, name = office.world.mailroom, f"{office.task(issue).task_id}.md"
    there = (room.folder(office.state_of(issue)) / name).rename(room.folder(State.BLOCKED) / name)
    os.utime(there, (1, 1))  # it was written long before the move


def waits(office: Office, issue: int, state: State, minutes: int) -> None:
    until = office.world.clock.now() + timedelta(minutes=minutes)
    waiting = structs.replace(office.task(issue), not_before=until)
    office.world.mailroom.move(waiting, state, by="queue")


def test_what_a_person_parks_stays_there_whatever_it_waited_for_before(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Later")
        office.dispatch()
        waits(office, issue, State.BLOCKED, 5)
        office.pass_time(600)
        supervisor.return_due(office.world)
        assert office.state_of(issue) is State.INBOX
        assert office.task(issue).not_before is None
        parked(office, issue)
        for _ in range(3):
            office.pass_time(3600)
            office.queue()
        assert office.state_of(issue) is State.BLOCKED, office.told()
        assert office.executor.agent_runs == []


def test_a_time_that_was_over_when_a_person_parked_it_means_nothing(tmp_path: Path) -> None:
    """Nor where another holds the task while the reaper looks, and it cannot be marked yet."""
    with an_office(tmp_path) as office:
        issue = office.ready("Later")
        office.dispatch()
        waits(office, issue, State.REVIEW, -5)
        parked(office, issue)
        lock = a_worker(office).locks.try_task(office.task(issue).task_id)
        assert lock is not None
        with lock:
            reaper.put_right(office.world)
        supervisor.return_due(office.world)
        assert office.task(issue).state is State.REVIEW
        for _ in range(2):
            office.queue()
            assert office.state_of(issue) is State.BLOCKED, office.told()


def test_a_time_still_to_come_returns_it_whoever_put_it_into_blocked(tmp_path: Path) -> None:
    with an_office(tmp_path, agent=writes("x.txt", "x\n")) as office:
        issue = office.ready("Later")
        office.dispatch()
        waits(office, issue, State.REVIEW, 30)
        parked(office, issue)
        office.queue()
        assert office.state_of(issue) is State.BLOCKED, office.told()
        office.pass_time(1900)
        office.queue()
        assert office.state_of(issue) is State.REVIEW, office.told()
