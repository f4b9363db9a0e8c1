"""Our own runs of a repository's commands, and what a run in a clean checkout shows of a work."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from orchestrator import containment, workspace
from orchestrator.adapters import files, fixity
from orchestrator.agents import base as agents
from orchestrator.records.change import ChangedPath, PathKind
from orchestrator.records.config import Network, RepositoryConfig
from orchestrator.records.evidence import Evidence, Ground, Run
from orchestrator.records.order import AttemptOrder, AttemptReport, GitView
from orchestrator.records.suspicion import Suspicion
from orchestrator.records.task import Task, TaskType
from orchestrator.rules import gate
from orchestrator.rules.retry import OwnTests
from orchestrator.rules.tamper import hollow, unproved
from orchestrator.worktree import Seen, Worktree
from orchestrator.world import World

FILE = "evidence.json"
UNREADY = "The setup_command failed in a clean checkout of the base too; no test was run."
LARGEST = 1_000_000  # bytes of a file of evidence that is read back


class Place(Struct, frozen=True, kw_only=True):
    """Where a command runs: its folder, the name of its private home, and what it may read.

    `git` is the repository that it sees in a worktree; a clean checkout has one of its own.
    """

    folder: Path
    home: str = "home"
    git: GitView | None = None
    readable: tuple[str, ...] = ()


class Tested(Struct, frozen=True, kw_only=True):
    """How our own run ended; `unproved` is what a person hears who asked for a bug to be mended."""

    tests: OwnTests = OwnTests.NONE
    tail: str = ""
    evidence: Evidence | None = None
    unproved: tuple[Suspicion, ...] = ()


def tested(
    world: World, repository: RepositoryConfig, task: Task, tree: Worktree, work: Seen
) -> Tested:
    """Run the tests on exactly the files that would be pushed, and of a bug on its base too.

    A setup_command that fails is tried on the base: where it fails too, the network or a package
    index is to blame and not the work; where it passes, the work gets one more try.

    Nothing is checked out where there is no test_command. Raises GitError and OSError where the
    checkout cannot be made.
    """
    about = Evidence(
        task_id=task.task_id, attempt=task.runs or 1, base_sha=tree.base_sha,
        tree=work.snapshot,
    )  # fmt: skip
    if not repository.test_command:
        said = "The config of Agent OS names no `test_command` for this repository."
        return Tested(evidence=structs.replace(about, remark=said))
    room = workspace.of(world)
    with room.clean(tree, work.snapshot, base=task.base) as folder:
        runs, tail, bent = _runs(world, repository, task, tree, folder, Ground.HEAD)
    if runs[-1].what == "setup":
        with room.clean(tree, tree.base_sha, base=task.base, head=tree.base_sha) as folder:
            only, said, _ = _runs(world, repository, task, tree, folder, Ground.BASE, ("setup",))
        if not only[-1].passed:
            about = structs.replace(about, runs=(*runs, *only), remark=UNREADY)
            return Tested(tests=OwnTests.UNREADY, tail=said, evidence=about)
        with room.clean(tree, work.snapshot, base=task.base) as folder:  # it may have been chance
            again, tail, bent = _runs(world, repository, task, tree, folder, Ground.HEAD)
        runs = (*runs, *only, *again)
    about = structs.replace(about, runs=runs)
    if not runs[-1].passed or runs[-1].what != "tests":
        return Tested(tests=OwnTests.FAILED, tail=tail, evidence=about)
    if bent and (bent := _beyond_the_base(world, repository, task, tree, bent)):
        said = hollow.told(bent)
        about = structs.replace(about, remark=said)
        return Tested(tests=OwnTests.HOLLOW, tail=said, evidence=about)
    passed = Tested(tests=OwnTests.PASSED, tail=tail, evidence=about)
    if task.task_type is not TaskType.DEBUGGING:
        return passed
    return _on_the_base(world, repository, task, tree, work, passed)


def _beyond_the_base(
    world: World, repository: RepositoryConfig, task: Task, tree: Worktree, bent: Mapping[str, str]
) -> dict[str, str]:
    """What a run changed of its tests that the same commands leave alone on the base."""
    room = workspace.of(world)
    with room.clean(tree, tree.base_sha, base=task.base, head=tree.base_sha) as folder:
        _, _, usual = _runs(world, repository, task, tree, folder, Ground.BASE)
    return hollow.left(bent, usual)


def _on_the_base(
    world: World,
    repository: RepositoryConfig,
    task: Task,
    tree: Worktree,
    work: Seen,
    passed: Tested,
) -> Tested:
    """A bug is gone where a test of the work fails without it: the base with those tests on it."""
    assert passed.evidence is not None
    there = tuple(one for one in work.changes if one.kind is not PathKind.DELETED)
    paths = tuple(one.path for one in work.changes)
    if said := unproved.exempt(paths, _rust(tree, there)):
        return structs.replace(passed, evidence=structs.replace(passed.evidence, remark=said))
    tests = unproved.tests_among(tuple(one.path for one in there))
    if not tests:
        said = "No test comes with this mending of a bug."
        about = structs.replace(passed.evidence, remark=said)
        return structs.replace(
            passed, evidence=about, unproved=(unproved.finding(paths, ()),)
        )
    with workspace.of(world).clean(
        tree, tree.base_sha, base=task.base, over=tests, of=work.snapshot, head=tree.base_sha
    ) as folder:
        runs, _, _ = _runs(world, repository, task, tree, folder, Ground.BASE)
    about = structs.replace(passed.evidence, runs=(*passed.evidence.runs, *runs), tests=tests)
    last = runs[-1]
    if last.what == "tests" and last.exit_code is not None and not last.passed:
        return structs.replace(passed, evidence=about)
    if last.what == "tests" and last.passed:
        said, found = "The tests of this change pass on the base too.", tests
    else:
        said, found = "The base could not be made ready for the tests of this change.", ()
    return structs.replace(
        passed,
        evidence=structs.replace(about, remark=said),
        unproved=(unproved.finding(paths, found),) if found else (),
    )


def _rust(tree: Worktree, changes: tuple[ChangedPath, ...]) -> tuple[str, ...]:
    return tuple(
        files.read_bounded(tree.path / one.path, gate.LARGEST).decode("utf-8", "replace")
        for one in changes
        if one.path.endswith(".rs") and one.kind in {PathKind.FILE, PathKind.EXECUTABLE}
    )


def _runs(
    world: World,
    repository: RepositoryConfig,
    task: Task,
    tree: Worktree,
    folder: Path,
    ground: Ground,
    wanted: tuple[str, ...] = ("setup", "tests"),
) -> tuple[tuple[Run, ...], str, dict[str, str]]:
    """setup_command where there is one, then test_command; the end of what the last one said.

    And what became of the tests, the code and the settings in the folder while they ran.
    """
    before = fixity.of_folder(folder, hollow.watched)
    looked_at = (*before, *hollow.settings(before))
    objects = workspace.of(world).view(tree).objects
    place = Place(folder=folder, home=f"home-{ground}", readable=(objects,))
    runs: list[Run] = []
    tail = ""
    for what, command in (("setup", repository.setup_command), ("tests", repository.test_command)):
        if not command or what not in wanted:
            continue
        report = run_command(
            world, repository, task, place, what=what, command=command, log=f"{what}-{ground}"
        )
        runs.append(
            Run(
                what=what, ground=ground, command=world.redact(command)[:1000],
                exit_code=report.exit_code, seconds=round(report.seconds, 1),
                timed_out=report.timed_out, sandbox=report.containment,
                network=network_of(repository, what),
            )
        )  # fmt: skip
        tail = report.output_tail or report.problem
        if not runs[-1].passed:
            break
    if runs[-1].what == "setup":
        tail = f"setup_command ended with {runs[-1].exit_code} in a clean checkout:\n{tail}"
    return tuple(runs), tail, hollow.changed(before, fixity.of_paths(folder, looked_at))


def network_of(repository: RepositoryConfig, what: str) -> Network:
    """What a command reaches: tests nothing, where a setup_command has brought what they need."""
    if what == "setup":
        return repository.command_network
    if repository.test_network is not None:
        return repository.test_network
    return Network.NONE if repository.setup_command else repository.command_network


def run_command(
    world: World,
    repository: RepositoryConfig,
    task: Task,
    place: Place,
    *,
    what: str,
    command: str,
    log: str = "",
) -> AttemptReport:
    """setup_command and test_command run what an agent may have written: through the executor."""
    minutes = (
        repository.setup_timeout_minutes if what == "setup" else repository.test_timeout_minutes
    )
    attempt = world.paths.attempt(task.task_id, task.runs or 1)
    files.make_folder(attempt)
    order = AttemptOrder(
        argv=("/bin/sh", "-c", command),
        folder=str(place.folder),
        home=str(attempt / place.home),
        environment=agents.environment(world.environment, ()),
        timeout_seconds=minutes * 60,
        log_path=str(log_path(world, task, log or what)),
    )
    report = world.executor.run(
        containment.of_command(
            world, repository, order, network=network_of(repository, what), git=place.git,
            readable=place.readable,
        )
    )  # fmt: skip
    containment.told(world, task, f"{what} of {shlex.quote(command)}", report)
    ended = "in time" if not report.timed_out else f"stopped after {minutes:g} minutes"
    world.events.add(
        what, task=task, reason=f"{shlex.quote(command)}: exit {report.exit_code}, {ended}"
    )
    return report


def log_path(world: World, task: Task, what: str) -> Path:
    return world.paths.attempt(task.task_id, task.runs or 1) / f"{what}.log"


def last_line(report: AttemptReport) -> str:
    lines = report.output_tail.strip().splitlines()
    return lines[-1][:200] if lines else report.problem or "no output"


def keep(world: World, evidence: Evidence | None, head_sha: str) -> None:
    """Write what was seen beside the attempt's log, before the attempt counts as judged."""
    if evidence is not None:
        held = structs.replace(evidence, head_sha=head_sha)
        path = world.paths.attempt(held.task_id, held.attempt) / FILE
        files.make_folder(path.parent)
        files.write_cache(path, msgspec.json.format(msgspec.json.encode(held), indent=2) + b"\n")


def kept(world: World, task: Task) -> Evidence | None:
    """What was seen of the last attempt; None where the file is gone, which loses nothing else."""
    if task.attempt is None:
        return None
    path = world.paths.attempt(task.task_id, task.attempt.n) / FILE
    try:
        return msgspec.json.decode(files.read_bounded(path, LARGEST), type=Evidence)
    except (OSError, files.NotReadable, msgspec.MsgspecError, RecursionError):
        return None
