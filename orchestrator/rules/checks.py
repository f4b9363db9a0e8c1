"""What the checks of one head amount to, in five words instead of GitHub's many (M3 to M6)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from orchestrator.records.tracker import Check, CheckState

STATES = {
    "success": CheckState.PASS,
    "neutral": CheckState.NEUTRAL,
    "skipped": CheckState.NEUTRAL,
    "failure": CheckState.RED,
    "timed_out": CheckState.RED,
    "startup_failure": CheckState.RED,
    "error": CheckState.RED,
    "cancelled": CheckState.HUMAN,
    "action_required": CheckState.HUMAN,
    "stale": CheckState.HUMAN,
}
COMMIT_STATUS = "status"
EPOCH = datetime.fromtimestamp(0, UTC)


class Checks(Struct, frozen=True, kw_only=True):
    """The names in each state, sorted; `missing` are the required ones that said nothing."""

    passed: tuple[str, ...] = ()
    neutral: tuple[str, ...] = ()
    red: tuple[str, ...] = ()
    human: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        """Whether nothing at all has reported."""
        return not (self.passed or self.neutral or self.red or self.human or self.pending)

    @property
    def green(self) -> bool:
        """At least one success, every required name there, and nothing that is not over (M3)."""
        return bool(self.passed) and not (self.red or self.human or self.pending or self.missing)


def check_state(check: Check) -> CheckState:
    """The meaning of GitHub's words; one that we do not know is pending, never green (M4, M5)."""
    if check.group == COMMIT_STATUS:
        word = check.conclusion or check.status
    else:
        word = check.conclusion if check.status in {"completed", ""} else ""
    return STATES.get(word, CheckState.PENDING)


def latest(checks: Iterable[Check]) -> tuple[Check, ...]:
    """The newest run of each (group, name); one that has not started yet is the newest (M6)."""
    newest: dict[tuple[str, str], Check] = {}
    for check in sorted(checks, key=_moment):
        newest[check.group, check.name] = check
    return tuple(newest[place] for place in sorted(newest))


def _moment(check: Check) -> tuple[bool, datetime, int]:
    return check.started is None, check.started or EPOCH, check.id


def summary(checks: Iterable[Check], required: Iterable[str] = ()) -> Checks:
    """What the newest runs say together.

    A name that several checks share is in every state that one of them has, so that both must
    pass (M6); a skipped one beside a red one of its workflow counts as red (M5).
    """
    newest = latest(checks)
    states = {check: check_state(check) for check in newest}
    broken = {check.group for check, state in states.items() if state is CheckState.RED}
    names: dict[CheckState, set[str]] = {state: set() for state in CheckState}
    for check, state in states.items():
        dragged = check.conclusion == "skipped" and check.group in broken
        names[CheckState.RED if dragged else state].add(check.name)
    heard = {check.name for check in newest}
    return Checks(
        passed=tuple(sorted(names[CheckState.PASS])),
        neutral=tuple(sorted(names[CheckState.NEUTRAL])),
        red=tuple(sorted(names[CheckState.RED])),
        human=tuple(sorted(names[CheckState.HUMAN])),
        pending=tuple(sorted(names[CheckState.PENDING])),
        missing=tuple(sorted(set(required) - heard)),
    )


def duration(checks: Iterable[Check]) -> timedelta | None:
    """From the first start to the last end of the runs that passed; None where no time is known."""
    spans = [
        (check.started, check.completed)
        for check in latest(checks)
        if check_state(check) is CheckState.PASS and check.started and check.completed
    ]
    if not spans:
        return None
    return max(end for _, end in spans) - min(start for start, _ in spans)
