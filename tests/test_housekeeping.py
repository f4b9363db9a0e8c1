"""What is removed, what is kept, and how often anybody looks."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from orchestrator import housekeeping
from orchestrator.records.task import State
from tests.support.office import an_office, writes


def aged(path: Path, moment: float) -> Path:
    os.utime(path, (moment, moment))
    return path


def test_old_traces_go_and_those_of_a_task_under_way_stay(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        world = office.world
        office.ready("Wait")
        office.dispatch()
        [waiting] = office.folders()[State.INBOX]
        long_ago = (world.clock.now() - timedelta(days=40)).timestamp()
        kept, gone, young = (
            world.paths.attempts / name for name in (Path(waiting).stem, "task-old", "task-young")
        )
        for folder in (kept, gone, young):
            folder.mkdir(parents=True)
        recently = (world.clock.now() - timedelta(days=2)).timestamp()
        for folder, moment in ((kept, long_ago), (gone, long_ago), (young, recently)):
            aged(folder, moment)
        housekeeping.sweep(world)
        assert kept.exists() and young.exists() and not gone.exists()


def test_a_large_log_is_rotated_and_a_second_sweep_within_the_hour_does_nothing(
    tmp_path: Path,
) -> None:
    with an_office(tmp_path) as office:
        log = office.world.paths.logs / "queue.log"
        log.write_bytes(b"x" * (housekeeping.LOG_BYTES + 1))
        housekeeping.sweep(office.world)
        assert not log.exists() or log.stat().st_size == 0
        stamp = office.world.paths.state / "housekeeping"
        aged(stamp, office.world.clock.now().timestamp())
        log.write_bytes(b"x" * (housekeeping.LOG_BYTES + 1))
        housekeeping.sweep(office.world)
        assert log.stat().st_size > housekeeping.LOG_BYTES


def test_a_store_is_packed_once_a_week(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        office.ready("Add it")
        office.work_until_quiet()
        office.said.clear()
        housekeeping.maintain_stores(office.world)
        housekeeping.maintain_stores(office.world)
        assert office.told().count("its store was packed") == 1
        office.ready("Add more")
        office.executor.scripts["first"] = writes("more.txt", "more\n")
        office.work_until_quiet()
        assert office.file("more.txt") == "more\n", office.told()
