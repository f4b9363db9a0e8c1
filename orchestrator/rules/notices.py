"""Which steps a person is told of in their chat, how loudly, and what of it goes together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from enum import StrEnum

from msgspec import Struct

from orchestrator.records.event import Event
from orchestrator.records.result import BlockerCode
from orchestrator.records.verdicts import AttemptVerdict


class Weight(StrEnum):
    """Whether it makes a sound, and whether quiet hours hold it back."""

    URGENT = "urgent"  # a sound, at any hour
    LOUD = "loud"
    SILENT = "silent"


class Buttons(StrEnum):
    """Which choices stand below it."""

    NONE = ""
    ESCALATION = "escalation"
    APPROVAL = "approval"


class Row(Struct, frozen=True):
    """One line of the table below; what comes `often` is told once a day if it says the same."""

    weight: Weight
    buttons: Buttons = Buttons.NONE
    needs_you: bool = False
    often: bool = False


# By the name that `name` gives an event; what it is called in the chat: texts/notices.py.
ROWS: Mapping[str, Row] = {
    "dispatched": Row(Weight.SILENT),
    "new_round": Row(Weight.SILENT),
    "started": Row(Weight.SILENT),
    "fallback": Row(Weight.SILENT),
    "next_agent": Row(Weight.SILENT),
    "opened": Row(Weight.SILENT, Buttons.APPROVAL),
    "needs_approval": Row(Weight.LOUD, Buttons.APPROVAL, needs_you=True),
    "manual_steps": Row(Weight.LOUD, needs_you=True),
    "escalated": Row(Weight.LOUD, Buttons.ESCALATION, needs_you=True),
    "failed": Row(Weight.LOUD, Buttons.ESCALATION, needs_you=True),
    "infra_retry": Row(Weight.SILENT, often=True),
    "ci_failed": Row(Weight.SILENT),
    "rework": Row(Weight.SILENT),
    "run_again": Row(Weight.SILENT, often=True),
    "merged": Row(Weight.SILENT),
    "done": Row(Weight.LOUD),
    "cancelled": Row(Weight.SILENT),
    "quarantined": Row(Weight.LOUD, needs_you=True, often=True),
    "cooling": Row(Weight.SILENT, often=True),
    "frozen": Row(Weight.URGENT, needs_you=True),
    "revert_offered": Row(Weight.LOUD, needs_you=True),
    "urgent_alert": Row(Weight.URGENT, needs_you=True, often=True),
    "alert": Row(Weight.LOUD, needs_you=True, often=True),
    "recovered": Row(Weight.SILENT),
    "digest": Row(Weight.LOUD),
    # What the weekly and planning scripts write; each names its page in the detail `url`.
    "agent_underperforming": Row(Weight.LOUD),
    "failure_pattern": Row(Weight.LOUD),
    "log_analysis": Row(Weight.SILENT),
    "groomed": Row(Weight.SILENT),
    "sprint_planned": Row(Weight.LOUD),
}
DIGEST = "digest"  # a letter of its own, which is written already
ALERT, RECOVERED = "alert", "recovered"
CHAT = "telegram"  # by which way a word came that hands.py carried out
# What an event of its own tells, with more beside it.
TOLD_ELSEWHERE = ("escalated:", "failed:")
MANUAL_STEPS = "manual-steps:"
# Nothing goes on at all, or something bad stands on a base: worth waking somebody for.
URGENT_KEYS = ("token ", "base-red", "no access to ", "silent:", "failing:")
AGAIN_AFTER = timedelta(hours=24)
MOST_LETTERS = 8  # of one tick; more than that is one summary
MOST_PENDING = 1000


class Batch(Struct, frozen=True, kw_only=True):
    """What becomes one letter: the steps of one task, or things of one name."""

    about: str
    events: tuple[Event, ...]

    @property
    def weight(self) -> Weight:
        weights = {ROWS[name(event)].weight for event in self.events}
        return next(weight for weight in Weight if weight in weights)

    @property
    def buttons(self) -> Buttons:
        """Those of its last step that has any."""
        found = [ROWS[name(event)].buttons for event in self.events]
        return next(filter(None, reversed(found)), Buttons.NONE)


class Sorted(Struct, frozen=True, kw_only=True):
    """`now` are the letters, `held` what waits for the end of the quiet hours."""

    now: tuple[Batch, ...] = ()
    held: tuple[Event, ...] = ()


def name(event: Event) -> str:
    """The row of an event; "" for one that nobody is told of."""
    details, kind = event.details, event.kind
    if details.get("by") == CHAT:
        return ""  # asked for there, and answered there
    if kind == ALERT:
        key = str(details.get("key", ""))
        if key.startswith(TOLD_ELSEWHERE):
            return ""
        if key.startswith(MANUAL_STEPS):
            return "manual_steps"
        return "urgent_alert" if key.startswith(URGENT_KEYS) else ALERT
    if kind == "judged":
        if details.get("verdict") != AttemptVerdict.REWORK:
            return ""
        failed = details.get("code") == BlockerCode.RUNNER_FAILURE
        return "fallback" if failed else "next_agent"
    if kind == "rework" and details.get("code") == BlockerCode.TEST_FAILURE:
        return "ci_failed"
    if kind in {"crashed", "interrupted", "deferred"}:
        return "infra_retry"
    return kind if kind in ROWS else ""


def wanted(events: Iterable[Event]) -> tuple[Event, ...]:
    """Those that are told, the newest of each if one says the same as another."""
    found: dict[str, Event] = {}
    for event in events:
        if name(event):
            found.pop(fingerprint(event), None)
            found[fingerprint(event)] = event
    return tuple(found.values())


def outlived(events: Sequence[Event]) -> tuple[Event, ...]:
    """The ends of trouble that has come back behind them: told now or later they would be false."""
    newest = {fingerprint(event): n for n, event in enumerate(events) if event.kind == ALERT}
    return tuple(
        event
        for n, event in enumerate(events)
        if event.kind == RECOVERED and n < newest.get(_alert_of(event), -1)
    )


def fingerprint(event: Event) -> str:
    """What makes two events the same news: the key of an alert, else all that it says."""
    if event.kind == ALERT:
        return _alert_of(event)
    details = " ".join(f"{key}={event.details[key]}" for key in sorted(event.details))
    when = "" if ROWS[name(event)].often else event.at.isoformat()
    return f"{event.kind} {event.task_id or event.repo} {event.reason} {details} {when}"


def fresh(
    events: Iterable[Event], told: Mapping[str, datetime], now: datetime
) -> tuple[Event, ...]:
    """Without what was told in the last day; a time in the future counts for nothing."""
    return tuple(
        event
        for event in wanted(events)
        if (before := told.get(fingerprint(event))) is None
        or not timedelta() <= now - before < AGAIN_AFTER
    )


def noted(
    told: Mapping[str, datetime], events: Iterable[Event], now: datetime
) -> dict[str, datetime]:
    """What is remembered after these were told: what is over may be told again at once."""
    kept = {key: at for key, at in told.items() if timedelta() <= now - at < AGAIN_AFTER}
    for event in events:
        kept[fingerprint(event)] = now
        if event.kind == RECOVERED:
            kept.pop(_alert_of(event), None)
    return kept


def _alert_of(event: Event) -> str:
    """What is remembered of an alert, by itself or by its end."""
    return f"{ALERT} {event.details.get('key', event.reason)}"


def sort(events: Sequence[Event], *, quiet: bool) -> Sorted:
    """The letters of one tick, oldest first; in quiet hours those alone that are urgent.

    What is over comes last: the chat's last word on a trouble is that it has ended.
    """
    groups: dict[str, list[Event]] = {}
    for event in events:
        groups.setdefault(event.task_id or name(event), []).append(event)
    batches = [Batch(about=about, events=tuple(found)) for about, found in groups.items()]
    batches.sort(key=lambda one: one.about == RECOVERED)
    held = [one for one in batches if quiet and one.weight is not Weight.URGENT]
    return Sorted(
        now=tuple(one for one in batches if one not in held),
        held=tuple(event for event in events if any(event in one.events for one in held)),
    )


def is_quiet(hours: str, here: datetime) -> bool:
    """Whether `hours` ("22:00-07:00", of the day of `here`) hold news back at this moment."""
    if not hours:
        return False
    begin, end = (clock(part) for part in hours.split("-"))
    now = here.time()
    return begin <= now < end if begin <= end else now >= begin or now < end


def clock(word: str) -> time:
    hour, minute = word.split(":")
    return time(int(hour), int(minute))
