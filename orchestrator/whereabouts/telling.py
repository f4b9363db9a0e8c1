"""The whole answer to one question about an issue or task, from this machine and from GitHub."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator import checklists
from orchestrator.adapters.mailbox_index import Found
from orchestrator.records.errors import AgentOSError
from orchestrator.records.task import ENDED, State
from orchestrator.whereabouts import machine, place, question, tracker, trail
from orchestrator.whereabouts.account import Account, Finding, Reason, Unknown
from orchestrator.whereabouts.question import Question, Subject
from orchestrator.world import World

# What a look at the issue adds where a task of it is here: a Ready that waits, or cannot count.
READY_REASONS = frozenset(
    {
        Reason.USED_UP, Reason.NOT_WANTED, Reason.BOARD, Reason.TICK_LIMIT, Reason.UNREAD,
        Reason.OFF, Reason.READ_ONLY,
    }
)  # fmt: skip
NO_READY = frozenset({Reason.NEVER_READY, Reason.CLOSED})  # then a switch stops nothing here


def account(world: World, asked: Question, *, unasked: str = "") -> Account | Unknown:
    """The whole answer to one question; GitHub is asked too, or `unasked` says why it is not."""
    files = everything(world)
    meant = question.subject(world, asked, files)
    if isinstance(meant, Unknown):
        return set_aside(world, asked) or meant
    if meant.found is None:
        return of_issue(world, meant, unasked=unasked)
    return of_task(world, meant, meant.found, unasked=unasked)


def everything(world: World) -> list[Found]:
    """Every readable task file; none where nothing has ever run."""
    return [found for state in State for found in world.mailroom.read_state(state)]


def of_task(world: World, meant: Subject, found: Found, *, unasked: str) -> Account:
    task = found.task
    findings = list(place.findings(world, found))
    if found.state is State.REVIEW and task.pull_request and not findings:
        told = looked(world, lambda: list(tracker.of_pull(world, found)), unasked=unasked)
        findings += [*place.looked_last(world, task), *told] if unread(told) else told
    if task.merge and task.merge.revert:
        told = looked(world, lambda: [tracker.taken_back(world, task)], unasked=unasked)
        findings += [place.taken_back(world, task), *told] if unread(told) else told
    if checklists.naming(task) and found.state is not State.CANCELLED:
        told = looked(world, lambda: list(tracker.manual_steps(world, task)), unasked=unasked)
        findings += [place.named_steps(task), *told] if unread(told) else told
    if task.issue and not unasked and world.config.repository(task.repo):
        again = ready_again(world, found)
        closed = [one for one in again if one.reason is Reason.CLOSED]  # to be mended first
        findings = [*closed, *findings, *(one for one in again if one not in closed)]
    pull = task.pull_request
    return Account(
        asked=name_of(task.repo, task.issue) or task.task_id,
        title=task.title,
        task_id=task.task_id,
        state=found.state,
        since=task.marks[-1].at if task.marks else None,
        file=str(found.path),
        pull_request=f"{task.repo}#{pull.number}" if pull else "",
        findings=tuple(dict.fromkeys(findings)),
        machine=tuple(machine.findings(world, taken_up_from(found, findings))),
        tried=trail.tries(task),
        said=trail.said(world, task.repo, task.issue, task.task_id),
        others=question.names(meant.others),
    )


def taken_up_from(found: Found, findings: Sequence[Finding]) -> str:
    """Its folder; "", as for an issue without a task, where it ended and a new Ready counts."""
    begins = any(one.reason in {Reason.NOTHING, Reason.TICK_LIMIT} for one in findings)
    return "" if begins and found.state in ENDED else found.state


def ready_again(world: World, found: Found) -> list[Finding]:
    """What the dispatcher makes of a Ready that stands on the issue of a task of ours."""
    task = found.task
    repository = world.config.repository(task.repo)
    if repository is None or not world.config.signed_in:
        return []
    number = task.issue or 0
    try:
        told = looked(world, lambda: tracker.of_issue(world, repository, number)[1], unasked="")
    except tracker.NoSuchNumber as reason:
        return [Finding(reason=Reason.UNREAD, text=str(reason))]
    over = found.state in ENDED - {State.DONE}
    if over and (closed := [one for one in told if one.reason is Reason.CLOSED]):
        return closed  # neither a Ready nor a retry of it is heard
    if any(one.reason in NO_READY for one in told):
        return []
    wanted = READY_REASONS | ({Reason.NOTHING} if found.state in ENDED else set())
    return [one for one in told if one.reason in wanted]


def of_issue(world: World, meant: Subject, *, unasked: str) -> Account | Unknown:
    """An issue of which no task file is here: what the dispatcher thinks of it."""
    findings: list[Finding] = []
    title = ""
    repository = world.config.repository(meant.repo)
    if repository is None:
        broken = [b for b in world.config.broken if b.name.lower() == meant.repo.lower()]
        said = f": {'; '.join(broken[0].problems)}" if broken else " is not there"
        findings.append(
            Finding(
                reason=Reason.CONFIG if broken else Reason.NOT_CONFIGURED,
                text=f"the entry of {meant.repo} in the config{said}, so its issues are left alone",
                step=f"add or mend {meant.repo} under github_projects in {world.config.source}",
            )
        )
    else:
        text = f"no task of {meant.repo}#{meant.number} is on this machine"
        findings.append(Finding(reason=Reason.NOT_HERE, text=text))
        number = meant.number or 0

        def look() -> list[Finding]:
            nonlocal title
            title, why = tracker.of_issue(world, repository, number)
            return why

        try:
            findings += looked(world, look, unasked=unasked)
        except tracker.NoSuchNumber as reason:
            return Unknown(asked=name_of(meant.repo, number), sentence=str(reason))
    return Account(
        asked=name_of(meant.repo, meant.number),
        title=title,
        findings=tuple(findings),
        machine=tuple(machine.findings(world, "")),
        said=trail.said(world, meant.repo, meant.number, ""),
    )


def looked(
    world: World, look: Callable[[], list[Finding]], *, unasked: str
) -> list[Finding]:
    """What GitHub adds; without a token, or without an answer, that it could not be asked."""
    if unasked or not world.config.signed_in:
        why = unasked or "there is no token (GITHUB_TOKEN, or `gh auth login`)"
        return [Finding(reason=Reason.UNREAD, text=f"GitHub was not asked: {why}")]
    try:
        return look()
    except tracker.NoSuchNumber:
        raise
    except AgentOSError as trouble:
        said = world.redact(str(trouble))
        return [Finding(reason=Reason.UNREAD, text=f"GitHub could not be asked: {said}")]


def unread(told: Sequence[Finding]) -> bool:
    return any(one.reason is Reason.UNREAD for one in told)


def set_aside(world: World, asked: Question) -> Account | None:
    """A file in quarantine/ that holds no readable task, known by its name alone."""
    try:
        names = sorted(path.name for path in world.mailroom.folder(State.QUARANTINE).iterdir())
    except OSError:
        return None
    wanted = asked.word or f"-{asked.number}-"
    hits = [name for name in names if len(wanted) > 2 and wanted in name]
    if not hits:
        return None
    path = world.mailroom.folder(State.QUARANTINE) / hits[0]
    inbox = world.mailroom.folder(State.INBOX)
    why = trail.set_aside(world, path.name) or "it could not be read as a task"
    finding = Finding(
        reason=Reason.QUARANTINE,
        text=f"its file was set aside: {why}",
        step=f"mend {path}, then: mv {path} {inbox}/",
    )
    return Account(
        asked=asked.text, task_id=path.stem, state=State.QUARANTINE, file=str(path),
        findings=(finding,),
    )  # fmt: skip


def name_of(repo: str, number: int | None) -> str:
    return f"{repo}#{number}" if repo and number is not None else ""
