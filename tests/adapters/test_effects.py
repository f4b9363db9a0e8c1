"""Done once: intent before, result after, and doubt resolved by looking (E1, E5)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.adapters.effects import Effects
from orchestrator.records.effect import Stage
from orchestrator.records.errors import GitHubTrouble, OutcomeUnknown, Trouble
from tests.support import forge, office
from tests.support.crash import Killed


class Outside:
    """A world in which a thing is made, seen late, or made without an answer."""

    def __init__(
        self, trouble: Trouble | None = None, *, visible: bool = True, happens: bool = True
    ) -> None:
        self.made = 0
        self.visible = visible
        self.trouble = trouble
        self.happens = happens

    def find(self) -> str | None:
        return "7" if self.made and self.visible else None

    def make(self) -> str:
        if self.happens:
            self.made += 1
        if self.trouble:
            raise GitHubTrouble(self.trouble, "no answer")
        return "7"

    def recovers(self) -> None:
        self.trouble, self.happens = None, True


@pytest.fixture
def hand() -> forge.Clock:
    return forge.Clock()


@pytest.fixture
def effects(tmp_path: Path, hand: forge.Clock) -> Effects:
    return Effects(tmp_path, office.HandClock(hand))


def once(effects: Effects, outside: Outside) -> str:
    return effects.once("task", "task#1:comment", find=outside.find, make=outside.make)


def in_doubt(effects: Effects, outside: Outside) -> None:
    with pytest.raises(OutcomeUnknown):
        once(effects, outside)


def test_a_second_call_changes_nothing(effects: Effects) -> None:
    outside = Outside()
    assert once(effects, outside) == once(effects, outside) == "7"
    assert outside.made == 1


def test_without_its_log_it_is_found_again(effects: Effects) -> None:
    outside = Outside()
    once(effects, outside)
    effects.path("task").unlink()
    assert once(effects, outside) == "7" and outside.made == 1


def test_killed_between_intent_and_answer_it_is_looked_for(effects: Effects) -> None:
    outside = Outside()
    outside.made = 1
    effects.record("task", "task#1:comment", Stage.INTENT)
    assert once(effects, outside) == "7" and outside.made == 1


def test_killed_while_it_is_sent_it_is_not_sent_again_before_it_can_be_seen(
    effects: Effects,
) -> None:
    outside = Outside(visible=False)

    def dies() -> str:
        outside.make()
        raise Killed

    with pytest.raises(Killed):
        effects.once("task", "task#1:comment", find=outside.find, make=dies)
    in_doubt(effects, outside)
    assert outside.made == 1


def test_no_answer_is_not_sent_again_until_two_looks_found_nothing(
    effects: Effects, hand: forge.Clock
) -> None:
    outside = Outside(Trouble.NETWORK, visible=False)
    in_doubt(effects, outside)
    hand.advance(10)
    in_doubt(effects, outside)
    assert outside.made == 1
    outside.visible = True
    hand.advance(30)
    assert once(effects, outside) == "7" and outside.made == 1


def test_two_looks_in_a_row_are_one(effects: Effects, hand: forge.Clock) -> None:
    outside = Outside(Trouble.NETWORK, visible=False)
    for _ in range(4):
        in_doubt(effects, outside)
        hand.advance(1)
    assert outside.made == 1


def test_what_never_happened_is_done_after_the_second_look(
    effects: Effects, hand: forge.Clock
) -> None:
    outside = Outside(Trouble.SERVER, happens=False)
    in_doubt(effects, outside)
    outside.recovers()
    hand.advance(91)
    in_doubt(effects, outside)
    hand.advance(91)
    assert once(effects, outside) == "7" and outside.made == 1


def test_a_list_that_lags_a_minute_behind_makes_nothing_twice(
    effects: Effects, hand: forge.Clock
) -> None:
    """F16: cron comes back after a minute, before GitHub's list shows what was made."""
    outside = Outside(Trouble.SERVER, visible=False)
    in_doubt(effects, outside)
    hand.advance(60)
    in_doubt(effects, outside)
    outside.visible = True
    hand.advance(60)
    assert once(effects, outside) == "7" and outside.made == 1


def test_a_clock_that_went_back_holds_nothing_up_for_long(
    effects: Effects, hand: forge.Clock
) -> None:
    outside = Outside(Trouble.SERVER, happens=False)
    in_doubt(effects, outside)
    outside.recovers()
    hand.advance(40)
    in_doubt(effects, outside)
    hand.advance(-7200)
    in_doubt(effects, outside)
    hand.advance(91)
    assert once(effects, outside) == "7" and outside.made == 1


def test_a_refusal_is_no_doubt(effects: Effects) -> None:
    outside = Outside(Trouble.VALIDATION, happens=False)
    with pytest.raises(GitHubTrouble):
        once(effects, outside)
    outside.recovers()
    assert once(effects, outside) == "7"


def test_a_torn_line_and_a_persons_note_are_passed_over(effects: Effects) -> None:
    outside = Outside()
    once(effects, outside)
    with effects.path("task").open("ab") as log:
        log.write(b"I looked at this\n" + b'{"key": "task#1:comm')
    assert once(effects, outside) == "7" and outside.made == 1


def test_an_idempotent_effect_is_sent_again_only_for_another_value(effects: Effects) -> None:
    sent: list[str] = []

    def bring(value: str) -> Callable[[], None]:
        return lambda: sent.append(value)

    for value in ("a", "a", "b", "b", "a"):
        effects.settled("task", "task#1:board", value, bring(value))
    assert sent == ["a", "b", "a"]
