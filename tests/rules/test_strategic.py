"""Which tasks are decided by evidence."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.records.task import Task, TaskType
from orchestrator.rules import strategic

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({}, False),
        ({"title": "Fix typo", "task_type": TaskType.DOCS}, False),
        ({"task_type": TaskType.RESEARCH}, True),
        ({"task_type": TaskType.DESIGN}, True),
        ({"outcome_check_ids": ("visits",)}, True),
        ({"body": "Raise the conversion of visitors."}, True),
        ({"title": "Retention drops"}, True),
        ({"body": "symmetric, marketplace, slot, grow"}, False),
        ({"body": "x" * 9_000 + " conversion"}, False),
    ],
)
def test_by_type_by_outcome_or_by_word(fields, needs):
    task = Task(task_id="task-1", repo="o/r", created=NOON, **fields)
    assert strategic.needs_evidence(task) is needs
