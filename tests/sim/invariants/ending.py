"""What must be so when everything has calmed down: every task merged, waiting with a reason,
cancelled by a person, or escalated once; and an idle tick changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from orchestrator.adapters.markers import Markers
from orchestrator.escalation import CALL
from orchestrator.forge import issues, records
from orchestrator.records.config import AutomationMode, MergePolicy
from orchestrator.records.task import State, Task
from orchestrator.rules import ci
from orchestrator.texts import messages
from tests.sim import forges
from tests.sim import plan as plans
from tests.sim.interface import OWNER, Seen, StepKind
from tests.sim.invariants import facts
from tests.sim.people import HOLD, READY, Did

ENDED_BY = (
    Did.CLOSED_ISSUE, Did.CLOSED_PULL, Did.DELETED_BRANCH, Did.MOVED, Did.PUSHED, Did.MERGED,
    Did.COPIED,
)  # fmt: skip

# After these an issue that was set Ready need not have a task.
UNSAID = (Did.REMOVED, Did.BROKE, Did.CARDED, Did.CLOSED_ISSUE)
# Whoever waits for a person who was told once hears of it each day.
RECENTLY = timedelta(days=2)


def every_task_came_to_an_end(seen: Seen) -> list[str]:
    """At the end every task is done, cancelled by a person's deed, escalated with its one comment,
    or waits for a reason that can be named from GitHub, the switches or the clock."""
    if seen.step.kind is not StepKind.END:
        return []
    found = []
    for filed in facts.files(seen):
        if filed.task is None:
            continue
        why = trouble(seen, filed.state, filed.task)
        if why:
            said = " ".join(filed.task.note.split())[:160]
            found.append(f"{filed.task.task_id} in {filed.state}/: {why} (note: {said})")
    return found


def trouble(seen: Seen, state: State, task: Task) -> str:
    """Why a task should not be where it is; "" when it may."""
    if seen.config.repository(task.repo) is None or off(seen, task):
        return ""
    now = min(seen.now, forges.end(seen.plan))
    match state:
        case State.INBOX:
            due = task.not_before is None or task.not_before <= now
            return "nobody takes it up" if due else ""
        case State.PROCESSING:
            return "nobody works on it any more"
        case State.BLOCKED:
            if task.not_before is None:
                return "" if did(seen, task, Did.MOVED, Did.COPIED) else "it waits for no time"
            late = task.not_before <= now
            return "its time has come, and nothing happens" if late else ""
        case State.REVIEW:
            return "" if waits_for_a_person(seen, task) else "it waits, and for nobody"
        case State.ESCALATED:
            return unheard(seen, task)
        case State.CANCELLED:
            return "" if did(seen, task, *ENDED_BY) else "nobody ended it"
        case State.FAILED:
            # That no agent can be started befalls nobody here.
            return "" if did(seen, task, Did.MOVED, Did.COPIED) else "its agents can be started"
        case State.QUARANTINE:
            meant = (Did.BROKE, Did.DROPPED, Did.COPIED, Did.MOVED)
            return "" if did(seen, task, *meant) else "nobody broke it"
    return ""


def did(seen: Seen, task: Task, *kinds: Did) -> bool:
    """Whether a person did something of these kinds to this very task."""
    return any(act.kind in kinds for act in facts.concerning(seen, task))


def off(seen: Seen, task: Task) -> bool:
    """Whether a switch stands in its way, set by a person or by a freeze of ours."""
    switch = seen.paths.switch
    names = (seen.paths.off, switch(task.repo), *map(switch, ("queue", "supervisor", "pr_monitor")))
    return any(path.exists() for path in names)


def waits_for_a_person(seen: Seen, task: Task) -> bool:
    repository = seen.config.repository(task.repo)
    assert repository is not None
    number = task.pull_request.number if task.pull_request else None
    pull = facts.place(seen, task.repo, number) if number else None
    if pull is None:
        return did(seen, task, Did.MOVED, Did.COPIED)
    if pull.state != "open":
        return False
    labels = {label.name for label in issues.labels_of(facts.forge(seen), pull)}
    issue = facts.place(seen, task.repo, task.issue) if task.issue else None
    its = {label.name for label in issues.labels_of(facts.forge(seen), issue)} if issue else set()
    words = facts.last_words(seen, pull)
    approved = any(one.state == "APPROVED" and one.sha == pull.head_sha for one in words)
    return bool(
        repository.automation_mode is AutomationMode.DISPATCHER_ONLY
        or (repository.merge is MergePolicy.APPROVED and not approved)
        or (any(attempt.suspicions for attempt in task.attempts) and not approved)
        or {"hold", "blocked"} & labels
        or "hold" in its
        or pull.draft
        or any(one.state == "CHANGES_REQUESTED" for one in words)
        or (facts.failed_on_base(seen, task) and alerted(seen, f"{task.base} is red itself"))
        or runs_still(seen, task, pull)
    )


def runs_still(seen: Seen, task: Task, pull: records.Issue) -> bool:
    """Whether its checks run, but not for so long yet that a person is told of it."""
    made = max((one.judged for one in task.attempts if one.judged), default=None)
    young = made is not None and seen.now - made < ci.RUNNING_CHECK
    runs = facts.forge(seen).store.select(records.CheckRun, "sha = ?", pull.head_sha)
    return young and any(run.status != "completed" for run in runs)


def alerted(seen: Seen, words: str) -> bool:
    """Whether an alert with these words was told in the last two days."""
    since = seen.now - RECENTLY
    return any(
        when > since and line.startswith("ALERT") and words in line for when, _, line in seen.said
    )


def unheard(seen: Seen, task: Task) -> str:
    """An escalation of this round that GitHub does not show, unless a person put the file there,
    took the comment away, or closed the issue, so that nobody was left to be told."""
    if task.issue is None:
        return ""
    for act in facts.concerning(seen, task):
        put = act.kind == Did.MOVED and act.branch == State.ESCALATED
        if put or act.kind in {Did.COPIED, Did.DELETED_COMMENT, Did.CLOSED_ISSUE}:
            return ""
    issue = facts.place(seen, task.repo, task.issue)
    if issue is None or not messages.said_in(task.note)[0]:
        return "" if issue and facts.calls(seen, issue) else "nobody was told"
    line = Markers(seen.paths.marker_key, read_only=True).line(task, CALL)
    told = any(line in comment.body for comment in facts.comments(seen, issue))
    return "" if told else f"nobody was told in round {task.round}"


def every_ready_issue_is_heard(seen: Seen) -> list[str]:
    """At the end every issue that was set Ready has a task, or waits for another, or a person took
    the word back, holds it, closed it, removed its file, or had switched us off."""
    if seen.step.kind is not StepKind.END:
        return []
    known = {(task.repo, task.issue) for _, task in seen.tasks()}
    found = []
    for number, issue in zip(seen.issue_numbers, seen.plan.issues, strict=True):
        if number is None or issue.ready_after is None or (issue.slug, number) in known:
            continue
        if issue.author != OWNER or issue.after:
            continue
        gone = any(
            act.kind in UNSAID or (act.kind == Did.UNLABELLED and act.file == READY)
            for act in facts.acts(seen, slug=issue.slug)
            if act.number == number
        )
        if gone or held(seen, issue.slug, number):
            continue
        if any(act.slug in {"", issue.slug} for act in facts.acts(seen, Did.OFF)):
            continue
        found.append(f"{issue.slug}#{number} was set Ready, and nothing came of it")
    return found


def held(seen: Seen, slug: str, number: int) -> bool:
    row = facts.place(seen, slug, number)
    found = issues.labels_of(facts.forge(seen), row) if row else []
    return HOLD in {label.name for label in found}


def no_ready_is_left_unanswered(seen: Seen) -> list[str]:
    """At the end no open issue whose task has ended still bears `ready`: it began a round or a task
    of its own, or was taken off.

    Only issues of the owner that depend on no other and that nobody holds, and where no switch of
    ours is off.
    """
    if seen.step.kind is not StepKind.END:
        return []
    found = []
    for number, issue in zip(seen.issue_numbers, seen.plan.issues, strict=True):
        row = facts.place(seen, issue.slug, number) if number else None
        if row is None or row.state != "open" or issue.author != OWNER or issue.after:
            continue
        place = (issue.slug, number)
        files = [(state, task) for state, task in seen.tasks() if (task.repo, task.issue) == place]
        ended = any(state in facts.OVER for state, _ in files)
        labels = {label.name for label in issues.labels_of(facts.forge(seen), row)}
        asked = READY in labels and HOLD not in labels
        if ended and asked and not any(off(seen, task) for _, task in files):
            where = ", ".join(state.value for state, _ in files)
            found.append(f"{issue.slug}#{number} still bears ready, and its task is in {where}")
    return found


def without_trouble_all_is_done(seen: Seen) -> list[str]:
    """Where nobody interferes, nothing fails and every agent is honest, every issue has a task, and
    every task is done."""
    if seen.step.kind is not StepKind.END or not plans.is_untroubled(seen.plan):
        return []
    states = [(task.task_id, state) for state, task in seen.tasks()]
    found = [f"{name} is in {state}/" for name, state in states if state is not State.DONE]
    if len(states) != len(seen.plan.issues):
        found.append(f"{len(seen.plan.issues)} issues have {len(states)} tasks")
    return found


def a_third_may_fail(seen: Seen) -> list[str]:
    """Where one agent of the chain can do it and nobody interferes, every issue is closed by one
    merge and no second one, however many attempts of the others fail."""
    if seen.step.kind is not StepKind.END or not plans.is_third(seen.plan):
        return []
    merged: dict[str, int] = {}
    for slug, pull in facts.pulls(seen):
        task = facts.task_of_branch(seen, pull.head_ref)
        if task and pull.merged_at:
            place = f"{slug}#{task.issue}"
            merged[place] = merged.get(place, 0) + 1
    found = []
    for number, issue in zip(seen.issue_numbers, seen.plan.issues, strict=True):
        count = merged.get(f"{issue.slug}#{number}", 0)
        if count != 1:
            states = [s.value for s, t in seen.tasks() if (t.repo, t.issue) == (issue.slug, number)]
            found.append(f"{issue.slug}#{number} was merged {count} times; now in {states}")
    return found


def idle_ticks_change_nothing(seen: Seen) -> list[str]:
    """A tick whose inputs are unchanged sends no write, pushes nothing and leaves the mailbox as it
    is; what other processes did meanwhile is theirs."""
    before = seen.memory.get("mailbox as it was")
    now = tuple(signature(seen))
    seen.memory["mailbox as it was"] = now
    if seen.step.kind is not StepKind.PROVEN or seen.live:
        return []
    process = seen.step.process
    found = [
        f"{process} sent {one.method} {one.path}, and nothing had changed"
        for one in seen.requests[seen.requests_from :]
        if one.process == process and one.mutates
    ]
    found += [
        f"{process} pushed {one.ref}, and nothing had changed"
        for one in seen.pushes[seen.pushes_from :]
        if one.process == process
    ]
    if before is not None and before != now and not seen.requests[seen.requests_from :]:
        found.append(f"{process} changed the mailbox, and nothing had changed")
    return found


def signature(seen: Seen) -> Iterator[tuple[str, str]]:
    for filed in facts.files(seen):
        yield filed.state.value, filed.path.name
