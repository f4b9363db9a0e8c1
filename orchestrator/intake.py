"""What a Ready issue amounts to: a new task, a new round, or the reason why not yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct, structs

from orchestrator import github_sync, tick
from orchestrator.adapters.gh_queries import BoardEntry, IssueFacts
from orchestrator.adapters.mailbox_index import Found
from orchestrator.paths import flat
from orchestrator.records.config import BoardConfig, RepositoryConfig
from orchestrator.records.errors import GitHubTrouble
from orchestrator.records.task import BY_HAND, ENDED, PERSON, UNDER_WAY, State, Task
from orchestrator.records.tracker import Issue, Permission
from orchestrator.rules import classify, dependencies, failures, obstacles, priority, rounds, trust
from orchestrator.texts import issues, markdown, messages, taskname
from orchestrator.world import World

Card = tuple[BoardConfig, BoardEntry]

NOT_THERE = "does not exist, or the token may not see it: mend its Depends on line"
READY_LABEL = "ready"


class Candidate(Struct, frozen=True, kw_only=True):
    """An open issue that somebody set Ready, and by which means."""

    repository: RepositoryConfig
    issue_node: str
    number: int = 0
    board: BoardConfig | None = None
    item_id: str = ""
    on_board_since: datetime | None = None
    by_board: bool = False
    by_label: bool = False

    @property
    def where(self) -> str:
        return f"{self.repository.slug}#{self.number}"


def candidate(
    repository: RepositoryConfig,
    node: str,
    card: Card | None,
    *,
    by_label: bool = False,
    number: int = 0,
) -> Candidate:
    """An issue by its card, if it has one, and by its label."""
    board, entry = card or (None, None)
    by_board = entry is not None and board is not None and entry.item.status == board.ready
    return Candidate(
        repository=repository,
        issue_node=node,
        number=entry.number if entry else number,
        board=board,
        item_id=entry.item.id if entry else "",
        on_board_since=entry.item.status_at if entry and by_board else None,
        by_board=by_board,
        by_label=by_label,
    )


def urgency(candidate: Candidate, issue: Issue) -> tuple[float, datetime, str]:
    fields = classify.Fields(title=issue.title, labels=issue.labels)
    wanted = classify.read(fields, (), candidate.repository).priority
    name = f"{issue.repo}#{issue.number:09d}"
    return priority.key(
        wanted, issue.created, name, issue.created,
        weights=candidate.repository.priority_weights,
    )  # fmt: skip


def ready_of(candidate: Candidate, issue: Issue) -> rounds.Ready:
    """When it was set Ready; of both means the later.

    Beside the label, which has an actor, a board that anybody may write has no say: it would move
    the moment since when the text was read (S7).
    """
    counts = candidate.by_board and (candidate.repository.trusted_board or not candidate.by_label)
    at_label = issue.ready_label_at if candidate.by_label else None
    at_board = candidate.on_board_since if counts else None
    if at_label and (at_board is None or at_label > at_board):
        return rounds.Ready(at_label, rounds.Means.LABEL)
    return rounds.Ready(at_board, rounds.Means.BOARD if counts else rounds.Means.LABEL)


def plan(world: World, candidate: Candidate, issue: Issue) -> rounds.Plan:
    """What this Ready means, given the files that the issue has already."""
    room, repo, number = world.mailroom, issue.repo, issue.number
    undone = room.find(repo, number)
    # One that a Ready began may be done before its label is taken off, in whatever round.
    found = undone or room.done_of(repo, number)
    files = [
        rounds.File(
            task_id=one.task.task_id, state=one.state, ready_at=one.task.ready_at,
            worked_at=worked_at(world, one), ended_at=ended_at(world, one),
            put_back=put_back(world, one),
        )
        for one in found
    ]
    if not undone:
        files += set_aside(world, issue, files)
    return rounds.judge(ready_of(candidate, issue), files)


def set_aside(
    world: World, issue: Issue, files: Sequence[rounds.File]
) -> Iterator[rounds.File]:
    """What lies in quarantine/ of an issue, known by its name alone, but for copies of `files`."""
    known = {taskname.key_of(one.task_id) for one in files}
    for task_id in world.mailroom.named_for(State.QUARANTINE, issue.repo, issue.number):
        at, key = taskname.ready_at(task_id), taskname.key_of(task_id)
        # Of a repository whose name ends as this one's does it is none.
        mine = at and key == taskname.key_of(taskname.new_id(at, issue.repo, issue.number, ""))
        if mine and key not in known:
            yield rounds.File(task_id=task_id, state=State.QUARANTINE, ready_at=at)


def put_back(world: World, found: Found) -> bool:
    """Whether it had ended, and waits in inbox/ for the claim that begins the person's round."""
    ended = found.state is State.INBOX and found.task.state in ENDED
    return ended and not world.mailroom.interrupted(found)


