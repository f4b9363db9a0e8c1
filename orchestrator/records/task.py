"""A task: one markdown file for life, read into one frozen value."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from itertools import takewhile
from typing import Any

from msgspec import Struct, field, structs

from orchestrator.records.result import BlockerCode, Result
from orchestrator.records.suspicion import Suspicion
from orchestrator.records.usage import Usage, together
from orchestrator.records.verdicts import AttemptVerdict


class State(StrEnum):
    """The folders of the mailbox; the folder is the state."""

    INBOX = "inbox"
    PROCESSING = "processing"
    BLOCKED = "blocked"
    REVIEW = "review"
    DONE = "done"
    ESCALATED = "escalated"
    FAILED = "failed"
    CANCELLED = "cancelled"
    QUARANTINE = "quarantine"


# A file that was last in one of these and is found in inbox/ was moved there by a person.
ENDED = frozenset({State.DONE, State.ESCALATED, State.FAILED, State.CANCELLED})
# While a file is in one of these, another Ready of its issue starts nothing new.
UNDER_WAY = frozenset({State.INBOX, State.PROCESSING, State.BLOCKED, State.REVIEW})
# A task that waits goes round through these; of a wait of weeks only so many marks are kept.
WAITING = frozenset({State.INBOX, State.PROCESSING, State.BLOCKED})
MARKS_OF_A_WAIT = 40
PERSON = "person"  # who made a mark that a move by hand explains
BY_HAND = f"a {PERSON}"  # the same, where nobody but their hand had to do with it


class TaskType(StrEnum):
    IMPLEMENTATION = "implementation"
    DEBUGGING = "debugging"
    ARCHITECTURE = "architecture"
    RESEARCH = "research"
    DOCS = "docs"
    DESIGN = "design"
    CONTENT = "content"
    BROWSER_AUTOMATION = "browser_automation"


class Deliverable(StrEnum):
    """What an attempt owes: a diff, or one comment that answers each success criterion."""

    CHANGE = "change"
    REPORT = "report"


class Assumed(StrEnum):
    """What an issue did not say, so that it was filled with what usually holds."""

    GOAL = "goal"
    SUCCESS_CRITERIA = "success_criteria"
    CONSTRAINTS = "constraints"
    TASK_TYPE = "task_type"
    AGENT = "agent"


class Priority(StrEnum):
    HIGH = "prio:high"
    NORMAL = "prio:normal"
    LOW = "prio:low"


class Mark(Struct, frozen=True, kw_only=True):
    """One transition: into which state, when (UTC), by which script or person."""

    state: State
    at: datetime
    by: str


class Claim(Struct, frozen=True, kw_only=True):
    """Who works on the task; it lives while `slot` is flocked by the holder named `uuid`."""

    slot: str
    uuid: str
    pid: int
    boot_id: str
    host: str
    started: datetime


class Attempt(Struct, frozen=True, kw_only=True):
    """One run of one agent: started before it runs, judged before any effect, settled last.

    `account` is whose quota it used. `suspicions` are what a person must look at before
    this work is merged; None where the work was not judged for that. `test_tail` is how our own
    test run of this work ended, where it failed.
    Of refusals in a row the newest stands for all: `times` says for how many, and `since` when the
    first of them began.
    """

    n: int
    agent: str
    started: datetime
    round: int = 1
    judged: datetime | None = None
    verdict: AttemptVerdict | None = None
    code: BlockerCode = BlockerCode.NONE
    reason: str = ""
    head_sha: str = ""
    seconds: float = 0.0
    settled: datetime | None = None
    result: Result | None = None
    usage: Usage | None = None
    suspicions: tuple[Suspicion, ...] | None = None
    account: str = ""
    test_tail: str = ""
    times: int = 1
    since: datetime | None = None

    @property
    def claimed(self) -> bool:
        """Whether its code is what it says itself: a claim, and no end that its program met.

        Who worked for half an hour on a service that answers 429 may call that its quota.
        """
        return self.result is not None and self.result.blocker_code is self.code

    @property
    def refused(self) -> bool:
        """Whether its provider turned it away and it left nothing behind."""
        said = self.claimed or (self.result is not None and self.result.manual_steps)
        quota = self.code is BlockerCode.QUOTA_LIMITED
        return quota and bool(self.settled) and not self.head_sha and not said


class PullRequestLink(Struct, frozen=True, kw_only=True):
    number: int
    node_id: str


class BaseAfter(StrEnum):
    """What the base's own checks said of a merge of ours."""

    WATCHED = "watched"
    GREEN = "green"
    RED = "red"
    UNKNOWN = "unknown"  # they did not end, or there were none, in the time that we look


