"""When an agent may be asked again: what its provider said, else ever longer waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.rules import cooldown
from orchestrator.rules.cooldown import Rest

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)  # a Sunday, 20:00 in Berlin
LOCAL = timezone(timedelta(hours=2))


def zone(name: str) -> tzinfo | None:
    return {"UTC": UTC, "Europe/Berlin": ZoneInfo("Europe/Berlin")}.get(name)


def reset(text: str, now: datetime = NOW) -> datetime | None:
    return cooldown.reset_at(text, now, local=LOCAL, zone=zone)


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
    assert found is None or cooldown.SHORTEST <= found - NOW <= cooldown.LONGEST


def test_without_a_word_the_rests_grow_and_then_stay() -> None:
    rest, now, waits = None, NOW, []
    for _ in range(6):
        rest = cooldown.rest(rest, None, now)
        waits.append(rest.until - now)
        now = rest.until
    assert waits == [*cooldown.WAITS, cooldown.WAITS[-1], cooldown.WAITS[-1]]
    assert rest is not None and rest.count == 6


def test_a_short_hint_that_was_wrong_before_is_not_believed_again() -> None:
    first = cooldown.rest(None, NOW + timedelta(minutes=1), NOW)
    assert first.until == NOW + timedelta(minutes=1)
    second = cooldown.rest(first, first.until + timedelta(minutes=1), first.until)
    assert second.until - first.until == cooldown.WAITS[0]


def test_a_refusal_of_the_one_that_went_alone_counts() -> None:
    alone = Rest(until=NOW + cooldown.PROBE, count=1, alone=True)
    again = cooldown.rest(alone, None, NOW + timedelta(minutes=1))
    assert (again.count, again.alone) == (2, False)


def test_a_second_refusal_in_one_window_counts_once_and_shortens_nothing() -> None:
    first = cooldown.rest(None, NOW + timedelta(hours=3), NOW)
    again = cooldown.rest(first, NOW + timedelta(hours=1), NOW + timedelta(minutes=1))
    assert again == first
    later = cooldown.rest(first, NOW + timedelta(hours=4), NOW + timedelta(minutes=1))
    assert later == Rest(until=NOW + timedelta(hours=4), count=1)


def test_tasks_that_wait_for_the_same_hour_start_apart() -> None:
    spread = {cooldown.staggered(NOW, f"task-{n}") - NOW for n in range(40)}
    assert len(spread) > 20 and max(spread) < timedelta(minutes=1)