def worked_at(world: World, found: Found) -> datetime | None:
    """When a worker had it last, of a task that a person ended; None of all others.

    Marks bear our clock's time, a Ready has GitHub's, in whole seconds; in doubt it counts.
    """
    marks = found.task.marks
    ended = found.state is State.CANCELLED or (bool(marks) and PERSON in marks[-1].by)
    if found.state in UNDER_WAY or not ended:
        return None
    # A claim's alone: other marks may have been written into a file that was moved before. One in
    # the future is of a clock that was put right since.
    now = world.clock.now()
    claims = (mark.at for mark in marks if mark.state is State.PROCESSING and mark.at <= now)
    return max((at.replace(microsecond=0) - ahead(world) for at in claims), default=None)


def ended_at(world: World, found: Found) -> datetime | None:
    """When a person's word ended it: by their mark or, where it was moved by hand and no mark
    tells of that yet, by the file itself.

    None where none of theirs did, or nobody knows when they said it: what was taken from a worker
    is marked when that lets go of it, in the name of the `PERSON` alone.
    """
    last = found.task.marks[-1] if found.task.marks else None
    if found.state in UNDER_WAY or last is None:
        return None
    if last.state is found.state:
        said = last.at if PERSON in last.by and last.by != PERSON else None
    else:
        said = None if world.mailroom.interrupted(found) else world.mailroom.moved_at(found)
    if said is None or said > world.clock.now():  # by a clock that was put right since
        return None
    return said - ahead(world)


def mark_what_was_put_aside(world: World, issue: Issue) -> None:
    """Date a move by hand to done/ where nobody else marks it: whatever touches the file later (a
    backup, another owner) would seem to be that move, and overrule a Ready that waits.
    """
    for found in () if world.dry_run else world.mailroom.done_of(issue.repo, issue.number):
        lock = None
        if found.task.state is not State.DONE and not world.mailroom.interrupted(found):
            lock = world.locks.try_task(found.task.task_id)
        if lock is not None:
            with lock:
                task, at = world.mailroom.see(found), world.mailroom.moved_at(found)
                world.mailroom.move(task, State.DONE, by=BY_HAND, at=at)


def ahead(world: World) -> timedelta:
    """By how much our clock is before GitHub's at most."""
    return timedelta(seconds=max(0.0, world.limits.skew or 0.0))


def new(world: World, candidate: Candidate, issue: Issue) -> bool:
    return isinstance(plan(world, candidate, issue), rounds.Dispatch | rounds.NewRound)


