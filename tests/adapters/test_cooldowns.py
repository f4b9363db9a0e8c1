"""Rests that all processes share: kept on the disk, lost at no great cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestrator.adapters.clock import Clock
from orchestrator.adapters.cooldowns import Cooldowns
from orchestrator.rules import cooldown

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


class Hand(Clock):
    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment


def two(folder: Path) -> tuple[Cooldowns, Cooldowns, Hand]:
    hand = Hand()
    return Cooldowns(folder / "rests", hand), Cooldowns(folder / "rests", hand), hand


def test_a_rest_is_seen_by_every_process_until_it_is_over(tmp_path: Path) -> None:
    one, other, hand = two(tmp_path)
    assert other.until("codex") is None and other.may_start("codex")
    one.refused("codex", NOW + timedelta(hours=1))
    assert other.until("codex") == NOW + timedelta(hours=1)
    assert not other.may_start("codex") and other.may_start("claude")
    hand.moment += timedelta(hours=1, seconds=1)
    assert other.until("codex") is None and other.may_start("codex")


def test_after_a_rest_one_goes_alone(tmp_path: Path) -> None:
    one, other, hand = two(tmp_path)
    one.refused("codex", None)
    hand.moment += timedelta(hours=1)
    assert one.may_start("codex") and not other.may_start("codex")
    assert other.until("codex") == hand.moment + cooldown.PROBE
    one.worked("codex")
    assert other.may_start("codex")


def test_the_one_that_goes_alone_and_dies_holds_nobody_up_for_long(tmp_path: Path) -> None:
    one, other, hand = two(tmp_path)
    one.refused("codex", None)
    hand.moment += timedelta(hours=1)
    assert one.may_start("codex")
    hand.moment += cooldown.PROBE + timedelta(seconds=1)
    assert other.may_start("codex")


def test_refusals_grow_until_it_is_served(tmp_path: Path) -> None:
    one, _, hand = two(tmp_path)
    for wait in cooldown.WAITS:
        assert one.may_start("codex")
        assert one.refused("codex", None).until == hand.moment + wait
        hand.moment += wait + timedelta(seconds=1)
    one.worked("codex")
    assert one.refused("codex", None).until == hand.moment + cooldown.WAITS[0]


def test_any_name_has_a_file_of_its_own_and_what_is_broken_counts_as_none(tmp_path: Path) -> None:
    one, other, _ = two(tmp_path)
    names = ["a/b", "a-b", "../a", "\u00e4", ""]
    assert len({one.path(name) for name in names}) == len(names)
    assert {one.path(name).parent for name in names} == {one.folder}
    one.refused("codex", None)
    one.path("codex").write_bytes(b"{")
    assert other.until("codex") is None and other.may_start("codex")
    assert one.refused("codex", None).count == 1


def test_a_rest_that_a_wrong_clock_measured_is_over(tmp_path: Path) -> None:
    one, other, hand = two(tmp_path)
    hand.moment += timedelta(days=900)
    one.refused("codex", None)
    hand.moment = NOW
    assert other.until("codex") is None and other.may_start("codex")
    assert one.refused("codex", None).until == NOW + cooldown.WAITS[0]