class RevertEnd(StrEnum):
    """What became of a pull request that was to take a merge back."""

    MERGED = "merged"
    CLOSED = "closed"


class MergeMark(Struct, frozen=True, kw_only=True):
    """The head we meant to merge, written before the call; `sha` once the merge is known.

    `asked` is when GitHub was called for exactly this head and base, of several calls the first.
    `after` is None for a merge that is not ours, or not known yet; `revert` is the number of the
    pull request that was offered to take it back, and `revert_end` is None while that is open.
    """

    head_sha: str
    base_sha: str
    sha: str = ""
    asked: datetime | None = None
    verified: bool = False
    after: BaseAfter | None = None
    revert: int | None = None
    revert_made: datetime | None = None
    revert_end: RevertEnd | None = None


class RepairKind(StrEnum):
    """What one numbered item of a repair is about."""

    CHECK = "check"
    THREAD = "thread"
    COMMENT = "comment"
    CONFLICT = "conflict"
    SUSPICION = "suspicion"


class RepairItem(Struct, frozen=True, kw_only=True):
    """One thing that a repair owes an answer: `where` is a check's name or path:line.

    `text` is redacted and bounded where it is made; `ref` is GitHub's id of the thread, comment
    or check run, and never reaches an agent. `comments` is how many its thread had then.
    """

    number: int
    kind: RepairKind
    where: str
    text: str = ""
    author: str = ""
    ref: str = ""
    url: str = ""
    comments: int = 0


class Rerun(Struct, frozen=True, kw_only=True):
    """One order to run a check of a head again; `run` names the outcome that was not believed."""

    head: str
    check: str
    run: str
    at: datetime


class Part(Struct, frozen=True, kw_only=True):
    """One of the issues that an epic is split into; `issue` is None until it is made."""

    title: str
    text: str = ""
    issue: int | None = None


