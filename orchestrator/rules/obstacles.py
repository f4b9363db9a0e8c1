"""The first thing that stands between a pull request of ours and its merge, without a clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from orchestrator.records.config import AutomationMode, MergePolicy, RepositoryConfig
from orchestrator.records.result import BlockerCode
from orchestrator.records.sighting import Sighting
from orchestrator.records.task import Task
from orchestrator.records.tracker import PullRequest, Review
from orchestrator.records.verdicts import (
    Cancelled,
    Escalate,
    Merge,
    Merged,
    PullRequestVerdict,
    Rework,
    RunAgain,
    Update,
    Wait,
)
from orchestrator.rules import checks, redness
from orchestrator.rules.checks import Checks
from orchestrator.rules.redness import Base, Course

REWORKS = 3  # repairs of one pull request (M16)
BRAKES = frozenset({"hold", "blocked"})
# How long an obstacle may last before a person is told of it. None: a person put it there.
NO_CI = timedelta(minutes=15)
SILENT_CHECK = timedelta(hours=1)
CANCELLED_CHECK = timedelta(hours=2)
STRANGE_COMMIT = timedelta(hours=24)
RUNNING_CHECK = timedelta(hours=24)
UNKNOWN_TO_GITHUB = timedelta(hours=6)
RED_AND_RUNNING = timedelta(minutes=30)
BASE_OPEN = timedelta(minutes=30)
BASE_RED = timedelta(hours=1)  # until a person hears of it
RERUN_BEGINS = timedelta(minutes=15)


# The base's trouble and no other: no agent is sent for it.
ON_THE_BASE = frozenset({Course.BASE_RED, Course.BASE_HEALED})


class Facts(Struct, frozen=True, kw_only=True):
    """One look at one pull request; what is None was not asked or not answered (M1, M4).

    `required` are GitHub's own required checks, `expected` the names seen on recent pull requests
    or commits of the base. From git, after a fetch: `behind` (the base tip is no ancestor of the
    head), `empty_diff` (head against base tip), `commits_ours`, and `in_base`, the commit of the
    base that carries our marker ("" when there is none). `carried` are the earlier heads that
    differ from this one only by our own Updates; `linear` says that none of its commits is a merge;
    `work_at` is when the last commit that is no Update was pushed. `label_by_writer` says whether
    whoever set `approved` may write. `held_since` is the time since which `key` has given the same
    answer, `head_since` since when we have seen this head, `read_at` when GitHub was
    asked. `front` comes from `order`, and `gives_way` from `turns`: for whom it waits, and why.
    For red checks `sightings` are what was seen of the repository's checks lately, and `base` what
    the base says of them (None: it was not asked).
    """

    pull: PullRequest
    task: Task
    repository: RepositoryConfig
    required: tuple[str, ...] | None = None
    expected: tuple[str, ...] = ()
    marker_ok: bool = False
    behind: bool | None = None
    empty_diff: bool | None = None
    commits_ours: bool | None = None
    in_base: str | None = None
    carried: tuple[str, ...] = ()
    linear: bool | None = None
    work_at: datetime | None = None
    label_by_writer: bool | None = None
    held_since: datetime | None = None
    head_since: datetime | None = None
    read_at: datetime | None = None
    front: bool | None = None
    gives_way: str = ""
    sightings: tuple[Sighting, ...] = ()
    base: Base | None = None


class Obstacle(StrEnum):
    """What a verdict rests on: a stable word, while the reason beside it may name names."""

    OVER = "over"
    LANE = "lane"
    UNREAD = "unread"
    ISSUE_CLOSED = "issue_closed"
    IDENTITY = "identity"
    BRAKE = "brake"
    REVIEW = "review"
    COMMITS = "commits"
    RED = "red"
    RED_AND_RUNNING = "red_and_running"
    RUN_AGAIN = "run_again"
    BASE_RED = "base_red"
    BASE_OPEN = "base_open"
    RUNNING = "running"
    CANCELLED_CHECK = "cancelled_check"
    SILENT_CHECK = "silent_check"
    NO_CI = "no_ci"
    TOO_FAST = "too_fast"
    APPROVAL = "approval"
    MERGEABLE = "mergeable"
    LOOK = "look"
    BEHIND = "behind"
    NOTHING = "nothing"


class View(Struct, frozen=True, kw_only=True):
    """What is seen without a clock; after `patience` the verdict becomes `then`."""

    obstacle: Obstacle
    verdict: PullRequestVerdict
    patience: timedelta | None = None
    then: PullRequestVerdict | None = None


def bounded(reworks: int, reason: str, code: BlockerCode = BlockerCode.NONE) -> Rework | Escalate:
    """A repair of the pull request while fewer than three were made; then a person's turn (M16)."""
    if reworks < REWORKS:
        return Rework(reason, code)
    return Escalate(f"{reason}, after {reworks} repairs", code)


