"""When a refusal ends, as it says so itself: every form that was seen, and none that was not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.agents import resets

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)  # a Sunday, 20:00 in Berlin
LOCAL = timezone(timedelta(hours=2))


def zone(name: str) -> tzinfo | None:
    return {"UTC": UTC, "Europe/Berlin": ZoneInfo("Europe/Berlin")}.get(name)


def reset(text: str, now: datetime = NOW) -> datetime | None:
    return resets.reset_at(text, now, local=LOCAL, zone=zone)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("You've hit your session limit \u00b7 resets 10:50pm (UTC)", at(22, 22, 50)),
        ("You've hit your limit \u00b7 resets 8am (Europe/Berlin)", at(23, 7)),
        ("You've hit your weekly limit \u00b7 resets Nov 25, 8am (UTC)", at(25, 8)),
        ("Claude usage limit reached. Your limit will reset at 11 PM (Europe/Berlin).", at(22, 22)),
        ("You\u2019ve hit your usage limit. Upgrade to Pro (https://chatgpt.com/explore/pro), "
         "visit https://chatgpt.com/settings/usage to purchase more credits or try again at "
         "9:57 PM.",
         at(22, 19, 57)),
        ("You've hit your usage limit. Try again at Nov 24th, 2026 9:57 AM.", at(24, 7, 57)),
        ("Rate limit reached for gpt-5 on tokens per min. Please try again in 20s.",
         NOW + timedelta(minutes=1)),
        ("Please try again in 6m0s.", NOW + timedelta(minutes=6)),
        ("You've hit your usage limit. Try again in 3 days 4 hours 5 minutes.",
         NOW + timedelta(days=3, hours=4, minutes=5)),
        ("Please retry in 431.5s.", NOW + timedelta(seconds=431.5)),
        ("Quota exceeded; try again in 2 hours and 3 minutes", NOW + timedelta(hours=2, minutes=3)),
        ("HTTP 429, retry-after: 120", NOW + timedelta(minutes=2)),
        ('{"error": "slow down", "Retry-After": "300"}', NOW + timedelta(minutes=5)),
        ('{"status":"rejected","resetsAt":1795387846,"rateLimitType":"five_hour"}',
         datetime.fromtimestamp(1795387846, UTC)),
        ('{"resets_in_seconds": 3600}', NOW + timedelta(hours=1)),
        ("limit resets at 2026-11-23T08:00:00Z", at(23, 8)),
        # Just passed: now, and not tomorrow at this time.
        ("resets 6:55pm (UTC)", NOW + timedelta(minutes=1)),
        # Nothing that says when, or nothing that can be true.
        ("API Error: Request rejected (429) \u00b7 This request would exceed your account's rate "
         "limit. Please try again later.", None),
        ("Credit balance is too low", None),
        ("Quota exceeded. Check your plan and billing details.", None),
        ("You have exhausted your daily quota on this model.", None),
        ('{"error": {"message": "Insufficient Balance", "code": "invalid_request_error"}}', None),
        ("resets 8am (Middle/Earth)", None),
        ("resets at 25:00", None),
        ("try again at 13 PM", None),
        ("try again in 400 days", None),
        ("resets 12", None),
        ("resets Feb 31, 8am (UTC)", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_refusal_is_read_for_its_end(text: str, when: datetime | None) -> None:
    assert reset(text) == when


@given(st.text(max_size=200) | st.from_regex(r"(resets|again) .{0,30}", fullmatch=True))
def test_whatever_it_says_the_end_is_near_enough_and_not_now(text: str) -> None:
    found = reset(text)
    assert found is None or resets.SHORTEST <= found - NOW <= resets.LONGEST


def test_a_clock_time_is_the_next_one_in_its_own_zone_across_a_change_of_the_hour() -> None:
    before = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)  # Berlin: 22:00, summer time ends at night
    found = resets.told("resets 3pm (Europe/Berlin)", before)
    assert found == datetime(2026, 10, 25, 14, 0, tzinfo=UTC)


def test_a_time_without_a_zone_is_this_machine_s() -> None:
    here = NOW.astimezone(ZoneInfo("America/New_York"))  # 14:00 there
    assert resets.told("try again at 9:57 PM", here) == at(23, 2, 57)


@pytest.mark.parametrize("zone", ["Middle/Earth", "../../etc/passwd", "", "Berlin"])
def test_a_zone_that_nobody_knows_is_none(zone: str) -> None:
    assert resets.named(zone) is None


def test_numbers_are_checked_like_words() -> None:
    assert resets.at(NOW.timestamp() + 3600, NOW) == NOW + timedelta(hours=1)
    assert resets.at(1e300, NOW) is None
    assert resets.at(0, NOW) is None
    assert resets.after(20, NOW) == NOW + timedelta(minutes=1)
    assert resets.after(1e12, NOW) is None
