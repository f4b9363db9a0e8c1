"""The fault table is whole: forty faults, each with one story that says what it proves."""

from __future__ import annotations

import re
from pathlib import Path

from tests.stories.faults.table import rows

ROOT = Path(__file__).resolve().parents[2]


def test_every_fault_has_one_story_that_says_what_it_proves() -> None:
    assert [row.number for row in rows()] == list(range(1, 41))
    for row in rows():
        assert row.fault and row.proven.endswith("."), row.test


def test_what_a_story_names_besides_itself_is_there() -> None:
    for row in rows():
        files = re.findall(r"tests/\S+\.py", row.proven)
        there = "".join((ROOT / file).read_text() for file in files)
        for name in re.findall(r"(?<![\w/])test_\w+", row.proven):
            assert f"def {name}(" in there, f"F{row.number}: {name} is not in {files}"