def view(facts: Facts) -> View:
    """The first obstacle, in the order in which they matter; the whole decision but the clock."""
    for look in (_over, _lane_and_issue, _identity, _brakes, _review, _checks, _approval, _git):
        seen = look(facts)
        if seen is not None:
            return seen
    pull = facts.pull
    why = "no check is asked for" if _no_ci_allowed(facts) else "every check is green"
    return View(
        obstacle=Obstacle.NOTHING,
        verdict=Merge(f"{why} and it is up to date", pull.head_sha, pull.base_tip),
    )


def _wait(
    obstacle: Obstacle, reason: str, patience: timedelta | None = None, then: str = ""
) -> View:
    """A Wait that becomes an Escalate when `patience` is over."""
    said = then or f"{reason}, for {_hours(patience)} now" if patience else ""
    return View(
        obstacle=obstacle, verdict=Wait(reason), patience=patience,
        then=Escalate(said) if said else None,
    )


def another(reason: str, facts: Facts) -> str:
    return f"{reason}: {facts.gives_way}" if facts.gives_way else reason


def _hours(patience: timedelta) -> str:
    minutes = round(patience.total_seconds() / 60)
    return f"{minutes} minutes" if minutes % 60 else f"{minutes // 60} h"


def _over(facts: Facts) -> View | None:
    """Merged or closed, by whom; our own record of a merge outlives GitHub's memory (M12)."""
    pull, mark = facts.pull, facts.task.merge
    verdict: PullRequestVerdict
    if mark is not None and mark.sha:
        verdict = Merged("we merged it", mark.sha, ours=True)
    elif pull.merged:
        ours = mark is not None and mark.head_sha == pull.head_sha
        verdict = Merged("we merged it" if ours else "somebody merged it", pull.merge_sha, ours)
    elif mark is not None and facts.in_base:
        verdict = Merged("our merge is on the base already", facts.in_base, ours=True)
    elif mark is not None and facts.in_base is None:
        reason = "an earlier merge call had no clear answer; the base must be read first"
        return _wait(Obstacle.LOOK, reason)
    elif not pull.open:
        verdict = Cancelled("somebody closed the pull request")
    else:
        return None
    return View(obstacle=Obstacle.OVER, verdict=verdict)


def _lane_and_issue(facts: Facts) -> View | None:
    if facts.repository.automation_mode is AutomationMode.DISPATCHER_ONLY:
        return _wait(Obstacle.LANE, "this repository's lane leaves the merge to a person")
    if facts.task.issue is not None and facts.pull.issue_open is None:
        return _wait(Obstacle.UNREAD, "whether the issue is still open could not be read")
    if facts.task.issue is not None and not facts.pull.issue_open:
        reason = f"somebody closed issue #{facts.task.issue}"
        return View(obstacle=Obstacle.ISSUE_CLOSED, verdict=Cancelled(reason))
    return None


def _identity(facts: Facts) -> View | None:
    """A pull request that is no longer the one we opened is a person's business (M13)."""
    pull, task = facts.pull, facts.task
    reason = ""
    if pull.cross_repository or pull.head != task.branch:
        reason = f"pull request #{pull.number} comes from {pull.head}, not from our {task.branch}"
    elif pull.base != task.base:
        reason = f"pull request #{pull.number} aims at {pull.base}; its task says {task.base}"
    elif not facts.marker_ok:
        reason = f"the text of pull request #{pull.number} lacks the mark that we put there"
    return View(obstacle=Obstacle.IDENTITY, verdict=Escalate(reason)) if reason else None


