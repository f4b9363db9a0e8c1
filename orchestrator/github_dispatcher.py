"""From a Ready issue to a task in the inbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct, structs

from orchestrator import gh_project, github_sync, tick
from orchestrator.adapters import mailroom
from orchestrator.adapters.gh_queries import BoardEntry, IssueFacts
from orchestrator.paths import flat
from orchestrator.records.config import BoardConfig, RepositoryConfig
from orchestrator.records.errors import GitHubTrouble
from orchestrator.records.task import State, Task
from orchestrator.records.tracker import Issue, Permission
from orchestrator.rules import classify, dependencies, priority, rounds, trust
from orchestrator.texts import issues, markdown, messages, taskname
from orchestrator.world import World

ABOUT = "Turn every Ready issue into a task, as many as a tick may."
READY_LABEL = "ready"


class Candidate(Struct, frozen=True, kw_only=True):
    """An open issue that somebody set Ready, and by which means."""

    repository: RepositoryConfig
    issue_node: str
    item_id: str = ""
    on_board_since: datetime | None = None
    by_board: bool = False
    by_label: bool = False


def main(argv: Sequence[str] | None = None) -> int:
    return tick.run("github_dispatcher", story, argv, about=ABOUT)


def story(world: World) -> None:
    """Look at boards and labels, decide for each Ready issue, dispatch as many as a tick may."""
    candidates = {one.issue_node: one for one in look(world)}
    found = world.read.issues(list(candidates)) if candidates else ()
    ready = [(candidates[issue.node_id], issue) for issue in found if issue.open]
    left = world.config.max_dispatch_per_tick
    for candidate, issue in sorted(ready, key=lambda pair: urgency(*pair)):
        where = f"{issue.repo}#{issue.number}"
        with tick.isolated(world, where):
            if left > 0:
                left -= dispatch(world, candidate, issue)
            elif new(world, candidate, issue):
                world.say(f"{where}: waits for the next tick (max_dispatch_per_tick)")


# --- look -----------------------------------------------------------------------------------


def look(world: World) -> Iterator[Candidate]:
    """Everything Ready: on the boards, and by label on issues that may be off them."""
    repositories = {repo.slug.lower(): repo for repo in world.repositories}
    cards: dict[str, BoardEntry] = {}
    unread: set[BoardConfig] = set()
    for board in dict.fromkeys(repo.board for repo in world.repositories if repo.board):
        with tick.isolated(world, f"board {board.owner}/{board.number}"):
            unread.add(board)
            page = gh_project.look(world, board)
            gh_project.option_id(page.board, board, board.ready)
            unread.discard(board)
            cards |= {entry.issue_node: entry for entry in page.entries}
            yield from on_board(world, board, page.entries, repositories)
    for slug, nodes in labelled(world, list(repositories.values())).items():
        repository = repositories[slug.lower()]
        if repository.board in unread:
            continue  # absence from a board that was not read whole means nothing (A8)
        for node in nodes:
            yield candidate(repository, node, cards.get(node), by_label=True)


def on_board(
    world: World,
    board: BoardConfig,
    entries: Sequence[BoardEntry],
    repositories: dict[str, RepositoryConfig],
) -> Iterator[Candidate]:
    for entry in entries:
        if entry.item.status != board.ready:
            continue
        repository = repositories.get(entry.repo.lower())
        if repository is not None:
            yield candidate(repository, entry.issue_node, entry)
        elif world.only is None and world.config.repository(entry.repo) is None:
            world.say(f"{entry.repo}#{entry.number}: left alone, not a repository of the config")


def candidate(
    repository: RepositoryConfig, node: str, entry: BoardEntry | None, *, by_label: bool = False
) -> Candidate:
    ready = repository.board.ready if repository.board else None
    by_board = entry is not None and entry.item.status == ready
    return Candidate(
        repository=repository,
        issue_node=node,
        item_id=entry.item.id if entry else "",
        on_board_since=entry.item.status_at if entry and by_board else None,
        by_board=by_board,
        by_label=by_label,
    )


def labelled(world: World, repositories: list[RepositoryConfig]) -> dict[str, list[str]]:
    if not repositories:
        return {}
    found, missing = world.read.labelled([repo.slug for repo in repositories], READY_LABEL)
    for slug in missing:
        world.say(f"{slug}: not there, or the token may not see it; check github_repo and token")
        world.troubles.append(tick.DEGRADED)
    return found


# --- decide ---------------------------------------------------------------------------------


def urgency(candidate: Candidate, issue: Issue) -> tuple[float, datetime, str]:
    fields = classify.Fields(title=issue.title, labels=issue.labels)
    wanted = classify.read(fields, (), candidate.repository).priority
    name = f"{issue.repo}#{issue.number:09d}"
    return priority.key(
        wanted, issue.created, name, issue.created,
        weights=candidate.repository.priority_weights,
    )  # fmt: skip


def ready_of(candidate: Candidate, issue: Issue) -> rounds.Ready:
    """When it was set Ready; of both means the later."""
    at_label = issue.ready_label_at if candidate.by_label else None
    at_board = candidate.on_board_since if candidate.by_board else None
    if at_label and (at_board is None or at_label > at_board):
        return rounds.Ready(at_label, rounds.Means.LABEL)
    means = rounds.Means.BOARD if candidate.by_board else rounds.Means.LABEL
    return rounds.Ready(at_board, means)


def plan(world: World, candidate: Candidate, issue: Issue) -> rounds.Plan:
    """What this Ready means, given the files that the issue has already."""
    files = [
        rounds.File(task_id=f.task.task_id, state=f.state, ready_at=f.task.ready_at)
        for f in world.mailroom.find(issue.repo, issue.number)
    ]
    ready = ready_of(candidate, issue)
    if not files and ready.at is not None:
        task_id = taskname.new_id(ready.at, issue.repo, issue.number, issue.title)
        if world.mailroom.holds(task_id) is State.DONE:
            files = [rounds.File(task_id=task_id, state=State.DONE, ready_at=ready.at)]
    return rounds.judge(ready, files)


def new(world: World, candidate: Candidate, issue: Issue) -> bool:
    return isinstance(plan(world, candidate, issue), rounds.Dispatch | rounds.NewRound)


def objection(world: World, candidate: Candidate, issue: Issue) -> str:
    """Why it may not start now, in a sentence with what was done about it; "" when it may."""
    repository = candidate.repository
    labels = {label.lower() for label in issue.labels}
    excluded = sorted(labels & {label.lower() for label in repository.excluded_labels})
    required = sorted({label.lower() for label in repository.required_labels} - labels)
    if excluded or required:
        return f"left alone: {f'bears {excluded[0]}' if excluded else f'lacks {required[0]}'}"
    if not issue.labels_complete:
        return "waits: not all of its labels could be read"
    judged = trust.judge(trust_facts(world, candidate, issue))
    if isinstance(judged, trust.NotTrusted):
        note(world, candidate, issue, "untrusted", judged.reason)
        return f"needs triage: {judged.reason}"
    if isinstance(judged, trust.Unknown):
        return f"waits: {judged.reason}"
    return dependency(world, candidate, issue)


def trust_facts(world: World, candidate: Candidate, issue: Issue) -> trust.Facts:
    """Ask the role of everybody whose word counts here, each once."""
    repository = candidate.repository
    asked: dict[str, Permission | None] = {}

    def person(login: str) -> trust.Person:
        if login and login not in asked:
            try:
                asked[login] = world.read.permission(issue.repo, login)
            except GitHubTrouble as trouble:
                world.say(f"{issue.repo}: the role of {login} is not readable: {trouble}")
                asked[login] = None
        return trust.Person(login, asked.get(login))

    trusted = {login.lower() for login in repository.trusted_authors}
    by_actor_only = repository.trust == "actor" or issue.author.lower() in trusted
    on_board = candidate.by_board
    ready = ready_of(candidate, issue)
    asks_actor = candidate.by_label and not (on_board and repository.trusted_board)
    edited_later = issue.edited and (ready.at is None or issue.edited > ready.at)
    return trust.Facts(
        repository=repository,
        author=trust.Person(issue.author) if by_actor_only else person(issue.author),
        labelled_by=person(issue.ready_label_by) if asks_actor else None,
        on_board=on_board,
        ready_at=ready.at,
        edited_at=issue.edited,
        editor=person(issue.editor) if edited_later else None,
    )


def dependency(world: World, candidate: Candidate, issue: Issue) -> str:
    """What it waits for; a circle or a dropped dependency is a person's turn, told once."""
    known = {issue.number: as_known(issue.body, issue.repo, dependencies.IssueState.OPEN)}
    wanted = set(known[issue.number].depends_on)
    while wanted and len(known) < 100:
        facts = world.read.issue_facts(issue.repo, sorted(wanted))
        for number in wanted:
            known[number] = (
                as_known(facts[number].body, issue.repo, state_of(facts[number]))
                if number in facts
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
        return f"waits: the state of {', '.join(judged.on)} could not be read"
    if isinstance(judged, dependencies.Cycle):
        circle = " -> ".join(f"#{number}" for number in judged.path)
        note(world, candidate, issue, "cycle", circle)
        return f"blocked: it waits for itself ({circle})"
    note(world, candidate, issue, "not-planned", str(judged.number))
    return f"blocked: #{judged.number}, which it waits for, was closed as not planned"


def as_known(body: str, repo: str, state: dependencies.IssueState) -> dependencies.Known:
    return dependencies.Known(state=state, depends_on=dependencies.parse(body, repo=repo))


def state_of(facts: IssueFacts) -> dependencies.IssueState:
    if facts.open:
        return dependencies.IssueState.OPEN
    closed = dependencies.IssueState
    return closed.NOT_PLANNED if facts.not_planned else closed.CLOSED


# --- act ------------------------------------------------------------------------------------


def dispatch(world: World, candidate: Candidate, issue: Issue) -> int:
    """Carry out what this Ready means; how many tasks were started, 0 or 1."""
    where = f"{issue.repo}#{issue.number}"
    world.check_switches(issue.repo)
    meant = plan(world, candidate, issue)
    if isinstance(meant, rounds.Nothing):
        world.say(f"{where}: nothing: {meant.reason}")
        return 0
    if isinstance(meant, rounds.RepairBoard):
        if world.decided(where, f"shown as {meant.shown} again, {meant.task_id} counts already"):
            repair(world, candidate, issue, meant)
        return 0
    refused = objection(world, candidate, issue)
    if refused:
        world.say(f"{where}: {refused}")
        return 0
    if isinstance(meant, rounds.NewRound):
        if world.decided(where, f"new round of {meant.task_id}"):
            begin_round(world, candidate, issue, meant)
        return 1
    task = new_task(world, candidate, issue, meant.at)
    if world.decided(where, f"dispatched as {task.task_id} ({task.task_type}, {task.priority})"):
        if not world.mailroom.enqueue(task, by=world.script):
            world.say(f"{where}: {task.task_id} exists already")
        show_taken_up(world, candidate, issue, task)
        world.events.add("dispatched", task=task, reason=f"{task.task_type}, {task.deliverable}")
    return 1


def new_task(world: World, candidate: Candidate, issue: Issue, at: datetime) -> Task:
    """The issue as a well-formed task, without any model; its text as of now (S7)."""
    repository = candidate.repository
    read = classify.Fields(
        title=issue.title, labels=issue.labels, sections=markdown.sections(issue.body)
    )
    found = classify.read(read, world.agents.keys(), repository)
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
        task_type=found.task_type,
        deliverable=found.deliverable,
        agent=found.agent,
        priority=found.priority,
        branch=taskname.new_branch(task_id),
        base=found.base or repository.base_branch or "",
        created=issue.created,
        ready_at=at,
        outcome_check_ids=found.outcome_check_ids,
        body=text.body,
    )


