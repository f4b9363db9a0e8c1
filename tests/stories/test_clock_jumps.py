"""The clock goes back, on, or stands still for days: nothing is lost, doubled or held up (F39)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from orchestrator import housekeeping, timetable
from orchestrator.records.task import State
from tests.support.office import HandClock, Office, an_office

TWO_HOURS, THREE_DAYS, A_YEAR = timedelta(hours=2), timedelta(days=3), timedelta(days=365)


def put(office: Office, wrong: timedelta) -> None:
    clock = office.world.clock
    assert isinstance(clock, HandClock)
    clock.wrong = wrong


def set_to(office: Office, moment: datetime) -> None:
    put(office, timedelta(0))
    put(office, moment - office.world.clock.now())


STEPS: tuple[Callable[[Office], object], ...] = (
    Office.dispatch, Office.queue, lambda office: office.pass_time(30), Office.monitor,
    lambda office: office.pass_time(90), Office.monitor,
)  # fmt: skip
# While time passes nobody looks at the clock: a jump before it is one before the next step.
LOOKS = (0, 1, 3, 5)


@pytest.mark.parametrize("wrong", [-TWO_HOURS, TWO_HOURS, A_YEAR], ids=["back", "on", "a year"])
@pytest.mark.parametrize("at", LOOKS)
def test_a_jump_at_any_step_and_its_correction_change_no_end(
    tmp_path: Path, at: int, wrong: timedelta
) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Add a file")
        for number, step in enumerate(STEPS):
            if number == at:
                put(office, wrong)
            step(office)
        put(office, timedelta(0))
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()
        assert len(office.pulls()) == 1
        assert len(office.executor.agent_runs) == 1
        assert len(office.comments(issue)) == 1


def test_a_wait_that_a_wrong_clock_measured_does_not_outlive_it(tmp_path: Path) -> None:
    """A task put off for minutes by a clock that was a year ahead would wait a year."""
    setups = iter([1])

    with an_office(tmp_path, repository={"setup_command": "make deps"}) as office:
        office.executor.tests = lambda folder: next(setups, 0)
        issue = office.ready("Add a file")
        office.dispatch()
        put(office, A_YEAR)
        office.queue()
        assert office.state_of(issue) is State.BLOCKED, office.told()
        put(office, timedelta(0))
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE, office.told()


def test_a_person_may_have_a_task_wait_for_a_year(tmp_path: Path) -> None:
    setups = iter([1])
    with an_office(tmp_path, repository={"setup_command": "make deps"}) as office:
        office.executor.tests = lambda folder: next(setups, 0)
        issue = office.ready("Not before next year")
        office.dispatch()
        office.queue()
        task = office.task(issue)
        path = office.world.mailroom.folder(State.BLOCKED) / f"{task.task_id}.md"
        when = f"{task.not_before:%Y}"
        path.write_text(path.read_text().replace(f"not_before: {when}", "not_before: 2031"))
        office.pass_time(3600)
        office.queue()
        assert office.state_of(issue) is State.BLOCKED


def test_after_three_days_without_power_each_job_runs_once(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        issue = office.ready("Add a file")
        office.dispatch()
        housekeeping.sweep(office.world)
        put(office, THREE_DAYS)
        due = 0
        for _ in range(5):
            due += timetable.is_due(office.world, "housekeeping", housekeeping.EVERY)
            housekeeping.sweep(office.world)
        assert due == 1
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE


def test_a_last_success_in_the_future_is_told_and_due_after_one_interval(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        world = office.world
        put(office, TWO_HOURS)
        timetable.succeeded(world, "housekeeping")
        put(office, timedelta(0))
        for _ in range(3):
            assert not timetable.is_due(world, "housekeeping", housekeeping.EVERY)
        assert office.told().count("ALERT the clock was put back") == 1
        put(office, housekeeping.EVERY)
        assert timetable.is_due(world, "housekeeping", housekeeping.EVERY)


def test_a_weekly_job_of_a_repository_is_done_once_a_week(tmp_path: Path) -> None:
    with an_office(tmp_path, config={"timezone": "Europe/Berlin"}) as office:
        world, done = office.world, 0
        for day in range(15):
            put(office, timedelta(days=day))
            for repo in ("maria/library", "maria/other"):
                if timetable.is_due_this_week(world, "plan", repo=repo, weekday=1):
                    timetable.succeeded(world, "plan", repo=repo)
                    done += 1
        assert done == 6  # this week, the next and the one after, for each of the two


def test_a_store_is_packed_once_in_each_week_whatever_the_clock_does(tmp_path: Path) -> None:
    with an_office(tmp_path, config={"timezone": "Europe/Berlin"}) as office:
        issue, berlin = office.ready("Add first.txt"), ZoneInfo("Europe/Berlin")
        office.work_until_quiet()
        assert office.state_of(issue) is State.DONE
        timetable.succeeded(office.world, "maintenance", repo="maria/library")
        told = list[int]()

        def packed(*moments: datetime) -> list[int]:
            for moment in moments:
                set_to(office, moment)
                before = office.told().count("its store was packed")
                housekeeping.maintain_stores(office.world)
                told.append(office.told().count("its store was packed") - before)
            return told[-len(moments) :]

        monday = datetime(2026, 1, 12, tzinfo=berlin)
        quarters = [monday + timedelta(minutes=15 * number) for number in range(8, 16)]
        assert packed(monday - timedelta(days=2), monday) == [0, 0], "done this week; not night yet"
        assert packed(*quarters) == [0, 0, 0, 0, 1, 0, 0, 0], "at three in the morning there"
        assert packed(monday - TWO_HOURS, monday + TWO_HOURS * 2) == [0, 0], "put back, and right"
        later = monday + timedelta(days=23, hours=7)
        assert packed(later, later, later + THREE_DAYS) == [1, 0, 0], "off for weeks: once"


def test_the_hour_that_comes_twice_holds_one_weekly_job(tmp_path: Path) -> None:
    with an_office(tmp_path, config={"timezone": "Europe/Berlin"}) as office:
        done = list[str]()
        for minutes in range(0, 9 * 24 * 60, 15):
            set_to(office, datetime(2026, 10, 23, tzinfo=UTC) + timedelta(minutes=minutes))
            if timetable.is_due_this_week(office.world, "weekly", weekday=7, hour=2):
                timetable.succeeded(office.world, "weekly")
                done.append(f"{office.world.clock.now():%d %H:%M}")
        assert done == ["25 00:00"]  # 2:00 in summer time, and not an hour later in winter time


def test_a_week_that_is_still_to_come_is_told_and_counted_from_now(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        world, years = office.world, timedelta(days=4000)
        put(office, years)
        timetable.succeeded(world, "maintenance", repo="maria/library")
        put(office, timedelta(0))
        due = partial(timetable.is_due_this_week, world, "maintenance", repo="maria/library")
        assert not any(due() for _ in range(3))
        assert office.told().count("ALERT the clock was put back") == 1
        put(office, timedelta(days=7))
        assert due()


def test_a_torn_note_is_a_job_that_has_not_run(tmp_path: Path) -> None:
    with an_office(tmp_path) as office:
        timetable.succeeded(office.world, "housekeeping")
        [note] = (office.world.paths.state / "cadence").iterdir()
        note.write_text("{")
        assert timetable.is_due(office.world, "housekeeping", housekeeping.EVERY)


def test_what_a_person_reads_is_in_their_time_and_what_a_machine_reads_is_not(
    tmp_path: Path,
) -> None:
    with an_office(tmp_path, config={"timezone": "Europe/Berlin"}) as office:
        issue = office.ready("Add a file")
        office.work_until_quiet()
        [comment] = office.comments(issue)
        there = office.world.clock.now().astimezone(office.world.zone)
        assert f"{there:%Y-%m-%d}" in comment and " CET: taken up" in comment
        assert " UTC" not in comment
        task = office.task(issue)
        text = (office.world.mailroom.folder(State.DONE) / f"{task.task_id}.md").read_text()
        assert "CET" not in text.partition("\n---\n")[0]
        assert b"CET" not in office.world.paths.events.read_bytes()
