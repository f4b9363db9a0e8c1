"""In which order waiting tasks are taken (Q12)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator.records.task import Priority
from orchestrator.rules import priority

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HIGH, NORMAL, LOW = Priority.HIGH, Priority.NORMAL, Priority.LOW


def taken(*tasks, **options):
    """The ids in the order in which (id, priority, hours waited) are taken."""
    keys = {
        name: priority.key(prio, NOW - timedelta(hours=hours), name, NOW, **options)
        for name, prio, hours in tasks
    }
    return "".join(sorted(keys, key=keys.__getitem__))


def test_priority_then_age_then_id():
    assert taken(("a", LOW, 2), ("b", NORMAL, 1), ("c", HIGH, 0), ("d", HIGH, 1)) == "dcba"
    assert taken(("b", NORMAL, 1), ("a", NORMAL, 1)) == "ab"


def test_who_waits_long_goes_up_a_class_and_then_another():
    assert taken(("a", LOW, 23), ("b", NORMAL, 1)) == "ba"
    assert taken(("a", LOW, 24), ("b", NORMAL, 1)) == "ab"
    assert taken(("a", LOW, 47), ("b", HIGH, 1)) == "ba"
    assert taken(("a", LOW, 480), ("b", HIGH, 1)) == "ab"


def test_a_time_in_the_future_is_no_age():
    assert taken(("a", LOW, -480), ("b", NORMAL, 1)) == "ba"


def test_the_weights_of_the_config_decide():
    weights = {"prio:high": 1.0, "prio:normal": 5.0}
    assert taken(("a", HIGH, 1), ("b", NORMAL, 0), weights=weights) == "ba"


def test_ageing_never_lowers_a_weight():
    weights = {"prio:high": 1.0, "prio:normal": 5.0, "prio:low": 0.0}
    assert taken(("a", NORMAL, 480), ("b", HIGH, 1), weights=weights) == "ab"
