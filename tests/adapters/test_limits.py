"""The limits of a token are one for all processes, cost an idle tick nothing, survive nonsense."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from orchestrator.adapters import limits as limits_
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.limits import Limits
from orchestrator.adapters.locks import Locks
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.rules import pacing
from orchestrator.rules.pacing import Purpose, Write

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
REFUSED = GitHubTrouble(Trouble.AUTH, "401")
LIMITED = GitHubTrouble(Trouble.RATE, "429 slow down")


class Hand(Clock):
    """A clock that all processes of a test share."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def hand() -> Hand:
    return Hand()


def a_process(folder: Path, hand: Clock, token: str = "one", *, paced: bool = True) -> Limits:
    locks = Locks(folder / "locks", clock=hand)
    return Limits(
        path=folder / "state" / "limits.json", locks=locks, clock=hand, token=token, paced=paced
    )


def headers(hand: Hand, **more: object) -> dict[str, str]:
    date = {"date": format_datetime(hand.moment, usegmt=True)}
    return date | {name.replace("_", "-"): str(value) for name, value in more.items()}


def points(hand: Hand, remaining: int, resource: str = "core") -> dict[str, str]:
    return headers(
        hand, x_ratelimit_limit=5000, x_ratelimit_remaining=remaining,
        x_ratelimit_reset=int(hand.moment.timestamp()) + 600, x_ratelimit_resource=resource,
    )  # fmt: skip


def test_everybody_sits_a_short_pause_out(tmp_path: Path, hand: Hand) -> None:
    one, other, stranger = (a_process(tmp_path, hand, token) for token in ("a", "a", "b"))
    told = str(one.heard(LIMITED, headers(hand, retry_after=40)))
    assert told.endswith("before 2026-11-23T12:00:40Z")
    stranger.before_read()
    assert hand.moment == START, "another token has limits of its own"
    other.before_read()
    assert hand.moment == START + timedelta(seconds=40)
    other.before_write(Write.EDIT)
    assert hand.moment == START + timedelta(seconds=40)


def test_a_long_pause_ends_the_tick_with_a_time(tmp_path: Path, hand: Hand) -> None:
    one, other = a_process(tmp_path, hand), a_process(tmp_path, hand)
    reset = int(START.timestamp()) + 1800
    one.heard(LIMITED, headers(hand, x_ratelimit_remaining=0, x_ratelimit_reset=reset))
    for ask in (other.before_read, lambda: other.before_write(Write.CONTENT)):
        with pytest.raises(GitHubTrouble, match="12:30:01Z goes on") as raised:
            ask()
        assert raised.value.exit_code == 10
    assert hand.moment == START, "nobody slept"
    assert other.closed() is not None
    hand.sleep(1745)
    assert other.closed() is None
    other.before_read()
    assert hand.moment == START + timedelta(seconds=1801)


def test_a_pause_that_grows_while_we_sleep_is_seen(tmp_path: Path, hand: Hand) -> None:
    one = a_process(tmp_path, hand)

    class Slept(Hand):
        def sleep(self, seconds: float) -> None:
            hand.sleep(seconds)
            self.moment = hand.moment
            one.heard(LIMITED, headers(hand, retry_after=600))

    other = a_process(tmp_path, Slept())
    one.heard(LIMITED, headers(hand, retry_after=50))
    with pytest.raises(GitHubTrouble, match="slow down"):
        other.before_write(Write.EDIT)


def test_writes_of_all_processes_stand_in_one_line(tmp_path: Path, hand: Hand) -> None:
    processes = [a_process(tmp_path, hand) for _ in range(3)]
    for number in range(11):
        processes[number % 3].before_write(Write.EDIT)
    assert hand.moment - START == timedelta(seconds=6), "five at once, then one a second"
    calm = a_process(tmp_path, hand, paced=False)
    for _ in range(50):
        calm.before_write(Write.CONTENT)
    assert hand.moment - START == timedelta(seconds=6)


@pytest.mark.parametrize("minutes", [5, 60, 119])
@pytest.mark.parametrize("write", list(Write))
def test_a_clock_put_back_stops_no_write(
    tmp_path: Path, hand: Hand, minutes: int, write: Write
) -> None:
    a_process(tmp_path, hand).before_write(write)
    hand.moment -= timedelta(minutes=minutes)  # as NTP does to a clock that was ahead
    before = hand.moment
    a_process(tmp_path, hand).before_write(write)
    assert hand.moment - before <= timedelta(seconds=pacing.PATIENCE)


def test_a_line_that_is_too_long_is_not_waited_in(tmp_path: Path, hand: Hand) -> None:
    class Still(Hand):
        def sleep(self, seconds: float) -> None:
            return

    one = a_process(tmp_path, Still())
    with pytest.raises(GitHubTrouble, match="many of us") as raised:
        for _ in range(99):
            one.before_write(Write.CONTENT)
    assert raised.value.trouble is Trouble.RATE


def test_takers_at_the_same_time_lose_no_token(tmp_path: Path) -> None:
    class Still(Hand):
        def sleep(self, seconds: float) -> None:
            if seconds < 0.5:
                Clock.sleep(self, seconds)  # waiting for the lock

    def take(_: int) -> None:
        a_process(tmp_path, Still()).before_write(Write.EDIT)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(40)))
    (account,) = a_process(tmp_path, Still())._look().accounts.values()
    assert account.buckets["writes"] == START.timestamp() + 40


