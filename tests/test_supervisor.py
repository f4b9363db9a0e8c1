"""As many workers as could really start a task, and not one more."""

from __future__ import annotations

from pathlib import Path

from orchestrator import supervisor
from tests.support.office import SLUG, an_office


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