class Task(Struct, frozen=True, kw_only=True):
    """All structured data stand in the front matter; `body` is prose and never parsed for data.

    `repo` is "owner/name". Times are UTC. `next_at` is when a person put it first, until it is
    claimed; `cancel` is a person's order to end it, with the reason, for whoever works on it.
    `note` says why it waits or has ended: who puts it off or ends it writes it anew.
    `pushed` are the SHAs that we pushed to `branch`, in order: the last is what the next push
    expects to find there. `repair` says why the pull request came back and `repair_items` what has
    to be answered, until the next delivery. `review_rounds` counts the repairs that a reviewer
    asked for, and `heard` is when the newest objection that one of them took up was made, by
    GitHub's clock. `red_heads` are the heads whose red checks cost a repair, or went to a person,
    in this round: none costs two (M14). `reruns` are the checks of this round that were run again.
    `epic` asks for several issues in place of work, and `parts` are these, written down before the
    first is made. `assumed` names what nobody said, until the issue was read more closely.
    `issue_digest` is of the issue's title and text as they were read last, and `issue_labels` are
    those that say how it is worked on, so that a new round knows whether somebody has changed them
    since; None in a file of before they were noted. `blocked_label` says that the label `blocked`
    on the issue is ours. `salvage` is the commit of refs/salvage/<task>, "" while there is no work
    that exists nowhere else.
    `marks_left_out` counts the marks of long waits that are kept no longer. `extra` keeps the
    front-matter keys that a person added, so that a rewrite loses nothing.
    """

    task_id: str
    repo: str
    title: str = ""
    issue: int | None = None
    issue_node: str = ""
    issue_digest: str = ""
    issue_labels: tuple[str, ...] | None = None
    project: str = ""
    board_item: str = ""
    board: str = ""  # owner/number of the board that the item is on; "": the first one
    task_type: TaskType = TaskType.IMPLEMENTATION
    deliverable: Deliverable = Deliverable.CHANGE
    agent: str = "auto"
    priority: Priority = Priority.NORMAL
    branch: str = ""
    base: str = ""
    created: datetime
    ready_at: datetime | None = None
    not_before: datetime | None = None
    next_at: datetime | None = None
    cancel: str = ""
    outcome_check_ids: tuple[str, ...] = ()
    assumed: tuple[Assumed, ...] = ()
    epic: bool = False
    parts: tuple[Part, ...] = ()
    parent: str = ""
    max_attempts: int | None = None
    max_runtime_minutes: int | None = None
    allow_push: bool = True
    round: int = 1
    tries: int = 0
    reworks: int = 0
    marks: tuple[Mark, ...] = ()
    claim: Claim | None = None
    status_comment: int | None = None
    pull_request: PullRequestLink | None = None
    pushed: tuple[str, ...] = ()
    merge: MergeMark | None = None
    attempts: tuple[Attempt, ...] = ()
    note: str = ""
    repair: str = ""
    repair_items: tuple[RepairItem, ...] = ()
    review_rounds: int = 0
    heard: datetime | None = None
    salvage: str = ""
    red_heads: tuple[str, ...] = ()
    reruns: tuple[Rerun, ...] = ()
    blocked_label: bool = False
    marks_left_out: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
    body: str = ""

    @property
    def key(self) -> str:
        """Task and round: what every effect key begins with (E1)."""
        return f"{self.task_id}#{self.round}"

    @property
    def state(self) -> State | None:
        """The state of the last mark; where it differs from the folder, the folder wins."""
        return self.marks[-1].state if self.marks else None

    @property
    def attempt(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def began(self) -> datetime:
        """When this round came into the inbox; waits in between do not begin it anew."""
        since = self.created
        for before, mark in zip((None, *self.marks), self.marks, strict=False):
            if mark.state is State.INBOX and (before is None or before.state in ENDED):
                since = mark.at
        return since

    @property
    def runs(self) -> int:
        """How many attempts were begun; the number of the newest."""
        return max((a.n for a in self.attempts), default=0)

    @property
    def this_round(self) -> tuple[Attempt, ...]:
        return tuple(a for a in self.attempts if a.round == self.round)


def with_attempt(task: Task, attempt: Attempt) -> Task:
    """Replace the attempt of the same number, or append it."""
    others = tuple(a for a in task.attempts if a.n != attempt.n)
    return structs.replace(task, attempts=(*others, attempt))


def with_refusals_folded(task: Task) -> Task:
    """Of each agent's refusals in a row one entry, the newest: a month of them stays small.

    It holds what all of them used, which counts towards budgets.
    """
    kept: list[Attempt] = []
    for one in task.attempts:
        row = takewhile(lambda made: made.refused, reversed(kept)) if one.refused else ()
        before = [made for made in row if (made.agent, made.round) == (one.agent, one.round)]
        kept = [made for made in kept if made not in before]
        times = one.times + sum(made.times for made in before)
        since = min((made.since or made.started for made in before), default=one.since)
        usage = together(made.usage for made in (*reversed(before), one))
        kept.append(structs.replace(one, times=times, since=since, usage=usage))
    return structs.replace(task, attempts=tuple(kept))


def marked(task: Task, state: State, at: datetime, by: str) -> Task:
    """Append a mark, unless the last one says the same state already.

    Of a wait that goes round and round the first mark and the newest are kept, the rest counted.
    """
    if task.state is state:
        return task
    marks = (*task.marks, Mark(state=state, at=at, by=by))
    row = sum(1 for _ in takewhile(lambda mark: mark.state in WAITING, reversed(marks)))
    over = max(0, row - MARKS_OF_A_WAIT)
    first = len(marks) - row + 1
    return structs.replace(
        task, marks=marks[:first] + marks[first + over :], marks_left_out=task.marks_left_out + over
    )


class QueueEntry(Struct, frozen=True, kw_only=True):
    """A task that waits in inbox/: what its place in the order is computed from (Q12).

    `began` is since when it waits: an issue that nobody wanted yet has not waited.
    """

    task_id: str
    repo: str
    issue: int | None = None
    priority: Priority = Priority.NORMAL
    began: datetime
    not_before: datetime | None = None
    next_at: datetime | None = None
    path: str = ""