class Asked:
    """What one tick has asked GitHub already: issues that wait must not cost a request each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.roles: dict[tuple[str, str], Permission | None] = {}
        self.issues: dict[tuple[str, int], IssueFacts | None] = {}

    def role(self, repo: str, login: str) -> Permission | None:
        """The role of a person; None where it could not be read, which is told."""
        if (repo, login) not in self.roles:
            try:
                self.roles[repo, login] = self.world.read.permission(repo, login)
            except GitHubTrouble as trouble:
                if trouble.trouble in failures.EVERYBODYS:
                    raise
                self.world.say(f"{repo}: the role of {login} is not readable: {trouble}")
                self.roles[repo, login] = None
        return self.roles[repo, login]

    def person(self, repo: str, login: str) -> trust.Person:
        return trust.Person(login, self.role(repo, login) if login else None)

    def facts(self, repo: str, numbers: Collection[int]) -> dict[int, IssueFacts | None]:
        """State and text of issues, one request for all that were not asked yet."""
        missing = sorted(number for number in numbers if (repo, number) not in self.issues)
        if missing:
            found = self.world.read.issue_facts(repo, missing)
            self.issues |= {(repo, number): found.get(number) for number in missing}
        return {number: self.issues[repo, number] for number in numbers}

    def look_ahead(self, issues: Iterable[Issue]) -> None:
        """Ask for everything that these issues name as dependencies, one request a repository."""
        wanted: dict[str, set[int]] = {}
        for issue in issues:
            numbers = dependencies.parse(issue.body, repo=issue.repo)
            wanted.setdefault(issue.repo, set()).update(numbers)
        for repo, named in wanted.items():
            with tick.isolated(self.world, repo):
                self.facts(repo, named)


def objection(world: World, asked: Asked, candidate: Candidate, issue: Issue) -> str:
    """Why it may not start now, in a sentence with what was done about it; "" when it may."""
    if word := obstacles.left_alone(issue.labels, candidate.repository):
        return f"left alone: {word}"
    if not issue.labels_complete:
        return "waits: not all of its labels could be read"
    judged = trust.judge(trust_facts(asked, candidate, issue))
    if isinstance(judged, trust.NotTrusted):
        note(world, candidate, issue, "untrusted", judged.reason, mend=judged.mend)
        return f"needs triage: {judged.reason}"
    if isinstance(judged, trust.Unknown):
        return f"waits: {judged.reason}"
    return dependency(world, asked, candidate, issue)


def trust_facts(asked: Asked, candidate: Candidate, issue: Issue) -> trust.Facts:
    """Ask the role of everybody whose word counts here.

    Beside a trusted board the label's actor is asked only where the label is the later word: of
    somebody who may not write, it does not say that the text was read once more (S7).
    """
    repository, on_board = candidate.repository, candidate.by_board
    ready, by_board = ready_of(candidate, issue), on_board and repository.trusted_board
    asks_actor = candidate.by_label and (not by_board or ready.means is rounds.Means.LABEL)
    labelled_by = asked.person(issue.repo, issue.ready_label_by) if asks_actor else None
    unread = by_board and labelled_by is not None and not trust.may_write(labelled_by)
    since = candidate.on_board_since if unread else ready.at
    facts = text_facts(asked, repository, issue, since=since)
    return structs.replace(facts, labelled_by=labelled_by, on_board=on_board)


def text_facts(
    asked: Asked, repository: RepositoryConfig, issue: Issue, *, since: datetime | None
) -> trust.Facts:
    """Whose words the text is: the author's, and those of who changed it `since` it was read."""
    by_actor_only = repository.trust == "actor" or trust.is_named(issue.author, repository)

    def later(changed: datetime | None) -> bool:
        return changed is not None and (since is None or changed > since)

    def person(login: str) -> trust.Person:
        return asked.person(issue.repo, login)

    return trust.Facts(
        repository=repository,
        author=trust.Person(issue.author) if by_actor_only else person(issue.author),
        ready_at=since,
        edited_at=issue.edited,
        editor=person(issue.editor) if later(issue.edited) else None,
        renamed_at=issue.renamed,
        renamer=person(issue.renamer) if later(issue.renamed) else None,
    )


def dependency(world: World, asked: Asked, candidate: Candidate, issue: Issue) -> str:
    """What it waits for; a circle or a dropped dependency is a person's turn, told once."""
    known = {issue.number: as_known(issue.body, issue.repo, dependencies.IssueState.OPEN)}
    wanted = set(known[issue.number].depends_on)
    while wanted and len(known) < 100:
        for number, facts in asked.facts(issue.repo, wanted).items():
            known[number] = (
                as_known(facts.body, issue.repo, state_of(facts))
                if facts
                else dependencies.Known(state=dependencies.IssueState.UNREADABLE)
            )
        wanted = {
            following
            for number in wanted
            if known[number].state is dependencies.IssueState.OPEN
            for following in known[number].depends_on
        } - known.keys()
    elsewhere = dependencies.elsewhere(issue.body, repo=issue.repo)
    judged = dependencies.judge(issue.number, known, others=elsewhere)
    if isinstance(judged, dependencies.Clear):
        return ""
    if isinstance(judged, dependencies.Waiting):
        return f"waits for {', '.join(f'#{number}' for number in judged.on)}"
    if isinstance(judged, dependencies.Unknown):
        missing = dependencies.IssueState.UNREADABLE  # GitHub was asked, and knows no such number
        gone = {f"#{number}" for number, each in known.items() if each.state is missing}
        if named := [one for one in judged.on if one in gone]:
            return f"waits: {', '.join(named)} {NOT_THERE}"
        return f"waits: the state of {', '.join(judged.on)} could not be read"
    if isinstance(judged, dependencies.Cycle):
        circle = " -> ".join(f"#{number}" for number in judged.path)
        note(world, candidate, issue, "cycle", circle)
        return f"blocked: it waits for itself ({circle})"
    note(world, candidate, issue, "not-planned", str(judged.number))
    return f"blocked: #{judged.number}, which it waits for, was closed without having been done"


