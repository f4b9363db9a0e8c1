"""Answers against items: what exists counts, what was not said is known."""

from __future__ import annotations

from orchestrator.records.result import Answer, AnswerKind
from orchestrator.records.task import RepairItem, RepairKind
from orchestrator.rules import answers

ITEMS = tuple(
    RepairItem(number=n, kind=RepairKind.THREAD, where=f"a.py:{n}") for n in (1, 2, 3)
)
SAID = (
    Answer(item=1, kind=AnswerKind.FIXED, said="it"),
    Answer(item=3, kind=AnswerKind.NEEDS_PERSON, said="which?"),
    Answer(item=9, kind=AnswerKind.FIXED, said="what nobody asked"),
)


def test_an_answer_to_nothing_is_dropped() -> None:
    assert answers.belonging(ITEMS, SAID) == SAID[:2]
    assert answers.belonging((), SAID) == ()


def test_what_needs_a_person_is_known() -> None:
    assert [item.number for item in answers.for_a_person(ITEMS, SAID)] == [3]


def test_red_checks_are_undisputed_unless_the_agent_says_otherwise() -> None:
    red = (RepairItem(number=1, kind=RepairKind.CHECK, where="test"),)
    assert answers.undisputed_checks(red, ()) and answers.undisputed_checks(red, SAID[:1])
    assert not answers.undisputed_checks(red, SAID[1:2])
    assert not answers.undisputed_checks((*red, *ITEMS), ())
    assert not answers.undisputed_checks((), ())
