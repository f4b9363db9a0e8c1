"""The labels that are made are the ones that the code heeds."""

from __future__ import annotations

from orchestrator import github_sync, intake, landing, tampering
from orchestrator.records.task import Priority
from orchestrator.rules import classify, obstacles
from orchestrator.texts.labels import LABELS


def test_they_are_those_of_the_code() -> None:
    ours = {
        intake.READY_LABEL, classify.EPIC_LABEL, github_sync.BLOCKED_LABEL, landing.MERGED_LABEL,
        tampering.LABEL, "approved", *obstacles.BRAKES, *map(str, Priority),
    }  # fmt: skip
    assert {label.name for label in LABELS} == ours


def test_github_takes_them() -> None:
    for label in LABELS:
        assert len(label.color) == 6 and set(label.color) <= set("0123456789abcdef")
        assert 0 < len(label.description) <= 100