def show_taken_up(world: World, candidate: Candidate, issue: Issue, task: Task) -> None:
    """After the file is durable: the comment, the board, the label; each may be repeated."""
    lock = world.locks.try_task(task.task_id)
    if lock is None:
        return  # a worker has it already; the next tick repairs what GitHub shows
    with lock:
        before = task
        task = github_sync.tell(world, task)
        task = github_sync.in_progress(world, candidate.repository, task)
        if candidate.by_label:
            world.write.remove_label(issue.repo, issue.number, READY_LABEL)
        if task != before:
            world.mailroom.update(task)


def repair(world: World, candidate: Candidate, issue: Issue, meant: rounds.RepairBoard) -> None:
    """The Ready was used up, and what GitHub shows was not written, or a person set it again."""
    for found in world.mailroom.find(issue.repo, issue.number):
        if found.task.task_id != meant.task_id:
            continue
        lock = world.locks.try_task(meant.task_id)
        if lock is None:
            return
        with lock:
            task = github_sync.tell(world, found.task)
            board = candidate.repository.board
            if candidate.by_board and board is not None:
                task = structs.replace(task, board_item=candidate.item_id)
                gh_project.place_card(world, board, task, getattr(board, meant.shown))
            if task != found.task:
                world.mailroom.update(task)
    if candidate.by_label:
        world.write.remove_label(issue.repo, issue.number, READY_LABEL)