def _brakes(facts: Facts) -> View | None:
    pull = facts.pull
    if not pull.labels_complete:
        return _wait(Obstacle.UNREAD, "not all labels of the pull request could be read")
    brakes = sorted(BRAKES & {label.lower() for label in pull.labels})
    if brakes:
        return _wait(Obstacle.BRAKE, f"it bears the label {brakes[0]}")
    if pull.draft:
        return _wait(Obstacle.BRAKE, "it is a draft")
    return None


def _review(facts: Facts) -> View | None:
    """Commits that are not ours, and changes that a reviewer asks for (M13)."""
    pull, task = facts.pull, facts.task
    same_work = {pull.head_sha, *facts.carried}
    approved = _approved(facts)
    if not pull.reviews_complete:
        return _wait(Obstacle.UNREAD, "not all reviews of the pull request could be read")
    if pull.head_sha in task.pushed[:-1]:
        return _wait(Obstacle.UNREAD, "GitHub still shows a head from before our last push")
    if not approved and (pull.head_sha not in task.pushed or facts.commits_ours is False):
        reason = (
            f"there are commits on {pull.head} that are not ours; a maintainer's approving review "
            f"of {pull.head_sha[:12]} lets them through"
        )
        return _wait(Obstacle.COMMITS, reason, STRANGE_COMMIT)
    asked = objections(facts)
    # What was said of an earlier head, while its repair for another reason was made, counts too.
    if any(one.commit in same_work or unheard(task, one) for one in asked):
        verdict = bounded(task.reworks, "a reviewer asks for changes")
        return View(obstacle=Obstacle.REVIEW, verdict=verdict)
    if asked or pull.changes_requested:
        return _wait(Obstacle.REVIEW, "a reviewer asked for changes and has not looked again")
    return None


def objections(facts: Facts) -> list[Review]:
    """The reviews that ask for changes and that nothing later of the same author replaces."""
    return [one for one in _standing(facts) if one.state.lower() == "changes_requested"]


def unheard(task: Task, review: Review) -> bool:
    """Whether no round of this task's round took it up."""
    since = review.submitted
    return since is not None and (task.heard is None or since > task.heard)


def _approved(facts: Facts) -> bool:
    same_work = {facts.pull.head_sha, *facts.carried}
    standing = _standing(facts)
    return any(one.state.lower() == "approved" and one.commit in same_work for one in standing)


def _standing(facts: Facts) -> list[Review]:
    """The last word of each reviewer who may write."""
    words: dict[str, Review] = {}
    for review in facts.pull.reviews:
        state = review.state.lower()
        if review.by_writer and state in {"approved", "changes_requested", "dismissed"}:
            words[review.author] = review
    return list(words.values())


def _wanted(facts: Facts) -> tuple[str, ...]:
    stated = {*(facts.required or ()), *facts.repository.required_checks}
    return tuple(sorted(stated or facts.expected))


def _no_ci_allowed(facts: Facts) -> bool:
    quiet = checks.summary(facts.pull.checks or ())
    nothing = not (quiet.passed or quiet.red or quiet.human or quiet.pending)
    return facts.repository.allow_no_ci and nothing and not _wanted(facts)


def _checks(facts: Facts) -> View | None:
    if facts.pull.checks is None or facts.required is None:
        return _wait(Obstacle.UNREAD, "the checks could not be read whole")
    seen = checks.summary(facts.pull.checks, _wanted(facts))
    if seen.red:
        return _red(facts, seen)
    if seen.pending:
        reason = f"still running: {', '.join(seen.pending)}"
        return _wait(Obstacle.RUNNING, reason, RUNNING_CHECK)
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
        return _wait(Obstacle.CANCELLED_CHECK, reason, CANCELLED_CHECK)
    if seen.green or _no_ci_allowed(facts):
        return _too_fast(facts)
    # GitHub starts no pull_request workflow on a conflicting head; its checks follow the Update.
    if facts.pull.mergeable is False and seen.none:
        return None
    return _not_green(facts, seen)


