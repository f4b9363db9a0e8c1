"""What we see ourselves once an agent has ended: its claim, the diff, the gate, our test run."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, structs

from orchestrator import disk, tampering, testing, workspace
from orchestrator.adapters import files, history, retrospect
from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.git import GitError
from orchestrator.adapters.process import CannotStart
from orchestrator.records.change import ChangedPath, PathKind
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.evidence import Evidence
from orchestrator.records.order import AttemptReport
from orchestrator.records.result import Result, Status
from orchestrator.records.task import Task
from orchestrator.rules import answers, gate, retry, tamper
from orchestrator.texts import contract
from orchestrator.worktree import Seen, Worktree
from orchestrator.world import World


class Proof(Struct, frozen=True, kw_only=True):
    """What we saw ourselves after the agent ended.

    `work` is what the worktree held then, where it could be read; `worked` is whether this run
    made any of its changes. `bent` judges what the work does to its tests and checks, and of a
    bug whether it is shown to be gone. `evidence` is what we ran, None where nothing could be.
    """

    report: AttemptReport
    result: Result
    tests: retry.OwnTests
    test_tail: str = ""
    refused: tuple[str, ...] = ()
    work: Seen | None = None
    worked: bool = False
    bent: tamper.Verdict = tamper.Allow()
    evidence: Evidence | None = None

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
        names = names_of(world, tree, work)
        bent: tamper.Verdict = tamper.Allow()
        if changes and work.snapshot:
            bent = tampering.of_attempt(world, task, tree, work.snapshot, result)
    except (GitError, CannotStart, NotReadable, OSError) as error:
        if disk.is_full(error):
            raise disk.NoRoom(f"the disk is full: its work cannot be seen: {error}") from error
        said = f"its work cannot be taken from the worktree: {world.redact(str(error))[:500]}"
        return Proof(report=report, result=result, tests=retry.OwnTests.NONE, refused=(said,))
    verdict = gate.judge(
        gate.Facts(
            changes=tuple(
                gate.Change(path=c.path, mode=c.mode, old_mode=c.was, size=c.size, target=c.target)
                for c in changes
            ),
            names=names,
            secrets=secrets,
            commits_ours=True,  # the one commit on top of our start is made by us, below
            base_is_ancestor=True,  # the start holds the base tip: groundwork brought it in
        )
    )
    refused = verdict.reasons if isinstance(verdict, gate.Refused) and changes else ()
    ran = testing.Tested()
    if changes and not refused and result.status is Status.COMPLETE:
        try:
            ran = testing.tested(world, repository, task, tree, work)
        except GitError as error:
            if disk.is_full(error):
                raise disk.NoRoom(f"the disk is full: its work is not tested: {error}") from error
            refused = (f"its work cannot be checked out: {world.redact(str(error))[:500]}",)
    return Proof(
        report=report, result=result, tests=ran.tests, test_tail=ran.tail, refused=refused,
        work=work, worked=bool(changes) and not workspace.of(world).untouched(tree, work),
        bent=tamper.also(bent, ran.unproved, asked=tampering.was_asked(task)),
        evidence=ran.evidence,
    )  # fmt: skip


def names_of(world: World, tree: Worktree, work: Seen) -> tuple[str, ...]:
    """Every path of the work, where it adds any that could meet another."""
    if not work.snapshot or not any(one.was == "000000" for one in work.changes):
        return ()
    return retrospect.names(workspace.of(world).git(tree.slug), work.snapshot)


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

