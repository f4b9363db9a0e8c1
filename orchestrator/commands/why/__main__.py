"""Says why an issue or task is where it is: bin/why.sh starts it, and it writes nothing."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

import msgspec
from msgspec import Struct

from orchestrator import checklists, settings, tick
from orchestrator import paths as rooms
from orchestrator import world as worlds
from orchestrator.adapters.clock import Clock
from orchestrator.adapters.mailbox_index import Found
from orchestrator.commands.why import machine, paper, place, question, tracker, trail
from orchestrator.commands.why.account import Account, Finding, Reason, Unknown
from orchestrator.commands.why.question import Question, Subject
from orchestrator.records.errors import AgentOSError, ConfigError
from orchestrator.records.task import ENDED, State
from orchestrator.world import World

FOUND, UNKNOWN, CONFIG = 0, 2, 20
ABOUT = "Why an issue or task is where it is, who tried, and what you can do about it."


# What a look at the issue adds where a task of it is here: a Ready that waits, or cannot count.
READY_REASONS = frozenset(
    {Reason.USED_UP, Reason.NOT_WANTED, Reason.BOARD, Reason.TICK_LIMIT, Reason.UNREAD}
)


class Refused(Struct, frozen=True):
    """Why nothing could be looked at."""

    problems: tuple[str, ...]


def main(argv: Sequence[str] | None = None) -> int:
    asked = arguments(argv)
    world = built(dict(os.environ))
    if isinstance(world, Refused):
        print("why: the config does not load, so nothing can be said:", file=sys.stderr)
        print("\n".join(f"  {problem}" for problem in world.problems), file=sys.stderr)
        return CONFIG
    told = account(world, question.read(asked.what), offline=asked.offline)
    if asked.json:
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    else:
        show(world, told, sys.stdout)
    return UNKNOWN if isinstance(told, Unknown) else FOUND


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/why.sh", description=ABOUT)
    parser.add_argument(
        "what", nargs="+",
        help="12, owner/name#12, a link, `pr 34`, a task id or a part of one",
    )  # fmt: skip
    parser.add_argument("--offline", action="store_true", help="ask this machine only")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser.parse_args(argv)


def built(environment: Mapping[str, str]) -> World | Refused:
    """A world that only looks: its mailbox is for reading, its dry run writes nothing."""
    root = settings.root_of(environment)
    try:
        config, _ = tick.readable(settings.find(root, environment), root, environment)
        return worlds.build(
            script="why", config=config, paths=rooms.build(config), clock=Clock(),
            environment=environment, say=lambda line: None, dry_run=True, only=None,
        )  # fmt: skip
    except ConfigError as error:
        return Refused(error.problems)


def account(world: World, asked: Question, *, offline: bool) -> Account | Unknown:
    """The whole answer to one question."""
    files = everything(world)
    meant = question.subject(world, asked, files)
    if isinstance(meant, Unknown):
        return set_aside(world, asked) or meant
    if meant.found is None:
        return of_issue(world, meant, offline=offline)
    return of_task(world, meant, meant.found, offline=offline)


def everything(world: World) -> list[Found]:
    """Every readable task file; none where nothing has ever run."""
    return [found for state in State for found in world.mailroom.read_state(state)]


def of_task(world: World, meant: Subject, found: Found, *, offline: bool) -> Account:
    task = found.task
    findings = list(place.findings(world, found))
    if found.state is State.REVIEW and task.pull_request and not findings:
        findings += looked(world, lambda: list(tracker.of_pull(world, found)), offline=offline)
    if checklists.naming(task) and found.state is not State.CANCELLED:
        told = looked(world, lambda: list(tracker.manual_steps(world, task)), offline=offline)
        findings += [place.named_steps(task), *told] if unread(told) else told
    if task.issue and not offline and world.config.repository(task.repo):
        findings += ready_again(world, found)
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
        machine=tuple(machine.findings(world, found.state)),
        tried=trail.tries(task),
        said=trail.said(world, task.repo, task.issue, task.task_id),
        others=question.names(meant.others),
    )


def ready_again(world: World, found: Found) -> list[Finding]:
    """What the dispatcher makes of a Ready that stands on the issue of a task of ours."""
    task = found.task
    repository = world.config.repository(task.repo)
    if repository is None or world.config.github_token is None:
        return []
    number = task.issue or 0
    told = looked(world, lambda: tracker.of_issue(world, repository, number)[1], offline=False)
    wanted = READY_REASONS | ({Reason.NOTHING} if found.state in ENDED else set())
    return [one for one in told if one.reason in wanted]


def of_issue(world: World, meant: Subject, *, offline: bool) -> Account:
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
        text = f"no task of {meant.repo}#{meant.number} is on this machine: nothing was dispatched"
        findings.append(Finding(reason=Reason.NOT_HERE, text=text))
        number = meant.number or 0

        def look() -> list[Finding]:
            nonlocal title
            title, why = tracker.of_issue(world, repository, number)
            return why

        findings += looked(world, look, offline=offline)
    return Account(
        asked=name_of(meant.repo, meant.number),
        title=title,
        findings=tuple(findings),
        machine=tuple(machine.findings(world, "")),
        said=trail.said(world, meant.repo, meant.number, ""),
    )


def looked(
    world: World, look: Callable[[], list[Finding]], *, offline: bool
) -> list[Finding]:
    """What GitHub adds; without a token, or without an answer, that it could not be asked."""
    if offline or world.config.github_token is None:
        why = "--offline" if offline else "there is no token (GITHUB_TOKEN, or `gh auth login`)"
        return [Finding(reason=Reason.UNREAD, text=f"GitHub was not asked: {why}")]
    try:
        return look()
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
    said = trail.said(world, "", None, "") or ()
    finding = Finding(
        reason=Reason.QUARANTINE,
        text="its file was set aside, because it could not be read as a task",
        step=f"mend {path}, then: mv {path} {inbox}/",
    )
    return Account(
        asked=asked.text, task_id=path.stem, state=State.QUARANTINE, file=str(path),
        findings=(finding,), said=said,
    )  # fmt: skip


def name_of(repo: str, number: int | None) -> str:
    return f"{repo}#{number}" if repo and number else ""


def show(world: World, told: Account | Unknown, out: TextIO) -> None:
    plain = bool(world.environment.get("NO_COLOR")) or not out.isatty()
    if isinstance(told, Unknown):
        paper.show(paper.unknown(told), out, plain=plain)
        return
    paper.show(paper.lines(told, world.clock.now(), world.spoken), out, plain=plain)


if __name__ == "__main__":
    raise SystemExit(main())
