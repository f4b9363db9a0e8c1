"""Times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from orchestrator.texts import moments

NOW = datetime(2026, 7, 1, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "moment", "text"),
    [
        ("UTC", NOW, "12:05 UTC"),
        ("Europe/Berlin", NOW, "14:05 CEST"),
        ("Europe/Berlin", NOW.replace(month=1), "2026-01-01 13:05 CET"),
        ("Europe/Berlin", NOW.replace(hour=21, minute=59), "23:59 CEST"),
        ("Europe/Berlin", NOW.replace(hour=22), "2026-07-02 00:05 CEST"),
        ("Asia/Kathmandu", NOW, "17:50 UTC+05:45"),
        ("Asia/Tokyo", datetime(9999, 12, 31, 23, 59, tzinfo=UTC), "9999-12-31 23:59 UTC"),
        ("America/Sao_Paulo", NOW, "09:05 UTC-03:00"),
    ],
)
def test_a_time_is_told_with_its_zone_and_its_day_where_it_is_another(
    zone: str, moment: datetime, text: str
) -> None:
    assert moments.spoken(moment, ZoneInfo(zone), now=NOW) == text


def test_the_double_hour_has_two_names() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    told = [moments.dated(first.replace(hour=hour), berlin) for hour in (0, 1)]
    assert told == ["2026-10-25 02:30 CEST", "2026-10-25 02:30 CET"]
