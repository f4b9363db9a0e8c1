"""In which order waiting tasks are taken (Q12)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from orchestrator.records.config import PRIORITY_WEIGHTS
from orchestrator.records.task import Priority

AGES_UP = timedelta(hours=24)
PUT_FIRST = 1e10  # above any weight
CLASSES = (Priority.HIGH, Priority.NORMAL, Priority.LOW)


def key(
    priority: Priority,
    since: datetime,
    task_id: str,
    now: datetime,
    *,
    next_at: datetime | None = None,
    weights: Mapping[str, float] = PRIORITY_WEIGHTS,
    ages_up: timedelta = AGES_UP,
) -> tuple[float, datetime, str]:
    """A sort key, the first to be taken smallest: weight, then wait, then id.

    A task goes up one class for each `ages_up` that it has waited, so that a stream of urgent
    ones cannot starve it for ever. What a person put first at `next_at` goes before all that
    nobody did, and the newest such word counts most.
    """
    if next_at is not None:
        return (-(PUT_FIRST + next_at.timestamp()), since, task_id)
    steps = max(0, (now - since) // ages_up)
    effective = CLASSES[max(0, CLASSES.index(priority) - steps)]
    weight = max(weights.get(c, PRIORITY_WEIGHTS[c]) for c in {priority, effective})
    return (-weight, since, task_id)