def as_known(body: str, repo: str, state: dependencies.IssueState) -> dependencies.Known:
    return dependencies.Known(state=state, depends_on=dependencies.parse(body, repo=repo))


def state_of(facts: IssueFacts) -> dependencies.IssueState:
    if facts.open:
        return dependencies.IssueState.OPEN
    closed = dependencies.IssueState
    return closed.NOT_PLANNED if facts.not_planned else closed.CLOSED


def new_task(world: World, candidate: Candidate, issue: Issue, at: datetime) -> Task:
    """The issue as a well-formed task, without any model; its text as of now (S7).

    A secret of ours in it gets no further: branches and files are named after the title (S15).
    """
    repository, digest = candidate.repository, issues.digest(issue)
    issue = harmless(world, issue)
    found = classified(world, repository, issue)
    for problem in found.problems:
        world.say(f"{issue.repo}#{issue.number}: {problem}; the default holds")
    text = issues.to_task(issue, found)
    task_id = taskname.new_id(at, issue.repo, issue.number, issue.title)
    return Task(
        task_id=task_id,
        repo=issue.repo,
        title=text.title,
        issue=issue.number,
        issue_node=issue.node_id,
        project=repository.project or "",
        board_item=candidate.item_id,
        board=candidate.board.name if candidate.board else "",
        task_type=found.task_type,
        deliverable=found.deliverable,
        agent=found.agent,
        priority=found.priority,
        branch=taskname.new_branch(task_id),
        base=found.base or repository.base_branch or "",
        created=issue.created,
        ready_at=at,
        outcome_check_ids=found.outcome_check_ids,
        epic=classify.is_epic(issue.labels),
        assumed=(*text.assumed, *found.assumed) if repository.format_issues else (),
        issue_digest=digest,
        issue_labels=classify.heeded(issue.labels, world.agents.keys()),
        body=text.body,
    )


def harmless(world: World, issue: Issue) -> Issue:
    """The issue with what a reader of it sees, and no secret of ours (S15)."""
    shown = world.redact(markdown.visible(issue.body[: issues.READ]))
    return structs.replace(issue, title=world.redact(issue.title), body=shown)


def classified(world: World, repository: RepositoryConfig, issue: Issue) -> classify.Classified:
    read = classify.Fields(
        title=issue.title, labels=issue.labels, sections=markdown.sections(issue.body)
    )
    return classify.read(read, world.agents.keys(), repository)


def note(
    world: World, candidate: Candidate, issue: Issue, kind: str, reason: str, *, mend: str = ""
) -> None:
    """One comment for this Ready and this reason; the card to Blocked where a person is needed."""
    if world.dry_run:
        return
    ready = ready_of(candidate, issue)
    stamp = f"{ready.at:%Y%m%dT%H%M%SZ}" if ready.at else "unknown"
    task = Task(
        task_id=f"dispatch-{flat(issue.repo)}-{issue.number}-{stamp}",
        repo=issue.repo,
        issue=issue.number,
        issue_node=issue.node_id,
        board_item=candidate.item_id,
        board=candidate.board.name if candidate.board else "",
        created=issue.created,
    )
    said = {
        "untrusted": lambda marker: messages.untrusted_comment(reason, mend, marker=marker),
        "cycle": lambda marker: messages.cycle_comment(tuple(reason.split(" -> ")), marker=marker),
        "not-planned": lambda marker: messages.not_planned_comment(int(reason), marker=marker),
    }
    github_sync.comment_once(world, task, kind, said[kind])
    if kind != "untrusted":
        github_sync.blocked(world, candidate.repository, task)
        if candidate.by_label:
            world.write.remove_label(issue.repo, issue.number, READY_LABEL)
