"""What we see ourselves once an agent has ended: its claim, the diff, the gate, our test run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from orchestrator import containment, disk, tampering, workspace
from orchestrator.adapters import files, history
from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.git import GitError
from orchestrator.adapters.process import CannotStart
from orchestrator.agents import base as agents
from orchestrator.records.change import ChangedPath, PathKind
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.result import Result
from orchestrator.records.task import Task
from orchestrator.rules import answers, gate, retry, tamper
from orchestrator.texts import contract
from orchestrator.worktree import Seen, Worktree
from orchestrator.world import World


class Proof(Struct, frozen=True, kw_only=True):
    """What we saw ourselves after the agent ended.

    `work` is what the worktree held then, where it could be read; `worked` is whether this run
    made any of its changes. `bent` judges what the work does to its tests and checks.
    """

    report: AttemptReport
    result: Result
    tests: retry.OwnTests
    test_tail: str = ""
    refused: tuple[str, ...] = ()
    work: Seen | None = None
    worked: bool = False
    bent: tamper.Verdict = tamper.Allow()

    @property
    def changes(self) -> tuple[ChangedPath, ...]:
        """The branch's against its base."""
        return self.work.changes if self.work else ()


def prove(
    world: World,
    repository: RepositoryConfig,
    task: Task,
    tree: Worktree,
    report: AttemptReport,
    *,
    tampered: tuple[str, ...] = (),
) -> Proof:
    """Look at what is there: the result file, the diff, the gate, our own run of the tests.

    Of an agent that `tampered` with git's own files nothing is looked at or run (G8), and
    nothing of one that a limit stopped.
    A tree that cannot be read, or that is gone, is the agent's doing and refused like any other.
    """
    result = read_result(report)
    asked = answers.belonging(task.repair_items, result.answers)
    result = structs.replace(result, answers=asked)
    if report.exceeded and not tampered:  # what filled the disk is not read through as well
        return Proof(report=report, result=result, tests=retry.OwnTests.NONE)
    if tampered:
        said = f"it changed git's own files ({', '.join(tampered)}), which were put back"
        return Proof(report=report, result=result, tests=retry.OwnTests.NONE, refused=(said,))
    try:
        work = workspace.of(world).look(tree)
        changes = work.changes
        secrets = secrets_in(world, tree, changes)
        bent: tamper.Verdict = tamper.Allow()
        if changes and work.snapshot:
            bent = tampering.of_attempt(world, task, tree, work.snapshot, result)
    except (GitError, CannotStart, NotReadable, OSError) as error:
        if disk.is_full(error):
            raise disk.NoRoom(f"the disk is full: its work cannot be seen: {error}") from error
        said = f"its work cannot be taken from the worktree: {world.redact(str(error))[:500]}"
        return Proof(report=report, result=result, tests=retry.OwnTests.NONE, refused=(said,))
    tests, tail = retry.OwnTests.NONE, ""
    if changes and repository.test_command:
        ran = run_command(
            world, repository, task, tree, what="tests", command=repository.test_command
        )
        tests = retry.OwnTests.PASSED if ran.exit_code == 0 else retry.OwnTests.FAILED
        tail = ran.output_tail
    verdict = gate.judge(
        gate.Facts(
            changes=tuple(
                gate.Change(path=c.path, mode=c.mode, old_mode=c.was, size=c.size, target=c.target)
                for c in changes
            ),
            secrets=secrets,
            commits_ours=True,  # the one commit on top of our start is made by us, below
            base_is_ancestor=True,  # the start holds the base tip: groundwork brought it in
        )
    )
    refused = verdict.reasons if isinstance(verdict, gate.Refused) and changes else ()
    return Proof(
        report=report, result=result, tests=tests, test_tail=tail, refused=refused,
        work=work, worked=bool(changes) and not workspace.of(world).untouched(tree, work),
        bent=bent,
    )  # fmt: skip


def secrets_in(world: World, tree: Worktree, changes: tuple[ChangedPath, ...]) -> tuple[str, ...]:
    """What the lines that the diff adds hold of secrets, by kind and path, never by value (S18).

    What stood in the base already is not the agent's doing.
    """
    git = workspace.of(world).git(tree.slug)
    found: dict[str, None] = {}
    for change in changes:
        named = world.redact.findings(f"{change.path}\n{change.target}")
        found |= {f"{kind} in the name or the target of a path": None for kind in named}
        if change.kind not in {PathKind.FILE, PathKind.EXECUTABLE} or change.size > gate.LARGEST:
            continue
        text = files.read_bounded(tree.path / change.path, gate.LARGEST).decode("utf-8", "replace")
        if not world.redact.findings(text):
            continue
        base = history.read_file(git, tree.base_sha, change.path)
        before = set((base or "").splitlines())
        added = "\n".join(line for line in text.splitlines() if line not in before)
        found |= {f"{kind} in {change.path!r}": None for kind in world.redact.findings(added)}
    return tuple(found)


def read_result(report: AttemptReport) -> Result:
    """What the agent says; a file that could not be taken is a broken contract, with the reason.

    So is that of an agent that had to be stopped by a limit: its claim was not its last deed.
    """
    if report.exceeded:
        return contract.invalid(f"it was stopped: {report.exceeded}")
    if report.result is not None:
        return contract.parse(report.result)
    problem = report.result_problem or "the agent left no .agent_result.md"
    return contract.invalid(problem)


def run_command(
    world: World,
    repository: RepositoryConfig,
    task: Task,
    tree: Worktree,
    *,
    what: str,
    command: str,
) -> AttemptReport:
    """setup_command and test_command run what an agent may have written: through the executor."""
    minutes = (
        repository.setup_timeout_minutes if what == "setup" else repository.test_timeout_minutes
    )
    folder = world.paths.attempt(task.task_id, task.runs or 1)
    files.make_folder(folder)
    order = AttemptOrder(
        argv=("/bin/sh", "-c", command),
        folder=str(tree.path),
        home=str(folder / "home"),
        environment=agents.environment(world.environment, ()),
        timeout_seconds=minutes * 60,
        log_path=str(log_path(world, task, what)),
    )
    git = workspace.of(world).view(tree, task.base)
    report = world.executor.run(containment.of_command(world, repository, order, git=git))
    containment.told(world, task, f"{what} of {shlex.quote(command)}", report)
    ended = "in time" if not report.timed_out else f"stopped after {minutes:g} minutes"
    world.events.add(
        what, task=task, reason=f"{shlex.quote(command)}: exit {report.exit_code}, {ended}"
    )
    return report


def log_path(world: World, task: Task, what: str) -> Path:
    return world.paths.attempt(task.task_id, task.runs or 1) / f"{what}.log"


def redacted(world: World, result: Result) -> Result:
    """Every text of the result without what must not leave; the file and GitHub get this one."""
    cleaned: dict[str, Any] = {}
    for name in structs.fields(Result):
        value = getattr(result, name.name)
        if name.name == "answers":
            cleaned[name.name] = tuple(
                structs.replace(answer, said=world.redact(answer.said)) for answer in value
            )
        elif isinstance(value, tuple):
            cleaned[name.name] = tuple(world.redact(item) for item in value)
        elif type(value) is str:
            cleaned[name.name] = world.redact(value)
    return structs.replace(result, **cleaned)


def last_line(report: AttemptReport) -> str:
    lines = report.output_tail.strip().splitlines()
    return lines[-1][:200] if lines else report.problem or "no output"
