"""Regular jobs under every clock: right, put back, put forward, switched off, in a double hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from orchestrator.rules import cadence
from orchestrator.rules.cadence import ClockWentBack, Due, NotYet

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (None, Due),
        (NOW - HOUR, Due),
        (NOW - 3 * DAY, Due),  # once, for all that were missed
        (NOW - HOUR + timedelta(seconds=1), NotYet),
        (NOW, NotYet),
        (NOW + timedelta(minutes=4), NotYet),
        (NOW + 2 * HOUR, ClockWentBack),
        (NOW + 400 * DAY, ClockWentBack),
    ],
)
def test_a_job_is_due_by_its_last_success(last: datetime | None, kind: type) -> None:
    assert isinstance(cadence.judge(last, HOUR, NOW), kind)


@pytest.mark.parametrize(
    ("since", "wait"),
    [
        (NOW, 1),
        (NOW - timedelta(minutes=4), 1),
        (NOW - timedelta(minutes=80), 20),
        (NOW - 3 * DAY, 60),
        (NOW + 2 * HOUR, 1),  # by a clock that was put back since
    ],
)
def test_what_waits_long_is_looked_at_ever_more_seldom(since: datetime, wait: int) -> None:
    until = cadence.more_seldom(since, NOW, least=timedelta(minutes=1))
    assert until == NOW + timedelta(minutes=wait)


def test_a_clock_put_back_costs_one_interval() -> None:
    said = cadence.judge(NOW + 2 * HOUR, HOUR, NOW)
    assert isinstance(said, ClockWentBack) and said.at == NOW + HOUR
    assert isinstance(cadence.judge(NOW, HOUR, said.at), Due)


def runs(moments: list[datetime], **when: int) -> int:
    last, count = "", 0
    for moment in moments:
        if cadence.weekly(last, moment, BERLIN, **when):
            last, count = cadence.week(moment, BERLIN), count + 1
    return count


def test_a_weekly_job_runs_once_in_each_iso_week() -> None:
    every_minute = [NOW + timedelta(minutes=m) for m in range(0, 28 * 24 * 60, 7)]
    assert runs(every_minute, weekday=1, hour=6) == 5  # what was missed before NOW, then four
    assert runs([NOW, NOW, NOW - 2 * HOUR, NOW]) == 1


def test_a_double_hour_and_a_missing_one_run_it_once() -> None:
    autumn = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)  # Sunday 01:30 in Berlin, the long day
    assert runs([autumn + timedelta(minutes=m) for m in range(0, 240, 5)], weekday=7, hour=2) == 1
    spring = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # Sunday 00:30, 02:00 to 03:00 is missing
    assert runs([spring + timedelta(minutes=m) for m in range(0, 240, 5)], weekday=7, hour=2) == 1


def test_the_year_s_end_is_a_week_like_any_other() -> None:
    ends = [datetime(2026, 12, 28, 12, tzinfo=UTC) + timedelta(days=d) for d in range(14)]
    assert runs(ends) == 2
    assert cadence.week(datetime(2027, 1, 3, 12, tzinfo=UTC), BERLIN) == "2026-W53"


def test_a_clock_put_back_into_an_older_week_runs_nothing() -> None:
    assert not cadence.weekly("2026-W48", NOW - 7 * DAY, BERLIN)


def test_the_week_is_the_one_of_the_place() -> None:
    sunday_night = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    assert cadence.week(sunday_night, UTC) < cadence.week(sunday_night, BERLIN)


def test_a_wait_that_began_in_the_future_is_over() -> None:
    assert cadence.waits_until(NOW + 400 * DAY, NOW + 399 * DAY, NOW) == NOW
    assert cadence.waits_until(NOW + 400 * DAY, NOW - HOUR, NOW) == NOW + 400 * DAY  # a person's
