"""A finished card leaves the board after a while, few at a time, and no other one ever does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.records.tracker import BoardItem
from orchestrator.rules import archive

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)


def card(name: str, status: str, days: float | None) -> BoardItem:
    at = None if days is None else NOW - timedelta(days=days)
    return BoardItem(id=name, status=status, status_at=at)


@pytest.mark.parametrize(
    ("status", "age", "days", "leaves"),
    [
        ("Done", 14, 14, True), ("Done", 13.9, 14, False), ("Done", 400, 0, False),
        ("Done", None, 14, False), ("Blocked", 400, 14, False), ("done", 400, 14, False),
        ("", 400, 14, False), ("Done", 1, 0.5, True),
    ],
)  # fmt: skip
def test_a_card_leaves(status: str, age: float | None, days: float, leaves: bool) -> None:
    found = archive.due([card("a", status, age)], done="Done", days=days, now=NOW)
    assert [one.id for one in found] == ["a"] * leaves


def test_the_oldest_go_first_and_the_rest_with_the_next_tick() -> None:
    cards = [card(f"c{n}", "Done", 20 + n) for n in range(9)]
    found = archive.due(cards, done="Done", days=14, now=NOW)
    assert [one.id for one in found] == ["c8", "c7", "c6", "c5", "c4"]
