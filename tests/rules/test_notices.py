"""Which steps are told, how loudly, and what of it is one letter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.records.event import Event
from orchestrator.rules import notices
from orchestrator.rules.notices import Buttons, Weight

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def an_event(kind: str, reason: str = "", task: str = "", **details: str | int) -> Event:
    return Event(at=NOW, script="x", kind=kind, task_id=task, reason=reason, details=dict(details))


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (an_event("dispatched"), "dispatched"),
        (an_event("judged", verdict="rework", code="runner_failure"), "fallback"),
        (an_event("judged", verdict="rework", code="test_failure"), "next_agent"),
        (an_event("judged", verdict="deliver"), ""),
        (an_event("rework", code="test_failure"), "ci_failed"),
        (an_event("rework", code="none"), "rework"),
        (an_event("crashed"), "infra_retry"),
        (an_event("deferred"), "infra_retry"),
        (an_event("alert", key="escalated:t#1"), ""),
        (an_event("alert", key="failed:t#1"), ""),
        (an_event("alert", key="manual-steps:t#1:2"), "manual_steps"),
        (an_event("alert", key="token ab12"), "urgent_alert"),
        (an_event("alert", key="base-red maria/library main abc"), "urgent_alert"),
        (an_event("alert", key="disk"), "alert"),
        (an_event("new_round", by="telegram"), ""),
        (an_event("new_round", by="cli"), "new_round"),
        (an_event("thought"), ""),
        (an_event("sprint_planned"), "sprint_planned"),
    ],
)
def test_the_row_of_an_event(event: Event, name: str) -> None:
    assert notices.name(event) == name
    assert not name or name in notices.ROWS


def test_steps_of_a_task_are_one_letter_with_the_loudest_of_their_weights() -> None:
    events = (
        an_event("started", task="a"), an_event("cooling", "x"), an_event("escalated", task="a"),
        an_event("cooling", "y"),
    )  # fmt: skip
    first, second = notices.sort(events, quiet=False).now
    assert (first.about, first.weight, first.buttons) == ("a", Weight.LOUD, Buttons.ESCALATION)
    assert (len(second.events), second.weight) == (2, Weight.SILENT)


def test_what_is_over_is_told_after_the_trouble_that_it_ends() -> None:
    events = (
        an_event("recovered", key="disk"), an_event("alert", key="token of GitHub"),
        an_event("recovered", key="token of GitHub"),
    )  # fmt: skip
    told = notices.sort(events, quiet=False).now
    assert [one.about for one in told] == ["urgent_alert", "recovered"]


def test_quiet_hours_hold_all_but_what_is_urgent() -> None:
    events = (an_event("escalated", task="a"), an_event("frozen", task="b"), an_event("done", "c"))
    told = notices.sort(events, quiet=True)
    assert [one.about for one in told.now] == ["b"]
    assert told.held == (events[0], events[2])


def test_the_same_is_told_once_a_day_and_the_newest_of_it() -> None:
    first, again = an_event("alert", "5 % left", key="disk"), an_event("alert", "4 %", key="disk")
    assert notices.wanted((first, an_event("thought"), again)) == (again,)
    told = notices.noted({}, (again,), NOW)
    assert notices.fresh((first,), told, NOW + timedelta(hours=23)) == ()
    assert notices.fresh((first,), told, NOW + timedelta(hours=24)) == (first,)
    assert notices.fresh((first,), told, NOW - timedelta(hours=1)) == (first,), "a clock put back"
    over = notices.noted(told, (an_event("recovered", "room", key="disk"),), NOW)
    assert notices.fresh((first,), over, NOW) == (first,)


ALERT, OTHER = an_event("alert", "refused", key="token"), an_event("alert", "full", key="disk")
OVER = an_event("recovered", "taken again", key="token")


@pytest.mark.parametrize(
    ("pending", "outlived"),
    [
        ((), ()),
        ((ALERT, OVER), ()),
        ((OVER, OTHER), ()),
        ((OVER, ALERT), (OVER,)),
        ((OVER, OTHER, ALERT), (OVER,)),
        ((OVER, ALERT, an_event("recovered", "at last", key="token")), (OVER,)),
    ],
)
def test_an_end_whose_trouble_has_come_back_is_outlived(
    pending: tuple[Event, ...], outlived: tuple[Event, ...]
) -> None:
    assert notices.outlived(pending) == outlived


def test_what_happens_again_is_told_again_unless_it_comes_often() -> None:
    steps = (an_event("started", "one", task="a"), an_event("started", "two", task="a"))
    assert notices.wanted(steps) == steps
    told = notices.noted({}, (*steps, an_event("cooling", "rests")), NOW)
    later = Event(at=NOW + timedelta(hours=1), script="x", kind="escalated", task_id="a")
    rests = Event(at=NOW + timedelta(hours=1), script="x", kind="cooling", reason="rests")
    assert notices.fresh((later, rests), told, NOW + timedelta(hours=1)) == (later,)


@pytest.mark.parametrize(
    ("hours", "at", "quiet"),
    [
        ("", "03:00", False),
        ("22:00-07:00", "21:59", False),
        ("22:00-07:00", "22:00", True),
        ("22:00-07:00", "03:00", True),
        ("22:00-07:00", "07:00", False),
        ("1:00-5:30", "05:29", True),
        ("1:00-5:30", "00:59", False),
        ("8:00-8:00", "08:00", False),
    ],
)
def test_is_quiet(hours: str, at: str, quiet: bool) -> None:
    hour, minute = map(int, at.split(":"))
    assert notices.is_quiet(hours, NOW.replace(hour=hour, minute=minute)) is quiet


@given(st.lists(st.sampled_from(["a", "b", ""]), max_size=12), st.booleans())
def test_nothing_is_both_told_and_held_and_nothing_is_lost(tasks: list[str], quiet: bool) -> None:
    kinds = ("started", "frozen", "cooling", "done")
    events = tuple(
        an_event(kinds[n % 4], str(n), task=task) for n, task in enumerate(tasks)
    )  # fmt: skip
    told = notices.sort(events, quiet=quiet)
    now = [event for batch in told.now for event in batch.events]
    assert sorted([*now, *told.held], key=lambda e: int(e.reason)) == list(events)
