"""How long a limit holds everybody, how fast writes go out, and for whom the last points are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.rules import pacing
from orchestrator.rules.pacing import Account, Pause, Points, Purpose, Signal, Write

NOW = 1_000_000.0


def stood(seconds_ago: float, lasted: float, strikes: int = 1) -> Pause:
    at = NOW - seconds_ago
    return Pause(at=at, until=at + lasted, strikes=strikes)


@pytest.mark.parametrize(
    ("signal", "before", "seconds", "strikes"),
    [
        # What GitHub says counts, in this order.
        (Signal(retry_after=17), None, 17, 1),
        (Signal(retry_after=0), None, 1, 1),
        (Signal(retry_after=17, remaining=0, reset=NOW + 900), None, 17, 1),
        (Signal(remaining=0, reset=NOW + 900), None, 901, 1),
        # By the server's clock, which is 100 s ahead of ours, and 100 s behind.
        (Signal(remaining=0, reset=NOW + 900, date=NOW + 100), None, 801, 1),
        (Signal(remaining=0, reset=NOW + 900, date=NOW - 100), None, 1001, 1),
        (Signal(remaining=0, reset=NOW - 900), None, 1, 1),
        # Points are left, so the reset is not what we wait for.
        (Signal(remaining=40, reset=NOW + 900), None, 60, 1),
        # Nothing is said: a minute, doubled as long as it goes on, at most an hour.
        (Signal(), None, 60, 1),
        (Signal(), stood(70, 60), 120, 2),
        (Signal(), stood(130, 120, 2), 240, 3),
        (Signal(), stood(3700, 3600, 9), 3600, 10),
        # An old one is forgotten; one of our own requests still under way is none.
        (Signal(), stood(6000, 60, 5), 60, 1),
        (Signal(), stood(1, 60), 60, 1),
        (Signal(retry_after=5), stood(1, 60), 59, 1),
        # Nonsense: a header that says a year, a pause from the future.
        (Signal(retry_after=10**7), None, 7200, 1),
        (Signal(), stood(-7200, 60, 5), 60, 1),
    ],
)
def test_how_long_a_limit_holds_everybody(
    signal: Signal, before: Pause | None, seconds: float, strikes: int
) -> None:
    pause = pacing.pause_after(signal, NOW, before)
    assert (pause.until - NOW, pause.strikes) == (seconds, strikes)


@pytest.mark.parametrize(
    ("before", "seconds"),
    [
        (None, 300),
        (stood(301, 300), 600),
        (stood(1, 300), 300),
        (stood(4000, 3600, 7), 3600),
        (stood(4000, 3600, 5000), 3600),  # for a month
        (stood(-50, 300, 7), 300),
    ],
)
def test_a_refused_token_is_tried_ever_more_seldom(before: Pause | None, seconds: float) -> None:
    assert pacing.refusal_after(NOW, before).until - NOW == seconds
    assert pacing.refusal_after(NOW, before, 300).until - NOW == 300


def test_a_pause_from_the_future_is_void() -> None:
    assert pacing.left(stood(10, 60), NOW) == 50
    assert pacing.left(stood(100, 60), NOW) == 0
    assert pacing.left(stood(-10, 60), NOW) == 0
    assert pacing.left(None, NOW) == 0


@pytest.mark.parametrize(
    ("write", "waits"),
    [
        (Write.EDIT, [0, 0, 0, 0, 0, 1, 2, 3]),
        (Write.NOTICE, [0, 0, 0, 0, 0, 3, 6, 9]),
        (Write.CONTENT, [0, 0, 0, 0, 0, 3, 6, 9]),
    ],
)
def test_a_burst_and_then_one_after_the_other(write: Write, waits: list[float]) -> None:
    account, found = Account(), []
    for _ in waits:
        found.append(pacing.wait_for(write, account, NOW))
        account = pacing.taken(write, account, NOW)
    assert found == waits
    assert pacing.wait_for(write, account, NOW + 3600) == 0
    assert pacing.wait_for(write, account, NOW - 99_999) == 0, "a clock that was put back"


@pytest.mark.parametrize("back", [20, 300, 1800, 3600, 7140, 7260])
@pytest.mark.parametrize("write", list(Write))
def test_a_clock_that_was_put_back_holds_no_write_up(write: Write, back: float) -> None:
    account = Account()
    for _ in range(3):
        account = pacing.taken(write, account, NOW)
    assert pacing.wait_for(write, account, NOW - back) <= pacing.PATIENCE


@pytest.mark.parametrize("write", list(Write))
def test_the_longest_line_that_is_waited_in_is_believed(write: Write) -> None:
    account, taken = Account(), 0
    while pacing.wait_for(write, account, NOW) <= pacing.PATIENCE and taken < 500:
        account, taken = pacing.taken(write, account, NOW), taken + 1
    assert taken < 500, "whoever comes next is turned away, and the line is not forgotten"


@given(st.lists(st.sampled_from(list(Write)), max_size=700), st.floats(0, 3))
def test_no_minute_and_no_hour_has_more_than_github_takes(
    writes: list[Write], between: float
) -> None:
    account, now, sent = Account(), NOW, []
    for write in writes:
        moment = now + pacing.wait_for(write, account, now)
        account = pacing.taken(write, account, now)
        now = moment + between
        sent.append((moment, write))
    texts = [moment for moment, write in sent if write is Write.CONTENT]
    assert most(texts, 60) <= 80 and most(texts, 3600) <= 500
    assert most([moment for moment, _ in sent], 60) <= 66


def most(moments: list[float], seconds: float) -> int:
    return max((sum(m <= n < m + seconds for n in moments) for m in moments), default=0)


LOW = Points(limit=5000, remaining=900, reset=NOW + 600)  # 18 %


@pytest.mark.parametrize(
    ("points", "planning", "work"),
    [
        ({}, True, True),
        ({"core": Points(limit=5000, remaining=2500, reset=NOW + 1)}, True, True),
        ({"core": Points(limit=5000, remaining=2499, reset=NOW + 1)}, False, True),
        ({"core": Points(limit=5000, remaining=999, reset=NOW + 1)}, False, False),
        ({"core": Points(limit=5000, remaining=0, reset=NOW)}, True, True),
        ({"core": Points(limit=10, remaining=9, reset=NOW + 1), "graphql": LOW}, False, False),
    ],
)
def test_the_last_points_are_kept_for_what_cannot_wait(
    points: dict[str, Points], planning: bool, work: bool
) -> None:
    assert (pacing.cut(Purpose.PLANNING, points, NOW) == "") is planning
    assert (pacing.cut(Purpose.NEW_WORK, points, NOW) == "") is work
    if not work:
        assert "not for new work" in pacing.cut(Purpose.NEW_WORK, points, NOW)


@pytest.mark.parametrize(
    ("known", "remaining", "changed"),
    [
        (None, 4990, False),
        (None, 2400, True),
        (None, 900, True),
        (LOW, 880, False),
        (LOW, 400, True),
        (LOW, 4999, True),
        (Points(limit=5000, remaining=900, reset=NOW - 1), 4999, False),
    ],
)
def test_points_are_written_down_only_where_somebody_would_act_otherwise(
    known: Points | None, remaining: int, changed: bool
) -> None:
    account = Account(points={"core": known} if known else {})
    signal = Signal(limit=5000, remaining=remaining, reset=NOW + 500, date=NOW - 7)
    after = pacing.noted(account, signal, NOW)
    assert (after is not account) is changed
    if changed:
        assert after.points["core"] == Points(limit=5000, remaining=remaining, reset=NOW + 507)
    assert pacing.noted(account, Signal(), NOW) is account