def test_a_refused_token_is_asked_again_by_one_and_a_new_one_at_once(
    tmp_path: Path, hand: Hand
) -> None:
    old, other = a_process(tmp_path, hand, "old"), a_process(tmp_path, hand, "old")
    old.heard(REFUSED, {})
    assert old.was_refused
    with pytest.raises(GitHubTrouble, match="refused the token at 2026-11-23T12:00:00Z") as raised:
        other.before_read()
    assert raised.value.exit_code == 30 and other.was_refused
    hand.sleep(300)
    other.before_read()
    other.heard(REFUSED, {})
    with pytest.raises(GitHubTrouble, match="after 2026-11-23T12:15:00Z"):
        old.before_read()
    new = a_process(tmp_path, hand, "new")
    new.before_read()
    new.answered(headers(hand))
    assert new.recovered == [old.name] and not new.was_refused
    assert old.name not in new.path.read_text(), "what is over is forgotten"
    third = a_process(tmp_path, hand, "new")
    third.before_read()
    third.answered(headers(hand))
    assert third.recovered == []


def test_an_idle_tick_writes_nothing(tmp_path: Path, hand: Hand) -> None:
    one = a_process(tmp_path, hand)
    for remaining in range(4990, 4900, -1):
        one.before_read()
        one.answered(points(hand, remaining))
    assert not one.path.exists() and not (tmp_path / "locks").exists()
    assert one.closed() is None and one.share() == pytest.approx(0.98, abs=0.01)


def test_points_are_shared_when_they_run_low(tmp_path: Path, hand: Hand) -> None:
    one, other = a_process(tmp_path, hand), a_process(tmp_path, hand)
    one.answered(points(hand, 4000))
    one.answered(points(hand, 700, "graphql"))
    assert "14% of this hour" in other.reserved(Purpose.NEW_WORK)
    assert other.share() == 0.14
    version = os.stat(one.path)
    one.answered(points(hand, 690, "graphql"))
    assert os.stat(one.path).st_ino == version.st_ino, "the same band: not written again"
    hand.sleep(601)
    assert other.reserved(Purpose.PLANNING) == "" and other.share() == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\0" * 50, b'{"accounts": {"x": 1}}'])
def test_a_torn_file_is_no_file(tmp_path: Path, hand: Hand, content: bytes) -> None:
    one = a_process(tmp_path, hand)
    one.path.parent.mkdir()
    one.path.write_bytes(content)
    one.before_write(Write.CONTENT)
    one.heard(LIMITED, {})
    assert a_process(tmp_path, hand).closed() is None, "sixty seconds are sat out"
    with pytest.raises(GitHubTrouble):
        a_process(tmp_path, hand).heard(LIMITED, headers(hand, retry_after=99))
        a_process(tmp_path, hand).before_read()


def test_a_disk_that_takes_nothing_costs_the_sharing_only(tmp_path: Path, hand: Hand) -> None:
    one = a_process(tmp_path, hand)
    one.path.parent.write_text("a file, where a folder should be")
    for _ in range(7):
        one.before_write(Write.EDIT)
    one.heard(LIMITED, headers(hand, retry_after=600))
    with pytest.raises(GitHubTrouble, match="slow down"):
        one.before_read()


@pytest.mark.parametrize(
    ("words", "date", "seconds"),
    [
        ("60", None, 60),
        ("", None, None),
        ("soon", None, None),
        ("Mon, 23 Nov 2026 12:02:00 GMT", START.timestamp(), 120),
        ("Mon, 23 Nov 2026 12:02:00 GMT", None, None),
    ],
)
def test_retry_after_is_seconds_or_a_moment(
    words: str, date: float | None, seconds: float | None
) -> None:
    assert limits_.retry_after(words, date) == seconds


def test_the_servers_clock_is_compared(tmp_path: Path, hand: Hand) -> None:
    one = a_process(tmp_path, hand)
    late = {"date": format_datetime(START - timedelta(seconds=90), usegmt=True)}
    one.answered(late)
    assert one.skew == 90
    reset = int(START.timestamp()) - 90 + 600
    one.heard(LIMITED, late | {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset)})
    with pytest.raises(GitHubTrouble, match="12:10:01Z"):
        one.before_read()


def test_who_waited_for_the_turn_before_looking_does_not_wait_after_it(
    tmp_path: Path, hand: Hand
) -> None:
    one, other = a_process(tmp_path, hand), a_process(tmp_path, hand)
    for _ in range(10):
        other.before_write(Write.NOTICE)
    began = hand.now()
    one.await_turn(Write.NOTICE)
    looked = hand.now()
    one.before_write(Write.NOTICE)
    assert began < looked == hand.now()


def test_the_points_of_graphql_count_as_its_answer_tells_them(tmp_path: Path, hand: Hand) -> None:
    """A4: whatever the headers say, and by the server's clock."""
    one, other = a_process(tmp_path, hand), a_process(tmp_path, hand)
    one.answered(points(hand, 5000, "graphql"))
    assert one.reserved(Purpose.NEW_WORK) == ""
    hour = int(hand.moment.timestamp()) + 3600
    one.told(5000, 900, hour, headers(hand))
    assert "18% of this hour" in one.reserved(Purpose.NEW_WORK)
    assert "not for new work" in other.reserved(Purpose.NEW_WORK), "it is everybody's"
    one.answered(points(hand, 4000))
    assert one.share() == 0.18, "the scarcest counts"
    hand.sleep(3601)
    assert one.reserved(Purpose.NEW_WORK) == ""