def _red(facts: Facts, seen: Checks) -> View:
    """Red checks: once all is over, the base is asked, chance is weighed, then it is repaired."""
    pull, every = facts.pull, facts.pull.checks or ()
    ruling = redness.judge(every, facts.task, pull.head_sha, facts.sightings, facts.base)
    plain = f"failed: {redness.named(ruling.checks)}"
    mend = repair(facts, ruling.reason if ruling.course is Course.REPAIR else plain)
    if seen.pending:
        reason = f"failed: {', '.join(seen.red)}; still running: {', '.join(seen.pending)}"
        then = Wait(ruling.reason) if ruling.course in ON_THE_BASE else mend
        return View(
            obstacle=Obstacle.RED_AND_RUNNING, verdict=Wait(reason),
            patience=RED_AND_RUNNING, then=then,
        )
    match ruling.course:
        case Course.RUN_AGAIN:
            return View(
                obstacle=Obstacle.RUN_AGAIN, patience=RERUN_BEGINS, then=mend,
                verdict=RunAgain(ruling.reason, pull.head_sha, ruling.checks),
            )
        case Course.BASE_RED:
            return View(obstacle=Obstacle.BASE_RED, verdict=Wait(ruling.reason))
        case Course.BASE_OPEN:
            return View(
                obstacle=Obstacle.BASE_OPEN, verdict=Wait(ruling.reason),
                patience=BASE_OPEN, then=mend,
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
        return _wait(Obstacle.SILENT_CHECK, reason, SILENT_CHECK, then)
    if seen.none:
        then = (
            f"no CI: {facts.pull.repo} ran no check on {facts.pull.head_sha[:12]}; "
            f"add one, or set allow_no_ci"
        )
        return _wait(Obstacle.NO_CI, "no check has reported yet", NO_CI, then)
    reason = f"no check succeeded; only skipped or neutral: {', '.join(seen.neutral)}"
    return _wait(Obstacle.SILENT_CHECK, reason, SILENT_CHECK)


def _too_fast(facts: Facts) -> View | None:
    least = timedelta(seconds=facts.repository.min_ci_seconds)
    if not least or _no_ci_allowed(facts):
        return None
    took = checks.duration(facts.pull.checks or ())
    if took is None:
        return _wait(Obstacle.TOO_FAST, "how long the checks ran is not known", SILENT_CHECK)
    if took < least:
        reason = (
            f"the checks took {took.total_seconds():.0f} s, less than the "
            f"{least.total_seconds():.0f} s of min_ci_seconds: they may have tested nothing"
        )
        return View(obstacle=Obstacle.TOO_FAST, verdict=Escalate(reason))
    return None


def _approval(facts: Facts) -> View | None:
    """Under `merge: approved`, a maintainer's word on this work; our Updates carry it over."""
    if facts.repository.merge is not MergePolicy.APPROVED:
        return None
    pull = facts.pull
    if _approved(facts):
        return None
    labelled = "approved" in {label.lower() for label in pull.labels}
    if labelled and pull.approved_label_at and facts.work_at and facts.commits_ours is not False:
        if facts.label_by_writer is None:
            reason = f"whether {pull.approved_label_by or 'who set approved'} may write is unknown"
            return _wait(Obstacle.UNREAD, reason)
        if facts.label_by_writer and pull.approved_label_at > facts.work_at:
            return None
    reason = "it waits for a maintainer's approving review, or the label approved, of this work"
    return _wait(Obstacle.APPROVAL, reason)


def _git(facts: Facts) -> View | None:
    """What only a fetch can tell, and whether it is this one's turn (M8, M11)."""
    pull = facts.pull
    if pull.mergeable is None:
        reason = "GitHub has not said whether it can be merged"
        return _wait(Obstacle.MERGEABLE, reason, UNKNOWN_TO_GITHUB)
    looked = None not in {facts.behind, facts.empty_diff, facts.commits_ours}
    if not looked or not pull.base_tip:
        return _wait(Obstacle.LOOK, "the branch has not been compared with the base yet")
    if facts.empty_diff:
        sha = facts.in_base or pull.base_tip
        verdict = Merged("its whole change is on the base already", sha, ours=False)
        return View(obstacle=Obstacle.OVER, verdict=verdict)
    if facts.behind:
        update = Update("the base has moved on", pull.head_sha, pull.base_tip)
        return View(
            obstacle=Obstacle.BEHIND,
            verdict=update
            if facts.front
            else Wait(another("behind the base; another one goes first", facts)),
        )
    if not pull.mergeable:
        reason = "GitHub sees a conflict where git sees none"
        return _wait(Obstacle.MERGEABLE, reason, UNKNOWN_TO_GITHUB)
    return None
