"""Somebody's board and our five statuses."""

from __future__ import annotations

import pytest

from orchestrator.rules import statuses
from orchestrator.rules.statuses import Option

FIVE = ["Backlog", "Ready", "In Progress", "Blocked", "Done"]
BOARDS = {
    "ours": (FIVE, FIVE, ()),
    "github's": (["Todo", "In Progress", "Done"],
                 ["Todo", "Ready", "In Progress", "Blocked", "Done"], ("ready", "blocked")),
    "signs and cases": (["📋 Backlog", "🏗 in progress", "READY", "blocked", "✅ Done"],
                        ["📋 Backlog", "READY", "🏗 in progress", "blocked", "✅ Done"], ()),
    "reviews are not ready work": (["Ready for review", "Doing", "Shipped"],
                                   ["Backlog", "Ready", "Doing", "Blocked", "Shipped"],
                                   ("backlog", "ready", "blocked")),
    "none": ([], FIVE, tuple(statuses.FIVE)),
}  # fmt: skip


@pytest.mark.parametrize("name", BOARDS)
def test_the_words_of_a_board(name: str) -> None:
    options, called, missing = BOARDS[name]
    found = statuses.words(options)
    assert (list(found.called.values()), found.missing) == (called, missing)


def test_what_a_config_names_is_taken_or_made() -> None:
    found = statuses.words(["Todo", "Done", "Go"], {"ready": "Go", "blocked": "Stop"})
    assert (found.called["ready"], found.called["blocked"]) == ("Go", "Stop")
    assert found.missing == ("in_progress", "blocked")


def test_options_are_added_in_place_and_none_is_touched() -> None:
    there = [Option(name=n, id=n, color="PINK", description="x") for n in ("A", "Todo", "Done")]
    whole = statuses.wanted(there, statuses.words([one.name for one in there]))
    assert [one.name for one in whole] == ["A", "Todo", "Ready", "In Progress", "Blocked", "Done"]
    assert [one for one in whole if one.id] == there


def test_a_new_board_keeps_the_ids_that_automations_know() -> None:
    there = [Option(name=name, id=name) for name in ("Todo", "In Progress", "Done")]
    made = statuses.of_a_new_board(there)
    assert [one.name for one in made] == FIVE
    assert [one.id for one in made] == ["Todo", "", "In Progress", "", "Done"]
