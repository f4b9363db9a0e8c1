"""When an agent may be asked again: what its provider said, else ever longer waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator.rules import cooldown
from orchestrator.rules.cooldown import Rest

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)


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
