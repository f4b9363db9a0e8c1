"""The fault table is whole: forty faults, each with one story that says what it proves."""

from __future__ import annotations

from tests.stories.faults.table import rows


def test_every_fault_has_one_story_that_says_what_it_proves() -> None:
    assert [row.number for row in rows()] == list(range(1, 41))
    for row in rows():
        assert row.fault and row.proven.endswith("."), row.test
