"""What the base's own checks say of a merge of ours: sound, broken by it, or not known."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from orchestrator.records.tracker import Check
from orchestrator.rules import checks

# After a merge we look for so long, and for so long where no check shows itself at all.
WATCHED_FOR = timedelta(hours=3)
SILENT = timedelta(minutes=20)
# How long a frozen base is watched, to tell when it is sound again.
HEALS_WITHIN = timedelta(hours=24)


class Look(Struct, frozen=True, kw_only=True):
    """One look at the merge commit, with the checks of the commit before it where they matter.

    None are checks that could not be read whole, or were not asked for. `first_red` are the ids
    of the red runs that we ordered to be run again; None while nothing was ordered.
    """

    checks: tuple[Check, ...] | None
    before: tuple[Check, ...] | None = None
    merged_at: datetime
    now: datetime
    first_red: frozenset[int] | None = None


class Green(Struct, frozen=True, tag=True):
    reason: str


class Unknown(Struct, frozen=True, tag=True):
    """Nothing can be said, or nothing that is this merge's doing; it is watched no longer."""

    reason: str


class Waits(Struct, frozen=True, tag=True):
    reason: str


class AskBefore(Struct, frozen=True, tag=True):
    """It is red: what was red before it must be known first."""

    reason: str


class RunAgain(Struct, frozen=True, tag=True):
    """One red run is no proof: these are run once more (`workflow_runs` of Actions)."""

    reason: str
    workflow_runs: tuple[int, ...]
    checks: frozenset[int]


class Red(Struct, frozen=True, tag=True):
    """These fail since the merge and did not before it; `again`: a second run failed as well."""

    reason: str
    failed: tuple[str, ...]
    again: bool


Aftermath = Green | Unknown | Waits | AskBefore | RunAgain | Red


def judge(look: Look) -> Aftermath:
    """The verdict on the base after one merge; unknown is neither green nor red (M4)."""
    late = look.now - look.merged_at >= WATCHED_FOR
    if look.checks is None:
        return _patient(late, "the checks of the merge could not be read whole")
    seen = checks.summary(look.checks)
    if seen.pending:
        return _patient(late, f"still running on the base: {', '.join(seen.pending)}")
    if seen.red:
        return _red(look, seen.red, late=late)
    if seen.passed:
        return Green(f"passed on the base: {', '.join(seen.passed)}")
    silent = look.now - look.merged_at >= SILENT
    return _patient(silent, "no check has run on the base")


def _patient(over: object, reason: str) -> Unknown | Waits:
    return Unknown(f"{reason}; it is watched no longer") if over else Waits(reason)


def _red(look: Look, red: tuple[str, ...], *, late: bool) -> Aftermath:
    named = ", ".join(red)
    if look.before is None:
        if late:
            return Unknown(f"failed on the base: {named}; what failed before it is not known")
        return AskBefore(f"failed on the base: {named}")
    earlier = checks.summary(look.before)
    if running := sorted({*red} & {*earlier.pending}):
        return _patient(late, f"still running before the merge: {', '.join(running)}")
    blamed = tuple(name for name in red if name not in earlier.red)
    if not blamed:
        return Unknown(f"failed on the base before the merge already: {named}")
    newest = [check for check in checks.latest(look.checks or ()) if check.name in blamed]
    ids = frozenset(check.id for check in newest)
    runs = tuple(sorted({check.workflow_run for check in newest if check.workflow_run}))
    if look.first_red is None and runs:
        return RunAgain(f"failed on the base: {', '.join(blamed)}", runs, ids)
    if look.first_red is not None and ids <= look.first_red and not late:
        return Waits(f"run again on the base: {', '.join(blamed)}")
    again = look.first_red is not None and not ids <= look.first_red
    return Red(f"failed on the base since the merge: {', '.join(blamed)}", blamed, again)
