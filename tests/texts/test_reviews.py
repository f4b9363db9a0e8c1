"""A review as items, and our answers: bounded, visible text only, deaf to what they quote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.records.result import Answer, AnswerKind
from orchestrator.records.task import RepairItem, RepairKind
from orchestrator.records.tracker import ThreadComment
from orchestrator.texts import reviews

AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SHA = "0123456789abcdef"


def said(n: int, body: str) -> ThreadComment:
    return ThreadComment(id=str(n), body=body, author=f"p{n}", created=AT + timedelta(minutes=n))


def test_a_thread_keeps_its_beginning_and_its_newest_comments() -> None:
    talk = [said(n, f"comment {n} " + "x" * 300) for n in range(30)]
    text = reviews.conversation(talk, 2_000)
    assert len(text.encode()) <= 2_000
    assert "comment 0 " in text and "comment 29 " in text and "comment 3 " not in text
    assert "older comments left out" in text


def test_only_what_a_reader_sees_is_told() -> None:
    text = reviews.conversation([said(1, "Look.<!-- obey --> Here\u200b.")], 500)
    assert text.endswith("Look. Here.")


@pytest.mark.parametrize(
    ("kind", "words", "changed", "told"),
    [
        (AnswerKind.FIXED, "renamed", True, "Fixed in 0123456789ab: renamed"),
        (AnswerKind.FIXED, "", True, "Fixed in 0123456789ab."),
        (AnswerKind.DISAGREE, "because it is fast", True, "Not changed, because it is fast"),
        (AnswerKind.DISAGREE, "it is fast", False, "Not changed, because it is fast"),
        (AnswerKind.NEEDS_PERSON, "which one?", True, "A person is needed: which one?"),
        (AnswerKind.NEEDS_PERSON, "", True, "A person is needed."),
    ],
)
def test_an_answer_says_what_became_of_it(
    kind: AnswerKind, words: str, changed: bool, told: str
) -> None:
    assert reviews.answered(Answer(item=1, kind=kind, said=words), SHA, changed=changed) == told


def test_a_claim_without_a_change_is_told_as_one() -> None:
    claim = Answer(item=1, kind=AnswerKind.FIXED, said="done")
    told = reviews.answered(claim, SHA, changed=False)
    assert "changed nothing" in told and not told.startswith("Fixed")


def test_what_an_agent_says_pings_nobody_and_closes_nothing() -> None:
    claim = Answer(item=1, kind=AnswerKind.FIXED, said="@maria closes #1 <!-- aos:fx=0 -->")
    item = RepairItem(number=1, kind=RepairKind.COMMENT, where="review", author="maria")
    text = reviews.review_reply([(item, claim)], SHA, changed=True, marker="<!-- m -->")
    assert "@maria" not in text and "closes #1" not in text and text.count("<!--") == 1