def begin_round(world: World, candidate: Candidate, issue: Issue, meant: rounds.NewRound) -> None:
    """The same file back to the inbox, counted from zero, its history kept."""
    for found in world.mailroom.find(issue.repo, issue.number):
        if found.task.task_id == meant.task_id:
            lock = world.locks.try_task(meant.task_id)
            if lock is None:
                return
            with lock:
                task = structs.replace(mailroom.new_round(found.task), ready_at=meant.at)
                task = world.mailroom.move(task, State.INBOX, by=world.script)
            show_taken_up(world, candidate, issue, task)
            world.events.add("new_round", task=task, reason=f"round {task.round}")
            return


def note(world: World, candidate: Candidate, issue: Issue, kind: str, reason: str) -> None:
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
        created=issue.created,
    )
    said = {
        "untrusted": lambda marker: messages.untrusted_comment(reason, marker=marker),
        "cycle": lambda marker: messages.cycle_comment(tuple(reason.split(" -> ")), marker=marker),
        "not-planned": lambda marker: messages.not_planned_comment(int(reason), marker=marker),
    }
    github_sync.comment_once(world, task, kind, said[kind])
    if kind != "untrusted":
        github_sync.blocked(world, candidate.repository, task)
        if candidate.by_label:
            world.write.remove_label(issue.repo, issue.number, READY_LABEL)


if __name__ == "__main__":
    raise SystemExit(main())
