"""Which texts speak of the same things as a task."""

from __future__ import annotations

import pytest

from orchestrator.texts import relevance


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", set()),
        ("Read the dates", {"read", "dates"}),
        ("readDates in `date_parser.py`", {"read", "dates", "date", "parser"}),
        ("it is the goal of this task to be done", set()),
        ("\u00dcber Gr\u00f6\u00dfe 2026", {"\u00fcber", "gr\u00f6sse", "2026"}),
    ],
)
def test_telling_words_are_parts_of_names_in_lower_case(text, found):
    assert relevance.words(text) == found


def test_a_word_that_few_texts_hold_counts_more():
    about = relevance.words("parser dates")
    scores = relevance.scores(["dates", "dates parser", "dates", "nothing of it"], about)
    assert scores[1] > scores[0] == scores[2] > scores[3] == 0
