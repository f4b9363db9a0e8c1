"""What the checks of its head say against the merge of a pull request of ours."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.records.result import BlockerCode
from orchestrator.records.verdicts import Escalate, Rework, RunAgain, Update, Wait
from orchestrator.rules import checks, redness
from orchestrator.rules.checks import Checks
from orchestrator.rules.facts import Facts, Obstacle, View, bounded, unread, wait
from orchestrator.rules.redness import Course

# How long an obstacle may last before a person is told of it; one without a limit is theirs.
NO_CI = timedelta(minutes=15)
SILENT_CHECK = timedelta(hours=1)
CANCELLED_CHECK = timedelta(hours=2)
RUNNING_CHECK = timedelta(hours=24)
RED_AND_RUNNING = timedelta(minutes=30)
BASE_OPEN = timedelta(minutes=30)
BASE_RED = timedelta(hours=1)  # until a person hears of it
RERUN_BEGINS = timedelta(minutes=15)
# The base's trouble and no other: no agent is sent for it.
ON_THE_BASE = frozenset({Course.BASE_RED, Course.BASE_HEALED})


def obstacle(facts: Facts) -> View | None:
    """The first thing in the way, from unread to too fast; None when they let it through."""
    if facts.pull.checks is None:
        return unread("the checks could not be read whole")
    if facts.required is None:
        return unread(f"which checks {facts.pull.base} requires could not be read")
    seen = checks.summary(facts.pull.checks, _wanted(facts))
    if seen.red:
        return _red(facts, seen)
    if seen.pending:
        reason = f"still running: {', '.join(seen.pending)}"
        return wait(Obstacle.RUNNING, reason, RUNNING_CHECK)
    if seen.human:
        stopped = redness.interrupted(facts.pull.checks, facts.task, facts.pull.head_sha)
        if stopped:
            reason = f"stopped before they said anything: {redness.named(stopped)}"
            return View(
                obstacle=Obstacle.CANCELLED_CHECK, patience=CANCELLED_CHECK,
                verdict=RunAgain(reason, facts.pull.head_sha, stopped),
                then=Escalate(f"{reason}, and they were not run again"),
            )
        reason = f"cancelled or waiting for somebody: {', '.join(seen.human)}"
        return wait(Obstacle.CANCELLED_CHECK, reason, CANCELLED_CHECK)
    if seen.green or no_ci_allowed(facts):
        return _too_fast(facts)
    # GitHub starts no pull_request workflow on a conflicting head; its checks follow the Update.
    if facts.pull.mergeable is False and (seen.none or seen.missing):
        return None
    return _not_green(facts, seen)


def _red(facts: Facts, seen: Checks) -> View:
    """Red checks: the base is asked, chance is weighed, and once all is over it is repaired.

    Who waits for the base alone need not wait for what still runs here: it may never end.
    """
    pull, every = facts.pull, facts.pull.checks or ()
    ruling = redness.judge(every, facts.task, pull.head_sha, facts.sightings, facts.base)
    plain = f"failed: {redness.named(ruling.checks)}"
    again = RunAgain(ruling.reason, pull.head_sha, ruling.checks)
    mend = repair(facts, ruling.reason if ruling.course is Course.REPAIR else plain)
    base_open = RUNNING_CHECK if redness.runs_on(facts.base, ruling.checks) else BASE_OPEN
    if seen.pending and ruling.course not in ON_THE_BASE:
        reason = f"failed: {', '.join(seen.red)}; still running: {', '.join(seen.pending)}"
        patience = RED_AND_RUNNING
        then: Rework | Escalate | RunAgain = mend
        if ruling.course is Course.BASE_OPEN:
            patience = base_open
        elif ruling.course is Course.RUN_AGAIN and redness.ordered(facts.task, ruling.checks):
            patience = RUNNING_CHECK  # GitHub repeats nothing of a run that is not over
        elif ruling.course is Course.RUN_AGAIN:
            then = again
        return View(
            obstacle=Obstacle.RED_AND_RUNNING, verdict=Wait(reason), patience=patience, then=then
        )
    match ruling.course:
        case Course.RUN_AGAIN:
            return View(
                obstacle=Obstacle.RUN_AGAIN, verdict=again, patience=RERUN_BEGINS, then=mend
            )
        case Course.BASE_RED:
            return View(obstacle=Obstacle.BASE_RED, verdict=Wait(ruling.reason))
        case Course.BASE_OPEN:
            return View(
                obstacle=Obstacle.BASE_OPEN, verdict=Wait(ruling.reason),
                patience=base_open, then=mend,
            )
        case Course.BASE_HEALED:
            update = Update(ruling.reason, pull.head_sha, pull.base_tip)
            waits = Wait(f"{ruling.reason}; another one is updated first")
            return View(obstacle=Obstacle.BEHIND, verdict=update if facts.front else waits)
    return View(obstacle=Obstacle.RED, verdict=mend)


def repair(facts: Facts, reason: str) -> Rework | Escalate:
    """One repair for each red head, three for a pull request (M14, M16)."""
    head = facts.pull.head_sha
    if head in facts.task.red_heads:
        said = f"{reason}; its repair left {head[:12]} as it was, and it is still red"
        return Escalate(said, BlockerCode.TEST_FAILURE)
    return bounded(facts.task.reworks, reason, BlockerCode.TEST_FAILURE)


def _not_green(facts: Facts, seen: Checks) -> View:
    if seen.missing:
        reason = f"not reported yet: {', '.join(seen.missing)}"
        then = f"{', '.join(seen.missing)} never reported on {facts.pull.head_sha[:12]}"
        return wait(Obstacle.SILENT_CHECK, reason, SILENT_CHECK, then)
    if seen.none:
        then = (
            f"no CI: {facts.pull.repo} ran no check on {facts.pull.head_sha[:12]}; "
            f"add one, or set allow_no_ci"
        )
        return wait(Obstacle.NO_CI, "no check has reported yet", NO_CI, then)
    reason = f"no check succeeded; only skipped or neutral: {', '.join(seen.neutral)}"
    return wait(Obstacle.SILENT_CHECK, reason, SILENT_CHECK)


def _too_fast(facts: Facts) -> View | None:
    least = timedelta(seconds=facts.repository.min_ci_seconds)
    if not least or no_ci_allowed(facts):
        return None
    took = checks.duration(facts.pull.checks or ())
    if took is None:
        return wait(Obstacle.TOO_FAST, "how long the checks ran is not known", SILENT_CHECK)
    if took < least:
        reason = (
            f"the checks took {took.total_seconds():.0f} s, less than the "
            f"{least.total_seconds():.0f} s of min_ci_seconds: they may have tested nothing"
        )
        return View(obstacle=Obstacle.TOO_FAST, verdict=Escalate(reason))
    return None


def _wanted(facts: Facts) -> tuple[str, ...]:
    stated = {*(facts.required or ()), *facts.repository.required_checks}
    return tuple(sorted(stated or facts.expected))


def no_ci_allowed(facts: Facts) -> bool:
    """Whether the config lets it through without any check, and none has reported."""
    quiet = checks.summary(facts.pull.checks or ())
    nothing = not (quiet.passed or quiet.red or quiet.human or quiet.pending)
    return facts.repository.allow_no_ci and nothing and not _wanted(facts)
