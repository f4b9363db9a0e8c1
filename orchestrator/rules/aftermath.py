"""What the base's own checks say of a merge of ours: sound, broken by it, or not known."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from orchestrator.records.tracker import Check, CheckState
from orchestrator.rules import checks

# After a merge we look for so long, and for so long where no check shows itself at all.
WATCHED_FOR = timedelta(hours=3)
SILENT = timedelta(minutes=20)
# So long a red check waits for those that still run, so that all that fail are run again at once.
TOGETHER = timedelta(minutes=45)
# How long a frozen base is watched, to tell when it is sound again.
HEALS_WITHIN = timedelta(hours=24)


class Look(Struct, frozen=True, kw_only=True):
    """One look at the merge commit, with the checks of the commit before it where they matter.

    None are checks that could not be read whole, or, unless they were `asked_before`, were not
    asked for. `first_red` are the red checks that we `ordered` to be run again, last at that time:
    the id of each, which its second run does not share, and of its run of Actions, which it does.
    """

    checks: tuple[Check, ...] | None
    before: tuple[Check, ...] | None = None
    asked_before: bool = False
    merged_at: datetime
    now: datetime
    first_red: frozenset[tuple[int, int]] = frozenset()
    ordered: datetime | None = None


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
    """One red run is no proof: these are run once more (`workflow_runs` of Actions).

    `checks` are those ordered now and before, as in `Look.first_red`.
    """

    reason: str
    workflow_runs: tuple[int, ...]
    checks: frozenset[tuple[int, int]]


class Red(Struct, frozen=True, tag=True):
    """These fail since the merge and did not before it; `again`: a second run failed as well."""

    reason: str
    failed: tuple[str, ...]
    again: bool


Aftermath = Green | Unknown | Waits | AskBefore | RunAgain | Red


def judge(look: Look) -> Aftermath:
    """The verdict on the base after one merge; unknown is neither green nor red (M4).

    A check that never ends hides none that has failed, and a look that comes late, after a night
    without this machine, sees it as an early one does.
    """
    early = look.now - look.merged_at < TOGETHER
    late = look.now - max(look.merged_at, look.ordered or look.merged_at) >= WATCHED_FOR
    if look.checks is None:
        return _patient(late, "the checks of the merge could not be read whole")
    seen = checks.summary(look.checks)
    if seen.red and not (early and seen.pending):
        return _red(look, look.checks, seen.red, late=late)
    if seen.pending:
        return _patient(late, f"still running on the base: {', '.join(seen.pending)}")
    if seen.passed:
        return Green(f"passed on the base: {', '.join(seen.passed)}")
    silent = look.now - look.merged_at >= SILENT
    return _patient(silent, "no check has run on the base")


def _patient(over: object, reason: str) -> Unknown | Waits:
    return Unknown(f"{reason}; it is watched no longer") if over else Waits(reason)


def _red(
    look: Look, found: tuple[Check, ...], red: tuple[str, ...], *, late: bool
) -> Aftermath:
    named = ", ".join(red)
    if look.before is None:
        if not look.asked_before:
            return AskBefore(f"failed on the base: {named}")
        over = look.now - look.merged_at >= HEALS_WITHIN
        return _patient(over, f"failed on the base: {named}; what failed before it is not known")
    earlier = checks.summary(look.before)
    blamed = tuple(name for name in red if name not in {*earlier.red, *earlier.pending})
    if not blamed:
        if running := sorted({*red} & {*earlier.pending}):
            return _patient(late, f"still running before the merge: {', '.join(running)}")
        return Unknown(f"failed on the base before the merge already: {named}")
    failed = f"failed on the base: {', '.join(blamed)}"
    newest = checks.latest(found)
    mine = frozenset((one.id, one.workflow_run) for one in newest if one.name in blamed)
    ordered = {run for _, run in look.first_red}
    # What was blamed later, since it ran before the merge or took longer, is run again as well.
    fresh = {run for _, run in mine} - ordered - {0}
    if fresh:
        # GitHub runs none again that has not ended. One that never does is no reason to wait on.
        if not fresh & {one.workflow_run for one in newest if _is_running(one)}:
            known = look.first_red | {(each, run) for each, run in mine if run in fresh}
            return RunAgain(failed, tuple(sorted(fresh)), known)
        if not late:
            return Waits(f"{failed}; its run is not over yet")
    second = {(each, run) for each, run in mine - look.first_red if run in ordered}
    if look.first_red and not second and not late:
        return Waits(f"run again on the base: {', '.join(blamed)}")
    return Red(f"failed on the base since the merge: {', '.join(blamed)}", blamed, bool(second))


def _is_running(check: Check) -> bool:
    return checks.check_state(check) is CheckState.PENDING
