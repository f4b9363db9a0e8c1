"""The clock: aware, in UTC, and going on from where it was set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from orchestrator.adapters.clock import Clock, FixedClock

NEW_YEAR = datetime(2027, 1, 1, tzinfo=timezone(timedelta(hours=2)))


def test_now_is_aware_and_in_utc():
    assert Clock().now().utcoffset() == timedelta(0)
    assert Clock().now().microsecond % 1000 == 0


def test_a_set_clock_starts_there_and_goes_on():
    clock = FixedClock(NEW_YEAR)
    first = clock.now()
    clock.sleep(0.01)
    assert timedelta(0) <= first - NEW_YEAR < timedelta(minutes=1)
    assert clock.now() > first
    assert first.tzinfo is UTC


def test_a_clock_is_not_set_to_a_time_without_a_zone():
    with pytest.raises(ValueError, match="zone"):
        FixedClock(datetime(2027, 1, 1))  # noqa: DTZ001


def test_elapsed_time_never_goes_back():
    clock = Clock()
    before = clock.monotonic()
    clock.sleep(-1)
    assert clock.monotonic() >= before
